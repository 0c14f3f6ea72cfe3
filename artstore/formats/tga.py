"""TGA, after the TGA 2.0 specification and what programs write.

Where the header says that there are no bits of alpha, they are mostly 0 and mean
nothing. Runs of pixels may go on in the next row, as the first specification had it.
h and w are a picture's height and width in pixels.
"""

from __future__ import annotations

import os
import struct
from typing import IO, BinaryIO, cast

from PIL import Image, ImageFile, ImagePalette

_HEADER = struct.Struct("<BBBHHBHHHHBB")

_RLE = "oga_tga_rle"

_PACKED = 8
"""Of kinds of pictures: the bit that says that there are runs."""

_FOOTER_BYTES, _FOOTER_END = 26, b"TRUEVISION-XFILE.\0"

_ALPHA_KIND_AT = 494
"""In the extension which the footer points to. 0 there means: no alpha."""

_NUMBERS, _COLOURS, _GREYS = 1, 2, 3

_KINDS = frozenset({1, 2, 3, 9, 10, 11})

_MODES = {
    (_NUMBERS, 8): ("P", "P"),
    (_COLOURS, 15): ("RGBA", "BGRA;15"),
    (_COLOURS, 16): ("RGBA", "BGRA;15"),
    (_COLOURS, 24): ("RGB", "BGR"),
    (_COLOURS, 32): ("RGBA", "BGRA"),
    (_GREYS, 1): ("1", "1"),
    (_GREYS, 8): ("L", "L"),
    (_GREYS, 16): ("LA", "LA"),
}
"""Of kind and bits of a pixel: the mode, and how it is stored."""


class TgaImageFile(ImageFile.ImageFile):
    """A TGA. Having no magic number, it is to be tried after all other formats."""

    format = "TGA"
    format_description = "Targa"

    def _open(self) -> None:
        file = cast(BinaryIO, self.fp)
        id_bytes, has_palette, kind, first, count, colour_bits, _, _, *size, bits, flags = _HEADER.unpack(
            file.read(_HEADER.size)
        )
        if has_palette > 1 or kind not in _KINDS:
            raise SyntaxError("not a TGA")
        self._mode, raw_mode = _MODES[kind & 3, bits]
        self._size = (size[0], size[1])
        self._has_alpha = bool(flags & 0x0F)
        self._from_right = bool(flags & 0x10)
        file.seek(id_bytes, os.SEEK_CUR)
        if has_palette:
            self._read_palette(file, first, count, colour_bits)
        elif self.mode == "P":
            self._mode = raw_mode = "L"
        direction = 1 if flags & 0x20 else -1
        packed = bool(kind & _PACKED)
        arguments = (raw_mode, bits if packed else 0, direction)
        codec = _RLE if packed else "raw"
        self.tile = [ImageFile._Tile(codec, (0, 0, *self.size), file.tell(), arguments)]  # noqa: SLF001 - of all plugins

    def _read_palette(self, file: BinaryIO, first: int, count: int, colour_bits: int) -> None:
        """Read *count* colours, of which the first has number *first*. Raises SyntaxError if they are cut off."""
        _, raw_mode = _MODES[_COLOURS, colour_bits]
        stored = file.read(count * ((colour_bits + 7) // 8))
        if self.mode != "P" or not count:
            return
        colours = Image.frombytes("RGBA" if "A" in raw_mode else "RGB", (count, 1), stored, "raw", raw_mode)
        if not self._has_alpha:
            _make_opaque(colours)
        whole = Image.new("RGBA", (256, 1), (0, 0, 0, 255))
        whole.paste(colours, (first, 0))
        self.palette = ImagePalette.ImagePalette("RGBA", whole.tobytes())
        self.palette.dirty = 1

    def load_end(self) -> None:
        """Make opaque what has no alpha, and put the left on the left."""
        if self._says_no_alpha():
            self.putalpha(255)
        elif not self._has_alpha:
            _make_opaque(self)
        if self._from_right:
            self.im = self.im.transpose(Image.Transpose.FLIP_LEFT_RIGHT)

    def _says_no_alpha(self) -> bool:
        if self.mode not in {"RGBA", "LA"}:
            return False
        file = cast(BinaryIO, self.fp)
        size_bytes = file.seek(0, os.SEEK_END)
        file.seek(max(0, size_bytes - _FOOTER_BYTES))
        footer = file.read(_FOOTER_BYTES)
        if not footer.endswith(_FOOTER_END):
            return False
        (extension_at,) = struct.unpack_from("<I", footer)
        file.seek(extension_at + _ALPHA_KIND_AT)
        return extension_at > 0 and file.read(1) == b"\0"


def _make_opaque(image: Image.Image) -> None:
    """Make *image* opaque if it has alpha which is 0 everywhere."""
    if image.mode in {"RGBA", "LA"} and image.getchannel("A").getextrema() == (0, 0):
        image.putalpha(255)


class RleDecoder(ImageFile.PyDecoder):
    """Decodes ``(raw mode, bits of a pixel, direction)``."""

    _pulls_fd = True

    def decode(self, buffer: Image.DecoderInput) -> tuple[int, int]:  # noqa: ARG002
        """Decode all at once. Raises ValueError if the file ends before the picture does, or does not fit."""
        raw_mode, bits, direction = self.args
        packed = cast(IO[bytes], self.fd).read()
        # In one long row no run can go on in the next, where Pillow gives up.
        row = (self.state.xsize * self.state.ysize, 1)
        pixels = Image.frombytes(self.mode, row, packed, "tga_rle", raw_mode, 1, bits)
        self.set_as_raw(pixels.tobytes(), self.mode, (0, direction))
        return -1, 0


Image.register_decoder(_RLE, RleDecoder)
