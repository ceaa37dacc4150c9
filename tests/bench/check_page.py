#!/usr/bin/python3
"""Checks a page that posgate-bench --html drew against the report that --json printed.

usage: check_page.py PAGE REPORT

The page is well-formed, as XML and as HTML; it needs nothing from anywhere; it has the sections that
the report has something for; every figure of the report stands on it, and no other.
"""
import html.parser
import json
import re
import sys
import xml.etree.ElementTree

VOID = {"meta"}
SUMMARIES = ("cpu_us_per_request", "requests_per_second", "latency_p50_us", "latency_p99_us",
             "latency_p999_us", "latency_p9999_us", "latency_max_us", "sent_late_p99_us",
             "server_busy_percent", "load_busy_percent", "bytes_connected", "bytes_used")
POINT = ("rate", "requests_per_second", "cpu_us_per_request", "latency_p50_us", "latency_p99_us",
         "latency_p999_us", "latency_p9999_us", "latency_max_us", "sent_late_p99_us")
FAILURES = ("replies", "unanswered", "lost_connections", "unmatched", "unreadable")
PATH = re.compile(r"([MLHVhv] ?-?[0-9.]+( -?[0-9.]+)? ?)+$")
wrong = []


def expect(good, what, details=""):
    if not good:
        wrong.append("%s %s" % (what, details))


class Nesting(html.parser.HTMLParser):
    """Every element that HTML wants closed is closed, in order."""

    def __init__(self):
        super().__init__()
        self.open = []

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        expect(self.open and self.open[-1] == tag, "HTML: </%s> closes" % tag, self.open[-1:])
        if self.open:
            self.open.pop()


def short(value):
    return "%.6g" % float(value)


# ---- what the report has ----

def of_summary(summary, high_alone=True):
    """Figures that are 0 in all rounds are not known, and not shown."""
    if not summary or (high_alone and not summary["high"] > 0):
        return []
    return [summary["median"], summary["low"], summary["high"]]


def outcome_of(server):
    """Replies by code and failures, of all points of a sweep together."""
    parts = server.get("points") or [server]
    if "codes" not in parts[0]:
        return []
    codes = {code for part in parts for code in part["codes"]}
    return ([sum(part["codes"].get(code, 0) for part in parts) for code in codes] +
            [sum(part[key] for part in parts) for key in FAILURES])


def figures_of(report):
    found = []
    for server in report.get("servers", []):
        for key in SUMMARIES:
            found += of_summary(server.get(key))
        found += [server[key] for key in ("memory_bytes_per_connection",) if server.get(key)]
    for subject in report.get("subjects", []):
        found += of_summary(subject["ns"])
        found += [subject["ratio"]["median"]] if "ratio" in subject else []
    for check in report.get("checks", []):
        found += of_summary(check["value"]) + ([check["limit"]] if check["limit"] > 0 else [])
    for limit in report.get("slo", []):
        found += [limit["reached_us"], limit["below_us"]]
    found += [fact["value"] for fact in report.get("facts", [])]
    for server in report.get("sweep", []):
        found += [point[key] for point in server["points"] for key in POINT]
        found.append(server["knee_per_second"] if server["role"] == "subject" else 0)
    for server in report.get("servers", []) + report.get("traces", []) + report.get("sweep", []):
        found += outcome_of(server)
    return found


def of_itself(report):
    """What it says of the run: on the page as it stands."""
    plain = dict(report, **report["machine_details"])
    return [value for key, value in plain.items()
            if isinstance(value, (int, float)) and not isinstance(value, bool)] + [
                ratio["median"] for ratio in report.get("cpu_ratios", [])]


def sections_of(report):
    """Heading: whether it must be there."""
    all_of_it = report.get("servers") or report.get("traces") or report.get("sweep") or [{}]
    first = all_of_it[0]
    return {"Targets": bool(report.get("checks") or report.get("slo")),
            "Server CPU, one to the other": bool(report.get("cpu_ratios")),
            "Latency by rate": "sweep" in report,
            "Latency by percentile": "latency_curve" in first,
            "As time went on": bool(first.get("series", {}).get("at_s")),
            "All figures": "servers" in report or "subjects" in report,
            "Replies by code": "codes" in first or "points" in first,
            "How it was measured": True}


# ---- the page ----

def check_alone(text):
    for word in ("http", "src=", "href", "url(", "@import", "<script", "<link", "<iframe", "<img"):
        expect(word not in text.split("<details>")[0], "the page needs nothing:", word)


def check_drawings(root, report):
    for path in root.iter("path"):
        expect(PATH.match(path.get("d")), "a path:", path.get("d")[:80])
    for element in root.iter():
        for name in ("x", "y", "cx", "cy", "width", "height"):
            value = element.get(name)
            if value is not None and value != "100%":
                expect(re.fullmatch(r"-?[0-9.]+", value), "a place:", "%s=%s" % (name, value))
        for name in ("width", "height"):
            expect(not (element.get(name) or "0").startswith("-"), "a size:", element.get(name))
    servers = report.get("servers") or report.get("traces") or []
    lines = [path for path in root.iter("path") if path.get("class", "").startswith("line")]
    for server in servers:
        points = len(server.get("latency_curve", {}).get("share", []))
        expect(points == 0 or any(len(re.findall("[ML]", path.get("d"))) - 1 == points
                                  for path in lines), "the whole curve of", server["name"])


def check_figures(root, report):
    shown = {short(data.get("value")) for data in root.iter("data")}
    stated = {short(value) for value in figures_of(report)}
    for value in sorted(stated - shown):
        expect(False, "of the report, not on the page:", value)
    for value in sorted(shown - stated - {short(value) for value in of_itself(report)}):
        expect(False, "on the page, not of the report:", value)


def check_tables(root):
    """A figure that is left out leaves a hole, also where another is the same number."""
    for table in root.iter("table"):
        heads = [len(row) for row in table.iterfind("thead/tr")]
        for row in table.iterfind("tbody/tr"):
            expect(not heads or len(row) == heads[0], "a row of the table:",
                   " ".join(row.itertext())[:80])


def check_course(report):
    """Intervals hold all replies that the latencies are of, and no other."""
    for server in report.get("servers", []) + report.get("traces", []):
        if "series" in server:
            came = sum(server["series"]["replies"])
            expect(came == server["latency"]["count"], "the course of %s:" % server["name"],
                   (came, server["latency"]["count"]))


def check(page, report):
    with open(page, encoding="utf-8") as file:
        text = file.read()
    nesting = Nesting()
    nesting.feed(text)
    nesting.close()
    expect(nesting.open == [], "HTML: all is closed", nesting.open)
    root = xml.etree.ElementTree.fromstring(text)
    there = {heading.text for heading in root.iter("h2")}
    for heading, wanted in sections_of(report).items():
        expect((heading in there) == wanted, "section", "%s: %s" % (heading, heading in there))
    codes = ["".join(code.itertext()) for code in root.iter("code")]
    expect(report["command_line"] in codes, "the command line:", codes)
    expect(json.loads("".join(next(root.iter("pre")).itertext())) == report, "the report itself")
    check_alone(text)
    check_drawings(root, report)
    check_figures(root, report)
    check_tables(root)
    bound = [server["name"] for server in report.get("servers", []) if server.get("load_bound")]
    expect(len([p for p in root.iter("p") if p.get("class") == "bad"]) == len(bound),
           "a word on loads at their end:", bound)
    check_course(report)


def main():
    with open(sys.argv[2], encoding="utf-8") as file:
        report = json.load(file)
    check(sys.argv[1], report)
    for line in wrong[:20]:
        print("check_page: %s" % line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
