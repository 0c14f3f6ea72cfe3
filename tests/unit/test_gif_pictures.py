"""GIF: frames as browsers show them."""

from __future__ import annotations

import struct
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artstore.errors import PictureError
from artstore.images import describe, read_rgba
from tests.unit.conftest import assert_damage_is_told
from tests.unit.test_png_pictures import film_of

RED, BLUE, GREEN, CLEAR = [255, 0, 0, 255], [0, 0, 255, 255], [0, 255, 0, 255], [0, 0, 0, 0]

PALETTE = bytes([255, 0, 0, 0, 0, 255, 0, 255, 0, 9, 9, 9])
"""Red, blue, green, and a colour that is used for what is clear."""

HOLE = 3

ANY, KEEP, BACKGROUND, PREVIOUS, ODD_PREVIOUS = range(5)


def packed(numbers: bytes) -> bytes:
    """The LZW of GIF that packs nothing: codes of 3 bits, and after each of them the code that clears the table."""
    codes = [4, *(code for number in numbers for code in (number, 4)), 5]
    bits = sum(code << (3 * place) for place, code in enumerate(codes))
    content = bits.to_bytes((3 * len(codes) + 7) // 8, "little")
    return b"\x02" + bytes([len(content)]) + content + b"\0"


def frame(
    numbers: bytes,
    left: int = 0,
    disposal: int = KEEP,
    clear: int | None = None,
    palette: bytes = b"",
    width: int = 0,
    flags: int = 0,
) -> bytes:
    """A frame of one row, or of rows as wide as *width*."""
    width = width or len(numbers)
    control = b"!\xf9\x04" + bytes([disposal << 2 | (clear is not None), 10, 0, clear or 0, 0])
    flags |= 0x81 if palette else 0
    size = struct.pack("<4HB", left, 0, width, len(numbers) // width, flags)
    return control + b"," + size + palette + packed(numbers)


def gif(width_px: int, *frames: bytes, rows: int = 1, palette: bytes = PALETTE, background: int = 0) -> bytes:
    screen = struct.pack("<HHBBB", width_px, rows, 0x81 if palette else 0, background, 0)
    return b"GIF89a" + screen + palette + b"".join(frames) + b";"


@pytest.mark.parametrize(
    ("frames", "seen"),
    [
        ([frame(b"\0\0"), frame(b"\1", 1)], [[RED, RED], [RED, BLUE]]),
        ([frame(b"\0\0"), frame(b"\1\3", clear=HOLE)], [[RED, RED], [BLUE, RED]]),
        (
            [frame(b"\0\0"), frame(b"\1", 1, BACKGROUND), frame(b"\2", 0)],
            [[RED, RED], [RED, BLUE], [GREEN, CLEAR]],
        ),
        (
            [frame(b"\0\0", 0, BACKGROUND), frame(b"\1", 0, ANY), frame(b"\2", 1, KEEP)],
            [[RED, RED], [BLUE, CLEAR], [BLUE, GREEN]],
        ),
        (
            [frame(b"\0\0"), frame(b"\1", 1, PREVIOUS), frame(b"\2", 0)],
            [[RED, RED], [RED, BLUE], [GREEN, RED]],
        ),
        (
            [frame(b"\0\0"), frame(b"\1", 1, ODD_PREVIOUS), frame(b"\2", 0)],
            [[RED, RED], [RED, BLUE], [GREEN, RED]],
        ),
        (
            [frame(b"\0\0"), frame(b"\1", 1, palette=bytes([7, 7, 7, 8, 8, 8, 0, 0, 0, 0, 0, 0]))],
            [[RED, RED], [RED, [8, 8, 8, 255]]],
        ),
        ([frame(b"\0\3", clear=HOLE), frame(b"\1", 0)], [[RED, CLEAR], [BLUE, CLEAR]]),
        (
            [frame(b"\0\3", 0, BACKGROUND, HOLE), frame(b"\3\1", 0, clear=HOLE)],
            [[RED, CLEAR], [CLEAR, BLUE]],
        ),
        ([frame(b"\1", 1), frame(b"\2", 0)], [[CLEAR, BLUE], [GREEN, BLUE]]),
        ([frame(b"\1\3", 0, clear=HOLE), frame(b"\2\2", 1)], [[BLUE, CLEAR], [BLUE, GREEN]]),
        ([frame(b"\0\0"), frame(b"\2", 7)], [[RED, RED], [RED, RED]]),
    ],
    ids=[
        "keep",
        "clear",
        "background",
        "not inherited",
        "previous",
        "odd previous",
        "own palette",
        "first clear",
        "background of clear",
        "small first",
        "past the screen",
        "outside the screen",
    ],
)
def test_the_frames_of_a_gif_are_drawn_as_browsers_draw_them(
    frames: list[bytes], seen: list[list[list[int]]]
) -> None:
    content = gif(2, *frames)
    facts = describe(BytesIO(content), 100)
    assert (facts.format, facts.frames, facts.width_px, facts.height_px) == ("GIF", len(seen), 2, 1)
    assert facts.pixel_hash == describe(BytesIO(film_of(seen)), 100).pixel_hash


def test_outside_of_a_small_first_frame_nothing_is_seen() -> None:
    content = gif(3, frame(b"\1", 1))
    assert read_rgba(BytesIO(content), 100)[0].tolist() == [CLEAR, BLUE, CLEAR]
    assert read_rgba(BytesIO(gif(2, frame(b"\1", 1, clear=HOLE))), 100)[0, :, 3].tolist() == [0, 255]


def test_a_first_frame_larger_than_the_screen_makes_it_larger() -> None:
    assert read_rgba(BytesIO(gif(1, frame(b"\0\1"))), 100)[0].tolist() == [RED, BLUE]


def test_interlaced_rows_are_put_in_order() -> None:
    # Every eighth row, every eighth from the fifth, every fourth from the third, every second.
    stored = bytes([0, 1, 2, 3])
    rows = [frame(stored, width=1, flags=0x40), frame(stored, width=1, flags=0x40)]
    facts = describe(BytesIO(gif(1, *rows, rows=4)), 100)
    plain = describe(BytesIO(gif(1, *[frame(bytes([0, 2, 1, 3]), width=1)] * 2, rows=4)), 100)
    assert facts.pixel_hash == plain.pixel_hash


def test_without_any_palette_numbers_are_greys() -> None:
    content = gif(2, frame(b"\0\1"), frame(b"\2", 0), palette=b"")
    seen = [[[0, 0, 0, 255], [1, 1, 1, 255]], [[2, 2, 2, 255], [1, 1, 1, 255]]]
    assert describe(BytesIO(content), 100).pixel_hash == describe(BytesIO(film_of(seen)), 100).pixel_hash


def test_other_blocks_between_frames_are_passed_over() -> None:
    blocks = b"!\xfe\x03abc\0" + b"!\xff\x0bNETSCAPE2.0\x03\x01\0\0\0" + b"!\xfe\0"
    plain = gif(2, frame(b"\0\0"), frame(b"\1", 1))
    content = gif(2, blocks + frame(b"\0\0"), blocks + frame(b"\1", 1) + blocks)
    assert describe(BytesIO(content), 100) == describe(BytesIO(plain), 100)


def test_a_gif_that_ends_after_a_frame_has_the_frames_before() -> None:
    content = gif(2, frame(b"\0\0"), frame(b"\1", 1))[:-1]
    for end in (b"", b"!", b"!\xf9", b",", b",\0\0\0\0\1\0\1\0\0"):
        assert describe(BytesIO(content + end), 100).frames == 2


def test_a_gif_without_a_frame_is_no_picture_like_all_others_without() -> None:
    """Pillow sees a frame in it, behind the end of the file."""
    hidden = b"!\xf9\0;" + b"A" * 59 + b"\0" + frame(b"\0\1")
    with pytest.raises(PictureError, match="cannot_decode: SyntaxError: no frame"):
        describe(BytesIO(gif(2, hidden)), 100)


@given(st.lists(st.tuples(st.integers(6, 200), st.integers(0, 255)), max_size=6), st.integers(0, 200))
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_damaged_gif_gives_a_picture_or_a_reason(changes: list[tuple[int, int]], end: int) -> None:
    content = gif(2, frame(b"\0\3", clear=HOLE), frame(b"\1", 1, PREVIOUS), frame(b"\2", palette=PALETTE))
    assert_damage_is_told(content, changes, end, most_frames=1000)
