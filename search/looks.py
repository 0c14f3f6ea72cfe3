"""From a question to what it is asked of: the newest index, and the network that made its vectors.

An embedder may be at work meanwhile: each question looks, in microseconds, whether there is a
newer index. It is then loaded beside, and the one that is held answers until it is there.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from artstore.catalogs import Catalogs
from artstore.errors import NotReady, OgaError, PictureError, UsageError
from artstore.features import FeatureReader, unit
from artstore.ledger import EmbedderRow, Ledger, embedders, find_embedder, known_embedder
from artstore.settings import Settings
from artstore.vectors import Stamp, index_kind, open_index, saved_stamp
from embedder.protocol import Embedder
from embedder.registry import as_made, fingerprint, open_embedder
from search.mixing import Box, cut_out
from search.sight import Sight

logger = logging.getLogger(__name__)

PART_ROWS = 2_000
"""Vectors read at once for an export: 32 MB of float32 at 4096 dimensions."""

State = tuple[EmbedderRow, Stamp | None]
"""An embedder, and its index on the disk."""


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
        """Ask *wanted*'s vectors; None is the settings' embedder if it is indexed, else the indexed one with most."""
        self._settings = settings
        self._catalogs = catalogs
        self._wanted = wanted
        self._sight: Sight | None = None
        self._failed: State | None = None
        # Held by the one thread that loads an index; it may be let go by another than took it.
        self._loading = threading.Lock()
        self._network: tuple[EmbedderRow, Embedder] | None = None
        self._opening = threading.Lock()
        self._computing = threading.Lock()

    @property
    def name(self) -> str:
        """The embedder whose vectors are asked."""
        if self._wanted:
            return self._wanted
        preferred, held = self._settings.embedder, self._sight
        catalog = self._catalogs.mine()
        if self._is_indexed(preferred):
            return preferred
        # Also for the moment in which an index is made anew.
        if held and self._is_there(held.row):
            return held.row.name
        # One that was stopped before its first batch is known too, but has nothing to ask.
        known = [row.name for row in embedders(catalog) if Ledger(catalog, row).any()]
        indexed = [name for name in known if self._is_indexed(name)]
        return next((name for name in (*indexed, preferred, *known) if name in known), preferred)

    def sight(self) -> Sight:
        """Return what is to be asked now: the newest index, or, while that is being loaded, the one before.

        Raises :class:`~artstore.errors.NotReady` if there is none at all, and
        :class:`~artstore.errors.Mismatch` if it is damaged and there was none before.
        """
        row = find_embedder(self._catalogs.mine(), self.name)
        state = row, saved_stamp(self._settings.index, self._settings.index_path(row.name))
        held = self._sight
        if held is None or not self._is_there(held.row):
            with self._loading:
                # Another thread may have done it meanwhile.
                if self._sight is None or (self._sight.row, self._sight.stamp) != state:
                    self._sight = self._loaded(*state)
                return self._sight
        is_new = state not in {(held.row, held.stamp), self._failed} and state[1] is not None
        if is_new and self._loading.acquire(blocking=False):
            try:
                threading.Thread(target=self._renew, args=state, name="newer index").start()
            except RuntimeError:
                # No thread is to be had now; the next question tries again.
                self._loading.release()
        return held

    def vector_from(self, sight: Sight, source: Path, box: Box | None = None) -> NDArray[np.float32]:
        """Return the vector of the picture at *source*, or of its region *box*, shape (1, d), to ask *sight* with.

        Raises :class:`~artstore.errors.UsageError` if it is no picture, or has no such region.
        """
        with picture_asked(source) as path:
            embedder = self._embedder(sight.row)
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

    def all_features(self) -> FeatureRows:
        """Return all vectors. Raises :class:`~artstore.errors.NotReady` if there are none."""
        row = find_embedder(self._catalogs.mine(), self.name)
        ids, rows = Ledger(self._catalogs.mine(), row).feature_rows()
        reader = self._reader(row)

        def parts() -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
            for start in range(0, len(ids), PART_ROWS):
                part = slice(start, start + PART_ROWS)
                yield ids[part], reader.read(rows[part])

        return FeatureRows(ids, row.dim, parts)

    @property
    def index_name(self) -> str:
        """The index that is asked, as the catalog names it."""
        return f"{index_kind(self._settings.index)}:{self.name}"

    def command(self) -> str:
        """Return the command that makes ready what is missing, with its data folder and index."""
        defaults = Settings()
        words = [f"python -m embedder --embedder {self.name}"]
        if self._settings.data_dir != defaults.data_dir:
            words.append(f"--data-dir {self._settings.data_dir}")
        if self._settings.index != defaults.index:
            words.append(f"--index {self._settings.index}")
        return f"`{' '.join(words)}`"

    def close(self) -> None:
        """Wait for what is being loaded."""
        with self._loading:
            self._sight = None

    def _loaded(self, row: EmbedderRow, stamp: Stamp | None) -> Sight:
        path = self._settings.index_path(row.name)
        index = open_index(self._settings.index, path, row.dim, row.name)
        ids = index.ids()
        if ids.size == 0:
            raise NotReady(f"the index {self._settings.index}{row.name} is empty; run {self.command()}")
        return Sight(row, stamp, index, ids, self._reader(row), self._catalogs, self.command())

    def _renew(self, row: EmbedderRow, stamp: Stamp | None) -> None:
        """Load the newer index; if it cannot be, the old one stays, until there is a newer one still."""
        self._failed = row, stamp
        try:
            self._sight = self._loaded(row, stamp)
        except (OgaError, OSError, MemoryError) as error:
            logger.warning("a newer index was not loaded, the one before answers: %s", error)
        finally:
            self._loading.release()

    def _is_there(self, row: EmbedderRow) -> bool:
        return known_embedder(self._catalogs.mine(), row.name) == row

    def _is_indexed(self, name: str) -> bool:
        catalog = self._catalogs.mine()
        row = known_embedder(catalog, name)
        return row is not None and Ledger(catalog, row).any_indexed(index_kind(self._settings.index))

    def _reader(self, row: EmbedderRow) -> FeatureReader:
        return FeatureReader(self._settings.features_dir(row.name), row.dim)

    def _embedder(self, row: EmbedderRow) -> Embedder:
        """Return the network that made *row*'s features. Raises :class:`~artstore.errors.Mismatch` for other weights."""
        with self._opening:
            if self._network is None or self._network[0] != row:
                settings = as_made(self._settings.override(embedder=row.name), row.fingerprint)
                # Before it is loaded, which may take seconds.
                row.check(fingerprint(settings))
                self._network = row, open_embedder(settings)
            return self._network[1]


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
