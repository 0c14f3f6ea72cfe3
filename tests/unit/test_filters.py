"""Filters let through what fits, all of it, and nothing else."""

import random
import threading
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from artstore import filters
from artstore.catalog import Catalog
from artstore.errors import UsageError
from artstore.filters import Filter, IdSets
from artstore.kept import Kept
from artstore.licences import find_licences, licence_from_name
from artstore.models import Findings, FoundImage, PictureFacts, StoredFile, Work
from artstore.settings import Settings
from tests.unit.conftest import a_link, a_work, an_image

LICENCES = ("CC0", "CC-BY 3.0", "CC-BY 4.0", "CC-BY-SA 3.0", "GPL 3.0")
AUTHORS = ("Ada", "Bob, the builder", "Eve")
TAGS = ("sword", "Pixel Art", "lpc")
TYPES = ("2D Art", "Texture", "3D Art")
COLLECTIONS = (("https://o.org/content/nice", "Nice, things"), ("https://o.org/content/odd", "Odd"))


def put(catalog: Catalog, work: Work, **pictures: FoundImage) -> None:
    with catalog.transaction():
        catalog.record_work(work)
        for link in work.files:
            catalog.record_stored(StoredFile(link.path, 1, "s"))
            found = pictures.get("picture") or an_image(f"files/{link.path}", None, link.path)
            catalog.record_findings(link.path, Findings([found]))


def some_work(number: int) -> tuple[Work, FoundImage]:
    """A work with one picture, and facts by chance."""
    chance = random.Random(number)
    path = f"p{number}.png"
    sides = chance.choice([16, 32, 64]), chance.choice([16, 32, 64])
    facts = PictureFacts("PNG", "RGBA", *sides, chance.choice([1, 1, 4]), f"h{number}")
    work = a_work(
        f"Work {number}",
        a_link(path),
        node_id=1000 + number,
        author=chance.choice(AUTHORS),
        collaborators=tuple(chance.sample(AUTHORS, chance.choice([0, 0, 1]))),
        tags=tuple(chance.sample(TAGS, chance.randint(0, 3))),
        art_types=(chance.choice(TYPES),),
        licences=tuple(map(licence_from_name, chance.sample(LICENCES, chance.randint(0, 2)))),
        collections=tuple(chance.sample(COLLECTIONS, chance.choice([0, 1, 2]))),
    )
    return work, FoundImage(f"files/{path}", None, facts, chance.choice([None, None, "walk", "run"]))


WORKS = [some_work(number) for number in range(60)]


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IdSets]:
    """Picture n + 1 is that of work n."""
    path = tmp_path_factory.mktemp("filters") / "catalog.db"
    with Catalog(path) as catalog:
        for work, image in WORKS:
            put(catalog, work, picture=image)
    with IdSets(path) as sets:
        yield sets


def fits(only: Filter, work: Work, image: FoundImage) -> bool:
    """Say the same as the SQL does, in another way."""
    facts = image.facts
    kinds = {"animation"} if facts.frames > 1 else set()
    kinds |= {"series"} if image.series else set()
    kinds = kinds or {"still"}
    keys = {licence.key for licence in work.licences}
    series = WORKS[only.series_of - 1][1].series if only.series_of and only.series_of <= len(WORKS) else None
    return all(
        [
            only.licence is None or keys & set(find_licences(only.licence)),
            only.author is None or only.author.lower() in map(str.lower, (work.author, *work.collaborators)),
            all(
                {part.lower() for part in tag.split(",")} & set(map(str.lower, work.tags))
                for tag in only.tags
            ),
            only.art_type is None or work.art_types[0].lower().startswith(only.art_type),
            only.work is None or only.work in {work.url, str(work.node_id), work.url.rpartition("/")[2]},
            only.collection is None
            or only.collection in {part for pair in work.collections for part in pair},
            only.kind is None or kinds & set(only.kind.split(",")),
            only.series_of is None or (series and image.series == series),
            facts.width_px >= (only.min_width_px or 0),
            facts.height_px >= (only.min_height_px or 0),
            facts.width_px <= (only.max_width_px or 999),
            facts.height_px <= (only.max_height_px or 999),
        ]
    )


def maybe(*values: object) -> st.SearchStrategy[object]:
    return st.none() | st.none() | st.sampled_from(values)


FILTERS = st.builds(
    Filter,
    licence=maybe("cc0", "CC-BY", "cc-by-sa,gpl", "lgpl"),
    author=maybe("ada", "Bob, the builder", "nobody"),
    tags=st.lists(st.sampled_from(["sword", "pixel art", "lpc,sword", "nothing"]), max_size=2).map(tuple),
    art_type=maybe("2d", "texture", "3d art", "x"),
    work=maybe("1007", WORKS[9][0].url, "work-12", "work"),
    collection=maybe(COLLECTIONS[0][0], "Odd", "Nice, things", "Nice"),
    kind=maybe("still", "animation,series", "series"),
    series_of=maybe(1, 5, 20, 999),
    min_width_px=maybe(17, 32),
    min_height_px=maybe(32),
    max_width_px=maybe(32, 64),
    max_height_px=maybe(33),
)


@given(only=FILTERS)
def test_a_filter_lets_through_what_fits_and_nothing_else(full: IdSets, only: Filter) -> None:
    expected = [number for number, (work, image) in enumerate(WORKS, 1) if fits(only, work, image)]
    ids = full.ids(only)
    assert (ids is None) == (not only)
    assert ids is None or (ids.tolist() == expected and ids.dtype == np.int64)


def test_the_filters_of_these_tests_choose(full: IdSets) -> None:
    for only in (
        Filter(licence="cc-by"),
        Filter(author="Bob, the builder"),
        Filter(tags=("lpc,sword", "pixel art")),
        Filter(collection="Nice, things"),
        Filter(kind="animation,series"),
        Filter(min_width_px=32, max_height_px=32),
        Filter(series_of=next(n for n, (_, image) in enumerate(WORKS, 1) if image.series)),
        Filter(licence="gpl", tags=("sword",), min_width_px=32),
    ):
        ids = full.ids(only)
        assert ids is not None
        assert 0 < len(ids) < len(WORKS)


def test_all_conditions_have_to_be_kept_by_one_work(catalog: Catalog, settings: Settings) -> None:
    cc0, gpl = licence_from_name("CC0"), licence_from_name("GPL 3.0")
    put(catalog, a_work("One", a_link("a.png"), author="Ada", licences=(cc0,)))
    put(catalog, a_work("Two", a_link("a.png"), author="Bob", licences=(gpl,)))
    with IdSets(settings.catalog_path) as sets:
        assert listed(sets, Filter(licence="cc0", author="ada")) == [1]
        assert listed(sets, Filter(licence="gpl", author="Bob")) == [1]
        assert listed(sets, Filter(licence="cc0", author="Bob")) == []


def listed(sets: IdSets, only: Filter) -> list[int]:
    ids = sets.ids(only)
    assert ids is not None
    return [int(image_id) for image_id in ids]


def test_a_page_that_lists_a_file_no_more_speaks_for_it_only_where_no_other_does(
    catalog: Catalog, settings: Settings
) -> None:
    cc0, gpl = licence_from_name("CC0"), licence_from_name("GPL 3.0")
    put(catalog, a_work("Old page", a_link("a.png"), licences=(cc0,)))
    with IdSets(settings.catalog_path) as sets:
        assert listed(sets, Filter(licence="cc0")) == [1]
        put(catalog, a_work("Old page", licences=(cc0,)))
        assert listed(sets, Filter(licence="cc0")) == [1]
        put(catalog, a_work("New page", a_link("a.png"), licences=(gpl,)))
        assert listed(sets, Filter(licence="cc0")) == []
        assert listed(sets, Filter(licence="gpl")) == [1]


def test_what_is_kept_is_not_kept_past_a_change(catalog: Catalog, settings: Settings) -> None:
    put(catalog, a_work("One", a_link("a.png"), tags=("sword",)))
    with IdSets(settings.catalog_path) as sets:
        first = sets.ids(Filter(tags=("sword",)))
        assert sets.ids(Filter(tags=("sword",))) is first
        put(catalog, a_work("Two", a_link("b.png"), tags=("sword",)))
        assert listed(sets, Filter(tags=("sword",))) == [1, 2]
        catalog.execute("DELETE FROM images WHERE image_id = 1")
        assert listed(sets, Filter(tags=("sword",))) == [2]


def test_what_takes_long_to_find_may_be_a_little_old(
    catalog: Catalog, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(catalog, a_work("One", a_link("a.png"), tags=("sword",)))
    monkeypatch.setattr(filters, "SLOW_S", 0.0)
    monkeypatch.setattr(filters, "PATIENCE", 1e9)
    with IdSets(settings.catalog_path) as sets:
        assert listed(sets, Filter(tags=("sword",))) == [1]
        put(catalog, a_work("Two", a_link("b.png"), tags=("sword",)))
        assert listed(sets, Filter(tags=("sword",))) == [1]
        assert listed(sets, Filter(tags=("Sword",))) == [1, 2], "what was not asked before is new"
        monkeypatch.setattr(filters, "PATIENCE", 0)
        assert listed(sets, Filter(tags=("sword",))) == [1, 2]


def test_no_more_is_kept_than_there_is_room_for() -> None:
    kept: Kept[str, int] = Kept(10)
    for number, name in enumerate("abc"):
        kept.keep(name, number, 4)
    assert [kept.get(name) for name in "abc"] == [None, 1, 2]
    kept.get("b")
    kept.keep("d", 3, 4)
    assert [kept.get(name) for name in "bcd"] == [1, None, 3], "what was used last stays"
    kept.keep("b", 4, 2)
    kept.keep("e", 5, 4)
    assert [kept.get(name) for name in "bde"] == [4, 3, 5], "what is replaced takes no room any more"
    kept.keep("large", 6, 99)
    assert [kept.get(name) for name in ("b", "large")] == [None, 6]


def test_tags_may_be_given_as_a_list_or_as_one(full: IdSets) -> None:
    expected = listed(full, Filter(tags=("sword",)))
    for tags in (["sword"], "sword"):
        assert listed(full, Filter(tags=tags)) == expected  # type: ignore[arg-type]


def test_what_is_given_out_cannot_be_changed(full: IdSets) -> None:
    ids = full.ids(Filter(licence="cc0"))
    assert ids is not None
    with pytest.raises(ValueError, match="read-only"):
        ids[0] = 7


def test_many_threads_may_ask_at_once(full: IdSets) -> None:
    asked = [Filter(min_width_px=side) for side in range(1, 66)]
    expected = [listed(full, only) for only in asked]
    found: dict[int, list[list[int]]] = {}

    def ask(thread: int) -> None:
        found[thread] = [listed(full, only) for only in asked]

    threads = [threading.Thread(target=ask, args=[number]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(found[number] == expected for number in range(8))


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({"licence": "mit"}, "no licence is called 'mit'"),
        ({"licence": " , "}, "no licence is named"),
        ({"kind": ","}, "no kind of picture is named in ','; there are still"),
        ({"kind": "gif"}, "no kind of picture is called 'gif'; there are still, animation, series"),
        ({"min_width_px": 33, "max_width_px": 32}, "at least 33 and at most 32 pixels in width"),
        ({"min_height_px": 0}, "no picture is of 0 pixels"),
        ({"max_height_px": 1 << 80}, "no picture is of"),
        ({"series_of": 1 << 80}, "there is no picture"),
    ],
)
def test_what_no_picture_can_be_is_told(facts: dict[str, object], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        Filter(**facts)  # type: ignore[arg-type]


def test_what_is_empty_is_not_asked_for(full: IdSets) -> None:
    for only in (Filter(author=""), Filter(art_type="", work="", collection="", words=None), Filter(tags=())):
        assert not only
        assert full.ids(only) is None


def test_no_text_is_taken_for_sql(full: IdSets) -> None:
    for text in ("'", '"', "a' OR 1=1 --", "%", "_", "*", "\\", "?"):
        for only in (
            Filter(author=text),
            Filter(tags=(text,)),
            Filter(art_type=text),
            Filter(work=text),
            Filter(collection=text),
        ):
            assert listed(full, only) == []
