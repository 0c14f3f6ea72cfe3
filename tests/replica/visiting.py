"""A visitor for tests of the fake site itself: plain requests, and what stands on a page."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, Request, build_opener

from parsel import Selector

if TYPE_CHECKING:
    from email.message import Message

    from tests.replica.server import ReplicaServer

LISTING = "/art-search-advanced"


class Reply(NamedTuple):
    status: int
    headers: Message
    body: bytes


class Staying(HTTPRedirectHandler):
    """Follows no redirect: it is the answer."""

    def redirect_request(self, *_: object) -> None:
        return None


FOLLOWING, STAYING = build_opener(), build_opener(Staying())


def get(url: str, method: str = "GET", *, follow: bool = True, **headers: str) -> Reply:
    """The answer whatever its status; underscores in names of *headers* stand for hyphens."""
    named = {name.replace("_", "-"): value for name, value in headers.items() if value}
    opener = FOLLOWING if follow else STAYING
    try:
        with opener.open(Request(url, headers=named, method=method), timeout=10) as response:  # noqa: S310
            return Reply(response.status, response.headers, response.read())
    except HTTPError as error:
        with error:
            return Reply(error.code, error.headers, error.read())


def page(server: ReplicaServer, path: str) -> Selector:
    return Selector(get(server.url + path).body.decode())


def listed(shown: Selector) -> list[str]:
    """The works in the rows of any listing, as paths."""
    return shown.css(".views-row.art-previews-inline .art-preview-title a::attr(href)").getall()


def rows(server: ReplicaServer, query: str) -> list[str]:
    return listed(page(server, f"{LISTING}?{query}"))
