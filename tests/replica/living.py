"""A site as it is after something happened to it: the same data, replaced where they changed.

Days are the site's own: each change is a minute later than the one before it and than all works, so that a visitor who
only compares dates sees it, and so that equal changes make equal sites.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from tests.replica.catalogue import FIRST_DAY, Catalogue, free, mime_of
from tests.replica.site import Content, ReplicaFile, Site

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from tests.replica.site import ReplicaWork

TICK = timedelta(minutes=1)
FIRST_NEW_FID = 10_000_000
"""Beyond the numbers of files that a catalogue gives."""


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of a work; None leaves it as it is. Files are (name, bytes)."""

    title: str | None = None
    tags: tuple[str, ...] | None = None
    add_file: tuple[str, bytes] | None = None
    remove_file: str | None = None
    replace_file: tuple[str, bytes] | None = None


def next_day(site: Site) -> datetime:
    return (site.modified_at or FIRST_DAY) + TICK


def with_works(site: Site, works: Iterable[ReplicaWork], files: dict[str, ReplicaFile], at: datetime) -> Site:
    return Site.of(site.seed, tuple(works), files, at, site.next_index)


def new_file(site: Site, wanted: str, data: bytes, at: datetime) -> ReplicaFile:
    """A file under a name that is free."""
    fid = max([FIRST_NEW_FID, *(file.fid + 1 for file in site.files.values())])
    stored = free(wanted, site.files, "_")
    return ReplicaFile(stored, fid, mime_of(stored), wanted, at, Content(lambda: data))


def replaced(site: Site, name: str, data: bytes, at: datetime) -> Site:
    """The site with other bytes, and of their true length, under a name: in each work that has the file."""
    new = replace(site.file(name), body=Content(lambda: data), posted_at=at, claimed_bytes=None)

    def swapped(files: tuple[ReplicaFile, ...]) -> tuple[ReplicaFile, ...]:
        return tuple(new if file.name == name else file for file in files)

    def touched(work: ReplicaWork) -> ReplicaWork:
        if all(file.name != name for file in (*work.files, *work.previews)):
            return work
        return replace(work, files=swapped(work.files), previews=swapped(work.previews), changed_at=at)

    return with_works(site, map(touched, site.works), {**site.files, name: new}, at)


def changed(site: Site, slug: str, change: Change) -> Site:
    """The site after one work changed. Raises KeyError for a work or a file that is not there."""
    at = next_day(site)
    if change.replace_file:
        site.work(slug)
        site = replaced(site, *change.replace_file, at)
    work, files = site.work(slug), dict(site.files)
    art = list(work.files)
    if change.remove_file is not None:
        gone = next((file for file in art if file.name == change.remove_file), None)
        if gone is None:
            raise KeyError(change.remove_file)
        art.remove(gone)
    if change.add_file:
        added = new_file(site, *change.add_file, at)
        art.append(added)
        files[added.name] = added
    new = replace(
        work,
        title=work.title if change.title is None else change.title,
        tags=work.tags if change.tags is None else change.tags,
        files=tuple(art),
        previews=tuple(file for file in work.previews if file.name != change.remove_file),
        changed_at=at,
    )
    works = [new if each is work else each for each in site.works]
    if change.remove_file is not None and not is_shown(works, change.remove_file):
        del files[change.remove_file]
    return with_works(site, works, files, at)


def is_shown(works: Iterable[ReplicaWork], name: str) -> bool:
    return any(
        file.name == name for work in works for file in (*work.files, *work.previews, *work.attachments)
    )


def without(site: Site, slug: str) -> Site:
    """The site without a work; its files stay where they are. Raises KeyError for a work that is not there."""
    gone = site.work(slug)
    works = (work for work in site.works if work is not gone)
    return with_works(site, works, dict(site.files), next_day(site))


def grown(site: Site, count: int) -> Site:
    """The site with *count* more works, newer than all others: those that a larger site would have had anyway."""
    at = next_day(site)
    catalogue = Catalogue.after(site)
    for _ in range(count):
        catalogue.add(None)
    return with_works(site, catalogue.works, catalogue.files, at)
