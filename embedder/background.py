"""The nearly flat colour that a picture without holes was laid on.

A sprite saved as JPEG, or taken from a page, has lost its holes: what was clear has some
colour, and noise keeps it from being trimmed as a border of one colour is.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Mask = NDArray[np.bool_]

NEAR = 24
"""How far each channel may be from the background's: what JPEG of usual quality does to a flat colour."""

LEAST_SHARE = 0.6
"""Of the border that has to be background, beside three corners: less, and tiles lose what belongs to them."""

LEAST_SIDE_PX = 4


def without_background(art: Pixels) -> Pixels:
    """Return *art*, RGBA of shape (h, w, 4), with its background clear and trimmed.

    Background is what is like most of the border, as far as it is seen from one of the four
    sides. A picture that has holes, no such background, or nothing else, is returned as it is.
    """
    if min(art.shape[:2]) < LEAST_SIDE_PX or art[..., 3].min() < 255:
        return art
    border = np.concatenate([art[0], art[-1], art[1:-1, 0], art[1:-1, -1]])[:, :3]
    colour = np.sort(border, axis=0)[len(border) // 2]
    corners = art[[0, 0, -1, -1], [0, -1, 0, -1], :3]
    if _near(border, colour).mean() < LEAST_SHARE or _near(corners, colour).sum() < 3:
        return art
    background = _seen_from_sides(_near(art[..., :3], colour))
    rows, columns = np.flatnonzero(~background.all(axis=1)), np.flatnonzero(~background.all(axis=0))
    if rows.size == 0:
        return art
    cleared = np.where(background[..., None], np.uint8(0), art)
    return cleared[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _near(pixels: Pixels, colour: Pixels) -> Mask:
    near: Mask = np.abs(pixels.astype(np.int16) - colour).max(axis=-1) <= NEAR
    return near


def _seen_from_sides(mask: Mask) -> Mask:
    """Return what of *mask* only mask lies before, seen from the left, the right, above or below.

    Filling from the border finds a little more, and takes many times as long.
    """
    seen = np.zeros_like(mask)
    for axis in (0, 1):
        seen |= np.logical_and.accumulate(mask, axis=axis)
        seen |= np.flip(np.logical_and.accumulate(np.flip(mask, axis), axis=axis), axis)
    return seen
