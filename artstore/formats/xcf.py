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
from artstore.formats.gimp_sheet import Cover, Sheet, replace_by
from artstore.formats.xcf_layers import Header, Layer, Picture, Reader, read_header
from artstore.formats.xcf_tiles import TILE_PX, Raster, Samples, XcfFile

_MAGIC = b"gimp xcf "

_MAX_VERSION = 99
"""GIMP reads what is older than itself. From 100 on it is CinePaint's XCF, which only begins alike."""

_BAND_PX = 1 << 22
"""Pixels drawn at a time, of all sheets together: 64 MiB of floats."""


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
    for top in range(0, height_px, rows):
        band = _Band(picture, width_px, top, min(top + rows, height_px))
        sheet = band.fresh()
        band.draw(sheet, picture.layers)
        whole.paste(Image.fromarray(np.ascontiguousarray(np.moveaxis(sheet.rgba(), 0, 2))), (0, top))
    return whole


class _Band:
    """The rows from *top* to *bottom* of a canvas, on which layers are drawn."""

    def __init__(self, picture: Picture, width_px: int, top: int, bottom: int) -> None:
        self._palette = picture.palette
        self._space = picture.space
        self._width_px = width_px
        self._height_px = bottom - top
        self._top = top

    def fresh(self) -> Sheet:
        """Return a clear sheet of the band's size."""
        return Sheet(self._height_px, self._width_px)

    def draw(self, sheet: Sheet, layers: list[Layer]) -> None:
        """Draw *layers*, whose first is the uppermost, on *sheet*."""
        for layer in reversed(layers):
            if not layer.is_visible or layer.opacity == 0:
                continue
            if layer.is_pass_through:
                self._draw_through(sheet, layer)
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
            sheet.lay(*at, _coloured(samples, self._palette), self._space, mode, cover)
        if not mode.keeps_the_rest:
            left, top, right, bottom = layer.box
            sheet.keep_only(left, top - self._top, right, bottom - self._top)

    def _draw_group(self, sheet: Sheet, group: Layer) -> None:
        own = self.fresh()
        self.draw(own, group.children)
        if own.is_fresh:
            return
        # GIMP keeps what a group makes as a picture of its own, in bytes.
        pixels = own.rgba()
        del own
        mode = sheet.prepared(group.mode)
        cover = self._group_cover(group)
        for top in range(0, self._height_px, TILE_PX):
            rows = slice(top, top + TILE_PX)
            part = cover if isinstance(cover, float) else cover[rows]
            sheet.lay(top, 0, pixels[:, rows], Space.ENCODED, mode, part)

    def _draw_through(self, sheet: Sheet, group: Layer) -> None:
        """Draw the layers of a group on what is below it, and then fade to the outcome."""
        if group.opacity == 1 and group.mask is None:
            self.draw(sheet, group.children)
            return
        above = sheet.copy()
        self.draw(above, group.children)
        if not above.is_fresh:
            replace_by(sheet, above, self._group_cover(group))

    def _group_cover(self, group: Layer) -> Cover:
        """Return the opacity of a group, with its mask: an array of the band's shape."""
        if group.mask is None:
            return group.opacity
        cover = np.zeros((self._height_px, self._width_px), np.float32)
        for (top, left), samples in self._tiles(group, group.mask):
            part = _cover(samples, group.opacity)
            cover[top : top + part.shape[0], left : left + part.shape[1]] = part
        return cover

    def _tiles(self, layer: Layer, raster: Raster | None) -> Iterator[tuple[tuple[int, int], Samples]]:
        """Give each tile of a layer that touches the band, cut to it, with its place on the band's sheet (top, left)."""
        x, y = layer.box[0], layer.box[1] - self._top
        left, top = max(0, -x), max(0, -y)
        right = min(layer.box[2] - x, self._width_px - x)
        bottom = min(layer.box[3] - layer.box[1], self._height_px - y)
        if raster is None or left >= right or top >= bottom:
            return
        for tile_top, tile_left, samples in raster.tiles((left, top, right, bottom)):
            above, beside = max(0, top - tile_top), max(0, left - tile_left)
            part = samples[:, above : bottom - tile_top, beside : right - tile_left]
            yield (y + tile_top + above, x + tile_left + beside), part


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
