#!/usr/bin/python3
"""The whole scheme, for real, on loopback: from the first key to the refused terminal.

Runs the programs that were just built in a temporary folder, prints what happened, and counts
everything three times: what the terminals saw, what the host wrote into its ledger, and what the
gateway's metrics say. If the counts do not agree it ends with 1. It ends its own processes and
leaves nothing behind, but with --keep everything.
"""
import argparse
import os
import shutil
import sys
import tempfile
import time

from demo_algorithms import ALGORITHMS, AlgorithmsDemo
from demo_books import Capture, Story, print_books
from scheme import Listener, Scheme, SchemeError

STRICT, OPEN = 0, 1


class Demo(Story):
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
        while summary is None or time.monotonic() < until:
            summary = self.terminals("--steps", "authenticate,sale", "--sales", "10", "--count",
                                     str(self.options.terminals // 2), "--serial-prefix", "A",
                                     "--connections", "64", store="terminals-A")
            for kind in ("authenticate", "sale"):
                sent[kind] = sent.get(kind, 0) + summary["steps"][kind]["sent"]
        seconds = time.monotonic() - begin
        for kind in ("authenticate", "sale"):
            self.books.row("load: %s, %.0f a second" % (kind, sent[kind] / seconds), sent[kind],
                           "00", summary["steps"][kind])

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
    parser.add_argument("--algorithms", metavar="LIST", help="'all', or some of %s with commas: "
                        "instead of the whole story, terminals of each in every dialect and form, "
                        "with PINs" % ", ".join(ALGORITHMS))
    parser.add_argument("--dialect", default="iso87b", metavar="NAME",
                        help="what terminals and gateway speak (default iso87b)")
    options = parser.parse_args()
    if not 2 <= options.terminals <= 100000:
        parser.error("--terminals takes 2 to 100000")
    if not 1 <= options.seconds <= 3600:
        parser.error("--seconds takes 1 to 3600")
    wanted = set((options.algorithms or "all").split(","))
    if wanted != {"all"} and not wanted <= set(ALGORITHMS):
        parser.error("--algorithms takes all, or some of %s" % ", ".join(ALGORITHMS))
    if options.keep and os.path.exists(options.keep) and os.listdir(options.keep):
        parser.error("%s is not empty; nothing there is overwritten" % options.keep)
    return options


def main():
    options = read_options()
    folder = options.keep or tempfile.mkdtemp(prefix="posgate-demo-")
    begin = time.monotonic()
    try:
        with Scheme(options.bin, folder) as scheme:
            demo = (AlgorithmsDemo if options.algorithms else Demo)(scheme, options)
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
