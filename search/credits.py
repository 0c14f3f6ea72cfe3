"""Credits: what has to stand beside art that is used, and what its licences ask for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations

from artstore.combining import is_no_derivatives, is_non_commercial, is_share_alike, outlets
from artstore.library import ImageRecord
from artstore.models import Licence

MAX_PAIRS = 20
"""Warnings of two works each; past so many, nobody reads them."""


@dataclass(frozen=True, slots=True)
class Credit:
    """A work of which pictures are used."""

    title: str
    author: str
    author_url: str | None
    collaborators: tuple[str, ...]
    licences: tuple[Licence, ...]
    """Several are a free choice."""
    work_url: str | None
    copyright_notice: str
    """What the author asks for, in the author's words; may be empty, and have several lines."""
    image_ids: tuple[int, ...]
    """The pictures that were asked for, ascending."""

    @property
    def authors(self) -> str:
        """The author, and who made it with the author."""
        return ", ".join(filter(None, (self.author, *self.collaborators))) or "unknown author"

    @property
    def licence_names(self) -> str:
        """The licences as a sentence has them: ``CC-BY 3.0, GPL 2.0, or GPL 3.0``."""
        names = [licence.name for licence in self.licences]
        if len(names) < 3:
            return " or ".join(names)
        return f"{', '.join(names[:-1])}, or {names[-1]}"


@dataclass(frozen=True, slots=True)
class Credits:
    """Credits of everything that was asked for, by title, and what to beware of."""

    works: tuple[Credit, ...]
    warnings: tuple[str, ...]


def credits_of(records: Iterable[ImageRecord]) -> Credits:
    """Return the credits of the works that *records* come from, each once."""
    works: dict[str, list[ImageRecord]] = {}
    for record in records:
        # A file that no known work lists speaks for itself.
        works.setdefault(record.work_url or record.file_url, []).append(record)
    credits_ = sorted(
        (_credit(found) for found in works.values()), key=lambda work: (work.title.casefold(), work.image_ids)
    )
    return Credits(tuple(credits_), tuple(_warnings(credits_)))


def _credit(records: list[ImageRecord]) -> Credit:
    first = records[0]
    return Credit(
        title=first.title or first.file_name,
        author=first.author,
        author_url=first.author_url,
        collaborators=first.collaborators,
        licences=first.licences,
        work_url=first.work_url,
        copyright_notice=first.copyright_notice.strip(),
        image_ids=tuple(sorted({record.image_id for record in records})),
    )


def _warnings(works: list[Credit]) -> Iterable[str]:
    for work in works:
        yield from _warnings_of(work)
    conflicts = [
        (one, other)
        for one, other in combinations(works, 2)
        if one.licences and other.licences and outlets([one.licences, other.licences]) == frozenset()
    ]
    for one, other in conflicts[:MAX_PAIRS]:
        yield (
            f'"{one.title}" ({one.licence_names}) and "{other.title}" ({other.licence_names}) cannot be made into '
            "one work: no licence is known to suit both"
        )
    if len(conflicts) > MAX_PAIRS:
        yield f"and {len(conflicts) - MAX_PAIRS} more pairs of works that cannot be made into one"
    stated = [work.licences for work in works if work.licences]
    if not conflicts and len(stated) > 1 and outlets(stated) == frozenset():
        yield "all of these together cannot be made into one work: no licence is known to suit them all"


def _warnings_of(work: Credit) -> Iterable[str]:
    """Yield what every way of using *work* asks for: a licence that asks for less may be chosen instead."""
    if not work.licences:
        yield f'"{work.title}" states no licence: ask {work.authors} before you use it'
    elif all(map(is_no_derivatives, work.licences)):
        yield f'"{work.title}" ({work.licence_names}) may not be changed, nor made a part of another work'
    elif all(map(is_non_commercial, work.licences)):
        yield f'"{work.title}" ({work.licence_names}) may not be used where money is earned'
    elif all(map(is_share_alike, work.licences)):
        yield f'"{work.title}" wants share-alike: what is made of it has to be under {work.licence_names} too'
