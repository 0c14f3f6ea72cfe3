"""Files that are packed as a whole: gz, bz2, xz, zst, with or without a tar inside.

Each is one frame or several, and often something behind them that is none: a line
end, blanks of a tape, a signature. What came before a break is given before it is told.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import struct
import sys
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Protocol, Self, cast

from artstore.archives.broken import explained
from artstore.archives.policy import CHUNK_BYTES, Budget
from artstore.archives.protocol import Member, Wanted
from artstore.archives.spelling import spelled
from artstore.errors import ArchiveError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

XZ_MEMORY_BYTES = 1 << 28
"""How far back an xz may look: four times what its highest level takes. Those of zst may no farther than 128 MiB."""

_PIECE_BYTES = 1 << 17

_AHEAD_BYTES = 1 << 18
"""The more at once, the fewer turns the threads take; more than this gains nothing."""

_END_BYTES = 1 << 15
"""Of a file, its end."""

_LAST_BYTES = 512
"""Asked for at once near the end: where a checksum is wrong, what was unpacked with it is lost."""

_MAGIC = {
    "gz": (b"\x1f\x8b\x08",),
    "bz2": (b"BZh",),
    "xz": (b"\xfd7zXZ\x00",),
    # Also those that are passed over: tools that pack on many cores tell each other sizes in them.
    "zst": (b"\x28\xb5\x2f\xfd", *(bytes([first]) + b"\x2a\x4d\x18" for first in range(0x50, 0x60))),
}
"""How a frame begins that follows another one."""

_HAS_CHECKSUM, _HAS_EXTRA, _HAS_NAME, _HAS_COMMENT = 2, 4, 8, 16
"""Flags of a gzip header (RFC 1952)."""

_TEXT_BYTES = 1 << 12
"""Of a name or a comment in a gzip header."""


class _Frame(Protocol):
    """What the standard library's decompressors have in common."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _Gzip:
    """A frame of gzip from behind its header to before its checksum.

    zlib would read these two as well, but of a frame whose checksum is wrong it
    keeps the last bytes for itself.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.name = _gzip_name(file)
        self._deflated = zlib.decompressobj(-zlib.MAX_WBITS)
        self._crc = 0
        self._size_bytes = 0

    @property
    def eof(self) -> bool:
        return self._deflated.eof

    @property
    def needs_input(self) -> bool:
        return not self._deflated.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._deflated.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        unpacked = self._deflated.decompress(self._deflated.unconsumed_tail + data, max_length)
        self._crc = zlib.crc32(unpacked, self._crc)
        self._size_bytes += len(unpacked)
        return unpacked

    def check(self, file: BinaryIO) -> None:
        """Read what follows the frame, and raise BadGzipFile if it is not the sum and the length of what was in it."""
        if struct.unpack("<LL", _exactly(file, 8)) != (self._crc, self._size_bytes & 0xFFFFFFFF):
            raise gzip.BadGzipFile("its checksum or its length is another")


def _gzip_name(file: BinaryIO) -> bytes:
    """Read the header of a frame, and return the name in it, or nothing."""
    magic, flags = struct.unpack("<3sB6x", _exactly(file, 10))
    if magic not in _MAGIC["gz"]:
        raise gzip.BadGzipFile("no header of gzip")
    if flags & _HAS_EXTRA:
        (size,) = struct.unpack("<H", _exactly(file, 2))
        file.read(size)
    name = _text(file) if flags & _HAS_NAME else b""
    if flags & _HAS_COMMENT:
        _text(file)
    if flags & _HAS_CHECKSUM:
        file.read(2)
    return name


def _exactly(file: BinaryIO, size: int) -> bytes:
    data = file.read(size)
    if len(data) < size:
        raise EOFError("it ends too early")
    return data


def _text(file: BinaryIO) -> bytes:
    """Read up to a zero."""
    read = file.read(_TEXT_BYTES)
    text, zero, rest = read.partition(b"\0")
    if not zero:
        raise gzip.BadGzipFile("a header of gzip without an end")
    file.seek(-len(rest), os.SEEK_CUR)
    return text


_BEGIN: dict[str, Callable[[BinaryIO], _Frame]] = {
    "gz": _Gzip,
    "bz2": lambda _: bz2.BZ2Decompressor(),
    "xz": lambda _: lzma.LZMADecompressor(memlimit=XZ_MEMORY_BYTES),
    "zst": lambda _: zstd.ZstdDecompressor(),
}


class Unpacked:
    """What is packed in a file of *kind* from *start* on, or with no *kind* the file; its errors are told as the archive's.

    What comes behind a whole frame and is no other one is not read.
    """

    def __init__(self, path: Path, kind: str | None, budget: Budget, start: int = 0) -> None:
        self._budget = budget
        self._kind = kind
        self._file = path.open("rb")
        self._file.seek(start)
        self._frame: _Frame | None = None
        self._most_bytes = sys.maxsize
        self._is_over = False
        self._broken: ArchiveError | None = None

    @property
    def told_name(self) -> str:
        """What a gz says that its file was called, without folders, or nothing. Raises as :meth:`read` does."""
        with explained("bad_archive"):
            frame = self._begun() if self._kind else None
        name = frame.name if isinstance(frame, _Gzip) else b""
        return PurePosixPath(spelled([name])[0].replace("\\", "/")).name

    def read(self, size: int = -1) -> bytes:
        """Return *size* bytes, fewer at the end or before a break; a chunk if *size* is negative.

        Raises :class:`~artstore.errors.ArchiveError`, and goes on raising it.
        """
        if self._broken:
            raise self._broken
        parts: list[bytes] = []
        left = CHUNK_BYTES if size < 0 else size
        try:
            while left and (data := self._read_on(left)) is not None:
                self._budget.spend(len(data))
                parts.append(data)
                left -= len(data)
        except ArchiveError as error:
            if not any(parts):
                raise
            self._broken = error
        return b"".join(parts)

    def _read_on(self, size: int) -> bytes | None:
        """Return up to *size* bytes, none if nothing has come yet, None at the end."""
        with explained("bad_archive"):
            if self._kind is None:
                return self._file.read(size) or None
            frame = self._begun()
            if frame.eof:
                return b"" if self._goes_on(frame) else None
            return self._decompressed(frame, size)

    def _begun(self) -> _Frame:
        if self._frame is None:
            self._frame = _BEGIN[str(self._kind)](self._file)
        return self._frame

    def _decompressed(self, frame: _Frame, size: int) -> bytes:
        piece = b""
        if was_waiting := frame.needs_input:
            piece = self._piece()
            self._most_bytes = _LAST_BYTES if len(piece) <= _END_BYTES else sys.maxsize
        data = frame.decompress(piece, min(size, self._most_bytes))
        if was_waiting and not (piece or data or frame.eof):
            raise EOFError("it ends too early")
        return data

    def _piece(self) -> bytes:
        """Return what is to be unpacked next; the end of the file for itself."""
        piece = self._file.read(_PIECE_BYTES)
        if not _END_BYTES < len(piece) < _PIECE_BYTES:
            return piece
        self._file.seek(-_END_BYTES, os.SEEK_CUR)
        return piece[:-_END_BYTES]

    def _goes_on(self, frame: _Frame) -> bool:
        """Say whether another frame follows *frame*, which is at its end, and begin it."""
        if not self._is_over:
            self._file.seek(-len(frame.unused_data), os.SEEK_CUR)
            if isinstance(frame, _Gzip):
                frame.check(self._file)
            self._is_over = not _peek(self._file).startswith(_MAGIC[str(self._kind)])
            self._frame = frame if self._is_over else None
        return not self._is_over

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._file.close()


class Ahead:
    """*unpacked*, of which the next chunk is unpacked by a thread while this one is used: that takes no turn of Python's."""

    def __init__(self, unpacked: Unpacked) -> None:
        self._unpacked = unpacked
        self._thread = ThreadPoolExecutor(1)
        self._next = self._thread.submit(unpacked.read, _AHEAD_BYTES)

    def read(self, _size: int) -> bytes:
        """Return the next chunk, none at the end. Raises as :meth:`Unpacked.read` does."""
        data = self._next.result()
        self._next = self._thread.submit(self._unpacked.read, _AHEAD_BYTES)
        return data

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._thread.shutdown()
        self._unpacked.__exit__()


def _peek(file: BinaryIO) -> bytes:
    """Pass over zeros, which tapes are filled up with, and return the next few bytes without passing over them."""
    while piece := file.read(_PIECE_BYTES):
        if rest := piece.lstrip(b"\0"):
            file.seek(-len(rest), os.SEEK_CUR)
            break
    head = file.read(8)
    file.seek(-len(head), os.SEEK_CUR)
    return head


class PackedReader:
    """One file called *name*, packed; a gz may tell another name, which counts if nobody wants the first."""

    def __init__(self, name: str, unpacked: Unpacked) -> None:
        self._name = name
        self._unpacked = unpacked

    def stream(self, wanted: Wanted) -> Iterator[tuple[Member, BinaryIO]]:
        """Yield the one member, if it is *wanted*, which is asked about each of its names."""
        member = Member(self._name, 0)
        is_wanted = wanted(member)
        if not is_wanted and (told := self._unpacked.told_name) not in ("", self._name):
            member = Member(told, 0)
            is_wanted = wanted(member)
        if is_wanted:
            yield member, cast(BinaryIO, self._unpacked)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._unpacked.__exit__()
