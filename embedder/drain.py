"""Work through the pictures that have no features yet: the queue is the catalog's question.

Pictures are prepared in threads, a bounded number ahead of the network; each
batch is on disk before the catalog says so, and a kill costs the batch in hand.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from artstore.catalog import Catalog
from artstore.errors import PictureError
from artstore.features import FeatureWriter, unit
from artstore.ledger import PAGE, Ledger, Waiting, embedders
from artstore.models import Failure, Stage
from artstore.settings import Settings
from embedder.protocol import Embedder
from embedder.registry import fingerprint

logger = logging.getLogger(__name__)

T = TypeVar("T")

LOOKAHEAD_BATCHES = 3
"""Prepared pictures kept ready, in batches: enough that a slow picture does not stall the network, and little memory."""


@dataclass(frozen=True, slots=True)
class Step:
    """One batch done."""

    embedded: int
    failed: int


def known_ledger(catalog: Catalog, settings: Settings) -> Ledger | None:
    """Return the ledger of the embedder that *settings* name without loading it, or None if it has done nothing here.

    Raises :class:`~artstore.errors.Mismatch` if its features were made otherwise.
    """
    for known in embedders(catalog):
        if known.name == settings.embedder:
            known.check(fingerprint(settings))
            return Ledger(catalog, known)
    return None


def open_ledger(catalog: Catalog, embedder: Embedder) -> Ledger:
    """Return *embedder*'s ledger. Raises :class:`~artstore.errors.Mismatch` if its features were made otherwise."""
    return Ledger.register(catalog, embedder.name, embedder.dim, embedder.fingerprint)


def waiting_pictures(ledger: Ledger, limit: int | None = None) -> list[int]:
    """Return the ids of the pictures to embed, at most *limit*; those with known pixels get their features at once."""
    ledger.share()
    return ledger.waiting()[:limit]


def drain(ledger: Ledger, embedder: Embedder, image_ids: Sequence[int], settings: Settings) -> Iterator[Step]:
    """Embed *image_ids*, yielding after each batch. May be stopped, or killed, at any time.

    A picture that cannot be read, or gives no finite vector, is recorded and
    passed over. Raises :class:`~artstore.errors.Busy` if another process embeds
    with this embedder.
    """
    folder = settings.features_dir(embedder.name)
    with FeatureWriter(folder, embedder.dim, ledger.rows) as writer:
        pictures = (picture for page in _batches(image_ids, PAGE) for picture in _still_waiting(page, ledger))
        for batch in _batches(_prepared(pictures, embedder, settings), embedder.batch_size):
            yield _embed(batch, ledger, embedder, writer)


def _still_waiting(image_ids: Sequence[int], ledger: Ledger) -> list[Waiting]:
    """Return those of *image_ids* that no other process has embedded since they were listed."""
    done, _ = ledger.rows_of(np.array(image_ids, np.int64))
    return ledger.details(sorted(set(image_ids).difference(done.tolist())))


def _prepared(
    pictures: Iterable[Waiting], embedder: Embedder, settings: Settings
) -> Iterator[tuple[Waiting, NDArray[Any] | PictureError]]:
    """Yield *pictures* in order, each with what the embedder wants of it or with why it cannot be had."""

    def prepare(picture: Waiting) -> NDArray[Any] | PictureError:
        try:
            return embedder.prepare(settings.data_dir / picture.path)
        except PictureError as error:
            return error

    pool = ThreadPoolExecutor(settings.decode_threads, thread_name_prefix="decode")
    submitted = ((picture, pool.submit(prepare, picture)) for picture in pictures)
    ahead = deque(islice(submitted, LOOKAHEAD_BATCHES * embedder.batch_size))
    try:
        while ahead:
            picture, prepared = ahead.popleft()
            ahead.extend(islice(submitted, 1))
            yield picture, prepared.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _embed(
    batch: Sequence[tuple[Waiting, NDArray[Any] | PictureError]],
    ledger: Ledger,
    embedder: Embedder,
    writer: FeatureWriter,
) -> Step:
    """Embed what could be prepared; write features first, then the catalog."""
    failures = [
        _failure(picture, embedder, found.reason, found.detail)
        for picture, found in batch
        if isinstance(found, PictureError)
    ]
    ready = [(picture, found) for picture, found in batch if not isinstance(found, PictureError)]
    done: list[tuple[Waiting, int]] = []
    if ready:
        vectors = unit(embedder.embed(np.stack([found for _, found in ready])))
        good = np.flatnonzero(np.isfinite(vectors).all(axis=1)).tolist()
        done = [(ready[i][0], row) for i, row in zip(good, writer.append(vectors[good]), strict=True)]
        failures += [
            _failure(ready[i][0], embedder, "no_direction", "the network's answer is zero or not finite")
            for i in sorted(set(range(len(ready))).difference(good))
        ]
    _record(ledger, done, failures)
    return Step(len(done), len(failures))


def _record(ledger: Ledger, done: Sequence[tuple[Waiting, int]], failures: Sequence[Failure]) -> None:
    with ledger.catalog.transaction():
        ledger.mark_embedded(done)
        for picture, _ in done:
            ledger.catalog.forget_failures(Stage.EMBED, _subject(picture, ledger.embedder.name))
        for failure in failures:
            logger.warning("not embedded: %s (%s)", failure.subject, failure.reason)
            ledger.catalog.record_failure(failure)


def _failure(picture: Waiting, embedder: Embedder, reason: str, detail: str) -> Failure:
    return Failure(Stage.EMBED, _subject(picture, embedder.name), reason, detail)


def _subject(picture: Waiting, embedder: str) -> str:
    """Return what failed: one embedder may fail where another succeeds."""
    return f"{picture.path} by {embedder}"


def _batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
