"""A terminal table that is older than its anchor is noticed, refused, and served only when somebody
says so, which is on record: a backup that was put back, a disk that lied about its syncs, a table
that is gone. Killed between table and anchor the gateway goes on."""
import json
import os
import shutil
import signal

from common import BIN, SchemeError, done, expect, scheme, skip

LOSSY = ("env", "LD_PRELOAD=" + os.path.join(BIN, "lossy_disk.so"), "LOSSY_DISK_IGNORE_SYNC=log")
BEFORE, SINCE = 6, 10


def register(whole, first, count, steps="register,sign-on,authenticate", codes=(0,)):
    return whole.terminals("--steps", steps, "--first-serial", str(first), "--count", str(count),
                           store="old", codes=codes)


def refused(whole, words, what):
    for options in ((), ("--check",)):
        try:
            whole.start_gateway(*options)
            expect(False, "%s: the gateway does not start" % what)
            whole.stop("gateway")
        except SchemeError as error:
            expect("ended at once with 1" in str(error) and words in str(error),
                   "%s: the gateway does not start, and says why" % what, error)


def accepted(whole, finding, what):
    whole.start_gateway("--accept-old-table")
    expect("old-table-accepted finding=%s " % finding in whole.tail("gateway"),
           "%s: accepted, and logged" % what, whole.tail("gateway")[-800:])
    table = whole.path("terminals-table")
    records = json.loads(whole.keymgmt("audit", "show", "--gateway-table", table, "--json"))
    found = [row["on_what"] for row in records if row["what"] == "old-table-accepted"]
    expect(found and "finding=" + finding in found[-1], "%s: it is on record" % what, found)


def verifies(whole, what, *options):
    said = whole.keymgmt("audit", "verify", "--gateway-table", whole.path("terminals-table"),
                         *options)
    expect("intact" in said, "%s: both chains are whole" % what, said)


def put_back(whole):
    whole.start_gateway()
    register(whole, 1, BEFORE)
    whole.ctl("backup", whole.path("backup"))
    register(whole, BEFORE + 1, SINCE)
    smn = whole.ctl("terminal", "find", "EMU00001")["terminals"][0]["smn"]
    whole.ctl("terminal", "suspend", smn)
    whole.stop("gateway")
    shutil.move(whole.path("terminals-table"), whole.path("lost"))
    refused(whole, "there is no database", "a table that is gone")
    expect(not os.path.exists(whole.path("terminals-table", "CURRENT")), "nothing new is made")
    shutil.rmtree(whole.path("terminals-table"), ignore_errors=True)
    shutil.copytree(whole.path("backup"), whole.path("terminals-table"))
    refused(whole, "older than its anchor", "a backup")
    accepted(whole, "behind", "a backup")
    expect(whole.ctl("status")["terminals"]["active"] == BEFORE, "it is as old as it is",
           whole.ctl("status"))
    register(whole, BEFORE + 1, SINCE)
    verifies(whole, "a backup")
    whole.stop("gateway")
    whole.start_gateway()  # once is enough
    whole.stop("gateway")
    shutil.rmtree(whole.path("terminals-table"))
    shutil.move(whole.path("lost"), whole.path("terminals-table"))
    refused(whole, "older than its anchor", "what was replaced")
    accepted(whole, "behind", "what was replaced")
    whole.stop("gateway")


def lost_anchor(whole):
    os.unlink(whole.path("terminals-table.anchor"))
    refused(whole, "not there or damaged", "a lost anchor")
    accepted(whole, "missing", "a lost anchor")
    whole.stop("gateway")


def elsewhere(whole):
    """The setting database.anchor."""
    with open(whole.write_gateway_settings(), encoding="ascii") as file:
        text = file.read()
    os.mkdir(whole.path("other-disk"))
    there = whole.path("other-disk", "table.anchor")
    shutil.move(whole.path("terminals-table.anchor"), there)
    conf = whole.path("elsewhere.conf")
    with open(conf, "w", encoding="ascii") as file:
        file.write(text.replace('database = { ', 'database = { anchor = "%s"; ' % there))
    whole.start("gateway", whole.program("posgate-gateway"), "-c", conf, ready=r" ready ")
    register(whole, 2, 1)
    expect(not os.path.exists(whole.path("terminals-table.anchor")), "it is there alone")
    verifies(whole, "an anchor elsewhere", "--gateway-anchor", there)
    whole.stop("gateway")
    shutil.move(there, whole.path("terminals-table.anchor"))


def lying_disk(whole):
    """The database's syncs say that they are done and are not; the anchor's are."""
    whole.start_gateway(prefix=LOSSY)
    register(whole, BEFORE + SINCE + 1, 5)
    whole.stop("gateway", signal.SIGKILL)
    refused(whole, "older than its anchor", "a disk that lies")
    accepted(whole, "behind", "a disk that lies")
    whole.stop("gateway")


def killed_between(whole):
    for time in range(1, 4):
        try:
            whole.start_gateway(prefix=("env", "POSGATE_FAILPOINT=batch-synced:%d" % (time + 1)))
        except SchemeError:
            continue  # while it opened
        seen = register(whole, BEFORE + SINCE + 6, 5, codes=(0, 1))
        if whole.processes["gateway"].poll() is None:
            whole.stop("gateway")
            return skip("a kill between table and anchor", "this build has no failpoints")
        whole.stop("gateway")
        expect(seen["completed"] < 5, "it dies there")
        whole.start_gateway()
        verifies(whole, "killed between table and anchor")
        whole.stop("gateway")
    whole.start_gateway()
    register(whole, BEFORE + SINCE + 6, 5)
    whole.stop("gateway")
    return None


def main():
    with scheme() as whole:
        whole.init_keys(2)
        whole.init_mother("MPOS0001")
        whole.generate(BEFORE + SINCE + 20)
        whole.start_mother("MPOS0001")
        whole.load("MPOS0001", whole.export(1, "MPOS0001"))
        whole.terminals("--steps", "key", "--count", str(BEFORE + SINCE + 12), store="old",
                        mother="MPOS0001")
        whole.stop("MPOS0001")
        put_back(whole)
        lost_anchor(whole)
        elsewhere(whole)
        lying_disk(whole)
        killed_between(whole)
    return done()


main()
