"""Pictures over HTTP: small ones, whole ones, and those that were uploaded. By number or token, never by path."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.types import Scope

from search.web.api import ImageId
from search.web.described import PICTURES
from search.web.desk import MARK_LETTERS, Desk
from search.web.drawer import File
from search.web.questions import TOKEN

FOR_EVER = "public, max-age=31536000, immutable"
"""For an address that changes with the picture."""

A_WEEK = "public, max-age=604800"
"""For an address that stays: a picture is seldom another."""

AN_HOUR = "private, max-age=3600"
"""For what somebody has uploaded: nobody else keeps it, and it is not kept longer than here."""

SANDBOX = "default-src 'none'; sandbox"
"""For a picture that is opened by itself: nothing of it may run, whatever it is taken for."""

Mark = Annotated[
    str, Query(max_length=64, description="as an answer has it: with it, the picture may be kept for ever")
]


def router(desk: Desk, name: Callable[[Scope], str]) -> APIRouter:
    """Return the routes of files, which asks *desk* where they are; *name* says who asks."""
    routes = APIRouter(tags=["pictures"], responses=PICTURES)

    @routes.get("/thumb/{image_id}.{suffix}", response_class=Response)
    async def thumb(
        request: Request, image_id: ImageId, suffix: Literal["webp", "png"], v: Mark = ""
    ) -> Response:
        """Return a picture small: up to 320x320 px its own pixels, else fitted into that; animations move."""
        return sent(request, await desk.thumb(image_id, suffix, name(request.scope)), v)

    @routes.get("/image/{image_id}", response_class=Response)
    async def image(request: Request, image_id: ImageId, v: Mark = "") -> Response:
        """Return a picture as it is where browsers show its format, else as a PNG. SVG is always drawn."""
        return sent(request, await desk.shown(image_id, name(request.scope)), v)

    @routes.get("/upload/{token}", response_class=Response)
    async def upload(request: Request, token: Annotated[str, Path(pattern=f"^{TOKEN.pattern}$")]) -> Response:
        """Return a picture that was uploaded, as a PNG."""
        return sent(request, desk.upload_file(token), keep=AN_HOUR)

    return routes


def sent(request: Request, file: File, mark: str = "", keep: str = A_WEEK) -> Response:
    """Return *file*, or that the client has it; *mark* is what the address says of it, *keep* how long that is so."""
    etag = f'"{file.mark}"'
    known = [part.strip().removeprefix("W/") for part in request.headers.get("if-none-match", "").split(",")]
    for_ever = len(mark) >= MARK_LETTERS and file.mark.startswith(mark)
    headers = {
        "ETag": etag,
        "Cache-Control": FOR_EVER if for_ever else keep,
        "Content-Security-Policy": SANDBOX,
        "Content-Disposition": "inline",
    }
    if etag in known or "*" in known:
        return Response(status_code=304, headers=headers)
    return FileResponse(file.path, media_type=file.media_type, headers=headers)
