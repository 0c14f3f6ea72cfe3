"""Real game art: all of it is dealt with, each picture finds itself, and packs stay together."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from artstore.catalog import Catalog
from artstore.library import Library
from artstore.settings import Settings
from embedder.keras_models import has_tensorflow
from search import Engine
from tests import shelf

pytestmark = pytest.mark.real

FILES = 183
MOBILE = "keras:MobileNetV2"

# Of the next three hits, the share that is of the same pack; measured 0.69 and 0.72. By chance it would be 0.06.
COLOUR_RATE = 0.6
NETWORK_RATE = 0.64


@pytest.fixture(scope="module")
def art(real_data: Path) -> Path:
    return real_data / "art-sample"


@pytest.fixture(scope="module")
def by_colour(art: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("colour") / "data"
    done = shelf.embedder(data, "--add", art, "--embedder", "colour")
    assert done.returncode == 0, done.stderr
    return data


@pytest.fixture(scope="module")
def by_network(
    by_colour: Path, real_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engine]:
    """An engine over a copy of the catalog, embedded by a trained network."""
    data = Path(shutil.copytree(by_colour, tmp_path_factory.mktemp("network") / "data"))
    weights = real_data / "weights" / "mobilenet_v2_notop.weights.h5"
    done = shelf.embedder(data, "--embedder", MOBILE, "--weights", weights)
    assert done.returncode == 0, done.stderr
    with Engine.open(data, embedder=MOBILE, weights=str(weights)) as engine:
        yield engine


def counts(data: Path) -> dict[str, int]:
    with Catalog(Settings(data_dir=data).catalog_path, read_only=True) as catalog:
        return {line.what: line.count for line in Library(catalog).status()}


def sample_of_modes(data: Path, at_most: int = 32) -> list[Path]:
    """Pictures of every mode and format there is, a few of each."""
    with Catalog(Settings(data_dir=data).catalog_path, read_only=True) as catalog:
        found = catalog.execute("SELECT path, mode, format FROM images ORDER BY image_id").fetchall()
    groups: dict[tuple[str, str], list[Path]] = {}
    for row in found:
        groups.setdefault((row["mode"], row["format"]), []).append(data / row["path"])
    assert len(groups) >= 5
    each = max(1, at_most // len(groups))
    return [path for group in groups.values() for path in group[:: max(1, len(group) // each)][:each]]


def assert_each_finds_itself(engine: Engine, data: Path) -> None:
    for path in sample_of_modes(data):
        first = engine.image(path, top=1)[0]
        assert first.distance is not None
        # Or a twin: then it is just as near.
        assert first.distance < 1e-3, path


def pack(path: str) -> str:
    """``files/added/art-sample/kenney/Castle Kit/…`` is of kenney's Castle Kit."""
    return "/".join(Path(path).parts[3:5])


def pack_rate(engine: Engine, data: Path, depth: int = 3) -> float:
    """The share of pack-mates among the next *depth* hits, for pictures that have so many."""
    with Catalog(Settings(data_dir=data).catalog_path, read_only=True) as catalog:
        rows = catalog.execute("SELECT image_id, path FROM images WHERE path LIKE 'files/%'").fetchall()
    packs = [pack(row["path"]) for row in rows]
    loose = [row for row in rows if packs.count(pack(row["path"])) > depth]
    mates = [
        pack(hit.path) == pack(row["path"])
        for row in loose
        for hit in engine.like(row["image_id"], top=depth)
    ]
    assert len(loose) > 100
    return sum(mates) / len(mates)


def test_every_file_is_dealt_with_and_none_fails(by_colour: Path) -> None:
    found = counts(by_colour)
    assert found["files stored"] == FILES
    assert [what for what in found if what.startswith("failed")] == []
    assert found["embedded by colour"] == found["indexed in hnsw:colour"] == found["pictures"] > 500


def test_by_colour_each_picture_finds_itself(by_colour: Path) -> None:
    with Engine.open(by_colour, embedder="colour") as engine:
        assert_each_finds_itself(engine, by_colour)


def test_by_colour_packs_stay_together(by_colour: Path) -> None:
    with Engine.open(by_colour, embedder="colour") as engine:
        rate = pack_rate(engine, by_colour)
    sys.stdout.write(f"colour: {rate:.3f} of the next three hits are of the same pack\n")
    assert rate > COLOUR_RATE


needs_network = pytest.mark.skipif(
    not has_tensorflow() and "CI" not in os.environ, reason="TensorFlow is not installed"
)


@pytest.mark.tf
@needs_network
def test_by_a_trained_network_each_picture_finds_itself(by_network: Engine, by_colour: Path) -> None:
    assert_each_finds_itself(by_network, by_colour)


@pytest.mark.tf
@needs_network
def test_by_a_trained_network_packs_stay_together(by_network: Engine, by_colour: Path) -> None:
    rate = pack_rate(by_network, by_colour)
    sys.stdout.write(f"MobileNetV2: {rate:.3f} of the next three hits are of the same pack\n")
    assert rate > NETWORK_RATE
