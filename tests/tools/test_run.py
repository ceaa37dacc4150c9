#!/usr/bin/python3
"""run: every verb that help names is there and explains itself, and wrong words are refused.

usage: test_run.py ROOT
"""
import json
import re
import subprocess
import sys

from counted import done, expect

ROOT = sys.argv[1]


def run(*words):
    ended = subprocess.run([ROOT + "/run", *words], stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, text=True, check=False)
    return ended.returncode, ended.stdout


def main():
    code, output = run("help")
    verbs = re.findall(r"^  ([a-z]+) ", output, re.MULTILINE)
    expect(code == 0 and len(verbs) >= 8, "help lists the verbs", output)
    with open(ROOT + "/run", encoding="utf-8") as file:
        defined = re.findall(r"^verb_([a-z]+)\(\)", file.read(), re.MULTILINE)
    expect(sorted(verbs) == sorted(defined), "help lists exactly the verbs that exist", defined)
    for verb in verbs:
        code, output = run(verb, "--help")
        expect(code == 0 and output.startswith("usage: ./run"), verb + " --help", output)
    expect(run("frobnicate")[0] == 2, "an unknown verb is wrong usage")
    for words in (("deps", "--everything"), ("test", "now"), ("crash", "0"), ("crash", "many"),
                  ("clean", "all"), ("lint", "x"), ("build", "dev", "asan"),
                  ("fuzz", "nothing"), ("fuzz", "--minutes", "few"), ("coverage", "x")):
        expect(run(*words)[0] == 2, "wrong usage: " + " ".join(words))
    with open(ROOT + "/.ci/run", encoding="utf-8") as file:
        script = file.read()
    expect("exec ./run test" in script, ".ci/run runs all tests")
    expect("./run deps --all" in script, ".ci/run gets the tools that tests can do without")
    with open(ROOT + "/tests/programs/npm/package-lock.json", encoding="utf-8") as file:
        lock = file.read()
    packages = json.loads(lock)["packages"]
    packages.pop("")
    expect(all("integrity" in package for package in packages.values()),
           "npm's packages are pinned by their hashes")
    expect("resolved" not in lock and "://" not in lock, "and come from no named place")
    done()


main()
