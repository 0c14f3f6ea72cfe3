"""Pictures into vectors, a batch at a time, each picture answered for itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from artstore.errors import PictureError
from artstore.features import unit
from artstore.ledger import Waiting
from embedder.protocol import Answer, Embedder

Prepared = NDArray[Any] | PictureError
"""A picture as its embedder wants it, or why it cannot be had."""


class Here:
    """*embedder* at work in this process, on pictures below *data_dir*."""

    def __init__(self, embedder: Embedder, data_dir: Path) -> None:
        self.name = embedder.name
        self.dim = embedder.dim
        self.batch_size = embedder.batch_size
        self.fingerprint = embedder.fingerprint
        self._embedder = embedder
        self._data_dir = data_dir

    def answers(
        self, batches: Iterable[Sequence[Waiting]]
    ) -> Iterator[tuple[Sequence[Waiting], Sequence[Answer]]]:
        """Yield each of *batches*, in their order, with the answers."""
        for batch in batches:
            prepared = [prepare(self._embedder, self._data_dir / picture.path) for picture in batch]
            yield batch, answers_to(self._embedder, prepared)

    def close(self) -> None:
        """Nothing is to be ended."""


def prepare(embedder: Embedder, path: Path) -> Prepared:
    """Prepare the picture at *path*, or return why it cannot be."""
    try:
        return embedder.prepare(path)
    except PictureError as error:
        return error


def answers_to(embedder: Embedder, prepared: Sequence[Prepared]) -> list[Answer]:
    """Return the answer to each of *prepared*, in their order."""
    no_direction = PictureError("no_direction", "the network's answer is zero or not finite")
    ready = [found for found in prepared if not isinstance(found, PictureError)]
    vectors: Iterator[NDArray[np.float32]] = iter(unit(embedder.embed(np.stack(ready))) if ready else ())
    answers: list[Answer] = []
    for found in prepared:
        if isinstance(found, PictureError):
            answers.append(found)
        else:
            vector = next(vectors)
            answers.append(vector if np.isfinite(vector).all() else no_direction)
    return answers
