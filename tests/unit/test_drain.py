"""Draining the queue: each picture once, each failure kept, every step repeatable."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from artstore import images
from artstore.catalog import Catalog
from artstore.errors import Busy, Mismatch
from artstore.features import FeatureReader, rows_path, unit
from artstore.ledger import Ledger
from artstore.pauses import FIRST_PAUSE
from artstore.settings import Settings
from embedder.batches import Here
from embedder.colour import ColourEmbedder
from embedder.drain import Step, drain, open_ledger, waiting_pictures
from embedder.protocol import Embedder
from embedder.workers import LARGE_PX
from tests import shelf

Vectors = NDArray[np.float32]

MAX_PX = 100_000_000


@dataclass
class Probe:
    """The top left 8x8 pixels as a vector; can be told to fail, and counts what is asked of it."""

    name: str = "probe"
    dim: int = 3 * 64
    batch_size: int = 8
    fingerprint: str = "probe-1"
    on_gpu: bool = False
    answers: dict[str, float] = field(default_factory=dict)
    """What the vector of a file name is multiplied with: nan, inf, 0."""
    prepared: list[str] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)

    def prepare(self, source: Path) -> Vectors:
        rgba = images.read_rgba(source, MAX_PX)[:8, :8, :3]
        self.prepared.append(source.name)
        return (rgba.reshape(-1) + np.float32(1)) * np.float32(self.answers.get(source.name, 1.0))

    def embed(self, batch: Vectors) -> Vectors:
        self.batches.append(len(batch))
        return batch


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data")


@pytest.fixture
def noise(tmp_path: Path, settings: Settings) -> Path:
    """A folder of 30 different pictures that is catalogued."""
    folder = shelf.save_noise(tmp_path / "noise", 30)
    shelf.catalog_folder(folder, settings)
    return folder


@pytest.fixture
def catalog(settings: Settings, noise: Path) -> Iterator[Catalog]:
    del noise
    with Catalog(settings.catalog_path) as opened:
        yield opened


def drained(
    catalog: Catalog, embedder: Embedder, settings: Settings, limit: int | None = None
) -> tuple[Ledger, Step]:
    here = Here(embedder, settings.data_dir)
    ledger = open_ledger(catalog, here)
    steps = list(drain(ledger, here, waiting_pictures(ledger, limit), settings))
    return ledger, Step(sum(step.embedded for step in steps), sum(step.failed for step in steps))


def failures(catalog: Catalog) -> dict[str, tuple[str, int]]:
    """File name -> (reason, times)."""
    found = catalog.execute("SELECT subject, reason, times FROM failures WHERE stage = 'embed'")
    return {
        Path(row["subject"]).name.removesuffix(" by probe"): (row["reason"], row["times"]) for row in found
    }


def let_pass(catalog: Catalog, time: timedelta) -> None:
    """Let all failures be so much longer ago."""
    for row in catalog.execute("SELECT subject, last_at FROM failures").fetchall():
        earlier = datetime.fromisoformat(row["last_at"]) - time
        with catalog.transaction():
            catalog.execute(
                "UPDATE failures SET last_at = ? WHERE subject = ?", [earlier.isoformat(), row["subject"]]
            )


def rows_on_disk(settings: Settings, embedder: Embedder | Here) -> int:
    size_bytes = rows_path(settings.features_dir(embedder.name), embedder.dim).stat().st_size
    assert size_bytes % (2 * embedder.dim) == 0
    return size_bytes // (2 * embedder.dim)


def test_every_picture_gets_the_features_of_its_own_pixels(catalog: Catalog, settings: Settings) -> None:
    embedder = Probe()
    _, step = drained(catalog, embedder, settings)
    assert step == Step(30, 0)
    found = shelf.features_by_path(settings, "probe")
    assert len(found) == 30
    for path, vector in found.items():
        expected = unit(embedder.embed(embedder.prepare(settings.data_dir / path)[None])).astype(np.float16)
        np.testing.assert_allclose(vector, unit(expected.astype(np.float32))[0], rtol=1e-6)


def test_rows_are_unit_vectors_of_float16_in_the_order_of_the_ids(
    catalog: Catalog, settings: Settings
) -> None:
    ledger, _ = drained(catalog, Probe(), settings)
    image_ids, rows = ledger.feature_rows()
    assert rows.tolist() == list(range(30))
    assert image_ids.tolist() == sorted(image_ids.tolist())
    stored = FeatureReader(settings.features_dir("probe"), Probe.dim).read(rows)
    np.testing.assert_allclose(np.linalg.norm(stored, axis=1), 1.0, atol=1e-3)


def test_draining_twice_is_draining_once(catalog: Catalog, settings: Settings) -> None:
    drained(catalog, Probe(), settings)
    again = Probe()
    _, step = drained(catalog, again, settings)
    assert step == Step(0, 0)
    assert again.prepared == []
    assert rows_on_disk(settings, again) == shelf.count_rows(settings, "features") == 30


def test_a_list_of_pictures_that_has_grown_old_is_not_embedded_again(
    catalog: Catalog, settings: Settings
) -> None:
    embedder = Here(Probe(), settings.data_dir)
    ledger = open_ledger(catalog, embedder)
    waiting = waiting_pictures(ledger)
    list(drain(ledger, embedder, waiting[:20], settings))
    # Another process was quicker: what it did is done.
    assert sum(step.embedded for step in drain(ledger, embedder, waiting, settings)) == 10
    assert rows_on_disk(settings, embedder) == shelf.count_rows(settings, "features") == 30


def test_identical_pictures_are_embedded_once_and_all_are_flagged(noise: Path, settings: Settings) -> None:
    with Image.open(noise / "noise-0003.png") as picture:
        picture.save(noise / "twin.bmp")
        picture.save(noise / "a twin.png")
    shelf.catalog_folder(noise, settings)
    embedder = Probe()
    with Catalog(settings.catalog_path) as catalog:
        drained(catalog, embedder, settings)
    assert len(embedder.prepared) == rows_on_disk(settings, embedder) == 30
    found = shelf.features_by_path(settings, "probe")
    twins = [vector for path, vector in found.items() if Path(path).stem in {"noise-0003", "twin", "a twin"}]
    assert len(twins) == 3
    assert np.all(np.stack(twins) == twins[0])


def test_a_twin_that_comes_later_gets_the_features_without_the_network(
    noise: Path, settings: Settings
) -> None:
    with Catalog(settings.catalog_path) as catalog:
        drained(catalog, Probe(), settings)
    with Image.open(noise / "noise-0007.png") as picture:
        picture.save(noise / "late.png")
    shelf.catalog_folder(noise, settings)
    late = Probe()
    with Catalog(settings.catalog_path) as catalog:
        drained(catalog, late, settings)
    assert late.prepared == []
    assert len(shelf.features_by_path(settings, "probe")) == 31
    assert rows_on_disk(settings, late) == 30


@pytest.mark.parametrize("factor", [np.nan, np.inf, 0.0])
def test_a_picture_without_an_answer_costs_only_itself(
    catalog: Catalog, settings: Settings, factor: float
) -> None:
    embedder = Probe(answers={"noise-0004.png": factor, "noise-0029.png": factor})
    _, step = drained(catalog, embedder, settings)
    assert step == Step(28, 2)
    assert failures(catalog) == {
        "noise-0004.png": ("no_direction", 1),
        "noise-0029.png": ("no_direction", 1),
    }
    assert rows_on_disk(settings, embedder) == 28
    assert np.isfinite(np.stack(list(shelf.features_by_path(settings, "probe").values()))).all()


def test_a_batch_of_failures_alone_is_a_batch_like_any_other(catalog: Catalog, settings: Settings) -> None:
    answers = {f"noise-{number:04}.png": np.nan for number in range(30)}
    _, step = drained(catalog, Probe(answers=answers), settings)
    assert step == Step(0, 30)
    assert len(failures(catalog)) == 30


def test_the_success_of_one_embedder_leaves_the_failure_of_another(
    catalog: Catalog, settings: Settings
) -> None:
    drained(catalog, Probe(answers={"noise-0004.png": np.nan}), settings)
    drained(catalog, Probe(name="other"), settings)
    assert failures(catalog) == {"noise-0004.png": ("no_direction", 1)}


def test_a_limit_comes_past_pictures_that_always_fail(catalog: Catalog, settings: Settings) -> None:
    probe = Probe(answers={f"noise-{number:04}.png": np.nan for number in range(5)})
    steps = [drained(catalog, probe, settings, limit=5)[1] for _ in range(3)]
    assert steps == [Step(0, 5), Step(5, 0), Step(5, 0)]


def test_failures_are_tried_again_and_success_removes_them(catalog: Catalog, settings: Settings) -> None:
    bad = {"noise-0004.png": np.nan, "noise-0005.png": np.nan}
    for times in (1, 2):
        drained(catalog, Probe(answers=bad), settings)
        assert failures(catalog) == dict.fromkeys(bad, ("no_direction", times))
    let_pass(catalog, FIRST_PAUSE)
    mended = Probe(answers={"noise-0005.png": np.nan})
    _, step = drained(catalog, mended, settings)
    assert step == Step(1, 1)
    assert sorted(mended.prepared) == sorted(bad)
    assert failures(catalog) == {"noise-0005.png": ("no_direction", 3)}


def test_what_fails_again_and_again_is_left_alone_longer_and_longer(
    catalog: Catalog, settings: Settings
) -> None:
    bad = {"noise-0004.png": np.nan}
    for _ in range(2):
        drained(catalog, Probe(answers=bad), settings)
    untouched = Probe(answers=bad)
    assert drained(catalog, untouched, settings)[1] == Step(0, 0)
    assert untouched.prepared == []
    let_pass(catalog, FIRST_PAUSE)
    assert drained(catalog, Probe(answers=bad), settings)[1] == Step(0, 1)
    let_pass(catalog, FIRST_PAUSE)
    assert drained(catalog, Probe(answers=bad), settings)[1] == Step(0, 0)


def test_pictures_that_have_gone_or_broken_are_recorded_and_the_rest_goes_on(
    catalog: Catalog, settings: Settings
) -> None:
    stored = settings.files_dir / "added" / "noise"
    kept = (stored / "noise-0000.png").read_bytes()
    (stored / "noise-0000.png").unlink()
    (stored / "noise-0011.png").write_bytes(b"no longer a picture")
    _, step = drained(catalog, Probe(), settings)
    assert step == Step(28, 2)
    assert failures(catalog) == {
        "noise-0000.png": ("missing_file", 1),
        "noise-0011.png": ("cannot_decode", 1),
    }
    (stored / "noise-0000.png").write_bytes(kept)
    _, step = drained(catalog, Probe(), settings)
    assert step == Step(1, 1)
    assert failures(catalog) == {"noise-0011.png": ("cannot_decode", 2)}


def test_a_limit_is_kept_and_the_next_run_goes_on(catalog: Catalog, settings: Settings) -> None:
    first, second = Probe(), Probe()
    assert drained(catalog, first, settings, limit=11)[1] == Step(11, 0)
    assert len(first.prepared) == 11
    assert drained(catalog, first, settings, limit=0)[1] == Step(0, 0)
    assert drained(catalog, second, settings)[1] == Step(19, 0)
    assert not set(first.prepared) & set(second.prepared)


def test_stopping_between_batches_loses_nothing(catalog: Catalog, settings: Settings) -> None:
    embedder = Here(Probe(), settings.data_dir)
    ledger = open_ledger(catalog, embedder)
    steps = drain(ledger, embedder, waiting_pictures(ledger), settings)
    assert next(steps) == Step(8, 0)
    steps.close()  # type: ignore[attr-defined]
    assert shelf.count_rows(settings, "features") == rows_on_disk(settings, embedder) == 8
    assert drained(catalog, Probe(), settings)[1] == Step(22, 0)


def test_rows_that_a_crash_left_without_a_name_are_written_over(catalog: Catalog, settings: Settings) -> None:
    embedder = Probe()
    drained(catalog, embedder, settings, limit=10)
    path = rows_path(settings.features_dir("probe"), embedder.dim)
    with path.open("ab") as file:
        file.write(b"\x3c" * (3 * 2 * embedder.dim + 5))
    drained(catalog, embedder, settings)
    assert rows_on_disk(settings, embedder) == 30
    found = shelf.features_by_path(settings, "probe")
    fresh = Probe()
    for name in found:
        expected = unit(fresh.prepare(settings.data_dir / name)[None])[0]
        assert float(found[name] @ expected) > 0.999


def test_pictures_go_together_but_a_large_one_goes_alone(tmp_path: Path, settings: Settings) -> None:
    folder = shelf.save_noise(tmp_path / "many", 20, side_px=8)
    Image.new("1", (1 << 12, LARGE_PX // (1 << 12) + 1), 1).save(folder / "noise-0005 large.png")
    shelf.catalog_folder(folder, settings)
    embedder = Probe()
    with Catalog(settings.catalog_path) as catalog:
        _, step = drained(catalog, embedder, settings)
    assert step == Step(21, 0)
    assert sorted(embedder.batches) == [1, 4, 8, 8]


def test_a_second_process_at_the_same_features_is_told_so(catalog: Catalog, settings: Settings) -> None:
    embedder = Here(Probe(), settings.data_dir)
    ledger = open_ledger(catalog, embedder)
    steps = drain(ledger, embedder, waiting_pictures(ledger), settings)
    next(steps)
    with pytest.raises(Busy, match="another process is embedding"):
        next(drain(ledger, embedder, waiting_pictures(ledger), settings))
    assert sum(step.embedded for step in steps) == 22


def test_features_of_other_weights_are_never_mixed_in(catalog: Catalog, settings: Settings) -> None:
    drained(catalog, Probe(), settings)
    with pytest.raises(Mismatch, match="--forget probe"):
        open_ledger(catalog, Here(Probe(fingerprint="probe-2"), settings.data_dir))
    with pytest.raises(Mismatch):
        open_ledger(catalog, Here(Probe(dim=3), settings.data_dir))


def test_two_embedders_do_not_disturb_each_other(catalog: Catalog, settings: Settings) -> None:
    drained(catalog, Probe(), settings)
    colour = ColourEmbedder(1_000_000)
    _, step = drained(catalog, colour, settings)
    assert step == Step(30, 0)
    assert rows_on_disk(settings, colour) == 30
    assert len(shelf.features_by_path(settings, "probe")) == 30


def test_a_picture_that_was_changed_is_embedded_anew(noise: Path, settings: Settings) -> None:
    with Catalog(settings.catalog_path) as catalog:
        drained(catalog, Probe(), settings)
    before = shelf.features_by_path(settings, "probe")
    Image.effect_noise((24, 24), 90).save(noise / "noise-0002.png")
    shelf.catalog_folder(noise, settings)
    with Catalog(settings.catalog_path) as catalog:
        assert drained(catalog, Probe(), settings)[1] == Step(1, 0)
    after = shelf.features_by_path(settings, "probe")
    changed = [path for path in before if not np.array_equal(before[path], after[path])]
    assert [Path(path).name for path in changed] == ["noise-0002.png"]
