"""XCF: what GIMP shows of its own files.

The visible layers are laid on each other band by band, so that memory is bounded
whatever a file says about the sizes of its layers: no more of a layer is decoded
than touches the canvas. Which modes are drawn is told in
:mod:`artstore.formats.gimp_modes`; an ICC profile is not applied.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from artstore.formats.gimp_colours import Space
from artstore.formats.gimp_sheet import Cover, Sheet
from artstore.formats.xcf_layers import Box, Header, Layer, Picture, Reader, read_header
from artstore.formats.xcf_tiles import TILE_PX, Raster, Samples, XcfFile

_MAGIC = b"gimp xcf "

_MAX_VERSION = 99
"""GIMP reads what is older than itself. From 100 on it is CinePaint's XCF, which only begins alike."""

_BAND_PX = 1 << 22
"""Pixels drawn at a time, of all sheets together, if the picture is not so wide that a row of tiles has more."""

_MOST_BAND_PX = 1 << 24
"""Of all sheets together, 16 bytes each: 256 MiB. Laying layers takes some of it once more, for a while."""


def accepts(prefix: bytes) -> bool:
    """Say whether a file may be an XCF, by its first bytes."""
    return prefix.startswith(_MAGIC)


class XcfImageFile(ImageFile.ImageFile):
    """The visible layers of an XCF, as one picture."""

    format = "XCF"
    format_description = "GIMP"
    accepts = staticmethod(accepts)
    _header: Header
    _undrawn: XcfFile | None = None
    """The file, as long as the layers after the header wait to be drawn."""

    def _open(self) -> None:
        if self.fp is None or not accepts(start := self.fp.read(14)):
            raise SyntaxError("not an XCF")
        version = start[9:13]
        if version != b"file" and not (version[:1] == b"v" and version[1:].isdigit()):
            raise SyntaxError("an XCF of no version")
        number = 0 if version == b"file" else int(version[1:])
        if number > _MAX_VERSION:
            raise SyntaxError("an XCF of another program")
        file = XcfFile(self.fp, number)
        file.seek(len(start))
        try:
            self._header = read_header(file)
        except OSError as error:
            raise SyntaxError(str(error)) from error
        self._size = (self._header.width_px, self._header.height_px)
        self._mode = "RGBA"
        self._undrawn = file
        self._layers_at = self.fp.tell()

    def load(self) -> Any:  # Pillow's PixelAccess, which has no public name
        """Decode, the first time. Raises what decoders raise."""
        if self._undrawn is not None:
            self._undrawn.seek(self._layers_at)
            picture = Reader(self._undrawn, self._header).picture()
            self.im = _drawn(picture, self._size).im
            self._undrawn = None
            if self._exclusive_fp and self.fp is not None:
                self.fp.close()
                self.fp = None
        return Image.Image.load(self)


def _drawn(picture: Picture, size: tuple[int, int]) -> Image.Image:
    width_px, height_px = size
    whole = Image.new("RGBA", size)
    # A group has a sheet of its own, and fading one needs what was there before.
    sheets = 1 + 2 * max((layer.depth() for layer in picture.layers), default=0)
    rows = max(TILE_PX, _BAND_PX // (width_px * sheets) // TILE_PX * TILE_PX)
    if width_px * min(rows, height_px) * sheets > _MOST_BAND_PX:
        raise ValueError(f"it is too wide for groups as deep as its own: {width_px} pixels, {sheets} sheets")
    for top in range(0, height_px, rows):
        window = _Window(picture, (0, top, width_px, min(top + rows, height_px)))
        sheet = window.fresh()
        window.draw(sheet, picture.layers)
        for row, strip in sheet.strips():
            whole.paste(Image.fromarray(np.ascontiguousarray(np.moveaxis(strip, 0, 2))), (0, top + row))
    return whole


class _Window:
    """A part of the canvas, on which layers are drawn: *box* is its left, top, right and bottom."""

    def __init__(self, picture: Picture, box: Box) -> None:
        self._picture = picture
        self._box = box

    def fresh(self) -> Sheet:
        """Return a clear sheet of the window's size."""
        left, top, right, bottom = self._box
        return Sheet(bottom - top, right - left)

    def draw(self, sheet: Sheet, layers: list[Layer]) -> None:
        """Draw *layers*, whose first is the uppermost, on *sheet*."""
        for layer in reversed(layers):
            if not layer.is_visible or layer.opacity == 0:
                continue
            # Looking at a layer is work as well, wherever it is.
            self._picture.source.count_tiles(1)
            if layer.is_pass_through and layer.opacity == 1 and layer.mask is None:
                self.draw(sheet, layer.children)
            elif layer.is_group:
                self._draw_group(sheet, layer)
            else:
                self._draw_layer(sheet, layer)

    def _draw_layer(self, sheet: Sheet, layer: Layer) -> None:
        mode = sheet.prepared(layer.mode)
        masks = self._tiles(layer, layer.mask)
        for at, samples in self._tiles(layer, layer.raster):
            mask = next(masks, None)
            cover: Cover = layer.opacity if mask is None else _cover(mask[1], layer.opacity)
            sheet.lay(*at, _coloured(samples, self._picture.palette), self._picture.space, mode, cover)
        if not mode.keeps_the_rest:
            sheet.keep_only(*self._here(layer.box))

    def _draw_group(self, sheet: Sheet, group: Layer) -> None:
        if group.bounds is None:
            return
        box = _overlap(self._box, group.bounds) or (*self._box[:2], *self._box[:2])
        left, top, right, bottom = self._here(box)
        self._picture.source.count_tiles(1 + (right - left) * (bottom - top) // TILE_PX**2)
        part = _Window(self._picture, box)
        cover = part._group_cover(group)
        if group.is_pass_through:
            own = sheet.copy(left, top, right, bottom)
            part.draw(own, group.children)
            sheet.fade(left, top, own, cover)
            return
        own = part.fresh()
        part.draw(own, group.children)
        mode = sheet.prepared(group.mode)
        # GIMP keeps what a group makes as a picture of its own, in bytes.
        for row, strip in own.strips():
            of_strip = cover if isinstance(cover, float) else cover[row : row + strip.shape[1]]
            sheet.lay(top + row, left, strip, Space.ENCODED, mode, of_strip)
        if not mode.keeps_the_rest:
            sheet.keep_only(*self._here(group.bounds))

    def _group_cover(self, group: Layer) -> Cover:
        """Return the opacity of a group, with its mask: an array of the window's shape."""
        if group.mask is None:
            return group.opacity
        left, top, right, bottom = self._box
        cover = np.zeros((bottom - top, right - left), np.float32)
        for (y, x), samples in self._tiles(group, group.mask):
            part = _cover(samples, group.opacity)
            cover[y : y + part.shape[0], x : x + part.shape[1]] = part
        return cover

    def _tiles(self, layer: Layer, raster: Raster | None) -> Iterator[tuple[tuple[int, int], Samples]]:
        """Give each tile of a layer that touches the window, cut to it, with its place on the sheet (top, left)."""
        box = _overlap(self._box, layer.box)
        if raster is None or box is None:
            return
        x, y = layer.box[0], layer.box[1]
        left, top, right, bottom = box[0] - x, box[1] - y, box[2] - x, box[3] - y
        for tile_top, tile_left, samples in raster.tiles((left, top, right, bottom)):
            above, beside = max(0, top - tile_top), max(0, left - tile_left)
            part = samples[:, above : bottom - tile_top, beside : right - tile_left]
            yield (y + tile_top + above - self._box[1], x + tile_left + beside - self._box[0]), part

    def _here(self, box: Box) -> Box:
        """Return a box of the canvas as it is counted on the window's sheet."""
        left, top = self._box[:2]
        return box[0] - left, box[1] - top, box[2] - left, box[3] - top


def _overlap(one: Box, other: Box) -> Box | None:
    left, top = max(one[0], other[0]), max(one[1], other[1])
    right, bottom = min(one[2], other[2]), min(one[3], other[3])
    return (left, top, right, bottom) if left < right and top < bottom else None


def _coloured(samples: Samples, palette: NDArray[np.uint8] | None) -> Samples:
    """Return the samples of a tile as RGBA, shape (4, h, w)."""
    channels = samples.shape[0]
    if channels == 4:
        return samples
    rgba = np.full((4, *samples.shape[1:]), 255 if samples.dtype == np.uint8 else 1, samples.dtype)
    if channels == 3:
        rgba[:3] = samples
    elif palette is not None and samples.dtype == np.uint8:
        rgba[:3] = palette[:, samples[0]]
    else:
        rgba[:3] = samples[:1]
    if channels == 2:
        rgba[3] = samples[1]
    return rgba


def _cover(mask: Samples, opacity: float) -> NDArray[np.float32]:
    """Return a mask's samples times *opacity*, shape (h, w)."""
    full = 255 if mask.dtype == np.uint8 else 1
    cover: NDArray[np.float32] = mask[0] * np.float32(opacity / full)
    return cover
