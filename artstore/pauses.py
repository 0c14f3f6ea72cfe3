"""How long what failed is left alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

FIRST_PAUSE = timedelta(hours=1)
"""After the second failure; the first is tried again by the next run, whenever that is."""

LONGEST_PAUSE = timedelta(days=30)


def pause_after(times: int) -> timedelta:
    """Return how long to leave alone what has failed *times* times: longer each time, never for ever."""
    if times < 2:
        return timedelta(0)
    # Beyond the tenth power it is the longest anyway.
    return min(LONGEST_PAUSE, FIRST_PAUSE * int(4 ** min(times - 2, 10)))


def is_over(times: int, last_at: str) -> bool:
    """Say whether what failed *times* times, at last at *last_at* as the catalog writes it, may be tried again."""
    return datetime.now(UTC) >= datetime.fromisoformat(last_at) + pause_after(times)
