"""Which pictures may be answers: by licence, author, tag, kind of art, size, animation, series, work, collection.

Conditions on a work are put to one work at a time: a picture whose file two
works list is let through if one of them fits all. The ids that a filter lets
through are kept until the catalog changes, and a little longer where they took long to find.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from artstore.ascending import as_ids
from artstore.catalog import Catalog
from artstore.errors import UsageError
from artstore.kept import Kept
from artstore.licences import find_licences
from artstore.wordquery import match_expression

KEPT_BYTES = 64 << 20
"""Of sets of ids, of 8 bytes an id: eight sets of a million, thousands of those that let little through."""

SLOW_S = 0.05
"""What took longer may be a little old, where a crawl or an embedder changes the catalog all the time:"""
PATIENCE = 20
"""so many times as old as it took, so that no more than a twentieth of the time goes into asking again."""

KINDS = {
    "still": "frames = 1 AND series IS NULL",
    "animation": "frames > 1",
    "series": "series IS NOT NULL",
}
"""One frame, several in one file, or a frame of a numbered series."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A piece of SQL that is true or false, with its parameters."""

    sql: str
    parameters: tuple[str | int, ...] = ()

    def __and__(self, other: Condition) -> Condition:
        return Condition(f"({self.sql}) AND ({other.sql})", self.parameters + other.parameters)


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """What a picture has to be; what is None or empty is not asked for.

    Texts may name several with commas: any of them will do. Case does not
    matter. Raises :class:`~artstore.errors.UsageError` for what cannot be meant.
    """

    licence: str | None = None
    """Licences, or families of them: ``"cc0,cc-by"``. A work with several fits by any one of them."""
    author: str | None = None
    """Whole names, of the author or of who made it with the author."""
    tags: tuple[str, ...] = ()
    """Each entry has to be there: ``("sword,axe", "pixel art")`` is either weapon, in pixel art."""
    art_type: str | None = None
    """As pages name it, or the beginning of that: ``"2d"``."""
    work: str | None = None
    """The address of its page, the end of that, or OpenGameArt's number of it."""
    collection: str | None = None
    """Its title, its address, or the end of that."""
    words: str | None = None
    """What title, tags, author and names have to hold, as :mod:`artstore.wordquery` says."""
    kind: str | None = None
    """``still`` (one frame), ``animation`` (several in one file), ``series`` (a frame of a numbered series)."""
    series_of: int | None = None
    """An image id: the frames of the series that this picture is of."""
    min_width_px: int | None = None
    min_height_px: int | None = None
    max_width_px: int | None = None
    max_height_px: int | None = None

    def __post_init__(self) -> None:
        # A list would do for whoever writes one, and could not be a key.
        tags: object = self.tags
        object.__setattr__(self, "tags", (tags,) if isinstance(tags, str) else tuple(self.tags))
        if self.licence is not None and not find_licences(self.licence):
            raise UsageError(f"no licence is named in {self.licence!r}; leave it out for all of them")
        if self.kind is not None and not _parts(self.kind):
            raise UsageError(f"no kind of picture is named in {self.kind!r}; there are {', '.join(KINDS)}")
        if unknown := [kind for kind in _parts(self.kind) if kind not in KINDS]:
            raise UsageError(f"no kind of picture is called {unknown[0]!r}; there are {', '.join(KINDS)}")
        if self.words is not None and match_expression(self.words) is None:
            raise UsageError(f"there is no word in {self.words!r}")
        if self.series_of is not None and self.series_of.bit_length() > 63:
            raise UsageError(f"there is no picture {self.series_of}")
        for side in ("width", "height"):
            least, most = getattr(self, f"min_{side}_px"), getattr(self, f"max_{side}_px")
            if odd := [value for value in (least, most) if value is not None and not 0 < value < 1 << 31]:
                raise UsageError(f"no picture is of {odd[0]} pixels in {side}")
            if least is not None and most is not None and least > most:
                raise UsageError(f"no picture is at least {least} and at most {most} pixels in {side}")

    def __bool__(self) -> bool:
        """Say whether anything is asked for."""
        return self.of_work() is not None or self.of_image() is not None

    def of_work(self) -> Condition | None:
        """Return what a row of ``works`` has to be, or None if it may be any."""
        conditions = [
            *([_of_licence(self.licence)] if self.licence else []),
            *([_of_author(self.author)] if self.author else []),
            *(_of_tag(tag) for tag in self.tags),
            *([_of_art_type(self.art_type)] if self.art_type else []),
            *([_of_address(self.work)] if self.work else []),
            *([_of_collection(self.collection)] if self.collection else []),
        ]
        return _all(conditions)

    def of_image(self) -> Condition | None:
        """Return what a row of ``images`` has to be, or None if it may be any."""
        conditions = [
            Condition(f"{column} {sign} ?", (value,))
            for column, sign, value in (
                ("width_px", ">=", self.min_width_px),
                ("height_px", ">=", self.min_height_px),
                ("width_px", "<=", self.max_width_px),
                ("height_px", "<=", self.max_height_px),
            )
            if value is not None
        ]
        if self.kind:
            conditions.append(Condition(" OR ".join(f"({KINDS[kind]})" for kind in _parts(self.kind))))
        if self.series_of is not None:
            conditions.append(
                Condition("series = (SELECT series FROM images WHERE image_id = ?)", (self.series_of,))
            )
        if self.words:
            found = "image_id IN (SELECT rowid FROM words WHERE words MATCH ?)"
            conditions.append(Condition(found, (match_expression(self.words) or "",)))
        return _all(conditions)


@dataclass(frozen=True, slots=True)
class _Found:
    """The ids that a filter lets through."""

    ids: NDArray[np.int64]
    version: int
    """Of the catalog, before it was asked."""
    at_s: float
    took_s: float


class IdSets:
    """The ids that filters let through, from connections of its own; safe from many threads."""

    def __init__(self, path: Path) -> None:
        self._catalog = Catalog(path, read_only=True)
        self._asking = threading.Lock()
        # Another one, so that whoever finds what is kept need not wait for somebody's slow question.
        self._watch = Catalog(path, read_only=True)
        self._watching = threading.Lock()
        self._kept: Kept[Filter, _Found] = Kept(KEPT_BYTES)

    def ids(self, only: Filter) -> NDArray[np.int64] | None:
        """Return, ascending, the ids of the pictures that *only* lets through; None is all of them.

        The array is shared, and read-only.
        """
        return self.let_through(only) if only else None

    def let_through(self, only: Filter) -> NDArray[np.int64]:
        """Return the same for a filter that asks for something. Raises ValueError for one that does not."""
        found = self._known(only)
        if found is None:
            with self._asking:
                # Another thread may have asked the same meanwhile.
                found = self._known(only) or self._found(only)
        return found.ids

    def close(self) -> None:
        """Close the connections."""
        self._catalog.close()
        self._watch.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def _known(self, only: Filter) -> _Found | None:
        """Return what is kept, if it is still so, or was a short while ago."""
        found = self._kept.get(only)
        if found is None or found.version == self._version():
            return found
        is_slow = found.took_s > SLOW_S
        return found if is_slow and time.monotonic() < found.at_s + PATIENCE * found.took_s else None

    def _version(self) -> int:
        # Changes with every commit of anybody else.
        with self._watching:
            return int(self._watch.execute("PRAGMA data_version").fetchone()[0])

    def _found(self, only: Filter) -> _Found:
        of_work = only.of_work()
        of_works = of_work and Condition(_OF_WORKS.format(of_work.sql), of_work.parameters)
        condition = _all([each for each in (of_works, only.of_image()) if each])
        if condition is None:
            raise ValueError("a filter that asks for nothing lets everything through")
        version, at_s = self._version(), time.monotonic()
        (text,) = self._catalog.execute(
            f"SELECT group_concat(image_id) FROM images WHERE {condition.sql}", condition.parameters
        ).fetchone()
        ids = as_ids(text)
        ids.setflags(write=False)
        found = _Found(ids, version, at_s, time.monotonic() - at_s)
        self._kept.keep(only, found, ids.nbytes)
        return found


_OF_WORKS = """
    file_id IN (
        SELECT file_id FROM work_files WHERE work_id IN (SELECT work_id FROM works WHERE {})
        AND (listed OR NOT EXISTS (
            SELECT 1 FROM work_files AS others WHERE others.file_id = work_files.file_id AND others.listed
        ))
    )
"""
"""A work that has ceased to list a file speaks for it only where no other work lists it."""


def _parts(text: str | None) -> list[str]:
    return [part.strip() for part in (text or "").split(",") if part.strip()]


def _names(text: str) -> tuple[str, ...]:
    """Return what *text* may name: itself, for a name may hold commas, and its parts."""
    return tuple(dict.fromkeys([text.strip(), *_parts(text)]))


def _all(conditions: list[Condition]) -> Condition | None:
    found: Condition | None = None
    for condition in conditions:
        found = condition if found is None else found & condition
    return found


def _of_licence(text: str) -> Condition:
    keys = tuple(find_licences(text))
    return Condition(
        "work_id IN (SELECT work_id FROM work_licences JOIN licences USING (licence_id) "
        f"WHERE key IN ({_marks(keys)}))",
        keys,
    )


def _of_author(text: str) -> Condition:
    names = _names(text)
    marks = _marks(names)
    return Condition(
        f"author COLLATE NOCASE IN ({marks}) OR collaborators <> '[]' AND EXISTS "
        f"(SELECT 1 FROM json_each(collaborators) WHERE value COLLATE NOCASE IN ({marks}))",
        names + names,
    )


def _of_tag(text: str) -> Condition:
    names = _names(text)
    return Condition(
        "work_id IN (SELECT work_id FROM work_tags JOIN tags USING (tag_id) "
        f"WHERE name COLLATE NOCASE IN ({_marks(names)}))",
        names,
    )


def _of_art_type(text: str) -> Condition:
    names = tuple(_parts(text))
    begins = " OR ".join("lower(substr(value, 1, length(?))) = lower(?)" for _ in names) or "0"
    return Condition(
        f"EXISTS (SELECT 1 FROM json_each(art_types) WHERE {begins})",
        tuple(name for name in names for _ in range(2)),
    )


def _of_address(text: str) -> Condition:
    names = _names(text)
    by_end, ends = _ends_so("url", names)
    return Condition(f"{by_end} OR node_id IN ({_marks(names)})", ends + names)


def _of_collection(text: str) -> Condition:
    names = _names(text)
    by_end, ends = _ends_so("collections.url", names)
    return Condition(
        "work_id IN (SELECT work_id FROM work_collections JOIN collections USING (collection_id) "
        f"WHERE collections.title COLLATE NOCASE IN ({_marks(names)}) OR {by_end})",
        names + ends,
    )


def _ends_so(column: str, names: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """Return SQL, with parameters, for: *column*, an address, is one of *names*, or ends in it."""
    ends = [f"/{name.lstrip('/')}" for name in names]
    sql = " OR ".join(f"{column} = ? OR substr({column}, -length(?)) = ?" for _ in names)
    return f"({sql})", tuple(part for name, end in zip(names, ends, strict=True) for part in (name, end, end))


def _marks(values: tuple[str, ...]) -> str:
    return ", ".join("?" * len(values))
