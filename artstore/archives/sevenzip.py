"""7z and RAR, and zips packed in unusual ways: by 7-Zip, in a process of its own.

One call lists the members, another, beside it, sends the bytes of all of them through
a pipe, one after the other; they are told apart by the sizes of the list and proved by
its checksums. 7-Zip writes nothing to the disk, and is held to limits of the system.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, Self, cast

from artstore.archives.listing import Entry, listed
from artstore.archives.packing import Unpacked
from artstore.archives.policy import CHUNK_BYTES, Budget
from artstore.archives.protocol import Member, Wanted
from artstore.archives.tools import Output, seven_zip
from artstore.errors import ArchiveError

MOST_BROKEN = 16
"""After so many broken members no more is read of an archive: each costs a start of 7-Zip."""

_MOST_EXCLUDED_BYTES = 1 << 20
"""Of names on one command line, all together; systems take twice that."""

_LONGEST_NAME_BYTES = 1 << 16
"""Of one of them; systems take twice that."""

_PACKED_AT = 32
"""Behind the first header of a 7z: the packed bytes of all its blocks. Source: ``7zFormat.txt`` of 7-Zip."""

_OPTIONS = ("-mmt=1", "-sccUTF-8", "-bsp0", "-y", "-p", "-spd")
"""One thread, names in UTF-8, no progress, no questions, no password, and a star is a letter."""


class SevenZipReader:
    """An archive of *kind* (``7z``, ``rar`` or ``zip``), read once from its beginning to its end.

    *names*, of all that it holds, stand for those that 7-Zip tells, which are bad
    where the archive does not say how they are written.
    """

    def __init__(self, path: Path, kind: str, budget: Budget, names: Sequence[str] = ()) -> None:
        self._path = path
        self._budget = budget
        self._kind = _type_of(path, kind)
        self._excluded: set[str] = set()
        self._broken = 0
        with ExitStack() as opened:
            # Its first bytes are there when the list is.
            self._source: Output | Unpacked = opened.enter_context(self._output())
            self._listing = listed(self._words("l", "-slt"), budget.limits, names)
            if self._listing.is_zstandard:
                self._source = opened.enter_context(Unpacked(path, "zst", budget, start=_PACKED_AT))
            self._opened = opened.pop_all()
        encrypted = {entry.path for entry in self._listing.entries if _is_encrypted(entry)}
        if encrypted and _fit(encrypted):
            # One of 256 passes for decrypted by no password, and would send bytes.
            self._go_on_without(encrypted, 0)

    def stream(self, wanted: Wanted) -> Iterator[tuple[Member, BinaryIO]]:
        """Yield the files that are *wanted*; the CRC of each, where it has one, is checked at its end."""
        entries = self._listing.entries
        chosen = {
            entry.member.position
            for entry in entries
            if wanted(entry.member) and entry.member.refused is None
        }
        for entry in entries[: max(chosen, default=-1) + 1]:
            stream = _Stream(self._source, entry, is_lost=entry.path in self._excluded)
            if entry.member.position in chosen:
                yield entry.member, cast(BinaryIO, stream)
            stream.skip()
            if stream.is_broken and isinstance(self._source, Output):
                # It may have sent fewer bytes than it should, and then all others would be cut wrongly.
                self._go_on_without({entry.path}, entry.member.position + 1)
        if self._listing.problem:
            raise self._listing.problem
        unproved = [entry for entry in entries if entry.member.position in chosen and entry.crc is None]
        if unproved and isinstance(self._source, Output):
            # RAR has a checksum that only 7-Zip knows how to take.
            self._source.finish()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._opened.close()

    def _go_on_without(self, paths: set[str], position: int) -> None:
        """Start anew without the members at *paths*, and read on from *position*."""
        self._excluded |= paths
        if position:
            self._broken += 1
        if self._broken > MOST_BROKEN:
            raise ArchiveError("bad_archive", f"more than {MOST_BROKEN} of its members are broken")
        if not _fit(self._excluded):
            raise ArchiveError("bad_archive", "a broken member has too long a name to go on without it")
        self._opened.close()
        output = self._opened.enter_context(self._output())
        before = (entry for entry in self._listing.entries[:position] if entry.path not in self._excluded)
        output.pass_over(sum(entry.sends_bytes for entry in before))
        self._source = output

    def _output(self) -> Output:
        excluded = [f"-x!{path}" for path in sorted(self._excluded)]
        return Output(self._words("x", "-so", *excluded), self._budget)

    def _words(self, command: str, *options: str) -> list[str]:
        program = cast(str, seven_zip(self._kind))
        return [program, command, f"-t{self._kind}", *_OPTIONS, *options, "--", str(self._path)]


class _Stream:
    """The bytes of one member, cut out of those of all; none of one that *is_lost*."""

    def __init__(self, source: Output | Unpacked, entry: Entry, *, is_lost: bool) -> None:
        self._source = source
        self._left = 0 if is_lost else entry.sends_bytes
        self._is_lost = is_lost
        self._expected = entry.crc
        self._crc = 0
        self.is_broken = False

    def read(self, size: int = -1) -> bytes:
        """Return up to *size* bytes. Raises :class:`~artstore.errors.ArchiveError` at the end of what is broken."""
        if self._is_lost:
            raise ArchiveError("bad_member", "called like another one that is broken")
        if not self._left:
            return b""
        data = self._source.read(self._left if size < 0 else min(size, self._left))
        self._left -= len(data)
        self._crc = zlib.crc32(data, self._crc)
        if not data:
            self._left = 0
            self._refuse("it ends too early, or cannot be unpacked")
        if not self._left and self._expected is not None and self._crc != self._expected:
            self._refuse("its checksum is another")
        return data

    def skip(self) -> None:
        """Pass over the rest."""
        while self._left:
            try:
                self.read(CHUNK_BYTES)
            except ArchiveError as error:
                if error.reason != "bad_member":
                    raise

    def _refuse(self, detail: str) -> None:
        self.is_broken = True
        raise ArchiveError("bad_member", detail)


def _fit(paths: Collection[str]) -> bool:
    """Say whether *paths* have room on a command line."""
    sizes = [len(os.fsencode(path)) for path in paths]
    return sum(sizes) < _MOST_EXCLUDED_BYTES and max(sizes) < _LONGEST_NAME_BYTES


def _is_encrypted(entry: Entry) -> bool:
    return entry.member.refused is not None and entry.member.refused.reason == "encrypted"


def _type_of(path: Path, kind: str) -> str:
    with path.open("rb") as file:
        return "rar5" if file.read(8) == b"Rar!\x1a\x07\x01\x00" else kind
