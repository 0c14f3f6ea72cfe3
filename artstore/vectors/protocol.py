"""The contract of a vector index; the package's docstring names the letters and units."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from artstore.errors import WrongShape
from artstore.features import check_vectors

NOBODY = -1
"""The id that fills a row of :class:`Neighbours` when there are fewer than k."""


FEWEST = 200
"""Candidates: with reduced vectors they held 0.998 to all of the true ten among 100,000, and 0.993 to 0.9997 among a million."""


class Neighbours(NamedTuple):
    """The answer to n questions, nearest first, row i for question i."""

    ids: NDArray[np.int64]
    """Shape (n, k); :data:`NOBODY` where nothing was left to return."""

    distances: NDArray[np.float32]
    """Shape (n, k), ascending along each row; ``inf`` beside :data:`NOBODY`."""

    def merged(self, other: Neighbours) -> Neighbours:
        """Return the k nearest of this and of *other*, an answer to the same questions from other ids."""
        ids = np.concatenate([self.ids, other.ids], axis=1)
        distances = np.concatenate([self.distances, other.distances], axis=1)
        first = np.argsort(distances, axis=1, kind="stable")[:, : self.ids.shape[1]]
        return Neighbours(
            np.take_along_axis(ids, first, axis=1), np.take_along_axis(distances, first, axis=1)
        )


class VectorIndex(Protocol):
    """A set of (id, vector) pairs that can name the nearest ones.

    An index is a cache: the feature rows are the truth, and ``python -m
    embedder --rebuild-index`` makes it again from them. Adding and removing is
    for one writer at a time; asking is safe from many threads, also meanwhile.

    An index may hold less of a vector than it was given. Its distances are then
    those of what it holds: good enough to choose a few hundred candidates, among
    which the full vectors tell the nearest.
    """

    dim: int
    """d, the length of every vector in this index."""

    def __len__(self) -> int:
        """Count the ids that :meth:`query` can return."""
        ...

    def ids(self) -> NDArray[np.int64]:
        """Return the ids that :meth:`query` can return, ascending."""
        ...

    def learn(self, sample: Iterable[NDArray[np.float32]], count: int) -> None:
        """Learn from *sample* how to hold vectors in little memory, before the first is added.

        *sample* gives batches of shape (n, d), drawn from all of the *count* vectors
        that are to be added, the same ones each time it is gone through. Where
        vectors are kept whole, because that is how the index works or they are few,
        it is not looked at. Raises ValueError unless the index is empty.
        """
        ...

    def outgrown(self, count: int) -> bool:
        """Say whether, to hold *count* vectors, it had better be made anew: a fresh one that learns and is filled."""
        ...

    def shortlist(self, wanted: int) -> int:
        """Return how many to ask for, so that of the nearest *wanted* by the full vectors hardly any is missing."""
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
        indexes may miss a true neighbour, rarely even that one. The distance to a
        vector that is held whole is right to within 1e-4.

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


def shortlist(wanted: int) -> int:
    """Return what is enough of an index that holds vectors whole, or nearly so."""
    return max(FEWEST, 2 * wanted)


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


def nobody(questions: int, k: int) -> Neighbours:
    """Return the answer to so many *questions* that names nobody, to be filled in."""
    return Neighbours(np.full((questions, k), NOBODY, np.int64), np.full((questions, k), np.inf, np.float32))


def nearest(
    question: NDArray[np.float32], ids: NDArray[np.int64], vectors: NDArray[np.float32], k: int
) -> Neighbours:
    """Return the k nearest of *ids*, whose *vectors* have shape (m, d), to each row of *question*, exactly."""
    found = nobody(len(question), k)
    count = min(k, len(ids))
    if count:
        for number, distances in enumerate(1.0 - question @ vectors.T):
            near = np.flatnonzero(distances <= np.partition(distances, count - 1)[count - 1])
            # Equal distances come in the order of their ids, so that answers can be repeated.
            best = near[np.lexsort((ids[near], distances[near]))][:count]
            found.ids[number, :count] = ids[best]
            found.distances[number, :count] = np.maximum(distances[best], 0.0)
    return found
