"""The colours of Photoshop documents, turned into straight-alpha RGB of 8 bits.

h and w are the height and width of the picture.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

_STRIPE_PX = 1 << 20
"""Pixels that are reckoned at a time, in types some times wider than theirs."""

_WHITE_D50 = np.array([0.96422, 1.0, 0.82521], np.float32)

_XYZ_TO_SRGB = np.array(
    [
        [3.1338561, -0.9787684, 0.0719453],
        [-1.6168667, 1.9161415, -0.2289914],
        [-0.4906146, 0.0334540, 1.4052427],
    ],
    np.float32,
)
"""From light of D50 to linear sRGB, for rows."""

_ROUNDING = 2
"""By how much a colour may be darker than the white under it: two roundings."""

_MOST_DARKER = 0.01
"""Of the half transparent pixels that may be darker still, in a picture that was laid over white all the same."""


def to_8_bits(plane: bytes, width_px: int, depth_bits: int, *, is_alpha: bool) -> NDArray[np.uint8]:
    """Return *plane*, rows of 1, 8, 16 or 32 bits, big endian, as shape (h, w).

    Colours of 32 bits are floats of linear light, 1 being white, and get the curve
    of sRGB; what is brighter is white. A set bit of 1 is black.
    """
    if depth_bits == 1:
        packed = np.frombuffer(plane, np.uint8).reshape(-1, (width_px + 7) // 8)
        bits: NDArray[np.uint8] = np.unpackbits(packed, axis=1, count=width_px)
        return (1 - bits) * np.uint8(255)
    if depth_bits == 32:
        return _from_floats(np.frombuffer(plane, ">f4").reshape(-1, width_px), is_alpha=is_alpha)
    # Of 16 bits the upper ones.
    return np.frombuffer(plane, np.uint8)[:: depth_bits // 8].reshape(-1, width_px)


def _from_floats(plane: NDArray[np.float32], *, is_alpha: bool) -> NDArray[np.uint8]:
    result = np.empty(plane.shape, np.uint8)
    for stripe in _stripes(*plane.shape):
        # Any bits may come, also those of numbers that are none.
        with np.errstate(invalid="ignore"):
            light = plane[stripe].astype(np.float32)
        result[stripe] = from_shares(light, is_linear=not is_alpha)
    return result


def from_shares(shares: NDArray[np.float32], *, is_linear: bool) -> NDArray[np.uint8]:
    """Return *shares* of full colour, any numbers, as 8 bits, those of *linear* light with the curve of sRGB."""
    within = np.nan_to_num(shares, nan=0.0).clip(0.0, 1.0)
    return _to_bytes(_with_curve(within) if is_linear else within)


def take_off_white(colours: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> None:
    """Undo in *colours*, shape (h, w, n), that they were laid over white, where *alpha*, shape (h, w), lets it through.

    Photoshop writes them so, with 255 for no ink of CMYK too, but other programs do
    not. Then some half transparent pixels are darker than what would shine through.
    """
    partial = darker = 0
    for stripe in _stripes(*alpha.shape):
        part = (alpha[stripe] > 0) & (alpha[stripe] < 255)
        through = 255 - alpha[stripe].astype(np.int16)
        partial += int(part.sum())
        darker += int((part & (colours[stripe].min(axis=2) + _ROUNDING < through)).sum())
    if darker > _MOST_DARKER * partial:
        return
    for stripe in _stripes(*alpha.shape):
        opacity = alpha[stripe].astype(np.int32)[..., np.newaxis]
        over_white = colours[stripe].astype(np.int32)
        own = ((over_white + opacity - 255) * 255 + opacity // 2) // opacity.clip(1)
        colours[stripe] = np.where((opacity > 0) & (opacity < 255), own.clip(0, 255), over_white)


def from_palette(canvas: NDArray[np.uint8], palette: bytes, transparent: int | None) -> None:
    """Turn the numbers in the first place of *canvas*, shape (h, w, 4), into colours and alpha.

    *palette* is 256 reds, then the greens, then the blues. Raises OSError if it is shorter.
    """
    if len(palette) < 768:
        raise OSError(f"its palette has {len(palette)} bytes, not 768")
    colours = np.full((256, 4), 255, np.uint8)
    colours[:, :3] = np.frombuffer(palette[:768], np.uint8).reshape(3, 256).T
    if transparent is not None and transparent < 256:
        colours[transparent, 3] = 0
    for stripe in _stripes(*canvas.shape[:2]):
        canvas[stripe] = colours[canvas[stripe][..., 0]]


def from_cmyk(canvas: NDArray[np.uint8]) -> None:
    """Turn *canvas*, shape (h, w, 4), from inks, 255 being none, into opaque RGBA; of a profile nothing is known."""
    for stripe in _stripes(*canvas.shape[:2]):
        paper = canvas[stripe].astype(np.uint16)
        canvas[stripe][..., :3] = (paper[..., :3] * paper[..., 3:] + 127) // 255
    canvas[..., 3] = 255


def from_lab(canvas: NDArray[np.uint8]) -> None:
    """Turn *canvas*, shape (h, w, 4), from L*, a* and b*, white point D50, into sRGB.

    255 is an L* of 100; a* and b* are 128 too large. By CIE 15, and Bruce Lindbloom's matrix from XYZ to sRGB.
    """
    for stripe in _stripes(*canvas.shape[:2]):
        lab = canvas[stripe][..., :3].astype(np.float32)
        grey = (lab[..., 0] / 2.55 + 16) / 116
        roots = np.stack([grey + (lab[..., 1] - 128) / 500, grey, grey - (lab[..., 2] - 128) / 200], axis=-1)
        xyz = np.where(roots > 6 / 29, roots**3, (roots - 4 / 29) * (108 / 841)) * _WHITE_D50
        canvas[stripe][..., :3] = _to_bytes(_with_curve((xyz @ _XYZ_TO_SRGB).clip(0.0, 1.0)))


def _with_curve(light: NDArray[np.float32]) -> NDArray[np.float32]:
    """From linear light to sRGB, both 0 to 1, as IEC 61966-2-1 has it."""
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** np.float32(1 / 2.4) - 0.055)


def _to_bytes(shares: NDArray[np.float32]) -> NDArray[np.uint8]:
    return (shares * 255.0).round().astype(np.uint8)


def _stripes(height_px: int, width_px: int) -> Iterator[slice]:
    rows = max(1, _STRIPE_PX // width_px)
    for top in range(0, height_px, rows):
        yield slice(top, top + rows)
