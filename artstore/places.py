"""Where the files of a work go: no two of them on paths that some disk takes for one.

OpenGameArt tells ``Foo.png`` from ``foo.png``; macOS and Windows do not, nor does
a stick that a data folder is copied to. The file that comes first has its plain
name, the other ``foo~d3036d20a6.png``; once recorded, a path is never another.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from artstore import names
from artstore.catalog import Catalog
from artstore.models import FileLink, Work

REMEMBERED = 2_000
"""Paths of works that are still on their way; a crawl has a few hundred of them, and the catalog guards the rest."""


@dataclass(frozen=True, slots=True)
class _Recorded:
    """What the catalog has of the files of a work and of those they might meet."""

    by_url: dict[str, str]
    by_folded: dict[str, str]
    paths: set[str]


class Places:
    """Gives paths, and keeps in mind what it gave to works that are not recorded yet."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._given: OrderedDict[str, str] = OrderedDict()
        """Folded path -> path, the oldest first."""

    def place(self, work: Work) -> Work:
        """Return *work* with the path that each of its files has, or is to have."""
        if not work.files:
            return work
        recorded = self._recorded(work.files)
        files = tuple(replace(link, path=self._path(link, recorded)) for link in work.files)
        while len(self._given) > REMEMBERED:
            self._given.popitem(last=False)
        return replace(work, files=files)

    def _path(self, link: FileLink, recorded: _Recorded) -> str:
        if known := recorded.by_url.get(link.url):
            return known
        if link.path in recorded.paths:
            # The same file: its address is written in another way, with http: or other percent signs.
            return link.path
        folded = names.folded(link.path)
        holder = recorded.by_folded.get(folded) or self._given.get(folded, link.path)
        # The path decides the mark, as it is the same for every way to write the address.
        path = link.path if holder == link.path else names.marked(link.path, link.path)
        self._given[names.folded(path)] = path
        return path

    def _recorded(self, links: Sequence[FileLink]) -> _Recorded:
        rows = self._catalog.execute(
            """
            SELECT url, path, folded FROM files WHERE url IN (SELECT value FROM json_each(?))
            OR path IN (SELECT value FROM json_each(?)) OR folded IN (SELECT value FROM json_each(?))
            """,
            [
                json.dumps([link.url for link in links]),
                json.dumps([link.path for link in links]),
                json.dumps([names.folded(link.path) for link in links]),
            ],
        ).fetchall()
        return _Recorded(
            by_url={row["url"]: row["path"] for row in rows},
            by_folded={row["folded"]: row["path"] for row in rows},
            paths={row["path"] for row in rows},
        )
