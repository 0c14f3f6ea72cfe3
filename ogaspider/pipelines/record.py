"""Write what was found into the catalog, a work at a time."""

from __future__ import annotations

import asyncio
import errno
import logging
from collections.abc import Sequence
from typing import Self

from scrapy.crawler import Crawler
from scrapy.exceptions import DropItem

from artstore.aside import Aside, ProcessEnded
from artstore.errors import NotWritten, OgaError
from ogaspider.bookkeeping import Outcome, record
from ogaspider.ending import NOT_WRITTEN, Ending
from ogaspider.items import ArtItem, Item
from ogaspider.settings import house_settings

MOST_AT_ONCE = 100
"""Items in one transaction."""

logger = logging.getLogger(__name__)


class RecordPipeline:
    """Each item whole or not at all; those that wait while others are written are written together."""

    def __init__(self, crawler: Crawler) -> None:
        # One process: the catalog takes one writer at a time.
        self._aside = Aside(house_settings(crawler.settings), 1)
        self._stats = crawler.stats
        self._ending = Ending(crawler)
        self._waiting: list[tuple[Item, asyncio.Future[Outcome]]] = []
        self._writing: asyncio.Task[None] | None = None

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Return the pipeline of *crawler*."""
        return cls(crawler)

    async def close_spider(self) -> None:
        """End the process that writes."""
        await self._aside.close()

    async def process_item(self, item: Item) -> Item:
        """Record *item*. What cannot be written is dropped, and read again by the next crawl."""
        outcome = await self._recorded(item)
        if isinstance(outcome, Exception):
            self._end(outcome)
            raise DropItem(str(outcome)) from outcome
        for failure in outcome:
            self._stats.inc_value("oga/failures")
            self._stats.inc_value(f"oga/failures/{failure.stage}/{failure.reason}")
        if isinstance(item, ArtItem):
            self._announce(item)
        return item

    def _end(self, error: NotWritten | OSError) -> None:
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            self._ending.disk_full(error)
        else:
            self._ending.end(NOT_WRITTEN, str(error))

    async def _recorded(self, item: Item) -> Outcome:
        outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, outcome))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())
        return await outcome

    async def _write(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:MOST_AT_ONCE], self._waiting[MOST_AT_ONCE:]
            try:
                outcomes = await self._asked([item for item, _ in batch])
            except BaseException as error:
                # A bug, but whoever waits has to hear of it.
                for _, waiting in batch:
                    waiting.set_exception(error)
                raise
            for (_, waiting), outcome in zip(batch, outcomes, strict=True):
                waiting.set_result(outcome)

    async def _asked(self, items: Sequence[Item]) -> Sequence[Outcome]:
        # Twice, where the process ended. If it had written them, that changes nothing but how often something failed.
        for _ in range(2):
            try:
                return await self._aside.call(record, items)
            except ProcessEnded as error:
                ended = NotWritten(f"the process that writes the catalog ended, {error}")
            except (OgaError, OSError) as error:
                return [NotWritten(str(error))] * len(items)
        return [ended] * len(items)

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
