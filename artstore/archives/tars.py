"""Tar archives, packed or not, read once from their beginning to their end."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Self, cast

from artstore.archives.packing import ERRORS, Unpacked
from artstore.archives.policy import Budget
from artstore.archives.protocol import Member, Wanted
from artstore.archives.spelling import spelled
from artstore.errors import ArchiveError

MAX_HEADER_BYTES = 1 << 20
"""Of a long name or of attributes, which tarfile reads as a whole."""

_READ_WHOLE = frozenset(
    {
        tarfile.GNUTYPE_LONGNAME,
        tarfile.GNUTYPE_LONGLINK,
        tarfile.XHDTYPE,
        tarfile.XGLTYPE,
        tarfile.SOLARIS_XHDTYPE,
    }
)


class _Info(tarfile.TarInfo):
    """A member whose header is no bomb."""

    def _proc_member(self, archive: tarfile.TarFile) -> tarfile.TarInfo:
        if self.type in _READ_WHOLE and self.size > MAX_HEADER_BYTES:
            raise tarfile.ReadError(f"a header of {self.size} bytes")
        return super()._proc_member(archive)  # type: ignore[misc, no-any-return]


class TarReader:
    """A tar, in one pass; *packing* is what it is packed with, if it is."""

    def __init__(self, path: Path, packing: str | None, budget: Budget) -> None:
        self._unpacked = Unpacked(path, packing, budget)

    def stream(self, wanted: Wanted) -> Iterator[tuple[Member, BinaryIO]]:
        """Yield the files that are *wanted*."""
        with self._unpacked, _opened(self._unpacked) as archive:
            position = -1
            while (info := _next(archive)) is not None:
                # Else tarfile would keep every member in memory.
                archive.members.clear()  # type: ignore[attr-defined]
                if info.isdir():
                    continue
                position += 1
                member = Member(_name(info), position, _refused(info))
                if wanted(member) and member.refused is None:
                    yield member, cast(BinaryIO, _Stream(archive, info))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._unpacked.__exit__()


class _Stream:
    """A member's bytes, which follow its header."""

    def __init__(self, archive: tarfile.TarFile, info: tarfile.TarInfo) -> None:
        self._archive = archive
        self._info = info
        self._file: BinaryIO | None = None

    def read(self, size: int = -1) -> bytes:
        with _explained("bad_member"):
            if self._file is None:
                self._file = cast(BinaryIO, self._archive.extractfile(self._info))
            return self._file.read(size)


@contextmanager
def _opened(unpacked: Unpacked) -> Iterator[tarfile.TarFile]:
    with _explained("bad_archive"):
        # Latin-1 takes every byte, and gives it back.
        archive = tarfile.open(  # noqa: SIM115 - closed below
            fileobj=cast(BinaryIO, unpacked), mode="r|", tarinfo=_Info, encoding="latin-1", errorlevel=2
        )
    with archive:
        yield archive


def _next(archive: tarfile.TarFile) -> tarfile.TarInfo | None:
    with _explained("bad_archive"):
        return archive.next()


def _name(info: tarfile.TarInfo) -> str:
    # Attributes in the manner of POSIX are UTF-8, and decoded by then.
    return (
        info.name
        if "path" in info.pax_headers
        else spelled([info.name.encode("latin-1", errors="replace")])[0]
    )


def _refused(info: tarfile.TarInfo) -> ArchiveError | None:
    if info.islnk() or info.issym():
        return ArchiveError("link", "a link to another file")
    return None if info.isreg() else ArchiveError("device", "no plain file")


@contextmanager
def _explained(reason: str) -> Iterator[None]:
    try:
        yield
    except ArchiveError:
        raise
    except (tarfile.TarError, *ERRORS) as error:
        raise ArchiveError(reason, f"{type(error).__name__}: {error}") from error
