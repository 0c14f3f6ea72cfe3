"""How a crawl ends before its end: cleanly, to go on from there."""

from __future__ import annotations

import asyncio
import logging

from scrapy.crawler import Crawler

logger = logging.getLogger(__name__)

DISK_FULL = "disk_full"
"""The reason of a crawl that found no room; whatever came next would find none either."""


class Ending:
    """Ends one crawl, once, as Ctrl-C does."""

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler
        self._task: asyncio.Task[None] | None = None

    def disk_full(self, error: Exception) -> None:
        """End the crawl because of *error*."""
        if self._task is None:
            logger.error("the crawl ends, since the disk takes no more: %s", error)
            # Not awaited: the end waits for the very item that is asking for it.
            self._task = asyncio.create_task(self._crawler.engine.close_spider_async(reason=DISK_FULL))
