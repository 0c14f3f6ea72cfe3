"""Folders of files that can be made again, or were only lent: held to an amount of bytes, and to an age."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

SWEEP_S = 600.0
"""Between two looks at how much there is, unless much is written."""

HALF_MADE_S = 3600.0
"""Nothing is under way for so long."""


class Cache:
    """The files ``ab/….*`` below *folder*. Others, which begin with a dot, are under way or were left by a kill."""

    def __init__(self, folder: Path, max_bytes: int, max_age_s: float = float("inf")) -> None:
        self.folder = folder
        self._max_bytes = max_bytes
        self._max_age_s = max_age_s
        self._swept_s = time.monotonic()
        self._written_bytes = 0

    def has(self, path: Path) -> bool:
        """Say whether *path* is there, and not too old."""
        try:
            return time.time() - path.stat().st_mtime <= self._max_age_s
        except FileNotFoundError:
            return False

    def written(self, path: Path) -> bool:
        """Count *path*, which was just written, and say whether it is time to :meth:`sweep`."""
        with suppress(FileNotFoundError):
            self._written_bytes += path.stat().st_size
        # One may become much larger than what it was made of.
        return self._written_bytes > self._max_bytes // 16 or time.monotonic() - self._swept_s > SWEEP_S

    def sweep(self) -> None:
        """Remove what is too old, what is too much, the oldest first, and what a process left that was killed."""
        self._swept_s = time.monotonic()
        self._written_bytes = 0
        now = time.time()
        found: list[tuple[float, int, Path]] = []
        for path in (*self.folder.glob(".*"), *self.folder.glob("*/*")):
            with suppress(FileNotFoundError):
                facts = path.stat()
                if not path.name.startswith("."):
                    found.append((facts.st_mtime, facts.st_size, path))
                elif now - facts.st_mtime > HALF_MADE_S:
                    path.unlink()
        left_bytes = self._max_bytes
        for modified_s, size_bytes, path in sorted(found, reverse=True):
            left_bytes -= size_bytes
            if left_bytes < 0 or now - modified_s > self._max_age_s:
                path.unlink(missing_ok=True)
