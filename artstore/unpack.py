"""From a stored file to its pictures: the one path that crawl and folder share.

A loose picture gives itself, an archive its members, anything else nothing.
Whatever cannot be read costs only itself and is returned as a failure.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from artstore import images, names
from artstore.archives import (
    ArchiveLimits,
    ArchiveReader,
    Budget,
    Member,
    archive_kind,
    is_archive_name,
    open_archive,
)
from artstore.blobs import FolderBlobs
from artstore.errors import ArchiveError, PictureError, UnreadableFile
from artstore.models import FILES, UNPACKED, Failure, Findings, FoundImage, Stage
from artstore.settings import Settings

_JUNK = re.compile(r"(^|[/\\])(__MACOSX[/\\]|\._[^/\\]*$|\.DS_Store$|Thumbs\.db$)", re.IGNORECASE)
"""What operating systems leave in archives and folders; resource forks are even named like pictures."""

UNUSABLE = {errno.EEXIST, errno.EISDIR, errno.ENOTDIR, errno.ENAMETOOLONG}
"""What a disk says to a member that is a file here and a folder there, or lies a thousand folders deep."""


def is_junk(path: str) -> bool:
    """Say whether *path* is an operating system's litter."""
    return _JUNK.search(path) is not None


def find_images(path: str, settings: Settings) -> Findings:
    """Find the pictures of ``files/<path>``, unpacking them to ``unpacked/<path>/`` if it is an archive.

    Safe to call again: what is already unpacked is replaced by the same.
    """
    blobs = FolderBlobs(settings.data_dir)
    findings = Findings()
    stored = f"{FILES}/{path}"
    if not blobs.exists(stored):
        _note(findings, Stage.PICTURE, stored, PictureError("missing_file", "the file is not there"))
    elif _is_archive(stored, blobs):
        _unpack(path, blobs, settings, findings)
    elif images.is_picture_name(path):
        _describe(stored, None, blobs, settings, findings)
    series = names.series_of(image.path for image in findings.images)
    return replace(
        findings, images=[replace(image, series=series.get(image.path)) for image in findings.images]
    )


def _is_archive(stored: str, blobs: FolderBlobs) -> bool:
    if is_archive_name(stored):
        return True
    with blobs.open(stored) as file:
        return archive_kind(stored, file) is not None


def _unpack(path: str, blobs: FolderBlobs, settings: Settings, findings: Findings) -> None:
    stored = f"{FILES}/{path}"
    budget = Budget(ArchiveLimits.from_settings(settings), blobs.local(stored).stat().st_size)
    try:
        with blobs.open(stored) as file, open_archive(path, file) as archive:
            members = archive.members()
            budget.check_members(members)
            for member, target in _wanted(members, f"{UNPACKED}/{path}"):
                if _copied(archive, member, target, blobs, budget, findings):
                    _describe(target, member.name, blobs, settings, findings)
    except ArchiveError as error:
        _note(findings, Stage.UNPACK, stored, error)


def _wanted(members: Sequence[Member], folder: str) -> Iterator[tuple[Member, str]]:
    """Yield the members that are named like pictures, each with a path of its own below *folder*."""
    taken: set[str] = set()
    for member in members:
        if is_junk(member.name) or not images.is_picture_name(member.name):
            continue
        target = f"{folder}/{names.safe_path(member.name)}"
        if target.lower() in taken:
            target = names.marked(target, f"{member.position}/{member.name}")
        taken.add(target.lower())
        yield member, target


def _copied(
    archive: ArchiveReader,
    member: Member,
    target: str,
    blobs: FolderBlobs,
    budget: Budget,
    findings: Findings,
) -> bool:
    try:
        with archive.read(member) as source, blobs.put(target) as file:
            budget.copy(source, file)
    except ArchiveError as error:
        if error.reason == "archive_too_large":
            raise
        _note(findings, Stage.UNPACK, target, error)
        return False
    except OSError as error:
        if error.errno not in UNUSABLE:
            raise
        _note(findings, Stage.UNPACK, target, ArchiveError("unusable_name", os.strerror(error.errno)))
        return False
    return True


def _describe(
    path: str, member: str | None, blobs: FolderBlobs, settings: Settings, findings: Findings
) -> None:
    try:
        facts = images.describe(blobs.local(path), settings.max_picture_px)
    except PictureError as error:
        _note(findings, Stage.PICTURE, path, error)
    else:
        findings.images.append(FoundImage(path, member, facts))


def _note(findings: Findings, stage: Stage, subject: str, error: UnreadableFile) -> None:
    findings.failures.append(Failure(stage, subject, error.reason, error.detail))
