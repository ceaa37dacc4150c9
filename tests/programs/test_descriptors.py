"""Many connections: two loops share them; a gateway that may not have the descriptors it was
configured for serves fewer and says so; and when they run out all the same it turns peers away, spends
no time on it, and goes on serving those that are in."""
import os
import resource
import socket
import subprocess
import time

from common import code_of, done, echo, expect, frames_in, scheme

SHARED = 400
LIMIT, BESIDE = 700, 512  # descriptors; of those, what connections may not take


def connect(port, count):
    return [socket.create_connection(("127.0.0.1", port), timeout=60) for _ in range(count)]


def answered(peer, stan=1):
    """Whether an echo is answered; a peer that was turned away reads the end."""
    try:
        peer.sendall(echo(stan))
        data = b""
        while True:
            received = peer.recv(4096)
            if not received:
                return False
            found, data = frames_in(data + received)
            if found:
                return code_of(found[0]) == "00"
    except ConnectionError:
        return False


def count_answered(peers):
    return sum(answered(peer) for peer in peers)


def close(peers):
    for peer in peers:
        peer.close()


def check_loops(whole):
    whole.loops = 2
    whole.start_gateway()
    peers = connect(whole.listeners[0].port, SHARED)
    expect(count_answered(peers) == SHARED, "every connection is answered")
    loops = whole.ctl("status")["by_loop"]
    for what in ("connections", "opened", "replies"):
        shares = [loop[what] for loop in loops]
        # 400 fair coins are within 150 to 250 but for once in a million
        expect(len(shares) == 2 and sum(shares) >= SHARED and min(shares) >= 150,
               "both loops get their share of " + what, shares)
        name = {"connections": "connections", "opened": "connections_opened_total",
                "replies": "replies_total"}[what]
        metrics = whole.metrics()
        expect([metrics['posgate_loop_%s{loop="%d"}' % (name, i)] for i in (0, 1)] == shares,
               "and the metrics say the same of " + what)
    close(peers)
    whole.wait_for(lambda: sum(loop["connections"] for loop in whole.ctl("status")["by_loop"]) == 0,
                   "the end of all connections")
    whole.stop("gateway")
    whole.loops = 1


def check_too_few(whole):
    few = ("prlimit", "--nofile=%d:%d" % (LIMIT, LIMIT))
    conf = whole.write_gateway_settings()
    check = subprocess.run([*few, whole.program("posgate-gateway"), "--check", "-c", conf],
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    expect(check.returncode == 0 and "limits.connections = 12000 takes 12512" in check.stderr,
           "--check names the limit", (check.returncode, check.stderr))
    whole.start_gateway(prefix=few)
    log = whole.tail("gateway")
    room = LIMIT - BESIDE
    expect("descriptor-limit connections=%d " % room in log and "LimitNOFILE" in log,
           "the log says how many are served and what to do", log)
    peers = connect(whole.listeners[0].port, room + 30)
    # A place is free again only when its connection has ended: so those that are in stay in.
    expect(count_answered(peers) == room, "as many are served as there is room for")
    closed = whole.metrics()['posgate_connections_closed_total{reason="connection-limit"}']
    expect(closed == 30, "the others are turned away", closed)
    close(peers)
    whole.stop("gateway")
    check = subprocess.run(["prlimit", "--nofile=%d:%d" % (BESIDE, BESIDE),
                            whole.program("posgate-gateway"), "-c", conf],
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    expect(check.returncode != 0 and "raise its limit" in check.stderr,
           "without one for a connection it does not start", (check.returncode, check.stderr))


def cpu_seconds(pid):
    with open("/proc/%d/stat" % pid, encoding="ascii") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def limit_to(pid, count, before):
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (count, before[1]))


def settled(pid):
    """The descriptors of the process, once none is open for a moment only: a folder that is read, a
    peer that has just gone."""
    seen = []
    for _ in range(250):
        seen.append({int(fd) for fd in os.listdir("/proc/%d/fd" % pid)})
        if len(seen) >= 10 and all(used == seen[-1] for used in seen[-10:]):
            break
        time.sleep(0.02)
    return seen[-1]


def fill(pid, port, before):
    """Lets the process have no number above those that it has, and takes those that are free below."""
    peers = []
    limit = max(settled(pid)) + 1
    limit_to(pid, limit, before)
    for _ in range(50):
        if len(settled(pid)) == limit:
            break
        peer = connect(port, 1)[0]
        if answered(peer):
            peers.append(peer)
        else:
            peer.close()
    return peers


def check_none_left(whole):
    pid = whole.start_gateway().pid
    port = whole.listeners[0].port
    first = connect(port, 5)
    expect(count_answered(first) == 5, "served before")
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    # No more than it has: its one in reserve is what it turns peers away with.
    first += fill(pid, port, before)
    late = connect(port, 50)
    expect(count_answered(late) == 0, "who comes now is turned away")
    limit_to(pid, 3, before)
    waiting = connect(port, 1)  # for as long as not even the reserve can be used
    begin, cpu = time.monotonic(), cpu_seconds(pid)
    time.sleep(1)
    cpu, seconds = cpu_seconds(pid) - cpu, time.monotonic() - begin  # one, or more
    expect(cpu < 0.1 * seconds, "nothing spins", "%.2f s of CPU in %.2f" % (cpu, seconds))
    expect(count_answered(first) == len(first), "who is in is served")
    resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
    expect(count_answered(waiting) == 1, "who waited is served when there are descriptors again")
    failures = whole.metrics()["posgate_accept_failures_total"]
    expect(failures >= 51, "and all are counted", failures)
    peers = connect(port, 50)
    expect(count_answered(peers) == 50, "and so is everybody else")
    close(first + late + waiting + peers)
    expect(whole.stop("gateway") == 0, "the gateway ends well")


def main():
    with scheme() as whole:
        whole.init_keys(2)
        check_loops(whole)
        check_too_few(whole)
        check_none_left(whole)
    done()


main()
