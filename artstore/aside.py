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
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from io import FileIO
from pathlib import Path
from typing import Any, BinaryIO, Self, TypeVar, cast

from artstore.command import hush_decoders
from artstore.errors import OgaError
from artstore.settings import Settings

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")

_ROOT = Path(__file__).resolve().parents[1]

QUESTIONS_AHEAD = 8
"""Of each process: with the next one in its pipe, it need not wait until who asks has time for its answer."""

_LENGTH = struct.Struct("!I")
"""Before each pickle, in both directions."""


class ProcessEnded(Exception):
    """A process ended over a question: it crashed, or was killed."""


class Aside:
    """Up to *count* processes, started when they are first needed; *niceness* is how far they stand back."""

    def __init__(self, settings: Settings, count: int, niceness: int = 0) -> None:
        self._greeting = (replace(settings, data_dir=settings.data_dir.absolute()), niceness)
        self._count = count
        self._places = asyncio.Semaphore(count * QUESTIONS_AHEAD)
        self._starting = asyncio.Lock()
        self._helpers: list[_Helper] = []

    async def call(self, function: Callable[[Asked, Settings], Answer], asked: Asked) -> Answer:
        """Return what *function*, of a module's top level, makes of *asked*.

        Raises the OgaError or OSError that it raises, :class:`ProcessEnded`, also
        for any other error, which is a bug and leaves its traceback on stderr, and
        :class:`~artstore.errors.OgaError` if no process can be started.
        """
        async with self._places:
            while True:
                helper = await self._helper()
                try:
                    answer, error = await helper.ask((function, asked))
                except _NotReached:
                    # A moment, in which it is noticed that the process has ended.
                    await asyncio.sleep(0.01)
                    continue
                if error is not None:
                    raise error
                return cast(Answer, answer)

    async def close(self) -> None:
        """End the processes; nobody waits for an answer any more."""
        await asyncio.gather(*(helper.close() for helper in self._helpers))
        self._helpers.clear()

    async def _helper(self) -> _Helper:
        """Return the process with the least to do, a new one if all have something and there may be more."""
        async with self._starting:
            self._helpers = [helper for helper in self._helpers if not helper.ended]
            if all(helper.waiting for helper in self._helpers) and len(self._helpers) < self._count:
                self._helpers.append(await _Helper.start(self._greeting))
            return min(self._helpers, key=lambda helper: len(helper.waiting))


class _NotReached(Exception):
    """The process ended over an earlier question: this one is still to be asked."""


class _Helper:
    """One process, and the questions that wait in its pipe: it answers them in their order."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self.waiting: deque[asyncio.Future[Any]] = deque()
        self.ended = False
        self._listening = asyncio.create_task(self._listen())

    @classmethod
    async def start(cls, greeting: object) -> Self:
        try:
            # From where this package is: the folder of whoever asks may be any. Out of reach of the terminal's signals.
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "artstore.aside",
                stdin=PIPE,
                stdout=PIPE,
                cwd=_ROOT,
                start_new_session=True,
            )
        except OSError as error:
            raise OgaError(f"a process of our own did not start: {error}") from error
        try:
            _send(process, greeting)
            await _heard(process)
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            code = await process.wait()
            if code < 0:
                raise ProcessEnded(f"exit code {code}") from error
            raise OgaError(
                f"a process of our own did not start: {sys.executable} -m artstore.aside ended with {code}"
            ) from error
        return cls(process)

    async def ask(self, question: object) -> Any:
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        if self.ended:
            raise _NotReached
        try:
            _send(self._process, question)
        except ConnectionError as error:
            raise _NotReached from error
        self.waiting.append(answer)
        try:
            return await answer
        except asyncio.CancelledError:
            # Who gave up may have done so because it takes for ever; those behind it are asked elsewhere.
            if self.waiting and self.waiting[0] is answer:
                self._kill()
            raise

    async def close(self) -> None:
        if self._process.stdin:
            self._process.stdin.close()
        await self._listening

    async def _listen(self) -> None:
        try:
            while True:
                answer = await _heard(self._process)
                _resolve(self.waiting.popleft(), answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        except BaseException:
            # An answer that nobody can read: nor could any after it.
            self._kill()
            raise
        finally:
            code = await self._process.wait()
            # Only now, and without a pause: until then it is kept, and what is asked of it meanwhile is answered here.
            self.ended = True
            for number, unanswered in enumerate(self.waiting):
                _resolve(unanswered, _NotReached() if number else ProcessEnded(f"exit code {code}"))
            self.waiting.clear()

    def _kill(self) -> None:
        with suppress(ProcessLookupError):
            self._process.kill()


def _resolve(future: asyncio.Future[Any], answer: Any) -> None:
    if future.done():
        # Nobody waits for it any more.
        return
    if isinstance(answer, Exception):
        future.set_exception(answer)
    else:
        future.set_result(answer)


async def _heard(process: Process) -> Any:
    if process.stdout is None:
        raise ValueError("the process was started without pipes")
    (length,) = _LENGTH.unpack(await process.stdout.readexactly(_LENGTH.size))
    return pickle.loads(await process.stdout.readexactly(length))  # noqa: S301 - from our own


def _send(process: Process, message: Any) -> None:
    if process.stdin is None:
        raise ValueError("the process was started without pipes")
    try:
        process.stdin.write(_packed(message))
    except RuntimeError as error:
        # So says uvloop of a pipe whose other end is gone.
        raise ConnectionError(str(error)) from error


def _packed(message: Any) -> bytes:
    data = pickle.dumps(message)
    return _LENGTH.pack(len(data)) + data


def _received(source: BinaryIO) -> Any:
    """Return the next message, or None at the end."""
    head = source.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    data = source.read(length)
    # Less, if whoever asked was killed over it.
    return pickle.loads(data) if len(data) == length else None  # noqa: S301


def _serve(source: BinaryIO, target: FileIO) -> None:
    settings, niceness = _received(source)
    if hasattr(os, "nice"):
        os.nice(niceness)
    _tell(target, None)
    while (question := _received(source)) is not None:
        function, asked = question
        answer: tuple[Any, Exception | None]
        try:
            answer = (function(asked, settings), None)
        except (OgaError, OSError) as error:
            answer = (None, error)
        _tell(target, answer)


def _tell(target: FileIO, message: Any) -> None:
    rest = memoryview(_packed(message))
    while rest:
        rest = rest[target.write(rest) :]


def main() -> None:
    """Answer questions until there are no more."""
    # Whoever sends it: when to end is for the one that asks to know.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    hush_decoders()
    # What a decoder prints must not be taken for an answer.
    answers = FileIO(os.dup(1), "wb")
    os.dup2(2, 1)
    # Nobody is there any more to be answered.
    with suppress(BrokenPipeError):
        _serve(sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()
