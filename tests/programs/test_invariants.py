"""The invariants' own test: on a scheme that is well they hold, and each breach is named."""
import copy
import os

import invariants
from common import done, expect, scheme


def make(whole):
    whole.init_keys(2)
    for name in ("MPOS0001", "MPOS0002"):
        whole.init_mother(name)
    for batch, name in ((1, "MPOS0001"), (2, "MPOS0002")):
        whole.generate(6)
        key_file = whole.export(batch, name)
        whole.start_mother(name)
        whole.load(name, key_file)
    whole.start_gateway()
    whole.terminals("--steps", "key,register,sign-on,authenticate", "--count", "4", mother="MPOS0001")
    row = whole.ctl("terminal", "find", "EMU")["terminals"][0]
    whole.ctl("terminal", "suspend", row["smn"])
    for name in ("MPOS0001", "MPOS0002"):
        whole.stop(name)


def two_serials(facts):
    taken = next(line[2] for line in facts.terminals if line[0] == "key")
    facts.terminals.append(["key", "OTHER001", taken, "A256", "00"])


def two_serials_at_the_gateway(facts):
    serial, index, _ = facts.gateway[0]
    facts.gateway.append(("OTHER001", index, "active"))


def lost_registration(facts):
    del facts.gateway[-1]


def two_mothers(facts):
    facts.mothers["MPOS0002"].append(facts.mothers["MPOS0001"][0])


def unknown_to_the_journal(facts):
    index, _, _ = facts.mothers["MPOS0001"][0]
    facts.mothers["MPOS0001"][0] = (index, "free", "-")


def unrecorded_key(facts):
    facts.audit = [record for record in facts.audit if "first=00000001" not in record["on_what"]]


def lost_key(facts):
    del facts.library[-1]


BREACHES = (
    (two_serials, "no key index on two serials"),
    (two_serials_at_the_gateway, "no key index on two serials"),
    (lost_registration, "every acknowledged registration is found"),
    (two_mothers, "no index is handed out twice"),
    (unknown_to_the_journal, "no index is handed out twice"),
    (unrecorded_key, "no key without its audit record"),
    (lost_key, "no key without its audit record"),
)


def plant(path, text):
    with open(path, "a", encoding="ascii") as file:
        file.write("something before\n%s\nsomething behind\n" % text)


def main():
    with scheme() as whole:
        make(whole)
        facts = invariants.check(whole, "a scheme that is well")
        expect(len(facts.library) == 12 and len(facts.gateway) == 4 and
               sum(map(len, facts.mothers.values())) == 12, "everything was read")
        for breach, name in BREACHES:
            changed = copy.deepcopy(facts)
            breach(changed)
            expect(name in invariants.judge(changed), "%s is seen" % breach.__name__,
                   invariants.judge(changed))
        stores = invariants.find_stores(whole.folder)
        key = next(line[4] for line in facts.terminals if line[0] == "key")
        for text, what in ((key.lower(), "key"), ("track 9999010123456789=", "PAN")):
            path = whole.path("planted-" + what)
            plant(path, text)
            expect("no clear key and no PAN in any file" in
                   invariants.judge(invariants.Facts(whole, stores)), "a planted %s is seen" % what)
            with open(path, "w", encoding="ascii"):
                pass
        whole.stop("gateway")
        expect(invariants.verify_chains(whole) == "", "the chains verify also without a gateway")
        os.rename(whole.path("terminals-table"), whole.path("kept"))
        os.symlink(whole.path("keys", "library"), whole.path("terminals-table"))
        expect(invariants.verify_chains(whole) != "", "a chain that cannot be read is seen")
    done()


main()
