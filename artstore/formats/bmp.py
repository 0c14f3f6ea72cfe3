"""BMP and DIB: masks, runs of pixels and short palettes, after Microsoft's descriptions of bitmap storage and compression."""

from __future__ import annotations

import struct
from typing import IO, BinaryIO, cast

from PIL import BmpImagePlugin, Image, ImageFile, ImagePalette

from artstore.formats.masks import CODEC, Masks

_RLE = "oga_bmp_rle"

_BITFIELDS, _ALPHA_BITFIELDS = 3, 6

_FAST: frozenset[tuple[int, Masks]] = frozenset(
    {
        (16, (0xF800, 0x7E0, 0x1F, 0)),
        (16, (0x7C00, 0x3E0, 0x1F, 0)),
        (32, (0xFF0000, 0xFF00, 0xFF, 0)),
        (32, (0xFF0000, 0xFF00, 0xFF, 0xFF000000)),
        (32, (0, 0, 0, 0)),
    }
)
"""Bits and masks which Pillow reads, and reads well."""

_DIB_STARTS = frozenset(struct.pack("<I", size) for size in (12, 40, 52, 56, 64, 108, 124))
"""A DIB begins with the bytes of its header."""

_BITS_OF_MODE = {"1": 1, "L": 8}

_RAW_MODES = {1: "P;1", 4: "P;4", 8: "P"}


class BmpImageFile(BmpImagePlugin.BmpImageFile):
    """A bitmap, behind a head of 14 bytes which says where the pixels begin."""

    accepts = staticmethod(lambda prefix: prefix.startswith(b"BM"))

    def _bitmap(self, header: int = 0, offset: int = 0) -> None:
        file = cast(BinaryIO, self.fp)
        at = file.tell()
        head = file.read(56)
        file.seek(at)
        bits, masks = _masks(head)
        if any(masks) and (bits, masks) not in _FAST:
            self._open_masks(head, bits, masks, offset or at + _header_bytes(head))
            return
        super()._bitmap(header, offset)
        if self.mode in _BITS_OF_MODE:
            self._keep_numbers(bits_of(head))
        self.tile = [tile._replace(codec_name=_RLE) if tile[0] == "bmp_rle" else tile for tile in self.tile]

    def _open_masks(self, head: bytes, bits: int, masks: Masks, at: int) -> None:
        width_px, height_px = struct.unpack_from("<4xii", head)
        self._mode, self._size = "RGBA", (width_px, abs(height_px))
        row_bytes = (width_px * bits + 31) // 32 * 4
        arguments = (bits, masks, row_bytes, 1 if height_px < 0 else -1)
        self.tile = [ImageFile._Tile(CODEC, (0, 0, *self._size), at, arguments)]  # noqa: SLF001 - of all plugins

    def _keep_numbers(self, bits: int) -> None:
        """Read pixels of a grey palette as numbers of it, where Pillow takes them for the greys, and for as many bits."""
        if bits == _BITS_OF_MODE[self.mode] or bits not in _RAW_MODES:
            return
        greys = (0, 255) if self.mode == "1" else range(256)
        self.palette = ImagePalette.raw("RGB", bytes(grey for grey in greys for _ in range(3)))
        self._mode = "P"
        self.tile = [tile._replace(args=(_RAW_MODES[bits], *(tile.args or ())[1:])) for tile in self.tile]


class DibImageFile(BmpImageFile):
    """A bitmap that begins with its size, as it lies in icons."""

    format = "DIB"
    accepts = staticmethod(lambda prefix: prefix[:4] in _DIB_STARTS)

    def _open(self) -> None:
        self._bitmap()


class RleDecoder(ImageFile.PyDecoder):
    """Decodes ``(raw mode, of 4 bits, direction)``. What is left out has the first colour; what is past a row's end is lost."""

    _pulls_fd = True

    def decode(self, buffer: Image.DecoderInput) -> tuple[int, int]:  # noqa: ARG002
        """Decode all at once. Raises OSError if the file ends before the picture does."""
        _, of_4_bits, direction = self.args
        packed = cast(IO[bytes], self.fd).read()
        numbers = _unpacked(packed, self.state.xsize, self.state.ysize, of_4_bits=of_4_bits)
        self.set_as_raw(numbers, "L" if self.mode == "L" else "P", (0, direction))
        return -1, 0


def _unpacked(packed: bytes, width_px: int, height_px: int, *, of_4_bits: bool) -> bytes:
    """Return the number of each pixel's colour, row by row as they are stored."""
    numbers = bytearray(width_px * height_px)
    x = y = at = 0
    while y < height_px and at + 1 < len(packed):
        count, value = packed[at : at + 2]
        at += 2
        if count:
            run = (
                (bytes([value >> 4, value & 15]) * ((count + 1) // 2))[:count]
                if of_4_bits
                else bytes([value]) * count
            )
        elif value == 0:
            x, y = 0, y + 1
            continue
        elif value == 1:
            return bytes(numbers)
        elif value == 2:
            x, y, at = x + packed[at], y + packed[at + 1], at + 2
            continue
        else:
            size_bytes = (value + 1) // 2 if of_4_bits else value
            run = _halves(packed[at : at + size_bytes])[:value] if of_4_bits else packed[at : at + size_bytes]
            at += size_bytes + size_bytes % 2
        seen = run[: max(0, width_px - x)]
        numbers[y * width_px + x : y * width_px + x + len(seen)] = seen
        x += len(run)
    if y * width_px + x < width_px * height_px:
        raise OSError("the file ends before its picture does")
    return bytes(numbers)


def _halves(stored: bytes) -> bytes:
    return bytes(half for byte in stored for half in (byte >> 4, byte & 15))


def _header_bytes(head: bytes) -> int:
    """Return the bytes before the pixels of a DIB with masks."""
    (size_bytes,) = struct.unpack_from("<I", head)
    mask_bytes = {_BITFIELDS: 12, _ALPHA_BITFIELDS: 16}[_compression(head)] if size_bytes == 40 else 0
    return int(size_bytes + mask_bytes)


def bits_of(head: bytes) -> int:
    """Return the bits of a pixel, of a DIB's first 16 bytes."""
    old = head.startswith(b"\x0c\0\0\0")
    return int(struct.unpack_from("<10xH" if old else "<14xH", head)[0])


def _compression(head: bytes) -> int:
    return int(struct.unpack_from("<16xI", head)[0])


def _masks(head: bytes) -> tuple[int, Masks]:
    """Return the bits of a pixel and its masks, all of them 0 if there are none."""
    none = (0, 0, 0, 0)
    if (
        len(head) < 56
        or head.startswith(b"\x0c\0\0\0")
        or _compression(head) not in {_BITFIELDS, _ALPHA_BITFIELDS}
    ):
        return 0, none
    (size_bytes,) = struct.unpack_from("<I", head)
    red, green, blue, alpha = struct.unpack_from("<40x4I", head)
    bits = bits_of(head)
    if bits not in {16, 32}:
        return bits, none
    has_alpha = size_bytes >= 56 or _compression(head) == _ALPHA_BITFIELDS
    return bits, (red, green, blue, alpha if has_alpha else 0)


Image.register_decoder(_RLE, RleDecoder)
