"""A terminal program in another language, written from docs/protocol.md alone, against the real mother
POS, gateway and host: a key, registration, sign-on, authentication, a sale; with a PIN and keys of every
algorithm too."""
import os
import subprocess

from common import SOURCE, done, expect, scheme

STRANGER = os.path.join(SOURCE, "tests", "programs", "stranger_terminal.py")


def run(*words):
    return subprocess.run(["/usr/bin/python3", STRANGER, *words], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=60, check=False)


ALGORITHMS = ("T2", "T3", "A128", "SM4")


def stranger(whole, serial, tid, *words):
    return run("--mother", "127.0.0.1:%d" % whole.mother_ports["MPOS0001"], "--gateway",
               "127.0.0.1:%d" % whole.listeners[0].port, "--serial", serial, "--tid", tid, "--mid",
               "MERCHANT0009001", "--amount", "1234", *words)


def of_each_algorithm(whole):
    """One terminal each, from the mother POS's next batch; the host says what PIN it typed."""
    for number, alg in enumerate(ALGORITHMS, 2):
        whole.generate(1, alg)
        whole.load("MPOS0001", whole.export(number, "MPOS0001"))
        tid, pin = "TERM900%d" % number, "9%d0817" % number
        ran = stranger(whole, "PYTHON0%d" % number, tid, "--pin", pin)
        expect(ran.returncode == 0, alg + ": it goes all the way", ran.stdout)
        with open(whole.path("told"), encoding="ascii") as told:
            lines = [line for line in told if "tid=%s " % tid in line]
        expect(len(lines) == 1 and lines[0].endswith(" pin=%s\n" % pin),
               alg + ": the host read the PIN that was typed", lines)


def main():
    with open(STRANGER, encoding="utf-8") as source:
        text = source.read()
    expect(text.count("\n") < 420, "it has under 420 lines", text.count("\n"))
    foreign = [word for word in ("ctypes", "cffi", "subprocess", "protocol-examples", "scheme",
                                 "common") if "import " + word in text or "from " + word in text]
    expect(not foreign, "it uses nothing of this project", foreign)
    checked = run("--self-check")
    print(checked.stdout.splitlines()[-1])
    expect(checked.returncode == 0, "its self-check passes", checked.stdout)
    with scheme() as whole:
        whole.init_keys(2)
        whole.init_mother("MPOS0001")
        whole.generate(1)
        whole.start_mother("MPOS0001")
        whole.load("MPOS0001", whole.export(1, "MPOS0001"))
        zpk = whole.init_link_key("zpk", "HOST1", "A128")
        whole.host_settings = 'pin_key = "HOST1";'
        whole.start_host("--zpk-file", zpk, "--tell-pin", whole.path("told"))
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
        of_each_algorithm(whole)
    done()


main()
