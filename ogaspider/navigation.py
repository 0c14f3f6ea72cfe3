"""What a browser must not do by itself: follow a redirect that robots.txt forbids, or read a page without an end."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urljoin

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.downloadermiddlewares.robotstxt import RobotsTxtMiddleware
from scrapy.exceptions import DownloadCancelledError, IgnoreRequest
from scrapy.http import Response

DOCUMENTS = [
    {"resourceType": "Document", "requestStage": stage, "urlPattern": "*"}
    for stage in ("Request", "Response")
]
"""What is held up in the browser, in the words of Chromium's DevTools: pages, before they are asked for, and their answers."""

NOTHING = {"responseCode": 200, "body": ""}
"""What the browser gets instead of an answer that is not for it; an error would be waited upon for long."""


class Navigation:
    """The way of one *request* through the browser.

    Playwright's own routes do not see redirects: Chromium follows them by itself. Hence its DevTools.
    """

    def __init__(self, crawler: Crawler, request: Request) -> None:
        self._robots = crawler.get_downloader_middleware(RobotsTxtMiddleware)
        self._request = request
        self._max_bytes = crawler.settings.getint("DOWNLOAD_MAXSIZE")
        self._came_bytes = 0
        self._frame = ""
        self._redirect: tuple[int, str] | None = None
        self._forbidden: str | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def guard(self, page: Any, _: Request) -> None:
        """Watch over *page*, of Playwright's kind, from now on."""
        devtools = await page.context.new_cdp_session(page)
        self._frame = (await devtools.send("Page.getFrameTree"))["frameTree"]["frame"]["id"]
        devtools.on("Fetch.requestPaused", lambda event: self._do(self._let_go(devtools, event)))
        devtools.on("Network.dataReceived", lambda event: self._count(devtools, event))
        await devtools.send("Network.enable")
        await devtools.send("Fetch.enable", {"patterns": DOCUMENTS})

    def check(self) -> None:
        """Raise DownloadCancelledError for a page that is too large, IgnoreRequest where robots.txt forbids what its script leads to."""
        if self._came_bytes > self._max_bytes:
            raise DownloadCancelledError(f"more than {self._max_bytes} bytes in a browser")
        if self._forbidden:
            raise IgnoreRequest(f"a script of the page leads to {self._forbidden}, which robots.txt forbids")

    def answer(self, response: Response) -> Response:
        """Return what Scrapy is to get: *response*, or the redirect, which it follows by its own rules."""
        if self._redirect is None:
            return response
        status, url = self._redirect
        return Response(self._request.url, status, {"Location": url}, request=self._request)

    def _do(self, what: Any) -> None:
        task = asyncio.ensure_future(what)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        from playwright.async_api import Error

        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        # The page was closed meanwhile, and its requests with it.
        if error and not isinstance(error, Error):
            raise error

    def _count(self, devtools: Any, event: dict[str, Any]) -> None:
        """Stop a page that is too large; what its scripts load counts too."""
        before = self._came_bytes
        self._came_bytes += event["dataLength"]
        if before <= self._max_bytes < self._came_bytes:
            # To stop it is not enough: who has asked for it waits for its end.
            self._do(devtools.send("Page.navigate", {"url": "about:blank"}))

    async def _let_go(self, devtools: Any, event: dict[str, Any]) -> None:
        """Let a request or an answer go on its way, unless it is a redirect of the page or leads it where it must not go."""
        paused = {"requestId": event["requestId"]}
        status = event.get("responseStatusCode")
        if event["frameId"] != self._frame:
            await devtools.send("Fetch.continueRequest", paused)
        elif status is None and not await self._is_allowed(event["request"]["url"]):
            await devtools.send("Fetch.fulfillRequest", paused | NOTHING)
        elif location := _location(event):
            self._redirect = (status or 0, urljoin(event["request"]["url"], location))
            await devtools.send("Fetch.fulfillRequest", paused | NOTHING)
        else:
            await devtools.send("Fetch.continueRequest", paused)

    async def _is_allowed(self, url: str) -> bool:
        """Say whether robots.txt allows *url*; what was asked for has been looked up before."""
        if url == self._request.url or self._robots is None:
            return True
        try:
            await self._robots.process_request(Request(url))
        except IgnoreRequest:
            self._forbidden = url
            return False
        return True


def _location(event: dict[str, Any]) -> str | None:
    """Return where a paused answer redirects to; None for any other."""
    if not 300 <= event.get("responseStatusCode", 0) < 400:
        return None
    named = (header["value"] for header in event["responseHeaders"] if header["name"].lower() == "location")
    return next(named, None)
