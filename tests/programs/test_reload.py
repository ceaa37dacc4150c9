"""Reading the configuration again: a good file changes what may change while it runs and names what
needs a restart; a wrong one changes nothing. By posgatectl and by SIGHUP."""
import signal

from common import done, expect, scheme


def rewrite(whole, before, behind):
    with open(whole.path("gateway.conf"), encoding="ascii") as file:
        text = file.read()
    assert before in text
    with open(whole.path("gateway.conf"), "w", encoding="ascii") as file:
        file.write(text.replace(before, behind))


def main():
    with scheme() as whole:
        whole.init_keys(2)
        whole.extra = 'log = { level = "info"; };'
        process = whole.start_gateway()
        answer = whole.ctl("reload")
        expect(answer["applied"] == [] and answer["needs_restart"] == [],
               "the same file changes nothing", answer)
        rewrite(whole, 'level = "info"', 'level = "debug"')
        rewrite(whole, "cache_mb = 64", "cache_mb = 65")
        answer = whole.ctl("reload")
        expect(answer["applied"] == ["log"], "the log level is applied", answer)
        expect(answer["needs_restart"] == ["database"], "what needs a restart is named", answer)
        rewrite(whole, "cache_mb = 65", "cash_mb = 65")
        rewrite(whole, 'level = "debug"', 'level = "error"')
        answer = whole.ctl("reload", codes=(1,))
        expect(not answer["ok"] and "cash_mb" in answer["error"] and "cache_mb" in answer["error"],
               "a wrong file is refused with the nearest name", answer)
        process.send_signal(signal.SIGHUP)
        whole.wait_for(lambda: whole.tail("gateway").count("reload-refused") >= 2,
                       "a refused reload in the log")
        expect(process.poll() is None, "a wrong file and a hang-up end nothing")
        rewrite(whole, "cash_mb = 65", "cache_mb = 64")
        rewrite(whole, 'level = "error"', 'level = "info"')
        before = whole.tail("gateway").count("reload-applied")
        expect(before == 1, "the one that was applied is in the log", before)
        process.send_signal(signal.SIGHUP)
        whole.wait_for(lambda: whole.tail("gateway").count("reload-applied") == 2,
                       "a reload by signal")
        answer = whole.ctl("log-level", "debug")
        expect(answer["level"] == "debug", "the log level can be set alone", answer)
        answer = whole.ctl("log-level", "loud", codes=(2,))
        expect(not answer["ok"], "to a level that there is", answer)
        expect(whole.stop("gateway") == 0, "the gateway ends well")
    done()


main()
