"""What is asked of an embedder.

n pictures in a batch    d = ``embedder.dim``    s = the side of the network's input, in pixels
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from artstore.errors import PictureError
from artstore.ledger import Waiting


class Embedder(Protocol):
    """Turns pictures into vectors of which near ones look alike.

    Batching, order, processes, normalising to unit length and refusing what is
    not a number are the caller's work (see :mod:`embedder.batches`).
    """

    name: str
    """Stored beside the vectors; the same name always means comparable vectors."""

    dim: int
    """d, the length of every vector."""

    batch_size: int
    """How many pictures are best embedded at once."""

    fingerprint: str
    """Weights, preparation and precision in words: what must be equal for vectors to be comparable."""

    on_gpu: bool
    """Whether it computes on a GPU: then one process of it is enough, and others would be in its way."""

    def prepare(self, source: Path) -> NDArray[Any]:
        """Return the picture at *source* as this embedder wants it, always of the same shape and dtype.

        Called from several threads at once. Raises :class:`~artstore.errors.PictureError`.
        """
        ...

    def embed(self, batch: NDArray[Any]) -> NDArray[np.float32]:
        """Return the vectors, shape (n, d), of n prepared pictures stacked along the first axis."""
        ...


Answer = NDArray[np.float32] | PictureError
"""The vector of a picture, of unit length, shape (d,), or why there is none."""


class Embedding(Protocol):
    """An embedder at work, in this process or in others."""

    name: str
    dim: int
    batch_size: int
    fingerprint: str

    def answers(
        self, batches: Iterable[Sequence[Waiting]]
    ) -> Iterator[tuple[Sequence[Waiting], Sequence[Answer]]]:
        """Yield each of *batches* as soon as it is embedded, in any order, with an answer to each of its pictures."""
        ...

    def close(self) -> None:
        """End it; what was not yielded is lost."""
        ...
