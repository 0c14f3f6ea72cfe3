"""One suite for every vector index, with the exact one as the oracle."""

import os
import random
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from artstore.errors import Mismatch, UsageError, WrongShape
from artstore.vectors import NOBODY, Neighbours, VectorIndex, hnsw, index_kind, open_index
from tests.unit.conftest import snapshot, unit_vectors

DIM = 16
KINDS = ("exact:", "hnsw:")

Ids = NDArray[np.int64]
Vectors = NDArray[np.float32]
Opener = Callable[..., VectorIndex]


@pytest.fixture(params=KINDS)
def opener(request: pytest.FixtureRequest, tmp_path: Path) -> Opener:
    """Open the index of this kind; the same one again when called again."""

    def opened(
        *, dim: int = DIM, embedder: str = "colour", name: str = "it", fresh: bool = False
    ) -> VectorIndex:
        return open_index(request.param, tmp_path / "index" / name, dim, embedder, fresh=fresh)

    return opened


@pytest.fixture
def oracle(tmp_path: Path) -> VectorIndex:
    return open_index("exact:", tmp_path / "oracle", DIM, "colour")


def id_array(*ids: int) -> Ids:
    return np.array(ids, np.int64)


def filled(index: VectorIndex, count: int, seed: int = 0) -> Vectors:
    vectors = unit_vectors(count, index.dim, seed)
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
        hits += int((ours_far <= theirs_far + 1e-4).sum())
        total += len(ours)
    assert hits >= recall * total


def test_the_nearest_come_first_with_their_distances(opener: Opener) -> None:
    index = opener()
    axes = np.eye(DIM, dtype=np.float32)[:3]
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


def test_answers_agree_with_the_oracle(opener: Opener, oracle: VectorIndex) -> None:
    index = opener()
    filled(index, 2000)
    filled(oracle, 2000)
    questions = unit_vectors(100, DIM, seed=1)
    for k in (1, 10, 150):
        assert_agree(index.query(questions, k), oracle.query(questions, k), recall=0.98)


def test_any_order_of_adding_replacing_and_removing_agrees_with_the_oracle(
    opener: Opener, oracle: VectorIndex
) -> None:
    index, rng = opener(), random.Random(3)
    for turn in range(60):
        ids = np.array(rng.sample(range(1500), rng.randint(0, 25)), np.int64)
        if rng.random() < 0.6:
            vectors = unit_vectors(len(ids), DIM, seed=turn)
            for each in (index, oracle):
                each.add(ids, vectors)
        else:
            for each in (index, oracle):
                each.remove(ids.tolist())
        assert len(index) == len(oracle)
        assert index.ids().tolist() == oracle.ids().tolist()
        allowed = np.array(rng.sample(range(170), 40), np.int64) if rng.random() < 0.5 else None
        questions, k = unit_vectors(3, DIM, seed=1000 + turn), rng.choice([1, 5, 200])
        assert_agree(index.query(questions, k, allowed), oracle.query(questions, k, allowed), recall=0.95)


def test_adding_a_batch_twice_is_adding_it_once(opener: Opener) -> None:
    index = opener()
    vectors = filled(index, 50)
    filled(index, 50)
    assert len(index) == 50
    assert index.query(vectors[:5], 3).ids[:, 0].tolist() == [0, 1, 2, 3, 4]


def test_an_id_takes_its_new_vector(opener: Opener) -> None:
    index = opener()
    filled(index, 20)
    other = unit_vectors(1, DIM, seed=9)
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
    questions = unit_vectors(20, DIM, seed=1)
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
        found = index.query(unit_vectors(2, DIM), 3, allowed)
        assert found.ids.tolist() == [[NOBODY] * 3] * 2
        assert np.isinf(found.distances).all()


def test_no_questions_have_no_answers(opener: Opener) -> None:
    index, none = opener(), np.empty((0, DIM), np.float32)
    assert index.query(none, 3).ids.shape == (0, 3)
    filled(index, 10)
    for allowed in (None, id_array(1)):
        assert index.query(none, 3, allowed).distances.shape == (0, 3)


@pytest.mark.parametrize("scan_limit", [0, 100, 20_000])
@pytest.mark.parametrize("share", [0.001, 0.02, 0.3, 0.9, 1.0])
def test_filters_agree_with_the_oracle_at_every_selectivity(
    opener: Opener, oracle: VectorIndex, monkeypatch: pytest.MonkeyPatch, scan_limit: int, share: float
) -> None:
    monkeypatch.setattr(hnsw, "SCAN_LIMIT", scan_limit)
    index = opener()
    filled(index, 1000)
    filled(oracle, 1000)
    allowed = np.random.default_rng(5).permutation(1000)[: max(1, int(1000 * share))].astype(np.int64)
    # Ids that are not held, or come twice, allow nothing more.
    asked = np.concatenate([allowed, allowed[:1], id_array(5000, 6000)])
    questions = unit_vectors(20, DIM, seed=1)
    for k in (1, 10, 40):
        found = index.query(questions, k, asked)
        assert set(found.ids.ravel().tolist()) <= {*allowed.tolist(), NOBODY}
        assert_agree(found, oracle.query(questions, k, allowed), recall=0.97)


def test_removed_ids_are_not_returned_though_allowed(opener: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hnsw, "SCAN_LIMIT", 0)
    index = opener()
    vectors = filled(index, 100)
    index.remove(range(50))
    found = index.query(vectors, 60, np.arange(40, 100, dtype=np.int64))
    assert set(found.ids.ravel().tolist()) == {*range(50, 100), NOBODY}


def test_many_identical_vectors_are_found(opener: Opener) -> None:
    index = opener()
    others = unit_vectors(200, DIM, seed=1)
    index.add(np.arange(300, dtype=np.int64), np.repeat(unit_vectors(1, DIM), 300, axis=0))
    index.add(np.arange(300, 500, dtype=np.int64), others)
    share = 0.97 if isinstance(index, hnsw.HnswIndex) else 1.0
    for k in (10, 300):
        found = index.query(unit_vectors(1, DIM), k)
        assert len(set(found.ids[0].tolist()) & set(range(300))) >= share * k
        assert (found.distances < 1e-4).mean() >= share
    assert (index.query(others, 1).ids[:, 0] == np.arange(300, 500)).mean() >= share
    everything = index.query(unit_vectors(1, DIM), 600).ids[0].tolist()
    assert sorted(everything) == [NOBODY] * 100 + list(range(500))


def test_copies_among_others_do_not_hide_them(opener: Opener) -> None:
    index = opener(dim=64)
    vectors = np.vstack([unit_vectors(3000, 64, seed=2), np.repeat(unit_vectors(10, 64), 300, axis=0)])
    order = np.random.default_rng(0).permutation(len(vectors))
    index.add(order, vectors[order])
    assert (index.query(vectors, 1).distances < 1e-4).mean() > 0.99


def test_an_index_of_nothing_but_copies_answers(opener: Opener) -> None:
    index = opener()
    index.add(np.arange(300, dtype=np.int64), np.repeat(unit_vectors(1, DIM), 300, axis=0))
    for k in (1, 10, 300, 400):
        found = index.query(unit_vectors(1, DIM), k)
        assert len(set(found.ids[0].tolist()) - {NOBODY}) == min(k, 300)


def test_equal_distances_come_in_the_order_of_ids() -> None:
    index = open_index("exact:", Path("unused"), 4, "colour")
    axis = np.eye(4, dtype=np.float32)[:1]
    index.add(np.arange(40, dtype=np.int64)[::-1].copy(), np.repeat(axis, 40, axis=0))
    assert index.query(axis, 7).ids.tolist() == [list(range(7))]


def bad_pairs() -> dict[str, tuple[NDArray[np.generic], NDArray[np.generic]]]:
    ids, vectors = id_array(50, 51, 52), unit_vectors(3, DIM, seed=5)
    with_nan = vectors.copy()
    with_nan[2, 0] = np.nan
    return {
        "long vector": (ids, vectors * np.float32(2)),
        "zero vector": (ids, vectors * np.float32(0)),
        "nan": (ids, with_nan),
        "float64": (ids, vectors.astype(np.float64)),
        "narrow": (ids, unit_vectors(3, DIM - 1)),
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
    ids, vectors, allowed = id_array(2, 0, 1), unit_vectors(3, DIM), id_array(2, 1)
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
    vectors = unit_vectors(20, DIM)
    index.add(np.arange(40, dtype=np.int64)[::2], np.asfortranarray(vectors))
    assert index.query(np.asfortranarray(vectors)[::-1], 1).ids[:, 0].tolist() == list(range(38, -1, -2))


def test_what_was_saved_is_what_is_opened(opener: Opener) -> None:
    index = opener()
    vectors = filled(index, 200)
    index.remove([7, 8])
    index.remove(np.array([9], np.int64))
    index.save()
    again = opener()
    assert len(again) == 197
    assert again.ids().tolist() == index.ids().tolist()
    assert_agree(again.query(vectors, 20), index.query(vectors, 20))
    again.add(id_array(7, 500), np.vstack([vectors[7], unit_vectors(1, DIM, seed=4)[0]]))
    again.save()
    assert len(opener()) == 199
    assert opener().query(vectors[7:8], 1).ids.tolist() == [[7]]


def test_an_empty_index_can_be_saved(opener: Opener) -> None:
    opener().save()
    assert len(opener()) == 0
    filled(opener(), 3)


def test_saving_often_leaves_no_litter(opener: Opener, tmp_path: Path) -> None:
    index = opener()
    filled(index, 10)
    index.save()
    count = len(snapshot(tmp_path / "index"))
    for _ in range(3):
        index.save()
    assert len(snapshot(tmp_path / "index")) == count


def test_indexes_beside_each_other_leave_each_other_alone(opener: Opener) -> None:
    for size, name in ((3, "vgg16"), (4, "vgg16-classic"), (5, "vgg16.x"), (6, "[ab]*")):
        index = opener(name=name)
        filled(index, size)
        index.save()
    opener(name="vgg16").save()
    assert [len(opener(name=name)) for name in ("vgg16", "vgg16-classic", "vgg16.x", "[ab]*")] == [3, 4, 5, 6]


def test_a_with_block_saves_unless_an_error_is_on_its_way_out(opener: Opener) -> None:
    with opener() as index:
        filled(index, 10)
    with pytest.raises(ZeroDivisionError), opener() as index:  # noqa: PT012
        index.remove([1, 2])
        raise ZeroDivisionError
    assert len(opener()) == 10


def test_a_fresh_index_replaces_what_lies_there_only_when_it_is_saved(opener: Opener) -> None:
    with opener(embedder="other", dim=8) as index:
        filled(index, 10)
    fresh = opener(fresh=True)
    assert len(fresh) == 0
    assert len(opener(embedder="other", dim=8)) == 10
    filled(fresh, 3)
    fresh.save()
    assert len(opener()) == 3


@pytest.mark.parametrize("other", [{"dim": DIM * 2}, {"dim": DIM // 2}, {"embedder": "vgg16"}])
def test_an_index_made_for_another_is_refused_naming_the_command_that_helps(
    opener: Opener, other: dict[str, object]
) -> None:
    with opener() as index:
        filled(index, 10)
    with pytest.raises(Mismatch, match=r"python -m embedder --embedder \w+ --rebuild-index"):
        opener(**other)


@contextmanager
def files_no_larger_than(size_bytes: int) -> Iterator[None]:
    """A limit on the size of files stands for a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("limit", [10, 5000])
def test_a_save_that_fails_raises_and_leaves_the_old_one(opener: Opener, tmp_path: Path, limit: int) -> None:
    index = opener()
    filled(index, 10)
    index.save()
    before = snapshot(tmp_path / "index")
    filled(index, 400)
    with files_no_larger_than(limit), pytest.raises(OSError, match=r"space|large|written|requested"):
        index.save()
    assert snapshot(tmp_path / "index") == before
    assert len(opener()) == 10
    index.save()
    assert len(opener()) == 400


def damaged(content: bytes) -> Iterator[bytes]:
    yield b""
    yield content[: len(content) // 2]
    yield content[:-1]
    yield b"x" + content
    yield random.Random(0).randbytes(len(content))
    generator = random.Random(1)
    for _ in range(40):
        at = generator.randrange(len(content))
        yield content[:at] + bytes([content[at] ^ (1 << generator.randrange(8))]) + content[at + 1 :]


def test_damaged_files_are_refused_or_harmless(opener: Opener, tmp_path: Path) -> None:
    index = opener()
    vectors = filled(index, 60)
    index.save()
    wanted = index.query(vectors, 5)
    refused = 0
    for path in sorted((tmp_path / "index").iterdir()):
        whole = path.read_bytes()
        for content in damaged(whole):
            path.write_bytes(content)
            try:
                found = opener().query(vectors, 5)
            except Mismatch as error:
                assert "--rebuild-index" in str(error)  # noqa: PT017
                refused += 1
            else:
                assert_agree(found, wanted)
        path.write_bytes(whole)
    assert refused > 20


def test_a_data_file_that_is_gone_is_refused(opener: Opener, tmp_path: Path) -> None:
    with opener() as index:
        filled(index, 10)
    for path in (tmp_path / "index").iterdir():
        if path.suffix != ".json":
            path.unlink()
    if list((tmp_path / "index").iterdir()):
        with pytest.raises(Mismatch, match="damaged"):
            opener()


def test_many_threads_may_ask_at_once_for_different_numbers(opener: Opener) -> None:
    index = opener()
    vectors = filled(index, 1000)
    start = threading.Barrier(8)

    def ask(turn: int) -> bool:
        start.wait(10)
        rights = []
        for k in (1, 7, 400, 30, 900, 2):
            found = index.query(vectors[turn * 10 : turn * 10 + 10], k + turn)
            rights.append(found.ids[:, 0].tolist() == list(range(turn * 10, turn * 10 + 10)))
            rights.append(bool((found.ids != NOBODY).all()))
        return all(rights)

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(ask, range(8)))


SAVER = """
import sys
from pathlib import Path
import numpy as np
from artstore.vectors import open_index
from tests.unit.conftest import unit_vectors
index = open_index(sys.argv[1], Path(sys.argv[2]), 16, "colour")
vectors = unit_vectors(1000, 16)
while True:
    for size in (10, 20):
        index.remove(range(1000))
        index.add(np.arange(size, dtype=np.int64), vectors[:size])
        index.save()
        print(size, flush=True)
"""


@pytest.mark.parametrize("uri", KINDS)
def test_a_reader_sees_the_old_or_the_new_while_a_writer_saves_and_is_killed(
    uri: str, tmp_path: Path
) -> None:
    stem = tmp_path / "index" / "it"
    vectors = unit_vectors(1000, DIM)
    command = [sys.executable, "-c", SAVER, uri, str(stem)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]) as saver:
        assert saver.stdout is not None
        saver.stdout.readline()
        seen = set()
        for _ in range(1500):
            index = open_index(uri, stem, DIM, "colour")
            seen.add(len(index))
            assert index.query(vectors[:3], 1).ids[:, 0].tolist() == [0, 1, 2]
        os.kill(saver.pid, signal.SIGKILL)
    assert seen == {10, 20}
    with open_index(uri, stem, DIM, "colour") as index:
        assert len(index) in seen
    files = [path.name for path in stem.parent.iterdir() if not path.name.endswith(".part")]
    assert len(files) == (1 if uri == "exact:" else 2)


def test_a_uri_that_is_not_known_is_refused_naming_those_there_are(tmp_path: Path) -> None:
    assert [index_kind(uri) for uri in ("exact:", "hnsw:", "hnsw")] == ["exact", "hnsw", "hnsw"]
    with pytest.raises(UsageError, match="hnsw:, exact:"):
        open_index("milvus://host", tmp_path / "x", DIM, "colour")
