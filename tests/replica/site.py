"""The truth about the fake site: everything its pages say, as plain data.

A crawler's test compares what was stored with these objects. Names of files are as the server keeps them, decoded;
slugs are as they stand in a URL, percent-encoded. Bytes are made when first asked for and then kept.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Final, Literal, NamedTuple
from urllib.parse import quote, unquote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

FILES_PATH = "/sites/default/files/"

FIRST_NODE, NODE_STEP = 1200, 9
"""The number of a work is the first, a step for each work before it, and less than a step of chance."""

FileFault = Literal[
    "missing", "forbidden", "flaky", "truncated", "wrong-length", "html", "slow", "redirect", "broken", "evil",
    "gone", "busy", "unavailable", "foreign", "loop", "reset", "cut-off", "endless", "oversized",
    "endless-error",
]  # fmt: skip
"""What is wrong with a file; `broken` and `evil` are in its bytes, the others in how it is served."""

MOVES: Final[Mapping[FileFault, str]] = {"redirect": "moved", "foreign": "elsewhere"}
"""The folders in which the files lie that redirects lead to."""

WorkFault = Literal[
    "unrecognised", "missing", "error",
    "gone", "busy", "unavailable", "loop", "markup", "challenge", "challenge-503",
    "endless", "bomb", "odd-links", "to-admin", "script-to-admin", "moved",
]  # fmt: skip
"""What is wrong with the page of a work; `tests.replica.faults` says which of them pass."""


class Licence(NamedTuple):
    """A licence as the site writes it; *tid* is its number in search forms."""

    name: str
    tid: int
    icon: str
    deed: str


class ArtType(NamedTuple):
    name: str
    tid: int


class Author(NamedTuple):
    """*url* is `/users/x`, or an address elsewhere, or None where the page shows a name without a link."""

    name: str
    url: str | None


class Collection(NamedTuple):
    title: str
    slug: str

    @property
    def path(self) -> str:
        return f"/content/{self.slug}"


class Content:
    """Bytes made on first use: a site of thousands of works must start at once."""

    def __init__(self, make: Callable[[], bytes]) -> None:
        self.make = make

    @cached_property
    def data(self) -> bytes:
        return self.make()

    @cached_property
    def etag(self) -> str:
        return f'"{hashlib.sha256(self.data).hexdigest()[:20]}"'


@dataclass(frozen=True, slots=True)
class ReplicaFile:
    """One file under `/sites/default/files/`."""

    name: str
    fid: int
    mime: str
    upload_name: str
    posted_at: datetime
    body: Content = field(repr=False, compare=False)
    fault: FileFault | None = None
    claimed_bytes: int | None = None

    @property
    def content(self) -> bytes:
        """What a complete download holds, also where a fault keeps the server from giving it."""
        return self.body.data

    @property
    def declared_bytes(self) -> int:
        """The `length=` on the page of its work."""
        return len(self.content) if self.claimed_bytes is None else self.claimed_bytes

    @property
    def url_path(self) -> str:
        return FILES_PATH + "/".join(quote(part, safe="") for part in self.name.split("/"))

    @property
    def thumbnail_path(self) -> str:
        """The derived picture in a style, with `{style}` still to be filled in."""
        return FILES_PATH + "styles/{style}/public/" + self.url_path.removeprefix(FILES_PATH)

    @property
    def is_picture(self) -> bool:
        return self.mime.startswith("image/") and self.mime != "image/svg+xml" and self.fault is None


@dataclass(frozen=True, slots=True)
class ReplicaComment:
    author: Author
    posted_at: datetime
    text: str
    attachment: ReplicaFile | None = None


@dataclass(frozen=True, slots=True)
class ReplicaWork:
    """One work. `files` is empty on the page, but not here, if the work is withheld."""

    node_id: int
    slug: str
    title: str
    author: Author
    posted_at: datetime
    art_types: tuple[ArtType, ...]
    tags: tuple[str, ...]
    licences: tuple[Licence, ...]
    body: str
    files: tuple[ReplicaFile, ...]
    previews: tuple[ReplicaFile, ...] = ()
    comments: tuple[ReplicaComment, ...] = ()
    submitter: Author | None = None
    collaborators: tuple[Author, ...] = ()
    collections: tuple[Collection, ...] = ()
    favourites: int = 0
    copyright_notice: str | None = None
    withheld: bool = False
    fault: WorkFault | None = None
    changed_at: datetime | None = None
    """When a living site last changed the work; its page does not show it, but its `Last-Modified` does."""

    @property
    def path(self) -> str:
        return f"/content/{self.slug}"

    @property
    def modified_at(self) -> datetime:
        return self.changed_at or self.posted_at

    @property
    def views(self) -> int:
        """How often the page was seen, which searches sort by (`totalcount`) and no page shows."""
        return self.node_id * 7919 % 10_007

    @property
    def author_name(self) -> str:
        return self.author.name

    @property
    def author_url(self) -> str | None:
        return self.author.url

    @property
    def attachments(self) -> tuple[ReplicaFile, ...]:
        """Files of comments: not art of this work."""
        return tuple(comment.attachment for comment in self.comments if comment.attachment)

    @property
    def listed_files(self) -> tuple[ReplicaFile, ...]:
        """The files that the page of the work links to as art."""
        return () if self.withheld else self.files


@dataclass(frozen=True, slots=True)
class Site:
    """All works, oldest first, and where to find what."""

    seed: int
    works: tuple[ReplicaWork, ...]
    files: Mapping[str, ReplicaFile] = field(repr=False)
    """Every file that the server has, by its decoded name: art, previews, attachments and targets of redirects."""
    by_slug: Mapping[str, ReplicaWork] = field(repr=False)
    """Works by their decoded slug."""
    by_node: Mapping[int, ReplicaWork] = field(repr=False)
    collections: Mapping[str, Collection] = field(repr=False)
    """Collections that some work is in, by their decoded slug."""
    next_index: int
    """The place of the next work, counted with those that are gone: no number is given twice."""
    modified_at: datetime | None = None
    """When the last work was posted, changed or taken away; None for a site that never had any."""

    @classmethod
    def of(
        cls,
        seed: int,
        works: tuple[ReplicaWork, ...],
        files: Mapping[str, ReplicaFile],
        changed_at: datetime | None = None,
        least_index: int = 0,
    ) -> Site:
        by_slug = {unquote(work.slug): work for work in works}
        by_node = {work.node_id: work for work in works}
        collections = {unquote(each.slug): each for work in works for each in work.collections}
        days = [work.modified_at for work in works] + ([changed_at] if changed_at else [])
        index = max([least_index, *((number - FIRST_NODE) // NODE_STEP + 1 for number in by_node)])
        return cls(seed, works, files, by_slug, by_node, collections, index, max(days, default=None))

    def work(self, slug: str) -> ReplicaWork:
        """The work with this slug, encoded or not. Raises KeyError."""
        return self.by_slug[unquote(slug)]

    def file(self, name: str) -> ReplicaFile:
        """The file of this decoded name. Raises KeyError."""
        return self.files[name]

    def file_at(self, url_path: str) -> ReplicaFile | None:
        """What lies at a path as requested: decoded exactly once, upper and lower case told apart."""
        return self.files.get(unquote(url_path.removeprefix(FILES_PATH)))

    def art_files(self) -> Iterator[ReplicaFile]:
        """Each file that some page lists as art, once, in the order of the works."""
        listed = (file for work in self.works if work.fault is None for file in work.listed_files)
        return iter({file.name: file for file in listed}.values())
