"""All vectors compared by a bit for each of their numbers: faiss, for the smallest servers.

The method is RaBitQ (Gao and Long, "RaBitQ: Quantizing High-Dimensional Vectors
with a Theoretical Error Bound for Approximate Nearest Neighbor Search", 2024)
over reduced vectors. Without a graph, time grows with the number of vectors.
faiss is not among the requirements: ``pip install faiss-cpu``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from artstore.errors import NotReady
from artstore.vectors.place import Place, SavedFiles, manifest_suffix
from artstore.vectors.protocol import NOBODY, Neighbours, check_pairs, check_question, nobody, shortlist
from artstore.vectors.reducer import GROWTH, Reducer, reduction_pays
from artstore.vectors.sharing import Sharing

CODED_NUMBERS = 256
"""Of each vector, unless the URI says otherwise: a bit of each and some bytes. Of the true ten 0.996 to 0.999 are among 200 candidates."""
MOST_CODED_NUMBERS = 2048
"""faiss adds up what they tell of a distance in 16 bits, which with many more overflow without a word."""
MARKED_IDS = 1 << 24
"""Up to this one, a mark for each id tells which are allowed: 16 MB for a moment. Ids that lie further apart come as a set,
in which faiss looks for each vector's; among half a million that takes half as long again, and twice as long where many are allowed."""
CODED_WELL = 100_000
"""Up to so many vectors, the usual number of candidates is enough; of ten times as many, four times as many are."""


class RabitqIndex:
    """Codes and ids in memory, packed for SIMD. Saved as ``<stem>.faiss.json`` and its data files.

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
        # faiss's types are its own matter; what is called of them takes and returns arrays.
        self._held: Any = self._faiss.IndexIDMap(self._faiss.IndexFlatL2(self.dim))
        if not fresh and self._files.exist:
            self._files.load(self._load)

    def __len__(self) -> int:
        return int(self._held.ntotal)

    def ids(self) -> NDArray[np.int64]:
        """Return the ids held, ascending."""
        with self._sharing.asking():
            if self._reducer is None:
                return np.sort(self._faiss.vector_to_array(self._held.id_map))
            lists = self._held.invlists
            return np.sort(self._faiss.rev_swig_ptr(lists.get_ids(0), lists.list_size(0)))

    def learn(self, sample: Iterable[NDArray[np.float32]], count: int) -> None:
        """Learn to reduce and to code, if *count* vectors are enough for that."""
        if len(self):
            raise ValueError("only an empty index can learn")
        if not reduction_pays(count, self.dim, self._numbers):
            return
        # Turned, for a code of one bit a number takes all numbers to vary alike.
        reducer = Reducer.learned(sample, self.dim, self._numbers).rotated()
        held = self._coded(np.concatenate([reducer.reduce(batch) for batch in sample]))
        with self._sharing.changing():
            self._reducer, self._learned_of, self._held = reducer, count, held

    def outgrown(self, count: int) -> bool:
        """Say whether there is more to learn from *count* vectors."""
        if self._reducer is None:
            return reduction_pays(count, self.dim, self._numbers)
        return count >= GROWTH * self._learned_of

    def shortlist(self, wanted: int) -> int:
        """Return more the more there are: among a million, 200 candidates held 0.94 of the true ten, 800 held 0.998."""
        return int(shortlist(wanted) * max(1.0, len(self) / CODED_WELL) ** 0.6)

    def add(self, ids: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
        """Add or replace."""
        check_pairs(ids, vectors, self.dim)
        if len(ids) == 0:
            return
        reduced = np.ascontiguousarray(self._reduced(vectors))
        with self._sharing.changing():
            self._held.remove_ids(ids)
            self._wipe()
            self._held.add_with_ids(reduced, ids)

    def remove(self, ids: Collection[int]) -> None:
        """Forget *ids*."""
        with self._sharing.changing():
            self._held.remove_ids(np.fromiter(ids, np.int64, len(ids)))

    def query(
        self, vectors: NDArray[np.float32], k: int, allowed: NDArray[np.int64] | None = None
    ) -> Neighbours:
        """Return the k that seem nearest; all that are *allowed* are looked at."""
        check_question(vectors, k, self.dim)
        question = np.ascontiguousarray(self._reduced(vectors))
        found = nobody(len(question), k)
        with self._sharing.asking():
            count = min(k, len(self) if allowed is None else min(len(self), len(allowed)))
            if count == 0 or len(question) == 0:
                return found
            squares, ids = self._held.search(question, count, params=self._only(allowed))
        # Of unit vectors: |a - b|² = 2 (1 - cos). An estimate may be less than nothing.
        distances = np.where(ids == NOBODY, np.inf, np.clip(squares / 2, 0.0, 2.0))
        order = np.argsort(distances, axis=1, kind="stable")
        found.ids[:, :count] = np.take_along_axis(ids, order, axis=1)
        found.distances[:, :count] = np.take_along_axis(distances, order, axis=1)
        return found

    def save(self) -> None:
        """Write what is held, the reducer, and the manifest that names them."""
        with self._sharing.asking():
            # Through an array: where a disk is full, faiss itself raises no OSError.
            parts = {"held": self._faiss.serialize_index(self._held).tofile}
            if self._reducer:
                parts["reducer"] = self._reducer.write
            self._files.save({"count": len(self), "learned_of": self._learned_of}, parts)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if kind is None:
            self.save()

    def _coded(self, sample: NDArray[np.float32]) -> Any:
        """Return an empty index of codes, which are of what differs from the middle of *sample*.

        Its cells are one, the whole: of faiss's indexes of codes these alone keep ids and look at allowed ones only.
        """
        middle = self._faiss.IndexFlatL2(self._numbers)
        middle.add(sample.mean(axis=0, keepdims=True))
        index = self._faiss.IndexIVFRaBitQFastScan(middle, self._numbers, 1)
        index.train(sample)
        return index

    def _wipe(self) -> None:
        """Clear what removed codes left behind the last one, in its block: faiss would mix the bits of added ones with it."""
        if self._reducer is None:
            return
        lists = self._faiss.downcast_InvertedLists(self._held.invlists)
        packer, count = lists.packer, lists.list_size(0)
        nothing = np.zeros(packer.code_size, np.uint8)
        for place in range(count, count + -count % packer.nvec):
            packer.pack_1_c(self._faiss.swig_ptr(nothing), place, lists.get_codes(0))

    def _reduced(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        return self._reducer.reduce(vectors) if self._reducer else vectors

    def _only(self, allowed: NDArray[np.int64] | None) -> Any:
        """Return what tells faiss to look at *allowed* alone."""
        if allowed is None:
            return None
        parameters = self._faiss.SearchParametersIVF if self._reducer else self._faiss.SearchParameters
        return parameters(sel=self._selector(allowed))

    def _selector(self, allowed: NDArray[np.int64]) -> Any:
        if allowed.min() < 0 or allowed.max() > MARKED_IDS:
            return self._faiss.IDSelectorBatch(allowed)
        marks = np.zeros(int(allowed.max()) + 1, np.bool_)
        marks[allowed] = True
        return self._faiss.IDSelectorBitmap(np.packbits(marks, bitorder="little"))

    def _load(self, facts: dict[str, Any], files: dict[str, Path]) -> None:
        self._reducer = Reducer.read(files["reducer"], self.dim) if "reducer" in files else None
        self._learned_of = int(facts["learned_of"])
        self._held = self._faiss.read_index(str(files["held"]))
        if len(self) != facts["count"]:
            raise ValueError("it does not hold as many vectors as it should")


def _library() -> Any:
    try:
        import faiss
    except ImportError as error:
        raise NotReady(f"the index faiss: needs a library ({error}); run `pip install faiss-cpu`") from error
    return faiss
