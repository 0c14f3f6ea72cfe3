"""OpenGameArt's addresses: how its search is asked, by names that people can read."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Self
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

from w3lib.url import safe_url_string

from artstore.errors import UsageError
from artstore.licences import find_licences

ART_TYPES = {"2d": 9, "3d": 10, "concept": 7273, "texture": 14, "music": 12, "sound": 13, "document": 11}
"""The site's numbers of its art types."""

LICENCE_NUMBERS = {
    "cc0": 4,
    "cc-by-3.0": 2,
    "cc-by-4.0": 17981,
    "cc-by-sa-3.0": 3,
    "cc-by-sa-4.0": 17982,
    "gpl-2.0": 5,
    "gpl-3.0": 6,
    "oga-by-3.0": 10310,
    "oga-by-4.0": 31772,
    "lgpl-2.1": 7,
    "lgpl-3.0": 8,
}
"""The site's numbers of its licences."""

SEARCH = "/art-search-advanced"

PAGING = {"sort_by", "sort_order", "items_per_page", "page"}
"""Parameters of a search that say which part of it is shown."""

ALL = "all"
SORTS = {"created": "created", "favourites": "count", "relevance": "score", "views": "totalcount"}
"""What listings are ordered by, and what the site calls it."""

ORDERS = ("asc", "desc")
TAG_OPS = ("or", "and", "not")

AGES = {"h": "hours", "d": "days", "w": "weeks"}
"""Units of ``since=30d``, and what a timedelta calls them."""

UNSURE = timedelta(days=1)
"""How much earlier than asked for a work is still taken: dates of the site have no zone."""

ARGUMENTS = {
    "query": "words that the work has to hold; several searches with semicolons",
    "art_type": f"{', '.join(ART_TYPES)} or {ALL}, several with commas (default: 2d)",
    "licence": "cc0, cc-by, cc-by-sa-4.0, …, several with commas (default: any)",
    "title": "part of the title",
    "tag": "a tag that the work has to bear, several with commas",
    "tag_op": "of several tags: or (any of them, default), and (all of them), not (none of them)",
    "author": "part of the name of who submitted it",
    "sort": f"{', '.join(SORTS)} (default: created)",
    "order": "asc or desc (default: the oldest first; what is liked or seen most, or fits best)",
    "mode": "all, or update: newest first, and only as far as there are works that are not known yet",
    "since": "a day (2024-05-01) or an age (30d, 12h, 2w): only works posted since then, the newest first",
    "max_pages": "pages to read of each search or collection (default: all)",
    "url": "single works instead of a search: addresses of their pages, several with commas",
    "node": "the same by OpenGameArt's numbers of the works",
    "collection": "all works of a member's collection: its address or the end of it, several with commas",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """One search of the site, page by page."""

    words: str = ""
    art_types: tuple[str, ...] = ("2d",)
    licences: tuple[str, ...] = ()
    title: str = ""
    tag: str = ""
    """Several with commas."""
    tag_op: str = "or"
    author: str = ""
    sort: str = "created"
    ascending: bool = True
    """Oldest first keeps page numbers as they are while new works come in."""

    @property
    def label(self) -> str:
        """What to call it among others."""
        return self.words

    @property
    def is_oldest_first(self) -> bool:
        """Whether what is new comes last."""
        return self.sort == "created" and self.ascending

    @property
    def key(self) -> str:
        """What is asked for, in whatever order: read to the end, each order holds the same works."""
        asked = (self.words, self.art_types, self.licences, self.title, self.tag, self.tag_op, self.author)
        return repr(asked)

    def url(self, site_url: str, works_per_page: int, page: int) -> str:
        """Return the address of listing page *page*, counted from 0."""
        parameters = [("keys", self.words), ("title", self.title)]
        parameters += [("field_art_tags_tid_op", self.tag_op), ("field_art_tags_tid", self.tag)]
        parameters += [("name", self.author)]
        parameters += [("field_art_type_tid[]", str(ART_TYPES[name])) for name in self.art_types]
        parameters += [("field_art_licenses_tid[]", str(LICENCE_NUMBERS[key])) for key in self.licences]
        parameters += [("sort_by", SORTS[self.sort]), ("sort_order", "ASC" if self.ascending else "DESC")]
        parameters += [("items_per_page", str(works_per_page))]
        parameters += [("page", str(page))] if page else []
        return f"{site_url.rstrip('/')}{SEARCH}?{urlencode(parameters)}"

    def has_page(self, site_url: str, url: str) -> bool:
        """Say whether *url* is a page of this search, of whatever number and length and in whatever order."""
        return _asked_for(url) == _asked_for(self.url(site_url, 1, 0))


@dataclass(frozen=True, slots=True)
class ArtCollection:
    """What a member has collected, page by page, in an order of its own."""

    address: str

    @property
    def label(self) -> str:
        """What to call it among others."""
        return urlsplit(self.address).path

    def url(self, page: int) -> str:
        """Return the address of page *page*, counted from 0: also the first one is not taken for that of a work."""
        return f"{self.address}?page={page}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What a crawl is asked for."""

    listings: tuple[Listing, ...] = ()
    collections: tuple[ArtCollection, ...] = ()
    """Collections; with :attr:`urls` all that is asked for."""
    max_pages: int | None = None
    """Of each listing and collection; None is all."""
    update: bool = False
    """Whether a listing is read only as far as it holds new works."""
    since: datetime | None = None
    """Whether a listing is read only as far as its works are not older than this; by the site's clock, without a zone."""
    urls: tuple[str, ...] = ()
    """Single works; if there are any, or collections, no search is made."""

    @classmethod
    def from_arguments(cls, arguments: Mapping[str, str], site_url: str) -> Self:
        """Return what ``-a NAME=VALUE`` arguments ask for; see :data:`ARGUMENTS`.

        Raises :class:`~artstore.errors.UsageError` for an unknown name or value, also for a *site_url* that is none.
        """
        for name in arguments:
            if name not in ARGUMENTS:
                close = difflib.get_close_matches(name, ARGUMENTS, n=1)
                guess = f"; did you mean {close[0]!r}?" if close else "."
                raise UsageError(
                    f"the crawl has no argument {name!r}{guess} There are {', '.join(ARGUMENTS)}"
                )
        if urlsplit(site_url).scheme not in {"http", "https"} or not urlsplit(site_url).netloc:
            raise UsageError(
                f"OGA_SITE_URL={site_url}: an address that begins with https:// or http:// is needed"
            )
        urls = [_page_url("url", url, site_url) for url in _listed(arguments.get("url", ""))]
        urls += [
            _page_url("node", f"/node/{_number('node', node)}", site_url)
            for node in _listed(arguments.get("node", ""))
        ]
        collections = _collections(arguments.get("collection", ""), site_url)
        update = _choice("mode", arguments.get("mode") or "all", ("all", "update")) == "update"
        since = _since(arguments.get("since", ""))
        if since:
            _check_beside_since(arguments)
        if since or update:
            _check_order(arguments, "mode=update" if update else "since=")
        return cls(
            listings=() if urls or collections else _listings(arguments, newest_first=update or bool(since)),
            collections=collections,
            max_pages=_number("max_pages", arguments["max_pages"]) if arguments.get("max_pages") else None,
            update=update,
            since=since,
            urls=tuple(dict.fromkeys(urls)),
        )


def _listings(arguments: Mapping[str, str], *, newest_first: bool) -> tuple[Listing, ...]:
    sort = _choice("sort", arguments.get("sort") or "created", SORTS)
    usual = "asc" if sort == "created" and not newest_first else "desc"
    common = Listing(
        art_types=_art_types(arguments.get("art_type", "")),
        licences=tuple(find_licences(arguments.get("licence", ""))),
        title=arguments.get("title", ""),
        tag=arguments.get("tag", ""),
        tag_op=_tag_op(arguments),
        author=arguments.get("author", ""),
        sort=sort,
        # What is new, liked or seen most is what one wants first.
        ascending=_choice("order", arguments.get("order") or usual, ORDERS) == "asc",
    )
    queries = [words.strip() for words in arguments.get("query", "").split(";")]
    return tuple(replace(common, words=words) for words in dict.fromkeys(filter(None, queries)) or [""])


def _tag_op(arguments: Mapping[str, str]) -> str:
    tag_op = _choice("tag_op", arguments.get("tag_op") or "or", TAG_OPS)
    if tag_op != "or" and not _listed(arguments.get("tag", "")):
        raise UsageError(f"tag_op={tag_op}: it says how tags are meant, and there are none; give tag= too")
    return tag_op


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _art_types(text: str) -> tuple[str, ...]:
    names = _listed(text.lower()) or ["2d"]
    for name in names:
        if name not in {*ART_TYPES, ALL}:
            raise UsageError(f"no art type is called {name!r}; there are {', '.join(ART_TYPES)} and {ALL}")
    return () if ALL in names else tuple(names)


def _number(name: str, text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise UsageError(f"{name}={text}: a number from 1 is needed")
    return int(text)


def _choice(name: str, text: str, choices: Collection[str]) -> str:
    if text.lower() not in choices:
        raise UsageError(f"{name}={text}: one of {', '.join(choices)} is needed")
    return text.lower()


def _since(text: str) -> datetime | None:
    """Return the moment that *text* means, a day earlier: whichever zone the site is in, it is not too late."""
    text = text.strip().lower()
    if not text:
        return None
    age = re.fullmatch(r"(\d+)([hdw])", text)
    try:
        if age:
            moment = datetime.now(UTC).replace(tzinfo=None) - timedelta(**{AGES[age[2]]: int(age[1])})
        else:
            moment = datetime.combine(date.fromisoformat(text), time())
        return moment - UNSURE
    except (ValueError, OverflowError) as error:
        raise UsageError(
            f"since={text}: a day such as 2024-05-01, or an age such as 30d, 12h or 2w, is needed"
        ) from error


def _check_beside_since(arguments: Mapping[str, str]) -> None:
    """Refuse what cannot be asked for together with ``since``."""
    if (arguments.get("mode") or "all").lower() == "update":
        raise UsageError(
            "mode=update reads as far as there are works that are not known yet, since= as far as a date; give one of them"
        )
    for name in ("url", "node", "collection"):
        if arguments.get(name):
            raise UsageError(
                f"{name}= names what is to be read, however old it is: since= is for searches; leave one of them out"
            )


def _check_order(arguments: Mapping[str, str], beside: str) -> None:
    """Refuse orders in which the new works do not come first."""
    if (arguments.get("sort") or "created").lower() != "created":
        raise UsageError(
            f"sort={arguments['sort']}: with {beside} the newest works come first, as only then "
            "it is known where the older ones begin; leave sort= out"
        )
    if (arguments.get("order") or "desc").lower() != "desc":
        raise UsageError(
            f"order={arguments['order']}: with {beside} the newest works come first; leave order= out"
        )


def _collections(text: str, site_url: str) -> tuple[ArtCollection, ...]:
    # The end of an address alone is what people see in a list of links.
    addresses = (each if "/" in each else f"/content/{each}" for each in _listed(text))
    return tuple(dict.fromkeys(ArtCollection(_page_url("collection", each, site_url)) for each in addresses))


def _asked_for(url: str) -> tuple[str, list[tuple[str, str]]]:
    """Return (address, parameters) of what the search at *url* asks for, without those that were left empty."""
    parts = urlsplit(url)
    asked = [pair for pair in parse_qsl(parts.query) if pair[0] not in PAGING]
    return f"{parts.scheme}://{parts.netloc}{parts.path}", sorted(asked)


def _page_url(name: str, text: str, site_url: str) -> str:
    """Return the address of a page as links have it: one to a comment, or to a later page, is not another page."""
    site = urlsplit(site_url)
    parts = urlsplit(urljoin(f"{site.scheme}://{site.netloc}/", text))
    if parts.netloc.lower() != site.netloc.lower() or not parts.path.startswith(("/content/", "/node/")):
        what = "a collection" if name == "collection" else "a work"
        raise UsageError(
            f"{name}={text}: the page of {what} is needed, {site_url}/content/… or {site_url}/node/…"
        )
    # Typed by a person, who may have copied it decoded; addresses from pages are taken as they are.
    return safe_url_string(f"{site.scheme}://{site.netloc}{parts.path}")
