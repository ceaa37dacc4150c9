"""A gateway whose security module is a SoftHSM token: terminals of every algorithm that it serves go all
the way, with PINs and MACs to the host, their MAC keys are fetched once, attackers make it fetch and
get nothing, and it stops in order. What needs the token is done beside the event loops."""
import json

from common import Listener, done, expect, scheme, skip
from softhsm import (absent, make_token, serve_from_token, write_credential,
                     write_keymgmt_settings)

URI = "pkcs11:token=serving"
KINDS = (("A256", None, "AES"), ("A128", None, "AAS"), ("T2", "60", "TDS"), ("T3", "40", "TRI"))
STEPS = "register,sign-on,authenticate,sale,sign-on,authenticate,sale"


def prepare_token(whole):
    make_token(whole, "serving")
    write_credential(whole)
    write_keymgmt_settings(whole, URI)
    serve_from_token(whole, URI, "threads = 3; ")
    whole.keymgmt("init", "--single-operator")
    whole.keymgmt("ceremony", "lmk")


def set_up(whole):
    prepare_token(whole)
    whole.listeners = [Listener(), Listener(dialect="cup"), Listener(dialect="cup", mac="cup-ecb")]
    whole.init_mother("MPOS0001")
    for algorithm, form, _ in KINDS:
        whole.generate(4, alg=algorithm, form=form)
    zpk = whole.init_link_key("zpk", "HOST1", "T2")
    zak = whole.init_link_key("zak", "HOST1", "A128")
    whole.host_settings = 'pin_key = "HOST1"; mac_key = "HOST1";'
    whole.start_mother("MPOS0001")
    for batch, (_, _, prefix) in enumerate(KINDS, 1):
        whole.load("MPOS0001", whole.export(batch, "MPOS0001"))
        whole.terminals("--steps", "key", "--count", "4", "--serial-prefix", prefix,
                        mother="MPOS0001", store=prefix)
    whole.start_host("--zpk-file", zpk, "--zak-file", zak, "--tell-pin", whole.path("told-pins"))
    whole.start_gateway()
    whole.wait_for_host()


def go(whole, steps, prefix, *options, listener=0, name=""):
    summary = whole.terminals("--steps", steps, "--count", "4", "--serial-prefix", prefix, *options,
                              listener=listener, store=prefix, codes=(0, 1))
    expect(summary["completed"] == 4, name, json.dumps(summary)[:600])


def operations(whole, verb, outcome):
    return whole.metrics()['posgate_module_operations_total{verb="%s",outcome="%s"}' % (verb, outcome)]


def told_pins(whole):
    with open(whole.path("told-pins"), encoding="ascii") as file:
        return file.read()


def serve(whole):
    for algorithm, _, prefix in KINDS:
        listener = 1 if algorithm == "T3" else 0
        go(whole, STEPS, prefix, "--pin", "4711", listener=listener,
           name="terminals of %s go all the way" % algorithm)
    expect(told_pins(whole).count("4711") == 4 * 2 * len(KINDS), "the host was told each PIN",
           told_pins(whole).count("4711"))
    expect(operations(whole, "translate-pin", "done") == 4 * 2 * len(KINDS), "by the token")
    expect(whole.metrics()["posgate_strongroom_threads"] == 3, "three threads wait for it")
    fetched = operations(whole, "fetch-mac-key", "done")
    expect(fetched >= 3 * 4 * len(KINDS), "each K_reg and TAK was fetched", fetched)
    for _ in range(3):
        go(whole, "authenticate,sale", "AES", name="and goes on")
    again = operations(whole, "fetch-mac-key", "done") - fetched
    # each loop fetches for itself, once, and one of them had fetched before
    loops = whole.ctl("status")["loops"]
    expect(again <= 4 * (loops - 1), "and the next time it was there", (again, loops))
    # a new pair under UnionPay's MAC is for those who have shown no more than that
    summary = whole.terminals("--steps", "sale", "--count", "1", "--serial-prefix", "TRI",
                              "--cup-ecb", "--expect", "A0", listener=2, store="TRI", codes=(0, 1))
    expect(summary["completed"] == 1, "a proved key is refused where MACs are ECB", summary)


def refuse(whole):
    accepted = operations(whole, "translate-pin", "done")
    summary = whole.terminals("--steps", "sale", "--count", "1", "--serial-prefix", "AES", "--pin",
                              "4711", "--corrupt-pin", "--expect", "99", store="AES", codes=(0, 1))
    expect(summary["completed"] == 1, "a damaged PIN block is 99", summary)
    expect(operations(whole, "translate-pin", "refused") == 1 and
           operations(whole, "translate-pin", "done") == accepted, "the token said so")
    for steps in ("register", "sign-on", "authenticate"):
        summary = whole.terminals("--steps", steps, "--count", "1", "--serial-prefix", "AES",
                                  "--corrupt-mac", "--expect", "A0", store="AES", codes=(0, 1))
        expect(summary["completed"] == 1, "a bad MAC to %s is A0" % steps, summary)
    expect(operations(whole, "verify-mac", "failed") == 0 and
           operations(whole, "fetch-mac-key", "failed") == 0, "and nothing failed")


def main():
    if absent():
        skip("a gateway with a token", "SoftHSM is not installed")
        return done()
    with scheme() as whole:
        set_up(whole)
        serve(whole)
        refuse(whole)
        expect(whole.stop("gateway") == 0, "it stops in order")
        whole.start_gateway()
        whole.wait_for_host()
        go(whole, "authenticate,sale", "TDS", "--pin", "4711", name="it starts with keys to fetch")
        expect(whole.stop("gateway") == 0, "and stops again")
    return done()


main()
