"""The page: its routes. What they answer is HTML that is complete without JavaScript."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, RedirectResponse, Response

from artstore.errors import UsageError
from search.web.answers import Stage
from search.web.cards import SMALL_BOX_PX, art_of, art_of_hit, number, sentence, stage_art, title_of
from search.web.choices import Shown
from search.web.crediting import FILES, credit_text, credits_view, whose_view
from search.web.desk import MOST_IDS, Desk
from search.web.errors import WebError
from search.web.links import STATIC, Links, version
from search.web.questions import Example, Question
from search.web.reading import asked_with
from search.web.showing import (
    FEW,
    SOME,
    Frame,
    fields_of,
    group_view,
    hits_view,
    picture_view,
    region_view,
    search_view,
    start_view,
)
from search.web.templating import render, warm
from search.web.views import AboutView, Art, MessageView, View

FOR_EVER = "public, max-age=31536000, immutable"

NOT_FOR_ROBOTS = ("/search", "/hits", "/group", "/region", "/whose", "/credits", "/basket", "/image", "/api")

YOURS = "Your picture"

HEADINGS = {
    400: "That cannot be asked",
    404: "There is nothing here",
    405: "That is not asked in this way",
    408: "That took too long",
    410: "It is not here any more",
    413: "That is too large",
    415: "That is no picture",
    422: "That gave no picture",
    429: "Slowly, please",
    500: "Something went wrong",
    503: "Not just now",
}
"""Status -> the same for people."""


def router(desk: Desk) -> APIRouter:
    """Return the routes of the page, which asks *desk*."""
    warm()
    pages = Pages(desk)
    routes = APIRouter(include_in_schema=False)
    for path, endpoint in (
        ("/", pages.start),
        ("/search", pages.search),
        ("/hits", pages.hits),
        ("/picture/{image_id:int}", pages.picture),
        ("/group/{image_id:int}", pages.group),
        ("/region", pages.region),
        ("/whose", pages.whose),
        ("/credits", pages.credits),
        ("/basket", pages.basket),
        ("/about", pages.about),
        ("/static/{version}/{name}", static),
        ("/robots.txt", robots),
    ):
        routes.add_api_route(path, endpoint, methods=["GET"], response_model=None)
    routes.add_api_route("/ask", pages.ask, methods=["POST"], response_model=None)
    return routes


def error_page(
    request: Request, status: int, title: str, message: str, *, command: str = "", waiting: bool = False
) -> HTMLResponse:
    """Return a page that tells people what is wrong: *message* with what to do, below *title*.

    Where that is HTTP's own phrase for *status*, :data:`HEADINGS` says the same to people.

    *command* is for who keeps the server; *waiting* brings the page back by itself, if it was not sent.
    """
    frame = _frame(request)
    waiting = waiting and request.method == "GET"
    heading = HEADINGS.get(status, title) if title == HTTPStatus(status).phrase else title
    if waiting:
        heading = "In a moment"
    view = MessageView(
        **frame.fields(heading, waiting=waiting),
        heading=heading,
        message=sentence(message),
        command=command,
        retry=_here(request, frame.links) if status in {429, 503} and request.method == "GET" else None,
    )
    return HTMLResponse(render(view), status)


async def static(request: Request) -> Response:
    """Answer with one of our own files; below a folder of another version it may not be kept."""
    path = STATIC / request.path_params["name"]
    if path.parent != STATIC or not path.is_file():
        raise WebError(404, "there is no such file")
    current = request.path_params["version"] == version()
    return FileResponse(path, headers={"Cache-Control": FOR_EVER if current else "no-cache"})


async def robots(request: Request) -> Response:
    """Ask robots to leave questions to people: there is no end of them."""
    links = _frame(request).links
    lines = ["User-agent: *", *(f"Disallow: {links.to(path)}" for path in NOT_FOR_ROBOTS)]
    return PlainTextResponse("\n".join(lines) + "\n")


class Pages:
    """The pages, over *desk*."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def start(self, request: Request) -> Response:
        """Answer with the first page."""
        if self._desk.state.name is Stage.EMPTY:
            return self._empty(request)
        start = Question.parse(request.query_params).start
        answer = await self._desk.answer(Question(start=start, count=FEW))
        frame = _frame(request, notice=self._notice())
        return _html(start_view(frame, answer, self._desk.state.pictures, start))

    async def search(self, request: Request) -> Response:
        """Answer a question."""
        if self._desk.state.name is Stage.EMPTY:
            return self._empty(request)
        question = Question.parse(request.query_params)
        kept = fields_of(question.replaced(words="", start=0))
        frame = _frame(request, notice=self._notice(), words=question.words, kept=kept)
        answer = await self._desk.answer(question)
        shown = await self._shown(question, frame.links)
        return _html(search_view(frame, question, answer, shown))

    async def hits(self, request: Request) -> Response:
        """Answer a question with its hits alone."""
        question = Question.parse(request.query_params)
        answer = await self._desk.answer(question, facets=False)
        return _html(hits_view(_frame(request), question, answer))

    async def picture(self, request: Request) -> Response:
        """Answer with the page of one picture."""
        image_id = request.path_params["image_id"]
        picture = await self._desk.picture(image_id)
        credits_ = await self._desk.credits([image_id])
        frames = await self._desk.hits(picture.facts.series[:SOME])
        credit = credit_text(credits_, "text")
        return _html(picture_view(_frame(request), picture, frames, credits_, credit))

    async def group(self, request: Request) -> Response:
        """Answer with all that is one with a picture."""
        question = Question.parse(request.query_params)
        hits = await self._desk.group(request.path_params["image_id"], question)
        shown = hits[question.start : question.start + question.count]
        marks = await self._desk.marks([hit.image_id for hit in shown])
        return _html(group_view(_frame(request), question, hits, marks))

    async def region(self, request: Request) -> Response:
        """Answer with a page to draw a region on; or, if that is done, with the question it makes."""
        question = Question.parse(request.query_params)
        asked = (*question.like, *question.unlike)
        part = _number(request.query_params, "part", 0)
        if part >= len(asked):
            raise UsageError("no picture is named of which a part is wanted")
        frame = _frame(request)
        if "w" in request.query_params:
            x, y, w, h = (_number(request.query_params, name, 0) for name in "xywh")
            changed = [*asked]
            # Written and read: so it is checked as any other.
            changed[part] = Example.parse(f"{replace(asked[part], box=None)}~{x},{y},{w},{h}")
            like = tuple(changed[: len(question.like)])
            unlike = tuple(changed[len(question.like) :])
            return RedirectResponse(frame.links.search(question, like=like, unlike=unlike, start=0), 303)
        art = await self._art_of(asked[part], frame.links)
        return _html(region_view(frame, question, part, art))

    async def whose(self, request: Request) -> Response:
        """Answer with the works that an uploaded picture probably comes from."""
        question = Question.parse(request.query_params)
        if not question.like:
            raise UsageError("no picture is named: ask on the first page")
        example = question.like[0]
        frame = _frame(request, notice=self._notice())
        if example.token is None:
            return RedirectResponse(frame.links.picture(example.image_id or 0), 303)
        upload = await self._desk.upload(example.token)
        found = await self._desk.whose(example.token)
        ids = [origin.hit.image_id for origin in found.origins]
        credits_ = {image_id: await self._desk.credits([image_id]) for image_id in ids}
        nearest = [found.nearest.image_id] if found.nearest else []
        marks = await self._desk.marks([*ids, *nearest])
        art = stage_art(frame.links.upload(upload.token), upload.width_px, upload.height_px, alt=YOURS)
        pictures = self._desk.state.pictures
        return _html(whose_view(frame, art, upload.token, found, credits_, marks, pictures))

    async def credits(self, request: Request) -> Response:
        """Answer with what to write beside pictures, as a page or, in a format, as a file."""
        kind = request.query_params.get("format", "")
        if not kind:
            return await self._credited(request, basket=False)
        if kind not in FILES:
            raise UsageError(f"credits come as {', '.join(FILES)}, not as {kind[:30]!r}")
        ids = _ids(request)
        if not ids:
            raise UsageError("no picture is named whose credits are wanted: id=NUMBER, as often as you like")
        # A file that leaves some out in silence would be taken for all.
        credits_ = await self._desk.credits(ids)
        suffix, media_type = FILES[kind]
        return Response(
            credit_text(credits_, kind),
            media_type=media_type,
            headers={"Content-Disposition": f'attachment; filename="credits.{suffix}"'},
        )

    async def basket(self, request: Request) -> Response:
        """Answer with the basket, whose pictures the address names."""
        return await self._credited(request, basket=True)

    async def ask(self, request: Request) -> Response:
        """Take a picture, or its address, and lead to what it was asked for."""
        upload = await asked_with(request, self._desk)
        then = (await request.form()).get("then")
        to = "/whose" if then == "whose" else "/search"
        return RedirectResponse(_frame(request).links.to(to, f"like=@{upload.token}"), 303)

    async def about(self, request: Request) -> Response:
        """Answer with what this page is."""
        state = self._desk.state
        view = AboutView(
            **_frame(request).fields("Help"),
            pictures=number(state.pictures, "picture") if state.pictures else "Pictures",
            embedder=state.embedder or "",
        )
        return _html(view)

    async def _credited(self, request: Request, *, basket: bool) -> Response:
        ids = _ids(request)
        hits = await self._desk.hits(ids)
        found = [hit.image_id for hit in hits]
        credits_, marks = await asyncio.gather(self._desk.credits(found), self._desk.marks(found))
        missing = sorted(set(ids) - set(found))
        return _html(credits_view(_frame(request), hits, marks, credits_, missing, basket=basket))

    async def _art_of(self, example: Example, links: Links) -> Art:
        """Return a picture of a question as it stands on a page of its own."""
        if example.token:
            upload = await self._desk.upload(example.token)
            return stage_art(links.upload(example.token), upload.width_px, upload.height_px, alt=YOURS)
        picture = await self._desk.picture(example.image_id or 0)
        return art_of_hit(links.image(picture.hit.image_id, picture.mark), picture.hit, None)

    async def _shown(self, question: Question, links: Links) -> Shown:
        """Return what says how pictures of *question* look, and are called."""
        asked = (*question.like, *question.unlike)
        tokens = [example.token for example in asked if example.token]
        uploads = {token: await self._desk.upload(token) for token in tokens}
        hits = await self._desk.hits([one.image_id for one in asked if one.image_id is not None])
        by_id = {hit.image_id: hit for hit in hits}
        marks = await self._desk.marks(list(by_id))

        def shown(example: Example) -> tuple[Art, str]:
            if example.token:
                upload = uploads[example.token]
                url = links.upload(example.token)
                return art_of(url, upload.width_px, upload.height_px, SMALL_BOX_PX, alt=YOURS), YOURS
            hit = by_id[example.image_id or 0]
            url = links.thumb(hit.image_id, marks.get(hit.image_id, ""))
            return art_of_hit(url, hit, SMALL_BOX_PX), title_of(hit)

        return shown

    def _notice(self) -> str:
        state = self._desk.state
        return sentence(state.message) if state.name in {Stage.WARMING_UP, Stage.UNINDEXED} else ""

    def _empty(self, request: Request) -> HTMLResponse:
        state = self._desk.state
        return error_page(request, 503, "Nothing was collected yet", state.message, command=state.command)


def _frame(request: Request, **more: Any) -> Frame:
    desk: Desk = request.app.state.desk
    return Frame(Links.below(request.scope.get("root_path", "")), desk.settings.max_upload_bytes, **more)


def _html(view: View) -> HTMLResponse:
    return HTMLResponse(render(view))


def _here(request: Request, links: Links) -> str:
    """Return the address that was asked for, as it came."""
    path = request.scope.get("raw_path", b"/").decode("latin-1")
    inside = path.removeprefix(links.root) if links.root else path
    return links.to(inside, request.url.query)


def _ids(request: Request) -> list[int]:
    """Return the pictures that are named, each once."""
    texts = request.query_params.getlist("id")
    if odd := next((text for text in texts if not re.fullmatch("[0-9]{1,18}", text)), None):
        raise UsageError(f"{odd[:30]!r} is no number of a picture")
    ids = list(dict.fromkeys(map(int, texts)))
    if len(ids) > MOST_IDS:
        raise UsageError(f"at most {MOST_IDS} pictures can be credited at once")
    return ids


def _number(query: QueryParams, name: str, least: int) -> int:
    text = query.get(name, "0").strip()
    if not re.fullmatch("[0-9]{1,7}", text) or int(text) < least:
        raise UsageError(f"{name} is a whole number from {least} on, not {text[:30]!r}")
    return int(text)
