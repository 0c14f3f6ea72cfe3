"""Approximate nearest neighbours by hnswlib: a graph in memory over reduced vectors.

The method is Malkov and Yashunin, "Efficient and robust approximate nearest
neighbor search using Hierarchical Navigable Small World graphs" (2016).
hnswlib loads a file of another dimension or metric without a word and answers
nonsense, and forgets nothing when it is told to; the manifest holds what it
does not: dimension, embedder, count, removed ids, and the reducer's file.
"""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import hnswlib
import numpy as np
from numpy.typing import NDArray

from artstore.ascending import ascending, common, members
from artstore.vectors.graph_file import GraphFile
from artstore.vectors.place import Place, SavedFiles, manifest_suffix
from artstore.vectors.protocol import Neighbours, check_pairs, check_question, nearest, nobody, shortlist
from artstore.vectors.reducer import GROWTH, Reducer, reduction_pays
from artstore.vectors.sharing import Sharing

NUMBERS = 64
"""Of each vector, unless the URI says otherwise: 52 MB for 100,000 of them, and of the true ten 0.998 or more are among 200 candidates."""
LINKS = 12
"""M: 16 takes 3 MB more for 100,000 vectors, and finds no more: what is missed is missed by the reduction. With 10, 0.7 %
of a million vectors do not find themselves."""
BUILD_BREADTH = 200
"""ef_construction, the library's own default: 120 takes a third less time, but then 1.3 % of a million vectors do not
find themselves, instead of 0.2 %."""
BREADTH = 128
"""ef: candidates kept while asking; 0.999 to 1.000 of the true ten on 4096-d vectors."""
MOST_BREADTH = 400
"""Twice the candidates that are asked for usually. hnswlib has one ef for all who ask, so that one question for very
many would make all later ones slow; where more are asked for, it keeps as many as are asked for by itself."""
NOISE = 2e-5
"""Length of what is added to each vector in the graph: equal ones would link to each other alone and cut it into
pieces. Of 3000 vectors among ten that came 300 times each, nearly half did not find themselves; with it all but 0.2 %."""
SCAN_LIMIT = 20_000
"""So many allowed ids are compared one by one, in 9 ms of CPU, as fast as the graph finds enough of them among a million
others; 50,000 take 26 ms, and the graph finds enough of these in 9."""
SCANNED_AT_ONCE = 50_000
"""Vectors, which take 13 MB at 64 numbers."""
MARGIN = 1.5
"""How many more than the allowed share asks for are taken from the graph, since near ones are rarely allowed evenly."""
ADDED_AT_ONCE = 500
"""Vectors; whoever asks meanwhile waits for no more than these."""
SIDES = 9
"""Numbers by whose signs vectors are put in order before they are added; of reduced ones, nearly all have the first alike."""
WORN_SHARE = 0.5
"""Of removed ids in a graph: they cost memory, and time with each question."""


@dataclass(frozen=True, slots=True)
class _Saved:
    """What is on disk of a graph."""

    file: GraphFile
    changed: set[int]
    """Ids that were added or replaced since."""


class HnswIndex:
    """A graph in memory, saved as ``<stem>.hnsw.json`` and the data files that it names.

    From a few thousand vectors on it holds them reduced: its distances are those of the
    reduced vectors, and serve to choose candidates.
    """

    SUFFIX = manifest_suffix("hnsw")
    """Of the file that is replaced by each save."""

    def __init__(self, place: Place, *, fresh: bool) -> None:
        self.dim = place.dim
        self._numbers = place.numbers
        self._files = SavedFiles(place, "hnsw")
        self._reducer: Reducer | None = None
        self._learned_of = 0
        self._removed: set[int] = set()
        self._saved: _Saved | None = None
        # The ids as one array, made when first asked for.
        self._held: NDArray[np.int64] | None = None
        self._ef = BREADTH
        self._ef_lock = threading.Lock()
        # hnswlib may not be asked while something is added.
        self._sharing = Sharing()
        # hnswlib has no type information; what is called of it returns arrays, ints or None.
        self._graph: Any = self._empty() if fresh or not self._files.exist else self._files.load(self._loaded)
        self._graph.set_ef(self._ef)

    def __len__(self) -> int:
        return int(self._graph.get_current_count()) - len(self._removed)

    def ids(self) -> NDArray[np.int64]:
        """Return the ids held, ascending."""
        with self._sharing.asking():
            return self._ids()

    def learn(self, sample: Iterable[NDArray[np.float32]], count: int) -> None:
        """Learn to reduce, if *count* vectors are enough for that."""
        if len(self):
            raise ValueError("only an empty index can learn")
        if reduction_pays(count, self.dim, self._numbers):
            self._reducer, self._learned_of = Reducer.learned(sample, self.dim, self._numbers), count
            self._saved, self._removed = None, set()
            self._graph = self._empty()
            self._graph.set_ef(self._ef)

    def outgrown(self, count: int) -> bool:
        """Say whether there is more to learn from *count* vectors, or half of the graph was removed."""
        if len(self._removed) > max(1000, WORN_SHARE * self._graph.get_current_count()):
            return True
        if self._reducer is None:
            return reduction_pays(count, self.dim, self._numbers)
        return count >= GROWTH * self._learned_of

    def shortlist(self, wanted: int) -> int:
        """Return a few hundred."""
        return shortlist(wanted)

    def add(self, ids: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
        """Add or replace; who asks meanwhile finds some of them already."""
        check_pairs(ids, vectors, self.dim)
        reduced = self._reduced(vectors)
        order = _side_by_side(reduced)
        for start in range(0, len(ids), ADDED_AT_ONCE):
            places = order[start : start + ADDED_AT_ONCE]
            part, exact = ids[places], reduced[places]
            noise = np.random.default_rng(part).standard_normal(exact.shape, np.float32)
            noisy = exact + noise * np.float32(NOISE / np.sqrt(exact.shape[1]))
            with self._sharing.changing():
                self._make_room(len(part))
                self._graph.add_items(noisy, part)
                self._removed.difference_update(part.tolist())
                if self._saved:
                    self._saved.changed.update(part.tolist())
                self._held = None

    def remove(self, ids: Collection[int]) -> None:
        """Forget *ids*: they stay in the graph as way-marks but are not returned."""
        with self._sharing.changing():
            for image_id in common(np.fromiter(ids, np.int64, len(ids)), self._ids()).tolist():
                self._graph.mark_deleted(image_id)
                self._removed.add(image_id)
            self._held = None

    def query(
        self, vectors: NDArray[np.float32], k: int, allowed: NDArray[np.int64] | None = None
    ) -> Neighbours:
        """Return the k nearest that the graph finds; of few allowed ids all are compared."""
        check_question(vectors, k, self.dim)
        question = self._reduced(vectors)
        with self._sharing.asking():
            held = self._ids()
            if allowed is None:
                return self._found(question, min(k, len(held)), k) or self._scan(question, k, held)
            found = None
            if len(allowed) > max(SCAN_LIMIT, k):
                # Not cut down to those held before: that takes longer than the answer.
                found = self._found_among(question, k, ascending(allowed))
            return found or self._scan(question, k, common(allowed, held))

    def save(self) -> None:
        """Write the graph, its reducer, and the manifest that names them."""
        parts = {"graph": self._write_graph}
        if self._reducer:
            parts["reducer"] = self._reducer.write
        with self._sharing.asking():
            facts = {
                "count": int(self._graph.get_current_count()),
                "removed": sorted(self._removed),
                "learned_of": self._learned_of,
            }
            files = self._files.save(facts, parts)
            self._saved = _Saved(GraphFile(files["graph"], self._width), set())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if kind is None:
            self.save()

    def _ids(self) -> NDArray[np.int64]:
        if self._held is None:
            if self._saved and not self._saved.changed:
                known = self._saved.file.ids
            else:
                # A list of Python's numbers, which takes hnswlib a while.
                known = np.sort(np.array(self._graph.get_ids_list(), np.int64))
            gone = np.array(sorted(self._removed), np.int64)
            self._held = known[~members(known, gone)] if gone.size else known
        return self._held

    @property
    def _width(self) -> int:
        """How many numbers of a vector are in the graph."""
        return self._reducer.shape[1] if self._reducer else self.dim

    def _reduced(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        return self._reducer.reduce(vectors) if self._reducer else vectors

    def _found(self, question: NDArray[np.float32], count: int, k: int) -> Neighbours | None:
        """Return the *count* nearest in the graph, and nobody up to *k*; None where it does not yield so many."""
        if count == 0:
            return None
        with self._ef_lock:
            # Shared by all threads, hence raised and never lowered.
            if (wanted := min(2 * count, MOST_BREADTH)) > self._ef:
                self._ef = wanted
                self._graph.set_ef(self._ef)
        try:
            ids, distances = self._graph.knn_query(question, k=count)
        except RuntimeError:
            # hnswlib gives up where its graph yields fewer than asked for: many removed ids or equal vectors.
            return None
        found = nobody(len(question), k)
        found.ids[:, :count] = ids
        found.distances[:, :count] = np.maximum(distances, 0.0)
        return found

    def _found_among(
        self, question: NDArray[np.float32], k: int, allowed: NDArray[np.int64]
    ) -> Neighbours | None:
        """Return the k nearest of *allowed* among more that the graph finds; None if too few of these are allowed."""
        held = len(self)
        count = min(held, int(MARGIN * k * held / len(allowed)) + 1)
        found = self._found(question, count, count)
        if found is None:
            return None
        fits = members(found.ids, allowed)
        if (fits.sum(axis=1) < k).any():
            return None
        first = np.argsort(~fits, axis=1, kind="stable")[:, :k]
        return Neighbours(
            np.take_along_axis(found.ids, first, axis=1), np.take_along_axis(found.distances, first, axis=1)
        )

    def _scan(self, question: NDArray[np.float32], k: int, ids: NDArray[np.int64]) -> Neighbours:
        best = nobody(len(question), k)
        # In parts, so that a filter that lets through a million takes no more memory than the graph itself.
        for start in range(0, len(ids), SCANNED_AT_ONCE):
            part = ids[start : start + SCANNED_AT_ONCE]
            best = best.merged(nearest(question, part, self._vectors(part), k))
        return best

    def _vectors(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return what the graph holds for *ids*, which ascend: from its file, or from hnswlib if they came since."""
        if self._saved is None:
            return np.asarray(self._graph.get_items(ids), np.float32)
        new = members(ids, np.array(sorted(self._saved.changed), np.int64))
        vectors = np.empty((len(ids), self._width), np.float32)
        vectors[~new] = self._saved.file.read(ids[~new])
        if new.any():
            vectors[new] = self._graph.get_items(ids[new])
        return vectors

    def _make_room(self, count: int) -> None:
        needed = int(self._graph.get_current_count()) + count
        if needed > self._graph.get_max_elements():
            # Half as much again: growing copies the graph, so it must not happen per batch.
            self._graph.resize_index(needed + needed // 2)

    def _write_graph(self, path: Path) -> None:
        self._graph.save_index(str(path))
        if path.stat().st_size != self._graph.index_file_size():
            # hnswlib does not look whether its writing succeeds.
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    def _empty(self) -> Any:
        graph = hnswlib.Index(space="cosine", dim=self._width)
        graph.init_index(max_elements=1024, M=LINKS, ef_construction=BUILD_BREADTH)
        return graph

    def _loaded(self, facts: dict[str, Any], files: dict[str, Path]) -> Any:
        self._reducer = Reducer.read(files["reducer"], self.dim) if "reducer" in files else None
        self._learned_of = int(facts["learned_of"])
        self._removed = set(facts["removed"])
        file = GraphFile(files["graph"], self._width)
        if len(file) != facts["count"]:
            raise ValueError("it does not hold as many vectors as it should")
        self._saved = _Saved(file, set())
        return hnswlib.Index(file.state())


def _side_by_side(vectors: NDArray[np.float32]) -> NDArray[np.intp]:
    """Return the order in which those of *vectors* that point the same way follow each other.

    What one is compared with is then still in the processor's cache for the next, which takes a seventh off the building of
    a large graph.
    """
    return np.lexsort((vectors[:, :SIDES] > 0).T[::-1])
