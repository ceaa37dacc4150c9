"""`lmk rotate` brings every key of the library and of the gateway's table under a new LMK. Killed at
more than 20 points it ends right when it runs again: every key opens and is the one it was, no value
of before is in any file, the terminals go on, both audit chains verify. Meanwhile nothing else works
with the library, and no gateway starts."""
import glob
import json
import os
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


def drill(whole, before, old, old_lmk):
    for point in BEFORE_MARK + UNDER_WAY + AFTER:
        restore(whole)
        if not dies(whole, point, *first_words(whole)):
            continue
        if point in UNDER_WAY:
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
        if has_failpoints(whole):
            drill(whole, before, old, old_lmk)
        else:
            skip("a rotation killed at each step", "this build has no failpoints")
    return done()


if __name__ == "__main__":
    main()
