"""DDS, the textures of Direct3D: the kinds which Pillow refuses, reads slowly, or reads without their meaning.

After Microsoft's programming guide for DDS. Of cubes, volumes and mipmaps the
first surface is read. What is named "sRGB" holds the very bytes that are shown.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any, BinaryIO, cast

from PIL import Image, ImageFile, ImagePalette

from artstore.formats.masks import CODEC, Masks

_HEADER_BYTES = 128

_DX10_BYTES = 20

_ALPHA_PIXELS, _ALPHA, _FOURCC, _PALETTE_8, _RGB, _LUMINANCE = 0x1, 0x2, 0x4, 0x20, 0x40, 0x20000
"""Flags of the pixel format."""

_PREMULTIPLIED, _OPAQUE = 2, 3
"""Meanings of alpha in a header of Direct3D 10."""

_BLOCKS = {
    b"DXT1": (1, "DXT1"),
    b"DXT2": (2, "DXT3"),
    b"DXT3": (2, "DXT3"),
    b"DXT4": (3, "DXT5"),
    b"DXT5": (3, "DXT5"),
    b"ATI1": (4, "BC4"),
    b"BC4U": (4, "BC4"),
    b"ATI2": (5, "BC5"),
    b"BC5U": (5, "BC5"),
    b"BC5S": (5, "BC5S"),
}
"""Of four-letter codes: what Pillow's decoder of blocks calls them."""

_DXGI_BLOCKS = (
    dict.fromkeys((70, 71, 72), (1, "BC1"))
    | dict.fromkeys((73, 74, 75), (2, "BC2"))
    | dict.fromkeys((76, 77, 78), (3, "BC3"))
    | dict.fromkeys((79, 80), (4, "BC4"))
    | dict.fromkeys((82, 83), (5, "BC5"))
    | {84: (5, "BC5S"), 95: (6, "BC6H"), 96: (6, "BC6HS")}
    | dict.fromkeys((97, 98, 99), (7, "BC7"))
)

_MODES = {4: "L", 5: "RGB", 6: "RGB"}
"""Of block kinds without alpha."""

_RGBA8: Masks = (0xFF, 0xFF00, 0xFF0000, 0xFF000000)
_BGRA8: Masks = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)
_BGRX8: Masks = (0xFF0000, 0xFF00, 0xFF, 0)

_DXGI_MASKS: dict[int, tuple[int, Masks]] = (
    dict.fromkeys((27, 28, 29), (32, _RGBA8))
    | dict.fromkeys((87, 90, 91), (32, _BGRA8))
    | dict.fromkeys((88, 92, 93), (32, _BGRX8))
    | {
        24: (32, (0x3FF, 0xFFC00, 0x3FF00000, 0xC0000000)),
        49: (16, (0xFF, 0xFF00, 0, 0)),
        61: (8, (0xFF, 0xFF, 0xFF, 0)),
        65: (8, (0, 0, 0, 0xFF)),
        85: (16, (0xF800, 0x7E0, 0x1F, 0)),
        86: (16, (0x7C00, 0x3E0, 0x1F, 0x8000)),
        115: (16, (0xF00, 0xF0, 0xF, 0xF000)),
    }
)
"""Of formats of Direct3D 10 which are not packed: the bits of a pixel, and its masks. One lone colour is a grey, as in BC4."""


class DdsImageFile(ImageFile.ImageFile):
    """A texture's first surface."""

    format = "DDS"
    format_description = "DirectDraw Surface"
    accepts = staticmethod(lambda prefix: prefix.startswith(b"DDS "))
    _alpha_means = 0

    def _open(self) -> None:
        file = cast(BinaryIO, self.fp)
        header = file.read(_HEADER_BYTES)
        if len(header) < _HEADER_BYTES:
            raise SyntaxError("the header is cut off")
        height_px, width_px = struct.unpack_from("<II", header, 12)
        self._size = (width_px, height_px)
        flags, code, bits, *masks = struct.unpack_from("<I4s5I", header, 80)
        if flags & _FOURCC and code == b"DX10":
            self._open_dx10(file.read(_DX10_BYTES))
        elif flags & _FOURCC:
            self._open_blocks(*_BLOCKS[code], _HEADER_BYTES)
            self._alpha_means = _PREMULTIPLIED if code in {b"DXT2", b"DXT4"} else 0
        elif flags & _PALETTE_8:
            self._mode, self.palette = "P", ImagePalette.ImagePalette("RGBA", file.read(1024))
            self.palette.dirty = 1
            self._set_tile("raw", file.tell(), "P")
        else:
            self._open_masks(bits, _meant(flags, bits, masks), _HEADER_BYTES)

    def _open_dx10(self, extra: bytes) -> None:
        number, _, _, _, misc = struct.unpack("<5I", extra)
        at = _HEADER_BYTES + _DX10_BYTES
        if number in _DXGI_MASKS:
            self._open_masks(*_DXGI_MASKS[number], at)
        else:
            self._open_blocks(*_DXGI_BLOCKS[number], at)
        self._alpha_means = misc & 7

    def _open_blocks(self, kind: int, name: str, at: int) -> None:
        self._mode = _MODES.get(kind, "RGBA")
        self._set_tile("bcn", at, (kind, name))

    def _open_masks(self, bits: int, masks: Masks, at: int) -> None:
        if bits not in {8, 16, 24, 32}:
            raise SyntaxError(f"{bits} bits for a pixel")
        self._mode = "RGBA"
        self._set_tile(CODEC, at, (bits, masks, self.width * bits // 8, 1))

    def _set_tile(self, codec: str, at: int, arguments: tuple[Any, ...] | str) -> None:
        self.tile = [ImageFile._Tile(codec, (0, 0, *self.size), at, arguments)]  # noqa: SLF001 - of all plugins

    def load_end(self) -> None:
        """Apply what the file says of its alpha."""
        if self.mode == "RGBA" and self._alpha_means == _PREMULTIPLIED:
            self.im = Image.frombytes("RGBa", self.size, self.tobytes()).convert("RGBA").im
        elif self.mode == "RGBA" and self._alpha_means == _OPAQUE:
            self.im.fillband(3, 255)


def _meant(flags: int, bits: int, masks: Sequence[int]) -> Masks:
    """Return which of *masks* count, of pixels of *bits*. Raises SyntaxError if the flags name no kind of pixels."""
    red, green, blue, alpha = masks
    if not flags & (_ALPHA_PIXELS | _ALPHA):
        alpha = 0
    if flags & _RGB:
        return red, green, blue, alpha
    if flags & _LUMINANCE:
        # Pillow writes greys with masks for 32 bits, which their 8 or 16 bits do not have.
        red = red if red < 1 << bits else 0xFF
        alpha = alpha if alpha < 1 << bits else 0xFF00 & (1 << bits) - 1
        return red, red, red, alpha
    if flags & _ALPHA:
        return 0, 0, 0, alpha
    raise SyntaxError("pixels of no known kind")
