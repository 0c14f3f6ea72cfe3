"""When a site is not well it is left alone: after many errors in a row, and without its robots.txt."""

from __future__ import annotations

from typing import Self
from urllib.parse import urlsplit

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.exceptions import (
    CannotResolveHostError,
    DownloadCancelledError,
    DownloadConnectionRefusedError,
    DownloadFailedError,
    DownloadTimeoutError,
    IgnoreRequest,
    ResponseDataLossError,
)
from scrapy.http import Response

from artstore.settings import Settings
from ogaspider.downloads import PART
from ogaspider.ending import NO_ROBOTS_TXT, TOO_MANY_ERRORS, CrawlEnded, Ending
from ogaspider.settings import house_settings

NO_ANSWERS = (
    CannotResolveHostError,
    DownloadConnectionRefusedError,
    DownloadFailedError,
    DownloadTimeoutError,
    ResponseDataLossError,
    OSError,
)
"""What a request ends with if the site, or the way to it, is broken."""


class HealthMiddleware:
    """Counts errors, and ends the crawl where going on would be hammering.

    Stands before Scrapy's own retries, on the way back behind them: what arrives
    here was tried as often as it is going to be.
    """

    def __init__(self, crawler: Crawler, settings: Settings) -> None:
        self._crawler = crawler
        self._ending = Ending(crawler)
        self._site = urlsplit(settings.site_url).netloc
        self._most = settings.max_errors_in_a_row
        self._in_a_row = 0
        self._without_robots: set[str] = set()

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Return the middleware of *crawler*."""
        return cls(crawler, house_settings(crawler.settings))

    def process_request(self, request: Request) -> None:
        """Refuse what must not be sent any more."""
        if self._ending.ended:
            raise CrawlEnded
        host = urlsplit(request.url).netloc
        if host in self._without_robots:
            raise IgnoreRequest(f"the robots.txt of {host} cannot be read")

    def process_response(self, request: Request, response: Response) -> Response:
        """Count an answer; robots.txt is a matter of its own."""
        self._send_no_more_pages()
        is_error = _is_error(response)
        if is_robots_txt(request):
            if is_error:
                self._no_robots_txt(request, f"it answers {response.status}")
            # RFC 9309, 2.3.1.3: a robots.txt that is not there allows all, whatever page comes instead.
            return response.replace(body=b"") if 400 <= response.status < 500 else response
        if is_error:
            self.count_error(f"{response.status} for {request.url}")
        else:
            self._in_a_row = 0
        return response

    def process_exception(self, request: Request, exception: Exception) -> None:
        """Count a request that got no answer."""
        self._send_no_more_pages()
        if is_robots_txt(request) and isinstance(exception, (*NO_ANSWERS, DownloadCancelledError)):
            self._no_robots_txt(request, str(exception))
        elif isinstance(exception, NO_ANSWERS):
            self.count_error(f"{type(exception).__name__} for {request.url}")

    def count_error(self, what: str) -> None:
        """Count *what*, and end the crawl if it was one error too many."""
        self._in_a_row += 1
        if self._in_a_row >= self._most:
            self._ending.end(TOO_MANY_ERRORS, f"{self._in_a_row} errors in a row, the last one {what}")

    def _send_no_more_pages(self) -> None:
        """Let those go that wait, after Ctrl-C: each would bring files, and Scrapy waits for all of that.

        The files of works that were read still come, so that none has to be read again for them.
        """
        if not self._crawler.crawling:
            self._ending.let_go(is_page)

    def _no_robots_txt(self, request: Request, why: str) -> None:
        """Go by RFC 9309, 2.3.1.4: a robots.txt that cannot be had allows nothing."""
        host = urlsplit(request.url).netloc
        self._without_robots.add(host)
        if host == self._site:
            self._ending.end(NO_ROBOTS_TXT, f"the robots.txt of {host} cannot be read: {why}")


def is_robots_txt(request: Request) -> bool:
    """Say whether *request* is Scrapy's own, for the rules of a site."""
    return bool(request.meta.get("dont_obey_robotstxt"))


def is_page(request: Request) -> bool:
    """Say whether *request* is for a page: no file, no robots.txt."""
    return request.meta.get(PART) is None and not is_robots_txt(request)


def _is_error(response: Response) -> bool:
    """Say whether this is no answer of a healthy server: it is broken, or has had too much."""
    return response.status >= 500 or response.status == 429
