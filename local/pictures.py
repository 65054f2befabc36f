"""`python -m local.pictures` is `make pictures`: README's pictures of /console, made-up links."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import requests
from playwright.sync_api import Browser, Page, sync_playwright

from app.config import Settings
from app.model.visits import SLOT, Counted, Dimension, Tally
from app.storage.database import Database
from app.storage.visits import VisitTable
from local.chromium import MISSING, find_chromium
from local.ports import free_port
from local.run import ROOT, Run, main
from local.server import ServerError

FOLDER = ROOT / "docs"
_LINKS = (
    ("winter", "Winter catalogue", "https://example.com/catalogue/winter", ["print", "campaign"]),
    ("talk", "Slides of the talk", "https://example.org/talks/2026/short-links", ["talks"]),
    ("jobs", "Open positions", "https://example.com/jobs?from=poster", ["print"]),
    ("handbook", "Handbook for newcomers", "https://example.net/handbook/start", ["internal"]),
)
_VALUES = {
    Dimension.REFERRER: {"news.example.org": 5, "social.example": 3, "search.example": 2},
    Dimension.COUNTRY: {"BR": 6, "PT": 3, "US": 1},
    Dimension.DEVICE: {"android": 5, "ios": 3, "desktop": 2},
    Dimension.BROWSER: {"Chrome Mobile": 5, "Mobile Safari": 3, "Firefox": 2},
}
_SHOWN = "winter"


class Pictures(Run):
    """A `make run` that takes pictures once it answers, and ends."""

    def _introduce(self) -> None:
        token = _sign_up(self.url)
        for alias, title, url, tags in reversed(_LINKS):
            body = {"url": url, "alias": alias, "title": title, "tags": tags}
            _post(f"{self.url}/api/", body, token)
        self._remember_visits()
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=_chromium(), args=["--headless", "--no-sandbox"]
            )
            for name, scheme, width, view in (
                ("console-links", "light", 1000, "links"),
                ("console-statistics", "dark", 1000, f"links/{_SHOWN}"),
            ):
                _take(browser, f"{self.url}/console", token, (name, scheme, width, view))
            browser.close()
        self._signalled_at = time.monotonic()

    def _remember_visits(self) -> None:
        """Count visits of this month's days, as the service itself writes them."""
        database = Database(Settings.from_env(self.environment).postgres, concurrent=1)
        database.open()
        VisitTable(database).write(uuid4(), _visits())
        database.close()
        look_after = str(Path(sys.executable).with_name("look-after-visits"))
        subprocess.run([look_after], check=True, env=self.environment, capture_output=True)


def _visits() -> Counted:
    chance = random.Random(15)  # noqa: S311 - the same pictures each time
    counted = Counted()
    now = datetime.now(UTC)
    moment = max(now.replace(day=1, hour=1, minute=0), now - timedelta(days=29))
    while moment < now:
        for place, (alias, *_) in enumerate(_LINKS):
            visits = round(chance.randint(8, 40) / (1 + place) * (1 + moment.day / 20))
            slot = int(moment.timestamp()) // SLOT
            counted.slots[alias, slot] = Tally(visits, chance.randint(0, 6), visits // 8)
            for dimension, values in _VALUES.items():
                for value, weight in values.items():
                    key = (alias, moment.date(), int(dimension), value)
                    counted.values[key] = visits * weight // 10
            counted.last[alias] = moment
            for _ in range(visits * 3 // 4):
                counted.add_visitor(alias, moment.date(), chance.getrandbits(64))
        moment += timedelta(days=1)
    return counted


def _sign_up(url: str) -> str:
    body = {"email": f"{uuid4()}@example.com", "password": uuid4().hex}
    token: str = _post(f"{url}/api/signup", body)["token"]
    return token


def _post(url: str, body: object, token: str | None = None) -> dict[str, str]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    answer = requests.post(url, json=body, headers=headers, timeout=20)
    answer.raise_for_status()
    made: dict[str, str] = answer.json()
    return made


def _take(browser: Browser, url: str, token: str, shot: tuple[str, str, int, str]) -> None:
    name, scheme, width, view = shot
    page: Page = browser.new_page(
        viewport={"width": width, "height": 720},
        color_scheme="dark" if scheme == "dark" else "light",
        locale="en",
        timezone_id="America/Sao_Paulo",
        reduced_motion="reduce",
    )
    page.add_init_script(f"localStorage.setItem('console.token', '{token}')")
    page.goto(f"{url}#/{view}")
    page.locator(".links > li, .totals").first.wait_for()
    page.wait_for_load_state("networkidle")
    page.screenshot(path=FOLDER / f"{name}.png")
    page.close()


def _chromium() -> str:
    found = find_chromium()
    if found is None:
        raise ServerError(MISSING)
    return found


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="pictures-") as folder:
        own = {"LOCAL_DIR": folder, "PORT": str(free_port()), "RATE_LIMIT_ENABLED": "false"}
        own["PUBLIC_BASE_URL"] = "https://example.link"
        known = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        sys.exit(main({**known, **own}, Pictures))
