"""Animated PNG, after the chapters on it in the third edition of the PNG specification.

Each frame is made a PNG of its own, which is decoded as any other. A picture that
is none of the frames, for viewers which show no animations, is left out; where no
frame is sound, it is all there is.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from itertools import takewhile
from typing import BinaryIO, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from artstore.formats.film import Disposal, Film, Frame, FramesImageFile
from artstore.formats.large_png import SIGNATURE
from artstore.formats.pixels import rgba
from artstore.formats.png import PngImageFile, accepts

_SHARED = frozenset({b"PLTE", b"tRNS"})
"""Chunks which say what the pixels of all frames mean."""

_DISPOSALS = {0: Disposal.KEEP, 1: Disposal.CLEAR, 2: Disposal.RESTORE}

_MAX_SHARED_BYTES = 768


@dataclass(slots=True)
class _Parts:
    """What a file is made of: header, shared chunks, and (offset, bytes) of all data of each picture."""

    header: bytes = b""
    shared: list[tuple[bytes, bytes]] = field(default_factory=list)
    promised: int = 0
    still: list[tuple[int, int]] = field(default_factory=list)
    frames: list[tuple[bytes, list[tuple[int, int]]]] = field(default_factory=list)


class ApngImageFile(FramesImageFile):
    """An animation, each frame as large as the canvas."""

    format = "APNG"
    format_description = "Animated PNG"
    accepts = staticmethod(accepts)

    def _open(self) -> None:
        self.format = "PNG"  # As such pictures are called by everybody.
        self._file = cast(BinaryIO, self.fp)
        parts = _parts(self._file)
        if len(parts.header) < 13 or not (parts.still or parts.frames):
            raise SyntaxError("no picture in it")
        self._parts = parts
        self._mode, self._size = "RGBA", struct.unpack(">II", parts.header[:8])
        frames = _frames(parts, self._size)
        if not frames:
            parts.frames = [(b"", parts.still)]
            frames = [Frame((0, 0, *self._size), Disposal.KEEP, over=False)]
        self._film = Film(self._size, frames, self._pixels)
        self.n_frames = len(frames)
        self.is_animated = self.n_frames > 1

    def painted(self, number: int) -> Image.Image:
        """Return frame *number*, after those before it that were not yet decoded."""
        return self._film.shown(number)

    def _pixels(self, number: int) -> NDArray[np.uint8]:
        left, top, right, bottom = self._film.frames[number].box
        header = struct.pack(">II", right - left, bottom - top) + self._parts.header[8:]
        chunks = [(b"IHDR", header), *self._parts.shared]
        for offset, size_bytes in self._parts.frames[number][1]:
            self._file.seek(offset)
            chunks.append((b"IDAT", self._file.read(size_bytes)))
        chunks.append((b"IEND", b""))
        with PngImageFile(BytesIO(SIGNATURE + b"".join(_chunk(*chunk) for chunk in chunks))) as still:
            return rgba(still)


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _chunks(file: BinaryIO) -> Iterator[tuple[bytes, int, int]]:
    """Give each chunk's kind, the offset of its content, and the bytes of it, until the file ends."""
    file.seek(len(SIGNATURE))
    while len(head := file.read(8)) == 8:
        size_bytes, kind = struct.unpack(">I4s", head)
        at = file.tell()
        yield kind, at, size_bytes
        file.seek(at + size_bytes + 4)


def _parts(file: BinaryIO) -> _Parts:
    parts = _Parts()
    for kind, at, size_bytes in takewhile(lambda chunk: chunk[0] != b"IEND", _chunks(file)):
        if kind == b"IDAT":
            parts.still.append((at, size_bytes))
            if parts.frames:
                parts.frames[-1][1].append((at, size_bytes))
        elif kind == b"fdAT" and parts.frames:
            parts.frames[-1][1].append((at + 4, max(0, size_bytes - 4)))
        elif kind == b"fcTL":
            parts.frames.append((file.read(26), []))
        elif kind == b"IHDR" and not parts.header:
            parts.header = file.read(13)
        elif kind == b"acTL":
            (parts.promised,) = struct.unpack(">I", file.read(4))
        elif kind in _SHARED and size_bytes <= _MAX_SHARED_BYTES and not parts.still:
            parts.shared.append((kind, file.read(size_bytes)))
    return parts


def _frames(parts: _Parts, size: tuple[int, int]) -> list[Frame]:
    """Return the frames up to the first one that is unsound: cut off, or not within the canvas."""
    sound = []
    for control, data in parts.frames[: parts.promised]:
        if len(control) < 26 or not data:
            break
        width_px, height_px, left, top = struct.unpack_from(">4I", control, 4)
        if not (0 < width_px <= size[0] - left and 0 < height_px <= size[1] - top):
            break
        box = (left, top, left + width_px, top + height_px)
        # The picture for old viewers is as large as the header says.
        if data[0] in parts.still and box != (0, 0, *size):
            break
        sound.append(Frame(box, _DISPOSALS.get(control[24], Disposal.KEEP), over=control[25] == 1))
    return sound
