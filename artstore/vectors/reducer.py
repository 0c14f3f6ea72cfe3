"""Fewer numbers a vector: what a sample of the vectors varies in most.

    n vectors    d numbers each    r numbers kept

The method is principal component analysis without centring, so that the cosine
of two reduced vectors stays near that of the whole ones. The leading directions
come from orthogonal iteration (Halko, Martinsson and Tropp, "Finding structure
with randomness", 2011): all eigenvectors of 4096 dimensions would take minutes.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

LEAST_COUNT = 2_000
"""Fewer vectors are kept whole: they take 33 MB at 4096 numbers, and say little about those to come."""
SAMPLE_COUNT = 20_000
"""Of 100,000 vectors, 20,000 to 50,000 were enough in our trials."""
GROWTH = 10
"""What was learned from so few times as many vectors is learned anew. Art changes slowly from one crawl to the
next, and at this pace all the relearning of a growing index costs a ninth of its last building."""

SPARE = 32
"""Directions that are iterated beside those wanted, so that these come out sharp."""
TURNS = 5
"""Through the sample: four of the iteration, after which as many true neighbours were found as by the exact eigenvectors,
and one to tell which of its directions vary most."""


class Reducer:
    """A projection from d numbers to r, chosen by what a sample of vectors varies in."""

    def __init__(self, matrix: NDArray[np.float32]) -> None:
        """Project by *matrix*, of shape (d, r)."""
        self._matrix = matrix

    @property
    def shape(self) -> tuple[int, int]:
        """(d, r)."""
        return self._matrix.shape[0], self._matrix.shape[1]

    @classmethod
    def learned(cls, sample: Iterable[NDArray[np.float32]], dim: int, kept: int) -> Self:
        """Return the one that keeps *kept* of *dim* numbers, learned from batches of shape (n, d).

        Goes through *sample* several times, and takes memory for one batch and a few
        matrices of d by r numbers, however many batches there are. The same sample
        always gives the same reducer.
        """
        generator = np.random.default_rng(0)
        basis = _directions(generator.standard_normal((dim, min(dim, kept + SPARE))))
        for _ in range(TURNS - 1):
            basis = _directions(_varied(sample, basis))
        _, turned = np.linalg.eigh(basis.T @ _varied(sample, basis))
        return cls((basis @ turned[:, ::-1][:, :kept]).astype(np.float32))

    def rotated(self) -> Reducer:
        """Return one that keeps the same, in directions that all vary alike: cosines are the same."""
        generator = np.random.default_rng(1)
        kept = self.shape[1]
        turn = np.linalg.qr(generator.standard_normal((kept, kept)))[0]
        return Reducer((self._matrix @ turn).astype(np.float32))

    def reduce(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return *vectors*, shape (n, d), as unit vectors of shape (n, r); what has nothing in them comes back as zero."""
        reduced = vectors @ self._matrix
        reduced /= np.maximum(np.linalg.norm(reduced, axis=1, keepdims=True), 1e-12)
        return reduced

    def write(self, path: Path) -> None:
        """Write it to *path*. Raises OSError."""
        with path.open("wb") as file:
            np.save(file, self._matrix)

    @classmethod
    def read(cls, path: Path, dim: int) -> Self:
        """Return what was written to *path*. Raises ValueError if that does not reduce *dim* numbers."""
        with path.open("rb") as file:
            matrix = np.load(file)
        if matrix.dtype != np.float32 or matrix.ndim != 2 or matrix.shape[0] != dim:
            raise ValueError(f"a reducer of {matrix.dtype} {matrix.shape} is not one of {dim} numbers")
        return cls(matrix)


def _directions(basis: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what spans the same as the columns of *basis*, each of length 1 and at right angles to the others."""
    return np.linalg.qr(basis)[0]


def _varied(sample: Iterable[NDArray[np.float32]], basis: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the covariance of *sample* times *basis*; the covariance itself would take d by d numbers, and at 4096 twice the time."""
    varied = np.zeros(basis.shape)
    narrow = basis.astype(np.float32)
    for batch in sample:
        # Products of a batch in float32, their sum in float64: as exact as it needs to be, twice as fast.
        varied += batch.T @ (batch @ narrow)
    if not varied.any():
        raise ValueError("there is nothing in the sample, or it can be gone through only once")
    return varied


def reduction_pays(count: int, dim: int, kept: int) -> bool:
    """Say whether *count* vectors of *dim* numbers are to be held as *kept* numbers each, and not whole."""
    return count >= LEAST_COUNT and dim > kept
