"""Vectors that are to each other as a network's features of pictures are.

Clusters in 64 dimensions, seen through two random layers with ReLU: sparse (two
thirds zeros) and of low intrinsic dimension, with some noise. A tenth are in
groups of 20 to 100 near-duplicates, as frames and recolours are.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

LATENT = 64
HIDDEN = 512
CLUSTERS = 200
SPREAD = 0.7
NEAR = 0.02
"""How far near-duplicates are from each other, where others are SPREAD apart."""
NOISE = 0.15
THRESHOLD = 0.5
"""What it takes to be more than zero: two thirds of the numbers are zeros."""
BATCH = 2000


def vgg_like(count: int, dim: int, seed: int = 0) -> NDArray[np.float32]:
    """Return *count* such vectors of *dim* numbers, of unit length."""
    return np.concatenate(list(vgg_like_batches(count, dim, seed)))


def vgg_like_batches(count: int, dim: int, seed: int = 0) -> Iterator[NDArray[np.float32]]:
    """Give the same ones in batches, so that they need not all be in memory."""
    generator = np.random.default_rng(seed)
    first = generator.standard_normal((LATENT, HIDDEN), np.float32) / np.float32(np.sqrt(LATENT))
    second = generator.standard_normal((HIDDEN, dim), np.float32) / np.float32(np.sqrt(HIDDEN / 2))
    points = _points(count, generator)
    for start in range(0, count, BATCH):
        hidden = np.maximum(points[start : start + BATCH] @ first, 0)
        seen = hidden @ second
        seen += np.float32(NOISE) * generator.standard_normal(seen.shape, np.float32)
        vectors = np.maximum(seen - np.float32(THRESHOLD), 0)
        yield vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def _points(count: int, generator: np.random.Generator) -> NDArray[np.float32]:
    centres = generator.standard_normal((CLUSTERS, LATENT), np.float32)
    points = centres[generator.integers(0, CLUSTERS, count)]
    points += np.float32(SPREAD) * generator.standard_normal(points.shape, np.float32)
    start = 0
    while start < count // 10:
        end = min(start + int(generator.integers(20, 101)), count // 10)
        noise = generator.standard_normal((end - start, LATENT), np.float32)
        points[start:end] = points[start] + np.float32(NEAR) * noise
        start = end
    return points[generator.permutation(count)]
