"""The vectors in a file that hnswlib wrote, read from the disk without hnswlib.

hnswlib hands out single vectors slowly, 20,000 in 0.1 s, and keeps no ids in
order. Its file has each element's links, vector and label in a record of fixed
size, described by the file's header: mapped into memory they cost nothing twice.
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

HEADER = struct.Struct("=6QiI3QdQ")
"""Of hnswlib 0.8 on 64-bit machines: offset of level 0, room, count, record size, offsets of label and vector, …"""


class GraphFile:
    """Vectors of the ids that a graph held when it was saved, as float32 of shape (n, *dim*)."""

    def __init__(self, path: Path, dim: int) -> None:
        """Map *path*. Raises ValueError if it is not laid out as expected."""
        with path.open("rb") as file:
            header = file.read(HEADER.size)
        if len(header) < HEADER.size:
            raise ValueError(f"{path.name} has no whole header")
        _, _, count, record_bytes, label_at, vector_at, *_ = HEADER.unpack(header)
        if vector_at + 4 * dim != label_at or label_at + 8 != record_bytes:
            raise ValueError(f"{path.name} does not hold vectors of {dim} numbers")
        record = np.dtype(
            {
                "names": ["vector", "id"],
                "formats": [("<f4", (dim,)), "<i8"],
                "offsets": [vector_at, label_at],
                "itemsize": record_bytes,
            }
        )
        if count:
            records = np.memmap(path, record, "r", HEADER.size, shape=(count,))
            self._vectors, ids = records["vector"], records["id"]
        else:
            self._vectors, ids = np.empty((0, dim), np.float32), np.empty(0, np.int64)
        order = np.argsort(ids)
        self.ids: NDArray[np.int64] = ids[order]
        """All of them, removed ones too, ascending."""
        # Held as long as the index is: at half the size.
        self._order = order.astype(np.uint32)

    def read(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the vectors of *ids*, each of which has to be among :attr:`ids`."""
        return np.asarray(self._vectors[self._order[np.searchsorted(self.ids, ids)]])
