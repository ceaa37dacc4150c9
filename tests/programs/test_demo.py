"""The demo on the programs just built: it ends with 0, its counts agree, and no clear key is in any
file that it wrote. The keys are learned from the terminals' own stores, which are left out; the same
scan finds a key that is planted, in binary and in hex."""
import os
import re
import shutil
import subprocess
import sys
import tempfile

from common import BIN, SOURCE, done, expect, skip

STORES = ("terminals-A", "terminals-B", "special")


def run_demo(*options, **environment):
    return subprocess.run([sys.executable, os.path.join(SOURCE, "tools", "demo.py"), "--bin", BIN,
                           *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          timeout=170, check=False, env=dict(os.environ, **environment))


def learn_keys(folder, keys_file):
    """Every TMK, TPK and TAK that a terminal ever held; the stores go out of the folder."""
    keys = set()
    for store in STORES:
        with open(os.path.join(folder, store, "terminals.keys"), encoding="ascii") as lines:
            for line in lines:
                word = line.rstrip("\n").split("|")
                if word[0] == "key":
                    keys.add(word[4])
                elif word[0] == "signed-on":
                    keys.update(word[2:4])
        shutil.rmtree(os.path.join(folder, store))
    with open(keys_file, "w", encoding="ascii") as out:
        out.write("".join(key + "\n" for key in sorted(keys)))
    return sorted(keys)


def scan(keys_file, folder):
    ran = subprocess.run([os.path.join(BIN, "key_scan"), keys_file, folder], text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    print(ran.stdout.splitlines()[-1])
    return ran.returncode, ran.stdout


def plant(folder, name, content):
    with open(os.path.join(folder, name), "wb") as out:
        out.write(os.urandom(1001) + content + os.urandom(77))


def check_scan(folder, top):
    keys_file = os.path.join(top, "clear-keys")
    keys = learn_keys(folder, keys_file)
    expect(len(keys) >= 250, "the terminals' stores hold keys to look for", len(keys))
    code, text = scan(keys_file, folder)
    expect(code == 0, "no clear key in any file that the demo wrote", text[:500])
    for name, content in (("binary", bytes.fromhex(keys[3])), ("upper", keys[7].upper().encode()),
                          ("lower", keys[11].lower().encode())):
        plant(folder, "planted-" + name, content)
        code, text = scan(keys_file, folder)
        expect(code == 1 and "planted-" + name in text, "a planted key is found: " + name)
        os.unlink(os.path.join(folder, "planted-" + name))


def main():
    top = tempfile.mkdtemp(prefix="posgate-test-demo-")
    folder = os.path.join(top, "kept")
    try:
        ran = run_demo("--terminals", "100", "--seconds", "1", "--keep", folder)
        good = expect(ran.returncode == 0, "the demo ends with 0", ran.stdout + ran.stderr)
        expect("all counts agree" in ran.stdout, "terminals, host and gateway agree")
        for code in ("97", "63", "A0", "03", "58", "91"):
            expect(re.search(r" %s\b" % code, ran.stdout), "somebody saw " + code)
        if os.path.exists(os.path.join(folder, "traffic.pcap")):
            expect(os.path.getsize(os.path.join(folder, "traffic.pcap")) > 100000,
                   "the traffic was captured")
        else:
            skip("capture", "tcpdump is missing or may not capture here")
        if good:
            check_scan(folder, top)
        again = run_demo("--keep", folder)
        expect(again.returncode == 2 and "not empty" in again.stderr,
               "nothing that is there is overwritten")
        empty = os.path.join(top, "empty")
        os.mkdir(empty)
        ran = run_demo("--terminals", "10", "--seconds", "1", TMPDIR=empty)
        expect(ran.returncode == 0, "a small demo runs", ran.stdout + ran.stderr)
        expect(os.listdir(empty) == [], "it leaves no file behind", os.listdir(empty))
    finally:
        shutil.rmtree(top, ignore_errors=True)
    done()


main()
