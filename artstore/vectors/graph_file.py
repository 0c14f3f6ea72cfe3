"""A file that hnswlib wrote, read without hnswlib's own way of reading it.

hnswlib hands out single vectors slowly, 20,000 in 0.1 s, and keeps no ids in
order. Its file has each element's links, vector and label in a record of fixed
size, described by the file's header: mapped into memory they cost nothing twice.
Behind the records are the links of the upper levels, of each element their size
and then they themselves.
"""

from __future__ import annotations

import math
import os
import re
import struct
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

HEADER = struct.Struct("=6QiI3QdQ")
"""Of hnswlib 0.8 on 64-bit machines: the fields of :class:`_Header`."""

STATE_VERSION = 1
"""Of what hnswlib pickles."""

NUMBER_BYTES = 4
"""Of a vector's numbers, and of each word of the links."""

_FILLED = re.compile(rb"[^\0]")


class _Header(NamedTuple):
    level0_at: int
    room: int
    held: int
    record_bytes: int
    label_at: int
    vector_at: int
    top_level: int
    entry: int
    most_links: int
    most_links_on_level0: int
    links: int
    level_scale: float
    build_breadth: int


class GraphFile:
    """The graph of a file, and its vectors, float32 of *dim* numbers, as they were when it was saved."""

    def __init__(self, path: Path, dim: int) -> None:
        """Map *path*. Raises ValueError if it is not laid out as expected."""
        with path.open("rb") as file:
            head = file.read(HEADER.size)
        if len(head) < HEADER.size:
            raise ValueError(f"{path.name} has no whole header")
        self._path = path
        self._dim = dim
        self._header = header = _Header(*HEADER.unpack(head))
        if (
            header.vector_at + NUMBER_BYTES * dim != header.label_at
            or header.label_at + 8 != header.record_bytes
        ):
            raise ValueError(f"{path.name} does not hold vectors of {dim} numbers")
        record = np.dtype(
            {
                "names": ["vector", "id"],
                "formats": [("<f4", (dim,)), "<i8"],
                "offsets": [header.vector_at, header.label_at],
                "itemsize": header.record_bytes,
            }
        )
        self._records: NDArray[np.void] = np.empty(0, record)
        if header.held:
            self._records = np.memmap(path, record, "r", HEADER.size, shape=(header.held,))

    def __len__(self) -> int:
        return self._header.held

    @property
    def ids(self) -> NDArray[np.int64]:
        """All of them, removed ones too, ascending."""
        return self._sorted[0]

    def read(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the vectors of *ids*, shape (n, *dim*), each of which has to be among :attr:`ids`."""
        known, places = self._sorted
        return np.asarray(self._records["vector"][places[np.searchsorted(known, ids)]])

    @cached_property
    def _sorted(self) -> tuple[NDArray[np.int64], NDArray[np.uint32]]:
        """:attr:`ids`, and where the vector of each is: held as long as the index is, hence at half the size."""
        ids = self._records["id"]
        order = np.argsort(ids)
        return ids[order], order.astype(np.uint32)

    def state(self) -> dict[str, Any]:
        """Return the graph, with no room for more, as hnswlib pickles one.

        To make an Index of it is the same as hnswlib's ``load_index``, which takes longer: it asks the
        system twice for each element where it is in the file. Raises ValueError if the file is not laid out as expected.
        """
        header = self._header
        labels = np.ascontiguousarray(self._records["id"])
        levels, upper_links = self._upper()
        return {
            "ser_version": STATE_VERSION,
            "space": "cosine",
            "normalize": True,
            "dim": self._dim,
            "index_inited": True,
            "ep_added": bool(header.held),
            "num_threads": os.cpu_count() or 1,
            "seed": 1,  # as after load_index: of the levels of what is added
            "ef": 10,  # as after load_index
            "offset_level0": header.level0_at,
            "max_elements": header.held,
            "cur_element_count": header.held,
            "size_data_per_element": header.record_bytes,
            "label_offset": header.label_at,
            "offset_data": header.vector_at,
            "max_level": header.top_level,
            "enterpoint_node": header.entry,
            "max_M": header.most_links,
            "max_M0": header.most_links_on_level0,
            "M": header.links,
            # Worked out again, as hnswlib does: it wants the same to the bit, wherever the file was written.
            "mult": 1 / math.log(header.links),
            "ef_construction": header.build_breadth,
            "size_links_per_element": self._links_bytes,
            "has_deletions": True,
            "allow_replace_deleted": False,
            "label_lookup_external": labels.view(np.uint64),
            "label_lookup_internal": np.arange(header.held, dtype=np.uint32),
            "element_levels": levels,
            "data_level0": self._records.view(np.int8),
            "link_lists": upper_links,
        }

    @property
    def _links_bytes(self) -> int:
        """Of an element, on each of its upper levels: how many there are, and room for as many as there may be."""
        return NUMBER_BYTES * (1 + self._header.most_links)

    def _upper(self) -> tuple[NDArray[np.int32], NDArray[np.int8]]:
        """Return how many upper levels each element is on, shape (n,), and the links of all of them, one after the other."""
        held = self._header.held
        if held == 0:
            return np.empty(0, np.int32), np.empty(0, np.int8)
        behind = np.memmap(self._path, np.uint8, "r", HEADER.size + held * self._header.record_bytes)
        elements, sizes_bytes = _links_in(behind.data)
        if NUMBER_BYTES * held + sizes_bytes.sum() != len(behind) or elements[-1:].sum() >= held:
            raise ValueError(f"{self._path.name} has no links for {held} vectors")
        levels = np.zeros(held, np.int32)
        levels[elements] = sizes_bytes // self._links_bytes
        sizes_at = np.cumsum(levels, dtype=np.int32)
        sizes_at -= levels
        sizes_at *= self._links_bytes // NUMBER_BYTES
        sizes_at += np.arange(held, dtype=np.int32)
        return levels, np.delete(behind.view(np.uint32), sizes_at).view(np.int8)


def _links_in(content: memoryview) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return which elements have links in *content*, and how many bytes of them."""
    elements: list[int] = []
    sizes_bytes: list[int] = []
    at = passed_bytes = 0
    # Most have none, and their size is zero: from one that is not to the next.
    while filled := _FILLED.search(content, at):
        at = filled.start() // NUMBER_BYTES * NUMBER_BYTES
        size_bytes = int.from_bytes(content[at : at + NUMBER_BYTES], "little")
        elements.append((at - passed_bytes) // NUMBER_BYTES)
        sizes_bytes.append(size_bytes)
        passed_bytes += size_bytes
        at += NUMBER_BYTES + size_bytes
    return np.array(elements, np.int64), np.array(sizes_bytes, np.int64)
