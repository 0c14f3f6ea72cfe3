"""PNG: the transparent colour is compared at the depth of the file, where Pillow compares what it made of the pixels."""

from __future__ import annotations

from typing import IO, Any

import numpy as np
from PIL import Image, PngImagePlugin

from artstore.formats.large_png import COLOUR_TYPES, LEAST_PX, MOST_PX, SIGNATURE, unpacked

_GREYS = {"L;2": (3, 85), "L;4": (15, 17), "L": (255, 1)}
"""Of raw modes of grey: the bits of a sample, and what Pillow multiplies it with to fill 8 bits."""


def accepts(prefix: bytes) -> bool:
    """Say whether a file may be a PNG, by its first bytes."""
    return prefix.startswith(SIGNATURE)


class PngImageFile(PngImagePlugin.PngImageFile):
    """A PNG that does not move."""

    accepts = staticmethod(accepts)
    _clear: tuple[int, int, int] | None = None
    """Of a picture of 16 bits for each colour: the one that is transparent."""

    def _open(self) -> None:
        super()._open()
        if self.png is not None and self.png.im_n_frames is not None:
            raise SyntaxError("an animation, which is another format's work")
        colour = self.info.get("transparency")
        if colour is not None and self.tile:
            self._keep_depth(colour, self.tile[0].args)

    def _keep_depth(self, colour: Any, raw_mode: object) -> None:
        """Mend the transparent *colour*, as Pillow read it: a number, three of them, or bytes."""
        if isinstance(colour, int) and raw_mode in _GREYS:
            bits, step = _GREYS[str(raw_mode)]
            self.info["transparency"] = (colour & bits) * step
        elif isinstance(colour, tuple) and raw_mode == "RGB;16B":
            self._clear = colour
            del self.info["transparency"]
        elif isinstance(colour, tuple):
            self.info["transparency"] = tuple(part & 255 for part in colour)

    def _load_large(self, file: IO[bytes]) -> None:
        """Decode what is large, of 8 bits a colour and not interlaced, if that can be done faster."""
        mode, is_large = self.mode, LEAST_PX <= self.width * self.height <= MOST_PX
        if (
            not is_large
            or mode not in COLOUR_TYPES
            or self.tile[0].args != mode
            or self.info.get("interlace")
        ):
            return
        offset = self.tile[0].offset
        image = unpacked(file, offset, mode, self.size)
        file.seek(offset)
        if image is not None:
            self.im = image.im
            # What Pillow does before and after: it reads what is behind the pixels.
            self.load_prepare()
            self.tile = []
            self.load_end()

    def load(self) -> Any:  # Pillow's PixelAccess, which has no public name
        """Decode. What is of 16 bits and has a transparent colour is decoded twice: Pillow keeps 8 of them at a time."""
        if not self.tile or self.fp is None:
            return super().load()
        if self._clear is None:
            self._load_large(self.fp)
            return super().load()
        file = self.fp
        at = file.tell()
        file.seek(0)
        with PngImagePlugin.PngImageFile(file) as other:
            other.tile = [tile._replace(args="RGB;16L") for tile in other.tile]
            low = np.array(other)
        file.seek(at)
        super().load()
        high = np.asarray(self)
        clear = (
            (high == [part >> 8 for part in self._clear]) & (low == [part & 255 for part in self._clear])
        ).all(2)
        alpha = np.where(clear, 0, 255).astype(np.uint8)
        self.im = Image.fromarray(np.dstack([high, alpha])).im
        self._mode = "RGBA"
        return Image.Image.load(self)
