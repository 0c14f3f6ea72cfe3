"""Tar archives, packed or not, read once from their beginning to their end.

The standard library reads the headers that say more than a name and a size; the
plain ones, nearly all, are read here, in a quarter of its time.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Self, cast

from artstore.archives.broken import explained
from artstore.archives.packing import Unpacked
from artstore.archives.policy import Budget
from artstore.archives.protocol import Member, Wanted
from artstore.archives.spelling import spelled
from artstore.errors import ArchiveError

BLOCK_BYTES = 512

MAX_HEADER_BYTES = 1 << 20
"""Of a long name or of attributes, which tarfile reads as a whole."""

_CHUNK_BYTES = 1 << 17

# Where they lie in a plain header.
_NAME, _SIZE, _CHECKSUM = slice(0, 100), slice(124, 136), slice(148, 156)
_TYPE_AT, _PREFIX_AT = 156, 345
_MARK = slice(257, 262)

_FILE, _OLD_FILE, _FOLDER = b"0"[0], 0, b"5"[0]


@dataclass(frozen=True, slots=True)
class _Header:
    """What is said of a member whose bytes follow."""

    name: str
    size_bytes: int
    is_folder: bool
    refused: ArchiveError | None
    next_at: int
    """Where the next header is."""


class TarReader:
    """A tar, in one pass; *packing* is what it is packed with, if it is."""

    def __init__(self, path: Path, packing: str | None, budget: Budget) -> None:
        self._unpacked = Unpacked(path, packing, budget)

    def stream(self, wanted: Wanted) -> Iterator[tuple[Member, BinaryIO]]:
        """Yield the files that are *wanted*."""
        source = _Forward(self._unpacked)
        position = -1
        while (header := _next(source)) is not None:
            if not header.is_folder:
                position += 1
                member = Member(header.name, position, header.refused)
                if wanted(member) and header.refused is None:
                    yield member, cast(BinaryIO, _Stream(source, header.size_bytes))
            source.seek(header.next_at)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._unpacked.__exit__()


class _Forward:
    """A file that is only read on, as tarfile and we do by turns."""

    def __init__(self, unpacked: Unpacked) -> None:
        self._unpacked = unpacked
        self._buffer = b""
        self._at = 0
        self._buffer_at = 0

    def tell(self) -> int:
        """Return how many bytes were read."""
        return self._buffer_at + self._at

    def peek(self, size: int) -> bytes:
        """Return the next *size* bytes, fewer at the end, and read them again the next time."""
        if len(self._buffer) - self._at < size:
            self._fill(size)
        return self._buffer[self._at : self._at + size]

    def _fill(self, size: int) -> None:
        parts = [self._buffer[self._at :]]
        here = len(parts[0])
        while here < size and (chunk := self._unpacked.read(_CHUNK_BYTES)):
            parts.append(chunk)
            here += len(chunk)
        self._buffer_at += self._at
        self._buffer, self._at = b"".join(parts), 0

    def read(self, size: int) -> bytes:
        """Return the next *size* bytes, fewer at the end."""
        if size > MAX_HEADER_BYTES:
            raise ArchiveError("bad_archive", f"a header of {size} bytes")
        data = self.peek(size)
        self._at += len(data)
        return data

    def seek(self, to: int) -> None:
        """Go on from *to*, or from the end if that comes before."""
        while (left := to - self.tell()) > 0:
            if not self.read(min(left, _CHUNK_BYTES)):
                return


class _Stream:
    """A member's bytes."""

    def __init__(self, source: _Forward, size_bytes: int) -> None:
        self._source = source
        self._left = size_bytes

    def read(self, size: int = -1) -> bytes:
        """Return up to *size* bytes, or some of the rest. Raises :class:`~artstore.errors.ArchiveError`."""
        if not self._left:
            return b""
        wanted = min(self._left, _CHUNK_BYTES, size if size >= 0 else _CHUNK_BYTES)
        data = self._source.read(wanted)
        if len(data) < wanted:
            self._left = 0
            raise ArchiveError("bad_member", "it ends too early")
        self._left -= len(data)
        return data


def _next(source: _Forward) -> _Header | None:
    start = source.tell()
    block = source.peek(BLOCK_BYTES)
    if len(block) < BLOCK_BYTES or not block.strip(b"\0"):
        if start == 0:
            raise ArchiveError("bad_archive", "it does not begin with a header")
        return None
    return _plain(block, start, source) or _odd(source)


def _plain(block: bytes, start: int, source: _Forward) -> _Header | None:
    """Return what a header says that has nothing special about it, else None."""
    kind = block[_TYPE_AT]
    is_plain = block[_MARK] == b"ustar" and not block[_PREFIX_AT] and kind in {_FILE, _OLD_FILE, _FOLDER}
    try:
        size_bytes, checksum = int(block[_SIZE].strip(b"\0 "), 8), int(block[_CHECKSUM].strip(b"\0 "), 8)
    except ValueError:
        return None
    if not is_plain or size_bytes < 0 or checksum != sum(block) - sum(block[_CHECKSUM]) + 8 * ord(" "):
        return None
    source.read(BLOCK_BYTES)
    name = spelled([block[_NAME].partition(b"\0")[0]])[0]
    is_folder = kind == _FOLDER or name.endswith("/")
    return _Header(name, size_bytes, is_folder, None, start + BLOCK_BYTES + _blocks(size_bytes))


def _odd(source: _Forward) -> _Header:
    """Return what any other header says, and those that belong to it."""
    with explained("bad_archive"):
        # Latin-1 takes every byte, and gives it back.
        archive = tarfile.TarFile(fileobj=cast(BinaryIO, source), encoding="latin-1", errorlevel=2)
        info = archive.next()
        if info is None:
            raise ArchiveError("bad_archive", "a header that is none")
        # Attributes in the manner of POSIX are UTF-8, and decoded by then.
        name = info.name if "path" in info.pax_headers else _respelled(info.name)
        return _Header(name, info.size, info.isdir(), _refused(info), archive.offset)


def _respelled(name: str) -> str:
    return spelled([name.encode("latin-1", errors="replace")])[0]


def _blocks(size_bytes: int) -> int:
    return -(-size_bytes // BLOCK_BYTES) * BLOCK_BYTES


def _refused(info: tarfile.TarInfo) -> ArchiveError | None:
    if info.islnk() or info.issym():
        return ArchiveError("link", "a link to another file")
    if info.issparse():
        return ArchiveError("unsupported", "a file with holes, which only tools for backups make")
    return None if info.isreg() else ArchiveError("device", "no plain file")
