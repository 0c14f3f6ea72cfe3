"""From a stored file to its pictures: the one path that crawl and folder share.

A loose picture gives itself, an archive its members, anything else nothing.
Whatever cannot be read costs only itself and is returned as a failure.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import BinaryIO, cast

from artstore import images, names
from artstore.archives import (
    HEAD_BYTES,
    OVERDRAWN,
    ArchiveLimits,
    Budget,
    Member,
    archive_kind,
    is_archive_name,
    open_archive,
)
from artstore.blobs import TEMPORARY, FolderBlobs, write_new
from artstore.errors import ArchiveError, PictureError, UnreadableFile
from artstore.models import FILES, UNPACKED, Failure, Findings, FoundImage, Stage
from artstore.paintings import is_painting_name
from artstore.settings import Settings

_JUNK = re.compile(r"(^|[/\\])(__MACOSX[/\\]|\._[^/\\]*$|\.DS_Store$|Thumbs\.db$)", re.IGNORECASE)
"""What operating systems leave in archives and folders; resource forks are even named like pictures."""

MAX_NAME_CHARS = 1_000
"""Of a member, with those of the archives around it: no disk takes much more, and the catalog keeps every one."""

MAX_PATH_BYTES = 1_000
"""Of the same, made safe. Disks take 4,096 bytes, the data folder's own path among them."""

UNUSABLE = {errno.EEXIST, errno.EISDIR, errno.ENOTDIR, errno.ENAMETOOLONG}
"""What a disk says to a member that is a file here and a folder there, or lies a thousand folders deep."""


def is_junk(path: str) -> bool:
    """Say whether *path* is an operating system's litter."""
    return _JUNK.search(path) is not None


def find_images(path: str, settings: Settings) -> Findings:
    """Find the pictures of ``files/<path>``, unpacking them to ``unpacked/<path>/`` if it is an archive.

    Safe to call again: what is already unpacked is replaced by the same. Whoever
    records it has to :func:`~artstore.blobs.FolderBlobs.sync_found` it before.
    Raises OSError for what is the machine's fault: a full disk, a file that cannot be opened.
    """
    blobs = FolderBlobs(settings.data_dir)
    findings = Findings()
    stored = f"{FILES}/{path}"
    try:
        file = blobs.open(stored)
    except FileNotFoundError:
        _note(findings, Stage.PICTURE, stored, PictureError("missing_file", "the file is not there"))
        return findings
    with file:
        kind = archive_kind(path, file.read(HEAD_BYTES))
        file.seek(0)
        if kind is not None and not is_painting_name(path):
            packed_bytes = os.fstat(file.fileno()).st_size
            budget = Budget(ArchiveLimits.from_settings(settings), packed_bytes)
            with blobs.put_folder(f"{UNPACKED}/{path}") as into:
                unpacking = _Unpacking(f"{UNPACKED}/{path}", into, settings, budget, findings)
                as_picture = partial(_picture, stored, None, file, settings)
                unpacking.open(path, blobs.local(stored), stored, "", 1, as_picture)
        else:
            # It may have been an archive, before it was replaced.
            blobs.remove_folder(f"{UNPACKED}/{path}")
            if images.is_picture_name(path):
                _describe(stored, None, file, settings, findings)
    series = names.series_of(image.path for image in findings.images)
    return replace(
        findings, images=[replace(image, series=series.get(image.path)) for image in findings.images]
    )


@dataclass(slots=True)
class _Unpacking:
    """An archive on its way to *folder*, with all that are packed in it: they share one budget."""

    folder: str
    into: Path
    """Where its files lie until all are there."""
    settings: Settings
    budget: Budget
    findings: Findings
    taken: dict[str, int] = field(default_factory=dict)
    """Paths of members, as a disk sees them that folds case -> how many others would have them too."""

    def open(
        self,
        name: str,
        packed: Path,
        subject: str,
        inside: str,
        depth: int,
        as_picture: Callable[[], FoundImage],
    ) -> None:
        """Unpack the archive at *packed*; its members' names begin with *inside*.

        What is wrong with it as a whole is a failure of *subject*, and raised if
        nothing more is to be read of the archive around it. What is called like
        an archive, and is none, is taken *as_picture* if it is one.
        """
        known = self._known()
        try:
            with open_archive(name, packed, self.budget) as archive:
                for member, source in archive.stream(lambda member: self._is_wanted(member, inside, depth)):
                    self._unpack(member, source, inside, depth)
        except ArchiveError as error:
            if error.reason in OVERDRAWN and depth > 1:
                raise
            if error.reason == "bad_archive" and self._known() == known:
                with suppress(PictureError):
                    self.findings.images.append(as_picture())
                    return
            self._note(subject, error)

    def _known(self) -> int:
        return len(self.findings.images) + len(self.findings.failures)

    def _is_wanted(self, member: Member, inside: str, depth: int) -> bool:
        self.budget.count_member()
        is_archive = is_archive_name(member.name)
        if is_junk(member.name) or not (is_archive or images.is_picture_name(member.name)):
            return False
        refused = _too_long(inside + member.name) or member.refused
        if is_archive and depth >= self.budget.limits.depth:
            refused = ArchiveError(
                "too_deep", f"an archive in {depth} others; OGA_MAX_ARCHIVE_DEPTH looks deeper"
            )
        if refused:
            self._note(self._path(inside + member.name), refused)
        return refused is None

    def _unpack(self, member: Member, source: BinaryIO, inside: str, depth: int) -> None:
        name = inside + member.name
        path = self._own_path(name)
        target = f"{self.folder}/{path}"
        try:
            if is_archive_name(name):
                self._open_inner(name, source, path, depth)
            else:
                local = f"{self.into}/{path}"
                write_new(local, self.budget.chunks(source))
                with Path(local).open("rb") as picture:
                    _describe(target, name, picture, self.settings, self.findings)
        except ArchiveError as error:
            if error.reason in OVERDRAWN:
                raise
            self._note(target, error)
        except OSError as error:
            if error.errno not in UNUSABLE:
                raise
            self._note(target, ArchiveError("unusable_name", os.strerror(error.errno)))

    def _open_inner(self, name: str, source: BinaryIO, path: str, depth: int) -> None:
        """Unpack an archive in this one from a copy, which readers can go back and forth in."""
        self.into.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=self.into, prefix=".", suffix=TEMPORARY) as copy:
            copy.writelines(self.budget.chunks(source))
            copy.flush()
            as_picture = partial(self._kept, cast(BinaryIO, copy), name, path)
            self.open(name, Path(copy.name), f"{self.folder}/{path}", f"{name}/", depth + 1, as_picture)

    def _kept(self, copy: BinaryIO, name: str, path: str) -> FoundImage:
        copy.seek(0)
        image = _picture(f"{self.folder}/{path}", name, copy, self.settings)
        copy.seek(0)
        write_new(f"{self.into}/{path}", self.budget.chunks(copy))
        return image

    def _own_path(self, name: str) -> str:
        """Return where a member goes in the folder, on a path that no other has."""
        path = safe = names.safe_path(name)
        others = self.taken.get(names.folded(safe), 0)
        while names.folded(path) in self.taken:
            others += 1
            path = names.marked(safe, f"{others}/{name}")
        self.taken[names.folded(safe)] = others
        self.taken.setdefault(names.folded(path), 0)
        return path

    def _path(self, name: str) -> str:
        """Return where a member would lie, if it could."""
        return f"{self.folder}/{names.safe_path(name[:MAX_NAME_CHARS])}"

    def _note(self, subject: str, error: UnreadableFile) -> None:
        _note(self.findings, Stage.UNPACK, subject, error)


def _too_long(name: str) -> ArchiveError | None:
    if len(name) <= MAX_NAME_CHARS and len(names.safe_path(name).encode()) <= MAX_PATH_BYTES:
        return None
    return ArchiveError("unusable_name", f"a path of {len(name)} letters")


def _describe(
    path: str, member: str | None, picture: BinaryIO, settings: Settings, findings: Findings
) -> None:
    try:
        findings.images.append(_picture(path, member, picture, settings))
    except PictureError as error:
        _note(findings, Stage.PICTURE, path, error)


def _picture(path: str, member: str | None, picture: BinaryIO, settings: Settings) -> FoundImage:
    return FoundImage(path, member, images.describe(picture, settings.max_picture_px))


def _note(findings: Findings, stage: Stage, subject: str, error: UnreadableFile) -> None:
    findings.failures.append(Failure(stage, subject, error.reason, error.detail))
