"""What a crawl keeps in mind of its walk through a listing: little, however long it is."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest
from scrapy import Request
from scrapy.http import HtmlResponse
from twisted.python.failure import Failure as TwistedFailure

from artstore.catalog import Catalog
from artstore.models import Failure, FileState, Stage
from artstore.settings import Settings
from artstore.walks import Walks
from ogaspider.bookkeeping import record
from ogaspider.items import ArtItem
from ogaspider.spiders.oga import PAGES_AT_ONCE, OgaSpider
from ogaspider.urls import Query
from tests.replica import build_site, pages
from tests.replica.listing import listing_page

BASE = "https://opengameart.org"
SITE = build_site(works=200)
PAGES = -(-len(SITE.works) // 24)


class Stats(Counter[str]):
    def inc_value(self, key: str, count: int = 1) -> None:
        self[key] += count


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.load(data_dir=tmp_path, site_url=BASE, works_per_page=24)


@pytest.fixture
def spider(settings: Settings) -> OgaSpider:
    spider = OgaSpider(Query.from_arguments({"art_type": "all"}, BASE), settings)
    spider.crawler = SimpleNamespace(stats=Stats(), settings={})  # type: ignore[assignment]
    return spider


def start(spider: OgaSpider) -> list[Request]:
    async def requests() -> list[Any]:
        return [request async for request in spider.start()]

    return asyncio.run(requests())


def first_of(spider: OgaSpider) -> Request:
    (request,) = start(spider)
    return request


def answered(request: Request) -> list[Any]:
    """Return what comes of the good answer to *request*."""
    path, query = urlsplit(request.url)[2:4]
    is_listing = path == "/art-search-advanced"
    text = (
        listing_page(SITE.works, path, query, BASE)
        if is_listing
        else pages.work_page(SITE.work(path.removeprefix("/content/")), BASE)
    )
    return outcome(request, text)


def outcome(request: Request, text: str) -> list[Any]:
    response = HtmlResponse(request.url, body=text.encode(), encoding="utf-8", request=request)
    return list(request.callback(response, **request.cb_kwargs))  # type: ignore[misc]


def refused(request: Request) -> list[Any]:
    failure = TwistedFailure(OSError("no way"))  # type: ignore[no-untyped-call]
    failure.request = request  # type: ignore[attr-defined]
    return list(request.errback(failure))  # type: ignore[misc]


def unrecognised(request: Request) -> list[Any]:
    return outcome(request, pages.BACK_SOON)


def listings(found: Iterable[Any]) -> list[Request]:
    return [each for each in found if isinstance(each, Request) and "listing" in each.cb_kwargs]


def works(found: Iterable[Any]) -> list[Request]:
    return [each for each in found if isinstance(each, Request) and "listing" not in each.cb_kwargs]


def in_mind(spider: OgaSpider) -> set[str]:
    return spider._asked  # noqa: SLF001 - how much of it there is, nobody sees from outside


def recorded(spider: OgaSpider, item: ArtItem, settings: Settings) -> None:
    """Do with *item* what the pipelines do; none of its files is downloaded."""
    record([item], settings)
    spider.item_recorded(item)


def test_a_listing_is_read_to_its_end_and_two_pages_of_it_are_on_their_way(spider: OgaSpider) -> None:
    on_their_way, read, most = [first_of(spider)], [], 0
    while on_their_way:
        most = max(most, len(on_their_way))
        request = on_their_way.pop(0)
        read.append(request.cb_kwargs["page"])
        on_their_way += listings(answered(request))
    assert read == list(range(PAGES))
    assert most == PAGES_AT_ONCE < PAGES


@pytest.mark.parametrize("fails", [refused, unrecognised])
def test_pages_that_cannot_be_read_cost_only_themselves(spider: OgaSpider, fails: Any) -> None:
    on_their_way, read = listings(answered(first_of(spider))), [0]
    while on_their_way:
        request = on_their_way.pop(0)
        page = request.cb_kwargs["page"]
        found = answered(request) if page >= 4 else fails(request)
        assert page >= 4 or [each for each in found if not isinstance(each, Request)]
        read.append(page)
        on_their_way += listings(found)
    assert read == list(range(PAGES))


def test_a_page_that_an_error_of_ours_cost_is_followed_by_the_next(spider: OgaSpider) -> None:
    first, *others = listings(answered(first_of(spider)))
    asked: list[Request] = []
    spider.crawler.engine = SimpleNamespace(crawl=asked.append)  # type: ignore[assignment]
    for request in (first, *others):
        spider.page_lost(HtmlResponse(request.url, request=request))
    spider.page_lost(HtmlResponse(BASE, request=works(answered(first))[0]))
    assert [request.cb_kwargs["page"] for request in asked] == [3, 4]


def test_an_update_goes_on_where_another_listing_came_by_the_new_works_first(settings: Settings) -> None:
    """Each reads its first page, then, if anything on it is new, its second."""
    asked = Query.from_arguments({"query": "of; OF", "art_type": "all", "mode": "update"}, BASE)
    with Catalog(settings.catalog_path) as catalog:
        for listing in asked.listings:
            Walks(catalog).begin(listing.key)
            with catalog.transaction():
                Walks(catalog).end(listing.key)
    spider = OgaSpider(asked, settings)
    spider.crawler = SimpleNamespace(stats=Stats(), settings={})  # type: ignore[assignment]
    one, other = start(spider)
    for request in works(answered(one)):
        (item,) = answered(request)
        recorded(spider, item, settings)
    assert [request.cb_kwargs["page"] for request in listings(answered(other))] == [1]


def test_a_work_that_is_recorded_is_kept_in_mind_by_the_catalog_alone(
    spider: OgaSpider, settings: Settings
) -> None:
    first = first_of(spider)
    asked = works(answered(first))
    assert len(asked) == len(in_mind(spider)) == 24
    assert works(answered(first)) == []
    for request in asked:
        (item,) = answered(request)
        item.unavailable += [
            (Failure(Stage.DOWNLOAD, link.url, "too_large"), FileState.TOO_LARGE) for link in item.work.files
        ]
        recorded(spider, item, settings)
    assert in_mind(spider) == set()
    assert works(answered(first)) == []


def test_a_work_of_which_a_file_is_still_to_be_had_is_not_asked_for_twice(
    spider: OgaSpider, settings: Settings
) -> None:
    first = first_of(spider)
    asked = works(answered(first))
    for request in asked:
        (item,) = answered(request)
        recorded(spider, item, settings)
    with Catalog(settings.catalog_path) as catalog:
        pending = catalog.execute(
            "SELECT DISTINCT works.url FROM works JOIN work_files USING (work_id) JOIN files USING (file_id) "
            "WHERE state = 'pending'"
        ).fetchall()
    assert in_mind(spider) == {row["url"] for row in pending} != set()
    assert works(answered(first)) == []


def test_where_a_redirect_began_is_known_to_lead_to_the_work(spider: OgaSpider, settings: Settings) -> None:
    first = first_of(spider)
    request = works(answered(first))[0]
    asked_at = request.url
    moved = request.replace(url=f"{BASE}/node/1", meta=request.meta | {"redirect_urls": [asked_at]})
    text = pages.work_page(SITE.work(urlsplit(asked_at).path.removeprefix("/content/")), BASE)
    text = text.replace(asked_at, f"{asked_at}-renamed")
    (item,) = outcome(moved, text)
    assert item.work.url != asked_at
    item.unavailable += [
        (Failure(Stage.DOWNLOAD, link.url, "too_large"), FileState.TOO_LARGE) for link in item.work.files
    ]
    recorded(spider, item, settings)
    assert asked_at not in in_mind(spider)
    assert works(answered(first)) == []
