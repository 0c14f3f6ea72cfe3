"""Who has been embedded by whom, and into which index: the queue of the embedder.

The flags of a picture are rows: one in ``features`` says that embedder and
feature row, one in ``indexed`` that index. No row, not done.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from artstore.ascending import as_ids, as_pairs
from artstore.catalog import Catalog
from artstore.errors import Mismatch, NotReady
from artstore.pauses import is_over

PAGE = 5_000
"""Ids looked up in one statement: keeps each list of parameters, and each transaction, short."""


@dataclass(frozen=True, slots=True)
class EmbedderRow:
    """An embedder as the catalog knows it."""

    embedder_id: int
    name: str
    dim: int
    fingerprint: str
    """Weights, preparation and precision: features of another fingerprint are not comparable."""

    @property
    def start_over(self) -> str:
        """What to do if the features are not what they should be."""
        return f"`python -m embedder --forget {self.name}` starts them over"

    def check(self, fingerprint: str) -> None:
        """Raise :class:`~artstore.errors.Mismatch` unless the features were made with *fingerprint*."""
        if self.fingerprint != fingerprint:
            raise Mismatch(
                f"the features of {self.name} here were made with {self.fingerprint}, not with {fingerprint}, "
                f"and cannot be compared; give the same --weights and --precision, or: {self.start_over}"
            )


@dataclass(frozen=True, slots=True)
class Waiting:
    """A picture that waits to be embedded, with all that look exactly like it."""

    image_id: int
    path: str
    pixel_hash: str
    size_px: int
    """Width by height, of a frame."""


class Ledger:
    """What one embedder has done in one catalog."""

    def __init__(self, catalog: Catalog, embedder: EmbedderRow) -> None:
        self.catalog = catalog
        self.embedder = embedder

    @classmethod
    def register(cls, catalog: Catalog, name: str, dim: int, fingerprint: str) -> Ledger:
        """Return the ledger of the embedder *name*, entering it if it is new.

        Raises :class:`~artstore.errors.Mismatch` if features of that name were made
        with another *fingerprint* or *dim*.
        """
        with catalog.transaction():
            catalog.execute(
                "INSERT OR IGNORE INTO embedders VALUES (NULL, ?, ?, ?)", [name, dim, fingerprint]
            )
        known = find_embedder(catalog, name)
        known.check(fingerprint)
        if known.dim != dim:
            raise Mismatch(
                f"the features of {name} here have {known.dim} numbers, not {dim}; {known.start_over}"
            )
        return cls(catalog, known)

    # Embedding.

    def any(self) -> bool:
        """Say whether anything has been embedded."""
        found = self.catalog.execute(
            "SELECT EXISTS (SELECT 1 FROM features WHERE embedder_id = ?)", [self.embedder.embedder_id]
        )
        return bool(found.fetchone()[0])

    def rows(self) -> int:
        """Return how many feature rows the catalog names: one more than the highest."""
        found = self.catalog.execute(
            "SELECT coalesce(max(row) + 1, 0) AS rows FROM features WHERE embedder_id = ?",
            [self.embedder.embedder_id],
        )
        return int(found.fetchone()["rows"])

    def share(self) -> int:
        """Give pictures without features those of a picture with the same pixels; return how many got them."""
        with self.catalog.transaction():
            cursor = self.catalog.execute(
                """
                INSERT OR IGNORE INTO features (embedder_id, image_id, row)
                SELECT done.embedder_id, twin.image_id, done.row
                FROM images AS twin JOIN images AS source USING (pixel_hash)
                JOIN features AS done ON done.image_id = source.image_id AND done.embedder_id = :embedder_id
                WHERE twin.image_id NOT IN (SELECT image_id FROM features WHERE embedder_id = :embedder_id)
                """,
                {"embedder_id": self.embedder.embedder_id},
            )
        return cursor.rowcount

    def waiting(self) -> list[int]:
        """Return the image ids to embed, one for each set of identical pictures.

        Those that failed before come last, and not before they have been left alone for long enough.
        """
        found = self.catalog.execute(
            """
            SELECT min(image_id) AS image_id, coalesce(max(times), 0) AS times, max(last_at) AS last_at FROM images
            LEFT JOIN failures ON stage = 'embed' AND subject = images.path || ' by ' || :name
            WHERE image_id NOT IN (SELECT image_id FROM features WHERE embedder_id = :embedder_id)
            GROUP BY pixel_hash ORDER BY count(reason) > 0, 1
            """,
            {"name": self.embedder.name, "embedder_id": self.embedder.embedder_id},
        )
        return [row["image_id"] for row in found if not row["times"] or is_over(row["times"], row["last_at"])]

    def details(self, image_ids: Sequence[int]) -> list[Waiting]:
        """Return what is needed to embed *image_ids*; those deleted meanwhile are left out."""
        marks = ", ".join("?" * len(image_ids))
        found = self.catalog.execute(
            f"""
            SELECT image_id, path, pixel_hash, width_px * height_px AS size_px FROM images
            WHERE image_id IN ({marks}) ORDER BY image_id
            """,
            image_ids,
        )
        return [Waiting(**row) for row in found]

    def mark_embedded(self, done: Iterable[tuple[Waiting, int]]) -> None:
        """Write that the features of each picture, and of its twins, are at its row. Call inside a transaction."""
        self.catalog.execute_many(
            "INSERT OR REPLACE INTO features SELECT ?, image_id, ? FROM images WHERE pixel_hash = ?",
            [(self.embedder.embedder_id, row, picture.pixel_hash) for picture, row in done],
        )

    # Indexing.

    def any_indexed(self, index: str) -> bool:
        """Say whether anything is in *index*."""
        found = self.catalog.execute(
            "SELECT EXISTS (SELECT 1 FROM indexed JOIN indexes USING (index_id) WHERE name = ?)",
            [self._index_name(index)],
        )
        return bool(found.fetchone()[0])

    def indexed(self, index: str) -> NDArray[np.int64]:
        """Return the image ids that are in *index*, ascending."""
        (text,) = self.catalog.execute(
            "SELECT group_concat(image_id) FROM indexed JOIN indexes USING (index_id) WHERE name = ?",
            [self._index_name(index)],
        ).fetchone()
        return as_ids(text)

    def feature_rows(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return (image ids ascending, their feature rows), each of shape (n,)."""
        # As one text: rows of Python would take a quarter of a gigabyte for a million.
        (text,) = self.catalog.execute(
            "SELECT group_concat(image_id || ',' || row) FROM features WHERE embedder_id = ?",
            [self.embedder.embedder_id],
        ).fetchone()
        return as_pairs(text)

    def rows_of(self, image_ids: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return (ids, rows) of those of *image_ids* that have features, in no particular order."""
        pairs: list[tuple[int, int]] = []
        for start in range(0, len(image_ids), PAGE):
            page = image_ids[start : start + PAGE].tolist()
            marks = ", ".join("?" * len(page))
            found = self.catalog.execute(
                f"SELECT image_id, row FROM features WHERE embedder_id = ? AND image_id IN ({marks})",
                [self.embedder.embedder_id, *page],
            )
            pairs.extend(tuple(row) for row in found)
        array = np.array(pairs, np.int64).reshape(-1, 2)
        return array[:, 0], array[:, 1]

    def mark_indexed(self, index: str, image_ids: NDArray[np.int64], rows: NDArray[np.int64]) -> None:
        """Write that *image_ids* are in *index* with the features at *rows*.

        Those that the catalog has lost meanwhile are left out, and so are those that were replaced and have other features.
        """
        with self.catalog.transaction():
            self.catalog.execute("INSERT OR IGNORE INTO indexes VALUES (NULL, ?)", [self._index_name(index)])
        for start in range(0, len(image_ids), PAGE):
            with self.catalog.transaction():
                self.catalog.execute_many(
                    """
                    INSERT OR IGNORE INTO indexed SELECT index_id, image_id FROM indexes, features
                    WHERE name = ? AND embedder_id = ? AND image_id = ? AND row = ?
                    """,
                    [
                        (self._index_name(index), self.embedder.embedder_id, image_id, row)
                        for image_id, row in zip(
                            image_ids[start : start + PAGE].tolist(),
                            rows[start : start + PAGE].tolist(),
                            strict=True,
                        )
                    ],
                )

    def forget(self) -> None:
        """Remove all that this embedder has done: its features, its indexes and itself."""
        with self.catalog.transaction():
            # The part after the first colon: an embedder's name may hold colons too, and LIKE knows no case.
            self.catalog.execute(
                "DELETE FROM indexes WHERE substr(name, instr(name, ':') + 1) = ?", [self.embedder.name]
            )
            self.catalog.execute("DELETE FROM embedders WHERE embedder_id = ?", [self.embedder.embedder_id])

    def _index_name(self, index: str) -> str:
        return f"{index}:{self.embedder.name}"


def embedders(catalog: Catalog) -> list[EmbedderRow]:
    """Return the embedders known in *catalog*, the one with most features first."""
    found = catalog.execute(
        """
        SELECT embedder_id, name, dim, fingerprint FROM embedders
        ORDER BY (SELECT count(*) FROM features WHERE features.embedder_id = embedders.embedder_id) DESC, name
        """
    )
    return [EmbedderRow(**row) for row in found]


def known_embedder(catalog: Catalog, name: str) -> EmbedderRow | None:
    """Return the embedder called *name*, or None if it has done nothing here; cheap enough for each question."""
    row = catalog.execute(
        "SELECT embedder_id, name, dim, fingerprint FROM embedders WHERE name = ?", [name]
    ).fetchone()
    return EmbedderRow(**row) if row else None


def find_embedder(catalog: Catalog, name: str) -> EmbedderRow:
    """Return the embedder called *name*. Raises :class:`~artstore.errors.NotReady` naming those there are."""
    if embedder := known_embedder(catalog, name):
        return embedder
    known = embedders(catalog)
    others = f" (there are features of {', '.join(e.name for e in known)})" if known else ""
    raise NotReady(
        f"nothing has been embedded by {name} yet{others}; run `python -m embedder --embedder {name}`"
    )
