"""The catalog, read from many threads: each has a connection of its own."""

from __future__ import annotations

import threading
from pathlib import Path

from artstore.catalog import Catalog


class Catalogs:
    """Read-only catalogs of one file, one for each thread that asks; closed together.

    Raises :class:`~artstore.errors.NotReady` at once if nothing was collected yet.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._open: dict[threading.Thread, Catalog] = {}
        self.mine()

    def mine(self) -> Catalog:
        """Return this thread's catalog, opened when it asks for the first time."""
        thread = threading.current_thread()
        with self._lock:
            if thread not in self._open:
                self._close_ended()
                self._open[thread] = Catalog(self._path, read_only=True)
            return self._open[thread]

    def close(self) -> None:
        """Close them all; no thread may be asking any more."""
        with self._lock:
            while self._open:
                self._open.popitem()[1].close()

    def _close_ended(self) -> None:
        """Close those of threads that have ended: a server may start a thread for each question."""
        for thread in [thread for thread in self._open if not thread.is_alive()]:
            self._open.pop(thread).close()
