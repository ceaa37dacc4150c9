"""A test program's counting: expect() notes one result, done() prints the last line and ends."""
import sys

_results = {True: 0, False: 0}


def expect(good, name, details=""):
    _results[bool(good)] += 1
    if not good:
        print("FAILED: %s%s" % (name, ": " + str(details) if details else ""))


def done():
    print("%d passed, %d failed" % (_results[True], _results[False]))
    sys.exit(1 if _results[False] else 0)
