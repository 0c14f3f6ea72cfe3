"""The memory of walks through the searches of a site: which works each named, and whether it was read to its end.

A search is known by what it asks for, its *key*; its walks are counted.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice

from artstore.addresses import work_at
from artstore.catalog import Catalog
from artstore.pauses import is_over


class Walks:
    """What a crawl writes of its walks, and asks of those before."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def begin(self, key: str) -> bool:
        """Write that a walk begins, and return whether the one before was read to its end; this one is not, so far."""
        with self._catalog.transaction():
            before = self._catalog.execute("SELECT ended FROM walks WHERE listing = ?", [key]).fetchone()
            self._catalog.execute(
                """
                INSERT INTO walks (listing, number, ended) VALUES (?, 1, 0)
                ON CONFLICT (listing) DO UPDATE SET number = number + 1, ended = 0
                """,
                [key],
            )
        return bool(before and before["ended"])

    def name(self, key: str, work_urls: Sequence[str]) -> None:
        """Write that this walk came by *work_urls*, known or not. Call inside a transaction."""
        self._catalog.execute(
            """
            INSERT INTO walk_works (walk_id, url, number)
            SELECT walk_id, value, number FROM walks, json_each(?) WHERE listing = ?
            ON CONFLICT (walk_id, url) DO UPDATE SET number = excluded.number
            """,
            [json.dumps(work_urls), key],
        )

    def end(self, key: str) -> None:
        """Write that this walk has read the search to its end, or to where everything is known. In a transaction."""
        self._catalog.execute("UPDATE walks SET ended = 1 WHERE listing = ?", [key])

    def unnamed(self, key: str, most: int, min_age: timedelta = timedelta(0)) -> list[str]:
        """Return works that are there, which earlier walks came by and this one did not: those read longest ago first.

        At most *most*, none that was read less than *min_age* ago, and none that failed and is to be left alone.
        """
        found = self._catalog.execute(
            f"""
            SELECT works.url, times, last_at FROM walks JOIN walk_works AS earlier USING (walk_id)
            JOIN works ON works.work_id = {work_at("earlier.url")}
            LEFT JOIN failures ON stage = 'page' AND subject = works.url
            WHERE listing = :key AND earlier.number < walks.number AND gone_at IS NULL AND crawled_at <= :read_at
            AND NOT EXISTS (
                SELECT 1 FROM walk_works AS present
                WHERE present.walk_id = walks.walk_id AND present.url = works.url AND present.number = walks.number
            ) ORDER BY crawled_at, works.work_id
            """,
            {"key": key, "read_at": (datetime.now(UTC) - min_age).isoformat(timespec="seconds")},
        ).fetchall()
        may_be_asked = (
            row["url"] for row in found if not row["times"] or is_over(row["times"], row["last_at"])
        )
        return list(islice(dict.fromkeys(may_be_asked), most))

    def forget(self, key: str, work_url: str) -> None:
        """Write that *work_url* is found by this search no more, though it is there."""
        with self._catalog.transaction():
            self._catalog.execute(
                f"""
                DELETE FROM walk_works
                WHERE walk_id = (SELECT walk_id FROM walks WHERE listing = ?1)
                AND number < (SELECT number FROM walks WHERE listing = ?1)
                AND {work_at("walk_works.url")} = {work_at("?2")}
                """,
                [key, work_url],
            )
