"""Instruments of the process and of telemetry itself; docs/metrics.toml lists them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping

import psutil
from opentelemetry.metrics import CallbackOptions, Meter, Observation

from telemetry.loki.shipper import Shipper
from telemetry.signals import Signal


def observe_process(meter: Meter) -> None:
    """Report memory, CPU time and threads of this worker (OpenTelemetry process.*)."""
    process = psutil.Process()

    def memory(_: CallbackOptions) -> Iterable[Observation]:
        return [Observation(process.memory_info().rss)]

    def cpu(_: CallbackOptions) -> Iterable[Observation]:
        times = process.cpu_times()
        yield Observation(times.user, {"cpu.mode": "user"})
        yield Observation(times.system, {"cpu.mode": "system"})

    def threads(_: CallbackOptions) -> Iterable[Observation]:
        return [Observation(process.num_threads())]

    meter.create_observable_up_down_counter(
        "process.memory.usage", [memory], "By", "Resident memory of the worker."
    )
    meter.create_observable_counter(
        "process.cpu.time", [cpu], "s", "CPU seconds of the worker by mode."
    )
    meter.create_observable_up_down_counter(
        "process.thread.count", [threads], "{thread}", "Threads of the worker."
    )


def observe_reports(meter: Meter) -> None:
    """Report the time by this worker's clock: who sees it move knows that the worker lives.

    It is 0 in the last report (telemetry/farewell.py): that tells a worker that ended from one
    that cannot be heard.
    """

    def now(_: CallbackOptions) -> Iterable[Observation]:
        return [Observation(time.time())]

    meter.create_observable_gauge(
        "telemetry.report.time", [now], "s", "When the worker reported last, by its own clock."
    )


def observe_failing(meter: Meter, works: Callable[[], Mapping[str, bool]]) -> None:
    """Report which signals' last export was not accepted, while it is so."""

    def failing(_: CallbackOptions) -> Iterable[Observation]:
        return [Observation(int(not well), {"signal": name}) for name, well in works().items()]

    meter.create_observable_gauge(
        "telemetry.export.failing", [failing], "{signal}", "1 while exports are not accepted."
    )


def observe_exports(meter: Meter, signals: Iterable[Signal]) -> None:
    """Report what became of OTLP exports."""
    signals = list(signals)

    def failed(_: CallbackOptions) -> Iterator[Observation]:
        for signal in signals:
            yield Observation(signal.failed_exports, {"signal": signal.name})

    def spans(_: CallbackOptions) -> Iterator[Observation]:
        for signal in signals:
            if signal.name == "traces":
                yield Observation(signal.accepted, {"outcome": "accepted"})
                yield Observation(signal.lost(), {"outcome": "lost"})

    meter.create_observable_counter(
        "telemetry.export.failures", [failed], "{export}", "Exports that were not accepted."
    )
    meter.create_observable_counter(
        "telemetry.spans", [spans], "{span}", "Spans handed to the exporter by outcome."
    )


def observe_stdout(meter: Meter, unwritten: Callable[[], int]) -> None:
    """Report how many lines standard output did not take."""

    def lines(_: CallbackOptions) -> Iterable[Observation]:
        return [Observation(unwritten())]

    meter.create_observable_counter(
        "telemetry.stdout.lines.unwritten", [lines], "{line}", "Log lines that stdout did not take."
    )


def observe_loki(meter: Meter, shipper: Shipper) -> None:
    """Report what became of log lines."""

    def sent(_: CallbackOptions) -> Iterable[Observation]:
        return [Observation(shipper.pusher.sent)]

    def dropped(_: CallbackOptions) -> Iterator[Observation]:
        for reason, count in shipper.lost().items():
            yield Observation(count, {"reason": reason})

    def queued(_: CallbackOptions) -> Iterable[Observation]:
        return [Observation(len(shipper.queue))]

    meter.create_observable_counter(
        "telemetry.loki.lines.sent", [sent], "{line}", "Log lines that Loki accepted."
    )
    meter.create_observable_counter(
        "telemetry.loki.lines.dropped", [dropped], "{line}", "Log lines given up, by reason."
    )
    meter.create_observable_up_down_counter(
        "telemetry.loki.queue.length", [queued], "{line}", "Log lines waiting for Loki."
    )
