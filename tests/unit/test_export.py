"""Exports: what other programs read is what is known here."""

import subprocess
import sys
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from pyarrow import parquet

from artstore.errors import UsageError
from artstore.library import Listed
from artstore.settings import Settings
from embedder.colour import ColourEmbedder
from search import Engine
from search.export import LIST_COLUMNS, write_features, write_list
from tests import shelf

COLOUR = ColourEmbedder(10_000_000)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine pictures that are embedded and indexed, and three that are not; nobody may change it."""
    folder = tmp_path_factory.mktemp("export")
    settings = Settings(data_dir=folder / "data")
    shelf.catalog_folder(shelf.save_sprites(folder / "first", 9), settings)
    shelf.embed_all(settings, COLOUR)
    shelf.catalog_folder(shelf.save_noise(folder / "later", 3), settings)
    return settings.data_dir


def test_every_picture_is_listed_with_what_is_done(data: Path) -> None:
    with Engine.open(data) as engine:
        out = StringIO()
        write_list(engine.pictures(), out)
    header, *lines = [line.split("\t") for line in out.getvalue().splitlines()]
    assert tuple(header) == LIST_COLUMNS
    assert [int(line[0]) for line in lines] == list(range(1, 13))
    assert [(line[3], line[4]) for line in lines] == [("1", "1")] * 9 + [("0", "0")] * 3
    assert {line[2] for line in lines} == {"folder:first", "folder:later"}
    assert all((data / line[1]).is_file() for line in lines)


def test_the_flags_are_those_of_the_index_that_is_asked(data: Path) -> None:
    with Engine.open(data, embedder="colour", index="exact:") as engine:
        assert [picture.indexed for picture in engine.pictures()] == [False] * 12
        assert sum(picture.embedded for picture in engine.pictures()) == 9
    with Engine.open(data, embedder="vgg16") as engine:
        assert not any(picture.embedded for picture in engine.pictures())


def test_no_path_breaks_a_line() -> None:
    out = StringIO()
    write_list([Listed(1, "a\tb\nc", None, embedded=True, indexed=False)], out)
    assert out.getvalue().splitlines()[1:] == ["1\ta b c\t\t1\t0"]


def test_npz_and_parquet_hold_the_features(data: Path, tmp_path: Path) -> None:
    expected = shelf.features_by_path(Settings(data_dir=data), "colour")
    with Engine.open(data) as engine:
        paths = {picture.image_id: picture.path for picture in engine.pictures()}
        for name in ("f.npz", "f.parquet"):
            write_features(engine.features(), tmp_path / name)
    with np.load(tmp_path / "f.npz") as saved:
        ids, features = saved["image_id"], saved["features"]
    assert (ids.dtype, features.dtype, features.shape) == (np.int64, np.float16, (9, COLOUR.dim))
    assert (np.diff(ids) > 0).all()
    for image_id, vector in zip(ids.tolist(), features, strict=True):
        np.testing.assert_allclose(vector, expected[paths[image_id]], atol=1e-3)
    table = parquet.read_table(tmp_path / "f.parquet")
    assert table["image_id"].to_pylist() == ids.tolist()
    assert np.array_equal(np.array(table["features"].to_pylist(), np.float16), features)


def test_another_kind_of_file_is_refused_and_nothing_is_left(data: Path, tmp_path: Path) -> None:
    with Engine.open(data) as engine, pytest.raises(UsageError, match=r"\.npz or \.parquet, not as 'f.csv'"):
        write_features(engine.features(), tmp_path / "f.csv")
    assert list(tmp_path.iterdir()) == []


def test_parquet_without_pyarrow_says_what_to_install(data: Path, tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules['pyarrow'] = None; from search.__main__ import main; "
        "from artstore.command import run; sys.exit(run('search', main))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "export", "--features", str(tmp_path / "f.parquet")],
        cwd=shelf.ROOT,
        env=shelf.environment(data),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3
    assert "pip install pyarrow" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_command_exports(data: Path, tmp_path: Path) -> None:
    listed = shelf.search(data, "export")
    assert (listed.returncode, len(listed.stdout.splitlines())) == (0, 13)
    done = shelf.search(data, "export", "--features", tmp_path / "f.npz")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.startswith("search: 9 features of")
    nothing = shelf.search(data, "export", "--features", tmp_path / "g.npz", "--embedder", "vgg16")
    assert nothing.returncode == 3
    assert not (tmp_path / "g.npz").exists()
