"""Tar archives, packed or not, read once from their beginning to their end.

The standard library reads the headers that say more than a name and a size; the
plain ones, nearly all, are read here, in a quarter of its time.
"""

from __future__ import annotations

import struct
import tarfile
import zlib
from collections.abc import Iterator
from io import BytesIO
from typing import BinaryIO, NamedTuple, Self, cast

from artstore.archives.broken import explained
from artstore.archives.packing import Unpacked
from artstore.archives.protocol import Member, Wanted
from artstore.archives.spelling import spelled
from artstore.archives.tools import Output
from artstore.errors import ArchiveError

BLOCK_BYTES = 512

MAX_HEADER_BYTES = 1 << 20
"""Of a long name or of attributes, which tarfile reads as a whole."""

_CHUNK_BYTES = 1 << 17

_PLAIN = struct.Struct("100s 24x 12s 12x 8s c 100x 5s 83x c")
"""Of a header: name, size, checksum, kind, mark, and the first byte of what may come before the name."""

_FOLDER = b"5"
_KINDS = frozenset({b"0", b"\0", _FOLDER})
"""Those that are read here: files, as new and as old tools write them, and folders."""

_ADLER_BASE = 65521
"""What both halves of an Adler-32 are taken modulo (RFC 1950)."""


class _Header(NamedTuple):
    """What is said of a member whose bytes follow."""

    name: str
    size_bytes: int
    is_folder: bool
    refused: ArchiveError | None
    next_at: int
    """Where the next header is."""


class TarReader:
    """A tar, in one pass; it comes out of whatever it is packed in."""

    def __init__(self, unpacked: Unpacked | Output) -> None:
        self._unpacked = unpacked

    def stream(self, wanted: Wanted) -> Iterator[tuple[Member, BinaryIO]]:
        """Yield the files that are *wanted*. Raises :class:`~artstore.errors.ArchiveError` at the end of what is broken."""
        source = _Forward(self._unpacked)
        position = -1
        while (header := _next(source)) is not None:
            if not header.is_folder:
                position += 1
                member = Member(header.name, position, header.refused)
                if wanted(member) and header.refused is None:
                    yield member, _content(source, header.size_bytes)
            source.seek(header.next_at)
        is_empty = source.tell() == 0
        source.finish()
        if is_empty:
            raise ArchiveError("bad_archive", "it does not begin with a header")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._unpacked.__exit__()


class _Forward:
    """A file that is only read on, as tarfile and we do by turns."""

    def __init__(self, unpacked: Unpacked | Output) -> None:
        self._unpacked = unpacked
        self.window = b""
        """Bytes of it, some of them read before."""
        self.at = 0
        """Where the next byte is in the window."""
        self._window_at = 0

    def tell(self) -> int:
        """Return how many bytes were read."""
        return self._window_at + self.at

    def holds(self, size: int) -> bool:
        """Say whether the window has *size* bytes more, after filling it."""
        if len(self.window) - self.at < size:
            self._fill(size)
        return len(self.window) - self.at >= size

    def _fill(self, size: int) -> None:
        parts = [self.window[self.at :]]
        here = len(parts[0])
        while here < size and (chunk := self._unpacked.read(_CHUNK_BYTES)):
            parts.append(chunk)
            here += len(chunk)
        self._window_at += self.at
        self.window, self.at = b"".join(parts), 0

    def read(self, size: int) -> bytes:
        """Return the next *size* bytes, fewer at the end."""
        if size > MAX_HEADER_BYTES:
            raise ArchiveError("bad_archive", f"a header of {size} bytes")
        self.holds(size)
        data = self.window[self.at : self.at + size]
        self.at += len(data)
        return data

    def seek(self, to: int) -> None:
        """Go on from *to*, or from the end if that comes before."""
        self.at = min(max(self.at, to - self._window_at), len(self.window))
        while (left := to - self.tell()) > 0:
            if not self.read(min(left, _CHUNK_BYTES)):
                return

    def finish(self) -> None:
        """Read what comes after the last member: there may be a checksum of the whole, or a complaint."""
        while self._unpacked.read(_CHUNK_BYTES):
            pass


def _content(source: _Forward, size_bytes: int) -> BinaryIO:
    """Return the bytes of a member: as a whole if it is small, which takes a fraction of the time."""
    if size_bytes <= _CHUNK_BYTES and source.holds(size_bytes):
        return BytesIO(source.window[source.at : source.at + size_bytes])
    return cast(BinaryIO, _Stream(source, size_bytes))


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
    if source.holds(BLOCK_BYTES):
        if header := _plain(source):
            return header
        if source.window.count(0, source.at, source.at + BLOCK_BYTES) < BLOCK_BYTES:
            return _odd(source)
    return None


def _plain(source: _Forward) -> _Header | None:
    """Read a header that has nothing special about it; return None, and read nothing, if it is any other."""
    block = source.window[source.at : source.at + BLOCK_BYTES]
    raw_name, size, checksum, kind, mark, prefix = _PLAIN.unpack_from(block)
    if mark != b"ustar" or prefix != b"\0" or kind not in _KINDS:
        return None
    try:
        size_bytes, expected = int(size.strip(b"\0 "), 8), int(checksum.strip(b"\0 "), 8)
    except ValueError:
        return None
    # It is the sum of all bytes, its own taken for blanks; the lower half of Adler-32 is one more than such a sum,
    # and found in a tenth of the time.
    found = (zlib.adler32(block) & 0xFFFF) - 1 - sum(checksum) + 8 * ord(" ")
    if size_bytes < 0 or (found - expected) % _ADLER_BASE:
        return None
    source.at += BLOCK_BYTES
    name = spelled([raw_name.partition(b"\0")[0]])[0]
    is_folder = kind == _FOLDER or name.endswith("/")
    return _Header(name, size_bytes, is_folder, None, source.tell() + _blocks(size_bytes))


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
    """Return the length of *size_bytes*, filled up to whole blocks."""
    return (size_bytes + BLOCK_BYTES - 1) // BLOCK_BYTES * BLOCK_BYTES


def _refused(info: tarfile.TarInfo) -> ArchiveError | None:
    if info.islnk() or info.issym():
        return ArchiveError("link", "a link to another file")
    if info.issparse():
        return ArchiveError("unsupported", "a file with holes, which only tools for backups make")
    return None if info.isreg() else ArchiveError("device", "no plain file")
