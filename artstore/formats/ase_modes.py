"""How Aseprite lays one layer over another: in whole numbers, to the last bit.

    b    the backdrop's pixels, int32, shape (n, 4), straight alpha, 0 to 255
    s    the layer's ("source"), the same shape

Written after Aseprite's src/doc/blend_funcs.cpp (MIT): the "new" blenders, which it
has used by default since version 1.3.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int32]
Doubles = NDArray[np.float64]
Blend = Callable[[Ints, Ints], Ints]

NORMAL = 0
_HUE, _SATURATION, _COLOUR, _LUMINOSITY = 12, 13, 14, 15

HSL_MODES = frozenset({_HUE, _SATURATION, _COLOUR, _LUMINOSITY})
"""Modes that are Normal in a picture of greys."""


def product(a: Ints | int, b: Ints | int) -> Ints:
    """Return a * b / 255, rounded: pixman's MUL_UN8. Of a negative number, as an arithmetic shift rounds it."""
    t = np.asarray(a, np.int32) * np.asarray(b, np.int32) + 0x80
    rounded: Ints = ((t >> 8) + t) >> 8
    return rounded


def _quotient(a: Ints, b: Ints) -> Ints:
    """Return a * 255 / b, rounded: pixman's DIV_UN8."""
    safe = np.maximum(b, 1)
    rounded: Ints = (a * 255 + safe // 2) // safe
    return rounded


def _screen(b: Ints, s: Ints) -> Ints:
    return b + s - product(b, s)


def _hard_light(b: Ints, s: Ints) -> Ints:
    return np.where(s < 128, product(b, s << 1), _screen(b, (s << 1) - 255))


def _overlay(b: Ints, s: Ints) -> Ints:
    return _hard_light(s, b)


def _dodge(b: Ints, s: Ints) -> Ints:
    rest = 255 - s
    return np.where(b == 0, 0, np.where(b >= rest, 255, _quotient(b, rest)))


def _burn(b: Ints, s: Ints) -> Ints:
    rest = 255 - b
    return np.where(b == 255, 255, np.where(rest >= s, 0, 255 - _quotient(rest, s)))


def _soft_light(b: Ints, s: Ints) -> Ints:
    below, above = b / 255.0, s / 255.0
    curve = np.where(below <= 0.25, ((16 * below - 12) * below + 4) * below, np.sqrt(below))
    dark = below - (1 - 2 * above) * below * (1 - below)
    light = below + (2 * above - 1) * (curve - below)
    return (np.where(above <= 0.5, dark, light) * 255 + 0.5).astype(np.int32)


def _difference(b: Ints, s: Ints) -> Ints:
    return np.abs(np.subtract(b, s))


def _exclusion(b: Ints, s: Ints) -> Ints:
    return b + s - 2 * product(b, s)


def _addition(b: Ints, s: Ints) -> Ints:
    return np.add(b, s).clip(max=255)


def _subtract(b: Ints, s: Ints) -> Ints:
    return np.subtract(b, s).clip(min=0)


def _divide(b: Ints, s: Ints) -> Ints:
    return np.where(b == 0, 0, np.where(b >= s, 255, _quotient(b, s)))


def _light(colour: Doubles) -> Doubles:
    # Term by term: what comes out is cut to a whole number, so that the last bit counts.
    light: Doubles = 0.3 * colour[:, 0] + 0.59 * colour[:, 1] + 0.11 * colour[:, 2]
    return light


def _with_light(colour: Doubles, light: Doubles) -> Ints:
    """Shift *colour*, shape (n, 3), to a luminosity, and squeeze it into 0 to 1 around that."""
    colour = colour + (light - _light(colour))[:, None]
    middle = _light(colour)[:, None]
    least, most = colour.min(axis=1, keepdims=True), colour.max(axis=1, keepdims=True)
    room_below = np.where(least < 0, middle - least, 1)
    colour = np.where(least < 0, middle + (colour - middle) * middle / room_below, colour)
    room_above = np.where(most > 1, most - middle, 1)
    colour = np.where(most > 1, middle + (colour - middle) * (1 - middle) / room_above, colour)
    return (255.0 * colour).astype(np.int32)


def _with_saturation(colour: Doubles, saturation: Doubles) -> Doubles:
    """Stretch *colour*, shape (n, 3), so that its least part is 0 and its largest *saturation*."""
    least, most = colour.min(axis=1, keepdims=True), colour.max(axis=1, keepdims=True)
    spread = most - least
    stretched: Doubles = (colour - least) * saturation[:, None] / np.where(spread > 0, spread, 1)
    return stretched


def _saturation(colour: Doubles) -> Doubles:
    spread: Doubles = colour.max(axis=1) - colour.min(axis=1)
    return spread


def _hsl(mode: int) -> Blend:
    def blend(b: Ints, s: Ints) -> Ints:
        below, above = b / 255.0, s / 255.0
        if mode == _HUE:
            return _with_light(_with_saturation(above, _saturation(below)), _light(below))
        if mode == _SATURATION:
            return _with_light(_with_saturation(below, _saturation(above)), _light(below))
        if mode == _COLOUR:
            return _with_light(above, _light(below))
        return _with_light(below, _light(above))

    return blend


_BLENDS: dict[int, Blend] = {
    1: product,
    2: _screen,
    3: _overlay,
    4: np.minimum,
    5: np.maximum,
    6: _dodge,
    7: _burn,
    8: _hard_light,
    9: _soft_light,
    10: _difference,
    11: _exclusion,
    _HUE: _hsl(_HUE),
    _SATURATION: _hsl(_SATURATION),
    _COLOUR: _hsl(_COLOUR),
    _LUMINOSITY: _hsl(_LUMINOSITY),
    16: _addition,
    17: _subtract,
    18: _divide,
}


def _normal(b: Ints, s: Ints, opacity: int) -> Ints:
    alpha = product(s[:, 3], opacity)
    below = b[:, 3]
    union = alpha + below - product(below, alpha)
    # As C divides: towards zero. Only where both are clear is there nothing to divide by.
    step = (s[:, :3] - b[:, :3]) * alpha[:, None]
    steps = np.sign(step) * (np.abs(step) // np.maximum(union, 1)[:, None])
    on_clear = (below == 0)[:, None]
    mixed = np.concatenate([np.where(on_clear, s[:, :3], b[:, :3] + steps), union[:, None]], axis=1)
    return np.where((s[:, 3:] == 0) & ~on_clear, b, mixed)


def _merged(b: Ints, s: Ints, opacity: Ints) -> Ints:
    part = opacity[:, None]
    mixed = b[:, :3] + product(s[:, :3] - b[:, :3], part)
    mixed = np.where(b[:, 3:] == 0, s[:, :3], np.where(s[:, 3:] == 0, b[:, :3], mixed))
    alpha = b[:, 3:] + product(s[:, 3:] - b[:, 3:], part)
    return np.concatenate([np.where(alpha == 0, 0, mixed), alpha], axis=1)


def laid(b: Ints, s: Ints, opacity: int, mode: int) -> Ints:
    """Return what is seen of *s* laid over *b*; a mode that is not known is Normal."""
    normal = _normal(b, s, opacity)
    if mode not in _BLENDS:
        return normal
    colours = _BLENDS[mode](b[:, :3], s[:, :3])
    blended = _normal(b, np.concatenate([colours, s[:, 3:]], axis=1), opacity)
    below = b[:, 3]
    either = _merged(normal, blended, below)
    outcome = _merged(either, blended, product(below, product(s[:, 3], opacity)))
    return np.where((below == 0)[:, None], normal, outcome)
