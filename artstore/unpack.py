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
from typing import BinaryIO

from artstore import images, names
from artstore.archives import (
    ArchiveLimits,
    ArchiveReader,
    Budget,
    Member,
    archive_kind,
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

    Safe to call again: what is already unpacked is replaced by the same. Whoever
    records it has to :func:`~artstore.blobs.FolderBlobs.sync_found` it before.
    """
    blobs = FolderBlobs(settings.data_dir)
    findings = Findings()
    try:
        with blobs.open(f"{FILES}/{path}") as file:
            _look(path, file, blobs, settings, findings)
    except FileNotFoundError:
        _note(
            findings, Stage.PICTURE, f"{FILES}/{path}", PictureError("missing_file", "the file is not there")
        )
    series = names.series_of(image.path for image in findings.images)
    return replace(
        findings, images=[replace(image, series=series.get(image.path)) for image in findings.images]
    )


def _look(path: str, file: BinaryIO, blobs: FolderBlobs, settings: Settings, findings: Findings) -> None:
    stored = f"{FILES}/{path}"
    # What is inside decides, and then the name; a packed file without either is none of ours.
    if archive_kind(stored, file) is not None:
        _unpack(path, file, blobs, settings, findings)
    elif images.is_picture_name(path):
        _describe(stored, None, file, settings, findings)


def _unpack(path: str, file: BinaryIO, blobs: FolderBlobs, settings: Settings, findings: Findings) -> None:
    stored = f"{FILES}/{path}"
    budget = Budget(ArchiveLimits.from_settings(settings), os.fstat(file.fileno()).st_size)
    try:
        with open_archive(path, file) as archive:
            members = archive.members()
            budget.check_members(members)
            for member, target in _wanted(members, f"{UNPACKED}/{path}"):
                if _copied(archive, member, target, blobs, budget, findings):
                    with blobs.open(target) as picture:
                        _describe(target, member.name, picture, settings, findings)
    except ArchiveError as error:
        _note(findings, Stage.UNPACK, stored, error)


def _wanted(members: Sequence[Member], folder: str) -> Iterator[tuple[Member, str]]:
    """Yield the members that are named like pictures, each with a path of its own below *folder*."""
    taken: set[str] = set()
    for member in members:
        if is_junk(member.name) or not images.is_picture_name(member.name):
            continue
        target = f"{folder}/{names.safe_path(member.name)}"
        if names.folded(target) in taken:
            target = names.marked(target, f"{member.position}/{member.name}")
        taken.add(names.folded(target))
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
        with archive.read(member) as source, blobs.put(target, synced=False) as file:
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
    path: str, member: str | None, picture: BinaryIO, settings: Settings, findings: Findings
) -> None:
    try:
        facts = images.describe(picture, settings.max_picture_px)
    except PictureError as error:
        _note(findings, Stage.PICTURE, path, error)
    else:
        findings.images.append(FoundImage(path, member, facts))


def _note(findings: Findings, stage: Stage, subject: str, error: UnreadableFile) -> None:
    findings.failures.append(Failure(stage, subject, error.reason, error.detail))
