"""What visitors see: each error in words of their own language, and nothing of the request."""

import base64
import hashlib
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import NoReturn
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.links import Links
from app.model import errors
from app.model.errors import ServiceError
from app.routes.openapi.operation import RESOLVING
from app.routes.pages.error_pages import error_page
from app.routes.pages.languages import LANGUAGES, Language
from app.states import BLOCKED, GONE
from tests.harness.servers import Database
from tests.routes.conftest import MakeClient

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
Refused = Callable[..., TestResponse]
EN, PT = LANGUAGES["en"], LANGUAGES["pt"]
LATER = int(timedelta(hours=26).total_seconds())
REFUSALS: dict[str, tuple[ServiceError, int]] = {
    "not_found": (errors.UrlNotFound(), 404),
    "not_started": (errors.LinkNotStarted(retry_after=LATER), 404),
    "too_many": (errors.RateLimitExceeded("resolve", retry_after=42, limit=1, window=60), 429),
    "unavailable": (errors.DatabaseUnavailable("timeout"), 503),
    "no_code": (errors.InvalidShortUrl(), 400),
    "reserved": (errors.ReservedWord(), 400),
    "unsendable": (errors.InvalidUrl("the URL is longer than 14336 bytes"), 400),
    "gone": (errors.LinkGone(), 410),
    "blocked": (errors.LinkGone(BLOCKED), 410),
    **{state.value: (errors.LinkGone(details), 410) for state, details in GONE.items()},
}
HOSTILE = (
    "<script>alert(1)</script>",
    "</style><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "<svg/onload=alert(1)>",
    "javascript:alert(1)",
    "$content$error$request_id alert",
    "${request_id}alert",
    "{{ 7777*7777 }}alert",
    "%s%d%n-alert",
    "\u202ealert",
    "alert\x00\r\nSet-Cookie: a=b",
    "alert" * 400,
    "alert\udcff",
)


class _Page(HTMLParser):
    """What a page says, where it says it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self._open = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open = tag
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, _tag: str) -> None:
        self._open = ""

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.setdefault(self._open, []).append(data.strip())

    def attribute(self, tag: str, name: str) -> str | None:
        return next(attributes.get(name) for element, attributes in self.elements if element == tag)


def refusing(error: ServiceError) -> object:
    def resolve(*_: object) -> NoReturn:
        raise error

    return resolve


@pytest.fixture
def refused(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> Refused:
    """Ask as a browser for a link that is refused with an error: refused(error, "pt")."""

    def ask(error: ServiceError, language: str = "en", method: str = "GET") -> TestResponse:
        monkeypatch.setattr(Links, "resolve", refusing(error))
        headers = {"Accept": BROWSER, "Accept-Language": language, "X-Request-ID": "to-quote.1"}
        return client.open("/zzzzzz", method=method, headers=headers)

    return ask


@pytest.mark.parametrize("language", LANGUAGES.values(), ids=LANGUAGES)
@pytest.mark.parametrize("kind", REFUSALS)
def test_each_refusal_has_words_of_its_own(refused: Refused, kind: str, language: Language) -> None:
    error, status = REFUSALS[kind]

    answer = refused(error, language.tag)

    text = answer.get_data(as_text=True)
    page, words = _Page(text), language.texts[kind]
    assert (answer.status_code, answer.mimetype) == (status, "text/html")
    assert page.texts["title"] == page.texts["h1"] == [words.title]
    assert page.texts["h2"] == [language.labels["why"], language.labels["do"]]
    parts = sum(len(part) for part in (words.why, words.do) if len(part) > 1)
    assert len([tag for tag, _ in page.elements if tag == "li"]) == parts
    assert page.texts["small"] == [language.labels["quote"], f"{status} {error.code}"]
    assert page.texts["code"] == ["to-quote.1"]
    assert page.attribute("html", "lang") == answer.headers["Content-Language"] == language.tag
    assert "$" not in text


def test_every_way_of_looking_a_link_up_in_vain_has_its_page() -> None:
    told = {type(error) for error, _ in REFUSALS.values()}

    assert told >= {*RESOLVING, errors.InvalidUrl, errors.RateLimitExceeded}


@pytest.mark.parametrize("kind", REFUSALS)
def test_a_page_says_nothing_that_is_for_programs_or_the_log(refused: Refused, kind: str) -> None:
    error, _ = REFUSALS[kind]

    text = refused(error).get_data(as_text=True)

    for told in (error.reason, error.details):
        assert told is None or told not in text.replace(f" {error.code}", "")


@pytest.mark.parametrize("status", [400, 409, 500, 502])
def test_what_nobody_thought_of_has_a_page_too(client: FlaskClient, status: int) -> None:
    with client.application.test_request_context("/zzzzzz") as context:
        answer = error_page(context.request, status, "NEW", details="new", retry_after=None)

    kind = "fault" if status >= 500 else "bad_request"
    page = _Page(answer.get_data(as_text=True))
    assert (answer.status_code, page.texts["h1"]) == (status, [EN.texts[kind].title])


def test_languages_have_the_same_pages_with_the_same_marks() -> None:
    def marks(language: Language) -> dict[str, list[tuple[set[str], int]]]:
        return {
            kind: [
                (set(re.findall(r"\$([a-z_]+)", " ".join(part))), len(part))
                for part in ((text.title, text.happened), text.why, text.do)
            ]
            for kind, text in language.texts.items()
        }

    assert marks(PT) == marks(EN)
    assert set(PT.labels) == set(EN.labels)
    assert set(EN.texts) == {*REFUSALS, "fault", "bad_request", "front", "preview"}


def test_no_sentence_was_left_untranslated() -> None:
    def sentences(language: Language) -> set[str]:
        texts = language.texts.values()
        return {each for text in texts for each in (text.title, text.happened, *text.why, *text.do)}

    assert not sentences(EN) & sentences(PT)


@pytest.mark.parametrize(
    ("accepted", "tag"),
    [
        ("", "en"),
        ("*", "en"),
        ("pt", "pt-BR"),
        ("PT-pt", "pt-BR"),
        ("pt-BR,pt;q=0.9,en-US;q=0.8,en;q=0.7", "pt-BR"),
        ("en-GB;q=0.5, pt-BR;q=0.9", "pt-BR"),
        ("de-CH, pt-AO-x-y;q=0.4, en;q=0.3", "pt-BR"),
        ("fr, de", "en"),
        ("pt;q=0, en", "en"),
        ("ptx", "en"),
        ("-pt", "en"),
        ("pt;q=nan, en;q=é", "en"),
        ("pt," * 2000, "pt-BR"),
        ("\x7f<script>", "en"),
    ],
)
def test_it_speaks_the_language_that_the_visitor_prefers(
    client: FlaskClient, accepted: str, tag: str
) -> None:
    headers = {"Accept": BROWSER, "Accept-Language": accepted}

    answers = [client.get(path, headers=headers) for path in ("/zzzzzz", "/")]

    assert [answer.headers["Content-Language"] for answer in answers] == [tag, tag]
    for answer in answers:
        assert answer.headers.getlist("Vary")[0] == "Accept-Language, Accept"
        assert _Page(answer.get_data(as_text=True)).attribute("html", "lang") == tag


@pytest.mark.parametrize("accept", ["*/*", "application/json", ""])
def test_programs_get_what_they_always_got(client: FlaskClient, accept: str) -> None:
    headers = {"Accept": accept, "Accept-Language": "pt-BR"}

    refused, front = client.get("/zzzzzz", headers=headers), client.get("/", headers=headers)

    assert refused.data == b'{"error":"Short URL not found","code":"URL_NOT_FOUND"}'
    assert front.data.startswith(b"Short links live here: this address and six letters")
    for answer in (refused, front):
        assert "Content-Language" not in answer.headers


@pytest.mark.parametrize("code", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("prefix", ["/", "/abcdef?q="])
def test_nothing_of_the_request_is_repeated(client: FlaskClient, prefix: str, code: str) -> None:
    sent = quote(code.encode("utf-8", "surrogateescape"), safe="")

    answer = client.get(
        prefix + sent,
        headers={
            "Accept": BROWSER,
            "Accept-Language": "pt<script>alert(1)</script>",
            "User-Agent": "<script>alert(1)</script>",
            "X-Request-ID": "<script>alert(1)</script>",
        },
    )

    assert answer.status_code in {400, 404}
    assert b"alert" not in answer.data
    assert b"<script" not in answer.data
    assert b"$" not in answer.data
    assert b"60481729" not in answer.data
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("path", ["/zzzzzz", "/health", "/"])
def test_the_one_style_of_a_page_is_the_one_that_is_allowed(client: FlaskClient, path: str) -> None:
    answer = client.get(path, headers={"Accept": BROWSER})

    text = answer.get_data(as_text=True)
    (style,) = re.findall("<style>(.*?)</style>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = answer.headers["Content-Security-Policy"]
    assert f"style-src 'sha256-{digest}';" in policy
    assert "unsafe" not in policy
    assert "style=" not in text
    assert len(answer.data) < 5_000


@pytest.mark.parametrize("kind", ["not_found", "not_started", "too_many", "expired"])
def test_head_tells_the_same_without_a_body(refused: Refused, kind: str) -> None:
    asked, peeked = (refused(REFUSALS[kind][0], "pt", method) for method in ("GET", "HEAD"))

    assert peeked.data == b""
    assert peeked.status_code == asked.status_code
    changing = {"Date", "Content-Length", "Retry-After"}
    for name, value in asked.headers:
        assert name in changing or peeked.headers[name] == value


def test_a_link_that_begins_later_says_when(client: FlaskClient, bearer: dict[str, str]) -> None:
    moment = (datetime.now(UTC) + timedelta(days=3)).replace(second=0, microsecond=0)
    body = {"url": "https://e.com", "starts_at": moment.isoformat()}
    code = client.post("/api/", json=body, headers=bearer).get_json()["short_code"]

    answer = client.get(f"/{code}", headers={"Accept": BROWSER, "Accept-Language": "pt"})

    page = _Page(answer.get_data(as_text=True))
    assert 3 * 86400 - 120 <= int(answer.headers["Retry-After"]) <= 3 * 86400
    assert page.attribute("time", "datetime") == moment.isoformat()
    assert page.texts["time"] == [PT.moment(moment)]
    assert "Ele abre em" in answer.get_data(as_text=True)


def test_a_link_that_begins_after_everything_says_so_too(refused: Refused) -> None:
    left = datetime.max.replace(tzinfo=UTC) - datetime.now(UTC)

    answer = refused(errors.LinkNotStarted(retry_after=int(left.total_seconds()) + 60))

    assert answer.status_code == 404
    assert "31 December 9999" in answer.get_data(as_text=True)


@pytest.mark.parametrize("path", ["/zzzzzz", "/"])
def test_too_many_requests_are_told_when_to_go_on(make_client: MakeClient, path: str) -> None:
    client = make_client(RATE_LIMIT_ENABLED="true", RATE_LIMIT_RESOLVE="1/day")
    headers = {"Accept": BROWSER, "Accept-Language": "en"}
    client.get(path, headers=headers)

    answer = client.get(path, headers=headers)

    waits = {EN.wait(int(answer.headers["Retry-After"]) + passed) for passed in (-1, 0, 1)}
    lead, *_ = _Page(answer.get_data(as_text=True)).texts["p"]
    assert answer.status_code == 429
    assert any(wait in lead for wait in waits)
    assert answer.headers["X-RateLimit-Limit"] == "1"


@pytest.mark.parametrize(
    ("seconds", "english", "portuguese"),
    [
        (1, "1 second", "1 segundo"),
        (42, "42 seconds", "42 segundos"),
        (60, "1 minute", "1 minuto"),
        (61, "1 minute and 1 second", "1 minuto e 1 segundo"),
        (3600, "1 hour", "1 hora"),
        (3601, "1 hour and 1 minute", "1 hora e 1 minuto"),
        (86399, "24 hours", "24 horas"),
        (86400, "1 day", "1 dia"),
        (2 * 86400 + 1, "2 days and 1 hour", "2 dias e 1 hora"),
    ],
)
def test_a_wait_is_never_told_too_short(seconds: int, english: str, portuguese: str) -> None:
    assert (EN.wait(seconds), PT.wait(seconds)) == (english, portuguese)


def test_moments_are_told_as_people_write_them() -> None:
    moment = datetime(2026, 3, 9, 7, 5, tzinfo=UTC)

    assert EN.moment(moment) == "9 March 2026 at 07:05 UTC"
    assert PT.moment(moment) == "9 de março de 2026, às 07:05 UTC"


TARGETS = (
    'https://e.com/"><script>alert(1)</script>',
    "https://e.com/'onmouseover='alert(1)",
    "https://e.com/$content${request_id}{{7777*7777}}",
    "https://e.com/\u202egnp.exe",
    "https://xn--80ak6aa92e.com/",
    "javascript:alert(1)//.com",
    "data:text/html,<script>alert(1)</script>",
)


@pytest.mark.parametrize("stored", TARGETS, ids=range(len(TARGETS)))
def test_a_preview_shows_what_is_stored_and_nothing_of_it_is_obeyed(
    client: FlaskClient, module_database: Database, stored: str
) -> None:
    code = f"prev{TARGETS.index(stored):02}"
    with module_database.connect() as connection:
        row = "INSERT INTO urls (id, original_url, title) VALUES (%s, %s, %s)"
        connection.execute(row, [code, stored, f"</q><script>{stored}"])

    text = client.get(f"/{code}+", headers={"Accept": BROWSER}).get_data(as_text=True)

    page = _Page(text)
    tags = {tag for tag, _ in page.elements}
    address = page.attribute("a", "href") or ""
    assert stored in "".join(page.texts["code"])
    assert "script" not in tags
    assert address.startswith(("https://", "http://"))
    assert address.isascii()
    assert "60481729" not in text
    assert not [name for _, attributes in page.elements for name in attributes if name[:2] == "on"]
    assert page.attribute("a", "rel") == "noopener noreferrer nofollow"


@pytest.mark.parametrize("language", LANGUAGES.values(), ids=LANGUAGES)
def test_a_preview_speaks_the_visitors_language(
    client: FlaskClient, code: str, target: str, language: Language
) -> None:
    answer = client.get(f"/{code}+", headers={"Accept-Language": language.tag})

    page = _Page(answer.get_data(as_text=True))
    assert page.texts["h1"] == [language.texts["preview"].title]
    assert page.texts["strong"] == ["e.com"]
    assert page.texts["a"] == [language.labels["go"]]
    assert page.texts["time"] == [language.date(datetime.now(UTC))]
    assert page.attribute("html", "lang") == answer.headers["Content-Language"] == language.tag
    assert answer.headers["Vary"].startswith("Accept-Language, Accept")


def test_a_preview_of_nothing_is_the_page_of_that(client: FlaskClient) -> None:
    answer = client.get("/zzzzzz+", headers={"Accept": BROWSER, "Accept-Language": "pt"})

    assert answer.status_code == 404
    assert _Page(answer.get_data(as_text=True)).texts["h1"] == [PT.texts["not_found"].title]
