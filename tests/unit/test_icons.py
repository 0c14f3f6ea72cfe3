"""Icons of Windows: which picture is taken, and what its mask leaves of it."""

from __future__ import annotations

import struct
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artstore.errors import PictureError
from artstore.images import describe, read_rgba
from tests.unit.conftest import assert_damage_is_told
from tests.unit.test_images import raw_png

RED, BLUE, CLEAR_BLUE = [255, 0, 0, 255], [0, 0, 255, 255], [0, 0, 255, 0]

NO_MASK = b""


def padded(row: bytes) -> bytes:
    return row + bytes(-len(row) % 4)


def dib(bits: int, rows: list[bytes], masks: list[bytes], palette: bytes = b"", width_px: int = 2) -> bytes:
    """A picture of an icon; *rows* and *masks* from below."""
    head = struct.pack("<IiiHHIIiiII", 40, width_px, 2 * len(rows), 1, bits, 0, 0, 0, 0, len(palette) // 4, 0)
    return head + palette + b"".join(padded(row) for row in rows + masks)


def ico(*pictures: bytes, sizes: list[int] | None = None, depths: list[int] | None = None) -> bytes:
    sizes = sizes or [2] * len(pictures)
    depths = depths or [0] * len(pictures)
    out, at = struct.pack("<HHH", 0, 1, len(pictures)), 6 + 16 * len(pictures)
    for content, size, depth in zip(pictures, sizes, depths, strict=True):
        out += struct.pack("<BBBBHHII", size, size, 0, 0, 1, depth, len(content), at)
        at += len(content)
    return out + b"".join(pictures)


def pixels(content: bytes) -> list[list[list[int]]]:
    rows: list[list[list[int]]] = read_rgba(BytesIO(content), 1000).tolist()
    return rows


MASK = [b"\x40", b"\0"]
"""Of two rows from below: the right pixel of the lower one is clear."""

TWO = bytes([0, 0, 255, 0, 255, 0, 0, 0])
"""A palette of red and blue."""


@pytest.mark.parametrize(
    "content",
    [
        dib(1, [b"\x40", b"\x40"], MASK, TWO),
        dib(4, [b"\x01", b"\x01"], MASK, TWO),
        dib(8, [b"\0\1", b"\0\1"], MASK, TWO),
        dib(16, [struct.pack("<HH", 0x7C00, 0x001F)] * 2, MASK),
        dib(24, [bytes([0, 0, 255, 255, 0, 0])] * 2, MASK),
        dib(32, [bytes([0, 0, 255, 0, 255, 0, 0, 0])] * 2, MASK),
        dib(32, [bytes([0, 0, 255, 255, 255, 0, 0, 0]), bytes([0, 0, 255, 255, 255, 0, 0, 255])], [b"", b""]),
    ],
    ids=["1 bit", "4 bits", "8 bits", "16 bits", "24 bits", "32 bits, alpha 0", "32 bits"],
)
def test_what_the_mask_or_alpha_of_an_icon_leaves_is_seen(content: bytes) -> None:
    assert pixels(ico(content)) == [[RED, BLUE], [RED, CLEAR_BLUE]]


def test_alpha_goes_before_the_mask() -> None:
    content = dib(32, [bytes([0, 0, 255, 7, 255, 0, 0, 9])], [b"\xc0"])
    assert pixels(ico(content)) == [[[255, 0, 0, 7], [0, 0, 255, 9]]]


def test_an_icon_without_its_mask_is_opaque() -> None:
    assert pixels(ico(dib(24, [bytes([0, 0, 255, 255, 0, 0])], []))) == [[RED, BLUE]]


def test_wide_masks_have_rows_of_whole_words() -> None:
    content = dib(1, [bytes(8)], [b"\0\0\0\0\x40"], TWO, width_px=34)
    assert [pixel[3] for pixel in pixels(ico(content))[0]] == [255] * 33 + [0]


def test_black_and_white_of_four_bits_are_not_of_one() -> None:
    content = dib(4, [b"\x10"], [b""], bytes([0, 0, 0, 0, 255, 255, 255, 0]))
    assert pixels(ico(content)) == [[[255] * 4, [0, 0, 0, 255]]]


@pytest.mark.parametrize("depths", [[0, 0, 0], [1, 24, 4], [24, 24, 24]])
def test_of_the_largest_pictures_the_deepest_is_taken(depths: list[int]) -> None:
    flat = dib(1, [bytes(1)], [b""], TWO)
    deep = dib(24, [bytes([0, 0, 255, 255, 0, 0])], [b""])
    small = dib(32, [bytes([1, 2, 3, 4]) * 2], [b""])
    content = ico(flat, deep, small, sizes=[2, 2, 1], depths=depths)
    assert pixels(content) == [[RED, BLUE]]


def test_a_png_in_an_icon_is_as_large_as_it_says_itself() -> None:
    content = ico(dib(8, [b"\0\0"], [b""], TWO), raw_png(3, 8, 2, bytes([255, 0, 0]) * 3))
    facts = describe(BytesIO(content), 100)
    assert (facts.format, facts.width_px, facts.height_px, facts.frames) == ("ICO", 3, 1, 1)
    assert pixels(content) == [[RED] * 3]


@pytest.mark.parametrize(
    "content",
    [ico(), ico(b""), ico(b"\x89PNG\r\n\x1a\n"), ico(dib(24, [], [])), b"\0\0\1\0\xff\xff" + bytes(999)],
    ids=["none", "empty", "cut off", "no rows", "promises"],
)
def test_an_icon_without_a_picture_says_so(content: bytes) -> None:
    with pytest.raises(PictureError) as caught:
        describe(BytesIO(content), 100)
    assert caught.value.reason == "cannot_decode"


def test_a_huge_bitmap_in_an_icon_is_not_decoded() -> None:
    head = struct.pack("<IiiHHIIiiII", 40, 60_000, 120_000, 1, 32, 0, 0, 0, 0, 0, 0)
    with pytest.raises(PictureError) as caught:
        describe(BytesIO(ico(head)), 1_000_000)
    assert caught.value.reason == "too_many_pixels"


ICONS = [
    ico(dib(4, [b"\x01", b"\x01"], MASK, TWO), dib(32, [bytes(8)] * 2, MASK)),
    ico(raw_png(3, 8, 2, bytes([255, 0, 0]) * 3)),
]


@given(
    st.sampled_from(ICONS),
    st.lists(st.tuples(st.integers(4, 150), st.integers(0, 255)), max_size=6),
    st.integers(0, 200),
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_damaged_icon_gives_a_picture_or_a_reason(
    sample: bytes, changes: list[tuple[int, int]], end: int
) -> None:
    assert_damage_is_told(sample, changes, end)
