"""Write what was found into the catalog, a work at a time."""

from __future__ import annotations

import logging
from typing import Self

from scrapy.crawler import Crawler
from scrapy.exceptions import DropItem

from artstore.catalog import Catalog
from artstore.errors import NotWritten
from artstore.models import Failure, Stage
from ogaspider.ending import NOT_WRITTEN, Ending
from ogaspider.items import ArtItem, Gone, Item, Unchanged
from ogaspider.settings import house_settings

logger = logging.getLogger(__name__)


class RecordPipeline:
    """One transaction for each item: all that is known of a work is in the catalog, or nothing."""

    def __init__(self, catalog: Catalog, crawler: Crawler) -> None:
        self._catalog = catalog
        self._stats = crawler.stats
        self._ending = Ending(crawler)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Return the pipeline of *crawler*."""
        return cls(Catalog(house_settings(crawler.settings).catalog_path), crawler)

    def close_spider(self) -> None:
        """Close the catalog."""
        self._catalog.close()

    def process_item(self, item: Item) -> Item:
        """Record *item*. What cannot be written is dropped, and read again by the next crawl."""
        try:
            with self._catalog.transaction():
                failures = self._written(item)
                for failure in failures:
                    self._catalog.record_failure(failure)
        except NotWritten as error:
            self._ending.end(NOT_WRITTEN, str(error))
            raise DropItem(str(error)) from error
        for failure in failures:
            self._stats.inc_value("oga/failures")
            self._stats.inc_value(f"oga/failures/{failure.stage}/{failure.reason}")
        if isinstance(item, ArtItem):
            self._announce(item)
        return item

    def _written(self, item: Item) -> list[Failure]:
        """Write *item* but for its failures, and return those."""
        if isinstance(item, Failure):
            return [item]
        if isinstance(item, Unchanged):
            self._catalog.record_unchanged(item.work_url)
            return []
        if isinstance(item, Gone):
            return [] if self._catalog.record_gone(item.failure.subject) else [item.failure]
        return self._record(item)

    def _record(self, item: ArtItem) -> list[Failure]:
        """Write all of *item* but its failures to download; return those."""
        self._catalog.record_work(item.work)
        if item.validators:
            self._catalog.record_validators(
                item.work.url, item.validators.etag, item.validators.last_modified
            )
        for url in item.asked_urls:
            self._catalog.forget_failures(Stage.PAGE, url)
        for stored in item.stored:
            self._catalog.record_stored(stored)
        for path, findings in item.findings.items():
            self._catalog.record_findings(path, findings)
        for failure, state in item.unavailable:
            self._catalog.record_unavailable(failure.subject, state)
        return [failure for failure, _ in item.unavailable]

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
