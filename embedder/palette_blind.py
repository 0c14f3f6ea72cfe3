"""An embedder without a network that finds recolours: the same drawing in other colours.

It asks of a pixel only which of its neighbours have its colour, which is the same under every
palette; as Zabih and Woodfill, "Non-parametric Local Transforms for Computing Visual
Correspondence", 1994, ask which are brighter, and Shechtman and Irani, "Matching Local
Self-Similarities across Images and Videos", 2007, which are alike. What it finds, the
borders of areas of one colour, is described as edges are in :mod:`embedder.colour`, beside
the silhouette of the alpha channel. Mirrored pictures are nearly the same to it.

    n pictures    s = :data:`~embedder.descriptors.SIDE`    d = ``PaletteBlindEmbedder.dim``
    A map says of each pixel whether a certain neighbour is of another colour; shape (n, s, s).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from embedder.artwork import artwork
from embedder.background import without_background
from embedder.descriptors import (
    DIRECTIONS,
    GRID,
    SIDE,
    Floats,
    Pixels,
    described,
    edges,
    fitted,
    folded,
    pooled,
    unit,
)

Step = tuple[int, int]
Maps = dict[Step, NDArray[np.bool_]]
"""A map for each of the eight steps to a neighbour: so many pixels down, and so many to the right."""

SAMPLED_PX = 128
"""Of larger art, every so many pixels are taken: averaging would mix colours, and leave no two pixels alike."""

SOFTEST = 12
"""Differences of a channel that are no border, in steps of 255: the noise of JPEG."""

STRENGTH = np.float32(64)
"""Of a neighbour of another colour, so that little is lost when a border's strength becomes a whole number."""

WEIGHTS = {"borders": 0.7, "density": 0.4, "soft borders": 0.9, "silhouette": 0.15}
"""Chosen on real and generated art: by how often recolours find their originals, and pictures others of their kind."""

_FORWARD: tuple[Step, ...] = ((0, 1), (1, 0), (1, 1), (1, -1))
"""The steps that have to be compared; the others are these, asked from the other side."""


class PaletteBlindEmbedder:
    """Borders between colours, whichever they are, and silhouette."""

    name = "palette-blind"
    dim = (2 * DIRECTIONS + 2) * GRID * GRID
    batch_size = 256
    on_gpu = False
    fingerprint = "palette-blind-1"

    def __init__(self, max_px: int) -> None:
        self._max_px = max_px

    def prepare(self, source: Path) -> Pixels:
        """Return the art as RGBA with straight alpha, shape (s, s, 4), on no background, no colours mixed."""
        art = _sampled(artwork(source, self._max_px))
        return fitted(without_background(art), Image.Resampling.NEAREST)

    def embed(self, batch: Pixels) -> Floats:
        """Return the weighted descriptors of *batch*, shape (n, s, s, 4), in shape (n, d)."""
        return described(batch, _describe)


def _sampled(art: Pixels) -> Pixels:
    """Return every so many rows and columns of *art*, from the middle of what they stand for."""
    every = -(-max(art.shape[:2]) // SAMPLED_PX)
    top, left = ((min(every, side) - 1) // 2 for side in art.shape[:2])
    return art[top::every, left::every]


def _describe(batch: Pixels) -> Floats:
    borders, soft = _borders(batch), _soft_borders(batch)
    density = borders[0, 1].astype(np.float32) + borders[1, 0]
    alpha = batch[..., 3].astype(np.float32)
    parts = {
        "borders": _directions(borders),
        "density": unit(folded(pooled(density[:, None]))),
        "soft borders": _directions(soft),
        "silhouette": unit(folded(pooled((2 * alpha - 255)[:, None]))),
    }
    return np.hstack([np.float32(WEIGHTS[name]) * part for name, part in parts.items()])


def _borders(batch: Pixels) -> Maps:
    """Say which neighbours differ from a pixel at all: the same under all colours, if no two become one."""
    pixels = _framed(np.ascontiguousarray(batch).view(np.uint32)[..., 0])
    return _to_all_sides(lambda here, there: here != there, pixels)


def _soft_borders(batch: Pixels) -> Maps:
    """Say which neighbours differ from a pixel by more than half as much as the one that differs most.

    Where nearly all pixels differ, in painted art and after JPEG, these are the borders that
    are seen. Most of them are there under all colours.
    """
    alpha = batch[..., 3:].astype(np.uint16)
    seen = np.concatenate([(batch[..., :3] * alpha + 127) // 255, alpha], axis=-1).astype(np.uint8)
    differences = _to_all_sides(_difference, _framed(seen.transpose(3, 0, 1, 2)))
    least = np.maximum(np.maximum.reduce(list(differences.values())) >> 1, SOFTEST)
    return {step: difference > least for step, difference in differences.items()}


def _difference(here: Pixels, there: Pixels) -> Pixels:
    """Return by how much the channels, along the first axis, differ at most."""
    most: Pixels = (np.maximum(here, there) - np.minimum(here, there)).max(axis=0)
    return most


def _framed(pixels: NDArray[Any]) -> NDArray[Any]:
    """Put a clear pixel on each side of shape (..., s, s)."""
    side = pixels.shape[-1] + 2
    framed = np.zeros((*pixels.shape[:-2], side, side), pixels.dtype)
    framed[..., 1:-1, 1:-1] = pixels
    return framed


def _to_all_sides(
    compare: Callable[[NDArray[Any], NDArray[Any]], NDArray[Any]], framed: NDArray[Any]
) -> dict[Step, NDArray[Any]]:
    """Return what *compare* says of each pixel within the frame and each of its eight neighbours."""
    maps: dict[Step, NDArray[Any]] = {}
    for down, right in _FORWARD:
        left, width = 1 - max(right, 0), SIDE + abs(right)
        here = framed[..., 1 - down : SIDE + 1, left : left + width]
        there = framed[..., 1 : SIDE + 1 + down, left + right : left + right + width]
        pairs = compare(here, there)
        maps[down, right] = pairs[..., down:, max(right, 0) :][..., :SIDE]
        maps[-down, -right] = pairs[..., :SIDE, max(-right, 0) :][..., :SIDE]
    return maps


def _directions(maps: Maps) -> Floats:
    """Return how many borders run in each direction in each cell, in rows of length 1.

    They run across the way in which the area of a pixel's own colour grows thicker around
    it: Sobel's operator on a picture of that area, whatever its colour.
    """
    across = sum(
        (1 + (down == 0)) * right * maps[down, right].astype(np.int8) for down, right in maps if right
    )
    downwards = sum(
        (1 + (right == 0)) * down * maps[down, right].astype(np.int8) for down, right in maps if down
    )
    return edges(*(STRENGTH * np.asarray(part, np.float32) for part in (across, downwards)))
