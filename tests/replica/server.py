"""The fake site on a loopback port: threads, keep-alive, and a list of what was asked for; it may change as it runs."""

from __future__ import annotations

import socket
import sys
from http.server import ThreadingHTTPServer
from threading import Lock, Thread
from typing import TYPE_CHECKING, Literal, Self

from tests.replica import challenge, living
from tests.replica.answers import Answers
from tests.replica.handler import Handler
from tests.replica.log import Entry, Log
from tests.replica.turn import Turn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType

    from tests.replica.site import ReplicaWork, Site


class Listener(ThreadingHTTPServer):
    """The listening socket; it keeps its open connections, so that closing it also ends idle keep-alive ones."""

    request_queue_size = 256
    daemon_threads = True

    def __init__(self, port: int, answers: Answers, latency_s: float) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.answers = answers
        self.latency_s = latency_s
        self.log = Log()
        self.turn = Turn()
        self.lock = Lock()
        self.open: set[socket.socket] = set()

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
    a `Crawl-delay` into robots.txt, *robots* is another text for it, *robots_status* what it answers. With
    *challenge_status* (200 or 503) what is *challenged* is behind the challenge of `tests.replica.challenge`: pages, files,
    or both. Its cookie is good for *challenge_lasts* requests, then there is another one.
    """

    def __init__(
        self,
        site: Site,
        port: int = 0,
        crawl_delay_s: float | None = None,
        latency_s: float = 0.0,
        *,
        robots: str | None = None,
        robots_status: int = 200,
        challenge_status: int | None = None,
        challenged: tuple[challenge.Kind, ...] = ("pages",),
        challenge_lasts: int | None = None,
    ) -> None:
        gate = challenge.Gate(challenge_status, challenged, challenge_lasts)
        answers = Answers(site, crawl_delay_s, robots, robots_status, gate)
        self.listener = Listener(port, answers, latency_s)
        self.changing = Lock()
        self.thread = Thread(target=self.listener.serve_forever, args=(0.05,), daemon=True, name="replica")
        self.thread.start()

    @property
    def url(self) -> str:
        """The address without a slash at the end."""
        return f"http://127.0.0.1:{self.listener.server_port}"

    @property
    def site(self) -> Site:
        """The site as it is now."""
        return self.listener.answers.site

    @property
    def log(self) -> list[Entry]:
        """Every request so far, in the order of arrival; a copy."""
        return self.listener.log.copy()

    @property
    def requests(self) -> list[tuple[str, str]]:
        """(method, target as sent) of every request so far, in the order of arrival; a copy."""
        return [(entry.method, entry.target) for entry in self.log]

    @property
    def times(self) -> list[float]:
        """When each of :attr:`requests` arrived, in seconds of a clock that only runs forward; a copy."""
        return [entry.time_s for entry in self.log]

    @property
    def user_agents(self) -> set[str]:
        """What the visitors so far called themselves; a copy."""
        return {entry.user_agent for entry in self.log}

    def forget_requests(self) -> None:
        """Begin :attr:`log`, and with it :attr:`requests`, :attr:`times` and :attr:`user_agents`, anew."""
        self.listener.log.forget()

    def change(
        self,
        slug: str,
        *,
        title: str | None = None,
        tags: Iterable[str] | None = None,
        add_file: tuple[str, bytes] | None = None,
        remove_file: str | None = None,
        replace_file: tuple[str, bytes] | None = None,
    ) -> ReplicaWork:
        """Change a work, give it a file (name, bytes), take one away or put other bytes under its name.

        A file that no work shows any more is not found; an added one may get another name than asked for. Returns the
        new work. Raises KeyError for a work or a file that is not there.
        """
        kept_tags = None if tags is None else tuple(tags)
        change = living.Change(title, kept_tags, add_file, remove_file, replace_file)
        with self.changing:
            self.listener.answers.site = living.changed(self.site, slug, change)
            return self.site.work(slug)

    def vanish(self, slug: str) -> None:
        """Take a work away: its page is not found and no listing has it; its files stay. Raises KeyError."""
        with self.changing:
            self.listener.answers.site = living.without(self.site, slug)

    def publish(self, count: int = 1) -> tuple[ReplicaWork, ...]:
        """Add works, newer than all others, and return them."""
        with self.changing:
            self.listener.answers.site = living.grown(self.site, count)
            return self.site.works[-count:] if count else ()

    def move(self, slug: str, new_slug: str) -> str:
        """Give the page of a work another address, and return its path; listings name the old one, which redirects."""
        work = self.site.work(slug)
        self.listener.answers.moved[work.path] = f"/content/{new_slug}"
        return f"/content/{new_slug}"

    def rewrite(self, path: str, change: Callable[[str], str] | None) -> None:
        """Do *change* to the HTML of the page at *path*, whatever its query, from now on; None ends it."""
        if change is None:
            del self.listener.answers.rewritten[path]
        else:
            self.listener.answers.rewritten[path] = change

    def fail_everything(self, status: int | Literal["reset"] | None) -> None:
        """Answer everything but robots.txt with an error of this status, or reset the connection; None ends it."""
        self.listener.answers.failing = status

    def hold(self, after: int | None) -> None:
        """Answer no more than *after* of the requests that :attr:`log` has or gets; the others wait for None."""
        forgotten = self.listener.log.count - len(self.listener.log.copy())
        self.listener.turn.until(None if after is None else forgotten + after)

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
