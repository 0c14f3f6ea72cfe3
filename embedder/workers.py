"""An embedder at work in processes of its own: one for each core, computing in one thread.

That beats one process in many threads by a fifth, and no decoder can take the work
down with it. On a GPU, one process has it to itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from itertools import islice
from pathlib import Path
from threading import Thread
from typing import Any, TypeVar

from filelock import FileLock

from artstore.aside import Aside, Bounds, ProcessEnded, TooSlow
from artstore.errors import OgaError, PictureError
from artstore.ledger import Waiting
from artstore.settings import Settings
from embedder.batches import Here, Prepared, answers_to, prepare
from embedder.machine import cores, free_memory_bytes
from embedder.protocol import Answer, Embedder, Embedding
from embedder.registry import is_network, load_library, make_ready, open_embedder

T = TypeVar("T")

LARGE_PX = 1 << 24
"""A picture of more pixels takes much memory while it is prepared."""

NETWORK_BYTES = 2 << 30
"""What a process with VGG16 takes, and room."""

GPU_BATCHES = 8
"""That one process gets together: the next are prepared while one is embedded."""

ANSWER_S = 3600.0
"""After which a process is ended that does not answer: it may have to download weights first."""

NICENESS = 5
"""How far they stand back behind a crawl that they work beside."""

TOO_LITTLE_MEMORY = "if the machine has too little memory for it, --low-memory takes less"


@dataclass(frozen=True, slots=True)
class _Profile:
    """What a process says of its embedder."""

    name: str
    dim: int
    batch_size: int
    fingerprint: str
    on_gpu: bool


@dataclass(frozen=True, slots=True)
class _Question:
    """A batch, its paths below the data folder; with none, it asks who answers."""

    paths: Sequence[str] = ()
    is_large: bool = False


def open_embedding(settings: Settings) -> Embedding:
    """Return the embedder that *settings* name at work. Raises as :func:`~embedder.registry.open_embedder` does."""
    if settings.low_memory:
        return Here(open_embedder(settings), settings.data_dir)
    return Workers(settings)


class Workers:
    """The embedder that *settings* name in as many processes as are best, started when there is work for them."""

    def __init__(self, settings: Settings) -> None:
        # Here, so that each of them finds what it needs, and a person sees how far the download is.
        make_ready(settings)
        self._count = _count(settings)
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="workers", daemon=True)
        self._thread.start()
        self._aside = self._opened(settings, self._count, 1)
        try:
            profile = self._profile()
            if profile.on_gpu:
                self._count = 1
                self._run(self._aside.close())
                self._aside = self._opened(settings, 1, GPU_BATCHES)
        except BaseException:
            self.close()
            raise
        self.name, self.dim = profile.name, profile.dim
        self.batch_size, self.fingerprint = profile.batch_size, profile.fingerprint
        self._in_flight = 2 * self._count * (GPU_BATCHES if profile.on_gpu else 1)

    def answers(
        self, batches: Iterable[Sequence[Waiting]]
    ) -> Iterator[tuple[Sequence[Waiting], Sequence[Answer]]]:
        """Yield each of *batches* as soon as it is embedded, with the answers.

        Raises :class:`~artstore.errors.OgaError` if no process can be started.
        """
        coming = iter(batches)
        asked: dict[Future[list[Answer]], Sequence[Waiting]] = {}
        try:
            while True:
                for batch in islice(coming, self._in_flight - len(asked)):
                    asked[self._started(self._answers(batch))] = batch
                if not asked:
                    return
                for done in wait(asked, return_when=FIRST_COMPLETED).done:
                    yield asked.pop(done), done.result()
        finally:
            for future in asked:
                future.cancel()

    def close(self) -> None:
        """End the processes."""
        self._run(self._aside.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _opened(self, settings: Settings, count: int, most: int) -> Aside[_Question, Any]:
        bounds = Bounds(niceness=NICENESS, answer_s=ANSWER_S)
        return Aside(_serve, settings.override(embed_processes=count), count=count, most=most, bounds=bounds)

    def _profile(self) -> _Profile:
        try:
            profile: _Profile = self._run(self._aside.ask(_Question(), alone=True))
        except ProcessEnded as error:
            raise OgaError(
                f"the process of the embedder ended while it was loaded, {error}; {TOO_LITTLE_MEMORY}"
            ) from error
        return profile

    async def _answers(self, batch: Sequence[Waiting]) -> list[Answer]:
        is_large = any(picture.size_px > LARGE_PX for picture in batch)
        try:
            answers: list[Answer] = await self._aside.ask(
                _Question([picture.path for picture in batch], is_large)
            )
        except ProcessEnded as error:
            if len(batch) == 1:
                reason = "too_slow" if isinstance(error, TooSlow) else "crashed"
                return [PictureError(reason, f"the process that embeds ended over it, {error}")]
            # One of them did it, and shall cost no other.
            return [one for picture in batch for one in await self._answers([picture])]
        return answers

    def _started(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._started(work).result()


def _count(settings: Settings) -> int:
    """Return how many processes there are to be on a machine without a GPU."""
    if settings.embed_processes:
        return settings.embed_processes
    free_bytes = free_memory_bytes()
    if not is_network(settings) or free_bytes is None:
        return cores()
    return max(1, min(cores(), free_bytes // NETWORK_BYTES))


def _serve(
    questions: Sequence[_Question], settings: Settings
) -> Iterator[_Profile | list[Answer] | OgaError | OSError]:
    try:
        embedder = _loaded(settings)
    except OgaError as error:
        yield from [error] * len(questions)
        return
    # The others have a core each, which decodes as well as it computes.
    with ThreadPoolExecutor(settings.decode_threads if embedder.on_gpu else 1) as threads:
        for question, prepared in [(one, _begun(threads, embedder, one, settings)) for one in questions]:
            yield _answered(embedder, prepared) if question.paths else _profile_of(embedder)


def _answered(embedder: Embedder, prepared: Iterable[Prepared]) -> list[Answer] | OSError:
    try:
        return answers_to(embedder, list(prepared))
    except OSError as error:
        # It is the machine's fault, not a picture's: whoever asked has to hear of it.
        return error


def _begun(
    threads: ThreadPoolExecutor, embedder: Embedder, question: _Question, settings: Settings
) -> Iterable[Prepared]:
    paths = [settings.data_dir / path for path in question.paths]
    if question.is_large:
        return _in_turn(embedder, paths, settings)
    return threads.map(partial(prepare, embedder), paths)


def _in_turn(embedder: Embedder, paths: Sequence[Path], settings: Settings) -> Iterator[Prepared]:
    with _one_at_a_time(settings):
        yield from [prepare(embedder, path) for path in paths]


def _profile_of(embedder: Embedder) -> _Profile:
    return _Profile(embedder.name, embedder.dim, embedder.batch_size, embedder.fingerprint, embedder.on_gpu)


@cache
def _loaded(settings: Settings) -> Embedder:
    """Return the embedder of this process."""
    load_library(settings)
    with _one_at_a_time(settings):
        return open_embedder(settings, max(1, cores() // settings.embed_processes))


@contextmanager
def _one_at_a_time(settings: Settings) -> Iterator[None]:
    """Do what takes much memory for a moment while no other process of this embedder does."""
    folder = settings.features_dir(settings.embedder)
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / "memory.lock"):
        yield
