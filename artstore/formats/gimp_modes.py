"""How GIMP lays one layer over another: its layer modes.

    b    the backdrop's colours, float32, shape (3, n), 0 to 1
    s    the layer's ("source"), the same shape

The formulas are those of GIMP 2.10's operations (app/operations/layer-modes and
layer-modes-legacy), told here in arrays; what is blended in which colour space is
what GIMP writes into its files as the default of each mode. Dissolve is taken as
Normal (it is chance), and so is every mode that is not in :data:`MODES`. The rarer
ways to composite Behind, Erase, Merge and Split are taken as their usual way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np

from artstore.formats.gimp_colours import Floats, Space

_TINY = np.float32(1e-6)
"""What GIMP takes for nothing, in its quotients and in its chroma."""

_GREY = np.float32(1e-2)
"""A chroma of L*a*b* that is none: the least one of two colours of 8 bits is larger, and what rounding leaves smaller."""

_LUMA = np.array([0.22248840, 0.71690369, 0.06060791], np.float32)
"""Weights of light, GIMP_RGB_LUMINANCE (for D50)."""

Blend = Callable[[Floats, Floats], Floats]


class Composite(IntEnum):
    """Where the outcome is seen, as an XCF file numbers it."""

    UNION = 1
    CLIP_TO_BACKDROP = 2
    CLIP_TO_LAYER = 3
    INTERSECTION = 4


class Rule(IntEnum):
    """How alphas meet: a few modes have a rule of their own."""

    PLAIN = 0
    LEGACY = 1
    COLOUR_ERASE = 2
    BEHIND = 3
    ERASE = 4
    MERGE = 5
    SPLIT = 6


@dataclass(frozen=True, slots=True)
class Mode:
    """A layer mode with the spaces and the way that a file asks for."""

    blend: Blend | None
    """The formula; None is Normal, where the layer's own colour is seen."""

    blend_space: Space | None = Space.ENCODED
    """Where the formula is reckoned; None: in the composite space."""

    composite_space: Space = Space.LINEAR
    composite: Composite = Composite.CLIP_TO_BACKDROP
    rule: Rule = Rule.PLAIN

    @property
    def keeps_the_rest(self) -> bool:
        """Whether the backdrop stays as it is where the layer is not."""
        return self.composite in {Composite.UNION, Composite.CLIP_TO_BACKDROP}

    def asked(self, blend_space: int, composite_space: int, composite: int) -> Mode:
        """Return this mode as a file's properties ask for: 0 is the default, and so is what is unknown."""
        # GIMP 3 tells "as the eye sees" (4) from "as the screen takes" (2); for sRGB they are one.
        spaces = {1: Space.LINEAR, 2: Space.ENCODED, 3: Space.LAB, 4: Space.ENCODED}
        of_blend = spaces.get(blend_space, self.blend_space)
        of_composite = spaces.get(composite_space, self.composite_space)
        if of_composite == Space.LAB:
            of_composite = self.composite_space
        known = composite in Composite.__members__.values()
        return replace(
            self,
            blend_space=of_blend,
            composite_space=of_composite,
            composite=Composite(composite) if known else self.composite,
        )


def _quotient(a: Floats, b: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        quotient = np.divide(a, b, dtype=np.float32)
    most = 1 / float(_TINY)
    bounded: Floats = quotient.clip(-most, most)
    return np.where(np.abs(a) > _TINY, bounded, np.float32(0))


def _multiply(b: Floats, s: Floats) -> Floats:
    return b * s


def _screen(b: Floats, s: Floats) -> Floats:
    return 1 - (1 - b) * (1 - s)


def _overlay(b: Floats, s: Floats) -> Floats:
    return np.where(b < 0.5, 2 * b * s, 1 - 2 * (1 - s) * (1 - b))


def _difference(b: Floats, s: Floats) -> Floats:
    return np.abs(np.subtract(b, s))


def _addition(b: Floats, s: Floats) -> Floats:
    return b + s


def _subtract(b: Floats, s: Floats) -> Floats:
    return b - s


def _darken(b: Floats, s: Floats) -> Floats:
    return np.minimum(b, s)


def _lighten(b: Floats, s: Floats) -> Floats:
    return np.maximum(b, s)


def _divide(b: Floats, s: Floats) -> Floats:
    return _quotient(b, s)


def _divide_legacy(b: Floats, s: Floats) -> Floats:
    return np.divide(b, np.maximum(s, np.float32(1 / 4294967295)), dtype=np.float32)


def _dodge(b: Floats, s: Floats) -> Floats:
    return _quotient(b, 1 - s)


def _burn(b: Floats, s: Floats) -> Floats:
    return 1 - _quotient(1 - b, s)


def _hard_light(b: Floats, s: Floats) -> Floats:
    light: Floats = np.minimum(1 - (1 - b) * (2 - 2 * s), 1)
    return np.where(s > 0.5, light, np.minimum(2 * b * s, 1))


def _soft_light(b: Floats, s: Floats) -> Floats:
    return (1 - b) * b * s + b * _screen(b, s)


def _grain_extract(b: Floats, s: Floats) -> Floats:
    return b - s + np.float32(0.5)


def _grain_merge(b: Floats, s: Floats) -> Floats:
    return b + s - np.float32(0.5)


def _vivid_light(b: Floats, s: Floats) -> Floats:
    burnt = np.maximum(1 - _quotient(1 - b, 2 * s), 0)
    return np.where(s <= 0.5, burnt, np.minimum(_quotient(b, 2 - 2 * s), 1))


def _pin_light(b: Floats, s: Floats) -> Floats:
    return np.where(s > 0.5, np.maximum(b, 2 * s - 1), np.minimum(b, 2 * s))


def _linear_light(b: Floats, s: Floats) -> Floats:
    return b + 2 * s - 1


def _hard_mix(b: Floats, s: Floats) -> Floats:
    # What a colour lost on its way to another space and back is forgiven: half of white and half make white.
    return np.where(b + s < np.float32(1 - 1e-5), np.float32(0), np.float32(1))


def _exclusion(b: Floats, s: Floats) -> Floats:
    return np.float32(0.5) - 2 * (b - np.float32(0.5)) * (s - np.float32(0.5))


def _linear_burn(b: Floats, s: Floats) -> Floats:
    return b + s - 1


def _luma_darken(b: Floats, s: Floats) -> Floats:
    return np.where(_LUMA @ b <= _LUMA @ s, b, s)


def _luma_lighten(b: Floats, s: Floats) -> Floats:
    return np.where(_LUMA @ b >= _LUMA @ s, b, s)


def _luminance(b: Floats, s: Floats) -> Floats:
    return b * _quotient(_LUMA @ s, _LUMA @ b)


def _spread(colours: Floats) -> tuple[Floats, Floats]:
    """Return the largest part of each colour, and how far above the smallest it is: both (n,)."""
    top = colours.max(axis=0)
    return top, top - colours.min(axis=0)


def _hue(b: Floats, s: Floats) -> Floats:
    (top_b, spread_b), (top_s, spread_s) = _spread(b), _spread(s)
    ratio = spread_b / np.maximum(spread_s, _TINY)
    return np.where(spread_s > _TINY, s * ratio + (top_b - top_s * ratio), b)


def _saturation(b: Floats, s: Floats) -> Floats:
    (top_b, spread_b), (top_s, spread_s) = _spread(b), _spread(s)
    ratio = spread_s / np.maximum(top_s, _TINY) * top_b / np.maximum(spread_b, _TINY)
    return np.where(spread_b > _TINY, b * ratio + (1 - ratio) * top_b, top_b)


def _saturation_legacy(b: Floats, s: Floats) -> Floats:
    """Give *b* the saturation of *s*: what is grey counts as red, which is the hue that 0 stands for."""
    top_b, spread_b = _spread(b)
    top_s, spread_s = _spread(s)
    dull = top_b * (1 - spread_s / np.maximum(top_s, _TINY))
    reddish = np.stack([top_b, dull, dull])
    return np.where(spread_b > _TINY, _saturation(b, s), reddish)


def _value(b: Floats, s: Floats) -> Floats:
    (top_b, _), (top_s, _) = _spread(b), _spread(s)
    return np.where(top_b > _TINY, b * (top_s / np.maximum(top_b, _TINY)), top_s)


def _colour(b: Floats, s: Floats) -> Floats:
    """Give *s* the lightness (of HSL) of *b*."""
    light_b = (b.min(axis=0) + b.max(axis=0)) / 2
    light_s = (s.min(axis=0) + s.max(axis=0)) / 2
    room_b, room_s = np.minimum(light_b, 1 - light_b), np.minimum(light_s, 1 - light_s)
    ratio = room_b / np.maximum(room_s, _TINY)
    offset = np.where(light_b > 0.5, 1 - 2 * room_b, 0) + np.where(light_s > 0.5, 2 * room_b - ratio, 0)
    coloured: Floats = s * ratio + offset
    return np.where(room_s > _TINY, coloured, light_b)


def _lch(lightness_from_layer: bool, chroma_from_layer: bool, hue_from_layer: bool) -> Blend:  # noqa: FBT001
    def blend(b: Floats, s: Floats) -> Floats:
        chroma_b, chroma_s = np.hypot(b[1], b[2]), np.hypot(s[1], s[2])
        hue, of_hue = (s, chroma_s) if hue_from_layer else (b, chroma_b)
        chroma = chroma_s if chroma_from_layer else chroma_b
        # What is grey has no hue to give or to keep: then all of the backdrop's colour stays.
        plane = np.where(of_hue > _GREY, hue[1:] * (chroma / np.maximum(of_hue, _GREY)), b[1:])
        return np.concatenate([(s if lightness_from_layer else b)[:1], plane])

    return blend


def _lch_colour(b: Floats, s: Floats) -> Floats:
    return np.concatenate([b[:1], s[1:]])


def _legacy(blend: Blend | None) -> Mode:
    return Mode(blend, Space.ENCODED, Space.ENCODED, Composite.CLIP_TO_BACKDROP, Rule.LEGACY)


def _special(rule: Rule, composite: Composite) -> Mode:
    return Mode(None, None, Space.LINEAR, composite, rule)


NORMAL_LEGACY = Mode(None, None, Space.ENCODED, Composite.UNION)
NORMAL = Mode(None, None, Space.LINEAR, Composite.UNION)

PASS_THROUGH = 61
"""A group whose layers see what is below the group. It is no mode but a way of drawing: it is not in :data:`MODES`."""

MODES: dict[int, Mode] = {
    0: NORMAL_LEGACY,
    1: NORMAL_LEGACY,
    2: replace(_special(Rule.BEHIND, Composite.UNION), composite_space=Space.ENCODED),
    3: _legacy(_multiply),
    4: _legacy(_screen),
    5: _legacy(_soft_light),
    6: _legacy(_difference),
    7: _legacy(_addition),
    8: _legacy(_subtract),
    9: _legacy(_darken),
    10: _legacy(_lighten),
    11: _legacy(_hue),
    12: _legacy(_saturation_legacy),
    13: _legacy(_colour),
    14: _legacy(_value),
    15: _legacy(_divide_legacy),
    16: _legacy(_dodge),
    17: _legacy(_burn),
    18: _legacy(_hard_light),
    19: _legacy(_soft_light),
    20: _legacy(_grain_extract),
    21: _legacy(_grain_merge),
    23: Mode(_overlay),
    24: Mode(_lch(False, False, True), Space.LAB),  # noqa: FBT003
    25: Mode(_lch(False, True, False), Space.LAB),  # noqa: FBT003
    26: Mode(_lch_colour, Space.LAB),
    27: Mode(_lch(True, False, False), Space.LAB),  # noqa: FBT003
    28: NORMAL,
    29: _special(Rule.BEHIND, Composite.UNION),
    30: Mode(_multiply, Space.LINEAR),
    31: Mode(_screen),
    32: Mode(_difference),
    33: Mode(_addition, Space.LINEAR),
    34: Mode(_subtract, Space.LINEAR),
    35: Mode(_darken, None),
    36: Mode(_lighten, None),
    37: Mode(_hue),
    38: Mode(_saturation),
    39: Mode(_colour),
    40: Mode(_value),
    41: Mode(_divide, Space.LINEAR),
    42: Mode(_dodge),
    43: Mode(_burn),
    44: Mode(_hard_light),
    45: Mode(_soft_light),
    46: Mode(_grain_extract),
    47: Mode(_grain_merge),
    48: Mode(_vivid_light),
    49: Mode(_pin_light),
    50: Mode(_linear_light),
    51: Mode(_hard_mix),
    52: Mode(_exclusion),
    53: Mode(_linear_burn),
    54: Mode(_luma_darken),
    55: Mode(_luma_lighten),
    56: Mode(_luminance, Space.LINEAR),
    57: replace(_special(Rule.COLOUR_ERASE, Composite.CLIP_TO_BACKDROP), blend_space=Space.LINEAR),
    58: _special(Rule.ERASE, Composite.CLIP_TO_BACKDROP),
    59: _special(Rule.MERGE, Composite.UNION),
    60: _special(Rule.SPLIT, Composite.CLIP_TO_BACKDROP),
}
"""The modes that are drawn as GIMP draws them, by their numbers in a file."""
