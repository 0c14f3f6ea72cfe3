"""The finished picture in a Photoshop document, read without its layers.

h and w are the height and width of the picture, which is stored plane after plane.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from struct import Struct
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from artstore.formats import psd_colours
from artstore.formats.psd_document import Header, Mode, exactly, read_sections, unpacked

_OVER_WHITE = frozenset({Mode.RGB, Mode.GREY, Mode.CMYK})
"""Of what is half transparent, the colours are stored as they look on white paper."""

_CHUNK_BYTES = 1 << 16


def read_rgba(file: IO[bytes], header: Header) -> NDArray[np.uint8] | None:
    """Return the finished picture, straight-alpha RGBA of shape (h, w, 4), or None if there is none beside the layers.

    Raises OSError or ValueError if it cannot be read.
    """
    sections = read_sections(file, header)
    if not sections.is_finished:
        return None
    planes = _planes_of_8_bits(file, header, sections.alpha_at)
    # Before there is room for it: where pixels are only claimed, none are found.
    first = next(planes)
    canvas = np.full((*first.shape, 4), 255, np.uint8)
    canvas[..., 0] = first
    for place in range(1, header.colours):
        canvas[..., place] = next(planes)
    alpha = next(planes, None)
    if alpha is not None and header.mode in _OVER_WHITE and header.depth_bits <= 16:
        psd_colours.take_off_white(canvas[..., : header.colours], alpha)
    if header.mode == Mode.INDEXED:
        psd_colours.from_palette(canvas, sections.palette, sections.transparent)
    else:
        to_rgb(canvas, header)
    if alpha is not None:
        canvas[..., 3] = alpha
    return canvas


def to_rgb(canvas: NDArray[np.uint8], header: Header) -> None:
    """Turn the colours in *canvas*, shape (h, w, 4), from those of *header*, but for a palette's, into opaque RGBA."""
    if header.mode == Mode.LAB:
        psd_colours.from_lab(canvas)
    elif header.colours == 4:
        psd_colours.from_cmyk(canvas)
    elif header.colours == 1:
        canvas[..., 1:3] = canvas[..., :1]


def _planes_of_8_bits(file: IO[bytes], header: Header, alpha_at: int | None) -> Iterator[NDArray[np.uint8]]:
    """Give the colours and, if there is one, the alpha, each of shape (h, w)."""
    wanted = [*range(header.colours), *([] if alpha_at is None else [alpha_at])]
    for index, plane in zip(wanted, _planes(file, header, wanted), strict=True):
        yield psd_colours.to_8_bits(plane, header.width_px, header.depth_bits, is_alpha=index == alpha_at)


def _planes(file: IO[bytes], header: Header, wanted: Sequence[int]) -> Iterator[bytes]:
    """Give the channels *wanted*, ascending numbers, each unpacked."""
    packing = unpacked(file, Struct(">H"))[0]
    if packing == 0:
        yield from _raw_planes(file, header, wanted)
    elif packing == 1:
        yield from _rle_planes(file, header, wanted)
    elif packing in {2, 3}:
        yield from _zipped_planes(file, header, wanted, differences=packing == 3)
    else:
        raise OSError(f"its pixels are packed in an unknown way, {packing}")


def _raw_planes(file: IO[bytes], header: Header, wanted: Sequence[int]) -> Iterator[bytes]:
    start = file.tell()
    for index in wanted:
        file.seek(start + index * header.plane_bytes)
        yield exactly(file, header.plane_bytes)


def _rle_planes(file: IO[bytes], header: Header, wanted: Sequence[int]) -> Iterator[bytes]:
    """First come the lengths of the packed rows of all channels, then these rows."""
    from psd_tools.compression import decode_rle

    kind = np.dtype(">u2" if header.version == 1 else ">u4")
    table = exactly(file, header.channels * header.height_px * kind.itemsize)
    rows = np.frombuffer(table, kind).reshape(header.channels, header.height_px)
    ends = file.tell() + np.cumsum(rows.sum(axis=1, dtype=np.int64))
    for index in wanted:
        size_bytes = int(rows[index].sum(dtype=np.int64))
        file.seek(int(ends[index]) - size_bytes)
        packed = rows[index].tobytes() + exactly(file, size_bytes)
        yield decode_rle(packed, header.width_px, header.height_px, header.depth_bits, header.version)


def _zipped_planes(
    file: IO[bytes], header: Header, wanted: Sequence[int], *, differences: bool
) -> Iterator[bytes]:
    """All channels are one stream, perhaps of differences between neighbours."""
    from psd_tools.compression import decode_prediction

    stream = zlib.decompressobj()
    for index in range(wanted[-1] + 1):
        plane = _inflated(file, stream, header.plane_bytes)
        if index in wanted:
            size = (header.width_px, header.height_px)
            yield decode_prediction(plane, *size, header.depth_bits) if differences else plane


def _inflated(file: IO[bytes], stream: Any, size_bytes: int) -> bytes:
    """Return the next *size_bytes* of *stream*, a decompressobj, which is fed from *file*."""
    plane = bytearray()
    while len(plane) < size_bytes:
        packed = stream.unconsumed_tail or file.read(_CHUNK_BYTES)
        try:
            piece = stream.decompress(packed, size_bytes - len(plane))
        except zlib.error as error:
            raise OSError(f"its pixels cannot be unpacked: {error}") from error
        if not packed and not piece:
            raise OSError("truncated: the file ends within its pixels")
        plane += piece
    return bytes(plane)
