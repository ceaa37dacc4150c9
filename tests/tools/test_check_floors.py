#!/usr/bin/python3
"""tools/check-floors: this tree is clean, and each kind of violation is found where it is planted.

usage: test_check_floors.py ROOT
"""
import os
import shutil
import subprocess
import sys
import tempfile

from counted import done, expect

ROOT = sys.argv[1]

# name, file, text added to it, what must be said (None: nothing)
PLANTED = [
    ("wire may not use crypto", "core/wire/planted.c", '#include "core/crypto/kcv.h"\n',
     "core/wire/planted.c:1: core/wire may not include core/crypto"),
    ("crypto may use base", "core/crypto/planted.c", '#include "core/base/hex.h"\n', None),
    ("base uses nothing", "core/base/planted.h", '\n#include "core/wire/frame.h"\n',
     "core/base/planted.h:2: core/base may not include core/wire"),
    ("core does not know programs", "core/net/planted.c", '#include "gateway/settings.h"\n',
     "core/net/planted.c:1: core/net may not include gateway"),
    ("programs do not know each other", "bench/planted.c", '#include "gateway/settings.h"\n',
     "bench/planted.c:1: bench may not include gateway"),
    ("programs use core", "bench/planted.c", '#include "core/net/net.h"\n', None),
    ("tests use anything", "tests/planted.c", '#include "gateway/settings.h"\n', None),
    ("OpenSSL is crypto's", "gateway/planted.c", "#include <openssl/evp.h>\n",
     "gateway/planted.c:1: <openssl/evp.h> is for bench, core/crypto"),
    ("OpenSSL is for one file of the bench", "bench/planted.c", "#include <openssl/evp.h>\n",
     "bench/planted.c:1: <openssl/evp.h> is for bench/primitives* only"),
    ("OpenSSL in that file", "bench/primitives.c", "#include <openssl/evp.h>\n", None),
    ("RocksDB is store's", "keymgmt/planted.c", "#include <rocksdb/c.h>\n",
     "keymgmt/planted.c:1: <rocksdb/c.h> is for core/store"),
    ("RocksDB is for some files of store", "core/store/planted.c", "#include <rocksdb/c.h>\n",
     "core/store/planted.c:1: <rocksdb/c.h> is for core/store/rocks* only"),
    ("RocksDB in those files", "core/store/rocks_planted.c", "#include <rocksdb/c.h>\n", None),
    ("RocksDB shown to the rest of store", "core/store/planted.c",
     '#include "core/store/rocks_inside.h"\n',
     "core/store/planted.c:1: core/store/rocks_inside.h shows <rocksdb/c.h>, which is for "
     "core/store/rocks* only"),
    ("libuv is net's", "emulator/planted.c", "#  include <uv.h>\n",
     "emulator/planted.c:1: <uv.h> is for core/net"),
    ("libconfig is config's", "gateway/planted.c", "#include <libconfig.h>\n",
     "gateway/planted.c:1: <libconfig.h> is for core/config"),
    ("libconfig in config", "core/config/planted.c", "#include <libconfig.h>\n", None),
    ("PKCS#11 is for some files of hsm", "core/hsm/planted.c", "#include <p11-kit/uri.h>\n",
     "core/hsm/planted.c:1: <p11-kit/uri.h> is for core/hsm/pkcs11* only"),
    ("PKCS#11 in those files", "core/hsm/pkcs11_planted.c", "#include <p11-kit/uri.h>\n", None),
    ("a library nobody owns", "core/net/planted.c", "#include <curl/curl.h>\n",
     "core/net/planted.c:1: <curl/curl.h> belongs to no floor"),
    ("the system's headers", "core/net/planted.c", "#include <sys/epoll.h>\n", None),
    ("a path from the file's own folder", "core/base/planted.c", '#include "hex.h"\n',
     'core/base/planted.c:1: "hex.h" is not a path from the root'),
    ("a folder that is no floor", "extra/planted.c", "\n", "extra is not a floor"),
    ("strcpy", "core/base/planted.c", "\n\nvoid f(void) { strcpy(a, b); }\n",
     "core/base/planted.c:3: strcpy: "),
    ("sprintf", "tests/planted.c", "void f(void) { sprintf (a, b); }\n",
     "tests/planted.c:1: sprintf: "),
    ("atoi in a program", "bench/planted.c", "int f(void) { return atoi(a); }\n",
     "bench/planted.c:1: atoi: "),
    ("atoi in a test", "tests/planted.c", "int f(void) { return atoi(a); }\n", None),
    ("snprintf is allowed", "tests/planted.c", "void f(void) { snprintf(a, 1, b); }\n", None),
    ("gets in a comment or text", "tests/planted.c", '/* gets(a)\n */ // gets(a)\nchar *s = "gets(";\n',
     None),
    ("gets after a text", "tests/planted.c", 'char *s = "\\""; void f(void) { gets(s); }\n',
     "tests/planted.c:1: gets: "),
    ("a MAC compared in the open", "gateway/planted.c", "int f(void) { return memcmp(mac, b, 8); }\n",
     "gateway/planted.c:1: memcmp on a MAC"),
    ("anything else compared", "gateway/planted.c", "int f(void) { return memcmp(a, b, 8); }\n",
     None),
]


def check(root):
    ended = subprocess.run([ROOT + "/tools/check-floors", root], capture_output=True, text=True,
                           check=False)
    return ended.returncode, ended.stdout


def copy_tree(target):
    for name in ("core", "gateway", "keymgmt", "emulator", "bench", "tests", "tools"):
        shutil.copytree(os.path.join(ROOT, name), os.path.join(target, name))


def plant(tree, path, text):
    os.makedirs(os.path.dirname(os.path.join(tree, path)), exist_ok=True)
    with open(os.path.join(tree, path), "w", encoding="utf-8") as file:
        file.write(text)


def test_planted(tree):
    for name, path, text, said in PLANTED:
        plant(tree, path, text)
        code, output = check(tree)
        if said is None:
            expect(path not in output and "planted" not in output, name, output)
        else:
            expect(code == 1 and said in output, name, output)
        os.remove(os.path.join(tree, path))


def test_shown_library(tree):
    """A header may show its library inside its floor, and nowhere else."""
    plant(tree, "core/net/planted.h", "#include <uv.h>\n")
    plant(tree, "core/net/planted.c", '#include "core/net/planted.h"\n')
    expect("planted" not in check(tree)[1], "a floor's own header shows its library")
    plant(tree, "gateway/planted.c", '#include "core/net/planted.h"\n')
    code, output = check(tree)
    expect(code == 1 and "gateway/planted.c:1: core/net/planted.h shows <uv.h>" in output,
           "a library shown outside its floor", output)
    for path in ("core/net/planted.h", "core/net/planted.c", "gateway/planted.c"):
        os.remove(os.path.join(tree, path))


def test_nothing():
    with tempfile.TemporaryDirectory() as empty:
        expect(check(empty)[0] == 1, "a tree without a file is not clean")


def main():
    code, output = check(ROOT)
    expect(code == 0, "this tree keeps to its floors", output)
    with tempfile.TemporaryDirectory() as tree:
        copy_tree(tree)
        test_planted(tree)
        test_shown_library(tree)
    test_nothing()
    done()


main()
