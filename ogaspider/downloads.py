"""Files go from the network to the disk as they come; a broken download goes on where it broke.

Scrapy's handlers keep a whole body in memory. This one, over the one that uses
aiohttp, hands the chunks of a request with a :class:`~artstore.partial.PartFile` in
``meta["part"]`` to it. Of errors and redirects it keeps the beginning; pages are
Scrapy's business, and bounded by ``DOWNLOAD_MAXSIZE``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aiohttp import ClientPayloadError
from scrapy import Request
from scrapy.core.downloader.handlers._aiohttp import AiohttpDownloadHandler
from scrapy.exceptions import DownloadCancelledError, ResponseDataLossError
from scrapy.http import Headers, Response
from scrapy.utils._download_handlers import make_response

from artstore.partial import PartFile
from ogaspider.allowance import AllowanceSpent, Share

PART = "part"
"""Key in a request's meta: where its body goes."""

VERBATIM = {"verbatim_url": True}
"""Meta of a request whose address is sent to the letter: aiohttp would decode what it thinks need not be encoded."""

MAX_BYTES = "part_max_bytes"
"""Key in a request's meta: more bytes than this are not taken."""

SHARE = "part_share"
"""Key in a request's meta: the :class:`~ogaspider.allowance.Share` that its bytes are counted in."""

HTML = "part_html"
"""Key in a request's meta: whether a web page is what is expected. Else one that comes instead is no file."""

BEGINNING_BYTES = 1_000_000
"""Of the body of an error. Challenges, which are read, have some 10 kB."""


class DiskError(Exception):
    """The disk does not take what comes: an OSError, told from those of the network."""

    def __init__(self, error: OSError) -> None:
        super().__init__(f"{type(error).__name__}: {error.strerror}")
        self.errno = error.errno


class StreamingDownloadHandler(AiohttpDownloadHandler):
    """Writes the body of a request for a file to disk as it comes; the response that it returns has none."""

    # Scrapy warns of it at every start. Our tests cover what we use of it.
    experimental = False

    async def _read_response(self, response: Any, request: Request) -> Response:
        part: PartFile | None = request.meta.get(PART)
        if part is None and response.status < 300:
            return await super()._read_response(response, request)
        headers = self._extract_headers(response)
        arguments = self._build_base_response_args(response, request, headers)
        if part is None or not _is_file(response.status, headers, request):
            return make_response(**arguments, body=await self._beginning(response))
        offset = _offset(response.status, headers, part)
        _check(offset + _announced_bytes(headers), request.meta[MAX_BYTES])
        with _told_from_the_network():
            part.begin(offset, validator_of(headers))
        await self._receive(response, part, request)
        return Response(arguments["url"], arguments["status"], headers, request=request)

    async def _receive(self, response: Any, part: PartFile, request: Request) -> None:
        share: Share = request.meta[SHARE]
        max_bytes: int = request.meta[MAX_BYTES]
        try:
            async for chunk in self._iter_body_chunks(response):
                kept_bytes = share.take(len(chunk))
                with _told_from_the_network():
                    part.write(chunk[:kept_bytes])
                _check(part.size_bytes, max_bytes)
                if kept_bytes < len(chunk):
                    raise AllowanceSpent
        except ClientPayloadError as error:
            raise ResponseDataLossError(str(error)) from error

    async def _beginning(self, response: Any) -> bytes:
        """Return the body of an answer that is no page and no file; of a long one only as much as may be of use."""
        body = bytearray()
        try:
            async for chunk in self._iter_body_chunks(response):
                body += chunk
                if len(body) > BEGINNING_BYTES:
                    # What is still to come is not waited for.
                    response.close()
                    break
        except ClientPayloadError as error:
            raise ResponseDataLossError(str(error)) from error
        return bytes(body[:BEGINNING_BYTES])


class ResumeMiddleware:
    """Asks for the rest of a file whose beginning is here: also when Scrapy tries again."""

    def process_request(self, request: Request) -> None:
        """Set the Range of what is missing."""
        part: PartFile | None = request.meta.get(PART)
        if part is None:
            return
        for name in ("Range", "If-Range"):
            request.headers.pop(name, None)
        with _told_from_the_network():
            validator = part.resume()
        if validator:
            request.headers["Range"] = f"bytes={part.size_bytes}-"
            request.headers["If-Range"] = validator


def header(response: Response, name: str) -> str | None:
    """Return the value of one of *response*'s headers, or None if it has none of that *name*."""
    value = response.headers.get(name)
    return value.decode("latin-1") if value else None


def mime_of(headers: Headers) -> str:
    """Return the kind of content that *headers* name, in lower case; empty if they name none."""
    return (headers.get("Content-Type") or b"").decode("latin-1").partition(";")[0].strip().lower()


def validator_of(headers: Headers) -> str | None:
    """Return what can be used as ``If-Range``: a strong ETag, else the date of the last change."""
    etag = headers.get("ETag")
    if etag and not etag.startswith(b"W/"):
        return etag.decode("latin-1")
    date = headers.get("Last-Modified")
    return date.decode("latin-1") if date else None


def _is_file(status: int, headers: Headers, request: Request) -> bool:
    """Say whether what comes is a file: not an error, and no web page instead."""
    return status in (200, 206) and (mime_of(headers) != "text/html" or request.meta[HTML])


def _announced_bytes(headers: Headers) -> int:
    announced: bytes = headers.get("Content-Length") or b""
    return int(announced) if announced.isdigit() else 0


def _offset(status: int, headers: Headers, part: PartFile) -> int:
    """Return from which byte on the body is: servers may answer a Range with the whole."""
    expected = b"bytes %d-" % part.size_bytes
    content_range: bytes = headers.get("Content-Range") or b""
    if status == 206 and content_range.startswith(expected):
        return part.size_bytes
    if status == 206:
        raise DownloadCancelledError(f"asked for {expected!r}, got {content_range!r}")
    return 0


def _check(size_bytes: int, max_bytes: int) -> None:
    if size_bytes > max_bytes:
        raise DownloadCancelledError(f"more than {max_bytes} bytes")


@contextmanager
def _told_from_the_network() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DiskError(error) from error
