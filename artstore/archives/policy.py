"""How much an archive may unpack to, counted on the bytes that really come."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from time import monotonic
from typing import BinaryIO, Self

from artstore.errors import ArchiveError
from artstore.settings import Settings

CHUNK_BYTES = 1 << 16

RATIO_FROM_BYTES = 1 << 20
"""Below this a high ratio is harmless, and usual: an empty 512x512 sheet packs a thousandfold."""

OVERDRAWN = frozenset({"archive_too_large", "too_many_members", "too_slow"})
"""Reasons for which nothing more is read of an archive, nor of the one that it is packed in."""


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """What one archive may cost, with all that are packed in it."""

    total_bytes: int
    member_bytes: int
    members: int
    ratio: int
    """Unpacked bytes per packed byte of the whole archive."""
    depth: int
    """Archives in archives: 1 is the one itself."""
    time_s: float

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Return the limits that *settings* ask for."""
        return cls(
            total_bytes=settings.max_archive_bytes,
            member_bytes=settings.max_member_bytes,
            members=settings.max_archive_members,
            ratio=settings.max_archive_ratio,
            depth=settings.max_archive_depth,
            time_s=settings.max_archive_s,
        )


class Budget:
    """Counts what one archive, *packed_bytes* long on disk, has cost so far.

    What goes over a limit raises :class:`~artstore.errors.ArchiveError` with a
    reason: those in :data:`OVERDRAWN` cost the rest of the archive.
    """

    def __init__(self, limits: ArchiveLimits, packed_bytes: int) -> None:
        self.limits = limits
        self.total_left = min(limits.total_bytes, max(RATIO_FROM_BYTES, packed_bytes * limits.ratio))
        self._members_left = limits.members
        self._until_s = monotonic() + limits.time_s

    def count_member(self) -> None:
        """Count something that an archive lists. Raises ``too_many_members``."""
        self._members_left -= 1
        if self._members_left < 0:
            raise ArchiveError("too_many_members", f"more than {self.limits.members} members")

    def spend(self, size_bytes: int) -> None:
        """Count bytes that were unpacked, wanted or not. Raises ``archive_too_large`` and ``too_slow``."""
        self.total_left -= size_bytes
        if self.total_left < 0:
            raise ArchiveError(
                "archive_too_large", "unpacks to more bytes than its limits allow; see docs/settings.md"
            )
        if monotonic() > self._until_s:
            raise ArchiveError("too_slow", f"unpacking takes longer than {self.limits.time_s:g} s")

    def chunks(self, source: BinaryIO) -> Iterator[bytes]:
        """Yield what *source*, one member, has while the budget lasts.

        Raises ``member_too_large``, which costs only the member, and what *source* raises.
        """
        left = self.limits.member_bytes
        while chunk := source.read(CHUNK_BYTES):
            left -= len(chunk)
            if left < 0:
                raise ArchiveError("member_too_large", f"more than {self.limits.member_bytes} bytes")
            yield chunk
