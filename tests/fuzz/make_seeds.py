#!/usr/bin/python3
"""Writes the inputs that fuzzing begins with into tests/fuzz/corpus: known answers, real frames in
each dialect, and small programs of steps for the targets that take those.

usage: make_seeds.py [CORPUS]

The other inputs in corpus/ were found by fuzzing (`./run fuzz --merge`) and are named by their hash;
these are named seed-*. The same seeds every time.
"""
import json
import pathlib
import re
import sys
import zlib

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
CORPUS = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "corpus"
DIALECTS = ("iso87b", "iso87a", "iso87x", "cup")  # in the order of fuzz_dialect()
KINDS = ("register", "sign-on", "authenticate", "sign-off", "echo", "sale", "balance", "void",
         "preauthorisation", "completion", "refund", "reversal", "reversal-advice", "settlement",
         "batch-upload", "load", "load-status", "key-request", "key-confirm")


def seed(target, name, data):
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ("seed-" + name)).write_bytes(data)


# ---- messages -----------------------------------------------------------------------------------


def field_table():
    """Kind, digits of the length prefix and size of each field, from the table the codec uses."""
    text = (ROOT / "core/wire/dialect.c").read_text()
    rows = re.findall(r"\[(\d+)(?: \.\.\. (\d+))?\] = (FIXED|LLL?)\((\w+), (\d+)\)", text)
    table = {60: ("ANS", 3, 999), 62: ("ANS", 3, 999)}
    for first, last, length, kind, size in rows:
        for number in range(int(first), int(last or first) + 1):
            table[number] = (kind, {"FIXED": 0, "LL": 2, "LLL": 3}[length], int(size))
    return table


FIELDS = field_table()


class Dialect:
    def __init__(self, name):
        self.name = name
        self.bcd = name in ("iso87b", "cup")
        self.hex = name == "iso87a"
        self.cup = name == "cup"

    def digits(self, text, field=0):
        if not self.bcd:
            return text.encode()
        text = text.replace("=", "D")
        if len(text) % 2:
            behind = self.cup and field not in (0, 4, 5, 6, 23)
            text = text + "0" if behind else "0" + text
        return bytes.fromhex(text)

    def rule(self, number):
        return ("N", 3, 17) if self.cup and number == 60 else FIELDS[number]

    def field(self, number, value):
        kind, prefix, _ = self.rule(number)
        count = len(value)
        if kind in ("N", "Z"):
            body = self.digits(value, number)
        elif kind == "XN":
            body = value[:1].encode() + self.digits(value[1:], number)
        elif kind == "B":
            body = value.hex().upper().encode() if self.hex else value
            count = len(body) if self.hex else len(value)
        else:
            body = value.encode("latin-1")
        head = str(count).zfill(prefix) if prefix else ""
        if prefix == 3 and self.bcd:
            head = "0" + head
        return self.digits(head) + body if prefix else body

    def message(self, mti, fields, mac=False):
        fields = dict(fields)
        if mac:
            fields[128 if any(n > 64 for n in fields) else 64] = bytes(8)
        second = any(n > 64 for n in fields)
        bits = sum(1 << (128 - n) for n in fields) | second << 127
        bitmap = bits.to_bytes(16, "big")[:16 if second else 8]
        if self.hex:
            bitmap = bitmap.hex().upper().encode()
        body = b"".join(self.field(n, fields[n]) for n in sorted(fields))
        return self.digits(mti) + bitmap + body

    def frame(self, message):
        if self.cup:
            message = bytes.fromhex("6005010000603100311312") + message
        return len(message).to_bytes(2, "big") + message

    def network(self, code, mti="0800"):
        if self.cup:
            return mti, {60: "00000001" + code}
        return "0800", {70: code}


SMN = "123L013K00000278"
COMMON = {7: "1123090000", 11: "000001", 41: "TERM0001"}
MONEY = {3: "000000", 4: "000000001234", 7: "1123090000", 11: "000001", 22: "021", 25: "00",
         41: "TERM0001", 42: "MERCHANT0000001", 49: "156"}
KEY_LINE_BLOCK = "D0144K1AB00E0000" + "7FC8C5928377CB36" * 8


def requests(dialect):
    """Every kind, with a MAC that nobody made yet."""
    name = {62: "Sequence No16" + SMN if dialect.cup else SMN}
    for kind, code, mti in (("register", "901", "0800"), ("sign-on", "001", "0800"),
                            ("authenticate", "902", "0800"), ("sign-off", "002", "0820"),
                            ("echo", "301", "0820")):
        mti, extra = dialect.network(code, mti)
        smn = {} if kind == "echo" else name
        yield kind, dialect.message(mti, {**COMMON, 42: "MERCHANT0000001", **extra, **smn},
                                    mac=kind != "echo")
    card = {2: "6225880000000001", 14: "3012"}
    track = {35: "6225880000000001=30122010000000000"}
    for kind, mti, code in (("sale", "0200", "000000"), ("balance", "0200", "310000"),
                            ("void", "0200", "200000"), ("preauthorisation", "0100", "000000"),
                            ("completion", "0220", "000000"), ("refund", "0220", "200000")):
        yield kind, dialect.message(mti, {**MONEY, **card, **name, 3: code}, mac=True)
    original = {90: "02000000011123090000" + 22 * "0"}
    for kind, mti in (("reversal", "0400"), ("reversal-advice", "0420")):
        yield kind, dialect.message(mti, {**MONEY, **card, **name, **original}, mac=True)
    yield "sale-track-pin", dialect.message(
        "0200", {**MONEY, **track, **name, 23: "001", 52: bytes(range(8)), 55: b"\x9f\x26\x01\x00",
                 59: "A1016" + 16 * "0"}, mac=True)
    yield "settlement", dialect.message("0500", {**COMMON, **name, 42: "MERCHANT0000001",
                                                 48: "0" * 62}, mac=True)
    yield "batch-upload", dialect.message("0320", {**MONEY, **card, **name}, mac=True)
    if not dialect.cup:
        yield "key-request", dialect.message("0800", {**COMMON, 62: "123L013K", 63: "09" + "00" * 31,
                                                      70: "911"})
        yield "key-confirm", dialect.message("0800", {**COMMON, 62: SMN, 70: "912"}, mac=True)
        yield "load-status", dialect.message("0800", {**COMMON, 70: "922"})


def replies(dialect):
    for kind, code in (("register", "901"), ("sign-on", "001"), ("authenticate", "902")):
        mti, extra = dialect.network(code)
        more = {37: "632709000001", 62: 2 * ("D0144P0AE00N0000" + "0" * 128)} \
            if kind == "sign-on" else {}
        yield kind, dialect.message("0810", {**COMMON, 12: "090000", 13: "1123", 39: "00", **extra,
                                             **more}, mac=True)
    yield "sale", dialect.message("0210", {3: "000000", 4: "000000001234", 7: "1123090000",
                                           11: "000001", 12: "090000", 13: "1123",
                                           37: "632709000001", 38: "APP123", 39: "00",
                                           41: "TERM0001", 42: "MERCHANT0000001"}, mac=True)
    yield "refused", dialect.message("0810", {11: "000001", 39: "A0", 41: "TERM0001"})
    if not dialect.cup:
        yield "key", dialect.message("0810", {**COMMON, 12: "090000", 13: "1123", 39: "00",
                                              62: "00000278" + KEY_LINE_BLOCK,
                                              63: "09" + "00" * 31, 70: "911"})


def sample(kind, size, high):
    return {"N": "0123456789"[size % 10] * size, "Z": "6" * (size // 2) + "=" + "1" * (size - size // 2 - 1),
            "XN": "C" + "5" * (size - 1), "AN": "aZ 9" * size, "ANS": ("\xe9" if high else "") + "x~ " * size,
            "B": bytes(range(256))}[kind][:size]


def every_field(dialect, size):
    fields = {}
    for number in sorted(FIELDS):
        if number in (1, 65):
            continue
        kind, prefix, most = dialect.rule(number)
        fields[number] = sample(kind, min(size, most) if prefix else most, dialect.cup)
    return dialect.message("0200", fields)


def codec_seeds(dialect):
    target = "codec_" + dialect.name
    for name, message in requests(dialect):
        seed(target, name, message)
    for name, message in replies(dialect):
        seed(target, "reply-" + name, message)
    for size in (1, 2, 7):
        seed(target, "every-field-%d" % size, every_field(dialect, size))
    if dialect.bcd: # an odd number of digits, with a filler that is none
        for filler in (0x50, 0xF0):
            message = dialect.message("0200", {22: "021"})
            last = (filler >> 4 | 0x10) if dialect.cup else 0x21
            first = 0x02 if dialect.cup else filler
            seed(target, "filler-%02x" % filler, message[:-2] + bytes([first, last]))
    seed(target, "short", dialect.message("0800", {11: "000001"})[:-1])
    seed(target, "left-over", dialect.message("0800", {11: "000001"}) + b"\0")


# ---- the other targets --------------------------------------------------------------------------


def wire_seeds(vectors):
    for i, name in enumerate(DIALECTS):
        dialect = Dialect(name)
        codec_seeds(dialect)
        frames = [dialect.frame(message) for _, message in requests(dialect)]
        seed("frame", name, bytes([i]) + frames[0] + b"\0\0" + frames[2][:20])
        seed("frame", name + "-short", bytes([i]) + b"\0\x09" + bytes(9))
        seed("frame", name + "-long", bytes([i]) + b"\x10\x01")
        for kind, message in replies(dialect):
            number = {"refused": 2, "key": KINDS.index("key-request")}.get(kind) or KINDS.index(kind)
            stage = {"key": 0, "register": 2, "sign-on": 3}.get(kind, 4)
            for mac in (0, 128):
                seed("terminal", "%s-%s-%d" % (name, kind, mac // 128),
                     bytes([number, i | stage << 2 | mac]) + message)
    for size in (4096, 4097):
        seed("frame", "whole-%d" % size, b"\0" + size.to_bytes(2, "big") + bytes(size))
        seed("codec_iso87b", "whole-%d" % size, bytes.fromhex("0800") + bytes(size - 2))
    frame = bytes.fromhex(vectors["unionpay"]["sign_on_request_frame"]["frame"])
    seed("frame", "unionpay", b"\3" + frame)
    seed("codec_cup", "unionpay", frame[13:])


def block_seeds(vectors):
    for i, row in enumerate(vectors["key_blocks"]["rows"]):
        block = row["block"].encode()
        seed("key_block", "vector-%02d" % i, b"\0" + block)
        seed("key_block_opened", "vector-%02d" % i, b"\0" + block)
    key = bytes(range(32))
    for size, choice, usage in ((32, 0, "K1"), (16, 1, "K1"), (32, 4, "M6")):
        data = (size * 8).to_bytes(2, "big") + key[:size]
        data += bytes(-len(data) % 16)
        total = 16 + 2 * len(data) + 32
        block = "D%04d%sAB00E0000" % (total, usage) + data.hex().upper() + "0" * 32
        seed("key_block_opened", "%s-%d" % (usage, size), bytes([choice]) + block.encode())
        optional = "KC0C00A1B2C3" + "PB14" + "0" * 16
        block = "D%04d%sAB00E0200" % (total + len(optional), usage) + optional + \
            data.hex().upper() + "0" * 32
        seed("key_block_opened", "%s-%d-kc" % (usage, size), bytes([choice]) + block.encode())
    for version, digits in (("A", 8), ("B", 16), ("C", 8)):
        data = (128).to_bytes(2, "big") + key[:16] + bytes(6)
        for optional in ("", "KC0C00A1B2C3PB04", "KP0C00A1B2C3PB04", "ZZ000200" + "18" + "x" * 14):
            total = 16 + len(optional) + 2 * len(data) + digits
            block = "%s%04dK1TB00E%02d00%s" % (version, total, optional.count("PB") * 2 or
                                               bool(optional), optional)
            seed("key_block_opened", "%s-%s" % (version, optional[:2] or "plain"),
                 b"\2" + block.encode() + data.hex().upper().encode() + b"0" * digits)
    long = "D%04d" % (16 + 32 + 64 + 32) + "K1AB00E0100" + "ZZ0002" + "0020" + "x" * 22
    seed("key_block", "long-form", b"\0" + long.encode() + b"0" * 96)
    seed("key_block_opened", "long-form", b"\0" + long.encode() + b"0" * 96)
    for algorithm, key_size, data_size in ((3, 32, 48), (2, 16, 48), (0, 16, 32), (4, 16, 32)):
        data = (key_size * 8).to_bytes(2, "big") + key[:key_size]
        seed("sealed_key", "opened-%d" % algorithm,
             bytes([128 | 64 | algorithm]) + data.ljust(data_size, b"\0") + bytes(16))
        seed("sealed_key", "closed-%d" % algorithm, bytes([algorithm]) + bytes(data_size + 16))
    for name, cost, r, p in (("quick", 1, 1, 1), ("usual", 6, 8, 1), ("much", 18, 16, 4),
                             ("too-much", 19, 8, 1)):
        seed("sealed_secret", name, b"PSL1" + bytes([cost, r, p, 0]) + bytes(28 + 32 + 16))
    seed("sealed_secret", "good", sealed(b"passphrase", b"fuzz", key))


def sealed(passphrase, context, secret):
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
    head = b"PSL1" + bytes([1, 1, 1, 0]) + bytes(16)
    key = Scrypt(salt=bytes(16), length=32, n=2, r=1, p=1).derive(passphrase)
    nonce = bytes(12)
    # The context stands behind the head in what the tag covers.
    return head + nonce + AESGCM(key).encrypt(nonce, secret, head + nonce + context)


def pin_seeds(vectors):
    number = {"T2": 1, "T3": 2, "A128": 3, "A256": 4, "SM4": 5}
    fields = ((0, "041234FFFFFFFFFF"), (1, "16123456AD608835"), (3, "3C123456789012AF"),
              (4, "441234AAAAAAAAAA2F69ADDE2E9E7ACE"), (2, "241234FFFFFFFFFF"),
              (0, "021234FFFFFFFFFF"), (3, "341234ABCDEF1234"), (0, "04123FFFFFFFFFFF"),
              (2, "261234FFFFFFFFFF"), (0, "041234FFFFFFFFFE"))
    for i, row in enumerate(vectors["pin_blocks"]["rows"]):
        pan = row["pan"].encode()
        seed("pin_block", "vector-%02d" % i,
             bytes([row["format"] | number[row["algorithm"]] << 3, len(pan)]) + pan +
             bytes.fromhex(row["block"]))
    for i, (kind, field) in enumerate(fields):
        # A PAN of zeros is what an encrypted field opens with.
        pan = b"" if kind == 1 else b"0000000000000" if i % 2 else b"4111111111111111"
        algorithm = 3 if kind == 4 else 1
        seed("pin_block", "field-%d" % i,
             bytes([64 | kind | algorithm << 3, len(pan)]) + pan + bytes.fromhex(field))


def key_file_lines(count):
    yield ("#POSGATE-KEYS|1|batch=00000007|created=2026-11-23T09:00:00Z|alg=A256|ktk=MPOS0001|"
           "ktkkcv=CMAC:8CD24CD297|dest=MPOS0001|count=%d|first=00000278|last=%08d"
           % (count, 277 + count))
    for i in range(count):
        yield "K|%08d|%s|CMAC:71F80794C0" % (278 + i, KEY_LINE_BLOCK)
    yield "#END|%d|CMAC:%s" % (count, "0123456789ABCDEF" * 2)


def text_seeds():
    lines = list(key_file_lines(2))
    for i, line in enumerate(lines):
        seed("key_file_line", "line-%d" % i, line.encode())
    tdes = lines[0].replace("A256", "T2").replace("CMAC:8CD24CD297", "ZERO:8CD24C")
    seed("key_file_line", "tdes", tdes.encode())
    for i, line in enumerate((
            "#POSGATE-RETURN|1|mother=MPOS0001|created=2026-11-23T17:00:00Z|ktk=MPOS0001|"
            "ktkkcv=CMAC:8CD24CD297|count=3",
            "R|00000278|issued|123L013K|2026-11-23T10:12:13Z|CMAC:71F80794C0",
            "R|00000279|free|-|-|CMAC:5AAA42C6AD",
            "R|00000280|burned|123L013K|-|CMAC:5AAA42C6AD")):
        seed("key_file_line", "return-%d" % i, line.encode())
    seed("key_file", "two", "".join(line + "\n" for line in lines).encode())
    seed("key_file", "cut", "\n".join(lines)[:-3].encode())
    seed("key_file", "swapped", "".join(lines[i] + "\n" for i in (0, 2, 1, 3)).encode())
    first = "1|1|2026-11-23T09:00:00.000Z|gateway|register|123L013K00000278|refused%7C|" + "0" * 64
    seed("audit", "one", first.encode())
    seed("audit", "two", (first + "\n" + first.replace("1|1|", "1|2|")).encode())
    seed("audit", "values", b"an operator\0what%\0on what|\xff\0" + b"done" * 40)
    configuration = (ROOT / "conf/gateway.conf").read_bytes()
    seed("configuration", "sample", configuration)
    seed("configuration", "plain", re.sub(rb"(?m)^\s*#.*\n", b"", configuration))
    seed("configuration", "small", b'listeners = ( { port = 1; }, { port = 2; dialect = "cup"; } );\n'
                                   b'upstreams = ( { name = "a"; window = 0x10L; } );\n')
    seed("configuration", "mistakes", b'listeners = [ 1, 2 ];\nlopps = 99999999999;\nlog : { level = '
                                      b'"loud"; format = 1.5e3; };\n/* \n*/ binding = true; // x\n')
    seed("configuration", "include", b'@include "other"\nbinding = "first\\x2duse";\n')


def row_seeds():
    for kind in range(18):
        seed("rows", "%d" % kind, bytes([kind, 2 if kind in (1, 4, 5, 6) else 1]) + bytes(40))
    tak = bytes([4, 32]) + bytes(range(32))
    smn = SMN.encode()
    seed("rows", "hot", bytes([0, 1, 1, 4, 1]) + bytes(23) + bytes(4) + tak + bytes(2))
    seed("rows", "holder", bytes([2, 1]) + smn + b"\1")
    seed("rows", "reserved", bytes([3, 1]) + (7).to_bytes(8, "big"))
    seed("rows", "serial", bytes([8, 1]) + (278).to_bytes(4, "big") + b"\2")
    name = b"Zoe M.".ljust(40, b"\0")
    key = bytes([1, 16]) + bytes(16)
    seed("rows", "link", bytes([10, 1]) + bytes(8) + bytes([1, 3]) + bytes(5) + key)
    seed("rows", "person", bytes([11, 1, 15]) + bytes(52) + bytes(16) + name)
    seed("rows", "approval", bytes([12, 1, 1]) + bytes(31) + b"\1" + b"export".ljust(24, b"\0") +
         name + bytes(40) + b"\0\3one")
    seed("rows", "policy", bytes([13, 1, 1]) + (30).to_bytes(4, "big"))
    seed("rows", "floor", bytes([14, 1]) + (50).to_bytes(4, "big") + (7).to_bytes(4, "big"))
    seed("rows", "journal-floor", bytes([15, 1]) + (50).to_bytes(4, "big"))
    numbers = bytes(16) + (1).to_bytes(8, "big") + bytes(8 + 4 + 8 + 32 + 8)
    seed("rows", "anchor", bytes([16, 1, 1]) + numbers + bytes(8))
    slot = b"POSANCHR\1" + numbers
    slot += zlib.crc32(slot).to_bytes(4, "big")
    seed("rows", "anchor-file", bytes([17]) + slot.ljust(128, b"\0"))
    seed("rows", "load", bytes([9, 1]) + (7).to_bytes(4, "big") + (3).to_bytes(4, "big"))


def segment(flags, sequence, payload, back=False):
    """An Ethernet packet with TCP in IPv4."""
    ports = (8583, 50312) if back else (50312, 8583)
    tcp = ports[0].to_bytes(2, "big") + ports[1].to_bytes(2, "big") + \
        sequence.to_bytes(4, "big") + bytes(4) + bytes([0x50, flags]) + bytes(6)
    ip = bytes([0x45, 0]) + (20 + len(tcp) + len(payload)).to_bytes(2, "big") + bytes(4) + \
        bytes([64, 6, 0, 0]) + b"\x7f\0\0\1" * 2
    return bytes(12) + b"\x08\0" + ip + tcp + payload


def pcap(packets):
    out = bytes.fromhex("d4c3b2a1020004000000000000000000ffff000001000000")
    for i, packet in enumerate(packets):
        size = len(packet).to_bytes(4, "little")
        out += (1795424400 + i).to_bytes(4, "little") + bytes(4) + size + size + packet
    return out


def pcapng(packets):
    def block(kind, body):
        body += bytes(-len(body) % 4)
        size = (12 + len(body)).to_bytes(4, "little")
        return kind.to_bytes(4, "little") + size + body + size
    out = block(0x0A0D0D0A, bytes.fromhex("4d3c2b1a01000000") + b"\xff" * 8)
    out += block(1, bytes.fromhex("0100000000000400"))
    for packet in packets:
        size = len(packet).to_bytes(4, "little")
        out += block(6, bytes(12) + size + size + packet)
    return out


def trace_seeds():
    for i, name in enumerate(DIALECTS):
        dialect = Dialect(name)
        asked, answered = dict(requests(dialect)), dict(replies(dialect))
        first, second = dialect.frame(asked["sale"]), dialect.frame(answered["sale"])
        packets = [segment(2, 99, b""), segment(0x18, 100, first[:40]),
                   segment(0x18, 140, first[40:] + b"\0\0"), segment(0x18, 100, first[:40]),
                   segment(0x18, 500, second, back=True), segment(0x11, 9000, second)]
        for form in range(3):
            seed("trace", "%s-pcap-%d" % (name, form), bytes([form | i << 3 | 64]) + pcap(packets))
        seed("trace", name + "-pcapng", bytes([2 | 4]) + pcapng(packets))
        text = "# a comment\n" + first.hex() + "\n\n" + second.hex(" ") + "\n"
        seed("trace", name + "-hex", bytes([2 | i << 3]) + text.encode())
        seed("trace", name + "-guess", bytes([4]) + text.encode())
        seed("trace", name + "-bare", bytes([2 | i << 3 | 32]) + asked["register"].hex().encode())
    seed("trace", "not-hex", b"\0" + b"00 1 g\n")


# ---- programs of steps --------------------------------------------------------------------------


def ask(terminal, kind, mac=0, bends=b"", crowd=False):
    """A step of the session target: a terminal asks, `bends` are changes of (place, XOR)."""
    return bytes([2 | terminal << 3 | mac << 5 | crowd << 7, KINDS.index(kind), len(bends) // 3]) + \
        bends


def sized(data):
    return len(data).to_bytes(2, "big") + data


HOST_00 = bytes([5 | 2 << 3, 0, 0])
HOST_LATE, HOST_LOST = bytes([5]), bytes([5 | 1 << 3])


def session_seeds():
    admit = ask(0, "register") + ask(0, "sign-on") + ask(0, "authenticate")
    for i, name in enumerate(DIALECTS):
        dialect = Dialect(name)
        whole = admit + ask(0, "sale") + HOST_00 + ask(0, "reversal") + HOST_00
        seed("session", name + "-all", bytes([i]) + whole + ask(0, "sign-off"))
        for policy in (4, 8, 16):
            seed("session", "%s-policy-%d" % (name, policy), bytes([i | policy]) + whole)
        for kind, message in requests(dialect):
            for mac in (1, 2):
                before = admit if mac == 2 else b""
                seed("session", "%s-%s-%d" % (name, kind, mac),
                     bytes([i]) + before + bytes([1 | mac << 3]) + sized(message))
        echo = dialect.frame(dict(requests(dialect))["echo"])
        seed("session", name + "-echoes", bytes([i, 0]) + sized(3 * echo + b"\0\0"))
        seed("session", name + "-broken", bytes([i, 0]) + sized(echo + b"\xff\xff" + echo))
    seed("session", "again", b"\0" + admit + 2 * ask(0, "register") + 2 * ask(0, "sign-on") + admit)
    seed("session", "clone", b"\0" + admit + ask(2, "register") + ask(1, "register"))
    seed("session", "late-lost", b"\0" + admit + ask(0, "sale") + HOST_LATE + ask(0, "sale") +
         HOST_LOST)
    host = Dialect("iso87b").message("0210", {38: "APP123", 39: "51", 54: "0" * 20, 55: b"\x91\0"})
    seed("session", "host-says", b"\0" + admit + ask(0, "sale") + bytes([5 | 3 << 3]) + sized(host))
    bare = Dialect("iso87b").message("0210", {38: "APP123"})
    seed("session", "host-no-code", b"\0" + admit + ask(0, "sale") + bytes([5 | 3 << 3]) + sized(bare))
    for fault in range(6):
        for status in (1, 15, 20):
            seed("session", "fault-%d-%d" % (fault, status),
                 b"\0" + admit + bytes([6 | fault << 3, status]) + admit + ask(0, "sale") + HOST_00)
    for change in range(4):
        for value in (0x11, 0x29, 0x3f):
            seed("session", "change-%d-%d" % (change, value),
                 b"\0" + admit + bytes([7 | change << 3, value]) + admit + ask(0, "sale") + HOST_00)
    crowd = b"".join(ask(t, k, crowd=True) for t in (0, 1, 2) for k in ("register", "sign-on"))
    seed("session", "crowd", b"\0" + 4 * crowd + b"\x84" * 8 + crowd)
    bad_mac = bytes([0, 0x50, 1])
    seed("session", "bent", b"\0" + admit + ask(0, "authenticate", bends=bad_mac) +
         ask(0, "sale", mac=2, bends=bytes([0, 30, 1])))
    name = {62: SMN}
    tags = Dialect("iso87b").message("0200", {**MONEY, **name, 2: "6225880000000001",
                                              59: "B2002xxA1004aaaa"}, mac=True)
    seed("session", "pin-tag", b"\0" + admit + bytes([1 | 2 << 3]) + sized(tags))


LOAD_ALL = bytes([1, 1 | 1 << 3, 1 | 2 << 3, 1 | 3 << 3, 1 | 4 << 3])


def mother_seeds():
    key, confirm = b"\3", b"\x0c"
    seed("mother", "load", LOAD_ALL + b"\7")
    seed("mother", "issue", LOAD_ALL + key + b"\0" + confirm + b"\0" + key + b"\1" + confirm + b"\x11" +
         b"\7")
    seed("mother", "again", LOAD_ALL + 2 * (key + b"\0") + 2 * (confirm + b"\0") + key + b"\0")
    seed("mother", "another-device", LOAD_ALL + key + b"\0" + key + b"\x10" + key + b"\x20" + key + b"\x30")
    seed("mother", "exhausted", LOAD_ALL + b"".join(key + bytes([i]) for i in range(4)))
    seed("mother", "rekey", LOAD_ALL + key + b"\0" + confirm + b"\0" + b"\x0f" + key + b"\0")
    seed("mother", "no-mac", LOAD_ALL + key + b"\0" + b"\4\0" + b"\4\x10")
    seed("mother", "small-order", LOAD_ALL + key + b"\x08")
    seed("mother", "out-of-order", bytes([1, 1 | 2 << 3, 1 | 4 << 3, 1 | 1 << 3]) + b"\6" + LOAD_ALL)
    seed("mother", "twice", 2 * LOAD_ALL)
    for line in range(5):
        bent = bytes([2 | line << 3, 0, 30, 33])
        seed("mother", "bent-%d" % line, LOAD_ALL[:line] + bent + LOAD_ALL[line:])
    for i, line in enumerate(key_file_lines(1)):
        seed("mother", "line-%d" % i, b"\5" + sized(line.encode()))
    dialect = Dialect("iso87b")
    for kind, message in requests(dialect):
        if kind in ("key-request", "key-confirm", "load-status", "echo", "register"):
            seed("mother", "message-" + kind, LOAD_ALL + b"\x08" + sized(message))


def main():
    vectors = {name: json.loads((ROOT / "tests/vectors" / (name + ".json")).read_text())
               for name in ("key_blocks", "pin_blocks", "unionpay")}
    wire_seeds(vectors)
    block_seeds(vectors)
    pin_seeds(vectors)
    text_seeds()
    row_seeds()
    trace_seeds()
    session_seeds()
    mother_seeds()


main()
