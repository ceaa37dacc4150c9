"""Look-ups in a real gateway: with a cache that does not hold the table no event loop ever reads the
disk (seen by strace) and everybody is answered all the same; a revocation in the middle of a stream
of requests holds from the very next one, with rows remembered and without; connections spread over
the loops; one connection a request, and one for many terminals."""
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import threading
import time

from common import Listener, code_of, done, expect, frame, frames_in, message, scheme, skip, stan_of

ROWS = int(os.environ.get("POSGATE_LOOKUP_ROWS", "300000"))
SMALL_MB, LARGE_MB = map(int, os.environ.get("POSGATE_LOOKUP_CACHES", "8,64").split(","))
REQUESTS = 4000
WINDOW = 100
ENOUGH = 2000  # answers to one who asks again and again
SERIAL = "LOAD0001"


def smn(index):
    return SERIAL + "%08d" % index


def request(stan, name):
    """An authentication without a MAC."""
    return frame(message("0800", {7: "1123090000", 11: "%06d" % stan, 41: "TERM0001", 62: name,
                                  70: "902"}))


def authenticate(port, smns):
    """Codes of authentications on one connection, WINDOW of them under way; by STAN."""
    codes = {}
    with socket.create_connection(("127.0.0.1", port), timeout=60) as link:
        data, sent = b"", 0
        while len(codes) < len(smns):
            batch = b""
            while sent < len(smns) and sent - len(codes) < WINDOW:
                batch += request(sent, smns[sent])
                sent += 1
            if batch:
                link.sendall(batch)
            received = link.recv(65536)
            if not received:
                break
            found, data = frames_in(data + received)
            for body in found:
                codes[int(stan_of(body))] = code_of(body)
    return [codes.get(i, "none") for i in range(len(smns))]


def all_approved(port, rows, count, name):
    draw = random.Random(5)
    codes = authenticate(port, [smn(draw.randrange(1, rows + 1)) for _ in range(count)])
    expect(codes == ["00"] * count, "%s: everybody is answered 00" % name,
           {code: codes.count(code) for code in set(codes)})


class Trace:
    """What the gateway's threads read and wait for, while it is open."""

    def __init__(self, whole):
        self.path = whole.path("strace.txt")
        self.pid = whole.processes["gateway"].pid

    def __enter__(self):
        self.process = subprocess.Popen(
            ["strace", "-f", "-y", "-p", str(self.pid), "-o", self.path, "-e",
             "trace=read,pread64,readv,preadv,preadv2,recvfrom,recvmsg,epoll_wait,epoll_pwait"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.ready = "attached" in self.process.stderr.readline()
        time.sleep(0.3)
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGINT)
        self.process.wait(60)
        self.process.stderr.close()

    def reads(self):
        """Reads of regular files by threads that wait in epoll, and those by others."""
        loops, files = set(), []
        with open(self.path, encoding="ascii", errors="replace") as lines:
            for line in lines:
                thread = line.split(" ", 1)[0]
                if " epoll_" in line:
                    loops.add(thread)
                if re.search(r" p?read(64|v|v2)?\(\d+</(?!dev/|proc/|sys/)", line):
                    files.append((thread, line.strip()))
        return ([line for thread, line in files if thread in loops],
                [line for thread, line in files if thread not in loops])


def check_cache(whole, cache_mb, mode):
    """With this much cache the gateway is in this mode, and answers without a loop reading the disk.
    """
    whole.cache_mb = cache_mb
    whole.start_gateway()
    status = whole.ctl("status")
    expect(status["lookup_mode"] == mode and status["lookup"] == "each",
           "%d MiB of cache: look-ups are %s" % (cache_mb, mode), status)
    expect("mode=%s" % mode in whole.tail("gateway").rsplit("look-ups", 1)[-1], "its log says so")
    before = whole.metrics()
    expect(before["posgate_lookup_batched"] == (mode == "batched"), "the metrics say so")
    with Trace(whole) as trace:
        if not trace.ready:
            skip("what loops read", "strace may not attach")
        all_approved(whole.listeners[0].port, ROWS, REQUESTS, mode)
    after = whole.metrics()
    waited = after["posgate_lookup_reads_total"] - before["posgate_lookup_reads_total"]
    on_loops, on_others = trace.reads()
    if trace.ready:
        expect(not on_loops, "%s: no loop reads a file" % mode, on_loops[:3])
    if mode == "tiered":
        expect(waited > REQUESTS / 10, "tiered: many look-ups had to wait for the disk", waited)
        expect(not trace.ready or len(on_others) > REQUESTS / 20,
               "tiered: the readers read them, and the trace shows it", len(on_others))
    else:
        expect(waited == 0, "batched: no look-up had to wait", waited)
    expect(whole.stop("gateway") == 0, "the gateway ends well")


class Stream(threading.Thread):
    """Authenticates one terminal again and again, with many requests under way."""

    def __init__(self, port, name):
        super().__init__()
        self.link = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.smn = name
        self.sent, self.codes = [], {}
        self.stopping = False

    def run(self):
        data = b""
        while not self.stopping or len(self.codes) < len(self.sent):
            while not self.stopping and len(self.sent) - len(self.codes) < WINDOW:
                asked = request(len(self.sent), self.smn)
                self.sent.append(time.monotonic())
                self.link.sendall(asked)
            found, data = frames_in(data + self.link.recv(65536))
            for body in found:
                self.codes[int(stan_of(body))] = code_of(body)
        self.link.close()


def wait_for_more(whole, streams):
    """Until each has asked and been answered so often again that there is something to count."""
    wanted = [len(stream.sent) + ENOUGH for stream in streams]
    whole.wait_for(lambda: all(len(stream.codes) >= count for stream, count in zip(streams, wanted)),
                   "%d more answers" % ENOUGH, 60)


def check_revocation(whole, lookup, index):
    whole.extra = 'lookup = "%s";' % lookup
    whole.start_gateway()
    port = whole.listeners[0].port
    for command in ("suspend", "revoke"):
        name = smn(index)
        index += 1
        streams = [Stream(port, name) for _ in range(4)]  # some on each loop
        for stream in streams:
            stream.start()
        wait_for_more(whole, streams)
        whole.ctl("terminal", command, name)
        acknowledged = time.monotonic()
        wait_for_more(whole, streams)
        for stream in streams:
            stream.stopping = True
        for stream in streams:
            stream.join(60)
        codes = [(stream.codes.get(i), sent > acknowledged)
                 for stream in streams for i, sent in enumerate(stream.sent)]
        approved_before = codes.count(("00", False))
        late = [code for code, after in codes if after]
        what = "%s, %s" % (lookup, command)
        expect(approved_before > 500, "%s: they were approved before" % what, approved_before)
        expect(len(late) > 500, "%s: they went on asking" % what, len(late))
        expect("00" not in late and None not in late,
               "%s: nobody who asked after it was acknowledged is approved" % what,
               {code: late.count(code) for code in set(late)})
    metrics = whole.metrics()
    remembered, looked_up = (metrics["posgate_remembered_total"], metrics["posgate_lookups_total"])
    if lookup == "remembered":
        expect(remembered > 100 * looked_up, "rows were remembered", (remembered, looked_up))
    else:
        expect(remembered == 0, "no row was remembered", remembered)
    whole.stop("gateway")


def check_connections(whole):
    whole.extra = ""
    whole.start_gateway()
    port = whole.listeners[0].port
    codes = []
    for i in range(400):
        codes += authenticate(port, [smn(i + 1)])
    expect(codes == ["00"] * 400, "a connection for each request", set(codes))
    metrics = whole.metrics()
    opened = [metrics['posgate_loop_connections_opened_total{loop="%d"}' % i] for i in (0, 1)]
    # 400 fair coins are within 150 to 250 but for once in a million
    expect(sum(opened) >= 400 and min(opened) >= 150, "both loops get their share", opened)
    all_approved(port, ROWS, 5000, "a concentrator's one connection")
    whole.stop("gateway")


def main():
    if shutil.which("strace") is None:
        skip("look-ups", "strace is missing: ./run deps")
        return done()
    with scheme() as whole:
        whole.listeners = [Listener("open", "smn")]
        whole.loops = 2
        whole.init_keys(2)
        whole.generate(1)
        whole.run(whole.program("fill_table"), whole.path("terminals-table"), SERIAL, str(ROWS),
                  timeout=600)
        check_cache(whole, SMALL_MB, "tiered")
        check_cache(whole, LARGE_MB, "batched")
        check_revocation(whole, "each", 1000)
        check_revocation(whole, "remembered", 2000)
        check_connections(whole)
    return done()


main()
