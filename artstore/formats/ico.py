"""Icons of Windows: of the largest pictures in one the deepest, and its mask.

After Microsoft's description of icon files: a picture is a PNG, or a DIB that
claims twice its height, because a mask of what is clear follows the colours.
Pictures of 32 bits have alpha besides; where it is 0 everywhere, the mask counts.
"""

from __future__ import annotations

import struct
from io import BytesIO
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from artstore.formats import bmp, png
from artstore.formats.pixels import rgba

_ENTRY_BYTES = 16

_BITS_OF_PNG = 32


class IcoImageFile(ImageFile.ImageFile):
    """An icon, of the size that its picture has, whatever the list of pictures says."""

    format = "ICO"
    format_description = "Windows icon"
    accepts = staticmethod(lambda prefix: prefix.startswith(b"\0\0\1\0"))

    def _open(self) -> None:
        self._content = _best(cast(BinaryIO, self.fp))
        self._picture = _opened(self._content)
        self._mode, self._size = "RGBA", self._picture.size

    def load(self) -> Any:  # Pillow's PixelAccess, which has no public name
        """Decode the picture and apply its mask."""
        if self._im is None:
            pixels = rgba(self._picture)
            if isinstance(self._picture, _Dib):
                _mask(pixels, self._picture.colours_at, self._content)
            self.im = Image.fromarray(pixels).im
        return Image.Image.load(self)


class _Dib(bmp.DibImageFile):
    """The colours of a DIB, half of the height it claims."""

    def _open(self) -> None:
        super()._open()
        self._size = (self.width, self.height // 2)
        tile = self.tile[0]
        self.tile = [tile._replace(extents=(0, 0, *self._size))]
        self.colours_at = tile.offset


def _opened(content: bytes) -> png.PngImageFile | _Dib:
    return (png.PngImageFile if png.accepts(content) else _Dib)(BytesIO(content))


def _mask(pixels: NDArray[np.uint8], colours_at: int, content: bytes) -> None:
    """Make clear, in *pixels* of shape (h, w, 4), what the DIB's alpha or else its mask says."""
    height_px, width_px, _ = pixels.shape
    bits = _bits(content)
    colours_end = colours_at + (width_px * bits + 31) // 32 * 4 * height_px
    if bits == 32:
        alpha = np.frombuffer(content[colours_at + 3 : colours_end : 4], np.uint8)
        pixels[..., 3] = alpha.reshape(height_px, width_px)[::-1]
    if bits < 32 or not pixels[..., 3].any():
        pixels[..., 3] = _unmasked(content[colours_end:], width_px, height_px)


def _best(file: BinaryIO) -> bytes:
    """Return the deepest of the largest pictures. Raises SyntaxError if there is none."""
    (count,) = struct.unpack("<4xH", file.read(6))
    entries = file.read(count * _ENTRY_BYTES)
    found = []
    for at in range(0, len(entries) - _ENTRY_BYTES + 1, _ENTRY_BYTES):
        width_px, height_px, offset = struct.unpack_from("<BB10xI", entries, at)
        found.append(((width_px or 256) * (height_px or 256), offset))
    if not found:
        raise SyntaxError("an icon without pictures")
    most_px = max(found)[0]
    # Of equals the first.
    offset = max(
        (offset for area_px, offset in found if area_px == most_px), key=lambda at: _bits_at(file, at)
    )
    file.seek(offset)
    # Not as many bytes as the list claims: what follows a picture does no harm, and what is missing does.
    return file.read()


def _bits_at(file: BinaryIO, offset: int) -> int:
    file.seek(offset)
    return _bits(file.read(16))


def _bits(head: bytes) -> int:
    """Return the bits of a pixel: the list's own number is often 0."""
    if png.accepts(head):
        return _BITS_OF_PNG
    return bmp.bits_of(head) if len(head) >= 16 else 0


def _unmasked(mask: bytes, width_px: int, height_px: int) -> NDArray[np.uint8]:
    """Return the alpha that *mask* leaves, shape (h, w): a bit for each pixel, rows from below, each of whole 32 bits."""
    stride = (width_px + 31) // 32 * 4
    # Some icons end before their mask does, or have none: what is not masked is opaque.
    whole = np.zeros(stride * height_px, np.uint8)
    known = np.frombuffer(mask[: whole.size], np.uint8)
    whole[: known.size] = known
    bits = np.unpackbits(whole.reshape(height_px, stride), axis=1)[::-1, :width_px]
    return (1 - bits) * np.uint8(255)
