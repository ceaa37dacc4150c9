#!/usr/bin/python3
"""tools/check-format: this tree is in format, and a file that is not gets named.

usage: test_check_format.py ROOT
"""
import os
import shutil
import subprocess
import sys
import tempfile

from counted import done, expect

ROOT = sys.argv[1]


def check(root):
    ended = subprocess.run([ROOT + "/tools/check-format", root], stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, text=True, check=False)
    return ended.returncode, ended.stdout


def main():
    code, output = check(ROOT)
    expect(code == 0, "this tree", output)
    with tempfile.TemporaryDirectory() as tree:
        shutil.copy(os.path.join(ROOT, ".clang-format"), tree)
        path = os.path.join(tree, "planted.c")
        for text, wanted in (("int f(void)\n{\n    return 1;\n}\n", 0),
                             ("int f(void) { return 1; }\n", 1),
                             ("int f(void)\n{\n  return 1;\n}\n", 1)):
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            code, output = check(tree)
            expect((code != 0) == bool(wanted), repr(text), output)
            expect(("planted.c" in output) == bool(wanted), "named: " + repr(text), output)
        os.remove(path)
        expect(check(tree)[0] != 0, "a tree without a file is not in format")
    done()


main()
