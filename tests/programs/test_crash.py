"""Kills the gateway and the mother POS with SIGKILL at random counts, on a disk that loses what was
not synced (lossy_disk.c), and checks what is left: every acknowledged registration is found and its
terminal goes on; no key index went to two terminals. Then the same with the syncs taken out, to see
that this test can fail. POSGATE_CRASH_ROUNDS sets how many kills (20)."""
import os
import random
import signal
import subprocess
import time

import invariants
from common import BIN, done, expect, scheme

ROUNDS = int(os.environ.get("POSGATE_CRASH_ROUNDS", "20"))
PER_ROUND = 60
LOSSY = os.path.join(BIN, "lossy_disk.so")
SEED = int(os.environ.get("POSGATE_CRASH_SEED", str(time.time_ns() % 1000000)))
random.seed(SEED)


def lossy(ignore_sync):
    words = ["env", "LD_PRELOAD=%s" % LOSSY]
    if ignore_sync:
        words.append("LOSSY_DISK_IGNORE_SYNC=1")
    return words


def lines_of(whole, store, word):
    """[fields] of the store's lines that begin with `word`; a last line that was cut is left out."""
    try:
        with open(whole.path(store, "terminals.keys"), encoding="ascii") as file:
            text = file.read()
    except FileNotFoundError:
        return []
    return [line.split("|") for line in text[:text.rfind("\n") + 1].splitlines()
            if line.startswith(word + "|")]


def run_and_kill(whole, victim, store, word, words):
    """Starts terminals, waits until a random number of lines with `word` came on top of those that
    were there, and kills the victim with SIGKILL."""
    before = len(lines_of(whole, store, word))
    wanted = before + random.randrange(1, PER_ROUND)
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while len(lines_of(whole, store, word)) < wanted and process.poll() is None:
        time.sleep(0.0005)
    whole.stop(victim, signal.SIGKILL)
    time.sleep(0.2)  # what was answered before the kill is in the sockets: let it be read and kept
    process.kill()
    process.wait()
    return len(lines_of(whole, store, word)) - before


def terminal_words(whole, steps, count, first, mother=None):
    words = [whole.program("posgate-emulator"), "terminals", "--store", whole.path("crash"),
             "--steps", steps, "--count", str(count), "--first-serial", str(first),
             "--serial-prefix", "CR", "--connections", "8", "--timeout-ms", "40000",
             "--gateway", "127.0.0.1:%d" % whole.listeners[0].port]
    return words + (["--mother", "127.0.0.1:%d" % whole.mother_ports[mother]] if mother else [])


def set_up(whole, keys):
    whole.init_keys(2)
    whole.init_mother("MPOS0001")
    whole.generate(keys)
    key_file = whole.export(1, "MPOS0001")
    whole.start_mother("MPOS0001")
    whole.load("MPOS0001", key_file)


def found_in_gateway(whole, serials):
    found = set()
    for prefix in {serial[:6] for serial in serials}:
        found.update(row["smn"][:8] for row in whole.ctl("terminal", "find", prefix)["terminals"])
    return found


def gateway_rounds(rounds, ignore_sync):
    """How many acknowledged registrations were lost over all rounds, and how many there were."""
    lost, acknowledged = set(), 0
    with scheme() as whole:
        set_up(whole, rounds * PER_ROUND + 10)
        whole.terminals("--steps", "key", "--count", str(rounds * PER_ROUND), "--serial-prefix",
                        "CR", store="crash", mother="MPOS0001")
        if ignore_sync:  # what is made then is not lost, so table and anchor are lost alike
            whole.start_gateway()
            whole.stop("gateway")
        for number in range(rounds):
            whole.start_gateway(prefix=lossy(ignore_sync))
            first = number * PER_ROUND + 1
            words = terminal_words(whole, "register", PER_ROUND, first)
            acknowledged += run_and_kill(whole, "gateway", "crash", "registered", words)
            serials = [line[1] for line in lines_of(whole, "crash", "registered")]
            whole.start_gateway(prefix=lossy(ignore_sync))
            lost |= set(serials) - found_in_gateway(whole, serials)
            if not ignore_sync:
                last = serials[-1:]
                if last:
                    seen = whole.terminals("--steps", "sign-on,authenticate", "--serial", last[0],
                                           store="crash", codes=(0, 1))
                    expect(seen["completed"] == 1, "round %d: a terminal goes on" % number,
                           seen["explanations"])
            whole.stop("gateway", signal.SIGKILL)
        if not ignore_sync:
            whole.start_gateway()
            rest = whole.terminals("--steps", "register,sign-on,authenticate", "--count",
                                   str(rounds * PER_ROUND), "--serial-prefix", "CR", store="crash",
                                   codes=(0, 1))
            expect(rest["completed"] == rounds * PER_ROUND and rest["mismatches"] == 0,
                   "after all kills every terminal goes on", rest["explanations"])
            whole.stop("MPOS0001")
            invariants.check(whole, "gateway killed")
    return len(lost), acknowledged


def doubles(whole):
    """Key indexes that two serials hold."""
    owners = {}
    for line in lines_of(whole, "crash", "key"):
        owners.setdefault(line[2], set()).add(line[1])
    return sum(1 for serials in owners.values() if len(serials) > 1), len(owners)


def mother_rounds(rounds, ignore_sync):
    with scheme() as whole:
        set_up(whole, 4 * rounds * PER_ROUND + 10)
        whole.stop("MPOS0001")
        given = 0
        for number in range(rounds):
            whole.start_mother("MPOS0001", prefix=lossy(ignore_sync))
            words = terminal_words(whole, "key", PER_ROUND, number * PER_ROUND + 1, "MPOS0001")
            given += run_and_kill(whole, "MPOS0001", "crash", "key", words)
        whole.start_mother("MPOS0001")
        codes = (0, 1)
        rest = whole.terminals("--steps", "key", "--count", str(rounds * PER_ROUND),
                               "--serial-prefix", "CR", store="crash", mother="MPOS0001",
                               codes=codes)
        twice, indexes = doubles(whole)
        if not ignore_sync:
            expect(rest["completed"] == rounds * PER_ROUND, "after all kills every terminal gets a "
                   "key and confirms it", rest["explanations"][:3])
            whole.stop("MPOS0001")
            invariants.check(whole, "mother POS killed")
    return twice, indexes, given


def main():
    print("seed %d, %d rounds" % (SEED, ROUNDS))
    lost, acknowledged = gateway_rounds(ROUNDS, ignore_sync=False)
    print("gateway killed %d times: %d registrations acknowledged before, %d lost"
          % (ROUNDS, acknowledged, lost))
    expect(acknowledged >= ROUNDS, "registrations were acknowledged before the kills", acknowledged)
    expect(lost == 0, "no acknowledged registration is lost", lost)
    lost, acknowledged = gateway_rounds(2, ignore_sync=True)
    print("with the syncs taken out: %d of %d lost" % (lost, acknowledged))
    expect(lost > 0, "this test sees a missing sync in the gateway")
    twice, indexes, given = mother_rounds(ROUNDS, ignore_sync=False)
    print("mother POS killed %d times: %d keys given before, %d indexes in all, %d given twice"
          % (ROUNDS, given, indexes, twice))
    expect(given >= ROUNDS, "keys were given before the kills", given)
    expect(twice == 0, "no key index is handed out twice", twice)
    twice, indexes, given = mother_rounds(2, ignore_sync=True)
    print("with the syncs taken out: %d of %d indexes given twice" % (twice, indexes))
    expect(twice > 0, "this test sees a missing sync in the mother POS")
    done()


main()
