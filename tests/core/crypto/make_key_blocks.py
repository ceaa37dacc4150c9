#!/usr/bin/env python3
"""Writes tests/vectors/key_blocks.json, to be read by test_key_block_foreign.c: published key blocks,
and blocks put together from TR-31 and X9.143 with python3-cryptography alone. Each row names its
source and says how reading it must end and, where it must be refused, which part is to be named.
The published ones that open are opened here too, by this file's own way. Run it again only to add
rows: its padding is random."""
import json
import os
import sys
import warnings

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC

from published_key_blocks import PUBLISHED

warnings.simplefilter("ignore")
OWN = "made by tests/core/crypto/make_key_blocks.py from X9.143"
MAC_SIZE = {"A": 4, "B": 8, "C": 4, "D": 16}


def cipher_of(version):
    return algorithms.AES if version == "D" else algorithms.TripleDES


def cmac(cipher, key, data):
    mac = CMAC(cipher(key))
    mac.update(data)
    return mac.finalize()


def derive(cipher, key, usage):
    tdes = cipher is algorithms.TripleDES
    algorithm = {16: "0000", 24: "0001"}[len(key)] if tdes else {16: "0002", 32: "0004"}[len(key)]
    size, out, counter = len(key), b"", 1
    while len(out) < size:
        text = "%02x%s00%s%04x" % (counter, usage, algorithm, 8 * size)
        out += cmac(cipher, key, bytes.fromhex(text))
        counter += 1
    return out[:size]


def variant(key, constant):
    return bytes(b ^ constant for b in key)


def cbc(cipher, key, iv, data, encrypt=True):
    context = Cipher(cipher(key), modes.CBC(iv))
    context = context.encryptor() if encrypt else context.decryptor()
    return context.update(data) + context.finalize()


def protect(version, kbpk, header, data):
    """Ciphertext and MAC."""
    cipher = cipher_of(version)
    if version in "AC":
        text = cbc(cipher, variant(kbpk, 0x45), header[:8].encode(), data)
        mac = cbc(cipher, variant(kbpk, 0x4D), bytes(8), header.encode() + text)[-8:]
        return text, mac[:4]
    mac = cmac(cipher, derive(cipher, kbpk, "0001"), header.encode() + data)
    return cbc(cipher, derive(cipher, kbpk, "0000"), mac, data), mac


def block(version, kbpk, attributes, optional, key, pad, count=None, bits=None, reserved="00",
          data_extra=b""):
    """optional: the text of each optional block."""
    data = (8 * len(key) if bits is None else bits).to_bytes(2, "big") + key
    data += os.urandom(pad) + data_extra
    opt = "".join(optional)
    total = 16 + len(opt) + 2 * len(data) + 2 * MAC_SIZE[version]
    header = "%s%04d%s%02d%s%s" % (version, total, attributes,
                                   len(optional) if count is None else count, reserved, opt)
    text, mac = protect(version, kbpk, header, data)
    return header + text.hex().upper() + mac.hex().upper()


def open_block(kbpk, text):
    """The key; asserts the MAC."""
    version, at = text[0], 16
    for _ in range(int(text[12:14])):
        size = int(text[at + 2:at + 4], 16)
        if size == 0:
            size = int(text[at + 6:at + 6 + 2 * int(text[at + 4:at + 6], 16)], 16)
        at += size
    header, mac_digits = text[:at], 2 * MAC_SIZE[version]
    data, mac = bytes.fromhex(text[at:-mac_digits]), bytes.fromhex(text[-mac_digits:])
    cipher = cipher_of(version)
    if version in "AC":
        data = cbc(cipher, variant(kbpk, 0x45), header[:8].encode(), data, False)
    else:
        data = cbc(cipher, derive(cipher, kbpk, "0000"), mac, data, False)
    assert protect(version, kbpk, header, data)[1] == mac, text
    bits = int.from_bytes(data[:2], "big")
    return data[2:2 + bits // 8]


def check_value(name, cipher, key, method, size):
    if method == "01":
        value = cmac(cipher, key, bytes(cipher.block_size // 8))
    else:
        value = Cipher(cipher(key), modes.ECB()).encryptor().update(bytes(cipher.block_size // 8))
    value = value[:size].hex().upper()
    return "%s%02X%s%s" % (name, 6 + len(value), method, value)


def kc(key, method="01", size=5, name="KC", cipher=algorithms.AES):
    return check_value(name, cipher, key, method, size)


def t(key, method="00", size=3, name="KC"):
    return check_value(name, algorithms.TripleDES, key, method, size)


K256, K128 = bytes(range(0x40, 0x60)), bytes(range(0x70, 0x80))
P256, P128 = bytes(range(32)), bytes(range(16))
PT2 = bytes.fromhex("1122334455667788AABBCCDDEEFF0011")
PT3 = PT2 + bytes.fromhex("2F4E6D8CABCAE909")
T2 = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
T3 = T2 + bytes.fromhex("89ABCDEF01234567")
SM4 = bytes.fromhex("F351D490994603795C6EBEE8FAEBB481")
K, KT, K4 = "K1AB00E", "K1TB00E", "K14B00E"
OPT = "optional block"
ROWS = [
    # name, version, protection key, block arguments, key algorithm asked for, the part named
    ("padded to the longest", "D", P256, (K, [], K128, 30), "A128", None),
    ("unpadded", "D", P256, (K, [], K128, 14), "A128", None),
    ("under AES-128", "D", P128, (K, [], K128, 30), "A128", None),
    ("padded beyond the longest", "D", P256, (K, [], K256, 30), "A256", None),
    ("two-key TDES", "D", P256, (KT, [], T2, 14), "T2", None),
    ("three-key TDES", "D", P256, (KT, [], T3, 6), "T3", None),
    ("private SM4", "D", P256, (K4, [], SM4, 14), "SM4", None),
    ("KC and KP", "D", P256, (K, [kc(K256), kc(P256, name="KP")], K256, 14), "A256", None),
    ("KC of 3 bytes and PB", "D", P256, (K, [kc(K256, size=3), "PB14" + "X" * 16], K256, 14),
     "A256", None),
    ("KC by zeros", "D", P256, (K, [kc(K256, "00", 3), "PB14" + "X" * 16], K256, 14), "A256", None),
    ("KP by zeros", "D", P256, (K, [kc(P256, "00", 3, "KP"), "PB14" + "X" * 16], K256, 14), "A256",
     None),
    ("unknown block carried", "D", P256, (K, ["ZZ0CABCDEFGH", "PB04"], K256, 14), "A256", None),
    ("long form of a length", "D", P256, (K, ["CT0002001A" + "c" * 16, "PB06zz"], K256, 14), "A256",
     None),
    ("B: padded, T2 under T2", "B", PT2, (KT, [], T2, 14), "T2", None),
    ("B: unpadded, T2 under T3", "B", PT3, (KT, [], T2, 6), "T2", None),
    ("B: T3 under T3", "B", PT3, (KT, [], T3, 6), "T3", None),
    ("B: padded beyond the longest", "B", PT3, (KT, [], T3, 30), "T3", None),
    ("B: KC and KP", "B", PT3, (KT, [t(T3), t(PT3, name="KP")], T3, 6), "T3", None),
    ("B: KC and KP by CMAC", "B", PT2, (KT, [t(T2, "01", 5), t(PT2, "01", 5, "KP")], T2, 14), "T2",
     None),
    ("B: unknown block, PB of 4", "B", PT2, (KT, ["ZZ0CABCDEFGH", "PB04"], T2, 14), "T2", None),
    ("B: long form of a length", "B", PT2, (KT, ["CT0002001A" + "c" * 16, "PB06zz"], T2, 14), "T2",
     None),
    ("A: KC and KP", "A", PT2, (KT, [t(T2), t(PT2, name="KP")], T2, 14), "T2", None),
    ("A: T3 under T3", "A", PT3, (KT, [], T3, 6), "T3", None),
    ("C: KC and KP", "C", PT3, (KT, [t(T3), t(PT3, name="KP")], T3, 6), "T3", None),
    ("C: unpadded", "C", PT2, (KT, [], T2, 6), "T2", None),

    ("KC of another key", "D", P256, (K, [kc(P256)], K256, 14), "A256", "KC"),
    ("KP of another key", "D", P256, (K, [kc(K256, name="KP")], K256, 14), "A256", "KP"),
    ("KP one byte wrong", "D", P256, (K, [kc(P256, name="KP")[:-2] + "00"], K256, 14), "A256", "KP"),
    ("KC of a method unknown", "D", P256, (K, ["KC1002" + "0" * 10], K256, 14), "A256",
     OPT + " 1, KC"),
    ("KC too short to mean anything", "D", P256,
     (K, ["KC0A" + kc(K256)[4:10], "PB06zz"], K256, 14), "A256", OPT + " 1, KC"),
    ("KC of odd digits", "D", P256, (K, ["KC0F" + kc(K256)[4:15], "PB11" + "z" * 13], K256, 14),
     "A256", OPT + " 1, KC"),
    ("two KC", "D", P256, (K, [kc(K256), kc(P256)], K256, 14), "A256", OPT + " 2, KC"),
    ("two KP", "D", P256, (K, [kc(P256, name="KP"), kc(K256, name="KP")], K256, 14), "A256",
     OPT + " 2, KP"),
    ("KP of a method unknown", "D", P256, (K, ["KP1002" + "0" * 10], K256, 14), "A256",
     OPT + " 1, KP"),
    ("other usage", "D", P256, ("P0AB00E", [], K256, 14), "A256", "usage"),
    ("other mode", "D", P256, ("K1AD00E", [], K256, 14), "A256", "mode of use"),
    ("other algorithm", "D", P256, ("K1TB00E", [], K256, 14), "A256", "algorithm"),
    ("other exportability", "D", P256, ("K1AB00N", [], K256, 14), "A256", "exportability"),
    ("other version number", "D", P256, ("K1AB01E", [], K256, 14), "A256", "key version"),
    ("shorter key", "D", P256, (K, [], K128, 30), "A256", "length of the key"),
    ("longer key", "D", P256, (K, [], K256, 14), "A128", "length of the key"),
    ("length beyond the data", "D", P256, (K, [], K128, 14, None, 256), "A256",
     "length of the key"),
    ("length not whole bytes", "D", P256, (K, [], K256, 14, None, 255), "A256",
     "length of the key"),
    ("stronger than AES-128", "D", P128, (K, [], K256, 14), "A256", "strength"),
    ("reserved characters used", "D", P256, (K, [], K256, 14, None, None, "01"), "A256",
     "reserved"),
    ("optional blocks not aligned", "D", P256, (K, ["ZZ0CABCDEFGH"], K256, 14), "A256",
     "optional blocks"),
    ("one optional block announced, none there", "D", P256, (K, [], K256, 14, 1), "A256", OPT),
    ("optional block longer than the rest", "D", P256, (K, ["ZZFFABCDEFGHIJKL"], K256, 14), "A256",
     OPT + " 1, ZZ"),
    ("optional block shorter than its head", "D", P256, (K, ["ZZ03ABCDEFGHIJKL"], K256, 14), "A256",
     OPT + " 1, ZZ"),
    ("long form shorter than its head", "D", P256, (K, ["ZZ00020009ABCDEF"], K256, 14), "A256",
     OPT + " 1, ZZ"),
    ("long form of three bytes", "D", P256, (K, ["ZZ0003000010ABCD"], K256, 14), "A256",
     OPT + " 1, ZZ"),
    ("character outside ASCII's printables", "D", P256, (K, ["ZZ10ABCDEFGHIJ\x07L"], K256, 14),
     "A256", OPT + " 1, ZZ"),
    ("name outside ASCII's printables", "D", P256, (K, ["Z\x0710ABCDEFGHIJKL"], K256, 14), "A256",
     OPT + " 1, ?"),
    ("second optional block malformed", "D", P256,
     (K, ["ZZ0CABCDEFGH", "YY03ABCDEFGH", "PB04"], K256, 14), "A256", OPT + " 2, YY"),
    ("B: T3 under T2", "B", PT2, (KT, [], T3, 6), "T3", "strength"),
    ("B: AES under T3", "B", PT3, (K, [], K128, 6), "A128", "strength"),
    ("B: SM4 under T3", "B", PT3, (K4, [], SM4, 6), "SM4", "strength"),
    ("B: KC of another key", "B", PT2, (KT, [t(PT2), "PB04"], T2, 14), "T2", "KC"),
    ("B: KP of another key", "B", PT2, (KT, [t(T2, name="KP"), "PB04"], T2, 14), "T2", "KP"),
    ("B: optional blocks not aligned", "B", PT2, (KT, ["ZZ0CABCDEFGH"], T2, 14), "T2",
     "optional blocks"),
    ("B: shorter key", "B", PT3, (KT, [], T2, 14), "T3", "length of the key"),
    ("B: single-length key", "B", PT3, (KT, [], T2[:8], 14), "T2", "length of the key"),
    ("B: other usage", "B", PT2, ("P0TB00E", [], T2, 14), "T2", "usage"),
    ("A: KC of another key", "A", PT2, (KT, [t(PT2), "PB04"], T2, 14), "T2", "KC"),
    ("A: KP of another key", "A", PT2, (KT, [t(T2, name="KP"), "PB04"], T2, 14), "T2", "KP"),
    ("A: T3 under T2", "A", PT2, (KT, [], T3, 6), "T3", "strength"),
    ("A: other exportability", "A", PT2, ("K1TB00N", [], T2, 14), "T2", "exportability"),
    ("C: other key version", "C", PT2, ("K1TB12E", [], T2, 14), "T2", "key version"),
    ("C: length beyond the data", "C", PT2, (KT, [], T2, 6, None, 192), "T3", "strength"),
    ("C: length not whole bytes", "C", PT2, (KT, [], T2, 6, None, 127), "T2", "length of the key"),
]

NAME = {"tdes": {16: "T2", 24: "T3"}, "aes": {16: "A128", 32: "A256"}}
PROTECTION = {"D": "aes"}


MISMATCHES = ("KC", "KP", "usage", "mode of use", "algorithm", "key version", "exportability",
              "length of the key", "strength")


def outcome(part):
    if part is None:
        return "OK"
    if part == "MAC does not verify":
        return "ERR_MAC"
    return "ERR_MISMATCH" if part in MISMATCHES else "ERR_FORMAT"


def row(name, source, kbpk, protection, text, asked, attributes, key, part):
    return {"name": name, "source": source, "kbpk": kbpk.hex().upper(), "protection": protection,
            "block": text, "asked": asked, "usage": attributes[0:2], "mode": attributes[3],
            "version": attributes[4:6], "exportable": attributes[6], "key": key.hex().upper(),
            "outcome": outcome(part), "part": part or ""}


out = []
for name, source, kbpk, text, asked, attributes, key, part in PUBLISHED:
    kbpk, key = bytes.fromhex(kbpk), bytes.fromhex(key)
    if part is None:
        assert open_block(kbpk, text) == key, name
    kind = "aes" if text[0] in "DE" else "tdes"
    out.append(row(name, source, kbpk, NAME[kind][len(kbpk)], text, asked, attributes, key, part))
for name, version, kbpk, arguments, asked, part in ROWS:
    kind = PROTECTION.get(version, "tdes")
    out.append(row(name, OWN, kbpk, NAME[kind][len(kbpk)], block(version, kbpk, *arguments), asked,
                   "K1xB00E", arguments[2], part))
# A block under a key of the other cipher, whatever else is right.
for name, version, kbpk, protection, key, asked in (
        ("version D under a TDES key", "D", P128, "T2", K128, "A128"),
        ("version B under an AES key", "B", PT2, "A128", T2, "T2"),
        ("version A under an AES key", "A", PT2, "A128", T2, "T2"),
        ("version C under an AES key", "C", PT2, "A128", T2, "T2")):
    made = block(version, kbpk, K if version == "D" else KT, [], key, 14)
    out.append(row(name, OWN, kbpk, protection, made, asked, "K1xB00E", key, "version"))
# Right but for the binding: A's MAC by the wrong variant, A's IV of zeros, C's header in A's MAC.
header = "A0072" + KT + "0000"
data = b"\0\x80" + T2 + os.urandom(6)
TDES = algorithms.TripleDES
for name, encryption, mac, iv in (("A: keys not varied", 0, 0, header[:8].encode()),
                                  ("A: variants swapped", 0x4D, 0x45, header[:8].encode()),
                                  ("A: MAC by the encryption variant", 0x45, 0x45,
                                   header[:8].encode())):
    text = cbc(TDES, variant(PT2, encryption), iv, data)
    tag = cbc(TDES, variant(PT2, mac), bytes(8), header.encode() + text)[-8:-4]
    out.append(row(name, OWN, PT2, "T2", header + (text + tag).hex().upper(), "T2", "K1xB00E", T2,
                   "MAC does not verify"))
text, tag = protect("A", PT2, header, data)
out.append(row("C: a block of A under another letter", OWN, PT2, "T2",
               "C" + header[1:] + (text + tag).hex().upper(), "T2", "K1xB00E", T2,
               "MAC does not verify"))
json.dump({"source": "each row's own; put together by tests/core/crypto/make_key_blocks.py",
           "rows": out}, sys.stdout, indent=1)
print()
