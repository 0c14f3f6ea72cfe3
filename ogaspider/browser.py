"""Pages through a headless Chromium, by scrapy-playwright; it is imported when the first of them is asked for."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import Any

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.exceptions import DownloadFailedError, DownloadTimeoutError
from scrapy.http import Headers, Response

from artstore.errors import OgaError
from ogaspider.challenges import BROWSER, COOKIES, shows_challenge
from ogaspider.chromium import find_chromium, launch_options
from ogaspider.downloads import StreamingDownloadHandler
from ogaspider.navigation import Navigation
from ogaspider.settings import house_settings

NEEDLESS = frozenset({"image", "media", "font", "stylesheet"})
"""Of what a page loads, the kinds that say nothing: they are not asked for."""

CHALLENGE_S = 20.0
"""How long a challenge may take. Those of today need some 5 s of a slow machine."""

LOOK_EVERY_S = 0.2

CONTEXT = "pages"
"""The one set of cookies, for the whole crawl: who has passed a challenge is not challenged again."""

STALE_HEADERS = ("content-encoding", "content-length", "transfer-encoding")
"""True of what came over the network, but not of the page that the browser made of it."""


class BrowserDownloadHandler(StreamingDownloadHandler):
    """Downloads as its base does, but through a browser where a request's meta says so."""

    def __init__(self, crawler: Crawler) -> None:
        super().__init__(crawler)
        self._opening = asyncio.Lock()
        self._browser: Any = None

    async def download_request(self, request: Request) -> Response:
        """Return the response: as it came, or as the page looks once its scripts ran."""
        if not request.meta.get(BROWSER):
            return await super().download_request(request)
        from playwright.async_api import Error
        from playwright.async_api import TimeoutError as SlowPage

        try:
            return await self._browse(request)
        except SlowPage as error:
            raise DownloadTimeoutError(_first_line(error)) from error
        except (Error, OgaError) as error:
            raise DownloadFailedError(_first_line(error)) from error

    async def close(self) -> None:
        """Close the browser, if there is one, and the connections."""
        if self._browser:
            await self._browser.close()
        await super().close()

    async def _browse(self, request: Request) -> Response:
        from playwright.async_api import Error

        browser = await self._open()
        answers: list[Any] = []
        navigation = Navigation(self.crawler, request)
        how = self._how(answers) | {"playwright_page_init_callback": navigation.guard}
        request.meta.update(how)
        try:
            response = await browser.download_request(request)
        except Error:
            # What it was stopped for says more than that it was.
            navigation.check()
            raise
        finally:
            # They hold functions, which Scrapy could not write down with the request.
            for key in how:
                del request.meta[key]
        cookies = await browser.context_wrappers[CONTEXT].context.cookies(response.url)
        request.meta[COOKIES] = "; ".join(f"{cookie['name']}={cookie['value']}" for cookie in cookies)
        navigation.check()
        return navigation.answer(_as_shown(response, answers))

    def _how(self, answers: list[Any]) -> dict[str, Any]:
        """Return scrapy-playwright's part of the meta; *answers* will hold those for the page itself, in their order."""
        from scrapy_playwright.page import PageMethod

        def note(answer: Any) -> None:
            if answer.request.is_navigation_request() and answer.frame.parent_frame is None:
                answers.append(answer)

        return {
            "playwright_context": CONTEXT,
            "playwright_context_kwargs": {
                "user_agent": self.crawler.settings["USER_AGENT"],
                "service_workers": "block",
                "accept_downloads": False,
            },
            "playwright_page_event_handlers": {"response": note},
            "playwright_page_methods": [PageMethod(settled)],
        }

    async def _open(self) -> Any:
        """Return scrapy-playwright's handler, with a browser that starts with its first page."""
        async with self._opening:
            if self._browser is None:
                from scrapy_playwright.handler import ScrapyPlaywrightDownloadHandler

                path = await find_chromium(house_settings(self.crawler.settings).chromium)
                browser = ScrapyPlaywrightDownloadHandler(self.crawler)
                browser.config.launch_options.update(launch_options(path))
                # It listens for the start of the crawl, which is long over.
                await browser._launch()  # noqa: SLF001
                self._browser = browser
        return self._browser


def is_needless(request: Any) -> bool:
    """Say whether a page's *request*, of Playwright's kind, is for something that a crawl does not need."""
    return request.resource_type in NEEDLESS


async def settled(page: Any) -> None:
    """Wait until *page*, of Playwright's kind, is no challenge any more, or for :data:`CHALLENGE_S`."""
    from playwright.async_api import Error

    until = monotonic() + CHALLENGE_S
    while monotonic() < until:
        try:
            if not shows_challenge(await page.content()):
                return
        except Error:
            # It is on its way to the page behind the challenge.
            if page.is_closed():
                raise
        await asyncio.sleep(LOOK_EVERY_S)


def check_browser(chromium: str) -> None:
    """Raise :class:`~artstore.errors.OgaError` if there is no browser to read pages with."""
    asyncio.run(find_chromium(chromium))


def _as_shown(response: Response, answers: list[Any]) -> Response:
    """Return *response* with the status and headers of the last answer.

    scrapy-playwright gives those of the first: of the challenge, where there was one.
    """
    if not answers:
        return response
    headers = Headers({name: text for name, text in answers[-1].headers.items() if name not in STALE_HEADERS})
    return response.replace(status=answers[-1].status, headers=headers)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
