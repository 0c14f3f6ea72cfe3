"""``make demo``'s program, run as a person would run it."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def demo(data_dir: Path, weights_dir: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.demo", "--data-dir", str(data_dir), "--works", "44"],
        cwd=ROOT,
        env=os.environ | {"OGA_WEIGHTS_DIR": str(weights_dir)},
        capture_output=True,
        text=True,
        check=False,
    )


def rows(data_dir: Path) -> dict[str, list[tuple[object, ...]]]:
    """What the catalog holds, but for the number of the walk that saw a work last, which every crawl counts up."""
    with closing(sqlite3.connect(data_dir / "catalog.db")) as db:
        tables = [name for (name,) in db.execute("select name from sqlite_master where type = 'table'")]
        columns = dict.fromkeys(tables, "*") | {
            "walks": "listing, ended",
            "walk_works": "walk_id, url",
        }
        return {
            table: sorted(db.execute(f"select {columns[table]} from {table}"), key=repr) for table in tables
        }


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    # A file of the right name and the wrong content: no weights, and no attempt to download 550 MB in a test.
    weights_dir = tmp_path_factory.mktemp("weights")
    (weights_dir / "vgg16_weights_tf_dim_ordering_tf_kernels.h5").write_bytes(b"not these")
    return tmp_path_factory.mktemp("demo") / "demo-data", weights_dir


@pytest.fixture(scope="module")
def first(folders: tuple[Path, Path]) -> subprocess.CompletedProcess[str]:
    return demo(*folders)


def test_the_demo_goes_all_the_way_and_says_how_to_ask_more(first: subprocess.CompletedProcess[str]) -> None:
    assert first.returncode == 0, first.stderr
    assert "Traceback" not in first.stderr
    assert "python -m search image PICTURE" in first.stderr
    assert all(f"[{step}/4]" in first.stderr for step in (1, 2, 3, 4))


def test_the_demo_says_in_one_line_that_it_uses_colour_without_weights(
    first: subprocess.CompletedProcess[str],
) -> None:
    told = [line for line in first.stderr.splitlines() if "uses the colour embedder" in line]
    assert len(told) == 1
    assert "vgg16_weights_tf_dim_ordering_tf_kernels.h5" in told[0]


def test_the_answers_name_title_author_licence_and_link(first: subprocess.CompletedProcess[str]) -> None:
    lines = [line.split("\t") for line in first.stdout.splitlines()]
    answers = [line for line in lines if len(line) == 9 and line[0] != "image_id"]
    # Five to each of three questions, but words may find fewer.
    assert 11 <= len(answers) <= 15
    for answer in answers:
        _, _, _, title, author, licences, page_url, path, _ = answer
        assert title
        assert author
        assert licences not in {"", "not stated"}
        assert page_url.startswith("http://127.0.0.1:")
        assert path.startswith(("files/", "unpacked/"))


def test_the_unknown_sprite_is_recognised_as_the_sword_that_it_is(
    first: subprocess.CompletedProcess[str],
) -> None:
    _, _, origins, answers, _ = first.stdout.split("image_id\t")
    assert origins.splitlines()[1].startswith("1.00\tsame art\t")
    assert "Swords of One Smith" in origins.splitlines()[1]
    by_looks = [line.split("\t") for line in answers.splitlines()[1:6]]
    assert by_looks[0][3] == "Swords of One Smith"
    assert by_looks[0][8] == "4", "its copies and recolours are not shown one by one"
    assert {line[3] for line in by_looks[1:]}.isdisjoint({"Swords of One Smith"})


def test_running_the_demo_again_changes_nothing(
    first: subprocess.CompletedProcess[str], folders: tuple[Path, Path]
) -> None:
    data_dir = folders[0]
    before = rows(data_dir)
    files = {path: path.stat().st_mtime_ns for path in data_dir.rglob("*") if path.is_file()}
    again = demo(*folders)
    assert again.returncode == 0, again.stderr
    assert again.stdout == first.stdout
    assert rows(data_dir) == before
    kept = {"unknown-sprite.png", "replica-port", "catalog.db", "catalog.db-wal", "catalog.db-shm"}
    now = {path: path.stat().st_mtime_ns for path in data_dir.rglob("*") if path.is_file()}
    assert {p: t for p, t in now.items() if p.name not in kept} == {
        p: t for p, t in files.items() if p.name not in kept
    }
