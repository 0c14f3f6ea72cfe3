"""Files that are packed as a whole: gz, bz2, xz, zst, with or without a tar inside."""

from __future__ import annotations

import bz2
import gzip
import lzma
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Self, cast

from artstore.archives.broken import explained
from artstore.archives.policy import Budget
from artstore.archives.protocol import Member, Wanted

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_OPENERS: dict[str, Callable[[BinaryIO], Any]] = {
    "gz": lambda file: gzip.GzipFile(fileobj=file),
    "bz2": bz2.BZ2File,
    "xz": lzma.LZMAFile,
    "zst": zstd.ZstdFile,
}


class Unpacked:
    """What is packed in a file of *kind* from *start* on, as it is read; its errors say that they are the archive's."""

    def __init__(self, path: Path, kind: str | None, budget: Budget, start: int = 0) -> None:
        self._budget = budget
        self._file = path.open("rb")
        self._file.seek(start)
        self._stream: Any = _OPENERS[kind](self._file) if kind else self._file

    def read(self, size: int = -1) -> bytes:
        """Return up to *size* bytes. Raises :class:`~artstore.errors.ArchiveError`."""
        with explained("bad_archive"):
            data = cast(bytes, self._stream.read(size))
        self._budget.spend(len(data))
        return data

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._file.close()


class PackedReader:
    """One file called *name*, packed."""

    def __init__(self, name: str, unpacked: Unpacked) -> None:
        self._member = Member(name, 0)
        self._unpacked = unpacked

    def stream(self, wanted: Wanted) -> Iterator[tuple[Member, BinaryIO]]:
        """Yield the one member, if it is *wanted*."""
        if wanted(self._member):
            yield self._member, cast(BinaryIO, self._unpacked)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._unpacked.__exit__()
