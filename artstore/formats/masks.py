"""Pixels whose colours are bits of a number, at places which masks name: rarer kinds of BMP and DDS.

A value is scaled as a normalised number: the highest of its bits becomes 255.
h and w are a picture's height and width in pixels.
"""

from __future__ import annotations

from typing import IO, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

CODEC = "oga_masks"
"""Name for a tile of Pillow. Its arguments are a :class:`Layout`'s fields."""

Masks = tuple[int, int, int, int]
"""Red, green, blue and alpha. A mask of 0 means a colour of 0, and an alpha of 255."""

_ROWS_PX = 1 << 18
"""So many pixels at a time, which bounds the memory beside the picture itself."""


class MaskedDecoder(ImageFile.PyDecoder):
    """Decodes ``(bits, masks, row_bytes, direction)``: 8 to 32 bits a pixel; rows run down if *direction* is 1, up if -1."""

    _pulls_fd = True

    def decode(self, buffer: Image.DecoderInput) -> tuple[int, int]:  # noqa: ARG002
        """Decode all at once. Raises OSError if the file ends before the picture does."""
        bits, masks, row_bytes, direction = self.args
        width_px, height_px = self.state.xsize, self.state.ysize
        content = cast(IO[bytes], self.fd).read(row_bytes * height_px)
        if len(content) < row_bytes * height_px:
            raise OSError("the file ends before its picture does")
        stored = np.frombuffer(content, np.uint8).reshape(height_px, row_bytes)
        pixels = unmasked(stored[:, : width_px * (bits // 8)].reshape(height_px, width_px, bits // 8), masks)
        self.set_as_raw(pixels.tobytes(), "RGBA", (0, direction))
        return -1, 0


def unmasked(stored: NDArray[np.uint8], masks: Masks) -> NDArray[np.uint8]:
    """Return RGBA, shape (h, w, 4), of the little-endian bytes of pixels, shape (h, w, bytes)."""
    height_px, width_px, _ = stored.shape
    pixels = np.empty((height_px, width_px, 4), np.uint8)
    rows = max(1, _ROWS_PX // max(1, width_px))
    for top in range(0, height_px, rows):
        part = stored[top : top + rows]
        words = sum(part[..., place].astype(np.uint32) << (8 * place) for place in range(part.shape[2]))
        for band, mask in enumerate(masks):
            pixels[top : top + rows, :, band] = _band(np.asarray(words), mask, 255 if band == 3 else 0)
    return pixels


def _band(words: NDArray[np.uint32], mask: int, without: int) -> NDArray[np.uint8]:
    if not mask:
        return np.full(words.shape, without, np.uint8)
    shift = (mask & -mask).bit_length() - 1
    values = (words & np.uint32(mask)) >> np.uint32(shift)
    return (values * (255.0 / (mask >> shift)) + 0.5).astype(np.uint8)


Image.register_decoder(CODEC, MaskedDecoder)
