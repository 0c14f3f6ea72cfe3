"""How far a crawl has come, now and then in one line: it may take days."""

from __future__ import annotations

import asyncio
import logging
import time
from datetime import timedelta
from pathlib import Path
from typing import Self

from scrapy import signals
from scrapy.crawler import Crawler
from scrapy.exceptions import NotConfigured
from scrapy.statscollectors import StatsCollector

logger = logging.getLogger(__name__)

ANNOUNCED = "oga/works/announced"
"""Stat: how many works the listings hold, as far as they are to be read."""
KNOWN = "oga/works/known"
DONE = "oga/works"
UNCHANGED = "oga/works/unchanged"


class Progress:
    """Says every ``PROGRESS_INTERVAL_S`` seconds what is done of what was announced, how fast, and how long it takes yet."""

    def __init__(self, crawler: Crawler) -> None:
        self._interval_s = crawler.settings.getfloat("PROGRESS_INTERVAL_S")
        if self._interval_s <= 0:
            raise NotConfigured
        self._stats = crawler.stats
        self._started_s = 0.0
        self._telling: asyncio.Task[None] | None = None

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Tell from the start of the crawl to its end."""
        extension = cls(crawler)
        crawler.signals.connect(extension.start, signals.spider_opened)
        crawler.signals.connect(extension.stop, signals.spider_closed)
        return extension

    def start(self) -> None:
        """Begin to tell."""
        self._started_s = time.monotonic()
        self._telling = asyncio.create_task(self._tell())

    def stop(self) -> None:
        """Tell no more."""
        if self._telling:
            self._telling.cancel()

    async def _tell(self) -> None:
        while True:
            await asyncio.sleep(self._interval_s)
            logger.info("%s", self._line())

    def _line(self) -> str:
        done = self._stats.get_value(DONE, 0) + self._stats.get_value(UNCHANGED, 0)
        known, announced = self._stats.get_value(KNOWN, 0), self._stats.get_value(ANNOUNCED, 0)
        per_s = done / (time.monotonic() - self._started_s)
        left = announced - known - done
        line = (
            f"{done + known} of {announced} works ({known} of them known before), {per_s * 3600:.0f} an hour"
        )
        if per_s and left > 0:
            line += f", about {timedelta(seconds=round(left / per_s))} left"
        return line


def summary(stats: StatsCollector, data_dir: Path) -> str:
    """Return what came of a crawl, and how to see what failed in *data_dir*."""
    works, files, images, failures = (
        stats.get_value(f"oga/{name}", 0) for name in ("works", "files", "images", "failures")
    )
    listed = f" (`python -m embedder --failures --data-dir {data_dir}` lists them)" if failures else ""
    return f"{works} works, {files} new files, {images} pictures, {failures} failures{listed}"
