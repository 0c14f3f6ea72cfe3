"""The likeness of each picture, looked for once, in processes of their own: one that crashes costs one picture."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from artstore.aside import Aside, Bounds, ProcessEnded, TooSlow
from artstore.errors import PictureError
from artstore.ledger import Ledger
from artstore.likenesses import Likeness, Likenesses, Unmarked
from artstore.models import Failure, Stage
from artstore.settings import Settings

logger = logging.getLogger(__name__)

BATCH = 256
"""Likenesses written in one transaction."""
MOST_AT_ONCE = 16
"""Pictures that one process gets together."""
LARGE_PX = 1 << 20
"""A picture of more pixels goes alone."""
ANSWER_S = 60.0
"""What one picture may take before its process is ended."""
NICENESS = 5
"""How far they stand back behind a crawl, or a search."""


class Marked(NamedTuple):
    """A batch done."""

    found: int
    failed: int


def waiting_likenesses(ledger: Ledger, limit: int | None = None) -> list[Unmarked]:
    """Return the pictures whose likeness is to be looked for, at most *limit*."""
    return Likenesses(ledger.catalog).waiting(ledger.embedder.embedder_id)[:limit]


def mark_likenesses(ledger: Ledger, pictures: Iterable[Unmarked], settings: Settings) -> Iterator[Marked]:
    """Look for the likeness of each of *pictures*, yielding after each batch. May be stopped, or killed, at any time.

    A picture that cannot be read is recorded as a failure and passed over.
    """
    coming = iter(pictures)
    if not (batch := list(islice(coming, BATCH))):
        return
    with asyncio.Runner() as runner:
        markers = Markers(settings)
        try:
            while batch:
                answers = runner.run(markers.likenesses(batch))
                yield _write(ledger, batch, answers)
                batch = list(islice(coming, BATCH))
        finally:
            runner.run(markers.close())


class Markers:
    """:func:`~embedder.likeness.likeness_of` in as many processes as the settings have for decoding."""

    def __init__(self, settings: Settings) -> None:
        bounds = Bounds(niceness=NICENESS, memory_bytes=settings.max_examine_bytes, answer_s=ANSWER_S)
        self._aside: Aside[str, Likeness] = Aside(
            _likenesses, settings, count=settings.decode_threads, most=MOST_AT_ONCE, bounds=bounds
        )

    async def likenesses(self, pictures: Sequence[Unmarked]) -> list[Likeness | PictureError]:
        """Return the likeness of each of *pictures*, in their order, or why there is none.

        Raises :class:`~artstore.errors.OgaError` if no process can be started.
        """
        return await asyncio.gather(*map(self._likeness, pictures))

    async def close(self) -> None:
        """End the processes."""
        await self._aside.close()

    async def _likeness(self, picture: Unmarked) -> Likeness | PictureError:
        # Once may be another's fault: the machine ran out of memory, or a process died while it had nothing to do.
        for _ in range(2):
            try:
                return await self._aside.ask(picture.path, alone=picture.size_px > LARGE_PX)
            except PictureError as error:
                return error
            except TooSlow as error:
                return PictureError("too_slow", f"the process that compares was ended: {error}")
            except ProcessEnded as error:
                ended = error
        return PictureError("crashed", f"the process that compares ended over it, {ended}")


def _write(ledger: Ledger, batch: Sequence[Unmarked], answers: Sequence[Likeness | PictureError]) -> Marked:
    found = []
    with ledger.catalog.transaction():
        for picture, answer in zip(batch, answers, strict=True):
            if isinstance(answer, PictureError):
                logger.warning("not compared with others: %s (%s)", picture.path, answer.reason)
                failure = Failure(Stage.COMPARE, picture.path, answer.reason, answer.detail)
                ledger.catalog.record_failure(failure)
            else:
                ledger.catalog.forget_failures(Stage.COMPARE, picture.path)
                found.append((picture.pixel_hash, answer))
        Likenesses(ledger.catalog).record(found)
    return Marked(len(found), len(batch) - len(found))


def _likenesses(paths: Sequence[str], settings: Settings) -> Iterator[Likeness | PictureError]:
    # Only there: who asks need not load what decodes.
    from embedder.likeness import likeness_of

    for path in paths:
        try:
            yield likeness_of(settings.data_dir / path, settings.max_picture_px)
        except PictureError as error:
            yield error
        except MemoryError:
            yield PictureError("out_of_memory", "comparing it takes more memory than it may")
