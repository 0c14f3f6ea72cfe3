"""The application: routes, what stands before them, and what is opened and closed with it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from fastapi import FastAPI
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from artstore.settings import Settings
from search.web import api, files, pages
from search.web.desk import Desk
from search.web.fetching import Fetcher
from search.web.guard import FORM_BYTES, Allowance, BoundedBody, Clients, SafeHeaders
from search.web.metrics import Metered, Meters
from search.web.refusing import Rationed, add_handlers

ABOUT = (
    "Find game art of OpenGameArt.org by similarity and by words, with author and licence. "
    "Addresses in answers begin with the prefix that this is served under; all else is `docs/web-api.md`."
)


def make_fetcher(settings: Settings) -> Fetcher:
    """Return what fetches pictures from the public internet, and from nowhere else."""
    return Fetcher(max_bytes=settings.max_upload_bytes, max_s=settings.max_fetch_s)


def create_app(
    settings: Settings,
    *,
    embedder: str | None = None,
    root_path: str = "",
    shared_metrics: str | None = None,
    fetcher: Callable[[Settings], Fetcher] = make_fetcher,
) -> FastAPI:
    """Return the application over the data folder of *settings*.

    *root_path* is the prefix under which a reverse proxy serves it, without a slash at its
    end. *shared_metrics* is the folder in which the processes of one server meet. *fetcher*
    is called in the event loop. Raises :class:`~artstore.errors.UsageError`.
    """
    clients = Clients(settings.trusted_proxies)
    desk = Desk(settings, embedder=embedder, fetcher=fetcher)
    meters = Meters(shared_metrics)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with desk, meters.looking_at(desk):
            yield

    app = FastAPI(
        title="OGA Search",
        version="1",
        description=ABOUT,
        root_path=root_path,
        # They would lead to where the request says that we are.
        redirect_slashes=False,
        lifespan=lifespan,
        # They load scripts from elsewhere.
        docs_url=None,
        redoc_url=None,
    )
    app.state.desk = desk
    add_handlers(app)
    app.include_router(api.router(desk))
    app.include_router(files.router(desk, clients.name))
    _add_operation(app, desk, meters)
    app.include_router(pages.router(desk))
    meters.name_routes(app.routes)
    # The last one is asked first.
    allowance = Allowance(settings.questions_per_minute)
    app.add_middleware(BoundedBody, max_bytes=settings.max_upload_bytes + FORM_BYTES)
    # Pictures are packed by themselves, and left as they are.
    app.add_middleware(GZipMiddleware, minimum_size=1_000, compresslevel=5)
    app.add_middleware(HeadAsGet)
    app.add_middleware(Rationed, allowance=allowance, name=clients.name, root=root_path)
    app.add_middleware(SafeHeaders)
    app.add_middleware(Metered, meters=meters, name=clients.name)
    return app


def _add_operation(app: FastAPI, desk: Desk, meters: Meters) -> None:
    @app.get("/healthz", tags=["operation"])
    async def healthz() -> JSONResponse:
        """Say that the server answers, and how far it is: 200 also while it warms up, for it is well then."""
        return JSONResponse({"status": "ok", "state": desk.state.name}, headers={"cache-control": "no-store"})

    @app.get("/metrics", tags=["operation"], response_class=Response)
    async def metrics(_: Request) -> Response:
        """Return what is counted, for Prometheus."""
        return Response(meters.page(desk), media_type=CONTENT_TYPE_LATEST)


class HeadAsGet:
    """Answers HEAD by what GET would answer, without its body."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the application does."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def send_head(message: Message) -> None:
            if message["type"] == "http.response.start":
                await send(message)
                await send({"type": "http.response.body", "body": b""})

        asked = {**scope, "method": "GET"}
        try:
            await self._app(asked, receive, send_head)
        finally:
            scope["endpoint"] = asked.get("endpoint")
