"""What travels through the pipelines: a work, or the fact that something failed."""

from __future__ import annotations

from dataclasses import dataclass, field

from artstore.models import Failure, FileState, Findings, StoredFile, Work
from artstore.visits import Validators


@dataclass(slots=True, kw_only=True)
class Outcomes:
    """What became of the files of a work; each pipeline fills its part."""

    stored: list[StoredFile] = field(default_factory=list)
    """By the files pipeline: what is on disk now."""
    unavailable: list[tuple[Failure, FileState]] = field(default_factory=list)
    """By the files pipeline: what could not be had, and what that makes of the file."""
    findings: dict[str, Findings] = field(default_factory=dict)
    """By the unpack pipeline: path of a stored file -> its pictures, where it had to be looked at."""

    unread: list[Failure] = field(default_factory=list)
    """By the unpack pipeline: stored files that could not be looked at, for now."""


@dataclass(slots=True, repr=False)
class ArtItem(Outcomes):
    """A work on its way into the catalog."""

    work: Work
    asked_urls: tuple[str, ...] = ()
    """The addresses under which its page was asked for: redirects and ``/node/…`` lead to others."""
    validators: Validators | None = None
    """What its page can be asked with next time."""
    changed: bool = False
    """Whether it was read before and said something else: then its files may be others too."""

    def __repr__(self) -> str:
        # Scrapy logs the items that it drops: their address says enough.
        return f"<{self.work.url}>"


@dataclass(slots=True, repr=False)
class Unchanged(Outcomes):
    """A work whose page is what it was; its files may be others all the same."""

    work_url: str

    def __repr__(self) -> str:
        return f"<{self.work_url}>"


@dataclass(frozen=True, slots=True)
class Gone:
    """A page that is there no more: of a known work the end, of an unknown one a failure."""

    failure: Failure
    asked_urls: tuple[str, ...] = ()
    """Where it was looked for: the last address that a redirect led to is that of the work."""


Item = ArtItem | Failure | Unchanged | Gone


def recorded_urls(item: Item) -> tuple[str, ...]:
    """Return where the page was asked for that *item* came of; none for a failure, which may always be tried again."""
    if isinstance(item, ArtItem):
        return item.asked_urls
    return (item.work_url,) if isinstance(item, Unchanged) else ()
