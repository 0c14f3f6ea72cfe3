"""Zip archives, by the standard library."""

from __future__ import annotations

import os
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import IO, BinaryIO, Self, cast

from artstore.archives.broken import explained
from artstore.archives.policy import Budget
from artstore.archives.protocol import Member, Wanted
from artstore.archives.spelling import spelled
from artstore.errors import ArchiveError

METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
"""Those of which the standard library unpacks no more than is asked for. Of bzip2, a hundred bytes may be 100 MiB."""

SMALL_BYTES = 1 << 16
"""Packed and unpacked; what is larger is read in pieces."""

_ENCRYPTED = 0x1
_UTF8 = 0x800
"""Bits of a member's flags."""

_UNICODE_PATH = 0x7075
"""Of Info-ZIP: the name in UTF-8, with a checksum of the name that it stands for."""

_LOCAL_HEADER_BYTES = 30
"""Before the name, the extra field and the bytes of a member."""

OVERLAPPING = ArchiveError("overlapping", "shares its bytes with another member")

_LINK = 0o12
_REGULAR = frozenset({0, 0o10})
"""The uppermost bits of a Unix mode, which say what a member is; 0 where the archive was made elsewhere."""


class ZipReader:
    """A zip that is read member by member, never as a whole."""

    def __init__(self, path: Path, budget: Budget) -> None:
        self._budget = budget
        with explained("bad_archive"):
            self._zip = zipfile.ZipFile(path)
        self._infos = self._zip.infolist()

    @property
    def is_readable(self) -> bool:
        """Whether the standard library unpacks all of it, piece by piece."""
        return all(info.compress_type in METHODS for info in self._infos)

    def stream(self, wanted: Wanted) -> Iterator[tuple[Member, BinaryIO]]:
        """Yield the members that are *wanted*; zipfile checks the CRC of each at its end."""
        overlapping = _overlapping(self._infos)
        for position, (info, name) in enumerate(zip(self._infos, _names(self._infos), strict=True)):
            if name.endswith(("/", "\\")):
                continue
            refused = OVERLAPPING if position in overlapping else _refused(info)
            member = Member(name, position, refused)
            if wanted(member) and member.refused is None:
                with _Stream(self._zip, info, self._budget) as stream:
                    yield member, cast(BinaryIO, stream)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._zip.close()


class _Stream:
    """A member, opened when it is first read: its errors say that they are the archive's."""

    def __init__(self, archive: zipfile.ZipFile, info: zipfile.ZipInfo, budget: Budget) -> None:
        self._archive = archive
        self._budget = budget
        self._info = info
        self._file: IO[bytes] | None = None

    def read(self, size: int = -1) -> bytes:
        with explained("bad_member"):
            if self._file is None:
                small = _small(self._archive, self._info)
                self._file = self._archive.open(self._info) if small is None else BytesIO(small)
            data = self._file.read(size)
        self._budget.spend(len(data))
        return data

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self._file:
            self._file.close()


def _small(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes | None:
    """Return the bytes of a member that is small, else None.

    A sprite is unpacked in less time than zipfile takes to open it.
    """
    if max(info.compress_size, info.file_size) > SMALL_BYTES:
        return None
    file = cast(BinaryIO, archive.fp)
    file.seek(info.header_offset)
    head = file.read(_LOCAL_HEADER_BYTES)
    if not head.startswith(b"PK\x03\x04"):
        raise zipfile.BadZipFile("no header where its directory says")
    file.seek(sum(struct.unpack_from("<HH", head, 26)), os.SEEK_CUR)
    data = file.read(info.compress_size)
    if info.compress_type == zipfile.ZIP_DEFLATED:
        # One byte more than it says shows that it lies.
        data = zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, info.file_size + 1)
    if len(data) != info.file_size or zlib.crc32(data) != info.CRC:
        raise zipfile.BadZipFile("its checksum or its length is another")
    return data


def _refused(info: zipfile.ZipInfo) -> ArchiveError | None:
    if info.flag_bits & _ENCRYPTED:
        return ArchiveError("encrypted", "needs a password")
    kind = info.external_attr >> 28
    if kind == _LINK:
        return ArchiveError("link", "a symbolic link")
    return None if kind in _REGULAR else ArchiveError("device", "no plain file")


def _overlapping(infos: Sequence[zipfile.ZipInfo]) -> set[int]:
    """Return the positions of members that begin before another one ends: bombs are built so, and nothing else."""
    order = sorted(range(len(infos)), key=lambda position: infos[position].header_offset)
    found: set[int] = set()
    end, last = -1, -1
    for position in order:
        info = infos[position]
        if info.header_offset < end:
            found |= {last, position}
        if (its_end := info.header_offset + _LOCAL_HEADER_BYTES + info.compress_size) > end:
            end, last = its_end, position
    return found


def _names(infos: Sequence[zipfile.ZipInfo]) -> list[str]:
    """Return the name of each member as whoever packed it meant it."""
    told = [info.orig_filename if info.flag_bits & _UTF8 else _unicode_path(info) for info in infos]
    # What zipfile takes for cp437, and can be taken back to its bytes.
    untold = [
        info.orig_filename.encode("cp437") for info, name in zip(infos, told, strict=True) if name is None
    ]
    guessed = iter(spelled(untold))
    return [next(guessed) if name is None else name for name in told]


def _unicode_path(info: zipfile.ZipInfo) -> str | None:
    extra, at = info.extra, 0
    while len(extra) - at >= 4:
        kind, size = struct.unpack_from("<HH", extra, at)
        field, at = extra[at + 4 : at + 4 + size], at + 4 + size
        if kind == _UNICODE_PATH and len(field) > 5 and field[0] == 1:
            (crc,) = struct.unpack_from("<I", field, 1)
            if crc == zlib.crc32(info.orig_filename.encode("cp437")):
                return field[5:].decode(errors="replace")
    return None
