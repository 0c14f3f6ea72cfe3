"""Vectors that are held in fewer numbers: what is learned, when, and how little is lost by it."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artstore.errors import Mismatch, UsageError
from artstore.vectors import VectorIndex, hnsw, index_kind, open_index, rabitq
from artstore.vectors.reducer import LEAST_COUNT, Reducer
from tests.unit.conftest import unit_vectors
from tests.unit.vectors.conftest import DIM, RANK, Vectors, directions
from tests.vgg_like import vgg_like

HELD_IN_FEWER = ("hnsw:", "faiss:")


def learned(uri: str, vectors: Vectors, tmp_path: Path) -> VectorIndex:
    """An index of *vectors*, numbered from 0, that learned from all of them."""
    index = open_index(uri, tmp_path / "learned", vectors.shape[1], "colour", fresh=True)
    index.learn([vectors], len(vectors))
    index.add(np.arange(len(vectors), dtype=np.int64), vectors)
    return index


@pytest.mark.parametrize("uri", HELD_IN_FEWER)
def test_of_vectors_like_those_of_pictures_the_true_ten_are_among_two_hundred(
    uri: str, tmp_path: Path
) -> None:
    vectors = vgg_like(6000, 512)
    questions, held = vectors[:100], vectors[100:]
    true = np.argsort(-(questions @ held.T), axis=1)[:, :10]
    index = learned(uri, held, tmp_path)
    assert len(index) == 5900
    some = np.arange(0, 5900, 2, dtype=np.int64)
    true_of_some = some[np.argsort(-(questions @ held[some].T), axis=1)[:, :10]]
    for wanted, allowed in ((true, None), (true_of_some, some)):
        found = index.query(questions, 200, allowed).ids
        assert np.mean([np.isin(ten, row).mean() for ten, row in zip(wanted, found, strict=True)]) >= 0.99


@pytest.mark.parametrize("uri", HELD_IN_FEWER)
def test_what_was_learned_is_saved_with_the_index(uri: str, tmp_path: Path) -> None:
    vectors = vgg_like(2500, 320)
    with learned(uri, vectors, tmp_path) as index:
        before = index.query(vectors[:50], 20)
    again = open_index(uri, tmp_path / "learned", 320, "colour")
    np.testing.assert_array_equal(again.query(vectors[:50], 20).ids, before.ids)
    assert not again.outgrown(24_999)
    assert again.outgrown(25_000)


@pytest.mark.parametrize("uri", HELD_IN_FEWER)
@pytest.mark.parametrize("at_once", [1, 10, 45])
def test_what_was_replaced_or_came_after_others_went_is_held_as_if_it_had_been_there_first(
    uri: str, at_once: int, tmp_path: Path
) -> None:
    vectors = vgg_like(3000, 320)
    first = learned(uri, vectors, tmp_path)
    with open_index(uri, tmp_path / "changed", 320, "colour") as index:
        index.learn([vectors], len(vectors))
        index.add(np.arange(1500, dtype=np.int64), np.roll(vectors, 1, axis=0)[:1500])
    for ids in np.array_split(np.arange(1500, dtype=np.int64), 1500 // at_once)[::5]:
        index.add(ids, vectors[ids])
        index.remove((ids + 1).tolist())
    index.save()
    index = open_index(uri, tmp_path / "changed", 320, "colour")
    for ids in np.array_split(np.arange(1500, 3000, dtype=np.int64), 1500 // at_once):
        index.add(ids, vectors[ids])
        index.remove(ids[:1].tolist())
        index.add(ids[:1], vectors[ids[:1]])
    index.add(np.arange(1500, dtype=np.int64), vectors[:1500])
    found, wanted = (each.query(vectors[::50], 200) for each in (index, first))
    # A graph may miss a few.
    assert np.isclose(found.distances[:, :50], wanted.distances[:, :50], atol=1e-3).mean() > 0.98
    assert index.ids().tolist() == list(range(3000))


@pytest.mark.parametrize("uri", HELD_IN_FEWER)
def test_an_index_takes_less_than_the_vectors_once_they_are_many(uri: str, tmp_path: Path) -> None:
    sizes = []
    for count in (LEAST_COUNT - 1, LEAST_COUNT):
        with learned(uri, unit_vectors(count, 1024), tmp_path):
            pass
        sizes.append(sum(path.stat().st_size for path in tmp_path.iterdir()))
    assert sizes[0] > LEAST_COUNT * 1024 * 4 > 4 * sizes[1]


@pytest.mark.parametrize("uri", ["exact:", *HELD_IN_FEWER])
def test_few_vectors_are_kept_whole_and_their_distances_right(uri: str, tmp_path: Path) -> None:
    vectors = unit_vectors(LEAST_COUNT - 1, 300)
    found = learned(uri, vectors, tmp_path).query(vectors[:20], 5)
    right = 1 - np.einsum("nd,nkd->nk", vectors[:20], vectors[found.ids])
    np.testing.assert_allclose(found.distances, right, atol=1e-4)


@pytest.mark.parametrize("uri", ["exact:", *HELD_IN_FEWER])
def test_only_an_empty_index_learns(uri: str, tmp_path: Path) -> None:
    index = open_index(uri, tmp_path / "it", DIM, "colour")
    index.add(np.arange(3, dtype=np.int64), directions(3))
    with pytest.raises(ValueError, match="empty"):
        index.learn([directions(3000)], 3000)
    index.remove(range(3))
    index.learn([directions(3000)], 3000)
    index.add(np.arange(3, dtype=np.int64), directions(3))
    assert index.query(directions(3), 1).ids[:, 0].tolist() == [0, 1, 2]


def test_an_index_that_keeps_vectors_whole_outgrows_itself_once_there_is_enough_to_learn_from(
    tmp_path: Path,
) -> None:
    for uri, numbers in (("hnsw:", hnsw.NUMBERS), ("faiss:", rabitq.CODED_NUMBERS)):
        assert not open_index(uri, tmp_path / "a", numbers + 1, "colour").outgrown(LEAST_COUNT - 1)
        assert open_index(uri, tmp_path / "a", numbers + 1, "colour").outgrown(LEAST_COUNT)
        assert not open_index(uri, tmp_path / "a", numbers, "colour").outgrown(10**6), "nothing to be saved"
    assert not open_index("exact:", tmp_path / "a", 4096, "colour").outgrown(10**6)


def test_a_graph_of_which_half_was_removed_had_better_be_made_anew(tmp_path: Path) -> None:
    index = learned("hnsw:", directions(2400), tmp_path)
    index.remove(range(1200))
    assert not index.outgrown(1200)
    index.remove([1200])
    assert index.outgrown(1199)


@pytest.mark.parametrize(
    ("made", "asked"), [("hnsw:", "hnsw:32"), ("hnsw:32", "hnsw:"), ("faiss:64", "faiss:")]
)
def test_an_index_of_other_numbers_is_refused_naming_the_command_that_helps(
    made: str, asked: str, tmp_path: Path
) -> None:
    with learned(made, directions(2500), tmp_path):
        pass
    with pytest.raises(Mismatch, match=f"--rebuild-index --index {asked}"):
        open_index(asked, tmp_path / "learned", DIM, "colour")


def test_a_uri_says_how_many_numbers_to_hold(tmp_path: Path) -> None:
    assert [index_kind(uri) for uri in ("hnsw:128", "faiss:64", "hnsw:")] == ["hnsw", "faiss", "hnsw"]
    for uri in ("hnsw:x", "hnsw:0", "hnsw:-8", "hnsw:12", "exact:64", "hnsw:٦٤"):
        with pytest.raises(UsageError, match=uri):
            open_index(uri, tmp_path / "it", DIM, "colour")
    assert index_kind("faiss:2048") == "faiss"
    with pytest.raises(UsageError, match="up to 2048"):
        index_kind("faiss:2056")


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 7))
def test_cosines_survive_if_the_numbers_kept_hold_all_there_is(seed: int, parts: int) -> None:
    generator = np.random.default_rng(seed)
    vectors = directions(200, seed)
    sample = np.array_split(vectors[generator.permutation(200)], parts)
    reducer = Reducer.learned(sample, DIM, RANK)
    for each in (reducer, reducer.rotated()):
        assert each.shape == (DIM, RANK)
        reduced = each.reduce(vectors)
        np.testing.assert_allclose(reduced @ reduced.T, vectors @ vectors.T, atol=1e-5)


def test_the_same_sample_gives_the_same_cosines_however_it_is_cut(tmp_path: Path) -> None:
    vectors = vgg_like(1000, 128)
    whole = Reducer.learned([vectors], 128, 16)
    again = Reducer.learned([vectors], 128, 16)
    np.testing.assert_array_equal(whole.reduce(vectors), again.reduce(vectors))
    cut, reduced = (
        reducer.reduce(vectors) for reducer in (Reducer.learned(np.array_split(vectors, 7), 128, 16), whole)
    )
    np.testing.assert_allclose(cut @ cut.T, reduced @ reduced.T, atol=1e-5)
    whole.write(tmp_path / "reducer")
    np.testing.assert_array_equal(
        Reducer.read(tmp_path / "reducer", 128).reduce(vectors), whole.reduce(vectors)
    )
    with pytest.raises(ValueError, match="64"):
        Reducer.read(tmp_path / "reducer", 64)


def test_a_sample_that_can_be_gone_through_only_once_is_refused() -> None:
    with pytest.raises(ValueError, match="only once"):
        Reducer.learned(iter([directions(200)]), DIM, RANK)


def test_what_the_directions_kept_do_not_see_has_no_neighbours_by_chance() -> None:
    axes = np.eye(8, dtype=np.float32)
    reducer = Reducer.learned([axes[:3]], 8, 3)
    assert not reducer.reduce(axes[3:]).any()
    np.testing.assert_allclose(np.linalg.norm(reducer.reduce(axes[:3]), axis=1), 1, atol=1e-5)


WITHOUT_FAISS = """
import sys
from pathlib import Path
sys.modules["faiss"] = None
from artstore.errors import NotReady
from artstore.vectors import index_kind, open_index
open_index("hnsw:", Path("unused"), 8, "colour")
index_kind("faiss:")
try:
    open_index("faiss:", Path("unused"), 8, "colour")
except NotReady as error:
    print(error)
"""


def test_codes_of_a_bit_a_number_want_more_candidates_the_more_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = open_index("faiss:", tmp_path / "it", 8, "colour")
    index.add(np.arange(1000), unit_vectors(1000, 8))
    assert index.shortlist(10) == 200
    monkeypatch.setattr(rabitq, "CODED_WELL", 100)
    assert 700 < index.shortlist(10) < 900


def test_without_faiss_what_to_install_is_told() -> None:
    told = subprocess.run([sys.executable, "-c", WITHOUT_FAISS], capture_output=True, text=True, check=True)
    assert "pip install faiss-cpu" in told.stdout


def test_faiss_is_not_loaded_by_those_who_do_not_ask_for_it() -> None:
    command = "import sys, artstore.vectors; print('faiss' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
