"""What the fake site answers to a path: pages, files, thumbnails and refusals, before any socket is involved."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import unquote

from PIL import Image

from tests.replica import challenge, large, pages
from tests.replica.answer import (
    NO_ANSWER,
    NOTHING,
    Answer,
    InMemory,
    Large,
    error,
    html,
    not_found,
    redirect,
    refused,
    whole,
)
from tests.replica.art import saved
from tests.replica.catalogue import FIRST_DAY
from tests.replica.faults import Faults
from tests.replica.listing import collection_page, feed, listing_page
from tests.replica.site import FILES_PATH

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.replica.site import ReplicaWork, Site

FEED: Final = "/latest/rss.xml"
FEED_MIME: Final = "application/rss+xml; charset=utf-8"
LISTINGS: Final = frozenset({"/", "/latest", "/art-search-advanced"})

RESET: Final = Answer(NO_ANSWER, "", NOTHING)

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


class Answers:
    """The site as a function of the requested target, and of what its faults remember.

    `site` may be replaced by another one at any time, `failing` be a status or "reset" for all but robots.txt.
    `moved` has the paths of pages that redirect to others, `rewritten` what is done to the HTML of a page.
    """

    def __init__(
        self,
        site: Site,
        crawl_delay_s: float | None,
        robots: str | None = None,
        robots_status: int = 200,
        gate: challenge.Gate | None = None,
    ) -> None:
        self.site = site
        delay = "" if crawl_delay_s is None else f"Crawl-delay: {crawl_delay_s:g}\n"
        self.robots = (ROBOTS.format(delay=delay) if robots is None else robots).encode()
        self.robots_status = robots_status
        self.gate = gate or challenge.Gate(None)
        self.failing: int | Literal["reset"] | None = None
        self.moved: dict[str, str] = {}
        self.rewritten: dict[str, Callable[[str], str]] = {}
        self.faults = Faults()

    def answer(self, target: str, base: str, cookies: str = "") -> Answer:
        """The answer to a request line's *target*, still percent-encoded; *base* is the visitor's name for the site."""
        path, _, query = target.partition("?")
        if path == "/robots.txt":
            return self.robots_txt()
        if self.failing is not None:
            return RESET if self.failing == "reset" else error(self.failing)
        if path.startswith(FILES_PATH):
            return self.gate.refusal("files", cookies) or self.file(path, base)
        if path.startswith(challenge.FOLDER):
            return challenge.resource(path) or not_found(path)
        refusal = None if path == FEED else self.gate.refusal("pages", cookies)
        return refusal or self.shown(path, query, base, cookies)

    def shown(self, path: str, query: str, base: str, cookies: str) -> Answer:
        """A page at the address that it has by now, with what was done to its HTML."""
        if path in self.moved:
            return redirect(301, base + self.moved[path])
        came = next((old for old, new in self.moved.items() if new == path), path)
        answer = self.page(came, query, base, cookies)
        change = self.rewritten.get(path)
        return html(change(text_of(answer))) if change and answer.status == 200 else answer

    def robots_txt(self) -> Answer:
        if self.robots_status != 200:
            return not_found("/robots.txt") if self.robots_status == 404 else error(self.robots_status)
        return Answer(200, "text/plain; charset=utf-8", InMemory(self.robots))

    def page(self, path: str, query: str, base: str, cookies: str) -> Answer:
        site = self.site
        if path == FEED:
            return replace(html(feed(site.works, base), modified_at=site.modified_at), mime=FEED_MIME)
        if path in LISTINGS:
            return html(listing_page(site.works, path, query, base), modified_at=site.modified_at)
        if work := work_at(site, path):
            if work.fault:
                return self.faults.page(work, base, path, cookies)
            return html(pages.work_page(work, base), modified_at=work.modified_at)
        collection = site.collections.get(unquote(path.removeprefix("/content/")))
        if collection and path.startswith("/content/"):
            return html(collection_page(site.works, collection, query, base), modified_at=site.modified_at)
        return not_found(path)

    def file(self, path: str, base: str) -> Answer:
        """What lies under the files folder; names are decoded exactly once."""
        megabytes = large.megabytes_of(unquote(path.removeprefix(FILES_PATH)))
        if megabytes:
            etag = f'"large-{megabytes}"'
            return Answer(
                200, "application/octet-stream", Large(megabytes), etag, FIRST_DAY, in_parts=True
            )  # fmt: skip
        site = self.site
        file = site.file_at(path)
        if file:
            return self.faults.file(file, base) if file.fault else whole(file)
        folder, _, rest = path.removeprefix(FILES_PATH).partition("/")
        if folder == "license_images":
            return Answer(200, "image/png", InMemory(saved(Image.new("RGB", (88, 31), "#6a6"))))
        if folder == "styles":
            return thumbnail(site, rest)
        back = site.file_at(FILES_PATH + rest)
        return redirect(302, base + back.url_path) if folder == "loop" and back else not_found(path)


def text_of(answer: Answer) -> str:
    """The page that is the body of an answer."""
    return b"".join(answer.body.pieces(0, answer.body.length or 0)).decode()


def work_at(site: Site, path: str) -> ReplicaWork | None:
    """A work by its alias or by its number."""
    if path.startswith("/content/"):
        return site.by_slug.get(unquote(path.removeprefix("/content/")))
    number = path.removeprefix("/node/")
    return site.by_node.get(int(number)) if number.isdecimal() else None


def thumbnail(site: Site, rest: str) -> Answer:
    """`STYLE/public/NAME`: a small copy, or 403 as the site refuses to derive one from what is no picture."""
    style, _, name = rest.partition("/public/")
    file = site.files.get(unquote(name))
    if not file or not file.is_picture:
        return refused()
    with Image.open(BytesIO(file.content)) as picture:
        small = picture.convert("RGBA")
    side = 100 if style == "thumbnail" else 250
    small.thumbnail((side, side))
    return Answer(200, "image/png", InMemory(saved(small)), modified_at=file.posted_at)
