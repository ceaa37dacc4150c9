"""What the tests of the key room share: a mother POS asked by hand, and what both sides hold."""
import json
import os
import socket
import struct

from common import SchemeError, bcd


def request(port, code, fields, timeout=60):
    """One message of the mother POS link; returns the reply's field 39, or None when the connection
    ended first."""
    bits = 1 << 127 | 1 << (128 - 70) | 1 << (128 - 11)
    for number in fields:
        bits |= 1 << (128 - number)
    body = bcd("0800") + bits.to_bytes(16, "big") + bcd("000001")
    for number in sorted(fields):
        body += bcd("%04d" % len(fields[number])) + fields[number].encode()
    body += bcd("0" + code)
    try:
        with socket.create_connection(("127.0.0.1", port), timeout) as link:
            link.sendall(struct.pack(">H", len(body)) + body)
            size = struct.unpack(">H", read(link, 2))[0]
            reply = read(link, size)
    except (ConnectionError, EOFError):
        return None
    # MTI, two bitmaps, 11 (3 bytes), 12 (3), 13 (2), 39
    return reply[26:28].decode()


def read(link, size):
    data = b""
    while len(data) < size:
        more = link.recv(size - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def ask_key(port, serial, device):
    """A key request that is never confirmed; `device` makes the public key."""
    return request(port, "911", {62: serial, 63: ("%02X" % device) * 32})


def load_line(port, line):
    return request(port, "921", {62: line})


def mother(whole, name, *words, codes=(0,)):
    return whole.run(whole.program("posgate-emulator"), "mother", "--home", whole.path(name), *words,
                     codes=codes)


def mother_keys(whole, name):
    """{index: (state, serial, batch, kcv)} of a mother POS that does not run."""
    rows = [line.split("|") for line in mother(whole, name, "--list").splitlines()]
    return {row[0]: tuple(row[1:]) for row in rows}


def library_keys(whole, *words):
    """{index: (state, serial)} of the key library."""
    keys = {}
    for row in json.loads(whole.keymgmt("list", "--json", *words)):
        shown = json.loads(whole.keymgmt("show", row["index"], "--json"))
        keys[row["index"]] = (row["state"], shown["serial"])
    return keys


def states(whole):
    """{index: state} of the key library."""
    return {row["index"]: row["state"] for row in json.loads(whole.keymgmt("list", "--json"))}


def batches(whole):
    return {row["batch"]: row["state"]
            for row in json.loads(whole.keymgmt("list", "--batches", "--json"))}


def audit(whole):
    return json.loads(whole.keymgmt("audit", "show", "--json"))


def import_return(whole, path, *words, codes=(0,)):
    return json.loads(whole.keymgmt("import-return", path, "--json", *words, codes=codes))


def findings(answer):
    """[(finding, index, serial)]"""
    return [(row["finding"], row["index"], row["serial"]) for row in answer["findings"]]


def fails(call, *arguments, **options):
    """The text with which a command failed, or '' when it did not."""
    try:
        call(*arguments, **options)
    except SchemeError as error:
        return str(error)
    return ""


def count_lines(path):
    with open(path, encoding="ascii") as file:
        return len(file.readlines())


def exists(path):
    return os.path.exists(path)
