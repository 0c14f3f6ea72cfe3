"""Colours in the three spaces that GIMP blends layers in.

    (3, ...)    colours, float32: red, green, blue, 0 to 1, or L, a, b
    (4, h, w)   pixels: colours and alpha, not multiplied with it

*Encoded* is what a screen and an 8-bit picture take (sRGB, IEC 61966-2-1),
*linear* is proportional to light, *Lab* is CIE 1976 L*a*b* for D50.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


class Space(IntEnum):
    """The colour spaces, as an XCF file numbers them."""

    LINEAR = 1
    ENCODED = 2
    LAB = 3


# From linear sRGB to XYZ, adapted to D50 by Bradford's method (brucelindbloom.com).
_TO_XYZ = np.array(
    [
        [0.4360747, 0.3850649, 0.1430804],
        [0.2225045, 0.7168786, 0.0606169],
        [0.0139322, 0.0971045, 0.7141733],
    ],
    np.float32,
)
_FROM_XYZ = np.linalg.inv(_TO_XYZ.astype(np.float64)).astype(np.float32)
_WHITE = _TO_XYZ.sum(axis=1)[:, None]

# The CIE's constants of L*a*b*, as exact fractions.
_EPSILON, _KAPPA = 216 / 24389, 24389 / 27


def linear_of(encoded: Floats) -> Floats:
    """Return *encoded* in proportion to light."""
    bright = ((np.maximum(encoded, 0) + np.float32(0.055)) / np.float32(1.055)) ** np.float32(2.4)
    return np.where(encoded > 0.04045, bright, encoded / np.float32(12.92))


def encoded_of(linear: Floats) -> Floats:
    """Undo :func:`linear_of`."""
    bright = np.maximum(linear, 0) ** np.float32(1 / 2.4) * np.float32(1.055) - np.float32(0.055)
    return np.where(linear > 0.0031308, bright, linear * np.float32(12.92))


def lab_of(linear: Floats) -> Floats:
    """Return linear colours, shape (3, n), as L (0 to 100), a and b."""
    xyz = _TO_XYZ @ linear / _WHITE
    x, y, z = np.where(xyz > _EPSILON, np.cbrt(xyz), (np.float32(_KAPPA) * xyz + 16) / 116)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def linear_of_lab(lab: Floats) -> Floats:
    """Undo :func:`lab_of`."""
    y = (lab[0] + 16) / 116
    f = np.stack([y + lab[1] / 500, y, y - lab[2] / 200])
    xyz = np.where(f**3 > _EPSILON, f**3, (116 * f - 16) / np.float32(_KAPPA)) * _WHITE
    linear: Floats = _FROM_XYZ @ xyz
    return linear


def _encoded_of_lab(lab: Floats) -> Floats:
    return encoded_of(linear_of_lab(lab))


def _lab_of_encoded(encoded: Floats) -> Floats:
    return lab_of(linear_of(encoded))


_WAYS: dict[tuple[Space, Space], Callable[[Floats], Floats]] = {
    (Space.ENCODED, Space.LINEAR): linear_of,
    (Space.LINEAR, Space.ENCODED): encoded_of,
    (Space.LINEAR, Space.LAB): lab_of,
    (Space.LAB, Space.LINEAR): linear_of_lab,
    (Space.ENCODED, Space.LAB): _lab_of_encoded,
    (Space.LAB, Space.ENCODED): _encoded_of_lab,
}


def converted(colours: Floats, have: Space, want: Space) -> Floats:
    """Return *colours* in the space *want*: the same array where that is *have*. To or from Lab they are (3, n)."""
    return colours if have == want else _WAYS[have, want](colours)


_BYTES = np.arange(256, dtype=np.float32) / np.float32(255)
_OF_BYTE = {
    (have, want): converted(_BYTES, have, want)
    for have in (Space.LINEAR, Space.ENCODED)
    for want in (Space.LINEAR, Space.ENCODED)
}

# Fine enough where sRGB is steepest: a step of 1 / 65535 is a twentieth of a step of 8 bits.
_BYTE_OF_LINEAR = (
    (encoded_of(np.arange(65536, dtype=np.float32) / np.float32(65535)) * 255).round().astype(np.uint8)
)


def floats_of(pixels: NDArray[np.uint8] | Floats, have: Space, want: Space) -> Floats:
    """Return pixels, bytes or floats of the space *have*, as floats of *want*: another array."""
    floats = np.empty(pixels.shape, np.float32)
    if pixels.dtype == np.uint8:
        levels = pixels.astype(np.intp)
        np.take(_OF_BYTE[have, want], levels[:3], out=floats[:3], mode="clip")
        np.take(_BYTES, levels[3], out=floats[3], mode="clip")
    else:
        floats[:3] = converted(pixels[:3].astype(np.float32), have, want)
        floats[3] = pixels[3]
    return floats


def bytes_of(pixels: Floats, have: Space) -> NDArray[np.uint8]:
    """Return pixels as the encoded bytes of a picture, of the same shape."""
    scale = np.full((4, 1, 1), 255 if have == Space.ENCODED else 65535, np.float32)
    scale[3] = 255
    steps = (np.clip(pixels, 0, 1) * scale + np.float32(0.5)).astype(np.uint16)
    rgba = steps.astype(np.uint8)
    if have == Space.LINEAR:
        np.take(_BYTE_OF_LINEAR, steps[:3], out=rgba[:3], mode="clip")
    return rgba
