"""Pictures: one way to open them all, at their true values.

Pixels leave this module as straight-alpha RGBA, uint8, shape (h, w, 4): palettes
applied, 16-bit grey scaled (not clipped), orientation of the camera undone.
Pillow does the decoding.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path, PurePosixPath
from typing import BinaryIO
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, IcoImagePlugin, Image, ImageFile, ImageOps, PngImagePlugin, UnidentifiedImageError

from artstore import formats, paintings
from artstore.errors import SYSTEM_ERRORS, PictureError
from artstore.models import PictureFacts

SUFFIXES = (
    frozenset(
        ".png .apng .gif .jpg .jpeg .jpe .webp .bmp .dib .tga .tif .tiff .ico .dds .pcx .psd .ppm .pgm .pbm".split()
    )
    | paintings.SUFFIXES
)
"""Names that promise a picture which can be decoded."""

_OWN: list[type[ImageFile.ImageFile]] = []
"""Formats that are read here, not by Pillow."""

FORMATS = [
    *"PNG GIF JPEG WEBP BMP DIB TIFF ICO DDS PCX PSD PPM AVIF JPEG2000 TGA".split(),
    *formats.register(_OWN),
]
"""What may be behind such a name. Not all that Pillow knows: EPS would be run, as a program, by Ghostscript."""

_TGA_16 = "BGRA;15"
"""Raw mode of Pillow: 5 bits of each colour, and a set bit for what is opaque."""

_TGA_DESCRIPTOR_AT = 17

_NO_ALPHA = "oga-no-alpha"
"""Key in a picture's info: its file says that it has no alpha."""

_GREY_STEPS = {"L;2": 85, "L;4": 17}
"""Raw modes of PNG whose pixels Pillow multiplies to fill 8 bits, but not their transparent grey."""

_ONE_PICTURE = frozenset({"PSD", "MPO"})
"""Formats whose frames are no likes of the picture that is seen: layers, and a thumbnail or another eye's view."""

MAX_HASHED_PX = 1 << 28
"""Of an animation, frames past this many pixels in all are counted but not hashed (a second or two of work)."""


# What Pillow's decoders were seen to raise on broken files, beside OSError. Not Exception: a bug of ours must show.
DECODER_ERRORS = (
    OSError,
    EOFError,
    SyntaxError,
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    ArithmeticError,
    AssertionError,
    # Also NotImplementedError, of a format's rarer kinds.
    RuntimeError,
    MemoryError,
    struct.error,
    zlib.error,
    BadZipFile,
)


def is_picture_name(path: str) -> bool:
    """Say whether *path* is named like a picture."""
    return PurePosixPath(path).suffix.lower() in SUFFIXES


def read_rgba(source: Path | BinaryIO, max_px: int) -> NDArray[np.uint8]:
    """Return the first frame of *source*, shape (h, w, 4).

    Raises :class:`~artstore.errors.PictureError` with a reason: ``too_many_pixels``,
    ``missing_file`` or ``cannot_decode``.
    """
    with opened(source, max_px) as image:
        return _rgba(image)


def describe(source: Path | BinaryIO, max_px: int) -> PictureFacts:
    """Decode *source* and say what it is. Raises as :func:`read_rgba` does."""
    with opened(source, max_px) as image:
        frames = 1 if image.format in _ONE_PICTURE else int(getattr(image, "n_frames", 1))
        # Read now: decoding may turn a palette into RGB.
        facts = {"format": image.format or "", "mode": image.mode}
        width_px, height_px = _upright_size(image)
        return PictureFacts(
            **facts,
            width_px=width_px,
            height_px=height_px,
            frames=frames,
            pixel_hash=_pixel_hash(image, frames, max_px),
        )


@contextmanager
def opened(source: Path | BinaryIO, max_px: int) -> Iterator[Image.Image]:
    """Give the picture as Pillow opens it, for those who want its own mode. Raises as :func:`read_rgba` does."""
    try:
        with _file(source) as file:
            seen = _seen(source, file)
            _check_icon(seen, max_px)
            # Pillow looks at the frames of an animation while it makes room for them: here it must be Pillow that refuses.
            # Only ever raised: it is everybody's in this process.
            Image.MAX_IMAGE_PIXELS = max(Image.MAX_IMAGE_PIXELS or 0, max_px)
            with Image.open(seen, formats=FORMATS) as image:
                _check_size(image.size, max_px)
                _scale_transparency(image)
                _read_attributes(image, seen)
                yield image
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PictureError("too_many_pixels", str(error)) from error
    except FileNotFoundError as error:
        raise PictureError("missing_file", "the file is not there") from error
    except UnidentifiedImageError as error:
        # Its own words name the file by its absolute path, which has no place in the catalog.
        raise PictureError("cannot_decode", "not a picture of any known format") from error
    except MemoryError as error:
        raise PictureError("out_of_memory", "decoding it takes more memory than there is") from error
    except DECODER_ERRORS as error:
        if isinstance(error, OSError) and error.errno in SYSTEM_ERRORS:
            raise
        raise PictureError("cannot_decode", f"{type(error).__name__}: {error}".rstrip(": ")) from error


def _file(source: Path | BinaryIO) -> AbstractContextManager[BinaryIO]:
    return source.open("rb") if isinstance(source, Path) else nullcontext(source)


def _seen(source: Path | BinaryIO, file: BinaryIO) -> BinaryIO:
    """Return the file of the picture that is seen: *file*, or what a painting program packed into it."""
    name = str(source if isinstance(source, Path) else getattr(source, "name", ""))
    return paintings.merged_picture(file) if paintings.is_painting_name(name) else file


def _check_icon(file: BinaryIO, max_px: int) -> None:
    """Look at the picture behind an icon's list of sizes: Pillow decodes it while opening, whatever the list claims."""
    is_icon = file.read(4) == b"\0\0\1\0"
    file.seek(0)
    if is_icon:
        file.seek(IcoImagePlugin.IcoFile(file).entry[0].offset)
        head = file.read(24)
        file.seek(0)
        if head.startswith(b"\x89PNG"):
            width_px, height_px = struct.unpack(">II", head[16:])
            _check_size((width_px, height_px), max_px)


def _check_size(size: tuple[int, int], max_px: int) -> None:
    width_px, height_px = size
    if width_px * height_px > max_px:
        raise PictureError("too_many_pixels", f"{width_px}x{height_px} is over the limit of {max_px} pixels")


def _upright_size(image: Image.Image) -> tuple[int, int]:
    lying = image.getexif().get(ExifTags.Base.Orientation) in {5, 6, 7, 8}
    return (image.height, image.width) if lying else image.size


def _scale_transparency(image: Image.Image) -> None:
    """Bring the transparent colour of a PNG to the 8 bits that Pillow brings its pixels to."""
    colour = image.info.get("transparency")
    if not isinstance(image, PngImagePlugin.PngImageFile) or not image.tile:
        return
    raw_mode = image.tile[0].args
    if isinstance(colour, int) and raw_mode in _GREY_STEPS:
        image.info["transparency"] = colour * _GREY_STEPS[raw_mode]
    elif isinstance(colour, tuple) and raw_mode == "RGB;16B":
        image.info["transparency"] = tuple(part >> 8 for part in colour)


def _read_attributes(image: Image.Image, file: BinaryIO) -> None:
    """Read the alpha of a TGA as it is meant.

    A set bit of 16 means opaque, which Pillow takes for transparent; where the
    header says that there are no bits of alpha, they are mostly 0 and mean nothing.
    """
    if image.format != "TGA" or not isinstance(image, ImageFile.ImageFile):
        return
    image.tile = [
        tile._replace(args=(_TGA_16, *tile.args[1:])) if tile.args and tile.args[0] == "BGRA;15Z" else tile
        for tile in image.tile
    ]
    at = file.tell()
    file.seek(_TGA_DESCRIPTOR_AT)
    image.info[_NO_ALPHA] = not file.read(1)[0] & 0x0F
    file.seek(at)


def _pixel_hash(image: Image.Image, frames: int, max_px: int) -> str:
    """Hash what can be seen of every frame: size and colour, but no colour hidden under alpha 0."""
    digest = hashlib.blake2b(digest_size=16)
    affordable = max(1, MAX_HASHED_PX // max(1, image.width * image.height))
    for number in range(min(frames, affordable)):
        if number:
            image.seek(number)
            # Frames may be larger than the first one, and are not decoded yet.
            _check_size(image.size, max_px)
        rgba = _rgba(image)
        rgba[rgba[..., 3] == 0] = 0
        digest.update(struct.pack("<II", *rgba.shape[:2]))
        digest.update(rgba.data)
    if frames > affordable:
        digest.update(struct.pack("<I", frames))
    return digest.hexdigest()


def _rgba(image: Image.Image) -> NDArray[np.uint8]:
    upright = ImageOps.exif_transpose(image)
    if upright.mode == "La":
        upright = upright.convert("LA")
    if upright.mode.startswith("I;16"):
        return _from_grey16(upright)
    if upright.mode in {"I", "F"}:
        return _from_wide_grey(upright)
    if upright.mode not in {"RGBA", "RGB", "P", "L", "LA", "PA", "La", "RGBa", "1"}:
        upright = upright.convert("RGB")
    rgba = np.array(upright.convert("RGBA"))
    if upright.info.get(_NO_ALPHA) and not rgba[..., 3].any():
        rgba[..., 3] = 255
    return rgba


def _from_grey16(image: Image.Image) -> NDArray[np.uint8]:
    grey = np.asarray(image).astype(np.uint16)
    rgba = _grey_to_rgba((grey >> 8).astype(np.uint8))
    if isinstance(hidden := image.info.get("transparency"), int):
        rgba[..., 3] = np.where(grey == hidden, 0, 255)
    return rgba


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
