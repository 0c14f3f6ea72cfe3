"""Bring a vector index up to date with the features, which are the truth."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from artstore.claims import claimed
from artstore.features import FeatureReader
from artstore.ledger import EmbedderRow, Ledger
from artstore.settings import Settings
from artstore.vectors import VectorIndex, index_kind, open_index
from artstore.vectors.reducer import SAMPLE_COUNT

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
    anew: bool
    """Whether *index* is an empty one, to replace what lies there."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Vectors drawn evenly from all of an embedder's, for an index to learn from; the same ones every time."""

    reader: FeatureReader
    rows: NDArray[np.int64]

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        # Rows of pictures with equal pixels count once: an index is to learn from differences.
        rows = np.unique(self.rows)
        drawn = np.random.default_rng(0).choice(rows, min(len(rows), SAMPLE_COUNT), replace=False)
        for part in batches(np.sort(drawn)):
            yield self.reader.read(part)


def plan_index(ledger: Ledger, settings: Settings, *, rebuild: bool = False) -> IndexWork:
    """Open the index and compare it with the catalog; with *rebuild*, or if it has outgrown itself, start from an empty one.

    Raises :class:`~artstore.errors.Mismatch` if what lies on disk does not fit.
    """
    image_ids, rows = ledger.feature_rows()
    feature_reader(ledger.embedder, settings).check(ledger.rows())
    index = opened(ledger.embedder, settings, fresh=rebuild)
    if not rebuild and index.outgrown(len(image_ids)):
        rebuild, index = True, opened(ledger.embedder, settings, fresh=True)
    held = index.ids()
    # Held but not marked: added just before a crash, or the picture has changed. Adding again replaces.
    done = np.intersect1d(held, ledger.indexed(index_kind(settings.index)))
    lacking = ~np.isin(image_ids, done)
    return IndexWork(index, image_ids[lacking], rows[lacking], np.setdiff1d(held, image_ids), rebuild)


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


def opened(embedder: EmbedderRow, settings: Settings, *, fresh: bool = False) -> VectorIndex:
    """Return the index of *settings* over *embedder*'s vectors; raises as :func:`~artstore.vectors.open_index`."""
    path = settings.index_path(embedder.name)
    return open_index(settings.index, path, embedder.dim, embedder.name, fresh=fresh)


def feature_reader(embedder: EmbedderRow, settings: Settings) -> FeatureReader:
    """Return what reads *embedder*'s vectors."""
    return FeatureReader(settings.features_dir(embedder.name), embedder.dim)


def batches(rows: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Give *rows* in pieces that are read at once."""
    for start in range(0, len(rows), BATCH_ROWS):
        yield rows[start : start + BATCH_ROWS]


def _updated(ledger: Ledger, settings: Settings, *, rebuild: bool) -> Iterator[tuple[int, int]]:
    kind = index_kind(settings.index)
    work = plan_index(ledger, settings, rebuild=rebuild)
    reader = feature_reader(ledger.embedder, settings)
    yield 0, len(work.add)
    if not work.anew and work.add.size == 0 and work.remove.size == 0:
        return
    work.index.remove(work.remove.tolist())
    if len(work.index) == 0:
        work.index.learn(Sample(reader, work.rows), len(work.add))
    done = 0
    for ids, rows in zip(batches(work.add), batches(work.rows), strict=True):
        work.index.add(ids, reader.read(rows))
        done += len(ids)
        yield done, len(work.add)
    work.index.save()
    ledger.mark_indexed(kind, work.add, work.rows)
