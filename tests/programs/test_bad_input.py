"""Bad input to a real gateway: it does not crash, its memory is bounded, and whatever was valid is
answered correctly. Run on a sanitizer build it must be clean there too."""
import random
import socket

from common import code_of, done, echo, expect, frames_in, network, scheme, stan_of

random.seed(8583)
SMN = "NOTHERE100000278"
PATIENCE = 60  # seconds for an answer or an end; none of them is an error of its own


def connect(port):
    peer = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return peer


def read_frames(peer, count):
    """Up to `count` reply bodies; fewer when the other side closed."""
    data = b""
    found = []
    while len(found) < count:
        try:
            piece = peer.recv(65536)
        except ConnectionError:
            break
        if not piece:
            break
        found, _ = frames_in(data := data + piece)
    return found


def ask(port, data, count=1, end=True):
    """Sends bytes on a connection of their own; what was answered before it closed."""
    with connect(port) as peer:
        try:
            peer.sendall(data)
            if end:
                peer.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        return read_frames(peer, count)


def resident_kb(pid):
    with open("/proc/%d/status" % pid, encoding="ascii") as status:
        for line in status:
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
    raise AssertionError("no VmRSS")


def well(port, what):
    replies = ask(port, echo(1))
    return expect(len(replies) == 1 and code_of(replies[0]) == "00", "an echo is answered " + what)


def random_bytes(port):
    for _ in range(300):
        ask(port, random.randbytes(random.randrange(1, 600)), count=100)
    well(port, "after random bytes")


def prefixes(port):
    for valid in (echo(2), network("902", 3, SMN)):
        silent = sum(len(ask(port, valid[:size])) for size in range(len(valid)))
        expect(silent == 0, "no prefix of a frame is answered", silent)
    well(port, "after every prefix")


def bit_flips(port):
    """Every one-bit flip behind the length: answered with a code, or the connection ends."""
    codes = {}
    for valid, own in ((echo(4), "00"), (network("902", 5, SMN), "97")):
        for bit in range(16, 8 * len(valid)):
            flipped = bytearray(valid)
            flipped[bit // 8] ^= 0x80 >> bit % 8
            replies = ask(port, bytes(flipped))
            code = code_of(replies[0]) if replies else "closed"
            codes[code] = codes.get(code, 0) + 1
            if code not in (own, "30", "40", "97", "closed"):
                expect(False, "bit %d of a %s message" % (bit, own), code)
    expect(codes.get("30", 0) > 50 and codes.get("00", 0) > 0, "flips are told apart", codes)
    expect("A0" not in codes, "nobody without a key learns more than 97", codes)
    well(port, "after every bit flip")


def lengths(port):
    for data, what in ((b"\xff\xff" + bytes(100), "65,535"), (b"\x10\x01" + bytes(100), "4,097"),
                       (b"\0\x01\0", "1"), (b"\0\x09" + bytes(9), "9")):
        with connect(port) as peer:
            peer.sendall(data)
            expect(read_frames(peer, 1) == [], "a length of %s ends the connection" % what)
    with connect(port) as peer:
        peer.sendall(bytes(200) + echo(6))
        replies = read_frames(peer, 1)
        expect(len(replies) == 1, "keep-alives are swallowed")


def one_byte_at_a_time(port):
    with connect(port) as peer:
        for byte in echo(7) + network("902", 8, SMN):
            peer.sendall(bytes([byte]))
        replies = read_frames(peer, 2)
    expect([code_of(reply) for reply in replies] == ["00", "97"], "one byte at a time is answered")


def hundred_in_one(port):
    data = b"".join(echo(i) if i % 2 else network("902", i, SMN) for i in range(1, 101))
    replies = ask(port, data, 100, end=False)
    codes = {stan_of(reply): code_of(reply) for reply in replies}
    expect(len(replies) == 100 and len(codes) == 100, "a hundred in one segment get a hundred",
           len(replies))
    expect(all(code == ("00" if int(stan) % 2 else "97") for stan, code in codes.items()),
           "each of them its own code")


def valid_then_garbage(port):
    with connect(port) as peer:
        peer.sendall(echo(9) + b"\xff\xff" + random.randbytes(50))
        replies = read_frames(peer, 2)
    expect(len(replies) == 1 and code_of(replies[0]) == "00",
           "what was valid before garbage is answered", len(replies))


def asks_for_ever(peer):
    """Until it is cut: False when it is not."""
    data = b"".join(echo(i) for i in range(1, 501))
    try:
        for _ in range(10000):
            peer.sendall(data)
    except ConnectionError:
        return True
    except socket.timeout:
        pass
    return False


def never_reads(whole, port, pid):
    """A peer that asks and never reads is cut when it is owed too much."""
    before = resident_kb(pid)
    with connect(port) as peer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        expect(asks_for_ever(peer), "a peer that never reads is cut")
    cut = whole.metrics()['posgate_connections_closed_total{reason="write-queue-full"}']
    expect(cut == 1, "for that reason", cut)
    grown = resident_kb(pid) - before
    expect(grown < 32768, "at bounded memory", "%d KB more" % grown)
    well(port, "after a peer that never reads")


def main():
    with scheme() as whole:
        whole.init_keys(2)
        process = whole.start_gateway()
        port = whole.listeners[0].port
        well(port, "at first")
        before = resident_kb(process.pid)
        for trial in (random_bytes, prefixes, bit_flips, lengths, one_byte_at_a_time,
                      hundred_in_one, valid_then_garbage):
            trial(port)
            if not expect(process.poll() is None, "the gateway is alive after " + trial.__name__):
                break
        never_reads(whole, port, process.pid)
        grown = resident_kb(process.pid) - before
        expect(grown < 65536, "memory is bounded over it all", "%d KB more" % grown)
        samples = whole.metrics()
        expect(samples["posgate_commits_total"] < 10, "strangers cause no write",
               samples["posgate_commits_total"])
        expect(whole.stop("gateway") == 0, "the gateway ends well")
    done()


main()
