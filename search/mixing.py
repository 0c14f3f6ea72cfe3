"""Questions of several pictures: each with a weight, some of them not to be like, some only in part."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from artstore.errors import UsageError
from artstore.features import unit
from artstore.images import read_rgba

Box = tuple[int, int, int, int]
"""Left, top, width and height of a region, in pixels of the picture."""


@dataclass(frozen=True, slots=True)
class Part:
    """A picture in a question. Raises :class:`~artstore.errors.UsageError` for a weight of nothing."""

    picture: Path | int
    """A file, or the image id of a picture that was found."""
    weight: float = 1.0
    """How much it counts beside the others; less than 0: not like this one."""
    box: Box | None = None
    """Only this region of it."""

    def __post_init__(self) -> None:
        if not math.isfinite(self.weight) or self.weight == 0:
            raise UsageError(f"a picture cannot count {self.weight} times; leave it out")


def part_of(text: str, *, unlike: bool = False) -> Part:
    """Return the part that *text* names: a path or an image id, and its weight behind a ``=`` (1 if there is none).

    Raises :class:`~artstore.errors.UsageError` if the weight is not above 0.
    """
    named = re.fullmatch(r"(.+)=(\d*\.?\d+)", text, re.DOTALL)
    # A file may be called so.
    name, weight = (text, "1") if named is None or Path(text).exists() else (named[1], named[2])
    sign = -1 if unlike else 1
    return Part(int(name) if re.fullmatch(r"[0-9]+", name) else Path(name), sign * float(weight))


def box_of(text: str) -> Box:
    """Return the region ``x,y,w,h``. Raises ValueError for anything else."""
    left, top, width, height = (int(number) for number in text.split(","))
    return left, top, width, height


def mixed(vectors: Sequence[NDArray[np.float32]], weights: Sequence[float]) -> NDArray[np.float32]:
    """Return the direction, shape (1, d), of the weighted sum of *vectors*, each of shape (1, d) and unit length.

    This is Rocchio's way ("Relevance feedback in information retrieval", 1971). Raises
    :class:`~artstore.errors.UsageError` if they cancel each other out.
    """
    total = np.sum(
        [vector * np.float32(weight) for vector, weight in zip(vectors, weights, strict=True)], axis=0
    )
    if float(np.linalg.norm(total)) < 1e-4 * max(map(abs, weights)):
        raise UsageError("these pictures cancel each other out: nothing is left to look for")
    return unit(total)


@contextmanager
def cut_out(source: Path, box: Box, max_px: int) -> Iterator[Path]:
    """Give a file with the region *box* of the picture at *source*, for as long as it is needed.

    Raises :class:`~artstore.errors.UsageError` if the region is not in the picture, and as
    :func:`artstore.images.read_rgba` does.
    """
    left, top, width, height = box
    pixels = read_rgba(source, max_px)
    if not (0 <= left < left + width <= pixels.shape[1] and 0 <= top < top + height <= pixels.shape[0]):
        raise UsageError(
            f"the region {left},{top},{width},{height} (x,y,w,h) is not in {source}, "
            f"which has {pixels.shape[1]}x{pixels.shape[0]} pixels"
        )
    with TemporaryDirectory() as folder:
        path = Path(folder, "region.png")
        Image.fromarray(np.ascontiguousarray(pixels[top : top + height, left : left + width])).save(path)
        yield path
