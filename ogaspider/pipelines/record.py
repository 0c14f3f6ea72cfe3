"""Write what was found into the catalog, a work at a time."""

from __future__ import annotations

import logging
from typing import Self

from scrapy.crawler import Crawler
from scrapy.exceptions import DropItem

from artstore.aside import Aside, ProcessEnded
from artstore.errors import OgaError
from artstore.models import Failure
from ogaspider.bookkeeping import record
from ogaspider.ending import NOT_WRITTEN, Ending
from ogaspider.items import ArtItem, Item
from ogaspider.settings import house_settings

logger = logging.getLogger(__name__)


class RecordPipeline:
    """One transaction for each item: all that is known of a work is in the catalog, or nothing."""

    def __init__(self, crawler: Crawler) -> None:
        # One process: the catalog takes one writer at a time.
        self._aside = Aside(house_settings(crawler.settings), 1)
        self._stats = crawler.stats
        self._ending = Ending(crawler)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Return the pipeline of *crawler*."""
        return cls(crawler)

    async def close_spider(self) -> None:
        """End the process that writes."""
        await self._aside.close()

    async def process_item(self, item: Item) -> Item:
        """Record *item*. What cannot be written is dropped, and read again by the next crawl."""
        try:
            failures = await self._recorded(item)
        except OgaError as error:
            self._ending.end(NOT_WRITTEN, str(error))
            raise DropItem(str(error)) from error
        for failure in failures:
            self._stats.inc_value("oga/failures")
            self._stats.inc_value(f"oga/failures/{failure.stage}/{failure.reason}")
        if isinstance(item, ArtItem):
            self._announce(item)
        return item

    async def _recorded(self, item: Item) -> list[Failure]:
        try:
            return await self._aside.call(record, item)
        except ProcessEnded:
            # Written or not: to write it once more changes nothing.
            return await self._aside.call(record, item)

    def _announce(self, item: ArtItem) -> None:
        self._stats.inc_value("oga/works")
        unread = [failure for findings in item.findings.values() for failure in findings.failures]
        self._stats.inc_value("oga/failures", len(unread))
        for failure in unread:
            self._stats.inc_value(f"oga/failures/{failure.stage}/{failure.reason}")
            logger.warning("not read: %s (%s)", failure.subject, failure.reason)
        pictures = sum(len(findings.images) for findings in item.findings.values())
        logger.info(
            "%d: %s, by %s: %d of %d files, %d new pictures%s",
            self._stats.get_value("oga/works"), item.work.title, item.work.author,
            len(item.stored), len(item.work.files), pictures, " (files withheld)" if item.work.withheld else "",
        )  # fmt: skip
