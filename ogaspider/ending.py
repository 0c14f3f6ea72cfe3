"""How a crawl ends before its end: cleanly, to go on from there."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.exceptions import IgnoreRequest

logger = logging.getLogger(__name__)

ENDED = "oga/ended"
"""The stat that says why, from the moment on at which a crawl is to end."""

DISK_FULL = "disk_full"
"""The reason of a crawl that found no room; whatever came next would find none either."""

NOT_WRITTEN = "catalog_not_written"
NOT_UNPACKED = "not_unpacked"
"""The reason of a crawl that could not start what looks for pictures."""

TOO_MANY_ERRORS = "too_many_errors"
NO_ROBOTS_TXT = "no_robots_txt"
PAUSE_TOO_LONG = "pause_too_long"
INTERRUPTED = "shutdown"
"""Scrapy's word for Ctrl-C."""


class CrawlEnded(IgnoreRequest):
    """A request that is not sent, since the crawl ends. No failure: the next crawl sends it."""


class Ending:
    """Ends one crawl, once, as Ctrl-C does. A crawl may have several of these: they know of each other."""

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler
        self._task: asyncio.Task[None] | None = None

    @property
    def ended(self) -> bool:
        """Whether the crawl is ending: nothing is to be sent any more."""
        return self._crawler.stats.get_value(ENDED) is not None

    def end(self, reason: str, why: str) -> None:
        """End the crawl for *reason*, a code, and *why*, in words; what waits to be sent is not sent."""
        if self.ended:
            return
        self._crawler.stats.set_value(ENDED, reason)
        logger.error(
            "the crawl ends: %s; what is done is kept, the same command goes on from there", why
        )  # fmt: skip
        # Not awaited: the end waits for the very item or request that is asking for it.
        self._task = asyncio.create_task(self._crawler.engine.close_spider_async(reason=reason))
        self.let_go(lambda _: True)

    def let_go(self, is_meant: Callable[[Request], bool]) -> None:
        """Tell whoever waits for a request to be sent that is meant that it will not be."""
        for slot in self._crawler.engine.downloader.slots.values():
            waiting = list(slot.queue)
            slot.queue.clear()
            slot.queue.extend(each for each in waiting if not is_meant(each[0]))
            for request, answer in waiting:
                if is_meant(request):
                    answer.errback(CrawlEnded())

    def disk_full(self, error: Exception) -> None:
        """End the crawl because of *error*."""
        self.end(DISK_FULL, f"the disk takes no more ({error})")
