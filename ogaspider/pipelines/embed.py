"""Embed while crawling: off unless ``OGA_EMBED`` is on."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Self

from scrapy.crawler import Crawler
from scrapy.exceptions import NotConfigured

from artstore.catalog import Catalog
from artstore.errors import Busy, OgaError
from ogaspider.ending import Ending
from ogaspider.items import ArtItem, Item
from ogaspider.settings import house_settings

# What embeds is loaded by the crawls that embed.
if TYPE_CHECKING:
    from artstore.ledger import Ledger
    from embedder.protocol import Embedding

logger = logging.getLogger(__name__)


class EmbedPipeline:
    """Embed what the pipelines before have recorded, a batch at a time, beside the crawl.

    If the embedder cannot work, the crawl goes on and the pictures wait for
    ``python -m embedder``.
    """

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler
        self._settings = house_settings(crawler.settings)
        self._ending = Ending(crawler)
        self._embedding: Embedding | None = None
        self._waiting = 0
        self._running: asyncio.Task[None] | None = None
        self._given_up = False

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Return the pipeline, or raise NotConfigured: not asked for, or no TensorFlow."""
        settings = house_settings(crawler.settings)
        if not settings.embed:
            raise NotConfigured
        from embedder.keras_models import has_tensorflow
        from embedder.registry import is_network

        if is_network(settings) and not has_tensorflow():
            raise NotConfigured(
                f"OGA_EMBED: {settings.embedder} needs TensorFlow; the pictures wait for `python -m embedder`"
            )
        return cls(crawler)

    async def process_item(self, item: Item) -> Item:
        """Start embedding once a batch waits and nothing is running."""
        if isinstance(item, ArtItem):
            self._waiting += sum(len(findings.images) for findings in item.findings.values())
        enough = self._embedding.batch_size if self._embedding else 1
        if not self._given_up and self._waiting >= enough and (self._running is None or self._running.done()):
            self._waiting = 0
            self._running = asyncio.create_task(self._in_thread(finish=False))
        return item

    async def close_spider(self) -> None:
        """Embed the rest, and bring the index up to date; after Ctrl-C, end with the batch in hand."""
        if self._running:
            await self._running
        if not self._given_up:
            await self._in_thread(finish=True)
        if self._embedding:
            await asyncio.to_thread(self._embedding.close)

    @property
    def _interrupted(self) -> bool:
        return not self._crawler.crawling or self._ending.ended

    async def _in_thread(self, *, finish: bool) -> None:
        try:
            await asyncio.to_thread(self._embed, finish=finish)
        except Busy as error:
            # Somebody else embeds what waits, for now.
            logger.info("not embedded now: %s", error)
        except (OgaError, OSError) as error:
            # What is missing now will be missing for the next work too: say so once.
            self._given_up = True
            logger.error("not embedded, the pictures wait for `python -m embedder`: %s", error)  # noqa: TRY400 - told, not traced

    def _embed(self, *, finish: bool) -> None:
        from embedder.drain import known_ledger, waiting_pictures
        from embedder.indexing import update_index

        with Catalog(self._settings.catalog_path) as catalog:
            ledger = known_ledger(catalog, self._settings)
            if not self._interrupted and (ledger is None or waiting_pictures(ledger)):
                ledger = self._drain(catalog, ledger.embedder.fingerprint if ledger else "")
            if finish and ledger:
                for _ in update_index(ledger, self._settings):
                    pass

    def _drain(self, catalog: Catalog, known: str) -> Ledger:
        from embedder.drain import drain, open_ledger, waiting_pictures
        from embedder.registry import as_made
        from embedder.workers import open_embedding

        self._embedding = self._embedding or open_embedding(as_made(self._settings, known))
        ledger = open_ledger(catalog, self._embedding)
        done = 0
        for step in drain(ledger, self._embedding, waiting_pictures(ledger), self._settings):
            done += step.embedded
            if self._interrupted:
                break
        logger.info("%d pictures embedded by %s", done, self._embedding.name)
        return ledger
