"""The engine: every question that can be asked, over one data folder.

    m candidates    d = the embedder's dimension

A question about looks goes to the vector index for candidates, whose full
feature vectors are then read from disk and compared exactly.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from artstore.catalog import Catalog
from artstore.errors import NotReady, PictureError, UsageError
from artstore.features import FeatureReader, unit
from artstore.ledger import PAGE, EmbedderRow, Ledger, embedders, find_embedder
from artstore.library import ImageRecord, Library
from artstore.licences import find_licences
from artstore.settings import Settings
from artstore.vectors import NOBODY, VectorIndex, open_index
from embedder.protocol import Embedder
from embedder.registry import as_made, fingerprint, open_embedder
from search.credits import Credits, credits_of
from search.hits import Hit

logger = logging.getLogger(__name__)

MIN_CANDIDATES = 200
"""Compared exactly for each question: with reduced vectors 200 held 0.999 of the true ten in our trials."""


class Engine:
    """Answers questions about one data folder; reads only. Use it in one thread at a time.

    Opening is quick: the index is loaded with the first question about looks,
    a network with the first question that brings a picture.
    """

    def __init__(self, settings: Settings, *, embedder: str | None = None) -> None:
        """Ask *embedder*'s vectors; None is the settings' if it has any, else the embedder with most.

        Raises :class:`~artstore.errors.NotReady` if nothing was collected yet.
        """
        self._settings = settings
        self._wanted = embedder
        self._catalog = Catalog(settings.catalog_path, read_only=True)
        self._library = Library(self._catalog)

    @classmethod
    def open(cls, data_dir: str | Path | None = None, *, embedder: str | None = None, **flags: Any) -> Self:
        """Return an engine over *data_dir* (default: the settings'); *flags* are settings by name."""
        return cls(Settings.load(data_dir=Path(data_dir) if data_dir else None, **flags), embedder=embedder)

    def close(self) -> None:
        """Close the catalog."""
        self._catalog.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def image(self, source: str | Path, *, top: int = 10, licence: str | None = None) -> list[Hit]:
        """Return the *top* pictures that look most like the one at *source*, nearest first.

        *licence* keeps those that may be used under one of the licences that it
        names: ``"cc0,cc-by"``. Raises :class:`~artstore.errors.UsageError` if
        *source* is no picture or a licence is unknown, and
        :class:`~artstore.errors.NotReady` if there is no index yet.
        """
        path = Path(source)
        if not path.is_file():
            raise UsageError(f"{path} is not a file")
        # Before the network is loaded: whether there is anything to compare with.
        self._ledger.embedder.check(fingerprint(self._network_settings))
        try:
            prepared = self._embedder.prepare(path)
        except PictureError as error:
            raise UsageError(f"{path} is no picture that can be read ({error.detail})") from error
        question = unit(self._embedder.embed(prepared[None]))
        if not np.isfinite(question).all():
            raise UsageError(f"the network has no answer for {path}: nothing to compare")
        return self._nearest(question, top, licence)

    def like(self, image_id: int, *, top: int = 10, licence: str | None = None) -> list[Hit]:
        """Return the *top* pictures that look most like picture *image_id*, without itself.

        Raises :class:`~artstore.errors.UsageError` if there is no such picture, and
        :class:`~artstore.errors.NotReady` if it has not been embedded yet.
        """
        self._known([image_id])
        _, rows = self._ledger.rows_of(np.array([image_id], np.int64))
        if rows.size == 0:
            raise NotReady(f"picture {image_id} has not been embedded yet; run {self._command()}")
        return self._nearest(unit(self._features.read(rows)), top, licence, leave_out=image_id)

    def words(self, text: str, *, top: int = 10, licence: str | None = None) -> list[Hit]:
        """Return the *top* pictures whose title, tags, author and names hold all words of *text*, best first."""
        if top < 1:
            raise UsageError(f"top is {top}, but at least one picture has to be asked for")
        keys = _keys(licence)
        ids = self._library.find_words(text, min(top, sys.maxsize), keys)
        return [Hit.of(record) for record in self._records(ids, keys)]

    def credits(self, image_ids: Sequence[int]) -> Credits:
        """Return what to write beside pictures *image_ids* where they are used, each work once, by title.

        Raises :class:`~artstore.errors.UsageError` naming those that there are not.
        """
        return credits_of(self._known(image_ids))

    @cached_property
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

    @cached_property
    def _ledger(self) -> Ledger:
        row: EmbedderRow = find_embedder(self._catalog, self.embedder_name)
        return Ledger(self._catalog, row)

    @cached_property
    def _embedder(self) -> Embedder:
        return open_embedder(self._network_settings)

    @property
    def _network_settings(self) -> Settings:
        settings = self._settings.override(embedder=self.embedder_name)
        return as_made(settings, self._ledger.embedder.fingerprint)

    @cached_property
    def _features(self) -> FeatureReader:
        row = self._ledger.embedder
        return FeatureReader(self._settings.features_dir(row.name), row.dim)

    @cached_property
    def _index(self) -> VectorIndex:
        row = self._ledger.embedder
        index = open_index(self._settings.index, self._settings.index_path(row.name), row.dim, row.name)
        if len(index) == 0:
            raise NotReady(f"the index {self._settings.index}{row.name} is empty; run {self._command()}")
        return index

    def _nearest(
        self, question: NDArray[np.float32], top: int, licence: str | None, *, leave_out: int | None = None
    ) -> list[Hit]:
        """Return the hits for *question*, shape (1, d)."""
        if top < 1:
            raise UsageError(f"top is {top}, but at least one picture has to be asked for")
        keys = _keys(licence)
        allowed = None if keys is None else self._library.ids_under(keys)
        count = min(max(MIN_CANDIDATES, 2 * top), len(self._index))
        found = self._index.query(question, count, allowed).ids[0]
        ids, distances = self._exact(question, found[(found != NOBODY) & (found != (leave_out or NOBODY))])
        by_id = dict(zip(ids[:top].tolist(), distances[:top].tolist(), strict=True))
        return [Hit.of(record, by_id[record.image_id]) for record in self._records(list(by_id), keys)]

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
        records = list(self._records(possible, None))
        if missing := sorted(set(image_ids) - {record.image_id for record in records}):
            raise UsageError(f"there is no picture {', '.join(map(str, missing))}")
        return records

    def _records(self, ids: Sequence[int], licence_keys: list[str] | None) -> Iterator[ImageRecord]:
        for start in range(0, len(ids), PAGE):
            yield from self._library.describe(ids[start : start + PAGE], licence_keys)

    def _command(self) -> str:
        """Return the command that makes ready what this engine lacks, with its data folder and index."""
        defaults = Settings()
        words = [f"python -m embedder --embedder {self.embedder_name}"]
        if self._settings.data_dir != defaults.data_dir:
            words.append(f"--data-dir {self._settings.data_dir}")
        if self._settings.index != defaults.index:
            words.append(f"--index {self._settings.index}")
        return f"`{' '.join(words)}`"


def _keys(licence: str | None) -> list[str] | None:
    """Return the licences that *licence* names; None is no filter. Raises :class:`~artstore.errors.UsageError`."""
    if licence is None:
        return None
    if keys := find_licences(licence):
        return keys
    raise UsageError(f"no licence is named in {licence!r}; leave it out for all of them")
