"""How the pages are read that lead to works: searches, and the collections of members.

As :mod:`ogaspider.pages`: a page that is not what it should be is not empty, ``recognised`` says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from scrapy.http import Response, TextResponse

from ogaspider.markup import absolute, attribute, has_end, root_of, select, text_of
from ogaspider.urls import ArtCollection, Listing

PAGE_NUMBER = re.compile(r"[?&]page=(\d+)(?:&|$)")
"""Of a link to another page. ``page=0,3`` is the number of another pager than ours."""

HEADER = re.compile(r"(?:(?P<first>[\d,]+)\s*-\s*(?P<last>[\d,]+)\s+)?of\s+(?P<total>[\d,]+)")
"""``Displaying 1 - 144 of 17,102``."""


class _Rows:
    """What both have: rows of works, the number of all of them, a pager."""

    def __init__(self, response: TextResponse) -> None:
        self._response = response
        self._page = root_of(response)
        self._view: list[Any] = []

    @property
    def total(self) -> int | None:
        """How many works there are in all, if it says so."""
        return self._announced("total")

    @property
    def last_page(self) -> int:
        """The highest number of a page that the pager leads to, counted from 0; 0 where there is none."""
        hrefs = (link.get("href", "") for link in select(self._view, "ul.pager a"))
        return max((int(found[1]) for href in hrefs if (found := PAGE_NUMBER.search(href))), default=0)

    def _announced(self, what: str) -> int | None:
        """Return the number that the header gives as the *first*, the *last* or the *total*, if it gives one."""
        found = HEADER.search(text_of(select(self._view, ".view-header")))
        return int(found[what].replace(",", "")) if found and found[what] else None

    def _urls(self, links: Iterable[Any]) -> list[str]:
        """Return where *links* lead, absolute, each address once."""
        found = (absolute(self._response, link.get("href", "")) for link in links)
        return list(dict.fromkeys(url for url in found if url))


class ListingPage(_Rows):
    """A page of ``/art-search-advanced``."""

    def __init__(self, response: TextResponse) -> None:
        super().__init__(response)
        # The page holds other views with the same classes: forum topics, menus.
        self._view = select(self._page, "div.view-display-id-search_art_advanced")
        self._links = select(self._view, ".view-content .views-row .art-preview-title a")

    @property
    def recognised(self) -> bool:
        """Whether this is a listing, with works on it if there are any: one of nothing has neither total nor pager."""
        is_empty = not self.total and not self._has_pager and has_end(self._response)
        return self.is_listing and (bool(self._links) or is_empty)

    @property
    def is_listing(self) -> bool:
        """Whether this is a listing at all."""
        return bool(self._view)

    @property
    def is_whole(self) -> bool:
        """Whether it holds as many works as it says, and a way to the others."""
        first, last, total = (self._announced(what) for what in ("first", "last", "total"))
        if first is None or last is None or total is None:
            return True
        return len(self._links) > last - first and (self._has_pager or last >= total)

    @property
    def work_urls(self) -> list[str]:
        """The pages of the works on this page, absolute."""
        return self._urls(self._links)

    @property
    def _has_pager(self) -> bool:
        return bool(select(self._view, "ul.pager a"))


class CollectionPage(_Rows):
    """A page of a member's collection.

    Inferred: the type of the node, its view and its pager are in the modules that
    the site has published, rows are those of a listing, and no such page was ever
    seen. Hence it is only recognised by what is read off it.
    """

    def __init__(self, response: TextResponse) -> None:
        super().__init__(response)
        self._node = select(self._page, "div.node-art-collection.view-mode-full")
        other = select(self._page, "div.node-art.view-mode-full, div.view-display-id-search_art_advanced")
        # Menus and forum topics are in the column on the left.
        main = self._node or ([] if other else select(self._page, "#right"))
        self._inner = select(main, ".node-art-collection.view-mode-art_preview")
        not_works = set(select(self._inner, "a"))
        rows = select(
            main,
            ".node-art.view-mode-art_preview .art-preview-title a, "
            ".views-row.art-previews-inline .art-preview-title a",
        )
        self._links = [link for link in rows if link not in not_works]
        # Comments, which follow, have a pager of their own.
        first = [*self._links, *self._inner][:1]
        self._view = [each for row in first for each in row.iterancestors("div") if _is_view(each)][:1]

    @property
    def recognised(self) -> bool:
        """Whether this is a collection, and all of it can be come by: its works, and its next page if it has one."""
        has_rows = bool(self._links or self._inner)
        is_empty = bool(select(self._node, ".view-empty"))
        is_cut = bool(select(self._view, "ul.pager li.pager-next")) and not self.last_page
        return (has_rows or is_empty) and not is_cut

    @property
    def is_whole(self) -> bool:
        """Whether all of it is here; nobody knows what a collection says of itself."""
        return True

    @property
    def work_urls(self) -> list[str]:
        """The pages of the works on this page, absolute."""
        return self._urls(self._links)

    @property
    def inner_urls(self) -> list[str]:
        """The collections that are in this one, absolute."""
        hrefs = (attribute(select([row], "a"), "href") for row in self._inner)
        return [url for href in hrefs if (url := absolute(self._response, href))]


def _is_view(element: Any) -> bool:
    return "view" in element.get("class", "").split()


def rows_of(response: Response, listing: Listing | ArtCollection) -> ListingPage | CollectionPage | None:
    """Return the page of *listing* that *response* is taken for; None for what is no text."""
    if not isinstance(response, TextResponse):
        return None
    return ListingPage(response) if isinstance(listing, Listing) else CollectionPage(response)
