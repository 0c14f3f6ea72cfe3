"""Small art that somebody enlarged by a whole factor with smoothing, brought back to about what it was.

A cubic enlargement is the same along rows and along columns (Keys, "Cubic Convolution
Interpolation for Digital Image Processing", 1981), so that some lines of each
tell whether there was one: enlarged anew from every k-th pixel, they come out as
they are. The art itself is found by back-projection (Irani and Peleg, "Improving
Resolution by Image Registration", 1991).

h and w are a picture's height and width in pixels; k is the factor.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from embedder.stripes import compact

Pixels = NDArray[np.uint8]
"""Colours multiplied by alpha: what is nearly clear counts little, whatever its colour."""

MAX_TIMES = 8

MIN_CELLS = 6
"""Art of less pixels along a side is not known from an enlargement of it."""

MAX_PX = 1 << 20
"""Larger pictures are made small for a network anyway."""

LINES = 24

MAX_ERROR = 0.3
"""Of the mean step between neighbours, in lines enlarged anew.

On real and on generated art 0.25 and less where there was an enlargement, save once, and 0.39 and more elsewhere.
"""

ROUNDS = 3
"""Of back-projection. With one, three of ten cubic copies at twice the size did not find generated art; with these, one of fifty."""

HARD_STEP = 16


class _Fit(NamedTuple):
    """Along one axis: the pixels to add on both sides so that whole pixels of the art begin and end there."""

    error: float
    before: int
    after: int


def sharp(rgba: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return *rgba*, shape (h, w, 4) with straight alpha, as it was before a smooth enlargement; itself if there was none.

    Its clear border must be cut off.
    """
    height, width = rgba.shape[:2]
    if min(height, width) < 2 * MIN_CELLS or height * width > MAX_PX:
        return rgba
    # Most pictures were not enlarged, and show it in the first lines that are looked at.
    across = _lines(rgba)
    if _has_hard_steps(across) or _has_hard_steps(down := _lines(rgba.transpose(1, 0, 2))):
        return rgba
    for times in range(MAX_TIMES, 1, -1):
        if (x := _fit(across, times)) and (y := _fit(down, times)):
            return _reduced(_premultiplied(rgba), times, x, y)
    return rgba


def _lines(rgba: NDArray[np.uint8]) -> Pixels:
    """Return rows of *rgba*, as many as are looked at, evenly spread."""
    height = len(rgba)
    return _premultiplied(rgba[np.arange(LINES) * height // LINES] if height > LINES else rgba)


def _premultiplied(rgba: NDArray[np.uint8]) -> Pixels:
    return np.asarray(Image.fromarray(compact(rgba)).convert("RGBa"))


def _has_hard_steps(lines: Pixels) -> bool:
    """Say whether somewhere two pairs of equal pixels meet, as in pixel art: smoothing lets no such place be."""
    step = np.abs(np.diff(lines.astype(np.int16), axis=1)).max(axis=2)
    flat, hard = step == 0, step >= HARD_STEP
    return bool((flat[:, :-2] & hard[:, 1:-1] & flat[:, 2:]).any())


def _fit(lines: Pixels, times: int) -> _Fit | None:
    """Return how *lines* were enlarged so many *times*; None if they were not."""
    best = min(_fits(lines, times), default=None)
    return best if best and best.error < MAX_ERROR else None


def _fits(lines: Pixels, times: int) -> Iterator[_Fit]:
    # Beyond the art's own pixels, half a pixel of it shines over. Where it ended with the picture, nothing does.
    halo = times // 2
    for before, after in product((0, halo), repeat=2):
        whole = lines.shape[1] - before - after
        if whole % times or whole < MIN_CELLS * times:
            continue
        padded = _padded(lines, times, before, after)
        again = _enlarged(_middles(padded, times), padded.shape[1], padded.shape[0])
        error = np.abs(np.subtract(again, padded, dtype=np.int16)).mean()
        step = np.abs(np.diff(padded.astype(np.int16), axis=1)).mean()
        yield _Fit(float(error / max(step, 1e-6)), before, after)


def _padded(lines: Pixels, times: int, before: int, after: int) -> Pixels:
    """Add clear pixels, two of the art's own, where the art shines over its edge."""
    room = [2 * times - halo if halo else 0 for halo in (before, after)]
    return np.pad(lines, ((0, 0), (room[0], room[1]), (0, 0)))


def _middles(lines: Pixels, times: int) -> Pixels:
    """Return the middle of each *times* pixels of *lines*: one of them, or the mean of two."""
    first = (times - 1) // 2
    if times % 2:
        return lines[:, first::times]
    pair = lines[:, first::times].astype(np.uint16) + lines[:, first + 1 :: times]
    return ((pair + 1) // 2).astype(np.uint8)


def _enlarged(pixels: Pixels, width: int, height: int) -> Pixels:
    small = Image.frombuffer(
        "RGBa", (pixels.shape[1], pixels.shape[0]), pixels.tobytes(), "raw", "RGBa", 0, 1
    )
    return np.asarray(small.resize((width, height), Image.Resampling.BICUBIC))


def _reduced(pixels: Pixels, times: int, x: _Fit, y: _Fit) -> NDArray[np.uint8]:
    seen = _padded(pixels, times, x.before, x.after).transpose(1, 0, 2)
    seen = _padded(seen, times, y.before, y.after).transpose(1, 0, 2)
    height, width = seen.shape[:2]
    middles = _both_middles(seen, times).astype(np.float32)
    art = middles
    # The middle of an odd number of pixels is the art's own pixel; of an even number, there is none in the middle.
    for _ in range(0 if times % 2 else ROUNDS):
        again = _enlarged(np.rint(art).astype(np.uint8), width, height)
        art = np.clip(art + middles - _both_middles(again, times), 0, 255)
    whole = np.rint(art).astype(np.uint8)
    # The two clear pixels that were added.
    whole = whole[2 * bool(y.before) :, 2 * bool(x.before) :]
    whole = whole[: len(whole) - 2 * bool(y.after), : whole.shape[1] - 2 * bool(x.after)]
    return _straight(whole)


def _both_middles(pixels: Pixels, times: int) -> Pixels:
    return _middles(_middles(pixels, times).transpose(1, 0, 2), times).transpose(1, 0, 2)


def _straight(pixels: Pixels) -> NDArray[np.uint8]:
    size = (pixels.shape[1], pixels.shape[0])
    return np.array(Image.frombuffer("RGBa", size, pixels.tobytes(), "raw", "RGBa", 0, 1).convert("RGBA"))
