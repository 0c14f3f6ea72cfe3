"""The page as people get it: a real server over a data folder of our own, and a real Chromium."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, sync_playwright

from artstore.errors import NotReady
from artstore.settings import Settings
from ogaspider.chromium import find_chromium, launch_options
from tests import shelf
from tests.browser.gallery import make_gallery
from tests.serving import Served, serving


@pytest.fixture(scope="package")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return make_gallery(tmp_path_factory.mktemp("gallery") / "data")


@pytest.fixture(scope="package")
def served(gallery: Settings) -> Iterator[Served]:
    with serving(gallery.data_dir) as served:
        served.wait_for("ready")
        yield served


@pytest.fixture(scope="package")
def chromium(gallery: Settings) -> Iterator[Browser]:  # noqa: ARG001 - see below
    # While it runs, there is an event loop in this thread, and asyncio.run() cannot make another: neither to fill
    # the gallery, nor in the tests of other folders.
    try:
        path = asyncio.run(find_chromium(""))
    except NotReady as error:
        if os.environ.get("CI"):
            pytest.fail(f"CI has to have a browser: {error}")
        pytest.skip(f"no browser: {error}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**launch_options(path))
        yield browser
        browser.close()


@dataclass
class Watch:
    """What a page must never do, seen while it does what it should."""

    base: str
    """Where the server is, with the prefix of a proxy: nothing is asked for elsewhere."""
    complaints: list[str] = field(default_factory=list)
    may_fail: bool = False
    """Whether answers that are errors are part of the test."""

    def over(self, context: BrowserContext) -> None:
        context.on("page", self._page)
        context.on("request", self._request)
        context.on("weberror", lambda error: self.complaints.append(f"error: {error.error}"))

    def _page(self, page: Page) -> None:
        page.on("console", lambda said: self._console(said.type, said.text))

    def _console(self, kind: str, text: str) -> None:
        if kind in {"error", "warning"} and not (self.may_fail and "Failed to load resource" in text):
            self.complaints.append(f"{kind}: {text}")

    def _request(self, request: Request) -> None:
        if not request.url.startswith((f"{self.base}/", "blob:", "about:")):
            self.complaints.append(f"left our server: {request.url}")


class Visitor:
    """Opens browsers of its own kind, and looks whether they behave."""

    def __init__(self, chromium: Browser, served: Served) -> None:
        self._chromium = chromium
        self._served = served
        self._contexts: list[BrowserContext] = []
        self.watch = Watch(served.base)

    def open(self, path: str = "/", **options: object) -> Page:
        """Open *path* in a browser with *options* of Playwright's, such as ``color_scheme``."""
        known: dict[str, object] = {"viewport": {"width": 1280, "height": 900}, "accept_downloads": True}
        context = self._chromium.new_context(**(known | options))  # type: ignore[arg-type]
        context.set_default_timeout(15_000)
        self._contexts.append(context)
        self.watch.over(context)
        page = context.new_page()
        page.goto(self._served.base + path)
        return page

    def close(self) -> None:
        for context in self._contexts:
            context.close()
        assert self.watch.complaints == []


@pytest.fixture
def visitor(chromium: Browser, served: Served) -> Iterator[Visitor]:
    """Whatever a test does: no request leaves our origin, no script fails, no policy is hurt."""
    visitor = Visitor(chromium, served)
    yield visitor
    visitor.close()


@pytest.fixture
def sprite_file(tmp_path: Path) -> Path:
    """A sprite of the gallery, enlarged."""
    path = tmp_path / "of unknown origin.png"
    shelf.sprite(103, size_px=24).resize((72, 72), 0).save(path)
    return path
