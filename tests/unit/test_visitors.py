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
    "WhatsApp/2.23.20.0 A",
    "Viber",
    "TelegramBot (like TwitterBot)",
    "Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)",
    # Probes and monitors.
    "ELB-HealthChecker/2.0",
    "kube-probe/1.29",
    "Prometheus/2.48.0",
    "Blackbox-Exporter/0.25.0",
    "Amazon-Route53-Health-Check-Service (ref 1a2b; report http://amzn.to/1vsZADi)",
    "GoogleHC/1.0",
    "Consul Health Check",
    "Envoy/HC",
    "Elastic-Heartbeat/8.11.3 (linux; amd64)",
    "NewRelicPinger/1.0 (1234)",
    "Mozilla/5.0+(compatible; UptimeRobot/2.0; http://www.uptimerobot.com/)",
    "Pingdom.com_bot_version_1.4_(http://www.pingdom.com/)",
    (
        "Mozilla/5.0 (Unknown; Linux x86_64) AppleWebKit/538.1 (KHTML, like Gecko) PingdomTMS/0.8.5"
        " Safari/538.1"
    ),
    (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"
        " Chrome/98.0.4758.102 Safari/537.36 StatusCake"
    ),
    "Grafana k6/0.54.0",
    "ApacheBench/2.3",
    # HTTP libraries and clients.
    "PostmanRuntime/7.36.0",
    "insomnia/9.3.2",
    "Java/17.0.9",
    "Java/1.8.0_392",
    "Java-http-client/17.0.9",
    "ReactorNetty/1.1.15",
    "node",
    "undici",
    "axios/1.7.2",
    "Bun/1.1",
    "Deno/1.46.3",
    "Dart/3.2 (dart:io)",
    "Go-http-client/2.0",
    "okhttp/4.12.0",
    "GuzzleHttp/7",
    "PHP/8.2",
    "Ruby",
    "http.rb/5.2.0",
    "reqwest/0.12.4",
    "PycURL/7.45.2 libcurl/8.2",
    "Mozilla/5.0 (Windows NT; Windows NT 10.0; en-US) WindowsPowerShell/5.1.19041.1",
]
PEOPLE = [
    # Inside of apps.
    (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like"
        " Gecko) Mobile/15E148 Instagram 312.0.2.23.115 (iPhone15,2; iOS 17_2; pt_BR; scale=3.00)"
    ),
    (
        "Mozilla/5.0 (Linux; Android 13; SM-G991B; wv) AppleWebKit/537.36 (KHTML, like Gecko)"
        " Version/4.0 Chrome/119.0.6045.193 Mobile Safari/537.36 [FB_IAB/FB4A;FBAV/441.0.0.33.109;]"
    ),
    (
        "Mozilla/5.0 (Linux; Android 12; M2101K6G; wv) AppleWebKit/537.36 (KHTML, like Gecko)"
        " Version/4.0 Chrome/119.0.6045.163 Mobile Safari/537.36 WhatsApp/2.23.24.76"
    ),
    (
        "Mozilla/5.0 (Linux; Android 13; SM-A525F; wv) AppleWebKit/537.36 (KHTML, like Gecko)"
        " Version/4.0 Chrome/119.0.6045.163 Mobile Safari/537.36 Viber/21.4.0"
    ),
    (
        "Mozilla/5.0 (Linux; Android 11; Telegram-Android/10.3.2) AppleWebKit/537.36 (KHTML, like"
        " Gecko) Version/4.0 Chrome/119.0.6045.163 Mobile Safari/537.36"
    ),
    (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 16_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like"
        " Gecko) Mobile/15E148 Safari Line/13.18.1"
    ),
    (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like"
        " Gecko) Mobile/15E148 [LinkedInApp]/9.28.5"
    ),
    # Other browsers on telephones.
    (
        "Mozilla/5.0 (Linux; Android 13; SM-S918B) AppleWebKit/537.36 (KHTML, like Gecko)"
        " SamsungBrowser/23.0 Chrome/115.0.0.0 Mobile Safari/537.36"
    ),
    (
        "UCWEB/2.0 (MIDP-2.0; U; Adr 4.4.2; en-US; SM-G900F) U2/1.0.0 UCBrowser/10.7.6.805 U2/1.0.0"
        " Mobile"
    ),
    "Opera/9.80 (Android; Opera Mini/36.2.2254/191.272; U; pt) Presto/2.12.423 Version/12.16",
    (
        "Opera/9.80 (J2ME/MIDP; Opera Mini/9.80 (S60; SymbOS; Opera Mobi/23.348; U; en)"
        " Presto/2.5.25 Version/10.54"
    ),
    "Mozilla/5.0 (Mobile; Nokia_8110_4G; rv:48.0) Gecko/48.0 Firefox/48.0 KAIOS/2.5",
    (
        "Mozilla/5.0 (Linux; Android 12; Cubot X50) AppleWebKit/537.36 (KHTML, like Gecko)"
        " Chrome/119.0.0.0 Mobile Safari/537.36"
    ),
    "Nokia6230i/2.0 (03.40) Profile/MIDP-2.0 Configuration/CLDC-1.1",
    "BlackBerry9700/5.0.0.862 Profile/MIDP-2.1 Configuration/CLDC-1.1 VendorID/331",
    "MOT-V3/0E.41.C3R MIB/2.2.1 Profile/MIDP-2.0 Configuration/CLDC-1.0",
    "SAMSUNG-GT-S5620/S5620XEJE1 SHP/VPP/R5 Dolfin/2.0 profile/MIDP-2.1 configuration/CLDC-1.1",
    "DoCoMo/2.0 P903i(c100;TB;W24H12)",
    "MAUI_WAP_Browser",
    # Tablets, televisions, consoles, terminals.
    (
        "Mozilla/5.0 (Linux; Android 9; KFMAWI) AppleWebKit/537.36 (KHTML, like Gecko) Silk/108.4.6"
        " like Chrome/108.0.5359.220 Safari/537.36"
    ),
    (
        "Mozilla/5.0 (SMART-TV; LINUX; Tizen 6.0) AppleWebKit/537.36 (KHTML, like Gecko)"
        " 76.0.3809.146/6.0 TV Safari/537.36"
    ),
    (
        "Mozilla/5.0 (Web0S; Linux/SmartTV) AppleWebKit/537.36 (KHTML, like Gecko)"
        " Chrome/94.0.4606.128 Safari/537.36 WebAppManager"
    ),
    "Roku/DVP-12.0 (12.0.0.4182-88)",
    (
        "Mozilla/5.0 (PlayStation; PlayStation 5/2.26) AppleWebKit/605.1.15 (KHTML, like Gecko)"
        " Version/13.0 Safari/605.1.15"
    ),
    "Lynx/2.8.9rel.1 libwww-FM/2.14 SSL-MM/1.4.1 OpenSSL/1.1.1d",
    "w3m/0.5.3+git20230121",
    "Mozilla/5.0 (Of a browser that nobody knows yet)",
]


def visitor(method: str = "GET", **environ: str) -> Visitor:
    return from_anywhere({"REQUEST_METHOD": method, **environ})


@pytest.mark.parametrize(("agent", "device"), DEVICES.items())
def test_the_device(agent: str, device: str | None) -> None:
    assert visitor(HTTP_USER_AGENT=agent).device == device


@pytest.mark.parametrize(
    "agent", [*PEOPLE, *(agent for agent, device in DEVICES.items() if device)]
)
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
