"""Zip archives: their directory, and the members that are stored or deflated; 7-Zip reads the others.

A zip is read by its directory, at its end: headers before members often say something
else. Source: ``APPNOTE.TXT`` of PKWARE, sections 4.3 to 4.5. The module ``zipfile`` of
Python gives up all members for one odd one, and takes memory for as many as are listed.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import cached_property
from itertools import islice, pairwise
from math import inf
from pathlib import Path
from typing import BinaryIO, NamedTuple, Self, cast

from artstore.archives.broken import explained
from artstore.archives.policy import CHUNK_BYTES, Budget
from artstore.archives.protocol import Member, Wanted
from artstore.archives.spelling import spelled
from artstore.errors import ArchiveError

_STORED, _DEFLATED = 0, 8
"""Methods that are read here."""

_ENCRYPTED = 0x1
_UTF8 = 0x800
"""Bits of a member's flags."""

_WIDE_SIZES = 0x0001
"""An extra field of zip64: those of size, packed size and place that 32 bits cannot say."""

_UNICODE_PATH = 0x7075
"""Of Info-ZIP: the name in UTF-8, with a checksum of the name that it stands for."""

_END = struct.Struct("<4sH 6x 2L H")
"""Mark, number of this disk, bytes of the directory, its place, bytes of a comment."""

_LOCATOR = struct.Struct("<4s 4x Q L")
"""Just before the end, of zip64: mark, place of the wide end, number of disks."""

_WIDE_END = struct.Struct("<4s 36x 2Q")
"""Mark, bytes of the directory, its place."""

_ENTRY = struct.Struct("<4s x B 2x 2H 4x 3L 3H 4x 2L")
"""Of the directory: the fields of :class:`_Entry` but the name, after the packing the bytes of name, extra, comment."""

_LOCAL_BYTES = 30
"""Before the name, the extra field and the bytes of a member."""

_END_MARK, _LOCATOR_MARK, _WIDE_END_MARK = b"PK\5\6", b"PK\6\7", b"PK\6\6"
_ENTRY_MARK, _LOCAL_MARK = b"PK\1\2", b"PK\3\4"

_LAST_BYTES = _END.size + (1 << 16)
"""Where the end is looked for: a comment may follow it, or as many bytes that do not belong there."""

_ENTRY_BYTES = 512
"""Of the directory, for each member that there may be: names are kept in memory. Usual are 60 to 200."""

_UNIX_HOSTS = frozenset({3, 19})
"""Unix and macOS: what made the members that have a Unix mode. Others may leave anything in its place."""

_LINK = 0o12
_REGULAR = frozenset({0, 0o10})
"""The uppermost bits of a Unix mode, which say what a member is; a few programs leave them out."""

OVERLAPPING = ArchiveError("overlapping", "shares its bytes with another member")


class _Entry(NamedTuple):
    """What the directory says of one member."""

    host: int
    """The system that it was packed on."""
    flags: int
    method: int
    crc: int
    packed_bytes: int
    size_bytes: int
    attributes: int
    """Of the host; of Unix, the mode is the upper half."""
    at: int
    """Where its own header begins in the file; below 0 if that is not there."""
    name: bytes
    told: str | None
    """The name, where it is said how it is written."""

    @property
    def is_folder(self) -> bool:
        return self.name.endswith(b"/")


class _Directory(NamedTuple):
    """Where the directory lies in a file."""

    begin: int
    size_bytes: int
    shift: int
    """How much later in the file everything is than the zip says: it may have been put behind something else."""


class ZipReader:
    """A zip that is read member by member, never as a whole.

    Raises :class:`~artstore.errors.ArchiveError`: ``bad_archive``, ``multi_volume``,
    ``too_many_members`` of a directory that is too long for those that there may be.
    """

    def __init__(self, path: Path, budget: Budget) -> None:
        self._budget = budget
        with ExitStack() as opened:
            self._file = opened.enter_context(path.open("rb", CHUNK_BYTES))
            with explained("bad_archive"):
                directory = _directory(self._file)
                if directory.size_bytes > _ENTRY_BYTES * max(budget.limits.members, 1000):
                    raise self._too_many()
                entries = _entries(self._file, directory)
                self._entries = list(islice(entries, budget.limits.members))
                self._has_more = next(entries, None) is not None
            self._opened = opened.pop_all()

    @property
    def is_readable(self) -> bool:
        """Whether all of it is stored or deflated."""
        return all(entry.method in (_STORED, _DEFLATED) for entry in self._entries)

    @cached_property
    def names(self) -> list[str]:
        """The name of every entry of the directory, in its order, as whoever packed it meant it; folders too."""
        guessed = iter(spelled([entry.name for entry in self._entries if entry.told is None]))
        return [next(guessed) if entry.told is None else entry.told for entry in self._entries]

    def stream(self, wanted: Wanted) -> Iterator[tuple[Member, BinaryIO]]:
        """Yield the members that are *wanted*; the CRC of each is checked at its end.

        Raises ``too_many_members`` after as many as there may be.
        """
        overlapping = _overlapping(self._entries)
        for position, (entry, name) in enumerate(zip(self._entries, self.names, strict=True)):
            if name.endswith(("/", "\\")):
                continue
            refused = OVERLAPPING if position in overlapping else _refused(entry)
            member = Member(name, position, refused)
            if wanted(member) and member.refused is None:
                yield member, cast(BinaryIO, _Stream(self._file, entry, self._budget))
        if self._has_more:
            raise self._too_many()

    def _too_many(self) -> ArchiveError:
        return ArchiveError("too_many_members", f"more than {self._budget.limits.members} members")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._opened.close()


class _Stream:
    """The bytes of one member: as many as the directory says, and no more."""

    def __init__(self, file: BinaryIO, entry: _Entry, budget: Budget) -> None:
        self._file = file
        self._entry = entry
        self._budget = budget
        self._is_begun = False
        self._packed_left = entry.packed_bytes
        self._left = entry.size_bytes
        self._crc = 0

    def read(self, size: int = -1) -> bytes:
        """Return up to *size* bytes. Raises :class:`~artstore.errors.ArchiveError`, ``bad_member`` if it is broken."""
        with explained("bad_member"):
            if not self._is_begun:
                self._begin()
            most = self._left if size < 0 else min(size, self._left)
            data = self._unpacked(most) if most else b""
            if most and not data:
                raise ArchiveError("bad_member", "it ends too early")
        self._budget.spend(len(data))
        self._left -= len(data)
        self._crc = zlib.crc32(data, self._crc)
        if not self._left and self._crc != self._entry.crc:
            raise ArchiveError("bad_member", "its checksum or its length is another")
        return data

    def _begin(self) -> None:
        self._file.seek(self._entry.at)
        header = self._file.read(_LOCAL_BYTES)
        if not header.startswith(_LOCAL_MARK):
            raise ArchiveError("bad_member", "no header where its directory says")
        self._file.seek(sum(struct.unpack_from("<2H", header, 26)), os.SEEK_CUR)
        is_deflated = self._entry.method == _DEFLATED
        self._unpacker = zlib.decompressobj(-zlib.MAX_WBITS) if is_deflated else None
        self._is_begun = True

    def _unpacked(self, most: int) -> bytes:
        """Return up to *most* bytes, none only at the end. 0 would be any number of them to zlib."""
        if self._unpacker is None:
            return self._packed(most)
        data = b""
        while not (data or self._unpacker.eof):
            packed = self._unpacker.unconsumed_tail or self._packed(CHUNK_BYTES)
            data = self._unpacker.decompress(packed, most)
            if not packed:
                break
        return data

    def _packed(self, most: int) -> bytes:
        packed = self._file.read(min(most, self._packed_left))
        self._packed_left -= len(packed)
        return packed


def _directory(file: BinaryIO) -> _Directory:
    """Find the directory of a zip. Raises :class:`~artstore.errors.ArchiveError`: ``bad_archive``, ``multi_volume``."""
    file_bytes = file.seek(0, os.SEEK_END)
    begin = max(0, file_bytes - _LAST_BYTES)
    last = _read_at(file, begin, _LAST_BYTES)
    at = len(last)
    # The mark may also stand in the comment, and there is no directory before it then.
    while (at := last.rfind(_END_MARK, 0, at + len(_END_MARK) - 1)) >= 0:
        if at + _END.size > len(last):
            continue
        _, disk, size_bytes, place, comment_bytes = _END.unpack_from(last, at)
        if disk in (0, 0xFFFF):
            if found := _directory_before(file, begin + at, size_bytes, place):
                return found
        elif at + _END.size + comment_bytes == len(last):
            raise ArchiveError("multi_volume", "the last part of a zip in several; they are not put together")
    raise ArchiveError("bad_archive", "no zip: it has no directory at its end")


def _directory_before(file: BinaryIO, end: int, size_bytes: int, place: int) -> _Directory | None:
    """Return the directory that the record at *end* speaks of, if there is one."""
    locator = _read_at(file, end - _LOCATOR.size, _LOCATOR.size)
    if locator.startswith(_LOCATOR_MARK):
        _, wide_at, disks = _LOCATOR.unpack(locator)
        if disks > 1:
            raise ArchiveError("multi_volume", "the last part of a zip in several; they are not put together")
        # What the locator says is wrong where something was put before the zip.
        for at in (wide_at, end - _LOCATOR.size - _WIDE_END.size):
            wide = _read_at(file, at, _WIDE_END.size)
            if len(wide) == _WIDE_END.size and wide.startswith(_WIDE_END_MARK):
                _, size_bytes, place = _WIDE_END.unpack(wide)
                end = at
                break
    if not size_bytes:
        is_empty = _read_at(file, 0, len(_LOCAL_MARK)) != _LOCAL_MARK
        return _Directory(end, 0, 0) if is_empty else None
    for begin in (end - size_bytes, place):
        if begin + size_bytes <= end and _read_at(file, begin, len(_ENTRY_MARK)) == _ENTRY_MARK:
            return _Directory(begin, size_bytes, begin - place)
    return None


def _entries(file: BinaryIO, directory: _Directory) -> Iterator[_Entry]:
    file.seek(directory.begin)
    left = directory.size_bytes
    while left > 0:
        head = file.read(_ENTRY.size)
        if len(head) < _ENTRY.size or not head.startswith(_ENTRY_MARK):
            raise ArchiveError("bad_archive", "its directory is broken")
        _, host, flags, method, crc, packed_bytes, size_bytes, *lengths, attributes, at = _ENTRY.unpack(head)
        name_bytes, extra_bytes, comment_bytes = lengths
        left -= _ENTRY.size + sum(lengths)
        name = file.read(name_bytes)
        extra = dict(_fields(file.read(extra_bytes)))
        if comment_bytes:
            file.seek(comment_bytes, os.SEEK_CUR)
        if _WIDE_SIZES in extra:
            size_bytes, packed_bytes, at = _widened([size_bytes, packed_bytes, at], extra[_WIDE_SIZES])
        told = _told(name, flags, extra.get(_UNICODE_PATH, b""))
        at += directory.shift
        yield _Entry(host, flags, method, crc, packed_bytes, size_bytes, attributes, at, name, told)


def _fields(extra: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield kind and content of each extra field; the last may be cut off."""
    at = 0
    while len(extra) - at >= 4:
        kind, size = struct.unpack_from("<2H", extra, at)
        yield kind, extra[at + 4 : at + 4 + size]
        at += 4 + size


def _widened(values: Sequence[int], field: bytes) -> list[int]:
    """Return *values*, those that did not fit 32 bits as *field* has them, one after the other."""
    wide = (value for (value,) in struct.iter_unpack("<Q", field[: len(field) // 8 * 8]))
    return [next(wide, value) if value == 0xFFFFFFFF else value for value in values]


def _told(name: bytes, flags: int, unicode_path: bytes) -> str | None:
    """Return the name of a member where it says how it is written, and is written so."""
    if flags & _UTF8:
        said = name
    elif len(unicode_path) > 5 and unicode_path[:5] == struct.pack("<BL", 1, zlib.crc32(name)):
        said = unicode_path[5:]
    else:
        return None
    try:
        return said.decode()
    except UnicodeDecodeError:
        return None


def _overlapping(entries: Sequence[_Entry]) -> set[int]:
    """Return the positions of members that begin together with another, or end after the next begins.

    Bombs are built so. No byte belongs to two of those that are left.
    """
    members = Counter(entry.at for entry in entries if not entry.is_folder)
    following = dict(pairwise(sorted(members)))
    return {
        position
        for position, entry in enumerate(entries)
        if members[entry.at] > 1
        or entry.at + _LOCAL_BYTES + entry.packed_bytes > following.get(entry.at, inf)
    }


def _refused(entry: _Entry) -> ArchiveError | None:
    if entry.flags & _ENCRYPTED:
        return ArchiveError("encrypted", "needs a password")
    kind = entry.attributes >> 28 if entry.host in _UNIX_HOSTS else 0
    if kind == _LINK:
        return ArchiveError("link", "a symbolic link")
    return None if kind in _REGULAR else ArchiveError("device", "no plain file")


def _read_at(file: BinaryIO, at: int, size_bytes: int) -> bytes:
    """Return up to *size_bytes* from *at* on; nothing where no file has bytes."""
    if not 0 <= at < 1 << 63:
        return b""
    file.seek(at)
    return file.read(size_bytes)
