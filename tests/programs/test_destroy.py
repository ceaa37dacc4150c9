"""`destroy` takes keys off the disks for good: the scanner finds every one of 100 keys, and their
terminals' working keys, before, and none after it answered, in no file and in none that the running
gateway still holds open. Killed at each step it ends right when it runs again. `compromise` and
`revoke` refuse the terminals when they answer, and none of the three goes around the second person."""
import hashlib
import json
import os
import socket
import subprocess

from common import BIN, SchemeError, done, expect, scheme, skip
from keyroom import audit, fails
from stored_keys import open_files, pieces, scan, stored
from test_dual_control import Room

NAME = "MPOS0001"
KEYS = 100
DESTROY_POINTS = ("destroy-begun", "destroy-suspended", "destroy-chunk", "destroy-marked",
                  "destroy-scrubbed", "destroy-caught-up", "destroy-erased")
COMPROMISE_POINTS = ("compromise-suspended", "compromise-mother", "compromise-chunk",
                     "compromise-marked", "compromise-caught-up")
REVOKE_POINTS = ("revoke-begun", "revoke-changed")
POINTS = DESTROY_POINTS + COMPROMISE_POINTS + REVOKE_POINTS
EACH = 4  # keys of one drill


def set_up(whole, keys, terminals):
    whole.init_keys(2)
    whole.init_mother(NAME)
    whole.generate(keys)
    whole.start_mother(NAME)
    whole.load(NAME, whole.export(1, NAME))
    whole.start_host()
    whole.start_gateway()
    whole.wait_for_host()
    run_terminals(whole, "key,register,sign-on,authenticate,sale", terminals)


def run_terminals(whole, steps, count, first=1, code="00"):
    return whole.terminals("--steps", steps, "--count", str(count), "--first-serial", str(first),
                           "--connections", "16", "--expect", code, mother=NAME)


def gateway_words(whole):
    return ("--gateway", whole.path("admin.sock"))


def index_of(whole):
    """{serial: index} of the terminals' store."""
    with open(whole.path("terminals", "terminals.keys"), encoding="ascii") as file:
        lines = [line.split("|") for line in file if line.startswith("key|")]
    return {line[1]: int(line[2]) for line in lines}


def everywhere(whole):
    """All that the programs hold; not the terminals' own store."""
    return [whole.path("keys"), whole.path("terminals-table"), whole.path("terminals-table.follow"),
            *open_files(whole.processes["gateway"].pid)]


# ---- the promise ----

def values_of(whole, first, last):
    library = {key: value for key, value in
               stored(whole, "library", whole.path("keys", "library")).items()
               if first <= key[0] <= last}
    table = {key: value for key, value in
             stored(whole, "table", whole.path("terminals-table")).items()
             if first <= key[0] <= last}
    return library, table


def flat(found):
    return [value for values in found.values() for value in values]


def scanner_sees_deleted_files(whole):
    """Else the rest would show nothing."""
    value = "0123456789abcdeffedcba9876543210"
    path = whole.path("keys", "held")
    with open(path, "wb") as file:
        file.write(b"x" * 5000 + bytes.fromhex(value) + b"y" * 100)
        file.flush()
        os.unlink(path)
        found = scan([value], open_files(os.getpid()))
    expect(list(found) == [1], "the scanner sees a deleted file that is open", found)
    with open(path, "w", encoding="ascii") as file:
        file.write(value.upper())
    expect(list(scan([value], [whole.path("keys")])) == [1], "the scanner sees hex")
    os.unlink(path)


def destroy_all(whole):
    scanner_sees_deleted_files(whole)
    library, table = values_of(whole, 1, KEYS)
    expect(len(library) == 3 * KEYS, "each key has a TMK, a TPK and a TAK", len(library))
    expect(len(table) == 2 * KEYS, "each terminal has a TPK and a TAK", len(table))
    values = flat(library) + flat(table)
    found = scan(values, everywhere(whole))
    expect(len(found) == len(values), "before, the scanner finds every one",
           (len(found), len(values)))
    others = flat(values_of(whole, KEYS + 1, KEYS + 10)[0])
    dry = json.loads(whole.keymgmt("destroy", "--index", "1-%d" % KEYS, *gateway_words(whole),
                                   "--dry-run", "--json"))
    expect(dry["keys"] == KEYS and dry["destroyed_before"] == 0, "--dry-run says what", dry)
    expect(dry["exported_to"] == NAME and "backups made before" in dry["not_reached"],
           "and what it does not reach", dry)
    expect(len(scan(values, everywhere(whole))) == len(values), "--dry-run changes nothing")

    answer = json.loads(whole.keymgmt("destroy", "--index", "1-%d" % KEYS, *gateway_words(whole),
                                      "--json"))
    found = scan(pieces(values), everywhere(whole))
    expect(found == {}, "after it answered, the scanner finds none", list(found.items())[:5])
    expect(answer["keys"] == KEYS and answer["terminals"] == KEYS, "the answer counts them", answer)
    expect(answer["exported_to"] == NAME and "key files" in answer["not_reached"],
           "and says what is left to people", answer)
    expect(len(scan(others, everywhere(whole))) == len(others), "the other keys are there")
    run_terminals(whole, "authenticate", KEYS, code="A0")  # no key to check its MAC with
    run_terminals(whole, "sign-on", KEYS, code="97")
    run_terminals(whole, "authenticate,sale", 5, first=KEYS + 1)
    rows = {row["index"]: row for row in json.loads(whole.keymgmt("list", "--json"))}
    expect(all(rows["%08d" % i]["state"] == "destroyed" and rows["%08d" % i]["tmk_kcv"] != "-"
               for i in range(1, KEYS + 1)), "rows keep index, state and check value")
    expect(rows["%08d" % (KEYS + 1)]["state"] != "destroyed", "the next key is not destroyed")
    again = json.loads(whole.keymgmt("destroy", "--index", "1-%d" % KEYS, *gateway_words(whole),
                                     "--json"))
    expect(again["destroyed_before"] == KEYS, "a second time nothing is left to do", again)


# ---- killed ----

def dies(whole, point, *words):
    ran = subprocess.run(["env", "POSGATE_FAILPOINT=" + point, whole.program("posgate-keymgmt"),
                          "--home", whole.path("keys"), *words], text=True, timeout=300,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    expect(ran.returncode == -9, "%s: it dies there" % point, (ran.returncode, ran.stderr))


def destroy_drill(whole, first):
    for point in DESTROY_POINTS:
        last = first + EACH - 1
        library, table = values_of(whole, first, last)
        values = pieces(flat(library) + flat(table))
        expect(len(library) == 3 * EACH and len(table) == 2 * EACH, "%s: keys to destroy" % point)
        words = ("destroy", "--index", "%d-%d" % (first, last), *gateway_words(whole))
        dies(whole, point, *words)
        answer = json.loads(whole.keymgmt(*words, "--json"))
        expect("again" in answer, "%s: it finishes what was begun" % point, answer)
        found = scan(values, everywhere(whole))
        expect(found == {}, "%s: none is found afterwards" % point, list(found.items())[:5])
        first += EACH
    records = [row for row in audit(whole) if row["what"] == "destroy"]
    expect(all(row["outcome"] in ("begun", "done") for row in records) and
           len(records) % 2 == 0, "each destruction begins and ends once", len(records))
    return first


def compromise_drill(whole, first):
    by_index = {index: serial for serial, index in index_of(whole).items()}
    for point in ("compromise-suspended", "compromise-chunk", "compromise-marked",
                  "compromise-caught-up"):
        words = ("compromise", "--index", "%d-%d" % (first, first + EACH - 1),
                 *gateway_words(whole), "--json")
        dies(whole, point, *words)
        answer = json.loads(whole.keymgmt(*words))
        expect([row["state"] for row in answer["keys"]] == ["compromised"] * EACH,
               "%s: the keys are marked" % point, answer)
        for index in range(first, first + EACH):
            row = whole.ctl("terminal", "show", "%s%08d" % (by_index[index], index))["terminal"]
            expect(row["state"] == "suspended", "%s: its terminal is refused" % point, row)
        first += EACH
    smn = "%s%08d" % (by_index[first - 1], first - 1)
    expect("compromised" in fails(whole.ctl, "terminal", "resume", smn),
           "nobody resumes a terminal with a compromised key")
    return first


def compromise_ktk(whole):
    words = ("compromise", "KTK", "--name", NAME, *gateway_words(whole), "--json")
    dry = json.loads(whole.keymgmt(*words, "--dry-run"))
    dies(whole, "compromise-mother", *words)
    answer = json.loads(whole.keymgmt(*words))
    left = [row for row in json.loads(whole.keymgmt("list", "--json"))
            if row["state"] != "destroyed"]
    expect([row["index"] for row in answer["keys"]] == [row["index"] for row in left] and
           answer["count"] == dry["count"] == len(left), "it names every TMK below the KTK",
           (answer["count"], len(left)))
    expect(all(row["state"] == "compromised" for row in left), "all of them are marked")
    rows = json.loads(whole.keymgmt("list", "--mothers", "--json"))
    expect([row["state"] for row in rows] == ["compromised"], "the mother POS is marked", rows)
    whole.generate(5)
    said = fails(whole.keymgmt, "export", "--batch", "2", "--dest", NAME, "--out",
                 whole.path("never.keys"))
    expect("compromised" in said, "nothing is exported to that mother POS any more", said)
    run_terminals(whole, "authenticate", 1, first=sorted(index_of(whole)).index(
        max(index_of(whole), key=index_of(whole).get)) + 1, code="58")


def revoke_drill(whole, first):
    by_index = {index: serial for serial, index in index_of(whole).items()}
    smns = ["%s%08d" % (by_index[index], index) for index in range(first, first + EACH)]
    with open(whole.path("stolen"), "w", encoding="ascii") as file:
        file.write("# stolen on Monday\n" + "".join(smn + "\n" for smn in smns))
    words = ("revoke", "--list", whole.path("stolen"), *gateway_words(whole), "--json")
    for point in REVOKE_POINTS:
        dies(whole, point, *words)
        answer = json.loads(whole.keymgmt(*words))
        expect(answer["terminals"] == EACH, "%s: it finishes" % point, answer)
    states = {whole.ctl("terminal", "show", smn)["terminal"]["state"] for smn in smns}
    expect(states == {"revoked"}, "they are revoked", states)
    return first + EACH


# ---- no way around ----

def ask(whole, **request):
    """One line to the admin socket, as whoever may open it could send it."""
    with socket.socket(socket.AF_UNIX) as link:
        link.connect(whole.path("admin.sock"))
        link.sendall(json.dumps(request).encode() + b"\n")
        answer = b""
        while not answer.endswith(b"\n"):
            more = link.recv(65536)
            if not more:
                raise SchemeError("no answer but %r" % answer)
            answer += more
    return json.loads(answer)


def no_way_around(whole, index):
    """A record that begins what has ended is good for nothing; neither is none, or another's."""
    for command in ("suspend", "revoke", "erase"):
        answer = ask(whole, command="terminals " + command, terminals=[index])
        expect(not answer["ok"] and "two people" in answer["error"],
               "terminals %s needs what keymgmt began" % command, answer)
    lines = [json.loads(line) for line in whole.keymgmt("audit", "export").splitlines()]
    ended = [row for row in lines if row["what"] == "destroy" and row["outcome"] == "begun"]
    at = ended[-1]["sequence"]
    begun = {"sequence": at, "hash": hashlib.sha256(ended[-1]["record"].encode()).hexdigest()}
    for change, status in ((begun, "ERR_NOT_ALLOWED"),
                           ({"sequence": at, "hash": "0" * 64}, "ERR_MISMATCH"),
                           ({"sequence": 10 ** 9, "hash": "0" * 64}, "ERR_NOT_FOUND")):
        answer = ask(whole, command="terminals suspend", begun=change, terminals=[index])
        expect(answer.get("status") == status, "a record that does not stand open", answer)
    said = fails(whole.ctl, "terminal", "revoke", "A" * 8 + "0" * 8, "B" * 8 + "0" * 8)
    expect("more words" in said, "posgatectl revokes one", said)


# ---- two people ----

def two_people():
    """Each is asked for, agreed to and done, by two people; an interrupted one is finished without
    asking again."""
    with scheme() as whole:
        room = Room(whole)
        room.init()
        room.expect(0, "alice", "ceremony", "lmk", *room.components("lmk"),
                    *room.custodians("carol", "dave"))
        room.expect(0, "alice", "generate", "--count", "20")
        words = ("destroy", "--index", "1-5", "--no-gateway")
        dry = room.expect(0, "alice", *words, "--dry-run")
        room.expect(77, "erin", *words)
        asked = room.expect(75, "alice", *words)
        expect(asked["subject"] == dry["subject"], "what is asked for is what was shown", asked)
        room.expect(75, "alice", *words)
        expect(states(room) == {"generated"}, "until then nothing is destroyed")
        room.expect(0, "bob", "approve", str(asked["approval"]))
        room.expect(75, "alice", "destroy", "--index", "1-6", "--no-gateway")
        expect(states(room) == {"generated"}, "an approval is good for these keys alone")
        os.environ["POSGATE_FAILPOINT"] = "destroy-chunk"
        code, _ = room.act("alice", *words)
        del os.environ["POSGATE_FAILPOINT"]
        if code == -9:
            answer = room.expect(0, "oscar", *words)
            expect("again" in answer, "whoever may finishes what was begun", answer)
        expect(states(room) == {"generated", "destroyed"}, "done")
        room.expect(0, "alice", *words)  # nothing is left that somebody had to agree to
        for more in (("compromise", "--index", "7", "--no-gateway"),
                     ("destroy", "--batch", "1", "--no-gateway")):
            room.expect(75, "alice", *more)
        rows = room.expect(0, "alice", "list")
        expect(sum(row["state"] != "generated" for row in rows) == 5, "and nothing else")


def states(room):
    return {row["state"] for row in room.expect(0, "alice", "list")}


def without_failpoints(whole):
    words = ("destroy", "--index", "1", *gateway_words(whole))
    probe = subprocess.run(["env", "POSGATE_FAILPOINT=destroy-begun",
                            whole.program("posgate-keymgmt"), "--home", whole.path("keys"), *words],
                           check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if probe.returncode == -9:
        whole.keymgmt(*words)
    return probe.returncode != -9


def main():
    two_people()
    if os.geteuid() != 0:
        skip("files that the gateway holds open", "only root can read another process's")
        return done()
    drills = len(DESTROY_POINTS) + 4 + 2
    terminals = KEYS + 10 + drills * EACH
    with scheme() as whole:
        set_up(whole, terminals + 5, terminals)
        destroy_all(whole)
        no_way_around(whole, KEYS + 1)
        if without_failpoints(whole):
            skip("destroy killed at each step", "this build has no failpoints")
            return done()
        first = destroy_drill(whole, KEYS + 11)
        first = revoke_drill(whole, compromise_drill(whole, first))
        compromise_ktk(whole)
        expect("intact" in whole.keymgmt("audit", "verify", "--gateway-table",
                                         whole.path("terminals-table")), "both chains are whole")
    return done()


if __name__ == "__main__":
    main()
