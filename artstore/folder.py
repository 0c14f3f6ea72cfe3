"""A folder of art that somebody already has, catalogued like a work that was crawled.

The folder's name is the work's title and its identity: adding a folder of the
same name again adds what is new and what has changed. Files are copied, so that
the data folder stays whole when the original goes.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import BinaryIO
from urllib.parse import quote

from artstore import names
from artstore.archives import is_archive_name
from artstore.blobs import open_blobs
from artstore.catalog import Catalog
from artstore.errors import UsageError
from artstore.examine import examined
from artstore.examiners import examining
from artstore.images import is_picture_name
from artstore.models import Failure, FileLink, FileState, Findings, Stage, StoredFile, Work
from artstore.places import Places
from artstore.series import record_series
from artstore.settings import Settings
from artstore.unpack import is_junk

UNKNOWN_AUTHOR = "unknown"

CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Added:
    """One file of the folder, dealt with."""

    path: str
    pictures: int
    """New or looked at anew; 0 where the file was known and has not changed."""
    failures: int


def list_folder(folder: Path, data_dir: Path) -> tuple[list[Path], int]:
    """Return the pictures and archives below *folder*, sorted, relative to it, and how many other files there are.

    Among them are the folders that cannot be looked into.

    Links to folders are not followed, nor is *data_dir* entered, where our own
    copies are. Raises :class:`~artstore.errors.UsageError` if *folder* is no folder,
    or one that cannot be looked into.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder")
    try:
        os.scandir(folder).close()
    except OSError as error:
        raise UsageError(f"{folder} cannot be looked into: {error.strerror}") from error
    found: list[Path] = []
    closed: list[Path] = []
    for parent, folders, files in os.walk(folder, onerror=lambda error: closed.append(Path(error.filename))):
        folders[:] = [name for name in folders if Path(parent, name).resolve() != data_dir.resolve()]
        found += [Path(parent, name).relative_to(folder) for name in files]
    found = [path for path in found if not is_junk(path.as_posix())]
    art = [path for path in found if _is_art(path.name)]
    return sorted([*art, *(path.relative_to(folder) for path in closed)]), len(found) - len(art)


def add_folder(
    folder: Path, art: list[Path], catalog: Catalog, settings: Settings, *, name: str | None = None
) -> Iterator[Added]:
    """Copy the files *art* of *folder* into the data folder and catalog them, one after the other.

    The work is called *name*, or like the folder. What is there already and has
    not changed is passed over. Raises :class:`~artstore.errors.UsageError` if a
    folder of that name was added before that shares nothing with this one, and
    *name* does not say that they are one.
    """
    title = name or folder.resolve().name or "root"
    links = tuple(_link(Path(title, path)) for path in art)
    work = Places(catalog).place(
        Work(url=_url(title), title=_readable(title), author=UNKNOWN_AUTHOR, files=links)
    )
    if name is None:
        _check_same(folder, art, work.files, catalog)
    with catalog.transaction():
        work_id = catalog.record_work(work)
    with examining(settings) as find_images:
        for path, link in zip(art, work.files, strict=True):
            yield _add_file(folder / path, link, catalog, settings, find_images)
    with catalog.transaction():
        record_series(catalog, work_id)


def _check_same(folder: Path, art: list[Path], links: Sequence[FileLink], catalog: Catalog) -> None:
    known = [(folder / path, catalog.stored_file(link.path)) for path, link in zip(art, links, strict=True)]
    before = [(path, stored) for path, stored in known if stored]
    if before and not any(_is_unchanged(path.stat(), stored) for path, stored in before if path.exists()):
        title = folder.resolve().name
        raise UsageError(
            f"another folder called {title} was added before, and its files would be overwritten; "
            f"give this one a name of its own: --name OTHER (or --name {title} if it is the same one)"
        )


def _is_unchanged(stat: os.stat_result, stored: StoredFile) -> bool:
    return (stored.size_bytes, stored.last_modified) == (stat.st_size, str(stat.st_mtime_ns))


def _is_art(name: str) -> bool:
    return is_picture_name(name) or is_archive_name(name)


def _link(path: Path) -> FileLink:
    return FileLink(
        url=_url(path.as_posix()),
        path=f"{names.ADDED}/{names.path_of_parts(path.parts)}",
        name=_readable(path.name),
    )


def _url(name: str) -> str:
    # File names are bytes on Linux: one that is no UTF-8 must still have a URL that can be written down.
    return f"folder:{quote(os.fsencode(name))}"


def _readable(name: str) -> str:
    return os.fsencode(name).decode(errors="replace")


def _add_file(
    source: Path,
    link: FileLink,
    catalog: Catalog,
    settings: Settings,
    find_images: Callable[[str], Findings],
) -> Added:
    try:
        stat = source.stat()
        if _is_known(link.path, stat, catalog, settings):
            return Added(link.path, 0, 0)
        stored = _copy(source, link.path, stat, settings)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            # Not this file's fault, and every other one would fail the same way.
            raise
        failure = Failure(Stage.DOWNLOAD, link.url, "unreadable", f"{type(error).__name__}: {error.strerror}")
        with catalog.transaction():
            catalog.record_unavailable(link.url, FileState.FAILED)
            catalog.record_failure(failure)
        return Added(link.path, 0, 1)
    with catalog.transaction():
        catalog.record_stored(stored)
    findings = examined(link.path, find_images, catalog, settings)
    return Added(link.path, len(findings.images), len(findings.failures))


def _is_known(path: str, stat: os.stat_result, catalog: Catalog, settings: Settings) -> bool:
    known = catalog.stored_file(path)
    return (
        known is not None
        and _is_unchanged(stat, known)
        and catalog.is_examined(path, known.sha256)
        and open_blobs(settings.files_dir).exists(path)
    )


def _copy(source: Path, path: str, stat: os.stat_result, settings: Settings) -> StoredFile:
    if S_ISDIR(stat.st_mode):
        raise OSError(errno.EACCES, "a folder that may not be looked into")
    if not S_ISREG(stat.st_mode):
        # To open a pipe would be to wait for whoever writes to it.
        raise OSError(errno.EINVAL, "not a plain file")
    digest = hashlib.sha256()
    size_bytes = 0
    with source.open("rb") as original, open_blobs(settings.files_dir).put(path) as copy:
        for chunk in _chunks(original):
            digest.update(chunk)
            size_bytes += len(chunk)
            copy.write(chunk)
    return StoredFile(path, size_bytes, digest.hexdigest(), last_modified=str(stat.st_mtime_ns))


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    while chunk := file.read(CHUNK_BYTES):
        yield chunk
