"""Aseprite's files. What is expected is told by its specification, by hand, or reckoned pixel by pixel as it does."""

from __future__ import annotations

import struct
import tracemalloc
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from artstore.errors import PictureError
from artstore.formats import aseprite
from artstore.formats.aseprite import AsepriteImageFile
from artstore.images import DECODER_ERRORS, describe, is_picture_name, read_rgba
from tests.asefiles import (
    BACKGROUND,
    FLIP_X,
    FLIP_Y,
    REFERENCE,
    TURN,
    VISIBLE,
    Frame,
    Pixels,
    ase,
    cel,
    chunk,
    layer,
    linked,
    old_palette,
    palette,
    tilemap,
    tileset,
)

LIMIT_PX = 1_000_000
RED, GREEN, BLUE, CLEAR = [255, 0, 0, 255], [0, 255, 0, 255], [0, 0, 255, 255], [0, 0, 0, 0]
GROUPS_BLEND = 3
"""Flags of a file: opacities are valid, and groups have one too."""


def seen(content: bytes, frame: int = 0) -> list[list[list[int]]]:
    """The pixels of a frame, with nothing hidden under alpha 0."""
    with AsepriteImageFile(BytesIO(content)) as image:
        image.seek(frame)
        pixels = np.array(image)
    pixels[pixels[..., 3] == 0] = 0
    return pixels.tolist()  # type: ignore[no-any-return]


def flat(colour: list[int], width: int = 1, height: int = 1) -> Pixels:
    return np.full((height, width, len(colour)), colour, np.uint8)


@pytest.mark.parametrize("packed", [False, True])
def test_a_cel_is_put_where_it_belongs(*, packed: bool) -> None:
    pixels = np.arange(6 * 4, dtype=np.uint8).reshape(2, 3, 4) + 1
    content = ase([[layer(), cel(0, pixels, (-1, 1), packed=packed)]], (3, 2))
    assert seen(content) == [[CLEAR] * 3, [pixels[0, 1].tolist(), pixels[0, 2].tolist(), CLEAR]]


def test_frames_follow_each_other_with_their_times() -> None:
    frames = [
        Frame([layer(), cel(0, flat(RED))], duration_ms=120),
        Frame([], duration_ms=0),
        Frame([cel(0, flat(BLUE))], duration_ms=80, is_new=False),
    ]
    content = ase(frames, (1, 1))
    assert [seen(content, number) for number in range(3)] == [[[RED]], [[CLEAR]], [[BLUE]]]
    with AsepriteImageFile(BytesIO(content)) as image:
        assert (image.n_frames, image.is_animated, image.tell()) == (3, True, 0)
        durations = []
        for number in range(3):
            image.seek(number)
            durations.append(image.info["duration"])
        # What is not said is said by the header.
        assert durations == [120, 70, 80]
        image.seek(0)
        assert image.getpixel((0, 0)) == tuple(RED)
        with pytest.raises(EOFError):
            image.seek(3)


def test_a_linked_cel_has_the_pixels_of_another_frame_and_its_own_place() -> None:
    frames = [
        [layer(), cel(0, flat(RED))],
        [linked(0, 0, (1, 0))],
        [linked(0, 1, opacity=51)],
        [linked(0, 9)],
        [linked(0, 4)],
    ]
    expected = [[RED, CLEAR], [CLEAR, RED], [[255, 0, 0, 51], CLEAR], [CLEAR, CLEAR], [CLEAR, CLEAR]]
    content = ase(frames, (2, 1))
    assert [seen(content, number)[0] for number in range(5)] == expected


def test_greys_are_read() -> None:
    assert seen(ase([[layer(), cel(0, flat([9, 51]))]], (1, 1), pixel_bytes=2)) == [[[9, 9, 9, 51]]]


def test_an_index_is_clear_but_not_in_the_background() -> None:
    colours = palette([RED, GREEN, [0, 0, 255, 51]], name="a colour")
    indexes = np.array([[[0], [1], [2], [3]]], np.uint8)
    for flags, first in ((VISIBLE, RED), (VISIBLE | BACKGROUND, RED)):
        content = ase([[colours, layer(flags=flags), cel(0, indexes)]], (4, 1), pixel_bytes=1, clear=1)
        second = GREEN if flags & BACKGROUND else CLEAR
        # There is no fourth colour.
        assert seen(content) == [[first, second, [0, 0, 255, 51], CLEAR]]


def test_colours_that_no_palette_names_are_black() -> None:
    content = ase([[layer(), cel(0, flat([5]))]], (1, 1), pixel_bytes=1)
    assert seen(content) == [[[0, 0, 0, 255]]]
    grown = [palette([RED], size=6), layer(), cel(0, np.array([[[0], [5], [6]]], np.uint8))]
    assert seen(ase([grown], (3, 1), pixel_bytes=1, clear=9, colours=2)) == [[RED, [0, 0, 0, 255], CLEAR]]


@pytest.mark.parametrize(
    ("kind", "expected"), [(4, [32, 63, 1, 255]), (11, [130, 255, 4, 255]), (0x11, [130, 255, 4, 255])]
)
def test_old_palettes_are_read_unless_there_is_a_new_one(kind: int, expected: list[int]) -> None:
    old = old_palette([(2, [[32, 63, 1]])], kind)
    chunks = [layer(), cel(0, flat([2]))]
    assert seen(ase([[old, *chunks]], (1, 1), pixel_bytes=1)) == [[expected]]
    assert seen(ase([[palette([RED, RED, BLUE]), old, *chunks]], (1, 1), pixel_bytes=1)) == [[BLUE]]


def test_a_palette_holds_from_its_frame_on() -> None:
    frames = [
        [palette([RED, RED]), layer(), cel(0, flat([1]))],
        [palette([GREEN], first=1), linked(0, 0)],
        [linked(0, 0)],
    ]
    content = ase(frames, (1, 1), pixel_bytes=1)
    assert [seen(content, number) for number in range(3)] == [[[RED]], [[GREEN]], [[GREEN]]]


def test_hidden_and_reference_layers_are_left_out() -> None:
    layers = [layer(), layer(flags=0), layer(flags=VISIBLE | REFERENCE)]
    cels = [cel(number, flat(colour)) for number, colour in enumerate([RED, GREEN, BLUE])]
    assert seen(ase([layers + cels], (1, 1))) == [[RED]]


def test_opacities_count_only_if_the_file_says_so() -> None:
    chunks = [layer(opacity=51), cel(0, flat(RED), opacity=128)]
    # 128 * 51 / 255 is 25.6.
    assert seen(ase([chunks], (1, 1))) == [[[255, 0, 0, 26]]]
    assert seen(ase([chunks], (1, 1), flags=0)) == [[[255, 0, 0, 128]]]


def test_a_hidden_group_hides_all_in_it_however_deep() -> None:
    layers = [layer(), layer(1, flags=0), layer(1, depth=1), layer(depth=2), layer(depth=1), layer()]
    cels = [cel(0, flat(RED)), cel(3, flat(GREEN)), cel(4, flat(GREEN))]
    for flags in (1, GROUPS_BLEND):
        assert seen(ase([layers + cels], (1, 1), flags=flags)) == [[RED]]


def test_a_group_fades_as_a_whole_if_the_file_says_so() -> None:
    layers = [layer(), layer(1, opacity=51), layer(depth=1), layer(depth=1)]
    cels = [cel(0, flat([0, 0, 0, 255])), cel(2, flat(BLUE)), cel(3, flat(GREEN))]
    assert seen(ase([layers + cels], (1, 1), flags=GROUPS_BLEND)) == [[[0, 51, 0, 255]]]
    assert seen(ase([layers + cels], (1, 1))) == [[GREEN]]


def test_a_group_has_a_mode() -> None:
    layers = [layer(), layer(1, mode=1), layer(depth=1)]
    cels = [cel(0, flat([200, 100, 50, 255])), cel(2, flat([51, 255, 0, 255]))]
    assert seen(ase([layers + cels], (1, 1), flags=GROUPS_BLEND)) == [[[40, 100, 0, 255]]]


@pytest.mark.parametrize(
    ("z", "uppermost"),
    [((0, 0, 0), BLUE), ((2, 0, 0), RED), ((1, 0, -1), RED), ((0, 0, -2), GREEN), ((0, 1, 0), GREEN)],
)
def test_a_cel_may_be_moved_up_or_down(z: tuple[int, int, int], uppermost: list[int]) -> None:
    cels = [cel(number, flat(colour), z=z[number]) for number, colour in enumerate([RED, GREEN, BLUE])]
    assert seen(ase([[layer(), layer(), layer(), *cels]], (1, 1))) == [[uppermost]]


# Aseprite's formulas (src/doc/blend_funcs.cpp), for one pixel, in Python's numbers.
def times(a: int, b: int) -> int:
    t = a * b + 0x80
    return ((t >> 8) + t) >> 8


def over(a: int, b: int) -> int:
    return (a * 255 + b // 2) // b


def screen(b: int, s: int) -> int:
    return b + s - times(b, s)


def hard(b: int, s: int) -> int:
    return times(b, 2 * s) if s < 128 else screen(b, 2 * s - 255)


def soft(b: int, s: int) -> int:
    x, y = b / 255, s / 255
    d = ((16 * x - 12) * x + 4) * x if x <= 0.25 else x**0.5
    r = x - (1 - 2 * y) * x * (1 - x) if y <= 0.5 else x + (2 * y - 1) * (d - x)
    return int(r * 255 + 0.5)


def dodge(b: int, s: int) -> int:
    return 0 if b == 0 else 255 if b >= 255 - s else over(b, 255 - s)


def burn(b: int, s: int) -> int:
    return 255 if b == 255 else 0 if 255 - b >= s else 255 - over(255 - b, s)


def divide(b: int, s: int) -> int:
    return 0 if b == 0 else 255 if b >= s else over(b, s)


BY_CHANNEL: dict[int, Callable[[int, int], int]] = {
    1: times,
    2: screen,
    3: lambda b, s: hard(s, b),
    4: min,
    5: max,
    6: dodge,
    7: burn,
    8: hard,
    9: soft,
    10: lambda b, s: abs(b - s),
    11: lambda b, s: b + s - 2 * times(b, s),
    16: lambda b, s: min(255, b + s),
    17: lambda b, s: max(0, b - s),
    18: divide,
}


def light(c: list[float]) -> float:
    return 0.3 * c[0] + 0.59 * c[1] + 0.11 * c[2]


def with_light(c: list[float], wanted: float) -> list[float]:
    lack = wanted - light(c)
    c = [x + lack for x in c]
    middle, least, most = light(c), min(c), max(c)
    if least < 0:
        c = [middle + (x - middle) * middle / (middle - least) for x in c]
    if most > 1:
        c = [middle + (x - middle) * (1 - middle) / (most - middle) for x in c]
    return c


def with_saturation(c: list[float], wanted: float) -> list[float]:
    least, most = min(c), max(c)
    return [(x - least) * wanted / (most - least) if most > least else 0.0 for x in c]


def by_colour(mode: int, below: list[int], above: list[int]) -> list[int]:
    b, s = [x / 255 for x in below], [x / 255 for x in above]
    c = {
        12: lambda: with_light(with_saturation(s, max(b) - min(b)), light(b)),
        13: lambda: with_light(with_saturation(b, max(s) - min(s)), light(b)),
        14: lambda: with_light(s, light(b)),
        15: lambda: with_light(b, light(s)),
    }[mode]()
    return [int(255.0 * x) for x in c]


def normal(b: list[int], s: list[int], opacity: int) -> list[int]:
    if not b[3]:
        return [*s[:3], times(s[3], opacity)]
    if not s[3]:
        return b
    alpha = times(s[3], opacity)
    union = alpha + b[3] - times(b[3], alpha)
    return [*(x + int((y - x) * alpha / union) for x, y in zip(b[:3], s[:3], strict=True)), union]


def merged(b: list[int], s: list[int], opacity: int) -> list[int]:
    alpha = b[3] + times(s[3] - b[3], opacity)
    if not alpha:
        return [0] * 4
    if not b[3] or not s[3]:
        return [*(s if not b[3] else b)[:3], alpha]
    return [*(x + times(y - x, opacity) for x, y in zip(b[:3], s[:3], strict=True)), alpha]


def expected_of(mode: int, b: list[int], s: list[int], opacity: int) -> list[int]:
    plain = normal(b, s, opacity)
    if mode == 0 or not b[3]:
        return plain
    by_each = BY_CHANNEL.get(mode)
    colours = (
        [by_each(x, y) for x, y in zip(b[:3], s[:3], strict=True)]
        if by_each
        else by_colour(mode, b[:3], s[:3])
    )
    blended = normal(b, [*colours, s[3]], opacity)
    return merged(merged(plain, blended, b[3]), blended, times(b[3], times(s[3], opacity)))


def some_pixels(seed: int) -> Pixels:
    """Pixels with greys, extremes, and all sorts of alpha."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (12, 20, 4), np.uint8)
    pixels[:2] = rng.choice([0, 255], (2, 20, 4))
    pixels[2:4, :, :3] = pixels[2:4, :, :1]
    pixels[4:8, :, 3] = 255
    return pixels


@pytest.mark.parametrize("mode", range(19))
def test_each_mode_lays_layers_as_aseprite_does(mode: int) -> None:
    below, above = some_pixels(1), some_pixels(2)
    content = ase([[layer(), layer(mode=mode, opacity=200), cel(0, below), cel(1, above)]], (20, 12))
    pairs = zip(below.reshape(-1, 4).tolist(), above.reshape(-1, 4).tolist(), strict=True)
    expected = np.array([expected_of(mode, b, s, 200) for b, s in pairs])
    expected[expected[:, 3] == 0] = 0
    assert np.array_equal(np.array(seen(content)).reshape(-1, 4), expected)


def test_a_mode_that_is_not_known_is_normal() -> None:
    cels = [cel(0, flat(RED)), cel(1, flat([0, 0, 255, 128]))]
    assert seen(ase([[layer(), layer(mode=99), *cels]], (1, 1))) == seen(
        ase([[layer(), layer(), *cels]], (1, 1))
    )


def test_greys_have_no_hue_to_take_or_give() -> None:
    chunks = [layer(), layer(mode=14), cel(0, flat([200, 255])), cel(1, flat([10, 255]))]
    assert seen(ase([chunks], (1, 1), pixel_bytes=2)) == [[[10, 10, 10, 255]]]


A, B, C, D = ([10 * number] * 3 + [255] for number in range(1, 5))
TILES = np.array([[[CLEAR, CLEAR], [CLEAR, CLEAR]], [[A, B], [C, D]]], np.uint8)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (0, [[CLEAR, CLEAR], [CLEAR, CLEAR]]),
        (1, [[A, B], [C, D]]),
        (1 | FLIP_X, [[B, A], [D, C]]),
        (1 | FLIP_Y, [[C, D], [A, B]]),
        (1 | TURN, [[A, C], [B, D]]),
        (1 | FLIP_X | FLIP_Y, [[D, C], [B, A]]),
        # Turned along the diagonal and then flipped: a quarter to the right.
        (1 | FLIP_X | TURN, [[C, A], [D, B]]),
        (2, [[CLEAR, CLEAR], [CLEAR, CLEAR]]),
    ],
)
def test_tiles_are_flipped_and_turned(code: int, expected: list[list[list[int]]]) -> None:
    content = ase([[tileset(0, TILES), layer(2), tilemap(0, np.array([[code]]))]], (2, 2))
    assert seen(content) == expected


def test_a_tilemap_may_begin_outside_and_end_outside() -> None:
    rng = np.random.default_rng(0)
    tiles = rng.integers(0, 256, (5, 3, 4, 4), np.uint8)
    tiles[..., 3] = 255
    codes = rng.integers(1, 5, (9, 8))
    whole = tiles[codes].transpose(0, 2, 1, 3, 4).reshape(27, 32, 4)
    content = ase([[tileset(7, tiles), layer(2, tileset=7), tilemap(0, codes, (-5, -4))]], (20, 15))
    assert np.array_equal(np.array(seen(content)), whole[4:19, 5:25])


def test_the_clear_tile_of_old_maps_is_the_last_number() -> None:
    codes = np.array([[0xFFFFFFFF, 0, 1]], np.uint32)
    solid = np.array([[[RED]], [[GREEN]]], np.uint8)
    content = ase([[tileset(0, solid, flags=2), layer(2), tilemap(0, codes)]], (3, 1))
    assert seen(content) == [[CLEAR, RED, GREEN]]


def test_where_there_is_no_tile_an_indexed_picture_is_clear() -> None:
    tiles = np.array([[[[1]]], [[[0]]]], np.uint8)
    chunks = [palette([RED, GREEN]), tileset(0, tiles), layer(2), tilemap(0, np.array([[0, 1]]))]
    assert seen(ase([chunks], (2, 1), pixel_bytes=1, clear=1)) == [[CLEAR, RED]]


@pytest.mark.parametrize("flags", [1, 1 | 4], ids=["old", "new"])
def test_tiles_of_another_file_are_left_out(flags: int) -> None:
    chunks = [
        tileset(0, TILES, flags=flags),
        layer(),
        layer(2),
        cel(0, flat(RED)),
        tilemap(1, np.array([[1]])),
    ]
    assert seen(ase([chunks], (1, 1))) == [[RED]]


def test_a_name_of_aseprite_promises_a_picture_and_the_facts_come_with_it(tmp_path: Path) -> None:
    path = tmp_path / "hero.aseprite"
    path.write_bytes(ase([[layer(), cel(0, flat(RED, 4, 3))], [linked(0, 0)]], (4, 3)))
    facts = describe(path, LIMIT_PX)
    assert is_picture_name(path.name)
    assert is_picture_name("hero.ase")
    assert (facts.format, facts.mode, facts.width_px, facts.height_px, facts.frames) == (
        "ASEPRITE",
        "RGBA",
        4,
        3,
        2,
    )


@pytest.mark.parametrize(
    "content",
    [
        b"ASEF\0\1\0\0\0\0\0\1" + bytes(200),
        b'*3DSMAX_ASCIIEXPORT\t200\n*COMMENT "a cube"\n' * 9,
        ase([], (1, 1)),
        ase([[]], (0, 1)),
        ase([[]], (1, 1), claimed_frames=0),
        ase([[]], (1, 1), pixel_bytes=3),
        ase([[]], (1, 1))[:100],
    ],
    ids=["swatches", "3ds Max", "no frames", "no width", "none claimed", "24 bits", "cut off"],
)
def test_what_is_no_sprite_is_of_no_known_format(content: bytes) -> None:
    with pytest.raises(PictureError, match="not a picture of any known format"):
        read_rgba(BytesIO(content), LIMIT_PX)


def test_frames_that_are_not_there_are_not_counted() -> None:
    content = ase([[layer(), cel(0, flat(RED))], [linked(0, 0)]], (1, 1), claimed_frames=60_000)
    assert describe(BytesIO(content), LIMIT_PX).frames == 2


SPRITE = [layer(), cel(0, flat(RED, 9, 9))]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (ase([SPRITE], (9, 9))[:-12], "early"),
        (ase([[layer(), cel(0, flat(RED), size=(9, 9))]], (9, 9)), "early"),
        (ase([[layer(), cel(0, flat(RED), size=(9, 9), packed=False)]], (9, 9)), "early"),
        (ase([[layer(), chunk(0x2005, bytes(7) + b"\x09\0" + bytes(16))]], (9, 9)), "unknown kind"),
        (ase([[*SPRITE, struct.pack("<IH", 3, 0x2004)]], (9, 9)), "shorter than its own head"),
        (ase([[layer(1, depth=40)]], (9, 9), flags=GROUPS_BLEND), "too deep"),
        (ase([[tileset(0, TILES), layer(2), tilemap(0, np.array([[1]]), bits=8)]], (9, 9)), "unknown kind"),
        (ase([[tileset(0, TILES, count=9), layer(2), tilemap(0, np.array([[1]]))]], (9, 9)), "early"),
        (ase([[tileset(0, TILES, count=1 << 30), layer(2), tilemap(0, np.array([[1]]))]], (9, 9)), "too large"),
        (ase([[layer(), cel(0, flat(RED), size=(65535, 65535))]], (9, 9)), "early"),
        (ase([[layer(), cel(0, flat(RED), (0, -32000), size=(65535, 65535))]], (9, 9)), "far larger"),
        (ase([[chunk(4, old_palette([(0, [[1, 2, 3]])])[6:-1])]], (9, 9)), "early"),
        (ase([[struct.pack("<IH", 7, 0x2020)], SPRITE], (9, 9)), "after its frame"),
    ],
    ids=[
        "cut off", "short cel", "short plain cel", "cel kind", "short chunk", "deep", "tile bits", "few tiles",
        "large tileset", "wide cel", "large cel", "short palette", "long chunk",
    ],
)  # fmt: skip
def test_what_is_broken_says_what_is_wrong(content: bytes, words: str) -> None:
    with pytest.raises(PictureError, match=words) as caught:
        read_rgba(BytesIO(content), LIMIT_PX)
    assert caught.value.reason == "cannot_decode"


def test_too_many_chunks_are_refused() -> None:
    with pytest.raises(PictureError, match="too many chunks"):
        read_rgba(BytesIO(ase([[chunk(0x2020, b"")] * 300_000], (1, 1))), LIMIT_PX)


def test_a_cel_that_unpacks_to_gigabytes_is_cut_at_the_canvas() -> None:
    content = ase([[layer(), cel(0, np.zeros((65535, 100, 4), np.uint8))]], (100, 2))
    tracemalloc.start()
    assert seen(content) == [[CLEAR] * 100] * 2
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000


def test_deep_groups_that_have_no_canvas_of_their_own_cost_nothing() -> None:
    layers = [layer(1, depth=depth) for depth in range(3000)] + [layer(depth=3000)]
    assert seen(ase([[*layers, cel(3000, flat(RED))]], (1, 1))) == [[RED]]


def test_the_same_large_cel_in_many_frames_is_refused_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aseprite, "MAX_DRAWN_PX", 10_000)
    frames = [[layer(), cel(0, flat(RED, 50, 50))]] + [[linked(0, 0)]] * 10
    content = ase(frames, (50, 50))
    assert seen(content, 3)[49][49] == RED
    with pytest.raises(PictureError, match="too many pixels"):
        describe(BytesIO(content), LIMIT_PX)


def test_a_gigapixel_of_linked_cels_is_refused() -> None:
    # Nearly all of the cel is above the canvas, but has to be unpacked; 64 times it is 2**28 pixels.
    cels = [cel(0, np.zeros((32769, 127, 1), np.uint8), (0, -32768))]
    content = ase([[layer(), *cels]] + [[linked(0, 0, (0, -32768))]] * 69, (1, 1), pixel_bytes=1)
    with pytest.raises(PictureError, match="too many pixels"):
        describe(BytesIO(content), LIMIT_PX)


def test_frames_that_each_claim_the_rest_of_the_file_are_not_read() -> None:
    frames, rest = 50, 1000
    whole = struct.unpack("<I", ase([[]], (1, 1))[:4])[0] + (frames - 1) * 22 + 6 + rest
    claims = [[struct.pack("<IH", whole - 144 - 22 * number, 0x2004)] for number in range(frames)]
    with pytest.raises(PictureError, match="after its frame"):
        read_rgba(BytesIO(ase(claims, (1, 1)) + bytes(rest)), LIMIT_PX)


@pytest.mark.parametrize("packed", [False, True])
def test_no_more_of_a_cel_is_read_than_its_pixels_can_take(*, packed: bool) -> None:
    one = cel(0, flat(RED), packed=packed)
    content = ase([[layer(), chunk(0x2005, one[6:] + bytes(1 << 23))]], (1, 1))
    tracemalloc.start()
    assert seen(content) == [[RED]]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000


def damaged(content: bytes, rng: np.random.Generator) -> bytes:
    """Cut *content* off, or write anything over a few of its bytes."""
    data = bytearray(content)
    if rng.random() < 0.2:
        return bytes(data[: rng.integers(130, len(data))])
    for _ in range(rng.integers(1, 5)):
        data[int(rng.integers(6, len(data)))] = int(
            rng.choice([0, 1, 2, 128, 255, int(rng.integers(0, 256))])
        )
    return bytes(data)


@pytest.mark.parametrize("pixel_bytes", [1, 2, 4])
def test_damage_raises_only_what_decoders_raise(pixel_bytes: int) -> None:
    rng = np.random.default_rng(pixel_bytes)
    pixels = rng.integers(0, 256, (9, 8, pixel_bytes), np.uint8)
    tiles = rng.integers(0, 256, (3, 4, 4, pixel_bytes), np.uint8)
    first = [palette([RED, GREEN], name="x"), tileset(0, tiles), layer(1, opacity=80), layer(depth=1, mode=3)]
    second = [layer(2), cel(1, pixels), tilemap(2, np.array([[1, 2 | FLIP_X], [0, 1]]), (3, 2))]
    frames = [first + second, [old_palette([(0, [[1, 2, 3]])]), linked(1, 0), linked(2, 0)]]
    content = ase(frames, (20, 15), pixel_bytes=pixel_bytes, flags=GROUPS_BLEND)
    outcomes = set()
    for _ in range(200):
        try:
            image = AsepriteImageFile(BytesIO(damaged(content, rng)))
            for number in range(min(image.n_frames, 3)):
                image.seek(number)
                if image.width * image.height < LIMIT_PX:
                    image.load()
                    outcomes.add("shown")
        except DECODER_ERRORS:
            outcomes.add("refused")
    assert outcomes == {"shown", "refused"}
