"""BMP, TGA and PCX: every width of pixel, order of rows, and way of packing."""

from __future__ import annotations

import struct
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artstore.errors import PictureError
from artstore.images import describe, read_rgba
from tests.unit.conftest import assert_damage_is_told

RED, BLUE, GREEN, BLACK = [255, 0, 0, 255], [0, 0, 255, 255], [0, 255, 0, 255], [0, 0, 0, 255]

TWO = bytes([0, 0, 255, 0, 255, 0, 0, 0])
"""A palette of red and blue, as BMP has it."""

RAW, RLE8, RLE4, BITFIELDS, ALPHA_BITFIELDS = 0, 1, 2, 3, 6


def pixels(content: bytes) -> list[list[list[int]]]:
    rows: list[list[list[int]]] = read_rgba(BytesIO(content), 1000).tolist()
    return rows


def bmp(
    bits: int,
    stored: bytes,
    palette: bytes = b"",
    size: tuple[int, int] = (2, 1),
    packing: int = RAW,
    more: bytes = b"",
) -> bytes:
    """A bitmap whose header is longer than 40 bytes by *more*, except for masks after one of 40."""
    after = more if len(more) in {12, 16} and packing in {BITFIELDS, ALPHA_BITFIELDS} else b""
    header_bytes = 40 if after else 40 + len(more)
    colours = len(palette) // 4
    head = struct.pack("<IiiHHIIiiII", header_bytes, *size, 1, bits, packing, len(stored), 0, 0, colours, 0)
    at = 14 + len(head) + len(more) + len(palette)
    return struct.pack("<2sIHHI", b"BM", at + len(stored), 0, 0, at) + head + more + palette + stored


def masks(*values: int, size: int = 16) -> bytes:
    return struct.pack(f"<{len(values)}I", *values).ljust(size, b"\0")


@pytest.mark.parametrize("top", [1023, 4095, 65535])
def test_a_dark_grey_of_many_bits_stays_dark(top: int) -> None:
    """Also where no pixel is bright; as a PNG of 16 bits is read."""
    for value in (0, top // 300, top // 2, top):
        content = b"P5 1 1 %d\n" % top + struct.pack(">H", value)
        assert pixels(content) == [[[value * 255 // top] * 3 + [255]]]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (bmp(1, b"\x40\0\0\0", TWO), [RED, BLUE]),
        (bmp(4, b"\x01\0\0\0", TWO), [RED, BLUE]),
        (bmp(8, b"\0\1\0\0", TWO), [RED, BLUE]),
        (bmp(8, b"\0\1\0\0", bytes([0, 0, 0, 0, 255, 255, 255, 0])), [BLACK, [255] * 4]),
        (bmp(4, b"\x10\0\0\0", bytes([0, 0, 0, 0, 255, 255, 255, 0])), [[255] * 4, BLACK]),
        (bmp(4, b"\x01\0\0\0", bytes([0, 0, 0, 0, 1, 1, 1, 0, 2, 2, 2, 0])), [BLACK, [1, 1, 1, 255]]),
        (bmp(16, struct.pack("<HH", 0x7C00, 0x001F)), [RED, BLUE]),
        (bmp(24, bytes([0, 0, 255, 255, 0, 0, 0, 0])), [RED, BLUE]),
        (bmp(32, bytes([0, 0, 255, 0, 255, 0, 0, 9])), [RED, BLUE]),
        (
            bmp(
                16,
                struct.pack("<HH", 0xF800, 0x07E0),
                packing=BITFIELDS,
                more=masks(0xF800, 0x7E0, 0x1F, size=12),
            ),
            [RED, GREEN],
        ),
        (
            bmp(
                16,
                struct.pack("<HH", 0xFC00, 0x001F),
                packing=BITFIELDS,
                more=masks(0x7C00, 0x3E0, 0x1F, 0x8000, size=68),
            ),
            [RED, [0, 0, 255, 0]],
        ),
        (
            bmp(
                16,
                struct.pack("<HH", 0xFF00, 0x800F),
                packing=ALPHA_BITFIELDS,
                more=masks(0xF00, 0xF0, 0xF, 0xF000),
            ),
            [RED, [0, 0, 255, 136]],
        ),
        (
            bmp(
                32,
                struct.pack("<II", 0x3FF00000, 0x3FF),
                packing=BITFIELDS,
                more=masks(0x3FF00000, 0xFFC00, 0x3FF, size=12),
            ),
            [RED, BLUE],
        ),
        (
            bmp(
                32,
                struct.pack("<II", 0x80FF0000, 0x000000FF),
                packing=BITFIELDS,
                more=masks(0xFF0000, 0xFF00, 0xFF, 0xFF000000, size=84),
            ),
            [[255, 0, 0, 128], [0, 0, 255, 0]],
        ),
    ],
    ids=[
        "1",
        "4",
        "8",
        "8 black and white",
        "4 white and black",
        "4 greys",
        "555",
        "24",
        "32",
        "565",
        "1555",
        "4444",
        "2:10:10:10",
        "8888",
    ],
)
def test_bitmaps_of_every_width_of_pixel(content: bytes, expected: list[list[int]]) -> None:
    assert pixels(content) == [expected]
    assert describe(BytesIO(content), 100).format == "BMP"


def test_a_bitmap_of_os2_has_colours_of_three_bytes() -> None:
    head = struct.pack("<IHHHH", 12, 2, 1, 1, 1)
    content = (
        struct.pack("<2sIHHI", b"BM", 36, 0, 0, 32) + head + bytes([0, 0, 255, 255, 0, 0]) + b"\x40\0\0\0"
    )
    assert pixels(content) == [[RED, BLUE]]


@pytest.mark.parametrize("packing", [RAW, BITFIELDS])
def test_the_rows_of_a_bitmap_go_up_or_down(packing: int) -> None:
    stored = struct.pack("<HHHH", 0x7C00, 0, 0x001F, 0)
    more = masks(0x7C00, 0x3E0, 0x1F, 0, size=68) if packing else b""
    assert pixels(bmp(16, stored, size=(1, 2), packing=packing, more=more)) == [[BLUE], [RED]]
    assert pixels(bmp(16, stored, size=(1, -2), packing=packing, more=more)) == [[RED], [BLUE]]
    odd = masks(0x7C00, 0x3E0, 0x1F, 0x8000, size=68)
    assert pixels(bmp(16, stored, size=(1, 2), packing=BITFIELDS, more=odd)) == [
        [[0, 0, 255, 0]],
        [[255, 0, 0, 0]],
    ]


NUMBERS = bytes(value for number in range(16) for value in (number, number, 0, 0))
"""A palette whose colours tell their numbers, in blue and green."""


def numbers_of(content: bytes) -> list[list[int]]:
    return [[pixel[2] for pixel in row] for row in pixels(content)]


@pytest.mark.parametrize(
    ("packing", "stored", "expected"),
    [
        (RLE8, b"\4\1\0\0\4\2\0\1", [[2, 2, 2, 2], [1, 1, 1, 1]]),
        (RLE8, b"\2\1\0\0\4\2\0\1", [[2, 2, 2, 2], [1, 1, 0, 0]]),
        (RLE8, b"\0\0\4\2\0\1", [[2, 2, 2, 2], [0, 0, 0, 0]]),
        (RLE8, b"\4\1\0\0\0\0\0\1", [[0, 0, 0, 0], [1, 1, 1, 1]]),
        (RLE8, b"\0\3\1\2\3\0\1\4\0\0\4\5\0\1", [[5, 5, 5, 5], [1, 2, 3, 4]]),
        (RLE8, b"\1\1\0\2\1\1\2\3\0\1", [[0, 0, 3, 3], [1, 0, 0, 0]]),
        (RLE8, b"\x09\1\0\0\4\2\0\1", [[2, 2, 2, 2], [1, 1, 1, 1]]),
        (RLE8, b"\4\1\0\0\4\2", [[2, 2, 2, 2], [1, 1, 1, 1]]),
        (RLE4, b"\4\x12\0\0\4\x34\0\1", [[3, 4, 3, 4], [1, 2, 1, 2]]),
        (RLE4, b"\3\x12\1\x50\0\0\4\x34\0\1", [[3, 4, 3, 4], [1, 2, 1, 5]]),
        (RLE4, b"\0\4\x12\x34\0\0\4\x56\0\1", [[5, 6, 5, 6], [1, 2, 3, 4]]),
        (RLE4, b"\0\3\x12\x30\1\x40\0\0\4\x56\0\1", [[5, 6, 5, 6], [1, 2, 3, 4]]),
    ],
    ids=[
        "runs",
        "short row",
        "no row first",
        "no row last",
        "literal",
        "jump",
        "too long",
        "no end",
        "halves",
        "odd halves",
        "literal halves",
        "odd literal halves",
    ],
)
def test_runs_of_pixels_are_unpacked(packing: int, stored: bytes, expected: list[list[int]]) -> None:
    content = bmp(8 if packing == RLE8 else 4, stored, NUMBERS, (4, 2), packing)
    assert numbers_of(content) == expected


def test_runs_that_end_before_the_picture_cannot_be_decoded() -> None:
    with pytest.raises(PictureError, match="cannot_decode"):
        pixels(bmp(8, b"\4\1\0\0", NUMBERS, (4, 2), RLE8))


def tga(
    kind: int,
    bits: int,
    stored: bytes,
    size: tuple[int, int] = (2, 1),
    descriptor: int = 0x20,
    colours: bytes = b"",
    colour_bits: int = 0,
    first: int = 0,
) -> bytes:
    count = len(colours) * 8 // colour_bits if colour_bits else 0
    head = struct.pack(
        "<BBBHHBHHHHBB", 0, bool(colours), kind, first, count, colour_bits, 0, 0, *size, bits, descriptor
    )
    return head + colours + stored


SIX = bytes([1, 2, 3, 4, 5, 6])


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (tga(3, 8, b"\7\x09"), [[7, 7, 7, 255], [9, 9, 9, 255]]),
        (tga(3, 16, b"\7\x80\x09\0", descriptor=0x28), [[7, 7, 7, 128], [9, 9, 9, 0]]),
        (tga(2, 24, SIX), [[3, 2, 1, 255], [6, 5, 4, 255]]),
        (tga(2, 24, SIX, descriptor=0x30), [[6, 5, 4, 255], [3, 2, 1, 255]]),
        (tga(10, 24, b"\x81\1\2\3"), [[3, 2, 1, 255]] * 2),
        (tga(10, 24, b"\1" + SIX), [[3, 2, 1, 255], [6, 5, 4, 255]]),
        (tga(10, 16, b"\x81\x00\xfc", descriptor=0x21), [RED, RED]),
        (tga(11, 8, b"\x81\7"), [[7, 7, 7, 255]] * 2),
        (tga(2, 15, struct.pack("<HH", 0x7C00, 0x001F)), [RED, BLUE]),
        (tga(1, 8, b"\0\1", colours=SIX, colour_bits=24), [[3, 2, 1, 255], [6, 5, 4, 255]]),
        (tga(1, 8, b"\5\6", colours=SIX, colour_bits=24, first=5), [[3, 2, 1, 255], [6, 5, 4, 255]]),
        (tga(9, 8, b"\x81\1", colours=SIX, colour_bits=24), [[6, 5, 4, 255]] * 2),
        (
            tga(1, 8, b"\0\1", colours=struct.pack("<HH", 0x7C00, 0x001F), colour_bits=16),
            [RED, BLUE],
        ),
        (
            tga(1, 8, b"\0\1", colours=struct.pack("<HH", 0x7C00, 0x001F), colour_bits=15),
            [RED, BLUE],
        ),
        (
            tga(1, 8, b"\0\1", colours=struct.pack("<HH", 0xFC00, 0x001F), colour_bits=16, descriptor=0x21),
            [RED, [0, 0, 255, 0]],
        ),
        (
            tga(1, 8, b"\0\1", colours=bytes([0, 0, 255, 0, 255, 0, 0, 0]), colour_bits=32),
            [RED, BLUE],
        ),
        (
            tga(1, 8, b"\0\1", colours=bytes([0, 0, 255, 9, 255, 0, 0, 7]), colour_bits=32, descriptor=0x28),
            [[255, 0, 0, 9], [0, 0, 255, 7]],
        ),
    ],
    ids=[
        "grey",
        "grey with alpha",
        "24",
        "from the right",
        "run",
        "literal",
        "run of 16",
        "run of grey",
        "15",
        "numbers",
        "numbers from 5",
        "run of numbers",
        "colours of 16",
        "colours of 15",
        "colours of 16 with a bit",
        "colours of 32 without alpha",
        "colours of 32",
    ],
)
def test_targas_of_every_kind(content: bytes, expected: list[list[int]]) -> None:
    assert pixels(content) == [expected]
    assert describe(BytesIO(content), 100).format == "TGA"


@pytest.mark.parametrize(("descriptor", "expected"), [(0, [[6], [3]]), (0x20, [[3], [6]])])
@pytest.mark.parametrize("kind", [2, 10])
def test_the_rows_of_a_targa_go_up_or_down(kind: int, descriptor: int, expected: list[list[int]]) -> None:
    stored = SIX if kind == 2 else b"\1" + SIX
    rows = pixels(tga(kind, 24, stored, (1, 2), descriptor))
    assert [[pixel[0] for pixel in row] for row in rows] == expected


def test_a_run_may_go_on_in_the_next_row() -> None:
    rows = pixels(tga(10, 24, b"\x82\1\2\3\0\4\5\6", (2, 2)))
    assert rows == [[[3, 2, 1, 255]] * 2, [[3, 2, 1, 255], [6, 5, 4, 255]]]


def pcx(bits: int, planes: int, row: bytes, width_px: int, colours: bytes = b"", tail: bytes = b"") -> bytes:
    """One row of planes, each as long as *row* says, none of its bytes over 191."""
    head = struct.pack("<BBBB4H2H", 10, 5, 1, bits, 0, 0, width_px - 1, 0, 72, 72)
    head += colours.ljust(48, b"\0") + struct.pack("<BBHH", 0, planes, len(row) // planes, 1)
    return head.ljust(128, b"\0") + row + tail


SIXTEEN = bytes(value for number in range(16) for value in (number, 0, 255 - number))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (pcx(1, 1, b"\x40\0", 2), [BLACK, [255] * 4]),
        (
            pcx(1, 4, b"\x40\0" + b"\0\0" + b"\x80\0" + b"\0\0", 2, SIXTEEN),
            [[4, 0, 251, 255], [1, 0, 254, 255]],
        ),
        (pcx(8, 1, b"\1\0", 2, tail=b"\x0c" + SIXTEEN + bytes(720)), [[1, 0, 254, 255], [0, 0, 255, 255]]),
        (pcx(8, 3, b"\1\2\3\4\5\6", 2), [[1, 3, 5, 255], [2, 4, 6, 255]]),
    ],
    ids=["1", "4 planes", "8", "24"],
)
def test_paintbrush_pictures_of_every_kind(content: bytes, expected: list[list[int]]) -> None:
    assert pixels(content) == [expected]


SAMPLES = [
    bmp(8, b"\4\1\0\0\0\3\1\2\3\0\1\4\0\2\1\0\0\1", NUMBERS, (4, 3), RLE8),
    bmp(16, bytes(4), packing=BITFIELDS, more=masks(0x7C00, 0x3E0, 0x1F, 0x8000, size=68)),
    tga(10, 16, b"\x81\x00\xfc", descriptor=0x21),
    tga(1, 8, b"\0\1", colours=struct.pack("<HH", 0x7C00, 0x001F), colour_bits=16),
    pcx(1, 4, b"\x40\0" * 4, 2, SIXTEEN),
]


@given(
    st.sampled_from(SAMPLES),
    st.lists(st.tuples(st.integers(2, 200), st.integers(0, 255)), max_size=6),
    st.integers(0, 200),
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_damaged_bitmap_gives_a_picture_or_a_reason(
    sample: bytes, changes: list[tuple[int, int]], end: int
) -> None:
    assert_damage_is_told(sample, changes, end)
