"""The desk: every question of the page and of the API, answered outside the event loop, so many at a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import TracebackType
from typing import Self, TypeVar

from artstore.errors import NotReady, UsageError
from artstore.facts import StoredPicture
from artstore.settings import Settings
from search.credits import Credits
from search.engine import Engine
from search.facets import Facet, Order
from search.hits import Hit, Hits
from search.mixing import Part
from search.provenance import Provenance
from search.web.answers import Answer, Picture, Stage, State, Upload
from search.web.drawer import ASKED, Drawer, File
from search.web.errors import NotHere, Overloaded, WarmingUp, WebError, without_paths
from search.web.fetching import Fetcher
from search.web.questions import MOST_START, Example, Question
from search.web.uploads import Uploads
from search.web.warming import Warming

T = TypeVar("T")

MOST_IDS = 500
"""Pictures whose credits, or facts, are asked for at once."""

MARK_LETTERS = 12

UNLIKE_WEIGHT = 0.5
"""How much "not like this" counts, unless said otherwise: as much as the rest, it leads nowhere in particular."""

MOST_REGIONS = 16
"""Questions with a region, or a picture from outside, that wait for their turn."""

LOOK_UPS_AT_ONCE = 2
"""Short questions that must not wait behind long ones: where a picture lies."""


class Desk:
    """Answers over one data folder. Opened, asked and closed in one event loop.

    Everything raises :class:`~artstore.errors.OgaError`, of which
    :func:`search.web.errors.refusal` makes an answer.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        embedder: str | None = None,
        fetcher: Callable[[Settings], Fetcher] | None = None,
    ) -> None:
        """Ask *embedder*'s vectors (None: as :class:`~search.engine.Engine` chooses).

        *fetcher* is called when the desk is opened, and what it gives is closed with it.
        """
        self.settings = settings
        self._warming = Warming(settings, embedder)
        self._pool = ThreadPoolExecutor(settings.questions_at_once, "question")
        self._look_ups = ThreadPoolExecutor(LOOK_UPS_AT_ONCE, "look-up")
        self._most_asked = settings.questions_at_once + settings.max_waiting_questions
        self._regions = ThreadPoolExecutor(1, "region")
        self._regions_asked = 0
        self._make_fetcher = fetcher
        self._fetcher: Fetcher | None = None
        self._drawer = Drawer(settings)
        # What strangers bring must not stand in the way of what is here.
        self._upload_drawer = Drawer(settings, ASKED)
        self._uploads = Uploads(settings, self._upload_drawer)
        self.asked = 0
        """Questions that are being answered, or wait for it."""

    async def __aenter__(self) -> Self:
        self._fetcher = self._make_fetcher(self.settings) if self._make_fetcher else None
        for cache in (self._uploads.cache, self._drawer.cache):
            await asyncio.to_thread(cache.sweep)
        self._warming.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait for what is being answered, and close everything."""
        if self._fetcher:
            await self._fetcher.close()
        await self._drawer.close()
        await self._upload_drawer.close()
        for pool in (self._pool, self._look_ups, self._regions):
            await asyncio.to_thread(pool.shutdown, cancel_futures=True)
        await asyncio.to_thread(self._warming.stop)

    @property
    def state(self) -> State:
        """What can be asked at this moment."""
        return self._warming.state

    async def answer(self, question: Question, *, facets: bool = True) -> Answer:
        """Return the part of the answer that *question* asks for; without *facets*, nothing is counted."""
        began_s = time.perf_counter()
        parts = self._parts(question)
        # These go through the network, and decode: one at a time, so that others have their turn.
        dear = any(one.token or one.box for one in (*question.like, *question.unlike))
        ask = self._ask_region if dear else self._ask
        hits, counted, marks = await ask(lambda engine: self._answered(engine, question, parts, facets))
        shown = hits[question.start : question.start + question.count]
        following = question.start + question.count
        return Answer(
            hits=tuple(shown),
            hidden=hits.hidden,
            next_start=following if len(hits) > following and following <= MOST_START else None,
            facets=counted,
            marks=marks,
            took_ms=round(1000 * (time.perf_counter() - began_s), 1),
        )

    async def picture(self, image_id: int) -> Picture:
        """Return picture *image_id* with everything around it. Raises :class:`~search.web.errors.NotHere`."""

        def found(engine: Engine) -> Picture:
            if image_id not in engine.stored([image_id]):
                raise _no_picture(image_id)
            hit, *others = engine.group(image_id)
            facts = engine.facts(image_id)
            ids = [image_id, *(one.image_id for one in others), *facts.series, *facts.beside]
            stored = engine.stored(ids)
            return Picture(
                hit, _mark(stored[image_id]), stored[image_id].format, facts, tuple(others), _marks(stored)
            )

        return await self._ask(found)

    async def hits(self, image_ids: Sequence[int]) -> tuple[Hit, ...]:
        """Return pictures *image_ids*, in that order; those that do not exist are left out."""
        _check_count(image_ids)

        def found(engine: Engine) -> tuple[Hit, ...]:
            known = engine.stored(image_ids)
            return tuple(engine.hits([image_id for image_id in image_ids if image_id in known]))

        return await self._ask(found)

    async def group(self, image_id: int, question: Question) -> tuple[Hit, ...]:
        """Return picture *image_id*, and after it what is one with it and has the words and fits the filters of *question*.

        Raises :class:`~search.web.errors.NotHere`.
        """
        only = replace(question.only, words=question.words) if question.words else question.only

        def found(engine: Engine) -> tuple[Hit, ...]:
            if image_id not in engine.stored([image_id]):
                raise _no_picture(image_id)
            return tuple(engine.group(image_id, only=only))

        return await self._ask(found)

    async def marks(self, image_ids: Sequence[int]) -> dict[int, str]:
        """Return what changes with each picture, by image id."""
        return _marks(await self._look_up(lambda engine: engine.stored(image_ids)))

    async def whose(self, token: str) -> Provenance:
        """Return whose the uploaded picture *token* probably is."""
        path = self._uploads.path(token)
        self._check_ready(uploads=True)
        return await self._ask_region(lambda engine: engine.whose(path))

    async def credits(self, image_ids: Sequence[int]) -> Credits:
        """Return what to write beside pictures *image_ids*; raises UsageError for those that there are not."""
        _check_count(image_ids)
        return await self._ask(lambda engine: engine.credits(list(dict.fromkeys(image_ids))))

    async def keep(self, content: bytes) -> Upload:
        """Keep the picture that *content* is, to ask with."""
        return await self._uploads.keep(content)

    async def fetch(self, url: str) -> Upload:
        """Fetch the picture at *url*, and keep it to ask with."""
        if self._fetcher is None:
            raise WebError(501, "this server fetches no pictures; upload it instead")
        return await self._uploads.keep(await self._fetcher.fetch(url))

    async def upload(self, token: str) -> Upload:
        """Return what is known of the uploaded picture *token*."""
        return await asyncio.to_thread(self._uploads.find, token)

    def upload_file(self, token: str) -> File:
        """Return the file of the uploaded picture *token*, a PNG."""
        return File(self._uploads.path(token), "image/png", token)

    async def thumb(self, image_id: int, suffix: str, client: str) -> File:
        """Return picture *image_id* small, as ``webp`` or ``png``. Raises :class:`~search.web.errors.NotHere`.

        *client* is who asks: of one, so many pictures wait to be drawn and no more.
        """
        return await self._drawer.thumb(await self._stored(image_id), suffix, client)

    async def shown(self, image_id: int, client: str) -> File:
        """Return picture *image_id* as browsers can show it; else as :meth:`thumb`."""
        return await self._drawer.shown(await self._stored(image_id), client)

    async def _stored(self, image_id: int) -> StoredPicture:
        found = await self._look_up(lambda engine: engine.stored([image_id]))
        if image_id not in found:
            raise _no_picture(image_id)
        return found[image_id]

    def _parts(self, question: Question) -> list[Part]:
        """Return the pictures of *question*. Raises what says that they cannot be asked with yet, or any more."""
        examples = [*question.like, *question.unlike]
        signs = [1.0] * len(question.like) + [-UNLIKE_WEIGHT] * len(question.unlike)
        parts = [self._part(example, sign) for example, sign in zip(examples, signs, strict=True)]
        if examples:
            self._check_ready(uploads=any(one.token or one.box for one in examples))
        return parts

    def _part(self, example: Example, sign: float) -> Part:
        picture = self._uploads.path(example.token) if example.token else example.image_id or 0
        return Part(picture, sign * example.weight, example.box)

    def _check_ready(self, *, uploads: bool) -> None:
        state = self.state
        if not (state.looks and (state.uploads or not uploads)):
            if state.name in {Stage.WARMING_UP, Stage.READY} and not state.command:
                raise WarmingUp(f"warming up: {state.message}")
            raise WebError(503, state.message, retry_after_s=30)

    def _answered(
        self,
        engine: Engine,
        question: Question,
        parts: list[Part],
        facets: bool,  # noqa: FBT001
    ) -> tuple[Hits, tuple[Facet, ...] | None, dict[int, str]]:
        hits = self._found(engine, question, parts)
        shown = [hit.image_id for hit in hits[question.start : question.start + question.count]]
        counted = engine.facets(question.only, words=question.words, indexed=bool(parts)) if facets else None
        return hits, counted, _marks(engine.stored(shown))

    def _found(self, engine: Engine, question: Question, parts: list[Part]) -> Hits:
        """Return all hits up to the end of the page, and one more if there is one."""
        top = question.start + question.count + 1
        if parts:
            only = replace(question.only, words=question.words) if question.words else question.only
            return engine.mix(parts, top=top, only=only, expand=question.expand)
        if question.words:
            return engine.words(question.words, top=top, only=question.only, expand=question.expand)
        order = Order.MIXED if question.empty else Order.NEWEST
        return engine.browse(top=top, only=question.only, expand=question.expand, order=order)

    async def _ask(self, work: Callable[[Engine], T]) -> T:
        """Return what *work* does, once it is its turn. Raises :class:`~search.web.errors.Overloaded` if too many wait."""
        if self.asked >= self._most_asked:
            raise Overloaded
        self.asked += 1
        try:
            return await self._in(self._pool, work)
        finally:
            self.asked -= 1

    async def _ask_region(self, work: Callable[[Engine], T]) -> T:
        """Do as :meth:`_ask` does, one at a time, beside all others: what is asked with is decoded, and goes through the network."""
        if self._regions_asked >= MOST_REGIONS:
            raise Overloaded
        self._regions_asked += 1
        try:
            return await self._in(self._regions, work)
        finally:
            self._regions_asked -= 1

    async def _in(self, pool: ThreadPoolExecutor, work: Callable[[Engine], T]) -> T:
        engine = self._engine()
        try:
            return await asyncio.get_running_loop().run_in_executor(pool, work, engine)
        except UsageError as error:
            raise UsageError(without_paths(str(error), self.settings.data_dir)) from error
        except NotReady as error:
            raise NotReady(without_paths(str(error), self.settings.data_dir)) from error

    async def _look_up(self, work: Callable[[Engine], T]) -> T:
        return await self._in(self._look_ups, work)

    def _engine(self) -> Engine:
        engine = self._warming.engine
        if engine is None:
            state = self.state
            if state.name is Stage.EMPTY:
                raise WebError(503, state.message, retry_after_s=30)
            raise WarmingUp(f"warming up: {state.message}")
        return engine


def _no_picture(image_id: int) -> NotHere:
    return NotHere(f"there is no picture {image_id}")


def _check_count(image_ids: Sequence[int]) -> None:
    if len(image_ids) > MOST_IDS:
        raise WebError(400, f"that is more than {MOST_IDS} pictures at once")


def _mark(picture: StoredPicture) -> str:
    return picture.pixel_hash[:MARK_LETTERS]


def _marks(stored: dict[int, StoredPicture]) -> dict[int, str]:
    return {image_id: _mark(picture) for image_id, picture in stored.items()}
