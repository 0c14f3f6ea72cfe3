"""``python -m embedder`` as a person meets it: what it says, where, and how it ends."""

import json
import os
import shutil
import signal
import subprocess
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from artstore.catalog import Catalog
from artstore.errors import NotReady
from artstore.features import claim
from artstore.library import Library
from artstore.settings import Settings
from embedder.batches import Here
from embedder.colour import ColourEmbedder
from embedder.drain import Step, drain, open_ledger, waiting_pictures
from search import Engine
from tests import shelf

COUNT = 24


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``my pack``, a folder of sprites, and ``data`` with all of it embedded and indexed."""
    folder = tmp_path_factory.mktemp("made")
    art, settings = shelf.save_sprites(folder / "my pack", COUNT), Settings(data_dir=folder / "data")
    shelf.catalog_folder(art, settings)
    shelf.embed_all(settings, ColourEmbedder(settings.max_picture_px), ("hnsw:", "exact:"))
    return folder


@pytest.fixture
def art(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made / "my pack", tmp_path / "my pack"))


@pytest.fixture
def data(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made / "data", tmp_path / "data"))


def status(data: Path) -> dict[str, int]:
    with Catalog(Settings(data_dir=data).catalog_path, read_only=True) as catalog:
        return {line.what: line.count for line in Library(catalog).status()}


def finds_itself(data: Path, picture: Path, index: str = "hnsw:") -> bool:
    with Engine.open(data, embedder="colour", index=index) as engine:
        (hit,) = engine.image(picture, top=1)
    return Path(hit.path).name == picture.name and (hit.distance or 0) < 1e-3


def test_the_status_is_tsv_and_nothing_else_is_on_stdout(data: Path) -> None:
    done = shelf.embedder(data, "--status")
    assert (done.returncode, done.stderr) == (0, "")
    header, *lines = done.stdout.splitlines()
    assert header == "what\tcount"
    assert {what: int(count) for what, count in (line.split("\t") for line in lines)} == status(data)


def test_a_folder_is_catalogued_embedded_and_indexed_by_one_command(tmp_path: Path, art: Path) -> None:
    done = shelf.embedder(tmp_path / "new" / "data", "--add", art, "--embedder", "colour")
    assert (done.returncode, done.stdout) == (0, "")
    assert f"{COUNT} pictures embedded by colour, 0 failures" in done.stderr
    assert status(tmp_path / "new" / "data") == {
        "works": 1,
        "files stored": COUNT,
        "pictures": COUNT,
        "pictures, identical ones counted once": COUNT,
        "embedded by colour": COUNT,
        "indexed in hnsw:colour": COUNT,
    }
    assert finds_itself(tmp_path / "new" / "data", art / "sprite-007.png")


def test_the_same_command_again_does_nothing_more(data: Path, art: Path) -> None:
    before = status(data)
    index = {path.name: path.read_bytes() for path in (data / "index").iterdir()}
    done = shelf.embedder(data, "--add", art, "--embedder", "colour")
    assert (done.returncode, done.stdout) == (0, "")
    assert "0 pictures embedded" in done.stderr
    assert status(data) == before
    assert {path.name: path.read_bytes() for path in (data / "index").iterdir()} == index


def test_what_is_new_in_the_folder_is_added(data: Path, art: Path) -> None:
    shelf.sprite(900).save(art / "new.png")
    done = shelf.embedder(data, "--add", art, "--embedder", "colour")
    assert "1 pictures embedded" in done.stderr
    assert status(data)["indexed in hnsw:colour"] == COUNT + 1
    assert finds_itself(data, art / "new.png")


def test_broken_files_are_failures_of_their_own(tmp_path: Path, art: Path) -> None:
    (art / "broken.png").write_bytes(b"no picture")
    (art / "broken.zip").write_bytes(b"no archive")
    (art / "notes.txt").write_bytes(b"neither")
    data = tmp_path / "data"
    done = shelf.embedder(data, "--add", art, "--embedder", "colour")
    assert done.returncode == 0
    assert "2 failures (see --failures)" in done.stderr
    assert "1 more are neither pictures nor archives by their names, and passed over" in done.stderr
    assert status(data)["embedded by colour"] == COUNT
    assert {what for what in status(data) if what.startswith("failed at")} == {
        "failed at picture: cannot_decode",
        "failed at unpack: bad_archive",
    }


def test_a_limit_of_pictures_is_kept(tmp_path: Path, art: Path) -> None:
    data = tmp_path / "data"
    done = shelf.embedder(data, "--add", art, "--embedder", "colour", "--limit", "0")
    assert done.returncode == 0
    assert "embedded by colour" not in status(data)
    shelf.embedder(data, "--embedder", "colour", "--limit", "5")
    assert status(data)["embedded by colour"] == status(data)["indexed in hnsw:colour"] == 5
    shelf.embedder(data, "--embedder", "colour")
    assert status(data)["embedded by colour"] == status(data)["indexed in hnsw:colour"] == COUNT


def test_a_picture_that_was_changed_is_found_by_its_new_looks(data: Path, art: Path) -> None:
    shelf.sprite(901).save(art / "sprite-003.png")
    shelf.embedder(data, "--add", art, "--embedder", "colour")
    assert finds_itself(data, art / "sprite-003.png")
    assert status(data)["indexed in hnsw:colour"] == COUNT


def test_forgetting_an_embedder_removes_its_work_and_keeps_the_pictures(data: Path, art: Path) -> None:
    done = shelf.embedder(data, "--forget", "colour")
    assert (done.returncode, done.stdout) == (0, "")
    assert status(data) == {
        "works": 1,
        "files stored": COUNT,
        "pictures": COUNT,
        "pictures, identical ones counted once": COUNT,
    }
    assert not (data / "features" / "colour").exists()
    assert [path.name for path in (data / "index").iterdir() if not path.name.endswith(".lock")] == []
    assert shelf.embedder(data, "--embedder", "colour").returncode == 0
    assert finds_itself(data, art / "sprite-000.png")
    with pytest.raises(NotReady, match="empty"):
        finds_itself(data, art / "sprite-000.png", "exact:")


def test_forgetting_an_embedder_that_was_never_there_is_told(data: Path) -> None:
    done = shelf.embedder(data, "--forget", "vgg16")
    assert done.returncode == 2
    assert "no features of vgg16 to forget; there are those of: colour" in done.stderr


def test_nothing_is_forgotten_while_another_process_embeds(data: Path, tmp_path: Path) -> None:
    settings, colour = Settings(data_dir=data), Here(ColourEmbedder(1_000_000), data)
    shelf.catalog_folder(shelf.save_noise(tmp_path / "noise", 10), settings)
    with Catalog(settings.catalog_path) as catalog:
        ledger = open_ledger(catalog, colour)
        steps = drain(ledger, colour, waiting_pictures(ledger), settings)
        assert next(steps) == Step(10, 0)
        done = shelf.embedder(data, "--forget", "colour")
        assert done.returncode == 3
        assert "another process is embedding" in done.stderr
        assert list(steps) == []
    assert status(data)["embedded by colour"] == COUNT + 10
    assert shelf.embedder(data, "--forget", "colour").returncode == 0


def test_a_second_embedder_is_told_so_before_it_loads_a_network(data: Path, tmp_path: Path) -> None:
    # Whoever imports it ends with another message.
    (tmp_path / "tensorflow.py").write_text("raise ImportError('none here')")
    words = ("--embedder", "keras:MobileNetV2", "--weights", "random")
    lock = claim(Settings(data_dir=data).features_dir("keras:MobileNetV2"))
    try:
        done = shelf.embedder(data, *words, PYTHONPATH=str(tmp_path))
    finally:
        lock.release()
    assert done.returncode == 3
    assert "another process is embedding" in done.stderr
    assert "TensorFlow" in shelf.embedder(data, *words, PYTHONPATH=str(tmp_path)).stderr


DAMAGES = {
    "deleted": lambda path: path.unlink(),
    "emptied": lambda path: path.write_bytes(b""),
    "cut in half": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "overwritten": lambda path: path.write_bytes(np.random.default_rng(3).bytes(path.stat().st_size)),
}


def index_files(data: Path) -> list[Path]:
    return [path for path in (data / "index").iterdir() if not path.name.endswith(".lock")]


@pytest.mark.parametrize(
    ("ending", "uri", "damage"),
    [
        (".json", "hnsw:", "deleted"),
        (".json", "hnsw:", "emptied"),
        (".json", "hnsw:", "overwritten"),
        ("data", "hnsw:", "deleted"),
        ("data", "hnsw:", "cut in half"),
        ("data", "hnsw:", "overwritten"),
        (".npz", "exact:", "deleted"),
        (".npz", "exact:", "cut in half"),
        (".npz", "exact:", "overwritten"),
    ],
)
def test_an_index_that_was_damaged_is_made_again(
    data: Path, art: Path, ending: str, uri: str, damage: str
) -> None:
    chosen = [
        path for path in index_files(data) if ending in (path.suffix, "data" if ".hnsw." in path.name else "")
    ]
    chosen = [path for path in chosen if (path.suffix == ".json") == (ending == ".json")]
    assert len(chosen) == 1
    DAMAGES[damage](chosen[0])
    asked = shelf.search(data, "image", art / "sprite-001.png", "--index", uri)
    assert asked.returncode == 3
    assert "run `python -m embedder" in asked.stderr
    done = shelf.embedder(data, "--embedder", "colour", "--rebuild-index", "--index", uri)
    assert done.returncode == 0, done.stderr
    assert "0 pictures embedded" in done.stderr
    assert finds_itself(data, art / f"sprite-{COUNT - 1:03}.png", uri)
    assert status(data)[f"indexed in {uri}colour"] == COUNT


def test_an_index_of_other_vectors_is_refused_until_it_is_made_again(data: Path, art: Path) -> None:
    manifest = next((data / "index").glob("*.json"))
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"dim": 64}))
    for done in (
        shelf.search(data, "image", art / "sprite-001.png"),
        shelf.embedder(data, "--embedder", "colour"),
    ):
        assert done.returncode == 3
        assert "python -m embedder --embedder colour --rebuild-index" in done.stderr
    assert shelf.embedder(data, "--embedder", "colour", "--rebuild-index").returncode == 0
    assert finds_itself(data, art / "sprite-001.png")


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["--embedder", "nonsense"], 2, "vgg16, vgg16-classic, keras:<Application>, colour"),
        (["--add", "/nonexistent/folder", "--embedder", "colour"], 2, "/nonexistent/folder is not a folder"),
        (["--index", "pinecone:"], 2, "hnsw:, exact:"),
        (["--limit", "-1"], 2, "-1 is less than 0"),
        (["--limit", "many"], 2, "many"),
        (["--frobnicate"], 2, "--frobnicate"),
        (["--weights", "/nonexistent.h5"], 3, "no weights at /nonexistent.h5"),
        (["--embedder", "keras:MobileNetV2", "--weights", "/nonexistent.h5"], 3, "/nonexistent.h5"),
        (["--forget", "nobody"], 2, "no features of nobody to forget"),
    ],
)
def test_a_wrong_word_is_answered_in_words(data: Path, words: list[str], code: int, told: str) -> None:
    before = status(data)
    done = shelf.embedder(data, *words)
    assert (done.returncode, done.stdout) == (code, "")
    assert told in done.stderr
    assert status(data) == before


@pytest.mark.parametrize(
    ("name", "value"),
    [("OGA_DECODE_THREADS", "two"), ("OGA_EMBEDDER", "nonsense"), ("OGA_INDEX", "x")],
)
def test_a_setting_that_makes_no_sense_is_wrong_usage(data: Path, name: str, value: str) -> None:
    done = shelf.embedder(data, **({"OGA_EMBEDDER": "colour"} | {name: value}))
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("words", [[], ["--status"], ["--forget", "colour"], ["--rebuild-index"]])
def test_where_nothing_was_collected_the_way_to_begin_is_told(tmp_path: Path, words: list[str]) -> None:
    done = shelf.embedder(tmp_path / "empty", *words)
    assert (done.returncode, done.stdout) == (3, "")
    assert "scrapy crawl oga" in done.stderr
    assert "--add FOLDER" in done.stderr
    assert not (tmp_path / "empty").exists()


def test_help_shows_examples_on_stdout(tmp_path: Path) -> None:
    done = shelf.embedder(tmp_path, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "examples:" in done.stdout
    assert "python -m embedder --add" in done.stdout


@pytest.mark.tf
def test_weights_that_cannot_be_had_are_no_reason_for_another_embedder(data: Path) -> None:
    # Port 9 of this machine is nobody's: as good as no network.
    done = shelf.embedder(data, "--embedder", "vgg16", https_proxy="http://127.0.0.1:9")
    assert done.returncode == 3
    for part in (
        "vgg16_weights_tf_dim_ordering_tf_kernels.h5",
        str(data / "weights"),
        "--weights",
        "--embedder colour",
    ):
        assert part in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "embedded by vgg16" not in status(data)


class OtherWeights:
    """What an earlier run with weights that are not here any more has left."""

    name = "keras:MobileNetV2"
    dim = 1280
    batch_size = 8
    fingerprint = "weights 0123456789abcdef, sprite-1, float32"
    on_gpu = False

    def prepare(self, source: Path) -> NDArray[Any]:
        return np.frombuffer(source.read_bytes()[-self.dim // 8 :], np.uint8)

    def embed(self, batch: NDArray[Any]) -> NDArray[np.float32]:
        return np.resize(batch, (len(batch), self.dim)).astype(np.float32)


@pytest.mark.tf
def test_features_of_other_weights_are_refused_with_the_way_out(data: Path, art: Path) -> None:
    shelf.embed_all(Settings(data_dir=data), OtherWeights())
    words = ("--embedder", OtherWeights.name, "--weights", "random")
    done = shelf.embedder(data, *words)
    asked = shelf.search(data, "image", art / "sprite-001.png", *words)
    for refused in (done, asked):
        assert refused.returncode == 3
        assert "--weights" in refused.stderr
        assert len(refused.stderr.splitlines()) == 1
    assert f"--forget {OtherWeights.name}" in done.stderr


def start(data: Path, *words: str | Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        shelf.command("embedder", *words),
        cwd=shelf.ROOT,
        env=shelf.environment(data),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for_rows(data: Path, rows: int) -> None:
    """Wait until the catalog counts *rows* features."""
    deadline = time.monotonic() + 60
    while shelf.count_rows(Settings(data_dir=data), "features") < rows:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_ctrl_c_ends_with_one_line_and_the_same_command_goes_on(tmp_path: Path) -> None:
    data, settings = tmp_path / "data", Settings(data_dir=tmp_path / "data")
    shelf.catalog_folder(shelf.save_noise(tmp_path / "noise", 600, side_px=200), settings)
    running = start(data, "--embedder", "colour")
    wait_for_rows(data, 1)
    running.send_signal(signal.SIGINT)
    out, talk = running.communicate(timeout=60)
    assert running.returncode == 130
    assert out == ""
    assert "Traceback" not in talk
    assert [line for line in talk.splitlines() if "interrupted" in line] == [
        "embedder: interrupted; what is done is kept, the same command goes on from here"
    ]
    assert 0 < shelf.count_rows(settings, "features") < 600, "the signal came too late to show anything"
    assert shelf.embedder(data, "--embedder", "colour").returncode == 0
    assert status(data)["embedded by colour"] == status(data)["indexed in hnsw:colour"] == 600


def test_the_data_folder_can_be_moved(data: Path, art: Path, tmp_path: Path) -> None:
    os.rename(data, tmp_path / "elsewhere")  # noqa: PTH104 - a plain move
    assert finds_itself(tmp_path / "elsewhere", art / "sprite-005.png")
    Image.effect_noise((20, 20), 99).save(art / "later.png")
    assert shelf.embedder(tmp_path / "elsewhere", "--add", art, "--embedder", "colour").returncode == 0
    assert status(tmp_path / "elsewhere")["embedded by colour"] == COUNT + 1


def test_another_folder_of_the_same_name_needs_a_name_of_its_own(
    data: Path, art: Path, tmp_path: Path
) -> None:
    other = shelf.save_noise(tmp_path / "elsewhere" / art.name, 3)
    (other / "noise-0000.png").rename(other / "sprite-003.png")
    kept = {path: path.read_bytes() for path in (data / "files").rglob("*.png")}
    refused = shelf.embedder(data, "--add", other, "--embedder", "colour")
    assert refused.returncode == 2
    assert f"another folder called {art.name} was added before" in refused.stderr
    assert {path: path.read_bytes() for path in (data / "files").rglob("*.png")} == kept
    named = shelf.embedder(data, "--add", other, "--name", "other", "--embedder", "colour")
    assert named.returncode == 0
    assert status(data)["works"] == 2
    assert {path: path.read_bytes() for path in kept} == kept


def test_each_failure_is_printed_with_its_reason(tmp_path: Path, art: Path) -> None:
    (art / "broken.png").write_bytes(b"no picture")
    (art / "broken.zip").write_bytes(b"no archive")
    shelf.embedder(tmp_path / "data", "--add", art, "--embedder", "colour")
    done = shelf.embedder(tmp_path / "data", "--failures")
    header, *lines = (line.split("\t") for line in done.stdout.splitlines())
    assert header == ["stage", "subject", "reason", "detail", "first_at", "last_at", "times"]
    assert [(line[0], Path(line[1]).name, line[2], line[6]) for line in lines] == [
        ("picture", "broken.png", "cannot_decode", "1"),
        ("unpack", "broken.zip", "bad_archive", "1"),
    ]
    assert shelf.embedder(tmp_path / "data", "--failures").stdout == done.stdout


def test_without_failures_none_are_printed(data: Path) -> None:
    done = shelf.embedder(data, "--failures")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "embedder: nothing has failed\n")


def test_lost_pictures_are_unpacked_again(tmp_path: Path, art: Path) -> None:
    with zipfile.ZipFile(art / "pack.zip", "w") as pack:
        pack.write(shelf.save_noise(tmp_path / "noise", 1) / "noise-0000.png", "noise.png")
    data = tmp_path / "data"
    shelf.embedder(data, "--add", art, "--embedder", "colour")
    before = status(data)
    found = shelf.search(data, "words", "noise").stdout
    lost = data / "unpacked"
    kept = {path: path.read_bytes() for path in lost.rglob("*.png")}
    assert kept
    shutil.rmtree(lost)
    done = shelf.embedder(data, "--embedder", "colour", "--reexamine")
    assert done.returncode == 0
    assert {path: path.read_bytes() for path in lost.rglob("*.png")} == kept
    assert status(data) == before
    assert shelf.search(data, "words", "noise").stdout == found


@pytest.mark.parametrize("words", [("--add", "folder", "--status"), ("--forget", "colour", "--failures")])
def test_commands_that_exclude_each_other_are_refused(data: Path, words: tuple[str, ...]) -> None:
    done = shelf.embedder(data, *words)
    assert done.returncode == 2
    assert "not allowed with argument" in done.stderr


def test_lost_features_are_told_even_if_nothing_waits(data: Path) -> None:
    shutil.rmtree(data / "features")
    done = shelf.embedder(data, "--embedder", "colour")
    assert done.returncode == 3
    assert "--forget NAME" in done.stderr


def test_with_nothing_to_embed_no_network_is_loaded(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "sprite.png").write_bytes(b"no picture")
    done = shelf.embedder(
        tmp_path / "data", "--add", broken, "--embedder", "vgg16", OGA_WEIGHTS_DIR=str(tmp_path)
    )
    assert (done.returncode, "no pictures to embed yet" in done.stderr) == (0, True)


def test_a_folder_without_art_makes_no_work(tmp_path: Path) -> None:
    folder = tmp_path / "letters"
    folder.mkdir()
    (folder / "letter.txt").write_text("no art")
    done = shelf.embedder(tmp_path / "data", "--add", folder, "--embedder", "colour")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "neither pictures nor archives" in done.stderr
    assert not (tmp_path / "data").exists()


def test_a_variable_that_is_no_setting_is_told(data: Path) -> None:
    done = shelf.embedder(data, "--status", OGA_EMBEDER="colour")
    assert done.returncode == 0
    assert "OGA_EMBEDER is no setting" in done.stderr
