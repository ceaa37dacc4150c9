#!/usr/bin/python3
"""tools/bench-table: what is met, missed and not measured, with a posgate-bench that says what it
is told.

usage: test_bench_table.py ROOT
"""
import json
import os
import subprocess
import sys
import tempfile

from counted import done, expect

TOOL = os.path.join(sys.argv[1], "tools", "bench-table")

# Answers by command, or by what else stands in the command line; "end N" ends with N.
FAKE = """#!/usr/bin/python3
import json, os, sys, time
answers = json.load(open(os.path.join(os.path.dirname(__file__), "answers")))
line = " ".join(sys.argv[1:])
with open(os.path.join(os.path.dirname(__file__), "asked"), "a") as file:
    file.write(line + "\\n")
for words, answer in answers:
    if words in line:
        if isinstance(answer, str) and answer.startswith("end"):
            sys.exit("posgate-bench: told to") if answer == "end 1" else sys.exit(int(answer[4:]))
        if answer == "sleep":
            time.sleep(60)
        print(answer if isinstance(answer, str) else json.dumps(answer))
        sys.exit(0 if isinstance(answer, str) else answer.get("exit", 0))
sys.stderr.write("posgate-bench: there is no command\\na hint\\n")
sys.exit(2)
"""


def server(name, **measures):
    return {"name": name, **{measure: {"median": sorted(values)[len(values) // 2], "rounds": values}
                             for measure, values in measures.items()}}


def auth(gateway, other="bare epoll", below=(10, 20, 10)):
    return {"servers": [server(other, cpu_us_per_request=list(below)),
                        server("posgate-gateway", cpu_us_per_request=list(gateway))]}


def check(name, value, limit, sense="at most"):
    return {"name": name, "value": {"median": value}, "limit": limit, "sense": sense, "unit": "x"}


def run(folder, answers, *options):
    """(exit code, {(number, name): outcome}, output, command lines that were asked)."""
    program = os.path.join(folder, "posgate-bench")
    with open(program, "w", encoding="utf-8") as file:
        file.write(FAKE)
    os.chmod(program, 0o755)
    asked = os.path.join(folder, "asked")
    with open(os.path.join(folder, "answers"), "w", encoding="utf-8") as file:
        json.dump(answers, file)
    with open(asked, "w", encoding="utf-8"):
        pass
    found = subprocess.run([TOOL, "--bin", folder, "--work", os.path.join(folder, "work"), "--json",
                            os.path.join(folder, "out"), *options], text=True, check=False,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    with open(os.path.join(folder, "out"), encoding="utf-8") as file:
        rows = json.load(file)["figures"]
    with open(asked, encoding="utf-8") as file:
        lines = file.read().splitlines()
    return found.returncode, {(row["number"], row["name"]): row["outcome"] for row in rows}, \
        found.stdout, lines


CASES = [
    # name, answers, targets, exit code, outcomes
    ("a ratio that is kept, round by round", [("auth --keep", auth((18, 36, 18)))], "1", 0,
     {("1", ""): "met"}),
    ("a ratio that is not", [("auth --keep", auth((19, 38, 19)))], "1", 3, {("1", ""): "missed"}),
    ("a command that is not there", [], "1", 1, {("1", ""): "not measured"}),
    ("a run that failed, whatever it says", [("auth --keep", {"exit": 1, **auth((18, 36, 18))})],
     "1", 1, {("1", ""): "not measured"}),
    ("a run whose own limits were missed is judged here",
     [("auth --keep", {"exit": 3, **auth((18, 36, 18))})], "1", 0, {("1", ""): "met"}),
    ("a run that says nothing", [("auth --keep", "end 1")], "1", 1, {("1", ""): "not measured"}),
    ("a gateway that is not there", [("auth --keep", "end 69")], "1", 1,
     {("1", ""): "not measured"}),
    ("no JSON", [("auth --keep", "fast")], "1", 1, {("1", ""): "not measured"}),
    ("CPU time that is not known", [("auth --keep", auth((0, 0, 0)))], "1", 1,
     {("1", ""): "not measured"}),
    ("another server than the target's", [("auth --keep", auth((1, 1, 1), "redis GET"))], "1", 1,
     {("1", ""): "not measured"}),
    ("no rounds", [("auth --keep", {"servers": []})], "1", 1, {("1", ""): "not measured"}),
    ("a difference in microseconds",
     [("--vs mac=on", {"servers": [server("posgate-gateway", cpu_us_per_request=[10, 12]),
                                   server("gateway, mac=on", cpu_us_per_request=[10.5, 12.6])]})],
     "4", 0, {("4", ""): "met"}),
    ("a difference that is too large",
     [("--vs mac=on", {"servers": [server("posgate-gateway", cpu_us_per_request=[10, 12]),
                                   server("gateway, mac=on", cpu_us_per_request=[10.7, 12.8])]})],
     "4", 3, {("4", ""): "missed"}),
    ("checks are judged one by one, by this table and not by what they state",
     [("lookup", {"checks": [check("unregistered/1", 0.3, 99), check("unregistered/32", 0.2, 0),
                             check("other", 9, 9)]})],
     "6", 3, {("6", "unregistered/1"): "missed", ("6", "unregistered/32"): "met"}),
    ("checks of another name", [("lookup", {"checks": [check("other", 0, 9)]})], "6", 1,
     {("6", ""): "not measured"}),
    ("at least so much, and no less",
     [("register", {"checks": [check("committer", 50, 99, "at least"),
                               check("sockets", 9.9, 1, "at least")]}),
      ("mixed", {"checks": [check("p99", 1.6, 9)]})],
     "7", 3, {("7", "committer"): "met", ("7", "sockets"): "missed", ("7", "p99"): "missed"}),
    ("one missed and one not measured", [("connections", {"servers": [
        server("posgate-gateway", bytes_used=[615])]})], "10,11", 3,
     {("10", ""): "not measured", ("11", ""): "missed"}),
    ("bytes that are few enough", [("connections", {"servers": [
        server("posgate-gateway", bytes_used=[614])]})], "11", 0, {("11", ""): "met"}),
]


def main():
    with tempfile.TemporaryDirectory() as folder:
        for name, answers, only, code, outcomes in CASES:
            got = run(folder, answers, "--only", only)
            expect(got[0] == code and got[1] == outcomes, name, got[:3])
            wanted = "%d met, %d missed, %d not measured" % tuple(
                list(outcomes.values()).count(word) for word in ("met", "missed", "not measured"))
            expect(wanted in got[2], name + ": the last line", got[2])
        code, outcomes, output, asked = run(folder, [("auth", auth((18, 36, 18)))], "--only", "1,5,12")
        expect(sum("--keep" in line for line in asked) == 1, "the large table is made once", asked)
        expect("--keep" in asked[0] and all("--table" in line for line in asked[1:]),
               "and before what reads it", asked)
        expect("./run bench " + asked[0][:-len(" --json")] in output, "a line names its command", output)
        code, outcomes, output, asked = run(folder, [("auth", "sleep")], "--only", "1,11",
                                            "--minutes", "0.02")
        expect(code == 1 and set(outcomes.values()) == {"not measured"} and len(asked) == 1,
               "time is bounded, and what had none is not measured", (code, outcomes, asked))
        code, outcomes, output, asked = run(folder, [
            ("--aa", {"cpu_ratios": [{"median": 1.01, "low": 0.9, "high": 1.25}]})])
        expect("noise: bare epoll to itself 1.01 x (0.90 to 1.25)" in output, "the noise is shown",
               output)
        code, outcomes, output, asked = run(folder, [])
        expect("noise: not measured" in output, "or that it is not known", output)
        numbers = {number for number, _ in outcomes}
        expect(numbers == {str(number) for number in range(1, 13)}, "every target is in the table",
               numbers)
        expect(code == 1 and set(outcomes.values()) == {"not measured"}, "nothing is met by itself")
    done()


main()
