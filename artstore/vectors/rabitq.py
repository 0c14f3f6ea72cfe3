"""All vectors compared by a bit for each of their numbers: faiss, for the smallest servers.

The method is RaBitQ (Gao and Long, "RaBitQ: Quantizing High-Dimensional Vectors
with a Theoretical Error Bound for Approximate Nearest Neighbor Search", 2024)
over reduced vectors. Without a graph, time grows with the number of vectors.
faiss is not among the requirements: ``pip install faiss-cpu``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from artstore.ascending import common, members
from artstore.errors import NotReady
from artstore.vectors.place import Place, SavedFiles, manifest_suffix
from artstore.vectors.protocol import Neighbours, check_pairs, check_question, nobody, shortlist
from artstore.vectors.reducer import GROWTH, Reducer, reduction_pays
from artstore.vectors.sharing import Sharing

CODED_NUMBERS = 256
"""Of each vector, unless the URI says otherwise: a bit of each and some bytes. Of the true ten 0.996 are among 200 candidates."""


CODED_WELL = 100_000
"""Up to so many vectors, the usual number of candidates is enough; of ten times as many, four times as many are."""


class RabitqIndex:
    """Codes in memory, twice: packed for speed, and one by one for filters. Saved as ``<stem>.faiss.json`` and its data files.

    From a few thousand vectors on, its distances are estimates, and serve to choose
    candidates; fewer are kept whole.
    """

    SUFFIX = manifest_suffix("faiss")
    """Of the file that is replaced by each save."""

    def __init__(self, place: Place, *, fresh: bool) -> None:
        self.dim = place.dim
        self._numbers = place.numbers
        self._faiss = _library()
        self._files = SavedFiles(place, "faiss")
        self._sharing = Sharing()
        self._reducer: Reducer | None = None
        self._learned_of = 0
        # The id at each place of the codes.
        self._at = np.empty(0, np.int64)
        # Places in the order of their ids, and these ids; made when first asked for.
        self._sorted: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None
        # faiss's types are its own matter; what is called of them takes and returns arrays.
        self._codes: Any = self._faiss.IndexFlatL2(self.dim)
        self._packed: Any = None
        if not fresh and self._files.exist:
            self._files.load(self._load)

    def __len__(self) -> int:
        return len(self._at)

    def ids(self) -> NDArray[np.int64]:
        """Return the ids held, ascending."""
        with self._sharing.asking():
            return self._places()[1]

    def learn(self, sample: Iterable[NDArray[np.float32]], count: int) -> None:
        """Learn to reduce and to code, if *count* vectors are enough for that."""
        if len(self):
            raise ValueError("only an empty index can learn")
        if not reduction_pays(count, self.dim, self._numbers):
            return
        # Turned, for a code of one bit a number takes all numbers to vary alike.
        reducer = Reducer.learned(sample, self.dim, self._numbers).rotated()
        reduced = np.concatenate([reducer.reduce(batch) for batch in sample])
        self._reducer, self._learned_of = reducer, count
        self._codes = self._faiss.IndexRaBitQ(self._numbers)
        self._packed = self._faiss.IndexRaBitQFastScan(self._numbers)
        for index in (self._codes, self._packed):
            index.train(reduced)

    def outgrown(self, count: int) -> bool:
        """Say whether there is more to learn from *count* vectors."""
        if self._reducer is None:
            return reduction_pays(count, self.dim, self._numbers)
        return count >= GROWTH * self._learned_of

    def shortlist(self, wanted: int) -> int:
        """Return more the more there are: among a million, 200 candidates held 0.93 of the true ten, 800 held 0.9995."""
        return int(shortlist(wanted) * max(1.0, len(self) / CODED_WELL) ** 0.6)

    def add(self, ids: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
        """Add or replace."""
        check_pairs(ids, vectors, self.dim)
        reduced = np.ascontiguousarray(self._reduced(vectors))
        with self._sharing.changing():
            self._drop(ids)
            if len(ids):
                for index in self._both():
                    index.add(reduced)
                self._at = np.concatenate([self._at, ids])
                self._sorted = None

    def remove(self, ids: Collection[int]) -> None:
        """Forget *ids*."""
        with self._sharing.changing():
            self._drop(np.fromiter(ids, np.int64, len(ids)))

    def query(
        self, vectors: NDArray[np.float32], k: int, allowed: NDArray[np.int64] | None = None
    ) -> Neighbours:
        """Return the k that seem nearest; all that are *allowed* are looked at."""
        check_question(vectors, k, self.dim)
        question = np.ascontiguousarray(self._reduced(vectors))
        with self._sharing.asking():
            count = min(k, len(self))
            if allowed is None:
                return self._found(question, count, k)
            places, ids = self._places()
            chosen = places[np.searchsorted(ids, common(allowed, ids))]
            return self._found(question, min(k, len(chosen)), k, chosen)

    def save(self) -> None:
        """Write the codes, the ids, the reducer, and the manifest that names them."""
        parts: dict[str, Callable[[Path], None]] = {"ids": partial(_write_array, self._at)}
        if self._reducer:
            parts["reducer"] = self._reducer.write
        with self._sharing.asking():
            for name, index in zip(("codes", "packed"), self._both(), strict=False):
                # Through an array: where a disk is full, faiss itself raises no OSError.
                parts[name] = partial(_write_array, self._faiss.serialize_index(index))
            self._files.save({"count": len(self), "learned_of": self._learned_of}, parts)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if kind is None:
            self.save()

    def _reduced(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        return self._reducer.reduce(vectors) if self._reducer else vectors

    def _both(self) -> tuple[Any, ...]:
        return (self._codes,) if self._packed is None else (self._codes, self._packed)

    def _places(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return (places in the order of their ids, these ids)."""
        known = self._sorted
        if known is None:
            order = np.argsort(self._at)
            known = self._sorted = (order, self._at[order])
        return known

    def _drop(self, ids: NDArray[np.int64]) -> None:
        gone = members(self._at, np.unique(ids))
        if gone.any():
            for index in self._both():
                # faiss moves up those behind, as the ids do.
                index.remove_ids(np.flatnonzero(gone))
            self._at = self._at[~gone]
            self._sorted = None

    def _found(
        self, question: NDArray[np.float32], count: int, k: int, places: NDArray[np.int64] | None = None
    ) -> Neighbours:
        """Return the *count* nearest, of those at *places* if they are given, and nobody up to *k*."""
        found = nobody(len(question), k)
        if count == 0 or len(question) == 0:
            return found
        if places is None:
            squares, at = self._both()[-1].search(question, count)
        else:
            squares, at = self._codes.search(question, count, params=self._only(places))
        # Of unit vectors: |a - b|² = 2 (1 - cos). An estimate may be less than nothing.
        distances = np.clip(squares / 2, 0.0, 2.0)
        order = np.argsort(distances, axis=1, kind="stable")
        found.ids[:, :count] = self._at[np.take_along_axis(at, order, axis=1)]
        found.distances[:, :count] = np.take_along_axis(distances, order, axis=1)
        return found

    def _only(self, places: NDArray[np.int64]) -> Any:
        chosen = np.zeros(len(self), np.bool_)
        chosen[places] = True
        selector = self._faiss.IDSelectorBitmap(np.packbits(chosen, bitorder="little"))
        if self._packed is None:
            return self._faiss.SearchParameters(sel=selector)
        return self._faiss.RaBitQSearchParameters(sel=selector)

    def _load(self, facts: dict[str, Any], files: dict[str, Path]) -> None:
        self._reducer = Reducer.read(files["reducer"], self.dim) if "reducer" in files else None
        self._learned_of = int(facts["learned_of"])
        self._at = np.fromfile(files["ids"], np.int64)
        self._codes = self._read(files["codes"])
        self._packed = self._read(files["packed"]) if "packed" in files else None
        if {len(self._at), *(index.ntotal for index in self._both())} != {facts["count"]}:
            raise ValueError("it does not hold as many vectors as it should")

    def _read(self, path: Path) -> Any:
        return self._faiss.deserialize_index(np.fromfile(path, np.uint8))


def _library() -> Any:
    try:
        import faiss
    except ImportError as error:
        raise NotReady(f"the index faiss: needs a library ({error}); run `pip install faiss-cpu`") from error
    return faiss


def _write_array(array: NDArray[Any], path: Path) -> None:
    array.tofile(path)
