"""How far a search is read that ends at a date."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest
from scrapy import Request
from scrapy.http import HtmlResponse

from artstore.models import Failure
from artstore.settings import Settings
from ogaspider.items import ArtItem
from ogaspider.newest import AT_ONCE, Newest
from ogaspider.spiders.oga import OgaSpider
from ogaspider.urls import Listing, Query
from tests.replica import Site, build_site, pages
from tests.replica.listing import listing_page

OLD, NEW = datetime(2009, 1, 1), datetime(2024, 1, 1)  # noqa: DTZ001 - as the site has them


@pytest.fixture
def newest() -> Newest:
    found = Newest(Listing(), datetime(2020, 1, 1))  # noqa: DTZ001
    found.turn_to(0, 3, [f"/content/{number}" for number in range(24)])
    return found


def ask(newest: Newest) -> list[int]:
    """Ask for all that may be asked for now; return the places."""
    places = []
    while work := newest.next_work():
        newest.sent(work[0])
        places.append(work[0])
    return places


def answer(newest: Newest, place: int, posted_at: datetime | None) -> list[int]:
    """Let a work come, and ask for what then may be asked for."""
    if posted_at:
        newest.is_old(place, posted_at)
    return ask(newest) if newest.came(place) else []


def test_a_few_works_are_on_their_way_and_each_that_comes_makes_room(newest: Newest) -> None:
    assert ask(newest) == [0, 1, 2, 3]
    assert len(range(AT_ONCE)) == 4
    assert ask(newest) == []
    assert answer(newest, 2, NEW) == [4]
    assert answer(newest, 0, None) == [5]
    assert not newest.is_page_done


def test_one_that_is_told_to_have_come_twice_makes_room_once(newest: Newest) -> None:
    ask(newest)
    assert answer(newest, 2, NEW) == [4]
    assert answer(newest, 2, NEW) == []


def test_four_old_ones_are_the_end_and_what_is_on_its_way_is_waited_for(newest: Newest) -> None:
    ask(newest)
    assert [answer(newest, place, OLD) for place in range(3)] == [[4], [5], [6]]
    assert answer(newest, 3, OLD) == []
    assert newest.is_over
    assert not newest.is_page_done
    assert [answer(newest, place, OLD) for place in (4, 5, 6)] == [[], [], []]
    assert newest.is_page_done


def test_an_old_one_out_of_place_is_not_the_end(newest: Newest) -> None:
    ask(newest)
    for place in range(20):
        answer(newest, place, OLD if place % 4 else NEW)
    assert not newest.is_over


def test_what_comes_late_and_stands_before_the_old_ones_changes_nothing(newest: Newest) -> None:
    ask(newest)
    for place in (1, 2, 3):
        answer(newest, place, OLD)
    answer(newest, 0, NEW)
    assert not newest.is_over
    answer(newest, 4, OLD)
    assert newest.is_over


def test_what_comes_late_and_is_new_among_old_ones_reopens_the_search(newest: Newest) -> None:
    ask(newest)
    for place in range(4):
        answer(newest, place, OLD)
    assert newest.is_over
    assert answer(newest, 5, NEW) == [7, 8]
    assert not newest.is_over


def test_places_count_on_from_page_to_page_and_dates_begin_anew(newest: Newest) -> None:
    ask(newest)
    for place in range(24):
        answer(newest, place, NEW if place < 22 else OLD)
    assert newest.is_page_done
    dated = [newest.dated]
    newest.turn_to(1, 3, ["/content/x", "/content/y", "/content/z"])
    assert [*dated, newest.dated] == [True, False]
    assert ask(newest) == [24, 25, 26]
    answer(newest, 24, OLD)
    answer(newest, 25, OLD)
    assert newest.is_over


SITE = build_site(works=100)
BASE = "https://opengameart.org"


class Stats(Counter[str]):
    def inc_value(self, key: str, count: int = 1) -> None:
        self[key] += count


def response_to(request: Request, site: Site) -> HtmlResponse:
    path, query = urlsplit(request.url)[2:4]
    if path == "/art-search-advanced":
        text = listing_page(site.works, path, query, BASE)
    else:
        text = pages.work_page(site.work(path.removeprefix("/content/")), BASE)
    return HtmlResponse(request.url, body=text.encode(), encoding="utf-8", request=request)


async def read(spider: OgaSpider) -> tuple[list[str], list[ArtItem | Failure]]:
    """Read search after search, and record nothing; return what was asked for and what came of it."""
    asked: list[str] = []
    found: list[ArtItem | Failure] = []
    for first in [request async for request in spider.start()]:
        waiting: deque[Any] = deque([first])
        while waiting:
            request = waiting.popleft()
            asked.append(urlsplit(request.url).path)
            for each in request.callback(response_to(request, SITE), **request.cb_kwargs):
                (waiting if isinstance(each, Request) else found).append(each)
    return asked, found


def test_a_second_search_goes_on_where_the_first_has_read_what_is_not_recorded_yet(tmp_path: Path) -> None:
    # The site takes both for the same words.
    words = {"query": "of; OF", "art_type": "all", "since": str(SITE.works[30].posted_at.date())}
    settings = Settings.load(data_dir=tmp_path, site_url=BASE, works_per_page=24)
    spider = OgaSpider(Query.from_arguments(words, BASE), settings)
    spider.crawler = SimpleNamespace(stats=Stats(), settings={})  # type: ignore[assignment]
    asked, found = asyncio.run(read(spider))
    listings = asked.count("/art-search-advanced")
    assert listings > 2
    assert listings % 2 == 0
    assert not [each for each in found if isinstance(each, Failure)]
    works = [path for path in asked if path.startswith("/content/")]
    assert len(works) == len({*works}) <= len(found) + 7


def test_works_that_an_error_of_ours_cost_are_passed_by(tmp_path: Path) -> None:
    words = {"art_type": "all", "since": "2009-01-01"}
    settings = Settings.load(data_dir=tmp_path, site_url=BASE, works_per_page=24)
    spider = OgaSpider(Query.from_arguments(words, BASE), settings)
    crawled: list[Request] = []
    spider.crawler = SimpleNamespace(  # type: ignore[assignment]
        stats=Stats(), settings={}, engine=SimpleNamespace(crawl=crawled.append)
    )

    async def first() -> Request:
        [request] = [request async for request in spider.start()]
        assert isinstance(request, Request)
        return request

    request = asyncio.run(first())
    crawled += request.callback(response_to(request, SITE), **request.cb_kwargs)  # type: ignore[misc]
    for number in range(24):
        spider.page_lost(response_to(crawled[number], SITE))
    assert len({request.url for request in crawled}) == len(crawled) == 24
