"""Keys and the account on the page at /console, as somebody uses them."""

import pytest
import requests
from playwright.sync_api import expect

from tests.browser.conftest import OpenConsole
from tests.browser.console import PASSWORD, Console, Reader, Somebody
from tests.harness.service import Service

READERS = [Reader("en-GB", 1280), Reader("pt-BR", 320)]


@pytest.fixture(params=READERS, ids=lambda reader: f"{reader.locale}-{reader.width}")
def console(request: pytest.FixtureRequest, open_console: OpenConsole) -> Console:
    """Open the page for two kinds of reader."""
    return open_console(request.param)


def test_a_key_is_made_shown_once_and_revoked(
    console: Console, somebody: Somebody, own_service: Service
) -> None:
    console.be(somebody, "keys")
    expect(console.page.get_by_text(console.say("keys.none"))).to_be_visible()
    console.field("keys.name").fill("Newsletter")
    console.page.get_by_label(console.say("scope.statistics:read")).check()
    console.field("expires").select_option("30")
    console.button("keys.make").click()

    window = console.page.get_by_role("dialog")
    secret = console.page.get_by_label(console.say("secret")).input_value()
    console.button("copy", window).click()
    expect(window).to_contain_text(console.say("copied_secret"))
    assert console.page.evaluate("navigator.clipboard.readText()") == secret
    console.page.keyboard.press("Escape")
    key = console.page.locator("#view li.card")
    expect(key).to_contain_text("Newsletter")
    assert secret not in console.page.content()
    assert secret not in console.stored()
    headers = {"Authorization": f"Bearer {secret}"}
    assert requests.get(f"{own_service.url}/api/links", headers=headers, timeout=20).ok
    assert console.overflow() <= 0

    console.button("revoke_of", name="Newsletter").click()
    console.button("revoke", console.page.get_by_role("dialog")).click()
    expect(key).to_have_count(0)
    assert somebody.call("GET", "/api/keys")["keys"] == []


def test_the_password_is_changed_and_the_session_goes_on(
    console: Console, somebody: Somebody
) -> None:
    console.be(somebody, "account")
    expect(console.page.get_by_text(somebody.email)).to_be_visible()
    form = console.page.get_by_role("form", name=console.say("password.change"))
    console.field("password.current", form).fill("not my password")
    console.field("password.new", form).fill("another horse")
    console.button("password.change", form).click()
    current = console.field("password.current", form)
    expect(current).to_have_accessible_description(console.say("password.wrong"))
    current.fill(PASSWORD)
    console.button("password.change", form).click()

    expect(console.page.locator("#toasts")).to_contain_text(console.say("password.changed"))
    console.page.get_by_role("link", name=console.say("nav.links"), exact=True).click()
    expect(console.page.get_by_text(console.say("links.none"), exact=True)).to_be_visible()
    assert console.overflow() <= 0


def test_sessions_end_everywhere(console: Console, somebody: Somebody) -> None:
    console.be(somebody, "account")
    form = console.page.get_by_role("form", name=console.say("log_out.everywhere"))
    console.button("log_out.everywhere", form).click()
    console.button("log_out.everywhere", console.page.get_by_role("dialog")).click()

    expect(console.heading).to_have_text(console.say("log_in"))
    with pytest.raises(requests.HTTPError, match="401"):
        somebody.call("GET", "/api/links")
    assert somebody.token.split(".")[2] not in console.stored()


def test_an_account_is_deleted(console: Console, somebody: Somebody) -> None:
    console.be(somebody, "account")
    form = console.page.get_by_role("form", name=console.say("account.delete"))
    console.field("password", form).fill(PASSWORD)
    console.button("account.delete", form).click()
    console.button("account.delete", console.page.get_by_role("dialog")).click()

    expect(console.heading).to_have_text(console.say("log_in"))
    with pytest.raises(requests.HTTPError, match="401"):
        somebody.call("GET", "/api/links")
