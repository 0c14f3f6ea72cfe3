"""Pictures in formats, or with bits, that decoders take for something else."""

from __future__ import annotations

import struct
import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from artstore import images
from artstore.errors import PictureError
from artstore.images import describe, read_rgba
from tests.unit.conftest import encoded, picture, png
from tests.unit.test_images import raw_png

RED, BLUE = [255, 0, 0, 255], [0, 0, 255, 255]


def tga(bits: int, attribute_bits: int, pixels: bytes) -> BytesIO:
    """Two pixels beside each other, not packed, the first row on top."""
    head = struct.pack("<BBBHHBHHHHBB", 0, 0, 2, 0, 0, 0, 0, 0, 2, 1, bits, 0x20 | attribute_bits)
    return BytesIO(head + pixels)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (tga(16, 1, struct.pack("<HH", 0xFC00, 0x001F)), [RED, [0, 0, 255, 0]]),
        (tga(16, 0, struct.pack("<HH", 0x7C00, 0x001F)), [RED, BLUE]),
        (tga(32, 0, bytes([0, 0, 255, 0, 255, 0, 0, 0])), [RED, BLUE]),
        (tga(32, 8, bytes([0, 0, 255, 0, 255, 0, 0, 255])), [[255, 0, 0, 0], BLUE]),
        (tga(32, 8, bytes([0, 0, 255, 0, 255, 0, 0, 0])), [[255, 0, 0, 0], [0, 0, 255, 0]]),
    ],
    ids=["16 with a bit", "16 without", "32 without", "32 with 8", "32 with 8, all clear"],
)
def test_the_alpha_of_a_tga_is_what_its_header_says(content: BytesIO, expected: list[list[int]]) -> None:
    assert read_rgba(content, 100)[0].tolist() == expected


def test_what_is_not_a_number_costs_no_other_pixel() -> None:
    grey = np.array([[np.nan, -np.inf, 0.0, 0.5, 1.0, np.inf]], np.float32)
    content = encoded(Image.fromarray(grey), "TIFF")
    assert read_rgba(BytesIO(content), 100)[0, :, 0].tolist() == [0, 0, 0, 128, 255, 255]


def test_a_picture_for_two_eyes_is_one_picture() -> None:
    out = BytesIO()
    picture(8, 8).convert("RGB").save(out, "MPO", save_all=True, append_images=[picture(8, 8).convert("RGB")])
    assert describe(BytesIO(out.getvalue()), 100).frames == 1


def test_an_icon_may_hold_a_picture_that_was_lying() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    inner = encoded(picture(1, 8, 4), exif=exif)
    icon = struct.pack("<HHHBBBBHHII", 0, 1, 1, 8, 4, 0, 0, 1, 32, len(inner), 22) + inner
    facts = describe(BytesIO(icon), 100)
    assert (facts.width_px, facts.height_px) == (4, 8)
    assert np.array_equal(read_rgba(BytesIO(icon), 100), read_rgba(BytesIO(inner), 100))


def painted(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize("name", ["a.ora", "b.KRA"])
def test_of_a_painting_the_finished_picture_is_read(tmp_path: Path, name: str) -> None:
    content = png()
    path = painted(
        tmp_path / name, {"mimetype": b"image/x", "data/layer0.png": b"", "mergedimage.png": content}
    )
    assert read_rgba(path, 1000).tolist() == read_rgba(BytesIO(content), 1000).tolist()
    assert describe(path, 1000).format == "PNG"


@pytest.mark.parametrize(
    ("members", "method"),
    [
        ({"mimetype": b"image/x"}, zipfile.ZIP_DEFLATED),
        ({"mergedimage.png": b"no picture"}, zipfile.ZIP_DEFLATED),
        ({"mergedimage.png": png()}, zipfile.ZIP_LZMA),
    ],
    ids=["none", "no picture", "packed oddly"],
)
def test_a_painting_without_a_picture_that_can_be_read_says_so(
    tmp_path: Path, members: dict[str, bytes], method: int
) -> None:
    with pytest.raises(PictureError) as caught:
        describe(painted(tmp_path / "a.ora", members, method), 1000)
    assert caught.value.reason == "cannot_decode"


def test_what_is_no_zip_is_no_painting(tmp_path: Path) -> None:
    (tmp_path / "a.kra").write_bytes(b"no zip")
    with pytest.raises(PictureError, match="cannot_decode"):
        describe(tmp_path / "a.kra", 1000)


def test_a_huge_icon_is_no_way_in_through_a_painting(tmp_path: Path) -> None:
    huge = raw_png(60_000, 1, 0, bytes(7500), rows=60)
    icon = struct.pack("<HHHBBBBHHII", 0, 1, 1, 16, 16, 0, 0, 1, 32, len(huge), 22) + huge
    with pytest.raises(PictureError) as caught:
        describe(painted(tmp_path / "a.kra", {"mergedimage.png": icon}), 1000)
    assert caught.value.reason == "too_many_pixels"


def test_a_finished_picture_of_more_bytes_than_its_pixels_can_need_is_not_unpacked(tmp_path: Path) -> None:
    path = painted(tmp_path / "a.kra", {"mergedimage.png": bytes(8 * 1000 + (1 << 20) + 1)})
    with pytest.raises(PictureError) as caught:
        describe(path, 1000)
    assert caught.value.reason == "too_many_pixels"
    with pytest.raises(PictureError, match="cannot_decode"):
        describe(path, 1001)


def test_of_a_long_explanation_the_beginning_is_kept(tmp_path: Path) -> None:
    """The name of the member differs between its two places, and zipfile says both."""
    path = painted(tmp_path / "a.ora", {"m" * 1000: png()})
    content = path.read_bytes()
    at, end = content.index(b"PK\1\2"), content.index(b"PK\5\6")
    entry = content[at : at + 28] + struct.pack("<H", 15) + content[at + 30 : at + 46] + b"mergedimage.png"
    tail = content[end : end + 12] + struct.pack("<I", len(entry)) + content[end + 16 :]
    path.write_bytes(content[:at] + entry + tail)
    with pytest.raises(PictureError) as caught:
        describe(path, 1000)
    assert caught.value.detail.startswith("BadZipFile: File name in directory")
    assert len(caught.value.detail) == 300


def pages_of(*sides_px: int, last: str) -> bytes:
    """Black squares, and one of the colour *last* like the one before."""
    first, *rest = [Image.new("RGB", (side, side)) for side in sides_px]
    rest.append(Image.new("RGB", (sides_px[-1], sides_px[-1]), last))
    return encoded(first, "TIFF", save_all=True, append_images=rest)


def test_pages_larger_than_the_first_are_hashed_no_further_than_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(images, "MAX_HASHED_PX", 130)

    def hashed(*sides_px: int, last: str) -> str:
        return describe(BytesIO(pages_of(*sides_px, last=last)), 1000).pixel_hash

    assert hashed(1, 8, last="red") != hashed(1, 8, last="blue")
    assert hashed(1, 8, 8, last="red") == hashed(1, 8, 8, last="blue")
    assert hashed(1, 8, 8, last="red") != hashed(1, 8, 8, 8, last="red")


@pytest.mark.parametrize(
    ("kind", "largest", "stored", "seen"),
    [
        (b"P6", 65535, b"\x00\xff\x80\xff\xff\xff", [0, 128, 255]),
        (b"P6", 15, b"\x00\x08\x0f", [0, 136, 255]),
        (b"P6", 1023, b"\x00\x00\x02\x00\x03\xff", [0, 128, 255]),
        (b"P6", 100, b"\x00\x32\xff", [0, 128, 255]),
        (b"P5", 15, b"\x08", [136] * 3),
        (b"P5", 1023, b"\x02\x00", [128] * 3),
    ],
)
def test_samples_of_any_width_fill_the_range_and_are_cut_as_in_a_png(
    kind: bytes, largest: int, stored: bytes, seen: list[int]
) -> None:
    content = b"%s 2 1 %d\n" % (kind, largest) + stored * 2
    pixels = read_rgba(BytesIO(content), 1000)
    assert pixels.tolist() == [[[*seen, 255]] * 2]
    with pytest.raises(PictureError, match="ends before its picture does"):
        read_rgba(BytesIO(content[:-1]), 1000)
