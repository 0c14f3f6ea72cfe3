"""The art in a picture: the same to the bit in every exact copy, and nearly so in others."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from embedder.artwork import artwork
from embedder.preparation import sprite
from embedder.stripes import STRIPE_PX
from embedder.trimming import reached
from tests import shelf
from tests.benchmarks.copies import (
    COPIES,
    NEAREST,
    Copy,
    enlarged,
    flattened,
    has_hidden,
    hidden_colours,
    indexed,
)

MAX_PX = 10_000_000
SIDE = 224

Pixels = NDArray[np.uint8]

EXACT = [copy for copy in COPIES if copy.exact]


def art_of(image: Image.Image, path: Path, **options: Any) -> Pixels:
    image.save(path, **options)
    return artwork(path, MAX_PX)


def bordered(image: Image.Image, left: int, top: int, right: int, bottom: int) -> Image.Image:
    canvas = Image.new("RGBA", (image.width + left + right, image.height + top + bottom))
    canvas.paste(image, (left, top))
    return canvas


def tile(side_px: int = 16) -> Image.Image:
    """Opaque pixel art without a border, of few colours none of which is that of a hole."""
    colours = np.array([(40, 90, 30, 255), (60, 130, 40, 255), (120, 180, 70, 255)], np.uint8)
    return Image.fromarray(colours[np.random.default_rng(3).integers(0, 3, (side_px, side_px))])


@st.composite
def pictures(draw: st.DrawFn) -> Image.Image:
    """Art of every look that takes another way: sprites, tiles, soft alpha, gradients, strips, flat and empty ones."""
    width, height = draw(st.integers(1, 40)), draw(st.integers(1, 40))
    random = np.random.default_rng(draw(st.integers(0, 1000)))
    kind = draw(st.sampled_from(["sprite", "colours", "soft", "gradient", "strip", "flat", "framed"]))
    if kind == "sprite":
        return shelf.sprite(draw(st.integers(0, 200)), size_px=draw(st.integers(8, 48)))
    if kind == "gradient":
        cells = random.integers(0, 256, (3, 3, 4), np.uint8)
        return Image.fromarray(cells).resize((width + 12, height + 12), Image.Resampling.BICUBIC)
    if kind == "strip":
        width = 4 * height + 7 * width
    pixels = random.integers(0, 256, (height, width, 4), np.uint8)
    if kind != "soft":
        colours = pixels.reshape(-1, 4)[: 1 if kind == "flat" else 4]
        colours[:, 3] = draw(st.sampled_from([0, 255])) if kind == "flat" else 255
        pixels = colours[random.integers(0, len(colours), (height, width))]
    if kind == "framed":
        pixels = np.pad(pixels, ((2, 3), (1, 4), (0, 0)), constant_values=255)
    return Image.fromarray(pixels)


@settings(deadline=None)
@given(picture=pictures(), data=st.data())
def test_every_exact_copy_is_prepared_the_same_to_the_bit(
    tmp_path_factory: pytest.TempPathFactory, picture: Image.Image, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("copies", numbered=True)
    picture.save(folder / "original.png")
    copy = picture
    if has_hidden(copy):
        copy = hidden_colours(copy)
    copy = enlarged(data.draw(st.integers(1, 7), "times"), NEAREST)(copy)
    copy = bordered(copy, *data.draw(st.tuples(*[st.integers(0, 20)] * 4), "border"))
    if len(set(copy.get_flattened_data())) < 200:
        copy = indexed(copy)
    copy.save(folder / "copy.png")
    of_original, of_copy = (artwork(folder / name, MAX_PX) for name in ("original.png", "copy.png"))
    np.testing.assert_array_equal(of_original, of_copy)
    ready, copied = (sprite(folder / name, SIDE, MAX_PX) for name in ("original.png", "copy.png"))
    np.testing.assert_array_equal(ready, copied)


@pytest.mark.parametrize("copy", EXACT, ids=lambda copy: copy.name)
@pytest.mark.parametrize("number", range(0, 24, 5))
def test_the_exact_copies_of_the_benchmark_are_exact(tmp_path: Path, number: int, copy: Copy) -> None:
    picture = shelf.sprite(number)
    assert copy.suits(picture)
    saved = copy.save(picture, tmp_path / "copy")
    assert np.array(picture).tobytes() != np.array(Image.open(saved).convert("RGBA")).tobytes() or (
        Image.open(saved).mode == "P"
    )
    np.testing.assert_array_equal(artwork(saved, MAX_PX), art_of(picture, tmp_path / "original.png"))


def test_art_is_its_own_pixels_without_what_is_empty(tmp_path: Path) -> None:
    pixels = np.zeros((9, 8, 4), np.uint8)
    pixels[2:7, 3:7] = np.array(tile().crop((0, 0, 4, 5)))
    pixels[3, 4] = (9, 9, 9, 0)
    expected = pixels[2:7, 3:7].copy()
    expected[1, 1] = 0
    np.testing.assert_array_equal(art_of(Image.fromarray(pixels), tmp_path / "x.png"), expected)


def test_sixteen_bits_make_no_difference(tmp_path: Path) -> None:
    grey = np.random.default_rng(0).integers(0, 256, (20, 30), np.uint8)
    deep = grey.astype(np.uint16) * 257
    of_deep = art_of(Image.fromarray(deep), tmp_path / "deep.png")
    np.testing.assert_array_equal(of_deep, art_of(Image.fromarray(grey), tmp_path / "grey.png"))


@pytest.mark.parametrize("times", [2, 3, 5, 8])
def test_art_drawn_in_blocks_is_made_smaller_as_its_enlargements_are(tmp_path: Path, times: int) -> None:
    blocks = enlarged(2, NEAREST)(tile(12))
    small = art_of(blocks, tmp_path / "a.png")
    assert small.shape == (12, 12, 4)
    larger = enlarged(times, NEAREST)(blocks)
    np.testing.assert_array_equal(art_of(larger, tmp_path / "b.png"), small)


def test_one_factor_counts_for_both_sides(tmp_path: Path) -> None:
    wide = tile(12).resize((36, 24), NEAREST)
    np.testing.assert_array_equal(art_of(wide, tmp_path / "x.png"), np.array(wide))
    wider = tile(12).resize((48, 24), NEAREST)
    np.testing.assert_array_equal(
        art_of(wider, tmp_path / "y.png"), np.array(tile(12).resize((24, 12), NEAREST))
    )


def test_what_is_all_alike_is_as_small_as_its_aspect_allows(tmp_path: Path) -> None:
    assert art_of(Image.new("RGB", (30, 20), (9, 80, 9)), tmp_path / "x.png").shape == (2, 3, 4)


def test_enlarged_art_on_a_flat_background_is_brought_to_its_size(tmp_path: Path) -> None:
    picture = Image.new("RGB", (101, 97), (20, 30, 40))
    picture.paste(enlarged(3, NEAREST)(tile()), (17, 22))
    np.testing.assert_array_equal(art_of(picture, tmp_path / "x.png"), np.array(tile()))


def test_a_border_between_two_stripes_counts(tmp_path: Path) -> None:
    width = 600
    top = STRIPE_PX // width
    assert top % 300
    pixels = np.full((900, width, 3), 40, np.uint8)
    pixels[top:] = 90
    assert art_of(Image.fromarray(pixels), tmp_path / "x.png").shape == (225, 150, 4)


def test_art_is_found_wherever_it_is_in_a_large_picture(tmp_path: Path) -> None:
    pixels = np.zeros((1000, 1400, 4), np.uint8)
    pixels[[100, 500, 907], [333, 1302, 45]] = (200, 10, 10, 255)
    assert art_of(Image.fromarray(pixels), tmp_path / "x.png").shape == (808, 1258, 4)


def test_blocks_are_found_in_pictures_of_many_stripes(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    art = Image.fromarray(random.integers(0, 256, (300, 400, 3), np.uint8))
    large = enlarged(3, NEAREST)(art)
    assert art_of(large, tmp_path / "x.png").shape == (300, 400, 4)
    pixels = np.array(large)
    pixels[-1, -1] = 255 - pixels[-1, -1]
    assert art_of(Image.fromarray(pixels), tmp_path / "y.png").shape == (900, 1200, 4)


def filled(passable: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """What a step at a time comes to from the border: slow, and surely right."""
    found = passable.copy()
    found[1:-1, 1:-1] = False
    while True:
        framed = np.pad(found, 1)
        around = framed[:-2, 1:-1] | framed[2:, 1:-1] | framed[1:-1, :-2] | framed[1:-1, 2:]
        more = found | (around & passable)
        if (more == found).all():
            return found
        found = more


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (7, 1), (2, 2), (13, 8), (40, 65)])
@pytest.mark.parametrize("share", [0.3, 0.95, 1.0])
def test_a_background_is_filled_as_far_as_it_goes(shape: tuple[int, int], share: float) -> None:
    random = np.random.default_rng(2)
    for _ in range(20):
        passable = random.random(shape) < share
        np.testing.assert_array_equal(reached(passable), filled(passable))


@pytest.mark.parametrize("colour", ["white", "black", "#ff00ff"])
@pytest.mark.parametrize("number", [0, 4, 9])
def test_a_background_of_a_key_colour_is_clear(tmp_path: Path, colour: str, number: int) -> None:
    art = shelf.sprite(number)
    flat = bordered(art, 30, 3, 3, 9)
    of_flat = art_of(flattened(colour)(flat), tmp_path / "flat.png")
    np.testing.assert_array_equal(of_flat, art_of(art, tmp_path / "art.png"))


def test_what_the_background_does_not_reach_keeps_its_colour(tmp_path: Path) -> None:
    pixels = np.full((30, 30, 3), 255, np.uint8)
    # A ring with white in it, and a way in that turns twice.
    pixels[5:25, 5:25] = (200, 30, 30)
    pixels[8:22, 8:22] = 255
    closed = art_of(Image.fromarray(pixels), tmp_path / "a.png")
    assert closed.shape == (20, 20, 4)
    assert closed[10, 10].tolist() == [255, 255, 255, 255]
    pixels[5:8, 12] = 255
    opened = art_of(Image.fromarray(pixels), tmp_path / "b.png")
    assert opened[10, 10].tolist() == [0, 0, 0, 0]


def test_a_flat_border_of_any_other_colour_is_cut_off_and_what_is_left_stays_opaque(tmp_path: Path) -> None:
    inner = np.array(tile())
    framed = np.full((40, 50, 4), (60, 130, 41, 255), np.uint8)
    framed[6:22, 9:25] = inner
    framed[6, 9] = framed[0, 0]
    expected = inner.copy()
    expected[0, 0] = framed[0, 0]
    np.testing.assert_array_equal(art_of(Image.fromarray(framed), tmp_path / "x.png"), expected)


@pytest.mark.parametrize("inside", [(90, 90, 200, 255), (0, 0, 0, 0)], ids=["a button", "an empty frame"])
def test_a_frame_around_one_colour_or_nothing_is_kept(tmp_path: Path, inside: tuple[int, ...]) -> None:
    frame = np.full((10, 15, 4), (0, 0, 0, 255), np.uint8)
    frame[1:-1, 1:-1] = inside
    np.testing.assert_array_equal(art_of(Image.fromarray(frame), tmp_path / "x.png"), frame)


def test_a_frame_with_holes_is_no_background(tmp_path: Path) -> None:
    frame = np.full((12, 15, 4), (0, 0, 0, 255), np.uint8)
    frame[1:-1, 1:-1] = 0
    frame[4:7, 5:9] = (200, 30, 30, 255)
    np.testing.assert_array_equal(art_of(Image.fromarray(frame), tmp_path / "x.png"), frame)


@pytest.mark.parametrize(
    ("how", "most"), [(Image.Resampling.BICUBIC, 6), (Image.Resampling.BILINEAR, 16)], ids=["cubic", "linear"]
)
@pytest.mark.parametrize("times", [2, 3, 4])
def test_a_smooth_enlargement_is_nearly_undone(
    tmp_path: Path, times: int, how: Image.Resampling, most: float
) -> None:
    for number in range(6):
        art = shelf.sprite(number)
        small = art_of(art, tmp_path / "a.png").astype(int)
        found = art_of(enlarged(times, how)(art), tmp_path / "b.png").astype(int)
        assert found.shape == small.shape
        seen = small[..., 3] > 0
        assert np.abs(found - small)[seen].mean() < most


def test_a_smooth_enlargement_of_odd_factor_is_undone_to_the_bit(tmp_path: Path) -> None:
    for number in range(6):
        art = shelf.sprite(number)
        large = enlarged(3, Image.Resampling.BICUBIC)(art)
        np.testing.assert_array_equal(art_of(large, tmp_path / "b.png"), art_of(art, tmp_path / "a.png"))


def test_opaque_art_enlarged_smoothly_is_nearly_undone(tmp_path: Path) -> None:
    large = enlarged(4, Image.Resampling.BICUBIC)(tile())
    found = art_of(large, tmp_path / "x.png").astype(int)
    assert np.abs(found - np.array(tile()).astype(int)).max() < 16


@pytest.mark.parametrize("number", range(8))
def test_art_that_nobody_enlarged_keeps_its_size(tmp_path: Path, number: int) -> None:
    art = Image.effect_noise((40 + number, 40), 60).convert("RGB") if number < 2 else shelf.sprite(number)
    expected = np.array(art.convert("RGBA"))
    if number >= 2:
        seen = expected[..., 3] > 0
        expected = expected[np.ix_(seen.any(axis=1), seen.any(axis=0))]
    assert art_of(art, tmp_path / "x.png").shape == expected.shape


def steps(count: int) -> Iterator[Image.Image]:
    """An animation whose art grows from nothing, and is whole in the middle."""
    art = np.array(shelf.sprite(0))
    for step in range(count):
        part = np.zeros_like(art)
        rows = round(len(art) * min(1.0, 2 * step / count))
        part[:rows] = art[:rows]
        yield Image.fromarray(part)


ANIMATIONS: dict[str, dict[str, Any]] = {
    "gif": {"disposal": 2},
    "png": {"disposal": 1, "default_image": False},
    "webp": {"lossless": True},
}


@pytest.mark.parametrize("kind", ANIMATIONS)
@pytest.mark.parametrize("count", [4, 7, 40])
def test_an_animation_is_seen_by_the_first_frame_that_shows_nearly_all(
    tmp_path: Path, kind: str, count: int
) -> None:
    frames = list(steps(count))
    path = tmp_path / f"x.{kind}"
    found = art_of(frames[0], path, save_all=True, append_images=frames[1:], duration=100, **ANIMATIONS[kind])
    whole = art_of(frames[-1], tmp_path / "whole.png")
    assert len(found) >= 0.8 * len(whole)
    np.testing.assert_array_equal(found[: len(found)], whole[: len(found)])


def test_the_same_animation_is_the_same_art_in_every_format(tmp_path: Path) -> None:
    frames = list(steps(30))
    found = [
        art_of(
            frames[0], tmp_path / f"x.{kind}", save_all=True, append_images=frames[1:], duration=50, **options
        )
        for kind, options in ANIMATIONS.items()
    ]
    for one, other in pairwise(found):
        np.testing.assert_array_equal(one, other)


def test_an_animation_that_fades_in_from_black_is_not_black(tmp_path: Path) -> None:
    art = np.array(flattened("#203050")(shelf.sprite(1)))
    frames = [Image.fromarray((art * share).astype(np.uint8)) for share in (0.0, 0.0, 0.5, 1.0)]
    found = art_of(
        frames[0], tmp_path / "x.webp", save_all=True, append_images=frames[1:], lossless=True, duration=50
    )
    assert len(np.unique(found.reshape(-1, 4), axis=0)) > 3
