"""The engine where art has copies, recolours and frames: one hit for each, and whose a picture is."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from artstore.errors import NotReady, UsageError
from artstore.settings import Settings
from embedder.colour import ColourEmbedder
from search import Engine, Evidence, Filter, Part
from tests import shelf

COLOUR = ColourEmbedder(10_000_000)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two works: 300 frames of a walk with other sprites, and a sword with copies and recolours; nobody may change it."""
    folder = tmp_path_factory.mktemp("groups")
    settings = Settings(data_dir=folder / "data")
    pack = shelf.save_noise(folder / "Walk", 300)
    for number in range(12):
        shelf.sprite(number).save(pack / f"{'abcdefghijkl'[number]}.png")
    swords = shelf.save_sprites(folder / "Swords", 0)
    sword = shelf.sprite(15, size_px=96)
    sword.save(swords / "sword.png")
    sword.resize((192, 192), Image.Resampling.NEAREST).save(swords / "large.png")
    for colour in (1, 2):
        shelf.sprite(15, colour, size_px=96).save(swords / f"in-{'xyz'[colour]}.png")
    # The same file in both works.
    sword.save(pack / "borrowed.png")
    for art in (pack, swords):
        shelf.catalog_folder(art, settings)
    shelf.embed_all(settings, COLOUR, ("hnsw:", "exact:"))
    shelf.group_all(settings, "colour")
    return settings.data_dir


@pytest.fixture(params=["hnsw:", "exact:"])
def engine(data: Path, request: pytest.FixtureRequest) -> Iterator[Engine]:
    with Engine.open(data, embedder="colour", index=request.param) as opened:
        yield opened


def name(path: str) -> str:
    return Path(path).name


def test_one_hit_stands_for_its_group_and_says_for_how_many_more(engine: Engine, data: Path) -> None:
    hits = engine.image(data / "files/added/Swords/sword.png", top=8)
    assert len(hits) == 8
    assert hits[0].distance is not None
    assert hits[0].distance < 1e-3
    assert hits[0].more == 4
    assert [hit.more for hit in hits].count(299) <= 1
    assert all(hit.more in {0, 299} for hit in hits[1:])
    every = engine.image(data / "files/added/Swords/sword.png", top=8, expand=True)
    assert {hit.more for hit in every} == {0}
    assert {name(hit.path) for hit in every[:3]} == {"sword.png", "large.png", "borrowed.png"}


def test_as_many_as_are_asked_for_come_although_one_group_fills_all_candidates(
    engine: Engine, data: Path
) -> None:
    frame = next((data / "files/added/Walk").glob("noise-0007.png"))
    hits = engine.image(frame, top=14)
    assert len(hits) == len({hit.path for hit in hits}) == 14
    assert hits[0].more == 299
    distances = [hit.distance or 0.0 for hit in hits]
    assert distances == sorted(distances)


def test_words_are_one_hit_for_each_group_too(engine: Engine) -> None:
    assert [hit.more for hit in engine.words("noise")] == [299]
    assert len(engine.words("noise", top=1000, expand=True)) == 300
    swords = engine.words("swords", top=10)
    assert [hit.more for hit in swords] == [3], "of its group, one is not called so"


def test_more_counts_only_what_the_filter_lets_through(engine: Engine, data: Path) -> None:
    hits = engine.image(data / "files/added/Swords/sword.png", top=1, only=Filter(max_width_px=96))
    assert (hits[0].more, hits.hidden) == (3, 1)
    liked = engine.like(engine.words("borrowed")[0].image_id, top=1)
    assert liked[0].more == 3, "what was asked with is not counted"


def test_a_group_is_listed_with_the_picture_that_was_asked_for_first(engine: Engine) -> None:
    borrowed = engine.words("borrowed")[0].image_id
    group = engine.group(borrowed)
    assert group[0].image_id == borrowed
    assert {name(hit.path) for hit in group} == {
        "borrowed.png",
        "sword.png",
        "large.png",
        "in-y.png",
        "in-z.png",
    }
    alone = engine.words('"a" png', expand=True)[0]
    assert engine.group(alone.image_id) == [alone]
    with pytest.raises(UsageError, match="there is no picture 99999"):
        engine.group(99999)


def test_a_group_is_listed_as_far_as_a_filter_lets_it_through(engine: Engine, data: Path) -> None:
    small = Filter(max_width_px=96)
    hit = engine.image(data / "files/added/Swords/sword.png", top=1, only=small)[0]
    group = engine.group(hit.image_id, only=small)
    assert group[0].image_id == hit.image_id
    assert len(group) == 1 + hit.more
    assert all(one.width_px <= 96 for one in group)


def test_a_mix_of_one_picture_is_that_picture(engine: Engine, data: Path) -> None:
    path = data / "files/added/Swords/sword.png"
    assert engine.mix([Part(path, 2.0)]) == engine.image(path)
    first = engine.image(path)[0].image_id
    assert engine.mix([Part(first)], expand=True) == engine.like(first, expand=True)


def test_what_is_not_wanted_moves_back(engine: Engine, data: Path) -> None:
    wanted, unwanted = (data / f"files/added/Walk/{letter}.png" for letter in "ab")
    alone = [name(hit.path) for hit in engine.image(wanted, top=1000, expand=True)]
    mixed = [
        name(hit.path) for hit in engine.mix([Part(wanted), Part(unwanted, -0.7)], top=1000, expand=True)
    ]
    assert alone[0] == mixed[0] == "a.png"
    assert mixed.index("b.png") > alone.index("b.png")
    both = engine.mix([Part(wanted), Part(unwanted)], top=2)
    assert {name(hit.path) for hit in both} == {"a.png", "b.png"}
    with pytest.raises(UsageError, match="not only what they must not"):
        engine.mix([Part(wanted, -1.0)])
    with pytest.raises(UsageError, match="not only what they must not"):
        engine.mix([])


def test_a_region_of_a_sheet_finds_the_sprite_in_it(engine: Engine, data: Path, tmp_path: Path) -> None:
    sheet = Image.new("RGBA", (96, 64), "navy")
    sheet.paste(Image.open(data / "files/added/Walk/c.png").convert("RGBA"), (32, 16))
    sheet.save(tmp_path / "sheet.png")
    assert name(engine.image(tmp_path / "sheet.png", top=1, box=(32, 16, 32, 32))[0].path) == "c.png"
    with pytest.raises(UsageError, match="96x64 pixels"):
        engine.image(tmp_path / "sheet.png", box=(90, 0, 32, 32))
    image_id = engine.words("borrowed")[0].image_id
    assert engine.like(image_id, top=3, box=(0, 0, 48, 48)) != engine.like(image_id, top=3)


def test_words_and_a_picture_together(engine: Engine, data: Path) -> None:
    hits = engine.image(data / "files/added/Walk/a.png", top=50, only=Filter(words="swords"), expand=True)
    assert {name(hit.path) for hit in hits} == {"sword.png", "large.png", "in-y.png", "in-z.png"}
    assert hits.hidden == 313
    with pytest.raises(UsageError, match="there is no word"):
        Filter(words=" - ")


def test_a_copy_is_known_with_certainty_and_with_every_work_that_has_it(
    engine: Engine, data: Path, tmp_path: Path
) -> None:
    with Image.open(data / "files/added/Swords/sword.png") as art:
        copy = art.convert("RGBA").resize((288, 288), Image.Resampling.NEAREST)
    copy.save(tmp_path / "mine.webp", lossless=True)
    found = engine.whose(tmp_path / "mine.webp")
    assert {origin.hit.title for origin in found.origins} == {"Swords", "Walk"}
    assert {(origin.evidence, origin.sureness) for origin in found.origins} == {(Evidence.SAME, 1.0)}
    assert found.nearest is None


def test_a_recolour_and_a_smooth_copy_are_known_less_surely(
    engine: Engine, data: Path, tmp_path: Path
) -> None:
    shelf.sprite(15, 3, size_px=96).save(tmp_path / "recolour.png")
    recolour = engine.whose(tmp_path / "recolour.png").origins[0]
    assert recolour.evidence == Evidence.RECOLOUR
    assert 0.5 < recolour.sureness < 1.0
    with Image.open(data / "files/added/Swords/sword.png") as art:
        art.convert("RGBA").resize((70, 70), Image.Resampling.BICUBIC).save(tmp_path / "smooth.png")
    smooth = engine.whose(tmp_path / "smooth.png").origins
    assert smooth[0].evidence == Evidence.ALIKE
    assert {origin.hit.title for origin in smooth if origin.sureness > 0.9} == {"Swords", "Walk"}
    assert [origin.sureness for origin in smooth] == sorted((o.sureness for o in smooth), reverse=True)


def test_where_nothing_is_close_enough_that_is_said(engine: Engine, tmp_path: Path) -> None:
    noise = np.random.default_rng(5).integers(0, 256, (60, 20, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "strange.png")
    found = engine.whose(tmp_path / "strange.png")
    assert found.origins == ()
    assert found.nearest is not None
    with pytest.raises(UsageError, match="is not a file"):
        engine.whose(tmp_path / "nowhere.png")
    (tmp_path / "text.png").write_text("text")
    with pytest.raises(UsageError, match="is no picture that can be read"):
        engine.whose(tmp_path / "text.png")


def test_two_different_pictures_with_the_same_score_stay_two(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data", embedder="colour")
    pack = shelf.save_sprites(tmp_path / "pack", 6)
    # To `colour` a mirrored picture is the same; to somebody who searches it is another.
    noise = np.random.default_rng(3).integers(0, 256, (6, 6, 3), np.uint8)
    art = Image.fromarray(noise).resize((48, 48), Image.Resampling.NEAREST)
    art.save(pack / "left.png")
    art.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(pack / "right.png")
    shelf.catalog_folder(pack, settings)
    shelf.embed_all(settings, COLOUR)
    shelf.group_all(settings, "colour")
    with Engine(settings) as engine:
        hits = engine.image(pack / "left.png", top=3)
    assert {name(hit.path) for hit in hits[:2]} == {"left.png", "right.png"}
    assert hits[0].distance == pytest.approx(hits[1].distance, abs=1e-6)
    assert [hit.more for hit in hits[:2]] == [0, 0]


def test_what_was_not_compared_yet_says_what_to_run(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data", embedder="colour")
    shelf.catalog_folder(shelf.save_sprites(tmp_path / "pack", 2), settings)
    with Engine(settings) as engine, pytest.raises(NotReady, match="python -m embedder --embedder colour"):
        engine.whose(next((tmp_path / "pack").iterdir()))
