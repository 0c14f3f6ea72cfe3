"""What came of items, written into the catalog; knows nothing of Scrapy, so that it can run aside."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from artstore.addresses import record_addresses
from artstore.blobs import FolderBlobs
from artstore.catalog import Catalog
from artstore.errors import NotRecorded, NotWritten, OgaError
from artstore.models import Failure, Stage
from artstore.series import record_series
from artstore.settings import Settings
from ogaspider.items import ArtItem, Gone, Item, Outcomes

Outcome = list[Failure] | OgaError | OSError
"""Of an item: its failures, but for those in its findings; or why it is not in the catalog."""


def record(items: Sequence[Item], settings: Settings) -> list[Outcome]:
    """Write *items*, each whole or not at all, and return what came of each; their files are synced before."""
    blobs = FolderBlobs(settings.data_dir)
    outcomes = [_synced(item, blobs) for item in items]
    try:
        catalog = _catalog(settings.catalog_path)
    except (OgaError, OSError) as error:
        return [error] * len(items)
    written = [number for number, outcome in enumerate(outcomes) if not isinstance(outcome, OSError)]
    together = _write([items[number] for number in written], catalog)
    for number, outcome in zip(written, together, strict=True):
        outcomes[number] = outcome
    return outcomes


def _synced(item: Item, blobs: FolderBlobs) -> Outcome:
    try:
        for path, findings in item.findings.items() if isinstance(item, Outcomes) else ():
            blobs.sync_found(path, findings)
    except OSError as error:
        return error
    return []


def _write(items: Sequence[Item], catalog: Catalog) -> list[Outcome]:
    """Write *items* in one transaction; or, where one of them does not fit, each in its own."""
    try:
        with catalog.transaction():
            return [_written(item, catalog) for item in items]
    except NotRecorded as error:
        if len(items) > 1:
            return [outcome for item in items for outcome in _write([item], catalog)]
        return [_not_recorded(items[0], error, catalog)]
    except NotWritten as error:
        return [error] * len(items)


def _not_recorded(item: Item, error: NotRecorded, catalog: Catalog) -> Outcome:
    """Write only that *item* could not be: it costs no other one."""
    if not isinstance(item, Outcomes):
        return error
    work_url = item.work.url if isinstance(item, ArtItem) else item.work_url
    failure = Failure(Stage.PAGE, work_url, "not_recorded", str(error))
    return _write([failure], catalog)[0]


@cache
def _catalog(path: Path) -> Catalog:
    return Catalog(path)


def _written(item: Item, catalog: Catalog) -> list[Failure]:
    if isinstance(item, Gone) and _is_gone(item, catalog):
        return []
    if isinstance(item, Outcomes):
        work_id = (
            _write_art(item, catalog)
            if isinstance(item, ArtItem)
            else catalog.record_unchanged(item.work_url)
        )
        _write_files(item, work_id, catalog)
        failures = [*(failure for failure, _ in item.unavailable), *item.unread]
    else:
        failures = [item.failure if isinstance(item, Gone) else item]
    for failure in failures:
        catalog.record_failure(failure)
    return failures


def _is_gone(item: Gone, catalog: Catalog) -> bool:
    """Write that the works are gone whose page was looked for; return whether there are any."""
    known = [catalog.record_gone(url) for url in {item.failure.subject, *item.asked_urls}]
    return any(known)


def _write_art(item: ArtItem, catalog: Catalog) -> int:
    work_id = catalog.record_work(item.work)
    if item.validators:
        catalog.record_validators(item.work.url, item.validators.etag, item.validators.last_modified)
    record_addresses(catalog, work_id, item.work, item.asked_urls)
    for url in item.asked_urls:
        catalog.forget_failures(Stage.PAGE, url)
    return work_id


def _write_files(item: Outcomes, work_id: int | None, catalog: Catalog) -> None:
    for stored in item.stored:
        catalog.record_stored(stored)
    for path, findings in item.findings.items():
        catalog.record_findings(path, findings)
    if item.findings and work_id is not None:
        record_series(catalog, work_id)
    for failure, state in item.unavailable:
        catalog.record_unavailable(failure.subject, state)
