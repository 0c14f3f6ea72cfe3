"""Where works are found beside their own address: a listing may name one that leads on to it, and so does its number."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from artstore.catalog import Catalog
from artstore.models import Work


def work_at(url: str) -> str:
    """Return SQL for the work_id of the work at *url*, itself SQL: an own address counts before one that leads on."""
    return (
        f"coalesce((SELECT work_id FROM works WHERE works.url = {url}), "
        f"(SELECT work_id FROM work_addresses AS known WHERE known.url = {url}))"
    )


def record_addresses(catalog: Catalog, work_id: int, work: Work, asked_urls: Iterable[str]) -> None:
    """Write where *work* was found: the *asked_urls* lead to its own, which leads nowhere else. Call in a transaction."""
    catalog.execute("DELETE FROM work_addresses WHERE url = ?", [work.url])
    for url in asked_urls:
        if url != work.url:
            _give_up(catalog, url, work)
            catalog.execute(
                "INSERT OR REPLACE INTO work_addresses (url, work_id) VALUES (?, ?)", [url, work_id]
            )


def _give_up(catalog: Catalog, url: str, work: Work) -> None:
    """Write that a work which had its page at *url* has none any more: it leads to *work*. Its files are kept."""
    catalog.execute(
        """
        UPDATE works SET url = url || '#node-' || node_id, gone_at = coalesce(gone_at, ?)
        WHERE url = ? AND node_id <> ?
        """,
        [datetime.now(UTC).isoformat(timespec="seconds"), url, work.node_id],
    )
