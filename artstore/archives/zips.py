"""Zip archives, by the standard library."""

from __future__ import annotations

import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO, BinaryIO, Self, cast

from artstore.archives.protocol import Member
from artstore.errors import ArchiveError

# What zipfile and the decompressors raise on broken input, each seen or read in their sources.
_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    ValueError,
    LookupError,
    OverflowError,
    NotImplementedError,
    RuntimeError,
    MemoryError,
    struct.error,
)

_FILE_TYPE = 0o170000
_REGULAR = (0, 0o100000)
"""Unix file types of a plain file; 0 where the archive was made elsewhere."""


class ZipReader:
    """A zip that is read member by member, never as a whole."""

    def __init__(self, file: BinaryIO) -> None:
        with _explained("bad_archive"):
            self._zip = zipfile.ZipFile(file)
            self._infos = self._zip.infolist()

    def members(self) -> Sequence[Member]:
        """List the plain files."""
        return [
            Member(info.filename, info.file_size, position)
            for position, info in enumerate(self._infos)
            # Not is_dir(): it stumbles over a name of no length.
            if not info.filename.endswith("/") and (info.external_attr >> 16) & _FILE_TYPE in _REGULAR
        ]

    @contextmanager
    def read(self, member: Member) -> Iterator[BinaryIO]:
        """Stream *member*; zipfile checks its CRC at the end."""
        info = self._infos[member.position]
        if info.flag_bits & 1:
            raise ArchiveError("encrypted", f"{member.name} needs a password")
        with _explained("bad_member"):
            stream = self._zip.open(info)
        # What goes wrong in the caller's block, a full disk say, is not the archive's fault.
        with stream:
            yield cast(BinaryIO, _Stream(stream))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._zip.close()


class _Stream:
    """A member as it is read: its errors say that they are the archive's."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def read(self, size: int = -1) -> bytes:
        with _explained("bad_member"):
            return self._stream.read(size)


@contextmanager
def _explained(reason: str) -> Iterator[None]:
    try:
        yield
    except _ERRORS as error:
        raise ArchiveError(reason, f"{type(error).__name__}: {error}") from error
