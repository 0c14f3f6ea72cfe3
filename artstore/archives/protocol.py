"""What the policy asks of a reader."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import BinaryIO, Protocol, Self


@dataclass(frozen=True, slots=True)
class Member:
    """A file inside an archive."""

    name: str
    """As the archive means it, unsafe, with ``/`` between folders."""
    declared_bytes: int
    """What the archive claims; never to be trusted."""
    position: int
    """Its place in the archive's list: names may come twice."""


class ArchiveReader(Protocol):
    """An open archive. Closing it is leaving its ``with`` block."""

    def members(self) -> Sequence[Member]:
        """List the files, without folders, links and devices.

        Raises :class:`~artstore.errors.ArchiveError`.
        """
        ...

    def read(self, member: Member) -> AbstractContextManager[BinaryIO]:
        """Stream *member*. Raises :class:`~artstore.errors.ArchiveError`, also from reads of the stream."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *exc_info: object) -> None: ...
