"""How much an archive may unpack to, counted on the bytes that really come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO, Self

from artstore.archives.protocol import Member
from artstore.errors import ArchiveError
from artstore.settings import Settings

CHUNK_BYTES = 1 << 16

RATIO_FROM_BYTES = 1 << 20
"""Below this a high ratio is harmless, and usual: an empty 512x512 sheet packs a thousandfold."""


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """What one archive may cost."""

    total_bytes: int
    member_bytes: int
    members: int
    ratio: int
    """Unpacked bytes per packed byte of the whole archive."""

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Return the limits that *settings* ask for."""
        return cls(
            total_bytes=settings.max_archive_bytes,
            member_bytes=settings.max_member_bytes,
            members=settings.max_archive_members,
            ratio=settings.max_archive_ratio,
        )


class Budget:
    """Counts what one archive, *packed_bytes* long on disk, has cost so far."""

    def __init__(self, limits: ArchiveLimits, packed_bytes: int) -> None:
        self.limits = limits
        self.total_left = min(limits.total_bytes, max(RATIO_FROM_BYTES, packed_bytes * limits.ratio))

    def check_members(self, members: Sequence[Member]) -> None:
        """Raise ArchiveError ``too_many_members`` if there are."""
        if len(members) > self.limits.members:
            raise ArchiveError(
                "too_many_members", f"{len(members)} members, over the limit of {self.limits.members}"
            )

    def copy(self, source: BinaryIO, target: BinaryIO) -> None:
        """Copy *source* to *target* while the budget lasts.

        Raises :class:`~artstore.errors.ArchiveError`: ``member_too_large`` costs only
        the member, ``archive_too_large`` the rest of the archive.
        """
        member_bytes = 0
        while chunk := source.read(CHUNK_BYTES):
            member_bytes += len(chunk)
            self.total_left -= len(chunk)
            if self.total_left < 0:
                raise ArchiveError(
                    "archive_too_large", "unpacks to more bytes than its limits allow; see docs/settings.md"
                )
            if member_bytes > self.limits.member_bytes:
                raise ArchiveError("member_too_large", f"more than {self.limits.member_bytes} bytes")
            target.write(chunk)
