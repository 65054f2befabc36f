"""What telemetry is told by the environment, read once and frozen."""

from __future__ import annotations

import dataclasses
import logging
import re
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urlsplit

from telemetry import ecs, otel_environment
from telemetry.redact import redact

T = TypeVar("T")

PROTOCOL = "http/protobuf"
EXPORT_INTERVAL = 30.0
"""Seconds between two exports of metrics (specification). The windows of dashboards and rules, and
how long a collector keeps a silent series, follow from it: tests/deploy/test_windows.py."""
SAMPLERS = (
    "always_on",
    "always_off",
    "traceidratio",
    "parentbased_always_on",
    "parentbased_always_off",
    "parentbased_traceidratio",
)
LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
_SIGNAL_PATH = re.compile(r"(/+v1/(traces|metrics|logs))?/*$")


class ConfigError(ValueError):
    """The environment makes no sense; `mistakes` holds one line for each variable."""

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = mistakes


@dataclass(frozen=True, slots=True)
class Config:
    """Where each signal goes and under which names."""

    service_name: str = "go-backend"
    service_version: str = "unknown"
    environment: str = "production"
    log_level: int = logging.INFO
    otlp_endpoint: str | None = field(default=None, repr=False)
    """Base URL without a signal's path; None: no traces, and metrics only where local."""
    loki_endpoint: str | None = field(default=None, repr=False)
    """Complete push URL; None: logs go to stdout alone."""
    sampler: str = "parentbased_always_on"
    sampler_ratio: float = 1.0
    metric_interval: float = EXPORT_INTERVAL
    """Seconds."""
    host: str = "localhost"
    task_arn: str | None = None
    cluster_name: str | None = None
    metadata_uri: str | None = None
    cloud: tuple[tuple[str, str], ...] = ()
    """Resource attributes that the ECS task metadata gave."""

    @property
    def local(self) -> bool:
        """Tell whether this is a developer's own machine."""
        return self.environment == "local"

    @property
    def uses_otel(self) -> bool:
        """Tell whether the OpenTelemetry SDK is needed at all."""
        return self.otlp_endpoint is not None or self.local

    @property
    def instance(self) -> str:
        """Name this task or host; a worker adds its slot."""
        return self.task_arn.rsplit("/", 1)[-1] if self.task_arn else self.host

    @classmethod
    def from_env(cls, variables: Mapping[str, str], version: str = "unknown") -> Config:
        """Read the configuration; raise ConfigError with all mistakes at once."""
        read = _Reader(variables)
        named = cls.named(variables)
        disabled = (read.text("OTEL_SDK_DISABLED") or "").lower() == "true"
        read.parsed("OTEL_EXPORTER_OTLP_PROTOCOL", _protocol, PROTOCOL, PROTOCOL)
        endpoint = read.parsed("OTEL_EXPORTER_OTLP_ENDPOINT", _base, None, "an http or https URL")
        loki = "LOKI_ENDPOINT" if read.text("LOKI_ENDPOINT") else "LOKI_URL"
        interval = read.parsed(
            "OTEL_METRIC_EXPORT_INTERVAL",
            _interval,
            EXPORT_INTERVAL,
            "milliseconds from 100 to 3600000",
        )
        config = cls(
            service_name=named.service_name,
            service_version=read.text("SERVICE_VERSION") or version,
            environment=named.environment,
            log_level=read.parsed("LOG_LEVEL", _level, logging.INFO, ", ".join(LEVELS)),
            otlp_endpoint=None if disabled else endpoint,
            loki_endpoint=read.parsed(loki, _url, None, "an http or https URL"),
            sampler=read.parsed("OTEL_TRACES_SAMPLER", _sampler, SAMPLERS[3], ", ".join(SAMPLERS)),
            sampler_ratio=read.parsed(
                "OTEL_TRACES_SAMPLER_ARG", _ratio, 1.0, "a number from 0 to 1"
            ),
            metric_interval=interval,
            host=socket.gethostname(),
            task_arn=read.text("TASK_ARN"),
            cluster_name=read.text("AWS_ECS_CLUSTER_NAME"),
            metadata_uri=read.text("ECS_CONTAINER_METADATA_URI_V4"),
        )
        mistakes = [*read.mistakes, *otel_environment.mistakes(variables)]
        if mistakes:
            raise ConfigError(mistakes)
        return config

    @classmethod
    def named(cls, variables: Mapping[str, str]) -> Config:
        """Read the names alone; never fail."""
        read = _Reader(variables)
        return cls(
            service_name=read.text("SERVICE_NAME")
            or read.text("OTEL_SERVICE_NAME")
            or "go-backend",
            environment=(read.text("ENV") or read.text("GO_ENV") or "production").lower(),
        )

    def with_task_metadata(self) -> Config:
        """Ask ECS, where there is one, which task this is, unless it has told already.

        Takes at most three seconds.
        """
        nobody_to_ask = self.metadata_uri is None and self.task_arn is None
        if nobody_to_ask or (self.cloud and self.task_arn):
            return self
        task = self._asked_task()
        task_arn = self.task_arn or ecs.task_arn(task)
        cloud = ecs.resource_attributes(task, task_arn, self.cluster_name)
        return dataclasses.replace(self, task_arn=task_arn, cloud=tuple(cloud.items()))

    def _asked_task(self) -> dict[str, Any]:
        for _ in range(ecs.TRIES if self.metadata_uri else 0):
            if task := ecs.fetch_task(self.metadata_uri or ""):
                return task
        return {}

    def signal_endpoint(self, signal: str) -> str | None:
        """Return the URL of `traces` or `metrics` (OTLP/HTTP: base + /v1/<signal>)."""
        return None if self.otlp_endpoint is None else f"{self.otlp_endpoint}/v1/{signal}"


class _Reader:
    """Reads values that may come wrapped in spaces or quotes; collects the mistakes."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self.mistakes: list[str] = []

    def text(self, name: str) -> str | None:
        return otel_environment.unwrapped(self._variables, name)

    def parsed(self, name: str, parse: Callable[[str], T], default: T, allowed: str) -> T:
        value = self.text(name)
        if value is None:
            return default
        try:
            return parse(value)
        except ValueError:
            # A URL may carry credentials.
            shown = "a value with credentials" if "@" in value else repr(redact(value)[:80])
            self.mistakes.append(f"{name}: held {shown}; allowed: {allowed}")
            return default


def _url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname or re.search(r"\s", value):
        raise ValueError(value)
    _ = parts.port  # raises ValueError for a port out of range
    return value


def _base(value: str) -> str:
    parts = urlsplit(_url(value))
    if parts.query or parts.fragment:
        raise ValueError(value)
    return _SIGNAL_PATH.sub("", value, count=1)


def _protocol(value: str) -> str:
    if value != PROTOCOL:
        raise ValueError(value)
    return value


def _level(value: str) -> int:
    if value.lower() not in LEVELS:
        raise ValueError(value)
    return LEVELS[value.lower()]


def _sampler(value: str) -> str:
    if value.lower() not in SAMPLERS:
        raise ValueError(value)
    return value.lower()


def _ratio(value: str) -> float:
    ratio = float(value)
    if not 0 <= ratio <= 1:
        raise ValueError(value)
    return ratio


def _interval(value: str) -> float:
    milliseconds = int(value)
    if not 100 <= milliseconds <= 3_600_000:
        raise ValueError(value)
    return milliseconds / 1000
