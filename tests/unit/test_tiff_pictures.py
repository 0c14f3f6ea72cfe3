"""TIFF: samples of every width, in both orders of bytes, packed or not."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artstore.images import describe, read_rgba
from tests.unit.conftest import assert_damage_is_told

WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, INK = 0, 1, 2, 3, 5

UNKNOWN, PREMULTIPLIED, STRAIGHT = 0, 1, 2

SIGNED, FLOAT = 2, 3

TILES = {322: [16], 323: [16]}
"""Tags of tiles of 16 by 16 pixels."""

LONGS = {256, 257, 273, 279, 324, 325}
"""Tags whose values have 4 bytes; those of all others have 2."""

LITTLE, BIG = "<", ">"

RAW, DEFLATE, PACKBITS = 1, 8, 32773


def grey(value: int) -> list[int]:
    return [value, value, value, 255]


def tiff(
    order: str,
    strips: list[bytes],
    bits: list[int],
    colours: int,
    packing: int = RAW,
    width_px: int = 2,
    tags: dict[int, list[int]] | None = None,
) -> bytes:
    """A page of one row of *width_px*. Strips, or tiles if the *tags* have them, are packed here if that is to deflate."""
    strips = [zlib.compress(strip) for strip in strips] if packing == DEFLATE else strips
    known = {256: [width_px], 257: [1], 258: bits, 259: [packing], 262: [colours], 277: [len(bits)]} | (
        tags or {}
    )
    offsets, lengths = (324, 325) if 322 in known else (273, 279)
    known |= {offsets: [0] * len(strips), lengths: [len(strip) for strip in strips]}
    values_at = 8 + 2 + 12 * len(known) + 4
    at = values_at + sum(4 * len(values) for values in known.values())
    known[offsets] = [at + sum(map(len, strips[:place])) for place in range(len(strips))]
    entries, outside = b"", b""
    for tag, values in sorted(known.items()):
        kind, letter = (4, "I") if tag in LONGS else (3, "H")
        value = struct.pack(f"{order}{len(values)}{letter}", *values)
        if len(value) > 4:
            outside, value = outside + value, struct.pack(f"{order}I", values_at + len(outside))
        entries += struct.pack(f"{order}HHI", tag, kind, len(values)) + value.ljust(4, b"\0")
    head = (b"II*\0" if order == LITTLE else b"MM\0*") + struct.pack(f"{order}IH", 8, len(known))
    return (head + entries + bytes(4) + outside).ljust(at, b"\0") + b"".join(strips)


def row_of(content: bytes) -> list[list[int]]:
    pixels: list[list[int]] = read_rgba(BytesIO(content), 1000)[0].tolist()
    return pixels


def extra(kind: int) -> dict[int, list[int]]:
    return {338: [kind]}


def samples(kind: list[int]) -> dict[int, list[int]]:
    return {339: kind}


@pytest.mark.parametrize("packing", [RAW, DEFLATE])
@pytest.mark.parametrize("order", [LITTLE, BIG])
@pytest.mark.parametrize(
    ("values", "letter", "bits", "colours", "tags", "expected"),
    [
        ([0x80], "B", [1], WHITE_IS_ZERO, {}, [grey(0), grey(255)]),
        ([0x80], "B", [1], BLACK_IS_ZERO, {}, [grey(255), grey(0)]),
        ([0x1F], "B", [4], BLACK_IS_ZERO, {}, [grey(17), grey(255)]),
        ([0x10, 0xFF], "B", [8], WHITE_IS_ZERO, {}, [grey(0xEF), grey(0)]),
        ([0x1234, 0xFF00], "H", [16], BLACK_IS_ZERO, {}, [grey(0x12), grey(0xFF)]),
        ([0x1234, 0xFFFF], "H", [16], WHITE_IS_ZERO, {}, [grey(0xED), grey(0)]),
        ([0, 255], "h", [16], BLACK_IS_ZERO, samples([SIGNED]), [grey(0), grey(255)]),
        ([0x12345678, 0xFFFFFFFF], "I", [32], BLACK_IS_ZERO, {}, [grey(0x12), grey(255)]),
        ([0, 255], "I", [32], BLACK_IS_ZERO, {}, [grey(0), grey(255)]),
        ([0, 255], "i", [32], BLACK_IS_ZERO, samples([SIGNED]), [grey(0), grey(255)]),
        ([0.5, 1.0], "f", [32], BLACK_IS_ZERO, samples([FLOAT]), [grey(128), grey(255)]),
        ([7, 128, 9, 0], "B", [8] * 2, BLACK_IS_ZERO, extra(STRAIGHT), [[7, 7, 7, 128], [9, 9, 9, 0]]),
        ([64, 128, 9, 255], "B", [8] * 2, BLACK_IS_ZERO, extra(PREMULTIPLIED), [[127, 127, 127, 128], grey(9)]),
        ([0x1234, 0x8000, 0x5678, 0xFFFF], "H", [16] * 2, BLACK_IS_ZERO, extra(STRAIGHT), [[18, 18, 18, 128], grey(0x56)]),
        ([0x4000, 0x8000, 0x5678, 0xFFFF], "H", [16] * 2, BLACK_IS_ZERO, extra(PREMULTIPLIED), [[127, 127, 127, 128], grey(0x56)]),
        ([1, 2, 3, 4, 5, 6], "B", [8] * 3, RGB, {}, [[1, 2, 3, 255], [4, 5, 6, 255]]),
        ([0x1234, 0x5678, 0x9ABC, 0xFFFF, 0, 0x8000], "H", [16] * 3, RGB, {}, [[0x12, 0x56, 0x9A, 255], [255, 0, 128, 255]]),
        ([0x1234, 0x5678, 0x9ABC, 0x80FF] * 2, "H", [16] * 4, RGB, extra(STRAIGHT), [[0x12, 0x56, 0x9A, 0x80]] * 2),
        ([0x4000, 0x2000, 0x8000, 0x8000] * 2, "H", [16] * 4, RGB, extra(PREMULTIPLIED), [[127, 63, 255, 128]] * 2),
        ([64, 32, 128, 128] * 2, "B", [8] * 4, RGB, extra(PREMULTIPLIED), [[127, 63, 255, 128]] * 2),
        ([64, 32, 128, 128] * 2, "B", [8] * 4, RGB, extra(STRAIGHT), [[64, 32, 128, 128]] * 2),
        ([64, 32, 128, 128] * 2, "B", [8] * 4, RGB, extra(UNKNOWN), [[64, 32, 128, 255]] * 2),
        ([255, 0, 0, 0, 0, 0, 0, 255], "B", [8] * 4, INK, {}, [[0, 255, 255, 255], [0, 0, 0, 255]]),
    ],
    ids=[
        "1 from white", "1", "4", "8 from white", "16", "16 from white", "16 signed", "32", "32 of 8", "32 signed",
        "float", "grey and alpha", "premultiplied grey", "16 with alpha", "16 premultiplied", "rgb",
        "rgb 16", "rgba 16", "rgba 16 premultiplied", "premultiplied", "rgba", "rgb and something", "ink",
    ],
)  # fmt: skip
def test_samples_of_every_width_are_true(
    values: list[float],
    letter: str,
    bits: list[int],
    colours: int,
    tags: dict[int, list[int]],
    expected: list[list[int]],
    order: str,
    packing: int,
) -> None:
    stored = struct.pack(f"{order}{len(values)}{letter}", *values)
    content = tiff(order, [stored], bits, colours, packing, tags=tags)
    assert row_of(content) == expected
    facts = describe(BytesIO(content), 100)
    assert (facts.format, facts.width_px, facts.height_px, facts.frames) == ("TIFF", 2, 1, 1)


@pytest.mark.parametrize("packing", [RAW, DEFLATE])
def test_greys_of_twelve_bits_fill_the_range(packing: int) -> None:
    assert row_of(tiff(LITTLE, [b"\x80\x0f\xff"], [12], BLACK_IS_ZERO, packing)) == [grey(0x80), grey(0xFF)]


@pytest.mark.parametrize("packing", [RAW, DEFLATE])
@pytest.mark.parametrize("order", [LITTLE, BIG])
@pytest.mark.parametrize(("letter", "bits", "times"), [("B", 8, 1), ("H", 16, 0x101)])
def test_planes_lie_one_after_the_other(order: str, packing: int, letter: str, bits: int, times: int) -> None:
    planes = [
        struct.pack(f"{order}2{letter}", first * times, second * times)
        for first, second in [(1, 2), (3, 4), (5, 6)]
    ]
    content = tiff(order, planes, [bits] * 3, RGB, packing, tags={284: [2]})
    assert row_of(content) == [[1, 3, 5, 255], [2, 4, 6, 255]]


@pytest.mark.parametrize("packing", [RAW, DEFLATE])
@pytest.mark.parametrize("order", [LITTLE, BIG])
@pytest.mark.parametrize("step", [1, 256])
def test_colours_of_a_palette_have_sixteen_bits_or_by_mistake_eight(
    order: str, packing: int, step: int
) -> None:
    palette = [value * step for value in [9, 255, *[0] * 14, 8, 0, *[0] * 14, 7, 1, *[0] * 14]]
    content = tiff(order, [b"\x01"], [4], PALETTE, packing, tags={320: palette})
    assert row_of(content) == [[9, 8, 7, 255], [255, 0, 1, 255]]


@pytest.mark.parametrize("packing", [RAW, DEFLATE])
def test_tiles_are_cut_at_the_border(packing: int) -> None:
    tile = struct.pack("<2H", 0x1200, 0x3400).ljust(512, b"\0")
    content = tiff(LITTLE, [tile], [16], BLACK_IS_ZERO, packing, tags=TILES)
    assert row_of(content) == [grey(0x12), grey(0x34)]


@pytest.mark.parametrize("order", [LITTLE, BIG])
def test_differences_to_the_pixel_on_the_left_are_added_up(order: str) -> None:
    colours = tiff(order, [bytes([10, 20, 30, 5, 5, 5])], [8] * 3, RGB, DEFLATE, tags={317: [2]})
    assert row_of(colours) == [[10, 20, 30, 255], [15, 25, 35, 255]]
    greys = tiff(order, [struct.pack(f"{order}2H", 0x10FF, 1)], [16], BLACK_IS_ZERO, DEFLATE, tags={317: [2]})
    assert row_of(greys) == [grey(0x10), grey(0x11)]


def test_repeated_bytes_are_unpacked() -> None:
    content = tiff(LITTLE, [b"\xfe\x07\x00\x09"], [8], BLACK_IS_ZERO, PACKBITS, width_px=4)
    assert row_of(content) == [grey(7)] * 3 + [grey(9)]


def test_each_page_has_its_own_kind_of_samples() -> None:
    first = tiff(LITTLE, [struct.pack("<2H", 0x1234, 0xFFFF)], [16], WHITE_IS_ZERO)
    second_at = len(first) + len(first) % 2
    (entries,) = struct.unpack_from("<H", first, 8)
    next_at = 10 + 12 * entries
    second = tiff(LITTLE, [bytes([1, 2, 3] * 2)], [8] * 3, RGB)
    # The second page's offsets are those of a file of its own: it is moved to where it lies now.
    moved = bytearray(second[8:])
    for place in range(2, 2 + 12 * struct.unpack_from("<H", second, 8)[0], 12):
        tag, kind, count, value = struct.unpack_from("<HHII", moved, place)
        if tag == 273 or count * (4 if kind == 4 else 2) > 4:
            struct.pack_into("<I", moved, place + 8, value + second_at - 8)
    linked = first[:next_at] + struct.pack("<I", second_at) + first[next_at + 4 :]
    content, other = (
        linked.ljust(second_at, b"\0") + page for page in (bytes(moved), bytes(moved[:-1]) + b"\4")
    )
    assert describe(BytesIO(content), 100).frames == describe(BytesIO(other), 100).frames == 2
    assert describe(BytesIO(content), 100).pixel_hash != describe(BytesIO(other), 100).pixel_hash
    assert row_of(content) == [grey(0xED), grey(0)]


SAMPLES = [
    tiff(LITTLE, [struct.pack("<4H", 1, 2, 3, 4)], [16, 16], BLACK_IS_ZERO, packing, tags=extra(STRAIGHT))
    for packing in (RAW, DEFLATE)
] + [tiff(BIG, [struct.pack(">2H", 1, 2)] * 3, [16] * 3, RGB, tags={284: [2]})]


@given(
    st.sampled_from(SAMPLES),
    st.lists(st.tuples(st.integers(4, 250), st.integers(0, 255)), max_size=6),
    st.integers(0, 250),
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_damaged_tiff_gives_a_picture_or_a_reason(
    sample: bytes, changes: list[tuple[int, int]], end: int
) -> None:
    assert_damage_is_told(sample, changes, end, most_frames=1000)
