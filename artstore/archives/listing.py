"""What 7-Zip says of an archive: its members, and what is wrong with it."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BufferedReader
from typing import cast

from artstore.archives.policy import CHUNK_BYTES, ArchiveLimits
from artstore.archives.protocol import Member
from artstore.archives.spelling import spelled
from artstore.archives.tools import running
from artstore.errors import ArchiveError

_UNKNOWN = re.compile(r"(^| )[0-9A-F]{2,}$")
"""A method that 7-Zip has no name for: its number. It lists what is packed so, but unpacks nothing."""

_ZSTANDARD = "04F71101"
"""The one of them that is read here: forks of 7-Zip write it."""

_MAX_RECORD_BYTES = 1 << 20
"""Of what is said of one member, or of the whole: it may have a comment."""

_SPECIAL = {"l": "link", "p": "device", "c": "device", "b": "device", "s": "device"}
"""First letter of a Unix mode -> reason for which it is not read."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What is said of one member."""

    member: Member
    path: str
    """What 7-Zip calls it, which need not be its name."""
    sends_bytes: int
    """How many bytes come of it."""
    crc: int | None


@dataclass(frozen=True, slots=True)
class Listing:
    """What is said of an archive."""

    entries: Sequence[Entry]
    """All members that are no folders; their positions count from 0."""
    problem: ArchiveError | None
    """What is wrong with it, though some members are listed."""
    is_zstandard: bool
    """Whether it is a 7z packed as only forks of 7-Zip do, and read here."""


def listed(command: Sequence[str], limits: ArchiveLimits, names: Sequence[str] = ()) -> Listing:
    """Return what 7-Zip, run by *command*, lists in its technical way (``l -slt``).

    *names* are those of all members and folders, where they are known better.
    Raises :class:`~artstore.errors.ArchiveError` where there is nothing to be read.
    """
    # Its errors are read beside: nobody reading them, it would wait in the middle of its list.
    with ThreadPoolExecutor(1) as beside, running(command, limits, subprocess.PIPE) as process:
        said = beside.submit(cast(BufferedReader, process.stderr).read)
        about, *records = [*_records(cast(BufferedReader, process.stdout), limits.members)] or [{}]
        # Of some errors it says the word among what it says of the archive.
        problem = _problem("\n".join([said.result().decode(errors="replace"), *about]), process.wait())
    if about.get("Multivolume") == "+":
        raise ArchiveError("multi_volume", "a part of an archive in several; they are not put together")
    if problem and not records:
        raise problem
    # Where the archive does not say how names are written, 7-Zip passes them on as they are.
    told = spelled([os.fsencode(record.get("Path", "")) for record in records])
    better = names if len(names) == len(records) else told
    files = [(record, name) for record, name in zip(records, better, strict=True) if _is_file(record)]
    is_zstandard = {record.get("Method") for record, _ in files if record.get("Size") != "0"} == {_ZSTANDARD}
    entries: list[Entry] = []
    try:
        for position, (record, name) in enumerate(files):
            entries.append(_entry(record, name, position, is_zstandard=is_zstandard))
    except ArchiveError as error:
        # Those before it are read.
        problem = error
    return Listing(entries, problem, is_zstandard)


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
    said = ("Path = " + os.fsdecode(lines)).split("\n")
    # Of two that are called alike, the first: what comes later may be a comment.
    return dict(line.partition(" = ")[::2] for line in reversed(said))


def _entry(record: Mapping[str, str], name: str, position: int, *, is_zstandard: bool) -> Entry:
    is_known = is_zstandard or not _UNKNOWN.search(record.get("Method", ""))
    refused = (
        _refused(record)
        if is_known
        else ArchiveError("unsupported", "packed in a way that 7-Zip does not know")
    )
    sends_nothing = record.get("Hard Link") or record.get("Encrypted") == "+" or not is_known
    size = record.get("Size", "")
    if not sends_nothing and not size.isdecimal():
        raise ArchiveError("bad_archive", "it does not say how long a member is")
    crc = record.get("CRC", "")
    is_proved = crc and not record.get("Copy Link") and not refused
    return Entry(
        member=Member(name, position, refused),
        path=record.get("Path", ""),
        sends_bytes=0 if sends_nothing else int(size),
        crc=int(crc, 16) if is_proved else None,
    )


def _is_file(record: Mapping[str, str]) -> bool:
    """Say whether there are bytes: not of a folder, nor of what a 7z asks to have deleted."""
    is_folder = record.get("Folder") == "+" or record.get("Attributes", "").startswith("D")
    return not is_folder and record.get("Anti") != "+"


def _refused(record: Mapping[str, str]) -> ArchiveError | None:
    if record.get("Encrypted") == "+":
        return ArchiveError("encrypted", "needs a password")
    if record.get("Symbolic Link") or record.get("Hard Link"):
        return ArchiveError("link", "a link to another file")
    mode = record.get("Attributes", "").rpartition(" ")[2]
    reason = _SPECIAL.get(mode[:1]) if len(mode) == len("lrwxrwxrwx") else None
    if mode.startswith("p") and record.get("Size") not in {None, "", "0"}:
        # What was packed out of a pipe, as by `tar c . | 7z a -si`, is told to be one.
        reason = None
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
