"""Serving: the application in one process or several, until somebody ends it."""

from __future__ import annotations

import asyncio
import functools
import logging
import signal
import socket
import sys
import tempfile
from dataclasses import dataclass
from types import FrameType

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.supervisors import Multiprocess

from artstore.command import talk
from artstore.errors import OgaError
from artstore.settings import Settings, hand_on
from search.web.guard import Clients

GRACE_S = 20
"""How long answers that are under way are waited for at the end."""

MOST_CONNECTIONS = 1_000
"""Of one process; more are answered with 503 at once."""

KEEP_ALIVE_S = 15

BACKLOG = 512

SWITCH_S = 0.0005
"""How soon a thread that answers lets the event loop have its turn: the default, 5 ms, for each of them, is what a client waits."""


class Impatient(H11Protocol):
    """HTTP/1.1 that also ends connections which never say anything; uvicorn waits for the first request for ever."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait."""
        super().connection_made(transport)
        self.timeout_keep_alive_task = self.loop.call_later(KEEP_ALIVE_S, self.timeout_keep_alive_handler)


@dataclass(frozen=True, slots=True)
class Place:
    """Where it is served."""

    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    root_path: str = ""
    """The prefix that a reverse proxy serves it under: ``/art``, without a slash at its end."""


def serve(settings: Settings, place: Place, *, embedder: str | None = None) -> int:
    """Serve until SIGTERM or SIGINT, finish what is under way, and return the exit code.

    Raises :class:`~artstore.errors.OgaError` if the address cannot be had.
    """
    # What the application would refuse is said here: in a process of several, it would be started anew for ever.
    Clients(settings.trusted_proxies)
    listening = _listen(place)
    host, port = listening.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    with tempfile.TemporaryDirectory(prefix="oga-metrics-") as shared:
        metrics = None
        if place.workers > 1:
            # Read by prometheus_client when it is first imported, also by the processes that are started here.
            hand_on("PROMETHEUS_MULTIPROC_DIR", shared)
            metrics = shared
        config = uvicorn.Config(
            functools.partial(_application, settings, embedder, place.root_path, metrics),
            factory=True,
            workers=place.workers,
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            limit_concurrency=MOST_CONNECTIONS,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=GRACE_S,
            backlog=BACKLOG,
            ws="none",
            http=Impatient,
        )
        talk(f"search: http://{shown}:{port}{place.root_path}/ (end it with Ctrl-C)")
        # uvicorn ends as it was told, then tells itself once more by the handlers from before.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, _ended)
        with listening:
            if place.workers > 1:
                Multiprocess(config, [listening]).run()
            else:
                uvicorn.Server(config).run([listening])
    talk("search: ended")
    return 0


def _application(
    settings: Settings, embedder: str | None, root_path: str, shared_metrics: str | None
) -> FastAPI:
    """Return the application of this process, which logs to stderr."""
    from search.web.app import create_app

    logging.basicConfig(
        level=logging.WARNING, format="%(asctime)s %(name)s: %(message)s", stream=sys.stderr, force=True
    )
    logging.getLogger("search.web").setLevel(logging.INFO)
    sys.setswitchinterval(SWITCH_S)
    return create_app(settings, embedder=embedder, root_path=root_path, shared_metrics=shared_metrics)


def _listen(place: Place) -> socket.socket:
    family = socket.AF_INET6 if ":" in place.host else socket.AF_INET
    listening = socket.socket(family)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((place.host, place.port))
        listening.set_inheritable(True)
    except (OSError, OverflowError) as error:
        listening.close()
        raise OgaError(
            f"cannot serve at {place.host}:{place.port}: {error}; choose another --host or --port"
        ) from error
    return listening


def _ended(_number: int, _frame: FrameType | None) -> None:
    """Nothing more is to be done."""
