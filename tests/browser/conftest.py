"""Chromium on pages of other origins than the service's."""

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, sync_playwright

from tests.harness.servers import Database, Valkey
from tests.harness.service import Service

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
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
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            tmp_path_factory.mktemp("profile"), executable_path=CHROMIUM, args=ARGUMENTS
        )
        context.set_default_timeout(15_000)
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
    shared_valkey: Valkey,
    our_origin: str,
) -> Iterator[Service]:
    """Run the service for one allowed origin."""
    settings = {"CORS_ALLOWED_ORIGINS": our_origin}
    stores = {**module_database.environment, **shared_valkey.environment()}
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
