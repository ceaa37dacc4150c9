"""A SoftHSM token in a scheme's folder, and key management and gateway that are set to use it. What a
test does without it is skipped by `absent`."""
import os
import re
import shutil
import subprocess

MODULE = "/usr/lib/softhsm/libsofthsm2.so"
PIN = "73519024"


def absent():
    return shutil.which("softhsm2-util") is None or not os.path.exists(MODULE)


def make_token(whole, label):
    """Behind this SOFTHSM2_CONF is set for all that is started from here."""
    if not os.path.exists(whole.path("tokens")):
        os.makedirs(whole.path("tokens"))
        with open(whole.path("softhsm2.conf"), "w", encoding="ascii") as file:
            file.write("directories.tokendir = %s\nlog.level = ERROR\n" % whole.path("tokens"))
        os.environ["SOFTHSM2_CONF"] = whole.path("softhsm2.conf")
    subprocess.run(["softhsm2-util", "--init-token", "--free", "--label", label, "--so-pin", PIN,
                    "--pin", PIN], check=True, stdout=subprocess.DEVNULL)


def write_credential(whole, pin=PIN):
    os.makedirs(whole.path("keys"), exist_ok=True)
    path = whole.path("keys", "credential")
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w",
              encoding="ascii") as file:
        file.write(pin + "\n")


def write_keymgmt_settings(whole, uri, module=MODULE, more=""):
    os.makedirs(whole.path("keys"), exist_ok=True)
    with open(whole.path("keys", "keymgmt.conf"), "w", encoding="ascii") as file:
        file.write('security_module = { kind = "pkcs11"; module = "%s"; token = "%s"; %s};\n'
                   % (module, uri, more))


def serve_from_token(whole, uri, more=""):
    """The gateway's settings with the token in place of the software module."""
    write = type(whole).write_gateway_settings

    def rewrite():
        path = write(whole)
        with open(path, encoding="ascii") as file:
            text = file.read()
        text, count = re.subn(
            r"security_module = \{.*?\};",
            'security_module = { kind = "pkcs11"; module = "%s"; token = "%s"; '
            'credential_file = "%s"; %s};' % (MODULE, uri, whole.path("keys", "credential"), more),
            text)
        assert count == 1
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
        return path

    whole.write_gateway_settings = rewrite


# ---- the token with other eyes ----

def pkcs11_tool(label, *words, good=True):
    """Standard output of pkcs11-tool, or, of one that must fail, what it complains of."""
    asked = subprocess.run(["pkcs11-tool", "--module", MODULE, "--token-label", label, "--login",
                            "--pin", PIN, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                           timeout=60, check=False)
    if (asked.returncode == 0) != good:
        raise AssertionError("pkcs11-tool %s ended with %d: %s" % (
            " ".join(words), asked.returncode, asked.stderr.decode(errors="replace")))
    return asked.stdout if good else asked.stderr.decode(errors="replace")
