"""Many may ask at once; whoever changes something is alone."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Sharing:
    """A lock that any number of askers hold together, and one changer alone."""

    def __init__(self) -> None:
        # A changer keeps the door while it waits for those inside to leave, so that it is not kept waiting for ever.
        self._door = threading.Lock()
        self._left = threading.Condition()
        self._inside = 0

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Be one of those who ask. Not to be entered again by whoever is inside."""
        with self._door, self._left:
            self._inside += 1
        try:
            yield
        finally:
            with self._left:
                self._inside -= 1
                self._left.notify_all()

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Be the only one inside."""
        with self._door:
            with self._left:
                self._left.wait_for(lambda: self._inside == 0)
            yield
