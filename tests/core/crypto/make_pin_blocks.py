#!/usr/bin/env python3
"""Writes tests/vectors/pin_blocks.json: published PIN blocks, and blocks put together from ISO
9564-1 with python3-cryptography alone, to be opened by test_pin_block.c. Each row says where it is
from and how opening it must end. What is published in the clear is encrypted here; what is
published encrypted is checked against this file's own way to make it."""
import json
import sys
import warnings

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

warnings.simplefilter("ignore")
EFTLAB = "EFTlab, complete list of PIN blocks (BP-Tools output), encrypted here"
X9_24 = "ANSI X9.24-3-2017, test vectors (format 4 example)"
FORAGE = "public test of a POS library (joinforage/forage-android-sdk)"
LIBRARY = "knovichikhin/psec, tests/test_pinblock.py, encrypted here"
TERMINAL = "public test application of a PIN pad, encrypted value as published"
OWN = "made here from ISO 9564-1"

T2, T3 = "0123456789ABCDEFFEDCBA9876543210", "000102030405060708090A0B0C0D0E0F1011121314151617"
A128, A256 = "00112233445566778899AABBCCDDEEFF", "%064X" % int.from_bytes(bytes(range(32)), "big")
SM4 = "0123456789ABCDEFFEDCBA9876543210"
NAMES = {"T2": algorithms.TripleDES, "T3": algorithms.TripleDES, "A128": algorithms.AES,
         "A256": algorithms.AES, "SM4": algorithms.SM4}


def ecb(algorithm, key, data):
    return Cipher(NAMES[algorithm](bytes.fromhex(key)), modes.ECB()).encryptor().update(data)


def xor(a, b):
    return bytes(p ^ q for p, q in zip(a, b))


def pan_field(kind, pan):
    if kind == 1:
        return bytes(8)
    if kind == 4:
        text = "%X" % max(len(pan) - 12, 0) + pan.rjust(12, "0")
        return bytes.fromhex(text.ljust(32, "0"))
    return bytes.fromhex("0000" + pan[:-1][-12:].rjust(12, "0"))


def seal(kind, algorithm, key, pan, field):
    """field: the PIN field in hex, before the PAN comes in."""
    data = bytes.fromhex(field)
    if kind == 4:
        data = ecb(algorithm, key, data)
    return ecb(algorithm, key, xor(data, pan_field(kind, pan))).hex().upper()


def field_of(clear, pan):
    return xor(bytes.fromhex(clear), pan_field(0, pan)).hex().upper()


PAN17, PAN16, PAN_V = "43219876543210987", "5555555551234567", "4111111111111111"
R = "2F69ADDE2E9E7ACE"
# source, format, algorithm, key, pan, pin (None: refused), PIN field, block as published
ROWS = [
    (EFTLAB, 0, "T2", T2, PAN17, "1234", field_of("0412AC89ABCDEF67", PAN17), None),
    (EFTLAB, 3, "T2", T2, PAN17, "1234", field_of("3412ACC9B98CDF43", PAN17), None),
    (TERMINAL, 0, "T2", "BB" + "AA" * 15, PAN17, "123456", field_of("0612AC20ABCDEF67", PAN17),
     "17569A0AC48C6E0D"),
    (TERMINAL, 0, "T2", "11" + "00" * 15, PAN17, "123456", field_of("0612AC20ABCDEF67", PAN17),
     "AF1E1EF659A5FAF1"),
    (TERMINAL, 0, "T2", "AA" * 16, PAN17, "123456", field_of("0612AC20ABCDEF67", PAN17),
     "D6E8CCF4C772A329"),
    (LIBRARY, 0, "T3", T3, PAN16, "1234", field_of("041261AAAAEDCBA9", PAN16), None),
    (LIBRARY, 0, "T2", T2, PAN16, "123456789", field_of("091261032D8DCBA9", PAN16), None),
    (LIBRARY, 0, "T2", T2, PAN16, "1234567890", field_of("0A1261032D82CBA9", PAN16), None),
    (LIBRARY, 0, "T2", T2, PAN16, "123456789012", field_of("0C1261032D8226A9", PAN16), None),
    ("public test of a soft POS library (theminesec), encrypted here", 1, "T2", T2, "", "123456",
     "16123456AD608835", None),
    (X9_24, 4, "A128", "AF8CB133A78F8DC2D1359F18527593FB", PAN_V, "1234",
     "441234AAAAAAAAAA" + R, "A912150391AB65A67E52883D81CE2D15"),
    (X9_24, 4, "A128", "D30BDC73EC9714B000BEC66BDB7B6D09", PAN_V, "1234",
     "441234AAAAAAAAAA" + R, "52A00503BD34BA1383F6A7EE9FE2547F"),
    (FORAGE, 4, "A128", "7D69F01F3B45449F62C7816ECE723268", PAN_V, "1234",
     "441234AAAAAAAAAA" + R, "A5A27E82B43A9A866A93D7ABE89CEF93"),
    ("knovichikhin/psec, psec/pinblock.py, encrypted value as published", 4, "A128", A128,
     "1234567890123456", "1234", None, "E4BE5B623AF7E006AC319E5B93544564"),
    (OWN, 4, "A256", A256, "1234567890123456789", "123456789012", "4C123456789012AA" + R, None),
    (OWN, 4, "A128", A128, "12345678", "0000", "440000AAAAAAAAAA" + R, None),
    (OWN, 4, "SM4", SM4, "123456789012", "99999", "4599999AAAAAAAAA" + R, None),
    (OWN, 4, "A128", A128, "1234567890123", "123456", "46123456AAAAAAAA" + R, None),
    (OWN, 3, "T3", T3, "12345678", "123456789012", "3C123456789012AF", None),
    (OWN, 3, "T2", T2, "1234567890123", "4321", "344321ABCDEFABCD", None),
    (OWN, 1, "T3", T3, "", "1234", "1412340123456789", None),
    (OWN, 1, "T2", T2, "", "123456789012", "1C12345678901200", None),
    (OWN, 0, "T2", T2, "1234567890123456789", "0000", "040000FFFFFFFFFF", None),
    (OWN, 0, "T2", T2, "12345678", "12345", "0512345FFFFFFFFF", None),
    # what must not open: psec's bad blocks, and each rule of the standard broken by itself
    (LIBRARY, 0, "T2", T2, PAN16, None, field_of("241261AAAAEDCBA9", PAN16), None),
    (LIBRARY, 0, "T2", T2, PAN16, None, field_of("0F1261AAAAEDCBA9", PAN16), None),
    (LIBRARY, 0, "T2", T2, PAN16, None, field_of("021261AAAAEDCBA9", PAN16), None),
    (LIBRARY, 0, "T2", T2, PAN16, None, field_of("041261AAAAEDCBAA", PAN16), None),
    (LIBRARY, 0, "T2", T2, PAN16, None, field_of("051261AAAAEDCBA9", PAN16), None),
    (OWN + ": 3 digits", 0, "T2", T2, PAN16, None, "03123FFFFFFFFFFF", None),
    (OWN + ": 13 digits", 0, "T2", T2, PAN16, None, "0D1234567890123F", None),
    (OWN + ": a digit is A", 0, "T2", T2, PAN16, None, "04123AFFFFFFFFFF", None),
    (OWN + ": the first digit is F", 1, "T2", T2, "", None, "14F2340123456789", None),
    (OWN + ": filler E", 0, "T2", T2, PAN16, None, "041234FFFFFFFFFE", None),
    (OWN + ": first filler E", 0, "T2", T2, PAN16, None, "041234EFFFFFFFFF", None),
    (OWN + ": filler 9 in format 3", 3, "T2", T2, PAN16, None, "341234ABCDEFABC9", None),
    (OWN + ": format 0 as 3", 3, "T2", T2, PAN16, None, "041234FFFFFFFFFF", None),
    (OWN + ": format 3 as 0", 0, "T2", T2, PAN16, None, "341234FFFFFFFFFF", None),
    (OWN + ": format 2 as 1", 1, "T2", T2, "", None, "241234FFFFFFFFFF", None),
    (OWN + ": 4 digits announced as 3 in format 1", 1, "T2", T2, "", None, "1312340123456789", None),
    (OWN + ": filler F in format 4", 4, "A128", A128, PAN16, None, "441234FFFFFFFFFF" + R, None),
    (OWN + ": last filler B in format 4", 4, "A128", A128, PAN16, None, "441234AAAAAAAAAB" + R, None),
    (OWN + ": control 0 in format 4", 4, "A128", A128, PAN16, None, "041234AAAAAAAAAA" + R, None),
    (OWN + ": 13 digits in format 4", 4, "A128", A128, PAN16, None, "4D1234567890123A" + R, None),
]

out = []
for source, kind, algorithm, key, pan, pin, field, published in ROWS:
    block = published if field is None else seal(kind, algorithm, key, pan, field)
    assert published in (None, block), (source, published, block)
    out.append({"source": source, "format": kind, "algorithm": algorithm, "key": key, "pan": pan,
                "pin": pin or "", "block": block, "outcome": "OK" if pin else "ERR_MISMATCH"})
json.dump({"source": "each row's own; put together by tests/core/crypto/make_pin_blocks.py",
           "rows": out}, sys.stdout, indent=1)
print()
