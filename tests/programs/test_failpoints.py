"""kill -9 at every step of export, load, issue, confirm, burn and import: after each the same command
again ends in the state that an undisturbed run ends in; no index goes out twice, no half file can be
imported, the audit chain is whole. In a build without failpoints: that it has none. The steps of a
key's later life are tried by tests of their own, which say so in their POINTS."""
import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys

import test_destroy
import test_restore
import test_rotate
from common import SOURCE, done, expect, scheme
from keyroom import (ask_key, audit, batches, exists, fails, import_return, library_keys, mother,
                     mother_keys, states)

NAME = "MPOS0001"
KEYS = 4
LINES = KEYS + 2
ELSEWHERE = set(test_destroy.POINTS + test_restore.POINTS + test_rotate.POINTS)
tried = set()


def failing(point):
    tried.add(point.split(":")[0])
    return ("env", "POSGATE_FAILPOINT=" + point)


def keymgmt_dies(whole, point, *words):
    """Runs a command that must die at the point."""
    ran = subprocess.run([*failing(point), whole.program("posgate-keymgmt"), "--home",
                          whole.path("keys"), *words], stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, text=True, timeout=300, check=False)
    expect(ran.returncode == -9, "%s: it dies there" % point, (ran.returncode, ran.stderr))


def mother_dies(whole, point, *words):
    ran = subprocess.run([*failing(point), whole.program("posgate-emulator"), "mother", "--home",
                          whole.path(NAME), *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                         text=True, timeout=300, check=False)
    expect(ran.returncode == -9, "%s: it dies there" % point, (ran.returncode, ran.stderr))


def mother_was_killed(whole, point):
    process = whole.processes[NAME]
    process.wait(60)
    expect(whole.stop(NAME) == -9, "%s: it dies there" % point)


def keep(whole, name):
    for folder in ("keys", NAME):
        shutil.copytree(whole.path(folder), whole.path(name, folder))


def restore(whole, name):
    for folder in ("keys", NAME):
        shutil.rmtree(whole.path(folder), ignore_errors=True)
        shutil.copytree(whole.path(name, folder), whole.path(folder))
    for file in ("out.keys", "out.keys.part", "back.txt", "back.txt.part"):
        if exists(whole.path(file)):
            os.unlink(whole.path(file))


def intact(whole, point):
    expect("intact" in whole.keymgmt("audit", "verify"), "%s: the audit chain is whole" % point)


def load_words(whole, file):
    return ("load", "--to", "127.0.0.1:%d" % whole.mother_ports[NAME], file)


def expect_loaded(whole, point, reference):
    """Both sides are as after an undisturbed load; the mother POS is stopped here."""
    whole.stop(NAME)
    expect(mother_keys(whole, NAME) == reference, "%s: the mother POS holds the keys, once" % point)
    expect(batches(whole) == {1: "loaded"}, "%s: the batch is loaded" % point)
    records = [row["on_what"] for row in audit(whole) if row["what"] == "load"]
    expect(len(records) == 1, "%s: loaded once" % point, records)
    intact(whole, point)


# ---- export ----

def export_points(whole):
    out = whole.path("out.keys")
    words = ("export", "--batch", "1", "--dest", NAME, "--out", out)
    with open(whole.path("keys", "keymgmt.conf"), "w", encoding="ascii") as file:
        file.write("formats = ( { } );\n")
    shutil.copy(whole.path("keys", "keymgmt.conf"), whole.path("generated", "keys"))
    for point in ("export-begun", "export-key:1", "export-key:%d" % KEYS, "export-synced",
                  "export-marked", "export-named"):
        formats = ((), ("--format", "bare")) if point == "export-marked" else ((),)
        for more in formats:
            restore(whole, "generated")
            keymgmt_dies(whole, point, *words, *more)
            marked = point in ("export-marked", "export-named")
            expect(batches(whole) == {1: "exported" if marked else "generated"},
                   "%s: the batch" % point, batches(whole))
            expect(exists(out) == (point == "export-named"), "%s: no file before its time" % point)
            if not marked and exists(out + ".part"):
                expect(fails(whole.keymgmt, *load_words(whole, out + ".part")) != "",
                       "%s: what there is of the file cannot be loaded" % point)
            again = whole.keymgmt(*words, *more, "--json")
            expect(("again" in again) == (point == "export-named"), "%s: the command again" % point)
            expect(batches(whole) == {1: "exported"} and exists(out) and
                   not exists(out + ".part"), "%s: the export completes" % point)
            records = [row for row in audit(whole) if row["what"] == "export"]
            expect(len(records) == 1, "%s: exported once" % point, records)
            expect(fails(whole.keymgmt, *words[:-1], out + "2", *more) != "",
                   "%s: no second file" % point)
            intact(whole, point)
    restore(whole, "generated")
    whole.keymgmt(*words)
    keep(whole, "exported")
    shutil.copy(out, whole.path("good.keys"))


# ---- load ----

def load_reference(whole):
    restore(whole, "exported")
    whole.start_mother(NAME)
    whole.keymgmt(*load_words(whole, whole.path("good.keys")))
    whole.stop(NAME)
    keep(whole, "loaded")
    return mother_keys(whole, NAME)


def load_points(whole, reference):
    """keymgmt dies while it loads."""
    file = whole.path("good.keys")
    last = ("load-line-answered:%d" % LINES, "load-taken")
    for point in ("load-line:1", "load-line:3", "load-line:%d" % LINES, "load-line-answered:1",
                  "load-line-answered:3", *last, "load-marked"):
        restore(whole, "exported")
        whole.start_mother(NAME)
        keymgmt_dies(whole, point, *load_words(whole, file))
        said = fails(whole.keymgmt, *load_words(whole, file))
        if point in last:
            # the mother POS has the keys and the library does not know: the return file tells
            expect("import-return" in said, "%s: the load again says what to do" % point, said)
            whole.stop(NAME)
            mother(whole, NAME, "--return-file", whole.path("back.txt"))
            import_return(whole, whole.path("back.txt"))
        elif point == "load-marked":
            expect("loaded" in said, "%s: the load again says that it is done" % point, said)
        else:
            expect(said == "", "%s: the load goes on" % point, said)
        expect_loaded(whole, point, reference)


@contextlib.contextmanager
def held(process):
    """It does nothing meanwhile, so nothing that it waits for is late."""
    process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)


def load_while_mother_dies(whole, point, file, code):
    """The mother POS dies while a file is loaded, and comes back; the same command goes on."""
    restore(whole, "exported")
    whole.start_mother(NAME, prefix=failing(point))
    with open(whole.path("load.log"), "w", encoding="ascii") as log, \
            subprocess.Popen([whole.program("posgate-keymgmt"), "--home", whole.path("keys"),
                              *load_words(whole, file)], stdout=log, stderr=log) as load:
        mother_was_killed(whole, point)
        with held(load):  # it would try for three seconds
            expect(mother_keys(whole, NAME) in ({}, whole.reference), "%s: all keys or none" % point)
            whole.start_mother(NAME)
        ended = load.wait(60)
    with open(whole.path("load.log"), encoding="ascii") as log:
        expect(ended == code, "%s: the load ends" % point, (ended, log.read()))


def mother_load_points(whole, reference):
    file = whole.path("good.keys")
    for point in ("mother-load-line:1", "mother-load-line:3", "mother-load-line-kept:1",
                  "mother-load-line-kept:%d" % (LINES - 1), "mother-load-verified",
                  "mother-load-imported", "mother-load-taken"):
        load_while_mother_dies(whole, point, file, 0)
        expect_loaded(whole, point, reference)
    with open(file, encoding="ascii") as good:
        lines = good.read().splitlines(keepends=True)
    digit = lines[2][100]
    lines[2] = lines[2][:100] + ("A" if digit != "A" else "B") + lines[2][101:]
    with open(whole.path("bad.keys"), "w", encoding="ascii") as bad:
        bad.write("".join(lines))
    for point in ("mother-load-drop", "mother-load-dropped"):
        load_while_mother_dies(whole, point, whole.path("bad.keys"), 1)
        expect(ask_key(whole.mother_ports[NAME], "EARLY001", 1) == "51",
               "%s: nothing of a changed file is given" % point)
        expect(batches(whole) == {1: "exported"}, "%s: the batch is not loaded" % point)
        whole.keymgmt(*load_words(whole, file))
        expect_loaded(whole, point, reference)


# ---- issue, confirm, burn ----

def by_state(keys):
    """{state: number of keys}; and each index has one row, each given row one serial."""
    counted = {}
    for state, serial, _, _ in keys.values():
        counted[state] = counted.get(state, 0) + 1
        expect((serial == "-") == (state == "free"), "who was given a key has a name", keys)
    return counted


def issue_points(whole):
    port = whole.mother_ports[NAME]
    for point in ("issue-asked", "issue-chosen", "issue-synced", "issue-answered", "issue-burned"):
        restore(whole, "loaded")
        whole.start_mother(NAME, prefix=failing(point))
        device = 1
        if point == "issue-burned":
            expect(ask_key(port, "DEV00001", 1) == "00", "a first device")
            device = 2
        expect(ask_key(port, "DEV00001", device) is None, "%s: no answer" % point)
        mother_was_killed(whole, point)
        whole.start_mother(NAME)
        expect(ask_key(port, "DEV00001", device) == "00", "%s: the device asks again" % point)
        expect(ask_key(port, "DEV00002", 9) == "00", "%s: another device gets its own" % point)
        whole.stop(NAME)
        keys = mother_keys(whole, NAME)
        wanted = {"reserved": 2, "free": KEYS - 2}
        if device == 2:
            wanted = {"reserved": 2, "burned": 1, "free": KEYS - 3}
        expect(by_state(keys) == wanted, "%s: one key each, and none lost" % point, keys)


def confirm_points(whole):
    for point in ("confirm-verified", "confirm-synced", "confirm-answered"):
        restore(whole, "loaded")
        shutil.rmtree(whole.path("store"), ignore_errors=True)
        whole.start_mother(NAME, prefix=failing(point))
        steps = ("--steps", "key", "--serial", "DEV00001")
        whole.terminals(*steps, store="store", mother=NAME, codes=(0, 1, 69, 75))
        mother_was_killed(whole, point)
        whole.start_mother(NAME)
        whole.terminals(*steps, store="store", mother=NAME)
        whole.stop(NAME)
        keys = mother_keys(whole, NAME)
        expect(by_state(keys) == {"issued": 1, "free": KEYS - 1}, "%s: issued, once" % point, keys)


def burn_points(whole):
    restore(whole, "loaded")
    whole.start_mother(NAME)
    whole.terminals("--steps", "key", "--count", "1", store="burn", mother=NAME)
    expect(ask_key(whole.mother_ports[NAME], "DEV00001", 1) == "00", "a key that stays unconfirmed")
    whole.stop(NAME)
    keep(whole, "reserved")
    mother(whole, NAME, "--close-session")
    reference = mother_keys(whole, NAME)
    expect(by_state(reference) == {"issued": 1, "burned": 1, "free": KEYS - 2}, "burned", reference)
    for point in ("burn-begin", "burn-synced"):
        restore(whole, "reserved")
        mother_dies(whole, point, "--close-session")
        mother(whole, NAME, "--close-session")
        expect(mother_keys(whole, NAME) == reference, "%s: closed, once" % point)
    keep(whole, "closed")


# ---- the way back ----

def return_points(whole):
    back = whole.path("back.txt")
    for point in ("return-file-written", "return-file-synced", "return-file-named"):
        restore(whole, "closed")
        mother_dies(whole, point, "--return-file", back)
        expect(exists(back) == (point == "return-file-named"), "%s: no half file" % point)
        if point == "return-file-written":
            expect(fails(whole.keymgmt, "import-return", back + ".part") != "",
                   "%s: what there is of it cannot be imported" % point)
        mother(whole, NAME, "--return-file", back)
        expect(not exists(back + ".part"), "%s: nothing half-made stays" % point)
        expect(import_return(whole, back)["newly_issued"] == 1, "%s: it can be imported" % point)


def import_points(whole):
    back = whole.path("keep-back.txt")
    restore(whole, "closed")
    mother(whole, NAME, "--return-file", back)
    import_return(whole, back)
    reference = library_keys(whole)
    # as if the answer to the load had been lost, so that there is a batch to move too
    shutil.rmtree(whole.path("closed", "keys"))
    shutil.copytree(whole.path("exported", "keys"), whole.path("closed", "keys"))
    for point in ("import-return-checked", "import-return-chunk", "import-return-batch",
                  "import-return-recorded"):
        restore(whole, "closed")
        keymgmt_dies(whole, point, "import-return", back)
        answer = import_return(whole, back)
        expect(answer["differences"] == 0, "%s: nothing differs" % point, answer)
        expect(library_keys(whole) == reference, "%s: every key is what it became" % point)
        expect(batches(whole) == {1: "loaded"}, "%s: the batch is loaded" % point)
        words = [row["what"] for row in audit(whole)]
        expect(words.count("settle") == 1 and words.count("load") == 1,
               "%s: nothing is done twice" % point, words)
        intact(whole, point)


def import_in_chunks(whole):
    """More keys than one write has: what was written before the kill is not written again."""
    restore(whole, "generated")
    whole.generate(520)
    whole.start_mother(NAME)
    whole.load(NAME, whole.export(2, NAME))
    whole.terminals("--steps", "key", "--count", "510", "--connections", "32", store="many",
                    mother=NAME)
    whole.stop(NAME)
    mother(whole, NAME, "--return-file", whole.path("many.txt"))
    keymgmt_dies(whole, "import-return-chunk", "import-return", whole.path("many.txt"))
    expect(list(states(whole).values()).count("issued") == 500, "a chunk is whole or not there")
    answer = import_return(whole, whole.path("many.txt"))
    expect(answer["newly_issued"] == 10 and answer["differences"] == 0, "the rest follows", answer)
    expect(list(states(whole).values()).count("issued") == 510, "all of them are issued")
    intact(whole, "chunks")


def all_points():
    """Every failpoint that the sources name."""
    found = set()
    for folder in ("keymgmt", "emulator", "core", "gateway"):
        for path, _, files in os.walk(os.path.join(SOURCE, folder)):
            for name in files:
                if name.endswith(".c"):
                    with open(os.path.join(path, name), encoding="utf-8") as file:
                        for use in re.findall(r"POS_FAILPOINT\(([^;]*)\);", file.read()):
                            found.update(re.findall(r'"([^"]*)"', use))
    return found


def without_failpoints(whole):
    whole.init_keys(2)
    whole.init_mother(NAME)
    whole.generate(KEYS)
    out = whole.path("out.keys")
    whole.run("env", "POSGATE_FAILPOINT=export-marked", whole.program("posgate-keymgmt"), "--home",
              whole.path("keys"), "export", "--batch", "1", "--dest", NAME, "--out", out)
    expect(exists(out) and batches(whole) == {1: "exported"},
           "a build without failpoints takes no notice")


def main():
    with scheme() as whole:
        if sys.argv[3] == "0":
            without_failpoints(whole)
            return done()
        whole.init_keys(2)
        whole.init_mother(NAME)
        whole.generate(KEYS)
        keep(whole, "generated")
        export_points(whole)
        whole.reference = load_reference(whole)
        load_points(whole, whole.reference)
        mother_load_points(whole, whole.reference)
        issue_points(whole)
        confirm_points(whole)
        burn_points(whole)
        return_points(whole)
        import_points(whole)
        import_in_chunks(whole)
    expect(len(tried) > 20 and all_points() == tried | ELSEWHERE,
           "every failpoint of the sources is tried, and no other",
           all_points() ^ (tried | ELSEWHERE))
    return done()


main()
