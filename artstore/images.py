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
from PIL import Image, ImageFile, UnidentifiedImageError

from artstore import formats, paintings
from artstore.errors import SYSTEM_ERRORS, PictureError
from artstore.formats.apng import ApngImageFile
from artstore.formats.aseprite import AsepriteImageFile
from artstore.formats.bmp import BmpImageFile, DibImageFile
from artstore.formats.dds import DdsImageFile
from artstore.formats.gif import GifImageFile
from artstore.formats.ico import IcoImageFile
from artstore.formats.pixels import rgba
from artstore.formats.png import PngImageFile
from artstore.formats.ppm import PpmImageFile
from artstore.formats.psd import PsdImageFile
from artstore.formats.svg import SvgImageFile
from artstore.formats.tga import TgaImageFile
from artstore.formats.tiff import TiffImageFile
from artstore.formats.xcf import XcfImageFile
from artstore.models import PictureFacts

SUFFIXES = (
    frozenset(
        ".png .apng .gif .jpg .jpeg .jpe .webp .bmp .dib .tga .tif .tiff .ico .dds .pcx .psd .psb .svg .svgz .xcf .ase .aseprite .ppm .pgm .pbm .pnm .avif .jp2 .j2k .jfif".split()
    )
    | paintings.SUFFIXES
)
"""Names that promise a picture which can be decoded."""

_OWN: list[type[ImageFile.ImageFile]] = [
    PngImageFile,
    ApngImageFile,
    GifImageFile,
    BmpImageFile,
    DibImageFile,
    IcoImageFile,
    DdsImageFile,
    TiffImageFile,
    PpmImageFile,
    PsdImageFile,
    SvgImageFile,
    XcfImageFile,
    AsepriteImageFile,
]
"""Formats that are read here, not by Pillow, or not by it alone."""

FORMATS = [
    *formats.register(_OWN),
    *"JPEG WEBP PCX AVIF JPEG2000".split(),
    # It has no magic number, so that it takes what all others left.
    *formats.register([TgaImageFile]),
]
"""What may be behind such a name. Not all that Pillow knows: EPS would be run, as a program, by Ghostscript."""

_ONE_PICTURE = frozenset({"PSD", "MPO"})
"""Formats whose frames are no likes of the picture that is seen: layers, and a thumbnail or another eye's view."""

MAX_HASHED_PX = 1 << 28
"""Of an animation, frames past this many pixels in all are counted but not hashed.

Some four seconds of work where frames are large and unpacked fast, and longer where they are not.
"""

MAX_DETAIL_LETTERS = 300
"""Of what a decoder says of a broken file, which may hold a piece of that file."""


# What decoders, Pillow's and those here, were seen to raise on broken files. It is wide enough that a bug in one of them
# looks like a broken file; but not Exception, so that what nobody has seen yet stops the work.
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
    ``missing_file``, ``out_of_memory`` or ``cannot_decode``. Raises OSError where it is this
    machine's fault, one of :data:`~artstore.errors.SYSTEM_ERRORS`.
    """
    with opened(source, max_px) as image:
        return rgba(image)


def read_frames(
    source: Path | BinaryIO, max_px: int, most: int, within_px: int
) -> Iterator[NDArray[np.uint8]]:
    """Yield *most* frames of *source* or all it has, evenly spread over its first *within_px* pixels: at least the first.

    Each is of shape (h, w, 4). Raises as :func:`read_rgba` does.
    """
    with opened(source, max_px) as image:
        last = max(0, min(_frame_count(image), within_px // (image.width * image.height)) - 1)
        left_px = within_px
        for number in sorted({last * step // max(1, most - 1) for step in range(most)}):
            image.seek(number)
            # Frames may be larger than the first one, and are not decoded yet.
            left_px -= image.width * image.height
            if number and left_px < 0:
                return
            _check_size(image.size, max_px)
            yield rgba(image)


def describe(source: Path | BinaryIO, max_px: int) -> PictureFacts:
    """Decode *source* and say what it is. Raises as :func:`read_rgba` does."""
    with opened(source, max_px) as image:
        frames = _frame_count(image)
        # Read now: decoding may turn a palette into RGB.
        facts = {"format": image.format or "", "mode": image.mode}
        first = rgba(image)
        height_px, width_px = first.shape[:2]
        return PictureFacts(
            **facts,
            width_px=width_px,
            height_px=height_px,
            frames=frames,
            pixel_hash=_pixel_hash(image, first, frames, max_px),
        )


def _frame_count(image: Image.Image) -> int:
    return 1 if image.format in _ONE_PICTURE else int(getattr(image, "n_frames", 1))


@contextmanager
def opened(source: Path | BinaryIO, max_px: int) -> Iterator[Image.Image]:
    """Give the picture as Pillow opens it, for those who want its own mode. Raises as :func:`read_rgba` does."""
    try:
        with _file(source) as file:
            seen = _seen(source, file, max_px)
            # Pillow looks at the frames of an animation while it makes room for them: here it must be Pillow that refuses.
            # Only ever raised: it is everybody's in this process.
            Image.MAX_IMAGE_PIXELS = max(Image.MAX_IMAGE_PIXELS or 0, max_px)
            with Image.open(seen, formats=FORMATS) as image:
                _check_size(image.size, max_px)
                yield image
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PictureError("too_many_pixels", str(error)[:MAX_DETAIL_LETTERS]) from error
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
        raise PictureError("cannot_decode", _words(error)) from error


def _words(error: BaseException) -> str:
    """Return what *error* says, in bounds, without the path of a file, which has no place in the catalog."""
    said = error.strerror if isinstance(error, OSError) and error.strerror else error
    return f"{type(error).__name__}: {said}".rstrip(": ")[:MAX_DETAIL_LETTERS]


def _file(source: Path | BinaryIO) -> AbstractContextManager[BinaryIO]:
    return source.open("rb") if isinstance(source, Path) else nullcontext(source)


def _seen(source: Path | BinaryIO, file: BinaryIO, max_px: int) -> BinaryIO:
    """Return the file of the picture that is seen: *file*, or what a painting program packed into it."""
    name = str(source if isinstance(source, Path) else getattr(source, "name", ""))
    return paintings.merged_picture(file, max_px) if paintings.is_painting_name(name) else file


def _check_size(size: tuple[int, int], max_px: int) -> None:
    width_px, height_px = size
    if width_px * height_px > max_px:
        raise PictureError("too_many_pixels", f"{width_px}x{height_px} is over the limit of {max_px} pixels")


def _pixel_hash(image: Image.Image, first: NDArray[np.uint8], frames: int, max_px: int) -> str:
    """Hash what can be seen of every frame: size and colour, but no colour hidden under alpha 0.

    *first* is the first frame, RGBA of shape (h, w, 4), and is changed.
    """
    digest = hashlib.blake2b(digest_size=16)
    _add_frame(digest, first)
    left_px = MAX_HASHED_PX - image.width * image.height
    for number in range(1, frames):
        image.seek(number)
        # Frames may be larger than the first one, and are not decoded yet.
        _check_size(image.size, max_px)
        left_px -= image.width * image.height
        if left_px < 0:
            digest.update(struct.pack("<I", frames))
            break
        _add_frame(digest, rgba(image))
    return digest.hexdigest()


def _add_frame(digest: hashlib.blake2b, pixels: NDArray[np.uint8]) -> None:
    pixels[pixels[..., 3] == 0] = 0
    digest.update(struct.pack("<II", *pixels.shape[:2]))
    digest.update(pixels.data)
