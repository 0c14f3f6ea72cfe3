"""Errors that carry what to do about them.

    OgaError                 shown to people as one message, never as a traceback
    ├── UsageError           the words of a command or a setting are wrong
    ├── NotReady             something else has to run first; the message names it
    │   ├── Busy             another process is at the same work
    │   └── Mismatch         what lies on disk was made in another way
    ├── NotWritten           the catalog cannot be written: a full disk, mostly
    ├── UnreadableFile       bytes that are not what they should be; has a reason code
    │   ├── ArchiveError
    │   └── PictureError
    └── WrongShape           an array of another shape, type or length than promised

``exit_code`` is what a command line returns when the error reaches its end:
2 wrong usage, 3 not ready, 1 otherwise.
"""

from __future__ import annotations

import errno
from typing import ClassVar, Self

SYSTEM_ERRORS = frozenset({errno.EMFILE, errno.ENFILE, errno.EIO, errno.ENOMEM, errno.ENOSPC})
"""Of an OSError that is the machine's fault and not the file's: another time it may be readable."""


class OgaError(Exception):
    """Anything that is explained to a person in one message."""

    exit_code: ClassVar[int] = 1


class UsageError(OgaError):
    """The words of a command line, a setting or a query are wrong."""

    exit_code = 2


class NotReady(OgaError):
    """Something else has to run first: the message says which command."""

    exit_code = 3


class Busy(NotReady):
    """Another process holds what this one needs."""


class Mismatch(NotReady):
    """An index or a feature file was made by another embedder, weights or dimension."""


class NotWritten(OgaError):
    """The catalog cannot be written; what was written before is kept."""


class NotRecorded(NotWritten):
    """The catalog does not take this one thing; it may take others."""


class UnreadableFile(OgaError):
    """Bytes that are not what they should be.

    *reason* is a short code for counting (``bad_archive``, ``too_many_pixels``);
    *detail* says it in words.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail

    def __reduce__(self) -> tuple[type[Self], tuple[str, str]]:
        # What goes from one process to another is made again from these two.
        return type(self), (self.reason, self.detail)


class ArchiveError(UnreadableFile):
    """An archive, or one member of it, cannot or must not be read."""


class PictureError(UnreadableFile):
    """A picture cannot or must not be decoded."""


class WrongShape(OgaError, ValueError):
    """An array of another shape, dtype, length or content than the contract says."""
