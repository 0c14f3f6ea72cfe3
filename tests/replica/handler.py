"""One connection to the fake site, from the request line to the last byte or the sudden end."""

from __future__ import annotations

import os
import socket
import struct
import time
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Final

from tests.replica.answer import NO_ANSWER, Answer
from tests.replica.conditions import conditioned
from tests.replica.log import Entry

if TYPE_CHECKING:
    from tests.replica.server import Listener

ARRIVAL_S: Final = 0.05
"""What was sent before a reset gets this long to arrive: a reset overtakes it otherwise."""


class Handler(BaseHTTPRequestHandler):
    """Keep-alive and one thread for each connection. A small response leaves in one write."""

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
        log = self.server.log
        number = log.add(Entry.of(time.monotonic(), self.command, self.path, self.headers))
        self.server.turn.wait(number)
        host = self.headers.get("Host") or f"127.0.0.1:{self.server.server_port}"
        answer = self.server.answers.answer(self.path, f"http://{host}", self.headers.get("Cookie", ""))
        time.sleep(self.server.latency_s + answer.wait_s)
        answer = conditioned(answer, self.headers, self.command)
        log.amend(number, answer.status, 0)
        if answer.status == NO_ANSWER:
            self.reset()
            return
        self.send_head(answer)
        self.sent_bytes = 0
        try:
            if body_too:
                self.send_body(answer)
        finally:
            if self.sent_bytes:
                log.amend(number, answer.status, self.sent_bytes)

    def send_head(self, answer: Answer) -> None:
        headers = {"ETag": answer.etag, "Last-Modified": answer.last_modified} | answer.headers
        if answer.in_parts:
            headers["Accept-Ranges"] = "bytes"
        if answer.status != 304:
            headers["Content-Type"] = answer.mime
            if answer.length is None:
                headers["Transfer-Encoding"] = "chunked"
            else:
                headers["Content-Length"] = str(answer.length)
        self.send_response(answer.status)
        for name, value in headers.items():
            if value:
                self.send_header(name, value)
        self.end_headers()

    def send_body(self, answer: Answer) -> None:
        if answer.length is None:
            self.send_chunks(answer)
            return
        left = answer.length if answer.sent_bytes is None else min(answer.sent_bytes, answer.length)
        self.close_connection = self.close_connection or left < answer.length
        for piece in answer.pieces():
            shown = piece[:left]
            self.wfile.write(shown)
            self.sent_bytes += len(shown)
            left -= len(shown)
        if answer.reset:
            self.reset()

    def send_chunks(self, answer: Answer) -> None:
        for piece in answer.pieces():
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            self.sent_bytes += len(piece)
        self.wfile.write(b"0\r\n\r\n")

    def reset(self) -> None:
        """End the connection as a crash does: the other side reads an error, not an end."""
        self.wfile.flush()
        time.sleep(ARRIVAL_S)
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        # The socket's own `close` waits for the files made of it, and its `shutdown` would say goodbye first.
        os.close(self.connection.detach())

    def log_message(self, *_: object) -> None:
        """Say nothing: tests read `ReplicaServer.log`."""
