"""From any mode of Pillow to straight-alpha RGBA, at true values.

h and w are a picture's height and width in pixels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

_DIRECT = frozenset({"RGBA", "RGB", "P", "L", "LA", "PA", "RGBa", "1"})
"""Modes which Pillow itself turns into RGBA without loss."""


def rgba(image: Image.Image) -> NDArray[np.uint8]:
    """Return what is seen of *image*, shape (h, w, 4), in an array of its own. Raises what decoders raise."""
    upright = ImageOps.exif_transpose(image)
    if upright.mode == "La":
        upright = upright.convert("LA")
    if upright.mode.startswith("I;16"):
        return _from_grey16(upright)
    if upright.mode in {"I", "F"}:
        return _from_wide_grey(upright)
    if upright.mode not in _DIRECT:
        upright = upright.convert("RGB")
    return np.array(upright.convert("RGBA"))


def _from_grey16(image: Image.Image) -> NDArray[np.uint8]:
    grey = np.asarray(image).astype(np.uint16)
    pixels = _grey_to_rgba((grey >> 8).astype(np.uint8))
    if isinstance(hidden := image.info.get("transparency"), int):
        pixels[..., 3] = np.where(grey == hidden, 0, 255)
    return pixels


def _from_wide_grey(image: Image.Image) -> NDArray[np.uint8]:
    """Scale 32-bit grey, whose range the file does not name, by the smallest customary range that holds it."""
    # What is not a number is as dark as can be, and what is infinite as bright as the rest.
    grey = np.asarray(image, dtype=np.float64)
    finite = np.isfinite(grey)
    grey = np.where(finite, grey, np.where(grey > 0, grey.max(initial=0.0, where=finite), 0.0))
    top = float(grey.max(initial=0.0))
    full = next((full for full in (1.0, 255.0, 65535.0) if top <= full), max(top, 1.0))
    if image.mode == "I" and full == 1.0:
        full = 255.0
    return _grey_to_rgba((grey.clip(0.0) * (255.0 / full)).round().astype(np.uint8))


def _grey_to_rgba(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.dstack([grey, grey, grey, np.full_like(grey, 255)])
