"""Inference alone, as one of several processes: loads, says so, waits for the end of its input, and prints pictures/s."""

from __future__ import annotations

import sys

import numpy as np

from artstore.settings import Settings
from embedder.registry import open_embedder
from tests.benchmarks.table import seconds

BATCHES = 12

if __name__ == "__main__":
    embedder = open_embedder(Settings(embedder="vgg16", precision=sys.argv[1], weights=sys.argv[2]), 1)
    batch = np.random.default_rng(0).integers(0, 256, (embedder.batch_size, 224, 224, 3), np.uint8)
    embedder.embed(batch)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.read()
    taken_s = seconds(lambda: [embedder.embed(batch) for _ in range(BATCHES)])
    sys.stdout.write(f"{BATCHES * len(batch) / taken_s}\n")
