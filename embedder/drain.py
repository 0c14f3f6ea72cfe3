"""Work through the pictures that have no features yet: the queue is the catalog's question.

Each batch is on disk before the catalog says so, and a kill costs those in hand.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from artstore.catalog import Catalog
from artstore.errors import PictureError
from artstore.features import FeatureWriter
from artstore.ledger import PAGE, Ledger, Waiting, embedders
from artstore.models import Failure, Stage
from artstore.settings import Settings
from embedder.protocol import Answer, Embedding
from embedder.registry import as_made, fingerprint
from embedder.workers import LARGE_PX

logger = logging.getLogger(__name__)


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
            known.check(fingerprint(as_made(settings, known.fingerprint)))
            return Ledger(catalog, known)
    return None


def open_ledger(catalog: Catalog, embedding: Embedding) -> Ledger:
    """Return *embedding*'s ledger. Raises :class:`~artstore.errors.Mismatch` if its features were made otherwise."""
    return Ledger.register(catalog, embedding.name, embedding.dim, embedding.fingerprint)


def waiting_pictures(ledger: Ledger, limit: int | None = None) -> list[int]:
    """Return the ids of the pictures to embed, at most *limit*; those with known pixels get their features at once."""
    ledger.share()
    return ledger.waiting()[:limit]


def drain(
    ledger: Ledger, embedding: Embedding, image_ids: Sequence[int], settings: Settings
) -> Iterator[Step]:
    """Embed *image_ids*, yielding after each batch. May be stopped, or killed, at any time.

    A picture that cannot be read, or gives no finite vector, is recorded and
    passed over. Raises :class:`~artstore.errors.Busy` if another process embeds
    with this embedder.
    """
    folder = settings.features_dir(embedding.name)
    with FeatureWriter(folder, embedding.dim, ledger.rows) as writer:
        pictures = (picture for page in _batches(image_ids, PAGE) for picture in _still_waiting(page, ledger))
        for batch, answers in embedding.answers(_batches_of(pictures, embedding.batch_size)):
            yield _write(batch, answers, ledger, writer)


def _still_waiting(image_ids: Sequence[int], ledger: Ledger) -> list[Waiting]:
    """Return those of *image_ids* that no other process has embedded since they were listed."""
    done, _ = ledger.rows_of(np.array(image_ids, np.int64))
    return ledger.details(sorted(set(image_ids).difference(done.tolist())))


def _batches_of(pictures: Iterable[Waiting], size: int) -> Iterator[list[Waiting]]:
    """Yield *pictures* in batches of *size*, but each large one for itself."""
    batch: list[Waiting] = []
    for picture in pictures:
        if picture.size_px > LARGE_PX:
            yield [picture]
        else:
            batch.append(picture)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def _write(
    batch: Sequence[Waiting], answers: Sequence[Answer], ledger: Ledger, writer: FeatureWriter
) -> Step:
    """Write features first, then the catalog."""
    failures = [
        Failure(Stage.EMBED, _subject(picture, ledger.embedder.name), answer.reason, answer.detail)
        for picture, answer in zip(batch, answers, strict=True)
        if isinstance(answer, PictureError)
    ]
    good = [
        (picture, answer)
        for picture, answer in zip(batch, answers, strict=True)
        if not isinstance(answer, PictureError)
    ]
    vectors = np.array([vector for _, vector in good], np.float32).reshape(-1, writer.dim)
    done = [(picture, row) for (picture, _), row in zip(good, writer.append(vectors), strict=True)]
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


def _subject(picture: Waiting, embedder: str) -> str:
    """Return what failed: one embedder may fail where another succeeds."""
    return f"{picture.path} by {embedder}"


def _batches(items: Iterable[int], size: int) -> Iterator[list[int]]:
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
