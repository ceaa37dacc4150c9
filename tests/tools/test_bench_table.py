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


def fact(name, value):
    return {"name": name, "value": value, "unit": ""}


def churn(*values):
    return {"servers": [{"name": "posgate-gateway", "churn": {"bytes_used": list(values)}}]}


def loops(*counts):
    return {"by_loop": [{"connections": count} for count in counts]}


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
    outcomes = {}
    for row in rows:
        outcomes.setdefault((row["number"], row["name"]), []).append(row["outcome"])
    return found.returncode, outcomes, found.stdout, lines


CASES = [
    # name, answers, targets, exit code, outcomes
    ("a ratio that is kept, round by round", [("auth --table", auth((18, 36, 18)))], "1", 0,
     {("1", ""): "met"}),
    ("a ratio that is not", [("auth --table", auth((19, 38, 19)))], "1", 3, {("1", ""): "missed"}),
    ("a command that is not there", [], "1", 1, {("1", ""): "not measured"}),
    ("a run that failed, whatever it says", [("auth --table", {"exit": 1, **auth((18, 36, 18))})],
     "1", 1, {("1", ""): "not measured"}),
    ("a run whose own limits were missed is judged here",
     [("auth --table", {"exit": 3, **auth((18, 36, 18))})], "1", 0, {("1", ""): "met"}),
    ("a run that says nothing", [("auth --table", "end 1")], "1", 1, {("1", ""): "not measured"}),
    ("a gateway that is not there", [("auth --table", "end 69")], "1", 1,
     {("1", ""): "not measured"}),
    ("no JSON", [("auth --table", "fast")], "1", 1, {("1", ""): "not measured"}),
    ("CPU time that is not known", [("auth --table", auth((0, 0, 0)))], "1", 1,
     {("1", ""): "not measured"}),
    ("another server than the target's", [("auth --table", auth((1, 1, 1), "redis GET"))], "1", 1,
     {("1", ""): "not measured"}),
    ("no rounds", [("auth --table", {"servers": []})], "1", 1, {("1", ""): "not measured"}),
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
    ("what a flood leaves", [("flood", {"checks": [check("p99", 1.9, 2)], "facts": [
        fact("commits and syncs while flooded", 0),
        fact("memory more after the last flood", 1025)]})], "flood", 3,
     {("flood", "p99"): "met", ("flood", ""): "met, missed"}),
    ("a flood that does not say whether there were writes", [("flood", {
        "checks": [check("p99", 1.9, 2)], "facts": []})], "flood", 1,
     {("flood", "p99"): "met", ("flood", ""): "not measured, not measured"}),
    ("a second that stands still, in nanoseconds", [("stall", {"checks": [
        check("p99.9", 960e6, 0), check("max", 989e6, 0)]})], "stall", 3,
     {("stall", "p99.9"): "met", ("stall", "max"): "missed"}),
    ("memory after churn", [("--churn", churn(100, 500, 525))], "churn", 0, {("churn", ""): "met"}),
    ("memory that grows", [("--churn", churn(520, 500, 526))], "churn", 3, {("churn", ""): "missed"}),
    ("loops that share, and loops that share too little", [
        ("--count 400", loops(160, 240)), ("--count 19000", loops(9000, 10000))], "loops", 3,
     {("loops", ""): "met, missed"}),
]


def but_not_part(outcomes):
    """{name: "met, missed"}: those of one name in their order."""
    judged = {name: [outcome for outcome in of if outcome != "not part"]
              for name, of in outcomes.items()}
    return {name: ", ".join(of) for name, of in judged.items()}


def check_cases(folder):
    for name, answers, only, code, outcomes in CASES:
        got = run(folder, answers, "--only", only)
        expect(got[0] == code and but_not_part(got[1]) == outcomes, name, got[:3])


def check_last_line(folder):
    _, outcomes, output, _ = run(folder, [("connections", {"servers": [
        server("posgate-gateway", bytes_used=[614])]})], "--only", "8,10,11")
    every = [outcome for of in outcomes.values() for outcome in of]
    expect(every.count("met") == 1 and every.count("not part") == 3, "what is not part", every)
    wanted = ", ".join("%d %s" % (every.count(word), word)
                       for word in ("met", "missed", "not measured", "not part"))
    expect(wanted in output, "the last line counts", output)
    expect("there is no TLS yet" in output, "and says why", output)


def check_commands(folder):
    _, _, output, asked = run(folder, [("auth", auth((18, 36, 18)))], "--only", "1,5,12")
    asked = [line for line in asked if line.startswith("auth")]
    expect(sum("--keep" in line for line in asked) == 1, "the large table is made once", asked)
    expect("--keep" in asked[0] and all("--table" in line for line in asked[1:]),
           "and before what reads it", asked)
    expect("./run bench " + asked[1][:-len(" --json")] in output, "a line names its command", output)
    _, _, _, asked = run(folder, [], "--only", "10")
    expect(not any("--keep" in line for line in asked), "it is not made for nobody", asked)


def check_time(folder):
    code, outcomes, _, asked = run(folder, [("auth", "sleep")], "--only", "1,10", "--minutes", "0.02")
    asked = [line for line in asked if not line.startswith("limits")]
    expect(code == 1 and len(asked) == 1 and
           set(but_not_part(outcomes).values()) == {"not measured"},
           "time is bounded, and what had none is not measured", (code, outcomes, asked))


def check_head(folder):
    path = os.path.join(folder, "table.md")
    _, outcomes, output, _ = run(folder, [
        ("--aa", {"cpu_ratios": [{"median": 1.01, "low": 0.9, "high": 1.25}], "machine": "A machine",
                  "commit": "abc123", "version": "posgate 1", "versions": {"libuv": "1.44"}}),
        ("flood", {"checks": [check("p99", 1.9, 2)]})], "--only", "flood", "--markdown", path)
    with open(path, encoding="utf-8") as file:
        text = file.read()
    for word in ("A machine", "abc123", "posgate 1", "libuv 1.44", "redis ", "10000000 rows",
                 "noise: bare epoll to itself 1.01 x (0.90 to 1.25)"):
        expect(word in output and word in text, "the head says %s" % word, (output, text))
    lines = [line for line in text.splitlines() if line.startswith("| flood")]
    expect(len(lines) == 3 and "| met | `./run bench flood` |" in lines[0] and
           "not measured: the report does not say" in lines[1], "and the table the rest", lines)


def check_nothing(folder):
    code, outcomes, output, _ = run(folder, [])
    expect("noise: not measured" in output, "noise may be unknown", output)
    numbers = {number for number, _ in outcomes}
    expect(numbers >= {str(number) for number in range(1, 13)}, "every target is in the table",
           numbers)
    expect(code == 1 and set(", ".join(but_not_part(outcomes).values()).split(", ")) ==
           {"not measured"}, "nothing is met by itself", outcomes)


def main():
    with tempfile.TemporaryDirectory() as folder:
        for part in (check_cases, check_last_line, check_commands, check_time, check_head,
                     check_nothing):
            part(folder)
    done()


main()
