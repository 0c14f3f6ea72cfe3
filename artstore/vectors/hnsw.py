"""Approximate nearest neighbours by hnswlib: a graph in memory, and a manifest beside its file.

The method is Malkov and Yashunin, "Efficient and robust approximate nearest
neighbor search using Hierarchical Navigable Small World graphs" (2016).
hnswlib loads a file of another dimension or metric without a word and answers
nonsense, and forgets nothing when it is told to; the manifest holds what it
does not: dimension, embedder, count and removed ids.
"""

from __future__ import annotations

import errno
import glob
import hashlib
import json
import os
import secrets
import threading
from collections.abc import Collection
from pathlib import Path
from typing import Any, Self

import hnswlib
import numpy as np
from numpy.typing import NDArray

from artstore.blobs import replacing
from artstore.errors import Mismatch
from artstore.vectors.protocol import NOBODY, Neighbours, check_pairs, check_question, nearest

FORMAT = 1
LINKS = 16
"""M: 16 held 0.998 recall with re-ranking in our trials, at little memory."""
BUILD_BREADTH = 200
"""ef_construction; the library's own default."""
BREADTH = 128
"""ef: candidates kept while asking; 0.999 to 1.000 of the true ten on 4096-d vectors."""
NOISE = 2e-5
"""Length of what is added to each vector in the graph: equal ones would link to each other alone and cut it into
pieces. Of 3000 vectors among ten that came 300 times each, nearly half did not find themselves; with it all but 0.2 %."""
SCAN_LIMIT = 20_000
"""So many allowed ids are compared one by one faster than the graph can be filtered."""


class HnswIndex:
    """A graph in memory, saved as ``<stem>.hnsw.json`` and the data file that it names."""

    def __init__(self, path: Path, dim: int, embedder: str, fresh: bool) -> None:  # noqa: FBT001 - see open_index
        self.dim = dim
        self._embedder = embedder
        self._manifest = path.with_name(path.name + ".hnsw.json")
        self._removed: set[int] = set()
        # The ids as one array, made when first asked for: listing a million takes hnswlib a while.
        self._held: NDArray[np.int64] | None = None
        self._ef = BREADTH
        self._lock = threading.Lock()
        # hnswlib has no type information; what is called of it returns arrays, ints or None.
        self._graph: Any = self._empty() if fresh or not self._manifest.exists() else self._loaded()
        self._graph.set_ef(self._ef)

    def __len__(self) -> int:
        return int(self._graph.get_current_count()) - len(self._removed)

    def ids(self) -> NDArray[np.int64]:
        """Return the ids held, ascending."""
        held = self._held
        if held is None:
            known = np.array(self._graph.get_ids_list(), np.int64)
            held = np.setdiff1d(known, np.fromiter(self._removed, np.int64, len(self._removed)))
            self._held = held
        return held

    def add(self, ids: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
        """Add or replace."""
        check_pairs(ids, vectors, self.dim)
        if ids.size == 0:
            return
        needed = int(self._graph.get_current_count()) + len(ids)
        if needed > self._graph.get_max_elements():
            # Half as much again: growing copies the graph, so it must not happen per batch.
            self._graph.resize_index(needed + needed // 2)
        noise = np.random.default_rng(ids).standard_normal(vectors.shape, np.float32)
        self._graph.add_items(vectors + noise * np.float32(NOISE / np.sqrt(self.dim)), ids)
        self._removed.difference_update(ids.tolist())
        self._held = None

    def remove(self, ids: Collection[int]) -> None:
        """Forget *ids*: they stay in the graph as way-marks but are not returned."""
        for image_id in set(self.ids().tolist()).intersection(ids):
            self._graph.mark_deleted(image_id)
            # int(): out of an array come numbers of numpy, which JSON does not know.
            self._removed.add(int(image_id))
        self._held = None

    def query(
        self, vectors: NDArray[np.float32], k: int, allowed: NDArray[np.int64] | None = None
    ) -> Neighbours:
        """Return the k nearest that the graph finds; exact where few ids are allowed."""
        check_question(vectors, k, self.dim)
        if allowed is not None:
            allowed = np.intersect1d(self.ids(), allowed)
            if len(allowed) <= max(SCAN_LIMIT, k):
                return self._scan(vectors, k, allowed)
        count = min(k, len(self))
        if count == 0:
            return self._scan(vectors, k, self.ids())
        try:
            ids, distances = self._ask(vectors, count, allowed)
        except RuntimeError:
            # hnswlib gives up where its graph yields fewer than asked for: many removed ids or equal vectors.
            return self._scan(vectors, k, self.ids() if allowed is None else allowed)
        found = Neighbours(
            np.full((len(vectors), k), NOBODY, np.int64), np.full((len(vectors), k), np.inf, np.float32)
        )
        found.ids[:, :count] = ids
        found.distances[:, :count] = np.maximum(distances, 0.0)
        return found

    def save(self) -> None:
        """Write a new data file, then the manifest that names it, then drop the old data file."""
        self._manifest.parent.mkdir(parents=True, exist_ok=True)
        data = self._manifest.with_name(f"{self._manifest.stem}.{secrets.token_hex(4)}")
        try:
            self._write(data)
            manifest = {
                "format": FORMAT,
                "embedder": self._embedder,
                "dim": self.dim,
                "space": "cosine",
                "count": int(self._graph.get_current_count()),
                "removed": sorted(self._removed),
                "data": data.name,
                "digest": _digest(data),
            }
            with replacing(self._manifest) as file:
                file.write(json.dumps(manifest).encode())
        except BaseException:
            data.unlink(missing_ok=True)
            raise
        for other in self._manifest.parent.glob(f"{glob.escape(self._manifest.stem)}.*"):
            if other not in {data, self._manifest}:
                other.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if kind is None:
            self.save()

    def _ask(
        self, vectors: NDArray[np.float32], count: int, allowed: NDArray[np.int64] | None
    ) -> tuple[Any, Any]:
        with self._lock:
            # Shared by all threads, hence raised and never lowered.
            if 2 * count > self._ef:
                self._ef = 2 * count
                self._graph.set_ef(self._ef)
        if allowed is None:
            return self._graph.knn_query(vectors, k=count)  # type: ignore[no-any-return]
        members = set(allowed.tolist())
        return self._graph.knn_query(vectors, k=count, num_threads=1, filter=members.__contains__)  # type: ignore[no-any-return]

    def _scan(self, vectors: NDArray[np.float32], k: int, ids: NDArray[np.int64]) -> Neighbours:
        held = (
            np.asarray(self._graph.get_items(ids), np.float32)
            if len(ids)
            else np.empty((0, self.dim), np.float32)
        )
        return nearest(vectors, ids, held, k)

    def _write(self, data: Path) -> None:
        self._graph.save_index(str(data))
        if data.stat().st_size != self._graph.index_file_size():
            # hnswlib does not look whether its writing succeeds.
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(data))
        with data.open("rb") as written:
            os.fsync(written.fileno())

    def _empty(self) -> Any:
        graph = hnswlib.Index(space="cosine", dim=self.dim)
        graph.init_index(max_elements=1024, M=LINKS, ef_construction=BUILD_BREADTH)
        return graph

    def _loaded(self) -> Any:
        while True:
            manifest = self._manifest.read_bytes()
            try:
                return self._described(json.loads(manifest))
            except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
                # A writer that saved meanwhile has taken away what this manifest names: go by the new one.
                if self._manifest.read_bytes() == manifest:
                    raise self._refusal(f"is damaged ({error})") from error

    def _described(self, manifest: Any) -> Any:
        made_for = {key: manifest[key] for key in ("format", "embedder", "dim", "space")}
        wanted = {"format": FORMAT, "embedder": self._embedder, "dim": self.dim, "space": "cosine"}
        if made_for != wanted:
            raise self._refusal(f"was made for {made_for}, not for {wanted}")
        data = self._manifest.with_name(manifest["data"])
        # hnswlib follows whatever links it finds in a file, out of its memory too.
        if _digest(data) != manifest["digest"]:
            raise ValueError(f"{data.name} has changed since it was written")
        graph = hnswlib.Index(space="cosine", dim=self.dim)
        graph.load_index(str(data), max_elements=0)
        if graph.get_current_count() != manifest["count"]:
            raise ValueError("it does not hold as many vectors as it should")
        self._removed = set(manifest["removed"])
        return graph

    def _refusal(self, why: str) -> Mismatch:
        return Mismatch(
            f"{self._manifest} {why}; run `python -m embedder --embedder {self._embedder} --rebuild-index`"
        )


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "blake2b").hexdigest()
