"""OpenGameArt's addresses: how its search is asked, by names that people can read."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
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
ARGUMENTS = {
    "query": "words that the work has to hold",
    "art_type": f"{', '.join(ART_TYPES)} or {ALL}, several with commas (default: 2d)",
    "licence": "cc0, cc-by, cc-by-sa-4.0, …, several with commas (default: any)",
    "tag": "a tag that the work has to bear",
    "author": "part of the name of who submitted it",
    "max_pages": "listing pages to read (default: all)",
    "url": "single works instead of a search: addresses of their pages, several with commas",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What a crawl is asked for."""

    words: str = ""
    art_types: tuple[str, ...] = ("2d",)
    licences: tuple[str, ...] = ()
    tag: str = ""
    author: str = ""
    max_pages: int | None = None
    urls: tuple[str, ...] = ()
    """If there are any, they are all that is asked for."""

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
        return cls(
            words=arguments.get("query", ""),
            art_types=_art_types(arguments.get("art_type", "")),
            licences=tuple(find_licences(arguments.get("licence", ""))),
            tag=arguments.get("tag", ""),
            author=arguments.get("author", ""),
            max_pages=_pages(arguments.get("max_pages")),
            urls=tuple(_work_url(url, site_url) for url in _listed(arguments.get("url", ""))),
        )

    def listing_url(self, site_url: str, works_per_page: int, page: int) -> str:
        """Return the address of listing page *page*, counted from 0.

        Oldest first: page numbers stay what they are while new works come in.
        """
        parameters = [("keys", self.words), ("field_art_tags_tid_op", "or"), ("field_art_tags_tid", self.tag)]
        parameters += [("name", self.author)]
        parameters += [("field_art_type_tid[]", str(ART_TYPES[name])) for name in self.art_types]
        parameters += [("field_art_licenses_tid[]", str(LICENCE_NUMBERS[key])) for key in self.licences]
        parameters += [("sort_by", "created"), ("sort_order", "ASC"), ("items_per_page", str(works_per_page))]
        parameters += [("page", str(page))] if page else []
        return f"{site_url.rstrip('/')}/art-search-advanced?{urlencode(parameters)}"


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _art_types(text: str) -> tuple[str, ...]:
    names = _listed(text.lower()) or ["2d"]
    for name in names:
        if name not in {*ART_TYPES, ALL}:
            raise UsageError(f"no art type is called {name!r}; there are {', '.join(ART_TYPES)} and {ALL}")
    return () if ALL in names else tuple(names)


def _pages(text: str | None) -> int | None:
    if not text:
        return None
    if not text.isdecimal() or int(text) < 1:
        raise UsageError(f"max_pages={text}: a number from 1 is needed")
    return int(text)


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
