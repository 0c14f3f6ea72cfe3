"""Copies of a picture as they go about: the same art, saved otherwise or changed.

Each is a name, whether whoever searches with it must find the original first
every time, and a way to save it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

Change = Callable[[Image.Image], Image.Image]

MAX_COPY_PX = 1 << 20
"""Larger copies are not made; they would only measure patience."""

SEED = 22


@dataclass(frozen=True, slots=True)
class Copy:
    """A way to copy an RGBA picture."""

    name: str
    change: Change
    suits: Callable[[Image.Image], bool] = lambda _: True
    """Whether there is such a copy of a picture, and it is another than the picture itself."""

    exact: bool = False
    """The art is the same to the pixel, so that nothing else may be found before the original."""

    suffix: str = ".png"

    def save(self, picture: Image.Image, stem: Path) -> Path:
        """Save the copy of *picture*, RGBA, beside *stem* and return its path. Only where it :attr:`suits`."""
        path = stem.with_name(stem.name + self.suffix)
        # JPEG at Pillow's quality, 75; the others lose nothing.
        self.change(picture).save(path)
        return path


def has_hidden(picture: Image.Image) -> bool:
    """Say whether some of *picture* is clear."""
    return picture.getchannel("A").getextrema()[0] == 0


def few_colours(picture: Image.Image) -> bool:
    """Say whether the colours of *picture* fit into a palette."""
    return without_hidden(picture).getcolors(256) is not None


def fits(times: int) -> Callable[[Image.Image], bool]:
    """Say of a picture whether it is small enough to be enlarged so many *times*."""
    return lambda picture: picture.width * picture.height * times * times <= MAX_COPY_PX


def hidden_colours(picture: Image.Image) -> Image.Image:
    """Put noise under what is clear."""
    pixels = np.array(picture)
    clear = pixels[..., 3] == 0
    pixels[clear, :3] = np.random.default_rng(SEED).integers(0, 256, (int(clear.sum()), 3))
    return Image.fromarray(pixels)


def enlarged(times: int, how: Image.Resampling) -> Change:
    """Enlarge by a whole factor."""
    return lambda picture: picture.resize((picture.width * times, picture.height * times), how)


def bordered(picture: Image.Image) -> Image.Image:
    """Add a transparent border, another on each side: a quarter of the longer side at most, and a pixel."""
    part = max(picture.size)
    left, top, right, bottom = (1 + part * n // 16 for n in (4, 1, 2, 3))
    canvas = Image.new("RGBA", (picture.width + left + right, picture.height + top + bottom))
    canvas.paste(picture, (left, top))
    return canvas


def without_hidden(picture: Image.Image) -> Image.Image:
    """Make what is clear (0, 0, 0, 0), one colour for it all."""
    seen = picture.getchannel("A").point(lambda alpha: 255 if alpha else 0)
    return Image.composite(picture, Image.new("RGBA", picture.size), seen)


def indexed(picture: Image.Image) -> Image.Image:
    """Save in a palette, each colour with its alpha."""
    pixels = np.array(without_hidden(picture)).view(np.uint32)[..., 0]
    colours, numbers = np.unique(pixels, return_inverse=True)
    palette = colours.view(np.uint8).reshape(-1, 4)
    # The clear colour of old games instead of black.
    palette[palette[:, 3] == 0] = (255, 0, 255, 0)
    copy = Image.fromarray(numbers.astype(np.uint8))
    copy.putpalette(palette[:, :3].tobytes())
    copy.info["transparency"] = palette[:, 3].tobytes()
    return copy


def flattened(colour: str) -> Change:
    """Lay the picture on *colour*."""
    return lambda picture: Image.alpha_composite(Image.new("RGBA", picture.size, colour), picture).convert(
        "RGB"
    )


def hue_shifted(picture: Image.Image) -> Image.Image:
    """Turn all hues by a sixth of the circle."""
    hue, saturation, value = picture.convert("RGB").convert("HSV").split()
    turned = Image.merge("HSV", (hue.point(lambda step: (step + 43) % 256), saturation, value)).convert("RGB")
    turned.putalpha(picture.getchannel("A"))
    return turned


def flipped(picture: Image.Image) -> Image.Image:
    """Mirror left and right."""
    return picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)


def cropped(picture: Image.Image) -> Image.Image:
    """Keep the upper left of what can be seen, three quarters of each side."""
    seen = picture.crop(picture.getchannel("A").getbbox())
    return seen.crop((0, 0, -(-seen.width * 3 // 4), -(-seen.height * 3 // 4)))


def _all(*changes: Change) -> Change:
    def change(picture: Image.Image) -> Image.Image:
        for one in changes:
            picture = one(picture)
        return picture

    return change


NEAREST, BICUBIC = Image.Resampling.NEAREST, Image.Resampling.BICUBIC

COPIES = (
    Copy("hidden colours changed", hidden_colours, has_hidden, exact=True),
    Copy("x2, nearest", enlarged(2, NEAREST), fits(2), exact=True),
    Copy("x3, nearest", enlarged(3, NEAREST), fits(3), exact=True),
    Copy("x7, nearest", enlarged(7, NEAREST), fits(7), exact=True),
    Copy("transparent border", bordered, exact=True),
    Copy("indexed", indexed, few_colours, exact=True),
    Copy(
        "x3, border, indexed",
        _all(enlarged(3, NEAREST), bordered, indexed),
        lambda picture: fits(5)(picture) and few_colours(picture),
        exact=True,
    ),
    Copy("x2, bicubic", enlarged(2, BICUBIC), fits(2)),
    Copy("x3, bicubic", enlarged(3, BICUBIC), fits(3)),
    Copy("on white", flattened("white"), has_hidden),
    Copy("on black", flattened("black"), has_hidden),
    Copy("JPEG, on white", flattened("white"), suffix=".jpg"),
    Copy("hue shifted", hue_shifted),
    Copy("flipped", flipped),
    Copy("cropped to 3/4", cropped),
)
