"""Instruments of the process and of telemetry itself; docs/metrics.toml lists them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

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
