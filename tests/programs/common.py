"""What the program tests share: counting, and a scheme in a folder of its own."""
import contextlib
import os
import shutil
import struct
import sys
import tempfile

BIN, SOURCE = sys.argv[1], sys.argv[2]
sys.path.insert(0, os.path.join(SOURCE, "tools"))

from scheme import Listener, Scheme, SchemeError  # noqa: E402  (the path comes first)

_results = {"passed": 0, "failed": 0, "skipped": 0}


def expect(good, name, details=""):
    _results["passed" if good else "failed"] += 1
    if not good:
        print("FAILED: %s%s" % (name, ": %s" % (details,) if details != "" else ""), flush=True)
    return good


def skip(name, why):
    _results["skipped"] += 1
    print("skipped: %s: %s" % (name, why), flush=True)


def done():
    skipped = ", %d skipped" % _results["skipped"] if _results["skipped"] else ""
    print("%d passed, %d failed%s" % (_results["passed"], _results["failed"], skipped))
    sys.exit(1 if _results["failed"] else 0)


@contextlib.contextmanager
def scheme():
    """A scheme in a temporary folder; the logs of its programs are shown when it ends badly."""
    folder = tempfile.mkdtemp(prefix="posgate-test-")
    whole = Scheme(BIN, folder)
    try:
        with whole:
            yield whole
    except Exception:
        for name in whole.logs:
            print("---- %s\n%s" % (name, whole.tail(name)[-4000:]))
        raise
    finally:
        sanitizer = [name for name in whole.logs if "Sanitizer" in whole.tail(name) or
                     "runtime error" in whole.tail(name)]
        for name in sanitizer:
            print("---- %s\n%s" % (name, whole.tail(name)[-8000:]))
        if sanitizer:
            expect(False, "no sanitizer finding", sanitizer)
        shutil.rmtree(folder, ignore_errors=True)


# ---- the least of the wire that a test needs: iso87b, written from docs/protocol.md ----

FIXED = {3: 6, 7: 10, 11: 6, 12: 6, 13: 4, 70: 3}
TEXT = {37: 12, 38: 6, 39: 2, 41: 8, 42: 15}


def bcd(digits):
    return bytes.fromhex(digits if len(digits) % 2 == 0 else "0" + digits)


def message(mti, fields):
    """An ISO 8583 message from {number: text or bytes}; the few fields that tests use."""
    bits = 0
    for number in fields:
        bits |= 1 << (128 - number)
    second = any(number > 64 for number in fields)
    if second:
        bits |= 1 << 127
    body = bcd(mti) + bits.to_bytes(16, "big")[:16 if second else 8]
    for number in sorted(fields):
        value = fields[number]
        if number in FIXED:
            body += bcd(value.rjust(FIXED[number], "0"))
        elif number in TEXT:
            body += value.ljust(TEXT[number]).encode()
        elif number == 62:
            body += bcd("%04d" % len(value)) + value.encode()
        else:
            body += value
    return body


def frame(body):
    return struct.pack(">H", len(body)) + body


def echo(stan, tid="TERM0001"):
    return frame(message("0800", {7: "1123090000", 11: "%06d" % stan, 41: tid, 70: "301"}))


def network(code, stan, smn, mac=b"\0" * 8, tid="TERM0001"):
    return frame(message("0800", {7: "1123090000", 11: "%06d" % stan, 41: tid, 62: smn,
                                  70: code, 128: mac}))


def frames_in(data):
    """Whole frames at the front of data, and the rest."""
    found = []
    while len(data) >= 2:
        size = struct.unpack(">H", data[:2])[0]
        if len(data) < 2 + size:
            break
        found.append(data[2:2 + size])
        data = data[2 + size:]
    return found, data


def code_of(body):
    """Field 39 of a reply that has none of the variable fields before it."""
    bits = int.from_bytes(body[2:10], "big")
    at = 10 + (8 if bits >> 63 else 0)
    for number in range(2, 39):
        if bits >> (64 - number) & 1:
            at += (FIXED[number] + 1) // 2 if number in FIXED else TEXT[number]
    return body[at:at + 2].decode() if bits >> (64 - 39) & 1 else ""


def stan_of(body):
    bits = int.from_bytes(body[2:10], "big")
    at = 10 + (8 if bits >> 63 else 0)
    for number in range(2, 11):
        if bits >> (64 - number) & 1:
            at += (FIXED[number] + 1) // 2
    return body[at:at + 3].hex()
