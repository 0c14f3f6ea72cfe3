"""Photoshop documents: what Photoshop would show of them, and what is said where nothing can be shown."""

from __future__ import annotations

import struct
import time
import tracemalloc
import warnings
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from psd_tools import PSDImage
from psd_tools.color_convert import lab_to_rgb
from psd_tools.compression import compress
from psd_tools.constants import Compression, Resource

from artstore.errors import PictureError
from artstore.images import describe, is_picture_name, read_rgba

BITMAP, GREY, INDEXED, RGB, CMYK, MULTICHANNEL, DUOTONE, LAB = 0, 1, 2, 3, 4, 7, 8, 9

RED, BLUE, WHITE, BLACK = [255, 0, 0, 255], [0, 0, 255, 255], [255, 255, 255, 255], [0, 0, 0, 255]

LAYERS_AND_ALPHA = struct.pack(">IhI", 4, -1, 0)
"""The beginning of the layers: one of them, and the picture has transparency."""


def document(
    mode: int,
    planes: Sequence[bytes],
    *,
    size: tuple[int, int] = (2, 1),
    depth: int = 8,
    packing: Compression = Compression.RAW,
    version: int = 1,
    palette: bytes = b"",
    resources: Mapping[int, bytes] | None = None,
    layers: bytes = b"",
) -> bytes:
    width_px, height_px = size
    head = b"8BPS" + struct.pack(">H6xHIIHH", version, len(planes), height_px, width_px, depth, mode)
    blocks = b"".join(
        b"8BIM" + struct.pack(">HHI", number, 0, len(content)) + content + bytes(len(content) % 2)
        for number, content in (resources or {}).items()
    )
    rows = height_px * len(planes)
    packed = compress(b"".join(planes), packing, width_px, rows, depth, version)
    length = ">Q" if version == 2 else ">I"
    return b"".join(
        [
            head,
            struct.pack(">I", len(palette)) + palette,
            struct.pack(">I", len(blocks)) + blocks,
            struct.pack(length, len(layers)) + layers,
            struct.pack(">H", packing) + packed,
        ]
    )


def pixels(content: bytes, max_px: int = 10_000) -> list[list[int]]:
    """The first row."""
    return read_rgba(BytesIO(content), max_px)[0].tolist()  # type: ignore[no-any-return]


PALETTE = bytes([255, 0, *[0] * 254, *[0] * 256, 0, 255, *[0] * 254])


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (document(RGB, [b"\xff\0", b"\0\0", b"\0\xff"]), [RED, BLUE]),
        (document(GREY, [b"\xff\x40"]), [WHITE, [64, 64, 64, 255]]),
        (document(DUOTONE, [b"\xff\x40"], palette=b"inks"), [WHITE, [64, 64, 64, 255]]),
        (document(INDEXED, [b"\0\1"], palette=PALETTE), [RED, BLUE]),
        (document(CMYK, [b"\xff\0", b"\0\0", b"\0\xff", b"\xff\xff"]), [RED, BLUE]),
        (document(CMYK, [b"\xff\xff"] * 3 + [b"\xff\x80"]), [WHITE, [128, 128, 128, 255]]),
        (document(MULTICHANNEL, [b"\xff\0", b"\0\0", b"\0\xff"]), [RED, BLUE]),
        (document(MULTICHANNEL, [b"\xff\0"]), [WHITE, BLACK]),
        (document(BITMAP, [b"\x40"], depth=1), [WHITE, BLACK]),
        (document(LAB, [b"\xff\0", b"\x80\x80", b"\x80\x80"]), [WHITE, BLACK]),
    ],
    ids=["RGB", "grey", "duotone", "indexed", "CMYK", "its black", "inks", "one ink", "bitmap", "LAB"],
)
def test_every_kind_of_colour_is_turned_into_what_is_seen(content: bytes, expected: list[list[int]]) -> None:
    assert pixels(content) == expected


def test_lab_is_that_of_the_white_of_paper() -> None:
    lab = np.random.default_rng(5).integers(0, 256, (50, 3), np.uint8)
    native = lab / [2.55, 1, 1] - [0, 128, 128]
    expected = np.array([lab_to_rgb(*colour) for colour in native.tolist()]) * 255
    found = np.array(pixels(document(LAB, [plane.tobytes() for plane in lab.T], size=(50, 1))))
    assert np.abs(found[:, :3] - expected).max() < 0.51


@pytest.mark.parametrize(
    ("depth", "light", "expected"),
    [
        (16, struct.pack(">HH", 0x80FF, 0xFFFF), [128, 255]),
        (32, struct.pack(">ff", 0.0, 1.0), [0, 255]),
        # Half the light looks brighter than half.
        (32, struct.pack(">ff", 0.5, 3e38), [188, 255]),
        (32, struct.pack(">ff", float("nan"), -float("inf")), [0, 0]),
        (32, bytes.fromhex("7f800001 ff800001"), [0, 0]),
    ],
    ids=["16", "32", "32, half", "32, no numbers", "32, signalling"],
)
def test_deeper_colours_are_scaled(depth: int, light: bytes, expected: list[int]) -> None:
    assert [pixel[0] for pixel in pixels(document(GREY, [light], depth=depth))] == expected


@pytest.mark.parametrize("version", [1, 2], ids=["PSD", "PSB"])
@pytest.mark.parametrize("depth", [8, 16, 32])
@pytest.mark.parametrize("packing", list(Compression))
def test_however_it_is_packed_it_is_the_same(packing: Compression, depth: int, version: int) -> None:
    size = (13, 7)
    light = np.random.default_rng(1).random((4, size[1], size[0]))
    full, kind = {8: (255, ">u1"), 16: (65535, ">u2"), 32: (1, ">f4")}[depth]
    planes = [(plane * full).astype(kind).tobytes() for plane in light]
    packed = document(RGB, planes, size=size, depth=depth, packing=packing, version=version)
    plain = document(RGB, planes, size=size, depth=depth, version=1)
    assert len({*map(len, (packed, plain))}) == 2 or packing == Compression.RAW
    rgba = read_rgba(BytesIO(packed), 1000)
    assert rgba.shape == (7, 13, 4)
    assert len(np.unique(rgba[..., 3])) > 50
    assert (rgba == read_rgba(BytesIO(plain), 1000)).all()


@pytest.mark.parametrize("packing", list(Compression))
def test_channels_between_the_colours_and_the_transparency_are_passed_over(packing: Compression) -> None:
    planes = [b"\xff\0", b"\xff\xff", b"\xff\xff", b"\x11\x11", b"\x22\x22", b"\0\xff"]
    identifiers = {1053: struct.pack(">III", 7, 8, 0)}
    content = document(RGB, planes, packing=packing, resources=identifiers)
    assert pixels(content) == [[255, 255, 255, 0], [0, 255, 255, 255]]


def rgba_document(colours: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> bytes:
    planes = [*(colours[..., place].tobytes() for place in range(3)), alpha.tobytes()]
    return document(RGB, planes, size=(alpha.size, 1), layers=LAYERS_AND_ALPHA)


def test_what_is_half_transparent_was_laid_over_white_and_gets_its_own_colour_back() -> None:
    alpha = np.arange(0, 256, 5, dtype=np.uint8)
    own = np.array([200, 40, 0])
    over_white = 255 - (255 - own) * (alpha[:, np.newaxis] / 255)
    found = np.array(pixels(rgba_document(over_white.round().astype(np.uint8), alpha)))
    assert found[:, 3].tolist() == alpha.tolist()
    # The fewer steps were left of a colour, the less is known of it.
    allowed = np.ceil(0.5 * 255 / alpha[1:].clip(1))[:, np.newaxis]
    assert (np.abs(found[1:, :3] - own) <= allowed).all()


def test_what_cannot_have_been_laid_over_white_is_left_alone() -> None:
    # So GIMP and others write it.
    alpha = np.arange(0, 256, 5, dtype=np.uint8)
    own = np.tile(np.array([200, 40, 0], np.uint8), (alpha.size, 1))
    found = np.array(pixels(rgba_document(own, alpha)))
    assert (found[:, :3] == own).all()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, 0),
        ({"layers": LAYERS_AND_ALPHA}, 0),
        ({"resources": {1053: struct.pack(">I", 0)}}, 0),
        # As 16 and 32 bits have their layers.
        ({"layers": struct.pack(">II", 0, 0) + b"8BIMMtrn" + struct.pack(">I", 0)}, 0),
        ({"layers": struct.pack(">II", 0, 0) + b"8BIMLr16" + struct.pack(">Ih2x", 2, -3)}, 0),
        ({"layers": struct.pack(">Ih", 2, 1)}, 255),
        ({"resources": {1053: struct.pack(">I", 4711)}}, 255),
        ({"resources": {1006: b"\7Alpha 1"}}, 255),
    ],
    ids=[
        "nothing said",
        "layers",
        "identifiers",
        "tag",
        "deep layers",
        "opaque layers",
        "selection",
        "named",
    ],
)
def test_a_fourth_channel_is_the_transparency_unless_the_file_says_otherwise(
    options: dict[str, bytes], expected: int
) -> None:
    content = document(RGB, [b"\xff\xff"] * 3 + [b"\0\xff"], **options)  # type: ignore[arg-type]
    assert [pixel[3] for pixel in pixels(content)] == [expected, 255]


def test_the_length_of_some_blocks_of_a_psb_has_eight_bytes() -> None:
    layers = struct.pack(">QI", 0, 0) + b"8BIMLr16" + struct.pack(">Qh2x", 2, -3)
    content = document(
        RGB, [b"\xff\xff"] * 3 + [b"\0\xff"], version=2, layers=layers, resources={1006: b"\1A"}
    )
    assert [pixel[3] for pixel in pixels(content)] == [0, 255]


def test_one_colour_of_a_palette_may_be_transparent() -> None:
    content = document(INDEXED, [b"\0\1"], palette=PALETTE, resources={1047: struct.pack(">H", 1)})
    assert pixels(content) == [RED, [0, 0, 255, 0]]


def layered(*, finished: bool = False, mode: str = "RGB") -> PSDImage:
    """A red square and a half blue one beside each other on nothing."""
    made = PSDImage.new(mode, (4, 2))
    for at, colour in enumerate([(255, 0, 0, 255), (0, 0, 255, 128)]):
        made.create_pixel_layer(Image.new("RGBA", (1, 1), colour), top=1, left=2 * at)
    made.image_resources[Resource.VERSION_INFO].data.has_composite = finished
    return made


def saved(made: PSDImage) -> bytes:
    out = BytesIO()
    # Not its own save(), which would put the layers together.
    made._record.write(out)  # noqa: SLF001
    return out.getvalue()


def test_without_a_finished_picture_the_layers_are_put_together() -> None:
    rgba = read_rgba(BytesIO(saved(layered())), 100)
    assert rgba.shape == (2, 4, 4)
    assert rgba[1, 0].tolist() == RED
    assert np.abs(rgba[1, 2].astype(int) - [0, 0, 255, 128]).max() <= 1
    assert not rgba[0, :, 3].any()


@pytest.mark.parametrize(
    ("mode", "red", "blue"),
    [("L", [76] * 3, [29] * 3), ("CMYK", RED[:3], BLUE[:3]), ("LAB", RED[:3], BLUE[:3])],
)
def test_layers_are_put_together_in_any_colours(mode: str, red: list[int], blue: list[int]) -> None:
    rgba = read_rgba(BytesIO(saved(layered(mode=mode))), 100).astype(int)
    assert np.abs(rgba[1, [0, 2], :3] - [red, blue]).max() <= 2
    assert not rgba[0, :, 3].any()
    if mode != "LAB":
        # Of what it turns into LAB, psd-tools writes a wrong alpha.
        assert np.abs(rgba[1, [0, 2], 3] - [255, 128]).max() <= 1


class Slow(BytesIO):
    """A document on a slow disk."""

    def read(self, size_bytes: int | None = -1, /) -> bytes:
        time.sleep(0.002)
        return super().read(size_bytes)


def test_two_documents_at_a_time_leave_the_warnings_of_the_process_alone() -> None:
    content = saved(layered())
    read_rgba(BytesIO(content), 100)
    before = warnings.filters[:]
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(read_rgba, Slow(content), 100)
        time.sleep(0.01)
        second = threads.submit(read_rgba, Slow(content), 100)
    assert np.array_equal(first.result(), second.result())
    assert warnings.filters == before


def test_the_finished_picture_is_taken_where_there_is_one() -> None:
    assert (read_rgba(BytesIO(saved(layered(finished=True))), 100) == BLACK).all()


def test_layers_are_no_frames() -> None:
    facts = describe(BytesIO(saved(layered())), 100)
    assert (facts.format, facts.frames, facts.width_px, facts.height_px) == ("PSD", 1, 4, 2)


def test_layers_that_cannot_be_unpacked_are_no_black_picture() -> None:
    made = layered()
    for channels in made._record.layer_and_mask_information.layer_info.channel_image_data:  # type: ignore[union-attr] # noqa: SLF001
        for channel in channels:
            channel.compression, channel.data = Compression.ZIP, b"broken"
    assert "cannot be put together" in refused(saved(made)).detail


def test_a_document_too_large_to_put_its_layers_together_says_so() -> None:
    content = bytearray(saved(layered()))
    content[14:22] = struct.pack(">II", 10_000, 9_000)
    assert "too large to put its layers together" in refused(bytes(content), 10**8).detail


def refused(content: bytes, max_px: int = 10_000) -> PictureError:
    with pytest.raises(PictureError) as refusal:
        read_rgba(BytesIO(content), max_px)
    return refusal.value


WHOLE = document(RGB, [bytes(64 * 64)] * 3, size=(64, 64), packing=Compression.RLE)


def test_a_size_that_is_only_claimed_takes_no_memory() -> None:
    bomb = b"8BPS" + struct.pack(">H6xHIIHH", 1, 3, 30_000, 30_000, 8, 3) + bytes(14)
    assert refused(bomb, 10**8).reason == "too_many_pixels"
    tracemalloc.start()
    try:
        assert refused(bomb, 10**10).detail.startswith("OSError: truncated")
        lengths = b"8BPS" + struct.pack(">H6xHIIHH", 2, 56, 9_000, 9_000, 32, 3) + b"\xff" * 4
        assert "truncated" in refused(lengths, 10**10).detail
        assert tracemalloc.get_traced_memory()[1] < 10**6
    finally:
        tracemalloc.stop()


def test_rows_of_nothing_do_not_unpack_to_a_whole_picture() -> None:
    head = b"8BPS" + struct.pack(">H6xHIIHHIIIH", 2, 1, 9_000, 9_000, 8, GREY, 0, 0, 0, 0)
    content = head + struct.pack(">IH", 0, 1)[2:] + bytes(4 * 9_000)
    assert refused(content, 10**8).reason == "cannot_decode"


@pytest.mark.parametrize("share", [0.0005, 0.002, 0.01, 0.1, 0.5, 0.99])
def test_a_file_that_ends_too_early_is_a_reason(share: float) -> None:
    assert read_rgba(BytesIO(WHOLE), 10_000).shape == (64, 64, 4)
    assert refused(WHOLE[: int(len(WHOLE) * share)]).reason == "cannot_decode"


@pytest.mark.parametrize(
    ("at", "what", "said"),
    [
        (4, b"\0\3", "version 3"),
        (12, b"\0\2", "in 2 channels"),
        (14, b"\0\0\0\0", "64x0"),
        (22, b"\0\5", "5 bits"),
        (24, b"\0\6", "colour mode 6"),
        (26, b"\xff\xff\xff\xff", "truncated"),
        (30, b"\xff\xff\xff\xff", "truncated"),
        (34, b"\xff\xff\xff\xff", "truncated"),
        (38, b"\0\4", "unknown way, 4"),
        (38, b"\0\2", "cannot be unpacked"),
    ],
)
def test_what_is_wrong_with_a_document_is_said(at: int, what: bytes, said: str) -> None:
    error = refused(WHOLE[:at] + what + WHOLE[at + len(what) :])
    assert error.reason == "cannot_decode"
    assert said in error.detail


def test_a_palette_that_is_too_short_is_a_reason() -> None:
    assert "palette has 30 bytes" in refused(document(INDEXED, [b"\0\1"], palette=bytes(30))).detail


def test_damaged_lengths_among_the_layers_do_not_cost_the_picture() -> None:
    for damaged in (
        b"\x7f\xff\xff\xff\xff\xff",
        b"\0\0\0\2\xff\xff\xff\xff\xff\xff" + b"8BIMMtrn\xff\xff\xff\xff",
    ):
        content = document(RGB, [b"\xff\0", b"\0\0", b"\0\xff"], layers=damaged)
        assert [pixel[:3] for pixel in pixels(content)] == [RED[:3], BLUE[:3]]


def test_a_psb_is_a_picture_by_its_name(tmp_path: Path) -> None:
    assert is_picture_name("a.PSB")
    path = tmp_path / "a.psb"
    path.write_bytes(document(GREY, [b"\xff\0"], version=2))
    assert read_rgba(path, 10)[0].tolist() == [WHITE, BLACK]
