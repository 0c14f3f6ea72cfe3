"""Archives: one way to read them, one policy over all kinds.

A reader names its members and streams those that are wanted; it counts nothing.
The policy in :mod:`artstore.archives.policy` counts what is really read, whatever
the archive declares about itself.
"""

from __future__ import annotations

from artstore.archives.kinds import HEAD_BYTES, archive_kind, is_archive_name, open_archive
from artstore.archives.policy import OVERDRAWN, ArchiveLimits, Budget
from artstore.archives.protocol import ArchiveReader, Member

__all__ = [
    "HEAD_BYTES",
    "OVERDRAWN",
    "ArchiveLimits",
    "ArchiveReader",
    "Budget",
    "Member",
    "archive_kind",
    "is_archive_name",
    "open_archive",
]
