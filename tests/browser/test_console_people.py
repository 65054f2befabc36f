"""The page at /console and who uses it: sessions, tabs, hostile content, keyboard, readers."""

import json
import re
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Route, expect

from tests.browser.conftest import OpenConsole
from tests.browser.console import Console, Reader, Somebody, browse

HOSTILE = "<img src=x onerror=alert(1)>"
LONG = "An extraordinarily long title without end " * 6
UNBROKEN = "https://example.com/" + "unbroken" * 200
ARABIC = "روابط قصيرة للربيع"
GRAVE = {"serious", "critical"}


def test_the_token_does_not_outlive_the_log_out(
    open_console: OpenConsole, somebody: Somebody
) -> None:
    console = open_console()
    console.be(somebody)
    console.page.get_by_role("link", name=console.say("nav.statistics"), exact=True).click()
    expect(console.heading).to_have_text(console.say("nav.statistics"))
    assert somebody.token in console.stored()

    console.button("log_out").click()
    expect(console.heading).to_have_text(console.say("log_in"))

    kept = console.stored()
    assert all(part not in kept for part in somebody.token.split("."))
    console.page.go_back()
    expect(console.heading).to_have_text(console.say("log_in"))
    console.page.reload()
    expect(console.heading).to_have_text(console.say("log_in"))


def test_two_tabs_are_one_session(
    open_console: OpenConsole, browser: Browser, somebody: Somebody
) -> None:
    context = browse(browser, Reader())
    somebody.link(title="Private")
    first, second = open_console(context=context), open_console(context=context)
    second.open("login")
    first.be(somebody)
    # Whoever logs in in one tab is logged in in the other.
    expect(second.row("Private")).to_be_visible()
    second.button("qr_of", name="Private").click()

    first.button("log_out").click()

    expect(second.heading).to_have_text(second.say("log_in"))
    expect(second.page.get_by_role("dialog")).to_have_count(0)
    expect(second.page.get_by_text("Private")).to_have_count(0)
    assert somebody.token.split(".")[2] not in second.stored()
    context.close()


def test_an_expired_token_loses_nothing_in_another_tab(
    open_console: OpenConsole, browser: Browser, somebody: Somebody
) -> None:
    context = browse(browser, Reader())
    first, second = open_console(context=context), open_console(context=context)
    for console in (first, second):
        console.be(somebody)
    second.field("target").fill("https://example.com/typed")

    first.page.evaluate("localStorage.removeItem('console.token')")
    second.page.wait_for_timeout(300)  # for the browser to tell the other tab

    expect(second.field("target")).to_have_value("https://example.com/typed")
    context.close()


def test_back_and_reload_show_the_same_view(open_console: OpenConsole, somebody: Somebody) -> None:
    code = somebody.link(title="Seen", tags=["a"])
    somebody.link(title="Unseen")
    console = open_console()
    console.be(somebody)
    console.row("Seen").get_by_role("link", name="a", exact=True).click()
    expect(console.rows()).to_have_count(1)
    console.page.get_by_role("link", name=console.say("statistics_of", name="Seen")).click()
    expect(console.heading).to_have_text("Seen")

    console.page.reload()
    expect(console.heading).to_have_text("Seen")
    assert console.page.url.endswith(f"#/links/{code}")
    console.page.go_back()

    expect(console.heading).to_have_text(console.say("nav.links"))
    expect(console.rows()).to_have_count(1)


def test_a_view_asked_for_before_the_log_in_is_shown_after_it(
    open_console: OpenConsole, somebody: Somebody
) -> None:
    console = open_console()
    console.open("statistics")
    expect(console.heading).to_have_text(console.say("log_in"))
    console.field("email").fill(somebody.email)
    console.field("password").fill("correct horse")
    console.button("log_in").click()

    expect(console.heading).to_have_text(console.say("nav.statistics"))


@pytest.mark.parametrize("width", [320, 1280])
def test_what_links_hold_is_text(open_console: OpenConsole, somebody: Somebody, width: int) -> None:
    code = somebody.link(title=HOSTILE, tags=["🌷", HOSTILE[:64]])
    somebody.link(title=LONG[:250], url=UNBROKEN)
    somebody.link(title=ARABIC, tags=["ربيع"])
    console = open_console(Reader("en-GB", width))
    asked: list[str] = []
    console.page.on("dialog", lambda dialog: asked.append(dialog.message))

    def evil(route: Route) -> None:
        answer = route.fetch()
        body: dict[str, Any] = answer.json()
        body["links"][0] |= {"url": "javascript:alert(2)", "short_url": "data:text/html,x"}
        route.fulfill(response=answer, body=json.dumps(body))

    console.page.route("**/api/links?*", evil)
    console.be(somebody)
    expect(console.rows()).to_have_count(3)
    expect(console.row(HOSTILE)).to_be_visible()
    console.button("edit_of", name=HOSTILE).click()
    expect(console.page.get_by_role("dialog")).to_contain_text(HOSTILE)
    console.page.keyboard.press("Escape")
    hrefs = [link.get_attribute("href") or "" for link in console.page.get_by_role("link").all()]
    assert console.overflow() <= 0
    console.page.goto(f"{somebody.service.url}/console#/links/{code}")
    expect(console.heading).to_have_text(HOSTILE)

    assert not any(href.startswith(("javascript:", "data:")) for href in hrefs)
    assert console.page.locator("img[src=x]").count() == 0
    assert asked == []
    assert console.overflow() <= 0


def test_twice_the_size_of_text_fits(open_console: OpenConsole, somebody: Somebody) -> None:
    somebody.link(title="Sized", tags=["a"])
    # 200 % of a window of 1,280 pixels.
    console = open_console(Reader("pt-BR", 640))
    console.be(somebody)
    console.page.evaluate("document.documentElement.style.fontSize = '200%'")
    for view in ("links", "statistics", "transfer", "keys", "account"):
        console.page.goto(f"{somebody.service.url}/console#/{view}")
        expect(console.heading).to_have_text(console.say(f"nav.{view}"))
        assert console.overflow() <= 0, view


def test_all_can_be_done_by_keyboard(open_console: OpenConsole, somebody: Somebody) -> None:
    console = open_console()
    console.be(somebody)
    keys = console.page.keyboard
    keys.press("Tab")
    expect(console.page.get_by_role("link", name=console.say("skip"))).to_be_focused()
    keys.press("Enter")
    expect(console.heading).to_be_focused()
    keys.press("Tab")
    keys.type("https://example.com/by-keyboard")
    keys.press("Enter")
    expect(console.rows()).to_have_count(1)

    code = console.rows().first.get_attribute("data-code") or ""
    edit = console.button("edit_of", name=code)
    edit.focus()
    keys.press("Enter")
    window = console.page.get_by_role("dialog")
    expect(console.field("target", window)).to_be_focused()
    for _ in range(40):  # round and round, never behind the window
        keys.press("Tab")
    inside = "document.activeElement.closest('dialog') !== null"
    assert console.page.evaluate(f"{inside} || document.activeElement === document.body")
    keys.press("Escape")
    expect(edit).to_be_focused()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_grave(
    open_console: OpenConsole, somebody: Somebody, scheme: str
) -> None:
    code = somebody.link(title="Looked at", tags=["a"], max_visits=3)
    somebody.call("POST", f"/api/links/{somebody.link(title='Off')}/disable")
    console = open_console(Reader("en-GB", 1280, scheme=scheme))
    console.open("signup")
    found = grave(console.page)
    console.be(somebody)
    expect(console.rows()).to_have_count(2)
    console.page.get_by_text(console.say("more_fields")).click()
    console.button("rules.add").click()
    console.button("shorten").click()  # errors beside the fields
    found |= grave(console.page)
    for does in ("edit_of", "qr_of"):
        console.button(does, name="Looked at").click()
        console.page.get_by_role("dialog").get_by_role("combobox").first.wait_for()
        found |= grave(console.page)
        console.page.keyboard.press("Escape")
    for view in (f"links/{code}", "statistics", "transfer", "keys", "account"):
        console.page.goto(f"{somebody.service.url}/console#/{view}")
        console.page.wait_for_load_state("networkidle")
        found |= grave(console.page)

    assert found == set()


def grave(page: Page) -> set[str]:
    """Return what axe-core finds serious or critical: rule, element, and why."""
    return {
        f"{each['id']}: {node['html'][:200]} {' '.join(node.get('failureSummary', '').split())}"
        for each in Axe().run(page).response["violations"]
        if each["impact"] in GRAVE
        for node in each["nodes"]
    }


@pytest.mark.parametrize("locale", ["en-GB", "pt-BR"])
def test_the_choice_of_language_and_appearance_is_remembered(
    open_console: OpenConsole, locale: str
) -> None:
    console = open_console(Reader(locale))
    console.open("login")
    other = Reader("pt-BR" if locale == "en-GB" else "en-GB").words
    console.page.get_by_label(console.say("appearance"), exact=True).select_option("dark")
    console.page.get_by_label(console.say("language"), exact=True).select_option(
        "pt" if other["log_in"] == "Entrar" else "en"
    )
    expect(console.heading).to_have_text(other["log_in"])
    console.page.reload()

    expect(console.heading).to_have_text(other["log_in"])
    expect(console.page.locator("html")).to_have_attribute("lang", re.compile("^(pt-BR|en)$"))
    ground = console.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == "rgb(21, 21, 29)"


def test_dates_and_numbers_are_the_readers(open_console: OpenConsole, somebody: Somebody) -> None:
    somebody.link(title="Dated", expires_at="2031-01-01T01:30:00Z", max_visits=12_345)
    console = open_console(Reader("pt-BR", zone="America/Sao_Paulo"))
    console.be(somebody)

    expect(console.row("Dated")).to_contain_text("31 de dez. de 2030, 22:30")
    expect(console.row("Dated")).to_contain_text("12.345")


def test_a_first_view_is_small_and_all_of_it_our_own(open_console: OpenConsole) -> None:
    console: Console = open_console()
    sizes: dict[str, int] = {}
    session = console.page.context.new_cdp_session(console.page)
    addresses: dict[str, str] = {}
    session.send("Network.enable")
    session.on(
        "Network.responseReceived",
        lambda event: addresses.update({event["requestId"]: event["response"]["url"]}),
    )
    session.on(
        "Network.loadingFinished",
        lambda event: sizes.update({event["requestId"]: event["encodedDataLength"]}),
    )
    console.open()
    console.page.wait_for_load_state("networkidle")

    assert all(address.startswith(console.service.url) for address in addresses.values())
    assert 10_000 < sum(sizes.values()) < 100_000
