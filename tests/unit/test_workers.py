"""Processes that embed: the same vectors as in one, and nothing lost when one of them ends."""

import errno
import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from artstore.errors import PictureError, UsageError
from artstore.ledger import Waiting
from artstore.settings import Settings
from embedder.batches import Here
from embedder.colour import ColourEmbedder
from embedder.errors import MissingWeights
from embedder.protocol import Answer
from embedder.workers import LARGE_PX, Workers, open_embedding
from tests import shelf
from tests.unit.test_keras_models import tf

COUNT = 40


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, embedder="colour", embed_processes=2)


@pytest.fixture
def pictures(tmp_path: Path) -> list[Waiting]:
    art = shelf.save_noise(tmp_path / "art", COUNT)
    return [
        Waiting(number, f"art/{path.name}", str(number), 24 * 24)
        for number, path in enumerate(sorted(art.iterdir()))
    ]


def in_batches(pictures: Sequence[Waiting], size: int = 8) -> Iterator[Sequence[Waiting]]:
    for start in range(0, len(pictures), size):
        yield pictures[start : start + size]


def by_path(answered: Iterator[tuple[Sequence[Waiting], Sequence[Answer]]]) -> dict[str, Answer]:
    return {
        picture.path: answer
        for batch, answers in answered
        for picture, answer in zip(batch, answers, strict=True)
    }


def children() -> set[int]:
    return {
        int(process.name)
        for process in Path("/proc").iterdir()
        if process.name.isdecimal() and parent_of(process) == os.getpid()
    }


def parent_of(process: Path) -> int | None:
    try:
        return int((process / "stat").read_text().rpartition(")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return None


def test_they_answer_what_one_process_answers(settings: Settings, pictures: list[Waiting]) -> None:
    here = Here(ColourEmbedder(settings.max_picture_px), settings.data_dir)
    expected = by_path(here.answers(in_batches(pictures)))
    with closing(Workers(settings)) as workers:
        assert (workers.name, workers.dim, workers.fingerprint) == (here.name, here.dim, here.fingerprint)
        found = by_path(workers.answers(in_batches(pictures)))
    assert found.keys() == expected.keys()
    for path, answer in expected.items():
        np.testing.assert_allclose(np.asarray(found[path]), np.asarray(answer), atol=1e-6)


def test_a_picture_that_cannot_be_read_costs_only_itself(settings: Settings, pictures: list[Waiting]) -> None:
    (settings.data_dir / pictures[3].path).write_bytes(b"no picture")
    (settings.data_dir / pictures[17].path).unlink()
    with closing(Workers(settings)) as workers:
        found = by_path(workers.answers(in_batches(pictures)))
    failed = {path: answer.reason for path, answer in found.items() if isinstance(answer, PictureError)}
    assert failed == {pictures[3].path: "cannot_decode", pictures[17].path: "missing_file"}


def test_what_was_in_a_process_that_is_killed_is_embedded_by_another(
    settings: Settings, pictures: list[Waiting]
) -> None:
    before = children()
    with closing(Workers(settings)) as workers:
        answered = workers.answers(in_batches(pictures, 4))
        first = next(answered)
        for process in children() - before:
            os.kill(process, signal.SIGKILL)
        found = by_path(iter([first])) | by_path(answered)
    assert len(found) == COUNT
    assert not any(isinstance(answer, PictureError) for answer in found.values())


def test_a_disk_that_fails_is_the_machines_fault_and_no_pictures(
    settings: Settings, pictures: list[Waiting], capfd: pytest.CaptureFixture[str]
) -> None:
    broken = settings.data_dir / pictures[5].path
    broken.unlink()
    # The first bytes of it cannot be read by anybody: EIO.
    broken.symlink_to("/proc/self/mem")
    with closing(Workers(settings)) as workers, pytest.raises(OSError, match="Input/output error") as caught:
        by_path(workers.answers(in_batches(pictures)))
    assert caught.value.errno == errno.EIO
    assert capfd.readouterr().err == ""


def test_large_pictures_are_embedded_beside_small_ones(settings: Settings, pictures: list[Waiting]) -> None:
    large = settings.data_dir / "large.png"
    Image.new("1", (1 << 12, LARGE_PX // (1 << 12) + 1), 1).save(large)
    waiting = [[Waiting(1000 + number, large.name, "", LARGE_PX + 1)] for number in range(3)]
    with closing(Workers(settings)) as workers:
        found = list(workers.answers(iter([*waiting, *in_batches(pictures)])))
    assert sum(len(batch) for batch, _ in found) == COUNT + 3


def test_whoever_stops_early_leaves_no_process_behind(settings: Settings, pictures: list[Waiting]) -> None:
    before = children()
    with closing(Workers(settings)) as workers:
        answered = workers.answers(in_batches(pictures, 1))
        next(answered)
        assert children() - before
        del answered
    assert children() == before


def test_no_picture_is_no_work(settings: Settings) -> None:
    with closing(Workers(settings)) as workers:
        assert list(workers.answers(iter([]))) == []


def test_little_memory_needs_no_other_process(settings: Settings, pictures: list[Waiting]) -> None:
    before = children()
    with closing(open_embedding(settings.override(low_memory=True))) as embedding:
        assert len(by_path(embedding.answers(in_batches(pictures)))) == COUNT
        assert children() == before


def test_an_unknown_name_is_told_before_any_process_is_started(settings: Settings) -> None:
    before = children()
    with pytest.raises(UsageError, match="nobody"):
        Workers(settings.override(embedder="nobody"))
    with pytest.raises(UsageError, match="float8"):
        Workers(settings.override(precision="float8"))
    assert children() == before


@tf
def test_weights_that_do_not_fit_are_told_by_whoever_loads_them(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "x.weights.h5").write_bytes(b"no weights")
    before = children()
    with pytest.raises(MissingWeights, match=r"x\.weights\.h5"):
        Workers(settings.override(embedder="keras:MobileNetV2", weights=str(tmp_path / "x.weights.h5")))
    assert children() == before


@tf
def test_a_network_answers_in_processes_what_it_answers_in_one(
    settings: Settings, pictures: list[Waiting]
) -> None:
    network = settings.override(embedder="keras:MobileNetV2", weights="random", precision="float32")
    with closing(open_embedding(network.override(low_memory=True))) as here:
        expected = by_path(here.answers(in_batches(pictures[:8], 4)))
    with closing(Workers(network)) as workers:
        assert workers.fingerprint == here.fingerprint
        found = by_path(workers.answers(in_batches(pictures[:8], 4)))
    for path, answer in expected.items():
        assert float(np.asarray(found[path]) @ np.asarray(answer)) > 0.9999
