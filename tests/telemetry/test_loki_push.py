"""Loki's rules for a push, without a thread and without a network."""

import gzip
import json

import pytest

from telemetry.exchanges import retry_after
from telemetry.lines import INFO, Line
from telemetry.loki.push import ATTEMPT, BUDGET, TRIES, Answer, Pusher
from telemetry.signals import SLACK


class FakeLoki:
    """Answers from a list, the last one for ever; notes what came and how long was waited."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.batches: list[list[str]] = []
        self.timeouts: list[float] = []
        self.pauses: list[float] = []
        self.time = 100.0
        self.takes = 0.0

    def post(self, body: bytes, timeout: float) -> Answer:
        """Note the lines of the push and answer."""
        self.time += self.takes
        self.timeouts.append(timeout)
        streams = json.loads(gzip.decompress(body))["streams"]
        self.batches.append([value[1] for stream in streams for value in stream["values"]])
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def pause(self, seconds: float) -> None:
        """Let time pass."""
        self.pauses.append(seconds)
        self.time += seconds

    def pusher(self) -> Pusher:
        """Return a pusher that talks to this Loki."""
        return Pusher(self.post, {"service_name": "test"}, self.pause, lambda: self.time)


def lines(count: int) -> list[Line]:
    """Return numbered lines."""
    return [Line(str(number).encode(), INFO) for number in range(count)]


def test_204_is_success() -> None:
    loki = FakeLoki(Answer(204))
    pusher = loki.pusher()
    pusher.push(lines(3))
    assert (pusher.sent, dict(pusher.lost), pusher.works) == (3, {}, True)
    assert loki.batches == [["0", "1", "2"]]


def test_a_push_that_does_not_end_does_not_work() -> None:
    loki = FakeLoki(Answer(204))
    pusher = loki.pusher()
    pusher.push(lines(1))
    seen: list[bool] = []

    def late(body: bytes, timeout: float) -> Answer:
        loki.time += BUDGET + SLACK
        seen.append(pusher.works)
        loki.time += 1
        seen.append(pusher.works)
        return loki.post(body, timeout)

    pusher._post = late
    pusher.push(lines(1))
    assert (seen, pusher.works) == ([True, False], True)


@pytest.mark.parametrize("status", [200, 260, 302, 400, 401, 404, 422])
def test_nothing_else_is_success_and_it_is_never_repeated(status: int) -> None:
    loki = FakeLoki(Answer(status))
    pusher = loki.pusher()
    pusher.push(lines(3))
    assert (pusher.sent, dict(pusher.lost), pusher.works) == (0, {"refused": 3}, False)
    assert len(loki.batches) == 1


@pytest.mark.parametrize(
    ("status", "reason"),
    [(429, "unavailable"), (500, "unavailable"), (503, "unavailable"), (0, "unreachable")],
)
def test_what_may_pass_is_tried_three_times_with_growing_pauses(status: int, reason: str) -> None:
    loki = FakeLoki(Answer(status))
    pusher = loki.pusher()
    pusher.push(lines(2))
    assert dict(pusher.lost) == {reason: 2}
    assert len(loki.batches) == TRIES
    first, second = loki.pauses
    assert 0.05 <= first <= 0.15
    assert 0.1 <= second <= 0.3


def test_a_second_try_can_succeed() -> None:
    pusher = FakeLoki(Answer(503), Answer(204)).pusher()
    pusher.push(lines(2))
    assert (pusher.sent, dict(pusher.lost), pusher.works) == (2, {}, True)


def test_retry_after_is_honoured() -> None:
    loki = FakeLoki(Answer(429, 3.0), Answer(204))
    pusher = loki.pusher()
    pusher.push(lines(1))
    assert (loki.pauses, pusher.sent) == ([3.0], 1)


def test_a_retry_after_beyond_the_budget_is_not_waited_for() -> None:
    loki = FakeLoki(Answer(429, BUDGET + 1))
    pusher = loki.pusher()
    pusher.push(lines(1))
    assert (loki.pauses, dict(pusher.lost)) == ([], {"unavailable": 1})


def test_the_tries_stay_within_the_budget() -> None:
    loki = FakeLoki(Answer(503, 4.0))
    loki.takes = ATTEMPT
    loki.pusher().push(lines(1))
    assert loki.time - 100.0 <= BUDGET


def test_413_halves_the_batch_and_keeps_the_order() -> None:
    loki = FakeLoki(Answer(413), Answer(204))
    pusher = loki.pusher()
    pusher.push(lines(5))
    assert loki.batches == [["0", "1", "2", "3", "4"], ["0", "1"], ["2", "3", "4"]]
    assert (pusher.sent, dict(pusher.lost)) == (5, {})


def test_a_single_line_that_is_too_large_is_given_up() -> None:
    loki = FakeLoki(Answer(413))
    pusher = loki.pusher()
    pusher.push(lines(4))
    assert dict(pusher.lost) == {"too_large": 4}
    assert len(loki.batches) == 7


def test_no_try_begins_after_the_deadline() -> None:
    loki = FakeLoki(Answer(503))
    pusher = loki.pusher()
    pusher.deadline = 99.0
    pusher.push(lines(2))
    assert (loki.batches, dict(pusher.lost)) == ([], {"left_at_exit": 2})


def test_a_peer_that_hangs_while_the_process_ends_is_asked_only_once() -> None:
    loki = FakeLoki(Answer(0))
    loki.takes = ATTEMPT
    pusher = loki.pusher()
    pusher.deadline = 105.0
    pusher.push(lines(2))
    pusher.push(lines(3))
    assert (len(loki.batches), dict(pusher.lost)) == (1, {"unreachable": 2, "left_at_exit": 3})


def test_a_try_near_the_deadline_gets_the_time_that_is_left() -> None:
    loki = FakeLoki(Answer(204))
    pusher = loki.pusher()
    pusher.deadline = 100.5
    pusher.push(lines(1))
    assert loki.timeouts == [0.5]


@pytest.mark.parametrize(
    ("header", "seconds"),
    [(None, None), ("", None), ("7", 7.0), ("soon", None), ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0)],
)
def test_retry_after_is_read_as_seconds_or_a_date(
    header: str | None, seconds: float | None
) -> None:
    assert retry_after(header) == seconds
