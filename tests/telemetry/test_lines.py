"""The JSON of one line."""

import json
import logging
import sys
import unicodedata
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.context import Request, current_request
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


def obeyed() -> list[str]:
    """Return what terminals and editors obey or hide: controls, formats, ends of lines."""
    return [
        character
        for character in map(chr, range(sys.maxunicode + 1))
        if unicodedata.category(character) in {"Cc", "Cf", "Zl", "Zp"}
    ]


def test_nothing_that_a_terminal_obeys_is_printed_as_it_is() -> None:
    line = RENDERER.record(record("".join(obeyed()))).json.decode()

    assert [repr(character) for character in obeyed() if character in line] == []
    assert json.loads(line)["msg"] == "".join(obeyed())


@pytest.mark.parametrize("character", ["\x1b", "\x7f", "\x85", "\x9b", "\u202e", "\u2028", "\ufeff",
                                       "\u2066", "\U000e0041", "\ud800"], ids=ascii)  # fmt: skip
def test_wherever_it_comes_from(character: str) -> None:
    class Shown:
        def __repr__(self) -> str:
            return f"<{character}>"

    extras = {
        "text": f"a{character}b",
        f"name{character}": 1,
        "deep": [{"x": character}],
        "o": Shown(),
    }
    made = record("%s", **extras)
    made.args, made.name = (f"a{character}b",), f"logger{character}"
    made.exc_info = (ValueError, ValueError(f"{character}"), None)
    made.stack_info = f"stack{character}"
    path = f"/{character}".encode("utf-8", "replace").decode("latin-1")
    request = Request(
        {"PATH_INFO": path, "REQUEST_METHOD": f"G{character}", "REMOTE_ADDR": character}
    )
    request.fields = {"reason": character}

    current_request.set(request)
    try:
        lines = [RENDERER.record(made).json, RENDERER.completed(request, 1.0).json]
    finally:
        current_request.set(None)

    for line in lines:
        assert character.encode("utf-8", "surrogatepass") not in line
        assert line.decode().isprintable() or line.isascii()
        assert json.loads(line)


def test_a_line_of_such_characters_is_cut_to_size_too() -> None:
    text = "\U000e0041" * (LONGEST_LINE // 10)  # four bytes each, and twelve when they are escaped
    line = RENDERER.record(record(text, more=text)).json

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


ROOT = "Root=1-5759e988-bd862e3fe1be46a994272793"


@pytest.mark.parametrize(
    "header",
    [
        ROOT,
        f"{ROOT};Parent=53995c3f42cd8ad8;Sampled=1",
        f"{ROOT}; Parent=53995c3f42cd8ad8; Sampled=0",
        f"{ROOT};Sampled=?",
        f"{ROOT};Sampled=1;",
        f"Self=1-67891234-12456789abcdef012345678;{ROOT}",
        f"{ROOT};CalledFrom=app/1.2 (x)".replace(" (x)", "(x)"),
        f"{ROOT};Parent=53995c3f42cd8ad8;Sampled=0;Lineage=a87bd80c:1|68fd508a:5|c512fbe3:2",
        "Lineage=a87bd80c:1|68fd508a:5",
        f"{ROOT},{ROOT}",
        f"Root=1-{'a' * 700}",
    ],
)
def test_every_form_of_a_trace_header_of_aws_is_kept(header: str) -> None:
    assert Request({"HTTP_X_AMZN_TRACE_ID": f" {header} "}).amzn_trace_id == header


@pytest.mark.parametrize(
    "header",
    ["", " ", "x", "=", "; x", "Root", "Root=\x80", "Root=1\nx", "Root=\u202e", "R\xe9=1",
     f"Root={'a' * 1100}", "a=;  " * 100 + "!"],
    ids=ascii,
)  # fmt: skip
def test_anything_else_is_no_trace_header(header: str) -> None:
    assert Request({"HTTP_X_AMZN_TRACE_ID": header}).amzn_trace_id is None


def test_a_trace_header_may_not_carry_a_secret_into_the_log() -> None:
    token = "eyJhbGciOiJIUzI1NiJ9.eyJ1c2VyX2lkIjoxfQ.c2lnbmF0dXJl"
    for header in (f"{ROOT};tok={token}", f"Root=1;key=fon_{'k' * 43}", "Root=1;password=hunter2"):
        kept = Request({"HTTP_X_AMZN_TRACE_ID": header}).amzn_trace_id
        assert kept is not None
        assert kept.startswith("Root=1")
        assert not any(secret in kept for secret in (token, "k" * 43, "hunter2"))


def test_a_path_is_the_text_of_its_bytes() -> None:
    raw = "/\N{SNOWMAN}".encode().decode("latin-1")
    assert Request({"PATH_INFO": raw}).path == "/\N{SNOWMAN}"
    assert Request({"PATH_INFO": "/\xc0"}).path == "/\N{REPLACEMENT CHARACTER}"
