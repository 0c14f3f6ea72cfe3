"""Animations: frames drawn one after the other on a canvas that begins clear.

Written after the chapters on disposal and blending of the APNG specification
and of GIF89a, the latter as browsers read it: what is disposed of becomes clear,
not the colour of the background.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile


class FramesImageFile(ImageFile.ImageFile):
    """A file of frames that are painted when they are asked for; who opens it says `n_frames`."""

    _close_exclusive_fp_after_loading = False
    _at, _painted = 0, -1
    """Frames from 0: the one that is shown, and the one whose pixels are here."""

    def tell(self) -> int:
        """Return the number of the frame that is shown, from 0."""
        return self._at

    def seek(self, frame: int) -> None:
        """Show *frame*, from 0. Raises EOFError where there is none."""
        if self._seek_check(frame):
            self._at = frame

    def load(self) -> Any:  # Pillow's PixelAccess, which has no public name
        """Paint the frame. Raises what decoders raise."""
        if self._painted != self._at:
            self.im = self.painted(self._at).im
            self._painted = self._at
        return Image.Image.load(self)

    def painted(self, number: int) -> Image.Image:
        """Return frame *number*, RGBA, as large as the whole."""
        raise NotImplementedError


class Disposal(Enum):
    """What becomes of a frame's area before the next frame is drawn."""

    KEEP = auto()
    CLEAR = auto()
    RESTORE = auto()


@dataclass(frozen=True, slots=True)
class Frame:
    """Where a frame is drawn, and how. *box* is left, top, right, bottom in pixels, within the canvas."""

    box: tuple[int, int, int, int]
    disposal: Disposal
    over: bool
    """Seen through where it is clear, instead of replacing what was there."""


class Film:
    """What is seen of each frame.

    *decode* is given a frame's number and returns its own pixels, RGBA, of the
    shape of its box; it may raise what decoders raise.
    """

    def __init__(
        self, size: tuple[int, int], frames: Sequence[Frame], decode: Callable[[int], NDArray[np.uint8]]
    ) -> None:
        self.frames = frames
        self._shape = (size[1], size[0], 4)
        self._decode = decode
        self._drawn = 0
        self._canvas: NDArray[np.uint8] | None = None
        self._covered: NDArray[np.uint8] | None = None

    def shown(self, number: int) -> Image.Image:
        """Return the whole canvas as it looks while frame *number*, from 0, is shown."""
        if self._canvas is None or number < self._drawn - 1:
            self._canvas = np.zeros(self._shape, np.uint8)
            self._drawn = 0
        while self._drawn <= number:
            self._draw(self._canvas, self._drawn)
            self._drawn += 1
        return Image.fromarray(self._canvas.copy())

    def _draw(self, canvas: NDArray[np.uint8], number: int) -> None:
        pixels = self._decode(number)
        if number:
            self._dispose(canvas, self.frames[number - 1])
        frame = self.frames[number]
        area = _area(canvas, frame)
        self._covered = area.copy() if frame.disposal is Disposal.RESTORE else None
        area[...] = _over(area, pixels) if frame.over else pixels

    def _dispose(self, canvas: NDArray[np.uint8], frame: Frame) -> None:
        if frame.disposal is Disposal.CLEAR:
            _area(canvas, frame)[...] = 0
        elif self._covered is not None:
            _area(canvas, frame)[...] = self._covered


def _area(canvas: NDArray[np.uint8], frame: Frame) -> NDArray[np.uint8]:
    left, top, right, bottom = frame.box
    return canvas[top:bottom, left:right]


def _over(below: NDArray[np.uint8], above: NDArray[np.uint8]) -> NDArray[np.uint8]:
    alpha = above[..., 3:]
    if ((alpha == 0) | (alpha == 255)).all():
        return np.where(alpha == 255, above, below)
    return np.asarray(Image.alpha_composite(Image.fromarray(below.copy()), Image.fromarray(above)))
