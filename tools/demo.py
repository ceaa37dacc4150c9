#!/usr/bin/python3
"""The whole scheme, for real, on loopback: from the first key to the refused terminal.

Runs the programs that were just built in a temporary folder, prints what happened, and counts
everything three times: what the terminals saw, what the host wrote into its ledger, and what the
gateway's metrics say. If the counts do not agree it ends with 1. It ends its own processes and
leaves nothing behind, but with --keep everything.
"""
import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from scheme import Listener, Scheme, SchemeError

STRICT, OPEN = 0, 1


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


class Demo:
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

    # ---- the key room ----

    def make_keys(self):
        scheme, count = self.scheme, self.options.terminals
        self.say("key ceremony and two batches of keys")
        scheme.init_keys(3)
        self.books.row("LMK ceremony, 3 custodians", 1)
        per_batch = count // 2 + 20
        for batch, mother in ((1, "MPOS0001"), (2, "MPOS0002")):
            scheme.init_mother(mother)
            scheme.generate(per_batch)
            key_file = scheme.export(batch, mother)
            scheme.start_mother(mother)
            scheme.load(mother, key_file)
            self.books.row("keys generated, exported, loaded: " + mother, per_batch)

    def give_keys(self):
        self.say("terminals fetch their keys from two mother POSes")
        first = self.options.terminals // 2
        for prefix, mother, count in (("A", "MPOS0001", first),
                                      ("B", "MPOS0002", self.options.terminals - first)):
            summary = self.terminals("--steps", "key", "--count", str(count), "--serial-prefix",
                                     prefix, store="terminals-" + prefix, mother=mother)
            self.books.rows_of(summary, (("key-request", "key handed out, " + mother),
                                         ("key-confirm", "key confirmed, " + mother)))
            self.check(summary["duplicate_indexes"] == 0, "an index twice in " + mother)
        self.special()

    def special(self):
        """Terminals of their own for the refusals, so that the others are not disturbed."""
        for name in ("NEVER001", "CLONED01", "BADMAC01", "WRONGTID", "SUSPEND1", "REVOKED1",
                     "PROVED01"):
            self.terminals("--steps", "key", "--serial", name, store="special", mother="MPOS0001")
        for name in ("OPENNVR1", "OPENDOOR", "OPENMAC1", "OPENSUS1", "OPENREV1"):
            self.terminals("--steps", "key", "--serial", name, store="special", mother="MPOS0002")

    def check_indexes(self):
        """Every index that the mother POSes gave away has one serial, over both of them."""
        owners = {}
        for store in ("terminals-A", "terminals-B", "special"):
            for line in open(self.scheme.path(store, "terminals.keys"), encoding="ascii"):
                word = line.rstrip("\n").split("|")
                if word[0] == "key":
                    owners.setdefault(word[2], set()).add(word[1])
        twice = [index for index, serials in owners.items() if len(serials) > 1]
        self.check(not twice, "indexes with two serials: %s" % twice[:5])
        self.books.row("key indexes, each with one serial", len(owners))

    # ---- the gateway ----

    def admit(self):
        self.say("terminals register, sign on, authenticate and sell")
        names = (("register", "registered"), ("sign-on", "signed on"),
                 ("authenticate", "authenticated"), ("sale", "sales"))
        for prefix in "AB":
            count = self.options.terminals // 2
            count = count if prefix == "A" else self.options.terminals - count
            summary = self.terminals("--steps", "register,sign-on,authenticate,sale", "--count",
                                     str(count), "--serial-prefix", prefix, "--sales", "2",
                                     store="terminals-" + prefix)
            self.books.rows_of(summary, [(kind, what + ", serials %s..." % prefix)
                                         for kind, what in names])

    def smn(self, serial):
        answer = self.scheme.ctl("terminal", "find", serial)
        return answer["terminals"][0]["smn"]

    def refuse_strict(self):
        self.say("who must be refused is refused")
        special = {"store": "special"}
        self.case("never registered: sign-on", "sign-on", "97", "--serial", "NEVER001", **special)
        self.case("clone: first the true terminal", "register", "00", "--serial", "CLONED01",
                  **special)
        self.case("clone: another serial on its index", "register", "63", "--serial", "CLONED01",
                  "--as-serial", "CLONE999", **special)
        ready = "register,sign-on,authenticate"
        self.case("bad MAC", ready, "A0", "--serial", "BADMAC01", "--corrupt-mac", **special)
        self.case("wrong TID: first its own", ready + ",sale", "00", "--serial", "WRONGTID",
                  "--tid", "TERM0001", **special)
        self.case("wrong TID: another one", "sale", "03", "--serial", "WRONGTID", "--tid",
                  "TERM0002", **special)
        self.case("before it is suspended", ready, "00", "--serial", "SUSPEND1", **special)
        self.scheme.ctl("terminal", "suspend", self.smn("SUSPEND1"))
        self.case("suspended", "authenticate", "58", "--serial", "SUSPEND1", **special)
        self.scheme.ctl("terminal", "resume", self.smn("SUSPEND1"))
        self.case("resumed", "authenticate", "00", "--serial", "SUSPEND1", **special)
        self.case("before it is revoked", ready, "00", "--serial", "REVOKED1", **special)
        self.scheme.ctl("terminal", "revoke", self.smn("REVOKED1"))
        self.case("revoked", "authenticate", "97", "--serial", "REVOKED1", **special)

    def refuse_open(self):
        self.say('the same at a listener with registration = "open"')
        bare = {"store": "special", "listener": OPEN}
        no_mac = ("--mac", "off")
        self.case("open: never registered", "authenticate", "97", "--serial", "OPENNVR1", *no_mac,
                  **bare)
        self.case("open: registers, authenticates, sells", "register,authenticate,sale", "00",
                  "--serial", "OPENDOOR", "--tid", "TERM0003", *no_mac, **bare)
        self.case("open: clone", "register", "63", "--serial", "OPENDOOR", "--as-serial", "CLONE998",
                  *no_mac, **bare)
        self.case("open: wrong TID", "sale", "03", "--serial", "OPENDOOR", "--tid", "TERM0004",
                  *no_mac, **bare)
        self.case("open: bad MAC", "register,sign-on,authenticate", "A0", "--serial", "OPENMAC1",
                  "--corrupt-mac", **bare)
        self.case("open: before it is suspended", "register,authenticate", "00", "--serial",
                  "OPENSUS1", *no_mac, **bare)
        self.scheme.ctl("terminal", "suspend", self.smn("OPENSUS1"))
        self.case("open: suspended", "authenticate", "58", "--serial", "OPENSUS1", *no_mac, **bare)
        self.case("open: before it is revoked", "register,authenticate", "00", "--serial",
                  "OPENREV1", *no_mac, **bare)
        self.scheme.ctl("terminal", "revoke", self.smn("OPENREV1"))
        self.case("open: revoked", "authenticate", "97", "--serial", "OPENREV1", *no_mac, **bare)
        self.case("a terminal that proves its key", "register,sign-on,authenticate", "00",
                  "--serial", "PROVED01", store="special")
        self.case("open: refuses it, it proved more elsewhere", "authenticate", "A0", "--serial",
                  "PROVED01", *no_mac, **bare)

    def host_away(self):
        self.say("the host goes away and comes back")
        self.close_host_books()
        self.scheme.wait_for_host(False)
        self.case("host away", "sale", "91", "--serial", "WRONGTID", "--tid", "TERM0001",
                  store="special")
        self.case("open: host away", "sale", "91", "--serial", "OPENDOOR", "--tid", "TERM0003",
                  "--mac", "off", store="special", listener=OPEN)
        self.scheme.start_host()
        self.scheme.wait_for_host()
        self.case("host back", "sale", "00", "--serial", "WRONGTID", "--tid", "TERM0001",
                  store="special")

    def load(self):
        self.say("load for %d s" % self.options.seconds)
        until = time.monotonic() + self.options.seconds
        sent = {}
        summary = None
        begin = time.monotonic()
        while time.monotonic() < until:
            summary = self.terminals("--steps", "authenticate,sale", "--sales", "10", "--count",
                                     str(self.options.terminals // 2), "--serial-prefix", "A",
                                     "--connections", "64", store="terminals-A")
            for kind in ("authenticate", "sale"):
                sent[kind] = sent.get(kind, 0) + summary["steps"][kind]["sent"]
        seconds = time.monotonic() - begin
        for kind in ("authenticate", "sale"):
            self.books.row("load: %s, %.0f a second" % (kind, sent[kind] / seconds), sent[kind],
                           "00", summary["steps"][kind])

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
                if row["code"] == "00":
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

    def run(self):
        capture = Capture(self.scheme, self.options.keep)
        self.make_keys()
        self.scheme.start_host()
        dialect = self.options.dialect
        self.scheme.listeners = [Listener(dialect=dialect), Listener("open", "smn", dialect)]
        self.scheme.start_gateway()
        self.scheme.wait_for_host()
        capture.start()
        self.give_keys()
        self.check_indexes()
        self.admit()
        self.refuse_strict()
        self.refuse_open()
        self.host_away()
        self.load()
        counts = self.agree()
        self.audit()
        capture.stop()
        return counts


class Capture:
    """The traffic of the run, with --keep: needs tcpdump and the right to capture."""

    def __init__(self, scheme, keep):
        self.scheme, self.keep, self.process = scheme, keep, None

    def start(self):
        if not self.keep:
            return
        if shutil.which("tcpdump") is None:
            print("demo: no capture: tcpdump is not installed (./run deps installs it)",
                  file=sys.stderr)
            return
        ports = [self.scheme.host_port, *self.scheme.mother_ports.values(),
                 *(listener.port for listener in self.scheme.listeners)]
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
            time.sleep(1.2)  # tcpdump takes up to a second to see the last packets
            self.process.send_signal(signal.SIGINT)
            self.process.communicate(timeout=10)
            self.process = None


def print_books(demo, counts, seconds):
    print("%-46s %8s  %-4s %8s %8s %8s" % ("what happened", "count", "code", "p50 ms", "p99 ms",
                                          "max ms"))
    for what, count, code, latency in demo.books.rows:
        print("%-46s %8d  %-4s %s" % (what, count, code, latency))
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


def read_options():
    parser = argparse.ArgumentParser(prog="./run demo", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--keep", metavar="DIR", help="leave everything in DIR, which must not exist "
                        "or be empty, with a capture of the traffic")
    parser.add_argument("--terminals", type=int, default=1000, metavar="N",
                        help="so many terminals (default 1000)")
    parser.add_argument("--seconds", type=int, default=5, metavar="N",
                        help="of load (default 5)")
    parser.add_argument("--dialect", default="iso87b", metavar="NAME",
                        help="what terminals and gateway speak (default iso87b)")
    options = parser.parse_args()
    if not 2 <= options.terminals <= 100000:
        parser.error("--terminals takes 2 to 100000")
    if not 1 <= options.seconds <= 3600:
        parser.error("--seconds takes 1 to 3600")
    if options.keep and os.path.exists(options.keep) and os.listdir(options.keep):
        parser.error("%s is not empty; nothing there is overwritten" % options.keep)
    return options


def main():
    options = read_options()
    folder = options.keep or tempfile.mkdtemp(prefix="posgate-demo-")
    begin = time.monotonic()
    try:
        with Scheme(options.bin, folder) as scheme:
            demo = Demo(scheme, options)
            counts = demo.run()
        print_books(demo, counts, time.monotonic() - begin)
        return 1 if demo.wrong else 0
    except SchemeError as error:
        print("demo: %s" % error, file=sys.stderr)
        return 1
    finally:
        if not options.keep:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            print("everything is in %s" % folder, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
