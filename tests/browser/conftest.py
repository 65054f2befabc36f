"""Chromium: on pages of other origins than the service's, and on its own page at /console."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from local.chromium import MISSING, find_chromium
from tests.browser.console import Console, Reader, Somebody, browse, sign_up
from tests.harness.servers import Database, Valkey
from tests.harness.service import Service

CHROMIUM = find_chromium()
ARGUMENTS = [
    "--headless",
    "--no-sandbox",  # root may not use it, and CI is root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

expect.set_options(timeout=60_000)  # five seconds are few on a busy machine


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class's name)
        """Say nothing: what matters is asserted."""


@contextmanager
def origin() -> Iterator[str]:
    """Serve this folder's page on a port of its own; yield the origin."""
    handler = partial(_Quiet, directory=str(Path(__file__).parent))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, name="origin", daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join(5)


@pytest.fixture(scope="module")
def our_origin() -> Iterator[str]:
    """Serve the page from the origin that the service is told of."""
    with origin() as address:
        yield address


@pytest.fixture(scope="module")
def strange_origin() -> Iterator[str]:
    """Serve the same page from an origin that the service knows nothing of."""
    with origin() as address:
        yield address


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrowserContext]:
    """Run Chromium with an empty profile."""
    if CHROMIUM is None:
        pytest.skip(MISSING)
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            tmp_path_factory.mktemp("profile"), executable_path=CHROMIUM, args=ARGUMENTS
        )
        context.set_default_timeout(60_000)
        yield context
        context.close()


@dataclass(frozen=True)
class Script:
    """The script of an open page, which talks to the service."""

    page: Page
    service: Service

    def call(
        self, method: str, path: str, body: object = None, token: str | None = None
    ) -> dict[str, Any]:
        """Fetch from the service as the page; what it could read, or {"refused": why}."""
        arguments = [method, self.service.url + path, body, token]
        answer: dict[str, Any] = self.page.evaluate("a => call(...a)", arguments)
        return answer


OpenPage = Callable[..., Script]


@pytest.fixture(scope="module")
def api(
    chromium: BrowserContext,  # first: without it nothing need start
    module_database: Database,
    module_valkey: Valkey,
    our_origin: str,
) -> Iterator[Service]:
    """Run the service for one allowed origin."""
    settings = {"CORS_ALLOWED_ORIGINS": our_origin}
    stores = {**module_database.environment, **module_valkey.environment()}
    with Service({**stores, **settings}) as service:
        yield service


@pytest.fixture
def open_page(chromium: BrowserContext, api: Service) -> Iterator[OpenPage]:
    """Open the page from an origin: open_page(origin, service=api); closed with the test."""
    pages = []

    def open_at(address: str, service: Service = api) -> Script:
        page = chromium.new_page()
        pages.append(page)
        page.goto(f"{address}/page.html")
        return Script(page, service)

    yield open_at
    for page in pages:
        page.close()


@pytest.fixture
def script(open_page: OpenPage, our_origin: str) -> Script:
    """Open the page from the allowed origin."""
    return open_page(our_origin)


OpenConsole = Callable[..., Console]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Run Chromium for contexts of several readers."""
    if CHROMIUM is None:
        pytest.skip(MISSING)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def own_service(
    browser: Browser,  # first: without it nothing need start
    module_database: Database,
    module_valkey: Valkey,
) -> Iterator[Service]:
    """Run the service whose own page is looked at."""
    with Service({**module_database.environment, **module_valkey.environment()}) as service:
        yield service


@pytest.fixture
def open_console(browser: Browser, own_service: Service) -> Iterator[OpenConsole]:
    """Open the page: open_console(reader); at the end no script may have failed anywhere."""
    opened: list[Console] = []
    contexts: list[BrowserContext] = []

    def start(reader: Reader | None = None, context: BrowserContext | None = None) -> Console:
        reader = reader or Reader()
        if context is None:
            context = browse(browser, reader)
            contexts.append(context)
        console = Console(context.new_page(), own_service, reader)
        opened.append(console)
        return console

    yield start
    faults = [fault for console in opened for fault in console.faults]
    for context in contexts:
        context.close()
    assert faults == []


@pytest.fixture
def somebody(own_service: Service) -> Somebody:
    """Make an account that no other test uses."""
    return sign_up(own_service)
