#!/usr/bin/python3
"""A POS terminal written from docs/protocol.md alone.

It shares no code with the project and its author looked at nothing but that page. When it gets a key, registers, signs on
and sells against the real programs, the page is enough to write a terminal.
Each step prints `step code detail`; the code -- means that no reply was worth believing. It exits with 0 only when every
reply was 00 and had the MAC that the page promises. --self-check works out the examples of the page.
"""
import argparse
import collections
import datetime
import pathlib
import re
import socket
import sys
from hmac import compare_digest as same

from cryptography.hazmat.primitives import cmac as cmac_module, hashes, serialization
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

TIMEOUT = 30  # seconds; the page asks for more than the host's 15
DOCUMENT = pathlib.Path(__file__).resolve().parents[2] / "docs" / "protocol.md"
# The fields that a terminal of this kind can meet: kind, digits of the length prefix (0: fixed), size.
FIELDS = {
    2: ("n", 2, 19), 3: ("n", 0, 6), 4: ("n", 0, 12), 7: ("n", 0, 10), 11: ("n", 0, 6), 12: ("n", 0, 6), 13: ("n", 0, 4),
    22: ("n", 0, 3), 25: ("n", 0, 2), 37: ("an", 0, 12), 38: ("an", 0, 6), 39: ("an", 0, 2), 41: ("ans", 0, 8),
    42: ("ans", 0, 15), 49: ("an", 0, 3), 54: ("an", 3, 120), 55: ("b", 3, 255), 62: ("ans", 3, 999), 63: ("ans", 3, 999),
    64: ("b", 0, 8), 70: ("n", 0, 3), 128: ("b", 0, 8),
}
ALPHABET = {"n": "[0-9]*", "an": "[A-Za-z0-9 ]*", "ans": "[ -~]*"}

# What a step sends, what the reply must repeat, what a reply of 00 must add, and what the host may add.
Step = collections.namedtuple("Step", "mti fixed echoed adds may", defaults=((), ()))
STEPS = {
    "key-request": Step("0800", {70: "911"}, (11, 70), (62, 63)),
    "key-confirm": Step("0800", {70: "912"}, (11, 70)),
    "register": Step("0800", {70: "901"}, (7, 11, 41, 70)),
    "sign-on": Step("0800", {70: "001"}, (7, 11, 41, 70), (37, 62)),
    "authenticate": Step("0800", {70: "902"}, (7, 11, 41, 70)),
    "sale": Step("0200", {3: "000000"}, (3, 4, 7, 11, 41, 42), (37,), (38, 54, 55)),
}


class Failure(Exception):
    """Something is not as the page says: what, and field 39 if the other side refused."""


def need(condition, text, code="--"):
    if not condition:
        raise Failure(text, code)


def pack(digits):
    return bytes.fromhex("0" * (len(digits) % 2) + digits)


def encode_field(number, value):
    kind, prefix, size = FIELDS[number]
    need(len(value) <= size if prefix else len(value) == size, f"field {number} has a length of {len(value)}")
    need(kind == "b" or re.fullmatch(ALPHABET[kind], value), f"field {number} has a character that is not {kind}")
    head = pack(str(len(value)).zfill(prefix)) if prefix else b""
    return head + (value if kind == "b" else pack(value) if kind == "n" else value.encode("ascii"))


def decode_field(number, message, start):
    """The field's value and where it ends. That it is well formed shows when it is encoded again."""
    need(number in FIELDS, f"field {number} does not belong in a reply")
    kind, prefix, size = FIELDS[number]
    behind = start + (prefix + 1) // 2
    if prefix:
        need(message[start:behind].hex().isdigit(), f"field {number} has a length that is not decimal")
        size = int(message[start:behind].hex())
    data = message[behind:behind + ((size + 1) // 2 if kind == "n" else size)]
    value = data if kind == "b" else data.hex()[-size:] if kind == "n" else data.decode("latin-1")
    return value, behind + len(data)


def mac_place(fields):
    return 128 if any(64 < number < 128 for number in fields) else 64


def encode(mti, fields, key=None):
    """The message without its length; with a key it gets its MAC as the last field."""
    fields = {**fields, mac_place(fields): bytes(8)} if key else fields
    second = any(number > 64 for number in fields)
    bitmap = (sum(1 << (128 - number) for number in fields) | second << 127).to_bytes(16, "big")
    body = b"".join(encode_field(number, fields[number]) for number in sorted(fields))
    covered = pack(mti) + bitmap[:16 if second else 8] + body[:-8 if key else None]
    return covered + cmac(key, covered)[:8] if key else covered


def decode(message):
    end = 18 if message[2] & 0x80 else 10
    bits, fields = int.from_bytes(message[2:end].ljust(16, b"\0"), "big"), {}
    for number in (number for number in range(2, 129) if bits >> (128 - number) & 1):
        fields[number], end = decode_field(number, message, end)
    need(encode(message[:2].hex(), fields) == message, "a filler, the second bitmap or the reply's length is wrong")
    return message[:2].hex(), fields


def cmac(key, data):
    state = cmac_module.CMAC(algorithms.AES(key))
    state.update(data)
    return state.finalize()


def derive(key, usage):
    algorithm = {16: "00020080", 32: "00040100"}[len(key)]
    inputs = (bytes.fromhex(f"{counter:02x}{usage}00{algorithm}") for counter in range(1, len(key) // 16 + 1))
    return b"".join(cmac(key, data) for data in inputs)


def unwrap(block, protection, header, lengths=(16, 32)):
    """The key inside a key block of exactly this header."""
    need(re.fullmatch(header + "[0-9A-Fa-f]{128}", block), f"key block is not {header} and 128 hex digits")
    mac = bytes.fromhex(block[-32:])
    cipher = Cipher(algorithms.AES(derive(protection, "0000")), modes.CBC(mac))
    clear = cipher.decryptor().update(bytes.fromhex(block[16:-32]))
    need(same(cmac(derive(protection, "0001"), header.encode() + clear), mac), f"MAC of key block {header} does not verify")
    bits = int.from_bytes(clear[:2], "big")
    need(bits in (8 * size for size in lengths), f"key block {header} holds a key of {bits} bits")
    return clear[2:2 + bits // 8]


def session_key(private, public, other):
    try:
        secret = private.exchange(X25519PublicKey.from_public_bytes(other))
    except ValueError:  # the library refuses a secret of zeros
        raise Failure("the mother POS's public key makes a secret of zeros", "--") from None
    return HKDF(hashes.SHA256(), 32, public + other, b"posgate mother v1").derive(secret)


def check_reply(name, request, message, key=None):
    """The fields of a reply of 00 that is all that the page says about it."""
    step, (mti, reply) = STEPS[name], decode(message)
    place, code = mac_place(reply), reply.get(39)
    need(int(mti, 16) == int(step.mti, 16) + 0x10, f"reply to {step.mti} has MTI {mti}")
    need(code is not None, "reply has no field 39")
    proven = key is not None and place in reply
    need(not proven or same(cmac(key, message[:-8])[:8], message[-8:]), "the reply's MAC does not verify")
    for number in step.echoed:
        got, sent = reply.get(number), request.get(number)
        need(got == sent or got is None and code != "00", f"field {number} of the reply is {got}, not {sent}")
    need(code == "00", "refused, " + ("MAC verified" if proven else "no MAC"), code)
    need(key is None or proven, "a 00 without a MAC")
    need(reply.get(37, "0").isdigit(), "field 37 is not 12 digits")
    exact = {12, 13, 39, *step.adds, *(request.keys() & set(step.echoed)), *([place] if key else [])}
    differs = exact ^ (reply.keys() - set(step.may))
    need(not differs, f"fields {sorted(differs & exact)} are missing, {sorted(differs - exact)} do not belong there")
    return reply


class Link:
    def __init__(self, address):
        host, _, port = address.rpartition(":")
        self.socket = socket.create_connection((host, int(port)), TIMEOUT)
        self.input = self.socket.makefile("rb")

    def read(self, count):
        data = self.input.read(count)
        need(len(data) == count, "the connection was closed before the reply was there")
        return data

    def exchange(self, message):
        self.socket.sendall(len(message).to_bytes(2, "big") + message)
        while not (length := int.from_bytes(self.read(2), "big")):
            pass  # a keep-alive
        need(10 <= length <= 4096, f"reply has a length of {length}")
        return self.read(length)


class Terminal:
    def __init__(self, options):
        self.options, self.stan, self.link = options, 0, None

    def ask(self, name, fields, key=None):
        self.stan += 1
        request = {**fields, **STEPS[name].fixed, 11: f"{self.stan:06d}"}
        return check_reply(name, request, self.link.exchange(encode(STEPS[name].mti, request, key)), key)

    def gateway_fields(self):
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%m%d%H%M%S")
        return {7: now, 41: self.options.tid.ljust(8), 42: self.options.mid.ljust(15), 62: self.smn}

    def key_request(self):
        self.link = Link(self.options.mother)
        private = X25519PrivateKey.generate()
        public = private.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        reply = self.ask("key-request", {62: self.options.serial, 63: public.hex().upper()})
        need(re.fullmatch("[0-9A-Fa-f]{64}", reply[63]), "field 63 is not 64 hex digits")
        need(re.fullmatch("[0-9]{8}", reply[62][:8]) and int(reply[62][:8]), "field 62 does not begin with a key index")
        self.smn = self.options.serial + reply[62][:8]
        self.tmk = unwrap(reply[62][8:], session_key(private, public, bytes.fromhex(reply[63])), "D0144K1AD00N0000")
        self.k_reg = derive(self.tmk, "8001")
        return f"SMN {self.smn}, TMK of {8 * len(self.tmk)} bits"

    def key_confirm(self):
        self.ask("key-confirm", {62: self.smn}, self.k_reg)

    def register(self):
        self.link = Link(self.options.gateway)
        self.ask("register", self.gateway_fields(), self.k_reg)

    def sign_on(self):
        keys = self.ask("sign-on", self.gateway_fields(), self.k_reg)[62]
        self.tpk = unwrap(keys[:144], self.tmk, "D0144P0AE00N0000", (len(self.tmk),))
        self.tak = unwrap(keys[144:], self.tmk, "D0144M6AC00N0000", (len(self.tmk),))
        return "MAC verified, TPK and TAK unwrapped"

    def authenticate(self):
        self.ask("authenticate", self.gateway_fields(), self.tak)

    def sale(self):
        card = {2: "6212345678900000003", 4: f"{self.options.amount:012d}", 22: "012", 25: "00", 49: "978"}
        reply = self.ask("sale", {**self.gateway_fields(), **card}, self.tak)
        return f"MAC verified, amount {self.options.amount}, RRN {reply[37]}, authorisation {reply.get(38, '-')}"

    def run(self):
        for name in STEPS:
            try:
                print(name, "00", getattr(self, name.replace("-", "_"))() or "MAC verified", flush=True)
            except (Failure, OSError) as failure:
                text, code = failure.args if isinstance(failure, Failure) else (failure, "--")
                print(name, code, "FAILED:", text)
                return 1
        return 0


def fails(function, *arguments):
    try:
        function(*arguments)
    except Failure as failure:
        return failure.args[1]


def check_frames(name, frames, keys):
    """Build each frame of an example again, then judge its reply as if it had just come."""
    for frame, key in zip(frames, keys):
        mti, fields = decode(frame[2:])
        fields.pop(mac_place(fields), None)
        message = encode(mti, fields, key)
        yield f"frame of MTI {mti}", len(message).to_bytes(2, "big") + message == frame
    if name == "refusal":
        yield "code", fails(check_reply, "authenticate", fields, message, bytes(32)) == "A0"
    elif len(frames) == 2:
        request, reply = decode(frames[0][2:])[1], frames[1][2:]
        yield "reply", check_reply(name, request, reply, keys[1])[39] == "00"
        yield "reply with another STAN", fails(check_reply, name, {**request, 11: "999999"}, reply, keys[1]) == "--"
        yield "reply under another key", not keys[1] or fails(check_reply, name, request, reply, bytes(32)) == "--"


def check_record(record):
    given = {what: bytes.fromhex(value) for what, value in record.items() if re.fullmatch("([0-9A-F]{2})+", value)}
    if "block" in record:
        block, under, header = record["block"], given.get("session key") or given["TMK"], record["header"]
        key = unwrap(block, under, header)
        yield header, (key, cmac(key, bytes(16))[:5]) == (given["key"], given["KCV"])
        yield f"{header} changed", fails(unwrap, block[:-1] + "01"[block[-1] == "0"], under, header) == "--"
    if "K_reg" in record:
        yield "K_reg", derive(given["TMK"], "8001") == given["K_reg"]
    if "terminal private" in record:
        private = X25519PrivateKey.from_private_bytes(given["terminal private"])
        yield "session key", session_key(private, given["terminal public"], given["mother public"]) == given["session key"]
        yield "secret of zeros", fails(session_key, private, given["terminal public"], bytes(32)) == "--"


def check_examples(text):
    """Work out the examples of the page: frames (hex alone) and records (`name: value`)."""
    for name, body in re.findall(r"<!-- example (\S+) -->\n(.*?)<!-- end", text, re.S):
        blocks = re.findall(r"```\n(.*?)```", body, re.S)
        pairs = [re.findall(r"^(\w[^:\n]*):\s+(.*(?:\n +.*)*)", block, re.M) for block in blocks]
        records = [{what: "".join(value.split()) for what, value in pair} for pair in pairs]
        frames = [bytes.fromhex(block) for block, record in zip(blocks, records) if not record]
        keys = [bytes.fromhex(record["MAC key"]) for record in records if "MAC key" in record] or [None] * len(frames)
        for check in (check_frames(name, frames, keys), *map(check_record, records)):
            yield from ((f"{name}: {what}", good) for what, good in check)


def self_check():
    results = list(check_examples(DOCUMENT.read_text()))
    failed = [f"FAILED: {what}" for what, good in results if not good]
    print(*failed, f"{len(results) - len(failed)} passed, {len(failed)} failed", sep="\n")
    return 1 if failed or not results else 0


def main():
    parser = argparse.ArgumentParser(description="A POS terminal written from docs/protocol.md alone.")
    parser.add_argument("--self-check", action="store_true", help="work out the examples of the page instead")
    for name in ("--mother", "--gateway", "--serial", "--tid", "--mid"):
        parser.add_argument(name, required="--self-check" not in sys.argv)
    parser.add_argument("--amount", type=int, default=1234, help="in the currency's smallest unit")
    options = parser.parse_args()
    return self_check() if options.self_check else Terminal(options).run()


if __name__ == "__main__":
    sys.exit(main())
