"""``python -m tests.benchmarks.filtering``: whole questions with filters, through the engine, and how much they miss.

Over what ``python -m tests.benchmarks.indexing --step build --folder DIR`` has left: row, id and
picture are the same number. The catalog is filled by SQL: five pictures to a file and a work.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from artstore.catalog import Catalog
from artstore.command import run, talk
from artstore.features import FeatureReader, rows_path
from artstore.filters import Filter
from artstore.ledger import Ledger
from artstore.settings import Settings
from embedder.indexing import batches
from search import Engine
from tests.benchmarks.indexing import EMBEDDER, Trial

QUESTIONS = 60
TOP = 10
SHARES = {"half": 2, "tenth": 10, "hundredth": 100, "thousandth": 1000, "myriadth": 10_000}
"""Tag: every how many-th work bears it."""
IN_A_WORK = 5

_FILL = """
INSERT INTO works (work_id, url, title, author, collaborators, art_types, description, copyright_notice, withheld,
    content_hash, crawled_at)
SELECT i + 1, 'https://o.org/content/' || i, 'Work ' || i, 'Author ' || (i % 997), '[]', '["2D Art"]', '', '', 0, '', ''
FROM numbers WHERE i < :works;
INSERT INTO work_licences SELECT i + 1, licence_id FROM numbers, licences
WHERE i < :works AND (licence_id = 1 + i % 2 OR licence_id = 3 AND i % 3 = 0);
INSERT INTO work_tags SELECT i + 1, tag_id FROM numbers, tags, shares USING (name) WHERE i < :works AND i % every = 0;
INSERT INTO files (file_id, url, path, folded, name, state, examined_at)
SELECT i + 1, 'https://o.org/f' || i || '.zip', 'f' || i || '.zip', 'f' || i || '.zip', 'f', 'stored', '' FROM numbers
WHERE i < :works;
INSERT INTO work_files SELECT i + 1, i + 1, 0, 1 FROM numbers WHERE i < :works;
INSERT INTO images (image_id, file_id, path, member, pixel_hash, format, mode, width_px, height_px, frames)
SELECT i, 1 + i / :in_a_work, 'unpacked/f/' || i, 'm' || i, 'h' || i, 'PNG', 'RGBA', 16 * (1 + i % 7), 16 * (1 + i % 5), 1
FROM numbers;
INSERT INTO features SELECT :embedder_id, i, i FROM numbers;
INSERT INTO indexed SELECT index_id, i FROM numbers, indexes
"""


def collect(trial: Trial, data_dir: Path) -> None:
    """Make a data folder of what *trial* has built."""
    talk(f"a catalog of {trial.count:,} pictures …")
    settings = Settings(data_dir=data_dir)
    features = rows_path(settings.features_dir(EMBEDDER), trial.dim)
    features.parent.mkdir(parents=True)
    features.symlink_to(rows_path(trial.folder, trial.dim).absolute())
    stem = settings.index_path(EMBEDDER)
    stem.parent.mkdir()
    for file in trial.index_dir.iterdir():
        (stem.parent / file.name).symlink_to(file.absolute())
        if file.suffix == ".json" and file.name.startswith("it."):
            shutil.copy(file, stem.parent / file.name.replace("it.", f"{stem.name}.", 1))
    with Catalog(settings.catalog_path) as catalog:
        ledger = Ledger.register(catalog, EMBEDDER, trial.dim, "generated")
        with catalog.transaction():
            licences = [(key, key.upper()) for key in ("cc0", "cc-by-4.0", "gpl-3.0")]
            catalog.execute_many("INSERT INTO licences VALUES (NULL, ?, ?, NULL)", licences)
            catalog.execute_many("INSERT INTO tags VALUES (NULL, ?)", [(name,) for name in SHARES])
            catalog.execute("CREATE TEMP TABLE shares (name, every)")
            catalog.execute_many("INSERT INTO shares VALUES (?, ?)", SHARES.items())
            catalog.execute("INSERT INTO indexes VALUES (NULL, ?)", [f"hnsw:{EMBEDDER}"])
            catalog.execute("CREATE TEMP TABLE numbers (i INTEGER PRIMARY KEY)")
            catalog.execute_many("INSERT INTO numbers VALUES (?)", ((i,) for i in range(trial.count)))
            known = {
                "works": trial.count // IN_A_WORK,
                "in_a_work": IN_A_WORK,
                "embedder_id": ledger.embedder.embedder_id,
            }
            for statement in _FILL.split(";"):
                catalog.execute(statement, known)


def compare(trial: Trial, data_dir: Path, *, exactly: bool) -> list[str]:
    """Return a table, as lines of Markdown, of questions through each filter, held against exact ones if *exactly*."""
    filters: dict[str, Filter | None] = {
        "none": None,
        "1 of 2 licences, 67 %": Filter(licence="cc0,gpl"),
        "size, 29 %": Filter(min_width_px=96),
        **{f"tag, {100 / every:g} %": Filter(tags=(name,)) for name, every in SHARES.items()},
        "tag and size, 0.3 %": Filter(tags=("hundredth",), min_width_px=96),
    }
    lines = [
        f"| {trial.count:,} x {trial.dim} | let through | recall@10 | p50 | p99 | p50, p99 of CPU | first | after a change, p50 of CPU |",
        "|---|---|---|---|---|---|---|---|",
    ]
    settings = Settings(data_dir=data_dir)
    with Engine(settings, embedder=EMBEDDER) as engine, Catalog(settings.catalog_path) as writer:
        engine.like(0)
        for name, only in filters.items():
            lines.append(_line(trial, engine, writer, name, only, exactly=exactly))
            talk(lines[-1])
    return lines


def _line(
    trial: Trial, engine: Engine, writer: Catalog, name: str, only: Filter | None, *, exactly: bool
) -> str:
    asked = np.random.default_rng(3).choice(trial.count, QUESTIONS, replace=False).tolist()
    first_ms, _ = _ms(engine, asked[0], only)
    hits = {image_id: engine.like(image_id, top=TOP, only=only, expand=True) for image_id in asked}
    found = {image_id: [hit.distance or 0.0 for hit in each] for image_id, each in hits.items()}
    allowed = _allowed(writer, only)
    recall = f"{_recall(trial, found, allowed):.4f}" if exactly else "-"
    # The whole question, with groups and credits, warm.
    times = np.array([_ms(engine, image_id, only) for image_id in asked])
    (p50, cpu_p50), (p99, cpu_p99) = np.percentile(times, [50, 99], axis=0)
    after = []
    for image_id in asked[:15]:
        writer.execute("UPDATE works SET crawled_at = 'now' WHERE work_id = 1")
        after.append(_ms(engine, image_id, only)[1])
    return (
        f"| {name} | {len(allowed):,} | {recall} | {p50:.1f} ms | {p99:.1f} ms | {cpu_p50:.1f}, {cpu_p99:.1f} ms | {first_ms:.0f} ms "
        f"| {np.median(after):.1f} ms |"
    )


def _ms(engine: Engine, image_id: int, only: Filter | None) -> tuple[float, float]:
    """Return how long a question takes by the clock, and of this thread's work, in which all happens."""
    start, start_cpu = time.perf_counter(), time.thread_time()
    engine.like(image_id, top=TOP, only=only)
    return 1000 * (time.perf_counter() - start), 1000 * (time.thread_time() - start_cpu)


def _allowed(catalog: Catalog, only: Filter | None) -> NDArray[np.int64]:
    """Return what *only* lets through, by other SQL than the engine's."""
    if only is None:
        condition = "1"
    elif only.licence:
        condition = "work_id % 2 = 1 OR (work_id - 1) % 3 = 0"
    else:
        every = SHARES[only.tags[0]] if only.tags else 1
        condition = f"(work_id - 1) % {every} = 0 AND width_px >= {only.min_width_px or 0}"
    found = catalog.execute(
        f"SELECT image_id FROM images JOIN work_files USING (file_id) WHERE {condition} ORDER BY image_id"
    )
    return np.array([row[0] for row in found], np.int64)


def _recall(trial: Trial, found: dict[int, list[float]], allowed: NDArray[np.int64]) -> float:
    """Return how many of the true ten among *allowed*, but for the asked one, were *found*: as near is as good."""
    reader = FeatureReader(trial.folder, trial.dim)
    asked = np.array(list(found), np.int64)
    questions = reader.read(asked)
    nearest = np.full((len(found), TOP), np.inf, np.float32)
    for rows in batches(allowed):
        far = 1.0 - questions @ reader.read(rows).T
        far[np.equal.outer(asked, rows)] = np.inf
        nearest = np.sort(np.concatenate([nearest, far], axis=1), axis=1)[:, :TOP]
    shares = []
    for true, ours in zip(nearest, found.values(), strict=True):
        known = true[np.isfinite(true)]
        right = np.count_nonzero(np.array(ours) <= known.max(initial=0.0) + 1e-5)
        shares.append(right / len(known) if known.size else float(not ours))
    return float(np.mean(shares))


def main(argv: Sequence[str]) -> int:
    """Print the table and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.filtering", description=__doc__)
    parser.add_argument(
        "--vectors", type=int, default=100_000, metavar="N", help="how many (default: 100000)"
    )
    parser.add_argument("--dim", type=int, default=4096, metavar="N", help="numbers of each (default: 4096)")
    parser.add_argument("--folder", type=Path, required=True, metavar="DIR", help="where the index was built")
    parser.add_argument(
        "--speed-only", action="store_true", help="compare with no exact answers, which take minutes"
    )
    words = parser.parse_args(argv)
    trial = Trial("hnsw:", words.folder, words.vectors, words.dim)
    with tempfile.TemporaryDirectory() as name:
        data_dir = Path(name, "data")
        collect(trial, data_dir)
        sys.stdout.write(
            "".join(f"{line}\n" for line in compare(trial, data_dir, exactly=not words.speed_only))
        )
    return 0


if __name__ == "__main__":
    sys.exit(run("bench", main))
