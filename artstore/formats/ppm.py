"""PPM and PGM whose samples are not of 8 bits: Pillow reads them one by one in Python, and rounds where PNG cuts.

After the manual pages of Netpbm: samples up to a given number, of two bytes, the higher one first, where it is more than 255.
"""

from __future__ import annotations

from typing import IO, cast

import numpy as np
from PIL import Image, ImageFile, PpmImagePlugin

_CODEC = "oga_ppm"

_MAGIC = tuple(f"P{kind}".encode() for kind in "0123456f")

_FULL = 0xFFFF


class PpmImageFile(PpmImagePlugin.PpmImageFile):
    """A picture of Netpbm."""

    accepts = staticmethod(lambda prefix: prefix.startswith(_MAGIC))

    def _open(self) -> None:
        super()._open()
        self.tile = [tile._replace(codec_name=_CODEC) if tile[0] == "ppm" else tile for tile in self.tile]


class SamplesDecoder(ImageFile.PyDecoder):
    """Decodes ``(mode, largest sample)``."""

    _pulls_fd = True

    def decode(self, buffer: Image.DecoderInput) -> tuple[int, int]:  # noqa: ARG002
        """Decode row by row. Raises OSError if the file ends before the picture does."""
        _, largest = self.args
        kind = np.dtype("u1" if largest < 256 else ">u2")
        row_bytes = self.state.xsize * Image.getmodebands(self.mode) * kind.itemsize
        pixels = bytearray()
        for _ in range(self.state.ysize):
            stored = cast(IO[bytes], self.fd).read(row_bytes)
            if len(stored) < row_bytes:
                raise OSError("the file ends before its picture does")
            samples = np.minimum(np.frombuffer(stored, kind), largest).astype(np.uint32)
            # As other formats keep the upper half of 16 bits, so that the same picture is the same.
            whole = samples if largest == _FULL else (samples * _FULL + largest // 2) // largest
            pixels += (
                whole.astype("<u4").tobytes() if self.mode == "I" else (whole >> 8).astype("u1").tobytes()
            )
        self.set_as_raw(bytes(pixels), "I;32" if self.mode == "I" else self.mode)
        return -1, 0


Image.register_decoder(_CODEC, SamplesDecoder)
