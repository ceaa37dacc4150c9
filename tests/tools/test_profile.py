#!/usr/bin/python3
"""tools/profile: which part a sample belongs to, told of samples that are made up and of a program
that is compiled for it; and that it skips without perf.

usage: test_profile.py ROOT
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

from counted import done, expect

ROOT = sys.argv[1]

# Functions by the file that they stand in; the tool asks nm.
PLACES = {"core/wire/frame.c": ["pos_frame_next", "pos_frame_begin"],
          "core/wire/iso8583_decode.c": ["pos_iso8583_decode"],
          "core/wire/message.c": ["pos_message_classify", "pos_reply_init"],
          "core/store/terminal_table.c": ["pos_terminal_table_find"],
          "core/store/changes.h": ["pos_changes_read"],
          "core/crypto/mac.c": ["pos_mac_compute"],
          "core/net/loop.c": ["end_turn"],
          "core/base/bytes.c": ["pos_buffer_put"],
          "gateway/turn.c": ["pos_session_turn"]}

KERNEL, LIBC = "[kernel.kallsyms]", "/usr/lib/libc.so.6"
GATEWAY, ROCKS, CRYPTO, UV = "/x/posgate-gateway", "/usr/lib/librocksdb.so.7", "/l/libcrypto.so.3", "/l/libuv.so.1"
SAMPLES = [
    ("system calls: read", [("tcp_recvmsg", KERNEL), ("ksys_read", KERNEL), ("do_syscall_64", KERNEL), ("read", LIBC)]),
    ("system calls: write", [("x", KERNEL), ("__x64_sys_write", KERNEL), ("x64_sys_call", KERNEL), ("end_turn", GATEWAY)]),
    ("system calls: wait", [("tcp_poll", KERNEL), ("__x64_sys_epoll_wait", KERNEL), ("uv_run", UV)]),
    ("system calls: others", [("__x64_sys_close", KERNEL), ("close", LIBC)]),
    ("kernel, between calls", [("clear_page", KERNEL), ("memcpy", LIBC), ("pos_session_turn", GATEWAY)]),
    ("look-up: RocksDB", [("memcmp", LIBC), ("rocksdb::Get", ROCKS), ("pos_terminal_table_find", GATEWAY)]),
    ("MAC: OpenSSL", [("[unknown]", CRYPTO), ("pos_mac_compute", GATEWAY)]),
    ("MAC: our side", [("pos_buffer_put", GATEWAY), ("pos_mac_compute", GATEWAY)]),
    ("event loop: libuv", [("uv__io_poll", UV), ("pos_loop_run", GATEWAY)]),
    ("event loop: our side", [("end_turn", GATEWAY), ("uv__run_check", UV)]),
    ("look-up: our side", [("memmove", LIBC), ("pos_terminal_table_find", GATEWAY)]),
    ("remembered rows", [("pos_changes_read", GATEWAY)]),
    ("frame", [("pos_frame_next", GATEWAY), ("pos_session_turn", GATEWAY)]),
    ("parse", [("pos_iso8583_decode", GATEWAY)]),
    ("parse", [("pos_message_classify", GATEWAY)]),
    ("reply", [("pos_reply_init", GATEWAY), ("pos_session_turn", GATEWAY)]),
    ("reply", [("memcpy", LIBC), ("pos_frame_begin", GATEWAY)]),
    ("session and its checks", [("pos_session_turn", GATEWAY), ("end_turn", GATEWAY)]),
    ("not known", [("memcpy", LIBC), ("start_thread", LIBC)]),
]


def make_tree(folder):
    """A tree with the tool and a gateway of the functions above."""
    os.makedirs(os.path.join(folder, "tools"))
    shutil.copy(os.path.join(ROOT, "tools", "profile"), os.path.join(folder, "tools", "profile"))
    program = "int main(void) { return 0; }\n"
    for path, functions in PLACES.items():
        for function in functions:
            program += '#line 1 "%s/%s"\nvoid %s(void); void %s(void) {}\n' % (folder, path, function, function)
    subprocess.run(["cc", "-g", "-x", "c", "-", "-o", os.path.join(folder, "posgate-gateway")],
                   input=program, text=True, check=True)


def samples_text(samples):
    text = ""
    for _, stack in samples:
        text += "  4711 \n" + "".join("\t    7f00 %s (%s)\n" % frame for frame in stack) + "\n"
    return text


def run(folder, *options, path=None):
    environment = dict(os.environ, PATH=path) if path is not None else None
    return subprocess.run([sys.executable, os.path.join(folder, "tools", "profile"), "--bin", folder, *options],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False, env=environment)


def check_parts(folder):
    path = os.path.join(folder, "samples")
    for part, stack in SAMPLES:
        with open(path, "w", encoding="utf-8") as file:
            file.write(samples_text([(part, stack)]))
        told = run(folder, "--samples", path).stdout
        expect("| %s | 100.0 %% | 1.00 |" % part in told, "%s in %s is of '%s'" % (*stack[0], part), told)


def check_shares(folder):
    path = os.path.join(folder, "samples")
    with open(path, "w", encoding="utf-8") as file:
        file.write(samples_text([SAMPLES[0]] * 3 + [SAMPLES[5]]))
    told = run(folder, "--samples", path, "--functions", "1").stdout
    expect("| system calls: read | 75.0 % | 0.75 |" in told, "shares add up", told)
    expect("| look-up: RocksDB | 25.0 % | 0.25 |" in told, "of all of them", told)
    expect(re.search(r"75.00 % +0.75 us +system calls: read +tcp_recvmsg", told), "the first function", told)
    with open(path, "w", encoding="utf-8") as file:
        file.write("")
    expect(run(folder, "--samples", path).returncode == 1, "no samples is no profile")


def check_skip(folder):
    tools = os.path.join(folder, "only-nm")
    os.makedirs(tools)
    os.symlink(shutil.which("nm"), os.path.join(tools, "nm"))
    ended = run(folder, path=tools)
    expect(ended.returncode == 77 and "perf is missing" in ended.stderr, "it skips without perf", ended)


def main():
    with tempfile.TemporaryDirectory() as folder:
        folder = os.path.realpath(folder)
        make_tree(folder)
        check_parts(folder)
        check_shares(folder)
        check_skip(folder)
    done()


main()
