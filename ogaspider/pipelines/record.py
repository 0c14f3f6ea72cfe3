"""Write what was found into the catalog, a work at a time."""

from __future__ import annotations

import errno
import logging
from typing import Self

from scrapy.crawler import Crawler
from scrapy.exceptions import DropItem

from artstore.aside import Aside, ProcessEnded
from artstore.errors import NotWritten, OgaError
from artstore.models import Failure
from ogaspider.bookkeeping import record
from ogaspider.ending import NOT_WRITTEN, Ending
from ogaspider.items import ArtItem, Item, Outcomes
from ogaspider.settings import house_settings

MOST_AT_ONCE = 100
"""Items in one transaction."""

logger = logging.getLogger(__name__)


class RecordPipeline:
    """Each item whole or not at all; those that come close together are written together."""

    def __init__(self, crawler: Crawler) -> None:
        # One process: the catalog takes one writer at a time.
        self._aside: Aside[Item, list[Failure]] = Aside(
            record, house_settings(crawler.settings), count=1, most=MOST_AT_ONCE
        )
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
        except (OgaError, OSError) as error:
            self._end(error)
            raise DropItem(str(error)) from error
        for failure in failures:
            self._stats.inc_value("oga/failures")
            self._stats.inc_value(f"oga/failures/{failure.stage}/{failure.reason}")
        if isinstance(item, Outcomes):
            self._announce_failures(item)
        if isinstance(item, ArtItem):
            self._announce(item)
        return item

    def _end(self, error: OgaError | OSError) -> None:
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            self._ending.disk_full(error)
        else:
            self._ending.end(NOT_WRITTEN, str(error))

    async def _recorded(self, item: Item) -> list[Failure]:
        # Twice, where the process ended. If it had written it, that changes nothing but how often something failed.
        for _ in range(2):
            try:
                return await self._aside.ask(item)
            except ProcessEnded as error:
                ended = NotWritten(f"the process that writes the catalog ended, {error}")
        raise ended

    def _announce_failures(self, item: Outcomes) -> None:
        unread = [failure for findings in item.findings.values() for failure in findings.failures]
        self._stats.inc_value("oga/failures", len(unread))
        for failure in unread:
            self._stats.inc_value(f"oga/failures/{failure.stage}/{failure.reason}")
            logger.warning("not read: %s (%s)", failure.subject, failure.reason)

    def _announce(self, item: ArtItem) -> None:
        self._stats.inc_value("oga/works")
        pictures = sum(len(findings.images) for findings in item.findings.values())
        logger.info(
            "%d: %s, by %s: %d of %d files, %d new pictures%s",
            self._stats.get_value("oga/works"), item.work.title, item.work.author,
            len(item.stored), len(item.work.files), pictures, " (files withheld)" if item.work.withheld else "",
        )  # fmt: skip
