"""Which pages of a listing are read, and when that was all of it."""

from __future__ import annotations

import pytest

from ogaspider.urls import ArtCollection, Listing
from ogaspider.walking import Walk

LISTING = Listing()
NEWEST_FIRST = Listing(ascending=False)


def read(walk: Walk, new: list[bool]) -> list[int]:
    """Read *walk* through a listing with a page for each of *new*, whether it holds new works; return the pages read."""
    waiting, done = [(0, 0)], []
    while waiting:
        page, last = waiting.pop(0)
        done.append(page)
        walk.turn(page, last, len(new) - 1, has_new=new[page])
        waiting += [(number, walk.last) for number in walk.take(2)]
    return done


@pytest.mark.parametrize("listing", [LISTING, NEWEST_FIRST, ArtCollection("x")])
@pytest.mark.parametrize("max_pages", [None, 4, 9])
def test_all_pages_are_read_whatever_they_hold(
    listing: Listing | ArtCollection, max_pages: int | None
) -> None:
    walk = Walk(listing, max_pages)
    assert read(walk, [False] * 4) == [0, 1, 2, 3]
    assert (walk.is_all, walk.is_ended) == (True, True)


def test_an_update_reads_as_far_as_there_is_anything_new(walked: Walk) -> None:
    assert read(walked, [True, True, False, True]) == [0, 1, 2]
    assert (walked.is_all, walked.is_ended) == (False, True)


@pytest.mark.parametrize("new", [[True, True], [True, False], [False]])
def test_an_update_that_comes_to_the_last_page_has_read_all(walked: Walk, new: list[bool]) -> None:
    assert read(walked, new) == list(range(len(new)))
    assert (walked.is_all, walked.is_ended) == (True, True)


@pytest.fixture
def walked() -> Walk:
    return Walk(NEWEST_FIRST, to_known=True, was_ended=True)


@pytest.mark.parametrize(
    ("listing", "was_ended", "is_ended"),
    [
        (LISTING, False, False),
        # The oldest works, which were known: what is unknown is still all behind them.
        (LISTING, True, True),
        (NEWEST_FIRST, True, False),
        (Listing(sort="views"), True, False),
    ],
)
def test_a_few_pages_are_not_all(listing: Listing, *, was_ended: bool, is_ended: bool) -> None:
    walk = Walk(listing, 2, was_ended=was_ended)
    assert read(walk, [True] * 4) == [0, 1]
    assert (walk.is_all, walk.is_ended) == (False, is_ended)


def test_an_update_that_was_cut_off_before_it_met_what_is_known_did_not_end() -> None:
    cut, enough = (Walk(NEWEST_FIRST, 2, to_known=True, was_ended=True) for _ in range(2))
    assert read(cut, [True, True, True]) == read(enough, [True, False, True]) == [0, 1]
    assert (cut.is_all, cut.is_ended) == (False, False)
    assert (enough.is_all, enough.is_ended) == (False, True)


def test_a_page_that_could_not_be_read_is_missing() -> None:
    walk = Walk(LISTING, was_ended=True)
    read(walk, [False] * 4)
    walk.is_unread = True
    assert (walk.is_all, walk.is_ended) == (False, False)


def test_a_listing_that_grows_is_read_to_its_new_end() -> None:
    walk = Walk(LISTING)
    walk.turn(0, 0, 1, has_new=True)
    assert list(walk.take(2)) == [1]
    walk.turn(1, 1, 3, has_new=True)
    assert list(walk.take(2)) == [2, 3]


@pytest.mark.parametrize(
    ("totals", "is_ended"), [([90, 90, 95], True), ([90, None, 90], True), ([90, 89], False)]
)
def test_where_works_vanish_meanwhile_others_may_have_moved_to_pages_that_were_read(
    totals: list[int | None], *, is_ended: bool
) -> None:
    walk = Walk(LISTING)
    for total in totals:
        walk.counted(total)
    assert read(walk, [True] * 4) == [0, 1, 2, 3]
    assert (walk.is_all, walk.is_ended) == (True, is_ended)


@pytest.mark.parametrize(("pages", "is_ended"), [(1, True), (2, False)])
def test_in_an_order_that_changes_works_may_have_moved_as_well(pages: int, *, is_ended: bool) -> None:
    walk = Walk(Listing(sort="views"))
    read(walk, [True] * pages)
    assert (walk.is_all, walk.is_ended) == (True, is_ended)
