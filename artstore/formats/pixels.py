"""From any mode of Pillow to straight-alpha RGBA, at true values.

h and w are a picture's height and width in pixels.
"""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

_DIRECT = frozenset({"RGBA", "RGB", "P", "L", "LA", "PA", "RGBa", "1"})
"""Modes which Pillow itself turns into RGBA without loss."""


_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What undoes each value of the orientation tag of EXIF 2.3, of which 1 is upright."""

_TAG_ERRORS = (
    ArithmeticError,
    AttributeError,
    LookupError,
    OSError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
)
"""What Pillow raises where the camera's tags are rubbish."""


STRIPE_PX = 1 << 20
"""Pixels that are copied at a time: the whole at once takes up to three times its memory more."""


def rgba(image: Image.Image) -> NDArray[np.uint8]:
    """Return what is seen of *image*, shape (h, w, 4), in an array of its own. Raises what decoders raise."""
    # Before its tags are asked for: a PNG may have them behind its pixels.
    image.load()
    if image.im.size != image.size:
        # A picture within a picture was turned while it was decoded; a copy has the size of its pixels.
        image = image.copy()
    turn = _turn(image)
    upright = image if turn is None else image.transpose(turn)
    if upright.mode == "La":
        upright = upright.convert("LA")
    if upright.mode.startswith("I;16"):
        return _from_grey16(upright)
    if image.format == "PPM" and upright.mode == "I":
        return _grey_to_rgba((np.asarray(upright) >> 8).astype(np.uint8))
    if upright.mode in {"I", "F"}:
        return _from_wide_grey(upright)
    if upright.mode not in _DIRECT:
        upright = upright.convert("RGB")
    return _copied(upright)


def _copied(image: Image.Image) -> NDArray[np.uint8]:
    pixels = np.empty((image.height, image.width, 4), np.uint8)
    rows = max(1, STRIPE_PX // image.width)
    for top in range(0, image.height, rows):
        stripe = image.crop((0, top, image.width, min(image.height, top + rows)))
        pixels[top : top + rows] = np.asarray(stripe if stripe.mode == "RGBA" else stripe.convert("RGBA"))
    return pixels


def _turn(image: Image.Image) -> Image.Transpose | None:
    """Return what puts *image*, which is decoded, upright; None if it is, or if its tags do not say."""
    if image.format == "TIFF":
        # Pillow turns it while it decodes.
        return None
    try:
        return _TURNS.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    except _TAG_ERRORS:
        return None


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
