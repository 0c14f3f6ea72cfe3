"""Aseprite's own files: the frames of a sprite, as its editor shows them.

Layers, groups, modes, linked cels, tilemaps and z-indexes are drawn as Aseprite
1.3 draws them; reference layers and what is hidden are left out, and so are tiles
that are in another file. Pixels count as square, and a colour profile is not
applied. The pixels of a cel are unpacked when its frame is drawn.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import IO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from artstore.formats import ase_modes
from artstore.formats.ase_file import (
    HEADER_BYTES,
    Cel,
    Frame,
    Header,
    Layer,
    Reader,
    Rgba,
    Sprite,
    Tileset,
    frame_places,
    inflated,
    packed,
    read_header,
)
from artstore.formats.film import FramesImageFile

MAX_DRAWN_PX = 1 << 28
"""Pixels of cels drawn of one file, all frames together: a hundred frames of 512 by 512 with ten full layers."""

_MAX_TILESET_PX = 1 << 25
"""Pixels of a tileset: such as a sheet of 8192 by 4096."""

_CHUNK_PX = 1 << 20
"""Pixels laid at a time: their numbers take some hundred times as many bytes."""

_NO_TILE = 0xFFFFFFFF


def accepts(prefix: bytes) -> bool:
    """Say whether a file may be Aseprite's, by its first bytes: Adobe's swatches and 3ds Max have its suffix, too."""
    return prefix[4:6] == b"\xe0\xa5" and prefix[12:14] in {b"\x08\0", b"\x10\0", b"\x20\0"}


class AsepriteImageFile(FramesImageFile):
    """The frames of a sprite."""

    format = "ASEPRITE"
    format_description = "Aseprite"
    accepts = staticmethod(accepts)

    def _open(self) -> None:
        if self.fp is None or not accepts((start := self.fp.read(HEADER_BYTES))[:16]):
            raise SyntaxError("not an Aseprite file")
        self._header = read_header(start)
        self._places = frame_places(self.fp, self._header)
        if not self._places:
            raise SyntaxError("an Aseprite file without frames")
        self._size = (self._header.width_px, self._header.height_px)
        self._mode = "RGBA"
        self.n_frames = len(self._places)
        self.is_animated = self.n_frames > 1
        self._painter: _Painter | None = None
        self.info["duration"] = self._places[0][1]

    def seek(self, frame: int) -> None:
        """Show *frame*, from 0. Raises EOFError where there is none."""
        super().seek(frame)
        self.info["duration"] = self._places[frame][1]

    def painted(self, number: int) -> Image.Image:
        """Return frame *number*. Raises what decoders raise."""
        if self._painter is None:
            if self.fp is None:
                raise ValueError("the file is closed")
            self._painter = _Painter(Reader(self.fp, self._header).read(self._places), self._header, self.fp)
        return Image.fromarray(self._painter.painted(number))


class _Node:
    """A layer in its place: *order* counts from the lowest of those it is drawn with."""

    def __init__(self, number: int, layer: Layer, order: int) -> None:
        self.number = number
        self.layer = layer
        self.order = order
        self.children: list[_Node] = []


def _drawing_order(sprite: Sprite, header: Header) -> list[_Node]:
    """Return what is visible, the lowest first: all layers side by side, or, if groups are blended, in their groups."""
    roots: list[_Node] = []
    groups: list[tuple[_Node, bool]] = []
    for number, layer in enumerate(sprite.layers):
        while groups and groups[-1][0].layer.depth >= layer.depth:
            groups.pop()
        siblings = groups[-1][0].children if groups and header.blends_groups else roots
        order = len(siblings) if header.blends_groups else number
        node = _Node(number, layer, order)
        is_seen = layer.is_visible and (not groups or groups[-1][1])
        if layer.kind == 1:
            groups.append((node, is_seen))
        if is_seen or header.blends_groups:
            siblings.append(node)
    return roots


class _Painter:
    """Draws frames of a sprite."""

    def __init__(self, sprite: Sprite, header: Header, file: IO[bytes]) -> None:
        self._sprite = sprite
        self._header = header
        self._file = file
        self._roots = _drawing_order(sprite, header)
        self._tiles: dict[int, NDArray[np.uint8]] = {}
        self._left_px = MAX_DRAWN_PX
        self._left_tileset_px = _MAX_TILESET_PX
        self._most_cel_px = 4 * header.width_px * header.height_px + (1 << 22)
        """Of a cel, which may go beyond the canvas, no more is unpacked."""

    def painted(self, number: int) -> Rgba:
        """Return frame *number*, shape (h, w, 4). Raises what decoders raise."""
        return self._drawn(self._roots, self._sprite.frames[number])

    def _drawn(self, nodes: list[_Node], frame: Frame) -> Rgba:
        canvas = np.zeros((self._header.height_px, self._header.width_px, 4), np.uint8)
        for node in sorted(nodes, key=lambda node: _place(node, frame)):
            layer = node.layer
            if not layer.is_visible:
                continue
            if layer.kind == 1 and self._header.blends_groups:
                self._count(canvas.shape[0] * canvas.shape[1])
                self._lay(canvas, self._drawn(node.children, frame), layer, layer.opacity)
            elif layer.kind != 1 and (cel := frame.cels.get(node.number)) is not None:
                opacity = int(ase_modes.product(cel.opacity, layer.opacity))
                for top, left, pixels in self._pixels(cel, layer):
                    area = canvas[top : top + pixels.shape[0], left : left + pixels.shape[1]]
                    self._lay(area, self._coloured(pixels, frame, layer), layer, opacity)
        return canvas

    def _count(self, drawn_px: int) -> None:
        self._left_px -= drawn_px
        if self._left_px < 0:
            raise ValueError("it has too many pixels, all layers and frames together")

    def _lay(self, area: Rgba, source: Rgba, layer: Layer, opacity: int) -> None:
        is_plain = self._header.pixel_bytes == 2 and layer.mode in ase_modes.HSL_MODES
        mode = ase_modes.NORMAL if is_plain else layer.mode
        rows = max(1, _CHUNK_PX // area.shape[1])
        for top in range(0, area.shape[0], rows):
            below, above = area[top : top + rows], source[top : top + rows]
            is_seen = above[..., 3] > 0
            if mode == ase_modes.NORMAL and opacity == 255:
                is_opaque = above[..., 3] == 255
                below[is_opaque] = above[is_opaque]
                is_seen &= ~is_opaque
            if is_seen.any():
                b, s = below[is_seen].astype(np.int32), above[is_seen].astype(np.int32)
                below[is_seen] = ase_modes.laid(b, s, opacity, mode).astype(np.uint8)

    def _coloured(self, pixels: NDArray[np.uint8], frame: Frame, layer: Layer) -> Rgba:
        """Return pixels of the file, shape (h, w, bytes of a pixel), as RGBA."""
        if self._header.pixel_bytes == 4:
            return pixels
        if self._header.pixel_bytes == 2:
            return pixels[..., [0, 0, 0, 1]]
        palette = frame.palette
        if not layer.is_background:
            palette = palette.copy()
            palette[self._header.clear_index] = 0
        return palette[pixels[..., 0]]

    def _pixels(self, cel: Cel, layer: Layer) -> Iterator[tuple[int, int, NDArray[np.uint8]]]:
        """Give the pixels of a cel that are on the canvas, part by part, with the top and the left of each."""
        self._file.seek(cel.at)
        width, height = struct.unpack("<2H", self._file.read(4))
        if cel.kind in {0, 2}:
            yield from self._image(cel, width, height)
        elif cel.kind == 3:
            tileset = self._sprite.tilesets.get(layer.tileset)
            if (
                tileset is not None
                and tileset.end
                and tileset.tiles
                and tileset.width_px
                and tileset.height_px
            ):
                yield from self._map(cel, width, height, layer.tileset, tileset)
        else:
            raise ValueError(f"a cel of an unknown kind ({cel.kind})")

    def _image(self, cel: Cel, width_px: int, height_px: int) -> Iterator[tuple[int, int, NDArray[np.uint8]]]:
        columns = _overlap(cel.x_px, width_px, self._header.width_px)
        rows = _overlap(cel.y_px, height_px, self._header.height_px)
        if not columns or not rows:
            return
        data = self._unpacked(cel, width_px * rows.stop, self._header.pixel_bytes)
        image = data.reshape(rows.stop, width_px, self._header.pixel_bytes)
        part = image[rows.start : rows.stop, columns.start : columns.stop]
        yield cel.y_px + rows.start, cel.x_px + columns.start, part

    def _unpacked(self, cel: Cel, count: int, size_bytes: int) -> NDArray[np.uint8]:
        """Return the first *count* pixels or tiles, of *size_bytes* each, that follow in the file."""
        if count > self._most_cel_px:
            raise ValueError("a cel is far larger than the canvas")
        self._count(count)
        needed = count * size_bytes
        data = packed(self._file, cel.end, needed)
        return np.frombuffer(inflated(data, needed) if cel.kind else _exactly(data, needed), np.uint8)

    def _map(
        self, cel: Cel, width: int, height: int, number: int, tileset: Tileset
    ) -> Iterator[tuple[int, int, NDArray[np.uint8]]]:
        """Give the pixels of a tilemap of *width* by *height* tiles, some rows at a time."""
        columns = _overlap(cel.x_px, width * tileset.width_px, self._header.width_px)
        rows = _overlap(cel.y_px, height * tileset.height_px, self._header.height_px)
        if not columns or not rows:
            return
        bits, id_mask, *flips = struct.unpack("<H4I10x", self._file.read(28))
        if bits != 32 or not id_mask:
            raise ValueError("a tilemap of an unknown kind")
        map_rows = -(-rows.stop // tileset.height_px)
        codes = self._unpacked(cel, width * map_rows, 4).view("<u4").reshape(map_rows, width)
        tiles = self._tileset(number, tileset)
        x = np.arange(columns.start, columns.stop)
        step = max(1, _CHUNK_PX // len(columns))
        for top in range(rows.start, rows.stop, step):
            y = np.arange(top, min(top + step, rows.stop))
            part = _mapped(
                codes,
                tiles,
                (y, x),
                (id_mask, *flips),
                has_empty_tile=tileset.has_empty_tile,
                clear=self._header.clear_index,
            )
            yield cel.y_px + top, cel.x_px + columns.start, part

    def _tileset(self, number: int, tileset: Tileset) -> NDArray[np.uint8]:
        """Return the pixels of a tileset, shape (tiles, h, w, bytes of a pixel)."""
        if number not in self._tiles:
            size_px = tileset.tiles * tileset.width_px * tileset.height_px
            self._left_tileset_px -= size_px
            if self._left_tileset_px < 0:
                raise ValueError("its tilesets are too large")
            self._file.seek(tileset.at)
            size_bytes = size_px * self._header.pixel_bytes
            pixels = np.frombuffer(
                inflated(packed(self._file, tileset.end, size_bytes), size_bytes), np.uint8
            )
            shape = (tileset.tiles, tileset.height_px, tileset.width_px, self._header.pixel_bytes)
            self._tiles[number] = pixels.reshape(shape)
        return self._tiles[number]


def _place(node: _Node, frame: Frame) -> tuple[int, int]:
    cel = frame.cels.get(node.number)
    z = cel.z if cel is not None else 0
    return node.order + z, z


def _overlap(at_px: int, size_px: int, canvas_px: int) -> range:
    """Return which of *size_px* rows or columns, the first of them *at_px*, are on the canvas."""
    return range(max(0, -at_px), min(size_px, canvas_px - at_px))


def _exactly(data: bytes, size_bytes: int) -> bytes:
    if len(data) < size_bytes:
        raise OSError("its pixels end too early")
    return data[:size_bytes]


def _mapped(
    codes: NDArray[np.uint32],
    tiles: NDArray[np.uint8],
    at: tuple[NDArray[np.intp], NDArray[np.intp]],
    masks: tuple[int, ...],
    *,
    has_empty_tile: bool,
    clear: int,
) -> NDArray[np.uint8]:
    """Return the pixels of a tilemap at the rows and columns *at*, shape (rows, columns, bytes of a pixel).

    *masks* are the bits of a code that name the tile, flip it in x, in y, and along its diagonal. *clear* is each
    byte of a pixel that is not there.
    """
    count, height_px, width_px, _ = tiles.shape
    y, x = at
    code = codes[np.ix_(y // height_px, x // width_px)]
    id_mask, *flips = masks
    tile = (code & np.uint32(id_mask)) // np.uint32(id_mask & -id_mask)
    v, u = np.broadcast_arrays((y % height_px)[:, None], (x % width_px)[None])
    flip_x, flip_y, turn = ((code & np.uint32(mask)) == mask if mask else False for mask in flips)
    u = np.where(flip_x, width_px - 1 - u, u)
    v = np.where(flip_y, height_px - 1 - v, v)
    u, v = np.where(turn, v, u), np.where(turn, u, v)
    is_there = (tile != 0 if has_empty_tile else code != _NO_TILE) & (tile < count)
    # A tile that is no square has no pixel everywhere when it is turned.
    is_there &= (u < width_px) & (v < height_px)
    pixels: NDArray[np.uint8] = tiles[
        np.where(is_there, tile, 0), np.minimum(v, height_px - 1), np.minimum(u, width_px - 1)
    ]
    pixels[~is_there] = clear
    return pixels
