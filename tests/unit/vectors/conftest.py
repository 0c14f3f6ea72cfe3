"""An index of each kind, as it is asked: what holds less than it was given is re-ranked with the full vectors."""

from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Self

import numpy as np
import pytest
from numpy.typing import NDArray

from artstore.vectors import NOBODY, Neighbours, VectorIndex, open_index
from artstore.vectors.protocol import check_pairs, nearest, nobody
from tests.unit.conftest import unit_vectors

RANK = 64
DIM = 72
BASIS = np.linalg.qr(np.random.default_rng(8).standard_normal((DIM, RANK)))[0].T.astype(np.float32)
"""Vectors of these tests vary in RANK directions of DIM: an index may do with RANK numbers of each."""

LEARNED = " (learned)"
WHOLE = ("exact:", "hnsw:", "faiss:")
KINDS = (*WHOLE, f"hnsw:64{LEARNED}", f"faiss:64{LEARNED}")

Ids = NDArray[np.int64]
Vectors = NDArray[np.float32]
Opener = Callable[..., VectorIndex]


def directions(count: int, seed: int = 0, dim: int = DIM) -> Vectors:
    """Rows of unit length; those of DIM numbers vary in RANK directions alone."""
    if dim != DIM:
        return unit_vectors(count, dim, seed)
    vectors: Vectors = unit_vectors(count, RANK, seed) @ BASIS
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


def opened(
    kind: str, path: Path, *, dim: int = DIM, embedder: str = "colour", fresh: bool = False
) -> VectorIndex:
    """Open an index of *kind*, which has learned if its name says so."""
    index = open_index(kind.removesuffix(LEARNED), path, dim, embedder, fresh=fresh)
    if kind.endswith(LEARNED) and len(index) == 0:
        index.learn([directions(1500, seed, dim) for seed in (90, 91)], 3000)
    return index


def fair_share(kind: str, share: float) -> float:
    """Of the true neighbours, how many *kind* has to find where others find *share*.

    Of vectors in all directions alike, one bit a number tells the least: those of
    pictures, which differ in fewer, are asked of it in test_reducing.
    """
    return min(share, 0.9) if kind == f"faiss:64{LEARNED}" else share


class TwoStages:
    """An index that chooses candidates, and the full vectors, which tell the nearest of them."""

    def __init__(self, index: VectorIndex, full: dict[int, Vectors]) -> None:
        self.index = index
        self.dim = index.dim
        self.full = full

    def __len__(self) -> int:
        return len(self.index)

    def ids(self) -> Ids:
        return self.index.ids()

    def learn(self, sample: Iterable[Vectors], count: int) -> None:
        self.index.learn(sample, count)

    def outgrown(self, count: int) -> bool:
        return self.index.outgrown(count)

    def shortlist(self, wanted: int) -> int:
        return self.index.shortlist(wanted)

    def add(self, ids: Ids, vectors: Vectors) -> None:
        check_pairs(ids, vectors, self.dim)
        # Before they can be found, as features are on disk before they are indexed.
        self.full.update(zip(ids.tolist(), vectors.copy(), strict=True))
        self.index.add(ids, vectors)

    def remove(self, ids: Collection[int]) -> None:
        self.index.remove(ids)

    def query(self, vectors: Vectors, k: int, allowed: Ids | None = None) -> Neighbours:
        # Many, for vectors in all directions alike are the hardest there are to tell apart by 64 bits.
        candidates = self.index.query(vectors, max(500, 4 * k) if k > 0 else k, allowed)
        best = nobody(len(vectors), k)
        for row, ids in enumerate(candidates.ids):
            held = ids[ids != NOBODY]
            full = np.array([self.full[image_id] for image_id in held.tolist()], np.float32)
            answer = nearest(vectors[row : row + 1], held, full.reshape(-1, self.dim), k)
            best.ids[row], best.distances[row] = answer.ids[0], answer.distances[0]
        return best

    def save(self) -> None:
        self.index.save()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        self.index.__exit__(kind, *rest)


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def opener(kind: str, tmp_path: Path) -> Opener:
    """Open the index of this kind; the same one again when called again."""
    full: dict[tuple[str, int], dict[int, Vectors]] = {}

    def opens(
        *, name: str = "it", dim: int = DIM, embedder: str = "colour", fresh: bool = False
    ) -> VectorIndex:
        index = opened(kind, tmp_path / "index" / name, dim=dim, embedder=embedder, fresh=fresh)
        return TwoStages(index, full.setdefault((name, dim), {})) if kind.endswith(LEARNED) else index

    return opens


@pytest.fixture
def oracle(tmp_path: Path) -> VectorIndex:
    return open_index("exact:", tmp_path / "oracle", DIM, "colour")


def id_array(*ids: int) -> Ids:
    return np.array(ids, np.int64)


def filled(index: VectorIndex, count: int, seed: int = 0) -> Vectors:
    vectors = directions(count, seed, index.dim)
    index.add(np.arange(count, dtype=np.int64), vectors)
    return vectors


def assert_agree(found: Neighbours, wanted: Neighbours, recall: float = 1.0) -> None:
    """Check that *found* keeps the contract, and names at least *recall* of the true neighbours."""
    assert found.ids.shape == found.distances.shape == wanted.ids.shape
    assert found.ids.dtype == np.dtype(np.int64)
    assert found.distances.dtype == np.dtype(np.float32)
    assert ((found.ids == NOBODY) == np.isinf(found.distances)).all()
    assert ((found.ids == NOBODY).sum(axis=1) == (wanted.ids == NOBODY).sum(axis=1)).all()
    assert (found.distances[:, 1:] >= found.distances[:, :-1]).all()
    hits = total = 0
    for ours, theirs, ours_far, theirs_far in zip(
        found.ids.tolist(), wanted.ids.tolist(), found.distances, wanted.distances, strict=True
    ):
        known = dict(zip(theirs, theirs_far.tolist(), strict=True))
        held = [each for each in ours if each != NOBODY]
        assert len(set(held)) == len(held)
        for image_id, distance in zip(ours, ours_far.tolist(), strict=True):
            assert image_id not in known or known[image_id] == pytest.approx(distance, abs=1e-4)
        # As near as the truth is as good as the truth: equal distances may come in any order.
        hits += int((ours_far <= theirs_far[-1] + 1e-4).sum())
        total += len(ours)
    assert hits >= recall * total
