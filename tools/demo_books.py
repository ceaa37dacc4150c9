"""The books of the demos: what the terminals saw, what the host wrote into its ledger, what the
gateway's metrics say, and whether these agree."""
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time


class Books:
    """What was counted, by message and response code, from three sides."""

    def __init__(self):
        self.terminals = {}  # (message, code) -> count
        self.amount = 0      # of approved sales, as the terminals saw them
        self.rows = []       # (what, count, code, latencies or "")

    def add(self, summary):
        for kind, step in summary["steps"].items():
            for code, count in step["codes"].items():
                if kind not in ("key-request", "key-confirm"):
                    self.terminals[kind, code] = self.terminals.get((kind, code), 0) + count
            if kind == "sale":
                self.amount += step["amounts"].get("00", 0)

    def row(self, what, count, code="", step=None):
        latency = "" if step is None else "%8.2f %8.2f %8.2f" % (
            step["p50_ms"], step["p99_ms"], step["max_ms"])
        self.rows.append((what, count, code, latency))

    def rows_of(self, summary, names):
        for kind, what in names:
            step = summary["steps"][kind]
            for code, count in sorted(step["codes"].items()):
                self.row(what, count, code, step)


class Story:
    """A run of the scheme that keeps books: what happened, what was wrong, who counted what."""

    def __init__(self, scheme, options):
        self.scheme = scheme
        self.options = options
        self.books = Books()
        self.wrong = []
        self.host = {"requests": 0, "approved": 0, "amount": 0}

    def say(self, text):
        print("-- %s" % text, file=sys.stderr, flush=True)

    def check(self, good, text):
        if not good:
            self.wrong.append(text)

    # ---- running terminals ----

    def terminals(self, *words, **where):
        summary = self.scheme.terminals(*words, codes=(0, 1), **where)
        self.books.add(summary)
        for text in summary["explanations"]:
            self.wrong.append(text)
        return summary

    def case(self, what, steps, expected, *words, **where):
        """One terminal, whose last step must see the code."""
        summary = self.terminals("--steps", steps, "--expect", expected, *words, **where)
        last = summary["steps"].get(steps.split(",")[-1], {"codes": {}})
        seen = ",".join(sorted(last["codes"])) or "none"
        self.books.row(what, 1, seen)
        self.check(seen == expected, "%s: expected %s, the terminal saw %s" % (what, expected, seen))

    def table(self):
        """Further lines for the summary."""
        return []

    # ---- the books ----

    def close_host_books(self):
        """Stops the host, and adds what its summary and its ledger say."""
        before = os.path.getsize(self.scheme.path("host.out"))
        self.scheme.stop("host")
        with open(self.scheme.path("host.out"), encoding="ascii") as out:
            out.seek(before)
            summary = json.loads(out.read())
        for row in summary["rows"]:
            if row["mti"] != "0800":
                self.host["requests"] += row["count"]
                if row["code"] == "00" and row["kind"] == "sale":
                    self.host["approved"] += row["count"]
                    self.host["amount"] += row["amount"]

    def ledger_count(self):
        with open(self.scheme.path("host.ledger"), encoding="ascii") as ledger:
            return sum(1 for line in ledger if " request " in line and "mti=0200" in line)

    def agree(self):
        """Terminals, host and gateway must tell the same story."""
        samples = self.scheme.metrics()
        counted = {}
        for name, value in samples.items():
            if name.startswith("posgate_replies_total{") and value > 0:
                kind, code = name.split('"')[1], name.split('"')[3]
                counted[kind, code] = int(value)
        for key in sorted(set(counted) | set(self.books.terminals)):
            ours, theirs = self.books.terminals.get(key, 0), counted.get(key, 0)
            self.check(ours == theirs, "%s %s: terminals saw %d, gateway counted %d"
                       % (key[0], key[1], ours, theirs))
        self.close_host_books()
        approved = self.books.terminals.get(("sale", "00"), 0)
        sent = int(samples["posgate_host_requests_total"])
        ledger = self.ledger_count()
        self.check(approved == self.host["approved"] == ledger,
                   "approved sales: terminals %d, host %d, ledger %d"
                   % (approved, self.host["approved"], ledger))
        self.check(sent == self.host["requests"], "sent to the host: gateway %d, host %d"
                   % (sent, self.host["requests"]))
        self.check(self.books.amount == self.host["amount"], "amounts: terminals %d, host %d"
                   % (self.books.amount, self.host["amount"]))
        return counted, approved, sent, ledger

    def audit(self):
        self.scheme.keymgmt("audit", "verify")
        self.books.row("audit chain of the key room verified", 1)


class Capture:
    """The traffic of the run, with --keep: needs tcpdump and the right to capture."""

    def __init__(self, scheme, keep):
        self.scheme, self.keep, self.process, self.port = scheme, keep, None, 0

    def start(self):
        if not self.keep:
            return
        if shutil.which("tcpdump") is None:
            print("demo: no capture: tcpdump is not installed (./run deps installs it)",
                  file=sys.stderr)
            return
        ports = [self.scheme.host_port, *self.scheme.mother_ports.values(),
                 *(listener.port for listener in self.scheme.listeners)]
        self.port = ports[-1]
        rule = " or ".join("port %d" % port for port in ports)
        self.process = subprocess.Popen(
            ["tcpdump", "-i", "lo", "-U", "-n", "-B", "16384", "-w", self.scheme.path("traffic.pcap"),
             "tcp and (%s)" % rule], stderr=subprocess.PIPE, text=True)
        line = self.process.stderr.readline()
        if "listening on" not in line:
            print("demo: no capture: %s" % line.strip(), file=sys.stderr)
            self.process.wait()
            self.process = None

    def stop(self):
        if self.process is not None:
            self.await_end()
            self.process.send_signal(signal.SIGINT)
            self.process.communicate(timeout=60)
            self.process = None

    def await_end(self):
        """tcpdump sees packets late: it has seen them all when it has one that was sent last."""
        with socket.socket() as knock:
            knock.bind(("127.0.0.1", 0))
            ports = struct.pack(">HH", knock.getsockname()[1], self.port)
            knock.connect_ex(("127.0.0.1", self.port))
        until = time.monotonic() + 60
        while time.monotonic() < until:
            with open(self.scheme.path("traffic.pcap"), "rb") as file:
                if ports in file.read():
                    return
            time.sleep(0.1)
        print("demo: the capture may lack its end", file=sys.stderr)


def print_books(demo, counts, seconds):
    print("%-46s %8s  %-4s %8s %8s %8s" % ("what happened", "count", "code", "p50 ms", "p99 ms",
                                          "max ms"))
    for what, count, code, latency in demo.books.rows:
        print("%-46s %8d  %-4s %s" % (what, count, code, latency))
    for line in demo.table():
        print(line)
    counted, approved, sent, ledger = counts
    print()
    print("counted three times%36s %10s %10s" % ("terminals", "gateway", "host"))
    for kind, code in sorted(counted):
        host = str(demo.host["approved"]) if (kind, code) == ("sale", "00") else ""
        print("%-34s %-4s %15d %10d %10s" % (kind, code, demo.books.terminals.get((kind, code), 0),
                                            counted[kind, code], host))
    print("%-39s %15s %10d %10d" % ("sent to the host", "", sent, demo.host["requests"]))
    print("%-39s %15d %10s %10d" % ("approved sales, in the ledger", approved, "", ledger))
    print("%-39s %15d %10s %10d" % ("amount approved, minor units", demo.books.amount, "",
                                   demo.host["amount"]))
    print()
    if demo.wrong:
        for text in demo.wrong[:20]:
            print("WRONG: %s" % text)
    else:
        print("all counts agree; %.1f s" % seconds)
