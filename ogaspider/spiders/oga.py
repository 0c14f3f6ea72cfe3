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
from artstore.visits import Validators, Visits
from ogaspider.downloads import VERBATIM, header
from ogaspider.ending import CrawlEnded
from ogaspider.items import ArtItem, Gone, Item, Unchanged
from ogaspider.pages import ListingPage, WorkPage
from ogaspider.progress import ANNOUNCED
from ogaspider.reasons import reason_of
from ogaspider.settings import derived_settings, house_settings
from ogaspider.urls import Listing, Query

NOT_MODIFIED = 304

GONE = {"http_404", "http_410"}


class OgaSpider(Spider):
    """``scrapy crawl oga``: art, its facts and its files."""

    name = "oga"

    def __init__(self, query: Query, settings: Settings) -> None:
        super().__init__()
        self._query = query
        self._site_url = settings.site_url.rstrip("/")
        self._works_per_page = settings.works_per_page
        self._data_dir = settings.data_dir
        self._catalog = Catalog(settings.catalog_path)
        self._walked: set[Listing] = set()
        """Listings that the crawl before read to their end: beyond a page without anything new, all is known."""
        self._unread: set[Listing] = set()
        """Listings of which a page could not be read."""
        # Our own memory of what was asked for: Scrapy's would drop a redirect loop without a word.
        self._asked: set[str] = set()
        self._visits = Visits(self._catalog, timedelta(days=settings.recrawl_after_days))

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
        """Ask for the works by name, or for the first page of each listing."""
        for url in self._query.urls:
            yield self._work_request(url)
        if self._query.update:
            # An update does not come by the pages of the works that failed long ago.
            for url in self._visits.failed_pages(self._site_url):
                yield self._work_request(url)
        for listing in self._query.listings:
            if self._visits.was_walked(listing.key):
                self._walked.add(listing)
            self._visits.begin_walk(listing.key)
            yield self._listing_request(listing, 0, last=None)

    def parse_listing(
        self, response: Response, listing: Listing, page: int, last: int | None
    ) -> Iterator[Request | Item]:
        """Yield a request for each work that is due, and for the listing pages that are to follow.

        Those are known from the first page on, where *last* is None. An update reads
        the newest first, and on only while it meets works that it did not know.
        """
        found = ListingPage(response) if isinstance(response, TextResponse) else None
        if found is None or not found.recognised:
            self._unread.add(listing)
            yield self._not_recognised(response)
            return
        self._count("oga/pages")
        with self._catalog.transaction():
            for url in _asked_urls(response):
                self._catalog.forget_failures(Stage.PAGE, url)
        due = [url for url in found.work_urls if self._visits.is_due(url)]
        new = [url for url in found.work_urls if not self._visits.is_known(url)]
        self._count("oga/works/known", len(found.work_urls) - len(due))
        first = last is None
        if last is None:
            last = min(found.last_page, (self._query.max_pages or found.last_page + 1) - 1)
            readable = len(found.work_urls) if last == 0 else (last + 1) * self._works_per_page
            self._count(ANNOUNCED, min(readable, readable if found.total is None else found.total))
        self.logger.info(
            "%slisting page %d of %d: %d works to read, %d known (%s announced in all)",
            f"{listing.words}: " if listing.words else "", page + 1, last + 1, len(due),
            len(found.work_urls) - len(due), "none" if found.total is None else found.total,
        )  # fmt: skip
        yield from (self._work_request(url) for url in due if url not in self._asked)
        if self._query.update and listing in self._walked:
            following = range(page + 1, page + 2 if new and page < last else page + 1)
        else:
            following = range(1, last + 1 if first else 1)
        yield from (self._listing_request(listing, number, last) for number in following)

    def parse_work(self, response: Response) -> Iterator[Item]:
        """Yield the work on its way to the pipelines, or that its page is what it was."""
        if response.status == NOT_MODIFIED:
            self._count("oga/pages")
            self._count("oga/works/unchanged")
            yield Unchanged(response.url)
            return
        page = WorkPage(response) if isinstance(response, TextResponse) else None
        if page is None or not page.recognised:
            yield self._not_recognised(response)
            return
        self._count("oga/pages")
        yield ArtItem(
            page.work,
            _asked_urls(response),
            validators=Validators(header(response, "ETag"), header(response, "Last-Modified")),
            changed=self._visits.has_changed(page.work),
        )

    def request_failed(self, failure: TwistedFailure) -> Iterator[Item]:
        """Yield why a page could not be had."""
        if isinstance(failure.value, CrawlEnded):
            return
        request: Request = failure.request  # type: ignore[attr-defined]
        reason, detail = reason_of(failure.value)  # type: ignore[arg-type]
        self._unread.update(filter(None, [request.cb_kwargs.get("listing")]))
        # Where it began: the addresses in between are nobody's.
        failed = self._failed(request.meta.get("redirect_urls", [request.url])[0], reason, detail)
        yield Gone(failed) if reason in GONE else failed

    def closed(self, reason: str) -> None:
        """Write which listings were read to their end, and say what came of it."""
        if reason == "finished" and self._query.max_pages is None:
            for listing in set(self._query.listings) - self._unread:
                self._visits.end_walk(listing.key)
        self._catalog.close()
        stats = self.crawler.stats
        numbers = {
            name: stats.get_value(f"oga/{name}", 0) for name in ("works", "files", "images", "failures")
        }
        self.logger.info(
            "%s: %d works, %d new files, %d pictures, %d failures%s",
            reason, numbers["works"], numbers["files"], numbers["images"], numbers["failures"],
            f" (`python -m embedder --failures --data-dir {self._data_dir}` lists them)" if numbers["failures"] else "",
        )  # fmt: skip

    def _listing_request(self, listing: Listing, page: int, last: int | None) -> Request:
        return Request(
            listing.url(self._site_url, self._works_per_page, page),
            self.parse_listing,
            errback=self.request_failed,
            cb_kwargs={"listing": listing, "page": page, "last": last},
            meta=dict(VERBATIM),
            dont_filter=True,
            # A listing waits for those before it and for their works: a bit of content is whole first.
            priority=-page,
        )

    def _work_request(self, url: str) -> Request:
        """Return the request for a work, which asks only whether it has changed where that is enough."""
        self._asked.add(url)
        validators = self._visits.validators(url)
        return Request(
            url,
            self.parse_work,
            errback=self.request_failed,
            headers=validators.headers() if validators else None,
            meta=VERBATIM | {"handle_httpstatus_list": [NOT_MODIFIED]},
            dont_filter=True,
        )

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
