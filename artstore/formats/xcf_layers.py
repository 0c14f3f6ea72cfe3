"""The layers of an XCF file, without their pixels: what GIMP's list of layers shows.

Written after "Documentation of the XCF file format" of the GIMP developers, for
versions 0 to 23 of the format. Left out on purpose: channels, paths, a floating
selection, and GIMP 3's effects, whose layers are drawn without them.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from artstore.formats.gimp_colours import Space
from artstore.formats.gimp_modes import MODES, NORMAL_LEGACY, PASS_THROUGH, Mode
from artstore.formats.xcf_tiles import Coding, Raster, XcfFile

MAX_LAYERS = 1 << 14
"""Layers of a picture: hundreds are many, but animations are drawn so too."""

MAX_PROPERTIES = 1 << 20
"""Properties of a picture and all its layers together. Some 20 of each are usual."""

MAX_DEPTH = 32
"""Groups within groups. Each costs a sheet as large as what is drawn at a time."""

_COLOURMAP, _FLOATING, _OPACITY, _MODE, _VISIBLE, _APPLY_MASK = 1, 5, 6, 7, 8, 11
_OFFSETS, _PACKING, _GROUP, _PATH, _FLOAT_OPACITY = 15, 17, 29, 30, 33
_COMPOSITE, _COMPOSITE_SPACE, _BLEND_SPACE = 35, 36, 37

_WANTED = frozenset(
    {_FLOATING, _OPACITY, _MODE, _VISIBLE, _APPLY_MASK, _OFFSETS, _PACKING, _GROUP, _PATH, _FLOAT_OPACITY}
    | {_COMPOSITE, _COMPOSITE_SPACE, _BLEND_SPACE}
)

_MOST_BYTES = 4 * (MAX_DEPTH + 2)
"""No property that is wanted is longer, but for paths of layers in deeper groups."""

_CHANNELS = (3, 4, 1, 2, 1, 2)
"""Of the six types of layers: RGB, grey and indexed, each without and with alpha."""

_SAMPLES = {1: "u1", 2: "u2", 3: "u4", 5: "f2", 6: "f4", 7: "f8"}
"""By the hundreds of a precision's number."""

_EARLY_PRECISIONS = (150, 250, 300, 500, 600)
"""Version 4 numbered them one by one."""


Box = tuple[int, int, int, int]
"""Left, top, right and bottom, in pixels; of a layer, on the canvas, which it may go beyond."""


@dataclass(slots=True)
class Layer:
    """A layer, or a group of them."""

    box: Box
    mode: Mode = NORMAL_LEGACY
    opacity: float = 1.0
    is_visible: bool = True
    is_group: bool = False
    is_pass_through: bool = False
    path: tuple[int, ...] = ()
    """Of layers in groups: the numbers of the groups it is in, from the outermost, and its own."""

    raster: Raster | None = None
    mask: Raster | None = None
    children: list[Layer] = field(default_factory=list)
    """Of a group, the uppermost first."""

    bounds: Box | None = None
    """The box around what is visible of it: of a group, around its layers. None if there is nothing."""

    def depth(self) -> int:
        """Count the groups within each other, this one too. It is limited by :data:`MAX_DEPTH`."""
        return int(self.is_group) + max((child.depth() for child in self.children), default=0)


@dataclass(frozen=True, slots=True)
class Header:
    """What an XCF file begins with."""

    version: int
    width_px: int
    height_px: int
    base: int
    """0 RGB, 1 grey, 2 indexed."""

    precision: int


@dataclass(frozen=True, slots=True)
class Picture:
    """The layers of a picture, the uppermost first, the colours of an indexed one, shape (3, 256), and its space."""

    source: XcfFile
    layers: list[Layer]
    palette: NDArray[np.uint8] | None
    space: Space


def read_header(file: XcfFile) -> Header:
    """Read the header, after the version. Raises SyntaxError if it makes no sense."""
    width_px, height_px, base = file.numbers(3)
    precision = file.numbers(1)[0] if file.version >= 4 else 150
    if file.version == 4 and precision < len(_EARLY_PRECISIONS):
        precision = _EARLY_PRECISIONS[precision]
    elif file.version in {5, 6} and precision >= 400:
        precision += 100
    if base > 2 or precision // 100 not in _SAMPLES or precision % 100 not in {0, 50}:
        raise SyntaxError("an XCF of a kind that is not known")
    return Header(file.version, width_px, height_px, base, precision)


class Reader:
    """Reads the layers that follow a *header*; *file* stands where that ended."""

    def __init__(self, file: XcfFile, header: Header) -> None:
        self._file = file
        self._header = header
        self._left_properties = MAX_PROPERTIES
        # The colours of version 0 were never written well: GIMP, too, takes the numbers for greys.
        greys = np.repeat(np.arange(256, dtype=np.uint8)[None], 3, axis=0)
        self._palette = greys if header.base == 2 else None
        self._coding = Coding(0, np.dtype(np.uint8), Space.ENCODED)

    def picture(self) -> Picture:
        """Read all. Raises OSError, ValueError or struct.error if the file is broken or beyond the limits."""
        found = self._properties()
        order = ">" if self._header.version >= 12 else "<"
        sample = np.dtype(order + _SAMPLES[self._header.precision // 100])
        space = Space.ENCODED if self._header.precision % 100 else Space.LINEAR
        packing = found.get(_PACKING, b"\0")[0]
        if packing > 2:
            raise ValueError(f"its tiles are packed in an unknown way ({packing})")
        self._coding = Coding(packing, sample, space)
        places = []
        while place := self._file.pointer():
            places.append(place)
            if len(places) > MAX_LAYERS:
                raise ValueError("it has too many layers")
        layers = [layer for place in places if (layer := self._layer(place)) is not None]
        return Picture(self._file, _tree(layers), self._palette, space)

    def _properties(self) -> dict[int, bytes]:
        """Read a list of properties: of those that are wanted, what the last one of its kind says."""
        found: dict[int, bytes] = {}
        while True:
            kind, size_bytes = self._file.numbers(2)
            self._left_properties -= 1
            if self._left_properties < 0:
                raise ValueError("it has too many properties")
            if kind == 0:
                return found
            if kind == _COLOURMAP:
                self._read_palette()
            elif kind in _WANTED and size_bytes <= _MOST_BYTES:
                found[kind] = self._file.read(size_bytes)
            elif kind == _PATH:
                raise ValueError("its groups are too deep")
            else:
                self._file.skip(size_bytes)

    def _read_palette(self) -> None:
        """Read the colours, whose property says a wrong length in some old files."""
        (count,) = self._file.numbers(1)
        if count > 256:
            raise ValueError("it has more than 256 colours")
        if self._header.version == 0:
            self._file.skip(count)
            return
        colours = np.frombuffer(self._file.read(3 * count), np.uint8).reshape(count, 3)
        if self._palette is not None:
            self._palette = np.zeros((3, 256), np.uint8)
            self._palette[:, :count] = colours.T

    def _layer(self, at: int) -> Layer | None:
        """Read the layer *at* a place: None if it is a floating selection."""
        self._file.seek(at)
        width_px, height_px, kind = self._file.numbers(3)
        self._file.skip(self._file.numbers(1)[0])
        found = self._properties()
        pixels_at, mask_at = self._file.pointer(), self._file.pointer()
        if _FLOATING in found:
            return None
        if kind >= len(_CHANNELS) or kind // 2 != self._header.base:
            raise ValueError("a layer is of another kind than its picture")
        left, top = struct.unpack(">2i", found.get(_OFFSETS, bytes(8)))
        layer = Layer((left, top, left + width_px, top + height_px))
        _apply(layer, found)
        size = (width_px, height_px)
        if not layer.is_group:
            layer.raster = Raster.read(self._file, self._coding, pixels_at, size, _CHANNELS[kind])
        if mask_at and _number(found, _APPLY_MASK, 1):
            layer.mask = self._mask(mask_at, size)
        return layer

    def _mask(self, at: int, size: tuple[int, int]) -> Raster:
        self._file.seek(at)
        own_size = self._file.numbers(2)
        if own_size != size:
            raise ValueError("a mask is not of its layer's size")
        self._file.skip(self._file.numbers(1)[0])
        self._properties()
        # What a mask lets through is never coded for a screen.
        coding = replace(self._coding, space=Space.LINEAR)
        return Raster.read(self._file, coding, self._file.pointer(), size, 1)


def _number(found: dict[int, bytes], kind: int, default: int) -> int:
    return int(struct.unpack(">i", found[kind])[0]) if kind in found else default


def _apply(layer: Layer, found: dict[int, bytes]) -> None:
    number = _number(found, _MODE, 0)
    # A negative number says that the user left the choice to GIMP, and what GIMP chose.
    asked = [abs(_number(found, kind, 0)) for kind in (_BLEND_SPACE, _COMPOSITE_SPACE, _COMPOSITE)]
    layer.mode = MODES.get(number, NORMAL_LEGACY).asked(*asked)
    layer.opacity = min(255, max(0, _number(found, _OPACITY, 255))) / 255
    if _FLOAT_OPACITY in found:
        (opacity,) = struct.unpack(">f", found[_FLOAT_OPACITY])
        layer.opacity = 1.0 if math.isnan(opacity) else min(1.0, max(0.0, opacity))
    layer.is_visible = _number(found, _VISIBLE, 1) != 0
    layer.is_group = _GROUP in found
    layer.is_pass_through = layer.is_group and number == PASS_THROUGH
    layer.path = tuple(place for (place,) in struct.iter_unpack(">I", found.get(_PATH, b"")))


def _tree(layers: list[Layer]) -> list[Layer]:
    """Put layers into their groups, which come before them. Raises ValueError if a group is missing."""
    roots: list[Layer] = []
    groups: dict[tuple[int, ...], Layer] = {}
    for layer, path in _paths(layers):
        if len(path) > MAX_DEPTH:
            raise ValueError("its groups are too deep")
        if len(path) > 1 and path[:-1] not in groups:
            raise ValueError("a layer's group is missing")
        siblings = groups[path[:-1]].children if len(path) > 1 else roots
        siblings.append(layer)
        if layer.is_group:
            groups[path] = layer
    # Groups come before what is in them, so that from the end on all children are done before their group.
    for layer in reversed(layers):
        boxes = [child.bounds for child in layer.children if child.is_visible and child.bounds]
        layer.bounds = _around(boxes) if layer.is_group else layer.box
    return roots


def _around(boxes: Sequence[Box]) -> Box | None:
    if not boxes:
        return None
    left, top, right, bottom = zip(*boxes, strict=True)
    return min(left), min(top), max(right), max(bottom)


def _paths(layers: list[Layer]) -> Iterator[tuple[Layer, tuple[int, ...]]]:
    """Give each layer with its path: that is not written of layers beside all groups."""
    beside = -1
    for layer in layers:
        beside = layer.path[0] if layer.path else beside + 1
        yield layer, layer.path or (beside,)
