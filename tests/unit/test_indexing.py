"""The index follows the features: it learns once there is enough, grows, shrinks, and outlives kills."""

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from artstore.catalog import Catalog
from artstore.features import FeatureWriter
from artstore.ledger import Ledger, find_embedder
from artstore.models import Findings, StoredFile
from artstore.settings import Settings
from artstore.vectors import VectorIndex, hnsw, rabitq, reducer
from embedder.checking import check_index
from embedder.indexing import Sample, feature_reader, opened, update_index
from tests.unit.conftest import a_link, a_work, an_image
from tests.vgg_like import vgg_like

DIM = 320
"""More than any index holds of a vector."""
FEW, ENOUGH = 80, 300
GROWTH = 3
KINDS = ("hnsw:", "faiss:", "exact:")
VECTORS = vgg_like(2000, DIM)


@pytest.fixture(autouse=True)
def _learn_from_few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reducer, "LEAST_COUNT", ENOUGH)
    for module in (hnsw, rabitq):
        monkeypatch.setattr(module, "GROWTH", GROWTH)


@pytest.fixture(params=KINDS)
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data", index=request.param)


@pytest.fixture
def ledger(catalog: Catalog) -> Ledger:
    return Ledger.register(catalog, "colour", DIM, "f1")


def embed(ledger: Ledger, settings: Settings, count: int) -> None:
    """Catalog *count* pictures more, and store features of theirs."""
    first = ledger.rows()
    path = f"{first}.zip"
    found = [an_image(f"unpacked/{path}/{n}", f"{n}", f"{first}-{n}") for n in range(count)]
    with ledger.catalog.transaction():
        ledger.catalog.record_work(a_work(path, a_link(path)))
        ledger.catalog.record_stored(StoredFile(path, 1, path))
        ledger.catalog.record_findings(path, Findings(found))
    waiting = ledger.details(ledger.waiting())
    with FeatureWriter(settings.features_dir("colour"), DIM, ledger.rows) as writer:
        rows = writer.append(VECTORS[first : first + count])
    with ledger.catalog.transaction():
        ledger.mark_embedded(zip(waiting, rows, strict=True))


def update(ledger: Ledger, settings: Settings, *, rebuild: bool = False) -> int:
    """Bring the index up to date and return how many pictures were added."""
    return list(update_index(ledger, settings, rebuild=rebuild))[-1][1]


def index_of(ledger: Ledger, settings: Settings) -> VectorIndex:
    return opened(ledger.embedder, settings)


def assert_up_to_date(ledger: Ledger, settings: Settings) -> None:
    ids, _ = ledger.feature_rows()
    index = index_of(ledger, settings)
    np.testing.assert_array_equal(index.ids(), ids)
    np.testing.assert_array_equal(ledger.indexed(settings.index.rstrip(":")), ids)
    checked = check_index(ledger, settings)
    assert (checked.found, checked.lacking, checked.left_over) == (checked.asked, 0, 0)
    assert not index.outgrown(len(ids))
    assert update(ledger, settings) == 0


def test_an_index_is_made_anew_when_there_is_enough_to_learn_from_and_when_it_has_outgrown_that(
    ledger: Ledger, settings: Settings
) -> None:
    learns = settings.index != "exact:"
    embed(ledger, settings, FEW)
    assert update(ledger, settings) == FEW
    embed(ledger, settings, 10)
    assert update(ledger, settings) == 10, "a few more are added, not all again"
    held = FEW + 10 + ENOUGH
    embed(ledger, settings, ENOUGH)
    assert update(ledger, settings) == (held if learns else ENOUGH)
    assert_up_to_date(ledger, settings)
    embed(ledger, settings, (GROWTH - 1) * held - 1)
    assert update(ledger, settings) == (GROWTH - 1) * held - 1
    embed(ledger, settings, 1)
    assert update(ledger, settings) == (GROWTH * held if learns else 1)
    assert_up_to_date(ledger, settings)


def test_what_leaves_the_catalog_leaves_the_index(ledger: Ledger, settings: Settings) -> None:
    embed(ledger, settings, ENOUGH)
    update(ledger, settings)
    ledger.catalog.execute("DELETE FROM images WHERE image_id <= 40")
    assert check_index(ledger, settings).left_over == 40
    assert update(ledger, settings) == 0
    assert_up_to_date(ledger, settings)
    assert index_of(ledger, settings).ids().min() == 41


def test_a_picture_that_is_replaced_while_it_is_indexed_is_indexed_again(
    ledger: Ledger, settings: Settings
) -> None:
    embed(ledger, settings, FEW)
    for done, _ in update_index(ledger, settings):
        if done == 0:
            # What the old vector is of goes, and the new one comes, before the old one is saved.
            with ledger.catalog.transaction():
                ledger.catalog.execute("UPDATE features SET row = ? WHERE image_id = 7", [FEW])
            with FeatureWriter(settings.features_dir("colour"), DIM, lambda: FEW) as writer:
                writer.append(VECTORS[FEW : FEW + 1])
    assert update(ledger, settings) == 1
    assert index_of(ledger, settings).query(VECTORS[FEW : FEW + 1], 1).ids.tolist() == [[7]]
    assert update(ledger, settings) == 0


def test_an_index_from_which_all_was_removed_is_filled_again(ledger: Ledger, settings: Settings) -> None:
    embed(ledger, settings, FEW)
    update(ledger, settings)
    ledger.catalog.execute("DELETE FROM images")
    update(ledger, settings)
    embed(ledger, settings, ENOUGH)
    assert update(ledger, settings) == ENOUGH
    assert_up_to_date(ledger, settings)


def test_rebuilding_gives_the_same_answers(ledger: Ledger, settings: Settings) -> None:
    embed(ledger, settings, ENOUGH)
    update(ledger, settings)
    before = index_of(ledger, settings).query(VECTORS[:20], 10)
    assert update(ledger, settings, rebuild=True) == ENOUGH
    after = index_of(ledger, settings).query(VECTORS[:20], 10)
    np.testing.assert_allclose(after.distances, before.distances, atol=1e-3)
    assert_up_to_date(ledger, settings)


def test_an_index_that_finds_nothing_right_fails_its_check(ledger: Ledger, settings: Settings) -> None:
    embed(ledger, settings, ENOUGH)
    update(ledger, settings)
    ids, _ = ledger.feature_rows()
    with index_of(ledger, settings) as index:
        index.add(ids, -VECTORS[: len(ids)])
    checked = check_index(ledger, settings)
    # Those that are not even among the two hundred least unlike.
    assert checked.found < 0.9 * checked.asked
    assert not checked.passed


def test_pictures_with_equal_vectors_find_each_other(ledger: Ledger, settings: Settings) -> None:
    with_copies = np.repeat(VECTORS[:1], ENOUGH, axis=0)
    embed(ledger, settings, ENOUGH)
    rows = feature_reader(ledger.embedder, settings).path
    rows.write_bytes(with_copies.astype(np.float16).tobytes())
    update(ledger, settings)
    assert check_index(ledger, settings).passed


def test_the_check_asks_no_more_than_a_thousand_and_says_what_is_missing(
    ledger: Ledger, settings: Settings
) -> None:
    assert check_index(ledger, settings).asked == 0
    embed(ledger, settings, 1100)
    checked = check_index(ledger, settings)
    assert (checked.found, checked.lacking) == (0, 1100)
    assert not checked.passed
    update(ledger, settings)
    assert 500 <= check_index(ledger, settings).asked <= 1000


def test_a_sample_is_the_same_each_time_and_drawn_from_all(ledger: Ledger, settings: Settings) -> None:
    embed(ledger, settings, ENOUGH)
    reader = feature_reader(ledger.embedder, settings)
    rows = np.arange(ENOUGH).repeat(3)
    first, again = (np.concatenate(list(sample)) for sample in [Sample(reader, rows)] * 2)
    np.testing.assert_array_equal(first, again)
    np.testing.assert_allclose(np.sort(first @ VECTORS[0]), np.sort(VECTORS[:ENOUGH] @ VECTORS[0]), atol=1e-3)


UPDATER = """
import sys
from pathlib import Path
from artstore.catalog import Catalog
from artstore.ledger import Ledger, find_embedder
from artstore.settings import Settings
from artstore.vectors import reducer
from embedder.indexing import update_index
reducer.LEAST_COUNT = int(sys.argv[3])
settings = Settings(data_dir=Path(sys.argv[1]), index=sys.argv[2])
with Catalog(settings.catalog_path) as catalog:
    print("begins", flush=True)
    list(update_index(Ledger(catalog, find_embedder(catalog, "colour")), settings))
"""


@pytest.mark.parametrize("delay_s", [0.0, 0.05, 0.2])
def test_a_kill_while_the_index_is_made_anew_leaves_the_old_one_or_the_new_one(
    ledger: Ledger, settings: Settings, delay_s: float
) -> None:
    embed(ledger, settings, FEW)
    update(ledger, settings)
    embed(ledger, settings, 4 * ENOUGH)
    command = [sys.executable, "-c", UPDATER, str(settings.data_dir), settings.index, str(ENOUGH)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]) as running:
        assert running.stdout is not None
        running.stdout.readline()
        time.sleep(delay_s)
        running.kill()
    assert len(index_of(ledger, settings)) in {FEW, FEW + 4 * ENOUGH}
    update(ledger, settings)
    assert_up_to_date(ledger, settings)
    with Catalog(settings.catalog_path, read_only=True) as reading:
        assert find_embedder(reading, "colour").dim == DIM
