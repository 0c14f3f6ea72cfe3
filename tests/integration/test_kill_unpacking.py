"""A kill at any moment of looking for pictures costs the file in hand, which is looked at again, and nothing else."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from artstore.blobs import TEMPORARY
from artstore.catalog import Catalog
from artstore.settings import Settings
from tests import broken, shelf
from tests.packed import by_7zip, rar5, tarred
from tests.replica.archives import zipped

Left = tuple[dict[str, list[tuple[Any, ...]]], dict[str, str]]
"""The rows of the catalog, and a hash of each file, by its path below the data folder."""

ROWS = {
    "files": "SELECT path, state, size_bytes, sha256 FROM files ORDER BY path",
    "pictures": "SELECT path, member, format, width_px, height_px, frames, series, pixel_hash FROM images ORDER BY path",
    "failures": "SELECT stage, subject, reason FROM failures ORDER BY subject",
    "works": "SELECT url, title FROM works ORDER BY url",
}

KILLS = 8

PATIENCE_S = 30


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Archives of several kinds, each of which takes a moment, one broken one, and loose pictures."""
    folder = shelf.save_sprites(tmp_path_factory.mktemp("art") / "art", 5)
    sprites = {f"set/sprite_{number:03}.png": sprite(number) for number in range(60)}
    for name, content in {
        "a.zip": zipped(sprites),
        "b.tar.gz": broken.PACKERS["gz"](tarred(sprites)),
        "c.7z": by_7zip("7z", sprites),
        "d.zip": zipped({"inner.zip": zipped(sprites), "inner.tar": tarred(sprites)}),
        "e.rar": rar5(sprites),
        "half.tar.xz": broken.PACKERS["xz"](tarred(sprites))[:-500],
    }.items():
        (folder / name).write_bytes(content)
    return folder


def sprite(number: int) -> bytes:
    return broken.encoded(shelf.sprite(number), "PNG")


@pytest.fixture(scope="module")
def undisturbed(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Left:
    data_dir = tmp_path_factory.mktemp("undisturbed") / "data"
    finish(data_dir, "--add", folder)
    left = left_in(data_dir)
    assert len(left[0]["pictures"]) > 300
    assert {row[2] for row in left[0]["failures"]} == {"bad_archive"}
    assert not leftovers(data_dir)
    return left


def start(data_dir: Path, *words: str | Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        shelf.command("embedder", "--embedder", "colour", "--limit", "0", *words),
        cwd=shelf.ROOT,
        env=shelf.environment(data_dir),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(data_dir: Path, *words: str | Path) -> None:
    with start(data_dir, *words) as running:
        _, said = running.communicate(timeout=PATIENCE_S * 3)
    assert running.returncode == 0, said
    assert "Traceback" not in said


def left_in(data_dir: Path) -> Left:
    """Return what a data folder holds, without what is left of kills."""
    with Catalog(Settings(data_dir=data_dir).catalog_path, read_only=True) as catalog:
        rows = {what: [tuple(row) for row in catalog.execute(sql)] for what, sql in ROWS.items()}
    files: dict[str, str] = {}
    for below in ("files", "unpacked"):
        # Of what is being moved at that moment, it says nothing.
        for parent, folders, names in os.walk(data_dir / below):
            folders[:] = [name for name in folders if not is_temporary(name)]
            for path in (Path(parent, name) for name in names if not is_temporary(name)):
                files[path.relative_to(data_dir).as_posix()] = sha256(path.read_bytes()).hexdigest()
    return rows, files


def is_temporary(name: str) -> bool:
    """Say whether *name* is one that the docs say may be left of a kill."""
    return name.startswith(".") and name.endswith(TEMPORARY)


def leftovers(data_dir: Path) -> set[Path]:
    """Return the outermost files and folders of such names."""
    found: set[Path] = set()
    for parent, folders, names in os.walk(data_dir):
        found |= {Path(parent, name) for name in (*folders, *names) if is_temporary(name)}
        folders[:] = [name for name in folders if not is_temporary(name)]
    return found


def descendants(process: int) -> Iterator[int]:
    """Yield the processes that *process*, and those that they, have started."""
    try:
        threads = [*Path(f"/proc/{process}/task").iterdir()]
        started = [int(child) for thread in threads for child in (thread / "children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return
    for child in started:
        yield child
        yield from descendants(child)


def is_running(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def await_that(says: Callable[[], bool]) -> bool:
    until = time.monotonic() + PATIENCE_S
    while not says() and time.monotonic() < until:
        time.sleep(0.001)
    return says()


def kill_while_unpacking(
    running: subprocess.Popen[str], data_dir: Path, delay_s: float, *, with_all: bool
) -> list[int]:
    """Kill a command, or with all that it has started, *delay_s* after it began with an archive.

    Return what it had started, or nothing where it had ended before.
    """
    before = leftovers(data_dir / "unpacked")
    await_that(lambda: bool(leftovers(data_dir / "unpacked") - before) or running.poll() is not None)
    time.sleep(delay_s)
    others = [*descendants(running.pid)]
    running.kill()
    for process in others if with_all else []:
        if is_running(process):
            os.kill(process, signal.SIGKILL)
    running.communicate()
    return others


def assert_whole_as_far_as_it_is(data_dir: Path, undisturbed: Left) -> None:
    """What the catalog says of pictures is true, and among what it is to say in the end."""
    rows, files = left_in(data_dir)
    # Which files are a series, is told when all of them are there.
    assert {(*row[:6], row[7]) for row in rows["pictures"]} <= {
        (*row[:6], row[7]) for row in undisturbed[0]["pictures"]
    }
    assert set(rows["failures"]) <= set(undisturbed[0]["failures"])
    for path, *_ in rows["pictures"]:
        assert files[path] == undisturbed[1][path]


@pytest.mark.parametrize("with_all", [True, False], ids=["all killed", "only the command killed"])
def test_adding_that_is_killed_again_and_again_comes_to_what_it_comes_to_undisturbed(
    folder: Path, undisturbed: Left, tmp_path: Path, *, with_all: bool
) -> None:
    chance, data_dir, started = random.Random(int(with_all)), tmp_path / "data", list[int]()
    for number in range(KILLS):
        running = start(data_dir, "--add", folder)
        others = kill_while_unpacking(running, data_dir, chance.random() * 0.1, with_all=with_all)
        assert others or number > KILLS // 2, "the kills came too late to show anything"
        started += others
        assert_whole_as_far_as_it_is(data_dir, undisturbed)
    finish(data_dir, "--add", folder)
    assert await_that(lambda: not any(map(is_running, started))), "what was started did not end"
    assert left_in(data_dir) == undisturbed
    # Of a command a file that it was copying, of an examiner a folder.
    assert len(leftovers(data_dir)) <= KILLS * 2


def test_looking_again_that_is_killed_loses_no_picture(
    folder: Path, undisturbed: Left, tmp_path: Path
) -> None:
    chance, data_dir = random.Random(7), tmp_path / "data"
    finish(data_dir, "--add", folder)
    for _ in range(KILLS // 2):
        running = start(data_dir, "--reexamine")
        assert kill_while_unpacking(running, data_dir, chance.random() * 0.2, with_all=True)
        # All that was there before is there still: an archive's folder is replaced file by file, never emptied.
        assert left_in(data_dir)[1] == undisturbed[1]
        assert_whole_as_far_as_it_is(data_dir, undisturbed)
    finish(data_dir)
    assert left_in(data_dir) == undisturbed


def test_an_examiner_that_is_killed_costs_not_even_the_file_it_was_at(
    folder: Path, undisturbed: Left, tmp_path: Path
) -> None:
    data_dir = tmp_path / "data"
    running = start(data_dir, "--add", folder)
    assert await_that(lambda: bool(leftovers(data_dir / "unpacked")))
    examiner, *_ = descendants(running.pid)
    os.kill(examiner, signal.SIGKILL)
    _, said = running.communicate(timeout=PATIENCE_S * 3)
    assert (running.returncode, "Traceback" in said) == (0, False), said
    assert left_in(data_dir) == undisturbed
