"""What the policy asks of a reader."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import BinaryIO, NamedTuple, Protocol, Self

from artstore.errors import ArchiveError


class Member(NamedTuple):
    """What an archive lists: a file, or something that is refused."""

    name: str
    """As the archive means it, unsafe, with ``/`` between folders."""
    position: int
    """Its place in the archive's list: names may come twice."""
    refused: ArchiveError | None = None
    """Why it is not read: ``link``, ``device``, ``encrypted``, ``overlapping``."""


Wanted = Callable[[Member], bool]


class ArchiveReader(Protocol):
    """An open archive. Closing it is leaving its ``with`` block."""

    def stream(self, wanted: Wanted) -> Iterator[tuple[Member, BinaryIO]]:
        """Yield each member that *wanted* says yes to, in the archive's order, with its bytes.

        *wanted* is asked once about everything that is no folder, also about what
        is refused. A stream is read before the next one is asked for: an archive may
        be one long packed text. Its reads raise :class:`~artstore.errors.ArchiveError`,
        which costs the member; what the iteration raises costs the rest of the archive.
        """
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *exc_info: object) -> None: ...
