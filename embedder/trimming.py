"""What of a picture is not art: colours hidden under alpha 0, an empty border, a flat background.

h and w are a picture's height and width in pixels; pictures are RGBA with straight alpha.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import lshift, rshift

import numpy as np
from numpy.typing import NDArray

from embedder.stripes import pixels_of, stripes

CLEAR = (0, 0, 0, 0)

MAX_FLOODED_PX = 1 << 18
"""Of larger pictures only the border is cut off: what lies around things in them is small once they are reduced."""

MAX_ROUNDS = 4
"""Turns there and back that a way through the background may take: around sprites it takes two. Labyrinths stay closed."""


def clear_hidden(rgba: NDArray[np.uint8]) -> None:
    """Make what cannot be seen of *rgba*, shape (h, w, 4), (0, 0, 0, 0); the array is changed."""
    pixels = pixels_of(rgba)
    for rows in stripes(*pixels.shape):
        pixels[rows] *= rgba[rows, :, 3] != 0


def cut(rgba: NDArray[np.uint8], colour: tuple[int, ...]) -> NDArray[np.uint8]:
    """Return a view of *rgba* without the rows and columns at its border that are all of *colour*; one pixel if all are."""
    pixels = pixels_of(rgba)
    number = _number(colour)
    rows, columns = np.zeros(pixels.shape[0], bool), np.zeros(pixels.shape[1], bool)
    for stripe in stripes(*pixels.shape):
        other = pixels[stripe] != number
        rows[stripe] = other.any(axis=1)
        columns |= other.any(axis=0)
    if not rows.any():
        return rgba[:1, :1]
    return rgba[_span(rows), _span(columns)]


def background(rgba: NDArray[np.uint8]) -> tuple[int, ...] | None:
    """Return the one opaque colour that *rgba*, without a clear border, lies on; None if it does not look like that.

    It is the colour of all four corners of a picture without holes. A frame around nothing, or around one other
    colour, is no background: it is all there is.
    """
    colour = tuple(rgba[0, 0].tolist())
    corners = pixels_of(rgba)[[0, 0, -1, -1], [0, -1, 0, -1]]
    if colour[3] < 255 or np.any(corners != corners[0]) or rgba[..., 3].min() < 255:
        return None
    inner = pixels_of(cut(rgba, colour))
    return None if np.all(inner == inner[0, 0]) else colour


def is_key(colour: tuple[int, ...]) -> bool:
    """Say whether *colour* stands for a hole where there is no alpha: black, white, magenta, or another corner of the RGB cube.

    Grass is green, but not (0, 255, 0).
    """
    return all(part in (0, 255) for part in colour)


def clear_background(rgba: NDArray[np.uint8], colour: tuple[int, ...]) -> NDArray[np.uint8]:
    """Return *rgba* with what of *colour* is reached from its border made clear, and the clear border cut off."""
    pixels = pixels_of(rgba)
    if pixels.size > MAX_FLOODED_PX:
        return rgba
    art = np.where(reached(pixels == _number(colour)), np.uint32(0), pixels)
    return cut(art.view(np.uint8).reshape(rgba.shape), CLEAR)


def reached(passable: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return what of *passable*, shape (h, w), hangs together with its border, over edges of pixels."""
    border = passable.copy()
    border[1:-1, 1:-1] = False
    ways, found = _bits(passable), _bits(border)
    for _ in range(MAX_ROUNDS):
        before = found
        for shifted in (lshift, rshift):
            for step in (1, passable.shape[1]):
                found = _spread(found, ways, shifted, step)
        if found == before:
            break
    return _mask(found, passable.shape)


def _spread(found: int, ways: int, shifted: Callable[[int, int], int], step: int) -> int:
    """Go on from what is *found* in one direction, as far as there are *ways*.

    Twice as far each time, for all pixels at once: sweeping over arrays takes ten times as long. Whoever goes on
    from the end of a row into the next one comes to a border there, which is found anyway.
    """
    while ways:
        found |= ways & shifted(found, step)
        ways &= shifted(ways, step)
        step *= 2
    return found


def _bits(mask: NDArray[np.bool_]) -> int:
    """Return *mask*, row after row, as the bits of one number."""
    return int.from_bytes(np.packbits(mask, bitorder="little").tobytes(), "little")


def _mask(bits: int, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    count = shape[0] * shape[1]
    packed = np.frombuffer(bits.to_bytes(-(-count // 8), "little"), np.uint8)
    return np.unpackbits(packed, count=count, bitorder="little").reshape(shape).view(bool)


def _number(colour: tuple[int, ...]) -> np.uint32:
    number: np.uint32 = np.array(colour, np.uint8).view(np.uint32)[0]
    return number


def _span(kept: NDArray[np.bool_]) -> slice:
    places = np.flatnonzero(kept)
    return slice(int(places[0]), int(places[-1]) + 1)
