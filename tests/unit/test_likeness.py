"""Marks by which a picture is known again: what leaves them as they are, and what does not."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from artstore.likenesses import Likeness
from embedder.grouping import MOST_BITS, MOST_COLOUR
from embedder.likeness import bits_apart, colours_apart, likeness_of
from tests import shelf

MANY_PX = 10_000_000


def marks(picture: Image.Image, tmp_path: Path, name: str = "x.png") -> Likeness:
    picture.save(tmp_path / name, lossless=True)
    return likeness_of(tmp_path / name, MANY_PX)


def enlarged(picture: Image.Image, times: int, how: Image.Resampling) -> Image.Image:
    return picture.resize((picture.width * times, picture.height * times), how)


def bits(one: Likeness, other: Likeness) -> int:
    return int(bits_apart(np.array([one.look]), np.array([other.look]))[0])


@pytest.mark.parametrize("number", range(0, 24, 5))
def test_the_same_art_is_known_however_it_is_enlarged_bordered_or_saved(number: int, tmp_path: Path) -> None:
    sprite = shelf.sprite(number)
    canvas = Image.new("RGBA", (sprite.width + 9, sprite.height + 4))
    canvas.paste(sprite, (3, 4))
    hidden = np.array(sprite)
    hidden[hidden[..., 3] == 0] = (9, 200, 30, 0)
    original = marks(sprite, tmp_path)
    for copy in (enlarged(sprite, 3, Image.Resampling.NEAREST), canvas, Image.fromarray(hidden)):
        assert marks(copy, tmp_path) == original
    assert marks(sprite, tmp_path, "x.webp") == original


@pytest.mark.parametrize("number", range(12))
def test_a_recolour_has_the_same_pattern_and_other_art(number: int, tmp_path: Path) -> None:
    original, recolour = (marks(shelf.sprite(number, colour), tmp_path) for colour in (0, 1))
    assert original.pattern == recolour.pattern is not None
    assert original.art != recolour.art


def test_different_art_has_different_patterns(tmp_path: Path) -> None:
    patterns = [marks(shelf.sprite(number), tmp_path).pattern for number in range(36)]
    assert len(set(patterns)) == 36


def test_what_is_too_plain_or_too_colourful_has_no_pattern(tmp_path: Path) -> None:
    plain = Image.new("RGBA", (32, 32), "red")
    noise = np.random.default_rng(1).integers(0, 256, (40, 40, 3), np.uint8)
    assert marks(plain, tmp_path).pattern is None
    assert marks(Image.fromarray(noise), tmp_path).pattern is None
    halves = Image.new("RGBA", (32, 32), "red")
    halves.paste("blue", (0, 0, 16, 32))
    assert marks(halves, tmp_path).pattern is None


@pytest.mark.parametrize("number", range(12))
def test_the_look_outlives_smooth_scaling(number: int, tmp_path: Path) -> None:
    sprite = shelf.sprite(number, size_px=96)
    original = marks(sprite, tmp_path)
    copy = marks(sprite.resize((150, 150), Image.Resampling.BICUBIC), tmp_path)
    assert copy.art != original.art
    assert bits(copy, original) <= MOST_BITS
    assert colours_apart(copy.colours, original.colours) <= MOST_COLOUR


def test_bits_are_counted_whatever_their_sign() -> None:
    assert bits_apart(np.array([0, -1, 5]), np.array([-1, -1, 6])).tolist() == [64, 0, 2]
    assert bits_apart(np.array([0, 1])[:, None], np.array([3, 1])[None]).tolist() == [[2, 1], [1, 0]]


@pytest.mark.parametrize("size", [(1, 1), (1, 400), (400, 1)])
def test_pictures_of_any_shape_have_marks(size: tuple[int, int], tmp_path: Path) -> None:
    for mode in ("RGBA", "L"):
        found = marks(Image.new(mode, size), tmp_path)
        assert len(found.colours) == 48
        assert found.aspect > 0
