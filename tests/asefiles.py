"""Writes Aseprite files: sprites of layers, cels and tiles, and broken ones."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]

VISIBLE, BACKGROUND, REFERENCE = 1, 8, 64
ID, FLIP_X, FLIP_Y, TURN = 0x1FFFFFFF, 0x80000000, 0x40000000, 0x20000000


def chunk(kind: int, data: bytes) -> bytes:
    return struct.pack("<IH", len(data) + 6, kind) + data


def text(words: str) -> bytes:
    return struct.pack("<H", len(words)) + words.encode()


def layer(
    kind: int = 0,
    *,
    depth: int = 0,
    mode: int = 0,
    opacity: int = 255,
    flags: int = VISIBLE,
    tileset: int = 0,
) -> bytes:
    data = struct.pack("<6HB3x", flags, kind, depth, 0, 0, mode, opacity) + text("layer")
    return chunk(0x2004, data + (struct.pack("<I", tileset) if kind == 2 else b""))


def _cel(number: int, at: tuple[int, int], opacity: int, kind: int, z: int) -> bytes:
    return struct.pack("<HhhBHh5x", number, *at, opacity, kind, z)


def cel(
    number: int,
    pixels: Pixels,
    at: tuple[int, int] = (0, 0),
    *,
    opacity: int = 255,
    z: int = 0,
    packed: bool = True,
    size: tuple[int, int] | None = None,
) -> bytes:
    """Return a cel of the layer *number*: pixels are (h, w, bytes of a pixel), *size* is claimed instead of theirs."""
    width, height = size or (pixels.shape[1], pixels.shape[0])
    data = zlib.compress(pixels.tobytes()) if packed else pixels.tobytes()
    head = _cel(number, at, opacity, 2 if packed else 0, z)
    return chunk(0x2005, head + struct.pack("<2H", width, height) + data)


def linked(number: int, frame: int, at: tuple[int, int] = (0, 0), *, opacity: int = 255) -> bytes:
    return chunk(0x2005, _cel(number, at, opacity, 1, 0) + struct.pack("<H", frame))


def tilemap(
    number: int, codes: NDArray[np.integer], at: tuple[int, int] = (0, 0), *, bits: int = 32
) -> bytes:
    """Return a cel of tiles: *codes* are (rows, columns)."""
    head = struct.pack("<3H4I10x", codes.shape[1], codes.shape[0], bits, ID, FLIP_X, FLIP_Y, TURN)
    data = zlib.compress(codes.astype("<u4").tobytes())
    return chunk(0x2005, _cel(number, at, 255, 3, 0) + head + data)


def tileset(number: int, tiles: Pixels, *, flags: int = 2 | 4, count: int | None = None) -> bytes:
    """Return a set of tiles: *tiles* are (tiles, h, w, bytes of a pixel)."""
    data = zlib.compress(tiles.tobytes())
    size = (tiles.shape[2], tiles.shape[1])
    head = struct.pack("<3I2Hh14x", number, flags, count or tiles.shape[0], *size, 1) + text("tiles")
    elsewhere = struct.pack("<2I", 1, 1) if flags & 1 else b""
    return chunk(0x2023, head + elsewhere + (struct.pack("<I", len(data)) + data if flags & 2 else b""))


def palette(
    colours: Sequence[Sequence[int]], first: int = 0, *, name: str = "", size: int | None = None
) -> bytes:
    entries = b"".join(
        struct.pack("<H4B", bool(name), *colour) + (text(name) if name else b"") for colour in colours
    )
    last = first + len(colours) - 1
    return chunk(0x2019, struct.pack("<3I8x", size or last + 1, first, last) + entries)


def old_palette(packets: Sequence[tuple[int, Sequence[Sequence[int]]]], kind: int = 4) -> bytes:
    """Return a palette of packets: colours to skip, and colours."""
    data = struct.pack("<H", len(packets))
    for skipped, colours in packets:
        data += struct.pack("<2B", skipped, len(colours) % 256) + b"".join(map(bytes, colours))
    return chunk(kind, data)


@dataclass
class Frame:
    """A frame is a list of chunks."""

    chunks: Sequence[bytes] = field(default_factory=list)
    duration_ms: int = 100
    is_new: bool = True
    """Whether chunks are counted in 32 bits."""


def ase(
    frames: Sequence[Frame | Sequence[bytes]],
    size: tuple[int, int],
    *,
    pixel_bytes: int = 4,
    flags: int = 1,
    clear: int = 0,
    colours: int = 0,
    claimed_frames: int | None = None,
) -> bytes:
    body = b""
    for frame in frames:
        whole = frame if isinstance(frame, Frame) else Frame(frame)
        data = b"".join(whole.chunks)
        count = len(whole.chunks)
        old, new = (min(count, 0xFFFF), count) if whole.is_new else (count, 0)
        body += struct.pack("<I3H2xI", len(data) + 16, 0xF1FA, old, whole.duration_ms, new) + data
    head = struct.pack(
        "<I5HIH8xB3xH",
        len(body) + 128,
        0xA5E0,
        len(frames) if claimed_frames is None else claimed_frames,
        *size,
        8 * pixel_bytes,
        flags,
        70,
        clear,
        colours,
    )
    return head.ljust(128, b"\0") + body
