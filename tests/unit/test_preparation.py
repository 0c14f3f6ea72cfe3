"""Preparation: the old way to the bit, and the sprites' way whatever the copy."""

import tracemalloc
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from artstore.errors import PictureError
from artstore.images import read_rgba
from embedder.preparation import GROUND, classic, on_ground, sprite
from embedder.wrapping import rows_of
from tests import shelf
from tests.replica.art import Artist

MAX_PX = 10_000_000
SIDE = 224


def saved(image: Image.Image, path: Path, **options: Any) -> Path:
    image.save(path, **options)
    return path


def prepared(image: Image.Image, path: Path, **options: Any) -> NDArray[np.uint8]:
    return sprite(saved(image, path, **options), SIDE, MAX_PX)


def with_hidden_colours(image: Image.Image, seed: int = 0) -> Image.Image:
    pixels = np.array(image.convert("RGBA"))
    clear = pixels[..., 3] == 0
    assert clear.any()
    pixels[clear, :3] = np.random.default_rng(seed).integers(0, 256, (int(clear.sum()), 3))
    return Image.fromarray(pixels)


def with_border(image: Image.Image, left: int, top: int, right: int, bottom: int) -> Image.Image:
    canvas = Image.new("RGBA", (image.width + left + right, image.height + top + bottom))
    canvas.paste(image, (left, top))
    return canvas


def indexed(image: Image.Image) -> Image.Image:
    """The same picture in mode P, index 0 clear; the sprites have few enough colours for that to lose nothing."""
    pixels = np.array(image.convert("RGBA"))
    colours = np.unique(pixels[pixels[..., 3] > 0][:, :3], axis=0)
    assert len(colours) < 256
    numbers = np.zeros(pixels.shape[:2], np.uint8)
    for number, colour in enumerate(colours, start=1):
        numbers[np.all(pixels[..., :3] == colour, axis=2) & (pixels[..., 3] > 0)] = number
    picture = Image.fromarray(numbers)
    picture.putpalette([255, 0, 255, *colours.ravel().tolist()])
    return picture


def grey16() -> Image.Image:
    return Image.fromarray((np.arange(40 * 50, dtype=np.uint16) * 32).reshape(40, 50))


@pytest.mark.parametrize(
    "mode", ["P", "P with a hole", "P with soft holes", "RGBA", "LA", "L", "I;16", "1", "RGB"]
)
def test_classic_is_to_the_bit_what_the_old_system_did(tmp_path: Path, mode: str) -> None:
    art = shelf.sprite(3)
    options: dict[str, Any] = {}
    if mode.startswith("P"):
        image = indexed(art)
        holes: dict[str, int | bytes] = {"P with a hole": 0, "P with soft holes": bytes([0, 128])}
        options = {"transparency": holes[mode]} if mode in holes else {}
    else:
        image = grey16() if mode == "I;16" else art.convert(mode)
    path = saved(image, tmp_path / "x.png", **options)
    with Image.open(path) as opened:
        assert opened.mode == mode.partition(" ")[0]
        with warnings.catch_warnings(action="ignore"):
            expected = np.array(opened.resize((SIDE, SIDE)).convert("RGB"))
    np.testing.assert_array_equal(classic(path, SIDE, MAX_PX), expected)


def test_colours_hidden_under_alpha_0_do_not_matter(tmp_path: Path) -> None:
    art = shelf.sprite(1)
    changed = with_hidden_colours(art)
    assert np.any(np.array(changed) != np.array(art))
    np.testing.assert_array_equal(prepared(art, tmp_path / "a.png"), prepared(changed, tmp_path / "b.png"))


@pytest.mark.parametrize("border", [(8, 8, 8, 8), (32, 0, 0, 0), (0, 1, 0, 77)])
def test_a_transparent_border_does_not_matter(tmp_path: Path, border: tuple[int, int, int, int]) -> None:
    art = shelf.sprite(2)
    framed = with_hidden_colours(with_border(art, *border))
    np.testing.assert_array_equal(prepared(art, tmp_path / "a.png"), prepared(framed, tmp_path / "b.png"))


def test_an_indexed_copy_is_prepared_the_same(tmp_path: Path) -> None:
    art = shelf.sprite(4)
    copy = prepared(indexed(art), tmp_path / "b.png", transparency=0)
    np.testing.assert_array_equal(prepared(art, tmp_path / "a.png"), copy)


def test_a_pixel_of_small_art_keeps_its_colour_and_its_edges(tmp_path: Path) -> None:
    board = np.kron(np.indices((7, 7)).sum(axis=0) % 2, np.ones((4, 4)))
    board[0, 0] = 0.5
    seen = prepared(Image.fromarray((board * 255).astype(np.uint8)), tmp_path / "a.png")
    # 28 pixels on 224: eight each. What is neither nearly black nor nearly white lies along the borders of the squares.
    squares = seen[..., 0].reshape(28, 8, 28, 8)[1:, :, 1:]
    assert np.mean((squares > 30) & (squares < 225)) < 0.15


def strip(frames: int = 8, side_px: int = 32) -> NDArray[np.uint8]:
    """A walk: steps of one sprite side by side."""
    artist = Artist("sprite", "creature", 0.3, side_px, 5)
    steps = [artist.picture(1, phase=2 * np.pi * step / frames).convert("RGBA") for step in range(frames)]
    return np.hstack([np.array(step) for step in steps])


@pytest.mark.parametrize("standing", [False, True])
def test_a_long_strip_is_laid_in_rows_and_not_reduced_to_a_line(tmp_path: Path, *, standing: bool) -> None:
    pixels = strip(16)
    picture = Image.fromarray(pixels.transpose(1, 0, 2) if standing else pixels)
    seen = np.any(prepared(picture, tmp_path / "x.png") != GROUND, axis=2)
    for axis in (0, 1):
        assert np.flatnonzero(seen.any(axis=axis)).size > SIDE * 3 // 4
    assert seen.mean() > 0.3


@pytest.mark.parametrize(
    ("gaps", "widths"),
    [
        ([], [26, 27, 27]),
        ([24, 52], [24, 28, 28]),
        ([27, 28, 29, 56], [27, 29, 24]),
        ([20, 60], [26, 27, 27]),
    ],
    ids=["no gaps", "one near each cut", "several near a cut", "none near enough"],
)
def test_a_strip_is_cut_in_equal_rows_or_where_a_gap_is_near(gaps: list[int], widths: list[int]) -> None:
    pixels = np.full((10, 80, 4), 255, np.uint8)
    pixels[:, gaps] = 0
    rows = rows_of(pixels)
    assert [row.shape[1] for row in rows] == widths
    np.testing.assert_array_equal(np.hstack(rows), pixels)


def test_what_is_not_four_times_as_wide_as_high_is_no_strip() -> None:
    pixels = np.full((10, 40, 4), 255, np.uint8)
    assert len(rows_of(pixels[:, :39])) == 1
    assert len(rows_of(pixels)) == 2


def test_a_border_does_not_matter_to_a_strip(tmp_path: Path) -> None:
    pixels = strip(32)
    framed = with_border(Image.fromarray(pixels), 3, 90, 200, 1)
    whole = prepared(Image.fromarray(pixels), tmp_path / "a.png")
    np.testing.assert_array_equal(whole, prepared(framed, tmp_path / "b.png"))


@pytest.mark.parametrize("size", [(1, 5000), (5000, 1), (3, 40_000), (40_000, 7)])
def test_the_longest_strips_are_prepared(tmp_path: Path, size: tuple[int, int]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 4), np.uint8)
    ready = prepared(Image.fromarray(noise), tmp_path / "x.png")
    assert ready.shape == (SIDE, SIDE, 3)
    assert np.mean(np.any(ready != GROUND, axis=2)) > 0.4


def test_large_art_is_averaged_as_it_is_seen(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (1900, 1300, 4), np.uint8)
    pixels[..., 3] *= np.random.default_rng(1).integers(0, 2, pixels.shape[:2], np.uint8)
    seen = prepared(Image.fromarray(pixels), tmp_path / "x.png").astype(float)
    inside = seen[20:-20, SIDE // 2 - 50 : SIDE // 2 + 50]
    # Half of it is clear, a quarter is the colours, and a quarter shines through them.
    assert inside.mean() == pytest.approx(127.9, abs=1)
    assert inside.std() < 20


def test_large_art_is_averaged_evenly_from_top_to_bottom(tmp_path: Path) -> None:
    # A third of the rows is white: each three of them are reduced to one, wherever a stripe ends.
    pixels = np.zeros((2100, 2100, 3), np.uint8)
    pixels[2::3] = 255
    seen = prepared(Image.fromarray(pixels), tmp_path / "x.png")
    assert set(np.unique(seen).tolist()) == {85}


def test_preparing_takes_little_more_memory_than_reading(tmp_path: Path) -> None:
    tile = np.random.default_rng(0).integers(0, 256, (60, 50, 4), np.uint8)
    path = saved(Image.fromarray(np.tile(tile, (50, 60, 1))), tmp_path / "x.png", compress_level=1)
    reading, preparing = (
        peak_bytes(act) for act in (lambda: read_rgba(path, MAX_PX), lambda: sprite(path, SIDE, MAX_PX))
    )
    assert preparing < reading + 10_000_000


def peak_bytes(act: Callable[[], object]) -> int:
    """Return the most memory that arrays took while *act* ran."""
    tracemalloc.start()
    try:
        act()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("size", [(60, 20), (20, 60), (600, 200), (200, 600)])
def test_the_aspect_is_kept_and_the_rest_is_ground(tmp_path: Path, size: tuple[int, int]) -> None:
    pixels = np.random.default_rng(0).integers(150, 256, (size[1], size[0], 3), np.uint8)
    seen = np.any(prepared(Image.fromarray(pixels), tmp_path / "x.png") != GROUND, axis=2)
    height, width = np.flatnonzero(seen.any(axis=1)).size, np.flatnonzero(seen.any(axis=0)).size
    assert width / height == pytest.approx(size[0] / size[1], rel=0.02)
    assert max(height, width) > SIDE * 3 // 4
    rows = np.flatnonzero(seen.any(axis=1))
    assert abs(rows[0] - (SIDE - 1 - rows[-1])) <= 1, "the picture is not in the middle"


def test_half_transparent_pixels_are_mixed_with_the_ground_and_never_leave_0_to_255() -> None:
    rgba = np.array([[[255, 0, 128, alpha] for alpha in range(256)]], np.uint8)
    mixed = on_ground(rgba)
    exact = (rgba[..., :3] * (rgba[..., 3:] / 255.0)) + GROUND * (1 - rgba[..., 3:] / 255.0)
    assert np.abs(mixed - exact).max() <= 0.5 + 1e-9
    assert mixed[0, 0].tolist() == [GROUND] * 3
    assert mixed[0, -1].tolist() == [255, 0, 128]


def test_laying_on_the_ground_does_not_change_the_pixels_it_is_given() -> None:
    rgba = np.array(shelf.sprite(5))
    before = rgba.copy()
    on_ground(rgba)
    np.testing.assert_array_equal(rgba, before)


@pytest.mark.parametrize(
    "image",
    [
        Image.new("RGB", (1, 1), (10, 20, 30)),
        Image.new("RGBA", (1, 1)),
        Image.effect_noise((1, 2000), 80),
        Image.effect_noise((2000, 1), 80),
        Image.new("RGBA", (33, 17), (200, 10, 10, 0)),
        Image.new("RGB", (300, 300), (255, 0, 255)),
        Image.new("P", (9, 9), 3),
        Image.new("1", (9, 9), 1),
    ],
    ids=[
        "one pixel",
        "one clear pixel",
        "a column",
        "a row",
        "all clear",
        "flat",
        "flat palette",
        "flat 1 bit",
    ],
)
@pytest.mark.parametrize("way", [classic, sprite])
def test_odd_pictures_are_prepared_like_any_other(tmp_path: Path, image: Image.Image, way: object) -> None:
    assert callable(way)
    ready = way(saved(image, tmp_path / "x.png"), SIDE, MAX_PX)
    assert ready.shape == (SIDE, SIDE, 3)
    assert ready.dtype == np.uint8


def test_a_picture_without_anything_in_it_is_all_ground(tmp_path: Path) -> None:
    assert np.all(prepared(Image.new("RGBA", (20, 10), (9, 9, 9, 0)), tmp_path / "x.png") == GROUND)


@settings(deadline=None)
@given(
    size=st.tuples(st.integers(1, 300), st.integers(1, 300)),
    mode=st.sampled_from(["RGBA", "RGB", "L", "LA", "P", "1"]),
    side=st.sampled_from([32, 96, 224]),
    seed=st.integers(0, 3),
)
def test_whatever_comes_the_shape_and_type_are_the_same(
    tmp_path_factory: pytest.TempPathFactory, size: tuple[int, int], mode: str, side: int, seed: int
) -> None:
    path = tmp_path_factory.mktemp("shapes", numbered=True) / "x.png"
    noise = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 4), np.uint8)
    noise[..., 3] *= np.random.default_rng(seed).integers(0, 2, size[::-1], np.uint8)
    saved(Image.fromarray(noise).convert(mode), path)
    for way in (classic, sprite):
        ready = way(path, side, MAX_PX)
        assert ready.shape == (side, side, 3)
        assert ready.dtype == np.uint8


@pytest.mark.parametrize("way", [classic, sprite])
@pytest.mark.parametrize("spoil", ["missing", "text", "cut", "too large"])
def test_what_is_no_picture_says_why(tmp_path: Path, way: object, spoil: str) -> None:
    assert callable(way)
    path = saved(Image.effect_noise((64, 64), 80), tmp_path / "x.png")
    content = path.read_bytes()
    if spoil == "missing":
        path.unlink()
    elif spoil != "too large":
        path.write_bytes(b"not a picture" if spoil == "text" else content[: len(content) // 2])
    with pytest.raises(PictureError) as caught:
        way(path, SIDE, 64 * 64 - 1 if spoil == "too large" else MAX_PX)
    reasons = {"missing": "missing_file", "too large": "too_many_pixels"}
    assert caught.value.reason == reasons.get(spoil, "cannot_decode")
