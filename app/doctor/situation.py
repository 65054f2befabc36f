"""What the service is told by its environment, as far as it makes sense."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from urllib.parse import unquote, urlsplit

import telemetry
from app.config import SHORTEST_JWT_SECRET, Settings, SettingsError
from app.doctor.findings import Finding, skip
from app.environment import Environment

# Stand in for what is required and wrong, so that the rest can be read; they are never used.
_STAND_INS = {
    "POSTGRES_HOST": "unknown.invalid",
    "POSTGRES_PASSWORD": "unknown",
    "JWT_SECRET": "-" * SHORTEST_JWT_SECRET,
}
_SECRETS = ("POSTGRES_PASSWORD", "REDIS_PASSWORD", "JWT_SECRET", "JWT_SECRET_PREVIOUS")
_URLS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "LOKI_ENDPOINT", "LOKI_URL", "LOKI_QUERY_URL")
_SHORTEST_HIDDEN = 6
_ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Options:
    """What the person at the terminal adds."""

    tasks: int | None = None
    stop_timeout: int | None = None
    """Seconds."""
    loki_query_url: str | None = None
    pid: int | None = None
    """The process whose variables were taken."""
    folder: str = ""
    """Where doctor was found, as it was typed, with a slash at its end: `migrate` lies beside."""


@dataclass(frozen=True, slots=True)
class Situation:
    """Settings that can be used, and which variables could not be."""

    settings: Settings
    config: telemetry.Config
    mistakes: tuple[str, ...]
    options: Options
    environment: Environment

    @classmethod
    def of(cls, variables: Mapping[str, str], options: Options) -> Situation:
        """Read the environment; a variable that makes no sense gets its default."""
        settings, mistakes = _settings(variables)
        config, more = _config(variables)
        # Both read ENV and the like: say it once.
        mistakes += [line for line in more if line not in mistakes]
        return cls(settings, config, tuple(mistakes), options, Environment(variables))

    @property
    def local(self) -> bool:
        """Tell whether this is a developer's own machine."""
        return self.settings.local

    @property
    def production(self) -> bool:
        """Tell whether users are at stake."""
        return self.settings.env == "production"

    @property
    def cluster(self) -> str:
        """The ECS cluster to name in commands."""
        return self.config.cluster_name or "tinyurl-prod"

    @property
    def loki_query_url(self) -> str | None:
        """Where Loki answers queries; not checked yet."""
        return self.options.loki_query_url or self.environment.text("LOKI_QUERY_URL")

    @property
    def restart(self) -> str:
        """The command that gives new tasks the secrets of now."""
        return (
            f"aws ecs update-service --cluster {self.cluster} --service shortener "
            "--force-new-deployment"
        )

    def wrong(self, *prefixes: str) -> list[str]:
        """Return the variables with such prefixes that make no sense."""
        names = (line.split(":", 1)[0] for line in self.mistakes)
        return [name for name in names if name.startswith(prefixes)]

    def unusable(self, row: str, *prefixes: str) -> Finding | None:
        """Return the row that says which of these variables make no sense, None if all do."""
        wrong = self.wrong(*prefixes)
        return skip(row, f"{', '.join(wrong)} cannot be used, see configuration") if wrong else None

    @property
    def wrong_for_postgresql(self) -> list[str]:
        """The variables that make no sense and without which nobody can connect."""
        return self.wrong(*(f"POSTGRES_{name}" for name in ("HOST", "PORT", "PASSWORD", "SSLMODE")))

    def secrets(self) -> list[str]:
        """Return every text of the environment that must not be printed."""
        found = [self.environment.text(name) for name in _SECRETS]
        for name in _URLS:
            url = self.environment.text(name) or ""
            head, at, _ = url.partition("://")[2].rpartition("@")
            if at:
                found += [part for form in (head, unquote(head)) for part in form.split(":", 1)]
            found.append(_query(url))
        headers = self.environment.text("OTEL_EXPORTER_OTLP_HEADERS") or ""
        found += [pair.partition("=")[2].strip() for pair in headers.split(",")]
        public = {self.settings.postgres.user, self.settings.postgres.database}
        return [
            text for text in found if text and len(text) >= _SHORTEST_HIDDEN and text not in public
        ]


def _query(url: str) -> str | None:
    """Return the query of a URL, which may hold a token, or None."""
    try:
        return urlsplit(url).query or None
    except ValueError:
        return None


def _settings(variables: Mapping[str, str]) -> tuple[Settings, list[str]]:
    mended = dict(variables)
    mistakes: list[str] = []
    for _ in range(_ROUNDS):
        try:
            return Settings.from_env(mended), mistakes
        except SettingsError as error:
            mistakes += error.mistakes
            _mend(mended, error.mistakes)
    return Settings.from_env({"ENV": mended.get("ENV", ""), **_STAND_INS}), mistakes


def _config(variables: Mapping[str, str]) -> tuple[telemetry.Config, list[str]]:
    known = version("fonsecaaso-shortener")
    try:
        return telemetry.Config.from_env(variables, known), []
    except telemetry.ConfigError as error:
        mended = dict(variables)
        _mend(mended, error.mistakes)
        return telemetry.Config.from_env(mended, known), error.mistakes


def _mend(variables: dict[str, str], mistakes: list[str]) -> None:
    for line in mistakes:
        name = line.split(":", 1)[0]
        variables.pop(name, None)
        if name in _STAND_INS:
            variables[name] = _STAND_INS[name]
