"""An embedder without a network: where which colours, edges and holes are.

Four descriptors side by side, each weighted as much as it helps: a small picture of
the colours (where; after MPEG-7's colour layout), a histogram of colours (which; Swain and
Ballard, "Color Indexing", 1991), the directions of edges in a grid (Dalal and Triggs,
"Histograms of Oriented Gradients for Human Detection", 2005), and the silhouette of
the alpha channel. No download, deterministic, quick, and blind to mirroring: who
looks left is found by who looks right.

    n pictures    s = :data:`~embedder.descriptors.SIDE`    d = ``ColourEmbedder.dim``
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from embedder.artwork import artwork
from embedder.background import without_background
from embedder.descriptors import (
    DIRECTIONS,
    GRID,
    Floats,
    Pixels,
    described,
    edges,
    fitted,
    folded,
    pooled,
    root_shares,
    unit,
)
from embedder.stripes import averaged

AVERAGED_PX = 64
"""Larger art is averaged to between this side and twice as much before it is looked at more closely."""

LEVELS = 16
"""Steps of each channel in which colours are counted."""

SHADES = 5
"""Steps of each channel in the histogram: 125 colours. Oklab in place of RGB was tried, and found no more."""

WEIGHTS = {"layout": 0.3, "histogram": 0.5, "edges": 0.85, "silhouette": 0.15}
"""Chosen on real and generated art: by how often altered copies find their originals, and pictures others of their kind."""


class ColourEmbedder:
    """Colour layout, colour histogram, edge directions and silhouette."""

    name = "colour"
    dim = (3 + DIRECTIONS + 1) * GRID * GRID + SHADES**3
    batch_size = 256
    on_gpu = False
    fingerprint = "colour-2"

    def __init__(self, max_px: int) -> None:
        self._max_px = max_px

    def prepare(self, source: Path) -> Pixels:
        """Return the art as RGBA with straight alpha, shape (s, s, 4), on no background."""
        art = artwork(source, self._max_px)
        small = averaged(art, max(1, max(art.shape[:2]) // AVERAGED_PX))
        return fitted(without_background(small), Image.Resampling.BICUBIC)

    def embed(self, batch: Pixels) -> Floats:
        """Return the weighted descriptors of *batch*, shape (n, s, s, 4), in shape (n, d)."""
        return described(batch, _describe)


def _describe(batch: Pixels) -> Floats:
    channels = batch.transpose(0, 3, 1, 2).astype(np.float32)
    alpha = channels[:, 3:]
    # From -255 for black to 255 for white; clear is as grey as grey.
    colour = 2 * np.rint(channels[:, :3] * (alpha / 255)) - alpha
    grey = colour[:, 0] + colour[:, 1] + colour[:, 2]
    parts = {
        "layout": unit(folded(pooled(colour))),
        "histogram": root_shares(_histogram(batch)),
        "edges": edges(*_gradient(grey)),
        "silhouette": unit(folded(pooled(2 * alpha - 255))),
    }
    return np.hstack([np.float32(WEIGHTS[name]) * part for name, part in parts.items()])


def _gradient(grey: Floats) -> tuple[Floats, Floats]:
    """Return how fast *grey*, shape (n, s, s), grows to the right and downwards; 0 along the border."""
    across, down = np.zeros_like(grey), np.zeros_like(grey)
    np.subtract(grey[:, :, 2:], grey[:, :, :-2], out=across[:, :, 1:-1])
    np.subtract(grey[:, 2:], grey[:, :-2], out=down[:, 1:-1])
    return across, down


def _histogram(batch: Pixels) -> Floats:
    """Count what is seen of each shade in *batch*, shape (n, s, s, 4); return whole numbers, shape (n, 125)."""
    n = len(batch)
    steps = (batch >> 4).reshape(n, -1, 4).astype(np.intp)
    colours = (steps[..., 0] * LEVELS + steps[..., 1]) * LEVELS + steps[..., 2]
    colours += LEVELS**3 * np.arange(n)[:, None]
    counts = np.bincount(colours.ravel(), steps[..., 3].ravel(), n * LEVELS**3).astype(np.float32)
    red = np.einsum("nrx,ir->nix", counts.reshape(n, LEVELS, LEVELS**2), _shades())
    green = np.einsum("ngx,jg->njx", red.reshape(n * SHADES, LEVELS, LEVELS), _shades())
    shades: Floats = np.einsum("nb,kb->nk", green.reshape(n * SHADES**2, LEVELS), _shades())
    return shades.reshape(n, SHADES**3)


@cache
def _shades() -> Floats:
    """Return how much of each level is each shade, in whole numbers of which 8 are all; shape (5, 16).

    A level is shared by the shades around it, so that a slight change of a colour moves little.
    """
    # In eighths of the way from one shade to the next; a level stands for colours about its middle.
    shades, levels = 8 * np.arange(SHADES), 2 * np.arange(LEVELS) + 1
    weights: Floats = np.maximum(0, 8 - np.abs(shades[:, None] - levels)).astype(np.float32)
    return weights
