"""Answers among the ids that are allowed."""

import numpy as np
import pytest

from artstore.vectors import NOBODY, VectorIndex, hnsw
from tests.unit.vectors.conftest import Opener, assert_agree, directions, fair_share, filled, id_array


@pytest.mark.parametrize("scan_limit", [0, 100, 20_000])
@pytest.mark.parametrize("share", [0.001, 0.02, 0.3, 0.9, 1.0])
def test_filters_agree_with_the_oracle_at_every_selectivity(
    opener: Opener,
    oracle: VectorIndex,
    kind: str,
    monkeypatch: pytest.MonkeyPatch,
    scan_limit: int,
    share: float,
) -> None:
    monkeypatch.setattr(hnsw, "SCAN_LIMIT", scan_limit)
    index = opener()
    filled(index, 1000)
    filled(oracle, 1000)
    allowed = np.random.default_rng(5).permutation(1000)[: max(1, int(1000 * share))].astype(np.int64)
    # Ids that are not held, cannot be, or come twice, allow nothing more.
    asked = np.concatenate([allowed, allowed[:1], id_array(5000, 6000, -5500)])
    questions = directions(20, seed=1)
    for k in (1, 10, 40):
        found = index.query(questions, k, asked)
        assert set(found.ids.ravel().tolist()) <= {*allowed.tolist(), NOBODY}
        assert_agree(found, oracle.query(questions, k, allowed), fair_share(kind, 0.97))


def test_removed_ids_are_not_returned_though_allowed(opener: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hnsw, "SCAN_LIMIT", 0)
    index = opener()
    vectors = filled(index, 100)
    index.remove(range(50))
    found = index.query(vectors, 60, np.arange(40, 100, dtype=np.int64))
    assert set(found.ids.ravel().tolist()) == {*range(50, 100), NOBODY}


def test_filters_agree_with_the_oracle_after_opening_whatever_the_order_of_adding(
    opener: Opener, oracle: VectorIndex, kind: str
) -> None:
    index, order = opener(), np.random.default_rng(2).permutation(600)
    vectors = directions(600)
    for each in (index, oracle):
        each.add(order, vectors)
    index.save()
    again = opener()
    for each in (again, oracle):
        each.remove(range(10))
        each.add(id_array(20, 700), directions(2, seed=7))
    allowed = np.arange(0, 800, 3, dtype=np.int64)
    questions = directions(20, seed=1)
    for k in (1, 10):
        found = again.query(questions, k, allowed)
        assert_agree(found, oracle.query(questions, k, allowed), fair_share(kind, 0.97))


def test_ids_that_lie_far_apart_can_be_allowed(opener: Opener) -> None:
    index = opener()
    vectors = directions(60)
    ids = np.arange(60, dtype=np.int64) * 10**15
    index.add(ids, vectors)
    assert index.query(vectors[:20], 1, ids[:20]).ids[:, 0].tolist() == ids[:20].tolist()
    assert set(index.query(vectors[:5], 40, ids[20:50]).ids.ravel().tolist()) == {
        *ids[20:50].tolist(),
        NOBODY,
    }
