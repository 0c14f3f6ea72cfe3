"""Functions run aside: in processes of their own, asked over a pipe.

For work that would hold up whoever has a network to serve: Python runs one thread
at a time, and a crash ends all of them. ``python -m artstore.aside`` is such a
process. It ends with its input, and so with whoever started it, however that ended.
"""

from __future__ import annotations

import asyncio
import os
import pickle
import signal
import struct
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from artstore.command import hush_decoders
from artstore.errors import OgaError
from artstore.settings import Settings

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")

_ROOT = Path(__file__).resolve().parents[1]

_LENGTH = struct.Struct("!I")
"""Before each pickle, in both directions."""


class ProcessEnded(Exception):
    """A process ended over a question: it crashed, or was killed."""


class Aside:
    """Up to *count* processes, started when they are first needed; *niceness* is how far they stand back."""

    def __init__(self, settings: Settings, count: int, niceness: int = 0) -> None:
        self._greeting = (replace(settings, data_dir=settings.data_dir.absolute()), niceness)
        self._places = asyncio.Semaphore(count)
        self._idle: list[Process] = []

    async def call(self, function: Callable[[Asked, Settings], Answer], asked: Asked) -> Answer:
        """Return what *function*, of a module's top level, makes of *asked*.

        Raises the OgaError or OSError that it raises, :class:`ProcessEnded`, also
        for any other error, which is a bug and leaves its traceback on stderr, and :class:`~artstore.errors.OgaError` if no process can be started.
        """
        async with self._places:
            process = self._idle.pop() if self._idle else await self._start()
            try:
                _send(process, (function, asked))
                answer, error = await _heard(process)
            except (asyncio.IncompleteReadError, ConnectionError) as error:
                raise ProcessEnded(f"exit code {await process.wait()}") from error
            except BaseException:
                # Given up while it works: its answer would be taken for that to the next question.
                process.kill()
                await process.wait()
                raise
            self._idle.append(process)
        if error is not None:
            raise error
        return answer  # type: ignore[no-any-return] - what the function returned, over there

    async def close(self) -> None:
        """End the processes; nobody waits for an answer any more."""
        while self._idle:
            process = self._idle.pop()
            if process.stdin:
                process.stdin.close()
            await process.wait()

    async def _start(self) -> Process:
        # From where this package is: the folder of whoever asks may be any.
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "artstore.aside", stdin=PIPE, stdout=PIPE, cwd=_ROOT
        )
        try:
            _send(process, self._greeting)
            await _heard(process)
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise OgaError(
                f"a process of our own did not start: {sys.executable} -m artstore.aside ended with {await process.wait()}"
            ) from error
        return process


async def _heard(process: Process) -> Any:
    if process.stdout is None:
        raise ValueError("the process was started without pipes")
    (length,) = _LENGTH.unpack(await process.stdout.readexactly(_LENGTH.size))
    return pickle.loads(await process.stdout.readexactly(length))  # noqa: S301 - from our own


def _send(process: Process, message: Any) -> None:
    if process.stdin is None:
        raise ValueError("the process was started without pipes")
    process.stdin.write(_packed(message))


def _packed(message: Any) -> bytes:
    data = pickle.dumps(message)
    return _LENGTH.pack(len(data)) + data


def _received(source: BinaryIO) -> Any:
    """Return the next message, or None at the end."""
    head = source.read(_LENGTH.size)
    return pickle.loads(source.read(*_LENGTH.unpack(head))) if len(head) == _LENGTH.size else None  # noqa: S301


def _serve(source: BinaryIO, target: BinaryIO) -> None:
    settings, niceness = _received(source)
    if hasattr(os, "nice"):
        os.nice(niceness)
    _tell(target, None)
    while (question := _received(source)) is not None:
        function, asked = question
        try:
            _tell(target, (function(asked, settings), None))
        except (OgaError, OSError) as error:
            _tell(target, (None, error))


def _tell(target: BinaryIO, message: Any) -> None:
    target.write(_packed(message))
    target.flush()


def main() -> None:
    """Answer questions until there are no more."""
    # Ctrl-C goes to all processes of a terminal; when to end is for the one that asks to know.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    hush_decoders()
    # What a decoder prints must not be taken for an answer.
    with os.fdopen(os.dup(1), "wb") as answers:
        os.dup2(2, 1)
        _serve(sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()
