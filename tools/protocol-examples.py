#!/usr/bin/python3
"""The worked examples of docs/protocol.md and docs/keys.md.

The documents promise that a stranger can write a terminal from them alone. This script is that
stranger: it takes the table of fields from docs/protocol.md, does everything else by hand with
python3-cryptography, and works the examples out again. It never touches the C code.

    tools/protocol-examples.py            compare with the documents; 1 when they differ
    tools/protocol-examples.py --write    put the examples into the documents

Every key here is made up and stands in public documents. Use none of them.
"""
import argparse
import difflib
import hmac
import hashlib
import pathlib
import re
import sys
import warnings

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

import protocol_terminals as terminals

warnings.simplefilter("ignore")  # the library would rather that nobody used triple DES any more
TripleDES = algorithms.TripleDES
DOCS = pathlib.Path(__file__).resolve().parent.parent / "docs"

# ---- keys ---------------------------------------------------------------------------------------


def cmac(key, message, cipher=algorithms.AES):
    context = CMAC(cipher(key))
    context.update(message)
    return context.finalize()


def hexed(data):
    return data.hex().upper()


def derivation_inputs(key, usage, cipher=algorithms.AES):
    """One input for each block of the key that comes out."""
    tdes = cipher is TripleDES
    algorithm = ({16: 0, 24: 1} if tdes else {16: 2, 32: 4})[len(key)]
    tail = usage.to_bytes(2, "big") + b"\0" + algorithm.to_bytes(2, "big") \
        + (8 * len(key)).to_bytes(2, "big")
    return [bytes([counter]) + tail
            for counter in range(1, len(key) * 8 // cipher.block_size + 1)]


def derive(key, usage, cipher=algorithms.AES):
    return b"".join(cmac(key, data, cipher) for data in derivation_inputs(key, usage, cipher))


def kcv(key, cipher=algorithms.AES):
    """AES: of CMAC, TDES: of zeros encrypted."""
    if cipher is TripleDES:
        return hexed(Cipher(cipher(key), modes.ECB()).encryptor().update(bytes(8))[:3])
    return hexed(cmac(key, bytes(16))[:5])


def cipher_of(block):
    return {"D": algorithms.AES, "B": TripleDES}[block[0]]


def wrap(protection, header, key, padding):
    """A block of version D or B. `header` has its optional blocks and the right length in it."""
    cipher = cipher_of(header)
    clear = (len(key) * 8).to_bytes(2, "big") + key + padding
    mac = cmac(derive(protection, 0x0001, cipher), header.encode() + clear, cipher)
    cbc = Cipher(cipher(derive(protection, 0x0000, cipher)), modes.CBC(mac)).encryptor()
    block = header + hexed(cbc.update(clear) + cbc.finalize()) + hexed(mac)
    assert int(block[1:5]) == len(block) and len(clear) * 8 % cipher.block_size == 0
    return block


def unwrap(protection, block):
    """Returns the key and every step on the way; ValueError when the block is not genuine."""
    if block[0] not in "DB" or int(block[1:5]) != len(block):
        raise ValueError("not a block of version D or B of its own length")
    cipher = cipher_of(block)
    alignment, mac_digits = cipher.block_size // 8, cipher.block_size // 4
    head = 16
    for _ in range(int(block[12:14])):
        head += int(block[head + 2:head + 4], 16)
    if head % alignment != 0:
        raise ValueError(f"optional blocks are not a multiple of {alignment}")
    ciphertext = bytes.fromhex(block[head:-mac_digits])
    mac = bytes.fromhex(block[-mac_digits:])
    kbek, kbmk = derive(protection, 0x0000, cipher), derive(protection, 0x0001, cipher)
    cbc = Cipher(cipher(kbek), modes.CBC(mac)).decryptor()
    clear = cbc.update(ciphertext) + cbc.finalize()
    if not hmac.compare_digest(cmac(kbmk, block[:head].encode() + clear, cipher), mac):
        raise ValueError("MAC does not verify")
    size = int.from_bytes(clear[:2], "big") // 8
    steps = {"header": block[:head], "ciphertext": hexed(ciphertext), "MAC": hexed(mac),
             "KBEK": hexed(kbek), "KBMK": hexed(kbmk), "clear data": hexed(clear)}
    return clear[2:2 + size], steps


def hkdf(secret, salt, info):
    """HKDF-SHA-256 for 32 bytes by hand: extract, then one round of expand."""
    extracted = hmac.new(salt, secret, hashlib.sha256).digest()
    return hmac.new(extracted, info + b"\x01", hashlib.sha256).digest()


def session_key(secret, terminal_public, mother_public):
    return hkdf(secret, terminal_public + mother_public, b"posgate mother v1")


FIELDS = {}  # filled from docs/protocol.md

# ---- messages -----------------------------------------------------------------------------------


def field_table(document):
    """Field number -> (kind, prefix digits, size), from the table in the document itself."""
    table = {}
    section = document.split("### Table of fields", 1)[1].split("\n#", 1)[0]
    for row in re.finditer(r"^\| (\d+)(?:-(\d+))? \| (n|an|ans|z|b|x\+n) \| (\.*)(\d+) \|",
                           section, re.M):
        first, last, kind, dots, size = row.groups()
        for field in range(int(first), int(last or first) + 1):
            assert field not in table, f"field {field} stands twice in the table of fields"
            table[field] = (kind, len(dots), int(size))
    return table


def bcd(digits):
    return bytes.fromhex(digits if len(digits) % 2 == 0 else "0" + digits)


def content(field, value):
    kind, prefix, size = FIELDS[field]
    count = len(value)
    assert count <= size + (kind == "x+n") if prefix else count == size + (kind == "x+n"), field
    if kind == "n":
        data = bcd(value)
    elif kind == "z":
        data = bcd(value.replace("=", "D"))
    elif kind == "x+n":
        data = value[0].encode() + bcd(value[1:])
    elif kind == "b":
        data = value
    else:
        data = value.encode("ascii")
    return (bcd(str(count).zfill(prefix)) if prefix else b"") + data


def message(mti, fields, mac_key=None, parts=None):
    """MTI to MAC as bytes. `parts` collects (name, bytes, meaning) for showing."""
    fields = dict(fields)
    if mac_key is not None:
        fields[128 if max(fields) > 64 else 64] = bytes(8)
    double = max(fields) > 64
    bits = sum(1 << (128 - field) for field in fields) | (1 << 127 if double else 0)
    bitmap = bits.to_bytes(16, "big")[:16 if double else 8]
    rows = [("MTI", bcd(mti), mti), ("bitmap", bitmap, ", ".join(map(str, sorted(fields))))]
    for field in sorted(fields):
        value = fields[field]
        rows.append((str(field), content(field, value), value if isinstance(value, str) else "MAC"))
    if mac_key is not None:
        covered = b"".join(data for _, data, _ in rows[:-1])
        rows[-1] = (rows[-1][0], cmac(mac_key, covered)[:8], "MAC")
    if parts is not None:
        parts.extend(rows)
    return b"".join(data for _, data, _ in rows)


def frame(body):
    return len(body).to_bytes(2, "big") + body


# ---- showing ------------------------------------------------------------------------------------


def listing(pairs):
    """Name, colon, value; long values go on below."""
    width = max(len(name) for name, _ in pairs) + 1
    lines = ["```"]
    for name, value in pairs:
        value = str(value)
        pieces = [value[i:i + 64] for i in range(0, len(value), 64)] or [""]
        lines.append(f"{name + ':':<{width}} {pieces[0]}")
        lines.extend(" " * (width + 1) + piece for piece in pieces[1:])
    return lines + ["```", ""]


def shown_frame(name, mti, fields, mac_key=None):
    parts = []
    body = message(mti, fields, mac_key, parts)
    raw = hexed(frame(body))
    lines = [f"{name}, {len(body)} bytes behind the length:", "", "```"]
    lines += [raw[i:i + 64] for i in range(0, len(raw), 64)]
    lines += ["```", "", "| field | bytes | value |", "|---|---|---|",
              f"| length | `{raw[:4]}` | {len(body)} |"]
    for part, data, meaning in parts:
        text = hexed(data)
        text = text if len(text) <= 48 else text[:24] + "..." + text[-16:]
        if part != "bitmap" and len(meaning) > 40:
            meaning = meaning[:24] + "..." + meaning[-8:]
        lines.append(f"| {part} | `{text}` | {meaning} |")
    lines.append("")
    if mac_key is not None:
        covered = hexed(body[:-8])
        lines += listing([("MAC key", hexed(mac_key)), ("MAC over", covered),
                          ("AES-CMAC", hexed(cmac(mac_key, body[:-8]))),
                          ("MAC field", hexed(body[-8:]))])
    return lines


def shown_unwrap(protection_name, protection, block):
    key, steps = unwrap(protection, block)
    cipher = cipher_of(block)
    inputs = {name: [hexed(data) for data in derivation_inputs(protection, usage, cipher)]
              for name, usage in (("KBEK", 0x0000), ("KBMK", 0x0001))}
    rows = [(protection_name, hexed(protection)), ("block", block), ("header", steps["header"])]
    for name in ("KBEK", "KBMK"):
        rows += [(f"{name} input {i}", data) for i, data in enumerate(inputs[name], 1)]
        rows.append((name, steps[name]))
    rows += [("MAC = IV", steps["MAC"]), ("ciphertext", steps["ciphertext"]),
             ("clear data", steps["clear data"]),
             ("CMAC over", hexed(steps["header"].encode()) + steps["clear data"]),
             ("bits", int(steps["clear data"][:4], 16)), ("key", hexed(key)),
             ("KCV", kcv(key, cipher))]
    return listing(rows)


def shown_registration_key(tmk):
    rows = [("TMK", hexed(tmk))]
    for i, data in enumerate(derivation_inputs(tmk, 0x8001), 1):
        rows += [(f"input {i}", hexed(data)), (f"CMAC {i}", hexed(cmac(tmk, data)))]
    return listing(rows + [("K_reg", hexed(derive(tmk, 0x8001)))])


# ---- the cast -----------------------------------------------------------------------------------

SERIAL, INDEX = "123L013K", 278
SMN = f"{SERIAL}{INDEX:08d}"
TID, MID = "10000001", "100000000000001"
PAN = "6212345678900000003"  # a test card number of 19 digits
PADDING = bytes(range(0xE0, 0xEE))  # of random bytes in real life
TMK, TPK, TAK = (bytes(range(start, start + 32)) for start in (0x10, 0x30, 0x50))
TMK128 = bytes(range(0x70, 0x80))
TMK_T2, TPK_T2, TAK_T2 = (bytes.fromhex(text) for text in (
    "0123456789ABCDEFFEDCBA9876543210", "1F2F3D4C5B6B7A8998A8B9CBDADAECFE",
    "3E5D7C9BBAD9F810F1E0D0C2B0A19183"))
KTK = bytes(range(0x90, 0xB0))
# The two key pairs of RFC 7748, section 6.1, so that the secret can be looked up there.
TERMINAL_PRIVATE = bytes.fromhex(
    "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a")
MOTHER_PRIVATE = bytes.fromhex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb")
TIMES = {12: "100000", 13: "1123"}


def public_part(private):
    key = X25519PrivateKey.from_private_bytes(private).public_key()
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def exchange(private, peer):
    key = X25519PrivateKey.from_private_bytes(private)
    return key.exchange(X25519PublicKey.from_public_bytes(peer))


def example_key_request():
    terminal, mother = public_part(TERMINAL_PRIVATE), public_part(MOTHER_PRIVATE)
    secret = exchange(TERMINAL_PRIVATE, mother)
    assert secret == exchange(MOTHER_PRIVATE, terminal)
    session = session_key(secret, terminal, mother)
    block = wrap(session, "D0144K1AD00N0000", TMK, PADDING)
    lines = shown_frame("Request 911", "0800",
                        {11: "000001", 62: SERIAL, 63: hexed(terminal), 70: "911"})
    lines += shown_frame("Reply", "0810", {11: "000001", **TIMES, 39: "00",
                                           62: f"{INDEX:08d}{block}", 63: hexed(mother), 70: "911"})
    lines += ["The session key:", ""]
    lines += listing([("terminal private", hexed(TERMINAL_PRIVATE)),
                      ("terminal public", hexed(terminal)), ("mother public", hexed(mother)),
                      ("X25519 secret", hexed(secret)), ("salt", hexed(terminal + mother)),
                      ("info", hexed(b"posgate mother v1")), ("session key", hexed(session))])
    lines += ["The key block, characters 9 to 152 of field 62, unwrapped:", ""]
    return lines + shown_unwrap("session key", session, block) + [f"The SMN is `{SMN}`."]


def example_registration_key():
    return (["AES-256:", ""] + shown_registration_key(TMK) + ["AES-128:", ""]
            + shown_registration_key(TMK128))[:-1]


def example_key_confirm():
    k_reg = derive(TMK, 0x8001)
    return (shown_frame("Request 912", "0800", {11: "000002", 62: SMN, 70: "912"}, k_reg)
            + shown_frame("Reply", "0810", {11: "000002", **TIMES, 39: "00", 70: "912"},
                          k_reg))[:-1]


def example_register():
    k_reg = derive(TMK, 0x8001)
    return (shown_frame("Request", "0800", {7: "1123090000", 11: "000003", 41: TID, 42: MID,
                                            62: SMN, 70: "901"}, k_reg)
            + shown_frame("Reply", "0810", {7: "1123090000", 11: "000003", **TIMES, 39: "00",
                                            41: TID, 70: "901"}, k_reg))[:-1]


def example_sign_on():
    k_reg = derive(TMK, 0x8001)
    tpk = wrap(TMK, "D0144P0AE00N0000", TPK, PADDING)
    tak = wrap(TMK, "D0144M6AC00N0000", TAK, PADDING)
    return (shown_frame("Request", "0800", {11: "000004", 41: TID, 62: SMN, 70: "001"}, k_reg)
            + shown_frame("Reply", "0810", {11: "000004", **TIMES, 37: "632710000001", 39: "00",
                                            41: TID, 62: tpk + tak, 70: "001"}, k_reg)
            + ["The TPK, characters 1 to 144 of field 62:", ""] + shown_unwrap("TMK", TMK, tpk)
            + ["The TAK, characters 145 to 288 of field 62:", ""] + shown_unwrap("TMK", TMK, tak)
            )[:-1]


def example_authenticate():
    return (shown_frame("Request", "0800", {11: "000005", 41: TID, 62: SMN, 70: "902"}, TAK)
            + shown_frame("Reply", "0810", {11: "000005", **TIMES, 39: "00", 41: TID, 70: "902"},
                          TAK))[:-1]


def example_sale():
    common = {3: "000000", 4: "000000012345", 7: "1123090005", 11: "000006", 41: TID, 42: MID}
    request = {**common, 2: PAN, 22: "012", 25: "00", 49: "978", 62: SMN}
    reply = {**common, 12: "100005", 13: "1123", 37: "632710000002", 38: "A12345", 39: "00"}
    return (shown_frame("Request", "0200", request, TAK)
            + shown_frame("Reply", "0210", reply, TAK))[:-1]


def example_refusal():
    return shown_frame("Reply", "0810", {11: "000005", **TIMES, 39: "A0", 41: TID, 70: "902"})[:-1]


def example_key_block_128():
    session = bytes(range(0xB0, 0xD0))
    block = wrap(session, "D0144K1AD00N0000", TMK128, bytes(range(0xD0, 0xEE)))
    tak = wrap(TMK128, "D0144M6AC00N0000", TAK[:16], bytes(range(0xD0, 0xEE)))
    return (["The TMK under a session key:", ""] + shown_unwrap("session key", session, block)
            + ["A TAK under that TMK, so the protection key has 16 bytes:", ""]
            + shown_unwrap("TMK", TMK128, tak))[:-1]


def example_key_block_tdes():
    header = "B0096%s00N0000"
    padding = bytes(range(0xD0, 0xDE))
    tpk = wrap(TMK_T2, header % "P0TE", TPK_T2, padding)
    tak = wrap(TMK_T2, header % "M3TC", TAK_T2, padding)
    rows = [("TMK", hexed(TMK_T2))]
    for i, data in enumerate(derivation_inputs(TMK_T2, 0x8001, TripleDES), 1):
        rows += [(f"input {i}", hexed(data)), (f"CMAC {i}", hexed(cmac(TMK_T2, data, TripleDES)))]
    return (["The TPK:", ""] + shown_unwrap("TMK", TMK_T2, tpk) + ["The TAK:", ""]
            + shown_unwrap("TMK", TMK_T2, tak) + ["The registration MAC key:", ""]
            + listing(rows + [("K_reg", hexed(derive(TMK_T2, 0x8001, TripleDES)))]))[:-1]


def example_working_key_forms():
    """Of 60 bytes under a TDES TMK, of 40 under the same, of 40 under SM4."""
    tdk = bytes.fromhex("2A3B4C5D6E7F80919AABBCCDDEEFF001")
    tmk, keys = bytes(range(0xA0, 0xB0)), (bytes(range(0xB0, 0xC0)), bytes(range(0xC0, 0xD0)))
    tdes = lambda keys: terminals.form_rows(TripleDES, TMK_T2, keys)
    return (["60 bytes, as they stand in field 62 of `cup`:", ""]
            + listing(tdes([("TPK", TPK_T2, 0), ("TAK", TAK_T2, 0), ("TDK", tdk, 0)]))
            + ["40 bytes, with a TAK of single length:", ""]
            + listing(tdes([("TPK", TPK_T2, 0), ("TAK", TAK_T2[:8], 8)]))
            + ["40 bytes under an SM4 TMK; outside `cup` field 62 has these 80 digits:", ""]
            + listing(terminals.form_rows(algorithms.SM4, tmk, [("TPK", keys[0], 0),
                                                                ("TAK", keys[1], 0)])))[:-1]


def example_tdes_macs():
    body = message("0800", {11: "000043", 41: TID, 62: SMN, 70: "902"}, TAK)[:-8]
    return (["A message under a TDES TAK; its last block is filled up with zeros:", ""]
            + listing(terminals.retail_mac_rows(TAK_T2, body)) + ["UnionPay's MAC of the same:", ""]
            + listing(terminals.ecb_mac_rows(TAK_T2, body)))[:-1]


def example_pin_blocks():
    return (["Format 0 under a TDES TPK:", ""]
            + listing(terminals.pin_block_0_rows(TPK_T2, "92389", PAN))
            + ["Format 4 under an AES TPK:", ""]
            + listing(terminals.pin_block_4_rows(TPK, "92389", PAN, bytes(range(0xE0, 0xE8)))))[:-1]


def example_key_file():
    """Two keys for one mother POS, with the trailer that covers them."""
    keys = {278: TMK, 279: bytes(range(0xC0, 0xE0))}
    lines = [f"#POSGATE-KEYS|1|batch=00000007|created=2026-11-23T09:00:00Z|alg=A256|ktk=MPOS0001|"
             f"ktkkcv=CMAC:{kcv(KTK)}|dest=MPOS0001|count=2|first=00000278|last=00000279"]
    for index, key in keys.items():
        header = f"D0176K1AB00E0200KC1001{kcv(key)}KP1001{kcv(KTK)}"
        lines.append(f"K|{index:08d}|{wrap(KTK, header, key, PADDING)}|CMAC:{kcv(key)}")
    covered = "".join(line + "\n" for line in lines).encode()
    mac_key = derive(KTK, 0x8002)
    lines.append(f"#END|2|CMAC:{hexed(cmac(mac_key, covered))}")
    block = lines[1].split("|")[2]
    rows = [("KTK", hexed(KTK)), ("KTK's KCV", kcv(KTK))]
    rows += [(f"file MAC key input {i}", hexed(data))
             for i, data in enumerate(derivation_inputs(KTK, 0x8002), 1)]
    rows += [("file MAC key", hexed(mac_key)), ("bytes covered", len(covered))]
    return (["```", *lines, "```", ""] + listing(rows) + ["The first key, unwrapped:", ""]
            + shown_unwrap("KTK", KTK, block))[:-1]


def example_return_file():
    """What became of three keys, with the trailer that covers it."""
    lines = [f"#POSGATE-RETURN|1|mother=MPOS0001|created=2026-11-23T17:00:00Z|ktk=MPOS0001|"
             f"ktkkcv=CMAC:{kcv(KTK)}|count=3",
             f"R|00000278|issued|123L013K|2026-11-23T10:12:13Z|CMAC:{kcv(TMK)}",
             f"R|00000279|burned|456M024L|2026-11-23T16:59:58Z|CMAC:{kcv(bytes(range(0xC0, 0xE0)))}",
             f"R|00000280|free|-|-|CMAC:{kcv(bytes(range(0x40, 0x60)))}"]
    covered = "".join(line + "\n" for line in lines).encode()
    mac_key = derive(KTK, 0x8003)
    lines.append(f"#END|3|CMAC:{hexed(cmac(mac_key, covered))}")
    rows = [("KTK", hexed(KTK))]
    rows += [(f"file MAC key input {i}", hexed(data))
             for i, data in enumerate(derivation_inputs(KTK, 0x8003), 1)]
    rows += [("file MAC key", hexed(mac_key)), ("bytes covered", len(covered))]
    return (["```", *lines, "```", ""] + listing(rows))[:-1]


EXAMPLES = {
    "protocol.md": {"key-request": example_key_request,
                    "registration-key": example_registration_key,
                    "key-confirm": example_key_confirm, "register": example_register,
                    "sign-on": example_sign_on, "authenticate": example_authenticate,
                    "sale": example_sale, "refusal": example_refusal,
                    "key-block-128": example_key_block_128,
                    "key-block-tdes": example_key_block_tdes,
                    "working-key-forms": example_working_key_forms,
                    "tdes-macs": example_tdes_macs, "pin-blocks": example_pin_blocks},
    "keys.md": {"key-file": example_key_file, "return-file": example_return_file},
}

# ---- known answers, so that the script itself is worth believing --------------------------------


def check_known_answers():
    key = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c")  # RFC 4493, section 4, example 2
    assert cmac(key, bytes.fromhex("6bc1bee22e409f96e93d7e117393172a")).hex() == \
        "070a16b46b4d4144f79bdd9dd04a287c"
    key, _ = unwrap(b"\xaf" * 32, "D0144P0AE00E00004137362BF6B1E7CA8A873122D921FA897ED30540CD925E82"
                    "32A873B682DCE586B21C1E07BDD3503AE182C2C8FD9162A2F6A414AAE12E32A1048B5D7E8360F5"
                    "29")  # made by another program
    assert key == b"\xfd" * 32
    key, _ = unwrap(bytes.fromhex("DD7515F2BFC17F85CE48F3CA25CB21F6"),  # TR-31:2018, A.7.2.2
                    "B0080P0TE00E000094B420079CC80BA3461F86FE26EFC4A3B8E4FA4C5F5341176EED7B727B8A24"
                    "8E")
    assert hexed(key) == "3F419E1CB7079442AA37474C2EFBF8B8"
    assert hkdf(b"\x0b" * 22, bytes(range(13)), bytes(range(0xF0, 0xFA))).hex() == \
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"  # RFC 5869, A.1
    assert exchange(TERMINAL_PRIVATE, public_part(MOTHER_PRIVATE)).hex() == \
        "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"  # RFC 7748, 6.1
    try:
        unwrap(TMK, wrap(TMK, "D0144P0AE00N0000", TPK, PADDING).replace("P0AE", "P0AB"))
    except ValueError:
        return
    raise AssertionError("a block with another mode unwrapped")


# ---- documents ----------------------------------------------------------------------------------


def put(document, name, lines):
    """Replaces what stands between an example's two marks."""
    begin, end = f"<!-- example {name} -->\n", f"<!-- end {name} -->"
    assert document.count(begin) == 1 and document.count(end) == 1, f"marks of {name}"
    head, rest = document.split(begin)
    return head + begin + "\n".join(lines).rstrip("\n") + "\n" + end + rest.split(end)[1]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--write", action="store_true", help="put the examples into the documents")
    options = parser.parse_args()
    FIELDS.update(field_table((DOCS / "protocol.md").read_text()))
    check_known_answers()
    terminals.check_known_answers()
    passed = failed = 0
    for name, examples in EXAMPLES.items():
        path = DOCS / name
        new = old = path.read_text()
        for example, make in examples.items():
            before, new = new, put(new, example, make())
            if before == new or options.write:
                passed += 1
                continue
            failed += 1
            sys.stderr.writelines(line + "\n" for line in difflib.unified_diff(
                before.splitlines(), new.splitlines(), f"{name}: {example}", "worked out", "", "",
                0, ""))
        if options.write and new != old:
            path.write_text(new)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
