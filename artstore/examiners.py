"""Looking for pictures in processes of their own.

Decoders are written in C and meet whatever people upload: one that crashes, or
eats all memory, takes its process with it, and that costs one file.
"""

from __future__ import annotations

from artstore.aside import Aside, ProcessEnded
from artstore.models import FILES, Failure, Findings, Stage
from artstore.settings import Settings

NICENESS = 5
"""How far they stand back behind who asks, which has a network to serve."""


class Examiners:
    """:func:`~artstore.unpack.find_images` in up to *count* processes."""

    def __init__(self, settings: Settings, count: int) -> None:
        self._aside = Aside(settings, count, NICENESS)

    async def find_images(self, path: str) -> Findings:
        """Return what ``files/<path>`` holds. That it ends its process, twice, is a failure of it, ``crashed``.

        Raises OSError as :func:`~artstore.unpack.find_images` does, and
        :class:`~artstore.errors.OgaError` if no process can be started.
        """
        # Once may be another's fault: the machine ran out of memory, or a process died while it had nothing to do.
        for _ in range(2):
            try:
                return await self._aside.call(_find_images, path)
            except ProcessEnded as error:
                ended = error
        failure = Failure(Stage.UNPACK, f"{FILES}/{path}", "crashed", f"what reads it ended over it, {ended}")
        return Findings(failures=[failure])

    async def close(self) -> None:
        """End the processes."""
        await self._aside.close()


def _find_images(path: str, settings: Settings) -> Findings:
    # Only there: who asks need not load what decodes.
    from artstore.unpack import find_images

    return find_images(path, settings)
