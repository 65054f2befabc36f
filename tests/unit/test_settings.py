"""Settings: what each variable takes, and how wrong ones are reported."""

import pytest

from app.config import Rate, RateLimitSettings, Settings, SettingsError, postgres_from_env

SECRET = "0123456789abcdef0123456789abcdef"
NEEDED = {"POSTGRES_HOST": "db", "POSTGRES_PASSWORD": "the-password", "JWT_SECRET": SECRET}


def settings(**variables: str) -> Settings:
    return Settings.from_env({**NEEDED, **variables})


def mistakes(**variables: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        settings(**variables)
    return caught.value.mistakes


def test_production_has_the_contracts_defaults() -> None:
    found = settings()

    assert found.env == "production"
    assert not found.local
    assert (found.port, found.workers, found.threads) == (8080, 2, 4)
    assert found.cors_origins == ("https://fonsecaaso.com",)
    assert found.trusted_proxies == 1
    assert found.redirect_status == 302
    assert found.public_base_url is None
    assert found.redis is None
    assert found.rate_limits == RateLimitSettings(
        enabled=True, general=Rate(100, 60), auth=Rate(10, 60), resolve=Rate(1000, 60)
    )
    assert (found.postgres.port, found.postgres.sslmode) == (5432, "require")
    assert found.postgres.prepared_statements
    assert found.postgres.session_settings == "startup"


def test_local_trusts_no_proxy_and_allows_any_origin() -> None:
    found = settings(ENV="local")

    assert found.local
    assert (found.trusted_proxies, found.cors_origins) == (0, ("*",))
    assert found.postgres.sslmode == "prefer"


def test_every_variable_is_read() -> None:
    found = settings(
        ENV="staging",
        PORT="9000",
        WEB_CONCURRENCY="3",
        GUNICORN_THREADS="7",
        SHUTDOWN_DELAY="20",
        POSTGRES_HOST="db.internal",
        POSTGRES_PORT="6543",
        POSTGRES_DB="links",
        POSTGRES_USER="shortener",
        POSTGRES_PASSWORD="p w",
        POSTGRES_SSLMODE="verify-full",
        POSTGRES_POOL_MIN="2",
        POSTGRES_POOL_MAX="9",
        POSTGRES_PREPARED_STATEMENTS="no",
        POSTGRES_SESSION_SETTINGS="role",
        REDIS_ADDR="cache:6380",
        REDIS_PASSWORD="hush",
        REDIS_TLS="on",
        CORS_ALLOWED_ORIGINS="https://a.com,http://b.com:3000",
        PUBLIC_BASE_URL="https://s.example/",
        REDIRECT_STATUS="308",
        TRUSTED_PROXIES="2",
        RATE_LIMIT="1/second",
        RATE_LIMIT_AUTH="2/hour",
        RATE_LIMIT_RESOLVE="3/day",
        RATE_LIMIT_ENABLED="false",
    )

    assert (found.env, found.port, found.workers, found.threads) == ("staging", 9000, 3, 7)
    assert found.shutdown_delay == 20
    postgres = found.postgres
    assert (postgres.host, postgres.port, postgres.database) == ("db.internal", 6543, "links")
    assert (postgres.user, postgres.password, postgres.sslmode) == (
        "shortener",
        "p w",
        "verify-full",
    )
    assert (postgres.pool_min, postgres.pool_max, postgres.prepared_statements) == (2, 9, False)
    assert postgres.session_settings == "role"
    assert found.redis is not None
    assert (found.redis.host, found.redis.port) == ("cache", 6380)
    assert (found.redis.password, found.redis.tls) == ("hush", True)
    assert found.cors_origins == ("https://a.com", "http://b.com:3000")
    assert found.public_base_url == "https://s.example"
    assert (found.redirect_status, found.trusted_proxies) == (308, 2)
    assert found.rate_limits == RateLimitSettings(
        enabled=False, general=Rate(1, 1), auth=Rate(2, 3600), resolve=Rate(3, 86400)
    )


@pytest.mark.parametrize("wrapped", [" 9000 ", '"9000"', "'9000'", " ' 9000 ' ", '\t"9000"\n'])
def test_quotes_and_spaces_around_a_value_are_taken_off(wrapped: str) -> None:
    assert settings(PORT=wrapped).port == 9000


def test_one_pair_of_quotes_is_taken_off_a_secret_and_no_more() -> None:
    assert settings(JWT_SECRET=f"'\"{SECRET}\"'").jwt_secret == f'"{SECRET}"'


@pytest.mark.parametrize("blank", ["", "  ", '""', "''", '" "'])
def test_a_blank_value_counts_as_not_set(blank: str) -> None:
    found = settings(PORT=blank, REDIS_ADDR=blank, CORS_ALLOWED_ORIGINS=blank, ENV=blank)

    assert (found.port, found.redis) == (8080, None)
    assert found.cors_origins == ("https://fonsecaaso.com",)


def test_the_representation_shows_no_secret() -> None:
    shown = repr(settings(REDIS_ADDR="cache:6379", REDIS_PASSWORD="hush-hush"))

    for secret in (SECRET, "the-password", "hush-hush"):
        assert secret not in shown


def test_a_jwt_secret_is_measured_in_bytes() -> None:
    assert settings(JWT_SECRET="é" * 16).jwt_secret == "é" * 16
    assert len(mistakes(JWT_SECRET="e" * 31)) == 1


def test_go_env_is_read_only_where_env_is_missing() -> None:
    assert settings(GO_ENV="local").local
    assert not settings(ENV="production", GO_ENV="local").local


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("cache", ("cache", 6379)),
        ("10.0.0.1:7000", ("10.0.0.1", 7000)),
        ("[2001:db8::1]:7000", ("2001:db8::1", 7000)),
        ("[::1]", ("::1", 6379)),
    ],
)
def test_the_address_of_redis(given: str, address: tuple[str, int]) -> None:
    redis = settings(REDIS_ADDR=given).redis

    assert redis is not None
    assert (redis.host, redis.port) == address


@pytest.mark.parametrize("host", ["db", "db.internal", "10.0.0.1", "::1", "/var/run/postgresql"])
def test_the_host_of_postgresql(host: str) -> None:
    assert settings(POSTGRES_HOST=host).postgres.host == host


@pytest.mark.parametrize(
    ("given", "origin"),
    [
        ("https://A.com", "https://a.com"),
        ("https://a.com/", "https://a.com"),
        ("https://a.com:443", "https://a.com"),
        ("http://a.com:80", "http://a.com"),
        ("http://a.com:443", "http://a.com:443"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("http://[::1]:3000", "http://[::1]:3000"),
    ],
)
def test_an_origin_is_kept_as_browsers_send_it(given: str, origin: str) -> None:
    assert settings(CORS_ALLOWED_ORIGINS=given).cors_origins == (origin,)


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("100/minute", Rate(100, 60)),
        (" 5 / Second ", Rate(5, 1)),
        ("1/hour", Rate(1, 3600)),
        ("9999999/day", Rate(9_999_999, 86400)),
    ],
)
def test_a_rate(text: str, rate: Rate) -> None:
    assert Rate.parse(text) == rate


def test_migrate_needs_the_database_alone() -> None:
    found = postgres_from_env({"POSTGRES_HOST": "db", "POSTGRES_PASSWORD": "x"})

    assert found.host == "db"


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        settings().port = 1  # type: ignore[misc]
