"""One process at a time: a lock on the disk, which ends with whoever holds it, however that ended."""

from __future__ import annotations

from pathlib import Path

from filelock import BaseFileLock, FileLock, Timeout

from artstore.errors import Busy


def claimed(lock: Path, doing: str) -> BaseFileLock:
    """Return *lock*, held. Raises :class:`~artstore.errors.Busy`, that another process is *doing* it, if one holds it."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    # Not the lock of one thread: whoever claims need not be whoever lets go.
    held = FileLock(lock, timeout=0, thread_local=False)
    try:
        held.acquire()
    except Timeout:
        raise Busy(f"another process is {doing}; wait for it to end") from None
    return held
