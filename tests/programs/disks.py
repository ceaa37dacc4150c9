"""Disks of a test's own: a small one that can be filled and grown, and one whose power can be cut.

Both are mounts, in a mount namespace that ends with the test, and so need root. A test begins with
own_mounts(); when that gives a reason, the disks are not to be had, and the reason belongs into a
skip."""
import ctypes
import fcntl
import os
import re
import struct
import subprocess
import time

MIB = 1 << 20


def own_mounts():
    """Gives this process mounts that nobody else sees; returns None, or why it cannot."""
    if os.geteuid() != 0:
        return "mounting needs root"
    libc = ctypes.CDLL(None, use_errno=True)
    new_mounts = 0x00020000
    if libc.unshare(new_mounts) != 0:
        return "no mount namespace: " + os.strerror(ctypes.get_errno())
    try:
        run("mount", "--make-rprivate", "/")
    except OSError as error:
        return str(error)
    return None


def run(*words):
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          check=False)
    if done.returncode != 0:
        raise OSError("%s: %s" % (" ".join(words), done.stderr.strip()))
    return done.stdout


class SmallDisk:
    """A tmpfs of `size` bytes."""

    def __init__(self, folder, size):
        self.folder = folder
        os.makedirs(folder, exist_ok=True)
        run("mount", "-t", "tmpfs", "-o", "mode=0700,size=%d" % size, "none", folder)

    def free(self):
        facts = os.statvfs(self.folder)
        return facts.f_bavail * facts.f_frsize

    def fill(self, leave=0):
        """Takes up all room but `leave` bytes."""
        with open(os.path.join(self.folder, "filler"), "ab") as file:
            size = self.free() - leave
            if size > 0:
                os.posix_fallocate(file.fileno(), os.path.getsize(file.name), size)

    def empty(self):
        os.unlink(os.path.join(self.folder, "filler"))

    def grow(self, size):
        run("mount", "-o", "remount,size=%d" % size, self.folder)

    def unmount(self):
        run("umount", self.folder)


class PowerDisk:
    """An ext4 in a file. cut() is what a power cut is to a file system: what was not on the disk
    before is not there after, and everything fails until it is mounted again."""
    SHUTDOWN = 0x8004587D  # EXT4_IOC_SHUTDOWN
    WITHOUT_FLUSH = 2      # EXT4_GOING_FLAGS_NOLOGFLUSH

    def __init__(self, image, folder, size):
        self.image, self.folder = image, folder
        with open(image, "wb") as file:
            file.truncate(size)
        run("mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0", image)
        os.makedirs(folder, exist_ok=True)
        self.mount()

    def mount(self):
        """Another test may take the loop device that was free."""
        def try_it():
            make_loop_device()
            run("mount", "-o", "loop", self.image, self.folder)
        persist(try_it, 3)

    def cut(self):
        top = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.ioctl(top, self.SHUTDOWN, struct.pack("I", self.WITHOUT_FLUSH))
        finally:
            os.close(top)

    def unmount(self):
        """Whoever had files open may need a moment to be gone."""
        persist(lambda: run("umount", self.folder), 60)


def persist(action, seconds):
    """Tries again for so long."""
    until = time.monotonic() + seconds
    while True:
        try:
            action()
            return
        except OSError:
            if time.monotonic() > until:
                raise
        time.sleep(0.1)


def make_loop_device():
    """In a container the next free loop device may have no name yet."""
    found = run("losetup", "-f").strip()
    number = re.fullmatch(r"/dev/loop(\d+)", found)
    if not number or os.path.exists(found):
        return
    try:
        run("mknod", found, "b", "7", number.group(1))
    except OSError:
        if not os.path.exists(found):  # else another test made it
            raise
