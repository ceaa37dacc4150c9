"""What must hold whatever happened to whom: one program that looks at everything a scheme left.

    invariants.py BIN SOURCE FOLDER [STORE...]

FOLDER is a scheme's (tools/scheme.py); every terminals' store below it is read, and every STORE.
The mother POSes must have ended; the gateway is started when it does not run.

 1  no key index belongs to two serials
 2  every registration that a terminal was told of is found
 3  no index was handed out twice by a mother POS, and each that went out is in its journal
 4  no terminal key without its audit record
 5  both audit chains verify
 6  no clear key and no PAN in any file

A request whose answer never came may have been done: that breaks nothing."""
import glob
import json
import os
import re
import subprocess
import tempfile

from common import BIN, Scheme, SchemeError, done, expect

STORE_FILE = "terminals.keys"
GIVEN = ("reserved", "issued", "burned")
CARD = b"999901"  # all cards of posgate-emulator begin so
PAN = re.compile(rb"(?<!\d)999901\d{10}(?!\d)")


class Facts:
    """What each side says, read once. A test of this program changes it."""

    def __init__(self, whole, stores):
        self.terminals = [line for store in stores for line in store_lines(store)]
        self.mothers = {name: mother_rows(whole, name) for name in mother_names(whole)}
        self.gateway = gateway_rows(whole, {line[1][:6] for line in self.terminals})
        self.library = keymgmt_json(whole, "list")
        self.audit = keymgmt_json(whole, "audit", "show")
        self.broken_chain = verify_chains(whole)
        self.clear = clear_texts(whole, self.terminals, stores)


# ---- reading ----

def find_stores(folder):
    return [os.path.dirname(path) for path in glob.glob(os.path.join(folder, "*", STORE_FILE))]


def store_lines(store):
    """The store's lines in parts; a last line that was cut is none."""
    with open(os.path.join(store, STORE_FILE), encoding="ascii") as file:
        text = file.read()
    return [line.split("|") for line in text[:text.rfind("\n") + 1].splitlines()]


def mother_names(whole):
    return sorted(os.path.basename(os.path.dirname(path))
                  for path in glob.glob(whole.path("*", "journal")))


def mother_rows(whole, name):
    """[(index, state, serial)]"""
    text = whole.run(whole.program("posgate-emulator"), "mother", "--home", whole.path(name),
                     "--list")
    return [tuple(line.split("|")[:3]) for line in text.splitlines()]


def gateway_rows(whole, prefixes):
    """[(serial, index, state)] of the serials that begin so."""
    if not os.path.exists(whole.path("terminals-table")):
        return []
    ours = "gateway" not in whole.processes
    if ours:
        whole.start_gateway()
    rows = [row for prefix in sorted(prefixes)
            for row in whole.ctl("terminal", "find", prefix)["terminals"]]
    if ours:
        whole.stop("gateway")
    return [(row["smn"][:8], row["smn"][8:], row["state"]) for row in rows]


def keymgmt_json(whole, *words):
    return json.loads(whole.keymgmt(*words, "--json"))


def verify_chains(whole):
    table = whole.path("terminals-table")
    words = ["--gateway-table", table] if os.path.exists(os.path.join(table, "CURRENT")) else []
    try:
        whole.keymgmt("audit", "verify", *words)
        return ""
    except SchemeError as error:
        return str(error)


def clear_texts(whole, lines, stores):
    """Files with something in them that must never be clear, of all but the stores themselves and
    the custodians' components."""
    keys = {line[4] for line in lines if line[0] == "key"}
    keys |= {key for line in lines if line[0] == "signed-on" for key in line[2:4]}
    apart = {os.path.realpath(store) for store in stores}
    paths = [path for path in glob.glob(whole.path("*"))
             if os.path.realpath(path) not in apart and
             not os.path.basename(path).startswith("components-")]
    found = [path for path in regular_files(paths) if has_pan(read(path))]
    if not keys:
        return found
    with tempfile.NamedTemporaryFile("w", encoding="ascii") as file:
        file.write("".join(key + "\n" for key in sorted(keys)))
        file.flush()
        # A link among the paths would not be followed.
        scan = subprocess.run([os.path.join(BIN, "key_scan"), file.name,
                               *map(os.path.realpath, paths)], text=True, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return found + (scan.stdout.splitlines() if scan.returncode != 0 else [])


def regular_files(paths):
    for path in map(os.path.realpath, paths):
        if os.path.isfile(path):
            yield path
        for folder, _, names in os.walk(path):
            for name in names:
                if os.path.isfile(os.path.join(folder, name)):
                    yield os.path.join(folder, name)


def has_pan(content):
    return CARD in content and PAN.search(content) is not None


def read(path):
    """Nothing when a running program has removed it meanwhile."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return b""


# ---- judging: each gives what is wrong, and nothing when all is well ----

def pairs(facts):
    """(index, serial) from everybody who has something to say."""
    yield from ((line[2], line[1]) for line in facts.terminals if line[0] == "key")
    for rows in facts.mothers.values():
        yield from ((index, serial) for index, state, serial in rows if state in GIVEN)
    yield from ((index, serial) for serial, index, state in facts.gateway if state != "replaced")


def one_serial_for_an_index(facts):
    owners = {}
    for index, serial in pairs(facts):
        owners.setdefault(index, set()).add(serial)
    return ["%s: %s" % (index, sorted(serials)) for index, serials in sorted(owners.items())
            if len(serials) > 1]


def registrations_are_found(facts):
    there = {serial for serial, _, _ in facts.gateway}
    return sorted({line[1] for line in facts.terminals if line[0] == "registered"} - there)


def handed_out_once(facts):
    holders, journals = {}, {}
    for name, rows in facts.mothers.items():
        for index, state, serial in rows:
            holders.setdefault(index, []).append(name)
            journals[index] = (state, serial)
    wrong = ["%s: in %s" % (index, names) for index, names in sorted(holders.items())
             if len(names) > 1]
    for line in facts.terminals:
        if line[0] == "key" and facts.mothers:
            state, serial = journals.get(line[2], ("unknown", ""))
            if state not in GIVEN or serial != line[1]:
                wrong.append("%s went to %s, the journal says %s %s"
                             % (line[2], line[1], state, serial))
    return wrong


def keys_are_recorded(facts):
    recorded = set()
    for record in facts.audit:
        if record["what"] == "generate":
            parts = dict(part.split("=") for part in record["on_what"].split())
            first, count = int(parts["first"]), int(parts["count"])
            recorded |= set(range(first, first + count))
    there = {int(row["index"]) for row in facts.library}
    return sorted(there - recorded) + ["recorded, not there: %d" % index
                                       for index in sorted(recorded - there)]


INVARIANTS = (
    ("no key index on two serials", one_serial_for_an_index),
    ("every acknowledged registration is found", registrations_are_found),
    ("no index is handed out twice", handed_out_once),
    ("no key without its audit record", keys_are_recorded),
    ("the audit chains verify", lambda facts: [facts.broken_chain] if facts.broken_chain else []),
    ("no clear key and no PAN in any file", lambda facts: facts.clear),
)


def judge(facts):
    """{invariant: what is wrong}, of those that do not hold."""
    found = {name: judged(facts) for name, judged in INVARIANTS}
    return {name: wrong for name, wrong in found.items() if wrong}


def check(whole, where, stores=()):
    """Counts one check for each invariant; returns what it was judged by."""
    facts = Facts(whole, find_stores(whole.folder) + list(stores))
    broken = judge(facts)
    for name, _ in INVARIANTS:
        expect(name not in broken, "%s: %s" % (where, name), broken.get(name, [])[:5])
    return facts


def main():
    import sys
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    with Scheme(BIN, sys.argv[3]) as whole:
        facts = check(whole, sys.argv[3], sys.argv[4:])
    print("%d keys in the library, %d with mother POSes, %d terminals at the gateway"
          % (len(facts.library), sum(map(len, facts.mothers.values())), len(facts.gateway)))
    done()


if __name__ == "__main__":
    main()
