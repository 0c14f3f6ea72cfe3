"""Bring a vector index up to date with the features, which are the truth."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from artstore.claims import claimed
from artstore.features import FeatureReader, unit
from artstore.ledger import Ledger
from artstore.settings import Settings
from artstore.vectors import VectorIndex, index_kind, open_index

BATCH_ROWS = 2_000
"""Vectors read and added at once: 32 MB of float32 at 4096 dimensions."""


@dataclass(frozen=True, slots=True)
class IndexWork:
    """What an index lacks and has too much."""

    index: VectorIndex
    add: NDArray[np.int64]
    rows: NDArray[np.int64]
    """The feature row of each id to add."""
    remove: NDArray[np.int64]


def plan_index(ledger: Ledger, settings: Settings, *, rebuild: bool = False) -> IndexWork:
    """Open the index and compare it with the catalog; with *rebuild*, start from an empty one.

    Raises :class:`~artstore.errors.Mismatch` if what lies on disk does not fit.
    """
    name = ledger.embedder.name
    index = open_index(settings.index, settings.index_path(name), ledger.embedder.dim, name, fresh=rebuild)
    image_ids, rows = ledger.feature_rows()
    FeatureReader(settings.features_dir(name), ledger.embedder.dim).check(ledger.rows())
    held = index.ids()
    # Held but not marked: added just before a crash, or the picture has changed. Adding again replaces.
    done = np.intersect1d(held, ledger.indexed(index_kind(settings.index)))
    lacking = ~np.isin(image_ids, done)
    return IndexWork(index, image_ids[lacking], rows[lacking], np.setdiff1d(held, image_ids))


def update_index(ledger: Ledger, settings: Settings, *, rebuild: bool = False) -> Iterator[tuple[int, int]]:
    """Add what is missing and remove what is gone, yielding (done, total) after each step.

    The index is saved before the catalog says that a picture is in it. Raises
    :class:`~artstore.errors.Busy` if another process is at it.
    """
    with index_claimed(settings, ledger.embedder.name):
        yield from _updated(ledger, settings, rebuild=rebuild)


@contextmanager
def index_claimed(settings: Settings, embedder: str) -> Iterator[None]:
    """Be the only one to write *embedder*'s indexes. Raises :class:`~artstore.errors.Busy` if another process does."""
    stem = settings.index_path(embedder)
    lock = claimed(stem.with_name(stem.name + ".lock"), f"writing the index {stem}")
    try:
        yield
    finally:
        lock.release()


def _updated(ledger: Ledger, settings: Settings, *, rebuild: bool) -> Iterator[tuple[int, int]]:
    kind = index_kind(settings.index)
    work = plan_index(ledger, settings, rebuild=rebuild)
    reader = FeatureReader(settings.features_dir(ledger.embedder.name), ledger.embedder.dim)
    yield 0, len(work.add)
    if not rebuild and work.add.size == 0 and work.remove.size == 0:
        return
    work.index.remove(work.remove.tolist())
    for start in range(0, len(work.add), BATCH_ROWS):
        part = slice(start, start + BATCH_ROWS)
        work.index.add(work.add[part], unit(reader.read(work.rows[part])))
        yield min(start + BATCH_ROWS, len(work.add)), len(work.add)
    work.index.save()
    if rebuild:
        ledger.unmark_indexed(kind)
    ledger.mark_indexed(kind, work.add)
