"""Pictures that somebody asks with: decoded once, by a process of its own, kept for some days as plain PNGs."""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
from http import HTTPStatus
from pathlib import Path

from artstore.drawing import Drawing, Purpose
from artstore.images import opened
from artstore.settings import Settings
from search.web.answers import Upload
from search.web.caches import Cache
from search.web.drawer import Drawer
from search.web.errors import WebError

DAY_S = 24 * 3600.0


class Uploads:
    """Pictures by their token, which is a hash of their pixels: the same picture is kept once."""

    def __init__(self, settings: Settings, drawer: Drawer) -> None:
        self._settings = settings
        self._folder = settings.uploads_dir.absolute()
        self._drawer = drawer
        self.cache = Cache(self._folder, settings.max_uploads_bytes, settings.keep_uploads_days * DAY_S)

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
        if not self.cache.has(path):
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
        if self.cache.written(place):
            self.cache.sweep()
        return token

    def _place(self, token: str) -> Path:
        return self._folder / token[:2] / f"{token}.png"
