"""Serials race for key indexes through real sockets: each index goes to one of them, all its requests
are answered so, and the terminal table says the same afterwards and after a restart. Everybody holds
every key and proves it, so each loser is recorded as a clone."""
import os
import re

from common import done, expect, scheme

INDEXES = int(os.environ.get("POSGATE_RACE_INDEXES", "10000"))
THREADS, SERIALS = 64, 2


def ktk_of(whole, name):
    ktk = 0
    for i in (1, 2):
        with open(whole.path("components-" + name, "component-%d.hex" % i),
                  encoding="ascii") as part:
            ktk ^= int(part.read().strip(), 16)
    return "%064X" % ktk


def counts(whole):
    metrics = whole.metrics()
    return {state: int(metrics['posgate_terminals{state="%s"}' % state])
            for state in ("active", "suspended", "revoked", "replaced")}


def winners(whole):
    """Indexes by the serial that holds them, as far as posgatectl shows them."""
    held = {}
    for serial in range(SERIALS):
        found = whole.ctl("terminal", "find", "RACER%03d" % serial)["terminals"]
        held.update({row["smn"]: row["state"] for row in found})
    return held


def main():
    with scheme() as whole:
        whole.init_keys(2)
        whole.init_mother("MPOS0001")
        whole.generate(INDEXES)
        key_file = whole.export(1, "MPOS0001")
        whole.start_gateway()
        out = whole.run(whole.program("race"), key_file, ktk_of(whole, "MPOS0001"),
                        str(whole.listeners[0].port), str(THREADS), str(SERIALS), codes=(0, 1),
                        timeout=1800)
        print(out.strip())
        found = dict((name, int(count)) for count, name in re.findall(r"(\d+) ([a-z]+)", out))
        expect(found["indexes"] == INDEXES and found["requests"] == INDEXES * THREADS,
               "all race for all", out)
        expect(found["split"] == 0, "each index has one winner and everybody was told so", out)
        expect(found["unclear"] == 0, "nobody was told anything else", out)
        expect(found["approved"] == found["refused"] == INDEXES * THREADS // SERIALS,
               "each of the winner's requests is approved, each of the others' refused", out)
        rows = {"active": INDEXES, "suspended": 0, "revoked": 0, "replaced": 0}
        expect(counts(whole) == rows, "the table has one row for each index", counts(whole))
        held = winners(whole)
        indexes = [smn[8:] for smn in held]
        expect(len(set(indexes)) == len(indexes), "and none of two serials", len(indexes))
        expect(whole.tail("gateway").count("clone-alarm") == found["refused"],
               "each refusal is an alarm")
        expect(whole.stop("gateway") == 0, "the gateway ends well")
        whole.start_gateway()
        expect(counts(whole) == rows and winners(whole) == held, "and it is all on disk")
        whole.stop("gateway")
        whole.keymgmt("audit", "verify", "--gateway-table", whole.path("terminals-table"),
                      timeout=600)
    return done()


main()
