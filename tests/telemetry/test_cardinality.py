"""Nothing a client sends makes a series, a label or a stream; every instrument is catalogued."""

import http.client
import random
import string
import threading
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.harness.service import ROOT, Service
from tests.harness.sinks import eventually
from tests.harness.sinks_loki import LokiSink
from tests.harness.sinks_otlp import OtlpSink, Point
from tests.telemetry.conftest import DURATION, StartObserved
from tests.telemetry.load import Load

pytestmark = pytest.mark.timeout(120)

CATALOGUE = Path(ROOT, "docs", "metrics.toml")


def catalogue() -> dict[str, dict[str, Any]]:
    """Read the catalogue, by the instruments' names."""
    instruments = tomllib.loads(CATALOGUE.read_text())["instrument"]
    return {instrument["name"]: instrument for instrument in instruments}


def kind_of(point: Point) -> str:
    """Name what the wire format tells of the instrument's kind."""
    return "histogram" if hasattr(point.value, "bucket_counts") else "number"


def scan(service: Service, count: int, seed: int) -> None:
    """Send requests with random methods, paths, hosts, queries and versions."""
    chance = random.Random(seed)

    def word() -> str:
        return "".join(
            chance.choices(string.ascii_letters + string.digits, k=chance.randint(7, 20))
        )

    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=30)
    for _ in range(count):
        method = chance.choice(["GET", "POST", "PUT", word().upper()])
        path = chance.choice(["/", "/api/", "/api/user/", "/x/y/"]) + word() + "?" + word()
        connection.putrequest(method, path, skip_host=True)
        connection.putheader("Host", word() + ".example")
        connection.putheader("X-Forwarded-Proto", word())
        connection.putheader("X-Forwarded-Host", word())
        connection.putheader("User-Agent", word())
        connection.putheader("Content-Length", "0")
        connection.endheaders()
        connection.getresponse().read()
    connection.close()


def series(otlp: OtlpSink) -> set[tuple[str, tuple[tuple[str, Any], ...]]]:
    """Return every series received: metric and attributes."""
    return {
        (point.metric, tuple(sorted(point.attributes.items()))) for point in otlp.points.values()
    }


def test_a_thousand_random_requests_add_no_series_and_no_label(
    shortener: StartObserved, otlp: OtlpSink, loki: LokiSink
) -> None:
    settings = {"TRUSTED_PROXIES": "1", "OTEL_METRIC_EXPORT_INTERVAL": "200"}
    service = shortener(settings)
    scan(service, 300, seed=1)
    for path in ("/api/Zz9Zz9", "/Zz9Zz9", "/api/health", "/healthz"):
        service.client.get(service.url + path)
    exports = otlp.exports["metrics"]
    eventually(lambda: otlp.exports["metrics"] > exports + 1 and otlp.series(DURATION))
    before = series(otlp)
    labels = loki.streams
    scan(service, 1000, seed=2)
    service.stop()
    assert series(otlp) == before
    assert {name for stream in loki.streams | labels for name, _ in stream} == {
        "service_name",
        "environment",
        "level",
    }
    assert len(loki.streams) <= 4


def test_ten_thousand_requests_add_no_stream(start_observed: StartObserved, loki: LokiSink) -> None:
    service = start_observed({"WEB_CONCURRENCY": "2"})
    with Load(service.url, [f"/items/{number}" for number in range(997)], clients=6) as load:
        load.await_answers(10_000, 60)
    service.stop()
    assert len(loki.completed) >= 10_000
    assert len(loki.streams) == 1
    assert len({record["request_id"] for record in loki.completed}) >= 10_000


def exercise(service: Service) -> None:
    """Let every instrument of the service record something."""
    client, api = service.client, service.url + "/api"
    account = {"email": "ada@example.com", "password": "correct horse", "username": "ada"}
    token = client.post(f"{api}/signup", json=account).json()["token"]
    client.post(f"{api}/signup", json=account)
    client.post(f"{api}/login", json={"email": "ada@example.com", "password": "wrong horse"})
    headers = {"Authorization": f"Bearer {token}"}
    code = client.post(f"{api}/", json={"url": "https://example.com"}, headers=headers).json()[
        "short_code"
    ]
    for path in (f"/api/{code}", f"/{code}", "/api/Zz9Zz9", "/nothing/here", "/api/user/urls"):
        client.get(service.url + path, headers=headers, allow_redirects=False)
    client.options(f"{api}/", headers={"Origin": "https://fonsecaaso.com"})
    threads = [threading.Thread(target=client.get, args=(f"{api}/health",)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)


def test_every_instrument_and_attribute_is_in_the_catalogue(
    shortener: StartObserved, otlp: OtlpSink
) -> None:
    service = shortener({"RATE_LIMIT_ENABLED": "true"})
    exercise(service)
    service.stop()
    known = catalogue()
    wrong = []
    for point in otlp.points.values():
        entry = known.get(point.metric)
        if entry is None:
            wrong.append(f"{point.metric} {point.attributes} is not in the catalogue")
            continue
        if point.unit != entry["unit"]:
            wrong.append(f"{point.metric} has unit {point.unit}")
        if (kind_of(point) == "histogram") != (entry["kind"] == "histogram"):
            wrong.append(f"{point.metric} is a {kind_of(point)}")
        allowed = entry.get("attributes", {})
        for name, value in point.attributes.items():
            if name not in allowed or not {value, "*"} & set(allowed[name]):
                wrong.append(f"{point.metric} has {name}={value}")
    assert sorted(set(wrong)) == []
    # The other way round: what the catalogue promises exists.
    assert {point.metric for point in otlp.points.values()} == set(known)


def test_the_catalogue_says_what_each_instrument_means() -> None:
    for name, instrument in catalogue().items():
        assert instrument["kind"] in {"counter", "updowncounter", "gauge", "histogram"}, name
        assert instrument["meaning"].endswith("."), name
