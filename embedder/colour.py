"""An embedder without a network: where which colours, edges and holes are.

Four descriptors side by side, each weighted so that it counts as much as it
helps: a small picture of the colours (where), a histogram of colours (which), the
directions of edges in a grid (after Dalal and Triggs, "Histograms of Oriented
Gradients for Human Detection", 2005), and the silhouette of the alpha channel.
No download, deterministic, and quick.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from artstore import images
from embedder.preparation import trim

Floats = NDArray[np.float32]

SIDE = 32
"""Pictures are compared at this size; sprites are mostly not larger."""
GRID = 8
"""Cells along one side of the colour layout and of the silhouette."""
EDGE_GRID = 4
DIRECTIONS = 8
LEVELS = 4
"""Steps of each colour channel in the histogram: 64 colours."""

WEIGHTS = {"layout": 1.0, "histogram": 0.8, "edges": 0.7, "silhouette": 0.5}


class ColourEmbedder:
    """Colour layout, colour histogram, edge directions and silhouette."""

    name = "colour"
    dim = 3 * GRID * GRID + LEVELS**3 + EDGE_GRID * EDGE_GRID * DIRECTIONS + GRID * GRID
    batch_size = 256
    on_gpu = False
    fingerprint = "colour-1"

    def __init__(self, max_px: int) -> None:
        self._max_px = max_px

    def prepare(self, source: Path) -> Floats:
        """Return premultiplied RGBA in [0, 1], shape (32, 32, 4), trimmed and padded to a square."""
        art = Image.fromarray(trim(images.read_rgba(source, self._max_px))).convert("RGBa")
        # Made small before it is padded: a long strip as a square would not fit into memory.
        scale = SIDE / max(art.size)
        size = max(1, round(art.width * scale)), max(1, round(art.height * scale))
        small = art.resize(size, Image.Resampling.BOX, reducing_gap=3.0)
        values = np.frombuffer(small.tobytes(), np.uint8).reshape(small.height, small.width, 4)
        return _square(values).astype(np.float32) / np.float32(255)

    def embed(self, batch: NDArray[Any]) -> Floats:
        """Return the weighted descriptors, shape (n, d)."""
        colour: Floats = batch[..., :3]
        alpha: Floats = batch[..., 3]
        grey: Floats = colour.mean(axis=3) + 0.5 * (1 - alpha)
        parts = {
            "layout": _blocks(colour - 0.5 * alpha[..., None], GRID),
            "histogram": _histogram(colour, alpha),
            "edges": _edges(grey),
            "silhouette": _blocks((2 * alpha - 1)[..., None], GRID),
        }
        return np.hstack([WEIGHTS[name] * _unit(part) for name, part in parts.items()]).astype(np.float32)


def _square(rgba: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = rgba.shape[:2]
    side = max(height, width)
    canvas = np.zeros((side, side, 4), np.uint8)
    top, left = (side - height) // 2, (side - width) // 2
    canvas[top : top + height, left : left + width] = rgba
    return canvas


def _blocks(values: Floats, grid: int) -> Floats:
    """Average *values*, shape (n, 32, 32, c), over *grid* x *grid* cells; return (n, grid * grid * c)."""
    n, side, _, channels = values.shape
    cell = side // grid
    means: Floats = values.reshape(n, grid, cell, grid, cell, channels).mean(axis=(2, 4)).reshape(n, -1)
    return means


def _histogram(colour: Floats, alpha: Floats) -> Floats:
    """Return the share of each of 64 colours among what is visible, softly binned; square roots, shape (n, 64)."""
    n = len(colour)
    straight = np.divide(colour, alpha[..., None], out=np.zeros_like(colour), where=alpha[..., None] > 0)
    place = np.clip(straight, 0, 1) * (LEVELS - 1)
    steps = np.arange(LEVELS, dtype=np.float32)
    # Each channel is shared by the two nearest steps, so that a slight change of shade moves little.
    share = np.maximum(0, 1 - np.abs(place[..., None] - steps)).reshape(n, -1, 3, LEVELS)
    weighted = share[:, :, 0] * alpha.reshape(n, -1, 1)
    red_green = np.einsum("npr,npg->nprg", weighted, share[:, :, 1]).reshape(n, -1, LEVELS**2)
    counts = np.einsum("npq,npb->nqb", red_green, share[:, :, 2]).reshape(n, -1)
    shares: Floats = np.sqrt(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1e-6))
    return shares


def _edges(grey: Floats) -> Floats:
    """Return how strong edges of each direction are in each cell of a grid, shape (n, 4 * 4 * 8)."""
    down, across = np.gradient(grey, axis=(1, 2))
    strength = np.hypot(down, across)
    direction = (np.arctan2(down, across) % np.pi) / np.pi * DIRECTIONS
    steps = np.arange(DIRECTIONS, dtype=np.float32)
    gap = np.abs(direction[..., None] - steps)
    share = np.maximum(0, 1 - np.minimum(gap, DIRECTIONS - gap))
    strengths: Floats = np.sqrt(_blocks(strength[..., None] * share, EDGE_GRID))
    return strengths


def _unit(part: Floats) -> Floats:
    shortened: Floats = part / np.maximum(np.linalg.norm(part, axis=1, keepdims=True), 1e-6)
    return shortened
