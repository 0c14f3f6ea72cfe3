"""Which Chromium there is, and how it is started."""

from __future__ import annotations

import importlib.util
import os
import shutil
from typing import Any

from artstore.errors import NotReady, UsageError

NAMES = ("chromium", "chromium-browser", "google-chrome")

ARGUMENTS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
"""No graphics, and no traffic but that of the page."""


async def find_chromium(named: str) -> str:
    """Return the path of the Chromium to use: *named* by a setting, else Playwright's own, else the system's.

    Raises :class:`~artstore.errors.NotReady`, or UsageError for a name that leads nowhere.
    """
    if not importlib.util.find_spec("scrapy_playwright"):
        raise NotReady("`pip install scrapy-playwright`")
    found = _program(named) if named else _program(await _own_chromium(), *NAMES)
    if found:
        return found
    if named:
        raise UsageError(f"OGA_CHROMIUM={named}: there is no such program")
    raise NotReady(
        "install Chromium (`apt install chromium`, or `playwright install chromium`), or set OGA_CHROMIUM"
    )


def launch_options(path: str) -> dict[str, Any]:
    """Return how Playwright is to start the Chromium at *path*."""
    return {
        "executable_path": path,
        "headless": True,
        # Chromium refuses to be root in its sandbox.
        "chromium_sandbox": os.geteuid() != 0,
        "args": list(ARGUMENTS),
        # Ctrl-C is for the crawl, which goes on until its pages are read, and then closes the browser.
        "handle_sigint": False,
        "handle_sigterm": False,
        "handle_sighup": False,
    }


def _program(*names: str) -> str | None:
    """Return the path of the first of *names*, paths or names, that can be started."""
    return next(filter(None, map(shutil.which, names)), None)


async def _own_chromium() -> str:
    from playwright.async_api import async_playwright

    async with async_playwright() as playwright:
        return playwright.chromium.executable_path
