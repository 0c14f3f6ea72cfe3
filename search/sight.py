"""One embedder's vectors as they were when its index was saved: what one question is asked of.

    m candidates    d = the embedder's dimension

The vector index names candidates, whose full feature vectors are then read from
disk and compared exactly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from artstore.catalogs import Catalogs
from artstore.errors import NotReady
from artstore.features import FeatureReader, unit
from artstore.ledger import EmbedderRow, Ledger
from artstore.vectors import NOBODY, Stamp, VectorIndex


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

    def vector_of(self, image_id: int) -> NDArray[np.float32]:
        """Return the vector of a picture, shape (1, d). Raises :class:`~artstore.errors.NotReady` if it has none."""
        _, rows = self._ledger.rows_of(np.array([image_id], np.int64))
        if rows.size == 0:
            raise NotReady(f"picture {image_id} has not been embedded yet; run {self.command}")
        return unit(self.features.read(rows))

    def candidates(
        self, question: NDArray[np.float32], count: int, allowed: NDArray[np.int64] | None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return the ids, shape (m,), and exact distances of the *count* nearest to *question*, shape (1, d).

        Only those among *allowed* (None: all), the nearest first; m is less than *count* where there are no more.
        """
        found = self.index.query(question, count, allowed).ids[0]
        ids, rows = self._ledger.rows_of(found[found != NOBODY])
        distances = self.features.distances(question[0], rows)
        order = np.lexsort((ids, distances))
        return ids[order], distances[order]

    @property
    def _ledger(self) -> Ledger:
        return Ledger(self.catalogs.mine(), self.row)
