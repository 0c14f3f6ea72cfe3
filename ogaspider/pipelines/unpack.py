"""Find the pictures in what was downloaded."""

from __future__ import annotations

import asyncio
import errno
from typing import Self

from scrapy.crawler import Crawler
from scrapy.exceptions import DropItem

from artstore.catalog import Catalog
from artstore.errors import OgaError
from artstore.examiners import Examiners, unreadable
from artstore.models import StoredFile
from ogaspider.ending import NOT_UNPACKED, Ending
from ogaspider.items import Item, Outcomes
from ogaspider.settings import house_settings


class UnpackPipeline:
    """Read ``item.stored``, fill ``item.findings``.

    An archive gives its pictures, a loose picture itself, anything else
    nothing. What was looked at before, with the same bytes, is passed over.
    """

    def __init__(self, crawler: Crawler) -> None:
        self._settings = house_settings(crawler.settings)
        self._stats = crawler.stats
        self._catalog = Catalog(self._settings.catalog_path)
        self._ending = Ending(crawler)
        self._on_their_way: set[tuple[str, str]] = set()
        self._examiners = Examiners(self._settings, self._settings.decode_threads)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Return the pipeline of *crawler*."""
        return cls(crawler)

    async def close_spider(self) -> None:
        """Close the catalog, and end the processes."""
        await self._examiners.close()
        self._catalog.close()

    async def process_item(self, item: Item) -> Item:
        """Look at each stored file that is new."""
        if isinstance(item, Outcomes):
            # Another work that is on its way may list the same file, and this one twice, by several addresses.
            new = {
                stored.path: stored
                for stored in item.stored
                if (stored.path, stored.sha256) not in self._on_their_way
                and not self._catalog.is_examined(stored.path, stored.sha256)
            }.values()
            self._on_their_way.update((stored.path, stored.sha256) for stored in new)
            await asyncio.gather(*(self._examine(item, stored) for stored in new))
        return item

    async def _examine(self, item: Outcomes, stored: StoredFile) -> None:
        try:
            await self._look(item, stored.path)
        finally:
            self._on_their_way.discard((stored.path, stored.sha256))

    async def _look(self, item: Outcomes, path: str) -> None:
        try:
            item.findings[path] = await self._examiners.find_images(path)
        except OSError as error:
            if error.errno == errno.ENOSPC:
                self._ending.disk_full(error)
                raise DropItem(f"not unpacked, the next crawl goes on from here: {path}") from error
            # It stays one that nobody has looked at.
            item.unread.append(unreadable(path, error))
            return
        except OgaError as error:
            self._ending.end(NOT_UNPACKED, str(error))
            raise DropItem(f"not unpacked, the next crawl goes on from here: {path}") from error
        self._stats.inc_value("oga/images", len(item.findings[path].images))
