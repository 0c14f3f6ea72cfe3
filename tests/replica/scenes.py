"""Larger pictures: tile sets, buttons, landscapes, textures, height maps and shaded solids."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tests.replica.sprites import ACCENT, FIRST_RAMP, MAIN, METAL, OUTLINE, SECOND, WOOD

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from tests.replica.sprites import Indexed, Plane


def waves(rng: Generator, height: int, width: int, terms: int = 14, coarse: int = 6) -> Plane:
    """Smooth noise in [0, 1] that repeats at its edges: cosines of whole frequencies."""
    y, x = np.mgrid[0:height, 0:width]
    total = np.zeros((height, width))
    for _ in range(terms):
        fx, fy = rng.integers(-coarse, coarse + 1, size=2)
        turn = 2 * np.pi * (fx * x / width + fy * y / height)
        total += np.cos(turn + rng.uniform(0, 6.3)) / (1 + np.hypot(fx, fy))
    low, high = total.min(), total.max()
    flat: Plane = (total - low) / max(high - low, 1e-9)
    return flat


def ramped(field: Plane, ramp: int) -> Indexed:
    """Noise in [0, 1] as the three shades of a ramp, the middle one commonest."""
    return (FIRST_RAMP + 3 * ramp + np.digitize(field, [0.28, 0.72])).astype(np.uint8)


def ground(rng: Generator, size_px: int, ramp: int) -> Indexed:
    """Grass, sand or earth: one colour with scattered blades."""
    base = FIRST_RAMP + 3 * ramp
    tile: Indexed = np.full((size_px, size_px), base + 1, np.uint8)
    for shade in (0, 2):
        for _ in range(size_px // 2):
            y, x = rng.integers(0, size_px, size=2)
            tile[y, x] = base + shade
            tile[(y + 1) % size_px, x] = base + shade
    return tile


def bricks(rng: Generator, size_px: int, ramp: int) -> Indexed:
    """Courses of stones with light upper edges and dark joints."""
    course, length = size_px // 4, size_px // 2
    y, x = np.mgrid[0:size_px, 0:size_px]
    x = (x + (y // course % 2) * (length // 2)) % size_px
    base = FIRST_RAMP + 3 * ramp
    tile: Indexed = np.full((size_px, size_px), base + 1, np.uint8)
    worn = rng.random((4, 2)) < 0.3
    tile[worn[y // course % 4, x // length % 2]] = base
    tile[y % course == 0] = base + 2
    tile[(y % course == course - 1) | (x % length == 0)] = OUTLINE
    return tile


def water(rng: Generator, size_px: int, ramp: int) -> Indexed:
    """Rows of short crests."""
    y, x = np.mgrid[0:size_px, 0:size_px]
    swell = np.sin(2 * np.pi * (x / size_px * 2 + rng.random()) + y) + np.sin(
        2 * np.pi * y / size_px * 4 + rng.random()
    )
    return ramped((swell + 2) / 4, ramp)


def planks(rng: Generator, size_px: int, ramp: int) -> Indexed:
    """Boards with a grain."""
    y, x = np.mgrid[0:size_px, 0:size_px]
    board = size_px // 4
    grain = np.sin(x / size_px * 12.6 + rng.uniform(0, 6, 4)[y // board % 4] + y * 0.9)
    tile = ramped((grain + 1) / 2 * 0.8, ramp)
    tile[y % board == board - 1] = OUTLINE
    return tile


def shore(rng: Generator, over: Indexed, under: Indexed) -> Indexed:
    """The first tile above the second along a ragged edge."""
    size_px = len(over)
    y, x = np.mgrid[0:size_px, 0:size_px]
    edge = size_px * 0.45 + np.cos(2 * np.pi * x / size_px * rng.integers(1, 3)) * size_px * 0.12
    joined = np.where(y < edge, over, under)
    joined[np.abs(y - edge) < 1] = OUTLINE
    return joined


def tile_sheet(rng: Generator, size_px: int, columns: int = 8) -> Indexed:
    """Five rows of a terrain: ground, path, walls, water and the edges between them."""
    rows = []
    for maker, ramp in ((ground, MAIN), (ground, WOOD), (bricks, METAL), (water, SECOND), (planks, WOOD)):
        tiles = [maker(rng, size_px, ramp) for _ in range(columns)]
        upper = ground(rng, size_px, MAIN)
        half = columns // 2
        tiles[half:] = [shore(rng, upper, tile) for tile in tiles[half:]]
        rows.append(np.hstack(tiles))
    return np.vstack(rows)


def button(width: int, height: int, ramp: int, *, pressed: bool) -> Indexed:
    """A bevelled plate with round corners; the bevel turns over when pressed."""
    base = FIRST_RAMP + 3 * ramp
    plate: Indexed = np.full((height, width), base + 1, np.uint8)
    light, dark = (base, base + 2) if pressed else (base + 2, base)
    plate[1:3, :], plate[:, 1:3] = light, light
    plate[-3:-1, :], plate[:, -3:-1] = dark, dark
    plate[[0, -1], :], plate[:, [0, -1]] = OUTLINE, OUTLINE
    for y, x in ((0, 0), (0, -1), (-1, 0), (-1, -1)):
        plate[y, x] = 0
    return plate


def ui_sheet(rng: Generator) -> Indexed:
    """Buttons in three states, bars filled to a level and a panel, on one transparent sheet, `(128, 160)`."""
    sheet: Indexed = np.zeros((128, 160), np.uint8)
    ramps = (MAIN, SECOND, ACCENT)
    for row, ramp in enumerate(ramps):
        for state in range(3):
            plate = button(48, 16, METAL if state == 2 else ramp, pressed=state == 1)
            sheet[4 + row * 20 : 20 + row * 20, 4 + state * 52 : 52 + state * 52] = plate
    for row, ramp in enumerate(ramps):
        top, full = 66 + row * 14, int(rng.integers(20, 90))
        sheet[top : top + 10, 4:100] = button(96, 10, METAL, pressed=True)
        sheet[top + 3 : top + 7, 7 : 7 + full] = FIRST_RAMP + 3 * ramp + 2
    sheet[64:120, 106:156] = button(50, 56, WOOD, pressed=False)
    sheet[72:112, 114:148] = button(34, 40, METAL, pressed=True)
    return sheet


def ridge(rng: Generator, width: int, *, jagged: bool) -> Plane:
    """A skyline, one height in [0, 1] for each column: hills, or towers when jagged."""
    if jagged:
        towers = np.repeat(rng.random(width // 8 + 1), rng.integers(5, 14, width // 8 + 1))
        return np.resize(towers, width)
    x = np.arange(width) / width
    tones = [np.cos(2 * np.pi * (f * x + rng.random())) / f for f in (1, 2, 3, 5, 8, 13)]
    line = np.sum(tones, axis=0)
    hills: Plane = (line - line.min()) / np.ptp(line)
    return hills


def landscape(
    rng: Generator, colours: NDArray[np.uint8], width: int, height: int, *, jagged: bool
) -> NDArray[np.uint8]:
    """Sky, sun and four ranges that fade into the haze; *colours* is the palette `(n, 3)`, the answer `(h, w, 3)`."""
    sky, haze = (
        colours[FIRST_RAMP + 3 * ramp + shade].astype(float) for ramp, shade in ((SECOND, 1), (ACCENT, 2))
    )
    near = colours[FIRST_RAMP + 3 * MAIN].astype(float)
    y, x = np.mgrid[0:height, 0:width]
    down = (y / height)[..., None]
    picture = sky * (1 - down) + haze * down
    sun = np.hypot(x - rng.uniform(0.2, 0.8) * width, y - rng.uniform(0.15, 0.4) * height)
    picture[sun < height * 0.09] = np.minimum(haze + 60, 255)
    for layer in range(4):
        depth = (layer + 1) / 4
        top = height * (0.45 + 0.14 * layer) - ridge(rng, width, jagged=jagged) * height * 0.26
        colour = haze * (1 - depth) * 0.8 + near * (0.2 + 0.8 * depth) * (1.1 - 0.35 * depth)
        picture[y > top[None, :]] = colour
    # Few levels, as pixel artists paint: it also keeps the files small.
    painted: NDArray[np.uint8] = (np.clip(picture, 0, 255) // 12 * 12).astype(np.uint8)
    return painted


def painting(rng: Generator, colours: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """A landscape under hundreds of soft strokes: concept art."""
    picture = landscape(rng, colours, width, height, jagged=bool(rng.random() < 0.5)).astype(float)
    y, x = np.mgrid[0:height, 0:width]
    for _ in range(60):
        cx, cy = rng.uniform(0, width), rng.uniform(height * 0.3, height)
        rx, ry = rng.uniform(10, 50), rng.uniform(3, 12)
        strength = np.exp(-(((x - cx) / rx) ** 2) - ((y - cy) / ry) ** 2)[..., None] * 0.5
        picture = picture * (1 - strength) + colours[int(rng.integers(FIRST_RAMP, len(colours)))] * strength
    painted: NDArray[np.uint8] = picture.astype(np.uint8)
    return painted


def texture(rng: Generator, size_px: int) -> Indexed:
    """A seamless surface: veined rock, masonry or boards at random."""
    pick = int(rng.integers(3))
    if pick == 0:
        return ramped(np.abs(waves(rng, size_px, size_px) * 2 - 1), MAIN)
    tile = (bricks, planks)[pick - 1](rng, size_px, (MAIN, WOOD)[pick - 1])
    speckle = waves(rng, size_px, size_px, coarse=20) > 0.62
    tile[speckle & (tile > FIRST_RAMP)] = FIRST_RAMP + 3 * (MAIN, WOOD)[pick - 1]
    return tile


def solid(rng: Generator, colours: NDArray[np.uint8], size_px: int) -> NDArray[np.uint8]:
    """A lit ball, ring or rounded box on a plain ground, as a render of a model looks; `(s, s, 3)`."""
    y, x = np.mgrid[0:size_px, 0:size_px] / (size_px / 2) - 1
    power = (2.0, 6.0, 2.0)[int(rng.integers(3))]
    reach = (np.abs(x) ** power + np.abs(y) ** power) / 0.75**power
    height = np.sqrt(np.clip(1 - reach, 0, 1))
    gy, gx = np.gradient(height * size_px / 3)
    light = np.clip((-gx * 0.5 - gy * 0.7 + 0.9) / np.sqrt(gx**2 + gy**2 + 1), 0.08, 1.2)
    body = colours[ramped(waves(rng, size_px, size_px, coarse=3), MAIN)].astype(float)
    back = colours[FIRST_RAMP + 3 * METAL + 1] * (0.55 - 0.25 * y)[..., None]
    picture = np.where((reach < 1)[..., None], body * light[..., None], back)
    lit: NDArray[np.uint8] = np.clip(picture, 0, 255).astype(np.uint8)
    return lit
