"""A stranger reads our messages: Wireshark's iso8583 dissector decodes every message of a demo on
iso87a listeners, and a register and a sale without field 35 in iso87b. It must say of each what
`posgate-emulator trace` says, which shares no code with it."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

from common import BIN, SOURCE, Listener, done, expect, scheme, skip

from demo import Capture

# The dissector's preferences for a dialect.
PREFERENCES = {
    "iso87a": ("len_endian:Big endian", "charset:Digits represented as ASCII Characters",
               "binencode:Bin data represented as Hex Ascii characters"),
    "iso87b": ("len_endian:Big endian", "charset:Digits represented in nibbles",
               "binencode:Bin data not encoded"),
}
BYTES = {52, 55, 64, 96, 128}
# What the messages of the demo have, by MTI and field 70 or 3: docs/protocol.md.
REQUESTS = {
    ("0800", "901"): {11, 41, 62, 70}, ("0800", "001"): {11, 41, 62, 70},
    ("0800", "902"): {11, 41, 62, 70},
    ("0200", "000000"): {2, 3, 4, 7, 11, 22, 25, 41, 42, 49, 62},
}
REPLIES = {
    ("0810", "901"): {11, 12, 13, 39, 41, 70}, ("0810", "001"): {11, 12, 13, 39, 41, 70},
    ("0810", "902"): {11, 12, 13, 39, 41, 70},
    ("0210", "000000"): {3, 4, 7, 11, 12, 13, 39, 41, 42},
}


def tshark(capture, port, dialect, *words):
    options = [word for preference in PREFERENCES[dialect] for word in ("-o", "iso8583." + preference)]
    ran = subprocess.run(["tshark", "-n", "-r", capture, "-d", "tcp.port==%d,iso8583" % port,
                          *options, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                         text=True, timeout=100, check=False)
    if ran.returncode != 0:
        raise RuntimeError("tshark: " + ran.stderr)
    return ran.stdout


def count(capture, port, dialect, display_filter):
    return len(tshark(capture, port, dialect, "-Y", "tcp.port == %d and (%s)"
                      % (port, display_filter)).splitlines())


def malformed(capture, port, dialect):
    """Packets of this port that the dissector or tshark itself calls wrong in any way."""
    return count(capture, port, dialect,
                 "iso8583.MALFORMED or _ws.malformed or _ws.expert.group == \"Malformed\"")


def read_by_tshark(capture, port, dialect):
    """[(MTI, {field: text})], in the order of the capture."""
    text = tshark(capture, port, dialect, "-Y", "iso8583", "-T", "pdml", "-j", "iso8583")
    messages = []
    for packet in xml.etree.ElementTree.fromstring(text).iter("packet"):
        for proto in packet.iter("proto"):
            if proto.get("name") != "iso8583":
                continue
            found = {field.get("name"): field for field in proto.iter("field")}
            # Bytes that it does not have to decode it shows with one character too many.
            raw = BYTES if dialect == "iso87b" else set()
            fields = {int(name[len("iso8583.bit"):]): field.get(
                          "value" if int(name[len("iso8583.bit"):]) in raw else "show")
                      for name, field in found.items() if name.startswith("iso8583.bit")}
            messages.append((found["iso8583.mti"].get("show"), fields))
    return messages


def read_by_trace(capture, port, dialect):
    ran = subprocess.run([os.path.join(BIN, "posgate-emulator"), "trace", "--json", "--dialect",
                          dialect, "--port", str(port), capture], stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    expect(ran.returncode == 0, "%s: our own trace finds nothing wrong" % dialect,
           ran.stdout[-500:] + ran.stderr)
    events = [json.loads(line) for line in ran.stdout.splitlines()]
    return [event for event in events if event["event"] == "message"]


def same(theirs, ours):
    """They print a MAC in hexadecimal of either case; what we hide they print and we count."""
    if "value" in ours and "masked" not in ours:
        return theirs.upper() == ours["value"].upper()
    return len(theirs) in (ours["length"], 2 * ours["length"])


def compare(name, theirs, ours):
    expect(len(theirs) == len(ours), name + ": as many messages as our own trace finds",
           (len(theirs), len(ours)))
    for (mti, fields), message in zip(theirs, ours):
        known = {int(number): field for number, field in message["fields"].items()}
        if mti != message["mti"] or sorted(fields) != sorted(known):
            expect(False, name + ": the same fields", (mti, sorted(fields), message["mti"],
                                                       sorted(known)))
            return
        differs = [number for number in fields if not same(fields[number], known[number])]
        if differs:
            expect(False, name + ": the same content", (mti, differs))
            return
    expect(True, name + ": each with the same fields and content")


def complete(name, messages, wanted, mac_always):
    """Every message has what its kind must have; returns the kinds that were there."""
    seen = set()
    for mti, fields in messages:
        key = (mti, fields.get(70, fields.get(3)))
        if key not in wanted:
            continue
        missing = wanted[key] - set(fields)
        mac = 128 if any(number > 64 for number in fields) else 64
        if missing or (mac_always and mac not in fields):
            expect(False, "%s: all fields of %s %s" % (name, *key), (missing, sorted(fields)))
            return seen
        seen.add(key)
    return seen


def check_fields(name, messages, mac_always):
    seen = complete(name, messages, REQUESTS, mac_always)
    expect(seen == set(REQUESTS), name + ": every kind of request, complete", seen)
    approved = [message for message in messages if message[1].get(39) == "00"]
    seen = complete(name, approved, REPLIES, mac_always)
    expect(seen == set(REPLIES), name + ": every kind of reply, complete", seen)
    keys = [fields for mti, fields in approved if mti == "0810" and fields.get(70) == "001"]
    expect(keys and all(len(fields[62]) == 288 and 37 in fields for fields in keys),
           name + ": sign-on replies carry two key blocks and an RRN")


def check_filter(capture, port, messages):
    """The SMN is something to search for."""
    smn = next(fields[62] for mti, fields in messages if mti == "0200")
    wanted = sum(1 for _, fields in messages if fields.get(62) == smn)
    found = count(capture, port, "iso87a", 'iso8583.bit62 contains "%s"' % smn)
    expect(wanted > 4 and found == wanted, "the messages of an SMN can be filtered on",
           (smn, wanted, found))
    other = count(capture, port, "iso87a", 'iso8583.bit62 contains "%s"' % ("X" + smn[1:]))
    expect(other == 0, "and those of another are not among them", other)


def check_planted(capture, port, messages):
    """One length that is too large is seen by tshark and by us."""
    smn = next(fields[62] for mti, fields in messages if mti == "0200")
    with open(capture, "rb") as file:
        data = file.read()
    broken = capture + ".broken"
    with open(broken, "wb") as file:
        file.write(data.replace(b"016" + smn.encode(), b"999" + smn.encode(), 1))
    wrong = malformed(broken, port, "iso87a")
    expect(wrong == 1, "a length that was changed is malformed", wrong)
    ran = subprocess.run([os.path.join(BIN, "posgate-emulator"), "trace", "--brief", "--dialect",
                          "iso87a", "--port", str(port), broken], stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    wrong = [line for line in ran.stdout.splitlines() if "WRONG:" in line]
    expect(ran.returncode == 1 and len(wrong) == 1 and "field 62 at offset" in wrong[0],
           "and our own trace says so", wrong)


def port_of(folder, number):
    with open(os.path.join(folder, "gateway.conf"), encoding="ascii") as file:
        listeners = [line for line in file if "dialect" in line and "registration" in line]
    return int(listeners[number].split("port = ")[1].split(";")[0])


def check_demo(folder):
    capture = os.path.join(folder, "traffic.pcap")
    if not os.path.exists(capture):
        skip("the demo's capture", "tcpdump may not capture here")
        return
    for number, name, mac_always in ((0, "the demo", True), (1, "the demo's open listener", False)):
        port = port_of(folder, number)
        messages = read_by_tshark(capture, port, "iso87a")
        # however few the load sent in its second
        expect(len(messages) > (400 if mac_always else 20), name + ": there is something to read",
               len(messages))
        expect(malformed(capture, port, "iso87a") == 0, name + ": not one malformed message")
        compare(name, messages, read_by_trace(capture, port, "iso87a"))
        if mac_always:
            check_fields(name, [message for message in messages
                                if message[1].get(39, "00") == "00"], mac_always)
            check_filter(capture, port, messages)
            check_planted(capture, port, messages)


def run_demo(top):
    folder = os.path.join(top, "demo")
    ran = subprocess.run([sys.executable, os.path.join(SOURCE, "tools", "demo.py"), "--bin", BIN,
                          "--dialect", "iso87a", "--terminals", "20", "--seconds", "1", "--keep",
                          folder], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                         timeout=170, check=False)
    if expect(ran.returncode == 0, "the demo runs in iso87a", ran.stdout[-3000:]):
        check_demo(folder)


def run_iso87b(top):
    with scheme() as whole:
        whole.listeners = [Listener()]
        whole.init_keys(2)
        whole.init_mother("MPOS0001")
        whole.generate(4)
        whole.start_mother("MPOS0001")
        whole.load("MPOS0001", whole.export(1, "MPOS0001"))
        whole.start_host()
        whole.start_gateway()
        whole.wait_for_host()
        recording = Capture(whole, True)
        recording.start()
        whole.terminals("--steps", "key,register,sign-on,authenticate,sale", "--count", "3",
                        mother="MPOS0001")
        recorded = recording.process is not None
        recording.stop()
        if not recorded:
            skip("a capture in iso87b", "tcpdump may not capture here")
            return
        capture = os.path.join(top, "iso87b.pcap")
        shutil.copyfile(whole.path("traffic.pcap"), capture)
        port = whole.listeners[0].port
    messages = read_by_tshark(capture, port, "iso87b")
    expect(len(messages) == 24, "iso87b: every message is read", len(messages))
    expect(malformed(capture, port, "iso87b") == 0, "iso87b: not one malformed message")
    check_fields("iso87b", messages, True)
    compare("iso87b", messages, read_by_trace(capture, port, "iso87b"))
    expect(not read_by_tshark(capture, port, "iso87a"), "iso87b: it is nothing else")


def main():
    missing = [tool for tool in ("tshark", "tcpdump") if shutil.which(tool) is None]
    if missing:
        skip("messages read by a stranger", "%s is missing: ./run deps --all" % missing[0])
        done()
    top = tempfile.mkdtemp(prefix="posgate-test-tshark-")
    try:
        run_demo(top)
        run_iso87b(top)
    finally:
        shutil.rmtree(top, ignore_errors=True)
    done()


main()
