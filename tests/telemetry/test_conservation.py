"""Whatever was answered is seen everywhere, exactly, however a worker ends."""

import signal
import threading

import pytest

from tests.harness.service import Service
from tests.harness.sinks import eventually
from tests.harness.sinks_loki import LokiSink
from tests.harness.sinks_otlp import OtlpSink
from tests.telemetry.conftest import Counts, StartObserved, completed, counts
from tests.telemetry.load import Load

pytestmark = pytest.mark.timeout(150)


def link_paths(service: Service) -> list[str]:
    """Make a link; return paths that resolve, redirect, find nothing and fit no route."""
    answer = service.client.post(service.url + "/api/", json={"url": "https://example.com/a"})
    code = answer.json()["short_code"]
    return [f"/api/{code}", f"/{code}", f"/api/{code}", "/api/Zz9Zz9", "/no/such/route"]


def equal(answered: int) -> Counts:
    """Return the same count in every place."""
    return Counts(answered, answered, answered, answered, answered)


def await_other_workers(service: Service, before: set[int]) -> None:
    """Wait until as many workers live as before, and none of them."""

    def replaced() -> bool:
        now = set(service.workers)
        return len(now) == len(before) and not now & before

    eventually(replaced, 60)


@pytest.mark.parametrize(
    ("workers", "number"),
    [
        (1, signal.SIGTERM),
        (2, signal.SIGTERM),
        (4, signal.SIGTERM),
        (2, signal.SIGINT),
        (1, signal.SIGQUIT),
    ],
)
def test_a_stop_under_load_loses_nothing(
    shortener: StartObserved, otlp: OtlpSink, loki: LokiSink, workers: int, number: int
) -> None:
    service = shortener({"WEB_CONCURRENCY": str(workers)})
    with Load(service.url, link_paths(service)) as load:
        load.await_answers(600)
        service.stop(number)
    assert counts(load.answered + 1, service, otlp, loki) == equal(load.answered + 1)
    assert load.statuses == {200, 302, 404}
    traces = [record["trace_id"] for record in completed(service)]
    assert sorted(traces) == sorted(span.trace_id for span in otlp.server_spans)


def test_recycling_workers_loses_nothing(
    shortener: StartObserved, otlp: OtlpSink, loki: LokiSink
) -> None:
    arguments = ("--max-requests", "150", "--max-requests-jitter", "100")
    service = shortener({"WEB_CONCURRENCY": "2"}, arguments=arguments)
    first = set(service.workers)
    with Load(service.url, link_paths(service)) as load:
        await_other_workers(service, first)
        load.await_answers(load.answered + 100)
        service.stop()
    assert counts(load.answered + 1, service, otlp, loki) == equal(load.answered + 1)
    # A replaced worker takes over the slot: the series do not grow with the processes.
    assert len({span.resource["service.instance.id"] for span in otlp.spans}) <= 3


def test_a_reload_loses_nothing(shortener: StartObserved, otlp: OtlpSink, loki: LokiSink) -> None:
    service = shortener({"WEB_CONCURRENCY": "2"})
    with Load(service.url, link_paths(service)) as load:
        for _ in range(2):
            before = set(service.workers)
            service.process.send(signal.SIGHUP)
            await_other_workers(service, before)
        load.await_answers(load.answered + 100)
        service.stop()
    assert counts(load.answered + 1, service, otlp, loki) == equal(load.answered + 1)


def test_a_slow_request_in_flight_is_answered_and_seen(
    start_observed: StartObserved, otlp: OtlpSink, loki: LokiSink
) -> None:
    service = start_observed()
    answers: list[int] = []
    url = service.url + "/slow/20.0"
    asking = threading.Thread(
        target=lambda: answers.append(service.client.get(url, timeout=60).status_code)
    )
    asking.start()
    service.await_record(lambda record: record["msg"] == "Slow request started")
    service.process.send(signal.SIGTERM)
    asking.join(60)
    service.process.wait(20)
    assert answers == [200]
    assert counts(1, service, otlp, loki) == equal(1)
    (record,) = completed(service)
    assert 20_000 <= record["latency_ms"] < 25_000


def test_a_request_longer_than_the_drain_is_cut_and_the_worker_ends(
    start_observed: StartObserved, otlp: OtlpSink, loki: LokiSink
) -> None:
    service = start_observed()
    failures: list[BaseException] = []

    def ask() -> None:
        try:
            service.client.get(service.url + "/slow/60.0", timeout=90)
        except OSError as error:
            failures.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    service.await_record(lambda record: record["msg"] == "Slow request started")
    service.client.get(service.url + "/hello")
    # SIGINT: the drain is 3 s, not 30.
    service.process.send(signal.SIGINT)
    service.process.wait(15)
    asking.join(5)
    assert len(failures) == 1
    assert counts(1, service, otlp, loki) == equal(1)
