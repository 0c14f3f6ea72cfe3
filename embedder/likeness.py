"""By what a picture is known again when it was saved otherwise, enlarged, shrunk or recoloured.

Three marks of the first frame's art, from exact to rough:

    art      the same art to the pixel: whole enlargements, borders, hidden colours and file formats make no difference
    pattern  the same areas in other colours: recoloured pixel art
    look     which neighbours are brighter, in a grid, and the colours of a coarser grid: smooth scaling, lossy formats

The look is the "dHash" of Neal Krawetz (https://www.hackerfactor.com/blog/archives/529-Kind-of-Like-That.html), with a
dead zone against noise in flat areas.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from artstore.likenesses import Likeness
from embedder.artwork import artwork

GROUND = 128
"""Grey under what is clear, as under the networks' pictures."""

LOOK_SIDE = 8
DEAD_ZONE = 3.0
"""Of 255: smaller steps of brightness come from how a file was saved."""

COLOUR_SIDE = 4
FRINGE = 40
"""Of 255, in any channel."""

MOST_PATTERN_PX = 1 << 20
"""Larger pictures are paintings and photos, of which no two have the same areas."""
MOST_COLOURS = 256
LEAST_COLOURS = 3
LEAST_BORDERS = 48
"""So many times the colour has to change along the rows: frames and plain tiles are alike by accident."""


def likeness_of(source: Path, max_px: int) -> Likeness:
    """Return the marks of the picture at *source*. Raises as :func:`artstore.images.read_rgba` does."""
    art = artwork(source, max_px)
    digest = hashlib.blake2b(repr(art.shape).encode(), digest_size=16)
    digest.update(np.ascontiguousarray(art).data)
    seen = _trimmed(_on_grey(art))
    return Likeness(digest.hexdigest(), _pattern(art), _look(seen), _colours(seen), seen.width / seen.height)


def bits_apart(one: NDArray[np.int64], other: NDArray[np.int64] | np.int64) -> NDArray[np.int64]:
    """Return in how many of their 64 bits looks differ; the shapes are those of numpy's broadcasting."""
    apart = np.bitwise_xor(one, other)[..., None].view(np.uint8)
    counts: NDArray[np.int64] = np.unpackbits(apart, axis=-1).sum(axis=-1, dtype=np.int64)
    return counts


def colours_apart(one: bytes, other: bytes) -> float:
    """Return how far the colours of two likenesses are apart on average, of 255."""
    first, second = (np.frombuffer(colours, np.uint8).astype(np.float32) for colours in (one, other))
    return float(np.abs(first - second).mean())


def _on_grey(art: NDArray[np.uint8]) -> Image.Image:
    picture = Image.fromarray(np.ascontiguousarray(art))
    ground = Image.new("RGBA", picture.size, (GROUND, GROUND, GROUND, 255))
    return Image.alpha_composite(ground, picture).convert("RGB")


def _trimmed(seen: Image.Image) -> Image.Image:
    """Return *seen* without a border that is nearly of one colour: scaling and lossy formats leave a fringe."""
    pixels = np.asarray(seen, np.int16)
    inner = (np.abs(pixels - pixels[0, 0]) > FRINGE).any(axis=2)
    rows, columns = np.flatnonzero(inner.any(axis=1)), np.flatnonzero(inner.any(axis=0))
    if rows.size == 0:
        return seen
    return seen.crop((int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1))


def _look(seen: Image.Image) -> int:
    grid = seen.convert("L").resize((LOOK_SIDE + 1, LOOK_SIDE), Image.Resampling.BOX)
    steps = np.diff(np.asarray(grid, np.float32), axis=1)
    return int(np.packbits(steps > DEAD_ZONE).view(">i8")[0])


def _colours(seen: Image.Image) -> bytes:
    return seen.resize((COLOUR_SIDE, COLOUR_SIDE), Image.Resampling.BOX).tobytes()


def _pattern(art: NDArray[np.uint8]) -> str | None:
    """Number the colours of *art* in the order in which they appear, and hash the numbers."""
    height, width = art.shape[:2]
    if height * width > MOST_PATTERN_PX:
        return None
    pixels = np.ascontiguousarray(art).view(np.uint32).reshape(height, width)
    colours, first, places = np.unique(pixels, return_index=True, return_inverse=True)
    if not LEAST_COLOURS <= len(colours) <= MOST_COLOURS:
        return None
    numbers = np.argsort(np.argsort(first)).astype(np.uint8)
    areas = numbers[places].reshape(height, width)
    if np.count_nonzero(areas[:, 1:] != areas[:, :-1]) < LEAST_BORDERS:
        return None
    # What is clear stays clear in a recolour.
    clear = int(numbers[0]) if colours[0] == 0 else -1
    digest = hashlib.blake2b(f"{height} {width} {clear}".encode(), digest_size=16)
    digest.update(areas.data)
    return digest.hexdigest()
