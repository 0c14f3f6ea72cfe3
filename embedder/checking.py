"""Ask an index for what is in it: every n-th picture must find itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from artstore.ledger import Ledger
from artstore.settings import Settings
from embedder.indexing import batches, feature_reader, opened

ASKED = 1_000
"""Pictures at most: enough to tell 99 of 100 from 98."""
CANDIDATES = 200
"""As many as a search compares by their full vectors."""
SAME = 1e-4
"""Cosine distance between equal vectors, at most: float16 rounding is far below it."""
ENOUGH = 0.99
"""Of the pictures asked; a graph may lose one in hundreds, mostly among copies of each other."""


@dataclass(frozen=True, slots=True)
class SelfCheck:
    """What came of asking."""

    asked: int
    """Pictures, drawn evenly from all that have features."""
    found: int
    """Of these, how many are among their own candidates, or one with an equal vector is."""
    lacking: int
    """Pictures with features that are not in the index."""
    left_over: int
    """Pictures in the index that have no features, or are not in the catalog any more."""

    @property
    def passed(self) -> bool:
        """Whether the index can be relied upon."""
        return self.found >= ENOUGH * self.asked


def check_index(ledger: Ledger, settings: Settings) -> SelfCheck:
    """Ask the index of *settings*; changes nothing, and may run beside anything.

    Raises :class:`~artstore.errors.Mismatch` if the index or the features are not what they should be.
    """
    image_ids, rows = ledger.feature_rows()
    index = opened(ledger.embedder, settings)
    reader = feature_reader(ledger.embedder, settings)
    held = index.ids()
    # Rounded up: a step too small would ask nearly twice as many.
    chosen = np.arange(0, len(image_ids), -(-len(image_ids) // ASKED) or 1)
    found = 0
    for part in batches(chosen):
        questions = reader.read(rows[part])
        answers = index.query(questions, CANDIDATES).ids
        for place, question, candidates in zip(part, questions, answers, strict=True):
            if image_ids[place] in candidates:
                found += 1
            else:
                known = np.isin(image_ids, candidates)
                found += _any_equal(reader.distances(question, rows[known]))
    return SelfCheck(
        asked=len(chosen),
        found=found,
        lacking=len(np.setdiff1d(image_ids, held)),
        left_over=len(np.setdiff1d(held, image_ids)),
    )


def _any_equal(distances: NDArray[np.float32]) -> bool:
    return bool(distances.size and distances.min() <= SAME)
