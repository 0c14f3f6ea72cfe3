"""The size at which pixel art was drawn, of copies that somebody enlarged by a whole factor.

h and w are a picture's height and width in pixels; pictures are RGBA with straight alpha.
"""

from __future__ import annotations

from math import gcd

import numpy as np
from numpy.typing import NDArray

from embedder.stripes import compact, pixels_of, stripes


def native(rgba: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return *rgba* with each block of the equal pixels that it is made of as one pixel; itself if they are single ones.

    What is clear must be (0, 0, 0, 0), and the border cut off, so that blocks begin in the corner. Width and height
    are divided by the same factor. Art that was drawn in blocks is made smaller too: it is the same for all its copies.
    """
    times = _times(pixels_of(rgba))
    return rgba if times == 1 else compact(rgba[::times, ::times])


def _times(pixels: NDArray[np.uint32]) -> int:
    """Return the largest factor that divides height, width and every place where rows or columns differ."""
    height, width = pixels.shape
    times = gcd(height, width)
    for rows in stripes(height, width):
        if times == 1:
            break
        # With the row below the stripe, for the border between them.
        lines = pixels[rows.start : rows.stop + 1]
        below = np.flatnonzero((lines[1:] != lines[:-1]).any(axis=1)) + (rows.start + 1)
        beside = np.flatnonzero((lines[:, 1:] != lines[:, :-1]).any(axis=0)) + 1
        times = int(np.gcd.reduce(np.concatenate([below, beside]), initial=times))
    return times
