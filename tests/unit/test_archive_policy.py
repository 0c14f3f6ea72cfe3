"""The policy over all archives: it counts real bytes, members and time."""

from __future__ import annotations

from collections import deque
from io import BytesIO

import pytest

from artstore.archives import ArchiveLimits, Budget
from artstore.errors import ArchiveError
from artstore.settings import Settings

LIMITS = ArchiveLimits(total_bytes=1 << 22, member_bytes=1 << 21, members=10, ratio=10, depth=3, time_s=60.0)


def spent(budget: Budget, sizes: list[int]) -> str:
    try:
        for size in sizes:
            budget.spend(size)
            deque(budget.chunks(BytesIO(bytes(size))), maxlen=0)
    except ArchiveError as error:
        return error.reason
    return ""


@pytest.mark.parametrize(
    ("packed", "sizes", "expected"),
    [
        (1 << 20, [1 << 21], ""),
        (1 << 20, [(1 << 21) + 1], "member_too_large"),
        (1 << 20, [1 << 21, 1 << 21, 1], "archive_too_large"),
        (100, [1 << 20, 1], "archive_too_large"),
    ],
    ids=["fits", "member", "total", "ratio"],
)
def test_a_budget_ends_on_real_bytes(packed: int, sizes: list[int], expected: str) -> None:
    assert spent(Budget(LIMITS, packed), sizes) == expected


def test_a_budget_ends_when_its_time_is_over() -> None:
    assert spent(Budget(ArchiveLimits(1 << 22, 1 << 21, 10, 10, 3, time_s=0.0), 100), [1]) == "too_slow"


def test_too_many_members_are_refused() -> None:
    budget = Budget(LIMITS, 1)
    for _ in range(10):
        budget.count_member()
    with pytest.raises(ArchiveError, match="too_many_members"):
        budget.count_member()


def test_limits_come_from_the_settings() -> None:
    asked = Settings(
        max_archive_bytes=1,
        max_member_bytes=2,
        max_archive_members=3,
        max_archive_ratio=4,
        max_archive_depth=5,
        max_archive_s=6.0,
    )
    assert ArchiveLimits.from_settings(asked) == ArchiveLimits(1, 2, 3, 4, 5, 6.0)
