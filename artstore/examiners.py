"""Looking for pictures in processes of their own.

Decoders are written in C and meet whatever people upload: one that crashes, or
eats all memory, takes its process with it, and that costs one file. And what the
caller does meanwhile, the network say, does not wait for Python's lock.

``python -m artstore.examiners`` is such a process. It ends with its input, and so
with whoever started it, however that ended.
"""

from __future__ import annotations

import asyncio
import os
import pickle
import signal
import struct
import sys
from asyncio.subprocess import PIPE, Process
from contextlib import suppress
from typing import Any, BinaryIO

from artstore.blobs import open_blobs
from artstore.command import hush_decoders
from artstore.models import FILES, Failure, Findings, Stage
from artstore.settings import Settings
from artstore.unpack import find_images

NICENESS = 5
"""How far it stands back behind the process that asks, which has a network to serve."""

_LENGTH = struct.Struct("!I")
"""Before each pickle, in both directions."""


class Examiners:
    """:func:`~artstore.unpack.find_images` in up to *count* processes, started when they are first needed."""

    def __init__(self, settings: Settings, count: int) -> None:
        self._settings = settings
        self._places = asyncio.Semaphore(count)
        self._idle: list[Process] = []

    async def find_images(self, path: str) -> Findings:
        """Return what ``files/<path>`` holds, whose bytes are synced before.

        That it ended the process is a failure of that file, ``crashed``.
        """
        async with self._places:
            process = self._idle.pop() if self._idle else await self._start()
            try:
                answer = await _asked(process, path)
            except (asyncio.IncompleteReadError, ConnectionError):
                await process.wait()
                return _crashed(path)
            except BaseException:
                # Given up while it works: its answer would be taken for that to the next question.
                process.kill()
                await process.wait()
                raise
            self._idle.append(process)
        if isinstance(answer, OSError):
            raise answer
        return answer

    async def close(self) -> None:
        """End the processes; nothing is being looked at any more."""
        while self._idle:
            process = self._idle.pop()
            if process.stdin:
                process.stdin.close()
            await process.wait()

    async def _start(self) -> Process:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "artstore.examiners", stdin=PIPE, stdout=PIPE
        )
        _send(process, self._settings)
        return process


async def _asked(process: Process, path: str) -> Findings | OSError:
    if process.stdout is None:
        raise ValueError("the process was started without pipes")
    _send(process, path)
    (length,) = _LENGTH.unpack(await process.stdout.readexactly(_LENGTH.size))
    answer: Findings | OSError = pickle.loads(await process.stdout.readexactly(length))  # noqa: S301 - from our own
    return answer


def _send(process: Process, message: Settings | str) -> None:
    if process.stdin is None:
        raise ValueError("the process was started without pipes")
    process.stdin.write(_packed(message))


def _packed(message: Any) -> bytes:
    data = pickle.dumps(message)
    return _LENGTH.pack(len(data)) + data


def _crashed(path: str) -> Findings:
    detail = "the process that read it crashed, or took more memory than there is"
    return Findings(failures=[Failure(Stage.UNPACK, f"{FILES}/{path}", "crashed", detail)])


def _received(source: BinaryIO) -> Any:
    """Return the next message, or None at the end."""
    head = source.read(_LENGTH.size)
    return pickle.loads(source.read(*_LENGTH.unpack(head))) if len(head) == _LENGTH.size else None  # noqa: S301


def _serve(source: BinaryIO, target: BinaryIO) -> None:
    settings: Settings = _received(source)
    while (path := _received(source)) is not None:
        answer: Findings | OSError
        try:
            _sync(path, settings)
            answer = find_images(path, settings)
        except OSError as error:
            # Of the disk, say: that is for the one who asked to decide.
            answer = error
        target.write(_packed(answer))
        target.flush()


def _sync(path: str, settings: Settings) -> None:
    with suppress(FileNotFoundError):
        open_blobs(settings.files_dir).sync(path)


def main() -> None:
    """Answer questions until there are no more."""
    # Ctrl-C goes to all processes of a terminal; when to end is for the one that asks to know.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    hush_decoders()
    # What it does can wait; the network cannot.
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    # What a decoder prints must not be taken for an answer.
    with os.fdopen(os.dup(1), "wb") as answers:
        os.dup2(2, 1)
        _serve(sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()
