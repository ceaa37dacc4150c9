"""Peers that are slow on purpose: thousands that send a byte a second are cut within the message
timeout and a second, one that never reads is cut at the write-queue cap, and memory stays flat."""
import resource
import selectors
import socket
import time

from common import code_of, done, echo, expect, frames_in, scheme

PEERS = 5000
MESSAGE_TIMEOUT = 3.0
SLACK = 1.0
ROUNDS = 3  # a machine that stands still makes one late; a gateway that is late is so in each


def resident_kb(pid):
    with open("/proc/%d/status" % pid, encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))


def connect_all(port, count):
    peers = []
    for number in range(count):
        peer = socket.socket()
        peer.bind(("127.0.0.%d" % (2 + number % 4), 0))
        peer.connect(("127.0.0.1", port))
        peer.setblocking(False)
        peers.append(peer)
    return peers


def drip(peers, frame):
    """Sends a byte a second on each; returns the seconds from a peer's first byte to its end."""
    watch = selectors.DefaultSelector()
    began = {}
    for peer in peers:
        watch.register(peer, selectors.EVENT_READ)
    lives, at, next_byte = [], 0, time.monotonic()
    give_up = next_byte + MESSAGE_TIMEOUT + 60
    while watch.get_map() and time.monotonic() < give_up:
        if time.monotonic() >= next_byte:
            for key in list(watch.get_map().values()):
                try:
                    key.fileobj.send(frame[at:at + 1])
                    began.setdefault(key.fileobj, time.monotonic())
                except OSError:
                    pass
            at, next_byte = at + 1, next_byte + 1
        for key, _ in watch.select(0.02):
            try:
                over = key.fileobj.recv(4096) == b""
            except OSError:
                over = True
            if over:
                lives.append(time.monotonic() - began[key.fileobj])
                watch.unregister(key.fileobj)
    return lives


def ask_echo(port):
    with socket.create_connection(("127.0.0.1", port), timeout=60) as peer:
        peer.sendall(echo(1))
        frames, _ = frames_in(peer.recv(4096))
    return bool(frames) and code_of(frames[0]) == "00"


def one_round(port):
    """Seconds after which the first and the last were cut; all must be."""
    peers = connect_all(port, PEERS)
    lives = drip(peers, echo(1))
    for peer in peers:
        peer.close()
    expect(len(lives) == PEERS, "every slow sender is cut", len(lives))
    first, last = min(lives, default=0), max(lives, default=0)
    print("%d of %d cut after %.2f to %.2f s" % (len(lives), PEERS, first, last))
    return first, last


def slow_senders(whole, pid):
    port = whole.listeners[0].port
    before = resident_kb(pid)
    for rounds in range(1, ROUNDS + 1):
        first, last = one_round(port)
        # the clock here starts a little after the gateway's, hence the small allowance
        in_time = first > MESSAGE_TIMEOUT - 0.5 and last < MESSAGE_TIMEOUT + SLACK
        if in_time:
            break
    expect(in_time, "none before its time, and all within the timeout and a second", (first, last))
    expect(ask_echo(port), "others are served meanwhile and after")
    closed = whole.metrics()['posgate_connections_closed_total{reason="message-timeout"}']
    expect(closed == rounds * PEERS, "and counted by reason", closed)
    grown = resident_kb(pid) - before
    print("memory: %d KB more at the end" % grown)
    expect(grown < 16384, "memory is flat", "%d KB more" % grown)


def never_reads(whole, pid, cap):
    """Sends requests without reading an answer, until it is cut."""
    port = whole.listeners[0].port
    before = resident_kb(pid)
    requests = b"".join(echo(number) for number in range(1, 201))
    with socket.socket() as peer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        peer.connect(("127.0.0.1", port))
        peer.settimeout(60)
        sent = 0
        try:
            while sent < 64 << 20:
                sent += peer.send(requests)
        except OSError:
            pass
    expect(sent < 64 << 20, "a peer that never reads is cut", sent)
    closed = whole.metrics()['posgate_connections_closed_total{reason="write-queue-full"}']
    expect(closed == 1, "for what it was owed", closed)
    grown = resident_kb(pid) - before
    expect(grown < 8192 + cap // 1024, "at bounded memory", "%d KB more" % grown)


def main():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 19000), hard))
    cap = 131072
    with scheme() as whole:
        whole.init_keys(2)
        whole.extra = ("limits = { message_timeout_ms = %d; write_queue_bytes = %d; };"
                       % (MESSAGE_TIMEOUT * 1000, cap))
        process = whole.start_gateway()
        slow_senders(whole, process.pid)
        never_reads(whole, process.pid, cap)
        expect(whole.stop("gateway") == 0, "the gateway ends well")
    done()


main()
