"""Large pictures some rows at a time: masks and other types of a whole one would cost as much memory as it does."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image

STRIPE_PX = 1 << 18
"""Enough that a stripe's share of the time is its pixels', and little memory whatever is made of it."""


def stripes(height: int, width: int, multiple_of: int = 1) -> Iterator[slice]:
    """Yield the rows of a picture of *height* x *width* pixels from top to bottom, a stripe at a time.

    Every stripe but the last is a multiple of *multiple_of* rows high.
    """
    rows = max(1, STRIPE_PX // (width * multiple_of)) * multiple_of
    for top in range(0, height, rows):
        yield slice(top, min(height, top + rows))


def pixels_of(rgba: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """Return *rgba*, shape (h, w, 4), as one number for each pixel, shape (h, w); the same memory."""
    numbers: NDArray[np.uint32] = rgba.view(np.uint32)[..., 0]
    return numbers


def compact(rgba: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return *rgba*, shape (h, w, 4), without gaps in memory; itself if there are none."""
    # Whole pixels at a time are copied several times as fast as bytes.
    pixels = np.ascontiguousarray(pixels_of(rgba))
    return pixels.view(np.uint8).reshape(rgba.shape)


def averaged(rgba: NDArray[np.uint8], factor: int) -> NDArray[np.uint8]:
    """Return *rgba*, shape (h, w, 4), with blocks of *factor* x *factor* pixels as their mean, as it is seen.

    At the far edges blocks are what there is.
    """
    if factor == 1:
        return rgba
    parts = (Image.fromarray(compact(rgba[rows])) for rows in stripes(len(rgba), rgba.shape[1], factor))
    return np.concatenate([np.asarray(part.reduce(factor)) for part in parts])
