"""Which archive a file is, by its content and by its name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from artstore.archives.packing import Ahead, PackedReader, Unpacked
from artstore.archives.policy import Budget
from artstore.archives.protocol import ArchiveReader
from artstore.archives.sevenzip import SevenZipReader
from artstore.archives.tars import TarReader
from artstore.archives.tools import INSTALL, Converted, bsdtar, seven_zip
from artstore.archives.zips import ZipReader
from artstore.errors import ArchiveError

_NAMES = {
    "zip": (".zip", ".cbz"),
    "rar": (".rar", ".cbr"),
    "7z": (".7z", ".cb7"),
    "tar": (
        ".tar",
        ".cbt",
        ".tar.gz",
        ".tgz",
        ".tar.bz2",
        ".tbz2",
        ".tbz",
        ".tar.xz",
        ".txz",
        ".tar.zst",
        ".tzst",
    ),
    "gz": (".gz",),
    "bz2": (".bz2",),
    "xz": (".xz", ".lzma"),
    "zst": (".zst",),
}

_MAGIC = (
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"Rar!\x1a\x07", "rar"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"\x1f\x8b", "gz"),
    (b"BZh", "bz2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"\x28\xb5\x2f\xfd", "zst"),
)

PACKINGS = frozenset({"gz", "bz2", "xz", "zst"})
"""Kinds that hold one file, which may be a tar."""

_PART = re.compile(r"\.[0-9]{3}$")
"""What ends the name of one part of an archive that was cut in several, as in ``art.7z.001``."""

LARGE_BYTES = 1 << 20
"""Of a packed tar that it is worth a thread to unpack ahead."""

HEAD_BYTES = 512
"""Enough to know an archive by."""

_TAR_MARK, _TAR_MARK_AT = b"ustar", 257


def is_archive_name(path: str) -> bool:
    """Say whether *path* is named like an archive of any kind, or a part of one."""
    return _promised(path) is not None


def archive_kind(name: str, head: bytes) -> str | None:
    """Return the kind that *head*, its first :data:`HEAD_BYTES`, shows, else the one that *name* promises, else None."""
    shown = next((kind for magic, kind in _MAGIC if head.startswith(magic)), None)
    return shown or ("tar" if _shows_tar(head) else _promised(name))


def open_archive(name: str, path: Path, budget: Budget) -> ArchiveReader:
    """Return a reader of the archive at *path*, which is called *name*; what it unpacks is counted by *budget*.

    Raises :class:`~artstore.errors.ArchiveError`: ``bad_archive``, ``encrypted``,
    ``multi_volume``, or ``no_tool`` where what unpacks it is not installed; and OSError.
    """
    if _PART.search(name) and is_archive_name(name):
        raise ArchiveError("multi_volume", "a part of an archive in several; they are not put together")
    with path.open("rb") as file:
        kind = archive_kind(name, file.read(HEAD_BYTES))
    if kind is None:
        raise ArchiveError("bad_archive", "no archive of any kind")
    if kind == "tar":
        return TarReader(Unpacked(path, None, budget))
    if kind in PACKINGS:
        with Unpacked(path, kind, budget) as unpacked:
            # Its first block tells a tar, or its name: old ones have no mark.
            shown = archive_kind("", unpacked.read(HEAD_BYTES))
            is_tar = shown == "tar" or (shown is None and _promised(name) == "tar")
        unpacked = Unpacked(path, kind, budget)
        if not is_tar:
            return PackedReader(_inner_name(name), unpacked)
        is_large = path.stat().st_size > LARGE_BYTES
        return TarReader(Ahead(unpacked) if is_large else unpacked)
    return _open_zip(path, budget) if kind == "zip" else _open_by_tool(kind, path, budget)


def _open_zip(path: Path, budget: Budget) -> ArchiveReader:
    """Leave to 7-Zip what is packed in unusual ways, or has lost its directory."""
    try:
        reader = ZipReader(path, budget)
    except ArchiveError as error:
        if error.reason != "bad_archive" or not seven_zip("zip"):
            raise
        try:
            return SevenZipReader(path, "zip", budget)
        except ArchiveError as other:
            # Of two that say the same, the one that knows more of zips.
            raise (error if other.reason == "bad_archive" else other) from None
    if reader.is_readable:
        return reader
    reader.__exit__()
    return _open_by_tool("zip", path, budget, reader.names)


def _open_by_tool(kind: str, path: Path, budget: Budget, names: Sequence[str] = ()) -> ArchiveReader:
    if seven_zip(kind):
        return SevenZipReader(path, kind, budget, names)
    if program := bsdtar():
        return TarReader(Converted(program, path, budget))
    raise ArchiveError("no_tool", INSTALL)


def _inner_name(name: str) -> str:
    """Return *name* without the suffix of what it is packed by; as it is, if it has none.

    A server may pack what it sends, and whoever saves it keep the name of what is inside.
    """
    whole = PurePosixPath(name)
    return whole.stem if _promised(name) in PACKINGS else whole.name


def _promised(name: str) -> str | None:
    lower = _PART.sub("", name.lower())
    return next((kind for kind, suffixes in _NAMES.items() if lower.endswith(suffixes)), None)


def _shows_tar(head: bytes) -> bool:
    return head[_TAR_MARK_AT:].startswith(_TAR_MARK)
