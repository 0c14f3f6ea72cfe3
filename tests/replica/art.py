"""The artist of one work: every picture it makes shares a palette, a subject and a size, as the art of one work does.

`Artist.picture(variant)` is the picture; `draw_file(form, artist, variant)` the bytes of a file that shows it in one of
`FORMS`: with alpha, recoloured, enlarged, as a sheet, in a palette, in 16 bits, animated. A variant is drawn from its own
generator, so the same numbers always give the same bytes, in whatever order files are asked for.
"""

from __future__ import annotations

import colorsys
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from tests.replica import scenes, sprites

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.random import Generator
    from numpy.typing import NDArray

    Colours = NDArray[np.uint8]

FAMILIES = ("sprite", "tiles", "ui", "background", "painting", "texture", "relief", "solid")
RAMP_SHADES = ((0.52, 1.1), (0.8, 1.0), (1.0, 0.62))
"""Brightness and saturation of the dark, the middle and the light colour of a ramp."""


def palette(hue: float, rng: Generator) -> Colours:
    """Eighteen colours in the order of `tests.replica.sprites`; *hue* in [0, 1) is that of the main ramp."""
    mood, spread = rng.uniform(0.55, 0.95), rng.uniform(0.25, 0.4)
    bones = (hue, mood), (hue + spread, mood * 0.8), (hue + 0.5, 0.9), (hue + 0.05, 0.12), (0.075, 0.6)
    dark = colorsys.hsv_to_rgb((hue + 0.6) % 1, 0.5, 0.14)
    rows = [(0.0, 0.0, 0.0), dark, (0.97, 0.97, 0.93)]
    for ramp_hue, saturation in bones:
        for shade, (value, fade) in enumerate(RAMP_SHADES):
            turned = (ramp_hue + 0.035 * (1 - shade)) % 1
            rows.append(colorsys.hsv_to_rgb(turned, min(1.0, saturation * fade), value))
    return (np.array(rows) * 255).astype(np.uint8)


@dataclass(frozen=True, slots=True)
class Artist:
    """What is constant in a work: the family of its pictures, the kind of sprite, the hue and the side in pixels."""

    family: str
    kind: str
    hue: float
    size_px: int
    seed: int

    def rng(self, *stream: int) -> Generator:
        return np.random.default_rng([self.seed, *stream])

    def colours(self, recolour: int = 0) -> Colours:
        return palette((self.hue + recolour * 0.23) % 1, self.rng(1, recolour))

    def indexed(self, variant: int, size_px: int = 0, phase: float = 0.0) -> sprites.Indexed:
        """The palette indices of a sprite, a tile sheet, a texture or a sheet of buttons."""
        rng, size_px = self.rng(2, variant), size_px or self.size_px
        if self.family == "tiles":
            return scenes.tile_sheet(rng, size_px)
        if self.family == "texture":
            return scenes.texture(rng, 128)
        if self.family == "ui":
            return scenes.ui_sheet(rng)
        return sprites.draw(self.kind, rng, size_px, phase)

    def picture(self, variant: int, recolour: int = 0, size_px: int = 0, phase: float = 0.0) -> Image.Image:
        """One picture, RGBA if it has holes, else RGB."""
        colours, rng = self.colours(recolour), self.rng(2, variant)
        if self.family == "background":
            return Image.fromarray(scenes.landscape(rng, colours, 320, 180, jagged=variant % 3 == 2))
        if self.family == "painting":
            return Image.fromarray(scenes.painting(rng, colours, 400, 260))
        if self.family == "solid":
            return Image.fromarray(scenes.solid(rng, colours, 160))
        if self.family == "relief":
            return Image.fromarray((scenes.waves(rng, 128, 128) * 255).astype(np.uint8)).convert("RGB")
        drawing = self.indexed(variant, size_px, phase)
        # Editors leave the last brush colour under erased pixels; a reader that forgets alpha must meet that here.
        hidden = self.rng(3, variant).integers(0, 256, 3) if variant % 2 else (0, 0, 0)
        return painted(drawing, colours, np.asarray(hidden, np.uint8))


def painted(drawing: sprites.Indexed, colours: Colours, hidden: NDArray[np.uint8]) -> Image.Image:
    """Indices as RGBA, with the colour *hidden* striped under the clear pixels."""
    rgba = np.empty((*drawing.shape, 4), np.uint8)
    rgba[..., :3], rgba[..., 3] = colours[drawing], 255
    clear = drawing == sprites.CLEAR
    if not clear.any():
        return Image.fromarray(rgba[..., :3])
    rgba[clear] = (*hidden.tolist(), 0)
    rgba[::2][clear[::2], :3] = hidden // 2
    return Image.fromarray(rgba)


def saved(picture: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    out = BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def enlarged(picture: Image.Image, times: int) -> Image.Image:
    return picture.resize((picture.width * times, picture.height * times), Image.Resampling.NEAREST)


def png(artist: Artist, variant: int) -> bytes:
    return saved(artist.picture(variant))


def sheet(artist: Artist, variant: int) -> bytes:
    """Variants in columns, steps of a walk in rows; what is no sprite is a sheet already and comes twice as large."""
    if artist.family != "sprite":
        return saved(enlarged(artist.picture(variant), 2))
    side = artist.size_px
    canvas = Image.new("RGBA", (side * 6, side * 4))
    for step in range(4):
        for column in range(6):
            cell = artist.picture(variant * 6 + column, phase=step * np.pi / 2)
            canvas.paste(cell, (column * side, step * side))
    return saved(canvas)


def recolour(artist: Artist, variant: int) -> bytes:
    return saved(artist.picture(0, recolour=variant))


def twice(artist: Artist, variant: int) -> bytes:
    del variant
    return saved(enlarged(artist.picture(0), 2))


def fourfold(artist: Artist, variant: int) -> bytes:
    del variant
    return saved(enlarged(artist.picture(0), 4))


def icon8(artist: Artist, variant: int) -> bytes:
    return saved(artist.picture(variant, size_px=8))


def icon16(artist: Artist, variant: int) -> bytes:
    return saved(artist.picture(variant, size_px=16))


def in_palette(artist: Artist, variant: int) -> Image.Image:
    """Mode P: the indices themselves, index 0 clear."""
    picture = Image.fromarray(artist.indexed(variant))
    picture.putpalette(artist.colours().tobytes())
    return picture


def palette_png(artist: Artist, variant: int) -> bytes:
    return saved(in_palette(artist, variant), transparency=0)


def grey16(artist: Artist, variant: int) -> bytes:
    """A height map that uses the low byte too: read as 8 bits it is wrong."""
    field = scenes.waves(artist.rng(2, variant), 128, 128) * 52000 + 4000
    return saved(Image.fromarray(field.astype(np.uint16)))


def one_bit(artist: Artist, variant: int) -> bytes:
    """White ink on black, as fonts and old handhelds want it."""
    drawing = artist.indexed(variant)
    return saved(Image.fromarray(np.isin(drawing, (2, 4, 5, 7, 8, 10, 11, 13, 14, 16, 17))))


def grey_alpha(artist: Artist, variant: int) -> bytes:
    """A puff of smoke: grey, with soft alpha."""
    rng = artist.rng(2, variant)
    y, x = np.mgrid[-1:1:64j, -1:1:64j]
    grey = scenes.waves(rng, 64, 64) * 150 + 90
    alpha = np.clip(1.15 - np.hypot(x, y) - 0.4 * scenes.waves(rng, 64, 64), 0, 1) * 255
    return saved(Image.fromarray(np.dstack([grey, alpha]).astype(np.uint8), "LA"))


def jpeg(artist: Artist, variant: int) -> bytes:
    picture = artist.picture(variant)
    if picture.mode == "RGBA":
        picture = enlarged(Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture), 4)
    return saved(picture.convert("RGB"), "JPEG", quality=88)


def bmp(artist: Artist, variant: int) -> bytes:
    """Without alpha, on the pink that old engines take for a hole."""
    picture = artist.picture(variant).convert("RGBA")
    keyed = Image.alpha_composite(Image.new("RGBA", picture.size, "#ff00ff"), picture)
    return saved(keyed.convert("RGB"), "BMP")


def gif(artist: Artist, variant: int) -> bytes:
    """Six steps of an animation."""
    steps = [enlarged(artist.picture(variant, phase=step * np.pi / 3), 2) for step in range(6)]
    return saved(steps[0], "GIF", save_all=True, append_images=steps[1:], duration=120, loop=0, disposal=2)


def svg(artist: Artist, variant: int) -> bytes:
    """The runs of equal pixels as rectangles: a drawing without pixels of its own."""
    drawing, colours = artist.indexed(variant, size_px=16), artist.colours()
    side = len(drawing)
    rows = [
        f'<rect x="{x}" y="{y}" width="1" height="1" fill="#{bytes(colours[drawing[y, x]]).hex()}"/>'
        for y, x in np.argwhere(drawing).tolist()
    ]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {drawing.shape[1]} {side}" shape-rendering="crispEdges">'
    return "\n".join([head, *rows, "</svg>\n"]).encode()


def ogg(artist: Artist, variant: int) -> bytes:
    """The look of an Ogg page without music in it."""
    return b"OggS\x00\x02" + artist.rng(4, variant).bytes(2048)


def frames(artist: Artist, count: int, variant: int = 0) -> list[bytes]:
    """A numbered series: one variant through one cycle."""
    return [saved(artist.picture(variant, phase=2 * np.pi * step / count)) for step in range(count)]


FORMS: dict[str, Callable[[Artist, int], bytes]] = {
    "png": png,
    "sheet": sheet,
    "recolour": recolour,
    "x2": twice,
    "x4": fourfold,
    "icon8": icon8,
    "icon16": icon16,
    "palette": palette_png,
    "grey16": grey16,
    "onebit": one_bit,
    "greyalpha": grey_alpha,
    "jpeg": jpeg,
    "bmp": bmp,
    "gif": gif,
    "svg": svg,
    "ogg": ogg,
}
