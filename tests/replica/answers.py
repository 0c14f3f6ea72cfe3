"""What the fake site answers to a path: pages, files, thumbnails and refusals, before any socket is involved."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from email.utils import format_datetime
from io import BytesIO
from threading import Lock
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from PIL import Image

from tests.replica import pages
from tests.replica.art import saved
from tests.replica.listing import feed, listing_page
from tests.replica.site import FILES_PATH

if TYPE_CHECKING:
    from datetime import datetime

    from tests.replica.site import FileFault, ReplicaFile, ReplicaWork, Site

SLOW_S: Final = 2.0
FLAKY_FAILURES: Final = 2
"""How often a flaky file answers 500 before it is well again."""

HTML: Final = "text/html; charset=utf-8"

ROBOTS = """\
User-agent: *
{delay}# Folders
Disallow: /includes/
Disallow: /misc/
Disallow: /modules/
Disallow: /profiles/
Disallow: /scripts/
Disallow: /themes/
# Paths (clean URLs)
Disallow: /admin/
Disallow: /comment/reply/
Disallow: /filter/tips/
Disallow: /node/add/
Disallow: /search/
Disallow: /user/register/
Disallow: /user/password/
Disallow: /user/login/
Disallow: /user/logout/
# Paths (no clean URLs)
Disallow: /?q=admin/
Disallow: /?q=search/
Disallow: /?q=user/login/
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """A response before it is sent. *sent_bytes* below the body's length means that the connection breaks there."""

    status: int
    mime: str
    body: bytes
    etag: str = ""
    modified_at: datetime | None = None
    headers: dict[str, str] = field(default_factory=dict)
    wait_s: float = 0.0
    sent_bytes: int | None = None

    @property
    def last_modified(self) -> str:
        return format_datetime(self.modified_at, usegmt=True) if self.modified_at else ""


def html(text: str, status: int = 200, modified_at: datetime | None = None) -> Answer:
    body = text.encode()
    etag = f'"{hashlib.sha256(body).hexdigest()[:20]}"' if status == 200 else ""
    return Answer(status, HTML, body, etag, modified_at)


class Answers:
    """The site as a function of the requested target; it remembers only how often a flaky file was asked for."""

    def __init__(self, site: Site, crawl_delay_s: float | None) -> None:
        self.site = site
        delay = "" if crawl_delay_s is None else f"Crawl-delay: {crawl_delay_s:g}\n"
        self.robots = ROBOTS.format(delay=delay).encode()
        self.failures: dict[str, int] = {}
        self.lock = Lock()

    def answer(self, target: str, base: str) -> Answer:
        """The answer to a request line's *target*, still percent-encoded; *base* is the visitor's name for the site."""
        path, _, query = target.partition("?")
        if path == "/robots.txt":
            return Answer(200, "text/plain; charset=utf-8", self.robots)
        if path.startswith(FILES_PATH):
            return self.file(path, base)
        if path in {"/", "/latest", "/art-search-advanced"}:
            newest = max((work.posted_at for work in self.site.works), default=None)
            return html(listing_page(self.site.works, path, query, base), modified_at=newest)
        if path == "/latest/rss.xml":
            return Answer(200, "application/rss+xml; charset=utf-8", feed(self.site.works, base).encode())
        work = self.work_at(path)
        return self.page(work, base) if work else self.not_found(path)

    def work_at(self, path: str) -> ReplicaWork | None:
        """A work by its alias or by its number."""
        if path.startswith("/content/"):
            return self.site.by_slug.get(unquote(path.removeprefix("/content/")))
        number = path.removeprefix("/node/")
        return self.site.by_node.get(int(number)) if number.isdecimal() else None

    def not_found(self, path: str) -> Answer:
        said = f'The requested page "{unquote(path)}" could not be found.'
        return html(pages.message_page("Page not found", said), 404)

    def page(self, work: ReplicaWork, base: str) -> Answer:
        if work.fault == "unrecognised":
            return html(pages.CHECKING)
        if work.fault == "missing":
            return self.not_found(work.path)
        if work.fault == "error":
            return html(pages.message_page("Error", "The website has met an unexpected error."), 500)
        return html(pages.work_page(work, base), modified_at=work.posted_at)

    def file(self, path: str, base: str) -> Answer:
        """What lies under the files folder; names are decoded exactly once."""
        file = self.site.file_at(path)
        if file:
            return self.faulty(file, base) if file.fault else whole(file)
        folder, _, rest = path.removeprefix(FILES_PATH).partition("/")
        if folder == "license_images":
            return Answer(200, "image/png", saved(Image.new("RGB", (88, 31), "#6a6")))
        if folder == "styles":
            return self.thumbnail(rest)
        return self.not_found(path)

    def thumbnail(self, rest: str) -> Answer:
        """`STYLE/public/NAME`: a small copy, or 403 as the site refuses to derive one from what is no picture."""
        style, _, name = rest.partition("/public/")
        file = self.site.files.get(unquote(name))
        if not file or not file.is_picture:
            return html(pages.message_page("Access denied", "You may not see this page."), 403)
        with Image.open(BytesIO(file.content)) as picture:
            small = picture.convert("RGBA")
        side = 100 if style == "thumbnail" else 250
        small.thumbnail((side, side))
        return Answer(200, "image/png", saved(small), modified_at=file.posted_at)

    def faulty(self, file: ReplicaFile, base: str) -> Answer:
        """The file as its fault serves it."""
        good = whole(file)
        match file.fault:
            case "missing":
                return self.not_found(file.url_path)
            case "forbidden":
                return html(pages.message_page("Access denied", "You may not see this page."), 403)
            case "flaky" if self.fails_again(file.name):
                return html(pages.message_page("Error", "The website has met an unexpected error."), 500)
            case "redirect":
                moved = base + file.url_path.replace(FILES_PATH, f"{FILES_PATH}moved/", 1)
                return Answer(301, HTML, b"", headers={"Location": moved})
        return altered(good, file.fault)

    def fails_again(self, name: str) -> bool:
        with self.lock:
            self.failures[name] = self.failures.get(name, 0) + 1
            return self.failures[name] <= FLAKY_FAILURES


def whole(file: ReplicaFile) -> Answer:
    return Answer(200, file.mime, file.content, file.body.etag, file.posted_at)


def altered(good: Answer, fault: FileFault | None) -> Answer:
    """A 200 that is not quite what it should be; a fault of the bytes themselves changes nothing here."""
    if fault == "truncated":
        return replace(good, sent_bytes=len(good.body) // 2)
    if fault == "html":
        return replace(good, mime=HTML)
    return replace(good, wait_s=SLOW_S) if fault == "slow" else good
