"""The embedder that finds recolours: the same drawing is found under whatever colours."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from artstore.features import unit
from embedder.palette_blind import PaletteBlindEmbedder
from tests import shelf
from tests.benchmarks.copies import flattened, flipped, hue_shifted

EMBEDDER = PaletteBlindEmbedder(10_000_000)

Vectors = NDArray[np.float32]
Change = Callable[[Image.Image], Image.Image]


@cache
def originals() -> list[Image.Image]:
    """150 different sprites with holes."""
    return [shelf.sprite(number) for number in range(150)]


def vectors(pictures: list[Image.Image], folder: Path) -> Vectors:
    prepared = []
    for number, picture in enumerate(pictures):
        picture.save(folder / f"{number}.png")
        prepared.append(EMBEDDER.prepare(folder / f"{number}.png"))
    return unit(EMBEDDER.embed(np.stack(prepared)))


@cache
def known() -> Vectors:
    """The vectors of the originals."""
    with TemporaryDirectory() as folder:
        return vectors(originals(), Path(folder))


def share_found_first(pictures: list[Image.Image], folder: Path) -> float:
    found = vectors(pictures, folder) @ known().T
    return float(np.mean(found.argmax(axis=1) == np.arange(len(known()))))


def exchanged(picture: Image.Image) -> Image.Image:
    """Every colour becomes another one of the same picture."""
    pixels = np.array(picture)
    colours, numbers = np.unique(pixels.reshape(-1, 4), axis=0, return_inverse=True)
    seen = np.flatnonzero(colours[:, 3] == 255)
    colours[seen] = colours[np.roll(seen, 1)]
    return Image.fromarray(colours[numbers].reshape(pixels.shape))


def renamed(picture: Image.Image) -> Image.Image:
    """Every colour becomes a random one, dark and light alike."""
    pixels = np.array(picture)
    colours, numbers = np.unique(pixels.reshape(-1, 4), axis=0, return_inverse=True)
    colours[:, :3] = np.random.default_rng(9).integers(0, 256, (len(colours), 3))
    return Image.fromarray(colours[numbers].reshape(pixels.shape))


def dimmed(picture: Image.Image) -> Image.Image:
    """Every colour becomes a grey that is hardly another than the next."""
    pixels = np.array(picture)
    colours, numbers = np.unique(pixels.reshape(-1, 4), axis=0, return_inverse=True)
    colours[:, :3] = 40 + 2 * np.arange(len(colours))[:, None]
    return Image.fromarray(colours[numbers].reshape(pixels.shape))


def in_turned_hues(picture: Image.Image) -> Image.Image:
    return hue_shifted(hue_shifted(picture))


def test_recolours_by_the_artist_find_their_original_first(tmp_path: Path) -> None:
    # Measured: 0.99.
    recolours = [shelf.sprite(number, recolour=1) for number in range(len(originals()))]
    assert share_found_first(recolours, tmp_path) >= 0.96


@pytest.mark.parametrize("recolour", [exchanged, renamed, hue_shifted, in_turned_hues])
def test_a_drawing_under_other_colours_finds_its_original_first(recolour: Change, tmp_path: Path) -> None:
    assert share_found_first([recolour(picture) for picture in originals()], tmp_path) >= 0.97


def test_colours_may_be_hardly_different(tmp_path: Path) -> None:
    dark = [dimmed(picture) for picture in originals()]
    assert share_found_first(dark, tmp_path) >= 0.9


def test_a_recolour_may_be_mirrored_or_laid_on_white(tmp_path: Path) -> None:
    changed = [flattened("white")(flipped(hue_shifted(picture))) for picture in originals()]
    assert share_found_first(changed, tmp_path) >= 0.9


def test_colours_alone_say_nothing(tmp_path: Path) -> None:
    # The same silhouette in the same colours, drawn otherwise, is another drawing.
    stripes = Image.new("RGBA", (24, 24), "#c02020")
    stripes.paste((32, 32, 192, 255), (0, 0, 12, 24))
    chequers = stripes.copy()
    chequers.paste((192, 32, 32, 255), (0, 0, 12, 12))
    chequers.paste((32, 32, 192, 255), (12, 0, 24, 12))
    others = stripes.copy()
    others.paste((220, 220, 40, 255), (0, 0, 12, 24))
    striped, chequered, recoloured = vectors([stripes, chequers, others], tmp_path)
    np.testing.assert_array_equal(striped, recoloured)
    assert striped @ chequered < 0.9


def test_dithering_is_seen_where_it_is(tmp_path: Path) -> None:
    # Around each pixel of a chequerboard, colours are the same to all sides: no border has a direction.
    rows, columns = np.mgrid[:36, :36]
    dark = (rows + columns) % 2 * (rows < 18)
    pixels = np.where(dark[..., None], np.array([20, 20, 60, 255]), np.array([200, 180, 90, 255])).astype(
        np.uint8
    )
    # With a hole, so that no colour is taken for its background.
    pixels[:, 16:20] = 0
    above, below = Image.fromarray(pixels), Image.fromarray(pixels[::-1])
    found = vectors([above, below], tmp_path)
    assert found[0] @ found[1] < 0.95


def test_smooth_art_in_other_hues_is_found_too(tmp_path: Path) -> None:
    smooth = [picture.resize((96, 96), Image.Resampling.BICUBIC) for picture in originals()[:60]]
    (tmp_path / "hues").mkdir()
    found = vectors([hue_shifted(picture) for picture in smooth], tmp_path / "hues")
    nearness = found @ vectors(smooth, tmp_path).T
    assert np.mean(nearness.argmax(axis=1) == np.arange(len(smooth))) >= 0.95
