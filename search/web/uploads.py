"""Pictures that somebody asks with: decoded once, by a process of its own, kept for some days as plain PNGs."""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
import time
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path

from artstore.drawing import Drawing, Purpose
from artstore.images import opened
from artstore.settings import Settings
from search.web.answers import Upload
from search.web.drawer import Drawer
from search.web.errors import WebError

DAY_S = 24 * 3600.0

SWEEP_S = 60.0
"""Time between two looks at how much there is."""

HALF_MADE_S = 3600.0
"""Nothing is under way for so long."""


class Uploads:
    """Pictures by their token, which is a hash of their pixels: the same picture is kept once."""

    def __init__(self, settings: Settings, drawer: Drawer) -> None:
        self._settings = settings
        self._folder = settings.uploads_dir.absolute()
        self._drawer = drawer
        self._swept_s = float("-inf")
        self._written_bytes = 0

    async def keep(self, content: bytes) -> Upload:
        """Keep the picture that *content* is.

        Raises :class:`~artstore.errors.PictureError` if it is none, or has too many
        pixels, and :class:`~search.web.errors.WebError` if it has too many bytes, or none.
        """
        if not content:
            raise WebError(HTTPStatus.BAD_REQUEST, "there is no picture in that; choose one, or give its URL")
        if len(content) > self._settings.max_upload_bytes:
            raise WebError(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"that picture has more than {self._settings.max_upload_bytes:,} bytes",
            )
        made = self._folder / f".{secrets.token_hex(8)}.png"
        drawn = await self._drawer.draw(Drawing(content, str(made), Purpose.ASKED), alone=True)
        token = await asyncio.to_thread(self._settle, made)
        return Upload(token, drawn.width_px, drawn.height_px, drawn.frames)

    def path(self, token: str) -> Path:
        """Return where the picture of *token* lies. Raises :class:`~search.web.errors.WebError` if it is no more."""
        path = self._place(token)
        if not self._is_kept(path):
            raise WebError(
                HTTPStatus.GONE,
                f"pictures that were asked with are kept for {self._settings.keep_uploads_days:g} days, "
                "and that one is not here any more; give it again",
            )
        return path

    def find(self, token: str) -> Upload:
        """Return what is known of *token*. Raises as :meth:`path` does."""
        with opened(self.path(token), self._settings.max_upload_px) as image:
            return Upload(token, image.width, image.height, int(getattr(image, "n_frames", 1)))

    def _settle(self, made: Path) -> str:
        """Move *made* to its place, whole, and return its token."""
        token = hashlib.blake2b(made.read_bytes(), digest_size=16).hexdigest()
        place = self._place(token)
        place.parent.mkdir(parents=True, exist_ok=True)
        made.replace(place)
        # The same picture given again lives longer.
        os.utime(place)
        self._written_bytes += place.stat().st_size
        # One may become much larger than it came.
        much = self._written_bytes > self._settings.max_uploads_bytes // 16
        if much or time.monotonic() - self._swept_s > SWEEP_S:
            self.sweep()
        return token

    def _is_kept(self, path: Path) -> bool:
        try:
            return time.time() - path.stat().st_mtime <= self._settings.keep_uploads_days * DAY_S
        except FileNotFoundError:
            return False

    def sweep(self) -> None:
        """Remove what is too old, what is too much, and what a process was writing when it was killed."""
        self._swept_s = time.monotonic()
        self._written_bytes = 0
        now = time.time()
        for path in self._folder.glob(".*"):
            with suppress(FileNotFoundError):
                if now - path.stat().st_mtime > HALF_MADE_S:
                    path.unlink()
        found = []
        for path in self._folder.glob("*/*.png"):
            with suppress(FileNotFoundError):
                found.append((path.stat().st_mtime, path.stat().st_size, path))
        left_bytes = self._settings.max_uploads_bytes
        for modified_s, size_bytes, path in sorted(found, reverse=True):
            left_bytes -= size_bytes
            if left_bytes < 0 or now - modified_s > self._settings.keep_uploads_days * DAY_S:
                path.unlink(missing_ok=True)

    def _place(self, token: str) -> Path:
        return self._folder / token[:2] / f"{token}.png"
