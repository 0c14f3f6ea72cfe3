"""Where vectors are kept, and how to ask for the nearest.

    n rows asked or added    k neighbours wanted    d = ``index.dim``

Vectors are float32 of unit L2 length; ids are the catalog's image ids, int64,
zero or more. Distances are cosine distances, 1 - cos(angle), float32: 0 is the
same direction, 1 unrelated, 2 opposite. Smaller is nearer, here and everywhere;
only a page for people turns a distance into a percentage.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from artstore.errors import UsageError
from artstore.vectors.exact import ExactIndex
from artstore.vectors.hnsw import HnswIndex
from artstore.vectors.protocol import NOBODY, Neighbours, VectorIndex

__all__ = ["NOBODY", "Neighbours", "VectorIndex", "index_kind", "open_index"]

_KINDS: dict[str, Callable[[Path, int, str, bool], VectorIndex]] = {"hnsw": HnswIndex, "exact": ExactIndex}


def index_kind(uri: str) -> str:
    """Return the scheme of *uri*. Raises :class:`~artstore.errors.UsageError` for one that is not known."""
    kind = uri.partition(":")[0]
    if kind not in _KINDS:
        raise UsageError(
            f"no index is called {uri!r}; there are {', '.join(f'{known}:' for known in _KINDS)}"
        )
    return kind


def open_index(uri: str, path: Path, dim: int, embedder: str, *, fresh: bool = False) -> VectorIndex:
    """Open the index that *uri* chooses, with its files beside the stem *path*; empty if there are none.

    A *fresh* one is empty whatever lies there, and replaces it when it is saved.
    Raises :class:`~artstore.errors.Mismatch` if the files were made for another
    *dim* or *embedder*, or are damaged.
    """
    return _KINDS[index_kind(uri)](path, dim, embedder, fresh)
