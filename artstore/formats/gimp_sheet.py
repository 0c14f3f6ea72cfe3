"""The sheet that layers are laid on, one over the other, as GIMP does it.

    (4, h, w)    pixels, straight alpha: floats, or bytes

A *cover* is the opacity of a layer, where it has a mask times that: a number, or
an array of shape (h, w), 0 to 1. The formulas are those of GIMP 2.10's
gimpoperationlayermode-composite.c and of its modes with a rule of their own.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from artstore.formats.gimp_colours import Floats, Space, bytes_of, converted, floats_of
from artstore.formats.gimp_modes import Composite, Mode, Rule

Cover = float | Floats

_NOTHING = np.float32(1e-12)
"""Stands for an alpha of 0 below a fraction line: what is above it is 0 as well."""

_STRIP_PX = 64
"""Rows that are turned into bytes at a time: little enough for a processor to have them at hand."""


class Sheet:
    """The outcome so far of the layers from the lowest on. It begins clear."""

    def __init__(self, height_px: int, width_px: int) -> None:
        self.pixels: Floats = np.zeros((4, height_px, width_px), np.float32)
        self.space = Space.LINEAR
        self.is_fresh = True
        """Whether no layer was laid on it yet: the lowest is drawn as Normal, whatever its mode."""

    def copy(self, left: int, top: int, right: int, bottom: int) -> Sheet:
        """Return a sheet with the pixels of a box, which can be drawn on apart from this one."""
        part = Sheet(0, 0)
        part.pixels = self.pixels[:, top:bottom, left:right].copy()
        part.space, part.is_fresh = self.space, self.is_fresh
        return part

    def prepared(self, mode: Mode) -> Mode:
        """Make ready for a layer of *mode*, before any part of it is laid, and return the mode to lay it by."""
        if self.is_fresh:
            self.space = mode.composite_space
            self.is_fresh = False
            return Mode(None, None, mode.composite_space, Composite.UNION)
        self.change(mode.composite_space)
        return mode

    def change(self, space: Space) -> None:
        """Have the colours in another *space*."""
        if self.space != space:
            self.pixels[:3] = converted(self.pixels[:3], self.space, space)
            self.space = space

    def lay(
        self, top: int, left: int, layer: NDArray[np.uint8] | Floats, space: Space, mode: Mode, cover: Cover
    ) -> None:
        """Lay a part of a layer, whose colours are of *space*, with its corner at *top*, *left*: all of it within."""
        if mode.keeps_the_rest and not layer[3].any():
            return
        area = self.pixels[:, top : top + layer.shape[1], left : left + layer.shape[2]]
        source = floats_of(layer, space, self.space)
        if mode.rule == Rule.PLAIN and mode.blend is None and mode.composite == Composite.UNION:
            _lay_normal(area, source, cover)
        elif mode.rule == Rule.LEGACY:
            _lay_legacy(area, source, cover, mode)
        elif mode.rule == Rule.PLAIN:
            _lay_blended(area, source, cover, mode)
        else:
            _lay_by_rule(area, source, cover, mode)

    def keep_only(self, left: int, top: int, right: int, bottom: int) -> None:
        """Clear all that is outside of a box, which may go beyond the sheet."""
        left, top, right, bottom = (max(0, edge) for edge in (left, top, right, bottom))
        alpha = self.pixels[3]
        for outside in (alpha[:top], alpha[bottom:], alpha[:, :left], alpha[:, right:]):
            outside[...] = 0

    def fade(self, left: int, top: int, above: Sheet, cover: Cover) -> None:
        """Go over to *above*, which lies with its corner at *left*, *top*, as far as *cover* says.

        That is how GIMP shows a group which lets its layers see what is below it.
        """
        for sheet in (self, above):
            sheet.change(Space.LINEAR)
        s = above.pixels
        b = self.pixels[:, top : top + s.shape[1], left : left + s.shape[2]]
        alpha = (s[3] - b[3]) * cover + b[3]
        _go(b, s, cover * s[3] / np.maximum(alpha, _NOTHING), alpha)
        self.is_fresh = False

    def strips(self) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        """Give what is seen, as bytes: some rows at a time, with the number of the first of them."""
        for top in range(0, self.pixels.shape[1], _STRIP_PX):
            yield top, bytes_of(self.pixels[:, top : top + _STRIP_PX], self.space)


def _go(b: Floats, s: Floats, ratio: Floats, alpha: Floats) -> None:
    """Take the colours of *b* so far to those of *s* as *ratio* says, and give it another alpha."""
    b[:3] += (s[:3] - b[:3]) * ratio
    b[3] = alpha


def _lay_normal(b: Floats, s: Floats, cover: Cover) -> None:
    alpha = s[3] * cover
    if alpha.min() == 1:
        b[...] = s
        return
    union = alpha + b[3] * (1 - alpha)
    _go(b, s, alpha / np.maximum(union, _NOTHING), union)


def _blended(b: Floats, s: Floats, mode: Mode) -> Floats:
    """Return the outcome of the mode's formula, shape (3, h, w): where one of both is clear, the layer's colour."""
    outcome = s[:3].copy()
    both = (b[3] > 0) & (s[3] > 0)
    if mode.blend is not None and both.any():
        home = mode.composite_space
        away = mode.blend_space or home
        below, above = (converted(pixels[:3, both], home, away) for pixels in (b, s))
        outcome[:, both] = converted(mode.blend(below, above), away, home)
    return outcome


def _lay_blended(b: Floats, s: Floats, cover: Cover, mode: Mode) -> None:
    outcome = _blended(b, s, mode)
    alpha, below = s[3] * cover, b[3].copy()
    if mode.composite == Composite.UNION:
        union = alpha + (1 - alpha) * below
        ratio = alpha / np.maximum(union, _NOTHING)
        b[:3] += ratio * (below * (outcome - s[:3]) + s[:3] - b[:3])
        b[3] = union
    elif mode.composite == Composite.CLIP_TO_BACKDROP:
        b[:3] += (outcome - b[:3]) * alpha
    elif mode.composite == Composite.CLIP_TO_LAYER:
        b[:3] = outcome * below + s[:3] * (1 - below)
        b[3] = alpha
    else:
        b[:3] = outcome
        b[3] *= alpha


def _lay_legacy(b: Floats, s: Floats, cover: Cover, mode: Mode) -> None:
    outcome = np.clip(_blended(b, s, mode), 0, 1)
    alpha = np.minimum(b[3], s[3]) * cover
    union = b[3] + (1 - b[3]) * alpha
    _go(b, outcome, alpha / np.maximum(union, _NOTHING), b[3].copy())


def _lay_by_rule(b: Floats, s: Floats, cover: Cover, mode: Mode) -> None:
    alpha, below = s[3] * cover, b[3].copy()
    if mode.rule == Rule.ERASE:
        b[3] = below * (1 - alpha)
    elif mode.rule == Rule.SPLIT:
        b[3] = np.maximum(below - alpha, 0)
    elif mode.rule == Rule.COLOUR_ERASE:
        _erase_colour(b, s, alpha)
    elif mode.rule == Rule.MERGE:
        union = np.minimum(below, 1 - alpha) + alpha
        _go(b, s, alpha / np.maximum(union, _NOTHING), union)
    else:
        union = alpha + (1 - alpha) * below
        _go(b, s, 1 - below / np.maximum(union, _NOTHING), union)


def _erase_colour(b: Floats, s: Floats, alpha: Floats) -> None:
    """Take the layer's colour out of the backdrop, as GIMP's Color to Alpha does."""
    colour, ground = np.clip(b[:3], 0, 1), np.clip(s[:3], 0, 1)
    room = np.where(colour > ground, 1 - ground, ground)
    far = np.abs(colour - ground)
    left = np.where(far > 1e-6, far / np.maximum(room, _NOTHING), 0).max(axis=0)
    bare = (b[:3] - s[:3]) / np.maximum(left, _NOTHING) + s[:3]
    seen = np.where((b[3] > 0) & (s[3] > 0), left, 0) * alpha
    rest = 1 - alpha + seen
    _go(b, np.where(left > 1e-6, bare, 0), seen / np.maximum(rest, _NOTHING), b[3] * rest)
