"""The nouns: what the catalog keeps, as frozen values.

Paths are relative to the data folder and use ``/``; times are aware datetimes
in UTC unless said otherwise; sizes are bytes and pixels, as the names say.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

FILES = "files"
"""Below the data folder: downloads."""

UNPACKED = "unpacked"
"""Below the data folder: what came out of archives."""


class Stage(StrEnum):
    """The step at which something failed."""

    PAGE = "page"
    DOWNLOAD = "download"
    UNPACK = "unpack"
    PICTURE = "picture"
    EMBED = "embed"
    COMPARE = "compare"


class FileState(StrEnum):
    """How far a file has come."""

    PENDING = "pending"
    STORED = "stored"
    TOO_LARGE = "too_large"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Licence:
    """A licence as its work names it."""

    key: str
    """Lower-case and stable: ``cc0``, ``cc-by-sa-3.0``."""
    name: str
    """As OpenGameArt writes it: ``CC-BY-SA 3.0``."""
    deed_url: str | None = None


@dataclass(frozen=True, slots=True)
class FileLink:
    """One entry in the file list of a work, before anything is downloaded."""

    url: str
    """Absolute and encoded exactly as the page gave it: this is what is requested."""
    path: str
    """Where the bytes go, below ``files/``: the name decoded once and made safe."""
    name: str
    """What the artist called it."""
    declared_bytes: int | None = None
    mime: str | None = None


@dataclass(frozen=True, slots=True)
class Work:
    """Everything a page says that is needed to find and to credit its art."""

    url: str
    title: str
    author: str
    author_url: str | None = None
    submitter: str | None = None
    """Who uploaded it, where that is not the author."""
    collaborators: tuple[str, ...] = ()
    node_id: int | None = None
    """OpenGameArt's number of the work, which survives a change of title."""
    posted_at: datetime | None = None
    """Naive: the site does not say which zone."""
    description: str = ""
    copyright_notice: str = ""
    favourites: int | None = None
    withheld: bool = False
    """The site keeps the files back because their licence is in doubt."""
    art_types: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    licences: tuple[Licence, ...] = ()
    """Several are a free choice: any one of them is enough."""
    collections: tuple[tuple[str, str], ...] = ()
    """(url, title) of each collection the work is in."""
    previews: tuple[str, ...] = ()
    """Addresses of the pictures that show it on its page, in their order; they are not its files."""
    files: tuple[FileLink, ...] = ()

    def content_hash(self) -> str:
        """Return a hash of what the author says; what visitors do (favourites, collections) changes every day."""
        return hashlib.sha256(repr(replace(self, favourites=None, collections=())).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file whose bytes are whole, at ``files/<path>``."""

    path: str
    size_bytes: int
    sha256: str
    etag: str | None = None
    last_modified: str | None = None
    """As the server, or the folder it was added from, put it; compared, never parsed."""


@dataclass(frozen=True, slots=True)
class PictureFacts:
    """What can be said of a picture by decoding it."""

    format: str
    mode: str
    width_px: int
    height_px: int
    frames: int
    pixel_hash: str
    """The same for the same visible pixels, whatever the file format."""


@dataclass(frozen=True, slots=True)
class FoundImage:
    """A picture in the data folder, with where it came from."""

    path: str
    """``files/…`` for a loose picture, ``unpacked/…`` for a member of an archive."""
    member: str | None
    """Its name inside the archive, as the archive wrote it."""
    facts: PictureFacts
    series: str | None = None
    """Shared by the frames of one numbered series."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Something that did not work, as a fact to keep."""

    stage: Stage
    subject: str
    """What it happened to: a URL, or a path below the data folder."""
    reason: str
    """A short code, for counting."""
    detail: str = ""
    """The same in words."""


@dataclass(frozen=True, slots=True)
class Findings:
    """The pictures of one file, and what could not be read of it; filled while it is read."""

    images: list[FoundImage] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
