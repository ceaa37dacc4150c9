"""The whole scheme as a test or the demo drives it: real programs, real files, loopback.

A Scheme owns one folder and the processes it started; leaving its `with` block ends them by their
process ids. Nothing here knows how the programs work inside: only their commands, ports and logs.
"""
import contextlib
import json
import os
import random
import re
import signal
import socket
import subprocess
import time
import urllib.request

# How long the slowest machine may take for what a quiet one does in moments: nobody waits longer than
# for what he waits for.
READY_SECONDS = STOP_SECONDS = WAIT_SECONDS = 60
HOST_PATIENCE_MS = 20000      # of the gateway, for the host's reply
TERMINAL_PATIENCE_MS = 40000  # of a terminal, longer than that


class SchemeError(Exception):
    """A program that did not do what the scheme needs; the text says which and why."""


CLAIMS = []  # sockets that hold the names of this process's ports until it ends


def free_port():
    """A TCP port of 127.0.0.1 that nothing listens on now and no other scheme will be given while
    this process lives: a name of the kernel's says whose it is. Drawn below the range from which the
    kernel takes ports for clients, and at random."""
    draw = random.SystemRandom()
    while True:
        port = draw.randrange(15000, 32000)
        claim = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with socket.socket() as probe:
            try:
                claim.bind("\0posgate-scheme-port-%d" % port)
                probe.bind(("127.0.0.1", port))
            except OSError:
                claim.close()
                continue
        CLAIMS.append(claim)
        return port


def can_connect(port):
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Listener:
    """One of the gateway's doors."""

    def __init__(self, registration="proof", authentication="mac", dialect="iso87b",
                 sign_on_mac="required", mac="iso"):
        self.port = free_port()
        self.registration = registration
        self.authentication = authentication
        self.dialect = dialect
        self.sign_on_mac = sign_on_mac
        self.mac = mac

    def settings(self):
        return ('    { address = "127.0.0.1"; port = %d; dialect = "%s"; registration = "%s"; '
                'authentication = "%s"; sign_on_mac = "%s"; mac = "%s"; }'
                % (self.port, self.dialect, self.registration, self.authentication,
                   self.sign_on_mac, self.mac))


class Scheme:
    def __init__(self, bin_folder, folder):
        self.bin = os.path.abspath(bin_folder)
        self.folder = os.path.abspath(folder)
        self.processes = {}
        self.logs = {}
        self.host_port = free_port()
        self.host_dialect = "iso87b"
        self.host_settings = ""  # further settings of the link to it, as text
        self.host_patience_ms = HOST_PATIENCE_MS
        self.follow_interval_ms = 200
        self.metrics_port = free_port()
        self.mother_ports = {}
        self.listeners = [Listener()]
        self.extra = ""  # further settings, as text
        self.loops = 0
        self.cache_mb = 64
        self.ballast_mb = self.low_water_mb = 8  # a test needs little room
        os.makedirs(self.folder, exist_ok=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.ExitStack() as last:  # one that does not end keeps none of the others
            for name in self.processes:
                last.callback(self.stop, name)

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    # ---- processes ----

    def program(self, name):
        return os.path.join(self.bin, name)

    def run(self, *words, codes=(0,), stdin=None, timeout=300):
        """Runs a command to its end; returns its standard output."""
        done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              input=stdin, timeout=timeout, check=False)
        if done.returncode not in codes:
            raise SchemeError("%s ended with %d\n%s%s" % (" ".join(words), done.returncode,
                                                         done.stdout, done.stderr))
        return done.stdout

    def start(self, name, *words, port=None, prefix=(), ready=None):
        """Starts a server; waits until its port takes connections (or its log says `ready`)."""
        log = self.path(name + ".log")
        with open(log, "ab") as err, open(self.path(name + ".out"), "ab") as out:
            begin = os.path.getsize(log)
            process = subprocess.Popen(list(prefix) + list(words), stdin=subprocess.DEVNULL,
                                       stdout=out, stderr=err)
        self.processes[name] = process
        self.logs[name] = log
        until = time.monotonic() + READY_SECONDS
        while time.monotonic() < until:
            if process.poll() is not None:
                del self.processes[name]
                raise SchemeError("%s ended at once with %d: %s" % (name, process.returncode,
                                                                   self.tail(name, begin)))
            if ready is not None and re.search(ready, self.tail(name, begin)):
                return process
            if ready is None and can_connect(port):
                return process
            time.sleep(0.02)
        raise SchemeError("%s was not ready within %d s: %s" % (name, READY_SECONDS,
                                                               self.tail(name, begin)))

    def tail(self, name, begin=0):
        with open(self.logs[name], "rb") as log:
            log.seek(begin)
            return log.read().decode(errors="replace")

    def stop(self, name, how=signal.SIGTERM):
        """Ends a process that this scheme started; returns its exit code."""
        process = self.processes.pop(name, None)
        if process is None:
            return None
        if process.poll() is None:
            process.send_signal(how)
        try:
            return process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise SchemeError("%s did not end within %d s" % (name, STOP_SECONDS)) from None

    # ---- key management ----

    def keymgmt(self, *words, **options):
        return self.run(self.program("posgate-keymgmt"), "--home", self.path("keys"), *words,
                        **options)

    def components(self, name, count=2, alg="A256"):
        """Random components of one key; the files' paths."""
        out = self.path("components-" + name)
        self.keymgmt("ceremony", "components", "--alg", alg, "--count", str(count), "--out", out)
        return [os.path.join(out, "component-%d.hex" % (i + 1)) for i in range(count)]

    @staticmethod
    def component_options(paths, option="--component"):
        return [word for path in paths for word in (option, path)]

    def init_keys(self, count=3):
        self.keymgmt("init", "--single-operator", "--make-credential")
        parts = self.components("lmk", count)
        custodians = [word for i in range(count) for word in ("--custodian", "custodian%d" % (i + 1))]
        self.keymgmt("ceremony", "lmk", "--components", str(count),
                     *self.component_options(parts), *custodians)

    def init_mother(self, name, ktk="A256"):
        parts = self.components(name, alg=ktk)
        self.keymgmt("ceremony", "ktk", "--name", name, "--alg", ktk,
                     *self.component_options(parts), "--custodian", "carol", "--custodian", "dave")
        self.run(self.program("posgate-emulator"), "mother", "--init", "--home", self.path(name),
                 "--name", name, "--ktk-algorithm", ktk,
                 *self.component_options(parts, "--ktk-component"))
        self.mother_ports[name] = free_port()

    def init_link_key(self, usage, link, alg):
        """A "zpk" or "zak" of a host link, in the key room and in a file for the emulated host,
        which has to know it as well: one line, algorithm and key, for its owner alone."""
        parts = self.components("%s-%s" % (usage, link), alg=alg)
        self.keymgmt("ceremony", usage, "--name", link, "--alg", alg,
                     *self.component_options(parts), "--custodian", "erin", "--custodian", "frank")
        key = 0
        for part in parts:
            with open(part, encoding="ascii") as file:
                digits = file.read().strip()
            key ^= int(digits, 16)
        path = self.path("%s-%s.key" % (usage, link))
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w",
                  encoding="ascii") as file:
            file.write("%s %0*X\n" % (alg, len(digits), key))
        return path

    def generate(self, count, alg="A256", form=None):
        self.keymgmt("generate", "--count", str(count), "--alg", alg,
                     *([] if form is None else ["--form", form]))

    def export(self, batch, mother):
        out = self.path("batch-%d.keys" % batch)
        self.keymgmt("export", "--batch", str(batch), "--dest", mother, "--out", out)
        return out

    def start_mother(self, name, *options, prefix=()):
        return self.start(name, self.program("posgate-emulator"), "mother", "--home",
                          self.path(name), "--listen", "127.0.0.1:%d" % self.mother_ports[name],
                          *options, port=self.mother_ports[name], prefix=prefix)

    def load(self, mother, key_file):
        self.keymgmt("load", "--to", "127.0.0.1:%d" % self.mother_ports[mother], key_file)

    # ---- host and gateway ----

    def start_host(self, *options):
        return self.start("host", self.program("posgate-emulator"), "host", "--listen",
                          "127.0.0.1:%d" % self.host_port, "--ledger", self.path("host.ledger"),
                          "--dialect", self.host_dialect, "--json", *options, port=self.host_port)

    def write_gateway_settings(self):
        text = """listeners = (
%s
);
loops = %d;
database = { path = "%s"; cache_mb = %d; ballast_mb = %d; low_water_mb = %d; };
key_library = { path = "%s"; follow_interval_ms = %d; };
security_module = { kind = "software"; lmk_file = "%s"; credential_file = "%s"; };
upstreams = ( { name = "host"; address = "127.0.0.1"; port = %d; dialect = "%s"; %s
                reconnect_min_ms = 50; reconnect_max_ms = 200; reply_timeout_ms = %d; } );
admin = { socket = "%s"; metrics_address = "127.0.0.1"; metrics_port = %d; };
%s
""" % (",\n".join(listener.settings() for listener in self.listeners), self.loops,
       self.path("terminals-table"), self.cache_mb, self.ballast_mb, self.low_water_mb,
       self.path("keys", "library"), self.follow_interval_ms, self.path("keys", "lmk.sealed"),
       self.path("keys", "credential"), self.host_port, self.host_dialect,
       self.host_settings, self.host_patience_ms, self.path("admin.sock"),
       self.metrics_port, self.extra)
        with open(self.path("gateway.conf"), "w", encoding="ascii") as file:
            file.write(text)
        return self.path("gateway.conf")

    def start_gateway(self, *options, prefix=()):
        conf = self.write_gateway_settings()
        return self.start("gateway", self.program("posgate-gateway"), "-c", conf, *options,
                          prefix=prefix, ready=r" ready ")

    def ctl(self, *words, codes=(0,)):
        answer = self.run(self.program("posgatectl"), "--socket", self.path("admin.sock"), "--json",
                          *words, codes=codes)
        return json.loads(answer)

    def metrics(self):
        """{'posgate_x{labels}': value} of every sample."""
        address = "http://127.0.0.1:%d/metrics" % self.metrics_port
        with urllib.request.urlopen(address, timeout=WAIT_SECONDS) as answer:
            text = answer.read().decode()
        samples = {}
        for line in text.splitlines():
            if line and not line.startswith("#"):
                name, value = line.rsplit(" ", 1)
                samples[name] = float(value)
        return samples

    def wait_for(self, condition, what, seconds=WAIT_SECONDS):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if condition():
                return
            time.sleep(0.05)
        raise SchemeError("%s did not happen within %d s" % (what, seconds))

    def wait_for_host(self, up=True):
        """Each of the gateway's loops has a link of its own: all of them up, or all down."""
        loops = self.ctl("status")["loops"]
        wanted = loops if up else 0
        self.wait_for(lambda: self.metrics()["posgate_host_up"] == wanted,
                      "the host links coming %s" % ("up" if up else "down"))

    # ---- terminals ----

    def terminals(self, *options, store="terminals", listener=0, mother=None, codes=(0,)):
        """Runs terminals to their end; returns their summary."""
        words = [self.program("posgate-emulator"), "terminals", "--json", "--store",
                 self.path(store), "--gateway", "127.0.0.1:%d" % self.listeners[listener].port,
                 "--dialect", self.listeners[listener].dialect, "--timeout-ms",
                 str(TERMINAL_PATIENCE_MS)]
        if mother is not None:
            words += ["--mother", "127.0.0.1:%d" % self.mother_ports[mother]]
        out = self.run(*words, *options, codes=codes)
        return json.loads(out)
