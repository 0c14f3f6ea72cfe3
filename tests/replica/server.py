"""The fake site on a loopback port: threads, keep-alive, conditional requests, and a list of what was asked for."""

from __future__ import annotations

import socket
import sys
import time
from email.utils import parsedate_to_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import TYPE_CHECKING, Self

from tests.replica.answers import Answer, Answers

if TYPE_CHECKING:
    from types import TracebackType

    from tests.replica.site import Site


class Handler(BaseHTTPRequestHandler):
    """One connection. A response leaves in one write: the buffer is flushed when the request is done."""

    protocol_version = "HTTP/1.1"
    server_version = "ReplicaOGA"
    wbufsize = 1 << 16
    disable_nagle_algorithm = True
    server: Listener

    def do_GET(self) -> None:
        self.respond(body_too=True)

    def do_HEAD(self) -> None:
        self.respond(body_too=False)

    def respond(self, *, body_too: bool) -> None:
        self.server.note(self.command, self.path, self.headers.get("User-Agent", ""))
        host = self.headers.get("Host") or f"127.0.0.1:{self.server.server_port}"
        answer = self.server.answers.answer(self.path, f"http://{host}")
        time.sleep(self.server.latency_s + answer.wait_s)
        if answer.status == 200 and self.is_known(answer):
            answer = Answer(304, answer.mime, b"", answer.etag, answer.modified_at)
        self.send_head(answer)
        if body_too:
            self.send_body(answer)

    def is_known(self, answer: Answer) -> bool:
        """Whether the visitor has this version already; a date counts only if no tag is sent."""
        tags = self.headers.get("If-None-Match")
        if tags is not None:
            held = {tag.strip().removeprefix("W/") for tag in tags.split(",")}
            return bool(answer.etag) and bool(held & {answer.etag, "*"})
        since = self.headers.get("If-Modified-Since")
        if since is None or answer.modified_at is None:
            return False
        try:
            return answer.modified_at.replace(microsecond=0) <= parsedate_to_datetime(since)
        except (TypeError, ValueError):
            return False

    def send_head(self, answer: Answer) -> None:
        headers = {"ETag": answer.etag, "Last-Modified": answer.last_modified} | answer.headers
        if answer.status != 304:
            headers |= {"Content-Type": answer.mime, "Content-Length": str(len(answer.body))}
        self.send_response(answer.status)
        for name, value in headers.items():
            if value:
                self.send_header(name, value)
        self.end_headers()

    def send_body(self, answer: Answer) -> None:
        if answer.sent_bytes is None:
            self.wfile.write(answer.body)
            return
        self.wfile.write(answer.body[: answer.sent_bytes])
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Say nothing: tests read `ReplicaServer.requests`."""


class Listener(ThreadingHTTPServer):
    """The listening socket; it keeps its open connections, so that closing it also ends idle keep-alive ones."""

    request_queue_size = 256
    daemon_threads = True

    def __init__(self, port: int, answers: Answers, latency_s: float) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.answers = answers
        self.latency_s = latency_s
        self.lock = Lock()
        self.noted: list[tuple[str, str]] = []
        self.noted_at: list[float] = []
        self.agents: set[str] = set()
        self.open: set[socket.socket] = set()

    def note(self, method: str, target: str, agent: str) -> None:
        with self.lock:
            self.noted.append((method, target))
            self.noted_at.append(time.monotonic())
            self.agents.add(agent)

    def get_request(self) -> tuple[socket.socket, tuple[str, int]]:
        connection, address = super().get_request()
        with self.lock:
            self.open.add(connection)
        return connection, address

    def shutdown_request(self, request: socket.socket | tuple[bytes, socket.socket]) -> None:
        super().shutdown_request(request)
        with self.lock:
            self.open.discard(request)

    def hang_up(self) -> None:
        with self.lock:
            connections = list(self.open)
        for connection in connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                # The other side was faster, or its thread is closing it at this moment.
                continue

    def handle_error(self, request: object, client_address: object) -> None:
        """A visitor that leaves early is no error; anything else is shown."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class ReplicaServer:
    """Serves a `Site` on 127.0.0.1 from the moment it is made until :meth:`close`, best used in a `with`.

    Port 0 takes a free port. Raises OSError if the port is taken. *latency_s* delays every answer; *crawl_delay_s* puts
    a `Crawl-delay` into robots.txt.
    """

    def __init__(
        self, site: Site, port: int = 0, crawl_delay_s: float | None = None, latency_s: float = 0.0
    ) -> None:
        self.site = site
        self.listener = Listener(port, Answers(site, crawl_delay_s), latency_s)
        self.thread = Thread(target=self.listener.serve_forever, args=(0.05,), daemon=True, name="replica")
        self.thread.start()

    @property
    def url(self) -> str:
        """The address without a slash at the end."""
        return f"http://127.0.0.1:{self.listener.server_port}"

    @property
    def requests(self) -> list[tuple[str, str]]:
        """(method, target as sent) of every request so far, in the order of arrival; a copy."""
        with self.listener.lock:
            return list(self.listener.noted)

    @property
    def times(self) -> list[float]:
        """When each of :attr:`requests` arrived, in seconds of a clock that only runs forward; a copy."""
        with self.listener.lock:
            return list(self.listener.noted_at)

    @property
    def user_agents(self) -> set[str]:
        """What the visitors so far called themselves; a copy."""
        with self.listener.lock:
            return set(self.listener.agents)

    def forget_requests(self) -> None:
        """Begin :attr:`requests`, :attr:`times` and :attr:`user_agents` anew."""
        with self.listener.lock:
            self.listener.noted.clear()
            self.listener.noted_at.clear()
            self.listener.agents.clear()

    def close(self) -> None:
        """Stop serving and end every connection; a second call does nothing."""
        self.listener.shutdown()
        self.thread.join()
        self.listener.hang_up()
        self.listener.server_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
