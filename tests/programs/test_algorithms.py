"""Terminals of every algorithm through the whole scheme, with PINs: a small version of the demo's
story of algorithms, with another ZPK and ZAK, and a closer look at what is left behind. Each algorithm
in iso87b and cup, SM4 in every dialect, the 40-byte form with UnionPay's ECB MAC."""
import glob
import os
import re
import shutil
import subprocess
import sys
import types

from common import BIN, SOURCE, done, expect, scheme
from demo_algorithms import WAYS, AlgorithmsDemo
from invariants import read

PREFIXES = ("T2B", "T2C", "T3B", "T3C", "A1B", "A1C", "A2B", "A2C", "S4B", "S4A", "S4X", "S4C",
            "T2CF")
OPTIONS = types.SimpleNamespace(algorithms="all", terminals=2 * len(PREFIXES), keep=None)
SECRETS = ("components-*", "zpk-*.key", "zak-*.key", "terminals-[TAS]*")


def events_of(whole, way):
    """What the terminals' store noted, as parts of lines."""
    path = whole.path("terminals-" + way.prefix, "terminals.keys")
    with open(path, encoding="ascii") as lines:
        return [line.rstrip("\n").split("|") for line in lines]


def check_store(whole, way):
    """The keys came in the shape that key and dialect call for, and the second pair is another."""
    signed_on = [words for words in events_of(whole, way) if words[0] == "signed-on"
                 and words[1].endswith("2")]
    if not expect(len(signed_on) == 2, way.name + ": signed on twice", len(signed_on)):
        return
    bare = way.alg == "SM4" or (way.tdes() and way.dialect == "cup")
    form = [way.kind[1]] if bare else []
    has_track_key = form == ["60"]
    for words in signed_on:
        expect(words[4:5] == form and len(words) == 4 + len(form) + has_track_key,
               way.name + ": the form of its keys", words[4:5])
    if form == ["40"] and way.tdes():
        expect(all(words[3][:16] == words[3][16:] for words in signed_on),
               way.name + ": a TAK of single length")
    fresh = [signed_on[0][i] != signed_on[1][i] for i in (2, 3) + ((5,) if has_track_key else ())]
    expect(all(fresh), way.name + ": the second pair is another", fresh)


def check_algorithm(whole, way):
    keys = [words for words in events_of(whole, way) if words[0] == "key"]
    expect(len(keys) == 2 and all(words[3] == way.alg for words in keys),
           way.name + ": keys of its algorithm", [words[3] for words in keys])


def check_refusals(whole, demo):
    """Each PIN block that was refused counts; the log has the same words for each, and tells of those
    that it passed over when the next is due, if one comes."""
    due = 2 * len(demo.ways)
    counted = whole.metrics()['posgate_refusals_total{reason="pin"}']
    expect(counted == due, "PIN blocks refused", counted)
    lines = re.findall(r"warning pin-refused (.*)", whole.tail("gateway"))
    wrong = [line for line in lines if not re.fullmatch(r"smn=[0-9A-Z]{16} suppressed=\d+", line)]
    told = len(lines) + sum(int(line.rsplit("=", 1)[1]) for line in lines)
    expect(0 < told <= due and not wrong, "each in the same words", (told, wrong))


def check_pins_are_nowhere(whole, demo):
    """The long ones: four digits may stand anywhere by chance."""
    long_pins = {pin for pins in demo.pins.values() for pin in pins if len(pin) >= 9}
    expect(len(long_pins) >= 5, "there are PINs to look for", len(long_pins))
    for path in glob.glob(whole.path("**", "*"), recursive=True):
        if not os.path.isfile(path) or path == whole.path("told-pins"):
            continue
        content = read(path)
        found = [pin for pin in long_pins if pin.encode() in content]
        expect(not found, "no PIN in " + os.path.basename(path), len(found))


def check_no_clear_key(whole):
    """Every key that a terminal or the host held, looked for in all that the others wrote."""
    keys = set()
    for path in glob.glob(whole.path("terminals-[TAS]*", "terminals.keys")):
        with open(path, encoding="ascii") as lines:
            for words in (line.rstrip("\n").split("|") for line in lines):
                if words[0] in ("key", "signed-on"):
                    keys.update(word for word in words[2:] if re.fullmatch("[0-9A-F]{32,64}", word))
    for path in glob.glob(whole.path("z?k-*.key")):
        with open(path, encoding="ascii") as file:
            keys.add(file.read().split()[1])
    kept = whole.path("..", os.path.basename(whole.folder) + "-secrets")
    os.mkdir(kept)
    try:
        for pattern in SECRETS:
            for path in glob.glob(whole.path(pattern)):
                shutil.move(path, kept)
        keys_file = os.path.join(kept, "clear-keys")
        with open(keys_file, "w", encoding="ascii") as out:
            out.write("".join(key + "\n" for key in sorted(keys)))
        scan = [os.path.join(BIN, "key_scan"), keys_file, whole.folder]
        ran = subprocess.run(scan, text=True, capture_output=True, check=False)
        expect(len(keys) > 100 and ran.returncode == 0, "no clear key in any file",
               ran.stdout[-400:])
        with open(whole.path("planted"), "wb") as out:
            out.write(b"before" + bytes.fromhex(sorted(keys)[7]) + b"behind")
        ran = subprocess.run(scan, text=True, capture_output=True, check=False)
        expect(ran.returncode == 1 and "planted" in ran.stdout, "a planted key is found")
    finally:
        shutil.rmtree(kept)


def check_options():
    ran = subprocess.run([sys.executable, os.path.join(SOURCE, "tools", "demo.py"), "--bin", BIN,
                          "--algorithms", "T2,T9"], capture_output=True, text=True, check=False)
    expect(ran.returncode == 2 and "SM4" in ran.stderr, "an algorithm that there is not",
           ran.stderr)


def main():
    check_options()
    with scheme() as whole:
        ways = [way for way in WAYS if way.prefix in PREFIXES]
        expect(len(ways) == len(PREFIXES), "the ways are there")
        demo = AlgorithmsDemo(whole, OPTIONS, ways, zpk="T2", zak="A256")
        demo.run()
        for text in demo.wrong:
            expect(False, text)
        for way in ways:
            row = demo.counts[way.prefix]
            expect(row["refused"] == "97 A0 63 99 99", way.name + ": refusals", row["refused"])
            expect(row["PIN"] == len(way.pin_formats()), way.name + ": sales with PIN", row)
            check_algorithm(whole, way)
            check_store(whole, way)
        check_refusals(whole, demo)
        check_pins_are_nowhere(whole, demo)
        check_no_clear_key(whole)
    done()


main()
