"""Pictures for browsers: pixels kept where they are few, everything bounded, nothing of a file's own code."""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from artstore.drawing import MAX_FRAMES, THUMB_PX, Drawing, Drawn, Purpose, draw
from artstore.errors import PictureError
from artstore.settings import Settings
from tests.unit.conftest import encoded, picture, snapshot, stored

SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="8" height="6"><script>alert(1)</script><rect width="8" height="6" fill="red"/></svg>'


def film(count: int, size: int = 10, duration: int = 70) -> bytes:
    frames = [
        Image.new("RGBA", (size, size), (number * 9 % 256, 255 - number, 3, 255)) for number in range(count)
    ]
    out = BytesIO()
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:], duration=duration, loop=0)
    return out.getvalue()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data", max_upload_px=10_000)


def drawn(
    settings: Settings, content: bytes, purpose: Purpose, suffix: str = "webp", name: str = "a.png"
) -> tuple[Drawn, Image.Image]:
    """Draw *content* and return what it says of it, and what lies there."""
    path = stored(settings, name, content)
    target = settings.data_dir / "thumbs" / "ab" / f"x.{suffix}"
    source = content if purpose is Purpose.ASKED else f"files/{path}"
    (result,) = draw([Drawing(source, str(target), purpose)], settings)
    if not isinstance(result, Drawn):
        raise result
    return result, Image.open(BytesIO(target.read_bytes()))


@pytest.mark.parametrize("suffix", ["webp", "png"])
def test_a_small_picture_keeps_its_pixels(settings: Settings, suffix: str) -> None:
    art = picture(1, 24, 16).convert("RGBA")
    art.putpixel((0, 0), (9, 8, 7, 0))
    result, image = drawn(settings, encoded(art), Purpose.THUMB, suffix)
    assert (result.width_px, result.height_px, result.frames) == (24, 16, 1)
    seen = np.asarray(image.convert("RGBA"))
    assert np.array_equal(seen[1:], np.asarray(art)[1:])
    assert seen[0, 0, 3] == 0


def test_a_large_picture_is_fitted(settings: Settings) -> None:
    result, image = drawn(settings, encoded(picture(1, 1000, 100)), Purpose.THUMB)
    assert image.size == (result.width_px, result.height_px) == (THUMB_PX, 32)


@pytest.mark.parametrize("suffix", ["webp", "png"])
def test_an_animation_keeps_moving(settings: Settings, suffix: str) -> None:
    result, image = drawn(settings, film(5), Purpose.THUMB, suffix, "a.gif")
    assert result.frames == getattr(image, "n_frames", 1) == 5
    image.seek(1)
    image.load()
    assert image.info["duration"] == 70


def test_a_long_animation_has_an_end(settings: Settings) -> None:
    result, _ = drawn(settings, film(MAX_FRAMES + 20), Purpose.THUMB, name="a.gif")
    assert result.frames == MAX_FRAMES


def test_a_drawing_is_shown_as_pixels(settings: Settings) -> None:
    for purpose in (Purpose.THUMB, Purpose.SHOWN):
        _, image = drawn(settings, SVG, purpose, "png", "a.svg")
        assert image.format == "PNG"
        assert image.convert("RGB").getpixel((4, 3)) == (255, 0, 0)


def test_what_somebody_uploads_is_kept_as_pixels_alone(settings: Settings) -> None:
    exif = Image.Exif()
    exif[270] = "where I live"
    content = encoded(picture(3), "JPEG", exif=exif, comment=b"secret")
    result, image = drawn(settings, content, Purpose.ASKED, "png")
    assert (result.width_px, result.height_px) == image.size == (12, 9)
    assert dict(image.getexif()) == {}
    (written,) = (settings.data_dir / "thumbs").rglob("*.png")
    assert b"secret" not in written.read_bytes()


def test_an_upload_of_too_many_pixels_is_refused(settings: Settings) -> None:
    with pytest.raises(PictureError, match="too_many_pixels"):
        drawn(settings, encoded(picture(1, 200, 51)), Purpose.ASKED, "png")
    result, _ = drawn(settings, film(60, 20), Purpose.ASKED, "png")
    assert result.frames * 400 <= settings.max_upload_px


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n", film(3)[:60]])
def test_what_cannot_be_read_is_told_and_leaves_nothing(settings: Settings, content: bytes) -> None:
    with pytest.raises(PictureError):
        drawn(settings, content, Purpose.ASKED, "png")
    assert not (settings.data_dir / "thumbs").exists() or snapshot(settings.data_dir / "thumbs") == {}


def test_a_bad_picture_costs_only_itself(settings: Settings) -> None:
    stored(settings, "good.png", encoded(picture(1)))
    stored(settings, "bad.png", b"no")
    drawings = [
        Drawing(f"files/{name}.png", str(settings.data_dir / f"thumbs/{name}.png"), Purpose.THUMB)
        for name in ("bad", "gone", "good")
    ]
    results: Iterator[object] = draw(drawings, settings)
    assert [type(result) for result in results] == [PictureError, PictureError, Drawn]
