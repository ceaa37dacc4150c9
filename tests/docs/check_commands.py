#!/usr/bin/python3
"""Every command that a document shows exists, and so does each of its options.

usage: check_commands.py BIN_DIR

Reads README.md and docs/*.md: what stands in backquotes or on an indented or fenced line and begins
with `./run` or a program's name. Asks the program's own --help for the options; runs nothing else.
"""
import functools
import pathlib
import re
import shlex
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAMS = ("posgate-gateway", "posgate-keymgmt", "posgatectl", "posgate-emulator", "posgate-bench")
BEGINS = re.compile(r"(?:\./run|%s)(?= [a-z-])" % "|".join(PROGRAMS))
ENDS = re.compile(r"\s*(?:[|;&<>#]|\.\.\.|…|\\$)")


def shown_in(text):
    """(line number, command line) of each command; inside of a line it ends with its backquote."""
    fenced = False
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("```"):
            fenced = not fenced
        elif fenced or line.startswith("    "):
            command = re.sub(r"^(?:[A-Z_]+=\S+ |sudo )*", "", line.strip().removeprefix("$ "))
            if BEGINS.match(command):
                yield number, command
        else:
            for quoted in re.findall(r"`([^`]+)`", line):
                if BEGINS.match(quoted):
                    yield number, quoted


def words_of(command):
    try:
        return shlex.split(ENDS.split(command, 1)[0])
    except ValueError:  # an apostrophe of prose behind it
        return ENDS.split(command, 1)[0].split()


@functools.lru_cache(maxsize=None)
def help_of(*words):
    """What --help says behind these words; None when it is refused."""
    done = subprocess.run([*words, "--help"], cwd=ROOT, capture_output=True, text=True, timeout=30)
    return done.stdout if done.returncode == 0 else None


def options_known(help_text):
    return set(re.findall(r"(?<![\w-])--?[a-zA-Z][\w-]*", help_text))


def complaints(words, bin_dir):
    """What of a command is not there."""
    program = words[0] if words[0] == "./run" else str(bin_dir / words[0])
    known, asked = help_of(program), [program]
    if known is None:
        return ["%s has no --help" % words[0]]
    for before, word in zip(words, words[1:]):
        if not re.fullmatch(r"[a-z][a-z-]*", word) or (words[0] == "./run" and len(asked) > 1):
            continue  # a verb's own words are not verbs
        further = help_of(*asked, word)
        if further is not None:
            asked.append(word)
            known += further
        elif len(asked) == 1 and not before.startswith("-"):
            return ["%s has no command '%s'" % (words[0], word)]
    if words[0] == "./run" and len(asked) > 1 and asked[1] == "bench" and len(words) > 2 and \
            re.fullmatch(r"[a-z][a-z-]*", words[2]):
        return complaints(["posgate-bench", *words[2:]], bin_dir)
    options = options_known(known)
    return ["'%s' is not an option of it" % name
            for name in (word.split("=", 1)[0] for word in words[1:])
            if re.fullmatch(r"--[a-z][\w-]*", name) and name not in options and name != "--help"]


def main():
    bin_dir = pathlib.Path(sys.argv[1])
    passed = failed = 0
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        for number, command in shown_in(page.read_text()):
            wrong = complaints(words_of(command), bin_dir)
            for reason in wrong:
                print("%s:%d: %s: %s" % (page.name, number, command, reason))
            passed, failed = passed + (not wrong), failed + bool(wrong)
    print("%d passed, %d failed" % (passed, failed))
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
