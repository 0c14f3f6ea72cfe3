"""Documents of painting programs that carry the finished picture beside their layers: OpenRaster and Krita.

Both are zips with a ``mergedimage.png``; an OpenRaster file must have one, and Krita writes one.
"""

from __future__ import annotations

import zipfile
from io import BytesIO
from pathlib import PurePosixPath
from typing import BinaryIO

from artstore.errors import PictureError

SUFFIXES = frozenset({".ora", ".kra"})

MERGED = "mergedimage.png"

_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
"""Those that both formats use, and of which no more is unpacked than is asked for."""

MAX_MERGED_BYTES = 1 << 27
"""Of the finished picture, packed, whatever its number of pixels."""

_PX_BYTES, _OTHER_BYTES = 8, 1 << 20
"""What a PNG needs at most: 16 bits a colour and alpha for each pixel, and beside the pixels a profile or a thumbnail."""


def is_painting_name(path: str) -> bool:
    """Say whether *path* is named like one: a zip, but not an archive of pictures."""
    return PurePosixPath(path).suffix.lower() in SUFFIXES


def merged_picture(file: BinaryIO, max_px: int) -> BytesIO:
    """Return the PNG of the finished picture in *file*, of no more bytes than *max_px* pixels can need.

    Raises :class:`~artstore.errors.PictureError`, and what zipfile raises on broken input.
    """
    max_bytes = min(MAX_MERGED_BYTES, _PX_BYTES * max_px + _OTHER_BYTES)
    with zipfile.ZipFile(file) as archive:
        try:
            info = archive.getinfo(MERGED)
        except KeyError:
            raise PictureError("cannot_decode", f"no {MERGED} in it, the finished picture") from None
        if info.file_size > max_bytes:
            raise PictureError("too_many_pixels", f"{MERGED} has more than {max_bytes} bytes")
        if info.compress_type not in _METHODS:
            raise PictureError("cannot_decode", f"{MERGED} is packed as no program does it")
        with archive.open(info) as member:
            return BytesIO(member.read(info.file_size))
