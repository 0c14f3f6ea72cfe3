"""What only a browser gets: a challenge is recognised, and passed by one."""

from __future__ import annotations

import asyncio
import logging
from typing import Self
from urllib.parse import urljoin, urlsplit

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.exceptions import DownloadFailedError, DownloadTimeoutError, IgnoreRequest
from scrapy.http import HtmlResponse, Response
from scrapy.http.request import NO_CALLBACK

from artstore.errors import OgaError
from artstore.settings import Settings
from ogaspider.chromium import find_chromium
from ogaspider.downloads import PART
from ogaspider.ending import CrawlEnded
from ogaspider.health import HealthMiddleware, is_page
from ogaspider.settings import house_settings

logger = logging.getLogger(__name__)

BROWSER = "playwright"
"""Key in a request's meta, and scrapy-playwright's name for it: through the browser, or never if it is False."""

MARKS = (
    # Cloudflare, the waiting page of today and the one of before.
    "<title>Just a moment...",
    "Checking your browser",
    # Cloudflare's scripts and forms; a bare "cf-" stands on good pages too, where it hides mail addresses.
    "cf-browser-verification",
    "cf-challenge",
    "cf-turnstile",
    "_cf_chl_opt",
    "/cdn-cgi/challenge-platform/h/",
    # Anubis, which forges and free software put before their sites.
    "Making sure you&#39;re not a bot",
    "Making sure you're not a bot",
)
"""What stands on a page that waits for a script."""

CONTENT = ("node-art", "view-display-id-")
"""What stands on the pages of the site: a work, or a list of them. Such a page is no challenge, whatever its words."""

STATUSES = (200, 403, 503)

COOKIES = "oga_cookies"
"""Key in a request's meta, set by the browser: the cookies that it has for the page."""


PASSES = "oga_passes"
"""Key in the meta of a request for a file: how often a challenge was passed for it."""

MOST_PASSES = 3
"""Cookies may run out between the page that earns them and the file."""


class Challenged(IgnoreRequest):
    """A page or file of which only a JavaScript challenge could be had; says what to do."""


class ChallengeMiddleware:
    """Sends a page that turned out to be a challenge through the browser, once.

    The cookies that the browser earns go with all other requests to that host, which
    then need no browser. If they do, all pages go through it at once. Files never do: if
    one turns out to be a challenge, as when the cookies have run out, the first page
    of its host goes through the browser, and the file is asked for again.
    """

    def __init__(self, crawler: Crawler, settings: Settings) -> None:
        self._crawler = crawler
        self._chromium = settings.chromium
        self._always = settings.browser
        self._cookies: dict[str, str] = {}
        self._missing: str | None = None
        self._passing: dict[str, asyncio.Future[Response]] = {}
        """By host: the page on which the browser is passing the challenge, for all files that wait for it."""

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Return the middleware of *crawler*."""
        return cls(crawler, house_settings(crawler.settings))

    def process_request(self, request: Request) -> None:
        """Choose the browser where it is to be used for all pages; else send the cookies that it has earned."""
        if self._always and is_page(request):
            request.meta.setdefault(BROWSER, True)
        cookies = self._cookies.get(urlsplit(request.url).netloc)
        if cookies and not request.meta.get(BROWSER):
            request.headers["Cookie"] = cookies

    async def process_response(self, request: Request, response: Response) -> Response | Request:
        """Return the answer, or what is to be asked instead. Raises :class:`Challenged` if nothing helps."""
        if not is_page(request):
            is_file = request.meta.get(PART) is not None
            return await self._file_again(request) if is_file and is_challenge(response) else response
        through_browser = request.meta.get(BROWSER)
        if not is_challenge(response):
            if cookies := request.meta.pop(COOKIES, ""):
                self._cookies[urlsplit(response.url).netloc] = cookies
            return response
        if through_browser:
            raise self._challenged("a JavaScript challenge that the browser did not pass either")
        await self._need_browser()
        if request.headers.get("Cookie") and not self._always:
            logger.info("cookies do not pass the challenge: all pages go through the browser from now on")
            self._always = True
        self._crawler.stats.inc_value("oga/challenges")
        return request.replace(meta=request.meta | {BROWSER: True}, dont_filter=True)

    async def _file_again(self, request: Request) -> Request:
        """Return the request for a file again, once there are cookies that it was not sent with."""
        host = urlsplit(request.url).netloc
        sent = (request.headers.get("Cookie") or b"").decode("latin-1")
        passes = request.meta.get(PASSES, 0)
        await self._need_browser()
        if self._cookies.get(host, "") == sent:
            await self._pass(host, urljoin(request.url, "/"))
        if self._cookies.get(host, "") == sent or passes >= MOST_PASSES:
            raise self._challenged(
                "a JavaScript challenge, which stays though the browser has read a page of its host"
            )
        return request.replace(meta=request.meta | {PASSES: passes + 1}, dont_filter=True)

    async def _pass(self, host: str, page_url: str) -> None:
        """Have the browser read a page of *host*: once for all files that wait for the cookies which it earns."""
        if host not in self._passing:
            logger.info("files of %s come as a challenge: the browser reads %s", host, page_url)
            page = Request(page_url, callback=NO_CALLBACK, meta={BROWSER: True}, dont_filter=True)
            self._passing[host] = asyncio.ensure_future(self._crawler.engine.download_async(page))
            self._passing[host].add_done_callback(lambda _: self._passing.pop(host))
        try:
            await self._passing[host]
        except (CrawlEnded, Challenged):
            raise
        except (IgnoreRequest, DownloadFailedError, DownloadTimeoutError) as error:
            raise self._challenged(
                f"a JavaScript challenge, and {page_url} cannot be read: {error}"
            ) from error

    def _challenged(self, detail: str) -> Challenged:
        health = self._crawler.get_downloader_middleware(HealthMiddleware)
        if health:
            health.count_error(detail)
        return Challenged(detail)

    async def _need_browser(self) -> None:
        if missing := await self._what_is_missing():
            raise self._challenged(f"a JavaScript challenge, for which a browser is needed: {missing}")

    async def _what_is_missing(self) -> str:
        if self._missing is None:
            try:
                await find_chromium(self._chromium)
                self._missing = ""
            except OgaError as error:
                self._missing = str(error)
        return self._missing


def is_challenge(response: Response) -> bool:
    """Say whether *response* is a page that waits for a script to run."""
    return (
        response.status in STATUSES and isinstance(response, HtmlResponse) and shows_challenge(response.text)
    )


def shows_challenge(text: str) -> bool:
    """Say whether the page *text* is a challenge, and not one of the site."""
    return not any(mark in text for mark in CONTENT) and any(mark in text for mark in MARKS)
