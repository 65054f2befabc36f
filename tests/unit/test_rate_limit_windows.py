"""Fixed windows in the process, and what a client is counted by."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.config import Rate, RateLimitSettings
from app.model.errors import RateLimitExceeded
from app.storage import rate_limits
from app.storage.rate_limits import ProcessWindow, RateLimits, client_key


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """Make a clock for one window."""
    return Clock()


def limits(*, enabled: bool = True) -> RateLimits:
    settings = RateLimitSettings(
        enabled=enabled, general=Rate(3, 60), auth=Rate(1, 60), resolve=Rate(2, 60)
    )
    return RateLimits(settings, None)


def test_as_many_as_the_limit_pass_and_no_more(clock: Clock) -> None:
    window = ProcessWindow(Rate(2, 60), clock)

    assert [window.count("a") for _ in range(4)] == [0, 0, 60, 60]


def test_clients_are_counted_apart(clock: Clock) -> None:
    window = ProcessWindow(Rate(1, 60), clock)
    window.count("a")

    assert window.count("b") == 0


def test_the_wait_is_what_is_left_of_the_window(clock: Clock) -> None:
    window = ProcessWindow(Rate(1, 60), clock)
    window.count("a")
    clock.now += 12.5

    assert window.count("a") == 48


def test_the_wait_is_never_zero(clock: Clock) -> None:
    window = ProcessWindow(Rate(1, 1), clock)
    window.count("a")
    clock.now += 0.9999

    assert window.count("a") == 1


def test_after_the_wait_a_request_passes(clock: Clock) -> None:
    window = ProcessWindow(Rate(1, 60), clock)
    window.count("a")
    clock.now += window.count("a")

    assert window.count("a") == 0


def test_refused_requests_do_not_lengthen_the_wait(clock: Clock) -> None:
    window = ProcessWindow(Rate(1, 60), clock)
    for _ in range(50):
        window.count("a")
    clock.now += 60

    assert window.count("a") == 0


def test_a_window_begins_anew_after_a_long_silence(clock: Clock) -> None:
    window = ProcessWindow(Rate(1, 60), clock)
    clock.now += 100_000
    window.count("a")

    assert window.count("a") == 60


def test_memory_is_bounded(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limits, "_MOST_CLIENTS", 10)
    window = ProcessWindow(Rate(1, 60), clock)

    for number in range(100):
        window.count(str(number))

    assert len(window._counts) == 10
    assert window.count("0") == 60


def test_racing_threads_do_not_pass_the_limit(clock: Clock) -> None:
    window = ProcessWindow(Rate(100, 60), clock)
    together = threading.Barrier(8)

    def ask() -> int:
        together.wait(30)
        return sum(window.count("a") == 0 for _ in range(50))

    with ThreadPoolExecutor(8) as pool:
        passed = sum(task.result() for task in [pool.submit(ask) for _ in range(8)])

    assert passed == 100


def test_the_three_limits_count_apart() -> None:
    counted = limits()
    counted.auth("1.1.1.1")
    counted.resolve("1.1.1.1")

    counted.general("1.1.1.1")
    with pytest.raises(RateLimitExceeded) as caught:
        counted.auth("1.1.1.1")

    assert (caught.value.limit, caught.value.window) == (1, 60)
    assert 1 <= (caught.value.retry_after or 0) <= 60


def test_switched_off_nothing_is_counted() -> None:
    counted = limits(enabled=False)

    for _ in range(10):
        counted.auth("1.1.1.1")
        counted.general("1.1.1.1")
        counted.resolve("1.1.1.1")


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:DB8:1:2::1", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("fe80::1%eth0", "fe80::/64"),
        ("not an address", "not an address"),
        ("", "unknown"),
        (None, "unknown"),
        ("x" * 1000, "x" * 64),
    ],
)
def test_what_a_client_is_counted_by(address: str | None, key: str) -> None:
    assert client_key(address) == key
