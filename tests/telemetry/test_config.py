"""The environment of telemetry, and the task it runs in."""

import dataclasses
import http.server
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import certifi
import pytest
from opentelemetry.util.re import parse_env_headers

from local.ports import free_port
from telemetry import Config, ConfigError, ecs, otel_environment
from tests.harness.room import MACHINE
from tests.harness.sinks import Fault, Sink

ARN = "arn:aws:ecs:sa-east-1:123456789012:task/tinyurl-prod/0123456789abcdef"
TASK = {
    "Cluster": "tinyurl-prod",
    "TaskARN": ARN,
    "Family": "go-backend",
    "Revision": "7",
    "LaunchType": "FARGATE",
    "AvailabilityZone": "sa-east-1a",
}


@pytest.mark.parametrize(
    "base",
    [
        "http://observability:4318",
        "http://observability:4318/",
        "http://observability:4318//",
        "http://observability:4318/v1/traces",
        "http://observability:4318/v1/traces/",
        "http://observability:4318/v1/metrics",
        ' "http://observability:4318" ',
    ],
)
def test_a_signals_path_is_appended_once(base: str) -> None:
    config = Config.from_env({"OTEL_EXPORTER_OTLP_ENDPOINT": base})
    assert config.signal_endpoint("traces") == "http://observability:4318/v1/traces"
    assert config.signal_endpoint("metrics") == "http://observability:4318/v1/metrics"


def test_a_path_of_the_collector_is_kept() -> None:
    config = Config.from_env({"OTEL_EXPORTER_OTLP_ENDPOINT": "https://h/otlp/"})
    assert config.signal_endpoint("traces") == "https://h/otlp/v1/traces"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "observability:4318"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://h:99999"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://"),
        ("LOKI_ENDPOINT", "loki/loki/api/v1/push"),
        ("LOKI_URL", "ftp://loki"),
        ("LOG_LEVEL", "loud"),
        ("OTEL_TRACES_SAMPLER", "sometimes"),
        ("OTEL_TRACES_SAMPLER_ARG", "2"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "0"),
    ],
)
def test_a_mistake_names_the_variable_what_it_held_and_what_is_allowed(
    name: str, value: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        Config.from_env({name: value})
    (mistake,) = caught.value.mistakes
    assert mistake.startswith(f"{name}: held '{value}'; allowed: ")


def regular(*names: str) -> list[tuple[str, str]]:
    return [(name, value) for name in names for value in ("[", "a,(b", "*", "x(?P<a")]


WRONG = [
    *regular(
        "OTEL_PYTHON_FLASK_EXCLUDED_URLS",
        "OTEL_PYTHON_EXCLUDED_URLS",
        "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_REQUEST",
        "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_RESPONSE",
        "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SANITIZE_FIELDS",
    ),
    *((f"OTEL_{name}_LIMIT", value) for value in ("many", "-1", "1.5", "1_000", "\u0661")
      for name in ("ATTRIBUTE_COUNT", "ATTRIBUTE_VALUE_LENGTH", "EVENT_ATTRIBUTE_COUNT",
                   "LINK_ATTRIBUTE_COUNT", "SPAN_ATTRIBUTE_COUNT", "SPAN_ATTRIBUTE_VALUE_LENGTH",
                   "SPAN_EVENT_COUNT", "SPAN_LINK_COUNT")),
    *((f"OTEL_BSP_{name}", "soon") for name in ("SCHEDULE_DELAY", "EXPORT_TIMEOUT",
                                               "MAX_QUEUE_SIZE", "MAX_EXPORT_BATCH_SIZE")),
    *((f"OTEL_EXPORTER_OTLP_{name}", value) for value in ("soon", "-1", "inf", "nan")
      for name in ("TIMEOUT", "TRACES_TIMEOUT", "METRICS_TIMEOUT")),
    ("OTEL_METRIC_EXPORT_TIMEOUT", "x"),
    ("OTEL_SDK_DISABLED", "perhaps"),
    ("OTEL_METRICS_EXEMPLAR_FILTER", "sometimes"),
    ("OTEL_EXPORTER_OTLP_COMPRESSION", "zip"),
    ("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "zip"),
    ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "grpc"),
    ("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "rising"),
    ("OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION", "none"),
    ("OTEL_PROPAGATORS", "tracecontext,pigeon"),
    ("OTEL_EXPERIMENTAL_RESOURCE_DETECTORS", "nose"),
    *((name, value)
      for name in ("OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
                   "OTEL_EXPORTER_OTLP_METRICS_HEADERS")
      for value in ("s3cret", "api-key: s3cret", "=s3cret", "a=1,s3cret", "api key=s3cret",
                    'a="s3cret"x', "a=s3cret;b=c", "a=s3cr\u00e9t", "a=s3cret%0d%0ax: y",
                    "a=%E2%82%ACs3cret", "a=\x7fs3cret")),
    *((f"OTEL_EXPORTER_OTLP_{signal}{name}", value) for value in ("/s3cret", __file__)
      for signal in ("", "TRACES_", "METRICS_", "LOGS_")
      for name in ("CERTIFICATE", "CLIENT_CERTIFICATE", "CLIENT_KEY")),
    ("OTEL_EXPORTER_OTLP_CLIENT_KEY", certifi.where()),
    ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", str(Path(__file__).parent)),
    ("REQUESTS_CA_BUNDLE", "/s3cret"),
    ("CURL_CA_BUNDLE", "/s3cret"),
    *(("OTEL_RESOURCE_ATTRIBUTES", value) for value in ("s3cret", "a=b,s3cret", "=s3cret")),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), WRONG, ids=ascii)
def test_what_the_sdk_would_stumble_over_is_named_and_its_value_is_not_shown(
    name: str, value: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        Config.from_env({name: f'"{value}"' if '"' not in value else value})
    (mistake,) = caught.value.mistakes
    assert mistake.startswith(f"{name}: held a value that is not shown; allowed: ")
    assert "s3cret" not in mistake


@pytest.mark.parametrize("kind", ["PRIVATE KEY", "RSA PRIVATE KEY", "ENCRYPTED PRIVATE KEY"])
def test_certificates_and_keys_that_are_there(tmp_path: Path, kind: str) -> None:
    key = tmp_path / "key.pem"
    key.write_text(f"Bag Attributes\n-----BEGIN {kind}-----\nTUlJ\n")
    given = {
        "OTEL_EXPORTER_OTLP_CERTIFICATE": f"'{certifi.where()}'",
        "OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE": str(tmp_path),
        "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": certifi.where(),
        "OTEL_EXPORTER_OTLP_CLIENT_KEY": str(key),
    }

    assert list(otel_environment.mistakes(given)) == []


RIGHT = {
    "OTEL_PYTHON_FLASK_EXCLUDED_URLS": "^/status, health.*$,",
    "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_REQUEST": "Accept.*,X-.*",
    "OTEL_ATTRIBUTE_COUNT_LIMIT": "128",
    "OTEL_SPAN_EVENT_COUNT_LIMIT": "0",
    "OTEL_BSP_SCHEDULE_DELAY": " 5000 ",
    "OTEL_EXPORTER_OTLP_TIMEOUT": "'2.5'",
    "OTEL_METRIC_EXPORT_TIMEOUT": "1e4",
    "OTEL_EXPORTER_OTLP_COMPRESSION": "GZIP",
    "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL": "http/protobuf",
    "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "LowMemory",
    "OTEL_PROPAGATORS": "tracecontext, baggage",
    "OTEL_EXPERIMENTAL_RESOURCE_DETECTORS": "process,host",
    "OTEL_EXPORTER_OTLP_HEADERS": "Authorization=Basic%20dTpw, x-api-key = a=b== ,x=Bearer y,",
    "OTEL_RESOURCE_ATTRIBUTES": "service.namespace=links,team=a%20b,note=",
    "OTEL_SDK_DISABLED": "False",
    "OTEL_SEMCONV_STABILITY_OPT_IN": "http/dup",
}


def test_what_the_sdk_understands_is_no_mistake() -> None:
    assert Config.from_env(RIGHT).service_name == "go-backend"
    assert Config.from_env(dict.fromkeys(dict(WRONG), " ")).service_name == "go-backend"


def test_the_libraries_find_what_we_read() -> None:
    environment = {"OTEL_BSP_SCHEDULE_DELAY": ' "5000" ', "OTEL_SDK_DISABLED": "''", "PORT": " 80 "}
    otel_environment.unwrap(environment)
    assert environment == {"OTEL_BSP_SCHEDULE_DELAY": "5000", "PORT": " 80 "}


@pytest.mark.parametrize(
    ("given", "taken"),
    [(value, parse_env_headers(value, liberal=True)) for value in
     ("a=b", "a=b,c=d", "A-b=%41=", " a = b c , d= ", "a=;", "a", "a:b", 'a="b"', "a b=c", "=a",
      "")],
)  # fmt: skip
def test_headers_are_taken_as_the_library_takes_them(given: str, taken: dict[str, str]) -> None:
    parts = [part for part in given.split(",") if part.strip()]
    found = list(otel_environment.mistakes({"OTEL_EXPORTER_OTLP_HEADERS": given}))
    assert (found == []) == (len(taken) == len(parts))


def test_all_mistakes_come_at_once_and_no_credential_is_shown() -> None:
    with pytest.raises(ConfigError) as caught:
        Config.from_env(
            {"LOG_LEVEL": "x", "LOKI_ENDPOINT": "loki://u:hunter2@h", "OTEL_TRACES_SAMPLER": "y"}
        )
    assert len(caught.value.mistakes) == 3
    assert "hunter2" not in str(caught.value)


def test_the_older_names_are_read_where_the_newer_are_missing() -> None:
    old = {"GO_ENV": "staging", "LOKI_URL": "http://old/push"}
    new = {"ENV": "local", "LOKI_ENDPOINT": "http://new/push"}
    assert (Config.from_env(old).environment, Config.from_env(old).loki_endpoint) == (
        "staging",
        "http://old/push",
    )
    both = Config.from_env(old | new)
    assert (both.environment, both.loki_endpoint) == ("local", "http://new/push")


def test_nothing_configured_is_no_mistake() -> None:
    config = Config.from_env({})
    assert (config.signal_endpoint("traces"), config.loki_endpoint) == (None, None)
    assert (config.service_name, config.environment) == ("go-backend", "production")


class _Metadata(http.server.BaseHTTPRequestHandler):
    body = json.dumps(TASK).encode()

    def do_GET(self) -> None:
        assert self.path == "/v4/abc/task"
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def metadata_uri() -> Iterator[str]:
    """Run the metadata endpoint of an ECS task."""
    with http.server.HTTPServer(("127.0.0.1", 0), _Metadata) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/v4/abc"
        server.shutdown()


def test_the_task_is_learnt_from_its_metadata(metadata_uri: str) -> None:
    config = Config.from_env({"ECS_CONTAINER_METADATA_URI_V4": metadata_uri}).with_task_metadata()
    assert config.instance == "0123456789abcdef"
    assert dict(config.cloud) == {
        "cloud.provider": "aws",
        "cloud.platform": "aws_ecs",
        "cloud.region": "sa-east-1",
        "cloud.account.id": "123456789012",
        "cloud.availability_zone": "sa-east-1a",
        "aws.ecs.cluster.arn": "arn:aws:ecs:sa-east-1:123456789012:cluster/tinyurl-prod",
        "aws.ecs.task.arn": ARN,
        "aws.ecs.task.family": "go-backend",
        "aws.ecs.task.revision": "7",
        "aws.ecs.launchtype": "fargate",
    }


def test_an_endpoint_that_hesitates_is_asked_again() -> None:
    class Hesitant(_Metadata):
        """Refuses the first two questions."""

        left = 2

        def do_GET(self) -> None:
            if Hesitant.left:
                Hesitant.left -= 1
                self.send_error(503)
            else:
                super().do_GET()

    with http.server.HTTPServer(("127.0.0.1", 0), Hesitant) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        uri = f"http://127.0.0.1:{server.server_address[1]}/v4/abc"
        config = Config.from_env({"ECS_CONTAINER_METADATA_URI_V4": uri}).with_task_metadata()
        server.shutdown()

    assert config.instance == "0123456789abcdef"


def test_what_was_not_answered_is_asked_for_the_next_workers_and_what_was_never_again(
    metadata_uri: str,
) -> None:
    nowhere = {"ECS_CONTAINER_METADATA_URI_V4": f"http://127.0.0.1:{free_port()}/v4/abc"}
    unknown = Config.from_env(nowhere).with_task_metadata()
    later = dataclasses.replace(unknown, metadata_uri=metadata_uri).with_task_metadata()

    assert unknown.task_arn is None
    assert later.instance == "0123456789abcdef"
    assert later.with_task_metadata() is later


def test_the_environments_task_arn_wins(metadata_uri: str) -> None:
    environ = {"ECS_CONTAINER_METADATA_URI_V4": metadata_uri, "TASK_ARN": ARN.replace("0", "f")}
    assert Config.from_env(environ).with_task_metadata().instance == "f123456789abcdef"


def test_metadata_that_hang_are_given_up_after_a_second() -> None:
    class Hanging(Sink):
        """Accepts connections and never answers."""

    with Hanging() as sink:
        sink.fault = Fault.HANGS
        started = time.monotonic()
        # No handler for GET answers 501 at once; an unaccepting backlog would hang in connect.
        assert ecs.fetch_task(sink.url) == {}
        assert time.monotonic() - started < ecs.TRIES * ecs.LIMIT + MACHINE


def test_metadata_that_drip_are_given_up_after_a_second() -> None:
    class Dripping(_Metadata):
        """Sends a byte now and then."""

        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            for _ in range(100):
                try:
                    self.wfile.write(b" ")
                    self.wfile.flush()
                except OSError:
                    return
                time.sleep(0.1)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Dripping) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        started = time.monotonic()
        assert ecs.fetch_task(f"http://127.0.0.1:{server.server_address[1]}") == {}
        assert time.monotonic() - started < ecs.TRIES * ecs.LIMIT + MACHINE
        server.shutdown()
