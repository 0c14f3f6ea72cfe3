"""By what pictures are known again, and which of them belong together: two tables of the catalog.

A likeness belongs to pixels, not to a file: identical pictures have one. A
group is what somebody who searches would call one picture; its id is the
smallest of its image ids, and a picture without others is in none.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from artstore.catalog import Catalog
from artstore.ledger import PAGE
from artstore.pauses import is_over

COLOUR_BYTES = 48
"""Of 4 x 4 x RGB."""


@dataclass(frozen=True, slots=True)
class Likeness:
    """The marks of a picture's first frame, from exact to rough."""

    art: str
    """Equal for the same art to the pixel: hexadecimal, of 16 bytes."""
    pattern: str | None
    """Equal for the same areas in other colours; None where there are too few areas, or too many colours, to tell."""
    look: int
    """Which neighbours are brighter: 64 bits, signed as SQLite has them."""
    colours: bytes
    """4 x 4 x RGB, :data:`COLOUR_BYTES`."""
    aspect: float
    """Width by height of the art."""


@dataclass(frozen=True, slots=True)
class Unmarked:
    """A picture whose likeness nobody has looked for yet."""

    pixel_hash: str
    path: str
    size_px: int
    """Width by height, of a frame."""


class Likenesses:
    """The likenesses in one catalog."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog

    def waiting(self, embedder_id: int) -> list[Unmarked]:
        """Return the embedded pictures, one of each set of identical ones, that have no likeness yet.

        Those that failed before come last, and not before they have been left alone for long enough.
        """
        found = self.catalog.execute(
            """
            SELECT pixel_hash, min(path) AS path, width_px * height_px AS size_px,
                coalesce(max(times), 0) AS times, max(last_at) AS last_at
            FROM images JOIN features USING (image_id)
            LEFT JOIN failures ON stage = 'compare' AND subject = images.path
            WHERE embedder_id = ? AND pixel_hash NOT IN (SELECT pixel_hash FROM likenesses)
            GROUP BY pixel_hash ORDER BY times > 0, path
            """,
            [embedder_id],
        )
        return [
            Unmarked(row["pixel_hash"], row["path"], row["size_px"])
            for row in found
            if not row["times"] or is_over(row["times"], row["last_at"])
        ]

    def record(self, found: Iterable[tuple[str, Likeness]]) -> None:
        """Write the likeness of each pixel hash. Call inside a transaction."""
        self.catalog.execute_many(
            "INSERT OR REPLACE INTO likenesses VALUES (?, ?, ?, ?, ?, ?)",
            [(pixels, it.art, it.pattern, it.look, it.colours, it.aspect) for pixels, it in found],
        )

    def any(self) -> bool:
        """Say whether there is any."""
        return bool(self.catalog.execute("SELECT EXISTS (SELECT 1 FROM likenesses)").fetchone()[0])

    def of(self, image_ids: Sequence[int]) -> dict[int, Likeness]:
        """Return image id -> likeness for those of *image_ids* that have one."""
        found = self.catalog.execute(
            """
            SELECT image_id, art, pattern, look, colours, aspect FROM images JOIN likenesses USING (pixel_hash)
            WHERE image_id IN (SELECT value FROM json_each(?))
            """,
            [json.dumps(list(image_ids))],
        )
        return {row["image_id"]: Likeness(*tuple(row)[1:]) for row in found}

    def same(self, likeness: Likeness) -> list[int]:
        """Return the pictures with the same art as *likeness*."""
        return self._ids("art = ?", likeness.art)

    def recolours(self, likeness: Likeness) -> list[int]:
        """Return the pictures with the same areas as *likeness* in other colours."""
        return self._ids("pattern = ? AND art <> ?", likeness.pattern, likeness.art)

    def looks(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.uint8], NDArray[np.float64]]:
        """Return (image ids, looks, colours, aspects) of all different art: shapes (n,), (n,), (n, 48), (n,)."""
        found = self.catalog.execute(
            """
            SELECT min(image_id), look, colours, aspect FROM images JOIN likenesses USING (pixel_hash)
            GROUP BY art ORDER BY 1
            """
        ).fetchall()
        ids = np.array([row[0] for row in found], np.int64)
        looks = np.array([row[1] for row in found], np.int64)
        colours = np.frombuffer(b"".join(row[2] for row in found), np.uint8).reshape(len(found), COLOUR_BYTES)
        return ids, looks, colours, np.array([row[3] for row in found], np.float64)

    def kin(self) -> list[tuple[int, int]]:
        """Return pairs (image id, a smaller one) of equal pixels, art, pattern or series."""
        return [tuple(row) for sql in _KIN for row in self.catalog.execute(sql)]

    def _ids(self, condition: str, *parameters: str | None) -> list[int]:
        found = self.catalog.execute(
            f"SELECT image_id FROM images JOIN likenesses USING (pixel_hash) WHERE {condition} ORDER BY image_id",
            parameters,
        )
        return [row["image_id"] for row in found]


def _pairs(columns: str, tables: str) -> str:
    return f"""
        SELECT image_id, first FROM (
            SELECT image_id, min(image_id) OVER (PARTITION BY {columns}) AS first FROM {tables}
        ) WHERE first < image_id
    """


_KIN = (
    _pairs("pixel_hash", "images"),
    _pairs("art", "images JOIN likenesses USING (pixel_hash)"),
    _pairs("pattern", "images JOIN likenesses USING (pixel_hash) WHERE pattern IS NOT NULL"),
    # Series of loose files are named with their work, those in archives are known by their file.
    _pairs("series, CASE WHEN member IS NULL THEN 0 ELSE file_id END", "images WHERE series IS NOT NULL"),
)


class Groups:
    """The groups in one catalog."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog

    def of(self, image_ids: Sequence[int]) -> dict[int, int]:
        """Return image id -> group id for those of *image_ids* that are in a group."""
        found = self.catalog.execute(
            "SELECT image_id, group_id FROM groups WHERE image_id IN (SELECT value FROM json_each(?))",
            [json.dumps(list(image_ids))],
        )
        return {row["image_id"]: row["group_id"] for row in found}

    def members(self, group_ids: Sequence[int]) -> dict[int, list[int]]:
        """Return group id -> its image ids, ascending."""
        found = self.catalog.execute(
            """
            SELECT group_id, image_id FROM groups WHERE group_id IN (SELECT value FROM json_each(?))
            ORDER BY image_id
            """,
            [json.dumps(list(group_ids))],
        )
        members: dict[int, list[int]] = {}
        for row in found:
            members.setdefault(row["group_id"], []).append(row["image_id"])
        return members

    def replace(self, groups: Mapping[int, int]) -> int:
        """Make image id -> group id what *groups* says, and return how many pictures changed; small transactions."""
        known = {row["image_id"]: row["group_id"] for row in self.catalog.execute("SELECT * FROM groups")}
        gone = [(image_id,) for image_id in known if image_id not in groups]
        new = [(group, image_id) for image_id, group in groups.items() if known.get(image_id) != group]
        for start in range(0, len(gone), PAGE):
            with self.catalog.transaction():
                self.catalog.execute_many("DELETE FROM groups WHERE image_id = ?", gone[start : start + PAGE])
        for start in range(0, len(new), PAGE):
            with self.catalog.transaction():
                # A picture may have left the catalog meanwhile.
                self.catalog.execute_many(
                    "INSERT OR REPLACE INTO groups SELECT image_id, ? FROM images WHERE image_id = ?",
                    new[start : start + PAGE],
                )
        return len(gone) + len(new)
