"""Which works a search named before and does not name now, and whether its walks came to their end."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from sqlite_utils import Database

from artstore.addresses import record_addresses
from artstore.catalog import Catalog
from artstore.migrations import migrations
from artstore.models import Failure, Stage, Work
from artstore.settings import Settings
from artstore.walks import Walks
from tests.unit.conftest import SITE, a_work, record, rows

AXE, BOW, CLUB = (a_work(name) for name in ("Axe", "Bow", "Club"))
MOST = 100


@pytest.fixture
def walks(catalog: Catalog) -> Walks:
    for work in (AXE, BOW, CLUB):
        record(catalog, work)
    return Walks(catalog)


def walk(catalog: Catalog, key: str, *works: Work | str, ends: bool = True) -> bool:
    """Walk through a search that names *works*; return whether the walk before came to its end."""
    walks = Walks(catalog)
    was_ended = walks.begin(key)
    with catalog.transaction():
        walks.name(key, [work if isinstance(work, str) else work.url for work in works])
        if ends:
            walks.end(key)
    return was_ended


def read_ago(catalog: Catalog, work: Work, age: timedelta) -> None:
    moment = (datetime.now(UTC) - age).isoformat(timespec="seconds")
    with catalog.transaction():
        catalog.execute("UPDATE works SET crawled_at = ? WHERE url = ?", [moment, work.url])


def test_a_walk_is_ended_when_it_says_so_and_not_while_the_next_one_is_on_its_way(catalog: Catalog) -> None:
    assert not walk(catalog, "a", ends=False)
    assert not walk(catalog, "a")
    assert walk(catalog, "a", ends=False)
    assert not walk(catalog, "a")
    assert not walk(catalog, "b")


def test_what_an_earlier_walk_named_and_this_one_did_not_is_missed(catalog: Catalog, walks: Walks) -> None:
    walk(catalog, "a", AXE, BOW, CLUB)
    assert walks.unnamed("a", MOST) == []
    walk(catalog, "a", BOW, ends=False)
    assert walks.unnamed("a", MOST) == [AXE.url, CLUB.url]
    walk(catalog, "a", AXE, BOW)
    assert walks.unnamed("a", MOST) == [CLUB.url]


def test_a_search_misses_only_what_it_named_itself(catalog: Catalog, walks: Walks) -> None:
    walk(catalog, "a", AXE, BOW)
    walk(catalog, "b", BOW, CLUB)
    walk(catalog, "b")
    assert walks.unnamed("a", MOST) == []
    assert walks.unnamed("b", MOST) == [BOW.url, CLUB.url]
    assert walks.unnamed("never walked", MOST) == []


def test_what_is_gone_or_was_never_read_is_not_missed(catalog: Catalog, walks: Walks) -> None:
    walk(catalog, "a", AXE, BOW, f"{SITE}/content/never-read")
    with catalog.transaction():
        catalog.record_gone(AXE.url)
    walk(catalog, "a")
    assert walks.unnamed("a", MOST) == [BOW.url]


def test_those_read_longest_ago_come_first_and_no_more_than_asked_for(catalog: Catalog, walks: Walks) -> None:
    walk(catalog, "a", AXE, BOW, CLUB)
    for work, days in ((AXE, 3), (BOW, 30), (CLUB, 10)):
        read_ago(catalog, work, timedelta(days=days))
    walk(catalog, "a")
    assert walks.unnamed("a", MOST) == [BOW.url, CLUB.url, AXE.url]
    assert walks.unnamed("a", 2) == [BOW.url, CLUB.url]
    assert walks.unnamed("a", MOST, min_age=timedelta(days=5)) == [BOW.url, CLUB.url]


def test_one_that_cannot_be_asked_for_leaves_its_place_to_the_next(catalog: Catalog, walks: Walks) -> None:
    walk(catalog, "a", AXE, BOW)
    walk(catalog, "a")
    for times in range(2):
        assert walks.unnamed("a", 1) == [AXE.url], times
        with catalog.transaction():
            catalog.record_failure(Failure(Stage.PAGE, AXE.url, "http_500"))
    assert walks.unnamed("a", 1) == [BOW.url]


def test_what_a_search_does_not_find_any_more_is_missed_once(catalog: Catalog, walks: Walks) -> None:
    walk(catalog, "a", AXE, BOW, CLUB)
    walk(catalog, "a", CLUB)
    for work in (AXE, CLUB):
        walks.forget("a", work.url)
    walk(catalog, "a")
    assert walks.unnamed("a", MOST) == [BOW.url, CLUB.url]
    walk(catalog, "a", AXE)
    walk(catalog, "a")
    assert AXE.url in walks.unnamed("a", MOST)


def test_a_work_is_missed_under_its_own_address_whatever_the_listing_calls_it(
    catalog: Catalog, walks: Walks
) -> None:
    old = f"{SITE}/content/hatchet"
    with catalog.transaction():
        record_addresses(catalog, catalog.record_work(AXE), AXE, [old])
    walk(catalog, "a", old)
    walk(catalog, "a", AXE)
    assert walks.unnamed("a", MOST) == []
    walk(catalog, "a")
    assert walks.unnamed("a", MOST) == [AXE.url]
    walks.forget("a", AXE.url)
    assert rows(catalog, "SELECT url FROM walk_works") == []


def test_a_search_that_was_walked_when_no_names_were_kept_is_read_to_its_end_once_more(
    settings: Settings,
) -> None:
    settings.data_dir.mkdir()
    with closing(sqlite3.connect(settings.catalog_path)) as old, old:
        migrations.apply(Database(old), stop_before="m008_works_of_walks")
        old.execute("INSERT INTO walks VALUES ('a')")
    with Catalog(settings.catalog_path) as catalog:
        assert not walk(catalog, "a", AXE)
        assert walk(catalog, "a")


NAMED = st.lists(st.sets(st.integers(0, 5)), min_size=1, max_size=5)


@given(named=NAMED)
@examples(deadline=None, max_examples=30)
def test_whatever_the_walks_name_all_that_is_missing_is_missed(
    named: list[set[int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    settings = Settings(data_dir=tmp_path_factory.mktemp("walks"))
    works = [a_work(f"Work {number}") for number in range(6)]
    with Catalog(settings.catalog_path) as catalog:
        for work in works:
            record(catalog, work)
        for numbers in named:
            walk(catalog, "a", *(works[number] for number in numbers))
        missed = set().union(*named) - named[-1]
        assert set(Walks(catalog).unnamed("a", MOST)) == {works[number].url for number in missed}
