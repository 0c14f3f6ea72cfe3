"""A response before it is sent, and those that many requests end in."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from email.utils import format_datetime
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import unquote

from tests.replica import large, pages

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from tests.replica.site import ReplicaFile

HTML: Final = "text/html; charset=utf-8"

NO_ANSWER: Final = 0
"""The status of a request whose connection is reset before a word is said."""


class Body(Protocol):
    """Bytes to be sent in pieces; *length* is None if only the end tells it."""

    @property
    def length(self) -> int | None: ...

    def pieces(self, start: int, stop: int) -> Iterator[bytes]: ...


@dataclass(frozen=True, slots=True)
class InMemory:
    data: bytes

    @property
    def length(self) -> int:
        return len(self.data)

    def pieces(self, start: int, stop: int) -> Iterator[bytes]:
        yield self.data[start:stop]


@dataclass(frozen=True, slots=True)
class Large:
    megabytes: int

    @property
    def length(self) -> int:
        return large.size(self.megabytes)

    def pieces(self, start: int, stop: int) -> Iterator[bytes]:
        return large.pieces(start, stop)


@dataclass(frozen=True, slots=True)
class Endless:
    """A good beginning and then noise, in chunks, until the visitor leaves or *most_bytes* are sent."""

    beginning: bytes
    most_bytes: int
    length: None = None

    def pieces(self, start: int, stop: int) -> Iterator[bytes]:
        del start, stop
        yield self.beginning
        yield from large.pieces(0, self.most_bytes - len(self.beginning))


@dataclass(frozen=True, slots=True)
class Answer:
    """A response. The connection ends after *sent_bytes* of what should be sent, by a reset if *reset*."""

    status: int
    mime: str
    body: Body
    etag: str = ""
    modified_at: datetime | None = None
    headers: dict[str, str] = field(default_factory=dict)
    wait_s: float = 0.0
    sent_bytes: int | None = None
    reset: bool = False
    in_parts: bool = False
    """Whether a `Range` is honoured."""
    part: tuple[int, int] | None = None
    """From where to where of the body is sent; None for all."""

    @property
    def last_modified(self) -> str:
        return format_datetime(self.modified_at, usegmt=True) if self.modified_at else ""

    @property
    def length(self) -> int | None:
        """The bytes that are to be sent."""
        return self.part[1] - self.part[0] if self.part else self.body.length

    def pieces(self) -> Iterator[bytes]:
        start, stop = self.part or (0, self.body.length or 0)
        return self.body.pieces(start, stop)


NOTHING: Final = InMemory(b"")


def html(text: str, status: int = 200, modified_at: datetime | None = None) -> Answer:
    body = text.encode()
    etag = f'"{hashlib.sha256(body).hexdigest()[:20]}"' if status == 200 else ""
    return Answer(status, HTML, InMemory(body), etag, modified_at)


def whole(file: ReplicaFile) -> Answer:
    return Answer(200, file.mime, InMemory(file.content), file.body.etag, file.posted_at, in_parts=True)


def redirect(status: int, url: str) -> Answer:
    return Answer(status, HTML, NOTHING, headers={"Location": url})


def not_found(path: str) -> Answer:
    said = f'The requested page "{unquote(path)}" could not be found.'
    return html(pages.message_page("Page not found", said), 404)


def refused() -> Answer:
    return html(pages.message_page("Access denied", "You may not see this page."), 403)


def error(status: int = 500) -> Answer:
    return html(pages.message_page("Error", "The website has met an unexpected error."), status)
