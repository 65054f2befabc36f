"""The JSON of one line."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.context import Request
from telemetry.lines import LONGEST_LINE, Clock, Renderer, level_of

RENDERER = Renderer("shortener", "test")


def record(message: object = "Something", **extra: Any) -> logging.LogRecord:
    """Return a log record with extra fields."""
    made = logging.LogRecord("some.logger", logging.INFO, "f.py", 1, message, (), None)
    made.__dict__.update(extra)
    return made


def rendered(made: logging.LogRecord) -> dict[str, Any]:
    """Render and parse."""
    line = RENDERER.record(made).json
    assert b"\n" not in line
    parsed: dict[str, Any] = json.loads(line)
    return parsed


def test_a_record_has_the_fields_of_every_line() -> None:
    fields = rendered(record("Link %s", count=3))
    assert fields.pop("ts").endswith("Z")
    assert fields == {
        "level": "info",
        "msg": "Link %s",
        "logger": "some.logger",
        "service_name": "shortener",
        "environment": "test",
        "count": 3,
    }


@pytest.mark.parametrize(
    ("levelno", "level"),
    [(10, 0), (15, 0), (20, 1), (25, 1), (30, 2), (40, 3), (50, 3)],
)
def test_levels_are_four(levelno: int, level: int) -> None:
    assert level_of(levelno) == level


@given(st.floats(0, 4e9))
def test_timestamps_are_utc_with_milliseconds(seconds: float) -> None:
    expected = datetime.fromtimestamp(int(seconds * 1000) // 1000, UTC)
    assert Clock().format(seconds) == (
        f"{expected:%Y-%m-%dT%H:%M:%S}.{int(seconds * 1000) % 1000:03d}Z"
    )


def test_an_exception_comes_with_its_stack_in_one_line() -> None:
    made = record()
    try:
        _ = 1 / 0
    except ZeroDivisionError:
        made.exc_info = sys.exc_info()
    assert rendered(made)["exception"].endswith("ZeroDivisionError: division by zero")


@given(
    st.text(st.characters(exclude_categories=())),
    st.text(st.characters(exclude_categories=()), min_size=1),
)
def test_any_text_makes_a_line(message: str, name: str) -> None:
    made = record(message)
    made.__dict__[f"x{name}"] = message
    assert rendered(made)["logger"] == "some.logger"


class BrokenRepr:
    """A value that cannot be shown."""

    def __repr__(self) -> str:
        raise RuntimeError


def test_a_value_that_cannot_be_shown_does_not_lose_the_line() -> None:
    assert rendered(record(value=BrokenRepr()))["value"] == "<BrokenRepr>"


@pytest.mark.parametrize("text", ["x" * LONGEST_LINE, "\x00" * LONGEST_LINE, "é" * LONGEST_LINE])
def test_a_line_over_256_kib_is_cut_and_marked(text: str) -> None:
    line = RENDERER.record(record(text, **{f"f{number}": text for number in range(40)})).json
    assert len(line) <= LONGEST_LINE
    assert json.loads(line)["truncated"] is True


def test_request_completed_has_the_fields_and_types_of_the_specification() -> None:
    request = Request(
        {
            "REQUEST_METHOD": "POST",
            "PATH_INFO": "/api/",
            "QUERY_STRING": "key=secret",
            "REMOTE_ADDR": "192.0.2.7",
            "HTTP_X_REQUEST_ID": "req-xyz123",
        }
    )
    request.status = 201
    request.trace_id, request.span_id = "a" * 32, "b" * 16
    fields = json.loads(RENDERER.completed(request, 0.0452).json)
    assert isinstance(fields.pop("ts"), str)
    assert fields == {
        "level": "info",
        "msg": "Request completed",
        "logger": "telemetry.request",
        "trace_id": "a" * 32,
        "span_id": "b" * 16,
        "request_id": "req-xyz123",
        "method": "POST",
        "path": "/api/",
        "status": 201,
        "latency_ms": 45.2,
        "client_ip": "192.0.2.7",
        "service_name": "shortener",
        "environment": "test",
    }


@pytest.mark.parametrize(
    ("path", "said"),
    [("/healthz", "on purpose"), ("/api/metrics", "on purpose"), ("/api/Zz9Zz9", None)],
)
def test_a_line_says_that_its_request_has_no_trace_on_purpose(path: str, said: str | None) -> None:
    request = Request({"REQUEST_METHOD": "GET", "PATH_INFO": path})
    request.status = 200
    fields = json.loads(RENDERER.completed(request, 0.001).json)
    assert (fields.get("untraced"), "trace_id" in fields) == (said, False)


@pytest.mark.parametrize(
    "given_id", ["", "a b", "ä", "x" * 129, "a\n", "<script>", "a/b", "\u0661"]
)
def test_a_request_id_that_does_not_match_is_replaced(given_id: str) -> None:
    environ = {"HTTP_X_REQUEST_ID": given_id}
    request = Request(environ)
    assert request.request_id != given_id
    assert environ["HTTP_X_REQUEST_ID"] == request.request_id


def test_a_path_is_the_text_of_its_bytes() -> None:
    raw = "/\N{SNOWMAN}".encode().decode("latin-1")
    assert Request({"PATH_INFO": raw}).path == "/\N{SNOWMAN}"
    assert Request({"PATH_INFO": "/\xc0"}).path == "/\N{REPLACEMENT CHARACTER}"
