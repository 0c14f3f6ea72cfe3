"""What is asked of an embedder.

n pictures in a batch    d = ``embedder.dim``    s = the side of the network's input, in pixels
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


class Embedder(Protocol):
    """Turns pictures into vectors of which near ones look alike.

    Batching, order, look-ahead, normalising to unit length and refusing what is
    not a number are the caller's work (see :mod:`embedder.drain`).
    """

    name: str
    """Stored beside the vectors; the same name always means comparable vectors."""

    dim: int
    """d, the length of every vector."""

    batch_size: int
    """How many pictures are best embedded at once."""

    fingerprint: str
    """Weights, preparation and precision in words: what must be equal for vectors to be comparable."""

    def prepare(self, source: Path) -> NDArray[Any]:
        """Return the picture at *source* as this embedder wants it, always of the same shape and dtype.

        Called from several threads at once. Raises :class:`~artstore.errors.PictureError`.
        """
        ...

    def embed(self, batch: NDArray[Any]) -> NDArray[np.float32]:
        """Return the vectors, shape (n, d), of n prepared pictures stacked along the first axis."""
        ...
