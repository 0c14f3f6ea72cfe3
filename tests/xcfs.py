"""Writes XCF files, as GIMP does, and as it never would."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

TILE = 64

Pixels = NDArray[np.generic]


def runs(data: bytes) -> bytes:
    """Pack bytes as runs, by all four codes: short and long, the same and as they are."""
    out, at = bytearray(), 0
    while at < len(data):
        same = 1
        while at + same < len(data) and data[at + same] == data[at]:
            same += 1
        if same > 127:
            same = min(same, 65535)
            out += bytes([127, *divmod(same, 256), data[at]])
            at += same
        elif same > 2:
            out += bytes([same - 1, data[at]])
            at += same
        else:
            part = _unlike(data[at : at + 65535])
            out += bytes([128, *divmod(len(part), 256)]) if len(part) > 127 else bytes([256 - len(part)])
            out += part
            at += len(part)
    return bytes(out)


def _unlike(data: bytes) -> bytes:
    """Return what comes before three of a kind."""
    at = 1
    while at < len(data) and data[at : at + 1] * 3 != data[at : at + 3]:
        at += 1
    return data[:at]


def _plain(tile: Pixels) -> bytes:
    return tile.tobytes()


def _in_runs(tile: Pixels) -> bytes:
    planes = np.frombuffer(tile.tobytes(), np.uint8).reshape(tile.shape[0] * tile.shape[1], -1).T
    return b"".join(runs(plane.tobytes()) for plane in planes)


def _deflated(tile: Pixels) -> bytes:
    return zlib.compress(tile.tobytes())


PACKINGS: dict[int, Callable[[Pixels], bytes]] = {0: _plain, 1: _in_runs, 2: _deflated}


@dataclass
class Layer:
    """A layer: *pixels* have the shape (h, w, channels), and a mask (h, w)."""

    pixels: Pixels
    at: tuple[int, int] = (0, 0)
    """Left and top."""

    mode: int = 0
    opacity: int = 255
    visible: bool = True
    mask: Pixels | None = None
    group: bool = False
    path: Sequence[int] = ()
    kind: int | None = None
    """0 to 5; by default what the channels mean in RGB or grey."""

    more: dict[int, bytes] = field(default_factory=dict)
    """Further properties."""

    size: tuple[int, int] | None = None
    """Width and height that are claimed instead of the real ones."""

    mask_size: tuple[int, int] | None = None
    """The same of the mask alone."""


def prop(kind: int, payload: bytes = b"") -> bytes:
    return struct.pack(">2I", kind, len(payload)) + payload


def number(value: int) -> bytes:
    return struct.pack(">i", value)


class Writer:
    """Puts the parts of a file one after the other."""

    def __init__(self, version: int, packing: int) -> None:
        self.data = bytearray()
        self._packing = packing
        self._pointer = ">Q" if version >= 11 else ">I"

    def pointers(self, places: Sequence[int]) -> bytes:
        return b"".join(struct.pack(self._pointer, place) for place in places)

    def add(self, part: bytes) -> int:
        at = len(self.data)
        self.data += part
        return at

    def raster(self, pixels: Pixels, size: tuple[int, int]) -> int:
        height, width, channels = pixels.shape
        tiles = [
            self.add(PACKINGS[self._packing](pixels[y : y + TILE, x : x + TILE]))
            for y in range(0, height, TILE)
            for x in range(0, width, TILE)
        ]
        level = self.add(struct.pack(">2I", *size) + self.pointers([*tiles, 0]))
        pixel_bytes = channels * pixels.dtype.itemsize
        return self.add(struct.pack(">3I", *size, pixel_bytes) + self.pointers([level, 0]))

    def layer(self, layer: Layer, base: int) -> int:
        size = layer.size or (layer.pixels.shape[1], layer.pixels.shape[0])
        mask_at = 0
        if layer.mask is not None:
            mask_size = layer.mask_size or size
            raster_at = self.raster(layer.mask[..., None], mask_size)
            mask_at = self.add(
                struct.pack(">3I", *mask_size, 2) + b"m\0" + prop(0) + self.pointers([raster_at])
            )
        raster_at = self.raster(layer.pixels, size)
        channels = layer.pixels.shape[2]
        kind = 2 * base + (channels in {2, 4}) if layer.kind is None else layer.kind
        properties = [
            prop(7, number(layer.mode)),
            prop(6, number(layer.opacity)),
            prop(8, number(layer.visible)),
            prop(15, struct.pack(">2i", *layer.at)),
            *(prop(key, value) for key, value in layer.more.items()),
        ]
        if layer.group:
            properties.append(prop(29))
        if layer.path:
            properties.append(prop(30, struct.pack(f">{len(layer.path)}I", *layer.path)))
        head = struct.pack(">4I", *size, kind, 6) + b"layer\0"
        return self.add(head + b"".join(properties) + prop(0) + self.pointers([raster_at, mask_at]))


def header(size: tuple[int, int], base: int, version: int, precision: int | None) -> bytes:
    name = b"file" if version == 0 else b"v%03d" % version
    head = b"gimp xcf " + name + b"\0" + struct.pack(">3I", *size, base)
    return head + (struct.pack(">I", precision or 150) if version >= 4 else b"")


def xcf(
    layers: Sequence[Layer],
    size: tuple[int, int],
    *,
    base: int = 0,
    version: int = 3,
    precision: int | None = None,
    packing: int = 1,
    more: bytes = b"",
) -> bytes:
    """Return a file. The first layer is the uppermost; *more* are further properties of the picture."""
    writer = Writer(version, packing)
    head = header(size, base, version, precision) + prop(17, bytes([packing])) + more + prop(0)
    # The pointers have fixed places after the head, and are filled in when it is known where layers begin.
    writer.add(head + writer.pointers([0] * (len(layers) + 2)))
    places = [writer.layer(layer, base) for layer in layers]
    pointers = writer.pointers([*places, 0, 0])
    writer.data[len(head) : len(head) + len(pointers)] = pointers
    return bytes(writer.data)


def colours(palette: Sequence[tuple[int, int, int]], claimed_bytes: int | None = None) -> bytes:
    """Return the property of a palette, which may say a wrong length of itself."""
    payload = struct.pack(">I", len(palette)) + b"".join(map(bytes, palette))
    return struct.pack(">2I", 1, len(payload) if claimed_bytes is None else claimed_bytes) + payload
