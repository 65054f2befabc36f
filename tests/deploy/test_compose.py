"""The local stack: its files against published schemas, real programs, and each other."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

import telemetry
from app.config import Settings
from local.observability.servers import COLLECTOR_CONFIGURATION, collector_program
from local.ports import free_port
from tests.conftest import StartService
from tests.harness.servers import Database, Valkey

DOCKER = Path(__file__).resolve().parents[2] / "docker"
FILE = DOCKER / "compose.yaml"


def _services() -> dict[str, Any]:
    services: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))["services"]
    return services


def _yaml(path: str) -> Any:
    return yaml.safe_load((DOCKER / path).read_text(encoding="utf-8"))


def test_compose_follows_its_published_schema() -> None:
    check = Path(sys.executable).with_name("check-jsonschema")
    command = [str(check), "--builtin-schema", "vendor.compose-spec", str(FILE)]

    subprocess.run(command, check=True, timeout=30)


def test_every_image_is_pinned() -> None:
    for name, service in _services().items():
        if "build" not in service:
            assert re.search(r":v?\d+(\.\d+){1,2}(-[a-z]+)?$", service["image"]), name


def test_every_file_that_is_mounted_exists() -> None:
    for service in _services().values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert not source.startswith(".") or (DOCKER / source).exists(), source


def test_nothing_listens_beyond_this_machine() -> None:
    ports = [port for service in _services().values() for port in service.get("ports", [])]

    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


@pytest.mark.parametrize("name", ["service", "migrate", "traffic"])
def test_the_service_is_contained_as_in_production(name: str) -> None:
    service = _services()[name]

    assert service["read_only"] is True
    assert service["tmpfs"] == ["/tmp"]
    assert service["cap_drop"] == ["ALL"]


def test_the_settings_take_the_environment() -> None:
    environment = _services()["service"]["environment"]

    settings = Settings.from_env(environment)
    telemetry.Config.from_env(environment)

    assert settings.local


def test_every_host_that_is_named_is_a_service() -> None:
    services = _services()
    text = "\n".join(
        path.read_text(encoding="utf-8")
        for path in DOCKER.rglob("*.yaml")
        if "prometheus/tests" not in str(path)
    )
    named = set(re.findall(r"https?://([a-z][a-z-]*)(?=[:/])", text))
    named |= {
        services["service"]["environment"]["POSTGRES_HOST"],
        services["service"]["environment"]["REDIS_ADDR"].split(":")[0],
        _yaml("prometheus/prometheus.yaml")["scrape_configs"][0]["static_configs"][0]["targets"][
            0
        ].split(":")[0],
    }

    assert named <= services.keys()


def test_ports_agree() -> None:
    collector = _yaml("otelcol/config.yaml")
    receiver = collector["receivers"]["otlp"]["protocols"]["http"]["endpoint"]
    page = collector["exporters"]["prometheus"]["endpoint"]
    traces = collector["exporters"]["otlp_http/tempo"]["endpoint"]
    tempo = _yaml("tempo/config.yaml")
    (scraped,) = _yaml("prometheus/prometheus.yaml")["scrape_configs"][0]["static_configs"]
    sources = _yaml("grafana/provisioning/datasources/datasources.yaml")["datasources"]
    urls = {source["uid"]: source["url"] for source in sources}
    environment = _services()["service"]["environment"]

    def port(address: str) -> str:
        return re.sub(r".*:(\d+).*", r"\1", address)

    assert port(receiver) == port(environment["OTEL_EXPORTER_OTLP_ENDPOINT"])
    assert port(page) == port(scraped["targets"][0])
    assert port(traces) == port(
        tempo["distributor"]["receivers"]["otlp"]["protocols"]["http"]["endpoint"]
    )
    assert port(urls["tempo"]) == str(tempo["server"]["http_listen_port"])
    assert port(urls["loki"]) == str(_yaml("loki/config.yaml")["server"]["http_listen_port"])
    assert port(urls["loki"]) == port(environment["LOKI_ENDPOINT"])


def test_loki_keeps_trace_ids_as_structured_metadata() -> None:
    loki = _yaml("loki/config.yaml")
    (schema,) = loki["schema_config"]["configs"]

    # What structured metadata needs (Loki's documentation).
    assert (schema["store"], schema["schema"]) == ("tsdb", "v13")
    assert loki["limits_config"]["allow_structured_metadata"] is True


def test_the_collector_takes_its_configuration() -> None:
    collector = collector_program()
    if collector is None:
        pytest.skip("no OpenTelemetry Collector is built (make collector)")

    subprocess.run(
        [str(collector), "validate", "--config", str(COLLECTOR_CONFIGURATION)], check=True
    )


def test_the_collector_in_the_stack_is_the_one_that_is_tested() -> None:
    recipe = (DOCKER / "collector" / "go.mod").read_text(encoding="utf-8")
    tested = re.search(r"go.opentelemetry.io/collector/otelcol v(\S+)", recipe)

    assert tested
    assert _services()["collector"]["image"].endswith(f":{tested[1]}")


def test_traffic_stays_below_the_rate_limits() -> None:
    text = (DOCKER / "traffic.py").read_text(encoding="utf-8")
    pause = re.search(r"^PAUSE = ([\d.]+)$", text, re.MULTILINE)
    settings = Settings.from_env(_services()["traffic"]["environment"])

    assert pause
    a_minute = 60 / float(pause[1])
    assert a_minute < settings.rate_limits.resolve.limit
    assert a_minute / 8 < settings.rate_limits.general.limit


def test_traffic_leaves_something_to_see(
    start_service: StartService, database: Database, valkey: Valkey
) -> None:
    # As in the stack: ENV=local listens beyond loopback only because it is told to.
    port = free_port()
    arguments = _services()["service"]["environment"]["GUNICORN_CMD_ARGS"]
    service = start_service(
        {
            **database.environment,
            **valkey.environment(),
            "GUNICORN_CMD_ARGS": arguments.replace("8080", str(port)),
        },
        port=port,
    )
    service.await_record(lambda record: record["msg"].startswith("Listening at: http://0.0.0.0:"))
    command = [sys.executable, str(DOCKER / "traffic.py"), service.url]
    traffic = subprocess.Popen(command)
    try:
        service.await_record(lambda record: record.get("status") == 201)
        service.await_record(lambda record: record.get("status") in {200, 302}, timeout=20)
        service.await_record(lambda record: record.get("path") == "/api/nosuch", timeout=20)
    finally:
        traffic.kill()
        traffic.wait()


def test_grafana_loads_the_dashboards_from_where_they_are_mounted() -> None:
    (provider,) = _yaml("grafana/provisioning/dashboards/dashboards.yaml")["providers"]
    grafana = _services()["grafana"]
    mounts = [volume.split(":")[1] for volume in grafana["volumes"]]

    home = Path(grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert provider["options"]["path"] in mounts
    assert str(home.parent) == provider["options"]["path"]
    assert json.loads((DOCKER / "grafana" / "dashboards" / home.name).read_text(encoding="utf-8"))
