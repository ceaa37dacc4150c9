#!/usr/bin/python3
"""tools/check-functions: no function of this tree is too long, and one that is gets named.

usage: test_check_functions.py ROOT
"""
import os
import subprocess
import sys
import tempfile

from counted import done, expect

ROOT = sys.argv[1]


def check(root):
    ended = subprocess.run([ROOT + "/tools/check-functions", root], capture_output=True, text=True,
                           check=False)
    return ended.returncode, ended.stdout


def function(lines):
    return "static void f(void)\n{\n" + "    g();\n" * (lines - 2) + "}\n"


def main():
    code, output = check(ROOT)
    expect(code == 0, "this tree", output)
    with tempfile.TemporaryDirectory() as tree:
        path = os.path.join(tree, "planted.c")
        for lines, wanted in ((70, 0), (71, 1), (500, 1)):
            with open(path, "w", encoding="utf-8") as file:
                file.write(function(3) + function(lines))
            code, output = check(tree)
            expect(code == wanted, "%d lines" % lines, output)
            expect(("planted.c:6: a function of %d lines" % lines in output) == bool(wanted),
                   "%d lines are named" % lines, output)
        os.remove(path)
        expect(check(tree)[0] == 1, "a tree without a function is not clean")
    done()


main()
