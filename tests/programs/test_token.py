"""Key management with its LMK on a SoftHSM token: what it refuses before and after the ceremony, what
others can and cannot do with the LMK, and that check values and CMACs are those that `openssl` and
pkcs11-tool make with the same keys. (A gateway that serves from a token: test_token_gateway.py; the
rotation of its LMK: test_rotate.py.)"""
import json
import os
import re
import secrets
import shutil
import subprocess
import sys

from common import BIN, done, expect, scheme, skip
from softhsm import (MODULE, PIN, absent, make_token, pkcs11_tool, serve_from_token,
                     write_credential, write_keymgmt_settings)

LABEL, URI = "room", "pkcs11:token=room"
SIZES = {"T2": 16, "T3": 24, "A128": 16, "A256": 32}
INDICATORS = {"T2": 0, "T3": 1, "A128": 2, "A256": 4}


# ---- openssl, by its command line ----

def openssl(*words, data):
    return subprocess.run(["openssl", *words], input=data, stdout=subprocess.PIPE, check=True,
                          timeout=60).stdout


def three_keys(key):
    return key + key[:8] if len(key) == 16 else key


def openssl_cmac(alg, key, data):
    is_aes = alg[0] == "A"
    cipher = "AES-%d-CBC" % (8 * len(key)) if is_aes else "DES-EDE3-CBC"
    key = key if is_aes else three_keys(key)
    out = openssl("mac", "-cipher", cipher, "-macopt", "hexkey:" + key.hex(), "-in", "-", "CMAC",
                  data=data)
    return bytes.fromhex(out.decode().strip())


def openssl_kcv(alg, key):
    if alg[0] == "A":
        return "CMAC:" + openssl_cmac(alg, key, bytes(16))[:5].hex().upper()
    block = openssl("enc", "-des-ede3-cbc", "-nopad", "-iv", "00" * 8, "-K", three_keys(key).hex(),
                    data=bytes(8))
    return "ZERO:" + block[:3].hex().upper()


def derive(alg, usage, cmac):
    """As docs/protocol.md derives keys, with any CMAC."""
    size, block, done_so_far = SIZES[alg], 16 if alg[0] == "A" else 8, b""
    for counter in range(1, (size + block - 1) // block + 1):
        done_so_far += cmac(bytes([counter]) + usage.to_bytes(2, "big") + b"\0" +
                            INDICATORS[alg].to_bytes(2, "big") + (8 * size).to_bytes(2, "big"))
    return done_so_far[:size]


# ---- pkcs11-tool, which encrypts blocks with a key of the token and has no CMAC ----

def tool_encrypt(whole, key_id, block):
    source, target = whole.path("tool.in"), whole.path("tool.out")
    with open(source, "wb") as file:
        file.write(block)
    pkcs11_tool(LABEL, "--encrypt", "--mechanism", "AES-ECB", "--id", key_id, "-i", source,
                "-o", target)
    with open(target, "rb") as file:
        return file.read()


def double(block):
    number = int.from_bytes(block, "big") << 1
    return (number & (1 << 128) - 1 ^ (0x87 if number >> 128 else 0)).to_bytes(16, "big")


def tool_cmac(whole, key_id, data):
    """RFC 4493 of one block at the most."""
    subkey = double(tool_encrypt(whole, key_id, bytes(16)))
    if len(data) < 16:
        subkey, data = double(subkey), (data + b"\x80").ljust(16, b"\0")
    return tool_encrypt(whole, key_id, bytes(a ^ b for a, b in zip(data, subkey)))


# ---- asking key management ----

def ask(whole, *words):
    """Exit code, answer, complaint."""
    asked = subprocess.run([whole.program("posgate-keymgmt"), "--home", whole.path("keys"), *words],
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120,
                           check=False)
    return asked.returncode, asked.stdout, asked.stderr


def refused(whole, name, code, text, *words):
    ended, out, said = ask(whole, *words)
    expect(ended == code and text in said and out == "", name, (ended, out, said))
    expect(PIN not in said, name + ": the PIN is not shown")


def before_the_ceremony(whole):
    write_credential(whole)
    write_keymgmt_settings(whole, URI)
    whole.keymgmt("init", "--single-operator")
    refused(whole, "no LMK yet", 69, "ceremony lmk", "generate", "--count", "1")
    refused(whole, "components for a token", 2, "no components", "ceremony", "lmk", "--component",
            "x")
    write_credential(whole, "12345678")
    refused(whole, "another PIN", 77, "refuses the PIN", "ceremony", "lmk")
    write_credential(whole)
    for name, uri, module, code, text in (
            ("another token", "pkcs11:token=else", MODULE, 69, "no initialised token"),
            ("no URI", "room", MODULE, 78, "not a PKCS#11 URI"),
            ("a PIN in the settings", URI + "?pin-value=" + PIN, MODULE, 78, "holds a PIN"),
            ("no library", URI, "/nowhere/x.so", 69, "/nowhere/x.so"),
            ("no library named", URI, "", 78, "security_module.module")):
        write_keymgmt_settings(whole, uri, module)
        refused(whole, name, code, text, "ceremony", "lmk")
    write_keymgmt_settings(whole, URI)
    listed = pkcs11_tool(LABEL, "--list-objects").decode()
    expect(listed.strip() == "", "none of it put anything on the token", listed)


def ceremony(whole):
    answer = json.loads(whole.keymgmt("ceremony", "lmk", "--json"))
    expect(answer["key"] == "LMK" and "inside" in answer["made"] and
           answer["module"].startswith('PKCS#11 token "room"'), "made inside", answer)
    refused(whole, "a second LMK", 1, "already", "ceremony", "lmk")
    refused(whole, "SM4 on a token that has none", 77, "SM4", "generate", "--count", "1", "--alg",
            "SM4")
    shown = whole.keymgmt("audit", "show")
    expect(re.search(r"ceremony-lmk +done +LMK algorithm=A256 made=on-token label=posgate-lmk "
                     r"kcv=" + re.escape(answer["kcv"]), shown) is not None, "it is on record",
           shown)


# ---- what others can do with the LMK ----

def look_at_lmk(whole):
    listed = pkcs11_tool(LABEL, "--list-objects").decode()
    keys = re.findall(r"label: +(\S+).*?Access: +(.*?)$", listed, re.DOTALL | re.MULTILINE)
    kept = "sensitive, always sensitive, never extractable, local"
    expect(sorted(keys) == [("posgate-lmk", kept), ("posgate-lmk-audit", kept)],
           "two keys that never leave", listed)
    for label in ("posgate-lmk", "posgate-lmk-audit"):
        key_id = label.encode().hex()
        said = pkcs11_tool(LABEL, "--read-object", "--type", "secrkey", "--id", key_id, "-o",
                           whole.path("stolen"), good=False)
        expect("CKR_ATTRIBUTE_SENSITIVE" in said or "sensitive" in said.lower(),
               label + " cannot be read", said)
        with open(whole.path("z"), "wb") as file:
            file.write(bytes(16))
        said = pkcs11_tool(LABEL, "--encrypt", "--mechanism", "AES-ECB", "--id", key_id, "-i",
                           whole.path("z"), "-o", whole.path("stolen"), good=False)
        expect("CKR_KEY_FUNCTION_NOT_PERMITTED" in said, label + " does not encrypt", said)
    stolen = whole.path("stolen")
    expect(not os.path.exists(stolen) or os.path.getsize(stolen) == 0, "nothing came out")


# ---- check values and CMACs ----

def known_key(whole, name, alg):
    """Component files of a key that the test knows."""
    key, first = secrets.token_bytes(SIZES[alg]), secrets.token_bytes(SIZES[alg])
    parts = []
    for i, part in enumerate((first, bytes(a ^ b for a, b in zip(first, key)))):
        parts.append(whole.path("%s-%d.hex" % (name, i)))
        with open(os.open(parts[-1], os.O_WRONLY | os.O_CREAT, 0o600), "w",
                  encoding="ascii") as file:
            file.write(part.hex().upper() + "\n")
    return key, whole.component_options(parts) + ["--custodian", "a", "--custodian", "b"]


def lay_aside(whole, key, key_id):
    """A copy of a key that we know on the token, for pkcs11-tool."""
    path = whole.path("known.key")
    with open(path, "wb") as file:
        file.write(key)
    pkcs11_tool(LABEL, "--write-object", path, "--type", "secrkey", "--key-type",
                "AES:%d" % len(key), "--label", "known-" + key_id, "--id", key_id)


def check_ktk(whole, number, alg):
    name = "MPOS000%d" % number
    key, options = known_key(whole, name, alg)
    answer = json.loads(whole.keymgmt("ceremony", "ktk", "--name", name, "--alg", alg, "--json",
                                      *options))
    expect(answer["kcv"] == openssl_kcv(alg, key), "openssl agrees on the KCV of a KTK of " + alg,
           (answer["kcv"], openssl_kcv(alg, key)))
    whole.generate(1, alg=alg)
    with open(whole.export(number, name), "rb") as file:
        content = file.read()
    begin = content.index(b"#END|")
    trailer = re.fullmatch(rb"#END\|1\|CMAC:([0-9A-F]{16,32})\n", content[begin:]).group(1)
    file_key = derive(alg, 0x8002, lambda data: openssl_cmac(alg, key, data))
    right = openssl_cmac(alg, file_key, content[:begin]).hex().upper().ljust(32, "0")
    expect(trailer.decode() == right, "openssl agrees on the CMACs under a KTK of " + alg,
           (trailer, right))
    if alg[0] != "A":
        return
    key_id = "0%d" % number
    lay_aside(whole, key, key_id)
    by_tool = "CMAC:" + tool_cmac(whole, key_id, bytes(16))[:5].hex().upper()
    expect(answer["kcv"] == by_tool, "pkcs11-tool agrees on the KCV of a KTK of " + alg,
           (answer["kcv"], by_tool))
    expect(derive(alg, 0x8002, lambda data: tool_cmac(whole, key_id, data)) == file_key,
           "and on the CMACs by which keys are derived from " + alg)


def check_at_rest(whole, index, what, kcv, key_id):
    """The value in the database is an AES key wrap that the LMK opens, for who has the PIN, and the key
    in it has the check value that key management shows."""
    os.makedirs(whole.path("scratch"), exist_ok=True)
    values = whole.run(os.path.join(BIN, "key_values"), "library", whole.path("keys", "library"),
                       whole.path("scratch"))
    shutil.rmtree(whole.path("scratch"))
    value = bytes.fromhex(re.search(r"^%08d %s (\S+)$" % (index, what), values, re.M).group(1))
    with open(whole.path("wrapped"), "wb") as file:
        file.write(value[:-16])  # behind it the CMAC that binds usage and algorithm
    pkcs11_tool(LABEL, "--unwrap", "--mechanism", "AES-KEY-WRAP", "--id", b"posgate-lmk".hex(),
                "-i", whole.path("wrapped"), "--key-type", "AES:", "--application-id", key_id,
                "--application-label", "opened-" + key_id)
    by_tool = "CMAC:" + tool_cmac(whole, key_id, bytes(16))[:5].hex().upper()
    expect(by_tool == kcv, "pkcs11-tool agrees on the KCV of a generated " + what, (by_tool, kcv))


def check_values(whole):
    for number, alg in enumerate(SIZES, 1):
        check_ktk(whole, number, alg)
    for at, index in ((1, 3), (2, 4)):  # of A128 and A256
        shown = json.loads(whole.keymgmt("show", str(index), "--json"))
        for offset, what in enumerate(("TMK", "TPK", "TAK")):
            check_at_rest(whole, index, what, shown[what.lower() + "_kcv"],
                          "%d%d" % (3 + at, offset))
    whole.keymgmt("check")
    verified = json.loads(whole.keymgmt("audit", "verify", "--json"))
    expect(verified["chain"] == "intact" and verified["macs"] == "checked",
           "the token's MACs of the audit records verify", verified)


# ---- a gateway that cannot open it ----

def check_gateway(whole):
    def opens(code, text, name):
        conf = whole.write_gateway_settings()
        asked = subprocess.run([whole.program("posgate-gateway"), "-c", conf, "--check"],
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                               timeout=60, check=False)
        expect(asked.returncode == code and text in asked.stdout, name,
               (asked.returncode, asked.stdout))

    serve_from_token(whole, URI)
    opens(0, "good", "a gateway opens the token")
    write_credential(whole, "12345678")
    opens(77, "refuses the PIN", "but not with another PIN")
    write_credential(whole)
    serve_from_token(whole, "pkcs11:token=else")
    opens(69, "no initialised token", "nor another token")
    serve_from_token(whole, URI, 'lmk_label = "other-lmk"; ')
    opens(69, "ceremony lmk", "nor one without its LMK")


def main():
    if absent() or shutil.which("pkcs11-tool") is None:
        skip("key management on a token", "SoftHSM or OpenSC is not installed")
        return done()
    with scheme() as whole:
        make_token(whole, LABEL)
        before_the_ceremony(whole)
        ceremony(whole)
        look_at_lmk(whole)
        check_values(whole)
        check_gateway(whole)
    return done()


sys.exit(main())
