"""The engine: every question that can be asked, over one data folder.

    m candidates    d = the embedder's dimension

A question about looks goes to the vector index for candidates, whose full
feature vectors are then read from disk and compared exactly.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from artstore.catalog import Catalog
from artstore.catalogs import Catalogs
from artstore.errors import NotReady, PictureError, UsageError
from artstore.features import FeatureReader, unit
from artstore.filters import Filter, IdSets
from artstore.ledger import PAGE, EmbedderRow, Ledger, embedders, find_embedder
from artstore.library import ImageRecord, Library
from artstore.settings import Settings
from artstore.vectors import NOBODY, VectorIndex, open_index
from embedder.protocol import Embedder
from embedder.registry import as_made, fingerprint, open_embedder
from search.credits import Credits, credits_of
from search.hits import Hit, Hits

logger = logging.getLogger(__name__)

T = TypeVar("T")

MIN_CANDIDATES = 200
"""Compared exactly for each question: with reduced vectors 200 held 0.999 of the true ten in our trials."""


class loaded_once(cached_property[T]):  # noqa: N801 - used as cached_property is
    """A property of an engine that one thread makes while the others wait for it."""

    def __get__(self, instance: Any, owner: type[Any] | None = None) -> Any:
        if instance is None:
            return self
        with instance._loading:  # noqa: SLF001 - only Engine has such properties
            return super().__get__(instance, owner)


class Engine:
    """Answers questions about one data folder; reads only. May be asked from many threads at once.

    Opening is quick: the index is loaded with the first question about looks,
    a network with the first question that brings a picture.
    """

    def __init__(self, settings: Settings, *, embedder: str | None = None) -> None:
        """Ask *embedder*'s vectors; None is the settings' if it has any, else the embedder with most.

        Raises :class:`~artstore.errors.NotReady` if nothing was collected yet.
        """
        self._settings = settings
        self._wanted = embedder
        self._catalogs = Catalogs(settings.catalog_path)
        self._id_sets = IdSets(settings.catalog_path)
        # Re-entrant: what is loaded asks for what it needs.
        self._loading = threading.RLock()
        self._computing = threading.Lock()

    @classmethod
    def open(cls, data_dir: str | Path | None = None, *, embedder: str | None = None, **flags: Any) -> Self:
        """Return an engine over *data_dir* (default: the settings'); *flags* are settings by name."""
        return cls(Settings.load(data_dir=Path(data_dir) if data_dir else None, **flags), embedder=embedder)

    def close(self) -> None:
        """Close the catalog; no thread may be asking any more."""
        self._catalogs.close()
        self._id_sets.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def image(self, source: str | Path, *, top: int = 10, only: Filter | None = None) -> Hits:
        """Return the *top* pictures that look most like the one at *source*, nearest first.

        *only* says which may be answers. Raises :class:`~artstore.errors.UsageError` if
        *source* is no picture, and :class:`~artstore.errors.NotReady` if there is no index yet.
        """
        path = Path(source)
        if not path.is_file():
            raise UsageError(f"{path} is not a file")
        # Before the network is loaded: whether there is anything to compare with.
        self._row.check(fingerprint(self._network_settings))
        try:
            prepared = self._embedder.prepare(path)
        except PictureError as error:
            raise UsageError(f"{path} is no picture that can be read ({error.detail})") from error
        embedder = self._embedder
        with self._computing:
            question = unit(embedder.embed(prepared[None]))
        if not np.isfinite(question).all():
            raise UsageError(f"the network has no answer for {path}: nothing to compare")
        return self._nearest(question, top, only)

    def like(self, image_id: int, *, top: int = 10, only: Filter | None = None) -> Hits:
        """Return the *top* pictures that look most like picture *image_id*, without itself.

        Raises :class:`~artstore.errors.UsageError` if there is no such picture, and
        :class:`~artstore.errors.NotReady` if it has not been embedded yet.
        """
        self._known([image_id])
        _, rows = self._ledger.rows_of(np.array([image_id], np.int64))
        if rows.size == 0:
            raise NotReady(f"picture {image_id} has not been embedded yet; run {self._command()}")
        return self._nearest(unit(self._features.read(rows)), top, only, leave_out=image_id)

    def words(self, text: str, *, top: int = 10, only: Filter | None = None) -> Hits:
        """Return the *top* pictures whose title, tags, author and names hold all words of *text*, best first."""
        _check_top(top)
        ids = np.array(self._library.find_words(text), np.int64)
        allowed = self._allowed(only)
        fitting = ids if allowed is None else ids[np.isin(ids, allowed)]
        hits = [Hit.of(record) for record in self._records(fitting[:top].tolist(), only)]
        return Hits(hits, hidden=len(ids) - len(fitting))

    def credits(self, image_ids: Sequence[int]) -> Credits:
        """Return what to write beside pictures *image_ids* where they are used, each work once, by title.

        Raises :class:`~artstore.errors.UsageError` naming those that there are not.
        """
        return credits_of(self._known(image_ids))

    @property
    def _catalog(self) -> Catalog:
        return self._catalogs.mine()

    @property
    def _library(self) -> Library:
        return Library(self._catalog)

    @loaded_once
    def embedder_name(self) -> str:
        """The embedder whose vectors are asked."""
        if self._wanted:
            return self._wanted
        # One that was stopped before its first batch is known too, but has nothing to ask.
        known = [row.name for row in embedders(self._catalog) if Ledger(self._catalog, row).rows()]
        if not known or self._settings.embedder in known:
            return self._settings.embedder
        logger.info("nothing has been embedded by %s; searching with %s", self._settings.embedder, known[0])
        return known[0]

    @property
    def _ledger(self) -> Ledger:
        return Ledger(self._catalog, self._row)

    @loaded_once
    def _row(self) -> EmbedderRow:
        return find_embedder(self._catalog, self.embedder_name)

    @loaded_once
    def _embedder(self) -> Embedder:
        return open_embedder(self._network_settings)

    @property
    def _network_settings(self) -> Settings:
        settings = self._settings.override(embedder=self.embedder_name)
        return as_made(settings, self._row.fingerprint)

    @loaded_once
    def _features(self) -> FeatureReader:
        row = self._row
        return FeatureReader(self._settings.features_dir(row.name), row.dim)

    @loaded_once
    def _index(self) -> VectorIndex:
        row = self._row
        index = open_index(self._settings.index, self._settings.index_path(row.name), row.dim, row.name)
        if len(index) == 0:
            raise NotReady(f"the index {self._settings.index}{row.name} is empty; run {self._command()}")
        return index

    def _nearest(
        self, question: NDArray[np.float32], top: int, only: Filter | None, *, leave_out: int | None = None
    ) -> Hits:
        """Return the hits for *question*, shape (1, d)."""
        _check_top(top)
        allowed = self._allowed(only)
        count = min(max(MIN_CANDIDATES, 2 * top), len(self._index))
        found = self._index.query(question, count, allowed).ids[0]
        ids, distances = self._exact(question, found[(found != NOBODY) & (found != (leave_out or NOBODY))])
        by_id = dict(zip(ids[:top].tolist(), distances[:top].tolist(), strict=True))
        hits = [Hit.of(record, by_id[record.image_id]) for record in self._records(list(by_id), only)]
        return Hits(hits, hidden=self._count_hidden(allowed, leave_out))

    def _count_hidden(self, allowed: NDArray[np.int64] | None, leave_out: int | None) -> int:
        if allowed is None:
            return 0
        ids = self._index.ids()
        return int(np.count_nonzero(~np.isin(ids, allowed) & (ids != leave_out)))

    def _allowed(self, only: Filter | None) -> NDArray[np.int64] | None:
        """Return the ids that *only* lets through, ascending; None is all."""
        return self._id_sets.ids(only) if only else None

    def _exact(
        self, question: NDArray[np.float32], candidates: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return *candidates*, shape (m,), and their distances from the full vectors, nearest first."""
        ids, rows = self._ledger.rows_of(candidates)
        # float16 rows are not quite of unit length; their direction is what was stored.
        distances = np.maximum(1.0 - unit(self._features.read(rows)) @ question[0], 0.0)
        order = np.lexsort((ids, distances))
        return ids[order], distances[order]

    def _known(self, image_ids: Sequence[int]) -> list[ImageRecord]:
        """Return the records of *image_ids*. Raises :class:`~artstore.errors.UsageError` unless all exist."""
        # SQLite cannot even be asked for a number of more than 64 bits.
        possible = [image_id for image_id in image_ids if image_id.bit_length() < 64]
        records = self._records(possible)
        if missing := sorted(set(image_ids) - {record.image_id for record in records}):
            raise UsageError(f"there is no picture {', '.join(map(str, missing))}")
        return records

    def _records(self, ids: Sequence[int], only: Filter | None = None) -> list[ImageRecord]:
        pages = (ids[start : start + PAGE] for start in range(0, len(ids), PAGE))
        return [record for page in pages for record in self._library.describe(page, only)]

    def _command(self) -> str:
        """Return the command that makes ready what this engine lacks, with its data folder and index."""
        defaults = Settings()
        words = [f"python -m embedder --embedder {self.embedder_name}"]
        if self._settings.data_dir != defaults.data_dir:
            words.append(f"--data-dir {self._settings.data_dir}")
        if self._settings.index != defaults.index:
            words.append(f"--index {self._settings.index}")
        return f"`{' '.join(words)}`"


def _check_top(top: int) -> None:
    if top < 1:
        raise UsageError(f"top is {top}, but at least one picture has to be asked for")
