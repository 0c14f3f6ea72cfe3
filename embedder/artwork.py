"""The art in a picture, whichever copy of it the file holds.

Copies that differ in colours hidden under alpha 0, in a transparent border, in
being indexed or in a whole enlargement without smoothing come out the same to the bit.

h and w are a picture's height and width in pixels.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import gcd
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from artstore import images

STRIPE_PX = 1 << 18
"""Masks are made for so many pixels at a time: a large picture then takes little more memory than its pixels."""


def artwork(source: Path, max_px: int) -> NDArray[np.uint8]:
    """Return the art of *source* at its native size, RGBA with straight alpha, shape (h, w, 4).

    What is clear is (0, 0, 0, 0). Raises as :func:`artstore.images.read_rgba` does.
    """
    rgba = images.read_rgba(source, max_px)
    clear_hidden(rgba)
    return native(trim(rgba))


def stripes(rgba: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
    """Yield *rgba* from top to bottom, some rows at a time, without copying it."""
    rows = max(1, STRIPE_PX // rgba.shape[1])
    for top in range(0, rgba.shape[0], rows):
        yield rgba[top : top + rows]


def clear_hidden(rgba: NDArray[np.uint8]) -> None:
    """Make what cannot be seen of *rgba*, shape (h, w, 4), (0, 0, 0, 0); the array is changed."""
    for stripe in stripes(rgba):
        stripe[stripe[..., 3] == 0] = 0


def trim(rgba: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Cut the border that is transparent, or all of one colour, off *rgba* of shape (h, w, 4).

    A picture without anything else is returned whole.
    """
    corner = rgba[0, 0]
    flat = np.all(rgba == corner, axis=2) if corner[3] == 255 else rgba[..., 3] == 0
    rows, columns = np.flatnonzero(~flat.all(axis=1)), np.flatnonzero(~flat.all(axis=0))
    if rows.size == 0:
        return rgba
    return rgba[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def native(rgba: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return *rgba*, shape (h, w, 4), with every block of equal pixels that it is made of as one pixel."""
    height, width = rgba.shape[:2]
    times = gcd(height, width)
    pixels = np.ascontiguousarray(rgba).view(np.uint32)[..., 0]
    for lines in (pixels, pixels.T):
        borders = np.flatnonzero(np.any(lines[1:] != lines[:-1], axis=1)) + 1
        times = gcd(times, *borders.tolist())
    return rgba[::times, ::times]
