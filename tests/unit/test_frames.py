"""Frames of an animation: which are read, and within which bounds."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from artstore.errors import PictureError
from artstore.images import read_frames, read_rgba
from tests.unit.conftest import encoded, picture

MANY_PX = 1_000_000


def grey_steps(count: int, size: tuple[int, int] = (4, 3)) -> list[Image.Image]:
    return [Image.new("L", size, step) for step in range(count)]


def shades(
    frames: list[Image.Image], most: int, within_px: int, kind: str = "WEBP", max_px: int = MANY_PX
) -> list[int]:
    """Return which of *frames*, of one grey each, are read, by their grey."""
    content = encoded(frames[0], kind, save_all=True, append_images=frames[1:], lossless=True)
    return [int(frame[0, 0, 0]) for frame in read_frames(BytesIO(content), max_px, most, within_px)]


def test_frames_are_read_evenly_spread_over_the_animation() -> None:
    assert shades(grey_steps(5), 16, MANY_PX) == [0, 1, 2, 3, 4]
    assert shades(grey_steps(101), 5, MANY_PX) == [0, 25, 50, 75, 100]
    assert shades(grey_steps(101), 1, MANY_PX) == [0]
    assert len(shades(grey_steps(120), 16, MANY_PX)) == 16


def test_frames_are_read_as_far_as_there_is_time_for() -> None:
    assert shades(grey_steps(101), 5, 41 * 12) == [0, 10, 20, 30, 40]
    assert shades(grey_steps(101), 5, 2 * 12) == [0, 1]
    assert shades(grey_steps(101), 5, 11) == [0]


def test_frames_larger_than_the_first_count_as_what_they_are() -> None:
    pages = [Image.new("L", (2, 2), 0), Image.new("L", (30, 30), 1), Image.new("L", (2, 2), 2)]
    assert shades(pages, 5, 1000, "TIFF") == [0, 1, 2]
    assert shades(pages, 5, 900, "TIFF") == [0]
    with pytest.raises(PictureError) as caught:
        shades(pages, 5, 1000, "TIFF", max_px=899)
    assert caught.value.reason == "too_many_pixels"


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP"])
def test_a_picture_that_does_not_move_is_its_only_frame(kind: str) -> None:
    content = encoded(picture(1), kind)
    (frame,) = read_frames(BytesIO(content), MANY_PX, 16, MANY_PX)
    np.testing.assert_array_equal(frame, read_rgba(BytesIO(content), MANY_PX))
