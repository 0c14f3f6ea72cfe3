"""Pictures in formats, or with bits, that decoders take for something else."""

from __future__ import annotations

import struct
import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

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
