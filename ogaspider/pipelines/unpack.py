"""Find the pictures in what was downloaded."""

from __future__ import annotations

import asyncio
from typing import Self

from scrapy.crawler import Crawler
from scrapy.statscollectors import StatsCollector

from artstore.catalog import Catalog
from artstore.settings import Settings
from artstore.unpack import find_images
from ogaspider.items import ArtItem, Item
from ogaspider.settings import house_settings


class UnpackPipeline:
    """Read ``item.stored``, fill ``item.findings``.

    An archive gives its pictures, a loose picture itself, anything else
    nothing. What was looked at before, with the same bytes, is passed over.
    """

    def __init__(self, settings: Settings, stats: StatsCollector) -> None:
        self._settings = settings
        self._stats = stats
        self._catalog = Catalog(settings.catalog_path)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Return the pipeline of *crawler*."""
        return cls(house_settings(crawler.settings), crawler.stats)

    def close_spider(self) -> None:
        """Close the catalog."""
        self._catalog.close()

    async def process_item(self, item: Item) -> Item:
        """Look at each stored file that is new."""
        if not isinstance(item, ArtItem):
            return item
        for stored in item.stored:
            if self._catalog.is_examined(stored.path, stored.sha256):
                continue
            # In a thread: unpacking a large archive must not stall the downloads.
            findings = await asyncio.to_thread(find_images, stored.path, self._settings)
            item.findings[stored.path] = findings
            self._stats.inc_value("oga/images", len(findings.images))
        return item
