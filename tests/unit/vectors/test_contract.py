"""One suite for every vector index, with the exact one as the oracle."""

import random
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from artstore.errors import UsageError, WrongShape
from artstore.vectors import NOBODY, VectorIndex, index_kind, open_index
from tests.unit.conftest import unit_vectors
from tests.unit.vectors.conftest import (
    BASIS,
    DIM,
    Opener,
    assert_agree,
    directions,
    fair_share,
    filled,
    id_array,
)


def test_the_nearest_come_first_with_their_distances(opener: Opener) -> None:
    index = opener()
    axes = BASIS[:3]
    index.add(id_array(7, 5, 9), np.vstack([axes[0], axes[1], -axes[0]]))
    found = index.query(axes[:1], 3)
    assert found.ids.tolist() == [[7, 5, 9]]
    np.testing.assert_allclose(found.distances, [[0, 1, 2]], atol=1e-4)


def test_every_vector_finds_itself_first(opener: Opener) -> None:
    index = opener()
    vectors = filled(index, 500)
    found = index.query(vectors, 1)
    assert found.ids[:, 0].tolist() == list(range(500))
    assert (found.distances >= 0).all()
    assert found.distances.max() < 1e-4


def test_answers_agree_with_the_oracle(opener: Opener, oracle: VectorIndex, kind: str) -> None:
    index = opener()
    filled(index, 2000)
    filled(oracle, 2000)
    questions = directions(100, seed=1)
    for k in (1, 10, 150):
        assert_agree(index.query(questions, k), oracle.query(questions, k), fair_share(kind, 0.98))


def test_any_order_of_adding_replacing_and_removing_agrees_with_the_oracle(
    opener: Opener, oracle: VectorIndex
) -> None:
    index, rng = opener(), random.Random(3)
    for turn in range(60):
        ids = np.array(rng.sample(range(1500), rng.randint(0, 25)), np.int64)
        if rng.random() < 0.6:
            vectors = directions(len(ids), seed=turn)
            for each in (index, oracle):
                each.add(ids, vectors)
        else:
            for each in (index, oracle):
                each.remove(ids.tolist())
        assert len(index) == len(oracle)
        assert index.ids().tolist() == oracle.ids().tolist()
        allowed = np.array(rng.sample(range(170), 40), np.int64) if rng.random() < 0.5 else None
        questions, k = directions(3, seed=1000 + turn), rng.choice([1, 5, 200])
        assert_agree(index.query(questions, k, allowed), oracle.query(questions, k, allowed), recall=0.95)


def test_adding_a_batch_twice_is_adding_it_once(opener: Opener) -> None:
    index = opener()
    vectors = filled(index, 50)
    filled(index, 50)
    assert len(index) == 50
    assert index.query(vectors[:5], 3).ids[:, 0].tolist() == [0, 1, 2, 3, 4]


def test_a_shortlist_is_longer_than_what_is_wanted(opener: Opener) -> None:
    index = opener()
    filled(index, 50)
    for wanted in (1, 10, 100, 5000):
        assert index.shortlist(wanted) >= max(200, 2 * wanted)


def test_an_id_takes_its_new_vector(opener: Opener) -> None:
    index = opener()
    filled(index, 20)
    other = directions(1, seed=9)
    index.add(id_array(3), other)
    assert len(index) == 20
    assert index.query(other, 1).ids.tolist() == [[3]]
    assert index.query(other, 1).distances[0, 0] < 1e-4


def test_many_replacements_at_once_keep_the_answers_right(opener: Opener, oracle: VectorIndex) -> None:
    index = opener()
    for seed in (0, 1, 2):
        filled(index, 1500, seed)
    vectors = filled(oracle, 1500, 2)
    assert_agree(index.query(vectors[:200], 10), oracle.query(vectors[:200], 10), recall=0.97)


def test_removed_ids_are_not_returned_until_they_are_added_again(opener: Opener) -> None:
    index = opener()
    vectors = filled(index, 100)
    index.remove([3, 4, 4, 999, -5])
    index.remove(np.array([5], np.int64))
    index.remove([3])
    assert len(index) == 97
    assert not {3, 4, 5} & set(index.ids().tolist())
    assert not {3, 4, 5} & set(index.query(vectors, 97).ids.ravel().tolist())
    index.add(id_array(4), vectors[4:5])
    assert len(index) == 98
    assert index.query(vectors[4:5], 1).ids.tolist() == [[4]]


def test_an_index_of_which_nearly_all_was_removed_still_answers(opener: Opener, oracle: VectorIndex) -> None:
    index = opener()
    for each in (index, oracle):
        filled(each, 1000)
        each.remove(range(5, 1000))
    questions = directions(20, seed=1)
    assert_agree(index.query(questions, 8), oracle.query(questions, 8))
    index.remove(range(5))
    assert len(index) == 0
    assert (index.query(questions, 2).ids == NOBODY).all()


def test_asking_for_more_than_there_is_fills_up_with_nobody(opener: Opener) -> None:
    index = opener()
    vectors = filled(index, 3)
    found = index.query(vectors, 10)
    assert (found.ids[:, 3:] == NOBODY).all()
    assert np.isinf(found.distances[:, 3:]).all()
    assert all(sorted(row) == [0, 1, 2] for row in found.ids[:, :3].tolist())


def test_an_empty_index_answers_nobody(opener: Opener) -> None:
    index = opener()
    assert len(index) == 0
    assert index.ids().shape == (0,)
    index.remove([1])
    index.add(np.empty(0, np.int64), np.empty((0, DIM), np.float32))
    for allowed in (None, id_array(), id_array(1, 2)):
        found = index.query(directions(2), 3, allowed)
        assert found.ids.tolist() == [[NOBODY] * 3] * 2
        assert np.isinf(found.distances).all()


def test_no_questions_have_no_answers(opener: Opener) -> None:
    index, none = opener(), np.empty((0, DIM), np.float32)
    assert index.query(none, 3).ids.shape == (0, 3)
    filled(index, 10)
    for allowed in (None, id_array(1)):
        assert index.query(none, 3, allowed).distances.shape == (0, 3)


def test_many_identical_vectors_are_found(opener: Opener, kind: str) -> None:
    index = opener()
    others = directions(200, seed=1)
    index.add(np.arange(300, dtype=np.int64), np.repeat(directions(1), 300, axis=0))
    index.add(np.arange(300, 500, dtype=np.int64), others)
    # Only noise tells copies apart: the more directions it has, the less the graph finds its way.
    share = 0.93 if kind.startswith("hnsw:") else 1.0
    for k in (10, 300):
        found = index.query(directions(1), k)
        assert len(set(found.ids[0].tolist()) & set(range(300))) >= share * k
        assert (found.distances < 1e-4).mean() >= share
    assert (index.query(others, 1).ids[:, 0] == np.arange(300, 500)).mean() >= share
    everything = index.query(directions(1), 600).ids[0].tolist()
    assert sorted(everything) == [NOBODY] * 100 + list(range(500))


def test_copies_among_others_do_not_hide_them(opener: Opener) -> None:
    index = opener(dim=64)
    vectors = np.vstack([unit_vectors(3000, 64, seed=2), np.repeat(unit_vectors(10, 64), 300, axis=0)])
    order = np.random.default_rng(0).permutation(len(vectors))
    index.add(order, vectors[order])
    assert (index.query(vectors, 1).distances < 1e-4).mean() > 0.99


def test_an_index_of_nothing_but_copies_answers(opener: Opener) -> None:
    index = opener()
    index.add(np.arange(300, dtype=np.int64), np.repeat(directions(1), 300, axis=0))
    for k in (1, 10, 300, 400):
        found = index.query(directions(1), k)
        assert len(set(found.ids[0].tolist()) - {NOBODY}) == min(k, 300)


def test_equal_distances_come_in_the_order_of_ids() -> None:
    index = open_index("exact:", Path("unused"), 4, "colour")
    axis = np.eye(4, dtype=np.float32)[:1]
    index.add(np.arange(40, dtype=np.int64)[::-1].copy(), np.repeat(axis, 40, axis=0))
    assert index.query(axis, 7).ids.tolist() == [list(range(7))]


def bad_pairs() -> dict[str, tuple[NDArray[np.generic], NDArray[np.generic]]]:
    ids, vectors = id_array(50, 51, 52), directions(3, seed=5)
    with_nan = vectors.copy()
    with_nan[2, 0] = np.nan
    return {
        "long vector": (ids, vectors * np.float32(2)),
        "zero vector": (ids, vectors * np.float32(0)),
        "nan": (ids, with_nan),
        "float64": (ids, vectors.astype(np.float64)),
        "narrow": (ids, directions(3 - 1)),
        "flat": (ids, vectors[0]),
        "int32 ids": (ids.astype(np.int32), vectors),
        "fewer ids": (ids[:2], vectors),
        "ids in a column": (ids[:, None], vectors),
        "negative id": (id_array(50, -1, 52), vectors),
        "id twice": (id_array(50, 51, 50), vectors),
    }


@pytest.mark.parametrize("name", bad_pairs())
def test_pairs_that_break_the_contract_leave_the_index_unchanged(opener: Opener, name: str) -> None:
    index = opener()
    vectors = filled(index, 10)
    before = index.query(vectors, 10)
    with pytest.raises(WrongShape):
        index.add(*bad_pairs()[name])  # type: ignore[arg-type]
    assert index.ids().tolist() == list(range(10))
    after = index.query(vectors, 10)
    np.testing.assert_array_equal(after.ids, before.ids)
    np.testing.assert_array_equal(after.distances, before.distances)


def test_questions_that_break_the_contract_are_refused(opener: Opener) -> None:
    index = opener()
    vectors = filled(index, 5)
    for bad in (vectors[0], vectors[:, 1:], vectors.astype(np.float64), vectors * np.float32(3)):
        with pytest.raises(WrongShape):
            index.query(bad, 1)  # type: ignore[arg-type]
    for k in (0, -1):
        with pytest.raises(ValueError, match="at least one neighbour"):
            index.query(vectors, k)


def test_arguments_are_neither_changed_nor_kept(opener: Opener) -> None:
    index = opener()
    ids, vectors, allowed = id_array(2, 0, 1), directions(3), id_array(2, 1)
    copies = ids.copy(), vectors.copy(), allowed.copy()
    index.add(ids, vectors)
    index.query(vectors, 2, allowed)
    for array, copy in zip((ids, vectors, allowed), copies, strict=True):
        np.testing.assert_array_equal(array, copy)
    vectors[:] = 0
    ids[:] = 77
    assert index.query(copies[1], 1).ids[:, 0].tolist() == [2, 0, 1]


def test_arrays_of_any_layout_are_taken(opener: Opener) -> None:
    index = opener()
    vectors = directions(20)
    index.add(np.arange(40, dtype=np.int64)[::2], np.asfortranarray(vectors))
    assert index.query(np.asfortranarray(vectors)[::-1], 1).ids[:, 0].tolist() == list(range(38, -1, -2))


def test_a_uri_that_is_not_known_is_refused_naming_those_there_are(tmp_path: Path) -> None:
    assert [index_kind(uri) for uri in ("exact:", "hnsw:", "hnsw")] == ["exact", "hnsw", "hnsw"]
    with pytest.raises(UsageError, match="hnsw:, exact:"):
        open_index("milvus://host", tmp_path / "x", DIM, "colour")
