#!/usr/bin/python3
"""tools/tables: the commands it gives, the figures it takes from their reports, what it says when one
fails, and when the disk has no room; with a posgate-bench that says what it is told.

usage: test_tables.py ROOT
"""
import collections
import importlib.machinery
import importlib.util
import json
import os
import subprocess
import sys
import tempfile

from counted import done, expect

TOOL = os.path.join(sys.argv[1], "tools", "tables")

# Makes the folder that it is to keep; ends with 1 when the file "fail" names the command line.
FAKE = """#!/usr/bin/python3
import json, os, sys
here = os.path.dirname(os.path.abspath(__file__))
line = " ".join(sys.argv[1:])
with open(os.path.join(here, "asked"), "a") as file:
    file.write(line + "\\n")
if "--keep" in sys.argv:
    os.makedirs(sys.argv[sys.argv.index("--keep") + 1])
if "--table" in sys.argv and not os.path.isdir(sys.argv[sys.argv.index("--table") + 1]):
    sys.exit("posgate-bench: no table")
fail = open(os.path.join(here, "fail")).read()
if fail and fail in line:
    sys.exit("posgate-bench: told to")
answers = json.load(open(os.path.join(here, "answers")))
which = "gateway" if sys.argv[1] == "auth" else "cached" if "--keep" in sys.argv else "disk"
print(json.dumps(dict(answers[which], machine="M", version="V", commit="C")))
"""


def fact(name, value):
    return {"name": name, "value": value, "unit": ""}


def subject(name, value):
    return {"name": name, "ns": {"median": value}}


ANSWERS = {
    "cached": {"facts": [fact("making", 11.5), fact("on disk, a row", 321)],
               "subjects": [subject("RocksDB, registered, 1 at once", 3456)]},
    "disk": {"facts": [fact("blocks read, registered, 1 at once", 0.97)],
             "subjects": [subject("RocksDB, registered, 1 at once", 71234)]},
    "gateway": {"cache_holds_all": False, "table_open_s": 1.25,
                "cpu_ratios": [{"median": 1.83}]},
}


def run(folder, fail, *options):
    program = os.path.join(folder, "posgate-bench")
    for name, text in (("posgate-bench", FAKE), ("fail", fail), ("answers", json.dumps(ANSWERS)),
                       ("asked", "")):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write(text)
    os.chmod(program, 0o755)
    ended = subprocess.run([TOOL, "--bin", folder, "--work", os.path.join(folder, "work"),
                            *options], text=True, check=False, stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE)
    with open(os.path.join(folder, "asked"), encoding="utf-8") as file:
        return ended.returncode, ended.stdout, ended.stderr, file.read().splitlines()


def cells(output):
    """{line's name: its texts}"""
    found = {}
    for line in output.splitlines():
        words = line.split("  ")
        found.setdefault(words[0], [word.strip() for word in words[1:] if word.strip()])
    return found


def check_figures(folder):
    out = [os.path.join(folder, name) for name in ("report", "table")]
    code, output, errors, asked = run(folder, "", "0.001", "0.5", "--json", out[0], "--markdown",
                                      out[1])
    expect(code == 0, "all is measured", errors)
    expect(len(asked) == 6 and "--rows 1000 " in asked[0] and "--rows 500000 " in asked[5],
           "three commands a size", asked)
    expect("--cache-mb 4" in asked[4] and "--cache-mb" not in asked[3],
           "one of them with a small cache", asked)
    found = cells(output)
    expect(found["million terminals"] == ["0.001", "0.5"], "a column for each size", output)
    for name, text in (("making it, s", "11.5"), ("hit, one at once, ns", "3456"),
                       ("hit from the disk, one at once, wall clock, ns", "71234"),
                       ("gateway: the cache holds the table", "no"), ("miss, 32 at once, ns", "-"),
                       ("gateway: CPU an authentication to bare epoll, x", "1.83")):
        expect(found.get(name) == [text, text], "%s is %s" % (name, text), output)
    expect("M; V, commit C" in output, "on what it was measured")
    expect(not os.path.exists(os.path.join(folder, "work", "table")), "no table is left")
    with open(out[0], encoding="utf-8") as file:
        report = json.load(file)
    expect([size["millions"] for size in report] == [0.001, 0.5] and
           report[0]["reports"]["cached"]["facts"], "the reports")
    with open(out[1], encoding="utf-8") as file:
        text = file.read()
    expect("| making it, s | 11.5 | 11.5 |" in text and "    ./run bench lookup --keep" in text,
           "the table and its commands in markdown", text)


def check_failures(folder):
    code, output, errors, asked = run(folder, "auth", "0.5")
    expect(code == 1 and "told to" in errors and len(asked) == 3, "one that fails is said", errors)
    expect(cells(output)["gateway: until it listens, s"] == ["-"] and
           cells(output)["making it, s"] == ["11.5"], "and the rest counts", output)
    code, _, errors, _ = run(folder, "lookup --keep", "0.5")
    expect(code == 1, "without a table nothing is measured", errors)
    expect(not os.path.exists(os.path.join(folder, "work", "table")), "no table is left")
    for words in (("0",), ("100",), ("many",), ("1", "--rounds", "x")):
        expect(run(folder, "", *words)[0] == 2, "wrong usage: " + " ".join(words))


def check_room(folder):
    loader = importlib.machinery.SourceFileLoader("tables", TOOL)
    sys.dont_write_bytecode = True
    tables = importlib.util.module_from_spec(importlib.util.spec_from_loader("tables", loader))
    loader.exec_module(tables)
    usage = collections.namedtuple("usage", "free")
    tables.shutil.disk_usage = lambda _: usage(30 << 30)
    tables.measure = lambda *_: expect(False, "something is made though there is no room")
    sys.argv = ["tables", "--bin", folder, "--work", folder, "10", "99"]
    stderr, sys.stderr = sys.stderr, tempfile.TemporaryFile("w+")
    code = tables.main()
    sys.stderr.seek(0)
    said, sys.stderr = sys.stderr.read(), stderr
    expect(code == 2 and "99 million terminals need 33." in said and "30.0 GiB free" in said,
           "no room for the largest is refused before the first", said)


def main():
    with tempfile.TemporaryDirectory() as folder:
        check_figures(folder)
        check_failures(folder)
        check_room(folder)
    done()


main()
