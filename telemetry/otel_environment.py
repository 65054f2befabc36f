"""Variables that OpenTelemetry's libraries read by themselves, checked before they do.

Left to them a wrong one is a warning with its value, which may be a key, or an exception somewhere
in the start that does not name it; and none of them takes a value in quotes.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from importlib.metadata import entry_points
from pathlib import Path
from urllib.parse import unquote

_PREFIX = "OTEL_"
# OpenTelemetry Protocol Exporter, "Specifying headers via environment variables"; as tolerant as
# the library: spaces may stand inside a value.
_HEADER = re.compile(
    r"[ \t]*[!#-'*+.0-9A-Z^-z|~-]+[ \t]*=[ \t]*[ !#-+\--:<-\[\]-~]*[ \t]*", re.ASCII
)
_FIELD = re.compile(r"[\t -~\xa0-\xff]*")

Check = tuple[Callable[[str], object], str]
"""Raises ValueError for what makes no sense; what is allowed, in words."""


def unwrapped(variables: Mapping[str, str], name: str) -> str | None:
    """Return a value without surrounding spaces and one pair of quotes, or None."""
    value = variables.get(name, "").strip()
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        value = value[1:-1].strip()
    return value or None


def unwrap(environment: MutableMapping[str, str]) -> None:
    """Let the libraries find their variables as we read them; blank ones are not set."""
    for name in [name for name in environment if name.startswith(_PREFIX)]:
        value = unwrapped(environment, name)
        if value is None:
            del environment[name]
        else:
            environment[name] = value


def mistakes(variables: Mapping[str, str]) -> Iterator[str]:
    """Yield one line for each variable that makes no sense; values are never in it."""
    for name in sorted(variables):
        value = unwrapped(variables, name)
        check = None if value is None else _check(name)
        if value is None or check is None:
            continue
        try:
            check[0](value)
        except ValueError:
            yield f"{name}: held a value that is not shown; allowed: {check[1]}"


def _check(name: str) -> Check | None:
    if name in _CHECKS:
        return _CHECKS[name]
    for pattern, check in _PATTERNS:
        if pattern.fullmatch(name):
            return check
    return None


def _integer(value: str) -> None:
    # int() would take "1_000", "-1" and digits of other scripts as well.
    if not (value.isascii() and value.isdigit()):
        raise ValueError


def _number(value: str) -> None:
    if not 0 <= float(value) < float("inf"):
        raise ValueError


def _one_of(*names: str) -> Check:
    def parse(value: str) -> None:
        if value.lower() not in names:
            raise ValueError

    return parse, ", ".join(names)


def _patterns(value: str) -> None:
    parts = [part.strip() for part in value.split(",")]
    try:
        for pattern in (*parts, "|".join(parts)):
            re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError from error


def _headers(value: str) -> None:
    _each(_is_header, (part.strip() for part in value.split(",")))


def _is_header(part: str) -> bool:
    # Decoded it must be one that can be sent: no end of line, and Latin-1.
    return bool(_HEADER.fullmatch(part) and _FIELD.fullmatch(unquote(part)))


def _attributes(value: str) -> None:
    # An empty key is taken at first, and dropped with a warning later.
    _each(lambda pair: "=" in pair and pair.partition("=")[0].strip(), value.split(","))


def _each(allowed: Callable[[str], object], parts: Iterable[str]) -> None:
    if not all(allowed(part) for part in parts if part):
        raise ValueError


def _installed(group: str, *more: str) -> Check:
    def parse(value: str) -> None:
        known = {*more, *(point.name for point in entry_points(group=group))}
        _each(lambda name: name in known, (name.strip() for name in value.split(",")))

    return parse, f"names of installed components ({group}), parted by commas"


def _authorities(value: str) -> None:
    path = Path(value)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        # As requests does: a file, or a folder in which OpenSSL looks by hashes.
        if path.is_dir():
            context.load_verify_locations(capath=path)
        else:
            context.load_verify_locations(cafile=path)
    except OSError as error:  # ssl.SSLError is one
        raise ValueError from error


def _holds(kind: str) -> Callable[[str], None]:
    """Return what refuses a file that holds no PEM block (RFC 7468) of such a kind."""
    begins = re.compile(rf"^-----BEGIN (?:[A-Z0-9]+ )*{kind}-----", re.MULTILINE)

    def parse(value: str) -> None:
        try:
            text = Path(value).read_text(encoding="latin-1")
        except OSError as error:
            raise ValueError from error
        if not begins.search(text):
            raise ValueError

    return parse


_TRUSTED: Check = (_authorities, "a file of certificates (PEM) that can be read, or a folder")
_WHOLE: Check = (_integer, "a whole number")
_REGULAR: Check = (_patterns, "regular expressions parted by commas")
_SECONDS: Check = (_number, "a number of seconds")
_BATCHES = ("SCHEDULE_DELAY", "EXPORT_TIMEOUT", "MAX_QUEUE_SIZE", "MAX_EXPORT_BATCH_SIZE")
_SIGNALS = "(?:TRACES_|METRICS_|LOGS_)"
_CHECKS: dict[str, Check] = {
    "OTEL_SDK_DISABLED": _one_of("true", "false"),
    "OTEL_METRIC_EXPORT_TIMEOUT": (_number, "a number of milliseconds"),
    "OTEL_METRICS_EXEMPLAR_FILTER": _one_of("trace_based", "always_on", "always_off"),
    "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": _one_of(
        "cumulative", "delta", "lowmemory"
    ),
    "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION": _one_of(
        "explicit_bucket_histogram", "base2_exponential_bucket_histogram"
    ),
    "OTEL_PROPAGATORS": _installed("opentelemetry_propagator", "none"),
    "OTEL_EXPERIMENTAL_RESOURCE_DETECTORS": _installed("opentelemetry_resource_detector", "*"),
    "OTEL_RESOURCE_ATTRIBUTES": (_attributes, "key=value pairs parted by commas"),
    # Of requests, which carries what is exported.
    "REQUESTS_CA_BUNDLE": _TRUSTED,
    "CURL_CA_BUNDLE": _TRUSTED,
    **{f"OTEL_BSP_{name}": _WHOLE for name in _BATCHES},
    **{f"OTEL_BLRP_{name}": _WHOLE for name in _BATCHES},
}
_PATTERNS: tuple[tuple[re.Pattern[str], Check], ...] = (
    (re.compile(r"OTEL_(?:\w+_)?(?:COUNT|VALUE_LENGTH)_LIMIT"), _WHOLE),
    (re.compile(r"OTEL_PYTHON_(?:\w+_)?EXCLUDED_URLS"), _REGULAR),
    (re.compile(r"OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_\w+"), _REGULAR),
    (re.compile(rf"OTEL_EXPORTER_OTLP_{_SIGNALS}?TIMEOUT"), _SECONDS),
    (re.compile(rf"OTEL_EXPORTER_OTLP_{_SIGNALS}?CERTIFICATE"), _TRUSTED),
    (
        re.compile(rf"OTEL_EXPORTER_OTLP_{_SIGNALS}?CLIENT_CERTIFICATE"),
        (_holds("CERTIFICATE"), "a file with a certificate (PEM) that can be read"),
    ),
    (
        re.compile(rf"OTEL_EXPORTER_OTLP_{_SIGNALS}?CLIENT_KEY"),
        (_holds("PRIVATE KEY"), "a file with a private key (PEM) that can be read"),
    ),
    (
        re.compile(rf"OTEL_EXPORTER_OTLP_{_SIGNALS}?COMPRESSION"),
        _one_of("none", "gzip", "deflate"),
    ),
    (re.compile(rf"OTEL_EXPORTER_OTLP_{_SIGNALS}PROTOCOL"), _one_of("http/protobuf")),
    (
        re.compile(rf"OTEL_EXPORTER_OTLP_{_SIGNALS}?HEADERS"),
        (_headers, "name=value pairs parted by commas, values percent-encoded"),
    ),
)
