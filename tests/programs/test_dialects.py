"""One gateway with a listener for each dialect and a host that speaks another one: terminals of every
dialect go from their key to a sale and off again, and are refused for the same things. Beside them
the listener for installed terminals of the dialect cup, and cup's own bytes, worked out here."""
import json
import socket
import struct
import subprocess

from common import Listener, done, expect, frames_in, scheme

DIALECTS = ("iso87b", "iso87a", "iso87x", "cup")
INSTALLED, UNPROVEN = 4, 5  # listeners behind those of DIALECTS
STEPS = "key,register,sign-on,echo,authenticate,sale,reversal,sign-off"
MEANINGS = {"register": 3, "sign-on": 3, "echo": 3, "authenticate": 3, "sale": 3, "reversal": 3,
            "sign-off": 3}

TPDU, HEADER = bytes.fromhex("6000051234"), bytes.fromhex("603100311312")
DIGITS = {3: 6, 4: 12, 7: 10, 11: 6, 22: 3, 23: 3, 25: 2}
TEXT = {41: 8, 42: 15, 49: 3}


# ---- the least of cup that this test needs, written from docs/protocol.md ----

def packed(digits, front=False):
    if len(digits) % 2:
        digits = "0" + digits if front else digits + "0"
    return bytes.fromhex(digits)


def cup_field(number, value):
    if number in DIGITS:
        return packed(value.rjust(DIGITS[number], "0"), front=number == 23)
    if number in TEXT:
        return value.ljust(TEXT[number]).encode()
    if number == 2:
        return packed("%02d" % len(value)) + packed(value)
    if number == 60:
        return packed("%04d" % len(value)) + packed(value)
    content = value.encode("latin-1")
    return packed("%04d" % len(content)) + content


def cup_frame(mti, fields):
    bits = 0
    for number in fields:
        bits |= 1 << (64 - number)
    body = TPDU + HEADER + packed(mti) + bits.to_bytes(8, "big")
    for number in sorted(fields):
        body += cup_field(number, fields[number])
    return struct.pack(">H", len(body)) + body


def ask(port, frame):
    """One frame in, one body out; empty when the gateway closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as peer:
        peer.sendall(frame)
        data = b""
        while not frames_in(data)[0]:
            got = peer.recv(4096)
            if not got:
                return b""
            data += got
        return frames_in(data)[0][0]


def cup_code(body, before):
    """Field 39 of a reply whose fields before it are these, with their bytes."""
    return body[11 + 10 + before:][:2].decode()


# ---- what each dialect must do ----

def count_of(summary, step, code="00"):
    return summary["steps"].get(step, {}).get("codes", {}).get(code, 0)


def go_all_the_way(whole, listener, host_dialect):
    name = "%s terminals, %s host" % (DIALECTS[listener], host_dialect)
    prefix = "%s%d" % (("B", "A", "X", "C")[listener], DIALECTS.index(host_dialect))
    summary = whole.terminals("--steps", STEPS, "--count", "3", "--serial-prefix", prefix,
                              listener=listener, mother="MPOS0001", codes=(0, 1))
    seen = {step: count_of(summary, step) for step in MEANINGS}
    expect(summary["completed"] == 3 and seen == MEANINGS, name, summary)
    return prefix + "000001"


def refuse(whole, listener, serial):
    """The same refusals in every dialect, each with its code and, where due, its MAC."""
    name = DIALECTS[listener]
    rows = (("a bad MAC to register", ("register", "A0", "--corrupt-mac")),
            ("a bad MAC to sign on", ("sign-on", "A0", "--corrupt-mac")),
            ("a clone", ("register", "63", "--as-serial", "CLONE%03d" % listener)),
            ("a stranger", ("sign-on", "97", "--as-serial", "CLONE%03d" % listener)),
            ("another TID", ("sign-on,sale", "03", "--tid", "OTHER001")),
            ("a bad MAC to authenticate", ("sign-on,authenticate", "A0", "--corrupt-mac")))
    for what, (steps, code, *options) in rows:
        summary = whole.terminals("--steps", steps, "--serial", serial, "--expect", code, *options,
                                  listener=listener, codes=(0, 1))
        expect(summary["completed"] == 1 and count_of(summary, steps.split(",")[-1], code) == 1,
               "%s: %s is %s" % (name, what, code), summary)


def misunderstand(whole):
    """A terminal at another dialect's listener gets no approval, and the gateway goes on."""
    for listener in range(len(DIALECTS)):
        for dialect in DIALECTS:
            if dialect == DIALECTS[listener]:
                continue
            summary = whole.terminals("--steps", "echo", "--dialect", dialect, "--timeout-ms", "400",
                                      listener=listener, codes=(1,))
            expect(count_of(summary, "echo") == 0,
                   "%s at the listener of %s" % (dialect, DIALECTS[listener]), summary)
    for listener in range(len(DIALECTS)):
        summary = whole.terminals("--steps", "echo", listener=listener)
        expect(count_of(summary, "echo") == 1, DIALECTS[listener] + " is answered after that")


def sign_on_without_mac(whole, proved_serial):
    options = ("--sign-on-mac", "off", "--tpdu", "6000051234", "--header", "603100311312", "--batch",
               "77")
    summary = whole.terminals("--steps", "key,register,sign-on,authenticate,sale,sign-on,sale",
                              "--serial", "INSTALL1", *options, listener=INSTALLED,
                              mother="MPOS0001", codes=(0, 1))
    expect(summary["completed"] == 1 and count_of(summary, "sign-on") == 2,
           "an installed terminal signs on without MAC", summary)
    row = whole.ctl("terminal", "find", "INSTALL1")["terminals"][0]
    expect(not row["proved"], "that proves nothing", row)
    for name, serial, listener in (("at a listener that asks for it", "INSTALL1", 3),
                                   ("of a terminal that has proved its key", proved_serial,
                                    INSTALLED)):
        summary = whole.terminals("--steps", "sign-on", "--expect", "A0", "--serial", serial,
                                  *options, listener=listener, codes=(0, 1))
        expect(summary["completed"] == 1, "a sign-on without MAC %s is A0" % name, summary)
    summary = whole.terminals("--steps", "sign-on", "--expect", "A0", "--serial", "INSTALL1",
                              "--corrupt-mac", listener=INSTALLED, codes=(0, 1))
    expect(summary["completed"] == 1, "a MAC that is there must be good", summary)


# ---- cup's own bytes ----

def expect_way_back(reply, name):
    expect(reply[:11] == bytes.fromhex("6012340005") + HEADER,
           name + ": addresses swapped, header as it was", reply[:11].hex())


def raw_cup(whole):
    port = whole.listeners[3].port
    captured = bytes.fromhex(
        "005B600501000060310031131208000020000000C0001600000131303030303135393838303231303031303231"
        "303136300011000000010030002953657175656E6365204E6F3136333135305358582D34433330343139310003"
        "303120")
    reply = ask(port, captured)
    expect(reply[:11] == bytes.fromhex("6000000501603100311312"),
           "a captured sign-on: the reply finds its way back", reply.hex())
    expect(reply[11:13] == b"\x08\x10" and reply[21:24] == bytes.fromhex("000001") and
           reply[24:26] == b"30", "a serial that is none of an SMN is 30", reply.hex())
    expect(reply.endswith(bytes.fromhex("0011000000010030")), "field 60 comes back", reply.hex())
    sign_on = {11: "000002", 41: "TERM0001", 60: "00000001003",
               62: "Sequence No16STRANGER00000001"}
    reply = ask(port, cup_frame("0800", sign_on))
    expect_way_back(reply, "a stranger's sign-on")
    expect(cup_code(reply, 3 + 3 + 2) == "97", "a stranger's sign-on is 97", reply.hex())
    reply = ask(port, cup_frame("0820", {11: "000003", 41: "TERM0001", 60: "00000001301"}))
    expect(reply[11:13] == b"\x08\x30" and cup_code(reply, 3 + 3 + 2) == "00",
           "an echo is 0820 and gets 0830", reply.hex())
    reply = ask(port, cup_frame("0800", {11: "000003", 41: "TERM0001", 60: "00000001301"}))
    expect(cup_code(reply, 3 + 3 + 2) == "40", "an echo in 0800 is 40", reply.hex())
    expect(ask(port, cup_frame("0830", {11: "000003", 41: "TERM0001"})) == b"",
           "a reply closes the connection")


def smn_of(whole, serial):
    with open(whole.path("terminals", "terminals.keys"), encoding="ascii") as lines:
        for line in lines:
            word = line.split("|")
            if word[:2] == ["key", serial]:
                return serial + "%08d" % int(word[2])
    raise AssertionError("no key of " + serial)


def carry(whole):
    """Left-justified digits reach the host right; what its dialect cannot say is 30, not sent."""
    whole.terminals("--steps", "key,register", "--serial", "RAWCUP01", "--mac", "off",
                    listener=UNPROVEN, mother="MPOS0001")
    sale = {2: "9999010000000000099", 3: "000000", 4: "000000054321", 7: "1123090000",
            11: "000010", 22: "051", 23: "001", 25: "00", 41: "RAWTERM1", 42: "POSGATE00000001",
            49: "156", 60: "22000077000", 62: smn_of(whole, "RAWCUP01")}
    port = whole.listeners[UNPROVEN].port
    before = 3 + 6 + 5 + 3 + 3 + 2  # 3, 4, 7, 11, 12, 13
    reply = ask(port, cup_frame("0200", sale))
    expect_way_back(reply, "a sale")
    expect(cup_code(reply, before + 12 + 6) == "00", "a sale without MAC is approved", reply.hex())
    text = ledger(whole)
    expect("pan=999901*********0099 amount=000000054321 stan=000010" in text,
           "its odd digits arrive as they were", text[-400:])
    sales = text.count("kind=sale")
    reply = ask(port, cup_frame("0200", {**sale, 11: "000011", 46: "shop \x80\xfe"}))
    expect(reply[11:13] == b"\x02\x10" and cup_code(reply, 3) == "30",
           "characters that the host's dialect lacks are 30", reply.hex())
    expect(ledger(whole).count("kind=sale") == sales, "and nothing was sent")


def check_settings(whole):
    """--check names a sign_on_mac that makes no sense."""
    good = whole.write_gateway_settings()
    with open(good, encoding="ascii") as file:
        text = file.read()
    for name, change, said in (
            ("another dialect", ('"cup"; registration = "open"; authentication = "mac"',
                                 '"iso87a"; registration = "open"; authentication = "mac"'),
             "is for the dialect cup"),
            ("a proof to register", ('"open"; authentication = "mac"', '"proof"; authentication = "mac"'),
             'needs registration = "open"')):
        bad = whole.path("bad.conf")
        with open(bad, "w", encoding="ascii") as file:
            file.write(text.replace(*change))
        ran = subprocess.run([whole.program("posgate-gateway"), "--check", "-c", bad],
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                             check=False)
        expect(ran.returncode != 0 and said in ran.stdout,
               "sign_on_mac = \"absent\" with %s is a mistake" % name, ran.stdout)


def ledger(whole):
    with open(whole.path("host.ledger"), encoding="ascii") as lines:
        return lines.read()


def start_with_host(whole, dialect):
    whole.host_dialect = dialect
    whole.start_host()
    whole.start_gateway()
    whole.wait_for_host()


def stop_with_host(whole, name):
    mti = "0820" if name == "cup" else "0800"
    whole.wait_for(lambda: "mti=%s kind=echo" % mti in ledger(whole), "an echo to the host")
    unmatched = whole.metrics()["posgate_host_replies_unmatched_total"]
    expect(unmatched == 0, name + " host: every reply found its request", unmatched)
    whole.stop("gateway")
    whole.stop("host")


def host_rows(whole):
    """{(MTI, kind, code): count} of the host's summaries, one after each of its runs."""
    rows = {}
    decoder = json.JSONDecoder()
    with open(whole.path("host.out"), encoding="ascii") as out:
        text = out.read().strip()
    while text:
        summary, end = decoder.raw_decode(text)
        text = text[end:].strip()
        for row in summary["rows"]:
            key = (row["mti"], row["kind"], row["code"])
            rows[key] = rows.get(key, 0) + row["count"]
    return rows


def main():
    with scheme() as whole:
        whole.listeners = [Listener(dialect=dialect) for dialect in DIALECTS]
        whole.listeners.append(Listener("open", "mac", dialect="cup", sign_on_mac="absent"))
        whole.listeners.append(Listener("open", "smn", dialect="cup"))
        whole.host_settings = "echo_interval_ms = 100;"
        whole.init_keys(2)
        whole.init_mother("MPOS0001")
        whole.generate(40)
        whole.start_mother("MPOS0001")
        whole.load("MPOS0001", whole.export(1, "MPOS0001"))
        check_settings(whole)
        serials = {}
        for host_dialect in ("cup", "iso87a", "iso87x"):
            start_with_host(whole, host_dialect)
            for listener, dialect in enumerate(DIALECTS):
                if host_dialect != dialect and (host_dialect != "iso87x" or dialect == "cup"):
                    serials[dialect] = go_all_the_way(whole, listener, host_dialect)
            if host_dialect == "iso87x":
                for listener, dialect in enumerate(DIALECTS):
                    refuse(whole, listener, serials[dialect])
                misunderstand(whole)
                sign_on_without_mac(whole, serials["cup"])
                raw_cup(whole)
                carry(whole)
                opened = [listener["dialect"] for listener in whole.ctl("status")["listeners"]]
                expect(opened == list(DIALECTS) + ["cup", "cup"], "status names the dialects", opened)
            stop_with_host(whole, host_dialect)
        rows = host_rows(whole)
        expect(rows.get(("0820", "echo", "00"), 0) > 0, "a cup host is sent echoes as 0820", rows)
        expect(rows.get(("0800", "echo", "00"), 0) > 0, "another host as 0800", rows)
        expect(not [key for key in rows if key[2] != "00"], "the host approved all it got", rows)
    done()


main()
