"""Every vector compared with every question: slow, exact, the oracle for the others."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Collection, Iterable
from typing import Self
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from artstore.blobs import replacing
from artstore.errors import WrongShape
from artstore.vectors.place import Place
from artstore.vectors.protocol import Neighbours, check_pairs, check_question, nearest, shortlist

# What zipfile and numpy raise on a broken .npz.
_DAMAGES = (OSError, ValueError, LookupError, EOFError, RuntimeError, BadZipFile, zlib.error, struct.error)


class ExactIndex:
    """All vectors in memory, as one matrix. Saved as one ``.exact.npz``."""

    SUFFIX = ".exact.npz"
    """Of the file that is replaced by each save."""

    def __init__(self, place: Place, *, fresh: bool) -> None:
        self.dim = place.dim
        self._place = place
        self._path = place.stem.with_name(place.stem.name + self.SUFFIX)
        # Replaced, never changed in place: a thread that is asking keeps the pair it took.
        self._held: tuple[NDArray[np.int64], NDArray[np.float32]] = self._empty() if fresh else self._loaded()

    def __len__(self) -> int:
        return len(self._held[0])

    def ids(self) -> NDArray[np.int64]:
        """Return the ids held, ascending."""
        return np.sort(self._held[0])

    def learn(self, sample: Iterable[NDArray[np.float32]], count: int) -> None:  # noqa: ARG002 - of the protocol
        """Learn nothing: vectors are kept whole."""
        if len(self):
            raise ValueError("only an empty index can learn")

    def outgrown(self, count: int) -> bool:  # noqa: ARG002 - of the protocol
        """Say no."""
        return False

    def shortlist(self, wanted: int) -> int:
        """Return a few hundred."""
        return shortlist(wanted)

    def add(self, ids: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
        """Add or replace."""
        check_pairs(ids, vectors, self.dim)
        old_ids, old_vectors = self._held
        kept = ~np.isin(old_ids, ids)
        self._held = np.concatenate([old_ids[kept], ids]), np.concatenate([old_vectors[kept], vectors])

    def remove(self, ids: Collection[int]) -> None:
        """Forget *ids*."""
        old_ids, old_vectors = self._held
        kept = ~np.isin(old_ids, np.fromiter(ids, np.int64, len(ids)))
        self._held = old_ids[kept], old_vectors[kept]

    def query(
        self, vectors: NDArray[np.float32], k: int, allowed: NDArray[np.int64] | None = None
    ) -> Neighbours:
        """Return the k nearest, exactly."""
        check_question(vectors, k, self.dim)
        ids, held = self._held
        if allowed is not None:
            chosen = np.isin(ids, allowed)
            ids, held = ids[chosen], held[chosen]
        return nearest(vectors, ids, held, k)

    def save(self) -> None:
        """Write the file anew."""
        ids, vectors = self._held
        with replacing(self._path) as file:
            np.savez(file, ids=ids, vectors=vectors, embedder=np.array(self._place.embedder))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if kind is None:
            self.save()

    def _empty(self) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        return np.empty(0, np.int64), np.empty((0, self.dim), np.float32)

    def _loaded(self) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        if not self._path.exists():
            return self._empty()
        try:
            # Opened here: numpy leaves it open where the zip in it is broken.
            with self._path.open("rb") as file, np.load(file) as saved:
                ids, vectors, embedder = saved["ids"], saved["vectors"], str(saved["embedder"])
        except _DAMAGES as error:
            raise self._place.refusal(self._path, f"is damaged ({error})") from error
        if embedder != self._place.embedder or vectors.shape[1:] != (self.dim,):
            raise self._place.refusal(self._path, f"was made for {embedder} {vectors.shape[1:]}")
        try:
            check_pairs(ids, vectors, self.dim)
        except WrongShape as error:
            raise self._place.refusal(self._path, f"is damaged ({error})") from error
        return ids, vectors
