"""The art in a picture, whichever copy of it the file holds.

Copies that differ in colours hidden under alpha 0, in a clear border, in being
indexed or in a whole enlargement without smoothing come out the same to the bit.
Copies on a flat background, or enlarged with smoothing, come out nearly so.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from embedder.animation import representative
from embedder.native import native
from embedder.smooth import sharp
from embedder.trimming import CLEAR, background, clear_background, cut, is_key


def artwork(source: Path, max_px: int) -> NDArray[np.uint8]:
    """Return the art of *source* at its native size, RGBA with straight alpha, shape (h, w, 4).

    What is clear is (0, 0, 0, 0). Raises as :func:`artstore.images.read_rgba` does.
    """
    # Every step sees what those before it made the same of all copies, so that the order matters.
    art = sharp(native(cut(representative(source, max_px), CLEAR)))
    colour = background(art)
    if colour is None:
        return art
    art = native(cut(art, colour))
    return clear_background(art, colour) if is_key(colour) else art
