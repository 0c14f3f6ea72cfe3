"""Works that a search has named, and does not name any more: asked for by their own pages, they may have vanished."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from artstore.catalog import Catalog
from artstore.models import Stage
from artstore.visits import Visits
from artstore.walks import Walks
from ogaspider.urls import SEARCH, Listing
from ogaspider.walking import Walk

MOST_UNNAMED = 200
"""Of one search that was read to its end: half an hour under OpenGameArt's crawl delay. Seldom is it more than a few; a
search that is broken may leave out half of the site, and the site is not to be asked for all of that at once."""

MOST_UNSEEN = 50
"""In an update, which does not come by the old works: of those read longest ago, a few each day, eight minutes."""


class Missing:
    """What is to be written, and asked for, when everything else was read."""

    def __init__(self, catalog: Catalog, site_url: str, max_age: timedelta) -> None:
        self._catalog = catalog
        self._walks = Walks(catalog)
        self._visits = Visits(catalog, max_age)
        self._site_url = site_url
        self._max_age = max_age
        self._searches: dict[str, str] = {}
        """Work on its way -> the search that does not name it any more."""

    def after(self, walks: Iterable[Walk]) -> set[str]:
        """Write which of *walks* came to their end, and return the works to ask for: missed, or not seen for long."""
        found: set[str] = set()
        for walk in walks:
            if isinstance(walk.listing, Listing) and walk.is_ended:
                self._end(walk.listing)
            if isinstance(walk.listing, Listing) and not walk.is_unread:
                found.update(self._of(walk, walk.listing.key))
        return found

    def _end(self, listing: Listing) -> None:
        """Write that all of *listing* is known; what failed of it in another order, or another day, is no failure any more."""
        failed = self._visits.failed_at(self._site_url + SEARCH)
        with self._catalog.transaction():
            self._walks.end(listing.key)
            for url in failed:
                if listing.has_page(self._site_url, url):
                    self._catalog.forget_failures(Stage.PAGE, url)

    def _of(self, walk: Walk, key: str) -> list[str]:
        if not walk.is_all:
            return self._walks.unnamed(key, MOST_UNSEEN, self._max_age) if walk.to_known else []
        found = self._walks.unnamed(key, MOST_UNNAMED)
        self._searches |= dict.fromkeys(found, key)
        return found

    def came(self, work_urls: Iterable[str]) -> None:
        """Take note that works are there: the search does not find them any more, and need not."""
        for url in work_urls:
            if key := self._searches.pop(url, None):
                self._walks.forget(key, url)
