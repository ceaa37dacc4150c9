"""Keys are made while others are on their way to the disk, and whatever ends that - kill -9 behind any
of the syncs, a disk that fails one of them, kill -9 at any moment over a disk that forgets what was not
synced, Ctrl-C - the library has whole chunks without a gap, each with its audit record; what was said to
be made is there, and the next keys go on behind them."""
import json
import os
import random
import re
import signal
import subprocess
import sys
import time

import invariants
from common import BIN, done, expect, scheme, skip
from keyroom import audit

CHUNK = 4000
LOSSY = {"LD_PRELOAD": os.path.join(BIN, "lossy_disk.so")}
MANY = 10000000  # never reached: something ends it before


def command(whole, count):
    return [whole.program("posgate-keymgmt"), "--home", whole.path("keys"), "generate", "--count",
            str(count), "--json"]


def made(whole, where):
    """How many keys there are: from 1 on, in batches that follow one another, recorded."""
    next_index, recorded = 1, 0
    for batch in json.loads(whole.keymgmt("list", "--batches", "--json")):
        expect(int(batch["first"]) == next_index, "%s: batches have no gap" % where, batch)
        next_index += batch["count"]
    for row in audit(whole):
        if row["what"] == "generate":
            recorded += int(re.search(r" count=(\d+)", row["on_what"]).group(1))
    count = next_index - 1
    expect(recorded == count, "%s: every key is recorded" % where, (recorded, count))
    expect(json.loads(whole.keymgmt("stock", "--json"))["indexes_used"] == count,
           "%s: no index is used but theirs" % where, count)
    if count > 0:
        whole.keymgmt("show", "%08u" % count, "--json")
    whole.keymgmt("audit", "verify")
    return count


def goes_on(whole, before, where):
    answer = json.loads(whole.keymgmt("generate", "--count", "1", "--json"))
    expect(int(answer["first"]) == before + 1, "%s: the next key is the next" % where, answer)
    return before + 1


def killed_behind_a_sync(whole):
    """Three chunks: it dies behind the sync of each, before the anchor knows of it."""
    before = made(whole, "at first")
    for point in range(1, 10):
        ran = subprocess.run(command(whole, 2 * CHUNK + 7), capture_output=True, text=True,
                             env=dict(os.environ, POSGATE_FAILPOINT="batch-synced:%d" % point),
                             timeout=300, check=False)
        where = "sync %d" % point
        count = made(whole, where) - before
        if ran.returncode == 0:
            expect(count == 2 * CHUNK + 7 and point > 3, "%s: it is done" % where, count)
            break
        expect(ran.returncode == -9 and ran.stdout == "", "%s: it dies there" % where, ran)
        expect(count in (0, CHUNK, 2 * CHUNK, 2 * CHUNK + 7), "%s: chunks are whole" % where, count)
        before = goes_on(whole, before + count, where)
    else:
        expect(False, "it ends some time")
    invariants.check(whole, "killed behind syncs")


def failed_at_a_sync(whole):
    """Three chunks, and the disk fails one of the syncs: that chunk and those behind it are not made,
    and nobody says that they are."""
    before = made(whole, "before a disk that fails")
    for good in range(10):
        ran = subprocess.run(command(whole, 2 * CHUNK + 7), capture_output=True, text=True,
                             env=dict(os.environ, LOSSY_DISK_FAIL_SYNC_AFTER=str(good), **LOSSY),
                             timeout=300, check=False)
        where = "failed sync %d" % (good + 1)
        count = made(whole, where) - before
        said = json.loads(ran.stdout)["count"] if ran.stdout else 0
        expect(said == count, "%s: what it says is there" % where, (said, count, ran.stderr))
        if ran.returncode == 0:
            expect(count == 2 * CHUNK + 7 and good > 2, "%s: it is done" % where, (good, count))
            break
        expect(count in (0, CHUNK, 2 * CHUNK), "%s: chunks are whole" % where, count)
        expect("cannot be stored" in ran.stderr, "%s: it says why" % where, ran.stderr)
        before = goes_on(whole, before + count, where)
    else:
        expect(False, "it ends some time")
    invariants.check(whole, "failed syncs")


def start(whole, extra):
    return subprocess.Popen(command(whole, MANY), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            text=True, env=dict(os.environ, **extra))


def wait_for_keys(whole, before, process):
    """Until some are on disk."""
    while json.loads(whole.keymgmt("stock", "--json"))["indexes_used"] == before:
        if not expect(process.poll() is None, "it is at work", process.poll()):
            return
        time.sleep(0.01)


def killed_at_any_moment(whole):
    for turn in range(2):
        before = made(whole, "before a kill")
        process = start(whole, LOSSY)
        wait_for_keys(whole, before, process)
        time.sleep(random.random() * 0.1)
        process.kill()
        process.communicate()
        where = "kill %d" % turn
        count = made(whole, where) - before
        expect(count > 0 and count % CHUNK == 0, "%s: chunks are whole" % where, count)
        goes_on(whole, before + count, where)


def interrupted(whole):
    """What it says is what is on a disk that keeps nothing else."""
    before = made(whole, "before Ctrl-C")
    process = start(whole, LOSSY)
    wait_for_keys(whole, before, process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    expect(process.returncode == 75, "Ctrl-C: it says that it is not done", (process.returncode, err))
    said = re.search(r"interrupted: (\d+) of (\d+) keys are made.*generate --batch (\d+) --count (\d+)",
                     err)
    count = made(whole, "Ctrl-C") - before
    expect(said is not None and int(said.group(1)) == count == json.loads(out)["count"],
           "Ctrl-C: what it says is there", (count, err, out))
    expect(int(said.group(4)) == MANY - count, "Ctrl-C: and how many are left", err)
    whole.keymgmt("generate", "--batch", said.group(3), "--count", "10")
    expect(made(whole, "afterwards") == before + count + 10, "Ctrl-C: the batch goes on")


def main():
    with scheme() as whole:
        whole.init_keys(2)
        if sys.argv[3] == "0":
            skip("a kill behind each sync", "this build has no failpoints")
        else:
            killed_behind_a_sync(whole)
        failed_at_a_sync(whole)
        killed_at_any_moment(whole)
        interrupted(whole)
    return done()


main()
