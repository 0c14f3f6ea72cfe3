"""Where the files of a work go: no two of them on paths that some disk takes for one.

OpenGameArt tells ``Foo.png`` from ``foo.png``; macOS and Windows do not, nor does
a stick that a data folder is copied to. The file that comes first has its plain
name, the other ``foo~d3036d20a6.png``; once recorded, a path is never another. So it
is with files of the same name on two hosts.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import unquote, urlsplit

from artstore import names
from artstore.catalog import Catalog
from artstore.models import FileLink, Work

REMEMBERED = 2_000
"""Paths of works that are still on their way; a crawl has a few hundred of them, and the catalog guards the rest."""


@dataclass(frozen=True, slots=True)
class _Holder:
    """The file that has a place."""

    path: str
    url: str

    def is_for(self, path: str, url: str) -> bool:
        return self.path == path and names.is_same_file(self.url, url)


@dataclass(frozen=True, slots=True)
class _Recorded:
    """What the catalog has of some files and of those they might meet."""

    path_by_url: dict[str, str]
    by_path: dict[str, _Holder]
    by_folded: dict[str, _Holder]


class Places:
    """Gives paths, and keeps in mind what it gave to works that are not recorded yet."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._given: OrderedDict[str, _Holder] = OrderedDict()
        """By folded path, the oldest first."""

    def place(self, work: Work) -> Work:
        """Return *work* with the path that each of its files has, or is to have."""
        if not work.files:
            return work
        recorded = self._recorded([(link.url, link.path) for link in work.files])
        files = tuple(replace(link, path=self._path(link, recorded)) for link in work.files)
        while len(self._given) > REMEMBERED:
            self._given.popitem(last=False)
        return replace(work, files=files)

    def _path(self, link: FileLink, recorded: _Recorded) -> str:
        """Return the path of *link*: its plain name, or marked where another file has that.

        The first mark is the same for every way to write the address. The second tells hosts apart,
        and is for names that meet to the letter.
        """
        if known := recorded.path_by_url.get(link.url):
            return known
        if self._is_free(link.path, link.url, recorded):
            return self._give(link.path, link.url)
        parts = urlsplit(link.url)
        origin = f"//{parts.hostname}{unquote(parts.path)}"
        marks = [names.marked(link.path, original) for original in (link.path, origin)]
        recorded = self._recorded([(link.url, path) for path in marks])
        free = (path for path in marks if self._is_free(path, link.url, recorded))
        # None is free only if hashes meet; then the catalog, where a path is unique, does not take it.
        return self._give(next(free, marks[-1]), link.url)

    def _is_free(self, path: str, url: str, recorded: _Recorded) -> bool:
        """Say whether *path* is that of the file at *url*, or may be."""
        if at_path := recorded.by_path.get(path):
            return at_path.is_for(path, url)
        folded = names.folded(path)
        holder = recorded.by_folded.get(folded) or self._given.get(folded)
        return holder is None or holder.is_for(path, url)

    def _give(self, path: str, url: str) -> str:
        self._given[names.folded(path)] = _Holder(path, url)
        return path

    def _recorded(self, wanted: Sequence[tuple[str, str]]) -> _Recorded:
        """Return what the catalog has of *wanted*, pairs of URL and path."""
        rows = self._catalog.execute(
            """
            SELECT url, path, folded FROM files WHERE url IN (SELECT value FROM json_each(?))
            OR path IN (SELECT value FROM json_each(?)) OR folded IN (SELECT value FROM json_each(?))
            """,
            [
                json.dumps([url for url, _ in wanted]),
                json.dumps([path for _, path in wanted]),
                json.dumps([names.folded(path) for _, path in wanted]),
            ],
        ).fetchall()
        return _Recorded(
            path_by_url={row["url"]: row["path"] for row in rows},
            by_path={row["path"]: _Holder(row["path"], row["url"]) for row in rows},
            by_folded={row["folded"]: _Holder(row["path"], row["url"]) for row in rows},
        )
