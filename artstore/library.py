"""What can be asked of the catalog about art: whose it is, what it is called, what there is."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from artstore.catalog import Catalog
from artstore.filters import Condition, Filter
from artstore.models import Licence
from artstore.wordquery import match_expression

WORD_WEIGHTS = "10.0, 5.0, 5.0, 3.0, 2.0"
"""How much a word counts in title, tags, author, file and member: the broader names are the more deliberate ones."""


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """A picture with everything needed to show and to credit it."""

    image_id: int
    path: str
    file_url: str
    file_name: str
    member: str | None
    width_px: int
    height_px: int
    frames: int
    series: str | None
    work_url: str | None
    """None once no known work lists the file any more."""
    title: str
    author: str
    author_url: str | None
    copyright_notice: str
    licences: tuple[Licence, ...]
    collaborators: tuple[str, ...] = ()
    """Who made it with the author."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A picture in the list of all."""

    image_id: int
    path: str
    """Below the data folder."""
    page_url: str | None
    embedded: bool
    """Whether its features are there."""
    indexed: bool


@dataclass(frozen=True, slots=True)
class Count:
    """A line of the status: so many of something."""

    what: str
    count: int


class Library:
    """Questions to one catalog."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog

    def describe(self, image_ids: Sequence[int], only: Filter | None = None) -> list[ImageRecord]:
        """Return the records of *image_ids*, in that order; ids that do not exist are left out.

        A file of several works is credited to one that lists it today, and among
        these to one that fits *only*, by which the picture may have been found.
        """
        fits = (only.of_work() if only else None) or Condition("0")
        # Which works fit is only looked up where there is a choice: of many works it takes longer than all else.
        one = f"""
            work_id = (
                SELECT work_id FROM work_files WHERE work_files.file_id = files.file_id
                ORDER BY listed DESC, CASE WHEN (
                    SELECT count(*) FROM work_files AS every WHERE every.file_id = work_files.file_id
                ) > 1 THEN work_id IN (SELECT work_id FROM works WHERE {fits.sql}) END DESC, work_id LIMIT 1
            )
        """
        records = {record.image_id: record for record in self._described(image_ids, one, fits.parameters)}
        return [records[image_id] for image_id in image_ids if image_id in records]

    def describe_all(self, image_ids: Sequence[int]) -> list[ImageRecord]:
        """Return a record for each of *image_ids* and each work that has ever listed its file."""
        every = "work_id IN (SELECT work_id FROM work_files WHERE work_files.file_id = files.file_id)"
        return self._described(image_ids, every, ())

    def _described(
        self, image_ids: Sequence[int], of_works: str, parameters: Sequence[str | int]
    ) -> list[ImageRecord]:
        marks = ", ".join("?" * len(image_ids))
        found = self.catalog.execute(
            f"""
            SELECT image_id, images.path, files.url AS file_url, files.name AS file_name, member, width_px, height_px,
                frames, series, work_id, works.url AS work_url, coalesce(title, '') AS title,
                coalesce(author, '') AS author, author_url, coalesce(copyright_notice, '') AS copyright_notice,
                coalesce(collaborators, '[]') AS collaborators
            FROM images JOIN files USING (file_id) LEFT JOIN works ON {of_works}
            WHERE image_id IN ({marks}) ORDER BY image_id, work_id
            """,
            [*parameters, *image_ids],
        ).fetchall()
        records = []
        for row in found:
            facts = dict(row)
            licences = self._licences(facts.pop("work_id"))
            collaborators = tuple(json.loads(facts.pop("collaborators")))
            records.append(ImageRecord(**facts, licences=licences, collaborators=collaborators))
        return records

    def find_words(self, text: str, top: int, among: NDArray[np.int64] | None = None) -> list[int]:
        """Return the ids of the *top* pictures with these words, best first; only *among* some, not very many, ids.

        :mod:`artstore.wordquery` says how they are written. Raises :class:`~artstore.errors.UsageError`
        if *text* only names what must not be there.
        """
        expression = match_expression(text)
        if expression is None:
            return []
        # The sign keeps SQLite from asking for the words of each id for itself, which takes a hundred times as long.
        clause = "" if among is None else "AND +rowid IN (SELECT value FROM json_each(:among))"
        found = self.catalog.execute(
            f"""
            SELECT rowid FROM words WHERE words MATCH :words {clause}
            ORDER BY bm25(words, {WORD_WEIGHTS}), rowid LIMIT :top
            """,
            {
                "words": expression,
                "top": top,
                "among": None if among is None else json.dumps(among.tolist()),
            },
        )
        return [row["rowid"] for row in found]

    def listing(self, embedder: str, index: str) -> Iterator[Listed]:
        """Yield every picture by its id, with what *embedder* and *index* (``hnsw:colour``) have done with it."""
        found = self.catalog.execute(
            """
            SELECT image_id, path, (
                SELECT url FROM work_files JOIN works USING (work_id) WHERE work_files.file_id = images.file_id
                ORDER BY listed DESC, work_id LIMIT 1
            ) AS page_url,
            EXISTS (
                SELECT 1 FROM features JOIN embedders USING (embedder_id)
                WHERE features.image_id = images.image_id AND name = :embedder
            ) AS embedded,
            EXISTS (
                SELECT 1 FROM indexed JOIN indexes USING (index_id)
                WHERE indexed.image_id = images.image_id AND name = :index
            ) AS indexed
            FROM images ORDER BY image_id
            """,
            {"embedder": embedder, "index": index},
        )
        for row in found:
            yield Listed(
                row["image_id"], row["path"], row["page_url"], bool(row["embedded"]), bool(row["indexed"])
            )

    def status(self) -> list[Count]:
        """Count works, files by state, pictures, features by embedder, indexed by index, failures by reason."""
        parts = (
            "SELECT 'works', count(*) FROM works",
            "SELECT 'files ' || state, count(*) FROM files GROUP BY state",
            "SELECT 'pictures', count(*) FROM images",
            "SELECT 'pictures, identical ones counted once', count(DISTINCT pixel_hash) FROM images",
            "SELECT 'embedded by ' || name, count(*) FROM features JOIN embedders USING (embedder_id) GROUP BY name",
            "SELECT 'indexed in ' || name, count(*) FROM indexed JOIN indexes USING (index_id) GROUP BY name",
            "SELECT 'failed at ' || stage || ': ' || reason, count(*) FROM failures GROUP BY stage, reason",
        )
        return [Count(*row) for part in parts for row in self.catalog.execute(part)]

    def has_pictures(self) -> bool:
        """Say whether there is any picture."""
        return bool(self.catalog.execute("SELECT EXISTS (SELECT 1 FROM images) AS any").fetchone()["any"])

    def failures(self) -> list[dict[str, str | int]]:
        """Return every failure there is, by stage and reason."""
        found = self.catalog.execute("SELECT * FROM failures ORDER BY stage, reason, subject")
        return [dict(row) for row in found]

    def _licences(self, work_id: int | None) -> tuple[Licence, ...]:
        found = self.catalog.execute(
            "SELECT key, name, deed_url FROM work_licences JOIN licences USING (licence_id) WHERE work_id = ? ORDER BY key",
            [work_id],
        )
        return tuple(Licence(**row) for row in found)
