"""What one process, of one for each core, does in a second of each kind of work that embedding takes.

It loads, says that it is ready, and then does the next of :data:`KINDS` for each line that it is given, and prints how much that was.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from itertools import cycle
from pathlib import Path

import numpy as np
from PIL import Image

from artstore.settings import Settings
from embedder.keras_models import import_keras
from embedder.registry import open_embedder
from tests.benchmarks.table import median_ms, seconds

KINDS = ("pictures embedded", "pictures decoded", "pictures prepared", "FLOP of matrices")

BATCHES = 12

MATRIX_SIDE = 4096


def main(precision: str, weights: str, paths: list[Path]) -> None:
    """Answer each line of stdin, in the order of :data:`KINDS`, and again from the first."""
    embedder = open_embedder(Settings(embedder="vgg16", precision=precision, weights=weights), 1)
    batch = np.random.default_rng(0).integers(0, 256, (embedder.batch_size, 224, 224, 3), np.uint8)
    embedder.embed(batch)
    works: list[Callable[[], float]] = [
        lambda: BATCHES * len(batch) / seconds(lambda: [embedder.embed(batch) for _ in range(BATCHES)]),
        lambda: len(paths) / seconds(lambda: _decode(paths)),
        lambda: len(paths) / seconds(lambda: [embedder.prepare(path) for path in paths]),
        lambda: _flop_per_s(precision),
    ]
    _say("ready")
    for work in cycle(works):
        if not sys.stdin.readline():
            break
        _say(f"{work()}")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _decode(paths: list[Path]) -> None:
    for path in paths:
        with Image.open(path) as image:
            image.load()


def _flop_per_s(precision: str) -> float:
    import_keras()
    import tensorflow as tf

    matrix = tf.cast(tf.random.normal((MATRIX_SIDE, MATRIX_SIDE)), precision)
    multiplied = tf.function(tf.matmul)
    return 2000 * MATRIX_SIDE**3 / median_ms(lambda: multiplied(matrix, matrix).numpy(), 5)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], [Path(word) for word in sys.argv[3:]])
