"""The targets that posgate is measured against: what, with which command, and which figure of its
report. tools/bench-table runs them."""
import statistics

GATEWAY, BARE, REDIS = "posgate-gateway", "bare epoll", "redis GET"


class Absent(Exception):
    """A report does not hold the figure."""


# ---- figures: each is a function of a report that gives [(name or "", value)] ----

def server_of(report, name):
    for server in report.get("servers", []):
        if server.get("name") == name:
            return server
    raise Absent("the report has no server '%s'" % name)


def rounds_of(report, name, measure):
    values = server_of(report, name).get(measure, {}).get("rounds", [])
    if not values or not all(value > 0 for value in values):
        raise Absent("%s of %s is not known" % (measure, name))
    return values


def paired(report, of, to, measure, combine):
    """Neighbours in time are compared, round by round; the median of that."""
    above, below = rounds_of(report, of, measure), rounds_of(report, to, measure)
    return statistics.median(combine(a, b) for a, b in zip(above, below))


def ratio(of, to, measure="cpu_us_per_request"):
    return lambda report: [("", paired(report, of, to, measure, lambda a, b: a / b))]


def difference(of, to, measure="cpu_us_per_request"):
    return lambda report: [("", paired(report, of, to, measure, lambda a, b: a - b))]


def median(server, measure):
    def figure(report):
        value = server_of(report, server).get(measure, {}).get("median", 0)
        if not value > 0:
            raise Absent("%s of %s is not known" % (measure, server))
        return [("", value)]
    return figure


def checks(*prefixes):
    """Checks of the small commands, by the beginning of their names; each is judged by itself, and
    here: what a report says of its own targets does not count."""
    def figure(report):
        found = [(check["name"], check["value"]["median"]) for check in report.get("checks", [])
                 if check["name"].startswith(prefixes)]
        if not found:
            raise Absent("the report has no check '%s'" % "', '".join(prefixes))
        return found
    return figure


def in_ms(figure):
    return lambda report: [(name, value / 1e6) for name, value in figure(report)]


def fact(name):
    """What a small command found once, by its name."""
    def figure(report):
        for found in report.get("facts", []):
            if found["name"] == name:
                return [("", found["value"])]
        raise Absent("the report does not say '%s'" % name)
    return figure


def churned(report):
    """Bytes a connection when all have been made anew many times, to those after the first time: by
    then a loop has touched what a busy turn takes, once for all connections."""
    found = server_of(report, GATEWAY).get("churn", {}).get("bytes_used", [])
    if len(found) < 3 or not found[1] > 0:
        raise Absent("the report has no churn")
    return [("", found[-1] / found[1])]


def smallest_share(report):
    """Of the connections, on the loop that has fewest, times the number of loops: 1 is even."""
    loops = [loop["connections"] for loop in report.get("by_loop", [])]
    if len(loops) < 2 or sum(loops) == 0:
        raise Absent("the report has no loops")
    return [("", min(loops) * len(loops) / sum(loops))]


# ---- the targets ----

class Target:
    """Numbers are those of the targets; words what has no number."""

    def __init__(self, number, what, command, figure, sense, limit, unit="x", why="", redis=False):
        """sense "<=" or ">=". Without a command nothing measures it, and `why` says that, beginning
        with "not part" where nothing should. `redis`: it takes a redis-server."""
        self.number, self.what, self.command = number, what, command
        self.figure, self.sense, self.limit, self.unit = figure, sense, limit, unit
        self.why, self.redis = why, redis

    def filled(self, words):
        """The target with the sizes of a run."""
        command = None if self.command is None else self.command.format(**words)
        return Target(self.number, self.what.format(**words), command, self.figure, self.sense,
                      self.limit, self.unit, self.why, self.redis)


# {rows} is of the large table, {table} its folder, {set} a working set, {few} one for which the gateway
# has contexts, {rounds} the lengths of rounds, {beside} the denominators that are there. Commands that
# are the same run once.
MAKE = "auth --keep {table} --rows {rows} --rounds 1 --duration 0.1 --warm-up 0 --connections 1"
LARGE = "auth --table {table} --rows {rows} {rounds} "
REMEMBERED = LARGE + ("--connections {many} --lookup remembered --working-set {set} "
                      "--against {beside}")
FLOOD = "flood"
STALL = "stall"
NO_DL = "dl_iso8583 is not in Debian, so it is not run here"
NO_TLS = "not part: there is no TLS yet"

TARGETS = [
    Target("1", "authenticate, every look-up in RocksDB, each request another terminal, to bare epoll",
           LARGE + "--connections {many}", ratio(GATEWAY, BARE), "<=", 1.85),
    Target("2", "the same with remembered rows, {set} terminals busy, to bare epoll",
           REMEMBERED, ratio(GATEWAY, BARE), "<=", 1.20),
    Target("2", "the same with remembered rows, {set} terminals busy, to redis GET",
           REMEMBERED, ratio(GATEWAY, REDIS), "<=", 0.90, redis=True),
    Target("3", "16 pipelined, remembered rows, {set} terminals busy, to redis GET pipelined",
           LARGE + "--connections 50 --outstanding 16 --lookup remembered --working-set {set} "
           "--against redis", ratio(GATEWAY, REDIS), "<=", 0.50, redis=True),
    Target("4", "AES-CMAC checked on the request and put on the reply, added to a request",
           LARGE + "--connections {many} --working-set {few} --vs mac=on",
           difference("gateway, mac=on", GATEWAY), "<=", 0.6, "us"),
    Target("5", "{full} connections to 50, each request",
           LARGE + "--connections 50 --vs connections={full}",
           lambda report: ratio(report["servers"][-1]["name"], GATEWAY)(report), "<=", 1.25),
    Target("6", "look-up of an unregistered SMN to that of a registered one, in RocksDB",
           "lookup --table {table} --rows {rows} --rounds {count}", checks("unregistered/"), "<=", 0.25),
    Target("7", "durable registrations: the committer to single synced puts",
           "register", checks("committer"), ">=", 50),
    Target("7", "durable registrations: through sockets, with a proof, to single synced puts",
           "register", checks("sockets"), ">=", 10),
    Target("7", "authentication p99 beside registrations to that without, at 40 and 20 % of capacity",
           "mixed --table {table} --rows {rows}", checks("p99"), "<=", 1.5),
    Target("8", "codec, parse the 127-byte sale", "codec", checks("parse/"), "<=", 80, "ns"),
    Target("8", "codec, build the 127-byte sale", "codec", checks("build/"), "<=", 200, "ns"),
    Target("8", "codec, parse: times as fast as dl_iso8583", None, None, ">=", 4, why=NO_DL),
    Target("8", "codec, build: times as fast as dl_iso8583", None, None, ">=", 3, why=NO_DL),
    Target("9", "key block D, unwrap with a cached protection key", "crypto",
           checks("unwrap/D"), "<=", 800, "ns"),
    Target("9", "key block D, wrap with a cached protection key", "crypto",
           checks("wrap/D"), "<=", 2000, "ns"),
    Target("10", "generate: keys stored and synced, to what the bare crypto allows", "generate",
           checks("generate/ciphers"), ">=", 0.5),
    Target("11", "user memory of an idle connection, of {full}, after a request on it",
           "connections --count {full} --churn {churn}", median(GATEWAY, "bytes_used"), "<=", 614.4,
           "bytes"),
    Target("11", "idle connection with TLS", None, None, "<=", 16384, "bytes", why=NO_TLS),
    Target("11", "a request over TLS adds", None, None, "<=", 2, "us", why=NO_TLS),
    Target("11", "TLS handshakes, to bare OpenSSL", None, None, ">=", 0.9, why=NO_TLS),
    Target("12", "p99.9 at half the capacity, from the intended send time, to bare epoll's",
           LARGE + "--connections {many} --rate 50%", ratio(GATEWAY, BARE, "latency_p999_us"),
           "<=", 2.0),
    Target("flood", "p99 of 2,000 good requests a second beside a flood of strangers, to the quiet one",
           FLOOD, checks("p99"), "<=", 2.0),
    Target("flood", "commits and syncs of the database in all floods",
           FLOOD, fact("commits and syncs while flooded"), "<=", 0, ""),
    Target("flood", "memory of the gateway that the floods after the first one added",
           FLOOD, fact("memory more after the last flood"), "<=", 1024, "KiB"),
    Target("stall", "a gateway that stands still for a second: p99.9 shows it",
           STALL, in_ms(checks("p99.9")), ">=", 950, "ms"),
    Target("stall", "a gateway that stands still for a second: the maximum shows it",
           STALL, in_ms(checks("max")), ">=", 990, "ms"),
    Target("churn", "memory of {full} connections after {churn} cycles of churn, to that after one",
           "connections --count {full} --churn {churn}", churned, "<=", 1.05),
    Target("loops", "two loops, 400 connections: share of the emptier one, to an even one",
           "connections --count 400 --loops 2 --rounds 1", smallest_share, ">=", 0.75),
    Target("loops", "two loops, {most} connections: share of the emptier one, to an even one",
           "connections --count {most} --loops 2 --rounds 1", smallest_share, ">=", 0.97),
]


def sizes(quick, rows, table, redis):
    """Words for Target.filled."""
    words = {"table": table, "beside": "bare,redis" if redis else "bare"}
    if quick:
        words.update(rows=rows or 20000, set=1000, few=500, many=50, full=500, most=8000,
                     count=1, churn=2, rounds="--rounds 1 --duration 0.2 --warm-up 0.1")
    else:
        words.update(rows=rows or 10000000, set=4000, few=2000, many=1000, full=10000,
                     most=19000, count=5, churn=10,
                     rounds="--rounds 5 --duration 2 --warm-up 0.5")
    return words
