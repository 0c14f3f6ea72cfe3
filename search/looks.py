"""One embedder's vectors: from a picture to its vector, from a vector to the pictures nearest to it.

    m candidates    d = the embedder's dimension

The vector index names candidates, whose full feature vectors are then read from
disk and compared exactly.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from artstore.catalogs import Catalogs
from artstore.errors import NotReady, PictureError, UsageError
from artstore.features import FeatureReader, unit
from artstore.ledger import EmbedderRow, Ledger, embedders, find_embedder
from artstore.settings import Settings
from artstore.vectors import NOBODY, VectorIndex, index_kind, open_index
from embedder.protocol import Embedder
from embedder.registry import as_made, fingerprint, open_embedder
from search.mixing import Box, cut_out

logger = logging.getLogger(__name__)

T = TypeVar("T")

PART_ROWS = 2_000
"""Vectors read at once for an export: 32 MB of float32 at 4096 dimensions."""


class loaded_once(cached_property[T]):  # noqa: N801 - used as cached_property is
    """A property that one thread makes while the others wait for it."""

    @overload
    def __get__(self, instance: None, owner: type[Any] | None = None) -> Self: ...

    @overload
    def __get__(self, instance: object, owner: type[Any] | None = None) -> T: ...

    def __get__(self, instance: Any, owner: type[Any] | None = None) -> Self | T:
        if instance is None:
            return self
        with instance._loading:  # noqa: SLF001 - only Looks has such properties
            made: T = super().__get__(instance, owner)
            return made


@dataclass(frozen=True, slots=True)
class FeatureRows:
    """All features of an embedder."""

    ids: NDArray[np.int64]
    """Shape (n,), ascending."""
    dim: int
    """d."""
    parts: Callable[[], Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]]
    """Yields (ids, vectors), of shapes (m,) and (m, d), some at a time, in the order of :attr:`ids`."""


class Looks:
    """The vectors of one embedder, and its network; each is loaded when it is first needed. Safe in many threads."""

    def __init__(self, settings: Settings, catalogs: Catalogs, wanted: str | None) -> None:
        """Ask *wanted*'s vectors; None is the settings' embedder if it has any, else the one with most."""
        self._settings = settings
        self._catalogs = catalogs
        self._wanted = wanted
        # Re-entrant: what is loaded asks for what it needs.
        self._loading = threading.RLock()
        self._computing = threading.Lock()

    @loaded_once
    def name(self) -> str:
        """The embedder whose vectors are asked."""
        if self._wanted:
            return self._wanted
        catalog = self._catalogs.mine()
        # One that was stopped before its first batch is known too, but has nothing to ask.
        known = [row.name for row in embedders(catalog) if Ledger(catalog, row).rows()]
        if not known or self._settings.embedder in known:
            return self._settings.embedder
        logger.info("nothing has been embedded by %s; searching with %s", self._settings.embedder, known[0])
        return known[0]

    def vector_of(self, image_id: int) -> NDArray[np.float32]:
        """Return the vector of a picture, shape (1, d). Raises :class:`~artstore.errors.NotReady` if it has none."""
        _, rows = self._ledger.rows_of(np.array([image_id], np.int64))
        if rows.size == 0:
            raise NotReady(f"picture {image_id} has not been embedded yet; run {self.command()}")
        return unit(self._features.read(rows))

    def vector_from(self, source: Path, box: Box | None = None) -> NDArray[np.float32]:
        """Return the vector of the picture at *source*, or of its region *box*, shape (1, d).

        Raises :class:`~artstore.errors.UsageError` if it is no picture, or has no such region, and
        :class:`~artstore.errors.NotReady` if there is nothing to compare it with.
        """
        with picture_asked(source) as path:
            # Before the network is loaded: whether there is anything to compare with.
            self._row.check(fingerprint(self._network_settings))
            embedder = self._embedder
            if box is None:
                prepared = embedder.prepare(path)
            else:
                with cut_out(path, box, self._settings.max_picture_px) as region:
                    prepared = embedder.prepare(region)
        with self._computing:
            vector = unit(embedder.embed(prepared[None]))
        if not np.isfinite(vector).all():
            raise UsageError(f"the network has no answer for {source}: nothing to compare")
        return vector

    def ids(self) -> NDArray[np.int64]:
        """Return all that can be found, ascending. Raises :class:`~artstore.errors.NotReady` if that is nothing."""
        return self._index.ids()

    def all_features(self) -> FeatureRows:
        """Return all vectors. Raises :class:`~artstore.errors.NotReady` if there are none."""
        ids, rows = self._ledger.feature_rows()

        def parts() -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
            for start in range(0, len(ids), PART_ROWS):
                part = slice(start, start + PART_ROWS)
                yield ids[part], unit(self._features.read(rows[part]))

        return FeatureRows(ids, self._row.dim, parts)

    @property
    def index_name(self) -> str:
        """The index that is asked, as the catalog names it."""
        return f"{index_kind(self._settings.index)}:{self.name}"

    def candidates(
        self, question: NDArray[np.float32], count: int, allowed: NDArray[np.int64] | None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return the ids, shape (m,), and exact distances of the *count* nearest to *question*, shape (1, d).

        Only those among *allowed* (None: all), the nearest first; m is less than *count* where there are no more.
        """
        found = self._index.query(question, count, allowed).ids[0]
        ids, rows = self._ledger.rows_of(found[found != NOBODY])
        distances = self._features.distances(question[0], rows)
        order = np.lexsort((ids, distances))
        return ids[order], distances[order]

    def command(self) -> str:
        """Return the command that makes ready what is missing, with its data folder and index."""
        defaults = Settings()
        words = [f"python -m embedder --embedder {self.name}"]
        if self._settings.data_dir != defaults.data_dir:
            words.append(f"--data-dir {self._settings.data_dir}")
        if self._settings.index != defaults.index:
            words.append(f"--index {self._settings.index}")
        return f"`{' '.join(words)}`"

    @property
    def _ledger(self) -> Ledger:
        return Ledger(self._catalogs.mine(), self._row)

    @loaded_once
    def _row(self) -> EmbedderRow:
        return find_embedder(self._catalogs.mine(), self.name)

    @loaded_once
    def _embedder(self) -> Embedder:
        return open_embedder(self._network_settings)

    @property
    def _network_settings(self) -> Settings:
        return as_made(self._settings.override(embedder=self.name), self._row.fingerprint)

    @loaded_once
    def _features(self) -> FeatureReader:
        return FeatureReader(self._settings.features_dir(self._row.name), self._row.dim)

    @loaded_once
    def _index(self) -> VectorIndex:
        row = self._row
        index = open_index(self._settings.index, self._settings.index_path(row.name), row.dim, row.name)
        if len(index) == 0:
            raise NotReady(f"the index {self._settings.index}{row.name} is empty; run {self.command()}")
        return index


@contextmanager
def picture_asked(source: str | Path) -> Iterator[Path]:
    """Give *source* as a path; that it is no picture is the mistake of whoever asks.

    Raises :class:`~artstore.errors.UsageError` for a :class:`~artstore.errors.PictureError` inside.
    """
    path = Path(source)
    if not path.is_file():
        raise UsageError(f"{path} is not a file")
    try:
        yield path
    except PictureError as error:
        raise UsageError(f"{path} is no picture that can be read ({error.detail})") from error
