"""A kill at any moment costs the batch in hand and nothing else; two processes never spoil each other's work."""

import resource
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from artstore.catalog import Catalog
from artstore.features import FeatureReader, rows_path, unit
from artstore.ledger import Ledger, find_embedder
from artstore.settings import Settings
from artstore.vectors import open_index
from embedder.colour import ColourEmbedder
from tests import shelf

COUNT = 800
"""More than three batches of `colour`."""

DIM = ColourEmbedder.dim


@pytest.fixture(scope="module")
def catalogued(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder of pictures that all wait."""
    folder = tmp_path_factory.mktemp("catalogued")
    settings = Settings(data_dir=folder / "data")
    shelf.catalog_folder(shelf.save_noise(folder / "noise", COUNT, side_px=120), settings)
    return settings.data_dir


@pytest.fixture
def settings(catalogued: Path, tmp_path: Path) -> Settings:
    return Settings(data_dir=Path(shutil.copytree(catalogued, tmp_path / "data")))


def start(settings: Settings, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        shelf.command("embedder", "--embedder", "colour", *words),
        cwd=shelf.ROOT,
        env=shelf.environment(settings.data_dir),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def kill_when(running: subprocess.Popen[str], moment: Callable[[], bool]) -> None:
    while not moment() and running.poll() is None:
        time.sleep(0.0005)
    running.kill()
    running.communicate()


def bytes_on_disk(settings: Settings) -> int:
    path = rows_path(settings.features_dir("colour"), DIM)
    return path.stat().st_size if path.exists() else 0


def assert_whole(settings: Settings, count: int = COUNT) -> None:
    """All is there once: rows, flags, vectors; and each picture finds itself."""
    with Catalog(settings.catalog_path, read_only=True) as catalog:
        ledger = Ledger(catalog, find_embedder(catalog, "colour"))
        image_ids, rows = ledger.feature_rows()
        assert len(image_ids) == count
        np.testing.assert_array_equal(np.sort(rows), np.arange(count))
        np.testing.assert_array_equal(ledger.indexed("hnsw"), image_ids)
        paths = dict(tuple(row) for row in catalog.execute("SELECT image_id, path FROM images"))
    assert bytes_on_disk(settings) == count * DIM * 2
    vectors = FeatureReader(settings.features_dir("colour"), DIM).read(rows)
    index = open_index("hnsw:", settings.index_path("colour"), DIM, "colour")
    np.testing.assert_array_equal(index.ids(), image_ids)
    np.testing.assert_array_equal(index.query(vectors, 1).ids[:, 0], image_ids)
    # Not only rows of something: the rows of these very pictures.
    colour = ColourEmbedder(settings.max_picture_px)
    for place in range(0, count, 37):
        prepared = colour.prepare(settings.data_dir / paths[int(image_ids[place])])
        assert float(unit(colour.embed(prepared[None]))[0] @ vectors[place]) > 0.999


@pytest.mark.parametrize("batches", [0, 1, 3])
def test_a_kill_while_embedding_costs_the_batch_in_hand(settings: Settings, batches: int) -> None:
    # A few bytes on: in the middle of what is being written, or between the rows and the catalog.
    size_bytes = batches * ColourEmbedder.batch_size * DIM * 2
    kill_when(
        start(settings),
        lambda: (
            rows_path(settings.features_dir("colour"), DIM).exists() and bytes_on_disk(settings) >= size_bytes
        ),
    )
    known = shelf.count_rows(settings, "features")
    assert known <= bytes_on_disk(settings) // (DIM * 2), "the catalog names rows that are not on disk"
    assert known < COUNT, "the kill came too late to show anything"
    again = shelf.embedder(settings.data_dir, "--embedder", "colour")
    assert again.returncode == 0, again.stderr
    assert f"{COUNT - known} pictures embedded" in again.stderr
    assert_whole(settings)


@pytest.mark.parametrize("rebuild", [False, True])
def test_a_kill_while_the_index_is_written_leaves_the_old_one_or_the_new_one(
    settings: Settings, *, rebuild: bool
) -> None:
    folder = settings.data_dir / "index"
    if rebuild:
        assert shelf.embedder(settings.data_dir, "--embedder", "colour").returncode == 0
    before = set(folder.iterdir()) if folder.exists() else set()

    def writes() -> bool:
        return folder.exists() and any(
            path not in before and path.suffix != ".lock" for path in folder.iterdir()
        )

    kill_when(start(settings, *(["--rebuild-index"] if rebuild else [])), writes)
    if rebuild:
        index = open_index("hnsw:", settings.index_path("colour"), DIM, "colour")
        assert len(index) == COUNT, "what was searchable before has to stay so"
    assert shelf.embedder(settings.data_dir, "--embedder", "colour").returncode == 0
    assert_whole(settings)


def test_a_kill_again_and_again_still_comes_to_an_end(settings: Settings) -> None:
    for limit in ("100", "300", "200"):
        before = bytes_on_disk(settings)
        kill_when(start(settings, "--limit", limit), lambda at=before: bytes_on_disk(settings) > at)  # type: ignore[misc]
    assert shelf.embedder(settings.data_dir, "--embedder", "colour").returncode == 0
    assert_whole(settings)


def test_a_full_disk_is_told_in_one_line_and_costs_the_batch_in_hand(settings: Settings) -> None:
    running = start(settings)
    # A limit on the size of files stands for a disk that is full in the middle of the second batch.
    most_bytes = ColourEmbedder.batch_size * DIM * 3
    resource.prlimit(running.pid, resource.RLIMIT_FSIZE, (most_bytes, most_bytes))
    _, talk = running.communicate(timeout=60)
    assert running.returncode == 1
    assert "Traceback" not in talk
    assert [line for line in talk.splitlines() if line.startswith("embedder: ")] == [
        "embedder: File too large; what is done is kept, run again when it is mended"
    ]
    assert 0 < shelf.count_rows(settings, "features") < COUNT
    assert shelf.embedder(settings.data_dir, "--embedder", "colour").returncode == 0
    assert_whole(settings)


@pytest.mark.parametrize("together", [True, False])
def test_two_processes_at_once_end_well_or_say_that_another_is_at_it(
    settings: Settings, *, together: bool
) -> None:
    first = start(settings)
    while not together and bytes_on_disk(settings) == 0:
        time.sleep(0.001)
    second = start(settings)
    ended = [(running.communicate(timeout=60)[1], running.returncode) for running in (first, second)]
    assert min(code for _, code in ended) == 0
    for talk, code in ended:
        assert code in {0, 3}, talk
        assert "Traceback" not in talk
        told = [line for line in talk.splitlines() if line.startswith("embedder: ")]
        assert len(told) == (code == 3)
        assert all("another process is" in line for line in told)
    assert_whole(settings)
