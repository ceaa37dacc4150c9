#!/usr/bin/python3
"""tools/test-summary: counts are added up, and nothing that went wrong is counted as good.

usage: test_test_summary.py ROOT
"""
import os
import subprocess
import sys
import tempfile
from xml.sax.saxutils import escape, quoteattr

from counted import done, expect

ROOT = sys.argv[1]
CRITERION = "[====] Synthesis: Tested: %d | Passing: %d | Failing: %d | Crashing: %d"

# name, (status of ctest, output) of each program, last line, exit code
ROWS = [
    ("both kinds are added", [("run", CRITERION % (3, 3, 0, 0)), ("run", "x\n2 passed, 0 failed\n")],
     "5 passed, 0 failed", 0),
    ("skips are said", [("run", "2 passed, 0 failed, 4 skipped")],
     "2 passed, 0 failed, 4 skipped", 0),
    ("failures", [("fail", CRITERION % (3, 1, 2, 0)), ("run", "1 passed, 0 failed")],
     "2 passed, 2 failed", 1),
    ("a crash inside", [("fail", CRITERION % (3, 2, 0, 1))], "2 passed, 1 failed", 1),
    ("a program that crashed before it counted", [("fail", "Segmentation fault"),
                                                  ("run", "1 passed, 0 failed")],
     "1 passed, 1 failed", 1),
    ("a program that ended badly after it counted", [("fail", CRITERION % (3, 3, 0, 0))],
     "3 passed, 1 failed", 1),
    ("a failure that the exit code hides", [("run", "3 passed, 1 failed")],
     "3 passed, 1 failed", 1),
    ("a program that counted nothing", [("run", "fine"), ("run", "1 passed, 0 failed")],
     "1 passed, 1 failed", 1),
    ("zero tests", [("run", "0 passed, 0 failed")], "0 passed, 1 failed", 1),
    ("only skips", [("run", "0 passed, 0 failed, 3 skipped")],
     "0 passed, 1 failed, 3 skipped", 1),
    ("no program", [], "0 passed, 1 failed", 1),
    ("the last line counts", [("run", "7 passed, 0 failed\n1 passed, 0 failed\nbye")],
     "1 passed, 0 failed", 0),
    ("colours", [("run", "[1;34m[0m" + CRITERION % (2, 2, 0, 0))], "2 passed, 0 failed", 0),
    ("a sentence is not a count", [("run", "said 7 passed, 0 failed today")],
     "0 passed, 1 failed", 1),
]


def report(cases):
    rows = ["<testcase name=%s status=%s><system-out>%s</system-out></testcase>" % (
        quoteattr("t%d" % i), quoteattr(status), escape(output))
            for i, (status, output) in enumerate(cases)]
    return "<testsuite>" + "".join(rows) + "</testsuite>"


def summary(*paths):
    ended = subprocess.run([ROOT + "/tools/test-summary", *paths], capture_output=True, text=True,
                           check=False)
    return ended.returncode, ended.stdout.splitlines()[-1] if ended.stdout else ended.stderr


def main():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "dev.xml")
        for name, cases, line, code in ROWS:
            with open(path, "w", encoding="utf-8") as file:
                file.write(report(cases))
            expect(summary(path) == (code, line), name, summary(path))
        with open(path, "w", encoding="utf-8") as file:
            file.write(report(ROWS[0][1]))
        expect(summary(path, path) == (0, "10 passed, 0 failed"), "two reports")
        expect(summary(path, path + ".none")[0] != 0, "a report that is not there")
        expect(summary()[0] == 1, "no report at all")
    done()


main()
