"""What terminals of TDES and SM4 need besides key blocks, for the worked examples of docs/protocol.md:
UnionPay's forms of working keys, MACs under TDES keys, PIN blocks. By hand, with python3-cryptography
alone; each function gives the rows of a listing, (name, value)."""
import warnings

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

warnings.simplefilter("ignore")


def ecb(algorithm, key, data, encrypt=True):
    cipher = Cipher(algorithm(key), modes.ECB())
    context = cipher.encryptor() if encrypt else cipher.decryptor()
    return context.update(data) + context.finalize()


def des(key, block, encrypt=True):
    return ecb(algorithms.TripleDES, key * 3 if len(key) == 8 else key, block, encrypt)


def xor(a, b):
    return bytes(x ^ y for x, y in zip(a, b))


def hexed(data):
    return data.hex().upper()


# ---- forms ----


def part(algorithm, tmk, key, zeros=0):
    """A key, zero bytes that fill it up, and four bytes of its check value."""
    size = algorithm.block_size // 8
    whole = key * 2 if len(key) == 8 else key
    check = ecb(algorithm, whole, bytes(size))[:4]
    return ecb(algorithm, tmk, key), bytes(zeros), check


def form_rows(algorithm, tmk, keys):
    """`keys`: (name, key, zero bytes behind it)."""
    rows, form = [("TMK", hexed(tmk))], b""
    for name, key, zeros in keys:
        encrypted, filler, check = part(algorithm, tmk, key, zeros)
        rows += [(name, hexed(key)), ("encrypted", hexed(encrypted)), ("zeros encrypted", hexed(check))]
        form += encrypted + filler + check
    return rows + [("form", hexed(form))]


# ---- MACs under TDES keys ----


def padded(data):
    return data + bytes(-len(data) % 8)


def retail_mac_rows(key, data):
    chain = bytes(8)
    for at in range(0, len(padded(data)), 8):
        chain = des(key[:8], xor(chain, padded(data)[at:at + 8]))
    mac = des(key[:8], des(key[8:], chain, encrypt=False))
    return [("TAK", hexed(key)), ("bytes covered", hexed(data)), ("CBC, left half", hexed(chain)),
            ("retail MAC", hexed(mac))]


def ecb_mac_rows(key, data):
    total = bytes(8)
    for at in range(0, len(padded(data)), 8):
        total = xor(total, padded(data)[at:at + 8])
    spelled = hexed(total).encode()
    first = des(key, spelled[:8])
    second = des(key, xor(first, spelled[8:]))
    return [("TAK", hexed(key)), ("bytes covered", hexed(data)), ("XOR of all blocks", hexed(total)),
            ("spelled", hexed(spelled)), ("first 8 encrypted", hexed(first)),
            ("XOR last 8, encrypted", hexed(second)),
            ("ECB MAC", hexed(hexed(second).encode()[:8]))]


# ---- PIN blocks ----


def pin_field(pin, form, filler):
    return bytes.fromhex(("%d%X%s" % (form, len(pin), pin)).ljust(16, filler))


def pin_block_0_rows(key, pin, pan):
    field, pan_field = pin_field(pin, 0, "F"), bytes.fromhex("0000" + pan[-13:-1].rjust(12, "0"))
    return [("TPK", hexed(key)), ("PIN", pin), ("PAN", pan), ("PIN field", hexed(field)),
            ("PAN field", hexed(pan_field)), ("XOR", hexed(xor(field, pan_field))),
            ("PIN block", hexed(des(key, xor(field, pan_field))))]


def pin_block_4_rows(key, pin, pan, random):
    field = pin_field(pin, 4, "A") + random
    above = max(len(pan) - 12, 0)
    pan_field = bytes.fromhex(("%d%s" % (above, pan.rjust(12, "0"))).ljust(32, "0"))
    first = ecb(algorithms.AES, key, field)
    block = ecb(algorithms.AES, key, xor(first, pan_field))
    return [("TPK", hexed(key)), ("PIN", pin), ("PAN", pan), ("PIN field", hexed(field)),
            ("PAN field", hexed(pan_field)), ("PIN field encrypted", hexed(first)),
            ("PIN block", hexed(block)), ("field 59", "A1032" + hexed(block))]


# ---- known answers ----


def check_known_answers():
    """Published sign-on keys and ECB MAC: tests/vectors/unionpay.json."""
    tmk = bytes.fromhex("CA5D92598DCA48CE8A4C76361A9269E9")
    keys = [("TPK", bytes.fromhex("807A23AD32B36D457AE91FDF927570EA"), 0),
            ("TAK", bytes.fromhex("5BB5C72CD00B7338"), 8)]
    assert form_rows(algorithms.TripleDES, tmk, keys)[-1][1] == (
        "6701EAD6A9AD51E51AA406E2C27FCFA98D0A74B8B651F9E9BACE9AE10000000000000000AB7153CA")
    encrypted, _, check = part(algorithms.SM4, bytes.fromhex("1234567890ABCDEFABCDEF0987654321"),
                               bytes.fromhex("F351D490994603795C6EBEE8FAEBB481"))
    assert hexed(encrypted + check) == "3D66234C49E4296FF9C78D8BACBD6A76861E83E3"
    data = bytes.fromhex(
        "0200302004C020C0981100000000000000005100183402100006324392260009942820D131210112008439313636"
        "3838303134303030303030303030303030303031313536ACF46E73838A82F92600000000000000000822000001")
    assert ecb_mac_rows(bytes.fromhex("C24A8FB57AA20123"), data)[-1][1] == hexed(b"8A9E91B8")
