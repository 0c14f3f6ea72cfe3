"""Small things drawn in palette indices: a drawing is a `(h, w)` uint8 array, colours come later.

Index 0 is clear, 1 the outline, 2 white, and `3 + 3 * ramp + shade` a colour: shade 0 dark, 1 middle, 2 light.
Colour ramps are 0 main, 1 second, 2 accent, 3 metal or bone, 4 wood or earth. One drawing under another palette is a recolour.
A kind of sprite is a function of a generator and two coordinate grids in [-1, 1], u to the right and v downwards,
that returns parts from back to front; bending the grids animates every kind alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.random import Generator
    from numpy.typing import NDArray

    Plane: TypeAlias = NDArray[np.float64]
    Mask: TypeAlias = NDArray[np.bool_]
    Indexed: TypeAlias = NDArray[np.uint8]

CLEAR, OUTLINE, WHITE, FIRST_RAMP = 0, 1, 2, 3
MAIN, SECOND, ACCENT, METAL, WOOD = range(5)


class Part(NamedTuple):
    """One piece of a sprite; `flat` pieces get no shading (eyes, slots)."""

    mask: Mask
    ramp: int
    flat: int = 0


def ellipse(u: Plane, v: Plane, cx: float, cy: float, rx: float, ry: float) -> Mask:
    return ((u - cx) / rx) ** 2 + ((v - cy) / ry) ** 2 <= 1


def box(u: Plane, v: Plane, x0: float, x1: float, y0: float, y1: float) -> Mask:
    return (u >= x0) & (u <= x1) & (v >= y0) & (v <= y1)


def blob(rng: Generator, u: Plane, v: Plane) -> Mask:
    """A random mirrored body: blurred noise above a round bias, looked up by coordinate."""
    noise = rng.normal(size=(26, 26))
    for axis in (0, 1, 0, 1):
        noise = (np.roll(noise, 1, axis) + noise + np.roll(noise, -1, axis)) / 3
    rows = np.clip(((v + 1) * 13).astype(int), 0, 25)
    columns = np.clip((np.abs(u) * 25).astype(int), 0, 25)
    inside: Mask = noise[rows, columns] * 1.6 + 0.45 > (u / 0.8) ** 2 + ((v - 0.05) / 0.75) ** 2 - 0.35
    return inside


def creature(rng: Generator, u: Plane, v: Plane) -> list[Part]:
    body = blob(rng, u, v) | ellipse(u, v, 0, 0.1, 0.45, 0.45)
    feet = rng.uniform(0.25, 0.5)
    legs = box(np.abs(u), v, feet - 0.16, feet + 0.16, 0.3, 0.92)
    parts = [Part(legs, SECOND)]
    if rng.random() < 0.6:
        lean = rng.uniform(0.2, 0.7)
        horn = (np.abs(np.abs(u) - 0.35 - lean * (-0.4 - v)) < 0.13) & (v < -0.3) & (v > -0.95)
        parts.append(Part(horn, METAL))
    eye = rng.uniform(0.18, 0.34)
    parts += [Part(body, MAIN), Part(ellipse(u, v, 0, 0.42, 0.33, 0.3) & body, ACCENT)]
    parts.append(Part(ellipse(np.abs(u), v, eye, -0.12, 0.17, 0.2), MAIN, WHITE))
    parts.append(Part(ellipse(np.abs(u), v, eye - 0.05, -0.08, 0.09, 0.12), MAIN, OUTLINE))
    return parts


def robot(rng: Generator, u: Plane, v: Plane) -> list[Part]:
    width, head = rng.uniform(0.4, 0.65), rng.uniform(0.3, 0.5)
    parts = [Part(box(np.abs(u), v, 0.12, 0.36, 0.4, 0.92), METAL)]
    parts.append(Part(box(np.abs(u), v, width, width + 0.22, -0.1, rng.uniform(0.3, 0.6)), METAL))
    parts.append(Part(box(u, v, -0.06, 0.06, -0.98, -0.6), METAL))
    parts.append(Part(box(u, v, -width, width, -0.15, 0.5), MAIN))
    parts.append(Part(box(u, v, -head, head, -0.75, -0.2), SECOND))
    parts.append(Part(box(u, v, -head + 0.1, head - 0.1, -0.58, -0.38), ACCENT, FIRST_RAMP + 3 * ACCENT + 2))
    parts.append(Part(ellipse(u, v, 0, 0.18, 0.2, 0.2), ACCENT))
    return parts


def potion(rng: Generator, u: Plane, v: Plane) -> list[Part]:
    wide, level = rng.uniform(0.45, 0.72), rng.uniform(0.0, 0.4)
    round_body = ellipse(u, v, 0, 0.35, wide, 0.55)
    cone = (np.abs(u) < wide * (v + 0.5) / 1.35) & (v < 0.88) & (v > -0.3)
    body = round_body if rng.random() < 0.6 else cone
    glass = body | box(u, v, -0.2, 0.2, -0.6, 0.1)
    parts = [Part(glass, METAL), Part(body & (v > level), ACCENT if rng.random() < 0.4 else MAIN)]
    parts.append(Part(box(u, v, -0.28, 0.28, -0.66, -0.52), METAL))
    parts.append(Part(box(u, v, -0.16, 0.16, -0.92, -0.62), WOOD))
    parts.append(Part(ellipse(u, v, -wide * 0.4, 0.2, 0.09, 0.16), METAL, WHITE))
    return parts


def turned(u: Plane, v: Plane) -> tuple[Plane, Plane]:
    """Coordinates along and across the diagonal, so that weapons point to the upper right."""
    return (u - v) / np.sqrt(2), (u + v) / np.sqrt(2)


def sword(rng: Generator, u: Plane, v: Plane) -> list[Part]:
    along, across = turned(u, v)
    wide, guard = rng.uniform(0.12, 0.24), rng.uniform(0.3, 0.5)
    tip = np.clip((1.25 - along) * 1.2, 0, 1)
    blade = (np.abs(across) < wide * tip) & (along > -0.45)
    if rng.random() < 0.3:
        blade = (np.abs(across - 0.15 * np.sin(along * 5)) < wide * tip) & (along > -0.45)
    parts = [Part(blade, METAL), Part((np.abs(across) < 0.1) & (along < -0.4) & (along > -1), WOOD)]
    parts.append(Part((np.abs(across) < guard) & (np.abs(along + 0.45) < 0.12), MAIN))
    parts.append(Part(ellipse(along, across, -1.02, 0, 0.17, 0.17), ACCENT))
    return parts


def axe(rng: Generator, u: Plane, v: Plane) -> list[Part]:
    along, across = turned(u, v)
    reach, double = rng.uniform(0.55, 0.75), rng.random() < 0.4
    side = np.abs(across) if double else -across
    head = (
        ellipse(along, side, 0.5, 0.15, 0.5, reach)
        & (side > 0.05)
        & ~ellipse(along, side, 1.25, 0.1, 0.4, 0.5)
    )
    shaft = (np.abs(across) < 0.1) & (along > -1.15) & (along < 0.95)
    return [
        Part(shaft, WOOD),
        Part(head, METAL),
        Part((np.abs(across) < 0.17) & (np.abs(along - 0.5) < 0.2), MAIN),
    ]


def shield(rng: Generator, u: Plane, v: Plane) -> list[Part]:
    power = rng.uniform(1.6, 3.2)
    inside = np.abs(u) ** power + np.clip(v + 0.15, 0, 2) ** power * 0.9
    outer, inner = (inside < 0.75) & (v > -0.85), (inside < 0.42) & (v > -0.68)
    halves = (u > 0) if rng.random() < 0.5 else ((u > 0) ^ (v > -0.1))
    emblem = (
        ellipse(u, v, 0, -0.15, 0.22, 0.22)
        if rng.random() < 0.5
        else (np.abs(u) < 0.1) | (np.abs(v + 0.15) < 0.1)
    )
    return [Part(outer, METAL), Part(inner, MAIN), Part(inner & halves, SECOND), Part(inner & emblem, ACCENT)]


def gem(rng: Generator, u: Plane, v: Plane) -> list[Part]:
    wide, crown, low = rng.uniform(0.55, 0.85), rng.uniform(-0.35, -0.1), rng.uniform(0.7, 0.92)
    top = (v > -0.75) & (v <= crown) & (np.abs(u) < wide * (0.55 + 0.45 * (v + 0.75) / (crown + 0.75)))
    tip = (v > crown) & (np.abs(u) < wide * (low - v) / (low - crown))
    body, base = top | tip, FIRST_RAMP + 3 * MAIN
    table = np.abs(u) < wide * 0.38 * np.where(v > crown, (low - v) / (low - crown), 1)
    parts = [Part(body, MAIN, base + 1), Part(body & (u > 0), MAIN, base), Part(body & table, MAIN, base + 2)]
    parts.append(Part(top & ~table & (u < 0), MAIN, base + 2))
    parts.append(Part(box(u, v, -wide * 0.5, -wide * 0.25, -0.6, -0.42) & body, MAIN, WHITE))
    return parts


def tree(rng: Generator, u: Plane, v: Plane) -> list[Part]:
    leaves = ellipse(u, v, 0, -0.3, 0.55, 0.5)
    for _ in range(6):
        leaves |= ellipse(
            u,
            v,
            rng.uniform(-0.5, 0.5),
            rng.uniform(-0.6, 0.1),
            rng.uniform(0.2, 0.4),
            rng.uniform(0.2, 0.35),
        )
    parts = [Part(box(u, v, -0.14, 0.14, 0.0, 0.92), WOOD), Part(leaves, MAIN)]
    if rng.random() < 0.5:
        for _ in range(5):
            fruit = ellipse(u, v, rng.uniform(-0.45, 0.45), rng.uniform(-0.6, 0.05), 0.1, 0.1)
            parts.append(Part(fruit & leaves, ACCENT))
    return parts


def pine(rng: Generator, u: Plane, v: Plane) -> list[Part]:
    steps, wide = int(rng.integers(2, 5)), rng.uniform(0.5, 0.75)
    parts = [Part(box(u, v, -0.1, 0.1, 0.4, 0.92), WOOD)]
    for step in range(steps, 0, -1):
        low = -0.9 + 1.5 * step / steps
        high = low - 1.5 / steps - 0.15
        reach = wide * (0.35 + 0.65 * step / steps)
        parts.append(Part((v < low) & (v > high) & (np.abs(u) < reach * (v - high) / (low - high)), MAIN))
    return parts


def mushroom(rng: Generator, u: Plane, v: Plane) -> list[Part]:
    wide, brim = rng.uniform(0.6, 0.88), rng.uniform(0.0, 0.25)
    cap = ellipse(u, v, 0, brim, wide, rng.uniform(0.7, 1.0)) & (v < brim)
    stem = (np.abs(u) < 0.22 + 0.12 * (v - brim)) & (v >= brim - 0.1) & (v < 0.9)
    parts = [Part(stem, METAL), Part(cap, MAIN)]
    for _ in range(int(rng.integers(3, 6))):
        spot = ellipse(u, v, rng.uniform(-0.6, 0.6), rng.uniform(-0.6, brim), 0.13, 0.13)
        parts.append(Part(spot & cap, ACCENT, WHITE))
    return parts


def flower(rng: Generator, u: Plane, v: Plane) -> list[Part]:
    petals, depth = int(rng.integers(4, 8)), rng.uniform(0.2, 0.45)
    angle, radius = np.arctan2(v + 0.3, u), np.hypot(u, v + 0.3)
    bloom = radius < 0.5 * (1 - depth / 2 + depth / 2 * np.cos(petals * angle))
    stem, leaf = box(u, v, -0.06, 0.06, -0.2, 0.92), ellipse(np.abs(u), v, 0.25, 0.55, 0.22, 0.12)
    return [Part(stem | leaf, SECOND), Part(bloom, MAIN), Part(radius < 0.17, ACCENT)]


def ship(rng: Generator, u: Plane, v: Plane) -> list[Part]:
    wide, sweep = rng.uniform(0.2, 0.34), rng.uniform(0.3, 1.2)
    hull = (np.abs(u) < wide * np.clip((v + 0.95) * 1.6, 0, 1)) & (v < 0.72)
    span = rng.uniform(0.6, 0.95)
    wings = (np.abs(u) < span) & (v > -0.3 + sweep * np.abs(u) * 0.8) & (v < 0.35 + 0.45 * np.abs(u))
    guns = box(np.abs(u), v, span - 0.2, span - 0.06, -0.35, 0.7)
    flame = (np.abs(np.abs(u) - 0.13) < 0.1) & (v >= 0.7) & (v < rng.uniform(0.85, 0.98))
    parts = [Part(flame, ACCENT), Part(wings, SECOND), Part(guns, METAL), Part(hull, MAIN)]
    parts.append(Part(ellipse(u, v, 0, -0.15, wide * 0.6, 0.28), ACCENT))
    return parts


def planet(rng: Generator, u: Plane, v: Plane) -> list[Part]:
    radius = rng.uniform(0.5, 0.72)
    ball = ellipse(u, v, 0, 0, radius, radius)
    tilt, waves = rng.uniform(-0.5, 0.5), rng.uniform(4, 9)
    band = np.sin((v + tilt * u) * waves + rng.uniform(0, 6) + np.sin(u * 5)) > 0.2
    parts = [Part(ball, MAIN), Part(ball & band, SECOND)]
    parts.append(Part(ball & ~ellipse(u, v, -0.25, -0.25, radius, radius), MAIN, FIRST_RAMP + 3 * MAIN))
    if rng.random() < 0.4:
        ring = ellipse(u, v + tilt * u, 0, 0, 0.98, 0.3) & ~ellipse(u, v + tilt * u, 0, 0, 0.78, 0.17)
        parts.append(Part(ring & (~ball | (v + tilt * u > 0)), ACCENT))
    return parts


def house(rng: Generator, u: Plane, v: Plane) -> list[Part]:
    wide, eaves = rng.uniform(0.55, 0.75), rng.uniform(-0.2, 0.1)
    roof = (v > -0.9) & (v < eaves) & (np.abs(u) < (wide + 0.18) * (v + 0.95) / (eaves + 0.95))
    door, side = rng.uniform(-0.3, 0.0), rng.uniform(0.25, 0.4)
    parts = [Part(box(u, v, 0.25, 0.45, -0.85, 0), METAL), Part(box(u, v, -wide, wide, eaves, 0.9), METAL)]
    parts += [Part(roof, MAIN), Part(box(u, v, door - 0.15, door + 0.15, 0.4, 0.9), WOOD)]
    parts.append(Part(box(u, v, side - 0.12, side + 0.12, 0.3, 0.55), ACCENT))
    return parts


def chest(rng: Generator, u: Plane, v: Plane) -> list[Part]:
    lid = rng.uniform(-0.2, 0.05)
    top = ellipse(u, v, 0, lid, 0.8, rng.uniform(0.5, 0.7)) & (v < lid)
    parts = [Part(box(u, v, -0.8, 0.8, lid, 0.75), WOOD), Part(top, MAIN)]
    parts.append(Part((np.abs(np.abs(u) - 0.55) < 0.09) & (top | box(u, v, -1, 1, lid, 0.75)), METAL))
    parts.append(Part(box(u, v, -0.16, 0.16, lid - 0.12, lid + 0.25), ACCENT))
    return parts


def coin(rng: Generator, u: Plane, v: Plane) -> list[Part]:
    squeeze = rng.uniform(0.55, 0.8)
    rim, face = ellipse(u, v, 0, 0, squeeze, 0.8), ellipse(u, v, 0, 0, squeeze - 0.15, 0.62)
    signs = (box(u, v, -0.1, 0.1, -0.4, 0.4), np.abs(u) + np.abs(v) < 0.35, ellipse(u, v, 0, 0, 0.2, 0.4))
    bright, dark = FIRST_RAMP + 3 * MAIN + 2, FIRST_RAMP + 3 * MAIN
    return [Part(rim, MAIN), Part(face, MAIN, bright), Part(signs[int(rng.integers(3))] & face, MAIN, dark)]


def fish(rng: Generator, u: Plane, v: Plane) -> list[Part]:
    tall, stripe = rng.uniform(0.3, 0.6), rng.uniform(6, 12)
    body = ellipse(u, v, 0.12, 0, 0.68, tall)
    tail = (u < -0.35) & (u > -0.92) & (np.abs(v) < (-0.3 - u) * rng.uniform(0.6, 1.0))
    fin = ellipse(u, v, 0.05, -tall, 0.3, 0.25)
    parts = [Part(tail | fin, ACCENT), Part(body, MAIN), Part(body & (np.sin(u * stripe) > 0.4), SECOND)]
    parts += [
        Part(ellipse(u, v, 0.5, -0.1, 0.13, 0.13), MAIN, WHITE),
        Part(ellipse(u, v, 0.53, -0.1, 0.07, 0.07), MAIN, OUTLINE),
    ]
    return parts


KINDS: dict[str, Callable[[Generator, Plane, Plane], list[Part]]] = {
    kind.__name__: kind
    for kind in (
        creature, robot, potion, sword, axe, shield, gem, tree, pine,
        mushroom, flower, ship, planet, house, chest, coin, fish,
    )
}  # fmt: skip


def grids(size_px: int, phase: float) -> tuple[Plane, Plane]:
    """Coordinates of the pixel centres, bent by *phase* (radians; 0 is at rest), with room for the outline."""
    line = ((np.arange(size_px) + 0.5) / size_px * 2 - 1) * (1 + 2.2 / size_px)
    u, v = np.meshgrid(line, line)
    sway, squash = 0.16 * np.sin(phase), 1 + 0.09 * np.sin(phase * 2)
    return u + sway * (v - 0.4), (v - 0.9) * squash + 0.9


def moved(mask: Mask, down: int, right: int) -> Mask:
    """The mask shifted; what comes in from outside is False."""
    height, width = mask.shape
    framed = np.pad(mask, 2)
    return framed[2 - down : 2 - down + height, 2 - right : 2 - right + width]


def assemble(parts: Sequence[Part], size_px: int) -> Indexed:
    """Paint the parts with light from the upper left and one dark outline around the whole."""
    canvas: Indexed = np.zeros((size_px, size_px), np.uint8)
    for mask, ramp, flat in parts:
        if flat:
            canvas[mask] = flat
            continue
        base = FIRST_RAMP + 3 * ramp
        canvas[mask] = base + 1
        canvas[mask & ~moved(mask, -1, -1)] = base
        canvas[mask & ~moved(mask, 1, 1)] = base + 2
    filled = canvas != CLEAR
    around = moved(filled, 1, 0) | moved(filled, -1, 0) | moved(filled, 0, 1) | moved(filled, 0, -1)
    canvas[around & ~filled] = OUTLINE
    return canvas


def draw(kind: str, rng: Generator, size_px: int, phase: float = 0.0) -> Indexed:
    """One sprite of a kind, `(size_px, size_px)`; the generator's state alone decides its shape."""
    u, v = grids(size_px, phase)
    return assemble(KINDS[kind](rng, u, v), size_px)
