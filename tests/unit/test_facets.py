"""Filters with counts: as many as the filter, once set, lets through."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from artstore.catalog import Catalog
from artstore.filters import Filter
from artstore.licences import licence_from_name
from artstore.models import Findings, FoundImage, PictureFacts, StoredFile, Work
from artstore.settings import Settings
from search import Engine
from search.facets import Facet, FacetValue, Order
from tests import shelf
from tests.replica import build_site
from tests.unit.conftest import a_link, a_work

WORKS = (
    ("Sword", "Ada", ("CC0",), ("sword", "Pixel Art"), ("2D Art",), (16, 16, 1)),
    ("Axe", "ada", ("CC-BY 3.0", "GPL 3.0"), ("axe", "pixel art"), ("2D Art", "Texture"), (32, 48, 1)),
    ("Flag", "Bob, the builder", ("CC-BY 4.0",), (), ("2D Art",), (300, 300, 4)),
    ("Moss", "Eve", ("Our own terms",), ("moss",), ("Texture",), (512, 20, 1)),
)


def put(catalog: Catalog, work: Work, facts: PictureFacts) -> None:
    with catalog.transaction():
        catalog.record_work(work)
        for link in work.files:
            catalog.record_stored(StoredFile(link.path, 1, ""))
            image = FoundImage(f"files/{link.path}", None, facts)
            catalog.record_findings(link.path, Findings(images=[image]))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = Settings(data_dir=tmp_path / "data")
    with Catalog(made.catalog_path) as catalog:
        for title, author, licences, tags, types, (width, height, frames) in WORKS:
            work = a_work(
                title,
                a_link(f"{title}.png"),
                author=author,
                licences=tuple(map(licence_from_name, licences)),
                tags=tags,
                art_types=types,
            )
            put(catalog, work, PictureFacts("PNG", "RGBA", width, height, frames, title))
    return made


@pytest.fixture
def engine(settings: Settings) -> Iterator[Engine]:
    with Engine(settings) as opened:
        yield opened


def named(facets: tuple[Facet, ...], name: str) -> dict[str, int]:
    (facet,) = (facet for facet in facets if facet.name == name)
    return {f"{value.name}={value.value}": value.count for value in facet.values}


def set_to(only: Filter, value: FacetValue) -> Filter:
    """*only* with the filter that *value* is."""
    if value.name == "tag":
        return replace(only, tags=(*only.tags, value.value))
    if value.name in {"min", "max"}:
        side = int(value.value)
        other: dict[str, Any] = dict.fromkeys(
            ("min_width_px", "min_height_px", "max_width_px", "max_height_px")
        )
        return replace(only, **{**other, f"{value.name}_width_px": side, f"{value.name}_height_px": side})
    chosen: dict[str, Any] = {value.name: value.value}
    return replace(only, **chosen)


def test_counts_are_those_of_the_pictures(engine: Engine) -> None:
    facets = engine.facets()
    assert named(facets, "licence") == {
        "licence=cc0": 1,
        "licence=cc-by-3.0": 1,
        "licence=gpl-3.0": 1,
        "licence=cc-by-4.0": 1,
    }
    assert named(facets, "author") == {"author=Ada": 2, "author=Bob, the builder": 1, "author=Eve": 1}
    assert named(facets, "tag") == {"tag=Pixel Art": 2, "tag=sword": 1, "tag=axe": 1, "tag=moss": 1}
    assert named(facets, "art_type") == {"art_type=2D Art": 3, "art_type=Texture": 2}
    assert named(facets, "kind") == {"kind=still": 3, "kind=animation": 1}
    assert named(facets, "size") == {
        "max=16": 1,
        "max=32": 1,
        "max=64": 2,
        "max=128": 2,
        "max=256": 2,
        "min=256": 1,
    }


def test_a_filter_says_what_else_of_its_kind_there_would_be(engine: Engine) -> None:
    facets = engine.facets(Filter(author="Ada"))
    assert named(facets, "author") == {"author=Ada": 2, "author=Bob, the builder": 1, "author=Eve": 1}
    assert named(facets, "tag") == {"tag=Pixel Art": 2, "tag=sword": 1, "tag=axe": 1}
    assert named(engine.facets(Filter(tags=("sword",))), "tag") == {"tag=sword": 1, "tag=Pixel Art": 1}


def test_words_narrow_what_is_counted(engine: Engine) -> None:
    assert named(engine.facets(words="axe"), "author") == {"author=Ada": 1}
    assert named(engine.facets(words="nothing"), "tag") == {}


def test_a_file_of_two_works_counts_for_both_and_once(settings: Settings, engine: Engine) -> None:
    with Catalog(settings.catalog_path) as catalog, catalog.transaction():
        catalog.record_work(
            a_work("Again", a_link("Sword.png"), author="Zoe", licences=(licence_from_name("CC0"),))
        )
    engine.count_anew()
    facets = engine.facets()
    assert named(facets, "author")["author=Zoe"] == 1
    assert named(facets, "licence")["licence=cc0"] == 1


def test_counts_follow_the_catalog_once_they_are_made_anew(settings: Settings, engine: Engine) -> None:
    assert engine.count_anew() == 4
    with Catalog(settings.catalog_path) as catalog:
        put(
            catalog,
            a_work("New", a_link("New.png"), author="Zoe"),
            PictureFacts("PNG", "RGBA", 8, 8, 1, "n"),
        )
    assert "author=Zoe" not in named(engine.facets(), "author")
    assert engine.count_anew() == 5
    assert named(engine.facets(), "author")["author=Zoe"] == 1


@pytest.mark.parametrize(
    "only", [Filter(), Filter(licence="cc0"), Filter(tags=("sword",), max_width_px=64), Filter(kind="still")]
)
def test_every_count_is_what_the_filter_lets_through(tmp_path: Path, only: Filter) -> None:
    settings = Settings(data_dir=tmp_path / "site")
    shelf.catalog_site(build_site(works=40), settings)
    with Engine(settings) as engine:
        for facet in engine.facets(only):
            for value in facet.values:
                found = engine.browse(only=set_to(only, value), top=10_000, expand=True)
                assert value.count == len(found), value


def test_browsing_shows_each_picture_once_in_an_order_that_stays(engine: Engine) -> None:
    mixed = [hit.image_id for hit in engine.browse(top=10)]
    assert sorted(mixed) == [1, 2, 3, 4]
    assert mixed == [hit.image_id for hit in engine.browse(top=10)]
    assert [hit.image_id for hit in engine.browse(top=2, order=Order.NEWEST)] == [4, 3]
    assert engine.browse(only=Filter(author="Nobody")) == []


def test_a_picture_has_what_is_around_it(engine: Engine) -> None:
    facts = engine.facts(2)
    assert (facts.tags, facts.art_types, facts.file_name) == (
        ("axe", "pixel art"),
        ("2D Art", "Texture"),
        "Axe.png",
    )
    assert (facts.series, facts.beside, facts.gone) == ((), (), False)
    assert engine.stored([2, 99, 1 << 70])[2].pixel_hash == "Axe"
