"""doctor against a collector and a Loki in every kind of trouble."""

from email.message import Message

import pytest

from app.doctor.findings import Finding
from app.doctor.situation import Options
from local.ports import free_port
from tests.doctor.command import examine, said
from tests.doctor.conftest import Environment
from tests.doctor.loki_query import LokiQueries
from tests.harness.sinks import Fault
from tests.harness.sinks_loki import PUSH_PATH, LokiSink
from tests.harness.sinks_otlp import OtlpSink

ANSWERS = {
    Fault.UNAVAILABLE: ("answered 503", "overloaded"),
    Fault.BROKEN: ("answered 500", "a fault of its own"),
    Fault.TOO_MANY: ("answered 429", "rate limit"),
    Fault.BAD_REQUEST: ("answered 400", ""),
    Fault.TOO_LARGE: ("answered 413", "limit"),
    Fault.REDIRECTS: ("answered 307", "redirect"),
    Fault.RESETS: ("breaks the connection off", "another protocol"),
}
COLLECTOR = ("collector traces", "collector metrics")


@pytest.fixture
def telling(plain: Environment, observed: Environment) -> Environment:
    """Return an environment in which only telemetry works."""
    return {**plain, **observed}


@pytest.mark.parametrize("fault", ANSWERS, ids=lambda fault: fault.name)
def test_a_collector_that_takes_nothing(telling: Environment, otlp: OtlpSink, fault: Fault) -> None:
    otlp.fault = fault
    rows = examine(telling)

    found, cause = ANSWERS[fault]
    for row in COLLECTOR:
        assert "fail" in said(rows[row])
        assert found in rows[row].found
        assert cause in said(rows[row])
    assert otlp.attempts == 2, "a check asks once, and waits for no second try"


@pytest.mark.parametrize("fault", ANSWERS, ids=lambda fault: fault.name)
def test_a_loki_that_takes_nothing(telling: Environment, loki: LokiSink, fault: Fault) -> None:
    loki.fault = fault
    rows = examine(telling)

    found, cause = ANSWERS[fault]
    assert "fail" in said(rows["loki push"])
    assert found in rows["loki push"].found
    assert cause in said(rows["loki push"])
    assert rows["loki query"].status == "skip"
    assert loki.attempts == 1


def test_a_loki_whose_ingestion_is_blocked(telling: Environment, loki: LokiSink) -> None:
    loki.fault = Fault.BLOCKED
    row = examine(telling)["loki push"]

    assert "answered 260" in row.found
    assert "ingestion is blocked" in said(row)


def test_nothing_listens(telling: Environment) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    settings = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": nowhere,
        "LOKI_ENDPOINT": f"{nowhere}/loki/api/v1/push",
    }
    rows = examine({**telling, **settings})

    for row, setting in zip([*COLLECTOR, "loki push"], ["OTEL", "OTEL", "LOKI"], strict=True):
        assert "refuses connections" in rows[row].found
        assert setting in said(rows[row])
        assert f"unset {setting}" in said(rows[row])


def test_in_production_the_next_command_asks_the_service_discovery(telling: Environment) -> None:
    settings = {"ENV": "production", "LOKI_ENDPOINT": "http://loki.invalid/loki/api/v1/push"}
    rows = examine({**telling, **settings})

    for row in ("dns loki.invalid", "loki push"):
        assert "aws servicediscovery discover-instances" in said(rows[row])


def test_a_name_without_its_domain(telling: Environment) -> None:
    # As the specification has it; no DNS zone that a task searches knows it.
    settings = {
        "ENV": "production",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://observability:4318",
        "LOKI_ENDPOINT": "http://observability/observability/loki/api/v1/push",
    }
    rows = examine({**telling, **settings})

    for row in ("collector traces", "loki push"):
        assert "the name lacks its domain" in said(rows[row])
        assert "Write observability.internal.tinyurl.local in " in said(rows[row])


@pytest.mark.parametrize("path", ["/wrong/push", "/", "/loki/api/v1/query"])
def test_a_push_address_with_another_path(telling: Environment, loki: LokiSink, path: str) -> None:
    row = examine({**telling, "LOKI_ENDPOINT": loki.url + path})["loki push"]

    assert row.advice
    assert row.advice.next == f"Set LOKI_ENDPOINT to {loki.push_url}"


def test_a_collector_address_with_a_wrong_path(telling: Environment, otlp: OtlpSink) -> None:
    rows = examine({**telling, "OTEL_EXPORTER_OTLP_ENDPOINT": f"{otlp.url}/otlp"})

    for row in COLLECTOR:
        assert "answered 404" in rows[row].found
        assert "the path is wrong" in said(rows[row])
        assert "OTEL_EXPORTER_OTLP_ENDPOINT" in said(rows[row])


def test_a_loki_address_without_its_path(telling: Environment, loki: LokiSink) -> None:
    row = examine({**telling, "LOKI_ENDPOINT": loki.url})["loki push"]

    assert "answered 404 to a line at /" in row.found
    assert "/loki/api/v1/push takes lines there" in said(row)


def test_a_certificate_file_that_is_not_there(telling: Environment) -> None:
    rows = examine({**telling, "OTEL_EXPORTER_OTLP_CERTIFICATE": "/nope"})

    assert "OTEL_EXPORTER_OTLP_CERTIFICATE" in rows["configuration"].found
    for row in COLLECTOR:
        assert rows[row].found == (
            "OTEL_EXPORTER_OTLP_CERTIFICATE cannot be used, see configuration"
        )


def test_a_certificate_file_that_went_away(
    telling: Environment, otlp: OtlpSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Read by the library itself, whatever the configuration was when it was checked.
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", "/nope")
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    rows = examine({**telling, "OTEL_EXPORTER_OTLP_ENDPOINT": otlp.url.replace("http:", "https:")})

    for row in COLLECTOR:
        assert rows[row].found.startswith("nothing is sent to 127.0.0.1:")
        assert "OTEL_EXPORTER_OTLP_" in said(rows[row])


class _LokiAt(LokiSink):
    """Loki behind a path, as the proxy of the observability service has it."""

    def __init__(self, prefix: str) -> None:
        super().__init__()
        self._prefix = prefix

    def accept(self, path: str, headers: Message, body: bytes) -> tuple[int, bytes, str]:
        if not path.startswith(self._prefix):
            return 404, b"", "text/plain"
        return super().accept(path.removeprefix(self._prefix), headers, body)


@pytest.mark.parametrize("env", ["local", "production"])
@pytest.mark.parametrize("prefix", ["", "/observability"])
def test_the_path_that_takes_lines_is_advised_wherever_loki_is(
    telling: Environment, env: str, prefix: str
) -> None:
    other = "" if prefix else "/observability"
    with _LokiAt(prefix) as loki:
        address = f"{loki.url}{other}{PUSH_PATH}"
        row = examine({**telling, "ENV": env, "LOKI_ENDPOINT": address})["loki push"]

    assert row.advice
    assert row.advice.next == f"Set LOKI_ENDPOINT to {loki.url}{prefix}{PUSH_PATH}"


@pytest.mark.parametrize("env", ["local", "production"])
@pytest.mark.parametrize("path", ["", "/loki/api/v1/push", "/observability/loki/api/v1/push"])
def test_where_no_path_takes_lines_what_is_set_is_not_advised(
    telling: Environment, env: str, path: str
) -> None:
    with _LokiAt("/elsewhere") as loki:
        row = examine({**telling, "ENV": env, "LOKI_ENDPOINT": loki.url + path})["loki push"]

    assert row.advice
    assert row.advice.next == "Compare LOKI_ENDPOINT with docs/operations.md"
    assert "took no line there either" in row.advice.cause


def test_a_collector_that_takes_the_request_and_rejects_the_span(
    telling: Environment, otlp: OtlpSink
) -> None:
    otlp.reject_spans = 1
    rows = examine(telling)

    assert "and rejected it" in rows["collector traces"].found
    assert "partial success" in said(rows["collector traces"])
    assert rows["collector metrics"].status == "ok"


def test_https_where_http_is_spoken(telling: Environment, otlp: OtlpSink, loki: LokiSink) -> None:
    settings = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": otlp.url.replace("http:", "https:"),
        "LOKI_ENDPOINT": loki.push_url.replace("http:", "https:"),
    }
    rows = examine({**telling, **settings})

    for row in (*COLLECTOR, "loki push"):
        assert "no TLS connection" in rows[row].found
        assert "https where http is spoken" in said(rows[row])


def test_credentials_in_an_address_are_used_and_not_shown(
    telling: Environment, otlp: OtlpSink, loki: LokiSink
) -> None:
    settings = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": otlp.url.replace("//", "//ada:lovelace-1815@"),
        "LOKI_ENDPOINT": loki.push_url.replace("//", "//ada:lovelace-1815@") + "?token=babbage",
    }
    otlp.fault = loki.fault = Fault.UNAVAILABLE
    printed = repr(examine({**telling, **settings}))

    assert "answered 503" in printed
    assert "lovelace" not in printed
    assert "babbage" not in printed


def test_a_line_that_is_found_only_after_a_while(
    telling: Environment, queries: LokiQueries
) -> None:
    queries.delay = 3

    assert examine(telling)["loki query"].status == "ok"
    assert queries.asked == 4


def test_a_line_that_is_not_found(telling: Environment, queries: LokiQueries) -> None:
    queries.delay = 10**6
    row = examine(telling)["loki query"]

    assert "the line is not at 127.0.0.1:" in row.found
    assert "another Loki or tenant" in said(row)


@pytest.mark.parametrize("path", ["", "/", "/loki/api/v1/query_range", "/loki/api/v1/"])
def test_every_form_of_the_query_address(
    telling: Environment, queries: LokiQueries, path: str
) -> None:
    del telling["LOKI_QUERY_URL"]
    rows = examine(telling, Options(loki_query_url=queries.url + path))

    assert rows["loki query"].status == "ok"


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("loki:3100", "LOKI_QUERY_URL is no http or https URL"),
        ("http://127.0.0.1:{closed}", "refuses|breaks the connection off"),
        ("{queries}/elsewhere", "answered 404"),
    ],
)
def test_a_wrong_query_address(
    telling: Environment, queries: LokiQueries, address: str, found: str
) -> None:
    address = address.format(closed=free_port(), queries=queries.url)
    row: Finding = examine({**telling, "LOKI_QUERY_URL": address})["loki query"]

    assert "fail" in said(row)
    assert any(part in row.found for part in found.split("|"))


def test_production_without_telemetry_is_noted(plain: Environment) -> None:
    rows = examine({**plain, "ENV": "production"})

    assert [rows[row].status for row in (*COLLECTOR, "loki push")] == ["warn"] * 3
