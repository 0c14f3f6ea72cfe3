"""One embedder's vectors as they were when its index was saved: what one question is asked of.

    m candidates    d = the embedder's dimension

The vector index names candidates, whose full feature vectors are then read from
disk and compared exactly.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from artstore.ascending import common
from artstore.catalogs import Catalogs
from artstore.errors import NotReady
from artstore.features import FeatureReader
from artstore.kept import Kept
from artstore.ledger import EmbedderRow, Ledger
from artstore.vectors import NOBODY, Stamp, VectorIndex

KEPT_BYTES = 32 << 20
"""Of those among the ids that filters let through that are indexed."""

Ids = NDArray[np.int64]


class Candidates(NamedTuple):
    """The nearest to a question, the nearest first."""

    ids: Ids
    """Shape (m,)."""
    distances: NDArray[np.float32]
    """Exact."""
    are_all: bool
    """Whether there are no more."""


@dataclass(frozen=True, slots=True)
class Sight:
    """An embedder and one state of its index. Safe in many threads."""

    row: EmbedderRow
    stamp: Stamp | None
    """Of the index's file, from before it was loaded."""
    index: VectorIndex
    ids: NDArray[np.int64]
    """All that can be found, ascending."""
    features: FeatureReader
    catalogs: Catalogs
    command: str
    """What makes ready what is missing."""
    _within: Kept[int, tuple[Ids, Ids]] = field(default_factory=lambda: Kept(KEPT_BYTES), repr=False)
    """By the identity of an array, that array, so that no other gets its identity, and those of it that are indexed."""

    def vector_of(self, image_id: int) -> NDArray[np.float32]:
        """Return the vector of a picture, shape (1, d). Raises :class:`~artstore.errors.NotReady` if it has none."""
        _, rows = self._ledger.rows_of(np.array([image_id], np.int64))
        if rows.size == 0:
            raise NotReady(f"picture {image_id} has not been embedded yet; run {self.command}")
        return self.features.read(rows)

    def within(self, allowed: Ids | None) -> Ids:
        """Return those of :attr:`ids` that are *allowed*, which ascend (None: all), ascending.

        Kept for the next who bring the very same array: of a million it takes longer than the answer.
        """
        if allowed is None:
            return self.ids
        known = self._within.get(id(allowed))
        if known is None:
            known = allowed, common(allowed, self.ids)
            self._within.keep(id(allowed), known, allowed.nbytes + known[1].nbytes)
        return known[1]

    def candidates(self, question: NDArray[np.float32], count: int, allowed: Ids | None) -> Candidates:
        """Return the *count* nearest to *question*, shape (1, d), only those among *allowed* (None: all).

        Pictures that have lost their features since are left out.
        """
        found = self.index.query(question, count, allowed).ids[0]
        ids, rows = self._ledger.rows_of(found[found != NOBODY])
        distances = self.features.distances(question[0], rows)
        order = np.lexsort((ids, distances))
        return Candidates(ids[order], distances[order], are_all=bool((found == NOBODY).any()))

    @property
    def _ledger(self) -> Ledger:
        return Ledger(self.catalogs.mine(), self.row)
