"""Looking for pictures in processes of their own.

Decoders are written in C and meet whatever people upload: one that crashes, or
eats all memory, takes its process with it, and that costs one file.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from artstore.aside import Aside, Bounds, ProcessEnded, TooSlow
from artstore.blobs import FolderBlobs
from artstore.models import FILES, Failure, Findings, Stage
from artstore.settings import Settings

MOST_AT_ONCE = 8
"""Files that one process gets together."""

SMALL_BYTES = 1 << 20
"""A file that is larger goes alone."""

GRACE_S = 60.0
"""What an archive may take beyond its own limit, and a picture at all, before the process is ended."""

NICENESS = 5
"""How far they stand back behind who asks, which has a network to serve."""


class Examiners:
    """:func:`~artstore.unpack.find_images` in up to *count* processes; *alone*, no file waits for others to go with."""

    def __init__(self, settings: Settings, count: int, *, alone: bool = False) -> None:
        FolderBlobs(settings.data_dir).sweep()
        self._alone = alone
        self._files_dir = settings.files_dir
        self._aside: Aside[str, Findings] = Aside(
            _find_images,
            settings,
            count=count,
            most=MOST_AT_ONCE,
            bounds=Bounds(
                niceness=NICENESS,
                memory_bytes=settings.max_examine_bytes,
                answer_s=settings.max_archive_s + GRACE_S,
            ),
        )

    async def find_images(self, path: str) -> Findings:
        """Return what ``files/<path>`` holds.

        That it ends its process, twice, is a failure of it, ``crashed``; that it takes
        for ever, ``too_slow``. Raises OSError as :func:`~artstore.unpack.find_images`
        does, and :class:`~artstore.errors.OgaError` if no process can be started.
        """
        try:
            size_bytes = (self._files_dir / path).stat().st_size
        except FileNotFoundError:
            size_bytes = 0
        # Once may be another's fault: the machine ran out of memory, or a process died while it had nothing to do.
        for _ in range(2):
            try:
                return await self._aside.ask(path, alone=self._alone or size_bytes > SMALL_BYTES)
            except TooSlow as error:
                return _failed(path, "too_slow", f"what reads it was ended: {error}")
            except ProcessEnded as error:
                ended = error
        return _failed(path, "crashed", f"what reads it ended over it, {ended}")

    async def close(self) -> None:
        """End the processes."""
        await self._aside.close()


@contextmanager
def examining(settings: Settings) -> Iterator[Callable[[str], Findings]]:
    """Give :meth:`Examiners.find_images` to those who look at one file after the other and have no loop."""
    with asyncio.Runner() as runner:
        examiners = Examiners(settings, 1, alone=True)
        try:
            yield lambda path: runner.run(examiners.find_images(path))
        finally:
            runner.run(examiners.close())


def unreadable(path: str, error: OSError) -> Failure:
    """Return that ``files/<path>`` was not given by the disk, for *error*: the machine's fault and not the file's."""
    return Failure(Stage.UNPACK, f"{FILES}/{path}", "unreadable", f"{type(error).__name__}: {error.strerror}")


def _failed(path: str, reason: str, detail: str) -> Findings:
    return Findings(failures=[Failure(Stage.UNPACK, f"{FILES}/{path}", reason, detail)])


def _find_images(paths: Sequence[str], settings: Settings) -> Iterator[Findings | OSError]:
    # Only there: who asks need not load what decodes.
    from artstore.unpack import find_images

    for path in paths:
        try:
            yield find_images(path, settings)
        except OSError as error:
            yield error
