"""The parts of an Aseprite file: layers, palettes, tilesets, and where the pixels of each cel are.

Written after "Aseprite File Format Specifications" (docs/ase-file-specs.md of
Aseprite) and, where that is silent, its src/dio/aseprite_decoder.cpp (MIT). What
the file says that is not about pixels - tags, slices, user data - is passed over.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field
from typing import IO

import numpy as np
from numpy.typing import NDArray

HEADER_BYTES, _FRAME_BYTES, _CHUNK_BYTES = 128, 16, 6
_MAGIC, _FRAME_MAGIC = 0xA5E0, 0xF1FA

MAX_CHUNKS = 1 << 18
"""Chunks of a file: a thousand frames of a hundred layers have half of that."""

MAX_DEPTH = 32
"""Groups within groups, where each is drawn on a canvas of its own."""

_SLACK_BYTES = 1024
"""Pixels that cannot be packed take some bytes more by zlib."""

_OPACITY_FLAG, _GROUPS_FLAG = 1, 2
_VISIBLE, _BACKGROUND, _REFERENCE = 1, 8, 64
_OLD_PALETTE, _OLDER_PALETTES, _LAYER, _CEL, _PALETTE, _TILESET = (
    4,
    (11, 0x11),
    0x2004,
    0x2005,
    0x2019,
    0x2023,
)

Rgba = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Header:
    """What the file begins with."""

    frames: int
    width_px: int
    height_px: int
    pixel_bytes: int
    """4 RGBA, 2 grey and alpha, 1 an index."""

    flags: int
    duration_ms: int
    clear_index: int
    colours: int

    @property
    def blends_groups(self) -> bool:
        """Whether groups have a mode and an opacity of their own."""
        return bool(self.flags & _GROUPS_FLAG)


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer, or a group of those that follow it and are deeper."""

    kind: int
    """0 pixels, 1 a group, 2 tiles."""

    depth: int
    """Groups that it is in."""

    mode: int
    opacity: int
    is_visible: bool
    """Itself, whatever its groups are."""

    is_background: bool
    tileset: int


@dataclass(frozen=True, slots=True)
class Cel:
    """What a layer has in a frame. *at* is where in the file its size is, *end* where its pixels end."""

    kind: int
    """0 plain, 2 packed, 3 packed tiles."""

    x_px: int
    y_px: int
    opacity: int
    z: int
    at: int
    end: int


@dataclass(frozen=True, slots=True)
class Tileset:
    """Tiles of one size, one below the other; *end* is 0 where they are in another file."""

    tiles: int
    width_px: int
    height_px: int
    at: int
    end: int
    has_empty_tile: bool
    """Whether tile 0 is the one that is not drawn; in old files it is 2**32 - 1."""


@dataclass(slots=True)
class Frame:
    """What is seen at one time: cels by the numbers of their layers, and colours, shape (256, 4)."""

    palette: Rgba
    cels: dict[int, Cel] = field(default_factory=dict)


@dataclass(slots=True)
class Sprite:
    """All of a file but its pixels."""

    layers: list[Layer] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)
    tilesets: dict[int, Tileset] = field(default_factory=dict)


def read_header(data: bytes) -> Header:
    """Return the header, whose bytes *data* begins with. Raises SyntaxError if it is none."""
    if len(data) < HEADER_BYTES:
        raise SyntaxError("an Aseprite file that ends in its header")
    magic, frames, width_px, height_px, bits, flags, duration_ms = struct.unpack_from("<4x5HIH", data)
    clear_index, colours = struct.unpack_from("<28xB3xH", data)
    if magic != _MAGIC or bits not in {8, 16, 32} or not frames or not width_px or not height_px:
        raise SyntaxError("not an Aseprite file")
    return Header(
        frames, width_px, height_px, bits // 8, flags, duration_ms, clear_index if bits == 8 else 0, colours
    )


def frame_places(file: IO[bytes], header: Header) -> list[tuple[int, int]]:
    """Return where each frame begins and how long it is shown, in ms, up to the first that is not there."""
    places: list[tuple[int, int]] = []
    at = HEADER_BYTES
    while len(places) < header.frames:
        file.seek(at)
        head = file.read(_FRAME_BYTES)
        if len(head) < _FRAME_BYTES:
            break
        size_bytes, magic, duration_ms = struct.unpack("<IH2xH6x", head)
        if magic != _FRAME_MAGIC or size_bytes < _FRAME_BYTES:
            break
        places.append((at, duration_ms or header.duration_ms))
        at += size_bytes
    return places


class Reader:
    """Reads all frames of a file, but for the pixels."""

    def __init__(self, file: IO[bytes], header: Header) -> None:
        self._file = file
        self._header = header
        self._size_bytes = file.seek(0, 2)
        self._left_chunks = MAX_CHUNKS
        self._has_new_palette = False
        self._palette = np.zeros((256, 4), np.uint8)
        self._colours = min(header.colours or 256, 256)
        self._palette[: self._colours, 3] = 255
        self.sprite = Sprite()

    def read(self, places: list[tuple[int, int]]) -> Sprite:
        """Read the frames at *places*. Raises ValueError, OSError or struct.error if the file is broken."""
        for at, _ in places:
            self._file.seek(at)
            size_bytes, old_count, count = struct.unpack("<I2xH4xI", self._exactly(_FRAME_BYTES))
            cels = self._cels(at + _FRAME_BYTES, at + size_bytes, count or old_count)
            self.sprite.frames.append(Frame(self._palette, cels))
        return self.sprite

    def _exactly(self, size_bytes: int) -> bytes:
        data = self._file.read(min(size_bytes, self._size_bytes))
        if len(data) < size_bytes:
            raise OSError("the file ends too early")
        return data

    def _cels(self, at: int, end: int, count: int) -> dict[int, Cel]:
        """Read the chunks of a frame; what they say of other things than cels is kept in *self*."""
        cels: dict[int, Cel] = {}
        for _ in range(count):
            if at + _CHUNK_BYTES > end:
                break
            self._left_chunks -= 1
            if self._left_chunks < 0:
                raise ValueError("it has too many chunks")
            self._file.seek(at)
            size_bytes, kind = struct.unpack("<IH", self._exactly(_CHUNK_BYTES))
            if size_bytes < _CHUNK_BYTES:
                raise ValueError("a chunk is shorter than its own head")
            if at + size_bytes > end:
                # Otherwise each of many frames could have the rest of the file read once more.
                raise ValueError("a chunk ends after its frame")
            if kind == _CEL:
                self._read_cel(cels, at + size_bytes)
            else:
                self._read_chunk(kind, at + size_bytes, size_bytes - _CHUNK_BYTES)
            at += size_bytes
        return cels

    def _read_chunk(self, kind: int, end: int, size_bytes: int) -> None:
        if kind == _LAYER:
            self._read_layer(self._exactly(size_bytes))
        elif kind == _TILESET:
            self._read_tileset(end)
        elif kind == _PALETTE:
            self._has_new_palette = True
            self._read_palette(self._exactly(size_bytes))
        elif not self._has_new_palette and kind == _OLD_PALETTE:
            self._read_old_palette(self._exactly(size_bytes), bits=8)
        elif not self._has_new_palette and kind in _OLDER_PALETTES:
            self._read_old_palette(self._exactly(size_bytes), bits=6)

    def _read_layer(self, data: bytes) -> None:
        flags, kind, depth, mode, opacity, name_bytes = struct.unpack_from("<3H4xHB3xH", data)
        if self._header.blends_groups and depth > MAX_DEPTH:
            raise ValueError("its groups are too deep")
        (tileset,) = struct.unpack_from("<I", data, 18 + name_bytes) if kind == 2 else (0,)
        is_plain = bool(flags & _BACKGROUND) or (kind == 1 and not self._header.blends_groups)
        has_opacity = not is_plain and bool(self._header.flags & _OPACITY_FLAG)
        self.sprite.layers.append(
            Layer(
                kind=kind,
                depth=depth,
                mode=0 if is_plain else mode,
                opacity=opacity if has_opacity else 255,
                is_visible=bool(flags & _VISIBLE) and not flags & _REFERENCE,
                is_background=bool(flags & _BACKGROUND),
                tileset=tileset,
            )
        )

    def _read_cel(self, cels: dict[int, Cel], end: int) -> None:
        layer, x_px, y_px, opacity, kind, z = struct.unpack("<HhhBHh5x", self._exactly(16))
        at = self._file.tell()
        if kind == 1:
            (frame,) = struct.unpack("<H", self._exactly(2))
            # Only to frames that were read by now, so that links cannot go round in circles.
            linked = self.sprite.frames[frame].cels.get(layer) if frame < len(self.sprite.frames) else None
            if linked is not None:
                cels[layer] = Cel(linked.kind, x_px, y_px, opacity, z, linked.at, linked.end)
        else:
            cels[layer] = Cel(kind, x_px, y_px, opacity, z, at, end)

    def _read_palette(self, data: bytes) -> None:
        count, first, last = struct.unpack_from("<3I8x", data)
        palette = self._palette.copy()
        if count:
            palette[count:] = 0
            palette[self._colours : count] = (0, 0, 0, 255)
            self._colours = min(count, 256)
        at = 20
        for index in range(first, min(last, 255) + 1):
            flags, *colour = struct.unpack_from("<H4B", data, at)
            palette[index] = colour
            at += 6
            if flags & 1:
                at += 2 + struct.unpack_from("<H", data, at)[0]
        self._palette = palette

    def _read_old_palette(self, data: bytes, bits: int) -> None:
        (packets,) = struct.unpack_from("<H", data)
        palette = self._palette.copy()
        at, index = 2, 0
        for _ in range(packets):
            skipped, count = struct.unpack_from("<2B", data, at)
            index += skipped
            count = count or 256
            colours = np.frombuffer(data[at + 2 : at + 2 + 3 * count], np.uint8)
            if colours.size < 3 * count:
                raise OSError("a palette ends too early")
            room = palette[index : index + count]
            room[:, :3] = colours.reshape(-1, 3)[: len(room)]
            if bits == 6:
                room[:, :3] = room[:, :3] << 2 | room[:, :3] >> 4 & 3
            room[:, 3] = 255
            at += 2 + 3 * count
        self._palette = palette

    def _read_tileset(self, end: int) -> None:
        number, flags, tiles, width_px, height_px, name_bytes = struct.unpack("<3I2H16xH", self._exactly(34))
        self._exactly(name_bytes + (8 if flags & 1 else 0))
        is_here = bool(flags & 2)
        at = self._file.tell() + 4
        self.sprite.tilesets[number] = Tileset(
            tiles, width_px, height_px, at, end if is_here else 0, bool(flags & 4)
        )


def packed(file: IO[bytes], end: int, size_bytes: int) -> bytes:
    """Read on up to *end*, but no more than *size_bytes* of pixels can honestly be packed to."""
    return file.read(max(0, min(end - file.tell(), 2 * size_bytes + _SLACK_BYTES)))


def inflated(data: bytes, size_bytes: int) -> bytes:
    """Return the first *size_bytes* of what *data* unpacks to. Raises OSError if it is less, zlib.error if broken."""
    plain = zlib.decompressobj().decompress(data, size_bytes)
    if len(plain) < size_bytes:
        raise OSError("its pixels end too early")
    return plain
