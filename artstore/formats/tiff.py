"""TIFF: greys of more than 8 bits, planes of 16 bits and palettes of 8, after the TIFF 6.0 specification."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from PIL import Image, ImagePalette, TiffImagePlugin
from PIL.TiffImagePlugin import (
    BITSPERSAMPLE,
    COLORMAP,
    EXTRASAMPLES,
    PHOTOMETRIC_INTERPRETATION,
    PREFIXES,
    SAMPLEFORMAT,
    SAMPLESPERPIXEL,
)

_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB = 0, 1, 2
"""Photometric interpretations."""

_UNSPECIFIED, _PREMULTIPLIED, _STRAIGHT = 0, 1, 2
"""Kinds of extra samples."""

_UNSIGNED, _SIGNED = 1, 2
"""Formats of samples."""

_PLANAR = 2

_NATIVE = {"I;16BS": "I;16NS", "I;32BS": "I;32NS", "F;32BF": "F;32NF"}
"""Raw modes for what libtiff unpacked, which is in the order of this machine."""


class TiffImageFile(TiffImagePlugin.TiffImageFile):
    """A TIFF. Its tags are read anew for each page, and with them all that is said here of the page."""

    accepts = staticmethod(lambda prefix: prefix.startswith(tuple(PREFIXES)))

    def _setup(self) -> None:
        tags = self.tag_v2
        self._bits = tuple(tags.get(BITSPERSAMPLE, (1,)))
        photometric = tags.get(PHOTOMETRIC_INTERPRETATION, _WHITE_IS_ZERO)
        extra = tuple(tags.get(EXTRASAMPLES, (_UNSPECIFIED,)))
        has_wide_alpha = (photometric, self._bits) == (_BLACK_IS_ZERO, (16, 16)) and extra[0] != _UNSPECIFIED
        self._wide_alpha = extra[0] if has_wide_alpha else _UNSPECIFIED
        self._is_inverted = (photometric, self._bits) == (_WHITE_IS_ZERO, (16,))
        self._is_unsigned = self._bits == (32,) and tags.get(SAMPLEFORMAT, (_UNSIGNED,))[0] == _UNSIGNED
        if has_wide_alpha:
            self._pretend_rgba()
        # Of these Pillow knows but one, and not in every order of bytes.
        elif self._is_inverted:
            tags[PHOTOMETRIC_INTERPRETATION] = _BLACK_IS_ZERO
        elif self._is_unsigned:
            tags[SAMPLEFORMAT] = (_SIGNED,)
        super()._setup()
        self.tile = [tile._replace(args=self._with_right_bytes(tile.args)) for tile in self.tile]
        colours = tags.get(COLORMAP, ())
        if self.mode in {"P", "PA"} and colours and max(colours) < 256:
            self.palette = ImagePalette.raw("RGB;L", bytes(colours))

    def _with_right_bytes(self, arguments: Any) -> Any:
        """Return a tile's *arguments* with a raw mode of the right width and order of bytes."""
        raw_mode, *rest = arguments
        if self.use_load_libtiff:
            raw_mode = _NATIVE.get(raw_mode, raw_mode)
        elif self._planar_configuration == _PLANAR and set(self._bits) == {16}:
            raw_mode += ";16L" if self.tag_v2.prefix == b"II" else ";16B"
        return (raw_mode, *rest)

    def _pretend_rgba(self) -> None:
        """Have grey and alpha of 16 bits read as the four bytes they are: Pillow has no mode for both."""
        self.tag_v2[PHOTOMETRIC_INTERPRETATION] = _RGB
        self.tag_v2[BITSPERSAMPLE] = (8, 8, 8, 8)
        self.tag_v2[SAMPLESPERPIXEL] = 4
        self.tag_v2[EXTRASAMPLES] = (_STRAIGHT,)

    def load_end(self) -> None:
        """Bring greys to the range of their mode."""
        super().load_end()
        if self._wide_alpha:
            self._read_wide_alpha()
        elif self._bits == (12,):
            self._set(Image.fromarray(np.asarray(self) << np.uint16(4)))
        elif self._is_inverted and self.mode.startswith("I;16"):
            self._set(Image.fromarray(np.uint16(0xFFFF) - np.asarray(self).astype(np.uint16)))
        elif self._is_unsigned and self.mode == "I" and (numbers := np.asarray(self)).min() < 0:
            self._set(Image.fromarray(numbers.view(np.uint32).astype(np.float32)))

    def _read_wide_alpha(self) -> None:
        little = sys.byteorder == "little" if self.use_load_libtiff else self.tag_v2.prefix == b"II"
        high = 1 if little else 0
        premultiplied = self._wide_alpha == _PREMULTIPLIED
        self._set(
            Image.merge("La" if premultiplied else "LA", (self.getchannel(high), self.getchannel(high + 2)))
        )

    def _set(self, picture: Image.Image) -> None:
        self.im, self._mode = picture.im, picture.mode
