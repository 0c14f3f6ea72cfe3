"""Pictures: every mode at its true values, one hash per look, and a reason for each that cannot be read."""

import struct
import subprocess
import sys
import zlib
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from artstore.errors import PictureError
from artstore.images import describe, is_picture_name, read_rgba
from artstore.models import PictureFacts
from tests.unit.conftest import encoded, picture, png

MANY_PX = 1_000_000


def facts_of(content: bytes, max_px: int = MANY_PX) -> PictureFacts:
    return describe(BytesIO(content), max_px)


def rgba_of(content: bytes) -> list[list[list[int]]]:
    pixels: list[list[list[int]]] = read_rgba(BytesIO(content), MANY_PX).tolist()
    return pixels


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def raw_png(
    width_px: int, depth: int, colour_type: int, row: bytes, transparent: bytes = b"", rows: int = 1
) -> bytes:
    """A PNG of equal rows, of depths that Pillow does not write."""
    header = struct.pack(">IIBBBBB", width_px, rows, depth, colour_type, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress((b"\0" + row) * rows)), (b"IEND", b"")]
    if transparent:
        parts.insert(1, (b"tRNS", transparent))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def photoshop(colour: tuple[int, int, int]) -> bytes:
    """The smallest PSD: 2x2, no layers."""
    head = b"8BPS" + struct.pack(">H6xHIIHH", 1, 3, 2, 2, 8, 3) + struct.pack(">IIIH", 0, 0, 0, 0)
    return head + bytes(value for value in colour for _ in range(4))


def test_palettes_with_transparency_are_applied() -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.putpixel((1, 0), 1)
    assert rgba_of(encoded(image, transparency=0)) == [[[10, 20, 30, 0], [40, 50, 60, 255]]]
    assert rgba_of(encoded(image, transparency=b"\x80\xff")) == [[[10, 20, 30, 128], [40, 50, 60, 255]]]


def test_one_bit_and_grey_pictures_become_colour() -> None:
    one_bit = Image.new("1", (2, 1))
    one_bit.putpixel((0, 0), 1)
    assert rgba_of(encoded(one_bit)) == [[[255, 255, 255, 255], [0, 0, 0, 255]]]
    assert rgba_of(encoded(Image.new("L", (1, 1), 77))) == [[[77, 77, 77, 255]]]
    assert rgba_of(encoded(Image.new("LA", (1, 1), (77, 5)))) == [[[77, 77, 77, 5]]]


def test_sixteen_bits_are_scaled_and_not_clipped() -> None:
    grey = np.array([[0, 300, 0x8000, 0xFFFF]], np.uint16)
    assert [pixel[0] for pixel in rgba_of(encoded(Image.fromarray(grey)))[0]] == [0, 1, 128, 255]
    assert [pixel[0] for pixel in rgba_of(encoded(Image.fromarray(grey), "TIFF"))[0]] == [0, 1, 128, 255]
    colour = raw_png(1, 16, 6, struct.pack(">4H", 0x1234, 0x5678, 0x9ABC, 0x8000))
    assert rgba_of(colour) == [[[0x12, 0x56, 0x9A, 0x80]]]


def test_wide_greys_keep_their_order() -> None:
    for values in ([0.0, 0.5, 1.0], [0.0, 128.0, 255.0], [0.0, 30000.0, 65535.0], [-1.0, 0.0, 1e9]):
        image = Image.fromarray(np.array([values], np.float32))
        shades = [pixel[0] for pixel in rgba_of(encoded(image, "TIFF"))[0]]
        assert shades == sorted(shades)
        assert shades[-1] == 255
    assert rgba_of(encoded(Image.new("I", (1, 1), 1), "TIFF"))[0][0][0] == 1


@pytest.mark.parametrize(
    ("content", "alphas"),
    [
        (
            raw_png(2, 16, 2, struct.pack(">6H", 0x1234, 0, 0, 0, 0, 0), struct.pack(">3H", 0x1234, 0, 0)),
            [0, 255],
        ),
        (raw_png(2, 16, 0, struct.pack(">2H", 0x1234, 0x1235), struct.pack(">H", 0x1234)), [0, 255]),
        (raw_png(2, 8, 2, bytes([1, 2, 3, 4, 5, 6]), struct.pack(">3H", 1, 2, 3)), [0, 255]),
        (raw_png(2, 8, 0, bytes([9, 8]), struct.pack(">H", 9)), [0, 255]),
        (raw_png(2, 4, 0, b"\xf1", struct.pack(">H", 15)), [0, 255]),
        (raw_png(4, 2, 0, bytes([0b11100100]), struct.pack(">H", 2)), [255, 0, 255, 255]),
        (raw_png(2, 1, 0, bytes([0b10000000]), struct.pack(">H", 1)), [0, 255]),
    ],
    ids=["rgb16", "grey16", "rgb8", "grey8", "grey4", "grey2", "grey1"],
)
def test_the_transparent_colour_of_a_png_is_clear_at_every_depth(content: bytes, alphas: list[int]) -> None:
    assert [pixel[3] for pixel in rgba_of(content)[0]] == alphas


def test_print_colours_are_converted() -> None:
    (pixel,) = rgba_of(encoded(Image.new("CMYK", (8, 8), (255, 0, 0, 0)), "JPEG", quality=95))[0][:1]
    assert pixel[0] < 40
    assert min(pixel[1:]) > 200


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_the_orientation_of_a_camera_is_undone(kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    image = Image.new("RGB", (16, 8), "black")
    image.paste("white", (0, 0, 8, 8))
    content = encoded(image, kind, exif=exif)
    facts, pixels = facts_of(content), np.array(rgba_of(content))
    assert (facts.width_px, facts.height_px) == (8, 16)
    assert pixels.shape == (16, 8, 4)
    assert pixels[0, 0, 0] > 200
    assert pixels[15, 0, 0] < 50


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
def test_every_orientation_is_undone_and_the_facts_have_the_size_that_is_seen(kind: str) -> None:
    image = picture()
    lying = np.asarray(image)
    upright = [lying, lying[:, ::-1], lying[::-1, ::-1], lying[::-1]]
    upright += [np.swapaxes(lying, 0, 1), np.rot90(lying, -1)]
    upright += [np.swapaxes(lying[::-1, ::-1], 0, 1), np.rot90(lying)]
    options: dict[str, object] = {"lossless": True} if kind == "WEBP" else {}
    for orientation, expected in enumerate(upright, start=1):
        exif = Image.Exif()
        exif[0x0112] = orientation
        content = encoded(image, kind, exif=exif, **options)
        facts = facts_of(content)
        assert np.array_equal(np.array(rgba_of(content))[..., :3], expected)
        assert (facts.height_px, facts.width_px) == expected.shape[:2]


@pytest.mark.parametrize(
    "rubbish", [b"Exif\0\0rubbish!", b"Exif\0\0", b"Exif\0\0II*\0\x08\0\0\0", b"Exif\0\0II*\0"]
)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_rubbish_about_the_camera_costs_no_picture(kind: str, rubbish: bytes) -> None:
    plain = facts_of(encoded(picture(), kind))
    assert facts_of(encoded(picture(), kind, exif=rubbish)) == plain


def test_a_tag_of_another_kind_than_usual_costs_no_picture() -> None:
    """The maker's name is a fraction, which nobody can write as a name."""
    tags = struct.pack("<HHHIIHHII", 2, 0x010F, 5, 1, 8, 0x0112, 3, 1, 6)
    exif = b"Exif\0\0II*\0" + struct.pack("<I", 8) + tags + bytes(4)
    facts = facts_of(encoded(picture(), "JPEG", exif=exif))
    assert (facts.width_px, facts.height_px) == (9, 12)


def test_facts_name_format_mode_size_and_frames() -> None:
    facts = facts_of(encoded(picture(1, 20, 10).convert("P"), "GIF"))
    assert (facts.format, facts.mode, facts.width_px, facts.height_px, facts.frames) == (
        "GIF",
        "P",
        20,
        10,
        1,
    )


def test_the_hash_is_the_same_in_every_lossless_format() -> None:
    image = picture(3)
    contents = [encoded(image, kind) for kind in ("PNG", "BMP", "TIFF", "TGA", "PPM", "PCX")]
    contents += [encoded(image, "WEBP", lossless=True), encoded(image.convert("RGBA"))]
    assert len({facts_of(content).pixel_hash for content in contents}) == 1


def test_eight_and_sixteen_bits_of_one_grey_look_alike() -> None:
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
    wide = Image.fromarray(grey.astype(np.uint16) * 257)
    assert facts_of(encoded(wide)).pixel_hash == facts_of(encoded(Image.fromarray(grey))).pixel_hash


def test_colours_that_cannot_be_seen_do_not_count() -> None:
    red, blue = (Image.new("RGBA", (3, 3), (*colour, 0)) for colour in ((255, 0, 0), (0, 0, 255)))
    assert facts_of(encoded(red)).pixel_hash == facts_of(encoded(blue)).pixel_hash
    red.putalpha(1)
    blue.putalpha(1)
    assert facts_of(encoded(red)).pixel_hash != facts_of(encoded(blue)).pixel_hash


def test_other_pictures_have_other_hashes() -> None:
    contents = [png(seed) for seed in range(5)]
    contents += [encoded(Image.new("RGB", size, "red")) for size in ((2, 3), (3, 2), (1, 6))]
    contents += [
        encoded(Image.new("RGBA", (2, 3), (255, 0, 0, 254))),
        photoshop((255, 0, 0)),
        photoshop((0, 0, 255)),
    ]
    assert len({facts_of(content).pixel_hash for content in contents}) == len(contents)


def test_a_photoshop_picture_is_the_one_that_is_seen() -> None:
    facts = facts_of(photoshop((255, 0, 0)))
    assert facts.frames == 1
    assert facts.pixel_hash == facts_of(encoded(Image.new("RGB", (2, 2), "red"))).pixel_hash


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
def test_every_frame_of_an_animation_counts(kind: str) -> None:
    first, *rest = (picture(seed).quantize(16).convert("RGB") for seed in range(3))
    options: dict[str, object] = {"lossless": True} if kind == "WEBP" else {}
    whole = facts_of(encoded(first, kind, save_all=True, append_images=rest, **options))
    other = facts_of(encoded(first, kind, save_all=True, append_images=rest[::-1], **options))
    assert (whole.frames, whole.width_px) == (3, 12)
    assert whole.pixel_hash != other.pixel_hash
    assert whole.pixel_hash != facts_of(encoded(first, kind, **options)).pixel_hash


def test_a_single_frame_looks_like_its_still() -> None:
    image = picture(5).quantize(16)
    assert facts_of(encoded(image, "GIF")).pixel_hash == facts_of(encoded(image)).pixel_hash


@pytest.mark.parametrize("content", [b"", b"\0", b"GIF89a", png()[:20], png()[:-40], b"<html>no</html>"])
def test_broken_pictures_say_that_they_cannot_be_decoded(content: bytes) -> None:
    for ask in (describe, read_rgba):
        with pytest.raises(PictureError) as caught:
            ask(BytesIO(content), MANY_PX)
        assert caught.value.reason == "cannot_decode"
        assert caught.value.detail


def test_a_missing_file_says_so_and_names_no_place_on_this_disk(tmp_path: Path) -> None:
    with pytest.raises(PictureError) as caught:
        describe(tmp_path / "nothing.png", MANY_PX)
    assert caught.value.reason == "missing_file"
    (tmp_path / "no.png").write_bytes(b"no picture")
    with pytest.raises(PictureError) as broken:
        describe(tmp_path / "no.png", MANY_PX)
    assert str(tmp_path) not in str(caught.value) + str(broken.value)


def test_a_folder_and_a_link_to_itself_are_no_pictures_and_name_no_place_either(tmp_path: Path) -> None:
    link = tmp_path / "link.png"
    link.symlink_to(link)
    for path in (tmp_path, link):
        with pytest.raises(PictureError, match="cannot_decode") as caught:
            describe(path, MANY_PX)
        assert str(tmp_path) not in str(caught.value)
        assert caught.value.detail.partition(": ")[2]


def test_postscript_is_not_run() -> None:
    with pytest.raises(PictureError, match="not a picture"):
        facts_of(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n")


def huge_frame_gif(disposal: int = 0) -> bytes:
    """A small first frame, then one that says it is 60000x60000."""
    small = encoded(picture().quantize(4), "GIF", save_all=True, append_images=[picture(1).quantize(4)])
    control = b"!\xf9\x04" + bytes([disposal << 2]) + b"\0\0\0\0"
    frame = b"," + struct.pack("<HHHHB", 0, 0, 60000, 60000, 0) + b"\x02\x02\x4c\x01\x00"
    return small.rstrip(b";") + control + frame + control + frame + b";"


def huge_icon() -> bytes:
    """A 16x16 icon, by its list, that is 3000x3000."""
    inner = encoded(Image.new("1", (3000, 3000)))
    return struct.pack("<HHHBBBBHHII", 0, 1, 1, 16, 16, 0, 0, 1, 32, len(inner), 22) + inner


def huge_page_tiff() -> bytes:
    page = Image.new("L", (3000, 3000))
    return encoded(
        Image.new("L", (4, 4)), "TIFF", save_all=True, append_images=[page], compression="tiff_deflate"
    )


@pytest.mark.parametrize(
    "content",
    [raw_png(60_000, 1, 0, b"\0" * 7500), huge_frame_gif(), huge_icon(), huge_page_tiff()],
    ids=["wide", "gif", "icon", "tiff"],
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_picture_of_too_many_pixels_is_not_decoded(content: bytes) -> None:
    with pytest.raises(PictureError) as caught:
        facts_of(content, max_px=10_000)
    assert caught.value.reason == "too_many_pixels"


def test_a_frame_that_claims_to_be_huge_takes_no_memory() -> None:
    """Of 213 bytes Pillow would make room for gigabytes before anyone could look at the frame."""
    program = f"""
import resource, sys
from io import BytesIO
from artstore import images
from artstore.errors import PictureError
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    images.describe(BytesIO({huge_frame_gif(disposal=2)!r}), 100_000_000)
except PictureError as error:
    grown_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    sys.exit(0 if error.reason == "too_many_pixels" and grown_kb < 300_000 else f"{{error}} {{grown_kb}}")
sys.exit("decoded")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_limit_itself_is_allowed() -> None:
    assert facts_of(encoded(picture(0, 10, 10)), max_px=100).width_px == 10
    with pytest.raises(PictureError, match="too_many_pixels"):
        facts_of(encoded(picture(0, 10, 10)), max_px=99)


SAMPLES = [
    encoded(picture(1), kind)
    for kind in ("PNG", "GIF", "BMP", "TGA", "TIFF", "ICO", "PCX", "PPM", "DDS", "JPEG")
] + [encoded(picture(1).quantize(8), transparency=b"\0\1"), photoshop((1, 2, 3))]


@given(
    st.sampled_from(SAMPLES),
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=8),
    st.data(),
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_damaged_bytes_give_a_picture_or_a_reason_and_nothing_else(
    sample: bytes, changes: list[tuple[int, int]], data: st.DataObject
) -> None:
    content = bytearray(sample)
    for place, value in changes:
        content[place % len(content)] = value
    end = data.draw(st.just(len(content)) | st.integers(0, len(content)))
    try:
        facts = facts_of(bytes(content[:end]))
    except PictureError as error:
        assert error.reason in {"cannot_decode", "too_many_pixels"}  # noqa: PT017
    else:
        assert facts.width_px * facts.height_px <= MANY_PX


@given(st.binary(max_size=300))
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_random_bytes_never_give_another_error(content: bytes) -> None:
    for head in (
        b"",
        b"\x89PNG\r\n\x1a\n",
        b"GIF89a",
        b"BM",
        b"\xff\xd8\xff",
        b"II*\0",
        b"RIFF\x20\0\0\0WEBP",
    ):
        # A TGA has no magic number, so that now and then random bytes are one.
        with suppress(PictureError):
            facts_of(head + content, max_px=16)


def test_text_that_unpacks_a_thousandfold_is_no_way_in() -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", "x" * 5_000_000, zip=True)
    with pytest.raises(PictureError, match="cannot_decode"):
        facts_of(encoded(picture(), pnginfo=info))


def test_pictures_are_known_by_their_names() -> None:
    assert is_picture_name("a/b.PNG")
    assert is_picture_name("x.tar.jpeg")
    assert all(is_picture_name(f"a.{suffix}") for suffix in ("avif", "jp2", "j2k", "jfif", "pnm"))
    assert not is_picture_name("png")
    assert not is_picture_name("a.png/readme.txt")
    assert not is_picture_name(".png")
