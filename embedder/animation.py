"""One frame to stand for an animation: the first is often empty, or only fades in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from artstore import images
from embedder.stripes import pixels_of
from embedder.trimming import clear_hidden

MAX_FRAMES = 16

MAX_LOOKED_PX = 1 << 24
"""Of an animation, frames past this many pixels in all are not unpacked: about half a second's work of noise."""

NEARLY_ALL = 0.9


def representative(source: Path, max_px: int) -> NDArray[np.uint8]:
    """Return the first frame in which nearly as much is seen as in any, shape (h, w, 4); what is clear is (0, 0, 0, 0).

    Up to 16 frames are looked at, evenly spread. Raises as :func:`artstore.images.read_rgba` does.
    """
    frames = list(images.read_frames(source, max_px, MAX_FRAMES, MAX_LOOKED_PX))
    for frame in frames:
        clear_hidden(frame)
    if len(frames) == 1:
        return frames[0]
    seen = [_seen(frame) for frame in frames]
    return next(frame for frame, area in zip(frames, seen, strict=True) if area >= NEARLY_ALL * max(seen))


def _seen(frame: NDArray[np.uint8]) -> int:
    """Return how much of *frame* is other than its corner, opaque pixels counted 255."""
    pixels = pixels_of(frame)
    return int(frame[..., 3].sum(where=pixels != pixels[0, 0], dtype=np.int64))
