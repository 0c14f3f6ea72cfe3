"""Pixels in an XCF file: tiles of 64 by 64, which are read one by one.

A tile's bytes are the first bytes of all its pixels, then the second ones and so
on where they are packed as runs, and else pixel after pixel. Numbers of more
than one byte are big-endian (from version 12 on; before, those of the machine).
Written after "Documentation of the XCF file format" of the GIMP developers.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import IO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from artstore.formats import xcf_runs
from artstore.formats.gimp_colours import Floats, Space

TILE_PX = 64

MAX_TILES = 1 << 18
"""Tiles drawn of one picture, all layers together: a gigapixel, such as 64 layers of 4096 by 4096."""

MAX_REREADS = 4
"""A file's tiles may be unpacked this often in all. An honest file's are once, or twice at the seams of bands; without
a limit a small file could say that thousands of layers have the same costly tiles."""

_SLACK_BYTES = 1 << 20

_BATCH_BYTES = 1 << 23
"""Bytes of tiles that are unpacked at a time; what packs them is some times that."""

Samples = NDArray[np.uint8] | Floats


class XcfFile:
    """A file with its way to say a place in it, and a limit to how much is read of it."""

    def __init__(self, file: IO[bytes], version: int) -> None:
        self.file = file
        self.version = version
        self._pointer = struct.Struct(">Q" if version >= 11 else ">I")
        self._size_bytes = file.seek(0, 2)
        self._left_bytes = MAX_REREADS * self._size_bytes + _SLACK_BYTES
        self._left_tiles = MAX_TILES

    def read(self, size_bytes: int) -> bytes:
        """Read so many bytes on. Raises OSError if there are fewer."""
        data = self.read_some(size_bytes)
        if len(data) < size_bytes:
            raise OSError("the file ends too early")
        return data

    def read_some(self, size_bytes: int) -> bytes:
        """Read so many bytes on, or what there is of them."""
        # No more is made room for than the file has, whatever a claim.
        return self.file.read(min(size_bytes, self._size_bytes))

    def numbers(self, count: int) -> tuple[int, ...]:
        """Read unsigned numbers of 32 bits."""
        return struct.unpack(f">{count}I", self.read(4 * count))

    def pointer(self) -> int:
        """Read a place in the file; 0 stands for nowhere."""
        return int(self._pointer.unpack(self.read(self._pointer.size))[0])

    def pointers(self, at: int, first: int, count: int) -> list[int]:
        """Return *count* places and the one that follows, of a list that begins *at*, or 0 where the file ended."""
        self.seek(at + first * self._pointer.size)
        data = self.read_some((count + 1) * self._pointer.size)
        whole = data[: len(data) // self._pointer.size * self._pointer.size]
        places = [int(place) for (place,) in self._pointer.iter_unpack(whole)]
        return places + [0] * (count + 1 - len(places))

    def seek(self, at: int) -> None:
        """Go to a place. Raises ValueError if it is not in the file."""
        if at > self._size_bytes:
            raise ValueError("a pointer leads out of the file")
        self.file.seek(at)

    def skip(self, size_bytes: int) -> None:
        """Go on by so many bytes."""
        self.seek(self.file.tell() + size_bytes)

    def count_tiles(self, count: int) -> None:
        """Count tiles that are drawn. Raises ValueError if they are too many."""
        self._left_tiles -= count
        if self._left_tiles < 0:
            raise ValueError("its layers have too many tiles")

    def count_unpacked(self, packed_bytes: int) -> None:
        """Count what was unpacked. Raises ValueError if it is more than an honest file has."""
        self._left_bytes -= packed_bytes
        if self._left_bytes < 0:
            raise ValueError("its layers have the same tiles over and over")


def _cut(tiles: Sequence[bytes], sizes_bytes: Sequence[int]) -> tuple[bytes, int]:
    parts = [data[:size_bytes] for data, size_bytes in zip(tiles, sizes_bytes, strict=True)]
    if [len(part) for part in parts] != list(sizes_bytes):
        raise OSError("a tile ends too early")
    return b"".join(parts), sum(sizes_bytes)


def _inflated(tiles: Sequence[bytes], sizes_bytes: Sequence[int]) -> tuple[bytes, int]:
    parts, taken_bytes = [], 0
    for data, size_bytes in zip(tiles, sizes_bytes, strict=True):
        stream = zlib.decompressobj()
        parts.append(stream.decompress(data, size_bytes))
        taken_bytes += len(data) - len(stream.unused_data) - len(stream.unconsumed_tail)
    return _cut(parts, sizes_bytes)[0], taken_bytes


_UNPACK: tuple[Callable[[Sequence[bytes], Sequence[int]], tuple[bytes, int]], ...] = (
    _cut,
    xcf_runs.undone,
    _inflated,
)
"""By the number of a packing: each returns what it unpacked, and how many bytes it took for it."""


@dataclass(frozen=True, slots=True)
class Coding:
    """How the samples of all tiles of a picture are written."""

    packing: int
    """0 not at all, 1 runs, 2 zlib."""

    sample: np.dtype[np.generic]
    space: Space

    def planes(
        self, source: XcfFile, tiles: Sequence[bytes], sizes_px: Sequence[int], channels: int
    ) -> Iterator[Samples]:
        """Give the samples of each tile, shape (channels, pixels): bytes as they are, others as floats 0 to 1.

        Raises OSError, ValueError or zlib.error.
        """
        pixel_bytes = channels * self.sample.itemsize
        sizes_bytes = [size_px * pixel_bytes for size_px in sizes_px]
        unpacked, taken_bytes = _UNPACK[self.packing](tiles, sizes_bytes)
        source.count_unpacked(taken_bytes)
        plain, end = memoryview(unpacked), 0
        for size_bytes in sizes_bytes:
            end += size_bytes
            raw = np.frombuffer(plain[end - size_bytes : end], np.uint8)
            in_planes = self.packing == 1
            yield self._samples(raw.reshape(pixel_bytes, -1) if in_planes else raw.reshape(-1, pixel_bytes).T)

    def _samples(self, raw: NDArray[np.uint8]) -> Samples:
        """Return what the bytes of pixels, shape (bytes of a pixel, pixels), stand for."""
        if self.sample.itemsize == 1:
            return np.ascontiguousarray(raw)
        values = np.ascontiguousarray(raw.T).view(self.sample).T
        if values.dtype.kind == "u":
            return np.ascontiguousarray(values / float(np.iinfo(values.dtype).max), np.float32)
        # More than white cannot be shown; what is not a number is black.
        with np.errstate(over="ignore", invalid="ignore"):
            return np.clip(np.nan_to_num(values.astype(np.float32, order="C"), nan=0.0), 0, 1)


@dataclass(frozen=True, slots=True)
class Raster:
    """A rectangle of pixels that the file has in tiles."""

    source: XcfFile
    coding: Coding
    width_px: int
    height_px: int
    channels: int
    tiles_at: int

    @classmethod
    def read(cls, source: XcfFile, coding: Coding, at: int, size: tuple[int, int], channels: int) -> Raster:
        """Read the two headers before the tiles of what is of *size*. Raises ValueError if they say something else."""
        source.seek(at)
        width_px, height_px, pixel_bytes = source.numbers(3)
        level_at = source.pointer()
        if (width_px, height_px) != size or pixel_bytes != channels * coding.sample.itemsize or not level_at:
            raise ValueError("a layer's pixels are not of its size or kind")
        source.seek(level_at)
        if source.numbers(2) != size:
            raise ValueError("a layer's pixels are not of its size")
        return cls(source, coding, width_px, height_px, channels, source.file.tell())

    def tiles(self, box: tuple[int, int, int, int]) -> Iterator[tuple[int, int, Samples]]:
        """Give the top, the left and the samples, (channels, h, w), of each tile that touches *box*.

        The box is left, top, right, bottom in pixels. Where the file leaves a tile out, all its samples are 0.
        """
        batch_tiles = max(
            1, _BATCH_BYTES // (TILE_PX * TILE_PX * self.channels * self.coding.sample.itemsize)
        )
        places = self._places(box)
        while batch := list(islice(places, batch_tiles)):
            there = [place for place in batch if place.at]
            tiles = [self._packed(place) for place in there]
            sizes_px = [place.height_px * place.width_px for place in there]
            planes = self.coding.planes(self.source, tiles, sizes_px, self.channels)
            for place in batch:
                shape = (self.channels, place.height_px, place.width_px)
                samples = next(planes).reshape(shape) if place.at else np.zeros(shape, np.uint8)
                yield place.top, place.left, samples

    def _places(self, box: tuple[int, int, int, int]) -> Iterator[_Place]:
        left, top, right, bottom = box
        first, last = left // TILE_PX, (right - 1) // TILE_PX
        columns = -(-self.width_px // TILE_PX)
        for row in range(top // TILE_PX, (bottom - 1) // TILE_PX + 1):
            ats = self.source.pointers(self.tiles_at, row * columns + first, last - first + 1)
            y = row * TILE_PX
            for column, at, following in zip(range(first, last + 1), ats, ats[1:], strict=False):
                self.source.count_tiles(1)
                x = column * TILE_PX
                yield _Place(
                    y, x, min(TILE_PX, self.height_px - y), min(TILE_PX, self.width_px - x), at, following
                )

    def _packed(self, place: _Place) -> bytes:
        # At worst runs double a tile, and zlib adds a few bytes. Tiles follow each other, mostly.
        pixel_bytes = self.channels * self.coding.sample.itemsize
        most_bytes = 2 * place.height_px * place.width_px * pixel_bytes + 64
        if place.following > place.at:
            most_bytes = min(most_bytes, place.following - place.at)
        self.source.seek(place.at)
        return self.source.read_some(most_bytes)


class _Place(NamedTuple):
    """A tile's corner and size in its raster, and where in the file it is (0: nowhere) and what follows it."""

    top: int
    left: int
    height_px: int
    width_px: int
    at: int
    following: int
