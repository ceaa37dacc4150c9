"""Keys as they rest under the LMK, and where they are still found: in folders, and in files that a
running program holds open although they are deleted."""
import glob
import os
import subprocess
import tempfile

from common import BIN, SchemeError


def stored(whole, kind, folder):
    """{(index, what): [values in hex]}; kind is "library" or "table"."""
    with tempfile.TemporaryDirectory() as scratch:
        text = whole.run(os.path.join(BIN, "key_values"), kind, folder, scratch)
    found = {}
    for line in text.splitlines():
        index, what, value = line.split()
        found.setdefault((int(index), what), []).append(value)
    return found


def pieces(values):
    """Every 16 bytes of each value, and its last 16: what is left of one counts too."""
    return [piece for value in values
            for piece in {value[at:at + 32] for at in range(0, len(value) - 31, 32)} | {value[-32:]}]


def open_files(pid):
    """Paths by which everything that a process has open can be read, deleted or not."""
    paths = []
    for path in glob.glob("/proc/%d/fd/*" % pid):
        if os.path.isfile(path):
            paths.append(path)
    return paths


def scan(values, paths):
    """{line number from 1: places} of the values (hex, 16 to 64 bytes) that are found."""
    with tempfile.NamedTemporaryFile("w", encoding="ascii") as file:
        file.write("".join(value + "\n" for value in values))
        file.flush()
        ran = subprocess.run([os.path.join(BIN, "key_scan"), file.name, *paths], text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    if ran.returncode not in (0, 1):
        raise SchemeError("key_scan ended with %d: %s" % (ran.returncode, ran.stderr))
    found = {}
    for line in ran.stdout.splitlines()[:-1]:
        place, number = line.rsplit(" ", 1)
        found.setdefault(int(number), []).append(place)
    return found
