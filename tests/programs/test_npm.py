"""A client with another ISO 8583 library, npm's iso_8583, at an iso87x listener where neither
registration nor authentication asks for a MAC: it sends an echo, authenticates and sells, and reads
the replies. It always has a second bitmap, needed or not."""
import json
import os
import shutil
import subprocess

from common import SOURCE, Listener, done, expect, scheme, skip

FOLDER = os.path.join(SOURCE, "build", "npm")  # where ./run deps --all puts it
CLIENT = os.path.join(SOURCE, "tests", "programs", "npm", "client.js")
TIME = "1123090000"


def talk(port, messages):
    """The replies to messages that are sent one after the other."""
    ran = subprocess.run(["node", CLIENT, str(port)], stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, text=True, timeout=60, check=False,
                         input="".join(json.dumps(message) + "\n" for message in messages),
                         env={**os.environ, "POSGATE_NPM": FOLDER})
    if ran.returncode != 0:
        return ran.stderr
    return [json.loads(line) for line in ran.stdout.splitlines()]


def network(code, stan, smn=None):
    fields = {"0": "0800", "7": TIME, "11": "%06d" % stan, "41": "NPMTERM1", "70": code}
    if smn is not None:
        fields["62"] = smn
    return fields


def sale(stan, smn, amount, tid="NPMTERM1"):
    return {"0": "0200", "2": "6212345678900000003", "3": "000000", "4": "%012d" % amount,
            "7": TIME, "11": "%06d" % stan, "22": "012", "25": "00", "41": tid,
            "42": "MERCHANT0009001", "49": "978", "62": smn}


def expect_reply(name, request, reply, code, others=()):
    """An answer to this request, with this code and exactly the fields it should have."""
    echoed = [field for field in ("3", "4", "7", "11", "41", "42", "70") if field in request]
    wanted = {"0", "12", "13", "39", *echoed, *others}
    good = (reply.get("0") == request["0"][:2] + "1" + request["0"][3] and
            reply.get("39") == code and set(reply) == wanted and
            all(reply[field] == request[field] for field in echoed))
    expect(good, name, {"request": request, "reply": reply, "fields": sorted(set(reply) ^ wanted)})


def smn_of(whole, serial):
    with open(whole.path("terminals", "terminals.keys"), encoding="ascii") as lines:
        for line in lines:
            word = line.split("|")
            if word[:2] == ["key", serial]:
                return serial + "%08d" % int(word[2])
    raise AssertionError("no key of " + serial)


def check(whole):
    port = whole.listeners[0].port
    whole.terminals("--steps", "key", "--serial", "NPMPOS01", mother="MPOS0001")
    smn = smn_of(whole, "NPMPOS01")
    requests = [network("301", 1), network("902", 2, smn), network("901", 3, smn),
                network("902", 4, smn), sale(5, smn, 4711), sale(6, smn, 4712, "NPMTERM2")]
    replies = talk(port, requests)
    if not expect(len(replies) == len(requests) and not isinstance(replies, str),
                  "it gets a reply to each message, and can read it", replies):
        return
    rows = (("an echo", "00", ()), ("authenticating before it is registered", "97", ()),
            ("registering", "00", ()), ("authenticating", "00", ()),
            ("a sale", "00", ("37", "38")), ("a sale from another TID", "03", ("37",)))
    for (name, code, others), request, reply in zip(rows, requests, replies):
        if code == "03":  # what a refusal has besides is the gateway's own matter
            others = set(others) & set(reply)
        expect_reply("%s is %s" % (name, code), request, reply, code, others)
    expect(replies[4].get("37", "").isdigit(), "the sale has its RRN", replies[4])
    with open(whole.path("host.ledger"), encoding="ascii") as lines:
        ledger = lines.read()
    expect(ledger.count("kind=sale") == 1 and "amount=000000004711 stan=000005" in ledger and
           "pan=621234*********0003" in ledger, "the host was asked for that one sale", ledger)
    row = whole.ctl("terminal", "find", "NPMPOS01")["terminals"][0]
    expect(row["tid"] == "NPMTERM1" and not row["proved"], "its row: bound, not proved", row)
    refused = talk(whole.listeners[1].port, [network("902", 7, smn)])
    expect(isinstance(refused, list) and refused[0].get("39") == "A0",
           "where a MAC is asked for it is refused", refused)


def main():
    if shutil.which("node") is None:
        skip("a client in JavaScript", "node is missing: ./run deps --all")
        done()
    if not os.path.isdir(os.path.join(FOLDER, "node_modules", "iso_8583")):
        skip("a client in JavaScript", "npm's iso_8583 is missing: ./run deps --all")
        done()
    with scheme() as whole:
        whole.listeners = [Listener("open", "smn", dialect="iso87x"), Listener(dialect="iso87x")]
        whole.init_keys(2)
        whole.init_mother("MPOS0001")
        whole.generate(4)
        whole.start_mother("MPOS0001")
        whole.load("MPOS0001", whole.export(1, "MPOS0001"))
        whole.start_host()
        whole.start_gateway()
        whole.wait_for_host()
        check(whole)
    done()


main()
