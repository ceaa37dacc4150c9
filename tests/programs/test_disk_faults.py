"""Disks that fill and disks that fail, under the gateway, keymgmt and a mother POS: who is registered
and signed on is served all the time, nothing is acknowledged that is not there, nothing aborts, and
with a good disk again everything goes on. The full disks are small file systems in a mount namespace
of the test's own (root); the failing ones are lossy_disk.c."""
import contextlib
import json
import os
import subprocess
import urllib.error
import urllib.request

import invariants
from common import BIN, SchemeError, done, expect, scheme, skip
from disks import MIB, SmallDisk, own_mounts

LOSSY = os.path.join(BIN, "lossy_disk.so")
MOTHER = "MPOS0001"
COUNT = 80
EACH = 14  # of those, for a fault
SERVED = 20  # of those: registered, signed on and bound before anything fails


def failing(**faults):
    return ["env", "LD_PRELOAD=%s" % LOSSY] + ["LOSSY_DISK_%s=%s" % pair for pair in faults.items()]


@contextlib.contextmanager
def on_small_disk(whole, name, size):
    """`name` in the scheme's folder is on a small disk of its own."""
    disk = SmallDisk(whole.path("disk-" + name), size)
    os.mkdir(os.path.join(disk.folder, "here"), 0o700)
    if os.path.exists(whole.path(name)):
        for entry in os.listdir(whole.path(name)):
            os.rename(whole.path(name, entry), whole.path(name + "." + entry))
        os.rmdir(whole.path(name))
    os.symlink(os.path.join(disk.folder, "here"), whole.path(name))
    try:
        yield disk
    finally:
        for process in list(whole.processes):
            whole.stop(process)
        disk.unmount()


def run_terminals(whole, steps, first, count, store="terminals", mother=None):
    """{step: {code: count}} of terminals that may be refused."""
    seen = whole.terminals("--steps", steps, "--count", str(count), "--first-serial", str(first),
                           "--serial-prefix", "DF", "--connections", "4", store=store, mother=mother, codes=(0, 1))
    return {name: step["codes"] for name, step in seen["steps"].items() if step["codes"]}


def all_served(whole, what, times=3):
    """Authentications, and transactions of those who are bound, are right every time."""
    for _ in range(times):
        seen = run_terminals(whole, "authenticate,sale", 1, SERVED)
        expect(seen == {"authenticate": {"00": SERVED}, "sale": {"00": SERVED}}, what, seen)


def readiness(whole):
    address = "http://127.0.0.1:%d/readyz" % whole.metrics_port
    try:
        with urllib.request.urlopen(address, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def metric(whole, name):
    return whole.metrics()["posgate_" + name]


def refused(whole, reason):
    return metric(whole, 'refusals_total{reason="%s"}' % reason)


def count_in_log(whole, name, event):
    """Of the run that began last."""
    text = whole.tail(name)
    return text[text.rfind(" metrics "):].count(" %s " % event)


def set_up(whole, keys=COUNT):
    """Keys with terminals that asked for them; none is registered yet."""
    whole.init_keys(2)
    whole.init_mother(MOTHER)
    whole.generate(keys)
    key_file = whole.export(1, MOTHER)
    whole.start_mother(MOTHER)
    whole.load(MOTHER, key_file)
    run_terminals(whole, "key", 1, COUNT, mother=MOTHER)
    whole.stop(MOTHER)
    whole.start_host()


def admit(whole, first, count):
    return run_terminals(whole, "register,sign-on,authenticate,sale", first, count)


def stops_well(whole, what):
    expect(whole.stop("gateway") == 0, what)


# ---- the gateway ----

def gateway_below_the_mark():
    with scheme() as whole:
        set_up(whole)
        with on_small_disk(whole, "terminals-table", 64 * MIB) as disk:
            whole.start_gateway()
            whole.wait_for_host()
            admit(whole, 1, SERVED)
            run_terminals(whole, "register,sign-on", SERVED + 1, 2)
            expect(metric(whole, "ballast_bytes") == 8 * MIB, "a ballast is kept")
            expect(readiness(whole)[0] == 200, "ready", readiness(whole))
            disk.fill(leave=4 * MIB)
            whole.wait_for(lambda: metric(whole, "disk_low") == 1, "the disk being low")
            low_disk(whole)
            disk.fill()
            low_disk(whole)
            expect(metric(whole, "database_writable") == 1, "no write was tried")
            stops_well(whole, "it ends well on a full disk")
            disk.fill()  # also what it held back for its log
            restart_on_full(whole)
            disk.empty()
            whole.wait_for(lambda: metric(whole, "ballast_bytes") == 8 * MIB and
                           metric(whole, "disk_low") == 0, "the ballast, and room beside it")
            expect(readiness(whole)[0] == 200, "ready with room", readiness(whole))
            seen = admit(whole, 31, 10)
            expect(seen["register"] == {"00": 10} and seen["sale"] == {"00": 10},
                   "with room again terminals are taken, without a restart", seen)
            all_served(whole, "with room again all are served", times=1)
            invariants.check(whole, "after a full disk")


def low_disk(whole):
    before = refused(whole, "low-disk")
    seen = run_terminals(whole, "register", 31, 10)
    expect(seen == {"register": {"96": 10}}, "below the mark none is registered", seen)
    seen = run_terminals(whole, "sign-on", 1, 1)
    expect(seen == {"sign-on": {"96": 1}}, "no new working keys", seen)
    seen = run_terminals(whole, "authenticate,sale", SERVED + 1, 2)
    expect(seen == {"authenticate": {"00": 2}, "sale": {"96": 2}}, "no first sale", seen)
    expect(refused(whole, "low-disk") == before + 13, "the reason is low-disk")
    seen = run_terminals(whole, "register", 1, SERVED)
    expect(seen.get("register", {"00": SERVED}) == {"00": SERVED}, "who is there is told so", seen)
    all_served(whole, "below the mark all are served")
    code, text = readiness(whole)
    expect(code == 503 and "FAIL disk-room" in text, "not ready, and says why", text)


def restart_on_full(whole):
    whole.start_gateway()
    whole.wait_for_host()
    expect(whole.tail("gateway").count(" ballast-dropped ") == 1,
           "a start without room gives up the ballast", whole.tail("gateway")[-1500:])
    all_served(whole, "after a start without room all are served", times=1)
    low_disk(whole)


def gateway_without_a_mark():
    """The operator has switched the mark off, or another program was faster: a write fails."""
    with scheme() as whole:
        set_up(whole)
        with on_small_disk(whole, "terminals-table", 64 * MIB) as disk:
            whole.ballast_mb = whole.low_water_mb = 0
            whole.start_gateway()
            whole.wait_for_host()
            admit(whole, 1, SERVED)
            stops_well(whole, "it ends")
            disk.fill()
            refuses_to_start(whole.start_gateway, "gateway")
            disk.empty()
            disk.fill(leave=2 * MIB)
            whole.start_gateway()
            whole.wait_for_host()
            disk.fill()
            for first in range(SERVED + 1, COUNT, 20):
                run_terminals(whole, "register,sign-on", first, 20)
            latched(whole, "full")
            stops_well(whole, "it ends well on a full disk")
            disk.grow(128 * MIB)
            recovered(whole, "after a full disk")


def refuses_to_start(start, what):
    """In words: RocksDB itself would abort."""
    try:
        start()
        expect(False, "%s: no start without room" % what)
    except SchemeError as error:
        expect("ended at once with 69" in str(error) and "make room" in str(error),
               "%s: no start without room, and it says so" % what, error)


def latched(whole, what):
    expect(metric(whole, "database_writable") == 0, "%s: writes are off" % what)
    expect(count_in_log(whole, "gateway", "database-write-failed") == 1, "%s: one alarm" % what,
           whole.tail("gateway")[-1500:])
    code, text = readiness(whole)
    expect(code == 503 and "FAIL database-writable" in text, "%s: not ready" % what, text)
    before = refused(whole, "database")
    seen = run_terminals(whole, "register", COUNT - 4, 5)
    expect(seen == {"register": {"96": 5}}, "%s: none is registered" % what, seen)
    expect(refused(whole, "database") == before + 5, "%s: the reason is database" % what)
    all_served(whole, "%s: all are served" % what)
    expect(metric(whole, "database_writable") == 0, "%s: and stay off" % what)


def recovered(whole, what):
    whole.start_gateway()
    whole.wait_for_host()
    invariants.check(whole, what)
    seen = run_terminals(whole, "register,sign-on,authenticate,sale", 1, COUNT)
    expect(seen["authenticate"] == {"00": COUNT} and seen["sale"] == {"00": COUNT},
           "%s: everybody is served" % what, seen)
    stops_well(whole, "%s: it ends" % what)


def gateway_on_failing_disk():
    with scheme() as whole:
        set_up(whole)
        whole.start_gateway()
        whole.wait_for_host()
        admit(whole, 1, SERVED)
        run_terminals(whole, "register,sign-on", SERVED + 1, 2)
        stops_well(whole, "it ends")
        faults = [(fault, {fault: 3}) for fault in ("FAIL_SYNC_AFTER", "FAIL_WRITE_AFTER")]
        faults += [("anchor, " + fault, {fault: 3, "NAME": "terminals-table.anchor"})
                   for fault, _ in faults]
        for first, (fault, how) in zip(range(SERVED + 3, COUNT, EACH), faults):
            whole.start_gateway(prefix=failing(**how))
            whole.wait_for_host()
            seen = run_terminals(whole, "register", first, EACH)["register"]
            expect(seen.get("00", 0) > 0 and seen.get("96", 0) > 0,
                   "%s: some are registered, then none" % fault, seen)
            seen = run_terminals(whole, "authenticate,sale", SERVED + 1, 2)
            expect(seen == {"authenticate": {"00": 2}, "sale": {"96": 2}},
                   "%s: no first sale" % fault, seen)
            latched(whole, fault)
            stops_well(whole, "%s: it ends well" % fault)
            invariants.check(whole, "after " + fault)
        recovered(whole, "after failing disks")


# ---- keymgmt ----

def expect_refusal(whole, what, *words, prefix=(), codes=(69, 75)):
    """A command that cannot write says so, and by its exit code that it is not its user's fault."""
    code, out, err = keymgmt(whole, prefix, *words)
    expect(code in codes, "%s: exit code" % what, (code, err))
    expect("posgate-keymgmt: " in err, "%s: says why" % what, err)
    return out


def keymgmt(whole, prefix, *words):
    ran = subprocess.run([*prefix, whole.program("posgate-keymgmt"), "--home", whole.path("keys"),
                          *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                         timeout=300, check=False)
    return ran.returncode, ran.stdout, ran.stderr


def library_is_whole(whole, acknowledged, what):
    facts = invariants.check(whole, what)
    expect(len(facts.library) >= acknowledged, "%s: every acknowledged key is there" % what,
           (len(facts.library), acknowledged))


def generate_until_full(whole):
    """How many keys were acknowledged until a command failed."""
    acknowledged = 0
    for _ in range(200):
        code, out, err = keymgmt(whole, (), "generate", "--count", "2000", "--json")
        if out:
            acknowledged += json.loads(out)["count"]
        if code != 0:
            expect(code in (69, 75) and "posgate-keymgmt: " in err, "a full disk is told", err)
            return acknowledged
    expect(False, "the disk fills")
    return acknowledged


def keymgmt_on_full_disk():
    with scheme() as whole, on_small_disk(whole, "keys", 8 * MIB) as disk:
        whole.init_keys(2)
        whole.init_mother(MOTHER)
        whole.generate(50)
        acknowledged = 50 + generate_until_full(whole)
        disk.fill()
        expect_refusal(whole, "generate on a full disk", "generate", "--count", "10")
        expect_refusal(whole, "export on a full disk", "export", "--batch", "1", "--dest", MOTHER,
                       "--out", whole.path("keys", "batch-1.keys"))
        expect(not os.path.exists(whole.path("keys", "batch-1.keys")), "no file came of it")
        whole.keymgmt("audit", "verify")  # reading needs no room
        disk.grow(64 * MIB)
        library_is_whole(whole, acknowledged, "keymgmt after a full disk")
        whole.keymgmt("export", "--batch", "1", "--dest", MOTHER, "--out",
                      whole.path("keys", "batch-1.keys"))
        whole.start_mother(MOTHER)
        whole.load(MOTHER, whole.path("keys", "batch-1.keys"))
        whole.generate(10)
        whole.stop(MOTHER)
        library_is_whole(whole, acknowledged + 10, "keymgmt with room again")


def keymgmt_on_failing_disk():
    with scheme() as whole:
        whole.init_keys(2)
        whole.init_mother(MOTHER)
        whole.generate(20)
        acknowledged = 20
        for fault in ("FAIL_SYNC_AFTER", "FAIL_WRITE_AFTER"):
            # The first chunk of 4,000 is good, a later one is not.
            out = expect_refusal(whole, fault, "generate", "--count", "20000", "--json",
                                 prefix=failing(**{fault: 2}))
            acknowledged += json.loads(out)["count"] if out else 0
            library_is_whole(whole, acknowledged, "generate, " + fault)
            out = expect_refusal(whole, fault, "export", "--batch", "1", "--dest", MOTHER, "--out",
                                 whole.path("batch-1.keys"), prefix=failing(**{fault: 0}))
            expect(not os.path.exists(whole.path("batch-1.keys")), "%s: no key file" % fault)
        expect_refusal(whole, "the key file's sync fails", "export", "--batch", "1", "--dest",
                       MOTHER, "--out", whole.path("batch-1.keys"),
                       prefix=failing(FAIL_SYNC_AFTER=0, NAME="batch-1.keys.part"), codes=(1,))
        expect(not os.path.exists(whole.path("batch-1.keys")), "no key file")
        key_file = whole.export(1, MOTHER)
        whole.start_mother(MOTHER)
        whole.load(MOTHER, key_file)
        whole.stop(MOTHER)
        library_is_whole(whole, acknowledged, "keymgmt with a good disk again")


# ---- the mother POS ----

def ask_for_keys(whole, first, count):
    return run_terminals(whole, "key", first, count, mother=MOTHER).get("key-request", {})


def make_mother(whole):
    whole.init_keys(2)
    whole.init_mother(MOTHER)
    whole.generate(COUNT)
    return whole.export(1, MOTHER)


def mother_on_full_disk():
    with scheme() as whole:
        key_file = make_mother(whole)
        with on_small_disk(whole, MOTHER, 32 * MIB) as disk:
            for entry in os.listdir(whole.folder):
                if entry.startswith(MOTHER + "."):
                    whole.run("cp", "-rp", whole.path(entry),
                              whole.path(MOTHER, entry[len(MOTHER) + 1:]))
            whole.start_mother(MOTHER)
            whole.load(MOTHER, key_file)
            expect(ask_for_keys(whole, 1, 20) == {"00": 20}, "keys are given")
            disk.fill()
            given, refused_keys = 0, 0
            for first in range(21, 61, 10):
                seen = ask_for_keys(whole, first, 10)
                given += seen.get("00", 0)
                refused_keys += seen.get("96", 0)
                expect(set(seen) <= {"00", "96"}, "a key or 96", seen)
            print("mother POS, full disk: %d given, %d refused" % (given, refused_keys))
            expect(whole.stop(MOTHER) == 0, "it ends well on a full disk")
            disk.fill()
            refuses_to_start(lambda: whole.start_mother(MOTHER), "mother POS")
            disk.grow(128 * MIB)
            mother_goes_on(whole, "after a full disk")


def mother_on_failing_disk():
    with scheme() as whole:
        key_file = make_mother(whole)
        for fault in ("FAIL_SYNC_AFTER", "FAIL_WRITE_AFTER"):
            # The first start makes the journal, with two syncs.
            whole.start_mother(MOTHER, prefix=failing(**{fault: 2 if "SYNC" in fault else 1}))
            loads(whole, key_file, False, "%s: the load fails" % fault)
            whole.stop(MOTHER)
        whole.start_mother(MOTHER)
        loads(whole, key_file, True, "with a good disk the load goes on")
        whole.stop(MOTHER)
        for fault, first in (("FAIL_SYNC_AFTER", 1), ("FAIL_WRITE_AFTER", 31)):
            whole.start_mother(MOTHER, prefix=failing(**{fault: 6}))
            seen = ask_for_keys(whole, first, 30)
            expect(seen.get("00", 0) > 0 and seen.get("96", 0) > 0 and len(seen) == 2,
                   "%s: keys, then 96" % fault, seen)
            expect(ask_for_keys(whole, first, 30).get("00", 0) == 0, "%s: no key any more" % fault)
            expect(whole.stop(MOTHER) == 0, "%s: it ends well" % fault)
            invariants.check(whole, "mother POS, " + fault)
        mother_goes_on(whole, "after failing disks")


def loads(whole, key_file, well, what):
    try:
        whole.load(MOTHER, key_file)
        expect(well, what)
    except SchemeError as error:
        expect(not well and "ended with" in str(error), what, error)


def mother_goes_on(whole, what):
    whole.start_mother(MOTHER)
    seen = whole.terminals("--steps", "key", "--count", str(COUNT), "--serial-prefix", "DF",
                           mother=MOTHER, codes=(0, 1))
    # What went out and was not confirmed is burned when its terminal asks again.
    expect(set(seen["steps"]["key-request"]["codes"]) <= {"00", "14", "94"}, "%s: it goes on" % what,
           seen["steps"])
    whole.stop(MOTHER)
    invariants.check(whole, "mother POS " + what)


def main():
    gateway_on_failing_disk()
    keymgmt_on_failing_disk()
    mother_on_failing_disk()
    reason = own_mounts()
    if reason is None:
        gateway_below_the_mark()
        gateway_without_a_mark()
        keymgmt_on_full_disk()
        mother_on_full_disk()
    else:
        for name in ("gateway below the mark", "gateway without a mark", "keymgmt", "mother POS"):
            skip("full disk under the " + name, reason)
    done()


main()
