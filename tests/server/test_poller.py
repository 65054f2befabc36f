"""The main loop's poller says what is ready, a bounded number at a time, and each in its turn."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from app.server.poller import NOTHING, READ, WRITE, Alarm, Poller

KINDS = pytest.mark.parametrize("epoll", [True, False])


@contextmanager
def alarms(count: int) -> Iterator[list[Alarm]]:
    pipes = [os.pipe() for _ in range(count)]
    yield [Alarm(pipe) for pipe in pipes]
    for descriptor in (end for pipe in pipes for end in pipe):
        os.close(descriptor)


@KINDS
def test_it_waits_for_what_it_was_told_and_nothing_else(epoll: bool) -> None:
    poller = Poller(epoll=epoll)
    with alarms(2) as (watched, other):
        other.ring()
        poller.watch(watched, READ)
        assert poller.poll(0, 8) == []

        watched.ring()
        assert poller.poll(5, 8) == [watched]
        watched.ready(watched)
        assert poller.poll(0, 8) == []

        watched.ring()
        poller.watch(watched, NOTHING)
        assert poller.poll(0, 8) == []
        poller.watch(watched, READ)
        assert poller.poll(5, 8) == [watched]
    poller.close()


@KINDS
def test_interest_can_change(epoll: bool) -> None:
    poller = Poller(epoll=epoll)
    with alarms(1) as (alarm,):
        alarm.fd, reading = alarm._write_end, alarm.fd
        poller.watch(alarm, WRITE)
        assert poller.poll(5, 8) == [alarm]
        poller.watch(alarm, READ)
        assert poller.poll(0, 8) == []
        alarm.fd = reading
    poller.close()


def test_who_was_not_among_the_first_is_among_the_next() -> None:
    poller = Poller()
    with alarms(10) as ready:
        for alarm in ready:
            poller.watch(alarm, READ)
            alarm.ring()
        found = [poller.poll(5, 4) for _ in range(5)]
    poller.close()

    assert [len(some) for some in found] == [4] * 5
    assert {id(one) for some in found for one in some} == {id(alarm) for alarm in ready}


def test_a_thread_wakes_the_loop() -> None:
    poller = Poller()
    with alarms(1) as (alarm,):
        poller.watch(alarm, READ)
        thread = threading.Thread(target=alarm.ring)
        thread.start()
        found = poller.poll(20, 8)
        thread.join()
    poller.close()

    assert found == [alarm]
