"""Large PNGs, which libvips unpacks: the same pixels, tags and complaints as Pillow gives."""

from __future__ import annotations

import struct
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from artstore.errors import PictureError
from artstore.formats.large_png import LEAST_PX
from artstore.images import describe, read_rgba
from tests.unit.test_images import chunk

SIZE = (1024, LEAST_PX // 1024)
MAX_PX = 1 << 24


def noise(mode: str) -> Image.Image:
    """A picture in which neighbours differ little, as filters want it."""
    bands = len(mode)
    steps = np.random.default_rng(5).integers(0, 4, (SIZE[1], SIZE[0], bands), np.uint8)
    return Image.fromarray(steps.cumsum(axis=1, dtype=np.uint8))


def saved(image: Image.Image, **options: object) -> bytes:
    file = BytesIO()
    image.save(file, "PNG", compress_level=1, **options)
    return file.getvalue()


def read(content: bytes) -> NDArray[np.uint8]:
    return read_rgba(BytesIO(content), MAX_PX)


def complaint(content: bytes) -> str:
    with pytest.raises(PictureError) as caught:
        read(content)
    return f"{caught.value.reason}: {caught.value.detail}"


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_every_pixel_is_what_was_saved(mode: str) -> None:
    image = noise(mode)
    found = read(saved(image))
    np.testing.assert_array_equal(found, np.asarray(image.convert("RGBA")))
    found[0, 0] = 7


def test_a_transparent_colour_and_a_camera_count_as_ever() -> None:
    image = noise("RGB")
    image.paste((1, 2, 3), (0, 0, 40, 40))
    exif = Image.Exif()
    exif[0x0112] = 3
    plain = saved(image, transparency=(1, 2, 3))
    # Behind the pixels, where it may be too.
    turned = plain[:-12] + chunk(b"eXIf", exif.tobytes()[6:]) + plain[-12:]
    expected = np.array(image.convert("RGBA"))
    expected[(expected[..., :3] == (1, 2, 3)).all(axis=2), 3] = 0
    np.testing.assert_array_equal(read(plain), expected)
    np.testing.assert_array_equal(read(turned), expected[::-1, ::-1])


@pytest.mark.parametrize("count", [1, 2, 50])
def test_pixels_may_come_in_any_number_of_chunks(count: int) -> None:
    image = noise("RGBA")
    content = saved(image)
    begin = content.index(b"IDAT") - 4
    packed, at = b"", begin
    while content[at + 4 : at + 8] == b"IDAT":
        (length,) = struct.unpack(">I", content[at : at + 4])
        packed += content[at + 8 : at + 8 + length]
        at += 12 + length
    step = -(-len(packed) // count)
    parts = [chunk(b"IDAT", packed[start : start + step]) for start in range(0, len(packed), step)]
    np.testing.assert_array_equal(read(content[:begin] + b"".join(parts) + content[at:]), np.asarray(image))


@pytest.mark.parametrize("part", [0.3, 0.6, 0.99])
def test_half_a_file_is_no_picture(part: float) -> None:
    content = saved(noise("RGBA"))
    assert complaint(content[: int(len(content) * part)]).startswith("cannot_decode: OSError: ")


def test_pixels_that_are_no_such_thing_are_told_as_pillow_tells_it() -> None:
    content = bytearray(saved(noise("RGB")))
    place = content.index(b"IDAT") + 4
    content[place : place + 5000] = bytes(5000)
    assert complaint(bytes(content)).startswith("cannot_decode: ")


def test_it_is_described_as_any_other_is() -> None:
    facts = describe(BytesIO(saved(noise("RGB"))), MAX_PX)
    assert (facts.format, facts.mode, facts.width_px, facts.height_px) == ("PNG", "RGB", *SIZE)


@pytest.mark.parametrize("hidden", [True, False])
def test_it_is_read_with_libvips_and_without_it(tmp_path: Path, *, hidden: bool) -> None:
    (tmp_path / "large.png").write_bytes(saved(noise("RGB")))
    code = (
        "import sys; from pathlib import Path; from artstore.images import read_rgba;"
        f"sys.modules.update({{'pyvips': None}} if {hidden} else {{}});"
        "found = read_rgba(Path(sys.argv[1]), 1 << 24); print(found.shape, bool(sys.modules.get('pyvips')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "large.png"], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"{(SIZE[1], SIZE[0], 4)} {not hidden}\n"
