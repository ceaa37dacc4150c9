"""The order of system calls: the sync of a registration, and of a key that a mother POS hands out,
has returned before the anchor's, and that before the reply is written. Watched with strace; the same watch on a disk whose syncs
are taken away must say so."""
import os
import re
import shutil

from common import BIN, done, expect, scheme, skip

CALLS = "trace=read,recvmsg,write,writev,sendmsg,sendto,fdatasync,fsync"
LINE = re.compile(r"^(?P<pid>\d+) +(?P<rest>.*)$")


NO_SYNC = ("env", "LD_PRELOAD=" + os.path.join(BIN, "lossy_disk.so"), "LOSSY_DISK_IGNORE_SYNC=1")


def strace(whole, name, extra=()):
    # -D: the program keeps its own process id, and strace ends after it
    return ["strace", "-D", "-f", "-yy", "-e", CALLS, "-e", "signal=none", "-s", "0", "-o",
            whole.path(name), *extra]


def events(path):
    """[(what, descriptor)] in the order of return: `in` and `out` on TCP connections, `sync` on a
    database log, `anchor` for the sync of an anchor. An unfinished call counts where it is resumed."""
    pending, found = {}, []
    with open(path, encoding="ascii", errors="replace") as trace:
        for line in trace:
            match = LINE.match(line)
            if match is None:
                continue
            pid, rest = match["pid"], match["rest"]
            if rest.endswith("<unfinished ...>\n") or rest.endswith("<unfinished ...>"):
                pending[pid] = rest
                # a reply leaves when its call begins; a sync counts when it has returned
                if "TCP:" in rest and re.match(r"(write|sendmsg|sendto)", rest):
                    found.append(("out", rest))
                continue
            if rest.startswith("<..."):
                begun = pending.pop(pid, "")
                if "TCP:" in begun and re.match(r"(write|sendmsg|sendto)", begun):
                    continue
                rest = begun + rest
            kind = kind_of(rest)
            if kind:
                found.append((kind, rest))
    return found


def kind_of(call):
    result = re.search(r"= (-?\d+)", call)
    worked = result is not None and int(result.group(1)) >= 0
    if re.match(r"f(data)?sync\(", call):
        if worked and re.search(r"\.anchor>", call):
            return "anchor"
        return "sync" if worked and re.search(r"/\d+\.log>", call) else None
    if "TCP:" not in call or not worked or result.group(1) == "0":
        return None
    return "in" if re.match(r"(read|recvmsg)", call) else "out"


def replies_without_sync(path, port, wanted):
    """Of the replies on connections to `port`, how many were not preceded by a sync of the database and
    then one of the anchor after the request that they answer; and how many replies there were."""
    synced, bad, count = {}, 0, 0  # connection: 1 the database's, 2 the anchor's behind it
    for kind, call in events(path):
        link = re.search(r"TCP:\[([^\]]*)\]", call)
        own = link is not None and (":%d->" % port) in link.group(1)
        if kind == "in" and own:
            synced[link.group(1)] = 0
        elif kind == "sync":
            synced = {name: max(done_so_far, 1) for name, done_so_far in synced.items()}
        elif kind == "anchor":
            synced = {name: 2 if done_so_far else 0 for name, done_so_far in synced.items()}
        elif kind == "out" and own:
            count += 1
            bad += synced.get(link.group(1), 0) < 2
    expect(count >= wanted, "the trace shows the replies", count)
    return bad, count


def set_up(whole):
    whole.init_keys(2)
    whole.init_mother("MPOS0001")
    whole.generate(60)
    whole.start_mother("MPOS0001")
    whole.load("MPOS0001", whole.export(1, "MPOS0001"))
    whole.stop("MPOS0001")


def wait_for_trace(whole, name):
    """strace writes the end of the first process last."""
    whole.wait_for(lambda: "exited with" in open(whole.path(name), encoding="ascii",
                                                 errors="replace").read()[-4000:],
                   "the end of the trace")


def registrations(whole, name, first, extra=()):
    whole.start_gateway(prefix=strace(whole, name, extra))
    whole.terminals("--steps", "register", "--count", "20", "--first-serial", str(first),
                    "--connections", "4", store="order")
    whole.stop("gateway")
    wait_for_trace(whole, name)
    return replies_without_sync(whole.path(name), whole.listeners[0].port, 20)


def keys(whole, name, first, extra=()):
    whole.start_mother("MPOS0001", prefix=strace(whole, name, extra))
    whole.terminals("--steps", "key", "--count", "20", "--first-serial", str(first),
                    "--connections", "4", store="order", mother="MPOS0001")
    whole.stop("MPOS0001")
    wait_for_trace(whole, name)
    return replies_without_sync(whole.path(name), whole.mother_ports["MPOS0001"], 20)


def main():
    if shutil.which("strace") is None:
        skip("order of system calls", "strace is not installed")
        return done()
    with scheme() as whole:
        set_up(whole)
        bad, count = keys(whole, "mother.trace", 1)
        print("mother POS: %d replies, %d before their sync" % (count, bad))
        expect(bad == 0, "a key is on disk before it leaves the mother POS", bad)
        bad, count = registrations(whole, "gateway.trace", 1)
        print("gateway: %d replies, %d before their sync" % (count, bad))
        expect(bad == 0, "a registration is on disk before it is answered", bad)
        bad, count = keys(whole, "mother-no-sync.trace", 21, NO_SYNC)
        expect(bad == count, "this test sees a missing sync in the mother POS", (bad, count))
        bad, count = registrations(whole, "gateway-no-sync.trace", 21, NO_SYNC)
        expect(bad == count, "this test sees a missing sync in the gateway", (bad, count))
    return done()


main()
