"""Download the files of a work, under their decoded names, whole or not at all."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import logging
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.http import Response
from scrapy.pipelines.files import FilesPipeline

from artstore.blobs import open_blobs
from artstore.catalog import Catalog
from artstore.models import Failure, FileLink, FileState, Stage, StoredFile
from artstore.partial import PartFile
from artstore.visits import Validators, Visits
from ogaspider.downloads import MAX_BYTES, PART, VERBATIM, DiskError, header
from ogaspider.ending import CrawlEnded, Ending
from ogaspider.items import ArtItem, Item
from ogaspider.reasons import NETWORK_ERRORS, reason_of
from ogaspider.settings import house_settings

logger = logging.getLogger(__name__)

NOT_MODIFIED = 304
RANGE_NOT_SATISFIABLE = 416

PATIENCE_S = 60.0
SLOW_BYTES_PER_S = 50_000
UNKNOWN_BYTES = 50_000_000
"""What a file of unannounced size is taken for, in how long it may take."""

Outcome = StoredFile | tuple[Failure, FileState] | FileState


class ArtFilesPipeline(FilesPipeline):
    """Fill ``item.stored`` and ``item.unavailable``.

    A file that is here already is not asked for again. One that cannot be had
    costs only itself: it is counted, noted with its reason, and the item goes on.
    """

    def __init__(self, store_uri: str, *, crawler: Crawler) -> None:
        super().__init__(store_uri, crawler=crawler)
        settings = house_settings(crawler.settings)
        self._blobs = open_blobs(store_uri)
        self._root = self._blobs.root
        self._catalog = Catalog(settings.catalog_path)
        self._visits = Visits(self._catalog, timedelta(days=settings.recrawl_after_days))
        self._max_bytes = settings.max_file_bytes
        self._crawl_bytes_left = settings.max_crawl_bytes
        self._ending = Ending(crawler)

    def close_spider(self) -> None:
        """Close the catalog."""
        self._catalog.close()

    def get_media_requests(self, item: Item, info: Any) -> list[Request]:  # noqa: ARG002 - Scrapy's signature
        """Ask for each file that the work lists, by its address exactly as given; not too often for what fails."""
        if not isinstance(item, ArtItem):
            return []
        due = [link for link in item.work.files if self._visits.may_try(Stage.DOWNLOAD, link.url)]
        return [self._request(link) for link in due]

    def file_path(self, request: Request, *_: Any, **__: Any) -> str:
        """Return where the file goes: its name decoded once."""
        link: FileLink = request.meta["link"]
        return link.path

    # Declared to return a Deferred, but awaited by Scrapy whatever it returns.
    async def media_to_download(  # type: ignore[override]
        self,
        request: Request,
        info: Any,  # noqa: ARG002
        *,
        item: ArtItem,
    ) -> Any:
        """Return the outcome for one file.

        The download happens here, and not after this hook, so that its failure is
        a result: what is raised later is logged by Scrapy with a traceback.
        """
        link: FileLink = request.meta["link"]
        known = await self._known(link)
        if known and not item.changed and not self._visits.has_failed(link.url):
            return known
        if known:
            # The page says something else than before: perhaps of this file, under the same name and of the same length.
            request.headers.update(Validators(known.etag, known.last_modified).headers())
        if link.declared_bytes is not None and link.declared_bytes > self._max_bytes:
            return self._unavailable(
                link, "too_large", f"{link.declared_bytes} bytes, over the limit of {self._max_bytes}"
            )
        if self._crawl_bytes_left < (link.declared_bytes or 1):
            # What is here already is no failure, even if it might be asked whether it has changed.
            return known or self._unavailable(
                link, "crawl_limit", "this crawl has downloaded as much as it may; see docs/settings.md"
            )
        # Taken beforehand, since others download meanwhile, and corrected afterwards.
        self._crawl_bytes_left -= link.declared_bytes or 0
        outcome = await self._download(request, link, known)
        came_bytes = outcome.size_bytes if isinstance(outcome, StoredFile) and outcome is not known else 0
        self._crawl_bytes_left += (link.declared_bytes or 0) - came_bytes
        return outcome

    async def _download(self, request: Request, link: FileLink, known: StoredFile | None) -> Outcome:
        """Return the outcome of asking for a file, or for whether a *known* one is another by now."""
        part: PartFile = request.meta[PART]
        try:
            response = await self.crawler.engine.download_async(request)
            if response.status == RANGE_NOT_SATISFIABLE and part.size_bytes:
                # Nothing was missing: killed between the last byte and its place. Whether it is whole, a fresh copy knows.
                part.discard()
                response = await self.crawler.engine.download_async(request.copy())
            if known and response.status == NOT_MODIFIED:
                return known
            return await self._received(response, link, part)
        except DiskError as error:
            if error.errno == errno.ENOSPC:
                self._ending.disk_full(error)
            return self._unavailable(link, "not_written", str(error))
        except CrawlEnded:
            return FileState.PENDING
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
            if link.declared_bytes is not None and link.declared_bytes < self._max_bytes:
                return self._unavailable(link, "wrong_length", f"{detail}, which the work's page says it has")
        return self._unavailable(link, reason, detail)

    def item_completed(self, results: Iterable[tuple[bool, Any]], item: Item, info: Any) -> Item:  # noqa: ARG002
        """Put the outcomes into *item*."""
        if not isinstance(item, ArtItem):
            return item
        for succeeded, outcome in results:
            if not succeeded:
                # Nothing that we expect: a bug. Scrapy has logged it, the file stays pending.
                continue
            if isinstance(outcome, StoredFile):
                item.stored.append(outcome)
            elif outcome is not FileState.PENDING:
                item.unavailable.append(outcome)
        return item

    async def _known(self, link: FileLink) -> StoredFile | None:
        if not self._blobs.exists(link.path):
            return None
        known = self._catalog.stored_file(link.path)
        if known is None:
            # Not recorded: the crawl was killed before. After a power cut, its length may be another.
            here = await asyncio.to_thread(self._hashed, link.path)
            return here if link.declared_bytes == here.size_bytes else None
        # Of another length than the page says: the artist has replaced the file since.
        return known if link.declared_bytes in {None, known.size_bytes} else None

    def _hashed(self, path: str) -> StoredFile:
        with self._blobs.open(path) as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            return StoredFile(path, file.tell(), digest)

    def _request(self, link: FileLink) -> Request:
        # Compressed on the way, the length would be another than the one that was announced.
        headers = {"Accept-Encoding": "identity"}
        meta = {"link": link, PART: PartFile(self._root, link.path), MAX_BYTES: self._limit(link)}
        return Request(
            link.url, headers=headers, meta=meta | VERBATIM | {"download_timeout": _timeout_s(link)}
        )

    def _limit(self, link: FileLink) -> int:
        """Return how many bytes may come: one more than announced is already too many."""
        return self._max_bytes if link.declared_bytes is None else min(self._max_bytes, link.declared_bytes)

    async def _received(self, response: Response, link: FileLink, part: PartFile) -> Outcome:
        """Return the outcome for a response whose body, if it is one of a file, lies in *part*."""
        if problem := _problem(response, link, part):
            part.discard()
            return self._unavailable(link, *problem)
        size_bytes = part.size_bytes
        try:
            sha256 = await self._finish(part, link)
        except OSError as error:
            raise DiskError(error) from error
        self.crawler.stats.inc_value("oga/files")
        return StoredFile(
            link.path, size_bytes, sha256, header(response, "ETag"), header(response, "Last-Modified")
        )

    async def _finish(self, part: PartFile, link: FileLink) -> str:
        """Move *part* to its place. What is small and new is not worth a thread: it is synced when it is looked at."""
        if part.in_memory and self._catalog.stored_file(link.path) is None:
            return part.finish(synced=False)
        return await asyncio.to_thread(part.finish)

    def _unavailable(self, link: FileLink, reason: str, detail: str) -> Outcome:
        logger.warning("file not stored: %s (%s)", link.url, reason)
        state = FileState.TOO_LARGE if reason == "too_large" else FileState.FAILED
        return Failure(Stage.DOWNLOAD, link.url, reason, detail), state


def _problem(response: Response, link: FileLink, part: PartFile) -> tuple[str, str] | None:
    """Return (code, words) for what is wrong with *response*, or None."""
    if response.status not in {200, 206}:
        return f"http_{response.status}", f"the server answered {response.status}"
    mime = (header(response, "Content-Type") or "").partition(";")[0].strip().lower()
    if mime == "text/html" and link.mime != "text/html":
        return "html_instead", f"a web page came instead of {link.mime or 'the file'}"
    if link.declared_bytes is not None and part.size_bytes != link.declared_bytes:
        return "wrong_length", f"{part.size_bytes} bytes came, the work's page says {link.declared_bytes}"
    return None


def _timeout_s(link: FileLink) -> float:
    """Return how long a file may take: its size at a slow line's speed."""
    return PATIENCE_S + (link.declared_bytes or UNKNOWN_BYTES) / SLOW_BYTES_PER_S
