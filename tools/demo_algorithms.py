"""The scheme with terminals of every algorithm: each kind of key goes from its ceremony to a sale with
a PIN that the host can read, and is refused for the same things as any other."""
import os

from demo_books import Capture, Story
from scheme import Listener

ALGORITHMS = ("T2", "T3", "A128", "A256", "SM4")
KTKS = {"MPOST2": "T2", "MPOST3": "T3", "MPOSA128": "A128", "MPOSA256": "A256"}
LINK = "HOST1"  # the host's keys have its name


class Way:
    """One kind of terminal: what its key is, and how it speaks."""

    def __init__(self, prefix, alg, dialect, form=None, mac="iso"):
        self.prefix = prefix  # of its serials
        self.alg = alg
        self.dialect = dialect
        self.form = form
        self.mac = mac
        self.mother = "MPOS" + ("A256" if alg == "SM4" else alg)

    @property
    def door(self):
        return self.dialect, self.mac

    @property
    def kind(self):
        """What its keys are generated as; a form means nothing where replies are key blocks."""
        return self.alg, self.form or "60"

    @property
    def name(self):
        words = [self.alg, self.dialect]
        if self.form is not None:
            words.append("%s bytes" % self.form)
        if self.mac != "iso":
            words.append(self.mac)
        return ", ".join(words)

    def options(self):
        return ["--cup-ecb"] if self.mac == "cup-ecb" else []

    def tdes(self):
        return self.alg in ("T2", "T3")

    def pin_formats(self):
        """All that it can send: those of TDES need field 53, in which UnionPay names two of them."""
        if not self.tdes():
            return ("4",)
        return ("0", "1") if self.dialect == "cup" else ("0", "1", "3")


WAYS = (
    Way("T2B", "T2", "iso87b"), Way("T2A", "T2", "iso87a"), Way("T3B", "T3", "iso87b"),
    Way("T3X", "T3", "iso87x"), Way("A1B", "A128", "iso87b"), Way("A1C", "A128", "cup"),
    Way("A2A", "A256", "iso87a"), Way("A2B", "A256", "iso87b"), Way("A2C", "A256", "cup"),
    Way("S4B", "SM4", "iso87b", "60"), Way("S4A", "SM4", "iso87a", "40"),
    Way("S4X", "SM4", "iso87x", "60"), Way("S4C", "SM4", "cup", "60"),
    Way("S4CF", "SM4", "cup", "40"), Way("T2C", "T2", "cup", "60"),
    Way("T3C", "T3", "cup", "60"), Way("T2CF", "T2", "cup", "40", "cup-ecb"),
    Way("T3CF", "T3", "cup", "40", "cup-ecb"), Way("T2CS", "T2", "cup", "24", "cup-ecb"),
    Way("A2CE", "A256", "cup", None, "cup-ecb"),
)


def make_link_keys(scheme, zpk, zak):
    """The host's keys on both sides; the gateway is told to use them. Options for the host, which
    tells what PINs it gets."""
    zpk_file = scheme.init_link_key("zpk", LINK, zpk)
    zak_file = scheme.init_link_key("zak", LINK, zak)
    scheme.host_settings = 'pin_key = "%s"; mac_key = "%s";' % (LINK, LINK)
    return ("--zpk-file", zpk_file, "--zak-file", zak_file, "--tell-pin", scheme.path("told-pins"))


def pin_format_of(zpk):
    """Of the blocks that the host gets, when the gateway's pin_format is by-key."""
    return "4" if zpk[0] == "A" else "0"


def listeners_of(ways):
    """The gateway's doors for these ways, and the number of each way's door."""
    doors = sorted({way.door for way in ways})
    made = [Listener(dialect=dialect, mac=mac) for dialect, mac in doors]
    return made, {way.prefix: doors.index(way.door) for way in ways}


def make_mothers(scheme, ways):
    for mother in sorted({way.mother for way in ways}):
        scheme.init_mother(mother, KTKS[mother])
        scheme.start_mother(mother)


def kinds_of(ways):
    """[(ways whose keys are of one kind)], in the order of the ways."""
    kinds = {}
    for way in ways:
        kinds.setdefault(way.kind, []).append(way)
    return list(kinds.values())


def stock(scheme, ways, batch, count):
    """A batch for all ways of one kind: their mother POS then has free keys of no other."""
    scheme.generate(count * len(ways), *ways[0].kind)
    scheme.load(ways[0].mother, scheme.export(batch, ways[0].mother))


def approved(summary, step):
    return summary["steps"].get(step, {"codes": {}})["codes"].get("00", 0)


def told_pins(scheme):
    """What the host says it got: {TID: [(format, PIN), ...]}."""
    told = {}
    if not os.path.exists(scheme.path("told-pins")):
        return told
    with open(scheme.path("told-pins"), encoding="ascii") as lines:
        for line in lines:
            word = dict(part.split("=", 1) for part in line.split())
            told.setdefault(word["tid"], []).append((word["format"], word["pin"]))
    return told


class AlgorithmsDemo(Story):
    def __init__(self, scheme, options, ways=None, zpk="A256", zak="T2"):
        super().__init__(scheme, options)
        names = ALGORITHMS if options.algorithms == "all" else options.algorithms.split(",")
        self.ways = ways or [way for way in WAYS if way.alg in names]
        self.zpk, self.zak = zpk, zak
        self.pins = {}    # TID -> [PIN, ...] as typed
        self.counts = {}  # prefix -> {what: count}
        self.count = max(2, options.terminals // len(self.ways))
        self.doors = {}

    def pin_of(self, way, sale):
        """4 to 12 digits, another one for each way and sale."""
        number = 7 * self.ways.index(way) + sale
        return ("%04d" % (1234 + 31 * number)) + "56789012"[:number % 9]

    def where(self, way):
        return {"store": "terminals-" + way.prefix, "listener": self.doors[way.prefix]}

    # ---- the key room ----

    def make_keys(self):
        self.say("key ceremonies: LMK, a KTK of each algorithm, the host's ZPK and ZAK")
        self.scheme.init_keys(3)
        self.host_options = make_link_keys(self.scheme, self.zpk, self.zak)
        make_mothers(self.scheme, self.ways)
        self.books.row("ceremonies: LMK, ZPK, ZAK, KTKs", 3 + len(self.scheme.mother_ports))

    def give_keys(self):
        self.say("a batch for each kind of key, and terminals that fetch them")
        for batch, ways in enumerate(kinds_of(self.ways), 1):
            stock(self.scheme, ways, batch, self.count)
            for way in ways:
                self.fetch(way)

    def fetch(self, way):
        summary = self.terminals("--steps", "key", "--count", str(self.count), "--serial-prefix",
                                 way.prefix, "--expect-alg", way.alg,
                                 store="terminals-" + way.prefix, mother=way.mother)
        got = summary["keys_by_algorithm"][way.alg]
        self.check(got == self.count, "%s: %d of %d have a key" % (way.name, got, self.count))
        self.counts[way.prefix] = {"keys": got}

    # ---- the gateway ----

    def admit(self, way):
        """All terminals but the first, which is kept for the refusals."""
        count = self.count - 1
        row = self.counts[way.prefix]
        who = ["--count", str(count), "--first-serial", "2", "--serial-prefix", way.prefix,
               *way.options()]
        # The first pair of keys comes from the key library, the second one from the gateway.
        summary = self.terminals("--steps", "register,sign-on,authenticate,sale,reversal,sign-on,"
                                 "authenticate", *who, **self.where(way))
        for step in ("register", "sign-on", "authenticate", "reversal"):
            row[step] = approved(summary, step)
        row["PIN"] = 0
        for sale, pin_format in enumerate(way.pin_formats()):
            pin = self.pin_of(way, sale)
            summary = self.terminals("--steps", "sale", "--pin", pin, "--pin-format", pin_format,
                                     *who, **self.where(way))
            row["PIN"] += approved(summary, "sale")
            for number in range(2, self.count + 1):
                tid = "%s%0*d" % (way.prefix, 8 - len(way.prefix), number)
                self.pins.setdefault(tid, []).append(pin)

    def refuse(self, way):
        serial = "%s%0*d" % (way.prefix, 8 - len(way.prefix), 1)
        clone = "CL0%05d" % self.ways.index(way)
        one = ["--serial", serial, *way.options()]
        seen = []
        pin = self.pin_of(way, 6)
        for what, steps, code, *words in (
                ("never registered", "sign-on", "97"),
                ("bad MAC", "register,sign-on,authenticate", "A0", "--corrupt-mac"),
                ("a clone of it", "register", "63", "--as-serial", clone),
                ("a PIN block with a wrong bit", "sale", "99", "--pin", pin, "--corrupt-pin"),
                ("a PIN block of another card", "sale", "99", "--pin", pin, "--pin-pan",
                 "9999011234567895"),
                ("and then a good one", "sale", "00", "--pin", pin)):
            summary = self.terminals("--steps", steps, "--expect", code, *one, *words,
                                     **self.where(way))
            codes = summary["steps"].get(steps.split(",")[-1], {"codes": {}})["codes"]
            self.check(list(codes) == [code], "%s, %s: expected %s, the terminal saw %s"
                       % (way.name, what, code, ",".join(sorted(codes)) or "none"))
            seen.append(",".join(sorted(codes)) or "none")
        self.pins.setdefault(serial, []).append(pin)
        self.counts[way.prefix]["refused"] = " ".join(seen[:-1])

    def compare_pins(self):
        """What was typed is what the host read, for every card and every sale."""
        told = told_pins(self.scheme)
        for tid in sorted(set(told) | set(self.pins)):
            got = [pin for _, pin in told.get(tid, [])]
            self.check(got == self.pins.get(tid, []), "PINs of %s: %d typed, %d arrived as typed"
                       % (tid, len(self.pins.get(tid, [])), len(got)))
        formats = {pin_format for rows in told.values() for pin_format, _ in rows}
        self.check(formats == {pin_format_of(self.zpk)}, "PIN block formats at the host: %s" % formats)
        self.books.row("PINs typed, and read by the host", sum(map(len, told.values())), "00")

    def table(self):
        """One line a way, for the summary."""
        lines = ["%-27s %5s %8s %7s %6s %6s %5s  %s" % (
            "kind of terminal", "keys", "register", "sign-on", "auth", "revers", "PINs", "refused")]
        for way in self.ways:
            row = self.counts[way.prefix]
            lines.append("%-27s %5d %8d %7d %6d %6d %5d  %s" % (
                way.name, row["keys"], row["register"], row["sign-on"], row["authenticate"],
                row["reversal"], row["PIN"], row["refused"]))
        return lines

    def check_table(self):
        for way in self.ways:
            row = self.counts[way.prefix]
            expected = self.count - 1
            for step in ("register", "sign-on", "authenticate", "reversal"):
                due = expected * (2 if step in ("sign-on", "authenticate") else 1)
                self.check(row[step] == due, "%s: %s approved %d times, not %d"
                           % (way.name, step, row[step], due))
            self.check(row["PIN"] == expected * len(way.pin_formats()),
                       "%s: %d sales with PIN" % (way.name, row["PIN"]))

    def run(self):
        capture = Capture(self.scheme, self.options.keep)
        self.make_keys()
        self.scheme.start_host(*self.host_options)
        self.scheme.listeners, self.doors = listeners_of(self.ways)
        self.scheme.start_gateway()
        self.scheme.wait_for_host()
        capture.start()
        self.give_keys()
        self.say("each kind registers, signs on, authenticates, sells with a PIN, and is refused")
        for way in self.ways:
            self.admit(way)
            self.refuse(way)
        self.check_table()
        self.compare_pins()
        counts = self.agree()
        self.audit()
        capture.stop()
        return counts

    def audit(self):
        self.scheme.keymgmt("audit", "verify")
        self.books.row("audit chain of the key room verified", 1)
