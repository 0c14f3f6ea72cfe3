"""Feature rows: on disk before they are named, and never half."""

import os
import resource
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from artstore.errors import Busy, Mismatch, WrongShape
from artstore.features import (
    LENGTH_TOLERANCE,
    FeatureReader,
    FeatureWriter,
    check_vectors,
    rows_path,
    unit,
    widened,
)
from tests.unit.conftest import unit_vectors

DIM = 16
ROW_BYTES = 2 * DIM


def writer(folder: Path, rows: int = 0) -> FeatureWriter:
    return FeatureWriter(folder, DIM, lambda: rows)


def written(folder: Path, vectors: NDArray[np.float32], rows: int = 0) -> range:
    with writer(folder, rows) as opened:
        return opened.append(vectors)


def read(folder: Path, *rows: int) -> NDArray[np.float32]:
    return FeatureReader(folder, DIM).read(np.array(rows, np.int64))


def size(folder: Path) -> int:
    return rows_path(folder, DIM).stat().st_size


def test_what_was_appended_is_read_in_any_order(tmp_path: Path) -> None:
    vectors = unit_vectors(5, DIM)
    assert written(tmp_path, vectors) == range(5)
    found = read(tmp_path, 4, 0, 4)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, vectors[[4, 0, 4]], atol=1e-3)


def test_rows_go_on_where_they_ended(tmp_path: Path) -> None:
    assert written(tmp_path, unit_vectors(3, DIM)) == range(3)
    with writer(tmp_path, 3) as opened:
        assert opened.append(unit_vectors(2, DIM, seed=1)) == range(3, 5)
        assert opened.append(np.empty((0, DIM), np.float32)) == range(5, 5)
        assert opened.append(unit_vectors(1, DIM, seed=2)) == range(5, 6)
    np.testing.assert_allclose(read(tmp_path, 5), unit_vectors(1, DIM, seed=2), atol=1e-3)


def test_rows_that_the_catalog_does_not_name_are_cut_off(tmp_path: Path) -> None:
    written(tmp_path, unit_vectors(5, DIM))
    with rows_path(tmp_path, DIM).open("ab") as file:
        file.write(b"half a row")
    with writer(tmp_path, 3):
        assert size(tmp_path) == 3 * ROW_BYTES
    assert written(tmp_path, unit_vectors(1, DIM, seed=1), rows=3) == range(3, 4)
    assert size(tmp_path) == 4 * ROW_BYTES
    np.testing.assert_allclose(read(tmp_path, 3), unit_vectors(1, DIM, seed=1), atol=1e-3)


def test_nothing_is_read_from_nothing(tmp_path: Path) -> None:
    assert read(tmp_path / "none").shape == (0, DIM)
    with pytest.raises(Mismatch, match="--forget"):
        read(tmp_path / "none", 0)


def test_a_reader_sees_what_becomes_of_the_file(tmp_path: Path) -> None:
    reader, vectors = FeatureReader(tmp_path, DIM), unit_vectors(6, DIM)
    last = np.array([3], np.int64)
    for start in (0, 2, 4):
        with writer(tmp_path, start) as opened:
            opened.append(vectors[start : start + 2])
        rows = np.arange(start + 2)
        np.testing.assert_allclose(reader.read(rows), vectors[: start + 2], atol=1e-3)
    # Cut, as after a crash, and begun anew.
    with writer(tmp_path, 3):
        pass
    with pytest.raises(Mismatch):
        reader.read(last)
    reader.path.unlink()
    with writer(tmp_path) as opened:
        opened.append(vectors[::-1])
    np.testing.assert_allclose(reader.read(last), vectors[2:3], atol=1e-3)


def test_rows_that_are_not_there_are_refused(tmp_path: Path) -> None:
    written(tmp_path, unit_vectors(2, DIM))
    with pytest.raises(Mismatch, match="has 2 rows of 3 that the catalog names"):
        read(tmp_path, 0, 2)


def test_a_file_shorter_than_the_catalog_says_is_refused_and_left_alone(tmp_path: Path) -> None:
    written(tmp_path, unit_vectors(2, DIM))
    with pytest.raises(Mismatch, match="has 2 rows of 3"):
        writer(tmp_path, 3)
    assert size(tmp_path) == 2 * ROW_BYTES
    assert written(tmp_path, unit_vectors(1, DIM), rows=2) == range(2, 3)


def bad_vectors() -> dict[str, NDArray[np.generic]]:
    good = unit_vectors(3, DIM)
    with_nan, zero, infinite = good.copy(), good.copy(), good.copy()
    with_nan[1, 2], zero[1], infinite[1, 2] = np.nan, 0, np.inf
    return {
        "nan": with_nan,
        "zero": zero,
        "infinite": infinite,
        "long": good * np.float32(1 + 2 * LENGTH_TOLERANCE),
        "short": good * np.float32(1 - 2 * LENGTH_TOLERANCE),
        "float64": good.astype(np.float64),
        "flat": good[0],
        "narrow": unit_vectors(3, DIM - 1),
    }


@pytest.mark.parametrize("name", bad_vectors())
def test_a_vector_that_breaks_the_contract_is_refused_with_nothing_written(tmp_path: Path, name: str) -> None:
    with writer(tmp_path) as opened:
        opened.append(unit_vectors(1, DIM))
        with pytest.raises(WrongShape):
            opened.append(bad_vectors()[name])  # type: ignore[arg-type]
        assert size(tmp_path) == ROW_BYTES
        assert opened.append(unit_vectors(1, DIM)) == range(1, 2)


def test_appending_leaves_the_argument_alone(tmp_path: Path) -> None:
    vectors = unit_vectors(3, DIM)
    before = vectors.copy()
    written(tmp_path, vectors)
    np.testing.assert_array_equal(vectors, before)


def test_unit_makes_lengths_one_and_rows_without_direction_nan() -> None:
    rows = np.array([[3, 4], [0, 0], [np.inf, 1], [1e-3, 0], [1e30, 1e30]], np.float32)
    found = unit(rows)
    wanted = np.array([[0.6, 0.8], [1.0, 0.0], [0.5**0.5, 0.5**0.5]])
    np.testing.assert_allclose(found[[0, 3, 4]], wanted, rtol=1e-6)
    assert np.isnan(found[[1, 2]]).all()
    check_vectors(found[[0, 3, 4]], 2)
    assert rows[0].tolist() == [3, 4]


def test_a_second_writer_is_refused_until_the_first_has_gone(tmp_path: Path) -> None:
    with writer(tmp_path), pytest.raises(Busy, match="another process"):
        writer(tmp_path)
    with writer(tmp_path) as opened:
        opened.append(unit_vectors(1, DIM))


def test_the_count_is_asked_for_once_nobody_else_can_write(tmp_path: Path) -> None:
    asked: list[str] = []
    with writer(tmp_path), pytest.raises(Busy):
        FeatureWriter(tmp_path, DIM, lambda: asked.append("asked") or 0)  # type: ignore[func-returns-value]
    assert asked == []


def test_a_count_that_cannot_be_had_leaves_the_store_free(tmp_path: Path) -> None:
    def no_rows() -> int:
        raise ConnectionError

    with pytest.raises(ConnectionError) as caught:
        FeatureWriter(tmp_path, DIM, no_rows)
    written(tmp_path, unit_vectors(1, DIM))
    assert caught.value.__traceback__ is not None


def test_a_writer_may_be_closed_by_another_thread(tmp_path: Path) -> None:
    opened = writer(tmp_path)
    with ThreadPoolExecutor(1) as threads:
        threads.submit(opened.__exit__, None, None, None).result()
    written(tmp_path, unit_vectors(1, DIM))


def test_an_append_that_fails_leaves_no_part_for_the_next_one(tmp_path: Path) -> None:
    with writer(tmp_path) as opened:
        opened.append(unit_vectors(1, DIM))
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        # A limit on the size of files stands for a disk that is full in the middle of the second row.
        resource.setrlimit(resource.RLIMIT_FSIZE, (ROW_BYTES + ROW_BYTES // 2, hard))
        try:
            with pytest.raises(OSError, match="too large"):
                opened.append(unit_vectors(4, DIM, seed=1))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert opened.append(unit_vectors(2, DIM, seed=2)) == range(1, 3)
    assert size(tmp_path) == 3 * ROW_BYTES
    np.testing.assert_allclose(read(tmp_path, 1, 2), unit_vectors(2, DIM, seed=2), atol=1e-3)


APPENDER = """
import sys
from pathlib import Path
from artstore.features import FeatureWriter
from tests.unit.conftest import unit_vectors
with FeatureWriter(Path(sys.argv[1]), 16, lambda: 0) as writer:
    while True:
        print(writer.append(unit_vectors(50, 16, seed=writer.rows)).stop, flush=True)
"""


def test_a_writer_that_is_killed_leaves_all_rows_it_has_named(tmp_path: Path) -> None:
    command = [sys.executable, "-c", APPENDER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]) as appender:
        assert appender.stdout is not None
        for _ in range(10):
            named = int(appender.stdout.readline())
        os.kill(appender.pid, signal.SIGKILL)
    with writer(tmp_path, named) as opened:
        assert opened.append(unit_vectors(1, DIM)) == range(named, named + 1)
    assert size(tmp_path) == (named + 1) * ROW_BYTES
    for first in range(0, named, 50):
        np.testing.assert_allclose(
            read(tmp_path, *range(first, first + 50)), unit_vectors(50, DIM, first), atol=1e-3
        )


def test_every_finite_float16_is_widened_exactly() -> None:
    every = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    finite = every[np.isfinite(every)]
    np.testing.assert_array_equal(widened(finite), finite.astype(np.float32))
    assert np.signbit(widened(np.array([-0.0], np.float16)))[0]


def test_a_row_that_damage_has_emptied_has_no_direction(tmp_path: Path) -> None:
    written(tmp_path, unit_vectors(2, DIM))
    with rows_path(tmp_path, DIM).open("r+b") as file:
        file.write(bytes(ROW_BYTES))
    found = read(tmp_path, 0, 1)
    assert np.isnan(found[0]).all()
    assert np.isfinite(found[1]).all()


@pytest.mark.parametrize("count", [0, 1, 24, 25, 26, 60])
def test_rows_are_read_as_unit_vectors_and_compared_by_their_directions(tmp_path: Path, count: int) -> None:
    vectors = unit_vectors(60, 48)
    with FeatureWriter(tmp_path, 48, lambda: 0) as writer:
        writer.append(vectors)
    rows = np.random.default_rng(1).permutation(60)[:count].astype(np.int64)
    reader = FeatureReader(tmp_path, 48)
    read = reader.read(rows)
    np.testing.assert_allclose(read, vectors[rows], atol=1e-3)
    np.testing.assert_allclose(np.linalg.norm(read, axis=1), 1, atol=1e-6)
    found = reader.distances(vectors[7], rows)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, 1 - read @ vectors[7], atol=1e-6)
    assert (found >= 0).all()
