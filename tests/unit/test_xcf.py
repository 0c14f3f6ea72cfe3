"""GIMP's own files. What is expected is told by the format's description, by hand, or by GIMP itself."""

from __future__ import annotations

import struct
import time
import tracemalloc
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from artstore.errors import PictureError
from artstore.formats import xcf_runs
from artstore.formats.xcf import XcfImageFile
from artstore.formats.xcf_tiles import XcfFile
from artstore.images import DECODER_ERRORS, describe, is_picture_name, read_rgba
from tests.xcfs import Layer, Pixels, colours, number, prop, runs, xcf

LIMIT_PX = 10_000_000
RED, GREEN, BLUE, CLEAR = [255, 0, 0, 255], [0, 255, 0, 255], [0, 0, 255, 255], [0, 0, 0, 0]

LEGACY, NEW, MULTIPLY, ERASE, PASS_THROUGH = 0, 28, 3, 58, 61


def shown(content: bytes) -> NDArray[np.uint8]:
    return read_rgba(BytesIO(content), LIMIT_PX)


def seen(content: bytes) -> list[list[list[int]]]:
    """The pixels, with nothing hidden under alpha 0."""
    pixels = shown(content)
    pixels[pixels[..., 3] == 0] = 0
    return pixels.tolist()  # type: ignore[no-any-return]


def flat(colour: list[int], width: int = 1, height: int = 1) -> Pixels:
    return np.full((height, width, len(colour)), colour, np.uint8)


def noise(height: int, width: int, channels: int = 4, seed: int = 0) -> NDArray[np.uint8]:
    """Noise with long runs in it."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (height, width, channels), np.uint8)
    pixels[height // 4 : height // 2] = 7
    pixels[:, width // 3 : width // 2] = 200
    return pixels


@pytest.mark.parametrize("version", [0, 1, 3, 10, 11, 23])
@pytest.mark.parametrize("packing", [0, 1, 2], ids=["plain", "runs", "zlib"])
def test_tiles_are_put_where_they_belong(version: int, packing: int) -> None:
    pixels = noise(150, 200)
    content = xcf([Layer(pixels)], (200, 150), version=version, packing=packing)
    expected = np.where(pixels[..., 3:] > 0, pixels, 0)
    assert np.array_equal(np.where(pixels[..., 3:] > 0, shown(content), 0), expected)


def test_many_tiles_are_unpacked_side_by_side_as_few_are() -> None:
    pixels = noise(600, 1000)
    pixels[..., 3] = 255
    # 160 tiles at once, and some of them alone.
    assert np.array_equal(shown(xcf([Layer(pixels)], (1000, 600))), pixels)
    part = shown(xcf([Layer(pixels, at=(-900, -500))], (100, 100)))
    assert np.array_equal(part, pixels[500:, 900:])


def test_a_layer_covers_only_its_own_place() -> None:
    small = xcf([Layer(flat(RED, 2, 1), at=(-1, 1))], (3, 3))
    assert seen(small) == [[CLEAR] * 3, [RED, CLEAR, CLEAR], [CLEAR] * 3]


def test_upper_layers_come_first_and_hidden_ones_not_at_all() -> None:
    layers = [Layer(flat(GREEN), visible=False), Layer(flat(RED)), Layer(flat(BLUE))]
    assert seen(xcf(layers, (1, 1))) == [[RED]]


def test_a_floating_selection_is_left_out() -> None:
    layers = [Layer(flat(GREEN), more={5: bytes(4)}), Layer(flat(RED))]
    assert seen(xcf(layers, (1, 1))) == [[RED]]


def test_a_picture_without_visible_layers_is_clear() -> None:
    assert seen(xcf([], (2, 1))) == [[CLEAR, CLEAR]]


def test_old_layers_are_mixed_as_the_screen_shows_and_new_ones_as_light_is() -> None:
    half = flat([255, 255, 255, 128])
    black = Layer(flat([0, 0, 0, 255]))
    # 128 / 255 of light is 188 of 255 for the screen (IEC 61966-2-1).
    assert seen(xcf([Layer(half, mode=LEGACY), black], (1, 1))) == [[[128, 128, 128, 255]]]
    assert seen(xcf([Layer(half, mode=NEW), black], (1, 1), version=10)) == [[[188, 188, 188, 255]]]


def test_what_is_clear_gives_no_colour() -> None:
    below = Layer(flat([10, 20, 30, 0]))
    for mode in (LEGACY, NEW):
        assert seen(xcf([Layer(flat([200, 100, 50, 102]), mode=mode), below], (1, 1))) == [
            [[200, 100, 50, 102]]
        ]


@pytest.mark.parametrize("kind", ["whole numbers", "floats"])
def test_opacity_makes_a_layer_faint(kind: str) -> None:
    layer = Layer(flat(RED), opacity=51)
    if kind == "floats":
        layer = Layer(flat(RED), more={33: struct.pack(">f", 0.2)})
    assert seen(xcf([layer], (1, 1))) == [[[255, 0, 0, 51]]]


def test_a_mask_hides_and_may_be_switched_off() -> None:
    mask = np.array([[0, 51, 255]], np.uint8)
    layer = Layer(flat(RED, 3, 1), mask=mask)
    assert seen(xcf([layer], (3, 1))) == [[CLEAR, [255, 0, 0, 51], RED]]
    layer.more[11] = number(0)
    assert seen(xcf([layer], (3, 1))) == [[RED] * 3]


def test_masks_of_layers_that_begin_outside_lie_on_them() -> None:
    mask = np.arange(200 * 130, dtype=np.uint32).reshape(130, 200).astype(np.uint8)
    content = xcf([Layer(flat(RED, 200, 130), at=(-70, -65), mask=mask)], (100, 50))
    assert np.array_equal(shown(content)[..., 3], mask[65:115, 70:170])


@pytest.mark.parametrize(
    ("pixels", "base", "expected"),
    [
        (flat([9, 8, 7]), 0, [9, 8, 7, 255]),
        (flat([9]), 1, [9, 9, 9, 255]),
        (flat([9, 51]), 1, [9, 9, 9, 51]),
        (flat([1]), 2, [4, 5, 6, 255]),
        (flat([0, 255]), 2, [1, 2, 3, 255]),
        (flat([1, 0]), 2, CLEAR),
    ],
    ids=["rgb", "grey", "grey and alpha", "indexed", "indexed and alpha", "indexed and clear"],
)
def test_all_kinds_of_layers_are_read(pixels: Pixels, base: int, expected: list[int]) -> None:
    content = xcf([Layer(pixels)], (1, 1), base=base, more=colours([(1, 2, 3), (4, 5, 6)]))
    assert seen(content) == [[expected]]


def test_the_palette_of_old_files_says_a_wrong_length() -> None:
    palette = colours([(1, 2, 3), (4, 5, 6)], claimed_bytes=6)
    assert seen(xcf([Layer(flat([1]))], (1, 1), base=2, more=palette)) == [[[4, 5, 6, 255]]]


def test_the_palette_of_the_first_version_is_greys_as_gimp_takes_it() -> None:
    palette = struct.pack(">3I", 1, 4 + 2, 2) + bytes([7, 8])
    assert seen(xcf([Layer(flat([77]))], (1, 1), base=2, version=0, more=palette)) == [[[77, 77, 77, 255]]]


# Half of what can be, and of light: 0.5 is 188 for a screen (IEC 61966-2-1).
@pytest.mark.parametrize(
    ("precision", "kind", "half", "expected"),
    [
        (150, "u1", 128, 128),
        (250, ">u2", 0x8080, 128),
        (350, ">u4", 0x80808080, 128),
        (550, ">f2", 0.5, 128),
        (650, ">f4", 0.5, 128),
        (750, ">f8", 0.5, 128),
        (100, "u1", 128, 188),
        (200, ">u2", 0x8080, 188),
        (300, ">u4", 0x80808080, 188),
        (500, ">f2", 0.5, 188),
        (600, ">f4", 0.5, 188),
        (700, ">f8", 0.5, 188),
    ],
)
@pytest.mark.parametrize("packing", [0, 1, 2])
def test_all_precisions_come_out_as_a_screen_takes_them(
    precision: int, kind: str, half: float, expected: int, packing: int
) -> None:
    full = 1 if "f" in kind else np.iinfo(np.dtype(kind)).max
    pixels = np.array([[[full, half, 0, full], [0, 0, half, half]]], np.dtype(kind))
    content = xcf([Layer(pixels)], (2, 1), version=12, precision=precision, packing=packing)
    assert seen(content) == [[[255, expected, 0, 255], [0, 0, expected, 128]]]


@pytest.mark.parametrize(
    ("version", "precision", "kind"), [(4, 1, "<u2"), (4, 4, "<f4"), (5, 450, "<f2"), (7, 550, "<f2")]
)
def test_versions_in_the_making_had_other_numbers_and_the_order_of_their_machines(
    version: int, precision: int, kind: str
) -> None:
    full = 1 if "f" in kind else 65535
    pixels = np.array([[[full, 0, full, full]]], np.dtype(kind))
    assert seen(xcf([Layer(pixels)], (1, 1), version=version, precision=precision)) == [[[255, 0, 255, 255]]]


def test_what_is_no_colour_of_a_screen_is_the_nearest_or_black() -> None:
    pixels = np.array([[[np.nan, np.inf, -np.inf, 1], [7, -7, 0.5, 9]]], ">f4")
    content = xcf([Layer(pixels)], (2, 1), version=12, precision=650)
    assert seen(content) == [[[0, 255, 0, 255], [255, 0, 128, 255]]]


# What GIMP 2.10.34 shows of two pixels laid over two others, with an opacity of 70 %.
BELOW = np.array([[[200, 120, 40, 255], [60, 160, 220, 128]]], np.uint8)
ABOVE = np.array([[[90, 210, 130, 255], [250, 30, 100, 200]]], np.uint8)
AS_GIMP_SHOWS = {
    0: [[123, 183, 103, 255], [195, 68, 135, 198]],
    3: [[109, 105, 26, 255], [59, 87, 151, 128]],
    4: [[214, 198, 117, 255], [159, 166, 227, 128]],
    5: [[191, 149, 40, 255], [83, 136, 217, 128]],
    6: [[137, 99, 75, 255], [127, 144, 168, 128]],
    7: [[239, 215, 131, 255], [161, 176, 238, 128]],
    8: [[137, 36, 12, 255], [29, 144, 168, 128]],
    9: [[123, 120, 40, 255], [60, 93, 158, 128]],
    10: [[200, 183, 103, 255], [159, 160, 220, 128]],
    11: [[88, 176, 77, 255], [143, 108, 163, 128]],
    12: [[200, 136, 72, 255], [43, 153, 220, 128]],
    13: [[96, 168, 80, 255], [159, 93, 158, 128]],
    14: [[207, 124, 41, 255], [64, 171, 236, 128]],
    15: [[239, 138, 67, 255], [61, 209, 238, 128]],
    16: [[239, 215, 69, 255], [161, 171, 238, 128]],
    17: [[129, 100, 12, 255], [58, 77, 192, 128]],
    18: [[159, 181, 42, 255], [157, 96, 195, 128]],
    19: [[191, 149, 40, 255], [83, 136, 217, 128]],
    20: [[227, 63, 39, 255], [29, 209, 235, 128]],
    21: [[173, 177, 41, 255], [123, 109, 205, 128]],
    23: [[189, 179, 41, 255], [97, 127, 216, 128]],
    24: [[114, 151, 71, 255], [172, 140, 179, 128]],
    25: [[198, 121, 47, 255], [0, 165, 255, 128]],
    26: [[118, 150, 75, 255], [212, 119, 174, 128]],
    27: [[239, 154, 75, 255], [46, 150, 209, 128]],
    28: [[136, 189, 112, 255], [216, 94, 149, 198]],
    30: [[128, 105, 25, 255], [59, 112, 164, 128]],
    31: [[214, 206, 129, 255], [196, 166, 228, 128]],
    32: [[145, 100, 79, 255], [150, 145, 174, 128]],
    33: [[211, 209, 117, 255], [199, 161, 229, 128]],
    34: [[189, 0, 0, 255], [0, 159, 210, 128]],
    35: [[136, 120, 40, 255], [60, 113, 168, 128]],
    36: [[200, 189, 112, 255], [195, 160, 220, 128]],
    37: [[120, 181, 82, 255], [172, 119, 171, 128]],
    38: [[200, 137, 75, 255], [45, 153, 220, 128]],
    39: [[123, 172, 85, 255], [195, 113, 168, 128]],
    40: [[207, 124, 41, 255], [65, 172, 237, 128]],
    41: [[255, 140, 76, 255], [61, 255, 255, 128]],
    42: [[255, 255, 72, 255], [255, 172, 255, 128]],
    43: [[140, 101, 0, 255], [58, 73, 193, 128]],
    44: [[162, 187, 43, 255], [193, 114, 196, 128]],
    45: [[191, 150, 40, 255], [88, 137, 216, 128]],
    46: [[227, 75, 38, 255], [25, 221, 236, 128]],
    47: [[175, 183, 42, 255], [144, 119, 206, 128]],
    48: [[184, 225, 41, 255], [199, 111, 215, 128]],
    49: [[186, 153, 40, 255], [191, 119, 209, 128]],
    50: [[153, 250, 44, 255], [237, 109, 192, 128]],
    51: [[240, 225, 19, 255], [199, 111, 240, 128]],
    52: [[166, 129, 112, 255], [151, 156, 185, 128]],
    53: [[119, 91, 0, 255], [57, 107, 160, 128]],
    54: [[200, 120, 40, 255], [195, 113, 168, 128]],
    55: [[136, 189, 112, 255], [60, 160, 220, 128]],
    56: [[248, 150, 52, 255], [56, 150, 206, 128]],
    57: [[205, 110, 20, 238], [40, 162, 222, 125]],
    58: [[200, 120, 40, 77], [60, 160, 220, 58]],
    59: [[136, 189, 112, 255], [195, 113, 168, 255]],
    60: [[200, 120, 40, 77], [60, 160, 220, 0]],
}


@pytest.mark.parametrize("mode", AS_GIMP_SHOWS)
def test_each_mode_lays_layers_as_gimp_does(mode: int) -> None:
    layers = [Layer(ABOVE, mode=mode, more={33: struct.pack(">f", 0.7)}), Layer(BELOW, mode=NEW)]
    outcome = shown(xcf(layers, (2, 1), version=11))[0].astype(int)
    assert np.abs(outcome - AS_GIMP_SHOWS[mode]).max() <= 1


@pytest.mark.parametrize("mode", [1, 22, 77])
def test_chance_and_what_is_not_known_is_normal(mode: int) -> None:
    above, below = Layer(flat([200, 0, 0, 128]), mode=mode), Layer(flat(BLUE))
    assert seen(xcf([above, below], (1, 1))) == seen(xcf([Layer(above.pixels), below], (1, 1)))


def test_the_lowest_layer_is_normal_whatever_it_says() -> None:
    assert seen(xcf([Layer(flat([9, 8, 7, 255]), mode=MULTIPLY)], (1, 1))) == [[[9, 8, 7, 255]]]


@pytest.mark.parametrize(
    ("composite", "expected"),
    [
        (1, [RED, GREEN, GREEN]),
        (2, [RED, GREEN, CLEAR]),
        (3, [CLEAR, GREEN, GREEN]),
        (4, [CLEAR, GREEN, CLEAR]),
    ],
    ids=["union", "backdrop", "layer", "intersection"],
)
def test_a_layer_may_be_seen_only_where_something_is_below_or_above(
    composite: int, expected: list[list[int]]
) -> None:
    layers = [
        Layer(flat(GREEN, 2, 1), at=(1, 0), mode=NEW, more={35: number(composite)}),
        Layer(flat(RED, 2, 1)),
    ]
    assert seen(xcf(layers, (3, 1), version=11)) == [expected]


def test_a_layer_may_ask_for_the_space_to_be_mixed_in() -> None:
    half = Layer(flat([255, 255, 255, 128]), mode=NEW, more={36: number(2)})
    assert seen(xcf([half, Layer(flat([0, 0, 0, 255]))], (1, 1), version=11)) == [[[128, 128, 128, 255]]]
    # What GIMP chose by itself it writes as a negative number.
    half.more[36] = number(-1)
    assert seen(xcf([half, Layer(flat([0, 0, 0, 255]))], (1, 1), version=11)) == [[[188, 188, 188, 255]]]


def test_a_group_fades_as_a_whole() -> None:
    layers = [
        Layer(flat(CLEAR), group=True, opacity=51, path=[0]),
        Layer(flat(GREEN), path=[0, 0]),
        Layer(flat(BLUE), path=[0, 1]),
        Layer(flat([0, 0, 0, 255]), path=[1]),
    ]
    # A fifth of green, and no blue shines through it.
    assert seen(xcf(layers, (1, 1))) == [[[0, 51, 0, 255]]]


def test_a_hidden_group_hides_what_is_in_it() -> None:
    layers = [
        Layer(flat(CLEAR), group=True, visible=False, path=[0]),
        Layer(flat(GREEN), path=[0, 0]),
        Layer(flat(RED), path=[1]),
    ]
    assert seen(xcf(layers, (1, 1))) == [[RED]]


@pytest.mark.parametrize(("mode", "expected"), [(LEGACY, [0, 0, 255, 255]), (PASS_THROUGH, [0, 0, 0, 255])])
def test_layers_see_what_is_below_their_group_only_if_it_lets_them(mode: int, expected: list[int]) -> None:
    layers = [
        Layer(flat(CLEAR), group=True, mode=mode, path=[0]),
        Layer(flat(BLUE), mode=MULTIPLY, path=[0, 0]),
        Layer(flat(RED), path=[1]),
    ]
    # Blue times red is black; in a group by itself it is the lowest, and blue.
    assert seen(xcf(layers, (1, 1))) == [[expected]]


def test_a_group_without_layers_is_not_the_lowest_layer() -> None:
    layers = [
        Layer(flat(RED), mode=MULTIPLY, path=[0]),
        Layer(flat(GREEN), group=True, path=[1]),
        Layer(flat(BLUE), visible=False, path=[1, 0]),
    ]
    assert seen(xcf(layers, (1, 1))) == [[RED]]


def test_a_group_is_below_others_where_it_is_not_seen_as_well() -> None:
    layers = [
        Layer(flat(RED, 2, 1), mode=MULTIPLY, path=[0]),
        Layer(flat(CLEAR, 9, 1), group=True, path=[1]),
        Layer(flat(BLUE), at=(1, 0), path=[1, 0]),
        Layer(flat(BLUE), at=(8, 0), path=[1, 1]),
    ]
    assert seen(xcf(layers, (2, 1))) == [[CLEAR, [0, 0, 0, 255]]]


def test_a_group_that_lets_through_fades_to_what_it_makes() -> None:
    layers = [
        Layer(flat(CLEAR), group=True, mode=PASS_THROUGH, opacity=51, path=[0]),
        Layer(flat([255, 255, 255, 255]), mode=ERASE, path=[0, 0]),
        Layer(flat(RED), path=[1]),
    ]
    assert seen(xcf(layers, (1, 1))) == [[[255, 0, 0, 204]]]
    layers[1:] = [Layer(flat([255] * 4), path=[0, 0]), Layer(flat([0, 0, 0, 255]), path=[1])]
    # It fades as light does, whatever its layers do: a fifth of light is 124 for a screen.
    assert seen(xcf(layers, (1, 1))) == [[[124, 124, 124, 255]]]


def test_groups_have_masks_too() -> None:
    layers = [
        Layer(flat(CLEAR, 2, 1), at=(1, 0), group=True, mask=np.array([[51, 255]], np.uint8), path=[0]),
        Layer(flat(RED, 2, 1), at=(1, 0), path=[0, 0]),
    ]
    assert seen(xcf(layers, (3, 1))) == [[CLEAR, [255, 0, 0, 51], RED]]


def test_a_large_picture_is_drawn_in_bands_without_seams() -> None:
    # Bands are a multiple of 64 rows, of 2**22 pixels at most.
    pixels = noise(2500, 2000)
    pixels[..., 3] = 255
    mask = np.full((2500, 2000), 255, np.uint8)
    layers = [
        Layer(flat(CLEAR, 2000, 2500), group=True, path=[0], mask=mask),
        Layer(pixels, path=[0, 0], at=(0, -100)),
    ]
    drawn = shown(xcf(layers, (2000, 2400), packing=0))
    assert np.array_equal(drawn, pixels[100:])


def test_a_name_of_gimp_promises_a_picture_and_the_facts_come_with_it(tmp_path: Path) -> None:
    path = tmp_path / "hero.xcf"
    path.write_bytes(xcf([Layer(noise(70, 90))], (80, 60)))
    facts = describe(path, LIMIT_PX)
    assert is_picture_name(path.name)
    assert (facts.format, facts.mode, facts.width_px, facts.height_px, facts.frames) == (
        "XCF",
        "RGBA",
        80,
        60,
        1,
    )


def test_the_file_is_closed_when_all_is_drawn(tmp_path: Path) -> None:
    path = tmp_path / "hero.xcf"
    path.write_bytes(xcf([Layer(flat(RED))], (1, 1)))
    image = XcfImageFile(path)
    assert image.getpixel((0, 0)) == (255, 0, 0, 255)
    assert image.fp is None


def test_size_is_known_before_anything_is_decoded() -> None:
    content = xcf([], (60_000, 60_000))
    assert XcfImageFile(BytesIO(content)).size == (60_000, 60_000)
    with pytest.raises(PictureError) as caught:
        shown(content)
    assert caught.value.reason == "too_many_pixels"


@pytest.mark.parametrize(
    "content",
    [
        b"gimp xcf ",
        b"gimp xcf v10x\0" + bytes(12),
        b"gimp xcf v100\0" + bytes(16),
        xcf([], (0, 5)),
        xcf([], (1, 1))[:20],
    ],
    ids=["short", "no version", "CinePaint", "no width", "cut off"],
)
def test_what_is_no_picture_of_gimp_is_of_no_known_format(content: bytes) -> None:
    with pytest.raises(PictureError, match="not a picture of any known format"):
        shown(content)


def broken_layer(**changes: object) -> bytes:
    layer = Layer(flat(RED, 3, 3))
    for name, value in changes.items():
        setattr(layer, name, value)
    return xcf([layer], (3, 3))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (broken_layer(kind=3), "another kind"),
        (broken_layer(path=[4, 1]), "group is missing"),
        (broken_layer(path=list(range(33))), "too deep"),
        (broken_layer(path=list(range(100))), "too deep"),
        (broken_layer(mask=np.zeros((2, 2), np.uint8), mask_size=(2, 2)), "not of its layer's size"),
        (xcf([Layer(flat(RED))], (1, 1), more=colours([(0, 0, 0)] * 257)), "256 colours"),
        (xcf([Layer(flat(RED))], (1, 1))[:-3], "early"),
        (xcf([Layer(flat(RED))], (1, 1), more=struct.pack(">2I", 99, 1 << 31)), "out of the file"),
    ],
    ids=["kind", "no group", "deep", "deeper", "mask", "palette", "cut off", "long property"],
)
def test_what_is_broken_says_what_is_wrong(content: bytes, words: str) -> None:
    with pytest.raises(PictureError, match=words) as caught:
        shown(content)
    assert caught.value.reason == "cannot_decode"


PLAIN = noise(1, 4096)[0].tobytes()


@pytest.mark.parametrize("tiles", [1, 100])
@pytest.mark.parametrize(
    ("packed", "words"),
    [
        (runs(PLAIN[:-1]) + bytes([1, 9]), "longer than its tile"),
        (runs(PLAIN[:-1]), "early"),
        (runs(PLAIN)[:-1], "early"),
        (b"", "early"),
        (bytes([127, 0, 0, 5]) * 50, "early"),
    ],
    ids=["too long", "too short", "cut off", "empty", "runs of nothing"],
)
def test_runs_that_do_not_make_a_tile_are_refused(tiles: int, packed: bytes, words: str) -> None:
    good = [runs(PLAIN) + b"more"] * tiles
    taken = len(runs(PLAIN)) * tiles
    assert xcf_runs.undone(good, [len(PLAIN)] * tiles) == (PLAIN * tiles, taken)
    with pytest.raises((OSError, ValueError), match=words):
        xcf_runs.undone([*good[1:], packed], [len(PLAIN)] * tiles)


def test_the_size_of_a_layer_costs_nothing() -> None:
    layer = Layer(noise(64, 64), size=(1 << 31, 1 << 30), at=(-5, -5))
    tracemalloc.start()
    with pytest.raises(PictureError):
        # Its row of tiles is not there, but no room was made for it.
        shown(xcf([layer], (500, 500)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40_000_000


def test_a_tile_that_unpacks_to_gigabytes_is_cut_at_its_size() -> None:
    tile = np.zeros((1, 1 << 24, 4), np.uint8)
    content = bytearray(xcf([Layer(flat(RED, 64, 64))], (64, 64), packing=2))
    bomb = zlib.compress(tile.tobytes())
    at = content.index(zlib.compress(flat(RED, 64, 64).tobytes()))
    # The pointer to the tile is the one that says where it is.
    place = content.index(struct.pack(">I", at), at)
    content[place : place + 4] = struct.pack(">I", len(content))
    tracemalloc.start()
    assert seen(bytes(content + bomb)) == [[CLEAR] * 64] * 64
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20_000_000


def test_thousands_of_layers_with_the_same_tiles_are_refused_soon() -> None:
    content = bytearray(xcf([Layer(noise(512, 512))] + [Layer(flat(RED))] * 3000, (512, 512)))
    # All pointers lead to the first layer.
    start = 14 + 12 + 9 + 8
    content[start : start + 4 * 3000] = content[start : start + 4] * 3000
    began = time.monotonic()
    with pytest.raises(PictureError, match="over and over"):
        shown(bytes(content))
    assert time.monotonic() - began < 20


@pytest.mark.parametrize("packing", [0, 1, 2])
def test_hundreds_of_layers_with_tiles_of_their_own_are_welcome(packing: int) -> None:
    layers = [Layer(flat([number % 256, 0, 0, 255], 130, 64)) for number in range(400)]
    assert seen(xcf(layers, (1, 1), packing=packing)) == [[[0, 0, 0, 255]]]


def test_too_many_layers_or_properties_are_refused() -> None:
    head = xcf([], (1, 1))[:-8]
    with pytest.raises(PictureError, match="too many layers"):
        shown(head + struct.pack(">I", len(head)) * 20_000)
    with pytest.raises(PictureError, match="too many properties"):
        shown(xcf([], (1, 1), more=prop(99) * ((1 << 20) + 1)))


def test_wide_pictures_have_fewer_groups_within_each_other() -> None:
    groups = [Layer(flat(CLEAR), group=True, path=[0] * depth) for depth in range(1, 9)]
    tracemalloc.start()
    with pytest.raises(PictureError, match="too wide"):
        shown(xcf([*groups, Layer(flat(RED), path=[0] * 9)], (100_000, 64)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100_000_000
    assert seen(xcf([*groups, Layer(flat(RED), path=[0] * 9)], (10_000, 1)))[0][0] == RED


def test_tiles_are_counted_and_ten_large_layers_have_few() -> None:
    file = XcfFile(BytesIO(), 11)
    for _ in range(10):
        file.count_tiles(64 * 64)
    with pytest.raises(ValueError, match="too many tiles"):
        file.count_tiles(1 << 18)


def damaged(content: bytes, rng: np.random.Generator) -> bytes:
    """Cut *content* off, or write anything over a few of its bytes, mostly of its structure."""
    data = bytearray(content)
    if rng.random() < 0.2:
        return bytes(data[: rng.integers(1, len(data))])
    for _ in range(rng.integers(1, 6)):
        at = int(rng.integers(14, len(data)))
        data[at] = int(rng.choice([0, 1, 127, 128, 255, int(rng.integers(0, 256))]))
    return bytes(data)


@pytest.mark.parametrize("packing", [0, 1, 2])
def test_damage_raises_only_what_decoders_raise(packing: int) -> None:
    layers = [
        Layer(flat(CLEAR, 80, 70), group=True, path=[0], mode=PASS_THROUGH, opacity=99),
        Layer(noise(70, 80), path=[0, 0], mode=30, mask=noise(70, 80, 1)[..., 0]),
        Layer(noise(64, 64, seed=1), path=[1], at=(-7, 5)),
    ]
    content = xcf(layers, (90, 80), packing=packing, version=11)
    rng = np.random.default_rng(packing)
    outcomes = set()
    for _ in range(120):
        try:
            image: Image.Image = XcfImageFile(BytesIO(damaged(content, rng)))
            if image.width * image.height < LIMIT_PX:
                image.load()
                outcomes.add("shown")
        except DECODER_ERRORS:
            outcomes.add("refused")
    assert outcomes == {"shown", "refused"}
