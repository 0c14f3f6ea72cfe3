"""Functions run aside: in processes of their own, asked over a pipe.

For work that would hold up whoever has a network to serve: Python runs one thread
at a time, and a crash ends all of them. ``python -m artstore.aside`` is such a
process. It ends with its input, or with whoever started it, however that ended.
"""

from __future__ import annotations

import asyncio
import os
import pickle
import signal
import struct
import sys
import threading
import time
from asyncio.subprocess import PIPE, Process
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from io import FileIO
from pathlib import Path
from typing import Any, BinaryIO, Generic, TypeVar

from artstore.command import hush_decoders
from artstore.errors import OgaError
from artstore.settings import Settings

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")

_ROOT = Path(__file__).resolve().parents[1]

GATHER_S = 0.02
"""How long a question waits for others to go with it: each message stops whoever is at work on either side."""

PATIENCE_S = 0.5
"""How long a question waits behind a slow one before another process is asked, which is started if there may be more."""

_LENGTH = struct.Struct("!I")
"""Before each pickle, in both directions."""


class ProcessEnded(Exception):
    """A process ended over a question: it crashed, or was killed."""


class TooSlow(ProcessEnded):
    """A process was ended because a question took it too long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What each process may take."""

    niceness: int = 0
    """How far it stands back behind others."""
    memory_bytes: int | None = None
    """Of its own; more is a MemoryError there. Only on Linux."""
    answer_s: float | None = None
    """For one answer."""


UNBOUND = Bounds()


@dataclass(slots=True, eq=False)
class _Question:
    asked: bytes
    """Pickled: what cannot be sent is refused to whoever asked it, and to nobody else."""
    alone: bool
    answer: asyncio.Future[Any]
    since_s: float


class Aside(Generic[Asked, Answer]):
    """*function*, of a module's top level, in up to *count* processes, which are started when they are needed.

    It gets up to *most* questions at a time and yields, in their order, the answer
    to each, or the OgaError or OSError that is to be raised. It may get a question
    twice, even at the same time: one that waits behind a slow one, or in a process
    that ends, goes to another.
    """

    def __init__(
        self,
        function: Callable[[Sequence[Asked], Settings], Iterable[Answer | Exception]],
        settings: Settings,
        *,
        count: int,
        most: int,
        bounds: Bounds = UNBOUND,
    ) -> None:
        self._greeting = (function, replace(settings, data_dir=settings.data_dir.absolute()), bounds)
        self._answer_s = bounds.answer_s
        self._count = count
        self._most = most
        self._waiting: deque[_Question] = deque()
        self._arrived = asyncio.Event()
        self._gathering = asyncio.Lock()
        self._helpers: dict[asyncio.Task[None], _Helper] = {}
        self._watching: asyncio.Task[None] | None = None

    async def ask(self, asked: Asked, *, alone: bool = False) -> Answer:
        """Return the answer to *asked*; what may take long goes *alone*, so that no other question waits for it.

        Raises the OgaError or OSError that is the answer, :class:`ProcessEnded`, also
        for any other error, which is a bug and leaves its traceback on stderr, and
        :class:`~artstore.errors.OgaError` if no process can be started.
        """
        loop = asyncio.get_running_loop()
        question = _Question(pickle.dumps(asked), alone, loop.create_future(), loop.time())
        self._waiting.append(question)
        self._arrived.set()
        if self._watching is None:
            self._watching = asyncio.create_task(self._watch())
        try:
            answer: Answer = await question.answer
        except asyncio.CancelledError:
            for helper in self._helpers.values():
                helper.give_up(question)
            raise
        return answer

    async def close(self) -> None:
        """End the processes; nobody waits for an answer any more."""
        tasks = [task for task in (self._watching, *self._helpers) if task]
        for task in tasks:
            task.cancel()
        # What ended them, if anything did, was told to whoever waited.
        await asyncio.gather(*tasks, return_exceptions=True)
        for question in self._waiting:
            question.answer.cancel()

    async def _watch(self) -> None:
        """Start processes as they are needed, and let no question wait for another's answer."""
        while True:
            if self._needs_another():
                helper = _Helper(self._greeting, self._answer_s)
                self._helpers[asyncio.create_task(self._work(helper))] = helper
            await asyncio.sleep(PATIENCE_S)
            self._helpers = {task: helper for task, helper in self._helpers.items() if not task.done()}
            if self._count > 1:
                for helper in self._helpers.values():
                    self._put_back(helper.held_up(asyncio.get_running_loop().time() - PATIENCE_S))

    def _needs_another(self) -> bool:
        if not self._waiting or not self._helpers:
            return bool(self._waiting)
        waited_s = asyncio.get_running_loop().time() - self._waiting[0].since_s
        return waited_s > PATIENCE_S and len(self._helpers) < self._count

    async def _work(self, helper: _Helper) -> None:
        try:
            while True:
                questions = await self._gathered()
                try:
                    await helper.answer(questions)
                except ProcessEnded as error:
                    if len(questions) == 1:
                        _refuse(questions, error)
                    # Each for itself: one of them did it, and shall cost no other.
                    self._put_back(questions)
                except OgaError as error:
                    _refuse(questions, error)
        finally:
            await helper.close()

    async def _gathered(self) -> list[_Question]:
        """Return the next questions: those that came close to each other, or one that is to go alone."""
        async with self._gathering:
            questions: list[_Question] = []
            while not questions:
                while not self._waiting:
                    self._arrived.clear()
                    await self._arrived.wait()
                if len(self._waiting) < self._most and not self._waiting[0].alone:
                    await asyncio.sleep(GATHER_S)
                while self._waiting and len(questions) < self._most:
                    if questions and (questions[0].alone or self._waiting[0].alone):
                        break
                    question = self._waiting.popleft()
                    if not question.answer.done():
                        questions.append(question)
            return questions

    def _put_back(self, questions: Sequence[_Question]) -> None:
        """Let *questions* be asked elsewhere, but for those that are: each goes alone from then on."""
        waiting = [question for question in questions if not (question.answer.done() or question.alone)]
        for question in waiting:
            question.alone = True
        self._waiting.extend(waiting)
        if waiting:
            self._arrived.set()


class _Helper:
    """One process, which is started anew when it has ended."""

    def __init__(self, greeting: object, answer_s: float | None) -> None:
        self._greeting = greeting
        self._answer_s = answer_s
        self._process: Process | None = None
        self._questions: Sequence[_Question] = ()
        self._heard_s = 0.0

    async def start(self) -> Process:
        """Raises :class:`~artstore.errors.OgaError` where it does not get ready, whatever ended it."""
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
        except NotImplementedError as error:
            # Twisted's loop on Windows can start none.
            raise OgaError("a crawl does not run on Windows itself; run it inside WSL") from error
        except OSError as error:
            raise OgaError(f"a process of our own did not start: {error}") from error
        self._process = process
        try:
            _send(process, self._greeting)
            await _heard(process)
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise OgaError(
                f"a process of our own did not start: {sys.executable} -m artstore.aside: {await self._ended()}"
            ) from error
        return process

    async def answer(self, questions: Sequence[_Question]) -> None:
        """Answer *questions*, each as soon as it can be. Raises what :meth:`start` does."""
        try:
            if self._process and self._process.returncode is not None:
                # It died while it had nothing to do: that is nobody's fault.
                self._process = None
            process = self._process or await self.start()
            self._questions = questions
            self._heard_s = asyncio.get_running_loop().time()
            _send(process, [question.asked for question in questions])
            for question in questions:
                async with asyncio.timeout(self._answer_s):
                    answer = await _heard(process)
                _resolve(question.answer, answer)
                self._heard_s = asyncio.get_running_loop().time()
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise await self._ended() from error
        except TimeoutError as error:
            self._kill()
            await self._ended()
            raise TooSlow(f"longer than {self._answer_s:g} s") from error
        except OgaError:
            raise
        except BaseException as error:
            # Nobody waits any more; or a bug, of which whoever waits has to hear.
            self._kill()
            _refuse(questions, error)
            raise
        finally:
            self._questions = ()

    def held_up(self, since_s: float) -> Sequence[_Question]:
        """Return what waits for an answer behind a question that has had none since *since_s*."""
        unanswered = [question for question in self._questions if not question.answer.done()]
        return unanswered[1:] if self._heard_s < since_s else []

    def give_up(self, question: _Question) -> None:
        """End the process if *question* is among those that it is at: it may take for ever."""
        if question in self._questions:
            self._kill()

    async def close(self) -> None:
        """End the process, once it has nothing to do."""
        if self._process and self._process.stdin:
            self._process.stdin.close()
            await self._process.wait()

    def _kill(self) -> None:
        if self._process:
            with suppress(ProcessLookupError):
                self._process.kill()

    async def _ended(self) -> ProcessEnded:
        if self._process is None:
            raise ValueError("no process was started")
        code, self._process = await self._process.wait(), None
        return ProcessEnded(f"exit code {code}")


def _resolve(future: asyncio.Future[Any], answer: Any) -> None:
    if future.done():
        # Nobody waits for it any more, or it was answered elsewhere.
        return
    if isinstance(answer, Exception):
        future.set_exception(answer)
    else:
        future.set_result(answer)


def _refuse(questions: Iterable[_Question], error: BaseException) -> None:
    for question in questions:
        if not question.answer.done():
            question.answer.set_exception(error)


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
    function, settings, bounds = _received(source)
    _keep_to(bounds)
    _tell(target, None)
    while (pickles := _received(source)) is not None:
        asked = [pickle.loads(one) for one in pickles]  # noqa: S301
        for _, answer in zip(asked, function(asked, settings), strict=True):
            _tell(target, answer)


def _keep_to(bounds: Bounds) -> None:
    if hasattr(os, "nice"):
        os.nice(bounds.niceness)
    if bounds.memory_bytes and sys.platform == "linux":
        import resource

        # What the heap and the mappings of its own may take; libraries reserve far more addresses than they use.
        resource.setrlimit(resource.RLIMIT_DATA, (bounds.memory_bytes, bounds.memory_bytes))


def _tell(target: FileIO, message: Any) -> None:
    rest = memoryview(_packed(message))
    while rest:
        rest = rest[target.write(rest) :]


def _end_with(parent: int) -> None:
    """End this process when *parent* has ended: it might work for long at what nobody waits for."""
    while os.getppid() == parent:
        time.sleep(PATIENCE_S)
    os._exit(1)


def main() -> None:
    """Answer questions until there are no more."""
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    # Whoever sends it: when to end is for the one that asks to know.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    hush_decoders()
    # What a decoder prints must not be taken for an answer, nor trouble a person: libtiff tells of odd files that
    # nobody knows the names of. A traceback is still seen.
    answers = FileIO(os.dup(1), "wb")
    sys.stderr = os.fdopen(os.dup(2), "w", encoding="utf-8", errors="replace", buffering=1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    # Nobody is there any more to be answered.
    with suppress(BrokenPipeError):
        _serve(sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()
