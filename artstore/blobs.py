"""Where bytes lie: a seam of few verbs, and the folder behind it."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from io import BufferedReader, BufferedWriter, FileIO
from pathlib import Path
from typing import BinaryIO, Protocol

from artstore.errors import UsageError
from artstore.models import FILES, UNPACKED, Findings

TEMPORARY = ".part"
"""Suffix of what is being written: never a whole file, safe to delete when nothing runs."""


UNDER_WAY = f"{UNPACKED}/.unpacking~0000000000"
"""Where a folder lies until it is whole: on the disk that it goes to, which need not be that of the data folder.

Marked as :mod:`artstore.names` marks, so that no archive can be called like it.
"""

LEFT_S = 24 * 3600.0
"""Nothing is under way for so long."""

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | getattr(os, "O_BINARY", 0)


class BlobStore(Protocol):
    """Whole files under relative paths with ``/``, as :mod:`artstore.names` makes them."""

    def exists(self, path: str) -> bool:
        """Say whether the whole bytes of *path* are here."""
        ...

    def open(self, path: str) -> BinaryIO:
        """Return the bytes of *path*, seekable. Raises FileNotFoundError."""
        ...

    def put(self, path: str) -> AbstractContextManager[BinaryIO]:
        """Give a file to write to, which becomes *path* whole at the end or not at all."""
        ...

    def sync(self, path: str) -> None:
        """Wait until the bytes of *path* would outlive a power cut."""
        ...


class FolderBlobs:
    """Blobs as files below one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def exists(self, path: str) -> bool:
        """Say whether the whole bytes of *path* are here."""
        return self.local(path).is_file()

    def open(self, path: str) -> BufferedReader:
        """Return the bytes of *path*, seekable. Raises FileNotFoundError."""
        return self.local(path).open("rb")

    @contextmanager
    def put(self, path: str) -> Iterator[BinaryIO]:
        """Give a file to write to, which becomes *path* whole at the end or not at all."""
        with replacing(self.local(path)) as file:
            yield file

    @contextmanager
    def put_folder(self, path: str) -> Iterator[Path]:
        """Give a folder, yet to be made, whose files lie below *path* at the end or not at all, instead of what was there.

        Not synced. What lay there before is replaced file by file, so that none is
        missing in between; other files of it go.
        """
        final = self.local(path)
        filled = self.local(UNDER_WAY) / f".{secrets.token_hex(8)}{TEMPORARY}"
        try:
            yield filled
            _move_folder(filled, final)
        finally:
            # What cannot be removed is only in the way of nobody, and what ended this, if anything did, is to be told.
            shutil.rmtree(filled, ignore_errors=True)

    def remove_folder(self, path: str) -> None:
        """Remove the folder *path* with all that is in it, if it is there."""
        with suppress(FileNotFoundError, NotADirectoryError):
            shutil.rmtree(self.local(path))

    def sweep(self) -> None:
        """Remove folders that a process was filling when it was killed, a day ago or more."""
        with suppress(FileNotFoundError):
            for left in self.local(UNDER_WAY).glob(f".*{TEMPORARY}"):
                if time.time() - left.stat().st_mtime > LEFT_S:
                    shutil.rmtree(left, ignore_errors=True)

    def sync(self, path: str) -> None:
        """Wait until the bytes of *path* would outlive a power cut. Raises OSError."""
        with self.open(path) as file:
            os.fsync(file.fileno())

    def sync_found(self, path: str, findings: Findings) -> None:
        """Sync ``files/<path>`` and what *findings* say was unpacked from it, as before recording them. Raises OSError."""
        for stored in {f"{FILES}/{path}", *(image.path for image in findings.images)}:
            if self.exists(stored):
                self.sync(stored)

    def local(self, path: str) -> Path:
        """Return where *path* lies on this disk."""
        return self.root / path


def open_blobs(uri: str | Path) -> FolderBlobs:
    """Return the store at *uri*, which Scrapy calls ``FILES_STORE``: a folder, or ``file://`` and a folder.

    Raises :class:`~artstore.errors.UsageError` for any other scheme.
    """
    scheme, separator, rest = str(uri).partition("://")
    if not separator:
        return FolderBlobs(Path(uri))
    if scheme != "file":
        raise UsageError(
            f"files can be kept in a folder, not (yet) in {scheme}://; set OGA_DATA_DIR to a folder"
        )
    return FolderBlobs(Path(rest))


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Give a file to write to that replaces *path* at the end, all at once.

    After an error, or a kill, *path* is what it was before. The bytes are
    synced before the rename, so that a power cut leaves no empty file either.
    """
    # A short random name: the final one may already use all the bytes a name can have.
    temporary = path.with_name(f".{secrets.token_hex(8)}{TEMPORARY}")
    try:
        with BufferedWriter(created(temporary)) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _move_folder(source: Path, target: Path) -> None:
    """Let *target* be what *source* is, which may hold nothing; another process may do the same."""
    if not source.exists() or not any(source.iterdir()):
        if target.exists():
            shutil.rmtree(target)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        source.rename(target)
    except OSError as error:
        if error.errno not in {errno.ENOTEMPTY, errno.EEXIST}:
            raise
        _replace_files(source, target)


def _replace_files(source: Path, target: Path) -> None:
    """Let *target* hold what *source* holds, and nothing else."""
    kept = {path.relative_to(source) for path in source.rglob("*")}
    for path in sorted(target.rglob("*"), reverse=True):
        name = path.relative_to(target)
        # Those in a folder come before it; a file where there is to be a folder, or the reverse, goes too.
        if name not in kept or path.is_dir() != (source / name).is_dir():
            path.rmdir() if path.is_dir() else path.unlink(missing_ok=True)
    for name in sorted(kept):
        if (source / name).is_dir():
            (target / name).mkdir(parents=True, exist_ok=True)
        else:
            (source / name).replace(target / name)


def created(path: Path | str) -> FileIO:
    """Return *path* opened to be written from its start, in a folder that is made if need be. Raises OSError."""
    try:
        return FileIO(path, "wb")
    except FileNotFoundError:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        return FileIO(path, "wb")


def write_new(path: str, chunks: Iterable[bytes]) -> None:
    """Make the file *path* of *chunks*, in a folder that is made if need be, or no file if they end in an error.

    By the system's own calls: a file object takes as long again. Raises OSError, FileExistsError too.
    """
    file = _opened(path)
    try:
        for chunk in chunks:
            rest = chunk
            # It may take only a part.
            while rest := rest[os.write(file, rest) :]:
                pass
    except BaseException:
        Path(path).unlink()
        raise
    finally:
        os.close(file)


def _opened(path: str) -> int:
    try:
        return os.open(path, _NEW, 0o666)
    except FileNotFoundError:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, _NEW, 0o666)
