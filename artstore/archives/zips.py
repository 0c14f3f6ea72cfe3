"""Zip archives, by the standard library."""

from __future__ import annotations

import lzma
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import BinaryIO, Self, cast

from artstore.archives.protocol import Member
from artstore.errors import ArchiveError

# What zipfile raises on broken input: struct.error and UnicodeDecodeError hide below ValueError and Exception.
_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    ValueError,
    NotImplementedError,
    RuntimeError,
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
            if not info.is_dir() and (info.external_attr >> 16) & _FILE_TYPE in _REGULAR
        ]

    @contextmanager
    def read(self, member: Member) -> Iterator[BinaryIO]:
        """Stream *member*; zipfile checks its CRC at the end."""
        info = self._infos[member.position]
        if info.flag_bits & 1:
            raise ArchiveError("encrypted", f"{member.name} needs a password")
        with _explained("bad_member"), self._zip.open(info) as stream:
            yield cast(BinaryIO, stream)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._zip.close()


@contextmanager
def _explained(reason: str) -> Iterator[None]:
    try:
        yield
    except _ERRORS as error:
        raise ArchiveError(reason, f"{type(error).__name__}: {error}") from error
