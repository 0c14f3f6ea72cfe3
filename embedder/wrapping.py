"""Long strips, as of walks and of palettes, in rows: made as wide as a network sees, they would be a line.

h and w are a picture's height and width in pixels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MIN_ASPECT = 4
"""Two frames or three side by side are still seen; from here on most of the square would be empty."""


def rows_of(strip: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """Cut *strip*, shape (h, w, 4), into views of all its rows that stacked are nearly square; [*strip*] if it is no strip.

    Cuts lie between frames where something clear is near, so that rows differ in width.
    """
    height, width = strip.shape[:2]
    if width < MIN_ASPECT * height:
        return [strip]
    count = round((width / height) ** 0.5)
    gaps = np.flatnonzero(~strip[..., 3].any(axis=0))
    cuts = [_nearest(gaps, row * width // count, height // 2) for row in range(1, count)]
    return [strip[:, left:right] for left, right in zip([0, *cuts], [*cuts, width], strict=True)]


def _nearest(gaps: NDArray[np.intp], place: int, reach: int) -> int:
    """Return what of *gaps* is nearest to *place* and no further from it than *reach*, else *place*."""
    if gaps.size == 0:
        return place
    gap = int(gaps[np.abs(gaps - place).argmin()])
    return gap if abs(gap - place) <= reach else place
