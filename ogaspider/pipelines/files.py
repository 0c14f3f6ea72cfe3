"""Download the files of a work, under their decoded names, whole or not at all."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import logging
from datetime import timedelta
from enum import Enum, auto
from typing import Self

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.exceptions import DropItem
from scrapy.http import Response
from scrapy.http.request import NO_CALLBACK

from artstore.blobs import open_blobs
from artstore.catalog import Catalog
from artstore.models import Failure, FileLink, FileState, Stage, StoredFile
from artstore.partial import IN_MEMORY_BYTES, PartFile
from artstore.visits import Validators, Visits
from ogaspider.allowance import Allowance, AllowanceSpent, Share
from ogaspider.downloads import HTML, MAX_BYTES, PART, SHARE, VERBATIM, DiskError, header, mime_of
from ogaspider.ending import CrawlEnded, Ending
from ogaspider.items import ArtItem, Item, Outcomes, Unchanged
from ogaspider.reasons import NETWORK_ERRORS, reason_of
from ogaspider.settings import house_settings

logger = logging.getLogger(__name__)

NOT_MODIFIED = 304
RANGE_NOT_SATISFIABLE = 416

PATIENCE_S = 60.0
SLOW_BYTES_PER_S = 50_000
UNKNOWN_BYTES = 50_000_000
"""What a file of unannounced size is taken for, in how long it may take."""

REMEMBERED = 1_000
"""Files of works that are still on their way; a crawl has a few hundred of them."""

LEFT = "oga/files/left"
"""Stat: files that the crawl leaves to the next one, since it has downloaded as much as it may."""

Outcome = StoredFile | tuple[Failure, FileState] | FileState


class Known(Enum):
    """What is done with the files of a work that are here."""

    KEPT = auto()
    ASKED = auto()
    """Whether they have changed, where the server gave something to ask it with."""
    RENEWED = auto()
    """The same; and where it gave nothing, they are downloaded again."""


class ArtFilesPipeline:
    """Fill ``item.stored`` and ``item.unavailable``.

    A file that is here already is not asked for again. One that cannot be had
    costs only itself: it is counted, noted with its reason, and the item goes on.
    Unlike Scrapy's own pipeline of files it keeps none in memory, and remembers
    few of those that it was asked for: the catalog does.
    """

    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler
        settings = house_settings(crawler.settings)
        self._blobs = open_blobs(crawler.settings["FILES_STORE"])
        self._root = self._blobs.root
        self._catalog = Catalog(settings.catalog_path)
        self._visits = Visits(self._catalog, timedelta(days=settings.recrawl_after_days))
        self._max_bytes = settings.max_file_bytes
        self._max_crawl_bytes = settings.max_crawl_bytes
        self._allowance = Allowance(settings.max_crawl_bytes)
        self._visits.release(self._max_bytes)
        self._ending = Ending(crawler)
        self._on_their_way: dict[str, asyncio.Future[Outcome]] = {}
        self._lately: dict[str, StoredFile] = {}
        """What was asked for last: another work may list it before the catalog knows what came of it."""
        self._failed: set[str] = set()
        """What this crawl has tried in vain: another work that lists it is no reason to try again."""

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Return the pipeline of *crawler*."""
        return cls(crawler)

    def close_spider(self) -> None:
        """Say how many files are left to the next crawl, and close the catalog."""
        if left := self.crawler.stats.get_value(LEFT):
            logger.warning(
                "files left to the next crawl: %d; this one has downloaded OGA_MAX_CRAWL_BYTES=%d",
                left, self._max_crawl_bytes,
            )  # fmt: skip
        self._catalog.close()

    async def process_item(self, item: Item) -> Item:
        """Have each file that the work lists, but not too often what fails. An item that the end cut short is dropped."""
        if not isinstance(item, Outcomes):
            return item
        links, known = self._what_to_do(item)
        each = (self._once(link, known) for link in links)
        for link, outcome in zip(links, await asyncio.gather(*each, return_exceptions=True), strict=True):
            if isinstance(outcome, BaseException):
                logger.error("a bug: %s stays to be had", link.url, exc_info=outcome)
            elif isinstance(outcome, StoredFile):
                item.stored.append(outcome)
            elif isinstance(outcome, tuple):
                item.unavailable.append(outcome)
            elif known is not Known.KEPT and self._ending.ended:
                # Recorded, the work would be new enough not to be looked at for weeks.
                raise DropItem(f"the crawl ends, the next one asks again: {link.url}")
        return item

    def _what_to_do(self, item: ArtItem | Unchanged) -> tuple[tuple[FileLink, ...], Known]:
        """Return the files that a work is to have, and what is done with those that are here."""
        if isinstance(item, Unchanged):
            is_old = self._visits.is_old(item.work_url)
            return (self._visits.stored_files(item.work_url) if is_old else ()), Known.ASKED
        if item.changed:
            return item.work.files, Known.RENEWED
        is_old = bool(item.work.files) and self._visits.is_old(item.work.url)
        return item.work.files, Known.ASKED if is_old else Known.KEPT

    async def _once(self, link: FileLink, known: Known) -> Outcome:
        """Return the outcome for one file, which other works may list too: that it failed is one failure."""
        if link.path in self._on_their_way:
            outcome = await self._on_their_way[link.path]
            return outcome if isinstance(outcome, StoredFile) else FileState.PENDING
        lately = self._lately.get(link.path)
        if lately and link.declared_bytes in {None, lately.size_bytes}:
            return lately
        if link.path in self._failed or not self._visits.may_try(Stage.DOWNLOAD, link.url):
            return FileState.PENDING
        self._on_their_way[link.path] = asyncio.ensure_future(self._outcome(link, known))
        try:
            outcome = await self._on_their_way[link.path]
        finally:
            del self._on_their_way[link.path]
        if isinstance(outcome, tuple):
            self._failed.add(link.path)
        return outcome

    async def _outcome(self, link: FileLink, known: Known) -> Outcome:
        try:
            return await self._had(link, known)
        except OSError as error:
            return self._unavailable(link, "unreadable", f"{type(error).__name__}: {error.strerror}")

    async def _had(self, link: FileLink, what_to_do: Known) -> Outcome:
        recorded = self._catalog.stored_file(link.path)
        known = await self._known(link, recorded)
        if known and not self._is_asked_for(link, known, what_to_do):
            return known
        if link.declared_bytes is not None and link.declared_bytes > self._max_bytes:
            return known or self._unavailable(
                link, "too_large", f"{link.declared_bytes} bytes, over the limit of {self._max_bytes}"
            )
        try:
            # Of what is known, probably nothing comes.
            share = self._allowance.share(0 if known else link.declared_bytes or 0)
        except AllowanceSpent:
            return known or self._left()
        try:
            request = self._request(link, known, share)
            return await self._download(request, link, known, is_new=recorded is None)
        finally:
            share.close()

    def _is_asked_for(self, link: FileLink, known: StoredFile, what_to_do: Known) -> bool:
        """Say whether to ask for a *known* file all the same: it may be another under the same name and of the same length."""
        if what_to_do is Known.RENEWED or self._visits.has_failed(link.url):
            return True
        return what_to_do is Known.ASKED and bool(known.etag or known.last_modified)

    def _left(self) -> FileState:
        self.crawler.stats.inc_value(LEFT)
        return FileState.PENDING

    async def _download(
        self, request: Request, link: FileLink, known: StoredFile | None, *, is_new: bool
    ) -> Outcome:
        """Return the outcome of asking for a file, or for whether a *known* one is another by now."""
        part: PartFile = request.meta[PART]
        try:
            response = await self.crawler.engine.download_async(request)
            if response.status == RANGE_NOT_SATISFIABLE and part.size_bytes:
                # Nothing was missing: killed between the last byte and its place. Whether it is whole, a fresh copy knows.
                part.discard()
                response = await self.crawler.engine.download_async(request.copy())
            if known and response.status == NOT_MODIFIED:
                return self._kept_in_mind(known)
            return await self._received(response, link, part, is_new=is_new)
        except DiskError as error:
            if error.errno == errno.ENOSPC:
                self._ending.disk_full(error)
            return self._unavailable(link, "not_written", str(error))
        except CrawlEnded:
            return FileState.PENDING
        except AllowanceSpent:
            return self._left()
        except NETWORK_ERRORS as error:
            return self._broken_off(error, link, part)
        finally:
            self._keep(part)

    def _keep(self, part: PartFile) -> None:
        """Close *part*; what came of a broken download is written now. If it cannot be, it only comes again."""
        try:
            part.close()
        except OSError as error:
            if error.errno == errno.ENOSPC:
                self._ending.disk_full(error)
            logger.warning("the beginning of a download was not kept: %s", error.strerror)

    def _broken_off(self, error: BaseException, link: FileLink, part: PartFile) -> Outcome:
        """Return the outcome of a download that did not end; what came of it is kept, to be gone on with."""
        reason, detail = reason_of(error)
        if reason == "too_large":
            part.discard()
            if link.declared_bytes is not None and link.declared_bytes <= self._max_bytes:
                return self._unavailable(link, "wrong_length", f"{detail}, which the work's page says it has")
        return self._unavailable(link, reason, detail)

    async def _known(self, link: FileLink, recorded: StoredFile | None) -> StoredFile | None:
        if not self._blobs.exists(link.path):
            return None
        if recorded is None:
            # Not recorded: the crawl was killed before. After a power cut, its length may be another.
            here = await asyncio.to_thread(self._hashed, link.path)
            # What is longer than memory holds was synced in time; without a length to compare, that has to do.
            whole = link.declared_bytes is None and here.size_bytes > IN_MEMORY_BYTES
            return here if whole or link.declared_bytes == here.size_bytes else None
        # Of another length than the page says: the artist has replaced the file since.
        return recorded if link.declared_bytes in {None, recorded.size_bytes} else None

    def _hashed(self, path: str) -> StoredFile:
        with self._blobs.open(path) as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            return StoredFile(path, file.tell(), digest)

    def _request(self, link: FileLink, known: StoredFile | None, share: Share) -> Request:
        """Return the request for a file by its address exactly as given; for a *known* one, for whether it has changed."""
        # Compressed on the way, the length would be another than the one that was announced.
        headers = {"Accept-Encoding": "identity"}
        if known:
            headers |= Validators(known.etag, known.last_modified).headers()
        meta = {PART: PartFile(self._root, link.path), MAX_BYTES: self._limit(link), SHARE: share}
        meta |= {HTML: link.mime == "text/html"}
        meta |= VERBATIM | {"download_timeout": _timeout_s(link)}
        return Request(link.url, callback=NO_CALLBACK, headers=headers, meta=meta)

    def _limit(self, link: FileLink) -> int:
        """Return how many bytes may come: one more than announced is already too many."""
        return self._max_bytes if link.declared_bytes is None else min(self._max_bytes, link.declared_bytes)

    async def _received(self, response: Response, link: FileLink, part: PartFile, *, is_new: bool) -> Outcome:
        """Return the outcome for a response whose body, if it is one of a file, lies in *part*."""
        if problem := _problem(response, link, part):
            part.discard()
            return self._unavailable(link, *problem)
        size_bytes = part.size_bytes
        try:
            # What is small and new is not worth a thread: it is synced when it is looked at.
            quickly = part.in_memory and is_new
            sha256 = part.finish(synced=False) if quickly else await asyncio.to_thread(part.finish)
        except OSError as error:
            raise DiskError(error) from error
        self.crawler.stats.inc_value("oga/files")
        etag, last_modified = header(response, "ETag"), header(response, "Last-Modified")
        return self._kept_in_mind(StoredFile(link.path, size_bytes, sha256, etag, last_modified))

    def _kept_in_mind(self, stored: StoredFile) -> StoredFile:
        self._lately[stored.path] = stored
        if len(self._lately) > REMEMBERED:
            del self._lately[next(iter(self._lately))]
        return stored

    def _unavailable(self, link: FileLink, reason: str, detail: str) -> Outcome:
        logger.warning("file not stored: %s (%s)", link.url, reason)
        # Where the page does not say how large it is, only the next try can tell whether it still is too large.
        is_said = reason == "too_large" and link.declared_bytes is not None
        state = FileState.TOO_LARGE if is_said else FileState.FAILED
        return Failure(Stage.DOWNLOAD, link.url, reason, detail), state


def _problem(response: Response, link: FileLink, part: PartFile) -> tuple[str, str] | None:
    """Return (code, words) for what is wrong with *response*, or None."""
    if response.status not in {200, 206}:
        return f"http_{response.status}", f"the server answered {response.status}"
    if mime_of(response.headers) == "text/html" and link.mime != "text/html":
        return "html_instead", f"a web page came instead of {link.mime or 'the file'}"
    if link.declared_bytes is not None and part.size_bytes != link.declared_bytes:
        return "wrong_length", f"{part.size_bytes} bytes came, the work's page says {link.declared_bytes}"
    return None


def _timeout_s(link: FileLink) -> float:
    """Return how long a file may take: its size at a slow line's speed."""
    return PATIENCE_S + (link.declared_bytes or UNKNOWN_BYTES) / SLOW_BYTES_PER_S
