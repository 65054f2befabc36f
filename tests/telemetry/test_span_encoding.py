"""Spans as we encode them, decoded by the official types and beside the official encoder's."""

import logging
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import (
    Link,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    TraceState,
)

from telemetry.exporters import AccountedSpanExporter, AccountedSpanProcessor
from telemetry.signals import Signal
from telemetry.span_encoding import EncodedSpan, encode
from tests.harness.sinks_otlp import OtlpSink

_INT64 = st.integers(-(1 << 63), (1 << 63) - 1)
_TEXT = st.text(st.characters(codec="utf-8"), max_size=40) | st.sampled_from(
    ["", "ж", "\U0001f600", "x" * 127, "x" * 128, "é" * 70, "y" * 300, "z" * 20_000, "\0"]
)
_PLAIN = (
    _TEXT
    | st.booleans()
    | _INT64
    | st.sampled_from([0, 1, -1, 127, 128, 1 << 62])
    | st.floats()
    | st.binary(max_size=200)
    | st.none()
)
VALUES = st.recursive(
    _PLAIN,
    lambda inner: (
        st.lists(inner, max_size=4).map(tuple) | st.dictionaries(_TEXT, inner, max_size=3)
    ),
    max_leaves=6,
)
ATTRIBUTES = st.none() | st.dictionaries(_TEXT.filter(bool), VALUES, max_size=6)
_STATES = st.lists(
    st.tuples(st.sampled_from("abcdef"), st.sampled_from(["1", "x y", "z"])),
    max_size=3,
    unique_by=lambda pair: pair[0],
)
_NANOSECONDS = st.none() | st.integers(0, (1 << 64) - 1)


@st.composite
def contexts(draw: st.DrawFn) -> SpanContext:
    """Return ids, flags and states of every kind."""
    return SpanContext(
        draw(st.integers(1, (1 << 128) - 1)),
        draw(st.integers(1, (1 << 64) - 1)),
        draw(st.booleans()),
        TraceFlags(draw(st.integers(0, 255))),
        TraceState(draw(_STATES)),
    )


class _Counted(ReadableSpan):
    """A span of which some things were dropped."""

    dropped_attributes = 3
    dropped_events = 200
    dropped_links = 70_000


_SCOPES = [
    None,
    InstrumentationScope("telemetry", "", "https://opentelemetry.io/schemas/1.21.0"),
    InstrumentationScope("psycopg", "0.66b1", None, {"a": 1}),
    InstrumentationScope("redis"),
]
_RESOURCES = [
    Resource({"service.name": "a", "n": 1, "list": ("x", "y")}),
    Resource({"service.name": "b"}, "https://schema.example"),
    Resource({"service.name": "b"}, "https://schema.example"),
    Resource({}),
]


@st.composite
def spans(draw: st.DrawFn) -> ReadableSpan:
    """Return a span of any shape that the SDK could make."""
    events = [
        Event(draw(_TEXT), draw(ATTRIBUTES), draw(st.integers(0, (1 << 64) - 1)))
        for _ in range(draw(st.integers(0, 2)))
    ]
    links = [Link(draw(contexts()), draw(ATTRIBUTES)) for _ in range(draw(st.integers(0, 2)))]
    code = draw(st.sampled_from(StatusCode))
    return draw(st.sampled_from([ReadableSpan, _Counted]))(
        draw(_TEXT),
        draw(contexts()),
        draw(st.none() | contexts()),
        draw(st.sampled_from(_RESOURCES)),
        draw(ATTRIBUTES),
        events,
        links,
        draw(st.sampled_from(SpanKind)),
        status=Status(code, draw(st.none() | _TEXT) if code is StatusCode.ERROR else None),
        start_time=draw(_NANOSECONDS),
        end_time=draw(_NANOSECONDS),
        instrumentation_scope=draw(st.sampled_from(_SCOPES)),
    )


def decoded(encoded: bytes) -> ExportTraceServiceRequest:
    """Read it as a collector does."""
    request: ExportTraceServiceRequest = ExportTraceServiceRequest.FromString(encoded)
    return request


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(spans(), max_size=4))
def test_whatever_the_sdk_can_make_is_encoded_as_the_official_encoder_does(
    batch: list[ReadableSpan],
) -> None:
    official = encode_spans(batch).SerializePartialToString()

    assert decoded(encode(batch)) == decoded(official)
    assert encode(batch) == official


def _made(limits: SpanLimits) -> Sequence[ReadableSpan]:
    """Return spans that the SDK itself has made, with what its limits dropped."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(span_limits=limits, shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("test", "1")
    with tracer.start_as_current_span("outer", kind=SpanKind.SERVER) as outer:
        outer.set_attributes({f"name {number}": number for number in range(9)})
        outer.add_link(outer.get_span_context(), {"a": [1.5, True, "x"], "b": {"c": None}})
        for number in range(5):
            outer.add_event(f"event {number}", {"a": "b" * 30, "c": b"\0\xff"})
        with pytest.raises(ZeroDivisionError), tracer.start_as_current_span("inner"):
            _ = 1 / 0
    return exporter.get_finished_spans()


@pytest.mark.parametrize(
    "limits", [SpanLimits(), SpanLimits(max_span_attributes=4, max_events=2, max_links=0)]
)
def test_spans_of_the_sdk_keep_everything(limits: SpanLimits) -> None:
    made = _made(limits)

    assert encode(made) == encode_spans(made).SerializePartialToString()
    assert len(decoded(encode(made)).resource_spans[0].scope_spans[0].spans) == 2


def test_spans_encoded_as_they_end_make_the_same_request() -> None:
    made = _made(SpanLimits())

    assert encode([EncodedSpan(span) for span in made]) == encode(made)


def test_a_span_that_cannot_be_encoded_is_lost_alone_and_said(
    caplog: pytest.LogCaptureFixture,
) -> None:
    signal = Signal("traces", 7)
    broken, whole = _span({}, "broken"), _span({}, "whole")
    broken._start_time = broken._end_time = -1  # before 1970
    with OtlpSink() as sink:
        exporter = AccountedSpanExporter(f"{sink.url}/v1/traces", signal)
        processor = AccountedSpanProcessor(exporter, signal)
        for span in (broken, whole):
            processor.on_end(span)
        processor.shutdown()  # type: ignore[no-untyped-call]

    assert [span.name for span in sink.spans] == ["whole"]
    assert (signal.produced, signal.accepted, signal.lost()) == (2, 1, 1)
    assert signal.works
    assert "A span cannot be encoded: broken" in caplog.text


def _span(attributes: dict[str, Any], name: str = "x") -> ReadableSpan:
    context = SpanContext(1, 2, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))
    return ReadableSpan(name, context, attributes=attributes)


@pytest.mark.parametrize("value", [1 << 63, -(1 << 63) - 1, object(), {"a": object()}])
def test_what_has_no_encoding_is_left_out_and_said(
    value: object, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        found = decoded(encode([_span({"bad": value, "good": 1})]))

    span = found.resource_spans[0].scope_spans[0].spans[0]
    assert [pair.key for pair in span.attributes] == ["good"]
    assert "bad" in caplog.text


def test_half_a_surrogate_pair_loses_neither_its_attribute_nor_the_batch() -> None:
    found = decoded(encode([_span({"a\ud800": "b\udfff", "c": "d"}, "name \ud800")]))

    span = found.resource_spans[0].scope_spans[0].spans[0]
    assert span.name == "name ?"
    assert [(pair.key, pair.value.string_value) for pair in span.attributes] == [
        ("a?", "b?"),
        ("c", "d"),
    ]


def test_the_official_exporter_sends_what_we_encode(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def noted(batch: Sequence[ReadableSpan]) -> bytes:
        asked.append(len(batch))
        return encode(batch)

    monkeypatch.setattr("telemetry.span_encoding.encode", noted)
    with OtlpSink() as sink:
        exporter = AccountedSpanExporter(f"{sink.url}/v1/traces", Signal("traces", 7))
        exporter.export(_made(SpanLimits()))

    assert asked == [2], (
        "the official exporter no longer looks up `encode_spans` in its own module: it encodes"
        " spans by itself, at eight times the cost"
    )
    assert {span.name for span in sink.spans} == {"outer", "inner"}
    assert sink.errors == []
