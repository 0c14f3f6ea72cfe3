"""From a search to works: listing pages, then the page of each work that is not known yet."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any, Self

from scrapy import Request, Spider
from scrapy.crawler import Crawler
from scrapy.http import Response, TextResponse
from scrapy.settings import BaseSettings
from twisted.python.failure import Failure as TwistedFailure

from artstore.catalog import Catalog
from artstore.models import Failure, Stage
from artstore.settings import Settings
from ogaspider.downloads import VERBATIM
from ogaspider.ending import CrawlEnded
from ogaspider.items import ArtItem, Item
from ogaspider.pages import ListingPage, WorkPage
from ogaspider.reasons import reason_of
from ogaspider.settings import derived_settings, house_settings
from ogaspider.urls import Query


class OgaSpider(Spider):
    """``scrapy crawl oga``: art, its facts and its files."""

    name = "oga"

    def __init__(self, query: Query, settings: Settings) -> None:
        super().__init__()
        self._query = query
        self._site_url = settings.site_url.rstrip("/")
        self._works_per_page = settings.works_per_page
        self._max_age = timedelta(days=settings.recrawl_after_days)
        self._catalog = Catalog(settings.catalog_path)

    @classmethod
    def update_settings(cls, settings: BaseSettings) -> None:
        """Set what follows from the house's settings, unless the command line says otherwise."""
        super().update_settings(settings)
        for name, value in derived_settings(house_settings(settings)).items():
            # Where files lie is not a matter of Scrapy's alone: unpacking and searching look below the data folder.
            settings.set(name, value, priority="cmdline" if name == "FILES_STORE" else "spider")

    @classmethod
    def from_crawler(cls, crawler: Crawler, **kwargs: Any) -> Self:
        """Return a spider for the ``-a`` arguments in *kwargs*."""
        settings = house_settings(crawler.settings)
        spider = cls(Query.from_arguments(kwargs, settings.site_url), settings)
        spider._set_crawler(crawler)
        return spider

    async def start(self) -> AsyncIterator[Any]:
        """Ask for the works by name, or for the first listing page."""
        if self._query.urls:
            for url in self._query.urls:
                yield self._work_request(url)
        else:
            yield self._listing_request(0, last=None)

    def parse_listing(self, response: Response, page: int, last: int | None) -> Iterator[Request | Item]:
        """Yield a request for each work that is due; from the first page, where *last* is not known yet, also for the others."""
        listing = ListingPage(response) if isinstance(response, TextResponse) else None
        if listing is None or not listing.recognised:
            yield self._not_recognised(response)
            return
        self._count("oga/pages")
        for url in _asked_urls(response):
            self._catalog.forget_failures(Stage.PAGE, url)
        due = [url for url in listing.work_urls if not self._catalog.is_fresh(url, self._max_age)]
        known = len(listing.work_urls) - len(due)
        others = range(0)
        self._count("oga/works/known", known)
        if last is None:
            last = min(listing.last_page, (self._query.max_pages or listing.last_page + 1) - 1)
            others = range(1, last + 1)
        self.logger.info(
            "listing page %d of %d: %d works to read, %d known (%s announced in all)",
            page + 1, last + 1, len(due), known, "none" if listing.total is None else listing.total,
        )  # fmt: skip
        yield from map(self._work_request, due)
        yield from (self._listing_request(number, last) for number in others)

    def parse_work(self, response: Response) -> Iterator[Item]:
        """Yield the work on its way to the pipelines."""
        page = WorkPage(response) if isinstance(response, TextResponse) else None
        if page is None or not page.recognised:
            yield self._not_recognised(response)
            return
        self._count("oga/pages")
        yield ArtItem(page.work, _asked_urls(response))

    def request_failed(self, failure: TwistedFailure) -> Iterator[Failure]:
        """Yield why a page could not be had."""
        if isinstance(failure.value, CrawlEnded):
            return
        request: Request = failure.request  # type: ignore[attr-defined]
        reason, detail = reason_of(failure.value)  # type: ignore[arg-type]
        yield self._failed(request.url, reason, detail)

    def closed(self, reason: str) -> None:
        """Say what came of it."""
        self._catalog.close()
        stats = self.crawler.stats
        numbers = {
            name: stats.get_value(f"oga/{name}", 0) for name in ("works", "files", "images", "failures")
        }
        self.logger.info(
            "%s: %d works, %d new files, %d pictures, %d failures (`python -m embedder --failures` lists them)",
            reason, numbers["works"], numbers["files"], numbers["images"], numbers["failures"],
        )  # fmt: skip

    def _listing_request(self, page: int, last: int | None) -> Request:
        return Request(
            self._query.listing_url(self._site_url, self._works_per_page, page),
            self.parse_listing,
            errback=self.request_failed,
            cb_kwargs={"page": page, "last": last},
            meta=dict(VERBATIM),
            # A listing waits for those before it and for their works: a bit of content is whole first.
            priority=-page,
        )

    def _work_request(self, url: str) -> Request:
        return Request(url, self.parse_work, errback=self.request_failed, meta=dict(VERBATIM))

    def _not_recognised(self, response: Response) -> Failure:
        return self._failed(
            response.url,
            "not_recognised",
            f"a page of {len(response.body)} bytes that is neither a listing nor a work",
        )

    def _failed(self, url: str, reason: str, detail: str) -> Failure:
        self.logger.warning("page not read: %s (%s)", url, reason)
        return Failure(Stage.PAGE, url, reason, detail)

    def _count(self, stat: str, by: int = 1) -> None:
        self.crawler.stats.inc_value(stat, by)


def _asked_urls(response: Response) -> tuple[str, ...]:
    """Return where *response* was asked for, and where from it was redirected."""
    return (response.url, *response.meta.get("redirect_urls", ()))
