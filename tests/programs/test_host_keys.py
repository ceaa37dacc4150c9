"""The keys of a host link over a real link: the gateway does not start without those that it is told to
use, a host with another ZAK is not believed, and one without any either; with the right one all is
well again."""
import os
import subprocess

from common import done, expect, scheme


def set_up(whole):
    whole.init_keys(2)
    whole.init_mother("MPOS0001")
    whole.generate(5)
    right = whole.init_link_key("zak", "HOST1", "T3")
    wrong = whole.init_link_key("zak", "HOST2", "T3")
    whole.zpk = whole.init_link_key("zpk", "HOST1", "A128")
    whole.start_mother("MPOS0001")
    whole.load("MPOS0001", whole.export(1, "MPOS0001"))
    whole.terminals("--steps", "key", "--count", "5", mother="MPOS0001")
    return right, wrong


def check(whole, settings, code, said):
    whole.host_settings = settings
    conf = whole.write_gateway_settings()
    ran = subprocess.run([whole.program("posgate-gateway"), "--check", "-c", conf],
                         capture_output=True, text=True, check=False)
    expect(ran.returncode == code and said in ran.stderr, "%s: %s" % (settings, said or "good"),
           (ran.returncode, ran.stderr))


def sell(whole, code, name, *options):
    summary = whole.terminals("--steps", "sale", "--count", "5", "--expect", code, *options,
                              codes=(0, 1))
    expect(summary["completed"] == 5, name, summary)


def host_with(whole, *options):
    whole.stop("host")
    whole.wait_for_host(up=False)
    whole.start_host(*options)
    whole.wait_for_host()


def bad_macs(whole):
    return whole.metrics()["posgate_host_replies_bad_mac_total"]


def expect_bad_macs(whole, count):
    """One for each sale; the last may come when its terminal has its answer already."""
    whole.wait_for(lambda: bad_macs(whole) >= count, "the last of %d replies" % count)
    expect(bad_macs(whole) == count, "which is counted", bad_macs(whole))


def main():
    with scheme() as whole:
        right, wrong = set_up(whole)
        whole.host_patience_ms = 6000  # for replies that never count
        check(whole, 'pin_key = "OTHER";', 78, "posgate-keymgmt ceremony zpk --name OTHER")
        check(whole, 'mac_key = "OTHER";', 78, "posgate-keymgmt ceremony zak --name OTHER")
        check(whole, 'pin_key = "HOST1"; pin_format = "0";', 78, "formats 0 and 3 are for TDES keys")
        check(whole, 'pin_key = "HOST1"; mac_key = "HOST1";', 0, "")
        whole.start_host("--zpk-file", whole.zpk, "--zak-file", right, "--tell-pin",
                         whole.path("told"))
        whole.start_gateway()
        whole.wait_for_host()
        summary = whole.terminals("--steps", "register,sign-on,authenticate,sale", "--count", "5",
                                  "--pin", "123456")
        expect(summary["completed"] == 5, "the same ZAK on both sides", summary)
        with open(whole.path("told"), encoding="ascii") as told:
            expect(told.read().count("123456") == 5, "and the same ZPK, of AES")
        expect(bad_macs(whole) == 0, "each reply had its MAC")

        host_with(whole, "--zak-file", wrong)
        sell(whole, "68", "a host with another ZAK is not believed")
        expect_bad_macs(whole, 5)
        expect("host-bad-mac" in whole.tail("gateway"), "and logged")

        host_with(whole)
        sell(whole, "68", "nor is one whose replies have no MAC")
        expect_bad_macs(whole, 10)

        host_with(whole, "--zak-file", right, "--zpk-file", whole.zpk)
        sell(whole, "00", "with the right one all is well again", "--pin", "9876")
        expect(bad_macs(whole) == 10, "and nothing is dropped")
        expect(whole.stop("gateway") == 0, "the gateway ends well")
        expect(os.path.exists(whole.path("host.ledger")), "the host kept account")
    return done()


main()
