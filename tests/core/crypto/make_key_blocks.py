#!/usr/bin/env python3
"""Writes tests/vectors/key_blocks.json: blocks of version D as other makers write them, put
together from X9.143 with python3-cryptography alone, to be read by test_key_block_foreign.c.
Each row says how reading it must end. Run it again only to add rows."""
import json
import os
import sys

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC

ALGORITHM = {16: "0002", 32: "0004"}


def cmac(key, data):
    mac = CMAC(algorithms.AES(key))
    mac.update(data)
    return mac.finalize()


def derive(key, usage):
    size, out, counter = len(key), b"", 1
    while len(out) < size:
        text = "%02x%s00%s%04x" % (counter, usage, ALGORITHM[size], 8 * size)
        out += cmac(key, bytes.fromhex(text))
        counter += 1
    return out[:size]


def block(kbpk, attributes, optional, key, pad, count=None, bits=None,
          reserved="00"):
    """optional: the text of each optional block."""
    data = (8 * len(key) if bits is None else bits).to_bytes(2, "big") + key
    data += os.urandom(pad)
    assert len(data) % 16 == 0
    opt = "".join(optional)
    total = 16 + len(opt) + 2 * len(data) + 32
    header = "D%04d%s%02d%s%s" % (total, attributes, len(optional) if count is None else count,
                                  reserved, opt)
    mac = cmac(derive(kbpk, "0001"), header.encode() + data)
    cbc = Cipher(algorithms.AES(derive(kbpk, "0000")), modes.CBC(mac)).encryptor()
    return header + (cbc.update(data) + cbc.finalize()).hex().upper() + mac.hex().upper()


def kc(key, method="01", size=5):
    if method == "01":
        value = cmac(key, bytes(16))
    else:
        value = Cipher(algorithms.AES(key), modes.ECB()).encryptor().update(bytes(16))
    value = value[:size].hex().upper()
    return "KC%02X%s%s" % (6 + len(value), method, value)


K256, K128 = bytes(range(0x40, 0x60)), bytes(range(0x70, 0x80))
P256, P128 = bytes(range(32)), bytes(range(16))
T2 = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
SM4 = bytes.fromhex("F351D490994603795C6EBEE8FAEBB481")
ROWS = [
    # name, protection key, block arguments, key algorithm asked for, outcome
    ("padded to the longest", P256, ("K1AB00E", [], K128, 30), "A128", "OK"),
    ("unpadded", P256, ("K1AB00E", [], K128, 14), "A128", "OK"),
    ("under AES-128", P128, ("K1AB00E", [], K128, 30), "A128", "OK"),
    ("padded beyond the longest", P256, ("K1AB00E", [], K256, 30), "A256", "OK"),
    ("two-key TDES", P256, ("K1TB00E", [], T2, 14), "T2", "OK"),
    ("private SM4", P256, ("K14B00E", [], SM4, 14), "SM4", "OK"),
    ("KC and KP", P256, ("K1AB00E", [kc(K256), kc(P256).replace("KC", "KP")], K256, 14),
     "A256", "OK"),
    ("KC of 3 bytes and PB", P256, ("K1AB00E", [kc(K256, size=3), "PB14" + "X" * 16], K256, 14),
     "A256", "OK"),
    ("KC by zeros", P256, ("K1AB00E", [kc(K256, "00", 3), "PB14" + "X" * 16], K256, 14),
     "A256", "OK"),
    ("unknown block carried", P256, ("K1AB00E", ["ZZ0CABCDEFGH", "PB04"], K256, 14), "A256", "OK"),
    ("long form of a length", P256, ("K1AB00E", ["CT0002001A" + "c" * 16, "PB06zz"], K256, 14),
     "A256", "OK"),
    ("KC of another key", P256, ("K1AB00E", [kc(P256)], K256, 14), "A256", "ERR_MISMATCH"),
    ("KC of a method unknown", P256, ("K1AB00E", ["KC1002" + "0" * 10], K256, 14), "A256",
     "ERR_FORMAT"),
    ("KC too short to mean anything", P256, ("K1AB00E", ["KC0A" + kc(K256)[4:10], "PB06zz"],
                                             K256, 14), "A256", "ERR_FORMAT"),
    ("KC of odd digits", P256, ("K1AB00E", ["KC0F" + kc(K256)[4:15], "PB11" + "z" * 13], K256, 14),
     "A256", "ERR_FORMAT"),
    ("other usage", P256, ("P0AB00E", [], K256, 14), "A256", "ERR_MISMATCH"),
    ("other mode", P256, ("K1AD00E", [], K256, 14), "A256", "ERR_MISMATCH"),
    ("other algorithm", P256, ("K1TB00E", [], K256, 14), "A256", "ERR_MISMATCH"),
    ("other exportability", P256, ("K1AB00N", [], K256, 14), "A256", "ERR_MISMATCH"),
    ("other version number", P256, ("K1AB01E", [], K256, 14), "A256", "ERR_MISMATCH"),
    ("shorter key", P256, ("K1AB00E", [], K128, 30), "A256", "ERR_MISMATCH"),
    ("longer key", P256, ("K1AB00E", [], K256, 14), "A128", "ERR_MISMATCH"),
    ("length beyond the data", P256, ("K1AB00E", [], K128, 14, None, 256), "A256", "ERR_MISMATCH"),
    ("length not whole bytes", P256, ("K1AB00E", [], K256, 14, None, 255), "A256", "ERR_MISMATCH"),
    ("reserved characters used", P256, ("K1AB00E", [], K256, 14, None, None, "01"), "A256",
     "ERR_FORMAT"),
    ("optional blocks not aligned", P256, ("K1AB00E", ["ZZ0CABCDEFGH"], K256, 14), "A256",
     "ERR_FORMAT"),
    ("one optional block announced, none there", P256, ("K1AB00E", [], K256, 14, 1), "A256",
     "ERR_FORMAT"),
    ("optional block longer than the rest", P256, ("K1AB00E", ["ZZFFABCDEFGHIJKL"], K256, 14),
     "A256", "ERR_FORMAT"),
    ("optional block shorter than its head", P256, ("K1AB00E", ["ZZ03ABCDEFGHIJKL"], K256, 14),
     "A256", "ERR_FORMAT"),
    ("long form shorter than its head", P256, ("K1AB00E", ["ZZ00020009ABCDEF"], K256, 14), "A256",
     "ERR_FORMAT"),
    ("long form of three bytes", P256, ("K1AB00E", ["ZZ0003000010ABCD"], K256, 14), "A256",
     "ERR_FORMAT"),
    ("character outside ASCII's printables", P256, ("K1AB00E", ["ZZ10ABCDEFGHIJ\x07L"], K256, 14),
     "A256", "ERR_FORMAT"),
]

out = [{"name": name, "kbpk": kbpk.hex().upper(), "block": block(kbpk, *arguments),
        "asked": asked, "key": arguments[2].hex().upper(), "outcome": outcome}
       for name, kbpk, arguments, asked, outcome in ROWS]
json.dump({"source": "tests/core/crypto/make_key_blocks.py", "rows": out}, sys.stdout, indent=1)
print()
