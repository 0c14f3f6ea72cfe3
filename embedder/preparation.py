"""How a picture is made ready for a network that has only seen photographs.

``classic`` is what the old system did. ``sprite`` is made for game art: what is
hidden under alpha 0 never matters, the empty border goes, the aspect stays, and
small pixel art is enlarged by a whole factor without smoothing, so that a pixel
stays a square.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from artstore import images

GROUND = 128
"""Middle grey under transparent pixels: black outlines and white ones both stand out against it."""

SPRITE_VERSION = "sprite-1"
"""Part of the fingerprint: vectors of two preparations must not be compared."""

CLASSIC_VERSION = "classic-1"


def classic(source: Path, side: int, max_px: int) -> NDArray[np.uint8]:
    """Return the picture squashed to shape (*side*, *side*, 3), exactly as the old system did it."""
    with images.opened(source, max_px) as image:
        small = image.resize((side, side))
        # RGB does not keep it, but Pillow warns of palettes with more than one step of it.
        small.info.pop("transparency", None)
        return np.array(small.convert("RGB"))


def sprite(source: Path, side: int, max_px: int) -> NDArray[np.uint8]:
    """Return the picture trimmed, on grey, at whole zoom, padded to shape (*side*, *side*, 3)."""
    art = on_ground(trim(images.read_rgba(source, max_px)))
    return _padded(_zoomed(art, side), side)


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


def on_ground(rgba: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Lay *rgba* of shape (h, w, 4) over the ground; return shape (h, w, 3)."""
    # Whole numbers, rounded: copies that look the same become the same to the bit.
    alpha = rgba[..., 3:].astype(np.uint16)
    mixed = rgba[..., :3] * alpha + np.uint16(GROUND) * (255 - alpha)
    return ((mixed + 127) // 255).astype(np.uint8)


def _zoomed(art: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    height, width = art.shape[:2]
    factor = side // max(height, width)
    if factor >= 1:
        return art.repeat(factor, axis=0).repeat(factor, axis=1)
    scale = side / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    # reducing_gap: first a cheap whole-factor reduction, then the good filter on what is left.
    return np.array(Image.fromarray(art).resize(size, Image.Resampling.BOX, reducing_gap=3.0))


def _padded(art: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    canvas = np.full((side, side, 3), GROUND, np.uint8)
    top, left = (side - art.shape[0]) // 2, (side - art.shape[1]) // 2
    canvas[top : top + art.shape[0], left : left + art.shape[1]] = art
    return canvas
