"""How far a listing or a collection is read, page by page, and whether that was all of it."""

from __future__ import annotations

from ogaspider.urls import ArtCollection, Listing


class Walk:
    """One listing or collection on its way.

    *max_pages* is how many are read at most; *to_known* that no more are read than
    hold new works, since all the others were read before; *was_ended* that the last
    crawl of the same came to its end.
    """

    def __init__(
        self,
        listing: Listing | ArtCollection,
        max_pages: int | None = None,
        *,
        to_known: bool = False,
        was_ended: bool = False,
    ) -> None:
        self.listing = listing
        self.to_known = to_known
        self.is_unread = False
        """Whether a page, or a part of one, could not be read."""
        self._max_pages = max_pages
        self._was_ended = was_ended
        self.last = 0
        """The last page that is to be read, as far as is known."""
        self._waiting = range(0)
        """Pages that are known to follow, and are not asked for yet."""
        self._is_cut = False
        self._is_left = False
        self._total = 0
        self._is_shrunk = False

    def limit(self, last_page: int) -> int:
        """Return which page is the last to be read, where *last_page* is the last one there is, counted from 0."""
        return min(last_page, (self._max_pages or last_page + 1) - 1)

    def turn(self, page: int, last: int, last_page: int, *, has_new: bool) -> int:
        """Return how many pages follow *page*, as far as is known.

        *last* is the last one that was known when it was asked for: only it tells which
        follow. *has_new* is whether it held works that nobody had read.
        """
        if page != last:
            return 0
        limit = self.limit(last_page)
        following = range(last + 1, limit + 1)
        if self.to_known:
            following = following[:1] if has_new else range(0)
        self._is_left = self.to_known and not has_new and page < last_page
        self._is_cut = not self._is_left and limit < last_page and not following
        if following:
            self._waiting, self.last = following, following[-1]
        return len(following)

    def counted(self, total: int | None) -> None:
        """Take note of how many works there are by now, if a page says so: fewer, and others have moved up to pages that were read."""
        self._is_shrunk = self._is_shrunk or (total is not None and total < self._total)
        self._total = total or self._total

    def take(self, most: int) -> range:
        """Return *most* of the pages that are to be asked for next."""
        taken, self._waiting = self._waiting[:most], self._waiting[most:]
        return taken

    @property
    def is_all(self) -> bool:
        """Whether all that there is was read, page by page."""
        return not (self.is_unread or self._is_cut or self._is_left)

    @property
    def is_ended(self) -> bool:
        """Whether nothing that is unknown may hide behind a page of known works.

        Cut off from the oldest work on, it is as good as it was: known is all up to some work, then nothing. But works
        that changed their places from one page to the next may have been on neither.
        """
        kept = self._was_ended and isinstance(self.listing, Listing) and self.listing.is_oldest_first
        is_stable = isinstance(self.listing, ArtCollection) or self.listing.sort == "created" or not self.last
        return not self.is_unread and (not self._is_cut or kept) and is_stable and not self._is_shrunk
