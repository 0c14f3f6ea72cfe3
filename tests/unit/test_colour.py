"""The embedders without a network: only what can be seen counts, and what is alike is near.

What holds for both is asked of both; what only recolours show is in test_palette_blind.
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from artstore.features import unit
from embedder.colour import ColourEmbedder
from embedder.palette_blind import PaletteBlindEmbedder
from embedder.protocol import Embedder
from tests import shelf
from tests.benchmarks.copies import COPIES, Copy
from tests.replica import build_site

MAX_PX = 10_000_000

EMBEDDERS: dict[str, Embedder] = {
    embedder.name: embedder for embedder in (ColourEmbedder(MAX_PX), PaletteBlindEmbedder(MAX_PX))
}
COLOUR = EMBEDDERS["colour"]

SAME_ART = [copy for copy in COPIES if copy.exact]
ALTERED = {copy.name: copy for copy in COPIES if not copy.exact}

Vectors = NDArray[np.float32]

both = pytest.mark.parametrize("name", EMBEDDERS)


@cache
def originals() -> list[Image.Image]:
    """150 different sprites with holes."""
    return [shelf.sprite(number) for number in range(150)]


def vectors(embedder: Embedder, paths: Sequence[Path]) -> Vectors:
    return unit(embedder.embed(np.stack([embedder.prepare(path) for path in paths])))


def saved(pictures: Sequence[Image.Image], folder: Path) -> list[Path]:
    folder.mkdir(exist_ok=True)
    paths = [folder / f"{number}.png" for number in range(len(pictures))]
    for picture, path in zip(pictures, paths, strict=True):
        picture.save(path)
    return paths


@cache
def known(name: str) -> Vectors:
    """The vectors of the originals."""
    with TemporaryDirectory() as folder:
        return vectors(EMBEDDERS[name], saved(originals(), Path(folder)))


def share_found_first(copy: Copy, folder: Path) -> float:
    paths = [copy.save(picture, folder / f"{number}") for number, picture in enumerate(originals())]
    found = vectors(COLOUR, paths) @ known("colour").T
    return float(np.mean(found.argmax(axis=1) == np.arange(len(paths))))


@both
def test_the_sprites_are_different_enough_to_be_told_apart(name: str) -> None:
    nearness = known(name) @ known(name).T - 2 * np.eye(len(originals()), dtype=np.float32)
    assert nearness.max() < 0.9999


@both
@pytest.mark.parametrize("copy", SAME_ART, ids=lambda copy: copy.name)
def test_a_copy_of_the_same_art_gives_the_same_numbers(name: str, copy: Copy, tmp_path: Path) -> None:
    suited = [number for number, picture in enumerate(originals()[:40]) if copy.suits(picture)]
    paths = [copy.save(originals()[number], tmp_path / f"{number}") for number in suited]
    assert len(paths) > 20
    np.testing.assert_array_equal(vectors(EMBEDDERS[name], paths), known(name)[suited])


@pytest.mark.parametrize(
    ("name", "share"),
    [
        ("x2, bicubic", 1.0),
        ("x3, bicubic", 1.0),
        ("on white", 1.0),
        ("on black", 1.0),
        ("JPEG, on white", 0.97),
        ("flipped", 1.0),
        ("cropped to 3/4", 0.9),
    ],
)
def test_an_altered_copy_finds_its_original_first(name: str, share: float, tmp_path: Path) -> None:
    # Measured: 0.95 of those that are cropped, and all others.
    assert share_found_first(ALTERED[name], tmp_path) >= share


def test_recolours_are_nearer_than_unrelated_art(tmp_path: Path) -> None:
    recolours = [shelf.sprite(number, recolour=1) for number in range(len(originals()))]
    nearness = vectors(COLOUR, saved(recolours, tmp_path)) @ known("colour").T
    own = np.diagonal(nearness)
    others = nearness[~np.eye(len(nearness), dtype=bool)]
    # Measured: 0.87 for its own original, 0.68 for others.
    assert own.mean() > others.mean() + 0.15
    assert np.mean(own > np.median(nearness, axis=1)) > 0.95


def test_pictures_of_one_work_are_nearer_than_those_of_another(tmp_path: Path) -> None:
    works = [
        [file for file in work.files if file.is_picture]
        for work in build_site(works=64).works
        if not work.fault
    ]
    pairs = [files for files in works if len(files) >= 2]
    paths = []
    for number, file in enumerate(file for files in pairs for file in files[:2]):
        paths.append(tmp_path / f"{number}")
        paths[-1].write_bytes(file.content)
    found = vectors(COLOUR, paths)
    nearness = found @ found.T
    own = np.array([nearness[i, i + 1] for i in range(0, len(found), 2)])
    assert len(own) > 5
    assert own.mean() > nearness[np.triu_indices(len(found), 2)].mean() + 0.1


def test_the_same_shape_in_like_colours_is_nearer_than_in_others(tmp_path: Path) -> None:
    shapes = [Image.new("RGBA", (24, 24), colour) for colour in ("#c02020", "#d03030", "#2020c0")]
    for shape in shapes:
        shape.paste((0, 0, 0, 0), (0, 0, 12, 8))
    red, reddish, blue = vectors(COLOUR, saved(shapes, tmp_path))
    assert red @ reddish > 0.9 > red @ blue


@both
def test_the_same_picture_gives_the_same_numbers_every_time(name: str, tmp_path: Path) -> None:
    again = vectors(EMBEDDERS[name], saved(originals(), tmp_path))
    assert again.dtype == np.float32
    assert again.shape == (len(originals()), EMBEDDERS[name].dim)
    np.testing.assert_array_equal(again, known(name))


@both
def test_a_picture_alone_and_in_a_batch_are_the_same_to_the_bit(name: str, tmp_path: Path) -> None:
    embedder = EMBEDDERS[name]
    batch = np.stack([embedder.prepare(path) for path in saved(originals()[:20], tmp_path)])
    alone = np.concatenate([embedder.embed(one[None]) for one in batch])
    np.testing.assert_array_equal(embedder.embed(batch), alone)


@both
def test_embedding_does_not_change_the_batch(name: str, tmp_path: Path) -> None:
    batch = EMBEDDERS[name].prepare(saved(originals()[:1], tmp_path)[0])[None]
    before = batch.copy()
    EMBEDDERS[name].embed(batch)
    np.testing.assert_array_equal(batch, before)


@both
def test_an_empty_picture_has_a_direction_and_is_like_no_other(name: str, tmp_path: Path) -> None:
    found = vectors(EMBEDDERS[name], saved([Image.new("RGBA", (20, 20)), *originals()], tmp_path))
    assert np.isfinite(found).all()
    assert (found[0] @ found[1:].T).max() < 0.9


def test_flat_pictures_are_told_apart_by_their_colours(tmp_path: Path) -> None:
    colours = ["red", "blue", "black", "white", "#808080"]
    found = vectors(COLOUR, saved([Image.new("RGBA", (20, 20), name) for name in colours], tmp_path))
    nearness = found @ found.T - 2 * np.eye(len(found), dtype=np.float32)
    assert nearness.max() < 0.8


@both
def test_a_shape_is_seen_by_its_alpha_alone(name: str, tmp_path: Path) -> None:
    # As grey as what is clear is taken to be.
    shapes = [Image.new("RGBA", (24, 24), "#808080") for _ in range(2)]
    for shape, side in zip(shapes, (12, 23), strict=True):
        shape.paste((0, 0, 0, 0), (0, 0, side, side))
    tall, wide = vectors(EMBEDDERS[name], saved(shapes, tmp_path))
    assert tall @ wide < 0.98


def test_a_nearly_flat_picture_is_known_by_its_colour(tmp_path: Path) -> None:
    # All of it could be background; then nothing would be left.
    noise = np.random.default_rng(4).integers(0, 9, (30, 40, 3), np.uint8)
    red, blue = (
        Image.fromarray(noise + np.array(colour, np.uint8)) for colour in ((200, 30, 30), (30, 30, 200))
    )
    flat = Image.new("RGB", (40, 30), (204, 34, 34))
    found = vectors(COLOUR, saved([red, blue, flat], tmp_path))
    assert found[0] @ found[2] > found[1] @ found[2] + 0.1


def test_it_matters_where_the_colours_are(tmp_path: Path) -> None:
    flag = Image.new("RGB", (24, 24), "#c02020")
    flag.paste((32, 32, 192), (0, 12, 24, 24))
    turned = flag.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    found = vectors(COLOUR, saved([flag, turned], tmp_path))
    assert found[0] @ found[1] < 0.95


def test_a_tile_keeps_the_colour_that_it_is_filled_with(tmp_path: Path) -> None:
    # What reaches the border on all sides may be what it was laid on, but not where nothing else would be left.
    tiles = [Image.new("RGB", (16, 16), colour) for colour in ("#308030", "#803030")]
    for tile in tiles:
        for place in ((0, 0), (0, 8), (15, 4), (15, 12), (4, 0), (9, 0), (3, 15), (12, 15)):
            for step in range(3):
                tile.putpixel((min(place[0] + step, 15), place[1]), (10, 10, 10))
                tile.putpixel((place[0], min(place[1] + step, 15)), (10, 10, 10))
    grass, earth = vectors(COLOUR, saved(tiles, tmp_path))
    assert grass @ earth < 0.95


@both
@pytest.mark.parametrize("size", [(1, 60_000), (60_000, 1), (3, 30_000)])
def test_a_long_strip_costs_no_more_than_its_own_pixels(
    name: str, size: tuple[int, int], tmp_path: Path
) -> None:
    # Padded to a square before it is made small it would take 14 GB.
    Image.effect_noise(size, 80).save(tmp_path / "strip.png")
    assert np.isfinite(vectors(EMBEDDERS[name], [tmp_path / "strip.png"])).all()


def test_a_large_picture_is_seen_as_a_small_one_is(tmp_path: Path) -> None:
    # Too large to be averaged in one piece, and no whole enlargement that could be undone.
    small = Image.fromarray(np.random.default_rng(3).integers(0, 256, (9, 12, 3), np.uint8))
    sizes = [(60, 45), (1500, 1125)]
    found = vectors(COLOUR, saved([small.resize(size, Image.Resampling.BICUBIC) for size in sizes], tmp_path))
    assert found[0] @ found[1] > 0.99


@both
@given(
    size=st.tuples(st.integers(1, 200), st.integers(1, 200)),
    seed=st.integers(0, 5),
    least_alpha=st.sampled_from([0, 255]),
)
def test_whatever_comes_the_vector_is_finite_and_has_a_direction(
    tmp_path_factory: pytest.TempPathFactory, name: str, size: tuple[int, int], seed: int, least_alpha: int
) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 4), np.uint8)
    pixels[..., 3] *= np.random.default_rng(seed).integers(0, 2, size[::-1], np.uint8)
    pixels[..., 3] = np.maximum(pixels[..., 3], least_alpha)
    path = tmp_path_factory.mktemp("shapes") / "x.png"
    Image.fromarray(pixels).save(path)
    prepared = EMBEDDERS[name].prepare(path)
    assert prepared.shape == (36, 36, 4)
    assert prepared.dtype == np.uint8
    found = unit(EMBEDDERS[name].embed(prepared[None]))
    assert found.shape == (1, EMBEDDERS[name].dim)
    assert np.isfinite(found).all()
