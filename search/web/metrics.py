"""What is counted of the serving, for Prometheus, and the line that each request leaves on stderr."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from search.web.answers import Stage
from search.web.desk import Desk

access = logging.getLogger("search.web.access")

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

MOST_TARGET_LETTERS = 300

LOOK_S = 5.0


class Meters:
    """The numbers of one process; of all of them where *shared* names the folder in which they meet."""

    def __init__(self, shared: str | None) -> None:
        self._shared = shared
        self._names: dict[Any, str] = {}
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "oga_requests", "Requests answered.", ["method", "route", "status"], registry=self._registry
        )
        self.seconds = Histogram(
            "oga_request_seconds",
            "Seconds until an answer was sent.",
            ["route"],
            buckets=SECONDS,
            registry=self._registry,
        )
        self.under_way = Gauge(
            "oga_requests_under_way",
            "Requests being answered.",
            registry=self._registry,
            multiprocess_mode="livesum",
        )
        self._asked = Gauge(
            "oga_questions_under_way",
            "Questions being answered, or waiting for it.",
            registry=self._registry,
            multiprocess_mode="livesum",
        )
        self._pictures = Gauge(
            "oga_pictures", "Pictures in the catalog.", registry=self._registry, multiprocess_mode="livemax"
        )
        self._ready = Gauge(
            "oga_ready",
            "1 if everything can be asked, in every process.",
            registry=self._registry,
            multiprocess_mode="livemin",
        )

    def name_routes(self, routes: Iterable[Any]) -> None:
        """Know *routes*, and those of routers among them, by what answers them."""
        for route in routes:
            if endpoint := getattr(route, "endpoint", None):
                self._names[endpoint] = route.path
            self.name_routes(getattr(getattr(route, "original_router", None), "routes", ()))

    def route_of(self, scope: Scope) -> str:
        """Return the address of the route that has answered, as it was written, or ``none``."""
        return self._names.get(scope.get("endpoint"), "none")

    @asynccontextmanager
    async def looking_at(self, desk: Desk) -> AsyncIterator[None]:
        """Note what is not counted as it happens, in every process and whoever is asked."""
        self._forget_ended()

        async def look() -> None:
            while True:
                self.look_at(desk)
                await asyncio.sleep(LOOK_S)

        looking = asyncio.create_task(look())
        try:
            yield
        finally:
            looking.cancel()
            self.close()

    def page(self, desk: Desk) -> bytes:
        """Return all numbers as Prometheus reads them."""
        self.look_at(desk)
        registry = self._registry
        if self._shared:
            registry = CollectorRegistry()
            MultiProcessCollector(registry, self._shared)  # type: ignore[no-untyped-call]
        return generate_latest(registry)

    def look_at(self, desk: Desk) -> None:
        """Note what is not counted as it happens."""
        self._asked.set(desk.asked)
        self._pictures.set(desk.state.pictures)
        self._ready.set(desk.state.name is Stage.READY and desk.state.uploads)

    def _forget_ended(self) -> None:
        """Forget what processes have left that were killed."""
        for path in Path(self._shared).glob("*_*.db") if self._shared else ():
            pid = path.stem.rpartition("_")[2]
            if pid.isdigit() and not _runs(int(pid)):
                mark_process_dead(int(pid), self._shared)  # type: ignore[no-untyped-call]

    def close(self) -> None:
        """Say that this process is no more."""
        if self._shared:
            mark_process_dead(os.getpid(), self._shared)  # type: ignore[no-untyped-call]


class Metered:
    """Counts every request, and logs it."""

    def __init__(self, app: ASGIApp, meters: Meters, name: Callable[[Scope], str]) -> None:
        self._app = app
        self._meters = meters
        self._name = name

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the application does."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began_s = time.perf_counter()
        # A bug, unless there is an answer.
        status, sent_bytes = 500, 0

        async def send_metered(message: Message) -> None:
            nonlocal status, sent_bytes
            if message["type"] == "http.response.start":
                status = message["status"]
            sent_bytes += len(message.get("body", b""))
            await send(message)

        self._meters.under_way.inc()
        try:
            await self._app(scope, receive, send_metered)
        except asyncio.CancelledError:
            status = 499
            raise
        finally:
            self._meters.under_way.dec()
            took_s = time.perf_counter() - began_s
            route = self._meters.route_of(scope)
            self._meters.requests.labels(_known_method(scope), route, str(status)).inc()
            self._meters.seconds.labels(route).observe(took_s)
            access.info(
                "%s %s %s %d %d bytes %.1f ms",
                self._name(scope),
                scope["method"],
                _target(scope),
                status,
                sent_bytes,
                1000 * took_s,
            )


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _known_method(scope: Scope) -> str:
    """Return the method, or OTHER: whoever asks must not make up labels."""
    method: str = scope["method"]
    return method if method in {"GET", "HEAD", "POST", "OPTIONS"} else "OTHER"


def _target(scope: Scope) -> str:
    """Return path and query as they came, encoded, in one line and in bounds."""
    raw = scope.get("raw_path") or scope["path"].encode()
    query = b"?" + scope["query_string"] if scope["query_string"] else b""
    text: str = (raw + query).decode("latin-1").encode("unicode_escape").decode("ascii")
    return text if len(text) <= MOST_TARGET_LETTERS else text[: MOST_TARGET_LETTERS - 1] + "…"
