"""Losses are said at intervals on stderr; what fails is probed until it works."""

import json
import threading

from telemetry.watch import Report, Watch
from tests.harness.sinks import eventually


def test_a_report_says_what_was_lost_since_the_last_one() -> None:
    losses = {"spans": 0, "log lines, refused": 2}
    written: list[str] = []
    report = Report(lambda: losses, written.append)
    report.say("Telemetry was lost")
    losses["spans"] = 5
    report.say("Telemetry was lost")
    lost = [json.loads(line)["lost"] for line in written]
    assert lost == [{"log lines, refused": 2}, {"spans": 5}]


def test_what_an_operator_searches_for_is_said_where_lines_missed_loki() -> None:
    losses = {"spans": 1, "log lines, stdout": 1, "log lines, unreachable": 0}
    written: list[str] = []
    report = Report(lambda: losses, written.append)
    report.say("Telemetry was lost")
    losses["log lines, unreachable"] = 7
    report.say("Telemetry was lost")
    assert [json.loads(line)["msg"] for line in written] == [
        "Telemetry was lost",
        "Telemetry was lost: failed to send log to loki",
    ]


def test_a_report_without_news_says_nothing() -> None:
    written: list[str] = []
    report = Report(lambda: {"spans": 3}, written.append)
    for _ in range(3):
        report.say("Telemetry was lost")
    assert len(written) == 1


def test_reports_and_probes_come_at_their_intervals() -> None:
    lost = 0
    probes = 0
    written: list[str] = []

    def probe() -> None:
        nonlocal lost, probes
        lost += 1
        probes += 1

    report = Report(lambda: {"spans": lost}, written.append)
    watch = Watch(lambda: [probe], report, probe_interval=0.01, report_interval=0.1)
    eventually(lambda: len(written) >= 3)
    watch.stop()
    # Ten probes fit between two reports; a busy machine may squeeze out some.
    assert probes > len(written)


def test_nothing_is_probed_while_all_works_and_a_stop_ends_the_thread() -> None:
    watch = Watch(list, Report(dict), probe_interval=0.01)
    watch.stop()
    eventually(lambda: "telemetry-watch" not in {thread.name for thread in threading.enumerate()})
