"""The commands of docs/operations.md that start the whole scheme by hand, as they stand there."""
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from common import BIN, SOURCE, done, expect, skip
from scheme import can_connect

HOST, MOTHER, METRICS = 6583, 7583, 9583
DEFAULT_PORTS = (HOST, MOTHER, 8583, METRICS)

# A person waits a second for what was started; this waits for what he waits for.
WAITS = r"""
within_a_minute() { for _ in {1..600}; do "$@" 2>/dev/null && return; sleep 0.1; done; return 1; }
listens() { (exec 3<>/dev/tcp/127.0.0.1/$1); }
ready() {
    (exec 3<>/dev/tcp/127.0.0.1/$1; printf 'GET /readyz HTTP/1.0\r\n\r\n' >&3; grep -q ' 200 OK' <&3)
}
"""
INSTEAD = ("within_a_minute listens %d; within_a_minute listens %d" % (MOTHER, HOST),
           "within_a_minute ready %d" % METRICS)


def commands():
    with open(os.path.join(SOURCE, "docs", "operations.md"), encoding="utf-8") as document:
        found = re.search(r"<!-- by hand -->\n```\n(.*?)```\n<!-- end by hand -->",
                          document.read(), re.S)
    text = found.group(1)
    expect(text.count("\nsleep 1\n") == len(INSTEAD), "they wait twice", text)
    for wait in INSTEAD:
        text = text.replace("\nsleep 1\n", "\n%s\n" % wait, 1)
    return WAITS + text


def claim_ports():
    """Waits until no other run of this test has them, by a name of the kernel's that goes with us."""
    claim = socket.socket(socket.AF_UNIX)
    for _ in range(1200):
        try:
            claim.bind("\0posgate-default-ports")
            break
        except OSError:
            time.sleep(0.1)
    return claim


def run(folder):
    """Exit code and output; nothing that the commands started outlives this."""
    environment = {**os.environ, "PATH": BIN + ":" + os.environ["PATH"]}
    # Not a pipe: what is left of a failed run would hold it open.
    with open(os.path.join(folder, "output"), "w+", encoding="utf-8") as output:
        shell = subprocess.Popen(["/bin/bash", "-e", "-c", commands()], cwd=folder,
                                 env=environment, stdin=subprocess.DEVNULL, stdout=output,
                                 stderr=subprocess.STDOUT, start_new_session=True)
        try:
            code = shell.wait(timeout=180)
        finally:
            try:
                os.killpg(shell.pid, signal.SIGKILL)  # its own session's processes
            except ProcessLookupError:
                pass
        output.seek(0)
        return code, output.read()


def main():
    claim = claim_ports()
    taken = [port for port in DEFAULT_PORTS if can_connect(port)]
    if taken:
        skip("the scheme by hand", "ports %s are in use" % taken)
        done()
    folder = tempfile.mkdtemp(prefix="posgate-by-hand-")
    try:
        code, text = run(folder)
        print(text)
        expect(code == 0, "every command ends well", code)
        expect("3 terminals, 3 did all their steps" in text, "three terminals go all the way")
        expect(re.search(r"database_writable +yes", text), "the gateway tells its status")
        expect(len(re.findall(r"smn +EMU", text)) == 3, "the gateway finds three terminals")
        expect(not [port for port in DEFAULT_PORTS if can_connect(port)], "nothing runs on")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        claim.close()
    done()


main()
