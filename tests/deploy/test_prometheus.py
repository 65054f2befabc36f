"""A real Prometheus on the running service: every panel and every rule has something to show.

Two ways lead there: the service's own page (ENV=local), and the local stack's collector.
"""

import json
import re
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from local.observability.servers import collector_configuration, collector_program
from local.ports import free_port
from local.process import Process
from tests.deploy.promql import RULES, shown_in_health
from tests.harness.servers import Database, Valkey
from tests.harness.service import Service
from tests.harness.sinks_otlp import OtlpSink

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.skipif(
        shutil.which("prometheus") is None,
        reason="prometheus is not installed (package prometheus)",
    ),
]

DEADLINE = 45
"""Seconds for every query to have a value: two scrapes and two evaluations of the rules."""
NOWHERE = "http://127.0.0.1:9"
WAYS = ("page", "collector")


@dataclass
class Prometheus:
    """One Prometheus that scrapes one target every second, with our rules."""

    url: str
    process: Process
    log: Path

    def value(self, query: str) -> list[Any]:
        """Return the result of an instant query; AssertionError with what Prometheus said."""
        answer = requests.post(f"{self.url}/api/v1/query", {"query": query}, timeout=5).json()
        assert answer["status"] == "success", f"{query}: {answer}"
        result: list[Any] = answer["data"]["result"]
        return result

    def get(self, path: str, **parameters: str) -> Any:
        """Return the data of another question to the API."""
        return requests.get(f"{self.url}/api/v1/{path}", parameters, timeout=5).json()["data"]


def _configuration(folder: Path, target: str) -> Path:
    """Write the stack's configuration with one target of ours, and quicker."""
    for path in RULES:
        rules = yaml.safe_load(path.read_text(encoding="utf-8"))
        for group in rules["groups"]:
            group["interval"] = "1s"
        (folder / path.name).write_text(yaml.safe_dump(rules), encoding="utf-8")
    scrape = {
        "job_name": "go-backend",
        "honor_labels": True,
        "static_configs": [{"targets": [target]}],
    }
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(folder / path.name) for path in RULES],
        "scrape_configs": [scrape],
    }
    file = folder / "prometheus.yaml"
    file.write_text(yaml.safe_dump(config), encoding="utf-8")
    return file


@contextmanager
def _prometheus(folder: Path, target: str) -> Iterator[Prometheus]:
    folder.mkdir()
    port = free_port()
    command = [
        "prometheus",
        f"--config.file={_configuration(folder, target)}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--enable-feature=exemplar-storage",
        "--log.level=warn",
    ]
    log = folder / "log"
    with log.open("wb") as output:
        process = Process(command, stdout=output)
    try:
        yield Prometheus(f"http://127.0.0.1:{port}", process, log)
    finally:
        process.kill()


@contextmanager
def _collector(folder: Path, otlp: int, page: int, traces: str) -> Iterator[None]:
    folder.mkdir()
    file = folder / "config.yaml"
    file.write_text(collector_configuration(otlp, page, traces), encoding="utf-8")
    with (folder / "log").open("wb") as output:
        process = Process(
            [str(collector_program()), "--config", str(file)], stdout=output, cwd=folder
        )
    try:
        yield
    finally:
        process.kill()


@contextmanager
def _traffic(service: Service) -> Iterator[None]:
    """Ask for a bit of everything until the block ends."""
    over = threading.Event()

    def ask() -> None:
        with requests.Session() as client:
            for number in range(100_000):
                if over.wait(0.05):
                    return
                made = client.post(
                    f"{service.url}/api/", json={"url": f"https://example.org/{number}"}, timeout=10
                )
                code = made.json()["short_code"]
                for path in (f"/api/{code}", f"/{code}", "/api/nosuch", "/not/a/route"):
                    client.get(service.url + path, allow_redirects=False, timeout=10)
                account = {"email": "nobody@example.org", "password": "wrong-password"}
                if number % 50 == 0:
                    client.post(f"{service.url}/api/login", json=account, timeout=10)

    thread = threading.Thread(target=ask, name="traffic", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(15)


@pytest.fixture(scope="module")
def ways(
    module_database: Database, module_valkey: Valkey, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Prometheus]]:
    """Run the service under traffic with a Prometheus at the end of each way."""
    folder = tmp_path_factory.mktemp("prometheus")
    otlp, page = free_port(), free_port()
    environment = {
        **module_database.environment,
        **module_valkey.environment(),
        "SERVICE_NAME": "go-backend",
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{otlp}",
        "OTEL_METRIC_EXPORT_INTERVAL": "1000",
        "LOKI_ENDPOINT": f"{NOWHERE}/loki/api/v1/push",
    }
    with ExitStack() as stack:
        if collector_program():
            traces = stack.enter_context(OtlpSink()).url
            stack.enter_context(_collector(folder / "collector", otlp, page, traces))
        service = stack.enter_context(Service(environment))
        targets = {"page": f"127.0.0.1:{service.port}", "collector": f"127.0.0.1:{page}"}
        found = {
            way: stack.enter_context(_prometheus(folder / f"by-{way}", targets[way]))
            for way in WAYS
            if way == "page" or collector_program()
        }
        stack.enter_context(_traffic(service))
        yield found


@pytest.fixture(params=WAYS)
def prometheus(request: pytest.FixtureRequest, ways: dict[str, Prometheus]) -> Prometheus:
    """Return the Prometheus at the end of one way, ready for questions."""
    if request.param not in ways:
        pytest.skip("no OpenTelemetry Collector is built (make collector)")
    prometheus = ways[request.param]
    deadline = time.monotonic() + DEADLINE
    while time.monotonic() < deadline:
        assert prometheus.process.running, prometheus.log.read_text()
        try:
            if requests.get(f"{prometheus.url}/-/ready", timeout=2).ok:
                return prometheus
        except requests.RequestException:
            time.sleep(0.1)
    raise AssertionError(prometheus.log.read_text())


def _ready(query: str) -> str:
    """Replace what Grafana would replace."""
    query = query.replace("$__rate_interval", "1m").replace("$job", ".+")
    assert not re.search(r"\$[A-Za-z_]", query), query  # $1 is a group of a pattern
    return query


def test_every_panel_and_every_rule_has_a_value(prometheus: Prometheus) -> None:
    waiting = {where: _ready(query) for where, query in shown_in_health()}
    deadline = time.monotonic() + DEADLINE

    while waiting and time.monotonic() < deadline:
        waiting = {where: query for where, query in waiting.items() if not prometheus.value(query)}
        time.sleep(0.5)

    assert waiting == {}


def test_the_rules_are_evaluated_without_error(prometheus: Prometheus) -> None:
    deadline = time.monotonic() + DEADLINE
    health = {"unknown"}
    while "unknown" in health and time.monotonic() < deadline:
        rules = [rule for group in prometheus.get("rules")["groups"] for rule in group["rules"]]
        health = {rule["health"] for rule in rules}
        time.sleep(0.2)

    assert health == {"ok"}, json.dumps([rule for rule in rules if rule["health"] != "ok"])


def test_job_and_instance_are_the_service_and_the_worker(ways: dict[str, Prometheus]) -> None:
    if "collector" not in ways:
        pytest.skip("no OpenTelemetry Collector is built (make collector)")
    prometheus = ways["collector"]
    deadline = time.monotonic() + DEADLINE
    found: list[Any] = []
    while not found and time.monotonic() < deadline:
        time.sleep(0.2)
        found = prometheus.value("http_server_active_requests")

    assert {series["metric"]["job"] for series in found} == {"go-backend"}
    assert all(re.search(r"-0$", series["metric"]["instance"]) for series in found)


def test_a_bucket_leads_to_a_trace(ways: dict[str, Prometheus]) -> None:
    if "collector" not in ways:
        pytest.skip("no OpenTelemetry Collector is built (make collector)")
    prometheus = ways["collector"]
    deadline = time.monotonic() + DEADLINE
    found: list[Any] = []
    while not found and time.monotonic() < deadline:
        time.sleep(0.5)
        now = time.time()
        found = prometheus.get(
            "query_exemplars",
            query="http_server_request_duration_seconds_bucket",
            start=str(now - 60),
            end=str(now),
        )

    assert found, "no exemplar came through"
    (exemplar, *_) = found[0]["exemplars"]
    assert re.fullmatch(r"[0-9a-f]{32}", exemplar["labels"]["trace_id"])
