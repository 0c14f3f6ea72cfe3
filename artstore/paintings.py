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

MAX_MERGED_BYTES = 1 << 29


def is_painting_name(path: str) -> bool:
    """Say whether *path* is named like one: a zip, but not an archive of pictures."""
    return PurePosixPath(path).suffix.lower() in SUFFIXES


def merged_picture(file: BinaryIO) -> BytesIO:
    """Return the PNG of the finished picture in *file*.

    Raises :class:`~artstore.errors.PictureError`, and what zipfile raises on broken input.
    """
    with zipfile.ZipFile(file) as archive:
        try:
            info = archive.getinfo(MERGED)
        except KeyError:
            raise PictureError("cannot_decode", f"no {MERGED} in it, the finished picture") from None
        if info.file_size > MAX_MERGED_BYTES:
            raise PictureError("too_many_pixels", f"{MERGED} has more than {MAX_MERGED_BYTES} bytes")
        if info.compress_type not in _METHODS:
            raise PictureError("cannot_decode", f"{MERGED} is packed as no program does it")
        with archive.open(info) as member:
            return BytesIO(member.read(info.file_size))
