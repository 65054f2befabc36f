"""The page at /console as somebody sees it: what is found by its words, done by its buttons."""

import json
import uuid
from dataclasses import dataclass, field
from typing import Any

import requests
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from tests.harness.service import ROOT, Service

PASSWORD = "correct horse"


@dataclass(frozen=True)
class Reader:
    """Who sits before the page."""

    locale: str = "en-GB"
    width: int = 1280
    zone: str = "America/Sao_Paulo"
    scheme: str = "light"

    @property
    def words(self) -> dict[str, str]:
        """What the page says in their language."""
        path = ROOT / "app" / "console" / f"words.{self.locale[:2]}.json"
        words: dict[str, str] = json.loads(path.read_text())
        return words


@dataclass
class Console:
    """One tab of one browser."""

    page: Page
    service: Service
    reader: Reader
    faults: list[str] = field(default_factory=list)
    """What the browser complained of: errors of scripts, and of the policy."""

    def __post_init__(self) -> None:
        self.words = self.reader.words
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("console", self._note)

    def say(self, key: str, **values: str) -> str:
        """Return the words of a key."""
        text = self.words[key]
        for name, value in values.items():
            text = text.replace(f"{{{name}}}", value)
        return text

    def open(self, view: str = "") -> None:
        """Open a view."""
        self.page.goto(f"{self.service.url}/console#/{view}")
        self.heading.wait_for()

    def be(self, somebody: "Somebody", view: str = "links") -> None:
        """Open a view as somebody who logged in before."""
        self.open("login")
        self.page.evaluate("token => localStorage.setItem('console.token', token)", somebody.token)
        self.page.goto("about:blank")
        self.open(view)
        self.page.locator("#nav a").first.wait_for()

    @property
    def heading(self) -> Locator:
        """The view's heading."""
        return self.page.locator("h1")

    def button(self, key: str, within: Locator | None = None, **values: str) -> Locator:
        """Find a button by its words."""
        return (within or self.page).get_by_role("button", name=self.say(key, **values), exact=True)

    def field(self, key: str, within: Locator | None = None) -> Locator:
        """Find a field by its label, with or without a mark that it is optional."""
        label = self.say(key)
        form = within or self.page.locator("#view")
        names = [label, f"{label} {self.say('optional')}"]
        return (
            form.get_by_label(names[0], exact=True)
            .or_(form.get_by_label(names[1], exact=True))
            .first
        )

    def rows(self) -> Locator:
        """Find the links of the list."""
        return self.page.locator(".links > li.link")

    def row(self, name: str) -> Locator:
        """Find a link of the list by its title or code."""
        return self.rows().filter(has=self.page.locator("h2", has_text=name))

    def shorten(self, url: str) -> str:
        """Make a link by its target alone; return its code."""
        self.field("target").fill(url)
        self.button("shorten").click()
        address = self.page.locator(".made .short a")
        expect(address).to_be_visible()
        return str(address.get_attribute("href")).rpartition("/")[2]

    def stored(self) -> str:
        """Return everything that the browser keeps of this origin."""
        kept: str = self.page.evaluate(
            "async () => JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie,"
            " await indexedDB.databases(), await caches.keys()])"
        )
        return kept

    def overflow(self) -> int:
        """Return by how many pixels the page is wider than the window."""
        wide: int = self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        return wide

    def _note(self, message: Any) -> None:
        # That an answer was an error is told to the person; what we look for is our own.
        if message.type in {"error", "warning"} and "Failed to load resource" not in message.text:
            self.faults.append(message.text)


@dataclass(frozen=True)
class Somebody:
    """An account, and the API as they would use it by program."""

    service: Service
    email: str
    token: str

    def call(self, method: str, path: str, json: Any = None, **headers: str) -> Any:
        """Ask the API; return the body of the answer."""
        answer = requests.request(
            method,
            self.service.url + path,
            json=json,
            headers={"Authorization": f"Bearer {self.token}", **headers},
            timeout=20,
        )
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def link(self, **fields: Any) -> str:
        """Make a link; return its code."""
        fields.setdefault("url", f"https://example.com/{uuid.uuid4()}")
        code: str = self.call("POST", "/api/", fields)["short_code"]
        return code


def sign_up(service: Service) -> Somebody:
    """Make an account that nothing else uses."""
    email = f"{uuid.uuid4()}@example.com"
    body = {"email": email, "password": PASSWORD}
    answer = requests.post(f"{service.url}/api/signup", json=body, timeout=20)
    return Somebody(service, email, answer.json()["token"])


def browse(browser: Browser, reader: Reader) -> BrowserContext:
    """Open a browser as somebody has it."""
    context = browser.new_context(
        locale=reader.locale,
        timezone_id=reader.zone,
        color_scheme="dark" if reader.scheme == "dark" else "light",
        viewport={"width": reader.width, "height": 800},
        permissions=["clipboard-read", "clipboard-write"],
    )
    context.set_default_timeout(60_000)
    return context
