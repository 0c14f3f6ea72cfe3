"""Thousands of broken and hostile files through the door that people use: each is found out, and none does harm."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from artstore.blobs import TEMPORARY
from artstore.catalog import Catalog
from artstore.settings import Settings
from tests import bombs, broken, shelf

MEMORY_KB = 300 << 10
"""What no process may take under the limits of :data:`~tests.bombs.LIMITS`; seen: 180 MiB, 66 of them Python and its libraries."""

TIME_S = 120

MEASURING = """
import json, resource, subprocess, sys
done = subprocess.run(sys.argv[1:], capture_output=True, text=True)
peak_kb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(json.dumps({"code": done.returncode, "said": done.stdout + done.stderr, "peak_kb": peak_kb}))
"""
"""Runs a command and says what it, or any process of its own, took at most; small, for a child begins as its parent's copy."""


@dataclass(frozen=True)
class Outcome:
    """What came of the whole corpus; files are named as in it."""

    code: int
    said: str
    peak_kb: int
    data_dir: Path
    files: frozenset[str]
    pictures: dict[str, int]
    failures: dict[str, list[tuple[str, str, str]]]
    """(stage, reason, detail) of each file, and of what is in it."""

    def reasons(self, name: str) -> set[str]:
        return {reason for _, reason, _ in self.failures.get(name, [])}


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    folder = tmp_path_factory.mktemp("hostile") / "corpus"
    files = dict(broken.corpus())
    files |= {f"whole/{name}": make() for name, make in (broken.ARCHIVES | broken.PICTURES).items()}
    files |= {f"bombs/{name}": make() for name, (make, _) in bombs.BOMBS.items()}
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    data_dir = folder.parent / "data"
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            MEASURING,
            *shelf.command("embedder", "--add", folder, "--embedder", "colour"),
        ],
        cwd=shelf.ROOT,
        env=shelf.environment(data_dir, **bombs.LIMITS),
        capture_output=True,
        text=True,
        timeout=TIME_S,
        check=True,
    )
    return Outcome(
        **json.loads(done.stdout), data_dir=data_dir, files=frozenset(files), **of_each_file(data_dir, files)
    )


def of_each_file(data_dir: Path, files: Iterable[str]) -> dict[str, Any]:
    pictures: Counter[str] = Counter()
    failures: defaultdict[str, list[tuple[str, str, str]]] = defaultdict(list)
    with Catalog(Settings(data_dir=data_dir).catalog_path, read_only=True) as catalog:
        for (path,) in catalog.execute("SELECT path FROM images"):
            pictures[owner(path, files)] += 1
        for subject, *what in catalog.execute("SELECT subject, stage, reason, detail FROM failures"):
            failures[owner(subject, files)].append((what[0], what[1], what[2]))
    return {"pictures": pictures, "failures": failures}


def owner(path: str, files: Iterable[str]) -> str:
    """Return the file that *path*, below ``files/`` or ``unpacked/``, comes from."""
    name = "/".join(path.split("/")[3:5])
    assert name in files, path
    return name


def documented() -> set[str]:
    """All reasons of the table in the docs."""
    text = (shelf.ROOT / "docs/operating.md").read_text("utf-8")
    rows = re.findall(r"^\| [a-z, ]+ \| (`[^|]+) \|", text, re.MULTILINE)
    return {reason for row in rows for reason in re.findall(r"`(\w+)`", row)}


def test_the_whole_run_ends_well(outcome: Outcome) -> None:
    assert outcome.code == 0, outcome.said
    assert "Traceback" not in outcome.said
    assert f"{len(outcome.files)} files: " in outcome.said


def test_whole_files_are_read_beside_all_the_broken_ones(outcome: Outcome) -> None:
    whole = {name for name in outcome.files if name.startswith("whole/")}
    assert {name: outcome.failures[name] for name in whole if name in outcome.failures} == {}
    assert {name for name in whole if not outcome.pictures[name]} == set()


def test_every_broken_file_gives_its_pictures_or_says_why_not(outcome: Outcome) -> None:
    # All of them hold pictures, or once did. Only what holds none, or is named like neither picture nor archive, is silent.
    assert {
        name for name in outcome.files if not outcome.pictures[name] and name not in outcome.failures
    } == set()


def test_what_was_packed_on_its_way_is_a_picture_under_its_own_name(outcome: Outcome) -> None:
    assert [outcome.pictures[f"mislabelled/packed-by-{kind}.png"] for kind in broken.PACKERS] == [1] * 4


def test_every_reason_is_one_of_the_docs_and_no_file_ended_the_process_that_read_it(outcome: Outcome) -> None:
    given = {reason for name in outcome.failures for reason in outcome.reasons(name)}
    assert given - documented() == set()
    assert not {"crashed", "too_slow"} & given
    assert {stage for failures in outcome.failures.values() for stage, _, _ in failures} == {
        "unpack",
        "picture",
    }


def test_every_failure_says_in_a_few_words_what_it_is_and_not_where_the_data_are(outcome: Outcome) -> None:
    details = [detail for failures in outcome.failures.values() for _, _, detail in failures]
    assert all(details)
    assert [detail for detail in details if str(outcome.data_dir) in detail or len(detail) > 2000] == []


@pytest.mark.parametrize("name", bombs.BOMBS)
def test_a_bomb_is_told_for_what_it_is(outcome: Outcome, name: str) -> None:
    expected = bombs.BOMBS[name][1]
    reasons = outcome.reasons(f"bombs/{name}")
    assert not expected or any(expected in reason for reason in reasons), reasons


def test_no_process_takes_more_memory_than_the_limits_allow(outcome: Outcome) -> None:
    assert outcome.peak_kb < MEMORY_KB


def test_no_archive_leaves_more_on_the_disk_than_it_may(outcome: Outcome) -> None:
    sizes: Counter[str] = Counter()
    for path in (outcome.data_dir / "unpacked").rglob("*"):
        if path.is_file():
            sizes[owner(path.relative_to(outcome.data_dir).as_posix(), outcome.files)] += path.stat().st_size
    assert max(sizes.values()) <= int(bombs.LIMITS["OGA_MAX_ARCHIVE_BYTES"])
    assert sum(sizes.values()) < 1 << 26


def test_nothing_half_done_is_left(outcome: Outcome) -> None:
    assert [path for path in outcome.data_dir.rglob("*") if path.suffix == TEMPORARY] == []
