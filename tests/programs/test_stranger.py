"""A terminal program in another language, written from docs/protocol.md alone, against the real mother
POS, gateway and host: a key, registration, sign-on, authentication, a sale."""
import os
import subprocess

from common import SOURCE, done, expect, scheme

STRANGER = os.path.join(SOURCE, "tests", "programs", "stranger_terminal.py")


def run(*words):
    return subprocess.run(["/usr/bin/python3", STRANGER, *words], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=60, check=False)


def stranger(whole, serial, tid):
    return run("--mother", "127.0.0.1:%d" % whole.mother_ports["MPOS0001"], "--gateway",
               "127.0.0.1:%d" % whole.listeners[0].port, "--serial", serial, "--tid", tid, "--mid",
               "MERCHANT0009001", "--amount", "1234")


def main():
    with open(STRANGER, encoding="utf-8") as source:
        text = source.read()
    expect(text.count("\n") < 300, "it has under 300 lines", text.count("\n"))
    foreign = [word for word in ("ctypes", "cffi", "subprocess", "protocol-examples", "scheme",
                                 "common") if "import " + word in text or "from " + word in text]
    expect(not foreign, "it uses nothing of this project", foreign)
    checked = run("--self-check")
    print(checked.stdout.splitlines()[-1])
    expect(checked.returncode == 0, "its self-check passes", checked.stdout)
    with scheme() as whole:
        whole.init_keys(2)
        whole.init_mother("MPOS0001")
        whole.generate(5)
        whole.start_mother("MPOS0001")
        whole.load("MPOS0001", whole.export(1, "MPOS0001"))
        whole.start_host()
        whole.start_gateway()
        whole.wait_for_host()
        ran = stranger(whole, "PYTHON01", "TERM9001")
        print(ran.stdout)
        expect(ran.returncode == 0, "it goes all the way to an approved sale", ran.stdout)
        rows = whole.ctl("terminal", "find", "PYTHON01")["terminals"]
        expect(len(rows) == 1 and rows[0]["proved"] and rows[0]["tid"] == "TERM9001",
               "the gateway holds its row, proved and bound", rows)
        counted = whole.metrics()
        expect(counted['posgate_replies_total{message="sale",code="00"}'] == 1,
               "the gateway counted its sale")
        again = stranger(whole, "PYTHON01", "TERM9001")
        expect(again.returncode != 0 and "94" in again.stdout,
               "a serial that has its key gets no other", again.stdout)
    done()


main()
