"""The contract of a vector index; the package's docstring names the letters and units."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from artstore.errors import WrongShape
from artstore.features import check_vectors

NOBODY = -1
"""The id that fills a row of :class:`Neighbours` when there are fewer than k."""


class Neighbours(NamedTuple):
    """The answer to n questions, nearest first, row i for question i."""

    ids: NDArray[np.int64]
    """Shape (n, k); :data:`NOBODY` where nothing was left to return."""

    distances: NDArray[np.float32]
    """Shape (n, k), ascending along each row; ``inf`` beside :data:`NOBODY`."""


class VectorIndex(Protocol):
    """A set of (id, vector) pairs that can name the nearest ones.

    An index is a cache: the feature rows are the truth, and ``python -m
    embedder --rebuild-index`` makes it again from them. Adding and removing is
    for one writer at a time; asking is safe from many threads.
    """

    dim: int
    """d, the length of every vector in this index."""

    def __len__(self) -> int:
        """Count the ids that :meth:`query` can return."""
        ...

    def ids(self) -> NDArray[np.int64]:
        """Return the ids that :meth:`query` can return, ascending."""
        ...

    def add(self, ids: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
        """Add or replace: *ids* of shape (n,), *vectors* of shape (n, d).

        An id already held takes its new vector, so adding a batch twice is the
        same as adding it once. The arrays are neither changed nor kept.

        Raises :class:`~artstore.errors.WrongShape`, with nothing added, if a shape
        or dtype differs, a vector is not of unit length, or an id is negative
        or comes twice.
        """
        ...

    def remove(self, ids: Collection[int]) -> None:
        """Forget *ids*; those not held are passed over in silence."""
        ...

    def query(
        self, vectors: NDArray[np.float32], k: int, allowed: NDArray[np.int64] | None = None
    ) -> Neighbours:
        """Return the k nearest of each row of *vectors*, shape (n, d), among *allowed* ids (None: all).

        A vector that is in the index finds itself, or its equal, first. Approximate
        indexes may miss a true neighbour, rarely even that one; they never
        invent a distance (each is right to within 1e-4).

        Raises :class:`~artstore.errors.WrongShape` as :meth:`add` does, and
        ValueError if *k* is less than 1.
        """
        ...

    def save(self) -> None:
        """Write to disk whole or not at all; a reader sees the old or the new. Raises OSError."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        """Save, unless an error is on its way out."""
        ...


def check_pairs(ids: NDArray[np.int64], vectors: NDArray[np.float32], dim: int) -> None:
    """Raise :class:`~artstore.errors.WrongShape` unless *ids* and *vectors* keep the contract of ``add``."""
    check_vectors(vectors, dim)
    if ids.dtype != np.int64 or ids.shape != (len(vectors),):
        raise WrongShape(f"ids are {ids.dtype} {ids.shape}, not int64 ({len(vectors)},)")
    if ids.size and (ids.min() < 0 or np.unique(ids).size != ids.size):
        raise WrongShape("an id is negative or comes twice")


def check_question(vectors: NDArray[np.float32], k: int, dim: int) -> None:
    """Raise as ``query`` promises."""
    check_vectors(vectors, dim)
    if k < 1:
        raise ValueError(f"k is {k}, but at least one neighbour has to be asked for")


def nearest(
    question: NDArray[np.float32], ids: NDArray[np.int64], vectors: NDArray[np.float32], k: int
) -> Neighbours:
    """Return the k nearest of *ids*, whose *vectors* have shape (m, d), to each row of *question*, exactly."""
    found = Neighbours(
        np.full((len(question), k), NOBODY, np.int64), np.full((len(question), k), np.inf, np.float32)
    )
    count = min(k, len(ids))
    if count:
        for number, distances in enumerate(1.0 - question @ vectors.T):
            near = np.flatnonzero(distances <= np.partition(distances, count - 1)[count - 1])
            # Equal distances come in the order of their ids, so that answers can be repeated.
            best = near[np.lexsort((ids[near], distances[near]))][:count]
            found.ids[number, :count] = ids[best]
            found.distances[number, :count] = np.maximum(distances[best], 0.0)
    return found
