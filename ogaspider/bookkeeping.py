"""What came of an item, written into the catalog; knows nothing of Scrapy, so that it can run aside."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from artstore.catalog import Catalog
from artstore.models import Failure, Stage
from artstore.settings import Settings
from ogaspider.items import ArtItem, Gone, Item, Unchanged


def record(item: Item, settings: Settings) -> list[Failure]:
    """Write *item* in one transaction; return its failures to be had: those of its pictures are in its findings.

    Raises :class:`~artstore.errors.NotWritten`.
    """
    catalog = _catalog(settings.catalog_path)
    with catalog.transaction():
        failures = _written(item, catalog)
        for failure in failures:
            catalog.record_failure(failure)
    return failures


@cache
def _catalog(path: Path) -> Catalog:
    return Catalog(path)


def _written(item: Item, catalog: Catalog) -> list[Failure]:
    """Write *item* but for its failures, and return those."""
    if isinstance(item, Failure):
        return [item]
    if isinstance(item, Unchanged):
        catalog.record_unchanged(item.work_url)
        return []
    if isinstance(item, Gone):
        return [] if catalog.record_gone(item.failure.subject) else [item.failure]
    _write_art(item, catalog)
    return [failure for failure, _ in item.unavailable]


def _write_art(item: ArtItem, catalog: Catalog) -> None:
    catalog.record_work(item.work)
    if item.validators:
        catalog.record_validators(item.work.url, item.validators.etag, item.validators.last_modified)
    for url in item.asked_urls:
        catalog.forget_failures(Stage.PAGE, url)
    for stored in item.stored:
        catalog.record_stored(stored)
    for path, findings in item.findings.items():
        catalog.record_findings(path, findings)
    for failure, state in item.unavailable:
        catalog.record_unavailable(failure.subject, state)
