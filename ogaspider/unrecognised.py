"""Pages that are not what they should be, in the words of a failure."""

from __future__ import annotations

from scrapy.http import Response, TextResponse

from ogaspider.listings import ListingPage
from ogaspider.pages import WorkPage
from ogaspider.urls import ArtCollection, Listing

NOT_RECOGNISED = "not_recognised"


def explained(response: Response, listing: Listing | ArtCollection | None) -> tuple[str, str]:
    """Return (code, words) for *response*, which is no page of *listing*, or no work where that is None."""
    if isinstance(response, TextResponse):
        work = WorkPage(response)
        if isinstance(listing, ArtCollection) and work.is_work:
            advice = f"the page of a single work; ask for it with -a url={listing.address}"
            return "not_a_collection", advice
        if listing is None and work.is_work:
            whole = "the files of the work cannot be found: the site may have changed its markup"
            return NOT_RECOGNISED, whole if work.is_whole else "the page of the work breaks off"
        if isinstance(listing, Listing) and ListingPage(response).is_listing:
            return NOT_RECOGNISED, "a listing without the works that it announces, or that breaks off"
    what = f"a page of {len(response.body)} bytes that is no listing, no collection and no work"
    return NOT_RECOGNISED, what
