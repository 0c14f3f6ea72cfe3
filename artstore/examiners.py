"""Looking for pictures in processes of their own.

Decoders are written in C and meet whatever people upload: one that crashes, or
eats all memory, takes its process with it, and that costs one file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from artstore.aside import Aside, ProcessEnded
from artstore.models import FILES, Failure, Findings, Stage
from artstore.settings import Settings

MOST_AT_ONCE = 8
"""Files that one process gets together."""

SMALL_BYTES = 1 << 20
"""A file that is larger goes alone."""

NICENESS = 5
"""How far they stand back behind who asks, which has a network to serve."""


class Examiners:
    """:func:`~artstore.unpack.find_images` in up to *count* processes."""

    def __init__(self, settings: Settings, count: int) -> None:
        self._files_dir = settings.files_dir
        self._aside: Aside[str, Findings] = Aside(
            _find_images, settings, count=count, most=MOST_AT_ONCE, niceness=NICENESS
        )

    async def find_images(self, path: str) -> Findings:
        """Return what ``files/<path>`` holds. That it ends its process, twice, is a failure of it, ``crashed``.

        Raises OSError as :func:`~artstore.unpack.find_images` does, and
        :class:`~artstore.errors.OgaError` if no process can be started.
        """
        try:
            size_bytes = (self._files_dir / path).stat().st_size
        except FileNotFoundError:
            size_bytes = 0
        # Once may be another's fault: the machine ran out of memory, or a process died while it had nothing to do.
        for _ in range(2):
            try:
                return await self._aside.ask(path, alone=size_bytes > SMALL_BYTES)
            except ProcessEnded as error:
                ended = error
        failure = Failure(Stage.UNPACK, f"{FILES}/{path}", "crashed", f"what reads it ended over it, {ended}")
        return Findings(failures=[failure])

    async def close(self) -> None:
        """End the processes."""
        await self._aside.close()


def _find_images(paths: Sequence[str], settings: Settings) -> Iterator[Findings | OSError]:
    # Only there: who asks need not load what decodes.
    from artstore.unpack import find_images

    for path in paths:
        try:
            yield find_images(path, settings)
        except OSError as error:
            yield error
