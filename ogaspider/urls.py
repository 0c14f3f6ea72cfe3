"""OpenGameArt's addresses: how its search is asked, by names that people can read."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Self
from urllib.parse import urlencode, urljoin, urlsplit

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

ALL = "all"
SORTS = {"created": "created", "favourites": "count", "relevance": "score", "views": "totalcount"}
"""Orders of a listing, and what the site calls them."""

ARGUMENTS = {
    "query": "words that the work has to hold; several searches with semicolons",
    "art_type": f"{', '.join(ART_TYPES)} or {ALL}, several with commas (default: 2d)",
    "licence": "cc0, cc-by, cc-by-sa-4.0, …, several with commas (default: any)",
    "tag": "a tag that the work has to bear",
    "author": "part of the name of who submitted it",
    "sort": f"{', '.join(SORTS)} (default: created, oldest first)",
    "mode": "all, or update: newest first, and only as far as there are works that are not known yet",
    "max_pages": "listing pages to read of each search (default: all)",
    "url": "single works instead of a search: addresses of their pages, several with commas",
    "node": "the same by OpenGameArt's numbers of the works",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """One search of the site, page by page."""

    words: str = ""
    art_types: tuple[str, ...] = ("2d",)
    licences: tuple[str, ...] = ()
    tag: str = ""
    author: str = ""
    sort: str = "created"
    ascending: bool = True
    """Oldest first keeps page numbers as they are while new works come in."""

    @property
    def key(self) -> str:
        """What is asked for, in whatever order."""
        return repr((self.words, self.art_types, self.licences, self.tag, self.author))

    def url(self, site_url: str, works_per_page: int, page: int) -> str:
        """Return the address of listing page *page*, counted from 0."""
        parameters = [("keys", self.words), ("field_art_tags_tid_op", "or"), ("field_art_tags_tid", self.tag)]
        parameters += [("name", self.author)]
        parameters += [("field_art_type_tid[]", str(ART_TYPES[name])) for name in self.art_types]
        parameters += [("field_art_licenses_tid[]", str(LICENCE_NUMBERS[key])) for key in self.licences]
        parameters += [("sort_by", SORTS[self.sort]), ("sort_order", "ASC" if self.ascending else "DESC")]
        parameters += [("items_per_page", str(works_per_page))]
        parameters += [("page", str(page))] if page else []
        return f"{site_url.rstrip('/')}/art-search-advanced?{urlencode(parameters)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What a crawl is asked for."""

    listings: tuple[Listing, ...] = ()
    max_pages: int | None = None
    """Of each listing; None is all."""
    update: bool = False
    """Whether a listing is read only as far as it holds new works."""
    urls: tuple[str, ...] = ()
    """Single works; if there are any, they are all that is asked for."""

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
        urls = [_work_url(url, site_url) for url in _listed(arguments.get("url", ""))]
        urls += [
            _work_url(f"/node/{_number('node', node)}", site_url)
            for node in _listed(arguments.get("node", ""))
        ]
        update = _choice("mode", arguments.get("mode") or "all", ("all", "update")) == "update"
        return cls(
            listings=() if urls else _listings(arguments, update=update),
            max_pages=_number("max_pages", arguments["max_pages"]) if arguments.get("max_pages") else None,
            update=update,
            urls=tuple(urls),
        )


def _listings(arguments: Mapping[str, str], *, update: bool) -> tuple[Listing, ...]:
    sort = _choice("sort", arguments.get("sort") or "created", SORTS)
    common = Listing(
        art_types=_art_types(arguments.get("art_type", "")),
        licences=tuple(find_licences(arguments.get("licence", ""))),
        tag=arguments.get("tag", ""),
        author=arguments.get("author", ""),
        sort=sort,
        # What is new, liked or seen most is what one wants first.
        ascending=sort == "created" and not update,
    )
    queries = [words.strip() for words in arguments.get("query", "").split(";")]
    return tuple(replace(common, words=words) for words in dict.fromkeys(filter(None, queries)) or [""])


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


def _work_url(text: str, site_url: str) -> str:
    """Return the address of the work as the listing has it: a link to one of its comments is not another work."""
    site = urlsplit(site_url)
    parts = urlsplit(urljoin(f"{site.scheme}://{site.netloc}/", text))
    if parts.netloc.lower() != site.netloc.lower() or not parts.path.startswith(("/content/", "/node/")):
        raise UsageError(
            f"url={text}: the page of a work is needed, {site_url}/content/… or {site_url}/node/…"
        )
    # Typed by a person, who may have copied it decoded; addresses from pages are taken as they are.
    return safe_url_string(f"{site.scheme}://{site.netloc}{parts.path}")
