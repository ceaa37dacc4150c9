"""Cuts the power under a gateway, keymgmt and a mother POS at random moments while terminals register
(1), keys are issued (2), generated (3) and exported (4), in turn; mounts the disk again and checks that
nothing that was acknowledged is lost, no key index went out twice, no half key file can be loaded and
the audit chains verify. Then once with the syncs taken out, to see that this test can fail.

The disk is an ext4 in a file and a cut is its shutdown ioctl: what the file system had not written is
gone, what it had is there. So a missing sync shows, a drive that lies about its own cache does not.
The programs stop before the disk does, as a sync that is under way when the ioctl comes may say that
it is done and is not.
Needs root and a loop device; POSGATE_POWER_CUTS sets how many cuts (4)."""
import glob
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time

import invariants
from common import BIN, SchemeError, done, expect, scheme, skip
from disks import MIB, PowerDisk, own_mounts

CUTS = int(os.environ.get("POSGATE_POWER_CUTS", "4"))
SEED = int(os.environ.get("POSGATE_POWER_SEED", str(time.time_ns() % 1000000)))
LOSSY = os.path.join(BIN, "lossy_disk.so")
MOTHER = "MPOS0001"
MOTHER_2 = "MPOS0002"
PER_CUT = 150  # terminals, or keys
random.seed(SEED)


# ---- programs without power ----

def has_ended(process):
    """Without taking its exit code, so that its group is there to be sent signals."""
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def halt(servers, running):
    """Neither the servers nor the group of `running` execute another instruction of their own."""
    for server in servers:
        server.send_signal(signal.SIGSTOP)
    os.killpg(running.pid, signal.SIGSTOP)
    pids = [server.pid for server in servers] + group_members(running.pid)
    until = time.monotonic() + 60
    while not all(map(is_halted, pids)):
        if time.monotonic() > until:
            raise SchemeError("processes %s cannot be halted" % pids)
        time.sleep(0.0005)


def is_halted(pid):
    """Each thread is stopped (T), or is where it stops before it goes on: in a call (D), when it is
    alone or others have stopped already. Or the process has ended."""
    states = [stat_of(path)[0] for path in glob.glob("/proc/%d/task/*/stat" % pid)]
    return set(states) <= set("TDZX") and (states.count("D") in (0, 1) or "T" in states)


def stat_of(path):
    """Its fields behind the name: state, parent, group..; those of an ended one when it is gone."""
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return ["X", "0", "0"]


def group_members(group):
    return [int(path.split("/")[2]) for path in glob.glob("/proc/[0-9]*/stat")
            if stat_of(path)[2] == str(group)]


class Drill:
    """A scheme whose databases and key files are on one disk. The terminals' stores are not: a
    terminal has a power supply of its own."""
    NAMES = ("keys", "terminals-table", MOTHER, "files")

    def __init__(self, whole, image):
        self.whole = whole
        self.disk = PowerDisk(image, whole.path("disk"), 512 * MIB)
        for name in self.NAMES:
            os.mkdir(os.path.join(self.disk.folder, name), 0o700)
            os.symlink(os.path.join(self.disk.folder, name), whole.path(name))
        self.first = 1          # serial number of the next terminal
        self.batches = []       # (number, count) that keymgmt said it made
        self.lost = self.twice = self.halves = self.acknowledged = 0
        self.prefix = ()        # what the programs are started through

    def close(self):
        for name in list(self.whole.processes):
            self.whole.stop(name, signal.SIGKILL)
        self.disk.unmount()

    # ---- what is under way when the power goes ----

    def cut(self, running, servers, wait_for):
        """Cuts when `wait_for` says so; ends what ran."""
        until = time.monotonic() + 60
        while not wait_for() and time.monotonic() < until and not has_ended(running):
            time.sleep(0.0005)
        halt([self.whole.processes[server] for server in servers], running)
        self.disk.cut()
        for server in servers:
            self.whole.stop(server, signal.SIGKILL)
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()
        self.disk.unmount()
        self.disk.mount()

    def terminals(self, steps, store, gateway=True):
        words = [self.whole.program("posgate-emulator"), "terminals", "--store",
                 self.whole.path(store), "--steps", steps, "--count", str(PER_CUT),
                 "--first-serial", str(self.first), "--serial-prefix", "PC", "--connections", "8",
                 "--timeout-ms", "2000", "--mother",
                 "127.0.0.1:%d" % self.whole.mother_ports[MOTHER]]
        if gateway:
            words += ["--gateway", "127.0.0.1:%d" % self.whole.listeners[0].port]
        return words

    def start(self, words):
        return subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                start_new_session=True)

    def lines(self, word):
        path = self.whole.path("terminals", invariants.STORE_FILE)
        if not os.path.exists(path):
            return 0
        return sum(line[0] == word for line in invariants.store_lines(self.whole.path("terminals")))

    def after_lines(self, word):
        wanted = self.lines(word) + random.randrange(1, PER_CUT)
        return lambda: self.lines(word) >= wanted

    def registration(self):
        self.whole.start_mother(MOTHER)
        self.whole.run(*self.terminals("key", "terminals", gateway=False))
        self.whole.stop(MOTHER)
        self.whole.start_gateway(prefix=self.prefix)
        before = self.lines("registered")
        self.cut(self.start(self.terminals("register", "terminals")), ["gateway"],
                 self.after_lines("registered"))
        self.acknowledged += self.lines("registered") - before
        self.first += PER_CUT

    def issue(self):
        self.whole.start_mother(MOTHER, prefix=self.prefix)
        before = self.lines("key")
        words = self.terminals("key", "terminals", gateway=False)
        self.cut(self.start(words), [MOTHER], self.after_lines("key"))
        self.acknowledged += self.lines("key") - before
        self.whole.start_mother(MOTHER)
        self.whole.run(*words, codes=(0, 1))
        self.whole.stop(MOTHER)
        self.first += PER_CUT

    def generation(self):
        loop = ("while :; do %s %s generate --count 40 --json >>%s || exit; done"
                % (" ".join(self.prefix), self.keymgmt_words(), self.whole.path("generated")))
        before = len(self.generated())
        wanted = before + random.randrange(1, 8)
        moment = time.monotonic() + random.random() * 0.2
        self.cut(self.start(["sh", "-c", loop]), [],
                 lambda: len(self.generated()) >= wanted and time.monotonic() > moment)
        self.batches += self.generated()[before:]
        self.acknowledged += sum(batch["count"] for batch in self.generated()[before:])

    def keymgmt_words(self):
        return "%s --home %s" % (self.whole.program("posgate-keymgmt"), self.whole.path("keys"))

    def generated(self):
        """What keymgmt said, as far as it got."""
        try:
            with open(self.whole.path("generated"), encoding="ascii") as file:
                text = file.read()
        except FileNotFoundError:
            return []
        parts, decoder, found = text.strip(), json.JSONDecoder(), []
        while parts:
            try:
                value, end = decoder.raw_decode(parts)
            except ValueError:
                break
            found.append(value)
            parts = parts[end:].strip()
        return found

    def export(self):
        if len(self.batches) < 3:
            for _ in range(6):
                self.batches.append(json.loads(self.whole.keymgmt("generate", "--count", "40",
                                                                  "--json")))
        waiting = [batch["batch"] for batch in self.batches if not self.exported(batch["batch"])]
        script = " && ".join("%s %s export --batch %d --dest %s --out %s && echo %d >>%s"
                             % (" ".join(self.prefix), self.keymgmt_words(), batch, MOTHER_2,
                                self.key_file(batch), batch, self.whole.path("exported"))
                             for batch in waiting)
        moment = time.monotonic() + random.random() * 0.12 * len(waiting)
        self.cut(self.start(["sh", "-c", script]), [], lambda: time.monotonic() > moment)
        acknowledged = [batch for batch in waiting if self.exported(batch)]
        self.acknowledged += len(acknowledged)
        self.load_exported(waiting, acknowledged)

    def exported(self, batch):
        try:
            with open(self.whole.path("exported"), encoding="ascii") as file:
                return "%d\n" % batch in file.readlines()
        except FileNotFoundError:
            return False

    def key_file(self, batch):
        return self.whole.path("files", "batch-%d.keys" % batch)

    def load_exported(self, waiting, acknowledged):
        """Every file that is there is whole; what was acknowledged is there; the rest can be exported
        now, and all of it goes into a mother POS whose disk is another."""
        self.whole.start_mother(MOTHER_2)
        for batch in acknowledged:
            if not os.path.exists(self.key_file(batch)):
                self.lost += 1
        for batch in waiting:
            if os.path.exists(self.key_file(batch) + ".part"):
                self.try_half(self.key_file(batch) + ".part")
            if batch not in acknowledged:
                was_there = os.path.exists(self.key_file(batch))
                if was_there:
                    self.try_half(self.key_file(batch))
                self.whole.keymgmt("export", "--batch", str(batch), "--dest", MOTHER_2, "--out",
                                   self.key_file(batch), codes=(0, 1) if was_there else (0,))
                with open(self.whole.path("exported"), "a", encoding="ascii") as file:
                    file.write("%d\n" % batch)
            self.whole.load(MOTHER_2, self.key_file(batch))
        self.whole.stop(MOTHER_2)

    def try_half(self, path):
        """A file that is not whole must not get a key into a mother POS."""
        with open(path, "rb") as file:
            lines = file.read().split(b"\n")
        if len(lines) >= 43 and lines[-2].startswith(b"T"):
            return  # header, 40 keys, trailer: all there
        try:
            self.whole.load(MOTHER_2, path)
            self.halves += 1
        except SchemeError:
            pass

    # ---- what is left ----

    def check(self, where):
        facts = invariants.check(self.whole, where)
        there = {int(row["index"]) for row in facts.library}
        told = {index for batch in self.generated()
                for index in range(int(batch["first"]), int(batch["last"]) + 1)}
        self.lost += len(told - there) + len(invariants.registrations_are_found(facts))
        self.twice += len(invariants.handed_out_once(facts))


KINDS = (Drill.registration, Drill.issue, Drill.generation, Drill.export)


def set_up(whole, keys, image):
    drill = Drill(whole, image)
    whole.init_keys(2)
    whole.init_mother(MOTHER)
    whole.init_mother(MOTHER_2)
    whole.generate(keys)
    key_file = whole.export(1, MOTHER)
    whole.start_mother(MOTHER)
    whole.load(MOTHER, key_file)
    whole.stop(MOTHER)
    whole.start_gateway()
    whole.stop("gateway")
    return drill


def all_cuts():
    with tempfile.NamedTemporaryFile(prefix="posgate-disk-") as image, scheme() as whole:
        drill = set_up(whole, (CUTS + 1) * PER_CUT + 10, image.name)
        try:
            for number in range(CUTS):
                kind = KINDS[number % len(KINDS)]
                kind(drill)
                drill.check("cut %d, %s" % (number + 1, kind.__name__))
            drill_ends_well(drill)
        finally:
            drill.close()
        print("%d power cuts: %d acknowledged before, %d lost, %d issued twice, %d half key files "
              "loaded" % (CUTS, drill.acknowledged, drill.lost, drill.twice, drill.halves))
        expect(drill.acknowledged >= CUTS, "something was acknowledged before the cuts")
        expect(drill.lost == 0, "no acknowledged row is lost", drill.lost)
        expect(drill.twice == 0, "no key index is issued twice", drill.twice)
        expect(drill.halves == 0, "no half key file can be loaded", drill.halves)


def drill_ends_well(drill):
    """Whoever was cut off goes on, by itself."""
    whole, count = drill.whole, drill.first - 1
    whole.start_mother(MOTHER)
    whole.start_gateway()
    seen = whole.terminals("--steps", "register,sign-on,authenticate", "--count", str(count),
                           "--serial-prefix", "PC", mother=MOTHER, codes=(0, 1))
    expect(seen["completed"] == count, "after all cuts every terminal goes on",
           seen["explanations"][:3])


def without_syncs():
    """The same cut without syncs loses what was acknowledged."""
    with tempfile.NamedTemporaryFile(prefix="posgate-disk-") as image, scheme() as whole:
        drill = set_up(whole, 2 * PER_CUT + 10, image.name)
        drill.prefix = ("env", "LD_PRELOAD=%s" % LOSSY, "LOSSY_DISK_IGNORE_SYNC=1")
        try:
            drill.registration()
            facts = invariants.Facts(whole, invariants.find_stores(whole.folder))
            lost = len(invariants.registrations_are_found(facts))
            print("with the syncs taken out: %d of %d lost" % (lost, drill.acknowledged))
            expect(lost > 0, "this test sees a missing sync")
        finally:
            drill.close()


def main():
    reason = own_mounts()
    if reason is None:
        try:
            with scheme() as whole:
                PowerDisk(whole.path("image"), whole.path("mounted"), 16 * MIB).unmount()
        except OSError as error:
            reason = str(error)
    if reason is not None:
        skip("power cuts", reason + "; test_crash kills on a disk that forgets instead")
        done()
    print("seed %d, %d cuts" % (SEED, CUTS))
    sys.stdout.flush()
    all_cuts()
    without_syncs()
    done()


main()
