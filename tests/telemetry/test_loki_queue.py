"""The queue of lines and the thread behind it."""

import os
import signal
import threading
from types import FrameType

import pytest

from telemetry.lines import INFO, Line
from telemetry.loki.queue import BATCH_BYTES, BATCH_LINES, LineQueue
from telemetry.loki.shipper import Shipper
from tests.harness.sinks import Fault, eventually
from tests.harness.sinks_loki import LokiSink

LABELS = {"service_name": "test", "environment": "test"}


def line(text: str = '{"msg":"x"}') -> Line:
    """Return a line of level info."""
    return Line(text.encode(), INFO)


def ship(loki: LokiSink, queue: LineQueue) -> Shipper:
    """Start a thread that ships the queue."""
    return Shipper(loki.push_url, LABELS, queue, line)


def test_a_full_queue_drops_the_newest_and_counts_it() -> None:
    queue = LineQueue(max_lines=2)
    taken = [queue.put(line(f'{{"n":{number}}}')) for number in range(3)]
    assert taken == [True, True, False]
    assert [held.json for held in queue.take()] == [b'{"n":0}', b'{"n":1}']
    assert queue.dropped == 1


def test_a_queue_is_bounded_by_bytes_too() -> None:
    queue = LineQueue(max_bytes=25)
    assert [queue.put(line()) for _ in range(3)] == [True, True, False]


def test_a_batch_is_bounded_by_lines() -> None:
    queue = LineQueue()
    for _ in range(BATCH_LINES + 1):
        queue.put(line())
    assert [len(queue.take()), len(queue.take()), len(queue.take())] == [BATCH_LINES, 1, 0]


def test_a_batch_is_bounded_by_bytes() -> None:
    queue = LineQueue()
    for _ in range(5):
        queue.put(line("x" * (BATCH_BYTES // 4)))
    assert [len(queue.take()), len(queue.take())] == [4, 1]


def test_timestamps_rise_and_never_repeat_even_between_slots() -> None:
    queues = [LineQueue(slot) for slot in range(4)]
    for _ in range(500):
        for queue in queues:
            queue.put(line())
    per_queue = [[held.timestamp for held in queue.take()] for queue in queues]
    for timestamps in per_queue:
        assert timestamps == sorted(timestamps)
    every = [timestamp for timestamps in per_queue for timestamp in timestamps]
    assert len(set(every)) == 2000


def test_a_signal_handler_may_log_in_the_middle_of_a_put() -> None:
    queue = LineQueue()
    interrupted = 0

    def handler(_number: int, _frame: FrameType | None) -> None:
        nonlocal interrupted
        interrupted += 1
        queue.put(line())

    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
    try:
        puts = 0
        while interrupted < 100:
            queue.put(line())
            puts += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    total = 0
    while batch := queue.take():
        total += len(batch)
    assert total + queue.dropped == puts + interrupted


def test_lines_are_pushed_within_about_a_second(loki: LokiSink) -> None:
    queue = LineQueue()
    shipper = ship(loki, queue)
    queue.put(line())
    eventually(lambda: loki.entries, 3)
    assert shipper.stop(2) == 0


def test_many_lines_are_pushed_in_large_batches(loki: LokiSink) -> None:
    queue = LineQueue()
    shipper = ship(loki, queue)
    for number in range(10_000):
        queue.put(line(f'{{"n":{number}}}'))
    assert shipper.stop(10) == 0
    assert [entry.record["n"] for entry in loki.entries] == list(range(10_000))
    assert 10_000 / len(loki.pushes) >= 200


def test_a_stop_keeps_its_deadline_and_says_what_is_left(loki: LokiSink) -> None:
    loki.fault = Fault.HANGS
    queue = LineQueue()
    shipper = ship(loki, queue)
    for _ in range(2500):
        queue.put(line())
    eventually(lambda: loki.attempts)
    finished = threading.Event()
    left: list[int] = []

    def stop() -> None:
        left.append(shipper.stop(0.5))
        finished.set()

    threading.Thread(target=stop, daemon=True).start()
    assert finished.wait(1.5)
    assert left == [2500]


# Python 3.12 and later warn of a fork beside threads: just that is the test.
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_lines_are_shipped_after_a_fork(loki: LokiSink) -> None:
    queue = LineQueue()
    shipper = ship(loki, queue)
    queue.put(line('{"from":"parent"}'))
    child = os.fork()
    if child == 0:  # only the child's own line may come from it
        queue.put(line('{"from":"child"}'))
        os._exit(shipper.stop(5))
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert shipper.stop(5) == 0
    assert sorted(entry.record["from"] for entry in loki.entries) == ["child", "parent"]


@pytest.mark.parametrize("level", range(4))
def test_a_line_goes_into_the_stream_of_its_level(loki: LokiSink, level: int) -> None:
    queue = LineQueue()
    shipper = ship(loki, queue)
    queue.put(Line(b"{}", level, trace_id="t" * 32, span_id="s" * 16, request_id="r"))
    shipper.stop(5)
    (entry,) = loki.entries
    name = ("debug", "info", "warn", "error")[level]
    assert dict(entry.labels) == {**LABELS, "level": name}
    assert entry.metadata == {"trace_id": "t" * 32, "span_id": "s" * 16, "request_id": "r"}
