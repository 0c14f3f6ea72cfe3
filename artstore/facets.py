"""How many pictures there are of each licence, author, tag and kind: a table in memory, counted by numpy.

    n pictures    h holders: sets of works that list the same file, of which most are one work    v values

Counting goes by way of the holders, of which there are far fewer than pictures. A file that two works
list counts for the values of both, and once where they agree.
"""

from __future__ import annotations

from dataclasses import dataclass
from string import ascii_lowercase, ascii_uppercase

import numpy as np
from numpy.typing import NDArray

from artstore.catalog import Catalog
from artstore.filters import KINDS
from artstore.licences import KNOWN

SIDES_PX = (16, 32, 64, 128, 256)
"""Pictures that fit into squares of these, and those that are larger than the last in width and height, are counted."""

_IMAGE = np.dtype(
    [("image_id", np.int64), ("file_id", np.int64), ("width", np.int32), ("height", np.int32)]
    + [(kind, np.bool_) for kind in KINDS]
)


@dataclass(frozen=True, slots=True)
class Counted:
    """A value, and how many pictures have it."""

    value: str
    """As a filter takes it."""
    label: str
    """As a person reads it."""
    count: int


@dataclass(frozen=True, slots=True)
class _Values:
    """The values of works in one respect."""

    values: list[tuple[str, str]]
    """(value, label), of length v."""
    holder_of: NDArray[np.int32]
    value_of: NDArray[np.int32]
    """Pairs: this holder has that value, each once."""

    def counted(self, per_holder: NDArray[np.int64], most: int) -> list[Counted]:
        """Return the *most* frequent values, of those that any picture has; *per_holder*, shape (h,), says how many it has."""
        counts = np.bincount(self.value_of, per_holder[self.holder_of], len(self.values)).astype(np.int64)
        order = np.lexsort((np.arange(len(counts)), -counts))[:most]
        return [
            Counted(value, label, int(counts[place]))
            for place, (value, label) in ((place, self.values[place]) for place in order.tolist())
            if counts[place]
        ]


class FacetTable:
    """The catalog as it was when this was made; safe from many threads."""

    def __init__(self, catalog: Catalog) -> None:
        images = _images(catalog)
        self.ids: NDArray[np.int64] = images["image_id"]
        """Of all pictures, ascending, shape (n,)."""
        self._images = images
        works, holder_of_file = _holders(catalog)
        files = np.fromiter(holder_of_file, np.int64, len(holder_of_file))
        holders = np.fromiter(holder_of_file.values(), np.int32, len(holder_of_file))
        order = np.argsort(files)
        # Files that no work lists are held by nobody: the last holder, who has no values.
        self._holder_of = np.full(len(images), len(works), np.int32)
        if len(files):
            places = np.minimum(np.searchsorted(files[order], images["file_id"]), len(files) - 1)
            known = files[order][places] == images["file_id"]
            self._holder_of[known] = holders[order][places[known]]
        self._holders = len(works) + 1
        members = sorted(
            (int(work_id), holder) for ids, holder in works.items() for work_id in ids.split(",")
        )
        table = np.array(members, np.int64).reshape(len(members), 2)
        self._of_works = {name: _values(catalog, sql, table) for name, sql in _OF_WORKS.items()}

    def mask(self, allowed: NDArray[np.int64] | None) -> NDArray[np.bool_]:
        """Return which pictures are among *allowed*, ascending (None: all), shape (n,)."""
        if allowed is None or np.array_equal(allowed, self.ids):
            return np.ones(len(self.ids), np.bool_)
        mask = np.zeros(len(self.ids), np.bool_)
        if len(self.ids) and len(allowed):
            places = np.minimum(np.searchsorted(self.ids, allowed), len(self.ids) - 1)
            mask[places[self.ids[places] == allowed]] = True
        return mask

    def of_works(self, name: str, mask: NDArray[np.bool_], most: int) -> list[Counted]:
        """Return the *most* frequent values of ``licence``, ``author``, ``tag`` or ``art_type`` of pictures of *mask*."""
        return self._of_works[name].counted(
            np.bincount(self._holder_of[mask], minlength=self._holders).astype(np.int64), most
        )

    def kinds(self, mask: NDArray[np.bool_]) -> list[Counted]:
        """Return how many pictures of *mask* are of each kind."""
        counts = {kind: int(np.count_nonzero(mask & self._images[kind])) for kind in KINDS}
        return [Counted(kind, kind, count) for kind, count in counts.items() if count]

    def up_to(self, mask: NDArray[np.bool_]) -> list[Counted]:
        """Return how many pictures of *mask* are no larger than each of :data:`SIDES_PX`, in width and height."""
        side = np.maximum(self._images["width"], self._images["height"])[mask]
        counts = {limit: int(np.count_nonzero(side <= limit)) for limit in SIDES_PX}
        return [
            Counted(str(limit), f"up to {limit} × {limit}", count) for limit, count in counts.items() if count
        ]

    def from_on(self, mask: NDArray[np.bool_]) -> list[Counted]:
        """Return how many pictures of *mask* are at least of the last of :data:`SIDES_PX`, in width and height."""
        side = np.minimum(self._images["width"], self._images["height"])[mask]
        count = int(np.count_nonzero(side >= SIDES_PX[-1]))
        return (
            [Counted(str(SIDES_PX[-1]), f"at least {SIDES_PX[-1]} × {SIDES_PX[-1]}", count)] if count else []
        )


_LOWER = str.maketrans(ascii_uppercase, ascii_lowercase)

_LABELS = {licence.key: licence.name for licence in KNOWN}

_OF_WORKS = {
    # Of others no filter can be made.
    "licence": f"SELECT work_id, key FROM work_licences JOIN licences USING (licence_id) WHERE key IN {tuple(_LABELS)}",
    "author": "SELECT work_id, author FROM works UNION "
    "SELECT work_id, value FROM works, json_each(collaborators) WHERE collaborators <> '[]'",
    "tag": "SELECT work_id, name FROM work_tags JOIN tags USING (tag_id)",
    "art_type": "SELECT work_id, value FROM works, json_each(art_types)",
}
"""What works have, as (work_id, value)."""


def _images(catalog: Catalog) -> NDArray[np.void]:
    columns = ("image_id", "file_id", "width_px", "height_px", *(f"({sql})" for sql in KINDS.values()))
    joined = " || ',' || ".join(columns)
    # As one text they come many times as fast as in rows of Python, and hold up no other thread meanwhile.
    (text,) = catalog.execute(f"SELECT group_concat({joined}) FROM images").fetchone()
    numbers = np.fromstring(text or "", np.int64, sep=",").reshape(-1, len(_IMAGE.names or ()))
    images = np.empty(len(numbers), _IMAGE)
    for place, name in enumerate(_IMAGE.names or ()):
        images[name] = numbers[:, place]
    return images[np.argsort(images["image_id"])]


def _holders(catalog: Catalog) -> tuple[dict[str, int], dict[int, int]]:
    """Return the sets of works, their ids with commas -> holder; and file id -> holder."""
    found = catalog.execute(
        """
        SELECT file_id, group_concat(work_id) AS works FROM (
            SELECT file_id, work_id FROM work_files AS this WHERE listed OR NOT EXISTS (
                SELECT 1 FROM work_files AS others WHERE others.file_id = this.file_id AND others.listed
            ) ORDER BY file_id, work_id
        ) GROUP BY file_id
        """
    )
    works: dict[str, int] = {}
    of_file = {row["file_id"]: works.setdefault(row["works"], len(works)) for row in found}
    return works, of_file


def _values(catalog: Catalog, sql: str, members: NDArray[np.int64]) -> _Values:
    """Return what *sql* selects, (work_id, value), of holders; *members*, shape (m, 2), are (work_id, holder), ascending."""
    places: dict[str, int] = {}
    labels: dict[str, tuple[int, str]] = {}
    pairs: list[tuple[int, int]] = []
    for work_id, value in catalog.execute(sql):
        if not value:
            continue
        if value not in places:
            # Filters pass over the case of these letters too.
            places[value] = labels.setdefault(value.translate(_LOWER), (len(labels), value))[0]
        pairs.append((work_id, places[value]))
    table = np.array(pairs, np.int64).reshape(len(pairs), 2)
    first = np.searchsorted(members[:, 0], table[:, 0], "left")
    times = np.searchsorted(members[:, 0], table[:, 0], "right") - first
    # Each pair once for every holder that its work is of.
    steps = np.arange(times.sum()) - np.repeat(np.cumsum(times) - times, times)
    holders = members[np.repeat(first, times) + steps, 1]
    keys = np.unique(holders * max(1, len(labels)) + np.repeat(table[:, 1], times))
    holder_of, value_of = np.divmod(keys, max(1, len(labels)))
    names = [(value, _LABELS.get(value, value)) for _, value in labels.values()]
    return _Values(names, holder_of.astype(np.int32), value_of.astype(np.int32))
