"""What the commands take with VGG16, as a person runs them: seconds from a cold start, and the memory of all their processes.

``python -m tests.benchmarks.embedder_memory`` prints it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from PIL import Image

from artstore.command import run
from artstore.settings import Settings
from tests import shelf
from tests.benchmarks.embedding import random_weights
from tests.benchmarks.table import Row, print_table

PICTURES = 160
HUGE_SIDE_PX = 10_000
"""Of the largest picture that is decoded."""

EVERY_S = 0.05


def main(argv: Sequence[str]) -> int:
    """Print the table."""
    del argv
    with tempfile.TemporaryDirectory() as folder:
        weights = random_weights(Path(folder))
        print_table("Embed: memory and start", run_whole(Path(folder) / "whole", weights))
    return 0


def run_whole(folder: Path, weights: Path) -> list[Row]:
    """Run it over generated art below *folder*, two pictures of which are as large as they may be."""
    art = shelf.save_sprites(folder / "art", PICTURES)
    for number in range(2):
        huge = Image.new("RGBA", (HUGE_SIDE_PX, HUGE_SIDE_PX), (200, 30 * number, 0, 255))
        huge.paste((0, 0, 255, 128), (0, 0, HUGE_SIDE_PX // 2, HUGE_SIDE_PX // 3 + number))
        huge.save(art / f"huge-{number}.png")
    shelf.catalog_folder(art, Settings(data_dir=folder / "data"))
    words = ["--data-dir", str(folder / "data"), "--weights", str(weights)]
    first_s, _ = _measured("embedder", *words, "--limit", "1")
    rows = [Row("vgg16, from the command to the first features", first_s, "s", "cold start, one picture")]
    asked_s, asked_mb = _measured("search", "image", str(art / "sprite-000.png"), *words)
    rows.append(Row("vgg16, a question by a picture, cold", asked_s, "s", f"{asked_mb:.0f} MB"))
    for title, more in (("", []), (" --low-memory", ["--low-memory"])):
        for precision in ("bfloat16", "float32"):
            _forget(words)
            taken_s, peak_mb = _measured("embedder", *words, *more, "--precision", precision)
            note = (
                f"{PICTURES} sprites and two of {HUGE_SIDE_PX**2 // 10**6} million pixels in {taken_s:.0f} s"
            )
            rows.append(Row(f"vgg16 in {precision}{title}, peak memory in all", peak_mb, "MB", note))
    return rows


def _forget(words: list[str]) -> None:
    subprocess.run(
        [sys.executable, "-m", "embedder", *words[:2], "--forget", "vgg16"],
        check=True,
        stderr=subprocess.DEVNULL,
    )


def _measured(module: str, *words: str) -> tuple[float, float]:
    """Return (seconds, MB at the most) of a command and of what it starts."""
    start_s = time.perf_counter()
    most_kib = 0
    with subprocess.Popen(
        [sys.executable, "-m", module, *words],
        env=os.environ | {"OGA_INDEX": "exact:"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        while process.poll() is None:
            most_kib = max(most_kib, sum(_kib(one) for one in _family(process.pid)))
            time.sleep(EVERY_S)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, process.args)
    return time.perf_counter() - start_s, most_kib / 1024


def _family(process: int) -> Iterator[int]:
    yield process
    for task in Path(f"/proc/{process}/task").glob("*/children"):
        for child in _told(task).split():
            yield from _family(int(child))


def _kib(process: int) -> int:
    """Return the memory of *process*, what it shares with others divided by how many they are."""
    for line in _told(Path(f"/proc/{process}/smaps_rollup")).splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    return 0


def _told(path: Path) -> str:
    try:
        return path.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


if __name__ == "__main__":
    sys.exit(run("embedder_memory", main))
