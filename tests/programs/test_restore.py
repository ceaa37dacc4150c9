"""A backup that is older than what it takes the place of is noticed and refused; accepted by two people
it goes on, and no index is given out twice: not by keymgmt, which had generated and exported ten
keys since, and not by a mother POS, which had handed out ten. Killed at each step it is refused
still, and the same command accepts it."""
import json
import os
import shutil
import subprocess

from common import done, expect, scheme, skip
from keyroom import audit, batches, fails, mother, mother_keys

NAME = "MPOS0001"
ISSUES = 10
RESTORE_POINTS = ("restore-copied", "restore-named")
ACCEPT_POINTS = ("restore-burned", "restore-accepted")
POINTS = RESTORE_POINTS + ACCEPT_POINTS + ("batch-synced", "journal-old-burned")


def indexes_in(path):
    """What a key file holds."""
    with open(path, encoding="ascii") as file:
        return {int(line.split("|")[1]) for line in file if line.startswith("K|")}


def dies(whole, point, *words):
    ran = subprocess.run(["env", "POSGATE_FAILPOINT=" + point, whole.program("posgate-keymgmt"),
                          "--home", whole.path("keys"), *words], text=True, timeout=60,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    if ran.returncode == -9:
        expect(True, "%s: it dies there" % point)
    return ran.returncode == -9


def lose_library(whole, name):
    shutil.move(whole.path("keys", "library"), whole.path(name))


def refused(whole, where):
    """Nothing that writes works."""
    for words in (("generate", "--count", "1"), ("backup", whole.path("never")),
                  ("export", "--batch", "1", "--dest", NAME, "--out", whole.path("never.keys"))):
        said = fails(whole.keymgmt, *words)
        expect("older than its anchor" in said or "another history" in said,
               "%s: %s is refused" % (where, words[0]), said)
    expect(not os.path.exists(whole.path("never.keys")), "%s: no key file" % where)


def accept(whole, *words):
    return json.loads(whole.keymgmt("restore", "--accept-old", *words, "--json"))


# ---- keymgmt ----

def make_history(whole):
    """A backup, and then ten keys that it does not know of, in two key files."""
    whole.generate(5)
    whole.keymgmt("backup", whole.path("backup"))
    said = fails(whole.keymgmt, "backup", whole.path("backup"))
    expect("is there already" in said, "a backup never goes over one", said)
    whole.generate(ISSUES)
    out = [whole.export(1, NAME), whole.export(2, NAME)]
    given = indexes_in(out[0]) | indexes_in(out[1])
    expect(given == set(range(1, 5 + ISSUES + 1)), "keys went out since", given)
    return given


def restore_is_refused(whole):
    said = fails(whole.keymgmt, "restore", whole.path("backup"))
    expect("there is a key library" in said, "a backup never goes over a library", said)
    lose_library(whole, "lost")
    said = fails(whole.keymgmt, "restore", whole.path("nowhere"))
    expect("no backup" in said and not os.path.exists(whole.path("keys", "library")),
           "what is no backup is not restored", said)
    said = fails(whole.keymgmt, "restore", whole.path("backup"))
    expect("older than the library was" in said and "indexes up to 00000015" in said,
           "a restored old backup is refused, and what is lost is said", said)
    refused(whole, "restored")
    dry = accept(whole, "--dry-run")
    expect(dry["high_water"] == "00000015", "--dry-run says up to where", dry)
    refused(whole, "after --dry-run")


def no_index_twice(whole, given, where):
    whole.generate(ISSUES)
    number = max(batches(whole))
    out = whole.export(number, NAME)
    again = indexes_in(out)
    expect(len(again) == ISSUES and not again & given, "%s: no index is given out twice" % where,
           sorted(again & given))
    expect(batches(whole)[1] == "burned", "%s: what may have been exported is burned" % where,
           batches(whole))
    said = fails(whole.keymgmt, "export", "--batch", "1", "--dest", NAME, "--out",
                 whole.path("never.keys"))
    expect("burned" in said, "%s: and never exported again" % where, said)
    expect("intact" in whole.keymgmt("audit", "verify"), "%s: the chain is whole" % where)
    os.unlink(out)


def accepted(whole, given):
    answer = accept(whole)
    expect(answer["high_water"] == "00000015" and answer["batches_burned"] == 1,
           "the override burns what was given out since", answer)
    no_index_twice(whole, given, "accepted")
    what = [(row["what"], row["outcome"]) for row in audit(whole)]
    for wanted in (("restore", "begun"), ("burn-since", "done"), ("restore", "done")):
        expect(wanted in what, "it is on record: %s" % (wanted,), what[-8:])
    said = fails(whole.keymgmt, "restore", "--accept-old")
    expect("nothing to accept" in said, "once is enough", said)


def drill(whole, given):
    for point in RESTORE_POINTS + ACCEPT_POINTS:
        shutil.rmtree(whole.path("keys", "library"))
        shutil.copy(whole.path("anchor-then"), whole.path("keys", "anchor"))
        if point in RESTORE_POINTS:
            if not dies(whole, point, "restore", whole.path("backup")):
                return skip("a restore killed at each step", "this build has no failpoints")
            if point == "restore-named":
                refused(whole, point)
            else:
                fails(whole.keymgmt, "restore", whole.path("backup"))
        else:
            fails(whole.keymgmt, "restore", whole.path("backup"))
            expect(dies(whole, point, "restore", "--accept-old"), "%s: it dies there" % point)
            if point == "restore-burned":
                refused(whole, point)
        if point != "restore-accepted":
            accept(whole)
        no_index_twice(whole, given, point)
    return None


def lost_anchor(whole):
    shutil.rmtree(whole.path("keys", "library"))
    os.unlink(whole.path("keys", "anchor"))
    said = fails(whole.keymgmt, "restore", whole.path("backup"))
    expect("--high-water" in said, "without its anchor nobody knows how old it is", said)
    said = fails(whole.keymgmt, "restore", "--accept-old")
    expect("--high-water" in said, "and it is not accepted as it is", said)
    answer = accept(whole, "--high-water", "40")
    expect(answer["high_water"] == "00000040", "somebody found out", answer)
    whole.generate(1)
    last = json.loads(whole.keymgmt("list", "--json"))[-1]["index"]
    expect(last == "00000041", "the next index is behind it", last)


def one_batch_ahead(whole):
    """Killed between the sync of a batch and that of the anchor: nothing is old."""
    before = len(json.loads(whole.keymgmt("list", "--json")))
    if not dies(whole, "batch-synced", "generate", "--count", "2"):
        return
    expect(len(json.loads(whole.keymgmt("list", "--json"))) == before + 2, "the batch is there")
    whole.keymgmt("generate", "--count", "1")
    expect("intact" in whole.keymgmt("audit", "verify"), "and the library goes on")


# ---- a mother POS ----

def hand_out(whole, first):
    """{index: serial} of those that got one now."""
    whole.terminals("--steps", "key", "--count", str(ISSUES), "--first-serial", str(first),
                    store="given", mother=NAME)
    with open(whole.path("given", "terminals.keys"), encoding="ascii") as file:
        lines = [line.split("|") for line in file if line.startswith("key|")]
    return {int(line[2]): line[1] for line in lines if int(line[1][3:]) >= first}


def mother_pos(whole):
    """The journal is copied, ten keys are handed out, the copy comes back."""
    whole.generate(3 * ISSUES)
    whole.start_mother(NAME)
    whole.load(NAME, whole.export(max(batches(whole)), NAME))
    whole.stop(NAME)
    shutil.copytree(whole.path(NAME, "journal"), whole.path("journal-then"))
    whole.start_mother(NAME)
    given = hand_out(whole, 1)
    whole.stop(NAME)
    shutil.copytree(whole.path(NAME), whole.path("mother-now"))
    shutil.rmtree(whole.path(NAME, "journal"))
    shutil.copytree(whole.path("journal-then"), whole.path(NAME, "journal"))
    for words in ((), ("--list",), ("--close-session",)):
        said = fails(whole.start_mother, NAME) if not words else fails(mother, whole, NAME, *words)
        expect("older than its anchor" in said and "--accept-old" in said,
               "an old journal is refused: %s" % (words,), said)
    killed = subprocess.run(["env", "POSGATE_FAILPOINT=journal-old-burned",
                             whole.program("posgate-emulator"), "mother", "--home",
                             whole.path(NAME), "--accept-old", "--list"], check=False,
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if killed.returncode == -9:
        said = fails(mother, whole, NAME, "--list")
        expect("--accept-old" in said, "killed in between, it is still refused", said)
    mother(whole, NAME, "--accept-old", "--list")
    burned = {int(index) for index, row in mother_keys(whole, NAME).items() if row[0] == "burned"}
    expect(set(given) <= burned, "what was handed out since is burned", sorted(given))
    whole.start_mother(NAME)
    more = hand_out(whole, 100)
    whole.stop(NAME)
    expect(len(more) == ISSUES and not set(more) & set(given), "no index is handed out twice",
           sorted(set(more) & set(given)))


# ---- a gateway ----

def gateway_table(whole):
    """Its table is copied while it runs, and an old copy is refused until it is accepted."""
    table, copy = whole.path("terminals-table"), whole.path("table-then")
    whole.start_gateway()
    whole.terminals("--steps", "register", "--count", "3", store="given")
    whole.ctl("backup", copy)
    said = fails(whole.ctl, "backup", copy)
    expect("there already" in said, "a copy never goes over one", said)
    whole.terminals("--steps", "register", "--count", "3", "--first-serial", "4", store="given")
    whole.stop("gateway")
    shutil.rmtree(table)
    shutil.copytree(copy, table)
    said = fails(whole.start_gateway)
    expect("older than its anchor" in said, "an old table is refused", said)
    whole.start_gateway("--accept-old-table")
    expect(len(whole.ctl("terminal", "find", "EMU")["terminals"]) == 3, "the copy is whole")
    whole.terminals("--steps", "register", "--count", "6", store="given")
    whole.stop("gateway")
    expect("intact" in whole.keymgmt("audit", "verify", "--gateway-table", table),
           "its chain goes on")


# ---- two people ----

class People:
    """A library of two people, and posgate-keymgmt run as one of them."""

    def __init__(self, whole):
        self.whole = whole
        self.home = whole.path("two")
        for name in ("alice", "bob"):
            with open(self.file(name), "w", encoding="ascii") as out:
                out.write("the password of %s\n" % name)
            os.chmod(self.file(name), 0o600)
        self.run(0, "init", "--make-credential", "--operator", "alice", "--approver", "bob",
                 "--password-file", "alice=" + self.file("alice"), "--password-file",
                 "bob=" + self.file("bob"))

    def file(self, name):
        return self.whole.path(name + ".password")

    def run(self, code, *words):
        ran = subprocess.run([self.whole.program("posgate-keymgmt"), "--home", self.home, "--json",
                              *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                             timeout=60, check=False)
        expect(ran.returncode == code, "%s ends with %d" % (" ".join(words[:2]), code),
               (ran.returncode, ran.stderr))
        return json.loads(ran.stdout) if ran.stdout.startswith(("{", "[")) else ran.stderr

    def act(self, who, code, *words):
        return self.run(code, "--operator", who, "--operator-credential", self.file(who), *words)


def two_people(whole):
    people = People(whole)
    people.act("alice", 0, "backup", whole.path("backup-two"))
    shutil.rmtree(os.path.join(people.home, "library"))
    people.act("alice", 1, "restore", whole.path("backup-two"))
    asked = people.act("alice", 75, "restore", "--accept-old")
    expect("approval" in asked, "it needs a second person", asked)
    people.act("alice", 75, "restore", "--accept-old")
    people.act("bob", 0, "approve", str(asked["approval"]))
    people.act("alice", 1, "backup", whole.path("never"))
    people.act("alice", 0, "restore", "--accept-old")
    people.act("alice", 0, "backup", whole.path("backup-three"))


def main():
    with scheme() as whole:
        whole.init_keys(2)
        whole.init_mother(NAME)
        given = make_history(whole)
        shutil.copy(whole.path("keys", "anchor"), whole.path("anchor-then"))
        restore_is_refused(whole)
        accepted(whole, given)
        drill(whole, given)
        lost_anchor(whole)
        one_batch_ahead(whole)
        mother_pos(whole)
        gateway_table(whole)
        two_people(whole)
    return done()


if __name__ == "__main__":
    main()
