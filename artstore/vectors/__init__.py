"""Where vectors are kept, and how to ask for the nearest.

    n rows asked or added    k neighbours wanted    d = ``index.dim``

Vectors are float32 of unit L2 length; ids are the catalog's image ids, int64,
zero or more. Distances are cosine distances, 1 - cos(angle), float32: 0 is the
same direction, 1 unrelated, 2 opposite. Smaller is nearer, here and everywhere;
only a page for people turns a distance into a percentage.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from artstore.errors import UsageError
from artstore.vectors.exact import ExactIndex
from artstore.vectors.hnsw import NUMBERS, HnswIndex
from artstore.vectors.place import Place
from artstore.vectors.protocol import NOBODY, Neighbours, VectorIndex
from artstore.vectors.rabitq import CODED_NUMBERS, MOST_CODED_NUMBERS, RabitqIndex

__all__ = ["NOBODY", "Neighbours", "Stamp", "VectorIndex", "index_kind", "open_index", "saved_stamp"]

Stamp = tuple[int, int, int]
"""Of a file: its number on the disk, its size in bytes, when it was written in nanoseconds."""

# What each scheme opens, how many numbers of a vector it holds unless the URI says, and at most; 0: always all.
_KINDS: dict[str, tuple[Any, int, int]] = {
    "hnsw": (HnswIndex, NUMBERS, sys.maxsize),
    "exact": (ExactIndex, 0, 0),
    "faiss": (RabitqIndex, CODED_NUMBERS, MOST_CODED_NUMBERS),
}


def index_kind(uri: str) -> str:
    """Return the scheme of *uri*: ``hnsw:``, or ``hnsw:128`` with the numbers to hold of each vector.

    Raises :class:`~artstore.errors.UsageError` for one that is not known, and for a number that cannot be.
    """
    kind, _, numbers = uri.partition(":")
    if kind not in _KINDS:
        raise UsageError(
            f"no index is called {uri!r}; there are {', '.join(f'{known}:' for known in _KINDS)}"
        )
    _, usual, most = _KINDS[kind]
    if numbers and not (
        numbers.isascii() and numbers.isdigit() and int(numbers) % 8 == 0 and 0 < int(numbers) <= most
    ):
        bound = f" up to {most}" if most < sys.maxsize else ""
        told = (
            f"; the numbers to hold of each vector are a multiple of 8{bound}, as in {kind}:{usual}"
            if usual
            else ""
        )
        raise UsageError(f"{uri!r} is no index{told}")
    return kind


def open_index(uri: str, path: Path, dim: int, embedder: str, *, fresh: bool = False) -> VectorIndex:
    """Open the index that *uri* chooses, with its files beside the stem *path*; empty if there are none.

    A *fresh* one is empty whatever lies there, and replaces it when it is saved.
    Raises :class:`~artstore.errors.Mismatch` if the files were made for another
    *dim*, *embedder* or *uri*, or are damaged, and
    :class:`~artstore.errors.NotReady` if a library that it needs is not installed.
    """
    kind = index_kind(uri)
    opened, usual, _ = _KINDS[kind]
    numbers = uri.partition(":")[2]
    place = Place(path, dim, embedder, uri, int(numbers) if numbers else usual)
    index: VectorIndex = opened(place, fresh=fresh)
    return index


def saved_stamp(uri: str, path: Path) -> Stamp | None:
    """Return what is another after each save of the index that *uri* chooses at *path*; None if none was saved.

    Microseconds: it may be asked for before each question.
    """
    try:
        state = path.with_name(path.name + _KINDS[index_kind(uri)][0].SUFFIX).stat()
    except FileNotFoundError:
        return None
    return state.st_ino, state.st_size, state.st_mtime_ns
