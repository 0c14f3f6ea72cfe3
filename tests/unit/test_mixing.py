"""Questions of several pictures: what they are made of, and what is left of them."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from artstore.errors import PictureError, UsageError
from search.mixing import Part, box_of, cut_out, mixed, part_of
from tests.unit.conftest import picture, unit_vectors


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("a.png", Part(Path("a.png"))),
        ("a.png=2", Part(Path("a.png"), 2.0)),
        ("a=b.png=0.5", Part(Path("a=b.png"), 0.5)),
        ("a=b.png", Part(Path("a=b.png"))),
        ("1234", Part(1234)),
        ("1234=.25", Part(1234, 0.25)),
        ("./1234", Part(Path("1234"))),
    ],
)
def test_a_part_is_a_file_or_a_number_with_a_weight(text: str, part: Part) -> None:
    assert part_of(text) == part
    assert part_of(text, unlike=True) == Part(part.picture, -part.weight)


def test_a_file_may_be_called_like_a_weight(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a=2").touch()
    assert part_of("a=2") == Part(Path("a=2"))


@pytest.mark.parametrize("weight", [0.0, float("nan"), float("inf")])
def test_a_weight_of_nothing_is_refused(weight: float) -> None:
    with pytest.raises(UsageError, match="leave it out"):
        Part(1, weight)


def test_a_mix_lies_between_what_it_is_made_of_and_away_from_what_it_is_not() -> None:
    one, other, third = (vector[None] for vector in unit_vectors(3, 64))
    np.testing.assert_allclose(mixed([one], [3.0]), one, atol=1e-6)
    both = mixed([one, other], [1.0, 1.0])[0]
    assert both @ one[0] == pytest.approx(float(both @ other[0]), abs=1e-5)
    heavy = mixed([one, other], [3.0, 1.0])[0]
    assert heavy @ one[0] > heavy @ other[0] > one[0] @ other[0]
    away = mixed([one, third], [1.0, -0.5])[0]
    assert away @ third[0] < one[0] @ third[0]
    assert np.linalg.norm(away) == pytest.approx(1.0, abs=1e-5)


def test_what_cancels_itself_out_is_told() -> None:
    (vector,) = unit_vectors(1, 8)
    with pytest.raises(UsageError, match="cancel each other out"):
        mixed([vector[None], vector[None]], [0.3, -0.3])


def test_a_region_is_cut_out_and_leaves_nothing_behind(tmp_path: Path) -> None:
    art = picture(3)
    art.save(tmp_path / "a.png")
    with cut_out(tmp_path / "a.png", box_of("2,1,5,4"), 1000) as region:
        assert np.array_equal(np.array(Image.open(region).convert("RGB")), np.array(art)[1:5, 2:7])
    assert not region.exists()


@pytest.mark.parametrize(
    "box", [(0, 0, 13, 1), (-1, 0, 3, 3), (0, 0, 0, 3), (5, 5, 1, 9), (1 << 70, 0, 1, 1)]
)
def test_a_region_outside_is_told_with_the_size(box: tuple[int, int, int, int], tmp_path: Path) -> None:
    picture(3).save(tmp_path / "a.png")
    with pytest.raises(UsageError, match="12x9 pixels"), cut_out(tmp_path / "a.png", box, 1000):
        pass


def test_a_region_of_no_picture_is_an_error_of_the_picture(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"no")
    with pytest.raises(PictureError), cut_out(tmp_path / "a.png", (0, 0, 1, 1), 1000):
        pass
