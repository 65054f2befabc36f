"""Settings that make no sense: all reported at once, one line each, never a secret."""

import pytest

from app.config import Rate, Settings, SettingsError, postgres_from_env

SECRET = "0123456789abcdef0123456789abcdef"
NEEDED = {"POSTGRES_HOST": "db", "POSTGRES_PASSWORD": "the-password", "JWT_SECRET": SECRET}


def settings(**variables: str) -> Settings:
    return Settings.from_env({**NEEDED, **variables})


def mistakes(**variables: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        settings(**variables)
    return caught.value.mistakes


def test_all_mistakes_are_reported_at_once() -> None:
    wrong = {
        "ENV": "/etc/passwd",
        "PORT": "http",
        "WEB_CONCURRENCY": "0",
        "GUNICORN_THREADS": "many",
        "POSTGRES_HOST": "postgres://db",
        "POSTGRES_PORT": "65536",
        "POSTGRES_SSLMODE": "yes",
        "POSTGRES_POOL_MIN": "-1",
        "POSTGRES_POOL_MAX": "0",
        "POSTGRES_PREPARED_STATEMENTS": "perhaps",
        "POSTGRES_SESSION_SETTINGS": "off",
        "REDIS_ADDR": "redis://cache",
        "REDIS_TLS": "2",
        "JWT_SECRET": "short",
        "CORS_ALLOWED_ORIGINS": "https://*.example",
        "PUBLIC_BASE_URL": "s.example",
        "ROOT_REDIRECT_URL": "fonsecaaso.com",
        "REDIRECT_STATUS": "303",
        "TRUSTED_PROXIES": "11",
        "RATE_LIMIT": "100",
        "RATE_LIMIT_AUTH": "0/minute",
        "RATE_LIMIT_RESOLVE": "5/fortnight",
        "RATE_LIMIT_ENABLED": "maybe",
    }

    found = mistakes(**wrong)

    assert sorted(line.partition(":")[0] for line in found) == sorted(wrong)


@pytest.mark.parametrize(
    "url",
    ["/", "//e.com", "ftp://e.com", "javascript:alert(1)", "https://", "https://me:pw@e.com/", "é",
     "https://e.com/a b", "https://e.com/é", "https://e.com/\r\nX: y", "https://e.com:x/",
     "https://e.com/" + "x" * 2048],
    ids=ascii,
)  # fmt: skip
def test_the_front_page_leads_to_a_url(url: str) -> None:
    (mistake,) = mistakes(ROOT_REDIRECT_URL=url)

    assert mistake.startswith("ROOT_REDIRECT_URL: held ")


@pytest.mark.parametrize(
    "url", ["https://s.example", "http://S.example:80/?x", "https://s.example//"]
)
def test_the_front_page_leads_not_to_itself(url: str) -> None:
    (mistake,) = mistakes(ROOT_REDIRECT_URL=url, PUBLIC_BASE_URL="https://s.example:443")

    assert mistake.startswith("ROOT_REDIRECT_URL: held ")
    assert mistakes(ROOT_REDIRECT_URL=url, PUBLIC_BASE_URL="nonsense")  # that alone


@pytest.mark.parametrize(
    "url", ["https://s.example/start", "https://s.example:8443/", "https://e.com"]
)
def test_another_page_is_none_of_its_own(url: str) -> None:
    found = settings(ROOT_REDIRECT_URL=url, PUBLIC_BASE_URL="https://s.example")

    assert found.root_redirect_url == url


def test_what_is_missing_is_named() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_env({})

    names = {line.partition(":")[0] for line in caught.value.mistakes}
    assert names == {"POSTGRES_HOST", "POSTGRES_PASSWORD", "JWT_SECRET"}
    assert all("is not set" in line for line in caught.value.mistakes)


def test_a_mistake_is_one_line_with_the_name_the_value_and_what_is_allowed() -> None:
    (line,) = mistakes(REDIRECT_STATUS="303\n")

    assert line == "REDIRECT_STATUS: held '303'; allowed: 301, 302, 307 or 308"


def test_a_line_break_inside_a_value_stays_on_the_one_line() -> None:
    (line,) = mistakes(PORT="80\n80")

    assert "\n" not in line


def test_a_very_long_wrong_value_is_cut() -> None:
    (line,) = mistakes(PORT="9" * 5000)

    assert len(line) < 200


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("JWT_SECRET", "hunter2-hunter2"),
        ("REDIS_ADDR", "redis://:hunter2@cache:6379"),
        ("REDIS_ADDR", "user:hunter2@cache:6379"),
        ("POSTGRES_HOST", "postgres://shortener:hunter2@db/links"),
        ("PUBLIC_BASE_URL", "https://me:hunter2@s.example"),
        ("CORS_ALLOWED_ORIGINS", "https://me:hunter2@s.example,https://b.example"),
    ],
)
def test_a_mistake_never_shows_a_secret(name: str, value: str) -> None:
    (line,) = mistakes(**{name: value})

    assert line.startswith(f"{name}: ")
    assert "hunter2" not in line


@pytest.mark.parametrize("name", ["PORT", "REDIRECT_STATUS", "TRUSTED_PROXIES", "POSTGRES_PORT"])
@pytest.mark.parametrize("value", ["3_02", "+302", "٣٠٢", "302.0", "0x1", "1e2", "-1"])
def test_a_number_is_written_in_digits(name: str, value: str) -> None:
    (line,) = mistakes(**{name: value})

    assert line.startswith(f"{name}: held {value!r}")


def test_a_pool_cannot_have_more_at_least_than_at_most() -> None:
    (line,) = mistakes(POSTGRES_POOL_MIN="5", POSTGRES_POOL_MAX="4")

    assert line.startswith("POSTGRES_POOL_MIN: held '5'; allowed: at most")


@pytest.mark.parametrize(
    "wrong", ["cache:", "cache:0", "cache:70000", ":6379", "::1", "a b:1", "redis://cache:6379"]
)
def test_an_address_of_redis_that_is_none(wrong: str) -> None:
    assert len(mistakes(REDIS_ADDR=wrong)) == 1


@pytest.mark.parametrize("wrong", ["db:5432", "postgresql://db", "a b", "me@db", "db,db2", "db/x"])
def test_a_host_of_postgresql_that_is_none(wrong: str) -> None:
    assert len(mistakes(POSTGRES_HOST=wrong)) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        "*",
        "null",
        "a.com",
        "ftp://a.com",
        "https://",
        "https://a.com/path",
        "https://a.com?q",
        "https://a.com:99999",
        "https://a b.com",
        "https://[::1",
        "https://é.com",
        "https://a.com https://b.com",
        ",",
    ],
)
def test_an_origin_that_is_none(wrong: str) -> None:
    assert len(mistakes(CORS_ALLOWED_ORIGINS=wrong)) == 1


@pytest.mark.parametrize(
    "text", ["", "100", "0/minute", "-1/minute", "1/minutes", "1.5/day", "a/b"]
)
def test_a_rate_that_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"^"):
        Rate.parse(text)


def test_migrate_reports_all_mistakes_too() -> None:
    with pytest.raises(SettingsError) as caught:
        postgres_from_env({"POSTGRES_PORT": "none", "PORT": "not read"})

    names = {line.partition(":")[0] for line in caught.value.mistakes}
    assert names == {"POSTGRES_HOST", "POSTGRES_PASSWORD", "POSTGRES_PORT"}


def test_a_previous_secret_may_be_missing_but_not_be_short() -> None:
    both = {**NEEDED, "JWT_SECRET_PREVIOUS": SECRET}

    assert Settings.from_env(NEEDED).jwt_secret_previous is None
    assert Settings.from_env(both).jwt_secret_previous == SECRET
    with pytest.raises(SettingsError, match="JWT_SECRET_PREVIOUS: held a secret of 5 bytes"):
        Settings.from_env({**NEEDED, "JWT_SECRET_PREVIOUS": "short"})
