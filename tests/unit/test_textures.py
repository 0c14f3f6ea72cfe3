"""DDS: what is packed in blocks, what is not, and what their alpha means."""

from __future__ import annotations

import struct
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from artstore.errors import PictureError
from artstore.images import describe, read_rgba
from tests.unit.conftest import assert_damage_is_told, encoded, picture

RED, BLUE = [255, 0, 0, 255], [0, 0, 255, 255]

ALPHA_PIXELS, ALPHA, FOURCC, PALETTE_8, RGB, LUMINANCE = 0x1, 0x2, 0x4, 0x20, 0x40, 0x20000


def dds(
    stored: bytes,
    size: tuple[int, int] = (2, 1),
    flags: int = FOURCC,
    code: bytes = bytes(4),
    bits: int = 0,
    masks: tuple[int, ...] = (0, 0, 0, 0),
) -> bytes:
    head = struct.pack("<4s7I44x", b"DDS ", 124, 0x1007, size[1], size[0], 0, 0, 0)
    head += struct.pack("<II4s5I", 32, flags, code, bits, *masks) + struct.pack("<I16x", 0x1000)
    assert len(head) == 128
    return head + stored


def dx10(number: int, stored: bytes, size: tuple[int, int] = (2, 1), alpha_means: int = 0) -> bytes:
    return dds(struct.pack("<5I", number, 3, 0, 1, alpha_means) + stored, size, code=b"DX10")


def row_of(content: bytes) -> list[list[int]]:
    pixels: list[list[int]] = read_rgba(BytesIO(content), 1000)[0].tolist()
    return pixels


RED_BLUE = struct.pack("<HHI", 0xF800, 0x001F, 0b0100)
"""A block of 4x4 pixels: its first is red, the second blue, the others red."""

OPAQUE_4, OPAQUE_8 = b"\xff" * 8, b"\xff\xff" + bytes(6)

HALF_4, HALF_8 = b"\x88" * 8, b"\x80\x80" + bytes(6)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (dds(RED_BLUE, code=b"DXT1"), [RED, BLUE]),
        (dds(struct.pack("<HHI", 0x001F, 0xF800, 0b1101), code=b"DXT1"), [RED, [0, 0, 0, 0]]),
        (dds(HALF_4 + RED_BLUE, code=b"DXT3"), [[255, 0, 0, 136], [0, 0, 255, 136]]),
        (dds(HALF_8 + RED_BLUE, code=b"DXT5"), [[255, 0, 0, 128], [0, 0, 255, 128]]),
        (
            dds(HALF_4 + struct.pack("<HHI", 0x8000, 0x0010, 0b0100), code=b"DXT2"),
            [[247, 0, 0, 136], [0, 0, 247, 136]],
        ),
        (
            dds(HALF_8 + struct.pack("<HHI", 0x7800, 0x000F, 0b0100), code=b"DXT4"),
            [[246, 0, 0, 128], [0, 0, 246, 128]],
        ),
        (dds(b"\x40\x80" + (0b001000).to_bytes(6, "little"), code=b"ATI1"), [[64, 64, 64, 255], [128] * 3 + [255]]),
        (dds((b"\x40\x80" + (0b001000).to_bytes(6, "little")) * 2, code=b"ATI2"), [[64, 64, 0, 255], [128, 128, 0, 255]]),
        *((dx10(number, RED_BLUE), [RED, BLUE]) for number in (70, 71, 72)),
        *((dx10(number, OPAQUE_4 + RED_BLUE), [RED, BLUE]) for number in (73, 74, 75)),
        *((dx10(number, OPAQUE_8 + RED_BLUE), [RED, BLUE]) for number in (76, 77, 78)),
        (dx10(77, HALF_8 + struct.pack("<HHI", 0x7800, 0x000F, 0b0100), alpha_means=2), [[246, 0, 0, 128], [0, 0, 246, 128]]),
        (dx10(77, HALF_8 + RED_BLUE, alpha_means=3), [RED, BLUE]),
    ],
)  # fmt: skip
def test_blocks_are_unpacked(content: bytes, expected: list[list[int]]) -> None:
    # Decoders round the colours between those of a block, and alpha that is taken out, up or down.
    assert np.abs(np.array(row_of(content)) - expected).max() <= 1
    facts = describe(BytesIO(content), 100)
    assert (facts.format, facts.width_px, facts.height_px, facts.frames) == ("DDS", 2, 1, 1)


WORDS = struct.pack("<HH", 0xFC00, 0x001F)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (dds(WORDS, (2, 1), RGB | ALPHA_PIXELS, bits=16, masks=(0x7C00, 0x3E0, 0x1F, 0x8000)), [RED, [0, 0, 255, 0]]),
        (dds(WORDS, (2, 1), RGB, bits=16, masks=(0x7C00, 0x3E0, 0x1F, 0)), [RED, BLUE]),
        (dds(WORDS, (2, 1), RGB, bits=16, masks=(0x7C00, 0x3E0, 0x1F, 0x8000)), [RED, BLUE]),
        (dds(struct.pack("<HH", 0xF800, 0x001F), (2, 1), RGB, bits=16, masks=(0xF800, 0x7E0, 0x1F, 0)), [RED, BLUE]),
        (dds(struct.pack("<HH", 0x8F10, 0xF00F), (2, 1), RGB | ALPHA_PIXELS, bits=16, masks=(0xF00, 0xF0, 0xF, 0xF000)), [[255, 17, 0, 136], BLUE]),
        (dds(bytes([0, 0, 255, 255, 0, 0]), (2, 1), RGB, bits=24, masks=(0xFF0000, 0xFF00, 0xFF, 0)), [RED, BLUE]),
        (dds(bytes([0, 0, 255, 0, 255, 0, 0, 0]), (2, 1), RGB, bits=32, masks=(0xFF0000, 0xFF00, 0xFF, 0)), [RED, BLUE]),
        (dds(bytes([0, 0, 255, 9, 255, 0, 0, 0]), (2, 1), RGB | ALPHA_PIXELS, bits=32, masks=(0xFF0000, 0xFF00, 0xFF, 0xFF000000)), [[255, 0, 0, 9], [0, 0, 255, 0]]),
        (dds(b"\x07\x09", (2, 1), LUMINANCE, bits=8, masks=(0xFF, 0, 0, 0)), [[7, 7, 7, 255], [9, 9, 9, 255]]),
        (dds(b"\x07\x80\x09\x00", (2, 1), LUMINANCE | ALPHA_PIXELS, bits=16, masks=(0xFF, 0, 0, 0xFF00)), [[7, 7, 7, 128], [9, 9, 9, 0]]),
        (dds(b"\x8f\xf0", (2, 1), LUMINANCE | ALPHA_PIXELS, bits=8, masks=(0xF, 0, 0, 0xF0)), [[255, 255, 255, 136], [0, 0, 0, 255]]),
        (dds(struct.pack("<HH", 0xFFFF, 0x8000), (2, 1), LUMINANCE, bits=16, masks=(0xFFFF, 0, 0, 0)), [[255] * 4, [128, 128, 128, 255]]),
        (dds(b"\x07\x09", (2, 1), LUMINANCE, bits=8, masks=(0xFF000000,) * 3 + (0,)), [[7, 7, 7, 255], [9, 9, 9, 255]]),
        (dds(b"\x07\x09", (2, 1), LUMINANCE | ALPHA_PIXELS, bits=8, masks=(0xFF, 0, 0, 0xFF000000)), [[7, 7, 7, 255], [9, 9, 9, 255]]),
        (dds(b"\x07\x80\x09\x00", (2, 1), LUMINANCE | ALPHA_PIXELS, bits=16, masks=(0xFF, 0xFF, 0xFF, 0xFF000000)), [[7, 7, 7, 128], [9, 9, 9, 0]]),
        (dds(b"\x07\xff", (2, 1), ALPHA, bits=8, masks=(0, 0, 0, 0xFF)), [[0, 0, 0, 7], [0, 0, 0, 255]]),
        (dds(bytes([1, 2, 3, 4, 5, 6, 7, 8]).ljust(1024, b"\0") + b"\1\0", (2, 1), PALETTE_8, bits=8), [[5, 6, 7, 8], [1, 2, 3, 4]]),
        *((dx10(number, bytes([255, 0, 0, 255, 0, 0, 255, 9])), [RED, [0, 0, 255, 9]]) for number in (27, 28, 29)),
        *((dx10(number, bytes([0, 0, 255, 255, 255, 0, 0, 9])), [RED, [0, 0, 255, 9]]) for number in (87, 90, 91)),
        *((dx10(number, bytes([0, 0, 255, 0, 255, 0, 0, 9])), [RED, BLUE]) for number in (88, 92, 93)),
        (dx10(61, b"\x07\x09"), [[7, 7, 7, 255], [9, 9, 9, 255]]),
        (dx10(85, struct.pack("<HH", 0xF800, 0x001F)), [RED, BLUE]),
        (dx10(86, WORDS), [RED, [0, 0, 255, 0]]),
        (dx10(115, struct.pack("<HH", 0xFF00, 0x800F)), [RED, [0, 0, 255, 136]]),
        (dx10(24, struct.pack("<II", 0xC00003FF, 0x3FF00000)), [RED, [0, 0, 255, 0]]),
    ],
)  # fmt: skip
def test_masks_say_where_colours_are(content: bytes, expected: list[list[int]]) -> None:
    assert row_of(content) == expected


@pytest.mark.parametrize("mode", ["L", "LA"])
def test_greys_that_pillow_wrote_are_read(mode: str) -> None:
    image = picture().convert("RGBA").convert(mode)
    pixels = read_rgba(BytesIO(encoded(image, "DDS")), 1000)
    assert np.array_equal(pixels, np.asarray(image.convert("RGBA")))


def test_rows_go_down_and_have_no_padding() -> None:
    content = dds(bytes(range(9)), (1, 3), RGB, bits=24, masks=(0xFF, 0xFF00, 0xFF0000, 0))
    assert read_rgba(BytesIO(content), 100)[:, 0, :3].tolist() == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]


@pytest.mark.parametrize(
    "content",
    [
        dds(b"\0\0\0", (2, 1), RGB, bits=16, masks=(0x7C00, 0x3E0, 0x1F, 0)),
        dds(b"", (2, 1), RGB, bits=13, masks=(0x7C00, 0x3E0, 0x1F, 0)),
        dds(bytes(99), code=b"NONE"),
        dds(bytes(99), flags=0),
        dx10(1, bytes(99)),
        dds(b"", code=b"DXT1"),
        dds(b"")[:100],
    ],
    ids=["cut off", "13 bits", "no code", "no kind", "no number", "no block", "no header"],
)
def test_a_texture_that_cannot_be_read_says_so(content: bytes) -> None:
    with pytest.raises(PictureError) as caught:
        describe(BytesIO(content), 100)
    assert caught.value.reason == "cannot_decode"


@pytest.mark.parametrize("flags", [FOURCC, RGB])
def test_a_huge_texture_is_not_decoded(flags: int) -> None:
    content = dds(bytes(99), (60_000, 60_000), flags, b"DXT1", 32, (0xFF, 0xFF00, 0xFF0000, 0))
    with pytest.raises(PictureError) as caught:
        describe(BytesIO(content), 1_000_000)
    assert caught.value.reason == "too_many_pixels"


@given(
    st.sampled_from([dds(RED_BLUE, code=b"DXT2"), dx10(91, bytes(8)), dds(WORDS, (2, 1), RGB, bits=16)]),
    st.lists(st.tuples(st.integers(4, 160), st.integers(0, 255)), max_size=6),
    st.integers(0, 200),
)
def test_a_damaged_texture_gives_a_picture_or_a_reason(
    sample: bytes, changes: list[tuple[int, int]], end: int
) -> None:
    assert_damage_is_told(sample, changes, end)
