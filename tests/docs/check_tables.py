#!/usr/bin/python3
"""Holds the tables of docs/protocol.md and docs/operations.md against what the code says of itself (dump_wire).

    check_tables.py DUMP_WIRE
"""
import pathlib
import re
import subprocess
import sys

DOCS = pathlib.Path(__file__).resolve().parents[2] / "docs"
PROTOCOL = (DOCS / "protocol.md").read_text()
OPERATIONS = (DOCS / "operations.md").read_text()


def rows(heading, document=PROTOCOL):
    """Cells of the table rows below a heading, up to the next heading."""
    section = document.split(f"\n{heading}\n", 1)[1]
    section = re.split(r"^#", section, maxsplit=1, flags=re.M)[0]
    for line in section.splitlines():
        if line.startswith("| "):
            yield [cell.strip() for cell in line.strip("|").split("|")]


def documented_fields():
    for number, kind, size, *_ in rows("### Table of fields"):
        if not number[0].isdigit():
            continue
        first, _, last = number.partition("-")
        for field in range(int(first), int(last or first) + 1):
            yield ("field", str(field)), (kind, size)


def documented_dialects():
    for what, *cells in rows("### What differs"):
        if what and len(cells) == 4 and not what.startswith("---"):
            yield ("dialect", what), tuple(cells)
    for cells in rows("### Field 60 and network messages of `cup`"):
        if len(cells) == 3 and re.fullmatch(r"[0-9]{3}", cells[0]):
            yield ("network", cells[0]), tuple(cells[1:])


def documented_messages():
    for cells in rows("## Messages to the gateway"):
        if len(cells) != 8 or cells[0] == "message" or not cells[1].isdigit():
            continue
        name, mti, code, processing, card, required, mac, echoed = cells
        processing = "any" if code != "-" else processing
        smn = "0" if name == "echo" else "1"
        yield ("message", name), ("gateway", mti, code, processing, smn,
                                  "0" if mac == "-" else "1", str(int(card == "2 or 35")),
                                  required, echoed)
    for code, name, _, required, _ in (cells for cells in rows("## The mother POS link")
                                       if len(cells) == 5 and len(cells[0]) == 3):
        needed = [field for field in required.split(", ") if field != "128"]
        smn = name == "key confirm"
        if smn:
            needed.remove("62")
        yield ("message", name.replace(" ", "-")), (
            "mother", "0800", code, "any", str(int(smn)), str(int("128" in required)), "0",
            ", ".join(needed), "11, 70")


def documented_responses():
    for heading in ("### Response codes of the gateway", "### Response codes of the mother POS"):
        for code, *_ in rows(heading):
            if re.fullmatch(r"[0-9A-Z]{2}", code) and code != "39":
                yield ("response", code), ()


def documented_refusals():
    yield ("refusal", "none"), ()  # what is not refused needs no words
    for reason, *_ in rows("## Why a request was refused", OPERATIONS):
        if reason != "reason":
            yield ("refusal", reason), ()


def dumped(program):
    output = subprocess.run([program], check=True, capture_output=True, text=True).stdout
    for line in output.splitlines():
        what, name, *rest = line.split("|")
        yield (what, name), tuple(rest)


def main():
    document = {**dict(documented_fields()), **dict(documented_dialects()),
                **dict(documented_messages()),
                **dict(documented_responses()), **dict(documented_refusals())}
    code = dict(dumped(sys.argv[1]))
    wrong = set()
    for key in sorted(document.keys() | code.keys()):
        if document.get(key) != code.get(key):
            wrong.add(key[0])
            print(f"{' '.join(key)}: the document says {document.get(key)}, the code {code.get(key)}")
    tables = {"field", "dialect", "network", "message", "response", "refusal"}
    for table in sorted(tables - {what for what, _ in code}):
        wrong.add(table)
        print(f"{table}: the code has no such table")
    print(f"{len(tables - wrong)} passed, {len(wrong)} failed")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
