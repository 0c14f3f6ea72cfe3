"""What the embedders without a network are made of: a picture at one size, and what is counted on it.

    n pictures    s = :data:`SIDE`    g = :data:`GRID`    p planes, each a number for every pixel
    k = :data:`DIRECTIONS`

Sums are whole numbers below 2**24, which float32 holds exactly: the order in which a
machine adds them up does not matter, and every machine gives the same vectors.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from math import cos, pi, sin, sqrt

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]

SIDE = 36
"""Pixels along each side of a picture that is described; sprites are mostly not larger."""

GRID = 6
"""Cells along each side, of six pixels; a divisor of the side, and even, since pictures are folded at their middle."""

DIRECTIONS = 6
"""Directions of edges, 30 degrees apart; eight find no more."""

SHARPNESS = 4
"""Steps of an edge's strength, so that little is lost when it becomes a whole number."""

FAINT = 2000
"""Added to the edges of each cell and direction, of which a picture has some 100,000.

One without edges, or with hardly any, is then a little like all others: far from them all,
no graph of neighbours would lead to it.
"""

CHUNK = 16
"""Pictures described at once: what is counted on them stays in the processor's cache."""


def fitted(art: Pixels, resampling: Image.Resampling) -> Pixels:
    """Return *art*, RGBA of shape (h, w, 4), in the middle of a clear square of shape (s, s, 4).

    Its sides are as the square roots of what they were: a walk cycle of 9:1 becomes
    3:1, or there would be nothing left of it to see.
    """
    height, width = art.shape[:2]
    # Even, so that a mirrored picture lies where the picture lay.
    inner = [max(2, 2 * round(SIDE / 2 * sqrt(side / max(height, width)))) for side in (width, height)]
    image = Image.fromarray(art)
    if [width, height] != inner:
        image = image.resize((inner[0], inner[1]), resampling)
    canvas = np.zeros((SIDE, SIDE, 4), np.uint8)
    left, top = (SIDE - inner[0]) // 2, (SIDE - inner[1]) // 2
    canvas[top : top + inner[1], left : left + inner[0]] = np.asarray(image)
    return canvas


def described(batch: Pixels, describe: Callable[[Pixels], Floats]) -> Floats:
    """Return the vectors of *batch*, shape (n, s, s, 4), of which *describe* makes a few at a time."""
    return np.concatenate([describe(batch[start : start + CHUNK]) for start in range(0, len(batch), CHUNK)])


def pooled(planes: Floats) -> Floats:
    """Return how much of *planes*, shape (n, p, s, s), is about each cell, shape (n, p, g, g).

    A pixel counts most for the cell it is nearest to and less for the next ones, so
    that little changes when a picture is moved by a pixel.
    """
    # Not by a library for matrices: one that starts threads, in each of several processes, takes ten times as long.
    rows = np.einsum("npyx,gy->npgx", planes, _tents())
    cells: Floats = np.einsum("npgx,hx->npgh", rows, _tents())
    return cells


@cache
def _tents() -> Floats:
    """Return the weight of each pixel along a side in each cell along it, whole numbers to 11, shape (g, s)."""
    cell = SIDE // GRID
    # Both in half pixels, which makes them whole numbers.
    middles, pixels = cell * (2 * np.arange(GRID) + 1), 2 * np.arange(SIDE) + 1
    weights: Floats = np.maximum(0, 2 * cell - np.abs(middles[:, None] - pixels)).astype(np.float32)
    return weights


def edges(across: Floats, down: Floats) -> Floats:
    """Return the square roots of what share of all edges has which direction in which cell, in n rows of length 1.

    After Dalal and Triggs, "Histograms of Oriented Gradients for Human Detection", 2005.
    *across* and *down* as in :func:`directed`.
    """
    return root_shares(folded_directions(pooled(directed(across, down))) + np.float32(FAINT))


def directed(across: Floats, down: Floats) -> Floats:
    """Return how strong edges are in each direction, whole numbers, shape (n, k, s, s).

    *across* and *down*, shape (n, s, s), say how fast something grows to the right and
    downwards; edges from dark to light and from light to dark are one direction.
    """
    strength = np.sqrt(across * across + down * down)
    planes = np.empty((len(across), DIRECTIONS, SIDE, SIDE), np.float32)
    for number in range(DIRECTIONS):
        angle, plane = number * pi / DIRECTIONS, planes[:, number]
        np.multiply(across, np.float32(SHARPNESS * cos(angle)), out=plane)
        plane += down * np.float32(SHARPNESS * sin(angle))
        np.abs(plane, out=plane)
        # Nothing is left at the next direction: each edge is shared by the two that it lies between.
        plane -= strength * np.float32(SHARPNESS * cos(pi / DIRECTIONS))
    return np.rint(np.maximum(planes, 0, out=planes), out=planes)


def folded(cells: Floats) -> Floats:
    """Return *cells*, shape (n, p, g, g), and their mirror image added up and set against each other, in n rows.

    A mirrored picture gives the same.
    """
    return _folded(cells, cells[..., ::-1])


def folded_directions(cells: Floats) -> Floats:
    """Do the same to cells of directions, shape (n, k, g, g): a mirror also turns those."""
    return _folded(cells, cells[:, -np.arange(DIRECTIONS) % DIRECTIONS, :, ::-1])


def _folded(cells: Floats, mirrored: Floats) -> Floats:
    half = GRID // 2
    both, apart = (cells + mirrored)[..., :half], np.abs(cells - mirrored)[..., :half]
    return np.concatenate([both, apart], axis=-1).reshape(len(cells), -1)


def unit(values: Floats) -> Floats:
    """Return the rows of *values*, whole numbers, at length 1; rows of zeros stay what they are."""
    squares = np.square(values, dtype=np.float64).sum(axis=1, keepdims=True)
    shortened: Floats = (values / np.sqrt(np.maximum(squares, 1))).astype(np.float32)
    return shortened


def root_shares(counts: Floats) -> Floats:
    """Return the square roots of what share of its row each of *counts* is: rows of length 1, or zeros.

    Their products are Bhattacharyya's coefficient, in which the largest counts do not
    drown the rest; after Arandjelović and Zisserman, "Three things everyone should know
    to improve object retrieval", 2012.
    """
    sums = counts.sum(axis=1, keepdims=True, dtype=np.float64)
    roots: Floats = np.sqrt(counts / np.maximum(sums, 1)).astype(np.float32)
    return roots
