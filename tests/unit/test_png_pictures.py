"""PNG and APNG: every depth with its transparent colour, and animations as viewers show them."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artstore.errors import PictureError
from artstore.images import describe, read_rgba
from tests.unit.test_images import chunk, raw_png

RED, BLUE, CLEAR = [255, 0, 0, 255], [0, 0, 255, 255], [0, 0, 0, 0]

HALF_BLUE = [0, 0, 255, 128]

KEEP, BACKGROUND, PREVIOUS = range(3)

SOURCE, OVER = range(2)


def row_of(content: bytes) -> list[list[int]]:
    pixels: list[list[int]] = read_rgba(BytesIO(content), 1000)[0].tolist()
    return pixels


def test_a_transparent_colour_of_sixteen_bits_is_compared_whole() -> None:
    row = struct.pack(">9H", 0x1234, 0x5678, 0x9ABC, 0x1234, 0x5678, 0x9ABD, 0x1299, 0x5678, 0x9ABC)
    content = raw_png(3, 16, 2, row, struct.pack(">3H", 0x1234, 0x5678, 0x9ABC))
    assert row_of(content) == [[0x12, 0x56, 0x9A, alpha] for alpha in (0, 255, 255)]
    assert describe(BytesIO(content), 1000).format == "PNG"


def test_a_transparent_colour_of_sixteen_bits_is_found_in_every_row() -> None:
    content = raw_png(1, 16, 2, struct.pack(">3H", 0x1234, 0, 0), struct.pack(">3H", 0x1234, 0, 0), rows=3)
    assert read_rgba(BytesIO(content), 100)[..., 3].tolist() == [[0]] * 3


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (raw_png(1, 8, 0, b"\x09", b"\xff\x09"), [[9, 9, 9, 0]]),
        (raw_png(1, 4, 0, b"\x90", b"\x00\xf9"), [[0x99, 0x99, 0x99, 0]]),
        (raw_png(1, 8, 2, b"\x01\x02\x03", b"\xff\x01\x00\x02\x00\x03"), [[1, 2, 3, 0]]),
    ],
    ids=["grey8", "grey4", "rgb8"],
)
def test_of_a_transparent_colour_only_the_bits_of_a_sample_count(
    content: bytes, expected: list[list[int]]
) -> None:
    assert row_of(content) == expected


@pytest.mark.parametrize(
    ("depth", "row"), [(1, b"\x40"), (2, b"\x10"), (4, b"\x01"), (8, b"\x00\x01")], ids=["1", "2", "4", "8"]
)
def test_palettes_of_every_depth_have_their_own_alphas(depth: int, row: bytes) -> None:
    header = struct.pack(">IIBBBBB", 2, 1, depth, 3, 0, 0, 0)
    parts = [(b"IHDR", header), (b"PLTE", bytes([9, 8, 7, 6, 5, 4])), (b"tRNS", b"\x80")]
    content = b"\x89PNG\r\n\x1a\n" + b"".join(
        chunk(*part) for part in [*parts, (b"IDAT", zlib.compress(b"\0" + row)), (b"IEND", b"")]
    )
    assert row_of(content) == [[9, 8, 7, 128], [6, 5, 4, 255]]


def test_interlaced_rows_of_sixteen_bits_keep_their_transparent_colour() -> None:
    header = struct.pack(">IIBBBBB", 2, 2, 16, 2, 0, 0, 1)
    pixels = [struct.pack(">3H", 0x1234, 0, 0), struct.pack(">3H", 0x1235, 0, 0)]
    # Of two by two pixels, the first pass has one, the sixth one, and the seventh a row of two.
    passes = b"".join(b"\0" + part for part in (pixels[0], pixels[1], pixels[1] + pixels[0]))
    parts = [(b"IHDR", header), (b"tRNS", struct.pack(">3H", 0x1234, 0, 0)), (b"IDAT", zlib.compress(passes))]
    content = b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in [*parts, (b"IEND", b"")])
    assert read_rgba(BytesIO(content), 100)[..., 3].tolist() == [[0, 255], [255, 0]]


def frame(
    pixels: list[list[int]], left: int = 0, disposal: int = KEEP, blend: int = SOURCE
) -> tuple[tuple[int, ...], bytes]:
    """One row of *pixels* in a canvas of one row."""
    data = zlib.compress(b"\0" + bytes(value for pixel in pixels for value in pixel))
    return (len(pixels), 1, left, 0, disposal, blend), data


def apng(
    width_px: int,
    frames: list[tuple[tuple[int, ...], bytes]],
    still: bytes | None = None,
    promised: int | None = None,
) -> bytes:
    """An animation of one row, RGBA. With a *still*, the picture for old viewers is no frame."""
    parts = [
        (b"IHDR", struct.pack(">IIBBBBB", width_px, 1, 8, 6, 0, 0, 0)),
        (b"acTL", struct.pack(">II", len(frames) if promised is None else promised, 0)),
    ]
    if still is not None:
        parts.append((b"IDAT", still))
    number = 0
    for place, (control, data) in enumerate(frames):
        width, height, left, top, disposal, blend = control
        parts.append(
            (b"fcTL", struct.pack(">5IHHBB", number, width, height, left, top, 1, 10, disposal, blend))
        )
        number += 1
        if place == 0 and still is None:
            parts.append((b"IDAT", data))
        else:
            parts.append((b"fdAT", struct.pack(">I", number) + data))
            number += 1
    parts.append((b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def film_of(rows: list[list[list[int]]]) -> bytes:
    """The animation whose every frame is one of *rows*, whole: no disposal, no blending."""
    return apng(len(rows[0]), [frame(row) for row in rows])


@pytest.mark.parametrize(
    ("frames", "seen"),
    [
        ([frame([RED, RED]), frame([HALF_BLUE], 1)], [[RED, RED], [RED, HALF_BLUE]]),
        ([frame([RED, RED]), frame([HALF_BLUE], 1, blend=OVER)], [[RED, RED], [RED, [127, 0, 128, 255]]]),
        ([frame([RED, CLEAR]), frame([HALF_BLUE], 1, blend=OVER)], [[RED, CLEAR], [RED, HALF_BLUE]]),
        ([frame([RED, RED]), frame([CLEAR, BLUE], blend=OVER)], [[RED, RED], [RED, BLUE]]),
        (
            [frame([RED, RED]), frame([BLUE], 1, BACKGROUND), frame([BLUE], 0)],
            [[RED, RED], [RED, BLUE], [BLUE, CLEAR]],
        ),
        (
            [frame([RED, RED]), frame([BLUE], 1, PREVIOUS), frame([BLUE], 0)],
            [[RED, RED], [RED, BLUE], [BLUE, RED]],
        ),
        (
            [frame([RED, RED]), frame([BLUE], 0), frame([CLEAR], 1, PREVIOUS), frame([CLEAR], 0, blend=OVER)],
            [[RED, RED], [BLUE, RED], [BLUE, CLEAR], [BLUE, RED]],
        ),
        (
            [
                frame([RED, RED]),
                frame([BLUE], 0, PREVIOUS),
                frame([BLUE], 1, PREVIOUS),
                frame([CLEAR], 0, blend=OVER),
            ],
            [[RED, RED], [BLUE, RED], [RED, BLUE], [RED, RED]],
        ),
        (
            [frame([RED, RED], 0, PREVIOUS), frame([BLUE], 1, blend=OVER)],
            [[RED, RED], [CLEAR, BLUE]],
        ),
        (
            [frame([RED, HALF_BLUE], blend=OVER), frame([RED], 0, blend=OVER)],
            [[RED, HALF_BLUE], [RED, HALF_BLUE]],
        ),
    ],
    ids=[
        "source",
        "over",
        "over clear",
        "clear over",
        "background",
        "previous",
        "clear previous",
        "two previous",
        "first previous",
        "first over",
    ],
)
def test_the_frames_of_an_animation_are_drawn_as_their_file_says(
    frames: list[tuple[tuple[int, ...], bytes]], seen: list[list[list[int]]]
) -> None:
    facts, plain = (describe(BytesIO(content), 1000) for content in (apng(2, frames), film_of(seen)))
    assert (facts.format, facts.frames, facts.width_px) == ("PNG", len(seen), 2)
    assert facts.pixel_hash == plain.pixel_hash


def test_a_picture_for_old_viewers_is_no_frame() -> None:
    still = zlib.compress(b"\0" + bytes(RED * 2))
    content = apng(2, [frame([BLUE], 1), frame([BLUE], 0)], still)
    assert row_of(content) == [CLEAR, BLUE]
    assert describe(BytesIO(content), 100).frames == 2
    assert (
        describe(BytesIO(content), 100).pixel_hash
        == describe(BytesIO(film_of([[CLEAR, BLUE], [BLUE, BLUE]])), 100).pixel_hash
    )


@pytest.mark.filterwarnings("ignore:Invalid APNG")
def test_an_animation_without_a_sound_frame_is_the_picture_for_old_viewers() -> None:
    still = zlib.compress(b"\0" + bytes(RED * 2))
    outside, none, lost = (
        apng(2, [frame([BLUE] * 3)], still),
        apng(2, [], still),
        apng(2, [], still, promised=7),
    )
    for content in (outside, none, lost):
        assert row_of(content) == [RED, RED]
        assert describe(BytesIO(content), 100).frames == 1


def test_frames_that_were_promised_and_are_not_there_cost_none_of_the_others() -> None:
    content = apng(1, [frame([RED]), frame([BLUE])], promised=9)
    assert describe(BytesIO(content), 100) == describe(BytesIO(film_of([[RED], [BLUE]])), 100)


def test_frames_of_a_palette_share_it() -> None:
    parts = [
        (b"IHDR", struct.pack(">IIBBBBB", 2, 1, 8, 3, 0, 0, 0)),
        (b"PLTE", bytes([255, 0, 0, 0, 0, 255])),
        (b"tRNS", b"\xff\x80"),
        (b"acTL", struct.pack(">II", 2, 0)),
        (b"fcTL", struct.pack(">5IHHBB", 0, 2, 1, 0, 0, 1, 10, KEEP, SOURCE)),
        (b"IDAT", zlib.compress(b"\0\0\0")),
        (b"fcTL", struct.pack(">5IHHBB", 1, 1, 1, 1, 0, 1, 10, KEEP, SOURCE)),
        (b"fdAT", struct.pack(">I", 2) + zlib.compress(b"\0\1")),
        (b"IEND", b""),
    ]
    content = b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)
    assert (
        describe(BytesIO(content), 100).pixel_hash
        == describe(BytesIO(film_of([[RED, RED], [RED, HALF_BLUE]])), 100).pixel_hash
    )


def test_an_animation_of_too_many_pixels_is_not_decoded() -> None:
    with pytest.raises(PictureError) as caught:
        describe(BytesIO(apng(2, [frame([RED, RED])] * 2)), 1)
    assert caught.value.reason == "too_many_pixels"


@given(
    st.lists(st.tuples(st.integers(8, 400), st.integers(0, 255)), max_size=6),
    st.integers(0, 400),
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_damaged_animation_gives_a_picture_or_a_reason(changes: list[tuple[int, int]], end: int) -> None:
    content = bytearray(apng(2, [frame([RED, RED]), frame([BLUE], 1, PREVIOUS), frame([HALF_BLUE], 0)]))
    for place, value in changes:
        content[place % len(content)] = value
    try:
        facts = describe(BytesIO(bytes(content[: end or None])), 10_000)
    except PictureError as error:
        assert error.reason in {"cannot_decode", "too_many_pixels"}  # noqa: PT017
    else:
        assert facts.frames >= 1
