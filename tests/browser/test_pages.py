"""What visitors see, and /api/docs, as they look: narrow, wide, light, dark, in both languages."""

import itertools
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page, ViewportSize

from tests.harness.service import Service

LONG = f"https://example.org/{'a-path-without-any-place-to-break' * 6}?b={'%C3%A9' * 40}#end"
WIDTHS = (320, 640, 1280)
"""Of a phone; of 1,280 px at 200 % zoom (WCAG 2.2, 1.4.10); of a desk."""
GRAVE = {"serious", "critical"}
Paths = dict[str, str]


@pytest.fixture(scope="module")
def paths(api: Service) -> Paths:
    """Make a link in each state that has a page of its own; by what the page is about."""
    user = {"email": f"{uuid.uuid4()}@example.com", "password": "correct horse"}
    token = api.client.post(f"{api.url}/api/signup", json=user).json()["token"]
    bearer = {"Authorization": f"Bearer {token}"}

    def link(**fields: Any) -> str:
        body = {"url": LONG, "title": "\u05e9\u05dc\u05d5\u05dd <b>" + "long" * 60, **fields}
        made = api.client.post(f"{api.url}/api/", json=body, headers=bearer).json()
        code: str = made["short_code"]
        return code

    deleted, disabled = link(), link()
    api.client.delete(f"{api.url}/api/links/{deleted}", headers=bearer)
    api.client.post(f"{api.url}/api/links/{disabled}/disable", headers=bearer)
    later = (datetime.now(UTC) + timedelta(days=400)).isoformat()
    rules = [{"if": {"device": "ios"}, "url": "https://xn--80ak6aa92e.com/"}]
    return {
        "front": "/",
        "not found": "/zzzzzz",
        "no code": "/health",
        "deleted": f"/{deleted}",
        "disabled": f"/{disabled}",
        "not started": f"/{link(starts_at=later)}",
        "preview": f"/{link(rules=rules)}+",
        "documentation": "/api/docs",
    }


Look = Callable[..., Page]


@pytest.fixture
def look(chromium: BrowserContext, api: Service, paths: Paths) -> Iterator[Look]:
    """Open a page: look("preview", width=320, language="pt", scheme="dark")."""
    page = chromium.new_page()
    faults: list[str] = []
    page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: faults.append(str(error)))

    def open_page(name: str, width: int = 320, language: str = "en", scheme: str = "light") -> Page:
        page.set_viewport_size(ViewportSize(width=width, height=720))
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        page.set_extra_http_headers({"Accept-Language": language})
        page.goto(api.url + paths[name])
        return page

    yield open_page
    page.close()
    # Chromium says of an error's page that it is one, and asks for an icon by itself.
    assert [fault for fault in faults if "Failed to load resource" not in fault] == []


PAGES = ("front", "not found", "no code", "deleted", "disabled", "not started", "preview")
EVERY_PAGE = (*PAGES, "documentation")


@pytest.mark.parametrize("name", EVERY_PAGE)
def test_nothing_has_to_be_scrolled_sideways(look: Look, name: str) -> None:
    for width, language in itertools.product(WIDTHS, ("en", "pt")):
        page = look(name, width, language)
        assert page.evaluate("document.documentElement.scrollWidth") == width, language


@pytest.mark.parametrize("name", EVERY_PAGE)
def test_text_twice_as_large_still_fits(look: Look, name: str) -> None:
    page = look(name, 640, "pt")

    page.evaluate("document.documentElement.style.fontSize = '200%'")

    assert page.evaluate("document.documentElement.scrollWidth") == 640


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", EVERY_PAGE)
@pytest.mark.timeout(240)  # a page of hundreds of operations is looked at node by node
def test_axe_finds_nothing_grave(look: Look, name: str, scheme: str) -> None:
    page = look(name, 1280, "pt", scheme)
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")

    found = [
        (each["id"], [node["html"][:120] for node in each["nodes"][:3]])
        for each in Axe().run(page).response["violations"]
        if each["impact"] in GRAVE
    ]

    assert found == []


@pytest.mark.parametrize("name", PAGES)
def test_the_ground_follows_the_visitors_choice(look: Look, name: str) -> None:
    grounds = [
        look(name, scheme=scheme).evaluate("getComputedStyle(document.body).backgroundColor")
        for scheme in ("light", "dark")
    ]

    assert grounds == ["rgb(250, 249, 245)", "rgb(21, 21, 29)"]


@pytest.mark.parametrize(("language", "tag"), [("en-GB", "en"), ("pt-PT", "pt-BR")])
@pytest.mark.parametrize("name", PAGES)
def test_the_page_says_which_language_it_speaks(
    look: Look, name: str, language: str, tag: str
) -> None:
    page = look(name, language=language)

    assert page.locator("html").get_attribute("lang") == tag
    assert page.locator("h1").inner_text() == page.title()


def test_the_keyboard_reaches_what_scrolls_and_what_opens(look: Look) -> None:
    page = look("documentation", 320)
    reached = []
    for _ in range(25):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.tagName"))

    assert {"A", "SUMMARY", "PRE"} <= set(reached)
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_one_click_takes_the_whole_request(look: Look) -> None:
    page = look("documentation", 320)
    request = page.locator("#createLink .request")

    request.click()

    selected = page.evaluate("getSelection().toString()")
    assert selected.strip() == request.inner_text().strip()


def test_the_contents_lead_to_each_operation(look: Look) -> None:
    page = look("documentation", 320)
    page.locator("nav summary").first.click()

    page.locator("nav a", has_text="Shorten a URL").click()

    assert page.url.endswith("#createLink")
    assert page.locator("#createLink h3").is_visible()
