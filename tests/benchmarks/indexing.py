"""``python -m tests.benchmarks.indexing``: what the indexes cost and find, over features like those of VGG16.

Each index is built in a process of its own, and asked in another one on one core,
warm: candidates, then the full vectors read from the features on disk.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import multiprocessing
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from artstore.command import BLAS_THREADS, run, talk
from artstore.features import FeatureReader, FeatureWriter
from artstore.vectors import VectorIndex, hnsw, index_kind, open_index
from artstore.vectors.protocol import FEWEST
from embedder.indexing import Sample, batches
from tests.vgg_like import vgg_like_batches

QUESTIONS = 300
TOP = 10
LIBRARY_LINKS, LIBRARY_BUILD_BREADTH = 16, 200
"""hnswlib's M and ef_construction, where nobody says otherwise."""
TIMED_EXACT = 50
"""The slow ones are asked fewer questions for speed."""
EMBEDDER = "generated"
INDEXES = ("hnsw:", "faiss:", "exact:")


@dataclass(frozen=True, slots=True)
class Trial:
    """An index over vectors of *dim* numbers below *folder*, where row and id are the same number."""

    uri: str
    folder: Path
    count: int
    dim: int
    two_stages: bool = True

    @property
    def name(self) -> str:
        """How the table calls it."""
        if self.two_stages:
            return f"`{self.uri}`"
        return "naive: hnsw over full vectors" if index_kind(self.uri) == "hnsw" else f"`{self.uri}`"

    @property
    def reader(self) -> FeatureReader:
        """The full vectors."""
        return FeatureReader(self.folder, self.dim)

    def opened(self, *, fresh: bool = False) -> VectorIndex:
        """The index."""
        return open_index(self.uri, self.index_dir / "it", self.dim, EMBEDDER, fresh=fresh)

    @property
    def index_dir(self) -> Path:
        """Where the index lies."""
        return self.folder / "index" / self.uri.replace(":", "-")


HEADER = (
    "memory",
    "per million",
    "recall@10",
    "p50",
    "p99",
    "p50, p99 of CPU",
    "p50, 2 % allowed",
    "60 % allowed",
    "build (CPU)",
    "its peak",
    "open",
)


def compare(count: int, dim: int, uris: Sequence[str] = INDEXES, *, naive: bool) -> list[str]:
    """Return a table, as lines of Markdown, of the indexes *uris* over *count* vectors of *dim* numbers."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        generate(folder, count, dim)
        lines = header(count, dim)
        for trial in trials(folder, count, dim, uris, naive=naive):
            talk(f"{trial.name} …")
            build_alone(trial)
            lines.append(ask_alone(trial))
            shutil.rmtree(trial.index_dir)
            talk(lines[-1])
    return lines


def header(count: int, dim: int) -> list[str]:
    """Return the first lines of the table."""
    return [f"| {count:,} x {dim} | {' | '.join(HEADER)} |", f"|{'---|' * (1 + len(HEADER))}"]


def trials(folder: Path, count: int, dim: int, uris: Sequence[str], *, naive: bool) -> list[Trial]:
    """Return a trial of each of *uris*, and of the naive way before them if that is asked for."""
    chosen = [Trial(uri, folder, count, dim, two_stages=uri != "exact:") for uri in uris]
    return [*([Trial(f"hnsw:{dim}", folder, count, dim, two_stages=False)] if naive else []), *chosen]


def build_alone(trial: Trial) -> None:
    """Build the index in a process of its own, and keep what that cost beside it."""
    cost = _alone(build, trial)
    (trial.index_dir / "cost.json").write_text(json.dumps(cost))


def ask_alone(trial: Trial) -> str:
    """Return the line of the table: what building cost, and what asking costs in a process of one core."""
    cost = json.loads((trial.index_dir / "cost.json").read_text())
    return _line(trial, cost | _alone(ask, trial, one_core=True))


def generate(folder: Path, count: int, dim: int) -> None:
    """Write the features, the questions, and the true answers to them."""
    talk(f"{count:,} vectors of {dim} numbers …")
    rest = []
    with FeatureWriter(folder, dim, lambda: 0) as writer:
        for batch in vgg_like_batches(count + QUESTIONS, dim):
            fits = max(0, count - writer.rows)
            rest.append(batch[fits:])
            if fits:
                writer.append(batch[:fits])
    questions = np.concatenate(rest)
    # As they come out of an embedder; the stored ones are rounded to float16.
    np.save(folder / "questions.npy", questions)
    np.save(folder / "answers.npy", _true_answers(folder, questions, count))


def _true_answers(folder: Path, questions: NDArray[np.float32], count: int) -> NDArray[np.int64]:
    """Return the rows of the true nearest, shape (n, TOP); some at a time, whatever the count."""
    reader = FeatureReader(folder, questions.shape[1])
    ids = np.full((len(questions), TOP), -1)
    nearness = np.full(ids.shape, -np.inf, np.float32)
    for rows in batches(np.arange(count)):
        known = np.concatenate([ids, np.broadcast_to(rows, (len(questions), len(rows)))], axis=1)
        near = np.concatenate([nearness, questions @ reader.read(rows).T], axis=1)
        best = np.argpartition(-near, TOP, axis=1)[:, :TOP]
        ids, nearness = (np.take_along_axis(of, best, axis=1) for of in (known, near))
    return ids


def build(trial: Trial) -> dict[str, float]:
    """Build and save the index as the embedder does, the naive one with the library's own defaults."""
    rows = np.arange(trial.count)
    if not trial.two_stages:
        hnsw.LINKS, hnsw.BUILD_BREADTH = LIBRARY_LINKS, LIBRARY_BUILD_BREADTH

    def whole() -> None:
        with trial.opened(fresh=True) as index:
            index.learn(Sample(trial.reader, rows), trial.count)
            for part in batches(rows):
                index.add(part, trial.reader.read(part))

    with _Peak() as peak:
        before = time.process_time()
        whole()
        # Of all cores together: what others do on them meanwhile does not count.
        return {"build_s": time.process_time() - before, "peak_bytes": peak.bytes}


def ask(trial: Trial) -> dict[str, float]:
    """Open the index and ask it."""
    questions, answers = np.load(trial.folder / "questions.npy"), np.load(trial.folder / "answers.npy")
    reader = trial.reader
    reader.distances(questions[0], answers[0])
    # Its library is there before it is measured.
    trial.opened(fresh=True)
    before = _held_bytes()
    start = time.perf_counter()
    index = trial.opened()
    open_s = time.perf_counter() - start

    def answer(number: int, allowed: NDArray[np.int64] | None = None) -> NDArray[np.int64]:
        question = questions[number : number + 1]
        found: NDArray[np.int64] = index.query(
            question, index.shortlist(TOP) if trial.two_stages else TOP, allowed
        ).ids[0]
        if trial.two_stages:
            found = found[np.argsort(reader.distances(question[0], found))[:TOP]]
        return found

    recall = float(np.mean([np.isin(answer(number), answers[number]).mean() for number in range(QUESTIONS)]))
    memory = _held_bytes() - before
    times = QUESTIONS if trial.two_stages or index_kind(trial.uri) == "hnsw" else TIMED_EXACT
    taken = [np.percentile(ms, [50, 99]).tolist() for ms in zip(*_times_ms(answer, times), strict=True)]
    few, many = (_some(trial.count, share) for share in (0.02, 0.6))
    return {
        "memory": memory,
        "recall": recall,
        "p50": taken[0][0],
        "p99": taken[0][1],
        "cpu_p50": taken[1][0],
        "cpu_p99": taken[1][1],
        "few": float(np.median([ms for ms, _ in _times_ms(lambda number: answer(number, few), TIMED_EXACT)])),
        "many": float(
            np.median([ms for ms, _ in _times_ms(lambda number: answer(number, many), TIMED_EXACT)])
        ),
        "open_s": open_s,
    }


def _line(trial: Trial, got: dict[str, float]) -> str:
    cells = [
        trial.name,
        f"{got['memory'] / 1e6:,.0f} MB",
        f"{got['memory'] / trial.count / 1e3:,.2f} GB",
        f"{got['recall']:.4f}",
        *(f"{got[name]:.2f} ms" for name in ("p50", "p99")),
        f"{got['cpu_p50']:.2f}, {got['cpu_p99']:.2f} ms",
        *(f"{got[name]:.2f} ms" for name in ("few", "many")),
        f"{got['build_s']:,.0f} s",
        f"{got['peak_bytes'] / 1e6:,.0f} MB",
        f"{got['open_s']:.3f} s",
    ]
    return f"| {' | '.join(cells)} |"


def _alone(
    act: Callable[[Trial], dict[str, float]], trial: Trial, *, one_core: bool = False
) -> dict[str, float]:
    """Return what *act* gives in a process of its own, which multiplies in one thread, and does all else so if it has *one_core*."""
    before = dict(os.environ)
    os.environ.setdefault(BLAS_THREADS, "1")
    if one_core:
        os.environ.update({BLAS_THREADS: "1", "OMP_NUM_THREADS": "1"})
    try:
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, mp_context=context) as process:
            return process.submit(act, trial).result()
    finally:
        os.environ.clear()
        os.environ.update(before)


def _some(count: int, share: float) -> NDArray[np.int64]:
    chosen = np.random.default_rng(1).choice(count, max(FEWEST, int(count * share)), replace=False)
    return np.sort(chosen)


def _times_ms(answer: Callable[[int], Any], times: int) -> list[tuple[float, float]]:
    """Return how long each answer takes, by the clock and of this thread's work, in which all happens."""
    answer(0)
    taken = []
    for number in range(times):
        start, start_cpu = time.perf_counter(), time.thread_time()
        answer(number)
        taken.append((1000 * (time.perf_counter() - start), 1000 * (time.thread_time() - start_cpu)))
    return taken


class _Peak:
    """The most that this process holds for itself while it is watched, beyond what it held before."""

    def __init__(self) -> None:
        self.bytes = 0
        self._before = _anonymous_bytes()
        self._over = threading.Event()
        self._watch = threading.Thread(target=self._watched)

    def __enter__(self) -> Self:
        self._watch.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._over.set()
        self._watch.join()

    def _watched(self) -> None:
        while not self._over.wait(0.02):
            self.bytes = max(self.bytes, _anonymous_bytes() - self._before)


def _anonymous_bytes() -> int:
    """What this process holds for itself: pages of mapped files are the system's, to take back."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.split("RssAnon:")[1].split()[0])


def _held_bytes() -> int:
    """The same, once what was freed is given back: it would hide what a small index takes, or count as a part of it."""
    ctypes.CDLL(None).malloc_trim(0)
    return _anonymous_bytes()


def main(argv: Sequence[str]) -> int:
    """Print the table and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.indexing", description=__doc__)
    parser.add_argument("--vectors", type=int, default=20_000, metavar="N", help="how many (default: 20000)")
    parser.add_argument("--dim", type=int, default=4096, metavar="N", help="numbers of each (default: 4096)")
    parser.add_argument("--naive", action="store_true", help="also hnsw over full vectors, which takes long")
    parser.add_argument("--index", nargs="*", default=INDEXES, metavar="URI", help="which (default: all)")
    parser.add_argument(
        "--step",
        choices=("generate", "build", "ask"),
        help="only this, in --folder: for sizes that take long; asking wants a machine with nothing else to do",
    )
    parser.add_argument("--folder", type=Path, metavar="DIR", help="where the steps leave what they made")
    words = parser.parse_args(argv)
    if (words.step is None) != (words.folder is None):
        parser.error("--step and --folder go together")
    if words.step is None:
        lines = compare(words.vectors, words.dim, words.index, naive=words.naive)
    else:
        lines = _step(words)
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return 0


def _step(words: argparse.Namespace) -> list[str]:
    if words.step == "generate":
        words.folder.mkdir(parents=True, exist_ok=True)
        generate(words.folder, words.vectors, words.dim)
        return []
    chosen = trials(words.folder, words.vectors, words.dim, words.index, naive=words.naive)
    if words.step == "build":
        for trial in chosen:
            talk(f"{trial.name} …")
            build_alone(trial)
        return []
    return [*header(words.vectors, words.dim), *map(ask_alone, chosen)]


if __name__ == "__main__":
    sys.exit(run("bench", main))
