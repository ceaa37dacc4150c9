#!/usr/bin/python3
"""A POS terminal written from docs/protocol.md alone.

It shares no code with the project. What AES terminals do in it was written by somebody who had seen nothing but that page, what
TDES and SM4 ones do was added by the page alone. When it gets a key, registers, signs on and sells against the real programs,
the page is enough to write a terminal.
Each step prints `step code detail`; the code -- means that no reply was worth believing. It exits with 0 only when every
reply was 00 and had the MAC that the page promises. --self-check works out the examples of the page.
"""
import argparse
import collections
import datetime
import os
import pathlib
import re
import socket
import sys
import warnings
from hmac import compare_digest as same

from cryptography.hazmat.primitives import cmac as cmac_module, hashes, serialization
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

warnings.simplefilter("ignore")  # the library does not like TDES
CIPHERS = {"A": algorithms.AES, "T": algorithms.TripleDES, "4": algorithms.SM4}  # by a key block's letter
TMK_HEADERS = {"A": "D0144K1AD00N0000", "T": "D0112K1TD00N0000", "4": "D0112K14D00N0000"}
TMK_SIZES = {"A": (16, 32), "T": (16, 24), "4": (16,)}
TIMEOUT = 30  # seconds; the page asks for more than the host's 15
DOCUMENT = pathlib.Path(__file__).resolve().parents[2] / "docs" / "protocol.md"
# The fields that a terminal of this kind can meet: kind, digits of the length prefix (0: fixed), size.
FIELDS = {
    2: ("n", 2, 19), 3: ("n", 0, 6), 4: ("n", 0, 12), 7: ("n", 0, 10), 11: ("n", 0, 6), 12: ("n", 0, 6), 13: ("n", 0, 4),
    22: ("n", 0, 3), 25: ("n", 0, 2), 37: ("an", 0, 12), 38: ("an", 0, 6), 39: ("an", 0, 2), 41: ("ans", 0, 8),
    42: ("ans", 0, 15), 49: ("an", 0, 3), 52: ("b", 0, 8), 53: ("n", 0, 16), 59: ("ans", 3, 999), 54: ("an", 3, 120), 55: ("b", 3, 255), 62: ("ans", 3, 999), 63: ("ans", 3, 999),
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
    """The message without its length; with a key, a function that MACs, it gets its MAC as the last field."""
    fields = {**fields, mac_place(fields): bytes(8)} if key else fields
    second = any(number > 64 for number in fields)
    bitmap = (sum(1 << (128 - number) for number in fields) | second << 127).to_bytes(16, "big")
    body = b"".join(encode_field(number, fields[number]) for number in sorted(fields))
    covered = pack(mti) + bitmap[:16 if second else 8] + body[:-8 if key else None]
    return covered + key(covered) if key else covered


def decode(message):
    end = 18 if message[2] & 0x80 else 10
    bits, fields = int.from_bytes(message[2:end].ljust(16, b"\0"), "big"), {}
    for number in (number for number in range(2, 129) if bits >> (128 - number) & 1):
        fields[number], end = decode_field(number, message, end)
    need(encode(message[:2].hex(), fields) == message, "a filler, the second bitmap or the reply's length is wrong")
    return message[:2].hex(), fields


def cmac(key, data, letter="A"):
    state = cmac_module.CMAC(CIPHERS[letter](key))
    state.update(data)
    return state.finalize()


def crypt(letter, key, data, mode=None, decrypt=False):
    """ECB where no mode is given. TDES with one half is DES."""
    cipher = Cipher(CIPHERS[letter](key), mode or modes.ECB())
    return (cipher.decryptor() if decrypt else cipher.encryptor()).update(data)


def cmac_key(key, letter="A"):
    return lambda data: cmac(key, data, letter)[:8]


def retail_key(key):
    def mac(data):
        data += bytes(-len(data) % 8)
        last = crypt("T", key[:8], data, modes.CBC(bytes(8)))[-8:]
        return crypt("T", key[:8], crypt("T", key[8:], last, decrypt=True))
    return mac


def ecb_mac_key(key):
    def mac(data):
        data += bytes(-len(data) % 8)
        total = bytes(8)
        for at in range(0, len(data), 8):
            total = xor(total, data[at:at + 8])
        spelled = total.hex().upper().encode()
        return crypt("T", key, xor(crypt("T", key, spelled[:8]), spelled[8:])).hex().upper().encode()[:8]
    return mac


def xor(one, other):
    return bytes(a ^ b for a, b in zip(one, other))


def derive(key, usage, letter="A"):
    algorithm = {"A16": "0002", "A32": "0004", "T16": "0000", "T24": "0001", "416": "8004"}[letter + str(len(key))]
    count = 8 * len(key) // CIPHERS[letter].block_size
    inputs = (bytes.fromhex(f"{n:02x}{usage}00{algorithm}{8 * len(key):04x}") for n in range(1, count + 1))
    return b"".join(cmac(key, data, letter) for data in inputs)


def unwrap(block, protection, header, lengths=(16, 32)):
    """The key inside a key block of exactly this header: version D under AES, B under TDES."""
    letter, size = ("A", 16) if header[0] == "D" else ("T", 8)
    digits = int(header[1:5]) - 16
    need(re.fullmatch(header + "[0-9A-F]{%d}" % digits, block), f"key block is not {header} and {digits} hex digits")
    mac = bytes.fromhex(block[-2 * size:])
    data = bytes.fromhex(block[16:-2 * size])
    clear = crypt(letter, derive(protection, "0000", letter), data, modes.CBC(mac), decrypt=True)
    right = cmac(derive(protection, "0001", letter), header.encode() + clear, letter)
    need(same(right, mac), f"MAC of key block {header} does not verify")
    bits = int.from_bytes(clear[:2], "big")
    need(bits in (8 * size for size in lengths), f"key block {header} holds a key of {bits} bits")
    return clear[2:2 + bits // 8]


FORMS = {("T", 24): ((8, 0), (8, 0)), ("T", 40): ((16, 0), (8, 8)), ("T", 60): ((16, 0),) * 3,
         ("4", 40): ((16, 0),) * 2, ("4", 60): ((16, 0),) * 3}


def open_form(form, tmk, letter):
    """TPK, TAK and, where it has one, TDK; those of single length with both halves."""
    need((letter, len(form)) in FORMS, f"working keys in {len(form)} bytes")
    keys = []
    for size, zeros in FORMS[letter, len(form)]:
        key = crypt(letter, tmk, form[:size], decrypt=True) * (16 // size)
        check = crypt(letter, key, bytes(CIPHERS[letter].block_size // 8))[:4]
        need(form[size:size + zeros] == bytes(zeros), "the zeros behind a key of single length are none")
        need(same(form[size + zeros:][:4], check), "the check value of a working key is another one")
        keys.append(key)
        form = form[size + zeros + 4:]
    return keys


def pin_block(letter, key, pin, pan, random):
    """Of format 0 under TDES, of format 4 under the others."""
    form, filler = ("0", "F") if letter == "T" else ("4", "A")
    field = bytes.fromhex((form + f"{len(pin):X}" + pin).ljust(16, filler))
    if letter == "T":
        return crypt("T", key, xor(field, bytes.fromhex("0000" + pan[:-1][-12:].rjust(12, "0"))))
    pan_field = bytes.fromhex(f"{max(len(pan) - 12, 0)}{pan.rjust(12, '0')}".ljust(32, "0"))
    return crypt(letter, key, xor(crypt(letter, key, field + random), pan_field))


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
    need(not proven or same(key(message[:-8]), message[-8:]), "the reply's MAC does not verify")
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
        self.letter = reply[62][15:16]
        need(self.letter in CIPHERS, "the key block is of an algorithm that the page does not have")
        self.tmk = unwrap(reply[62][8:], session_key(private, public, bytes.fromhex(reply[63])),
                          TMK_HEADERS[self.letter], TMK_SIZES[self.letter])
        self.k_reg = cmac_key(derive(self.tmk, "8001", self.letter), self.letter)
        return f"SMN {self.smn}, TMK of {8 * len(self.tmk)} bits, algorithm {self.letter}"

    def key_confirm(self):
        self.ask("key-confirm", {62: self.smn}, self.k_reg)

    def register(self):
        self.link = Link(self.options.gateway)
        self.ask("register", self.gateway_fields(), self.k_reg)

    def sign_on(self):
        keys = self.ask("sign-on", self.gateway_fields(), self.k_reg)[62]
        if self.letter == "4":
            need(re.fullmatch("[0-9A-F]+", keys) and len(keys) % 2 == 0, "field 62 is not bytes in hexadecimal")
            self.tpk, tak = open_form(bytes.fromhex(keys), self.tmk, "4")[:2]
        else:
            headers = ("B0096P0TE00N0000", "B0096M3TC00N0000") if self.letter == "T" else \
                ("D0144P0AE00N0000", "D0144M6AC00N0000")
            size, length = (16 if self.letter == "T" else len(self.tmk),), int(headers[0][1:5])
            self.tpk = unwrap(keys[:length], self.tmk, headers[0], size)
            tak = unwrap(keys[length:], self.tmk, headers[1], size)
        self.tak = retail_key(tak) if self.letter == "T" else cmac_key(tak, self.letter)
        return "MAC verified, TPK and TAK unwrapped"

    def authenticate(self):
        self.ask("authenticate", self.gateway_fields(), self.tak)

    def sale(self):
        card = {2: "6212345678900000003", 4: f"{self.options.amount:012d}", 22: "012", 25: "00", 49: "978"}
        if self.options.pin:
            block = pin_block(self.letter, self.tpk, self.options.pin, card[2], os.urandom(8))
            card.update({52: block, 53: "0" * 16} if self.letter == "T" else {59: "A1032" + block.hex().upper()})
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
        yield "code", fails(check_reply, "authenticate", fields, message, cmac_key(bytes(32))) == "A0"
    elif len(frames) == 2:
        request, reply = decode(frames[0][2:])[1], frames[1][2:]
        yield "reply", check_reply(name, request, reply, keys[1])[39] == "00"
        yield "reply with another STAN", fails(check_reply, name, {**request, 11: "999999"}, reply, keys[1]) == "--"
        yield "reply under another key", not keys[1] or fails(check_reply, name, request, reply, cmac_key(bytes(32))) == "--"


def check_record(record, letter):
    given = {what: bytes.fromhex(value) for what, value in record.items() if re.fullmatch("([0-9A-F]{2})+", value)}
    if "block" in record:
        block, under, header = record["block"], given.get("session key") or given["TMK"], record["header"]
        key, tdes = unwrap(block, under, header), header[7] == "T"
        value = crypt("T", key, bytes(8))[:3] if tdes else cmac(key, bytes(16))[:5]
        yield header, (key, value) == (given["key"], given["KCV"])
        yield f"{header} changed", fails(unwrap, block[:-1] + "01"[block[-1] == "0"], under, header) == "--"
    if "K_reg" in record:
        yield "K_reg", derive(given["TMK"], "8001", letter) == given["K_reg"]
    if "form" in record:
        keys = open_form(given["form"], given["TMK"], letter)
        yield "keys", all(keys[i][:len(given[name])] == given[name]
                          for i, name in enumerate(("TPK", "TAK", "TDK")) if name in given)
        yield "changed form", fails(open_form, given["form"][:-1] + b"\0", given["TMK"], letter) == "--"
    for name, made in (("retail MAC", retail_key), ("ECB MAC", ecb_mac_key)):
        if name in record:
            yield name, made(given["TAK"])(given["bytes covered"]) == given[name]
    if "PIN block" in record:
        kind = "T" if len(given["TPK"]) == 16 else "A"
        made = pin_block(kind, given["TPK"], record["PIN"], record["PAN"], given["PIN field"][8:])
        yield "PIN block", made == given["PIN block"]
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
        keys = [cmac_key(bytes.fromhex(record["MAC key"])) for record in records if "MAC key" in record]
        letters = ["T" if "tdes" in name or "form" in record and record["TMK"][:2] != "A0" else "4" if "form" in record else "A"
                   for record in records]
        for check in (check_frames(name, frames, keys or [None] * len(frames)), *map(check_record, records, letters)):
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
    parser.add_argument("--pin", help="of the card holder, for the sale")
    parser.add_argument("--amount", type=int, default=1234, help="in the currency's smallest unit")
    options = parser.parse_args()
    return self_check() if options.self_check else Terminal(options).run()


if __name__ == "__main__":
    sys.exit(main())
