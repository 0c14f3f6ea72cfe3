"""``python -m search serve`` as a person runs it, and what it answers over HTTP."""

from __future__ import annotations

import http.client
import json
import re
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from tests import shelf

START_S = 60.0


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer; names of headers are lower-case."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def message(self) -> str:
        """What an error of the API says."""
        return str(self.json()["error"]["message"])


class Served:
    """A running server."""

    def __init__(self, process: subprocess.Popen[str], base: str, said: list[str]) -> None:
        self.process = process
        self.base = base
        self.said = said
        """Lines of stderr so far."""

    def get(self, path: str, **headers: str) -> Reply:
        return self.ask("GET", path, headers=headers)

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """Ask *path*, below the prefix of the server, exactly as it is written."""
        parts = urlsplit(self.base)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
        try:
            named = {name.replace("_", "-"): value for name, value in (headers or {}).items()}
            connection.request(method, parts.path.rstrip("/") + path, body, named)
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return Reply(answer.status, found, answer.read())
        finally:
            connection.close()

    def send(self, path: str, name: str = "picture", content: bytes = b"", file: str = "a.png") -> Reply:
        """Post a form with one file, as a browser does."""
        mark = uuid4().hex
        head = (
            f'--{mark}\r\nContent-Disposition: form-data; name="{name}"; filename="{file}"\r\n'
            "Content-Type: image/png\r\n\r\n"
        )
        body = head.encode() + content + f"\r\n--{mark}--\r\n".encode()
        return self.ask("POST", path, body, {"content-type": f"multipart/form-data; boundary={mark}"})

    def wait_for(self, name: str, within_s: float = START_S) -> dict[str, Any]:
        """Wait until the state is *name*, and return it."""
        until_s = time.monotonic() + within_s
        while (state := self.get("/api/status").json())["name"] != name:
            assert time.monotonic() < until_s, state
            time.sleep(0.1)
        return dict(state)

    def end(self, number: int = signal.SIGTERM) -> int:
        """Tell it to end, and return its exit code."""
        self.process.send_signal(number)
        return self.process.wait(60)


@contextmanager
def serving(data_dir: Path, *words: str, **variables: str) -> Iterator[Served]:
    """Serve *data_dir* at a free port of loopback; a traceback is never right."""
    process = subprocess.Popen(
        [*shelf.command("search", "serve", "--port", "0"), *words],
        cwd=shelf.ROOT,
        env=shelf.environment(data_dir, **({"OGA_QUESTIONS_PER_MINUTE": "1000000"} | variables)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    assert process.stderr
    said: list[str] = []
    base = None
    while base is None:
        line = process.stderr.readline()
        assert line, "".join(said)
        said.append(line)
        if found := re.search(r"http://\S+", line):
            base = found[0]
    reader = Thread(target=lambda: said.extend(process.stderr or ()), daemon=True)
    reader.start()
    served = Served(process, base.rstrip("/"), said)
    try:
        _wait_until_it_answers(served)
        yield served
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(60)
        reader.join(10)
        assert process.stdout
        assert process.stdout.read() == ""
        process.stdout.close()
        process.stderr.close()
    assert "Traceback" not in "".join(said), "".join(said)


def _wait_until_it_answers(served: Served) -> None:
    until_s = time.monotonic() + START_S
    while time.monotonic() < until_s:
        assert served.process.poll() is None, "".join(served.said)
        try:
            served.get("/healthz")
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("".join(served.said))
