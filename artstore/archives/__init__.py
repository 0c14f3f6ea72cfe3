"""Archives: one way to read them, one policy over all kinds.

A reader names its members and streams one; it checks nothing. The policy in
:mod:`artstore.archives.policy` counts what is really read, whatever the
archive declares about itself.
"""

from __future__ import annotations

from artstore.archives.kinds import archive_kind, is_archive_name, open_archive
from artstore.archives.policy import ArchiveLimits, Budget
from artstore.archives.protocol import ArchiveReader, Member

__all__ = [
    "ArchiveLimits",
    "ArchiveReader",
    "Budget",
    "Member",
    "archive_kind",
    "is_archive_name",
    "open_archive",
]
