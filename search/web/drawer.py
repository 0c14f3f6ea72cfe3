"""Pictures for browsers, drawn once, by processes of their own, and kept."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, OrderedDict
from dataclasses import dataclass
from pathlib import Path

from artstore.aside import Aside, Bounds, ProcessEnded, TooSlow
from artstore.drawing import Drawing, Drawn, Purpose, draw
from artstore.errors import PictureError, UnreadableFile
from artstore.facts import StoredPicture
from artstore.settings import Settings
from search.web.caches import Cache
from search.web.errors import Overloaded, WebError

MOST_AT_ONCE = 4
"""Pictures that one process gets together."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How much is drawn."""

    processes: int
    answer_s: float
    """For one picture."""
    most_waiting: int
    """Pictures that wait, or are being drawn."""
    most_of_one: int
    """Of those, for one client."""
    memory_bytes: int | None = None
    """Of each process; None: as the settings have it."""


HERE = Pace(processes=2, answer_s=30.0, most_waiting=256, most_of_one=64)
"""For pictures that are here; a page has a few dozen."""

ASKED = Pace(processes=1, answer_s=10.0, most_waiting=16, most_of_one=16, memory_bytes=1 << 30)
"""For pictures that are uploaded, of which few come from one client at once: 25 million pixels take 100 MB a copy."""

SMALL_PX = 1 << 18
"""A picture of more goes alone."""

FAILED_S = 600.0
"""How long a picture that could not be drawn is not tried again."""

MOST_FAILED = 10_000

ORIGINAL = {
    "PNG": ("image/png", (b"\x89PNG\r\n\x1a\n",)),
    "APNG": ("image/png", (b"\x89PNG\r\n\x1a\n",)),
    "GIF": ("image/gif", (b"GIF87a", b"GIF89a")),
    "JPEG": ("image/jpeg", (b"\xff\xd8\xff",)),
    "WEBP": ("image/webp", (b"RIFF",)),
}
"""Formats whose files are given as they are, with what they begin with: all browsers show them, and none runs them."""

MOST_ORIGINAL_PX = 1 << 26
"""Of a larger picture, one is drawn that a telephone can show."""


@dataclass(frozen=True, slots=True)
class File:
    """A file to send."""

    path: Path
    media_type: str
    mark: str
    """What changes with it: the beginning of an ETag."""


class Drawer:
    """Draws what is not drawn yet. Used in one event loop."""

    def __init__(self, settings: Settings, pace: Pace = HERE) -> None:
        self._settings = settings
        self._pace = pace
        self._of_client: Counter[str] = Counter()
        self.cache = Cache(settings.thumbs_dir.absolute(), settings.max_thumbs_bytes)
        self._sweeping: asyncio.Task[None] | None = None
        self._aside: Aside[Drawing, Drawn] = Aside(
            draw,
            settings,
            count=pace.processes,
            most=MOST_AT_ONCE,
            bounds=Bounds(
                niceness=5,
                memory_bytes=pace.memory_bytes or settings.max_examine_bytes,
                answer_s=pace.answer_s,
            ),
        )
        self._under_way: dict[str, asyncio.Task[Drawn]] = {}
        self._failed: OrderedDict[str, tuple[float, UnreadableFile]] = OrderedDict()

    async def thumb(self, picture: StoredPicture, suffix: str, client: str) -> File:
        """Return *picture* small, as ``webp`` or ``png``, for *client*. Raises as :meth:`draw` does."""
        path = self._place(picture, f".{suffix}")
        if not path.exists():
            await self._draw_stored(picture, path, Purpose.THUMB, client)
        return File(path, f"image/{suffix}", f"{picture.pixel_hash[:16]}-{suffix}")

    async def shown(self, picture: StoredPicture, client: str) -> File:
        """Return *picture* as large as it is: its own file where browsers show it, else a PNG. Raises as :meth:`draw` does."""
        own = self._settings.data_dir / picture.path
        media_type, beginnings = ORIGINAL.get(picture.format, ("", ()))
        small = picture.width_px * picture.height_px <= MOST_ORIGINAL_PX
        # The file may be another than the catalog saw.
        if beginnings and small and await asyncio.to_thread(_begins, own, beginnings):
            return File(own, media_type, f"{picture.pixel_hash[:16]}-own")
        path = self._place(picture, ".full.png")
        if not path.exists():
            await self._draw_stored(picture, path, Purpose.SHOWN, client)
        return File(path, "image/png", f"{picture.pixel_hash[:16]}-full")

    async def draw(self, drawing: Drawing, client: str = "", *, alone: bool = False) -> Drawn:
        """Draw *drawing* for *client*, which goes on if nobody waits for it any more.

        Raises :class:`~artstore.errors.PictureError` if it cannot be read,
        and :class:`~search.web.errors.WebError` if too many wait, or the disk does not take it.
        """
        task = self._under_way.get(drawing.target)
        if task is None:
            if len(self._under_way) >= self._pace.most_waiting:
                raise Overloaded
            if self._of_client[client] >= self._pace.most_of_one:
                raise Overloaded
            task = asyncio.create_task(self._drawn(drawing, alone=alone))
            self._under_way[drawing.target] = task
            self._of_client[client] += 1
            task.add_done_callback(lambda done: self._done(drawing.target, client, done))
        # Whoever goes away must not end the process over it: others wait for theirs.
        return await asyncio.shield(task)

    async def close(self) -> None:
        """End the processes."""
        for task in self._under_way.values():
            task.cancel()
        await self._aside.close()

    async def _drawn(self, drawing: Drawing, *, alone: bool) -> Drawn:
        try:
            return await self._aside.ask(drawing, alone=alone)
        except TooSlow as error:
            raise PictureError("too_slow", "drawing it takes too long") from error
        except ProcessEnded as error:
            raise PictureError("crashed", "it cannot be drawn") from error
        except OSError as error:
            raise WebError(500, f"the picture cannot be drawn here: {error.strerror}") from error

    async def _draw_stored(self, picture: StoredPicture, path: Path, purpose: Purpose, client: str) -> None:
        target = str(path)
        failed_s, error = self._failed.get(target, (float("-inf"), None))
        if error is not None and time.monotonic() - failed_s < FAILED_S:
            raise error
        try:
            alone = picture.width_px * picture.height_px * picture.frames > SMALL_PX
            await self.draw(Drawing(picture.path, target, purpose), client, alone=alone)
            if self.cache.written(path) and (self._sweeping is None or self._sweeping.done()):
                self._sweeping = asyncio.create_task(asyncio.to_thread(self.cache.sweep))
        except UnreadableFile as unreadable:
            self._failed[target] = (time.monotonic(), unreadable)
            while len(self._failed) > MOST_FAILED:
                self._failed.popitem(last=False)
            raise

    def _place(self, picture: StoredPicture, ending: str) -> Path:
        """Return where the drawing of equal pixels lies, whoever's they are."""
        name = picture.pixel_hash
        return self.cache.folder / name[:2] / f"{name}{ending}"

    def _done(self, target: str, client: str, task: asyncio.Task[Drawn]) -> None:
        self._under_way.pop(target, None)
        self._of_client[client] -= 1
        if not self._of_client[client]:
            del self._of_client[client]
        if not task.cancelled():
            # Seen, even where nobody waits for it any more.
            task.exception()


def _begins(path: Path, beginnings: tuple[bytes, ...]) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(16).startswith(beginnings)
    except FileNotFoundError:
        return False
