"""What a request tells of who sent it: real headers of real programs."""

from pathlib import Path

import pytest

from app.visitors import Countries, Visitor, from_anywhere

DEVICES = {
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like"
    " Gecko) Version/18.1 Mobile/15E148 Safari/604.1": "ios",
    "Mozilla/5.0 (iPad; CPU OS 12_5_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
    " Version/12.1.2 Mobile/15E148 Safari/604.1": "ios",
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0"
    " Mobile Safari/537.36": "android",
    "Mozilla/5.0 (Android 14; Mobile; rv:132.0) Gecko/132.0 Firefox/132.0": "android",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/130.0.0.0 Safari/537.36 Edg/130.0.0.0": "desktop",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 14.7; rv:132.0) Gecko/20100101"
    " Firefox/132.0": "desktop",
    "Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0": "desktop",
    "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/129.0.0.0 Safari/537.36": "desktop",
    "Mozilla/5.0 (SMART-TV; LINUX; Tizen 7.0) AppleWebKit/537.36": None,
    "": None,
}
BOTS = [
    "",
    " ",
    "curl/8.10.1",
    "Wget/1.24.5",
    "python-requests/2.32.3",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
    "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
    "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
    "WhatsApp/2.23.20.0",
    "TelegramBot (like TwitterBot)",
    "Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)",
]


def visitor(method: str = "GET", **environ: str) -> Visitor:
    return from_anywhere({"REQUEST_METHOD": method, **environ})


@pytest.mark.parametrize(("agent", "device"), DEVICES.items())
def test_the_device(agent: str, device: str | None) -> None:
    assert visitor(HTTP_USER_AGENT=agent).device == device


@pytest.mark.parametrize("agent", [agent for agent, device in DEVICES.items() if device])
def test_a_person_counts(agent: str) -> None:
    assert visitor(HTTP_USER_AGENT=agent).counts


@pytest.mark.parametrize("agent", BOTS)
def test_a_program_does_not(agent: str) -> None:
    assert visitor(HTTP_USER_AGENT=agent).bot
    assert not visitor(HTTP_USER_AGENT=agent).counts


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HTTP_SEC_PURPOSE", "prefetch"),
        ("HTTP_SEC_PURPOSE", "prefetch;prerender"),
        ("HTTP_SEC_PURPOSE", "Prefetch;anonymous-client-ip"),
        ("HTTP_PURPOSE", "prefetch"),
        ("HTTP_PURPOSE", "preview"),
        ("HTTP_X_PURPOSE", "preview"),
        ("HTTP_X_MOZ", "prefetch"),
    ],
)
def test_a_browser_that_looks_ahead_does_not_count(name: str, value: str) -> None:
    agent = next(iter(DEVICES))

    assert visitor(HTTP_USER_AGENT=agent).counts
    assert not visitor(HTTP_USER_AGENT=agent, **{name: value}).counts
    assert not visitor("HEAD", HTTP_USER_AGENT=agent).counts


@pytest.mark.parametrize(
    ("header", "languages"),
    [
        ("pt-BR,pt;q=0.9,en-US;q=0.8,en;q=0.7", ("pt-br", "pt", "en-us", "en")),
        ("en;q=0.5, fr", ("fr", "en")),
        ("fr;q=0, *;q=0.5", ()),
        ("", ()),
        (";;;,=,\xff;q=x", None),
        ("a," * 5000, None),
    ],
)
def test_languages(header: str, languages: tuple[str, ...] | None) -> None:
    found = visitor(HTTP_ACCEPT_LANGUAGE=header).languages

    assert len(found) <= 20
    if languages is not None:
        assert found == languages


@pytest.mark.parametrize(
    ("value", "country"),
    [("BR", "BR"), ("br", "BR"), ("", None), ("XX", None), ("T1", None), ("Brazil", None)],
)
def test_the_country_comes_from_our_proxys_header(value: str, country: str | None) -> None:
    countries = Countries("CloudFront-Viewer-Country")

    found = Visitor({"HTTP_CLOUDFRONT_VIEWER_COUNTRY": value}, countries).country

    assert found == country
    assert from_anywhere({"HTTP_CLOUDFRONT_VIEWER_COUNTRY": value}).country is None


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.mmdb").write_bytes(b"nonsense")

    for path in ("x.mmdb", "missing.mmdb"):
        with pytest.raises(ValueError, match=path):
            Countries(database=str(tmp_path / path))
