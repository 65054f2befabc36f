"""Server spans that begin and end at once: made when the answer is known, for nobody to change.

A span of the SDK can be changed by anybody until it ends, which takes locks, checks and copies:
40 µs. Where a request was answered without any code of the application there is nobody to change
it, so it goes to the processors complete. What the SDK decides stays the SDK's: sampler, ids,
resource, processors. Where it would do more (limits on attributes, its own metrics), its own spans
are made.
"""

from __future__ import annotations

import os
from time import time_ns
from typing import TYPE_CHECKING

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.environment_variables import OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, Tracer
from opentelemetry.sdk.trace.sampling import Decision, Sampler
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.sdk.resources import Resource
    from opentelemetry.util.types import AnyValue

_MOST_ATTRIBUTES = 64
"""More than a server span ever has."""
_UNSET, _ERROR = Status(), Status(StatusCode.ERROR)
_NOT_SAMPLED, _SAMPLED = TraceFlags(TraceFlags.DEFAULT), TraceFlags(TraceFlags.SAMPLED)
_RANDOM = TraceFlags.RANDOM_TRACE_ID
# By whether the span is sampled, and whether the id of its trace is random.
_FLAGS = {
    (False, False): _NOT_SAMPLED,
    (False, True): TraceFlags(_RANDOM),
    (True, False): _SAMPLED,
    (True, True): TraceFlags(_SAMPLED | _RANDOM),
}


class FinishedSpan(ReadableSpan):
    """A span that has ended: plain values where the SDK's has properties over what may change."""

    __slots__ = (
        "attributes",
        "context",
        "end_time",
        "instrumentation_scope",
        "name",
        "parent",
        "resource",
        "start_time",
        "status",
    )
    name: str
    context: SpanContext
    parent: SpanContext | None
    resource: Resource
    attributes: Mapping[str, AnyValue]
    status: Status
    start_time: int
    end_time: int
    instrumentation_scope: InstrumentationScope
    kind = SpanKind.SERVER
    events = ()
    links = ()
    dropped_attributes = 0
    dropped_events = 0
    dropped_links = 0

    def __init__(self) -> None:
        """Make an empty one: whoever made it sets every value."""

    def get_span_context(self) -> SpanContext:
        """Return the span's own ids."""
        return self.context

    def to_json(self, indent: int | None = 4) -> str:
        """Return what the SDK's own span would."""
        same = ReadableSpan(
            self.name,
            self.context,
            self.parent,
            self.resource,
            self.attributes,
            kind=self.kind,
            status=self.status,
            start_time=self.start_time,
            end_time=self.end_time,
            instrumentation_scope=self.instrumentation_scope,
        )
        text: str = same.to_json(indent)
        return text


class FinishedSpans:
    """Makes the spans of one tracer, as it would."""

    def __init__(self, tracer: Tracer, name: str, schema: str) -> None:
        self._tracer = tracer
        self._scope = InstrumentationScope(name, schema_url=schema)
        self._random = tracer.id_generator.is_trace_id_random()
        self._root = _root_decision(tracer.sampler)

    def finish(
        self,
        name: str,
        parent_context: Context,
        attributes: Mapping[str, AnyValue],
        started: int,
        *,
        error: bool,
    ) -> SpanContext:
        """Make a span that lasted from `started`, in nanoseconds, until now; return its ids."""
        tracer, parent, random = self._tracer, None, self._random
        if parent_context:
            found = trace.get_current_span(parent_context).get_span_context()
            if found.is_valid:
                parent, random = found, found.trace_flags.random_trace_id
        trace_id = parent.trace_id if parent else tracer.id_generator.generate_trace_id()
        decision, state = self._root, None
        if decision is None or parent_context:
            result = tracer.sampler.should_sample(
                parent_context, trace_id, name, SpanKind.SERVER, attributes, ()
            )
            decision, state = result.decision, result.trace_state
            attributes = result.attributes or {}
        context = SpanContext(
            trace_id,
            tracer.id_generator.generate_span_id(),
            is_remote=False,
            trace_flags=_FLAGS[decision is Decision.RECORD_AND_SAMPLE, random],
            trace_state=state,
        )
        if decision is not Decision.DROP:
            span = FinishedSpan()
            span.name = name
            span.context = context
            span.parent = parent
            span.attributes = attributes
            span.start_time = started
            span.end_time = time_ns()
            span.resource = tracer.resource
            span.instrumentation_scope = self._scope
            span.status = _ERROR if error else _UNSET
            tracer.span_processor.on_end(span)
        return context


def _root_decision(sampler: Sampler) -> Decision | None:
    """Return what the sampler says of every trace that begins here, or None if it depends."""
    root = sampler.get_description().removeprefix("ParentBased{root:")
    if root.startswith("AlwaysOnSampler"):
        return Decision.RECORD_AND_SAMPLE
    return Decision.DROP if root.startswith("AlwaysOffSampler") else None


def finished_spans(tracer: trace.Tracer, name: str, schema: str) -> FinishedSpans | None:
    """Return what makes such spans of the tracer, or None where only its own ones will do."""
    limits = SpanLimits()
    limited = limits.max_span_attribute_length is not None or (
        limits.max_span_attributes is not None and limits.max_span_attributes < _MOST_ATTRIBUTES
    )
    measured = os.environ.get(OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED, "").lower() == "true"
    if limited or measured or not isinstance(tracer, Tracer):
        return None
    return FinishedSpans(tracer, name, schema)
