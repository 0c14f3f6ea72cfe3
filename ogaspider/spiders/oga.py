"""From a search or a collection to works: listing pages, then the page of each work that is not known yet."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Self

from scrapy import Request, Spider, signals
from scrapy.crawler import Crawler
from scrapy.exceptions import DontCloseSpider
from scrapy.http import Response, TextResponse
from scrapy.settings import BaseSettings
from twisted.python.failure import Failure as TwistedFailure

from artstore.catalog import Catalog
from artstore.errors import NotWritten
from artstore.models import Failure, Stage
from artstore.places import Places
from artstore.settings import Settings
from artstore.visits import Validators, Visits
from artstore.walks import Walks
from ogaspider.downloads import VERBATIM, header
from ogaspider.ending import ENDED, NOT_WRITTEN, CrawlEnded, Ending
from ogaspider.items import ArtItem, Gone, Item, Unchanged, recorded_urls
from ogaspider.listings import CollectionPage, ListingPage, rows_of
from ogaspider.missing import Missing
from ogaspider.newest import Newest
from ogaspider.pages import WorkPage
from ogaspider.progress import ANNOUNCED, KNOWN, summary
from ogaspider.reasons import reason_of
from ogaspider.settings import derived_settings, house_settings
from ogaspider.unrecognised import explained
from ogaspider.urls import ArtCollection, Listing, Query
from ogaspider.walking import Walk

NOT_MODIFIED = 304

GONE = {"http_404", "http_410"}

PAGES_AT_ONCE = 2
"""Pages of a listing on their way. Asked for all at once, 16 of them would come together as soon as the downloader
runs out of works: 22 MB once parsed, and the requests for 2,000 works. One alone would leave the downloader idle meanwhile."""

OLDER = "oga/works/older"
"""Stat: works that were met on the way to a date and are older than it."""


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
        self._walks: dict[Listing | ArtCollection, Walk] = {}
        self._new: set[str] = set()
        """Works that an update met, and that nobody had read before it."""
        self._lost = False
        self._is_over = False
        """Whether all was read that was asked for: what follows are works that no listing names any more."""
        self._newest: dict[Listing, Newest] = {}
        """How far listings are read that are read as far as a date."""
        self._dates: dict[str, datetime] = {}
        """When works were posted that are not in the catalog: too old to be, or on their way to it."""
        self._asked: set[str] = set()
        """Works on their way, and those that the catalog would have asked for again: failures, redirects. Scrapy's own
        memory of what was asked for would drop a redirect loop without a word, and grow with every work."""
        max_age = timedelta(days=settings.recrawl_after_days)
        self._visits = Visits(self._catalog, max_age)
        self._walk_book = Walks(self._catalog)
        self._missing = Missing(self._catalog, self._site_url, max_age)
        self._places = Places(self._catalog)

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
        crawler.signals.connect(spider.item_recorded, signals.item_scraped)
        crawler.signals.connect(spider.item_lost, signals.item_error)
        crawler.signals.connect(spider.page_lost, signals.spider_error)
        crawler.signals.connect(spider.all_read, signals.spider_idle)
        return spider

    async def start(self) -> AsyncIterator[Any]:
        """Ask for the works by name, or for the first page of each collection or listing."""
        for url in self._visits.once_each(self._query.urls):
            yield self._work_request(url)
        for collection in self._query.collections:
            self._walks[collection] = Walk(collection, self._query.max_pages)
            yield self._page_request(collection, 0, last=0)
        if self._query.update:
            # An update does not come by the pages of works that failed, or whose files did, long ago.
            for url in self._visits.failed_pages(self._site_url) + self._visits.unfinished(self._site_url):
                if url not in self._asked:
                    yield self._work_request(url)
        for listing in self._query.listings:
            with self._writing():
                was_ended = self._walk_book.begin(listing.key)
                to_known = self._query.update and was_ended
                self._walks[listing] = Walk(
                    listing, self._query.max_pages, to_known=to_known, was_ended=was_ended
                )
                if self._query.since:
                    self._newest[listing] = Newest(listing, self._query.since)
                yield self._page_request(listing, 0, last=0)

    def parse_page(
        self, response: Response, listing: Listing | ArtCollection, page: int, last: int
    ) -> list[Request | Item]:
        """Return a request for each work that is due, and for the next pages.

        The page that is the *last* as far as is known tells which follow. An update reads
        the newest first, and on only while it meets works that it did not know. No
        generator: that would keep the parsed page, 1 MB, until the last request is taken.
        """
        walk, found = self._walks[listing], rows_of(response, listing)
        if found is None or not found.recognised:
            walk.is_unread = True
            return [self._not_recognised(response, listing), *self._next_pages(walk, 1)]
        works = found.work_urls
        walk.counted(found.total)
        self._page_was_read(response, walk, works)
        if isinstance(found, CollectionPage) and found.inner_urls:
            self.logger.info("collections in it, which are not read: %s", ", ".join(found.inner_urls))
        limit = walk.limit(found.last_page)
        if isinstance(listing, Listing) and listing in self._newest:
            self._newest[listing].turn_to(page, limit, works)
            return self._go_on(self._newest[listing])
        due = [url for url in works if self._visits.is_due(url)]
        self._count(KNOWN, len(works) - len(due))
        if walk.to_known:
            # What is new to this crawl is new to each of its listings, though another one came by it first.
            self._new |= {url for url in works if not self._visits.is_known(url)}
        following = walk.turn(page, last, found.last_page, has_new=not self._new.isdisjoint(works))
        self._announce(found, page, following)
        self.logger.info(
            "%spage %d of %d: %d works to read, %d known (%s announced in all)",
            f"{listing.label}: " if listing.label else "listing ", page + 1, max(page, limit) + 1, len(due),
            len(works) - len(due), "none" if found.total is None else found.total,
        )  # fmt: skip
        requests: list[Request | Item] = [self._work_request(url) for url in due if url not in self._asked]
        if not found.is_whole:
            walk.is_unread = True
            requests.append(
                self._failed(
                    _asked_first(response), "not_recognised", f"only {len(works)} works of a page of more"
                )
            )
        return [*requests, *self._next_pages(walk, PAGES_AT_ONCE if following else 1)]

    def parse_work(
        self, response: Response, newest: Newest | None = None, place: int = 0
    ) -> Iterator[Request | Item]:
        """Yield the work on its way to the pipelines, or that its page is what it was.

        Where it has a *place* in a listing that is read as far as a date, also what is
        to be asked for next; a work that is too old goes nowhere.
        """
        if response.status == NOT_MODIFIED:
            yield from self._came(newest, place)
            self._count("oga/pages")
            self._count("oga/works/unchanged")
            # Known is what was asked for, wherever that leads to by now.
            yield Unchanged(_asked_first(response))
            return
        page = WorkPage(response) if isinstance(response, TextResponse) else None
        if page is None or not page.recognised:
            yield from self._came(newest, place)
            yield self._not_recognised(response)
            return
        if newest and page.posted_at:
            self._dates.update(dict.fromkeys(_asked_urls(response), page.posted_at))
        if newest and page.posted_at and newest.is_old(place, page.posted_at):
            self._page_was_read(response)
            self._count(ANNOUNCED, -1)
            self._count(OLDER)
            yield from self._came(newest, place)
            return
        yield from self._came(newest, place)
        self._count("oga/pages")
        work = self._places.place(page.work)
        yield ArtItem(
            work,
            _asked_urls(response),
            validators=Validators(header(response, "ETag"), header(response, "Last-Modified")),
            changed=self._visits.has_changed(work),
        )
        for url in page.strays:
            self.logger.warning("not asked for: %s (not_a_file)", url)
            yield Failure(
                Stage.DOWNLOAD, url, "not_a_file", f"no file of the site's art, but listed by {work.url}"
            )

    def request_failed(self, failure: TwistedFailure) -> Iterator[Request | Item]:
        """Yield why a page could not be had."""
        if isinstance(failure.value, CrawlEnded):
            return
        request: Request = failure.request  # type: ignore[attr-defined]
        reason, detail = reason_of(failure.value)  # type: ignore[arg-type]
        yield from self._in_place_of(request)
        failed = self._failed(_asked_first(request), reason, detail)
        yield Gone(failed, (request.url,)) if reason in GONE else failed

    def item_recorded(self, item: Item) -> None:
        """Forget that a work was asked for where the catalog knows by now that it is not to be asked for again."""
        with self._writing():
            self._missing.came(recorded_urls(item))
        for url in recorded_urls(item):
            if not self._visits.is_due(url):
                self._asked.discard(url)
                self._dates.pop(url, None)

    def page_lost(self, response: Response | None) -> None:
        """Ask for what follows a page that an error of ours cost: it shall cost no other. None is the start."""
        if response and response.request:
            for each in self._in_place_of(response.request):
                if isinstance(each, Request):
                    self.crawler.engine.crawl(each)

    def item_lost(self) -> None:
        """Remember that an error of ours cost a work: whoever comes next has to come by it again."""
        self._lost = True

    def all_read(self) -> None:
        """Write which listings were read to their end, and ask for the works that they name no more.

        Nothing is on its way. Raises DontCloseSpider if there is anything to ask for.
        """
        stats = self.crawler.stats
        lost = self._lost or stats.get_value("spider_exceptions/count") or stats.get_value(ENDED)
        if self._is_over or lost or self._query.since:
            return
        self._is_over = True
        with self._writing():
            missing = self._missing.after(self._walks.values()) - self._asked
            if missing:
                self.logger.info(
                    "works that no listing names, asked whether they are still there: %d", len(missing)
                )
                self._count(ANNOUNCED, len(missing))
                for url in sorted(missing):
                    self.crawler.engine.crawl(self._work_request(url))
                raise DontCloseSpider

    def closed(self, reason: str) -> None:
        """Say what came of it."""
        self._catalog.close()
        self.logger.info("%s: %s", reason, summary(self.crawler.stats, self._data_dir))

    def _go_on(self, newest: Newest) -> list[Request | Item]:
        """Return what is to be asked for now that a page of the listing, or one of its works, has come.

        All at once: two works that come at the same time must not ask for the same.
        """
        requests: list[Request | Item] = []
        while work := newest.next_work():
            place, url = work
            posted_at = self._visits.posted_at(url) or self._dates.get(url)
            if posted_at and newest.is_old(place, posted_at):
                self._count(OLDER)
                continue
            self._count(ANNOUNCED)
            if self._visits.is_due(url) and url not in self._asked:
                newest.sent(place)
                requests.append(self._work_request(url, newest=newest, place=place))
            else:
                self._count(KNOWN)
        if not newest.is_page_done:
            return requests
        return requests + self._turn(newest)

    def _turn(self, newest: Newest) -> list[Request | Item]:
        """Return the request for the next page of a listing that is read as far as a date, if there is to be one."""
        listing, page = newest.listing, newest.page
        if newest.is_over or newest.page >= newest.last:
            self.logger.info(
                "%spage %d: %s", f"{listing.label}: " if listing.label else "listing ", page + 1,
                "all that follows is older than asked for" if newest.is_over else "the last one",
            )  # fmt: skip
            return []
        if not newest.dated:
            self._walks[listing].is_unread = True
            detail = "not one of its works tells its date: nobody knows where to end"
            return [self._failed(self._address(listing, page), "undated", detail)]
        return [self._page_request(listing, page + 1, newest.last)]

    def _came(self, newest: Newest | None, place: int) -> list[Request | Item]:
        """Return what is to be asked for now that a work has come, or will not come."""
        return self._go_on(newest) if newest and newest.came(place) else []

    def _in_place_of(self, request: Request) -> Sequence[Request | Item]:
        """Return what is to be asked for in the place of a page that will not come."""
        if listing := request.cb_kwargs.get("listing"):
            walk = self._walks[listing]
            walk.is_unread = True
            return self._next_pages(walk, 1)
        return self._came(request.cb_kwargs.get("newest"), request.cb_kwargs.get("place", 0))

    def _address(self, listing: Listing | ArtCollection, page: int) -> str:
        if isinstance(listing, ArtCollection):
            return listing.url(page)
        return listing.url(self._site_url, self._works_per_page, page)

    def _next_pages(self, walk: Walk, most: int) -> list[Request]:
        """Return the requests for the next pages of *walk*, in the place of one that came or will not come."""
        return [self._page_request(walk.listing, number, walk.last) for number in walk.take(most)]

    def _page_request(self, listing: Listing | ArtCollection, page: int, last: int) -> Request:
        return Request(
            self._address(listing, page),
            self.parse_page,
            errback=self.request_failed,
            cb_kwargs={"listing": listing, "page": page, "last": last},
            meta=dict(VERBATIM),
            dont_filter=True,
            # A page waits for those before it and for their works: a bit of content is whole first.
            priority=-page,
        )

    def _work_request(self, url: str, **of_listing: Any) -> Request:
        """Return the request for a work, which asks only whether it has changed where that is enough."""
        self._asked.add(url)
        validators = self._visits.validators(url)
        return Request(
            url,
            self.parse_work,
            errback=self.request_failed,
            cb_kwargs=of_listing,
            headers=validators.headers() if validators else None,
            meta=VERBATIM | {"handle_httpstatus_list": [NOT_MODIFIED]},
            dont_filter=True,
        )

    def _page_was_read(
        self, response: Response, walk: Walk | None = None, work_urls: Sequence[str] = ()
    ) -> None:
        """Count a page of which nothing is recorded but that it failed no more, and which works a *walk* came by."""
        self._count("oga/pages")
        with self._writing(), self._catalog.transaction():
            for url in _asked_urls(response):
                self._catalog.forget_failures(Stage.PAGE, url)
            if walk and isinstance(walk.listing, Listing):
                self._walk_book.name(walk.listing.key, work_urls)

    def _announce(self, found: ListingPage | CollectionPage, page: int, following: int) -> None:
        """Count the works of the *following* pages, and of the first, as far as is known."""
        works = len(found.work_urls)
        to_come = following * works
        if found.total is not None:
            to_come = min(to_come, max(0, found.total - (page + 1) * works))
        self._count(ANNOUNCED, to_come if page else works + to_come)

    def _not_recognised(self, response: Response, listing: Listing | ArtCollection | None = None) -> Failure:
        reason, detail = explained(response, listing)
        return self._failed(_asked_first(response), reason, detail)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """End the crawl where what is done inside cannot be written: nothing else could be."""
        try:
            yield
        except NotWritten as error:
            Ending(self.crawler).end(NOT_WRITTEN, str(error))

    def _failed(self, url: str, reason: str, detail: str) -> Failure:
        self.logger.warning("page not read: %s (%s)", url, reason)
        return Failure(Stage.PAGE, url, reason, detail)

    def _count(self, stat: str, by: int = 1) -> None:
        self.crawler.stats.inc_value(stat, by)


def _asked_first(page: Request | Response) -> str:
    """Return where *page* was asked for before any redirect: by that address it is come by and tried again."""
    urls: list[str] = page.meta.get("redirect_urls", [page.url])
    return urls[0]


def _asked_urls(response: Response) -> tuple[str, ...]:
    """Return where *response* was asked for, and where from it was redirected."""
    return (response.url, *response.meta.get("redirect_urls", ()))
