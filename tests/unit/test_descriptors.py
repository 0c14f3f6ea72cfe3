"""What the embedders without a network are made of: exact sums, and no matter which way a picture looks."""

import numpy as np
import pytest
from PIL import Image

from embedder.descriptors import SIDE, Floats, directed, edges, fitted, folded, folded_directions, pooled

EXACT = 1 << 24
"""Up to here every whole number is a float32."""


def fields(most: int) -> tuple[Floats, Floats]:
    """Gradients of noise, and of the steepest edges there can be."""
    noise = np.random.default_rng(1).integers(-most, most + 1, (2, 3, SIDE, SIDE)).astype(np.float32)
    noise[:, 0] = most
    return noise[0], noise[1]


def test_sums_are_whole_numbers_that_float32_holds() -> None:
    # Of three channels from -255 to 255, two pixels apart: nothing is steeper.
    cells = folded_directions(pooled(directed(*fields(1530))))
    assert cells.max() < EXACT
    np.testing.assert_array_equal(cells, np.rint(cells))


def test_an_edge_counts_for_the_direction_that_it_has() -> None:
    flat = np.zeros((1, SIDE, SIDE), np.float32)
    strengths = directed(flat + 100, flat).sum(axis=(0, 2, 3))
    assert strengths[0] > 0
    assert not strengths[1:].any()
    np.testing.assert_array_equal(directed(flat - 100, flat).sum(axis=(0, 2, 3)), strengths)


def test_hardly_any_edges_are_like_none() -> None:
    none = np.zeros((1, SIDE, SIDE), np.float32)
    across, down = fields(4)
    assert edges(none, none)[0] @ edges(across[:1], down[:1])[0] > 0.9


def test_a_mirrored_picture_folds_to_the_same() -> None:
    across, down = fields(1530)
    strengths, mirrored = directed(across, down), directed(-across[..., ::-1], down[..., ::-1])
    np.testing.assert_array_equal(folded_directions(pooled(strengths)), folded_directions(pooled(mirrored)))
    plane = across[:, None]
    np.testing.assert_array_equal(folded(pooled(plane)), folded(pooled(plane[..., ::-1])))


@pytest.mark.parametrize("size", [(1, 1), (31, 10), (10, 31), (7, 200), (400, 3), (36, 36), (37, 35)])
def test_a_mirrored_picture_is_fitted_as_the_picture_is(size: tuple[int, int]) -> None:
    art = np.random.default_rng(2).integers(0, 256, (*size, 4), np.uint8)
    art[..., 3] = 255
    there = fitted(art, Image.Resampling.BICUBIC)
    back = fitted(np.ascontiguousarray(art[:, ::-1]), Image.Resampling.BICUBIC)[:, ::-1]
    np.testing.assert_allclose(there.astype(int), back, atol=1)


def test_a_strip_is_made_less_long() -> None:
    strip = np.full((9, 81, 4), 255, np.uint8)
    seen = fitted(strip, Image.Resampling.BICUBIC)[..., 3] > 0
    assert seen.any(axis=0).sum() == SIDE
    assert seen.any(axis=1).sum() == SIDE // 3
