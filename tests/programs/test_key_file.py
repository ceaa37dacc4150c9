"""Key files that are not as they were written, through the real keymgmt and mother POS: each is refused
with a reason that names it, the batch stays exported, and nothing of it can be handed out."""
import os

from common import done, expect, scheme
from keyroom import ask_key, batches, fails, load_line, mother_keys

NAME, OTHER = "MPOS0001", "MPOS0002"


def changed(lines, at, old, new):
    lines = list(lines)
    assert old in lines[at]
    lines[at] = lines[at].replace(old, new, 1)
    return lines


def other_digit(lines, at, column):
    line = lines[at]
    digit = "1" if line[column] != "1" else "2"
    return lines[:at] + [line[:column] + digit + line[column + 1:]] + lines[at + 1:]


def swapped(lines, a, b):
    lines = list(lines)
    lines[a], lines[b] = lines[b], lines[a]
    return lines


def cases(lines, other):
    last = len(lines) - 1
    yield "a digit of the batch number", changed(lines, 0, "batch=00000001", "batch=00000003")
    yield "the time", changed(lines, 0, "Z|alg", "X|alg")
    yield "a second of the time", other_digit(lines, 0, lines[0].index("Z|alg") - 1)
    yield "the destination", changed(lines, 0, "dest=MPOS0001", "dest=MPOS0002")
    yield "the KTK's check value", other_digit(lines, 0, lines[0].index("ktkkcv=CMAC:") + 12)
    yield "the count", changed(lines, 0, "count=4", "count=3")
    yield "an index", changed(lines, 2, "00000002", "00000009")
    yield "a digit of a key block", other_digit(lines, 2, 100)
    yield "a check value", other_digit(lines, 2, len(lines[2]) - 2)
    yield "a digit of the MAC", other_digit(lines, last, len(lines[last]) - 3)
    yield "lower case", changed(lines, last, "CMAC", "cmac")
    yield "two keys swapped", swapped(lines, 1, 2)
    yield "header and key swapped", swapped(lines, 0, 1)
    yield "a key doubled", lines[:2] + lines[1:]
    yield "the trailer doubled", lines + lines[-1:]
    yield "the header doubled", lines[:1] + lines
    yield "a key left out", lines[:2] + lines[3:]
    yield "a key of another file", lines[:2] + [other[2].replace("00000006", "00000002")] + lines[3:]
    yield "CR LF", [line.replace("\n", "\r\n") for line in lines]
    for at in range(len(lines)):
        yield "cut behind line %d" % at, lines[:at]
    yield "cut within the last line", lines[:-1] + [lines[-1][:-9]]
    yield "cut before the last line feed", lines[:-1] + [lines[-1][:-1]]


def main():
    with scheme() as whole:
        whole.init_keys(2)
        whole.init_mother(NAME)
        whole.init_mother(OTHER)
        whole.generate(4)
        whole.generate(4)
        good, other = whole.export(1, NAME), whole.export(2, OTHER)
        with open(good, encoding="ascii") as file:
            lines = file.readlines()
        with open(other, encoding="ascii") as file:
            other_lines = file.readlines()
        port = whole.mother_ports[NAME]
        whole.start_mother(NAME)
        bad = whole.path("bad.keys")
        for name, text in cases(lines, other_lines):
            with open(bad, "w", encoding="ascii", newline="") as file:
                file.write("".join(text))
            said = fails(whole.load, NAME, bad)
            # what only the MAC shows is found by the mother POS, which holds the KTK
            named = "bad.keys" in said.split("\n", 1)[-1] or "(63)" in said
            expect(said != "" and named, "%s: refused, and it says what" % name, said)
        expect(batches(whole) == {1: "exported", 2: "exported"}, "no batch is loaded by any of them")
        expect(ask_key(port, "EARLY001", 1) == "51", "no key of any of them can be had")
        log = whole.tail(NAME)
        expect(log.count("load-refused") > 0 and log.count("load-refused") == log.count('why="'),
               "the mother POS says why in its log")
        expect(fails(whole.load, NAME, other) != "", "another mother POS's file")
        expect("another mother POS" in whole.tail(NAME), "and why")
        expect(load_line(port, lines[2].rstrip("\n")) == "77", "a line before its header")
        whole.load(NAME, good)
        expect(ask_key(port, "EARLY001", 1) == "00", "the true file is taken after all of them")
        expect("loaded into MPOS0001 already" in fails(whole.load, NAME, good), "and once")
        expect(load_line(port, lines[0].rstrip("\n")) == "63", "an old batch again")
        whole.stop(NAME)
        expect(sorted(mother_keys(whole, NAME)) == ["0000000%d" % i for i in range(1, 5)],
               "the mother POS holds what the true file says")
        os.unlink(bad)
    done()


main()
