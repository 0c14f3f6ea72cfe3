"""What an upload brings: a picture as a file of a form, as a URL in one, or as the body itself."""

from __future__ import annotations

from http import HTTPStatus

from starlette.datastructures import UploadFile
from starlette.requests import Request

from search.web.answers import Upload
from search.web.desk import Desk
from search.web.errors import WebError

MOST_FIELDS = 8


async def asked_with(request: Request, desk: Desk) -> Upload:
    """Keep the picture that *request* brings: ``picture`` or ``url`` of a form, or a body of type ``image/…``.

    Raises :class:`~artstore.errors.OgaError` for what is none.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind.startswith("image/") or kind == "application/octet-stream":
        return await desk.keep(await request.body())
    if kind not in {"multipart/form-data", "application/x-www-form-urlencoded"}:
        raise WebError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "send a form with `picture`, a file, or with `url`; or the picture itself as image/png or the like",
        )
    async with request.form(max_files=1, max_fields=MOST_FIELDS) as form:
        picture, url = form.get("picture"), form.get("url")
        if isinstance(picture, UploadFile) and (content := await picture.read()):
            return await desk.keep(content)
        if isinstance(url, str) and url.strip():
            return await desk.fetch(url.strip())
    raise WebError(HTTPStatus.BAD_REQUEST, "there is no picture in that form: choose a file, or give its URL")
