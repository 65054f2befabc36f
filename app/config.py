"""The service's settings, read once from the environment and frozen."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import maxminddb

from app import addresses
from app.environment import Environment
from app.visit_policy import VisitPolicy, visit_policy

LOCAL = "local"
PRODUCTION_ORIGIN = "https://fonsecaaso.com"
SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
SESSION_STARTUP = "startup"
SESSION_STATEMENT = "statement"
SESSION_ROLE = "role"
PERMANENT_REDIRECTS = frozenset({301, 308})
REDIRECT_STATUSES = frozenset({302, 307}) | PERMANENT_REDIRECTS
SHORTEST_JWT_SECRET = 32
"""Bytes; an HS256 key must be at least as long as the hash (RFC 7518, section 3.2)."""

_ENV_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_HEADER_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")
_RATE = re.compile(r"([1-9][0-9]{0,6})/(second|minute|hour|day)")
_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}


class SettingsError(ValueError):
    """The environment makes no sense; `mistakes` holds one line for each variable."""

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = mistakes


@dataclass(frozen=True, slots=True)
class PostgresSettings:
    """Where PostgreSQL is and how many connections one worker may hold."""

    host: str
    port: int
    database: str
    user: str
    password: str = field(repr=False)
    sslmode: str
    pool_min: int
    pool_max: int
    prepared_statements: bool
    """Off behind a pooler in transaction mode (pgbouncer, RDS Proxy)."""
    session_settings: str
    """How a session gets the settings it needs: with its start, by statements, or by its role."""


@dataclass(frozen=True, slots=True)
class RedisSettings:
    """Where Redis or Valkey is."""

    host: str
    port: int
    password: str | None = field(repr=False)
    tls: bool


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `limit` requests in each fixed window of `window` seconds."""

    limit: int
    window: int

    @classmethod
    def parse(cls, text: str) -> Rate:
        """Read `100/minute`; raise ValueError for anything else."""
        match = _RATE.fullmatch(text.lower().replace(" ", ""))
        if match is None:
            raise ValueError(text)
        return cls(int(match[1]), _SECONDS[match[2]])


@dataclass(frozen=True, slots=True)
class RateLimitSettings:
    """The three limits, each by client address."""

    enabled: bool
    general: Rate
    auth: Rate
    resolve: Rate


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything the service is told from outside."""

    env: str
    port: int
    workers: int
    threads: int
    postgres: PostgresSettings
    redis: RedisSettings | None
    """None: no cache is configured; the service works without."""
    jwt_secret: str = field(repr=False)
    jwt_secret_previous: str | None = field(repr=False)
    """Its tokens are accepted, while `jwt_secret` is being replaced; none are issued under it."""
    cors_origins: tuple[str, ...]
    """Exact origins; `("*",)` allows any."""
    public_base_url: str | None
    root_redirect_url: str | None
    """Where `/` leads; None: a page says what this is."""
    redirect_status: int
    trusted_proxies: int
    rate_limits: RateLimitSettings
    anonymous_fields: bool
    """Whether callers without an account may give an alias, an expiry or a limit of visits."""
    country_header: str | None
    """The header in which our own proxies tell a visitor's country."""
    geoip_database: str | None
    """A file in MaxMind's format that tells the country of an address."""
    visits: VisitPolicy
    console: bool
    """Whether there is a page to work with at `/console`."""
    shutdown_delay: int
    """Seconds for which an instance told to stop goes on accepting: its balancer may not know."""

    @property
    def local(self) -> bool:
        """Tell whether this is a developer's own machine."""
        return self.env == LOCAL

    @classmethod
    def from_env(cls, variables: Mapping[str, str]) -> Settings:
        """Read the settings; raise SettingsError with all mistakes at once."""
        environment = Environment(variables)
        env = _env(environment)
        threads = environment.integer("GUNICORN_THREADS", 4, 1, 64)
        settings = cls(
            env=env,
            port=environment.integer("PORT", 8080, 1, 65535),
            workers=environment.integer("WEB_CONCURRENCY", 2, 1, 64),
            threads=threads,
            postgres=_postgres(environment, env, threads),
            redis=_redis(environment),
            jwt_secret=_jwt_secret(environment, "JWT_SECRET") or "",
            jwt_secret_previous=_jwt_secret(environment, "JWT_SECRET_PREVIOUS", optional=True),
            cors_origins=environment.parsed(
                "CORS_ALLOWED_ORIGINS",
                addresses.origins,
                ("*",) if env == LOCAL else (PRODUCTION_ORIGIN,),
                "exact origins parted by commas, such as https://example.com",
            ),
            public_base_url=environment.parsed(
                "PUBLIC_BASE_URL", addresses.origin, None, "an origin such as https://example.com"
            ),
            root_redirect_url=environment.parsed(
                "ROOT_REDIRECT_URL", addresses.url, None, "an http or https URL of printable ASCII"
            ),
            redirect_status=environment.parsed(
                "REDIRECT_STATUS", _redirect_status, 302, "301, 302, 307 or 308"
            ),
            trusted_proxies=environment.integer("TRUSTED_PROXIES", int(env != LOCAL), 0, 10),
            rate_limits=_rate_limits(environment),
            anonymous_fields=environment.boolean("ANONYMOUS_FIELDS", default=True),
            country_header=environment.parsed(
                "COUNTRY_HEADER", _header_name, None, "a header such as CloudFront-Viewer-Country"
            ),
            geoip_database=environment.parsed(
                "GEOIP_DATABASE", _geoip_database, None, "a readable file in MaxMind's format"
            ),
            visits=visit_policy(environment),
            console=environment.boolean("CONSOLE_ENABLED", default=True),
            shutdown_delay=environment.integer("SHUTDOWN_DELAY", 0 if env == LOCAL else 10, 0, 20),
        )
        _check_root(environment, settings)
        if settings.country_header and not settings.trusted_proxies:
            allowed = "none where TRUSTED_PROXIES is 0: anybody could write that header"
            environment.reject("COUNTRY_HEADER", settings.country_header, allowed)
        if environment.mistakes:
            raise SettingsError(environment.mistakes)
        return settings


def postgres_from_env(variables: Mapping[str, str]) -> PostgresSettings:
    """Read what `migrate` needs and no more; raise SettingsError with all mistakes at once."""
    environment = Environment(variables)
    settings = _postgres(environment, _env(environment), threads=1)
    if environment.mistakes:
        raise SettingsError(environment.mistakes)
    return settings


def _check_root(environment: Environment, settings: Settings) -> None:
    root, own = settings.root_redirect_url, settings.public_base_url
    if root and own and addresses.front(root) == addresses.front(own):
        environment.reject("ROOT_REDIRECT_URL", root, "another page than PUBLIC_BASE_URL itself")


def visits_from_env(variables: Mapping[str, str]) -> VisitPolicy:
    """Read what `look-after-visits` needs; raise SettingsError with all mistakes at once."""
    environment = Environment(variables)
    policy = visit_policy(environment)
    if environment.mistakes:
        raise SettingsError(environment.mistakes)
    return policy


def _env(environment: Environment) -> str:
    name = "ENV" if environment.text("ENV") else "GO_ENV"

    def parse(value: str) -> str:
        if not _ENV_NAME.fullmatch(value.lower()):
            raise ValueError(value)
        return value.lower()

    allowed = "a short name such as production, staging or local"
    return environment.parsed(name, parse, "production", allowed)


def _postgres(environment: Environment, env: str, threads: int) -> PostgresSettings:
    password = environment.text("POSTGRES_PASSWORD")
    if password is None and env != LOCAL:
        environment.reject("POSTGRES_PASSWORD", None, "the database user's password")
    pool_max = environment.integer("POSTGRES_POOL_MAX", threads, 1, 100)
    pool_min = environment.integer("POSTGRES_POOL_MIN", 1, 0, 100)
    if pool_min > pool_max:
        environment.reject(
            "POSTGRES_POOL_MIN", str(pool_min), f"at most POSTGRES_POOL_MAX, which is {pool_max}"
        )
    return PostgresSettings(
        host=_postgres_host(environment),
        port=environment.integer("POSTGRES_PORT", 5432, 1, 65535),
        database=environment.text("POSTGRES_DB") or "postgres",
        user=environment.text("POSTGRES_USER") or "postgres",
        password=password or "",
        sslmode=environment.parsed(
            "POSTGRES_SSLMODE",
            _ssl_mode,
            "prefer" if env == LOCAL else "require",
            ", ".join(SSL_MODES),
        ),
        pool_min=pool_min,
        pool_max=pool_max,
        prepared_statements=environment.boolean("POSTGRES_PREPARED_STATEMENTS", default=True),
        session_settings=environment.parsed(
            "POSTGRES_SESSION_SETTINGS",
            _session_settings,
            SESSION_STARTUP,
            f"{SESSION_STARTUP}, {SESSION_STATEMENT} or {SESSION_ROLE}",
        ),
    )


def _postgres_host(environment: Environment) -> str:
    allowed = "a host name, an address or a socket's folder; the port is POSTGRES_PORT"
    host = environment.required("POSTGRES_HOST", allowed)
    return environment.parsed("POSTGRES_HOST", addresses.host, host, allowed)


def _redis(environment: Environment) -> RedisSettings | None:
    password = environment.text("REDIS_PASSWORD")
    tls = environment.boolean("REDIS_TLS", default=False)
    address = environment.parsed("REDIS_ADDR", addresses.host_port, None, "host:port")
    if address is None:
        return None
    return RedisSettings(host=address[0], port=address[1], password=password, tls=tls)


def _rate_limits(environment: Environment) -> RateLimitSettings:
    def rate(name: str, default: str) -> Rate:
        allowed = "count/period, such as 100/minute (second, minute, hour or day)"
        return environment.parsed(name, Rate.parse, Rate.parse(default), allowed)

    return RateLimitSettings(
        enabled=environment.boolean("RATE_LIMIT_ENABLED", default=True),
        general=rate("RATE_LIMIT", "100/minute"),
        auth=rate("RATE_LIMIT_AUTH", "10/minute"),
        resolve=rate("RATE_LIMIT_RESOLVE", "1000/minute"),
    )


def _jwt_secret(environment: Environment, name: str, *, optional: bool = False) -> str | None:
    allowed = f"a random secret of at least {SHORTEST_JWT_SECRET} bytes"
    secret = environment.text(name)
    if secret is None and optional:
        return None
    if secret is None or len(secret.encode(errors="replace")) < SHORTEST_JWT_SECRET:
        environment.reject(name, secret, allowed, secret=True)
    return secret


def _session_settings(value: str) -> str:
    if value not in {SESSION_STARTUP, SESSION_STATEMENT, SESSION_ROLE}:
        raise ValueError(value)
    return value


def _header_name(value: str) -> str:
    if not _HEADER_NAME.fullmatch(value):
        raise ValueError(value)
    return value


def _geoip_database(value: str) -> str:
    try:
        maxminddb.open_database(value).close()
    except (OSError, maxminddb.InvalidDatabaseError) as error:
        raise ValueError(value) from error
    return value


def _ssl_mode(value: str) -> str:
    if value not in SSL_MODES:
        raise ValueError(value)
    return value


def _redirect_status(value: str) -> int:
    # int() would take "3_02" and digits of other scripts as well.
    statuses = {str(status): status for status in REDIRECT_STATUSES}
    if value not in statuses:
        raise ValueError(value)
    return statuses[value]
