"""A search from its newest work on, as far as a date.

A listing shows no dates: those that the catalog does not know are on the pages of
the works. So the works are read a few at a time, and no more of them, nor the
next page of the listing, once they are too old.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from datetime import datetime

from ogaspider.urls import Listing

AT_ONCE = 4
"""Works on their way at any time: as many as the site is asked for at once. More would be read only to be found old."""

OLD_IN_A_ROW = 4
"""Works one after another that are too old, and so all that follow: a single one may be out of place."""


class Newest:
    """How far one listing is read; *since* is a moment by the site's clock."""

    def __init__(self, listing: Listing, since: datetime) -> None:
        self.listing = listing
        self.page = 0
        self.last = 0
        self._since = since
        self._waiting: deque[tuple[int, str]] = deque()
        """Works and their places in the listing."""
        self._places = 0
        self._on_their_way: set[int] = set()
        self._last_wanted = -1
        self._old_since_then: set[int] = set()
        self.dated = False
        """Whether any work of this page told its date."""

    def turn_to(self, page: int, last: int, work_urls: Sequence[str]) -> None:
        """Go on with *work_urls*, the newest first, of *page* of the listing; *last* is the last one there is."""
        self.page, self.last = page, last
        self._waiting.extend(enumerate(work_urls, self._places))
        self._places += len(work_urls)
        self.dated = False

    def next_work(self) -> tuple[int, str] | None:
        """Return place and address of the next work that matters, or None if enough are on their way, or it is over."""
        if self.is_over or not self._waiting or len(self._on_their_way) >= AT_ONCE:
            return None
        return self._waiting.popleft()

    def is_old(self, place: int, posted_at: datetime) -> bool:
        """Take note of the date of the work at *place*, and say whether it is too old.

        Works come in any order; those without a date count for nothing.
        """
        self.dated = True
        is_old = posted_at < self._since
        if is_old:
            self._old_since_then.add(place)
        else:
            self._last_wanted = max(self._last_wanted, place)
        self._old_since_then = {old for old in self._old_since_then if old > self._last_wanted}
        return is_old

    def sent(self, place: int) -> None:
        """Take note that the work at *place* is asked for."""
        self._on_their_way.add(place)

    def came(self, place: int) -> bool:
        """Take note that it came, or will not come; return False if that was known."""
        was_on_its_way = place in self._on_their_way
        self._on_their_way.discard(place)
        return was_on_its_way

    @property
    def is_over(self) -> bool:
        """Whether all that follows is too old."""
        return len(self._old_since_then) >= OLD_IN_A_ROW

    @property
    def is_page_done(self) -> bool:
        """Whether nothing of this page is on its way or will be."""
        return not self._on_their_way and (self.is_over or not self._waiting)
