"""Which archive a file is, by its content and by its name."""

from __future__ import annotations

from typing import BinaryIO

from artstore.archives.protocol import ArchiveReader
from artstore.archives.zips import ZipReader
from artstore.errors import ArchiveError

_NAMES = {
    "zip": (".zip", ".cbz"),
    "rar": (".rar",),
    "7z": (".7z",),
    "tar": (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst"),
    "gz": (".gz",),
    "bz2": (".bz2",),
    "xz": (".xz",),
}

_MAGIC = (
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"Rar!\x1a\x07", "rar"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"\x1f\x8b", "gz"),
    (b"BZh", "bz2"),
    (b"\xfd7zXZ\x00", "xz"),
)


def is_archive_name(path: str) -> bool:
    """Say whether *path* is named like an archive of any kind, readable or not."""
    lower = path.lower()
    return any(lower.endswith(suffixes) for suffixes in _NAMES.values())


def archive_kind(path: str, file: BinaryIO) -> str | None:
    """Return the kind that the content of *file* shows, else the one that *path* promises, else None.

    *file* is left at its start.
    """
    head = file.read(8)
    file.seek(0)
    lower = path.lower()
    promised = next((kind for kind, suffixes in _NAMES.items() if lower.endswith(suffixes)), None)
    shown = next((kind for magic, kind in _MAGIC if head.startswith(magic)), None)
    # A packed tar shows only its packing.
    return promised if promised == "tar" and shown in {"gz", "bz2", "xz"} else shown or promised


def open_archive(path: str, file: BinaryIO) -> ArchiveReader:
    """Return a reader over *file*, a seekable archive called *path*.

    Raises :class:`~artstore.errors.ArchiveError`: ``bad_archive``, or ``unsupported_<kind>``
    for a kind that no reader here understands.
    """
    kind = archive_kind(path, file)
    if kind == "zip":
        return ZipReader(file)
    raise ArchiveError(
        f"unsupported_{kind or 'archive'}", "kept on disk, but archives of this kind are not unpacked"
    )
