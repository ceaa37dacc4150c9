"""`posgate-emulator trace` as people use it: on pasted hexadecimal, on files, and between terminals
and a gateway, where it must change nothing and show no key, PAN or track."""
import json
import os
import re
import socket
import subprocess
import tempfile

from common import BIN, Listener, done, echo, expect, frames_in, scheme

DIALECTS = ("iso87b", "iso87a", "iso87x", "cup")
STEPS = "key,register,sign-on,echo,authenticate,sale,reversal,sign-off"
MESSAGES = ("register", "sign-on", "echo", "authenticate", "sale", "reversal", "sign-off")
PAN = re.compile("[0-9]{13}")


def trace(*words, text=""):
    return subprocess.run([os.path.join(BIN, "posgate-emulator"), "trace", *words], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, input=text, timeout=30,
                          check=False)


# ---- the command ----

def check_words():
    good = echo(1).hex()
    rows = (
        ("a good message", 0, (), good, "0800 echo"),
        ("a wrong one", 1, (), good[:-2] + "ff", "field 70 at offset 35: not a digit"),
        ("one that was cut", 1, (), good[:-2], "ends inside a frame"),
        ("one without its length", 0, ("--bare",), good[4:], "0800 echo"),
        ("another dialect", 1, ("--dialect", "iso87a"), good, "field 0 at offset 0"),
        ("a guess", 0, ("--guess",), good, "guess: iso87b, certain"),
        ("what is no dialect", 1, ("--guess",), "0014" + "ff" * 20, "unsure"),
        ("what is no hexadecimal", 1, (), "GET / HTTP/1.1", "line 1: byte 47"),
        ("nothing", 0, (), "", "0 messages"),
        ("a file that is not there", 69, ("/nonexistent",), "", "cannot open /nonexistent"),
        ("a dialect that is not there", 2, ("--dialect", "iso93"), "", "iso87b, iso87a, iso87x, cup"),
        ("a dialect and a guess", 2, ("--dialect", "cup", "--guess"), "", "one of them"),
        ("two files", 2, ("a", "b"), "", "one file"),
        ("a port of what is no capture", 2, ("--port", "1"), good, "this is none"),
        ("a port that is none", 2, ("--port", "65536"), "", "65536"),
        ("--listen alone", 2, ("--listen", "127.0.0.1:0"), "", "belong together"),
        ("--to alone", 2, ("--to", "127.0.0.1:1"), "", "belong together"),
        ("--listen and a file", 2, ("--listen", "127.0.0.1:0", "--to", "127.0.0.1:1", "x"), "",
         "neither a file"),
    )
    for name, code, words, text, said in rows:
        ran = trace(*words, text=text)
        expect(ran.returncode == code and said in ran.stdout + ran.stderr,
               "%s is %d" % (name, code), (ran.returncode, ran.stdout, ran.stderr))


def check_files():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "messages.hex")
        with open(path, "w", encoding="ascii") as file:
            file.write("# two\n%s\n\n%s\n" % (echo(1).hex(), echo(2).hex()))
        ran = trace("--json", path)
        stans = [json.loads(line)["fields"]["11"]["value"] for line in ran.stdout.splitlines()]
        expect(ran.returncode == 0 and stans == ["000001", "000002"], "a file is read", ran)
        with open(path, "wb") as file:
            file.write(bytes.fromhex("d4c3b2a1020004000000000000000000000004000100"))
        ran = trace(path)
        expect(ran.returncode == 1 and "damaged at byte 4" in ran.stderr, "half a capture is 1", ran)
    with open("/dev/full", "w", encoding="ascii") as full:
        ran = subprocess.run([os.path.join(BIN, "posgate-emulator"), "trace"], stdout=full,
                             stderr=subprocess.PIPE, input=echo(1).hex(), text=True, check=False)
    expect(ran.returncode == 1 and "could be written" in ran.stderr, "a full disk is told", ran)


# ---- on the way ----

def secrets_of(whole):
    """All keys that terminals hold, in hexadecimal."""
    with open(whole.path("terminals", "terminals.keys"), encoding="ascii") as lines:
        words = [line.rstrip("\n").split("|") for line in lines]
    keys = [word[4] for word in words if word[0] == "key"]
    return keys + [key for word in words if word[0] == "signed-on" for key in word[2:4]]


def start_proxy(whole, name, port, *words):
    """Between whatever comes and this port; returns its own port."""
    whole.start(name, whole.program("posgate-emulator"), "trace", "--listen", "127.0.0.1:0", "--to",
                "127.0.0.1:%d" % port, *words, ready="listener-open")
    return int(re.search(r"listener-open.* port=(\d+)", whole.tail(name)).group(1))


def out_of(whole, name):
    with open(whole.path(name + ".out"), encoding="ascii") as file:
        return file.read()


def check_dialect(whole, number):
    dialect = DIALECTS[number]
    name = "trace-" + dialect
    behind = Listener(dialect=dialect)
    behind.port = start_proxy(whole, name, whole.listeners[number].port, "--json", "--guess")
    whole.listeners.append(behind)
    summary = whole.terminals("--steps", STEPS, "--count", "4", "--serial-prefix", "T%d" % number,
                              listener=len(whole.listeners) - 1, mother="MPOS0001", codes=(0, 1))
    expect(summary["completed"] == 4, dialect + ": terminals do not notice it", summary)
    expect(whole.stop(name) == 0, dialect + ": nothing was wrong", whole.tail(name))
    text = out_of(whole, name)
    events = [json.loads(line) for line in text.splitlines()]
    guessed = [event["detail"] for event in events if event["event"] == "guess"]
    expect(len(guessed) == 1 and guessed[0].startswith("certain"), dialect + ": certain at once",
           guessed)
    messages = [event for event in events if event["event"] == "message"]
    for kind in MESSAGES:
        seen = [event for event in messages if event.get("message") == kind]
        expect(len(seen) == 8 and sum(event["reply"] for event in seen) == 4 and
               all(("latency_ns" in event) == event["reply"] and event["dialect"] == dialect
                   for event in seen), "%s: 4 of %s with their replies" % (dialect, kind), seen)
    check_masked(whole, dialect, messages, text)


def check_masked(whole, dialect, messages, text):
    keys = secrets_of(whole)
    expect(len(keys) >= 4, "there are keys to look for", len(keys))
    expect(not [key for key in keys if key.upper() in text.upper()], dialect + ": no key is shown")
    replies = [event for event in messages if event.get("message") == "sign-on" and event["reply"]]
    expect(all(event["fields"]["62"] == {**event["fields"]["62"], "hidden": True} and
               "value" not in event["fields"]["62"] for event in replies),
           dialect + ": field 62 of a sign-on reply is hidden", replies)
    pans = [event["fields"]["2"] for event in messages if "2" in event["fields"]]
    expect(pans and all(pan["masked"] and not PAN.search(pan["value"]) and "***" in pan["value"]
                        for pan in pans), dialect + ": PANs are masked", pans)


def check_mother(whole):
    port = start_proxy(whole, "trace-mother", whole.mother_ports["MPOS0001"])
    real, whole.mother_ports["MPOS0001"] = whole.mother_ports["MPOS0001"], port
    whole.terminals("--steps", "key", "--serial", "VIAPROXY", mother="MPOS0001")
    whole.mother_ports["MPOS0001"] = real
    expect(whole.stop("trace-mother") == 0, "mother POS: nothing was wrong")
    text = out_of(whole, "trace-mother")
    lines = [line for line in text.splitlines() if re.match(r" +\d+ +62 ", line)]
    expect(len(lines) == 3 and all("(hidden" in line for line in lines),
           "mother POS: field 62 is hidden", text)
    expect("key-request reply" in text and "D0144" not in text, "mother POS: no key block", text)


def check_half_close(whole):
    """A client that says it sends no more still gets its answers; a server that is away is told."""
    port = start_proxy(whole, "trace-half", whole.listeners[0].port)
    with socket.create_connection(("127.0.0.1", port), timeout=10) as peer:
        peer.sendall(echo(1) + b"\0\0" + echo(2))
        peer.shutdown(socket.SHUT_WR)
        data = b""
        while got := peer.recv(4096):
            data += got
    expect(len(frames_in(data)[0]) == 2, "what was asked before is answered", data)
    whole.stop("trace-half")
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = start_proxy(whole, "trace-away", nobody.getsockname()[1])
        with socket.create_connection(("127.0.0.1", port), timeout=10) as peer:
            expect(peer.recv(1) == b"", "without a server the client is let go")
    expect(whole.stop("trace-away") == 0 and "server-lost" in whole.tail("trace-away"),
           "and it is told why", whole.tail("trace-away"))


def main():
    check_words()
    check_files()
    with scheme() as whole:
        whole.listeners = [Listener(dialect=dialect) for dialect in DIALECTS]
        whole.init_keys(2)
        whole.init_mother("MPOS0001")
        whole.generate(20)
        whole.start_mother("MPOS0001")
        whole.load("MPOS0001", whole.export(1, "MPOS0001"))
        whole.start_host()
        whole.start_gateway()
        whole.wait_for_host()
        for number in range(len(DIALECTS)):
            check_dialect(whole, number)
        check_mother(whole)
        check_half_close(whole)
    done()


main()
