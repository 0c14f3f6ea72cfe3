"""Errors as answers: JSON for programs, a page for people."""

from __future__ import annotations

import logging
import math
import re
from collections import Counter
from collections.abc import Callable
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote_to_bytes

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from artstore.errors import OgaError
from search.web.errors import Overloaded, WarmingUp, WebError, command_in, refusal
from search.web.guard import HEADERS, Allowance
from search.web.pages import error_page
from search.web.shapes import ErrorDetail, ErrorShape

logger = logging.getLogger(__name__)

PROGRAMS = ("/api/", "/thumb/", "/image/", "/upload/", "/healthz", "/metrics", "/openapi.json")
"""Where programs ask, or what pages are made of; everything else is asked by people."""

COSTS = dict.fromkeys(
    "/ /search /hits /picture /group /region /credits /basket /api/search /api/picture /api/group /api/credits".split(),
    1,
)
"""What a question takes out of a client's allowance."""

NETWORK_COST = 4
"""More where a picture from outside, or a region, goes through the network."""

DEEP_START = 500
"""Hits that are passed over for the cost of a question."""

UPLOAD_COST = 8

MOST_UPLOADS = 16
"""That arrive, or are fetched, at once: each is held in memory."""

MOST_UPLOADS_OF_ONE = 4
"""Of one client."""

_UPLOADS = frozenset({"/ask", "/api/ask"})

_WHOSE = frozenset({"/whose", "/api/whose"})


def path_of(scope: Scope) -> str:
    """Return the path of a request below the prefix of a reverse proxy."""
    path: str = scope["path"]
    root = scope.get("root_path", "").rstrip("/")
    return path[len(root) :] if root and path.startswith(f"{root}/") else path


def answer_to(request: Request, error: WebError) -> Response:
    """Return *error* in the form that suits whoever asked."""
    title = error.status.phrase
    if path_of(request.scope).startswith(PROGRAMS):
        shape = ErrorShape(error=ErrorDetail(status=error.status, title=title, message=str(error)))
        answer: Response = JSONResponse(shape.model_dump(), error.status)
    else:
        # Nobody waits before a page for a command that somebody else has to give; and if all came back together, it
        # would be too much again.
        waiting = isinstance(error, WarmingUp)
        answer = error_page(
            request, error.status, title, str(error), command=command_in(str(error)), waiting=waiting
        )
    answer.headers["cache-control"] = "no-store"
    if error.retry_after_s is not None:
        answer.headers["retry-after"] = str(max(1, math.ceil(error.retry_after_s)))
    return answer


def add_handlers(app: FastAPI) -> None:
    """Let *app* answer every error so."""
    app.add_exception_handler(OgaError, _oga_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(ClientDisconnect, _gone_away)
    app.add_exception_handler(Exception, _bug)


class Rationed:
    """Takes the cost of each question from the allowance of whoever asks it, and lets few uploads in at once."""

    def __init__(self, app: ASGIApp, allowance: Allowance, name: Callable[[Scope], str], root: str) -> None:
        self._app = app
        self._allowance = allowance
        self._name = name
        self._root = root
        self._uploading: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the application does, or that it is too much."""
        if scope["type"] == "http" and self._root and scope["path"] == self._root:
            # By our own prefix, never by what the request says that we are.
            await RedirectResponse(f"{self._root}/")(scope, receive, send)
            return
        cost = self._cost(scope) if scope["type"] == "http" else 0
        uploading = scope["type"] == "http" and scope["method"] == "POST" and cost > 0
        try:
            if cost:
                self._allowance.take(self._name(scope), cost)
            if uploading and not self._has_room(self._name(scope)):
                raise Overloaded
        except WebError as error:
            answer = answer_to(Request({**scope, "root_path": self._root}), error)
            await answer(scope, receive, send)
            return
        name = self._name(scope) if uploading else ""
        self._uploading[name] += uploading
        try:
            await self._app(scope, receive, send)
        finally:
            self._uploading[name] -= uploading
            if not self._uploading[name]:
                del self._uploading[name]

    def _has_room(self, name: str) -> bool:
        return self._uploading.total() < MOST_UPLOADS and self._uploading[name] < MOST_UPLOADS_OF_ONE

    def _cost(self, scope: Scope) -> int:
        path = path_of({**scope, "root_path": self._root})
        if path in _UPLOADS:
            return UPLOAD_COST if scope["method"] == "POST" else 0
        query = unquote_to_bytes(scope["query_string"])
        if path in _WHOSE:
            return NETWORK_COST if query else 0
        dear = b"like" in query and (b"~" in query or b"@" in query)
        name = path if path in COSTS else path.rpartition("/")[0]
        # What comes before a page is found, too.
        start = re.search(rb"(?:^|&)start=([0-9]{1,6})", query)
        deep = 1 + int(start[1]) // DEEP_START if start else 1
        return COSTS.get(name, 0) * (NETWORK_COST if dear else 1) * deep


async def _oga_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, OgaError):
        raise error
    refused = refusal(error)
    if refused.status == HTTPStatus.INTERNAL_SERVER_ERROR:
        logger.error("%s: %s", request.url.path, error)
    return answer_to(request, refused)


async def _http_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    told = {
        404: "there is nothing at that address",
        405: "that address is not asked in this way",
    }.get(error.status_code, str(error.detail))
    answer = answer_to(request, WebError(error.status_code, told))
    answer.headers.update(error.headers or {})
    return answer


async def _invalid(request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    first: dict[str, Any] = error.errors()[0]
    where = [str(part) for part in first["loc"]]
    status = HTTPStatus.NOT_FOUND if where[:1] == ["path"] else HTTPStatus.BAD_REQUEST
    told = "there is nothing at that address" if where[:1] == ["path"] else f"{where[-1]}: {first['msg']}"
    return answer_to(request, WebError(status, told))


async def _gone_away(request: Request, _: Exception) -> Response:
    return answer_to(request, WebError(HTTPStatus.BAD_REQUEST, "the request ended before it was whole"))


async def _bug(request: Request, _: Exception) -> Response:
    # The server logs its traceback; whoever asked can do nothing about it.
    told = WebError(HTTPStatus.INTERNAL_SERVER_ERROR, "something went wrong here; it has been noted")
    answer = answer_to(request, told)
    # This is answered before all that adds them elsewhere.
    answer.headers.update(HEADERS)
    return answer
