"""Works that a search has named, and does not name any more: asked for by their own pages, they may have vanished."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from artstore.walks import Walks
from ogaspider.urls import Listing
from ogaspider.walking import Walk

MOST_UNNAMED = 200
"""Of one search that was read to its end: half an hour under OpenGameArt's crawl delay. Seldom is it more than a few; a
search that is broken may leave out half of the site, and the site is not to be asked for all of that at once."""

MOST_UNSEEN = 50
"""In an update, which does not come by the old works: of those read longest ago, a few each day, eight minutes."""


class Missing:
    """What is to be asked for when everything else was read."""

    def __init__(self, walks: Walks, max_age: timedelta) -> None:
        self._walks = walks
        self._max_age = max_age
        self._searches: dict[str, str] = {}
        """Work on its way -> the search that does not name it any more."""

    def of(self, walk: Walk) -> list[str]:
        """Return the works to ask for after *walk*: what it missed, or, if it left out what is known, what is oldest."""
        if not isinstance(walk.listing, Listing) or walk.is_unread:
            return []
        if not walk.is_all:
            return self._walks.unnamed(walk.listing.key, MOST_UNSEEN, self._max_age) if walk.to_known else []
        found = self._walks.unnamed(walk.listing.key, MOST_UNNAMED)
        self._searches |= dict.fromkeys(found, walk.listing.key)
        return found

    def came(self, work_urls: Iterable[str]) -> None:
        """Take note that works are there: the search does not find them any more, and need not."""
        for url in work_urls:
            if key := self._searches.pop(url, None):
                self._walks.forget(key, url)
