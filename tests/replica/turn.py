"""How far the fake site answers: it may hold up what comes after, so that a visitor is caught half-way."""

from __future__ import annotations

from threading import Condition


class Turn:
    """Numbers of requests that are answered by now: all, or those up to one."""

    def __init__(self) -> None:
        self.changed = Condition()
        self.last: int | None = None

    def until(self, number: int | None) -> None:
        """Answer the requests up to *number* from now on; None is all."""
        with self.changed:
            self.last = number
            self.changed.notify_all()

    def wait(self, number: int) -> None:
        """Wait for the turn of the request with this *number*."""
        with self.changed:
            self.changed.wait_for(lambda: self.last is None or number <= self.last)
