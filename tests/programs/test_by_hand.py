"""The commands of docs/operations.md that start the whole scheme by hand, as they stand there."""
import os
import re
import shutil
import signal
import subprocess
import tempfile

from common import BIN, SOURCE, done, expect, skip
from scheme import can_connect

DEFAULT_PORTS = (6583, 7583, 8583, 9583)


def commands():
    with open(os.path.join(SOURCE, "docs", "operations.md"), encoding="utf-8") as document:
        found = re.search(r"<!-- by hand -->\n```\n(.*?)```\n<!-- end by hand -->",
                          document.read(), re.S)
    # A busy machine needs longer than a person at a quiet one.
    return found.group(1).replace("sleep 1", "sleep 3")


def run(folder):
    """Exit code and output; nothing that the commands started outlives this."""
    environment = {**os.environ, "PATH": BIN + ":" + os.environ["PATH"]}
    # Not a pipe: what is left of a failed run would hold it open.
    with open(os.path.join(folder, "output"), "w+", encoding="utf-8") as output:
        shell = subprocess.Popen(["/bin/bash", "-e", "-c", commands()], cwd=folder,
                                 env=environment, stdin=subprocess.DEVNULL, stdout=output,
                                 stderr=subprocess.STDOUT, start_new_session=True)
        try:
            code = shell.wait(timeout=90)
        finally:
            try:
                os.killpg(shell.pid, signal.SIGKILL)  # its own session's processes
            except ProcessLookupError:
                pass
        output.seek(0)
        return code, output.read()


def main():
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
    done()


main()
