"""GIF: its frames as browsers show them. The first one Pillow reads well, if it covers the screen."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray
from PIL import GifImagePlugin, Image

from artstore.formats.film import Disposal, Film, Frame, FramesImageFile

_DISPOSALS = {2: Disposal.CLEAR, 3: Disposal.RESTORE, 4: Disposal.RESTORE}
"""Some programs mean the third bit where the specification has the number 3."""

_GRAPHIC_CONTROL = 0xF9

_MAX_SCREENS = 4
"""A frame should not be larger than the screen, whose size was looked at. Some are; but none so many times."""

_SMALL_PX = 1 << 16
"""So many pixels cost no more to unpack than to look at the frame at all."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """A frame as it is stored; *start* and *end* are offsets of its packed pixels."""

    left_px: int
    top_px: int
    width_px: int
    height_px: int
    interlaced: bool
    palette: bytes
    clear: int | None
    disposal: Disposal
    start: int
    end: int

    def box(self, size: tuple[int, int]) -> tuple[int, int, int, int]:
        """Return what of it lies on a screen of *size*."""
        left, top = min(self.left_px, size[0]), min(self.top_px, size[1])
        return (left, top, min(left + self.width_px, size[0]), min(top + self.height_px, size[1]))


class GifImageFile(FramesImageFile, GifImagePlugin.GifImageFile):
    """A GIF. Its first frame has a mode of Pillow's, the others are RGBA."""

    accepts = staticmethod(lambda prefix: prefix.startswith((b"GIF87a", b"GIF89a")))

    def _open(self) -> None:
        super()._open()
        self._painted = 0
        # Outside of its first frame, Pillow fills the screen with the transparent colour, or else with any.
        if "transparency" not in self.info and self.tile[0].extents != (0, 0, *self.size):
            self._mode, self._painted = "RGBA", -1

    @cached_property
    def _film(self) -> Film:
        self._file = cast(BinaryIO, self._fp)
        self._pieces = list(_pieces(self._file))
        if not self._pieces:
            raise SyntaxError("no frame in it")
        frames = [Frame(piece.box(self.size), piece.disposal, over=True) for piece in self._pieces]
        return Film(self.size, frames, self._pixels)

    @property
    def n_frames(self) -> int:
        """How many frames there are, whether or not all of them can be decoded."""
        return len(self._film.frames)

    def load(self) -> Any:  # Pillow's PixelAccess, which has no public name
        """Decode the frame, and those before it that were not yet."""
        if self._painted == 0 == self._at:
            return GifImagePlugin.GifImageFile.load(self)
        return super().load()

    def painted(self, number: int) -> Image.Image:
        """Return frame *number*, which is RGBA."""
        shown = self._film.shown(number)
        self._mode, self.palette, self.tile = "RGBA", None, []
        self.info.pop("transparency", None)
        return shown

    def _pixels(self, number: int) -> NDArray[np.uint8]:
        piece = self._pieces[number]
        left, top, right, bottom = piece.box(self.size)
        if left >= right or top >= bottom:
            return np.zeros((max(0, bottom - top), max(0, right - left), 4), np.uint8)
        colours = np.zeros((256, 4), np.uint8)
        colours[:, 3] = 255
        known = np.frombuffer(piece.palette, np.uint8).reshape(-1, 3)
        colours[: len(known), :3] = known
        if piece.clear is not None:
            colours[piece.clear] = 0
        return colours[self._numbers(piece)[: bottom - top, : right - left]]

    def _numbers(self, piece: _Piece) -> NDArray[np.uint8]:
        """Unpack the number of each pixel's colour, shape (h, w)."""
        size = (piece.width_px, piece.height_px)
        if size[0] * size[1] > max(_MAX_SCREENS * self.width * self.height, _SMALL_PX):
            raise Image.DecompressionBombError(f"a frame of {size[0]}x{size[1]} pixels")
        self._file.seek(piece.start)
        (bits,), blocks = self._file.read(1), self._file.read(piece.end - piece.start - 1)
        return np.asarray(Image.frombytes("L", size, blocks, "gif", bits, piece.interlaced, -1))


_GREYS = bytes(number for number in range(256) for _ in range(3))


def _palette(file: BinaryIO, flags: int) -> bytes | None:
    """Read the palette that *flags* announce, whole colours of it."""
    if not flags & 0x80:
        return None
    colours = file.read(3 << (flags & 7) + 1)
    return colours[: len(colours) // 3 * 3]


def _skip_blocks(file: BinaryIO) -> None:
    while (length := file.read(1)) and length[0]:
        file.seek(length[0], 1)


def _pieces(file: BinaryIO) -> Iterator[_Piece]:
    """Find the frames, until the file ends. What is no block is passed over, as Pillow does."""
    file.seek(10)
    flags = file.read(3)[0]
    everybodys = _palette(file, flags) or _GREYS
    control = bytes(4)
    while (mark := file.read(1)) and mark != b";":
        if mark == b"!":
            kind = file.read(1)
            content = file.read((file.read(1) or b"\0")[0])
            if kind and kind[0] == _GRAPHIC_CONTROL and len(content) >= 4:
                control = content
            if content:
                _skip_blocks(file)
        elif mark == b",":
            if len(image := file.read(9)) < 9:
                return
            left, top, width_px, height_px, flags = struct.unpack("<4HB", image)
            palette = _palette(file, flags) or everybodys
            start = file.tell()
            if not file.read(1):
                return
            _skip_blocks(file)
            clear = control[3] if control[0] & 1 else None
            disposal = _DISPOSALS.get(control[0] >> 2 & 7, Disposal.KEEP)
            interlaced = bool(flags & 0x40)
            yield _Piece(
                left, top, width_px, height_px, interlaced, palette, clear, disposal, start, file.tell()
            )
            control = bytes(4)
