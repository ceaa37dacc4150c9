"""The way back from the mother POS: issued, burned, and what does not fit; through the real programs."""
import os
import shutil

from common import done, expect, scheme
from keyroom import (ask_key, audit, batches, fails, findings, import_return, library_keys, mother,
                     mother_keys, states)

NAME = "MPOS0001"


def close(whole, file):
    path = whole.path(file)
    mother(whole, NAME, "--close-session", "--return-file", path)
    return path


def keep(whole, folder, copy):
    shutil.copytree(whole.path(folder), whole.path(copy))


def restore(whole, folder, copy):
    shutil.rmtree(whole.path(folder))
    shutil.copytree(whole.path(copy), whole.path(folder))


def set_up(whole):
    whole.init_keys(2)
    whole.init_mother(NAME)
    whole.generate(8)
    whole.start_mother(NAME)
    key_file = whole.export(1, NAME)
    keep(whole, "keys", "keys-exported")
    whole.load(NAME, key_file)


def hand_out(whole):
    """Two keys issued, one given to two devices of one serial, one never confirmed."""
    port = whole.mother_ports[NAME]
    whole.terminals("--steps", "key", "--count", "2", mother=NAME)
    expect(ask_key(port, "LOST0001", 1) == "00", "a key for a device that never confirms")
    expect(ask_key(port, "LOST0001", 1) == "00", "the same device gets the same answer")
    expect(ask_key(port, "LOST0001", 2) == "00", "another device of that serial gets another key")
    for device in (3, 4):
        expect(ask_key(port, "LOST0001", device) == "00", "and so on, three times")
    expect(ask_key(port, "LOST0001", 5) == "94", "and no fourth time")
    whole.stop(NAME)


def burning(whole):
    before = mother_keys(whole, NAME)
    expect([before[index][0] for index in sorted(before)] ==
           ["issued"] * 2 + ["burned"] * 3 + ["reserved"] + ["free"] * 2,
           "what was given to another device is burned at once", before)
    path = close(whole, "back.txt")
    after = mother_keys(whole, NAME)
    expect([after[index][0] for index in sorted(after)] ==
           ["issued"] * 2 + ["burned"] * 4 + ["free"] * 2,
           "what was never confirmed is burned when the session closes", after)
    whole.start_mother(NAME)
    whole.terminals("--steps", "key", "--serial", "LATE0001", mother=NAME, store="late")
    whole.stop(NAME)
    late = [index for index, row in mother_keys(whole, NAME).items() if row[1] == "LATE0001"]
    expect(late == ["00000007"], "a burned key is not offered again", late)
    return path


def importing(whole, path):
    records = len(audit(whole))
    answer = import_return(whole, path, "--dry-run")
    expect(answer["newly_issued"] == 2 and answer["newly_burned"] == 4, "a dry run says it", answer)
    expect(set(states(whole).values()) == {"loaded"} and len(audit(whole)) == records,
           "a dry run changes nothing")
    answer = import_return(whole, path)
    expect(answer["mother"] == NAME and answer["keys"] == 8 and answer["free"] == 2 and
           answer["issued"] == 2 and answer["burned"] == 4 and answer["differences"] == 0 and
           answer["newly_issued"] == 2 and answer["newly_burned"] == 4, "the import counts", answer)
    keys = library_keys(whole)
    expect(keys["00000001"] == ("issued", "EMU00001") and keys["00000002"] == ("issued", "EMU00002"),
           "issued keys have their serials", keys)
    expect(all(keys["0000000%d" % i] == ("burned", "LOST0001") for i in range(3, 7)),
           "burned keys are marked", keys)
    expect(keys["00000007"] == ("loaded", "-"), "a free key stays loaded", keys)
    words = [record["what"] for record in audit(whole)[records:]]
    expect(words == ["settle", "import-return"], "the import is recorded", words)
    again = import_return(whole, path)
    expect(again["newly_issued"] == 0 and again["newly_burned"] == 0 and again["differences"] == 0,
           "the same file again changes nothing", again)
    expect(library_keys(whole) == keys, "and no state")


def gateway(whole):
    """The serial of a return file is the only one that may register its index."""
    whole.start_gateway()
    whole.terminals("--steps", "register", "--serial", "EMU00001", "--as-serial", "CLONE001",
                    "--expect", "63")
    expect(whole.metrics()['posgate_replies_total{message="register",code="63"}'] == 1,
           "another serial with an issued key gets 63")
    whole.terminals("--steps", "register", "--serial", "EMU00001")
    expect(len(whole.ctl("terminal", "find", "EMU00001")["terminals"]) == 1,
           "the serial that it was issued to registers")
    whole.stop("gateway")


def tampering(whole, path):
    with open(path, encoding="ascii") as file:
        good = file.read()
    before, count = library_keys(whole), len(audit(whole))
    bad = whole.path("tampered.txt")
    for name, text in (("a serial", good.replace("EMU00002", "EMU00009")),
                       ("a state", good.replace("|burned|", "|issued|", 1)),
                       ("the mother POS", good.replace("MPOS0001", "MPOS0009")),
                       ("the end", good[:good.index("#END")]),
                       ("a line", good.replace(good.splitlines()[2] + "\n", ""))):
        with open(bad, "w", encoding="ascii") as file:
            file.write(text)
        said = fails(whole.keymgmt, "import-return", bad)
        expect("tampered.txt" in said, "a file with %s changed is refused and named" % name, said)
    expect(library_keys(whole) == before, "nothing of a changed file is taken in")
    refusals = [record for record in audit(whole)[count:] if "refused" in record["outcome"]]
    expect(len(refusals) == 2 and len(audit(whole)) == count + 2,
           "a MAC that does not verify is recorded", refusals)


def lost_answer(whole, path):
    """The mother POS took the file, and nobody told the library."""
    restore(whole, "keys", "keys-exported")
    whole.start_mother(NAME)
    said = fails(whole.load, NAME, whole.path("batch-1.keys"))
    whole.stop(NAME)
    expect("63" in said and "import-return" in said, "a second load says what to do", said)
    expect(batches(whole) == {1: "exported"}, "the batch is exported still")
    answer = import_return(whole, path)
    expect(answer["batches_loaded"] == 1 and answer["newly_issued"] == 2, "the file says it", answer)
    expect(batches(whole) == {1: "loaded"}, "the batch is loaded")
    expect(states(whole)["00000008"] == "loaded", "and its free keys with it")


def differences(whole, path):
    serials = whole.path("serials.txt")
    with open(serials, "w", encoding="ascii") as file:
        file.write("EMU00001\nEMU00003\n")
    answer = import_return(whole, path, "--serials", serials, codes=(1,))
    expect(sorted(findings(answer)) == [("serial-without-key", "-", "EMU00003"),
                                        ("unknown-serial", "00000002", "EMU00002")],
           "serials are held against the list of those that were due", findings(answer))
    # a mother POS that was put back to yesterday
    mother(whole, NAME, "--return-file", whole.path("now.txt"))
    import_return(whole, whole.path("now.txt"))
    keep(whole, NAME, "mother-now")
    answer = import_return(whole, path, codes=(1,))
    expect(findings(answer) == [("went-back", "00000007", "-")],
           "a file older than the last one is told", findings(answer))
    # a library that was put back to before its second batch
    keep(whole, "keys", "keys-before")
    whole.generate(2)
    whole.start_mother(NAME)
    whole.load(NAME, whole.export(2, NAME))
    whole.stop(NAME)
    mother(whole, NAME, "--return-file", whole.path("two.txt"))
    expect(findings(import_return(whole, whole.path("two.txt"))) == [], "both batches fit")
    keep(whole, "keys", "keys-two")
    restore(whole, "keys", "keys-before")
    answer = import_return(whole, whole.path("two.txt"), codes=(1,))
    expect(findings(answer) == [("unknown-index", "00000009", "-"), ("unknown-index", "00000010", "-")],
           "keys that the library does not know are listed", findings(answer))
    # and a mother POS that was put back to before it
    restore(whole, "keys", "keys-two")
    restore(whole, NAME, "mother-now")
    mother(whole, NAME, "--return-file", whole.path("one.txt"))
    answer = import_return(whole, whole.path("one.txt"), codes=(1,))
    expect([row[0] for row in findings(answer)] == ["batch-missing"],
           "a loaded batch that the mother POS has not is listed", findings(answer))


def rekeying(whole):
    whole.start_mother(NAME)
    whole.terminals("--steps", "key", "--rekey", "--serial", "EMU00001", "--expect", "94",
                    mother=NAME)
    whole.stop(NAME)
    before = mother_keys(whole, NAME)
    whole.start_mother(NAME, "--allow-rekey")
    whole.terminals("--steps", "key", "--rekey", "--serial", "EMU00001", mother=NAME)
    whole.stop(NAME)
    after = mother_keys(whole, NAME)
    new = [index for index in after if after[index] != before[index]]
    expect(len(new) == 1 and after[new[0]][:2] == ("issued", "EMU00001") and
           before[new[0]][0] == "free", "with --allow-rekey a terminal gets another key", new)
    expect(after["00000001"] == before["00000001"], "and its first one stays issued")
    mother(whole, NAME, "--return-file", whole.path("rekeyed.txt"))
    restore(whole, "keys", "keys-before")
    answer = import_return(whole, whole.path("rekeyed.txt"))
    expect(findings(answer) == [("two-keys", new[0], "EMU00001")] and answer["newly_issued"] == 1,
           "a serial with two keys is told, and is no difference", answer)


def main():
    with scheme() as whole:
        set_up(whole)
        hand_out(whole)
        path = burning(whole)
        importing(whole, path)
        gateway(whole)
        tampering(whole, path)
        lost_answer(whole, path)
        differences(whole, path)
        rekeying(whole)
        expect(not os.path.exists(path + ".part"), "nothing half-made is left behind")
    done()


main()
