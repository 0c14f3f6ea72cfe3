"""The full vectors: float16 rows of one growing file per embedder.

    n rows    d = ``dim``

Vectors are of unit L2 length. A row is written and synced before the catalog
names it, so a row that the catalog does not name is the rest of a crash and
is cut off when the next writer opens the store.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from filelock import BaseFileLock
from numpy.typing import NDArray

from artstore.claims import claimed
from artstore.errors import Mismatch, WrongShape

START_OVER = "`python -m embedder --forget NAME`, with the embedder's name, starts it over"

LENGTH_TOLERANCE = 1e-3
"""How far from 1 a length may be: float16 rounding of 4096 numbers stays well below."""

CACHED_ROWS = 25
"""Taken at once: at 4096 numbers what lies between two steps then stays in the processor's cache. All at once take two to three times as long."""


class FeatureReader:
    """The rows on disk, memory-mapped: what is read is what costs memory. Safe in many threads."""

    def __init__(self, folder: Path, dim: int) -> None:
        self.path = rows_path(folder, dim)
        self.dim = dim
        # The file's number and count of rows, and what it is mapped to: kept as long as they are the same, since the first
        # touch of each page of a new mapping takes as long as comparing what is on it.
        self._known: tuple[tuple[int, int], NDArray[np.float16]] | None = None

    def read(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return *rows*, shape (n,), as unit vectors of shape (n, d); a row of zeros, as damage leaves it, as NaN.

        Raises :class:`~artstore.errors.Mismatch` if the file does not have them.
        """
        read = np.empty((len(rows), self.dim), np.float32)
        for part, vectors, lengths in self._parts(rows):
            with np.errstate(invalid="ignore"):
                np.divide(vectors, lengths[:, None], out=read[part])
        return read

    def distances(self, question: NDArray[np.float32], rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the cosine distances, shape (n,), of *question*, a unit vector of shape (d,), to *rows*, shape (n,).

        Two hundred rows of 4096 numbers take 0.6 ms on an idle core, once they are in the page cache.
        Raises :class:`~artstore.errors.Mismatch` if the file does not have them.
        """
        far = np.empty(len(rows), np.float32)
        for part, vectors, lengths in self._parts(rows):
            far[part] = 1.0 - vectors @ question / lengths
        return np.maximum(far, 0.0)

    def check(self, named: int) -> int:
        """Return how many rows are on disk. Raises :class:`~artstore.errors.Mismatch` if fewer than *named*."""
        return self._state(named)[1]

    def _parts(
        self, rows: NDArray[np.int64]
    ) -> Iterator[tuple[slice, NDArray[np.float32], NDArray[np.float32]]]:
        """Yield :data:`CACHED_ROWS` of *rows* at a time: which they are, their vectors, and the lengths of these.

        Rounded to float16, they are not quite of unit length; their direction is what was stored.
        """
        if rows.size == 0:
            return
        matrix = self._mapped(rows)
        for start in range(0, len(rows), CACHED_ROWS):
            part = slice(start, start + CACHED_ROWS)
            vectors = widened(matrix[rows[part]])
            yield part, vectors, np.sqrt(np.vecdot(vectors, vectors))

    def _mapped(self, rows: NDArray[np.int64]) -> NDArray[np.float16]:
        state = self._state(int(rows.max()) + 1)
        known = self._known
        if known is None or known[0] != state:
            matrix = np.memmap(self.path, np.float16, "r", shape=(state[1], self.dim))
            known = self._known = state, matrix
        return known[1]

    def _state(self, named: int) -> tuple[int, int]:
        """Return the number of the file on its disk, and how many rows it has."""
        try:
            found = self.path.stat()
            state = found.st_ino, found.st_size // (2 * self.dim)
        except FileNotFoundError:
            state = 0, 0
        if state[1] < named:
            raise Mismatch(f"{self.path} has {state[1]} rows of {named} that the catalog names; {START_OVER}")
        return state


class FeatureWriter:
    """The one writer of an embedder's rows; a second one is refused.

    Opening cuts the file back to the *rows* that the catalog knows, asked for
    once nobody else can write any more. Raises :class:`~artstore.errors.Busy`,
    and :class:`~artstore.errors.Mismatch` if the file has fewer.
    """

    def __init__(self, folder: Path, dim: int, rows: Callable[[], int]) -> None:
        self.dim = dim
        self._lock = claim(folder)
        try:
            self.rows = rows()
            self._file = self._opened(rows_path(folder, dim), self.rows)
        except BaseException:
            self._lock.release()
            raise

    def append(self, vectors: NDArray[np.float32]) -> range:
        """Write *vectors*, shape (n, d), and return their rows once they are safely on disk.

        Raises :class:`~artstore.errors.WrongShape`, with nothing written, if the shape
        differs or a vector is not of unit length (a NaN never is), and OSError.
        """
        check_vectors(vectors, self.dim)
        # An earlier append that failed may have left a part of its rows.
        self._file.truncate(self.rows * 2 * self.dim)
        rest = memoryview(vectors.astype(np.float16).tobytes())
        while rest:
            rest = rest[self._file.write(rest) :]
        os.fsync(self._file.fileno())
        first, self.rows = self.rows, self.rows + len(vectors)
        return range(first, self.rows)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        self._lock.release()

    def _opened(self, path: Path, rows: int) -> FileIO:
        # Unbuffered: what could not be written must not come again at the next write.
        file = path.open("ab", buffering=0)
        whole = file.tell() // (2 * self.dim)
        if whole < rows:
            file.close()
            raise Mismatch(f"{path} has {whole} rows of {rows} that the catalog names; {START_OVER}")
        if file.tell() > rows * 2 * self.dim:
            file.truncate(rows * 2 * self.dim)
        file.seek(0, os.SEEK_END)
        return file


def claim(folder: Path) -> BaseFileLock:
    """Return the held lock of *folder*'s one writer. Raises :class:`~artstore.errors.Busy` if another holds it."""
    return claimed(folder / "writer.lock", f"embedding into {folder}")


def rows_path(folder: Path, dim: int) -> Path:
    """Return the file of an embedder's rows: its name says how to read it."""
    return folder / f"rows-{dim}.f16"


def widened(rows: NDArray[np.float16]) -> NDArray[np.float32]:
    """Return finite *rows* as float32, exactly: as numpy's own conversion does, four times as fast."""
    # Sign and exponent to their new places, then the difference of the two exponents' biases, 127 - 15.
    bits = rows.view(np.int16).astype(np.int32)
    bits <<= 13
    bits &= ~0x70000000
    wide = bits.view(np.float32)
    wide *= np.float32(2.0**112)
    return wide


def unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return *vectors*, shape (n, d), at length 1. A zero or infinite row comes back as NaN."""
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
    lengths[~np.isfinite(lengths) | (lengths < 1e-12)] = np.nan
    shortened: NDArray[np.float32] = (vectors / lengths).astype(np.float32)
    return shortened


def check_vectors(vectors: NDArray[np.float32], dim: int) -> None:
    """Raise :class:`~artstore.errors.WrongShape` unless *vectors* are float32, (n, *dim*) and of unit length."""
    if vectors.dtype != np.float32 or vectors.ndim != 2 or vectors.shape[1] != dim:
        raise WrongShape(f"vectors are {vectors.dtype} {vectors.shape}, not float32 (n, {dim})")
    lengths = np.linalg.norm(vectors, axis=1)
    if not np.all(np.abs(lengths - 1.0) < LENGTH_TOLERANCE):
        raise WrongShape("a vector is not of unit length")
