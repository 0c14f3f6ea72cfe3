"""7z and RAR, and zips packed in unusual ways: by 7-Zip, in a process of its own.

One call lists the members, another, beside it, sends the bytes of all of them through
a pipe, one after the other; they are told apart by the sizes of the list and proved by
its checksums. 7-Zip writes nothing to the disk, and is held to limits of the system.
"""

from __future__ import annotations

import re
import subprocess
import zlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO, Self, cast

from artstore.archives.packing import Unpacked
from artstore.archives.policy import CHUNK_BYTES, Budget
from artstore.archives.protocol import Member, Wanted
from artstore.archives.tools import Output, running, seven_zip
from artstore.errors import ArchiveError

_UNKNOWN = re.compile(r"\b[0-9A-F]{7,}\b")
"""A method that 7-Zip has no name for: its number. It lists what is packed so, but unpacks nothing."""

_ZSTANDARD = "04F71101"
"""The one of them that is read here: forks of 7-Zip write it."""

_PACKED_AT = 32
"""Behind the first header of a 7z: the packed bytes of all its blocks. Source: ``7zFormat.txt`` of 7-Zip."""

_MAX_RECORD_BYTES = 1 << 20
"""Of what is said of one member, or of the whole: it may have a comment."""

_OPTIONS = ("-mmt=1", "-sccUTF-8", "-bsp0", "-y", "-p")
"""One thread, names in UTF-8, no progress, no questions, and no password."""

_SPECIAL = {"l": "link", "p": "device", "c": "device", "b": "device", "s": "device"}
"""First letter of a Unix mode -> reason for which it is not read."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """What is said of one member."""

    member: Member
    sends_bytes: int
    """How many bytes come of it."""
    crc: int | None


class SevenZipReader:
    """An archive of *kind* (``7z``, ``rar`` or ``zip``), read once from its beginning to its end."""

    def __init__(self, path: Path, kind: str, budget: Budget) -> None:
        self._path = path
        self._budget = budget
        self._kind = _type_of(path, kind)
        with ExitStack() as opened:
            # Its first bytes are there when the list is.
            self._bytes: Output | Unpacked = opened.enter_context(Output(self._words("x", "-so"), budget))
            self._entries = self._listed()
            if self._is_zstandard:
                self._bytes = opened.enter_context(Unpacked(path, "zst", budget, start=_PACKED_AT))
            self._opened = opened.pop_all()

    def stream(self, wanted: Wanted) -> Iterator[tuple[Member, BinaryIO]]:
        """Yield the files that are *wanted*; the CRC of each, where it has one, is checked at its end."""
        chosen = [entry for entry in self._entries if wanted(entry.member) and entry.member.refused is None]
        if not chosen:
            return
        chosen_positions = {entry.member.position for entry in chosen}
        last = chosen[-1].member.position
        for entry in self._entries[: last + 1]:
            stream = _Stream(self._bytes, entry)
            if entry.member.position in chosen_positions:
                yield entry.member, cast(BinaryIO, stream)
            stream.skip()
        if self._problem:
            raise self._problem

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._opened.close()

    def _listed(self) -> list[_Entry]:
        # Its errors are read beside: nobody reading them, it would wait in the middle of its list.
        listing = running(self._words("l", "-slt"), self._budget.limits, subprocess.PIPE)
        with ThreadPoolExecutor(1) as beside, listing as process:
            said = beside.submit(cast(BufferedReader, process.stderr).read)
            pipe = cast(BufferedReader, process.stdout)
            about, *listed = [*_records(pipe, self._budget.limits.members)] or [{}]
            self._problem = _problem(said.result().decode(errors="replace"), process.wait())
        if about.get("Multivolume") == "+":
            raise ArchiveError("multi_volume", "a part of an archive in several; they are not put together")
        if self._problem and not listed:
            raise self._problem
        files = [record for record in listed if not _is_folder(record)]
        self._is_zstandard = {record.get("Method") for record in files if record.get("Size") != "0"} == {
            _ZSTANDARD
        }
        return [
            _entry(record, position, is_zstandard=self._is_zstandard) for position, record in enumerate(files)
        ]

    def _words(self, command: str, *options: str) -> list[str]:
        program = cast(str, seven_zip(self._kind))
        return [program, command, f"-t{self._kind}", *_OPTIONS, *options, "--", str(self._path)]


class _Stream:
    """The bytes of one member, cut out of those of all."""

    def __init__(self, source: Output | Unpacked, entry: _Entry) -> None:
        self._source = source
        self._left = entry.sends_bytes
        self._expected = entry.crc
        self._crc = 0

    def read(self, size: int = -1) -> bytes:
        """Return up to *size* bytes. Raises :class:`~artstore.errors.ArchiveError` at the end of what is broken."""
        if not self._left:
            return b""
        data = self._source.read(self._left if size < 0 else min(size, self._left))
        if not data:
            self._left = 0
            raise ArchiveError("bad_member", "it ends too early, or cannot be unpacked")
        self._left -= len(data)
        self._crc = zlib.crc32(data, self._crc)
        if not self._left and self._expected is not None and self._crc != self._expected:
            raise ArchiveError("bad_member", "its checksum is another")
        return data

    def skip(self) -> None:
        """Pass over the rest."""
        while self._left:
            try:
                self.read(CHUNK_BYTES)
            except ArchiveError as error:
                if error.reason != "bad_member":
                    raise


def _type_of(path: Path, kind: str) -> str:
    with path.open("rb") as file:
        return "rar5" if file.read(8) == b"Rar!\x1a\x07\x01\x00" else kind


def _records(pipe: BufferedReader, most: int) -> Iterator[dict[str, str]]:
    """Yield what is said of the archive, and then of each member: blocks of lines, an empty line after each."""
    rest, number = b"", 0
    while chunk := pipe.read1(CHUNK_BYTES):
        *blocks, rest = (rest + chunk).split(b"\n\n")
        for block in blocks:
            if record := _record(block):
                number += 1
                yield record
        if number > most + 1:
            raise ArchiveError("too_many_members", f"more than {most} members")
        if len(rest) > _MAX_RECORD_BYTES:
            raise ArchiveError("bad_archive", "its list of members is broken")
    if record := _record(rest):
        yield record


def _record(block: bytes) -> dict[str, str]:
    """Return what the lines of *block* say, from the path on; nothing if there is none."""
    _, begin, lines = b"\n".join((b"", block)).partition(b"\nPath = ")
    if not begin:
        return {}
    said = ("Path = " + lines.decode(errors="replace")).split("\n")
    # Of two that are called alike, the first: what comes later may be a comment.
    return dict(line.partition(" = ")[::2] for line in reversed(said))


def _entry(record: Mapping[str, str], position: int, *, is_zstandard: bool) -> _Entry:
    is_known = is_zstandard or not _UNKNOWN.search(record.get("Method", ""))
    refused = (
        _refused(record) if is_known else ArchiveError("unsupported", "packed as only forks of 7-Zip can")
    )
    member = Member(record.get("Path", ""), position, refused)
    sends_nothing = record.get("Hard Link") or record.get("Encrypted") == "+" or not is_known
    size = record.get("Size", "")
    if not sends_nothing and not size.isdecimal():
        raise ArchiveError("bad_archive", "it does not say how long a member is")
    crc = record.get("CRC", "")
    is_proved = crc and not record.get("Copy Link") and not member.refused
    return _Entry(member, 0 if sends_nothing else int(size), int(crc, 16) if is_proved else None)


def _is_folder(record: Mapping[str, str]) -> bool:
    return record.get("Folder") == "+" or record.get("Attributes", "").startswith("D")


def _refused(record: Mapping[str, str]) -> ArchiveError | None:
    if record.get("Encrypted") == "+":
        return ArchiveError("encrypted", "needs a password")
    if record.get("Symbolic Link") or record.get("Hard Link"):
        return ArchiveError("link", "a link to another file")
    mode = record.get("Attributes", "").rpartition(" ")[2]
    reason = _SPECIAL.get(mode[:1]) if len(mode) == len("lrwxrwxrwx") else None
    return ArchiveError(reason, "no plain file") if reason else None


_PROBLEMS: Sequence[tuple[str, str, str]] = (
    ("rong password", "encrypted", "needs a password"),
    ("ncrypted", "encrypted", "needs a password"),
    ("an't allocate", "out_of_memory", "unpacking it takes more memory than it may"),
    ("Missing volume", "multi_volume", "a part of an archive in several; they are not put together"),
    ("nexpected end", "bad_archive", "it ends too early"),
    ("eaders Error", "bad_archive", "its list of members is broken"),
    ("annot open", "bad_archive", "no archive of this kind"),
)


def _problem(said: str, code: int) -> ArchiveError | None:
    """Return what 7-Zip found wrong with the whole: its own words name the file by its absolute path."""
    if code == 0:
        return None
    known = (ArchiveError(reason, detail) for words, reason, detail in _PROBLEMS if words in said)
    return next(known, ArchiveError("bad_archive", f"7-Zip cannot read it, and ends with {code}"))
