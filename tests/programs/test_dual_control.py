"""Two people where one is not enough: who may do what, what needs a second person, that nobody is both,
too late or twice, that nobody holds two components, and that every refusal is on record with its
reason."""
import json
import os
import subprocess

from common import BIN, done, expect, scheme
from keyroom import batches

PEOPLE = {"alice": "operator", "oscar": "operator,approver", "bob": "approver", "carol": "custodian",
          "dave": "custodian", "erin": "auditor"}
NAME = "MPOS0001"
AGAIN, DENIED, FAILED, USAGE = 75, 77, 1, 2


class Room:
    """A library with people, and posgate-keymgmt run as one of them."""

    def __init__(self, whole):
        self.whole = whole
        self.said = ""
        self.refusals = []  # as they must stand in the chain: (who, what, reason, on what)
        for name in PEOPLE:
            self.write_password(name, "%s's own password" % name)

    def file(self, name):
        return self.whole.path(name + ".password")

    def write_password(self, name, password):
        with open(self.file(name), "w", encoding="ascii") as out:
            out.write(password + "\n")
        os.chmod(self.file(name), 0o600)

    def run(self, *words, ahead=0):
        """Exit code and standard output; standard error stays in self.said."""
        environment = dict(os.environ)
        if ahead:
            environment["LD_PRELOAD"] = os.path.join(BIN, "clock_ahead.so")
            environment["CLOCK_AHEAD_S"] = str(ahead)
        ended = subprocess.run([self.whole.program("posgate-keymgmt"), "--home",
                                self.whole.path("keys"), "--json", *words],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               stdin=subprocess.DEVNULL, timeout=60, check=False, env=environment)
        self.said = ended.stderr
        return ended.returncode, ended.stdout

    def act(self, who, *words, **options):
        return self.run("--operator", who, "--operator-credential", self.file(who), *words,
                        **options)

    def expect(self, code, who, *words, says="", **options):
        """The answer as an object, {} when there is none."""
        got, out = self.act(who, *words, **options)
        expect(got == code, "%s %s ends with %d" % (who, " ".join(words[:2]), code),
               "%d %s%s" % (got, out, self.said))
        if says:
            expect(says in self.said, "%s %s says '%s'" % (who, words[0], says), self.said)
        try:
            return json.loads(out)
        except ValueError:
            return {}

    def init(self, *words):
        roles = [word for name, all_roles in PEOPLE.items() for role in all_roles.split(",")
                 for word in ("--" + role, name)]
        files = [word for name in PEOPLE
                 for word in ("--password-file", "%s=%s" % (name, self.file(name)))]
        return self.run("init", "--make-credential", *roles, *files, *words)

    def custodians(self, *names):
        return [word for name in names
                for word in ("--custodian", name, "--custodian-credential",
                             self.file(name.lower()))]

    def components(self, name, algorithm="A256"):
        out = self.whole.path("components-" + name)
        code, _ = self.run("ceremony", "components", "--alg", algorithm, "--out", out)
        expect(code == 0, "components are made")
        return [word for i in (1, 2)
                for word in ("--component", os.path.join(out, "component-%d.hex" % i))]

    def records(self):
        return self.expect(0, "erin", "audit", "show")

    def refused(self, who, what, reason, about=""):
        """What was refused just now; whole_chain looks for it."""
        self.refusals.append((who, what, "refused: " + reason, about))


# ---- the first people ----

def nobody_alone(room):
    for words, missing in (((), "an operator (--operator NAME) and another"),
                           (("--operator", "alice"), "another person as approver"),
                           (("--approver", "bob"), "an operator who is not"),
                           (("--operator", "alice", "--approver", "ALICE"),
                            "another person as approver")):
        code, _ = room.run("init", *words)
        expect(code == USAGE and missing in room.said, "init says what is missing", room.said)
    expect(not os.path.exists(room.whole.path("keys", "library")), "and makes nothing")
    code, _ = room.run("init", "--single-operator", "--operator", "alice", "--approver", "bob")
    expect(code == USAGE, "people are not for a single operator", room.said)
    code, out = room.init("--approval-minutes", "30")
    expect(code == 0 and json.loads(out)["control"] == "dual", "init with people", room.said)


def ceremonies(room):
    lmk, ktk, zpk = room.components("lmk"), room.components("ktk"), room.components("zpk", "T2")
    room.expect(DENIED, "bob", "ceremony", "lmk", *lmk, *room.custodians("carol", "dave"),
                says="for one who is operator")
    room.refused("bob", "login-refused", "role-missing", "command=ceremony")
    room.expect(DENIED, "alice", "ceremony", "lmk", *lmk, *room.custodians("carol", "alice"),
                says="for one who is custodian")
    room.refused("alice", "login-refused", "role-missing", "command=ceremony")
    room.expect(USAGE, "alice", "ceremony", "lmk", *lmk, *room.custodians("carol", "CAROL"),
                says="one custodian, one component")
    room.refused("alice", "ceremony-refused", "custodian", "LMK component=2")
    expect(not os.path.exists(room.whole.path("keys", "lmk.sealed")), "no LMK came of these")
    made = room.expect(0, "alice", "ceremony", "lmk", *lmk, *room.custodians("carol", "DAVE"))
    expect([row["custodian"] for row in made["components"]] == ["carol", "dave"],
           "custodians by their names in the library", made)
    room.expect(0, "alice", "ceremony", "ktk", "--name", NAME, *ktk,
                *room.custodians("carol", "dave"))
    made = room.expect(0, "alice", "ceremony", "zpk", "--name", "HOST", "--alg", "T2", *zpk,
                       *room.custodians("carol", "dave"))
    expect(made["key"] == "ZPK" and made["link"] == "HOST" and made["kcv"].startswith("ZERO:") and
           {row["parity"] for row in made["components"]} <= {"odd", "even", "mixed"},
           "a ZPK of T2", made)
    room.expect(FAILED, "alice", "ceremony", "zpk", "--name", "HOST", "--alg", "T2", *zpk,
                *room.custodians("carol", "dave"), says="has its ZPK already")


# ---- who may do what ----

def roles(room):
    room.expect(0, "alice", "generate", "--count", "5")
    for who in ("bob", "erin"):
        room.expect(DENIED, who, "generate", "--count", "1", says="for one who is operator")
        room.refused(who, "login-refused", "role-missing", "command=generate")
    room.expect(DENIED, "bob", "audit", "show", says="operator or auditor")
    room.refused("bob", "login-refused", "role-missing", "command=audit show")
    room.expect(0, "alice", "audit", "verify")
    room.expect(0, "carol", "stock")
    code, _ = room.run("generate", "--count", "1")
    expect(code == USAGE, "nobody is nobody", room.said)
    expect(batches(Reader(room)) == {1: "generated"}, "one batch came of all that")


class Reader:
    """The library as the helpers of keyroom want it, read by erin."""

    def __init__(self, room):
        self.room = room

    def keymgmt(self, *words):
        return self.room.act("erin", *words)[1]


# ---- two people ----

def export_words(room, batch=1):
    return ("export", "--batch", str(batch), "--dest", NAME, "--out",
            room.whole.path("batch-%d.keys" % batch))


def one_export(room):
    shown = room.expect(0, "alice", *export_words(room), "--dry-run")
    expect(shown["dry_run"] == "nothing was changed" and shown["count"] == 5, "a dry run", shown)
    asked = room.expect(AGAIN, "alice", *export_words(room), says="approve 1' within 30 minutes")
    expect(asked["approval"] == 1 and "dest=" + NAME in asked["subject"], "asked for", asked)
    again = room.expect(AGAIN, "alice", *export_words(room), says="still waits")
    expect(again["approval"] == 1, "asking again is the same", again)
    shown = room.expect(0, "bob", "approve", "1")
    expect(shown["state"] == "given" and shown["subject"] == asked["subject"], "what is approved")
    room.expect(FAILED, "bob", "approve", "1", says="given already, by bob")
    room.refused("bob", "approval-answer-refused", "answered-before", "approval=1")
    room.expect(DENIED, "oscar", *export_words(room), "--approval", "1", says="asked for by alice")
    room.refused("oscar", "approval-use-refused", "other-person", "approval=1")
    room.expect(0, "alice", "generate", "--count", "5")
    room.expect(DENIED, "alice", *export_words(room, 2), "--approval", "1", says="and this is")
    room.refused("alice", "approval-use-refused", "other-subject", "approval=1")
    room.expect(0, "alice", *export_words(room))
    expect(os.path.exists(room.whole.path("batch-1.keys")), "the file is there")
    room.expect(0, "alice", *export_words(room))
    os.unlink(room.whole.path("batch-1.keys"))
    room.expect(FAILED, "alice", *export_words(room), says="exported once")


def nobody_is_two(room):
    asked = room.expect(AGAIN, "oscar", *export_words(room, 2))["approval"]
    room.expect(DENIED, "oscar", "approve", str(asked), says="somebody else")
    room.refused("oscar", "approval-answer-refused", "own-request", "approval=%d" % asked)
    for who in ("alice", "carol"):
        room.expect(DENIED, who, "approve", str(asked), says="for one who is approver")
        room.refused(who, "login-refused", "role-missing", "command=approve")
    room.expect(0, "bob", "approve", str(asked), "--refuse")
    room.expect(FAILED, "oscar", *export_words(room, 2), "--approval", str(asked), says="refused")
    room.refused("oscar", "approval-use-refused", "was-refused")
    room.expect(FAILED, "bob", "approve", str(asked), says="refused already")
    room.refused("bob", "approval-answer-refused", "answered-before", "approval=%d" % asked)
    expect(batches(Reader(room))[2] == "generated", "nothing was exported")


def too_late(room):
    late = 31 * 60
    asked = room.expect(AGAIN, "alice", *export_words(room, 2))["approval"]
    room.expect(AGAIN, "bob", "approve", str(asked), ahead=late, says="has expired")
    room.refused("bob", "approval-answer-refused", "expired", "approval=%d" % asked)
    room.expect(0, "bob", "approve", str(asked))
    room.expect(AGAIN, "alice", *export_words(room, 2), "--approval", str(asked), ahead=late,
                says="has expired")
    room.refused("alice", "approval-use-refused", "expired", "approval=%d" % asked)
    again = room.expect(AGAIN, "alice", *export_words(room, 2), ahead=late)
    expect(again["approval"] == asked + 1, "then it is asked for anew", again)
    expect(batches(Reader(room))[2] == "generated", "nothing was exported")
    room.expect(0, "alice", *export_words(room, 2), "--approval", str(asked))
    expect(batches(Reader(room))[2] == "exported", "in time it was good")


def race(room):
    """Both of two that use one approval at once: one does it, the other is told that it is used."""
    words = ("operator", "add", "frank", "--role", "auditor", "--password-file", room.file("bob"))
    asked = room.expect(AGAIN, "alice", *words)["approval"]
    room.expect(0, "bob", "approve", str(asked))
    line = [room.whole.program("posgate-keymgmt"), "--home", room.whole.path("keys"), "--operator",
            "alice", "--operator-credential", room.file("alice"), *words, "--approval", str(asked)]
    both = [subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            for _ in range(2)]
    codes = sorted(process.wait(60) for process in both)
    expect(codes[0] == 0 and codes[1] != 0, "one of two at once", codes)
    room.expect(FAILED, "alice", *words, "--approval", str(asked), says="frank already")


# ---- people change ----

def people(room):
    room.write_password("fred", "fred's new password")
    words = ("operator", "change", "dave", "--role", "custodian,auditor")
    asked = room.expect(AGAIN, "alice", *words)["approval"]
    room.expect(0, "oscar", "approve", str(asked))
    changed = room.expect(0, "alice", *words)
    expect(changed["roles"] == "custodian,auditor", "dave has both roles", changed)
    room.expect(FAILED, "alice", *words, "--approval", str(asked), says="used already")
    room.refused("alice", "approval-use-refused", "used-before", "approval=%d" % asked)
    room.expect(0, "dave", "audit", "verify")
    room.expect(0, "dave", "operator", "password", "--password-file", room.file("fred"))
    room.expect(DENIED, "dave", "stock", says="not the password")
    room.refused("dave", "login-refused", "wrong-password", "command=stock")
    room.write_password("dave", "fred's new password")
    room.expect(0, "dave", "stock")
    words = ("operator", "password", "erin", "--password-file", room.file("fred"))
    room.expect(DENIED, "dave", *words, says="only an operator")
    room.refused("dave", "login-refused", "role-missing", "command=operator password")
    room.expect(AGAIN, "alice", *words, says="second person")
    words = ("operator", "remove", "bob")
    asked = room.expect(AGAIN, "alice", *words)["approval"]
    room.expect(0, "oscar", "approve", str(asked))
    room.expect(0, "alice", *words)
    room.expect(DENIED, "bob", "stock", says="not the password")
    room.refused("bob", "login-refused", "wrong-password", "command=stock")
    words = ("operator", "remove", "alice")
    asked = room.expect(AGAIN, "alice", *words)["approval"]
    room.expect(0, "oscar", "approve", str(asked))
    room.expect(FAILED, "alice", *words, says="without an operator, or without another")
    listed = {row["person"]: row["roles"] for row in room.expect(0, "erin", "operator", "list")}
    expect(listed["bob"] == "none" and listed["alice"] == "operator", "who is left", listed)


def guessing(room):
    """Seven guesses at once: five wrong passwords, and then none is looked at for ten minutes, the
    right one neither; other people go on."""
    right = open(room.file("carol"), encoding="ascii").read().strip()
    room.write_password("carol", "a guess at it")
    line = [room.whole.program("posgate-keymgmt"), "--home", room.whole.path("keys"), "--operator",
            "carol", "--operator-credential", room.file("carol"), "stock"]
    guesses = [subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
               for _ in range(7)]
    codes = [guess.wait(60) for guess in guesses]
    expect(codes == [DENIED] * 7, "no guess gets in", codes)
    for reason in ["wrong-password"] * 5 + ["too-many"] * 2:
        room.refused("carol", "login-refused", reason, "command=stock")
    room.write_password("carol", right)
    room.expect(DENIED, "carol", "stock", says="5 wrong passwords")
    room.refused("carol", "login-refused", "too-many", "command=stock")
    room.expect(0, "carol", "stock", ahead=11 * 60)
    room.expect(0, "erin", "stock")
    os.chmod(room.file("erin"), 0o644)
    room.expect(DENIED, "erin", "stock", says="chmod 600")
    os.chmod(room.file("erin"), 0o600)
    code, _ = room.run("--operator", "nobody", "--operator-credential", room.file("erin"), "stock")
    expect(code == DENIED and "no person nobody" in room.said, "an unknown name", room.said)
    room.refused("nobody", "login-refused", "wrong-password", "command=stock")


def whole_chain(room):
    verdict = room.expect(0, "erin", "audit", "verify")
    expect(verdict["macs"] == "checked" and verdict["chain"] == "intact", "the chain", verdict)
    records = room.records()
    found = [(row["who"], row["what"], row["outcome"], row["on_what"]) for row in records
             if row["outcome"] != "done"]
    for wanted, record in zip(room.refusals, found):
        expect(wanted[:3] == record[:3] and wanted[3] in record[3], "on record: %s %s %s" % wanted[:3],
               record)
    expect(len(found) == len(room.refusals), "every refusal and no other", len(found))
    used = [row["on_what"].split()[0] for row in records if row["what"] == "approval-used"]
    expect(len(used) == len(set(used)) and len(used) == 6, "each approval used once", used)
    text = json.dumps(records)
    expect("own password" not in text and "new password" not in text, "no password in the chain")


def main():
    with scheme() as whole:
        room = Room(whole)
        for part in (nobody_alone, ceremonies, roles, one_export, nobody_is_two, too_late, race,
                     people, guessing, whole_chain):
            part(room)
    done()


if __name__ == "__main__":
    main()
