"""`lmk rotate` brings every key of the library and of the gateway's table under a new LMK. Killed at
more than 20 points it ends right when it runs again: every key opens and is the one it was, no value
of before is in any file, the terminals go on, both audit chains verify. Meanwhile nothing else works
with the library, and no gateway starts. POSGATE_CRASH_ROUNDS adds so many kills at keys of its choice."""
import glob
import json
import os
import random
import shutil
import subprocess

from common import SchemeError, done, expect, scheme, skip
from keyroom import audit, fails
from stored_keys import pieces, scan, stored

NAME = "MPOS0001"
KEYS = 10
TERMINALS = 4
LIBRARY_KEYS = 3 * KEYS + 1  # and a KTK
TABLE_KEYS = 2 * TERMINALS
# Where to be killed, and whether components are asked for again.
BEFORE_MARK = ("rotate-next-made",)
UNDER_WAY = ("rotate-marked", "rotate-begun", "rotate-key:1", "rotate-key:2", "rotate-key:11",
             "rotate-key:%d" % LIBRARY_KEYS, "rotate-library-moved", "rotate-table-key:1",
             "rotate-table-key:3", "rotate-table-key:%d" % TABLE_KEYS, "rotate-table-moved",
             "rotate-checked", "rotate-scrubbed", "rotate-table-scrubbed", "rotate-linked",
             "rotate-swapped", "rotate-shredded", "rotate-recorded", "rotate-table-recorded")
AFTER = ("rotate-unmarked",)
POINTS = tuple(point.split(":")[0] for point in BEFORE_MARK + UNDER_WAY + AFTER)
POINTS += ("rotate-token-made",)
ROUNDS = int(os.environ.get("POSGATE_CRASH_ROUNDS", "0"))
START_GATEWAY = ("rotate-key:11", "rotate-table-key:3", "rotate-swapped", "rotate-unmarked")
FOLDERS = ("keys", "terminals-table")
TERMINALS_STORE, TABLE_ANCHOR = "terminals", "terminals-table.anchor"


def set_up(whole):
    whole.init_keys(2)
    whole.init_mother(NAME)
    whole.generate(KEYS)
    whole.start_mother(NAME)
    whole.load(NAME, whole.export(1, NAME))
    whole.start_host()
    whole.start_gateway()
    whole.wait_for_host()
    whole.terminals("--steps", "key,register,sign-on,authenticate,sale", "--count", str(TERMINALS),
                    mother=NAME)
    whole.stop(NAME)
    whole.stop("gateway")
    whole.components("new")
    for folder in (*FOLDERS, TERMINALS_STORE):
        shutil.copytree(whole.path(folder), whole.path("kept", folder))
    shutil.copy(whole.path(TABLE_ANCHOR), whole.path("kept", TABLE_ANCHOR))


def restore(whole):
    for folder in (*FOLDERS, TERMINALS_STORE):
        shutil.rmtree(whole.path(folder))
        shutil.copytree(whole.path("kept", folder), whole.path(folder))
    shutil.copy(whole.path("kept", TABLE_ANCHOR), whole.path(TABLE_ANCHOR))


def ceremony(whole):
    parts = [whole.path("components-new", "component-%d.hex" % (i + 1)) for i in range(2)]
    return (*whole.component_options(parts), "--custodian", "erin", "--custodian", "frank")


def first_words(whole):
    return ("lmk", "rotate", "--gateway-table", whole.path("terminals-table"), *ceremony(whole))


def dies(whole, point, *words):
    ran = subprocess.run(["env", "POSGATE_FAILPOINT=" + point, whole.program("posgate-keymgmt"),
                          "--home", whole.path("keys"), *words], text=True, timeout=60,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    return expect(ran.returncode == -9, "%s: it dies there" % point, (ran.returncode, ran.stderr))


def kcvs(whole):
    return {row["index"]: row["tmk_kcv"] for row in json.loads(whole.keymgmt("list", "--json"))}


def values(whole):
    library = stored(whole, "library", whole.path("keys", "library"))
    table = stored(whole, "table", whole.path("terminals-table"))
    return [value for found in (library, table) for kept in found.values() for value in kept]


def lmk_of(whole):
    with open(whole.path("keys", "lmk.sealed"), "rb") as file:
        return file.read()


def nothing_else_works(whole, point):
    for words in (("generate", "--count", "1"), ("list",), ("audit", "verify")):
        if words[0] != "generate" and point not in START_GATEWAY:
            continue
        said = fails(whole.keymgmt, *words)
        expect("being rotated" in said, "%s: %s waits" % (point, words[0]), said)
    if point in START_GATEWAY:
        said = fails(whole.start_gateway)
        expect("rotated" in said, "%s: no gateway starts" % point, said)


def whole_again(whole, point, before, old, old_lmk):
    """Everything is as it should be, under the new LMK."""
    expect(kcvs(whole) == before, "%s: the keys are what they were" % point)
    expect(json.loads(whole.keymgmt("check", "--json"))["findings"] == [],
           "%s: every key opens" % point)
    paths = [whole.path(folder) for folder in FOLDERS]
    found = scan(pieces(old), paths)
    expect(found == {}, "%s: no value of before is in any file" % point, list(found.items())[:3])
    expect(lmk_of(whole) != old_lmk, "%s: the LMK is another one" % point)
    left = [os.path.basename(path) for path in glob.glob(whole.path("keys", "*"))]
    expect(not {"lmk.next", "lmk.old", "library.rotating"} & set(left),
           "%s: nothing half-made stays" % point, left)
    said = whole.keymgmt("audit", "verify", "--gateway-table", whole.path("terminals-table"))
    expect(said.count("intact") == 2 and "checked" in said, "%s: both chains verify" % point, said)
    if point not in START_GATEWAY:
        return
    records = [row["what"] for row in audit(whole) if row["what"].startswith("lmk-rotat")]
    expect(records == ["lmk-rotate", "lmk-rotated"], "%s: recorded once" % point, records)


def terminals_go_on(whole, point):
    whole.start_gateway()
    whole.wait_for_host()
    whole.terminals("--steps", "authenticate,sale,sign-on,authenticate", "--count", str(TERMINALS))
    whole.stop("gateway")
    expect(True, "%s: the terminals go on" % point)


def undisturbed(whole, before, old, old_lmk):
    said = fails(whole.keymgmt, "lmk", "rotate", *ceremony(whole))
    expect("--gateway-table" in said, "it asks for the gateway's table", said)
    whole.start_gateway()
    said = fails(whole.keymgmt, *first_words(whole))
    expect("stop the gateway" in said, "not under a running gateway", said)
    expect(not os.path.exists(whole.path("keys", "lmk.next")), "and nothing was begun")
    whole.stop("gateway")
    answer = json.loads(whole.keymgmt(*first_words(whole), "--json"))
    expect(answer["keys"] == LIBRARY_KEYS and answer["gateway_keys"] == TABLE_KEYS,
           "every key is moved", answer)
    whole_again(whole, "undisturbed", before, old, old_lmk)
    terminals_go_on(whole, "undisturbed")
    said = fails(whole.keymgmt, *first_words(whole))
    expect("is there already" in said, "the same LMK once more is none", said)
    expect("intact" in whole.keymgmt("audit", "verify"), "and leaves nothing under way")


def at_random():
    """More points, of keys that are moved."""
    for _ in range(ROUNDS):
        yield random.choice(("rotate-key:%d" % random.randint(1, LIBRARY_KEYS),
                             "rotate-table-key:%d" % random.randint(1, TABLE_KEYS)))


def drill(whole, before, old, old_lmk):
    more = tuple(at_random())
    for point in BEFORE_MARK + UNDER_WAY + AFTER + more:
        restore(whole)
        if not dies(whole, point, *first_words(whole)):
            continue
        if point in UNDER_WAY + more:
            nothing_else_works(whole, point)
            if point in START_GATEWAY:
                said = fails(whole.keymgmt, "lmk", "rotate", *ceremony(whole))
                expect("leave out --component" in said, "%s: no second new LMK" % point, said)
            whole.keymgmt("lmk", "rotate")
        elif point in BEFORE_MARK:
            whole.keymgmt("generate", "--count", "1", "--dry-run")
            whole.keymgmt(*first_words(whole))
        whole_again(whole, point, before, old, old_lmk)
        if point in START_GATEWAY:
            terminals_go_on(whole, point)


# ---- on a token ----

MODULE = "/usr/lib/softhsm/libsofthsm2.so"
PIN = "73519024"


class Token:
    """A library whose LMK is on a SoftHSM token."""

    def __init__(self, whole):
        self.whole = whole
        os.makedirs(whole.path("tokens"))
        os.makedirs(whole.path("token-keys"))
        with open(whole.path("softhsm2.conf"), "w", encoding="ascii") as file:
            file.write("directories.tokendir = %s\nlog.level = ERROR\n" % whole.path("tokens"))
        self.environment = dict(os.environ, SOFTHSM2_CONF=whole.path("softhsm2.conf"))
        subprocess.run(["softhsm2-util", "--init-token", "--free", "--label", "rotating",
                        "--so-pin", PIN, "--pin", PIN], check=True, stdout=subprocess.DEVNULL,
                       env=self.environment)
        with open(whole.path("token-keys", "credential"), "w", encoding="ascii") as file:
            file.write(PIN + "\n")
        os.chmod(whole.path("token-keys", "credential"), 0o600)
        self.configure("first")

    def configure(self, label):
        with open(self.whole.path("token-keys", "keymgmt.conf"), "w", encoding="ascii") as file:
            file.write('security_module = { kind = "pkcs11"; module = "%s"; '
                       'token = "pkcs11:token=rotating"; lmk_label = "%s"; };\n' % (MODULE, label))

    def run(self, *words, point=""):
        """(exit code, standard output, standard error)"""
        environment = dict(self.environment, POSGATE_FAILPOINT=point)
        ran = subprocess.run([self.whole.program("posgate-keymgmt"), "--home",
                              self.whole.path("token-keys"), *words], stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True, timeout=60, check=False,
                             env=environment)
        return ran.returncode, ran.stdout, ran.stderr

    def good(self, *words):
        code, out, err = self.run(*words)
        expect(code == 0, "on a token: %s" % " ".join(words[:2]), (code, out, err))
        return out

    def values(self):
        found = stored(self.whole, "library", self.whole.path("token-keys", "library"))
        return [value for values in found.values() for value in values]


def on_token(whole, failpoints):
    if shutil.which("softhsm2-util") is None or not os.path.exists(MODULE):
        return skip("a rotation on a token", "SoftHSM is not installed")
    token = Token(whole)
    token.good("init", "--single-operator")
    token.good("ceremony", "lmk")
    token.good("generate", "--count", "4")
    before, old = token.good("list", "--json"), token.values()
    code, _, said = token.run("lmk", "rotate", "--no-gateway")
    expect(code == 2 and "--to-label" in said, "it asks for the new LMK's label", said)
    words = ("lmk", "rotate", "--no-gateway", "--to-label", "second")
    for point in ("rotate-token-made", "rotate-key:5") if failpoints else ():
        code, _, said = token.run(*words, point=point)
        expect(code == -9, "%s: it dies there, on a token" % point, (code, said))
        words = words[:2]
    code, _, said = token.run(*words)
    expect(code == 75 and "second" in said, "it says what to set", (code, said))
    code, _, said = token.run("generate", "--count", "1")
    expect(code == 1 and "being rotated" in said, "and nothing else works until then", said)
    token.configure("second")
    token.good("lmk", "rotate")
    expect(token.good("list", "--json") == before, "the keys are what they were")
    token.good("check")
    expect("intact" in token.good("audit", "verify"), "the chain verifies")
    expect(scan(pieces(old), [whole.path("token-keys")]) == {}, "no value of before is left")
    token.configure("first")
    code, _, said = token.run("generate", "--count", "1")
    expect(code == 69, "the old LMK is off the token", (code, said))
    return None


def has_failpoints(whole):
    try:
        whole.run("env", "POSGATE_FAILPOINT=rotate-next-made", whole.program("posgate-keymgmt"),
                  "--home", whole.path("keys"), *first_words(whole), codes=(-9,))
    except SchemeError:
        return False
    return True


def main():
    with scheme() as whole:
        set_up(whole)
        before, old, old_lmk = kcvs(whole), values(whole), lmk_of(whole)
        expect(len(old) == LIBRARY_KEYS - 1 + TABLE_KEYS, "keys to move", len(old))
        undisturbed(whole, before, old, old_lmk)
        restore(whole)
        failpoints = has_failpoints(whole)
        on_token(whole, failpoints)
        if failpoints:
            drill(whole, before, old, old_lmk)
        else:
            skip("a rotation killed at each step", "this build has no failpoints")
    return done()


if __name__ == "__main__":
    main()
