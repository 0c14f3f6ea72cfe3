"""The bytes that a crawl may download: every one is counted, once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ogaspider.allowance import Allowance, AllowanceSpent

sizes = st.integers(0, 50)
downloads = st.lists(st.tuples(sizes, st.lists(sizes, max_size=5)), max_size=8)
"""Of each what was announced, and the pieces that came."""


@given(st.integers(0, 200), downloads, st.booleans())
def test_no_more_is_kept_than_is_allowed_and_nothing_is_counted_twice(
    size_bytes: int,
    files: list[tuple[int, list[int]]],
    at_once: bool,  # noqa: FBT001 - hypothesis names its arguments itself
) -> None:
    allowance = Allowance(size_bytes)
    kept_bytes, spent, shares = 0, False, []
    for announced_bytes, pieces in files:
        try:
            shares.append(share := allowance.share(announced_bytes))
            for piece in pieces:
                took_bytes = share.take(piece)
                kept_bytes += took_bytes
                spent |= took_bytes < piece
        except AllowanceSpent:
            spent = True
        if not at_once:
            for share in shares:
                share.close()
    for share in shares:
        share.close()
    assert kept_bytes <= size_bytes
    assert allowance.left_bytes >= 0
    assert spent or allowance.left_bytes == size_bytes - kept_bytes


def test_what_is_set_aside_is_nobody_elses() -> None:
    allowance = Allowance(100)
    one = allowance.share(60)
    with pytest.raises(AllowanceSpent):
        allowance.share(41)
    other = allowance.share(0)
    assert (other.take(30), other.take(20)) == (30, 10)
    assert one.take(61) == 60


def test_what_did_not_come_is_given_back() -> None:
    allowance = Allowance(100)
    share = allowance.share(60)
    share.take(10)
    share.close()
    share.close()
    assert allowance.left_bytes == 90
