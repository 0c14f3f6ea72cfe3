"""What is counted of the serving, for Prometheus, and the line that each request leaves on stderr."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from search.web.answers import Stage
from search.web.desk import Desk

access = logging.getLogger("search.web.access")

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

MOST_TARGET_LETTERS = 300


class Meters:
    """The numbers of one process; of all of them where *shared* names the folder in which they meet."""

    def __init__(self, shared: str | None) -> None:
        self._shared = shared
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
        # What is cut off before it has an answer.
        status, sent_bytes = 499, 0

        async def send_metered(message: Message) -> None:
            nonlocal status, sent_bytes
            if message["type"] == "http.response.start":
                status = message["status"]
            sent_bytes += len(message.get("body", b""))
            await send(message)

        self._meters.under_way.inc()
        try:
            await self._app(scope, receive, send_metered)
        finally:
            self._meters.under_way.dec()
            took_s = time.perf_counter() - began_s
            route = getattr(scope.get("route"), "path", "none")
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
