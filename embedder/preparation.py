"""How a picture is made ready for a network that has only seen photographs.

``classic`` is what the old system did. ``sprite`` is made for game art: the art in the
picture is found (:mod:`embedder.artwork`) and laid on grey, long strips go in rows, and
small art is enlarged by a whole factor without smoothing, so that its pixels keep their
edges. Then all is fitted into the network's square, its aspect kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from artstore import images
from embedder.artwork import artwork
from embedder.stripes import averaged, compact
from embedder.wrapping import rows_of

GROUND = 128
"""Middle grey under transparent pixels: black outlines and white ones both stand out against it."""

TIMES = 2
"""How much small art is enlarged without smoothing before it is fitted.

Measured with MobileNetV2: enlarged so all the way, so that the network sees squares, JPEGs and crops of generated sprites
found them half as often or less. Without this step they did so more often, but real art was found less often by crops and
in other hues.
"""

SPRITE_VERSION = "sprite-3"
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
    """Return the art in the picture on grey, its aspect kept, in the middle of shape (*side*, *side*, 3)."""
    art = artwork(source, max_px)
    is_tall = art.shape[0] > art.shape[1]
    # Lying, so that there is one way to lay out strips.
    lying = art.transpose(1, 0, 2) if is_tall else art
    laid = _laid(rows_of(lying), side)
    return _padded(_fitted(laid.transpose(1, 0, 2) if is_tall else laid, side), side)


def on_ground(rgba: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Lay *rgba* of shape (h, w, 4) over the ground; return shape (h, w, 3)."""
    # Pillow mixes in whole numbers, rounded: copies that look the same become the same to the bit.
    seen = Image.fromarray(compact(rgba))
    ground = Image.new("RGB", seen.size, (GROUND, GROUND, GROUND))
    ground.paste(seen.convert("RGB"), mask=seen)
    return np.asarray(ground)


def _laid(rows: Sequence[NDArray[np.uint8]], side: int) -> NDArray[np.uint8]:
    """Return *rows*, RGBA, on the ground and below each other, shape (h, w, 3), at least three times *side* if they are."""
    longer = max(*(row.shape[1] for row in rows), sum(row.shape[0] for row in rows))
    # Before they are laid on the ground, which takes longer than averaging.
    parts = [on_ground(averaged(row, max(1, longer // (3 * side)))) for row in rows]
    laid = np.full((sum(map(len, parts)), max(part.shape[1] for part in parts), 3), GROUND, np.uint8)
    top = 0
    for part in parts:
        laid[top : top + len(part), : part.shape[1]] = part
        top += len(part)
    return laid


def _fitted(art: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Make the longer side of *art*, shape (h, w, 3), equal to *side*."""
    times = min(TIMES, side // max(art.shape))
    if times > 1:
        art = art.repeat(times, axis=0).repeat(times, axis=1)
    height, width = art.shape[:2]
    scale = side / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(Image.fromarray(art).resize(size, Image.Resampling.BICUBIC))


def _padded(art: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    canvas = np.full((side, side, 3), GROUND, np.uint8)
    top, left = (side - art.shape[0]) // 2, (side - art.shape[1]) // 2
    canvas[top : top + art.shape[0], left : left + art.shape[1]] = art
    return canvas
