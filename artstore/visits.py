"""The memory of a crawl: which pages and files are to be asked for again, when, and with which words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from artstore.catalog import Catalog
from artstore.models import Stage, Work
from artstore.pauses import is_over

TO_BE_HAD = """(state IN ('pending', 'failed') OR state = 'stored' AND EXISTS (
    SELECT 1 FROM failures WHERE stage = 'download' AND subject = files.url
))"""
"""Of a file: not here, or here in an older form while a newer one could not be had."""


@dataclass(frozen=True, slots=True)
class Validators:
    """What a server gave with an answer, to be asked whether it has changed since."""

    etag: str | None
    last_modified: str | None

    def headers(self) -> dict[str, str]:
        """Return the headers of a conditional request."""
        named = {"If-None-Match": self.etag, "If-Modified-Since": self.last_modified}
        return {name: value for name, value in named.items() if value}


class Visits:
    """Questions of a crawl to the catalog; *max_age* is how long a work that was read stays as it is."""

    def __init__(self, catalog: Catalog, max_age: timedelta) -> None:
        self._catalog = catalog
        self._max_age = max_age

    def is_due(self, work_url: str) -> bool:
        """Say whether *work_url* is to be read: new, old, or with files that are still to be had."""
        work = self._catalog.execute(
            "SELECT work_id, crawled_at FROM works WHERE url = ?", [work_url]
        ).fetchone()
        if work is None or datetime.fromisoformat(work["crawled_at"]) < datetime.now(UTC) - self._max_age:
            return self.may_try(Stage.PAGE, work_url)
        files = self._catalog.execute(
            f"SELECT url FROM work_files JOIN files USING (file_id) WHERE work_id = ? AND listed AND {TO_BE_HAD}",
            [work["work_id"]],
        )
        return any(self.may_try(Stage.DOWNLOAD, file["url"]) for file in files)

    def may_try(self, stage: Stage, subject: str) -> bool:
        """Say whether *subject*, if it failed before, has been left alone for long enough."""
        row = self._catalog.execute(
            "SELECT times, last_at FROM failures WHERE stage = ? AND subject = ?", [stage, subject]
        ).fetchone()
        return row is None or is_over(row["times"], row["last_at"])

    def has_failed(self, file_url: str) -> bool:
        """Say whether the last try to have *file_url*, or to hear whether it has changed, failed."""
        found = self._catalog.execute(
            "SELECT 1 FROM failures WHERE stage = 'download' AND subject = ?", [file_url]
        )
        return found.fetchone() is not None

    def is_known(self, work_url: str) -> bool:
        """Say whether *work_url* was ever read."""
        return self._catalog.execute("SELECT 1 FROM works WHERE url = ?", [work_url]).fetchone() is not None

    def posted_at(self, work_url: str) -> datetime | None:
        """Return when *work_url* was posted, by the site's clock; None for one that is not known, or has no date."""
        row = self._catalog.execute("SELECT posted_at FROM works WHERE url = ?", [work_url]).fetchone()
        return datetime.fromisoformat(row["posted_at"]) if row and row["posted_at"] else None

    def failed_pages(self, site_url: str) -> list[str]:
        """Return the works' pages of *site_url* that failed and may be tried again; those of a collection have a ``?``."""
        found = self._catalog.execute(
            """
            SELECT subject FROM failures
            WHERE stage = 'page' AND substr(subject, 1, length(?)) = ? AND instr(subject, '?') = 0
            """,
            [f"{site_url}/content/", f"{site_url}/content/"],
        ).fetchall()
        return [row["subject"] for row in found if self.may_try(Stage.PAGE, row["subject"])]

    def was_walked(self, listing: str) -> bool:
        """Say whether *listing* was read to its end by the last crawl that began to read it."""
        return (
            self._catalog.execute("SELECT 1 FROM walks WHERE listing = ?", [listing]).fetchone() is not None
        )

    def begin_walk(self, listing: str) -> None:
        """Write that *listing* is being read: should the crawl end early, it was not read to its end."""
        with self._catalog.transaction():
            self._catalog.execute("DELETE FROM walks WHERE listing = ?", [listing])

    def end_walk(self, listing: str) -> None:
        """Write that *listing* was read to its end, or to where everything is known."""
        with self._catalog.transaction():
            self._catalog.execute("INSERT OR IGNORE INTO walks VALUES (?)", [listing])

    def validators(self, work_url: str) -> Validators | None:
        """Return what to ask *work_url* with, or None where the whole page is needed: its files are not all here."""
        row = self._catalog.execute(
            f"""
            SELECT etag, last_modified FROM works WHERE url = ? AND gone_at IS NULL AND NOT EXISTS (
                SELECT 1 FROM work_files JOIN files USING (file_id)
                WHERE work_files.work_id = works.work_id AND listed AND {TO_BE_HAD}
            )
            """,
            [work_url],
        ).fetchone()
        return Validators(**row) if row and (row["etag"] or row["last_modified"]) else None

    def has_changed(self, work: Work) -> bool:
        """Say whether *work* was read before and said something else, about itself or its files."""
        row = self._catalog.execute("SELECT content_hash FROM works WHERE url = ?", [work.url]).fetchone()
        return row is not None and row["content_hash"] != work.content_hash()
