"""An attacker who knows serials and key indexes but no key, at a gateway that serves others:

10,000 registrations, sign-ons and transactions, none of which is accepted, reaches the host, writes,
syncs, leaves an audit record or raises an alarm; 1,000 recorded sign-ons between a terminal's
sign-on and its first sale; a key proved on one listener at weaker ones; and a bare name that gives
way to a proof."""
import json
import os
import random
import socket
import struct
import subprocess
import threading

from common import Listener, bcd, done, expect, frame, frames_in, scheme

STRICT, CUP, CUP_ECB, OPEN = range(4)
ATTACKS = 10000
REPLAYS = 1000
CONNECTIONS = 20
AT_ONCE = 100  # requests in one piece; a connection may have 128 unanswered ones
draw = random.Random(278)

DIGITS = {3: 6, 4: 12, 7: 10, 11: 6, 12: 6, 13: 4, 22: 3, 25: 2, 53: 16, 70: 3}
TEXT = {37: 12, 38: 6, 41: 8, 42: 15, 49: 3}


# ---- what the attacker can make: iso87b, written from docs/protocol.md ----

def field(number, value):
    if number in DIGITS:
        return bcd(value.rjust(DIGITS[number], "0"))
    if number in TEXT:
        return value.ljust(TEXT[number]).encode()
    if number == 2:
        return bcd("%02d" % len(value)) + bcd(value)
    if number in (59, 62):
        return bcd("%04d" % len(value)) + value.encode()
    return value  # 52, 64, 128


def message(mti, fields):
    bits = sum(1 << (128 - number) for number in fields)
    second = any(number > 64 for number in fields)
    if second:
        bits |= 1 << 127
    head = bcd(mti) + bits.to_bytes(16, "big")[:16 if second else 8]
    return frame(head + b"".join(field(number, fields[number]) for number in sorted(fields)))


def forged(number, smns):
    """One request of the attack: of any kind, for any name, with a MAC of some sort or without."""
    smn = draw.choice(smns)
    mac = draw.choice((None, bytes(8), draw.randbytes(8), b"\xff" * 8))
    fields = {7: "1123090000", 11: "%06d" % (number % 999999 + 1), 41: "TERM0001",
              42: "MERCHANT0000001", 62: smn}
    kind = number % 5
    if kind < 3:
        fields[70] = ("901", "001", "902")[kind]
        if mac is not None:
            fields[128] = mac
        return message("0800", fields)
    fields.update({2: "6225880000000001", 3: "000000", 4: "000000001234", 22: "021", 25: "00",
                   49: "156"})
    if kind == 4:  # with a PIN block, in one place or the other
        fields.update(draw.choice(({52: draw.randbytes(8), 53: "0000000000000000"},
                                   {59: "A1032" + draw.randbytes(16).hex().upper()})))
    if mac is not None:
        fields[64] = mac
    return message("0200", fields)


def exchange(port, frames):
    """Sends all, AT_ONCE at a time; returns as many replies."""
    replies, data = [], b""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as peer:
        for i in range(0, len(frames), AT_ONCE):
            piece = frames[i:i + AT_ONCE]
            peer.sendall(b"".join(piece))
            wanted = len(replies) + len(piece)
            while len(replies) < wanted:
                got = peer.recv(65536)
                if not got:
                    return replies
                found, data = frames_in(data + got)
                replies += found
    return replies


def exchange_side_by_side(port, frames):
    """The same over CONNECTIONS connections: an unknown index waits for the next look at the key
    library, and keeps those behind it waiting."""
    replies = [[] for _ in range(CONNECTIONS)]

    def one(i):
        replies[i] = exchange(port, frames[i::CONNECTIONS])

    threads = [threading.Thread(target=one, args=(i,)) for i in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [reply for some in replies for reply in some]


def code_of(body):
    """Field 39 of a reply."""
    at = 18 if body[2] >> 7 else 10
    for number in range(2, 39):
        if int.from_bytes(body[2:10], "big") >> (64 - number) & 1:
            at += (DIGITS[number] + 1) // 2 if number in DIGITS else TEXT[number]
    return body[at:at + 2].decode()


def has_mac(body):
    second = body[2] >> 7
    return bool(body[17 if second else 9] & 1)


# ---- what the gateway shows of itself ----

class Traces:
    """What an attack must leave as it is."""

    def __init__(self, whole):
        status, metrics = whole.ctl("status"), whole.metrics()
        self.commits = (status["commits"], status["syncs"],
                        metrics["posgate_commits_total"], metrics["posgate_syncs_total"])
        self.host = metrics["posgate_host_requests_total"]
        self.pins = sum(value for name, value in metrics.items() if "translate-pin" in name)
        self.accepted = sum(value for name, value in metrics.items()
                            if name.startswith("posgate_replies_total") and 'code="00"' in name
                            and 'message="echo"' not in name)
        self.terminals = {name: value for name, value in metrics.items()
                          if name.startswith("posgate_terminals")}
        self.records = len(whole.keymgmt("audit", "show", "--gateway-table",
                                         whole.path("terminals-table")).splitlines())
        log = whole.tail("gateway")
        self.alarms = log.count("clone-alarm") + log.count(" error ") + log.count("pin-refused")
        with open(whole.path("host.ledger"), encoding="ascii") as ledger:
            self.ledger = ledger.read()


def expect_untouched(before, after, what):
    for name in ("commits", "host", "pins", "accepted", "terminals", "records", "alarms", "ledger"):
        expect(getattr(after, name) == getattr(before, name), "%s: %s are as before" % (what, name),
               (getattr(before, name), getattr(after, name)))


def syncs_in(path):
    with open(path, encoding="ascii", errors="replace") as trace:
        return [line for line in trace if "sync" in line]


class Watch:
    """System calls that could make something durable, of a process that runs."""

    def __init__(self, whole, name):
        self.path = whole.path("attack.trace")
        self.strace = subprocess.Popen(
            ["strace", "-f", "-e", "trace=fsync,fdatasync,sync_file_range,msync", "-o", self.path,
             "-p", str(whole.processes[name].pid)], stderr=subprocess.PIPE, text=True)
        self.works = "attached" in self.strace.stderr.readline()

    def end(self):
        self.strace.terminate()
        self.strace.wait()
        return syncs_in(self.path) if os.path.exists(self.path) else []


# ---- a line that somebody listens to ----

class Tap:
    """Passes one connection after the other on to `port` and keeps what was asked."""

    def __init__(self, port):
        self.to = port
        self.frames = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            with peer, socket.create_connection(("127.0.0.1", self.to)) as gateway:
                back = threading.Thread(target=self.carry, args=(gateway, peer), daemon=True)
                back.start()
                asked = self.carry(peer, gateway)
                gateway.shutdown(socket.SHUT_WR)
                back.join()
                self.frames += frames_in(asked)[0]

    @staticmethod
    def carry(source, sink):
        whole = b""
        while True:
            try:
                data = source.recv(65536)
                if not data:
                    return whole
                whole += data
                sink.sendall(data)
            except OSError:
                return whole

    def close(self):
        """Behind it, `frames` has all that went through."""
        self.listener.shutdown(socket.SHUT_RDWR)  # ends accept()
        self.thread.join()
        self.listener.close()


# ---- the drills ----

def set_up(whole):
    whole.listeners = [Listener(), Listener(dialect="cup"), Listener(dialect="cup", mac="cup-ecb"),
                       Listener(registration="open", authentication="smn")]
    whole.init_keys(2)
    whole.init_mother("MPOS0001")
    whole.generate(20)
    whole.generate(5, alg="T2", form="40")
    whole.init_link_key("zpk", "HOST1", "T2")
    whole.host_settings = 'pin_key = "HOST1";'
    whole.start_mother("MPOS0001")
    for batch in (1, 2):
        whole.load("MPOS0001", whole.export(batch, "MPOS0001"))
    whole.start_host()
    whole.start_gateway()
    whole.wait_for_host()
    whole.terminals("--steps", "key,register,sign-on,authenticate,sale", "--count", "15", "--pin",
                    "1234", mother="MPOS0001")
    whole.terminals("--steps", "key", "--count", "5", "--first-serial", "101", mother="MPOS0001")


def smns_of(whole):
    found = whole.ctl("terminal", "find", "EMU")["terminals"]
    return [row["smn"] for row in found]


def attack(whole):
    known = smns_of(whole)
    expect(len(known) == 15, "the attacker knows who is there", known)
    # registered names, names that could be, other serials on used indexes, indexes without a key
    smns = (known + ["EMU%05d%08d" % (100 + i, 15 + i) for i in range(1, 6)] +
            ["STRANGER" + smn[8:] for smn in known] + ["EMU0000100000900", "EMU0000100000000"])
    frames = [forged(i, smns) for i in range(ATTACKS)]
    watch = Watch(whole, "gateway")
    expect(watch.works, "strace watches the gateway")
    before = Traces(whole)
    replies = exchange_side_by_side(whole.listeners[STRICT].port, frames)
    after = Traces(whole)
    syncs = watch.end()
    codes = {}
    for reply in replies:
        codes[code_of(reply)] = codes.get(code_of(reply), 0) + 1
    print("%d forged requests: %s" % (len(replies), codes))
    expect(len(replies) == ATTACKS, "each is answered", len(replies))
    expect(set(codes) <= {"A0", "97"} and codes.get("A0", 0) > ATTACKS / 2,
           "and refused, for a MAC or a name", codes)
    expect(not any(has_mac(reply) for reply in replies), "no reply has a MAC")
    expect(syncs == [], "no sync", syncs[:3])
    expect_untouched(before, after, "the attack")
    summary = whole.terminals("--steps", "authenticate,sale", "--count", "15", "--pin", "1234")
    expect(summary["completed"] == summary["terminals"], "the terminals did not notice", summary)
    later = Traces(whole)
    expect(later.host > after.host and later.pins > after.pins and later.ledger != after.ledger,
           "and what was looked at does move for them")


def expect_one(whole, steps, serial, *options, listener=STRICT, code="00", name=""):
    summary = whole.terminals("--steps", steps, "--serial", serial, "--expect", code, *options,
                              listener=listener, codes=(0, 1))
    expect(summary["completed"] == summary["terminals"], name, summary)


def through(whole, tap, steps, serial):
    out = whole.run(whole.program("posgate-emulator"), "terminals", "--json", "--store",
                    whole.path("terminals"), "--gateway", "127.0.0.1:%d" % tap.port, "--steps",
                    steps, "--serial", serial, codes=(0, 1))
    expect(json.loads(out)["completed"] == 1, "%s through the tapped line" % steps, out)


def replay(whole):
    """What was recorded is old and new: sign-ons before the last one, and the last one itself."""
    tap = Tap(whole.listeners[STRICT].port)
    serial = "EMU00001"
    for _ in range(9):
        through(whole, tap, "sign-on,authenticate", serial)
    through(whole, tap, "sign-on", serial)
    tap.close()
    recorded = [body for body in tap.frames if is_sign_on(body)]
    expect(len(recorded) == 10, "ten sign-ons are recorded", len(recorded))
    before = Traces(whole)
    replies = exchange(whole.listeners[STRICT].port,
                       [frame(recorded[i % len(recorded)]) for i in range(REPLAYS)])
    expect(len(replies) == REPLAYS and all(code_of(reply) == "00" for reply in replies),
           "a replayed sign-on is as good as the first")
    after = Traces(whole)
    expect(after.commits == before.commits, "and writes nothing", (before.commits, after.commits))
    expect(after.records == before.records, "and records nothing")
    expect_one(whole, "sale", serial, "--pin", "1234",
               name="the first sale after its own sign-on verifies")
    expect_one(whole, "sign-on,sale", serial, name="and it goes on")


def is_sign_on(body):
    """Field 70 of an 0800 is the two bytes before the MAC in field 128."""
    return body[:2] == b"\x08\x00" and body[-10:-8] == b"\x00\x01"


def weaker_listeners(whole):
    """A two-key TDES terminal proves its key in the dialect cup; then somebody takes it elsewhere."""
    whole.terminals("--steps", "key", "--serial", "T2T00001", mother="MPOS0001")
    whole.terminals("--steps", "key", "--serial", "T2T00002", mother="MPOS0001")
    expect_one(whole, "register,sign-on,authenticate,sale", "T2T00001", listener=CUP,
               name="a terminal of cup")
    for steps in ("register", "sign-on"):
        expect_one(whole, steps, "T2T00001", "--cup-ecb", listener=CUP_ECB, code="A0",
                   name="%s where MACs are ECB" % steps)
    expect_one(whole, "sale", "T2T00001", "--cup-ecb", listener=CUP_ECB, code="A0",
               name="a sale where MACs are ECB")
    for steps in ("register", "sale"):
        expect_one(whole, steps, "T2T00001", "--mac", "off", listener=OPEN, code="A0",
                   name="%s where nothing is asked" % steps)
    expect_one(whole, "sale", "T2T00001", listener=CUP, name="it goes on where it was")
    # the other way round: who proved where MACs are ECB may come up, and not go down again
    expect_one(whole, "register,sign-on,sale", "T2T00002", "--cup-ecb", listener=CUP_ECB,
               name="a terminal with the ECB MAC")
    expect_one(whole, "sale", "T2T00002", "--mac", "off", listener=OPEN, code="A0",
               name="its sale where nothing is asked")
    expect_one(whole, "register,sale", "T2T00002", listener=CUP, name="it comes up")
    expect_one(whole, "sale", "T2T00002", "--cup-ecb", listener=CUP_ECB, code="A0",
               name="and does not go down")


def displacement(whole):
    """Somebody registers a name of an index that is not his, where no proof is asked for."""
    bare = [message("0800", {11: "000001", 41: "TERM0001", 62: "SQUATTER%08d" % index, 70: "901"})
            for index in range(16, 21)]
    replies = exchange(whole.listeners[OPEN].port, bare)
    expect([code_of(reply) for reply in replies] == ["00"] * 5, "a bare name gets an index")
    alarms = whole.tail("gateway").count("clone-alarm")
    expect_one(whole, "register,sign-on,authenticate,sale", "EMU00101",
               name="the holder of the key takes its place")
    index = int(whole.ctl("terminal", "find", "EMU00101")["terminals"][0]["smn"][8:])
    replies = exchange(whole.listeners[OPEN].port, bare)
    expect([code_of(reply) for reply in replies] ==
           ["97" if i == index else "00" for i in range(16, 21)], "and that bare name is out")
    expect(whole.tail("gateway").count("clone-alarm") == alarms, "which is no clone")
    shown = whole.ctl("terminal", "show", "SQUATTER%08d" % index)
    expect(shown["terminal"]["state"] == "replaced", "and says so", shown)


def main():
    with scheme() as whole:
        set_up(whole)
        attack(whole)
        replay(whole)
        weaker_listeners(whole)
        displacement(whole)
        expect(whole.stop("gateway") == 0, "the gateway ends well")
    return done()


main()
