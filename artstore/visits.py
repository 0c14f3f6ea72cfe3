"""The memory of a crawl: which pages and files are to be asked for again, when, and with which words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from artstore.addresses import work_at
from artstore.catalog import Catalog
from artstore.models import FileLink, Stage, Work
from artstore.pauses import is_over

TO_BE_HAD = """(state IN ('pending', 'failed') OR state = 'stored' AND (
    declared_bytes <> size_bytes OR EXISTS (SELECT 1 FROM failures WHERE stage = 'download' AND subject = files.url)
))"""
"""Of a file: not here, or here in an older form while a newer one could not be had."""


GONE_FOR = timedelta(days=1)
"""How long a work that was gone is not asked for though a listing names it."""

NODE = re.compile(r"/node/(\d{1,18})$")


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
        work = self._at(work_url)
        if work is None or datetime.fromisoformat(work["crawled_at"]) < datetime.now(UTC) - self._age(work):
            return self.may_try(Stage.PAGE, work_url)
        files = self._catalog.execute(
            f"SELECT url FROM work_files JOIN files USING (file_id) WHERE work_id = ? AND listed AND {TO_BE_HAD}",
            [work["work_id"]],
        )
        return any(self.may_try(Stage.DOWNLOAD, file["url"]) for file in files)

    def is_old(self, work_url: str) -> bool:
        """Say whether *work_url* was read so long ago that its files, too, are to be asked whether they have changed."""
        work = self._catalog.execute("SELECT crawled_at FROM works WHERE url = ?", [work_url]).fetchone()
        return work is not None and self._is_past(work["crawled_at"])

    def _is_past(self, crawled_at: str) -> bool:
        return datetime.fromisoformat(crawled_at) < datetime.now(UTC) - self._max_age

    def stored_files(self, work_url: str) -> tuple[FileLink, ...]:
        """Return the files that the page of *work_url* listed when it was last read, and that are here."""
        found = self._catalog.execute(
            """
            SELECT files.url, path, name, declared_bytes, mime
            FROM works JOIN work_files USING (work_id) JOIN files USING (file_id)
            WHERE works.url = ? AND listed AND state = 'stored' ORDER BY position
            """,
            [work_url],
        )
        return tuple(FileLink(**row) for row in found)

    def release(self, max_bytes: int) -> None:
        """Write that files which were too large are to be had, where they have no more than *max_bytes*."""
        with self._catalog.transaction():
            self._catalog.execute(
                """
                DELETE FROM failures WHERE stage = 'download' AND reason = 'too_large'
                AND subject IN (SELECT url FROM files WHERE declared_bytes <= ?)
                """,
                [max_bytes],
            )
            self._catalog.execute(
                "UPDATE files SET state = 'pending' WHERE state = 'too_large' AND declared_bytes <= ?",
                [max_bytes],
            )

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
        return self._at(work_url) is not None

    def posted_at(self, work_url: str) -> datetime | None:
        """Return when *work_url* was posted, by the site's clock; None for one that is not known, or has no date."""
        row = self._at(work_url)
        return datetime.fromisoformat(row["posted_at"]) if row and row["posted_at"] else None

    def once_each(self, work_urls: Sequence[str]) -> list[str]:
        """Return *work_urls* without those that are known to lead to the same work as a later one."""
        last = {self._number_at(url) or url: url for url in work_urls}
        return [url for url in work_urls if url in last.values()]

    def unfinished(self, site_url: str) -> list[str]:
        """Return the works of *site_url* of which files are to be had, and may be tried: left, or failed long enough ago."""
        found = self._catalog.execute(
            f"""
            SELECT works.url, times, last_at FROM files JOIN work_files USING (file_id) JOIN works USING (work_id)
            LEFT JOIN failures ON stage = 'download' AND subject = files.url
            WHERE listed AND gone_at IS NULL AND substr(works.url, 1, length(?1)) = ?1 AND {TO_BE_HAD}
            ORDER BY work_id
            """,
            [f"{site_url}/"],
        ).fetchall()
        works = [row["url"] for row in found if not row["times"] or is_over(row["times"], row["last_at"])]
        return [url for url in dict.fromkeys(works) if self.may_try(Stage.PAGE, url)]

    def failed_pages(self, site_url: str) -> list[str]:
        """Return the works' pages of *site_url* that failed and may be tried again; those of a collection have a ``?``."""
        found = self._catalog.execute(
            """
            SELECT subject FROM failures WHERE stage = 'page' AND instr(subject, '?') = 0
            AND (substr(subject, 1, length(?1)) = ?1 OR substr(subject, 1, length(?2)) = ?2)
            """,
            [f"{site_url}/content/", f"{site_url}/node/"],
        ).fetchall()
        return [row["subject"] for row in found if self.may_try(Stage.PAGE, row["subject"])]

    def failed_at(self, beginning: str) -> list[str]:
        """Return the pages that failed whose addresses have this *beginning*."""
        found = self._catalog.execute(
            "SELECT subject FROM failures WHERE stage = 'page' AND substr(subject, 1, length(?1)) = ?1",
            [beginning],
        )
        return [row["subject"] for row in found]

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

    def _at(self, work_url: str) -> Any:
        """Return the row of the work at *work_url*, or None."""
        return self._catalog.execute(
            f"SELECT work_id, crawled_at, posted_at, gone_at FROM works WHERE work_id = {work_at('?1')}",
            [work_url],
        ).fetchone()

    def _age(self, work: Any) -> timedelta:
        """Return how old what is known of *work* may be; of one that is gone, and named again, less."""
        return min(self._max_age, GONE_FOR) if work["gone_at"] else self._max_age

    def _number_at(self, work_url: str) -> int | None:
        """Return the work_id of the work at *work_url*, which may be its number, or None."""
        node = NODE.search(work_url)
        row = (
            self._at(work_url)
            or self._catalog.execute(
                "SELECT work_id FROM works WHERE node_id = ?", [int(node[1]) if node else -1]
            ).fetchone()
        )
        return int(row["work_id"]) if row else None
