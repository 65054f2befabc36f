"""Redirects: to nowhere but where a link may lead, and with no header of the target's making."""

import json
from urllib.parse import urlsplit

import pytest

from tests.harness.servers import Database
from tests.harness.service import Service
from tests.security.wire import Answer, Asker

JSON_TYPE = (b"Content-Type", b"application/json")
REFUSED = [
    "javascript:alert(1)", "JaVaScRiPt:alert(1)", "java\tscript:alert(1)", " javascript:alert(1)",
    "javascript://e.com/%0aalert(1)", "data:text/html,<script>alert(1)</script>",
    "vbscript:msgbox(1)", "file:///etc/passwd", "ftp://e.com/", "blob:https://e.com/x",
    "view-source:https://e.com", "mailto:x@e.com", "tel:1", "intent://e.com#Intent;end",
    "//e.com/x", "///e.com", "/\\e.com", "\\\\e.com", "https:/e.com", "https:e.com", "https:///e.com",
    "http://user:secret@e.com/", "http://e.com@evil.com/", "http://e.com\\@evil.com/",
    "http://e.com%5c@evil.com/", "http://[::1%25eth0]/", "http://[::1", "http://e..com/",
    "http://e.com:99999/", "http://-e.com/", "http://e com/", "http://intranet./", "http://intranet/",
    "http://s.example/abcdef", "https://S.EXAMPLE/abcdef", "http://s.example./", "http://s.example:80/",
    "\uff53.example/abcdef", "https://s。example/", "https://%73.example/", "http://s\u00ad.example/",
    "https://s.test/abcdef",
]  # fmt: skip
INJECTIONS = [
    "\r\nSet-Cookie: x=y", "\nX-Injected: y", "\rX-Injected: y", "\u2028X-Injected: y",
    "\u560d\u560aX-Injected: y", "\x0bX-Injected: y", "\x85X-Injected: y", "\x00", "\x7f",
]  # fmt: skip


def create(service: Service, url: str) -> Answer:
    with Asker(service) as asker:
        return asker.ask(b"POST", b"/api/", [JSON_TYPE], json.dumps({"url": url}).encode())


def follow(service: Service, code: str) -> Answer:
    with Asker(service) as asker:
        return asker.ask(b"GET", f"/{code}".encode())


@pytest.mark.parametrize("url", REFUSED, ids=ascii)
def test_a_target_that_is_refused(attacked: Service, url: str) -> None:
    answer = create(attacked, url)

    assert (answer.status, json.loads(answer.body)["code"]) == (400, "INVALID_URL")


@pytest.mark.parametrize("place", ["https://e.com/{}", "https://e.com/?{}", "https://e{}.com/"])
@pytest.mark.parametrize("injection", INJECTIONS, ids=ascii)
def test_no_link_injects_a_header(attacked: Service, place: str, injection: str) -> None:
    made = create(attacked, place.format(injection))

    assert made.status in {200, 201, 400}
    if made.status != 400:
        answer = follow(attacked, json.loads(made.body)["short_code"])
        assert answer.headers["location"].isprintable()
        assert answer.headers["location"].isascii()
        assert not {"set-cookie", "x-injected"} & set(answer.headers)


@pytest.mark.parametrize("injection", INJECTIONS[:-2], ids=ascii)
def test_nor_does_one_that_an_earlier_service_stored(
    attacked: Service, attacked_database: Database, injection: str
) -> None:
    code = f"old{INJECTIONS.index(injection):03}"
    with attacked_database.connect() as connection:
        connection.execute(
            "INSERT INTO urls (id, original_url) VALUES (%s, %s)",
            (code, f"https://e.com/{injection}"),
        )

    answer = follow(attacked, code)

    assert answer.status == 302
    assert answer.headers["location"].startswith("https://e.com/%")
    assert not {"set-cookie", "x-injected"} & set(answer.headers)


@pytest.mark.parametrize(
    "stored", ["javascript:alert(1)", "//evil.com", "/evil", "data:text/html,x", "\\\\evil.com"]
)
def test_what_an_earlier_service_stored_is_never_a_script_or_a_relative_redirect(
    attacked: Service, attacked_database: Database, stored: str
) -> None:
    code = f"bad{abs(hash(stored)) % 1000:03}"
    with attacked_database.connect() as connection:
        connection.execute("INSERT INTO urls (id, original_url) VALUES (%s, %s)", (code, stored))

    location = follow(attacked, code).headers["location"]

    assert urlsplit(location).scheme in {"http", "https"}


@pytest.mark.parametrize(
    "path",
    [b"//evil.com", b"//evil.com/%2e%2e", b"/\\evil.com", b"/%2f%2fevil.com", b"/%5cevil.com",
     b"/api//evil.com", b"/https://evil.com", b"/?next=https://evil.com",
     b"/abcdef?url=//evil.com"],
)  # fmt: skip
def test_no_path_redirects_to_what_it_says(attacked: Service, path: bytes) -> None:
    with Asker(attacked) as asker:
        answer = asker.ask(b"GET", path, [(b"X-Forwarded-Host", b"evil.com")])

    assert answer.status in {400, 404} or path.startswith(b"/?")
    assert "location" not in answer.headers


@pytest.mark.parametrize(
    "header",
    [b"X-Request-ID", b"Origin", b"Host", b"Access-Control-Request-Headers", b"X-Forwarded-For",
     b"X-Amzn-Trace-Id", b"Traceparent", b"If-None-Match", b"Accept"],
)  # fmt: skip
@pytest.mark.parametrize(
    "value", [b"x\ty: z", b"\xc3\xa9", b"<b>", b"a%0d%0ax-injected: y", b"; x"]
)
def test_no_request_header_comes_back_as_more_than_itself(
    attacked: Service, header: bytes, value: bytes
) -> None:
    with Asker(attacked) as asker:
        for method, path in ((b"GET", b"/zzzzzz"), (b"OPTIONS", b"/api/"), (b"GET", b"/api/docs")):
            preflight = (b"Access-Control-Request-Method", b"POST")
            sent = [(header, value), *([preflight] if method == b"OPTIONS" else [])]
            answer = asker.ask(method, path, sent)
            assert "x-injected" not in answer.headers
            assert answer.headers["x-request-id"].isalnum()
            assert value.decode("latin-1") not in answer.headers.values()


def test_a_page_for_people_repeats_nothing_of_the_request(attacked: Service) -> None:
    with Asker(attacked) as asker:
        answer = asker.ask(
            b"GET",
            b"/%3Cscript%3Ealert(1)%3C/script%3E?x=%3Cb%3E",
            [(b"Accept", b"text/html"), (b"X-Request-ID", b"<script>"), (b"Host", b"<b>")],
        )

    assert b"<script" not in answer.body
    assert b"alert" not in answer.body
