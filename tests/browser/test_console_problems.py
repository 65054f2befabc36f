"""What the page at /console says when the API does not do as asked; nothing typed is lost."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Route, expect

from tests.browser.conftest import OpenConsole
from tests.browser.console import PASSWORD, Console, Reader, Somebody

TARGET = "https://example.com/typed-with-care"
ANSWERS = {
    409: ({"error": "x", "code": "TARGET_TAKEN"}, "problem.TARGET_TAKEN"),
    422: ({"error": "x", "code": "SOMETHING_NEW"}, "problem.422"),
    429: ({"error": "x", "code": "RATE_LIMIT_EXCEEDED", "retry_after": 42}, "problem.429"),
    500: ({"error": "x", "code": "INTERNAL_ERROR"}, "problem.500"),
    503: ({"error": "x", "code": "DB_ERROR"}, "problem.503"),
    502: ("<html>Bad gateway</html>", "problem.500"),
}


@pytest.fixture(params=["en-GB", "pt-BR"])
def console(
    request: pytest.FixtureRequest, open_console: OpenConsole, somebody: Somebody
) -> Console:
    """Open the list of links for a reader of each language."""
    console = open_console(Reader(request.param, 320 if request.param == "pt-BR" else 1280))
    console.be(somebody)
    return console


def answering(status: int, body: Any) -> Callable[[Route], None]:
    """Answer in the service's place."""
    text = body if isinstance(body, str) else json.dumps(body)
    headers = {"X-Request-ID": "the-request-42", "Retry-After": "42"}
    return lambda route: route.fulfill(status=status, body=text, headers=headers)


def hang(route: Route) -> None:
    """Answer nothing at all."""


def first_words(text: str) -> str:
    return text.partition("{")[0].strip()


@pytest.mark.parametrize("status", ANSWERS)
def test_a_refusal_is_told_and_can_be_tried_again(console: Console, status: int) -> None:
    body, key = ANSWERS[status]
    console.page.route("**/api/", answering(status, body))
    console.field("target").fill(TARGET)
    console.button("shorten").click()

    form = console.page.locator("form.new")
    expect(form).to_contain_text(first_words(console.say(key)))
    expect(console.field("target")).to_have_value(TARGET)
    if status != 409:  # that one is told beside its field
        expect(form).to_contain_text("the-request-42")
    if status in {429, 503}:
        expect(form).to_contain_text("42")
    assert console.overflow() <= 0

    console.page.unroute("**/api/")
    console.button("shorten").click()
    expect(console.page.locator(".made")).to_be_visible()
    expect(console.rows()).to_have_count(1)


def test_no_connection_is_told(console: Console) -> None:
    console.page.route("**/api/", lambda route: route.abort("connectionrefused"))
    console.field("target").fill(TARGET)
    console.button("shorten").click()

    expect(console.page.get_by_role("alert")).to_contain_text(console.say("problem.unreachable"))
    expect(console.field("target")).to_have_value(TARGET)


def test_a_slow_answer_is_waited_for_and_none_is_told(
    open_console: OpenConsole, somebody: Somebody
) -> None:
    console = open_console()
    console.page.clock.install()
    console.be(somebody)
    console.page.route("**/api/", hang)
    console.field("target").fill(TARGET)
    console.button("shorten").click()

    console.page.clock.run_for(4_000)
    expect(console.page.get_by_text(console.say("still_waiting"))).to_be_visible()
    expect(console.button("shorten")).to_have_attribute("aria-disabled", "true")
    console.page.clock.run_for(20_000)

    expect(console.page.get_by_role("alert")).to_contain_text(console.say("problem.timeout"))
    expect(console.field("target")).to_have_value(TARGET)


def test_a_lost_answer_makes_no_second_link(open_console: OpenConsole, somebody: Somebody) -> None:
    console = open_console()
    console.be(somebody)

    def lose(route: Route) -> None:
        route.fetch()
        route.abort("connectionreset")

    console.page.route("**/api/", lose)
    console.page.get_by_text(console.say("more_fields")).click()
    console.field("target").fill(TARGET)
    console.field("title_of_link").fill("Once")
    console.button("shorten").click()
    expect(console.page.get_by_role("alert")).to_be_visible()
    console.page.unroute("**/api/")
    console.button("shorten").click()
    expect(console.page.locator(".made")).to_be_visible()

    assert len(somebody.call("GET", "/api/links")["links"]) == 1


def test_an_alias_that_is_taken_is_told_beside_its_field(
    console: Console, somebody: Somebody
) -> None:
    taken = somebody.link(alias=f"taken-{id(console)}")
    console.page.get_by_text(console.say("more_fields")).click()
    console.field("target").fill(TARGET)
    console.field("alias").fill(taken)
    console.button("shorten").click()

    alias = console.field("alias")
    expect(alias).to_be_focused()
    expect(alias).to_have_accessible_description(
        re.compile(re.escape(console.say("problem.ALIAS_TAKEN")))
    )
    expect(console.field("target")).to_have_value(TARGET)


def test_a_target_that_is_refused_is_told_in_the_readers_words(console: Console) -> None:
    console.field("target").fill("javascript:alert(1)")
    console.button("shorten").click()

    expect(console.field("target")).to_be_focused()
    told = (
        console.say("problem.INVALID_URL")
        + " "
        + console.say("reason.only http and https are accepted")
    )
    expect(console.field("target")).to_have_accessible_description(told)


def test_what_somebody_else_changed_is_shown_and_the_input_kept(
    console: Console, somebody: Somebody
) -> None:
    code = somebody.link(title="Old", max_visits=5)
    console.page.reload()
    console.button("edit_of", name="Old").click()
    window = console.page.get_by_role("dialog")
    console.field("title_of_link", window).fill("Mine")
    somebody.call("PATCH", f"/api/links/{code}", {"title": "Theirs", "max_visits": 9})
    console.button("save", window).click()

    expect(window).to_contain_text(console.say("changed_elsewhere"))
    expect(window).to_contain_text("Theirs")
    expect(console.field("title_of_link", window)).to_have_value("Mine")
    # It was not touched here, so it is as it is there.
    expect(console.field("max_visits", window)).to_have_value("9")
    console.button("save_anyway", window).click()
    expect(console.row("Mine")).to_be_visible()
    link = somebody.call("GET", f"/api/links/{code}")
    assert (link["title"], link["max_visits"]) == ("Mine", 9)


def test_a_session_that_ended_is_begun_again_over_the_form(
    console: Console, somebody: Somebody
) -> None:
    console.field("target").fill(TARGET)
    console.page.evaluate("localStorage.setItem('console.token', 'not.a.token')")
    console.button("shorten").click()

    window = console.page.get_by_role("dialog")
    expect(window).to_contain_text(console.say("log_in.again"))
    console.field("email", window).fill(somebody.email)
    console.field("password", window).fill(PASSWORD)
    console.button("log_in", window).click()

    expect(console.page.locator(".made")).to_be_visible()
    assert [link["url"] for link in somebody.call("GET", "/api/links")["links"]] == [TARGET]


def test_whoever_does_not_log_in_again_keeps_what_was_typed(console: Console) -> None:
    console.field("target").fill(TARGET)
    console.page.route("**/api/", answering(401, {"error": "x", "code": "INVALID_TOKEN"}))
    console.button("shorten").click()
    expect(console.page.get_by_role("dialog")).to_be_visible()
    console.page.keyboard.press("Escape")

    expect(console.page.locator("form.new")).to_contain_text(console.say("problem.login"))
    expect(console.field("target")).to_have_value(TARGET)


def test_a_list_that_does_not_come_can_be_asked_for_again(
    console: Console, somebody: Somebody
) -> None:
    somebody.link(title="There")
    console.page.route("**/api/links?*", answering(503, {"error": "x", "code": "DB_ERROR"}))
    console.page.reload()
    expect(console.page.get_by_role("alert")).to_contain_text(
        first_words(console.say("problem.503"))
    )

    console.page.unroute("**/api/links?*")
    console.button("try_again").click()

    expect(console.row("There")).to_be_visible()


def test_a_wrong_password_is_told_beside_its_field(open_console: OpenConsole) -> None:
    console = open_console()
    console.open("login")
    console.field("email").fill("nobody@example.com")
    console.field("password").fill("wrong password")
    console.button("log_in").click()

    expect(console.field("password")).to_have_accessible_description(
        console.say("problem.INVALID_CREDENTIALS")
    )
    expect(console.field("email")).to_have_value("nobody@example.com")


def test_a_search_goes_on_where_a_page_is_empty(console: Console, somebody: Somebody) -> None:
    somebody.link(title="Far behind")
    asked: list[str] = []

    def late(route: Route) -> None:
        asked.append(route.request.url)
        if "cursor=" in route.request.url:
            route.continue_(url=re.sub("&?cursor=[^&]*", "", route.request.url))
        else:
            route.fulfill(json={"links": [], "cursor": "further"})

    console.page.route("**/api/links?*", late)
    console.page.reload()

    expect(console.row("Far behind")).to_be_visible()
    assert len(asked) == 2
