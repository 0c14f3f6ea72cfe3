"""An answer: a picture, how near it is, and all that is needed to credit it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from artstore.library import ImageRecord
from artstore.models import Licence


@dataclass(frozen=True, slots=True)
class Hit:
    """One picture that was found."""

    image_id: int
    distance: float | None
    """Cosine distance to the question, exact: 0 the same direction, 1 unrelated; None if words were asked."""
    path: str
    """Below the data folder."""
    member: str | None
    """Its name in the archive that it came in."""
    width_px: int
    height_px: int
    frames: int
    title: str
    author: str
    author_url: str | None
    licences: tuple[Licence, ...]
    """Several are a free choice."""
    copyright_notice: str
    work_url: str | None
    """The work's page."""
    file_url: str
    more: int = 0
    """So many other answers are the same picture, a copy, a recolour or a frame of its series, and not shown."""

    @classmethod
    def of(cls, record: ImageRecord, distance: float | None = None, more: int = 0) -> Self:
        """Return the hit on *record*."""
        return cls(
            image_id=record.image_id,
            distance=distance,
            path=record.path,
            member=record.member,
            width_px=record.width_px,
            height_px=record.height_px,
            frames=record.frames,
            title=record.title,
            author=record.author,
            author_url=record.author_url,
            licences=record.licences,
            copyright_notice=record.copyright_notice,
            work_url=record.work_url,
            file_url=record.file_url,
            more=more,
        )


class Hits(list[Hit]):
    """Hits, best first, and how much of what there is a filter has hidden."""

    def __init__(self, hits: Iterable[Hit] = (), *, hidden: int = 0) -> None:
        super().__init__(hits)
        self.hidden = hidden
        """Pictures that could have answered, had the filter let them through: of those with the words, or of all indexed."""
