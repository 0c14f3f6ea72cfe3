"""When a site asks to be left alone for a while, it is: `Retry-After`."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from time import monotonic
from typing import Self

from scrapy import Request, signals
from scrapy.core.downloader import Slot
from scrapy.crawler import Crawler
from scrapy.http import Response
from scrapy.utils.asyncio import call_later

from ogaspider.ending import INTERRUPTED, PAUSE_TOO_LONG, CrawlEnded, Ending
from ogaspider.settings import house_settings

logger = logging.getLogger(__name__)

MOST_WAITS = 5
"""How often one request waits and is sent again; after that it is an error like others. A site that means what it says
needs one, and one that is always busy runs into the limit of errors in a row."""

WAITS = "oga_waits"
"""Key in a request's meta: how often it has waited."""

TICK_S = 1.0
"""How long a pause does not notice Ctrl-C."""


class PauseMiddleware:
    """Lets all requests to a site wait as long as it asks for, and sends the one that it refused again.

    The pause begins before Scrapy takes the next request from the queue, hence
    with the signal. It only ever makes a site's own delay longer.
    """

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler
        self._ending = Ending(crawler)
        self._max_pause_s = house_settings(crawler.settings).max_pause_s
        self._statuses = {int(status) for status in crawler.settings.getlist("RETRY_HTTP_CODES")}
        self._until_s: dict[str, float] = {}

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Listen for answers."""
        middleware = cls(crawler)
        crawler.signals.connect(middleware.answered, signals.response_downloaded)
        return middleware

    def answered(self, response: Response, request: Request) -> None:
        """Pause, or end the crawl, if that is what the site asks for."""
        wait_s = self._wait_s(response)
        if wait_s is None:
            return
        site = self._crawler.engine.downloader.get_slot_key(request)
        if wait_s > self._max_pause_s:
            longer = (
                f"{site} asks for a pause of {wait_s:.0f} s, longer than OGA_MAX_PAUSE_S={self._max_pause_s}"
            )
            self._ending.end(PAUSE_TOO_LONG, longer)
            return
        self._crawler.stats.inc_value("oga/pauses")
        if self._until_s.get(site, 0.0) < monotonic():
            logger.warning(
                "%s answers %d and asks for a pause of %.0f s: all requests wait",
                site,
                response.status,
                wait_s,
            )
        self._until_s[site] = max(self._until_s.get(site, 0.0), monotonic() + wait_s)
        self._hold(site)

    def process_response(self, request: Request, response: Response) -> Response | Request:
        """Send a request again whose answer was to wait."""
        waits = request.meta.get(WAITS, 0)
        if self._wait_s(response) is None or waits >= MOST_WAITS:
            return response
        if self._ending.ended:
            raise CrawlEnded
        return request.replace(
            meta=request.meta | {WAITS: waits + 1},
            priority=request.priority + self._crawler.settings.getint("RETRY_PRIORITY_ADJUST"),
            dont_filter=True,
        )

    def _wait_s(self, response: Response) -> float | None:
        return retry_after_s(response) if response.status in self._statuses else None

    def _hold(self, site: str) -> None:
        slot = self._crawler.engine.downloader.slots.get(site)
        if slot is None:
            return
        if slot.latercall:
            slot.latercall.cancel()
        # Scrapy forgets a slot that was idle for long, and counts its delay from here.
        slot.lastseen = self._until_s[site]
        self._look(site, slot)

    def _look(self, site: str, slot: Slot) -> None:
        """Let the requests go if the pause is over; else look again in a moment."""
        rest_s = self._until_s[site] - monotonic()
        if rest_s <= 0:
            # What Scrapy itself calls when a delay is over.
            self._crawler.engine.downloader._latercall(slot)  # noqa: SLF001
            return
        slot.latercall = call_later(min(rest_s, TICK_S), self._look, site, slot)
        if not self._crawler.crawling:
            self._ending.end(INTERRUPTED, "interrupted in a pause that the site has asked for")


def retry_after_s(response: Response) -> float | None:
    """Return what `Retry-After` asks for, in seconds or as a date, from 0; None without one, or with nonsense."""
    asked = _header(response, "Retry-After")
    if asked.isdecimal():
        return float(asked)
    until = _moment(asked)
    if until is None:
        return None
    # By the site's own clock, where it tells the time: ours may be another.
    now = _moment(_header(response, "Date")) or datetime.now(UTC)
    return max(0.0, (until - now).total_seconds())


def _header(response: Response, name: str) -> str:
    return (response.headers.get(name) or b"").decode("latin-1").strip()


def _moment(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
