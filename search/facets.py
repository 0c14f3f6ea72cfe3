"""Filters with counts: what else there is to ask for, and how many pictures that would leave."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from artstore.catalog import Catalog
from artstore.facets import Counted, FacetTable
from artstore.filters import Filter, IdSets

MOST_VALUES = 24
"""Of a facet; a filter can still be asked for any other."""

EVERYTHING = Filter(min_width_px=1)
"""What every picture fits."""

_SCATTER = np.uint32(2_654_435_769)
"""2^32 by the golden ratio: multiples of it are spread evenly, whatever they are multiples of (Knuth)."""


class Order(StrEnum):
    """What comes first where no question says it."""

    MIXED = "mixed"
    """Works scattered among each other, always in the same way."""
    NEWEST = "newest"
    """What was found last."""


@dataclass(frozen=True, slots=True)
class FacetValue:
    """A filter that could be set, and how many pictures it would leave."""

    name: str
    """``licence``, ``author``, ``tag``, ``art_type``, ``kind``, ``min`` or ``max``: what the filter says."""
    value: str
    label: str
    """The same for people."""
    count: int


@dataclass(frozen=True, slots=True)
class Facet:
    """One respect in which pictures differ."""

    name: str
    """``licence``, ``kind``, ``size``, ``art_type``, ``tag`` or ``author``."""
    values: tuple[FacetValue, ...]
    """Most pictures first, sizes by size; none that no picture has, and at most :data:`MOST_VALUES`."""


Row = Callable[[FacetTable, NDArray[np.bool_]], list[FacetValue]]


def _of_works(name: str) -> Row:
    return lambda table, mask: _named(name, table.of_works(name, mask, MOST_VALUES))


def _sizes(table: FacetTable, mask: NDArray[np.bool_]) -> list[FacetValue]:
    return [*_named("max", table.up_to(mask)), *_named("min", table.from_on(mask))]


_NO_SIZE = dict.fromkeys(("min_width_px", "min_height_px", "max_width_px", "max_height_px"))

_FACETS: tuple[tuple[str, dict[str, Any], Row], ...] = (
    ("licence", {"licence": None}, _of_works("licence")),
    ("kind", {"kind": None}, lambda table, mask: _named("kind", table.kinds(mask))),
    ("size", _NO_SIZE, _sizes),
    ("art_type", {"art_type": None}, _of_works("art_type")),
    # A tag is asked for beside those that are.
    ("tag", {}, _of_works("tag")),
    ("author", {"author": None}, _of_works("author")),
)
"""(name, what a filter says of it, how it is counted)."""


class FacetCounter:
    """Counts of one catalog, by a connection of its own; safe from many threads."""

    def __init__(self, path: Path) -> None:
        self._catalog = Catalog(path, read_only=True)
        self._lock = threading.Lock()
        self._table: FacetTable | None = None
        self._version = -1

    def refresh(self) -> int:
        """Read the catalog, if it has changed since, and return how many pictures there are.

        Who counts meanwhile does so by what it was.
        """
        with self._lock:
            # Changes with every commit of anybody else.
            version = int(self._catalog.execute("PRAGMA data_version").fetchone()[0])
            if self._table is None or version != self._version:
                self._table = FacetTable(self._catalog)
                self._version = version
            return len(self._table.ids)

    def count(self, only: Filter, among: NDArray[np.int64] | None, id_sets: IdSets) -> tuple[Facet, ...]:
        """Return all facets of the pictures that *only* lets through, of ids *among*, ascending; None: all."""
        if self._table is None:
            self.refresh()
        table = self._table
        if table is None:
            return ()
        base = table.mask(among)
        masks: dict[Filter, NDArray[np.bool_]] = {}
        facets = []
        for name, without, row in _FACETS:
            asked = replace(only, **without)
            if asked not in masks:
                masks[asked] = base & table.mask(id_sets.ids(asked))
            facets.append(Facet(name, tuple(row(table, masks[asked]))))
        return tuple(facets)

    def close(self) -> None:
        """Close the connection; no thread may be counting any more."""
        self._catalog.close()


def in_order(ids: NDArray[np.int64], order: Order, most: int) -> list[int]:
    """Return the first *most* of *ids*, ascending, in *order*."""
    if order is Order.NEWEST:
        first = ids[: -most - 1 : -1]
    else:
        keys = ids.astype(np.uint32) * _SCATTER
        # Sorting them all takes ten times as long as finding those that come first.
        chosen = np.argpartition(keys, most)[:most] if most < len(ids) else np.arange(len(ids))
        first = ids[chosen[np.lexsort((ids[chosen], keys[chosen]))]]
    found: list[int] = first.tolist()
    return found


def _named(name: str, counted: list[Counted]) -> list[FacetValue]:
    return [FacetValue(name, one.value, one.label, one.count) for one in counted]
