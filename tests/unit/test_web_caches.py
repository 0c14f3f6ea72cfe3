"""Caches are held to their bytes and to their age, the latest kept longest."""

import os
import time
from pathlib import Path

from search.web.caches import HALF_MADE_S, Cache


def put(folder: Path, name: str, size: int, age_s: float = 0.0) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)
    os.utime(path, (time.time(), time.time() - age_s))
    return path


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_file()}


def test_the_oldest_go_where_there_is_too_much(tmp_path: Path) -> None:
    for age_s, name in enumerate("abcd"):
        put(tmp_path, f"{name * 2}/{name}.png", 40, age_s)
    Cache(tmp_path, 100).sweep()
    assert names(tmp_path) == {"a.png", "b.png"}


def test_what_is_too_old_goes_and_is_not_there_before(tmp_path: Path) -> None:
    cache = Cache(tmp_path, 1_000, max_age_s=60)
    old, new = put(tmp_path, "aa/old.png", 1, 61), put(tmp_path, "aa/new.png", 1, 59)
    assert (cache.has(old), cache.has(new), cache.has(tmp_path / "none")) == (False, True, False)
    cache.sweep()
    assert names(tmp_path) == {"new.png"}


def test_what_a_kill_left_goes_and_what_is_under_way_stays(tmp_path: Path) -> None:
    put(tmp_path, "aa/.left.part", 1, HALF_MADE_S + 1)
    put(tmp_path, ".left.png", 1, HALF_MADE_S + 1)
    put(tmp_path, "aa/.now.part", 1)
    Cache(tmp_path, 1_000).sweep()
    assert names(tmp_path) == {".now.part"}


def test_it_is_looked_at_once_much_was_written(tmp_path: Path) -> None:
    cache = Cache(tmp_path, 1_600)
    assert not cache.written(put(tmp_path, "aa/a.png", 60))
    assert cache.written(put(tmp_path, "aa/b.png", 60))
    cache.sweep()
    assert not cache.written(put(tmp_path, "aa/c.png", 60))


def test_a_folder_that_is_not_there_is_empty(tmp_path: Path) -> None:
    Cache(tmp_path / "none", 10).sweep()
