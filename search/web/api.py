"""The API: questions and answers in JSON, described by OpenAPI."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from artstore.errors import UsageError
from search.web.crediting import FILES, credit_text
from search.web.described import ALWAYS, CREDITS, GONE, MISSING, QUESTION, UPLOAD, UPLOADS
from search.web.desk import MOST_IDS, Desk
from search.web.questions import Example, Question
from search.web.reading import asked_with
from search.web.shapes import (
    AnswerShape,
    CreditsShape,
    GroupShape,
    PictureShape,
    Shapes,
    StateShape,
    UploadShape,
    WhoseShape,
    credits_shape,
    state_shape,
)

ImageId = Annotated[int, Path(ge=1, lt=1 << 63, description="of a picture, as an answer has it")]


def router(desk: Desk) -> APIRouter:
    """Return the routes of the API, which asks *desk*."""
    routes = APIRouter(prefix="/api", tags=["questions"], responses=ALWAYS)

    @routes.get("/search", responses=GONE, openapi_extra=QUESTION)
    async def search(request: Request) -> AnswerShape:
        """Find pictures: by words, by pictures, by both (pictures rank, words filter), or by filters alone."""
        question = Question.parse(request.query_params)
        facets = request.query_params.get("facets", "") not in {"", "0"}
        answer = await desk.answer(question, facets=facets)
        following = None
        if answer.next_start is not None:
            following = question.query(start=answer.next_start) + ("&facets=1" if facets else "")
        return _shapes(request).answer(answer, following)

    @routes.post("/ask", responses=UPLOADS, openapi_extra=UPLOAD)
    async def ask(request: Request) -> UploadShape:
        """Give a picture to ask with: as a file, by its URL, or as the body itself. It is kept for some days."""
        return _shapes(request).upload(await asked_with(request, desk))

    @routes.get("/picture/{image_id}", responses=MISSING)
    async def picture(request: Request, image_id: ImageId) -> PictureShape:
        """Return one picture, its work, its series, and what is one with it."""
        return _shapes(request).picture(await desk.picture(image_id))

    @routes.get("/group/{image_id}", responses=MISSING, openapi_extra=QUESTION)
    async def group(request: Request, image_id: ImageId) -> GroupShape:
        """Return a picture, and the copies, recolours and frames that are one with it and that words and filters let through."""
        hits = await desk.group(image_id, Question.parse(request.query_params))
        marks = await desk.marks([hit.image_id for hit in hits])
        return GroupShape(hits=_shapes(request).hits(hits, marks))

    @routes.get("/whose", responses=GONE)
    async def whose(
        request: Request, like: Annotated[str, Query(description="`@TOKEN` of an uploaded picture")]
    ) -> WhoseShape:
        """Say which works a picture probably comes from, and how sure that is."""
        token = Example.parse(like).token
        if token is None:
            raise UsageError("whose a picture is can be asked of uploaded ones: like=@TOKEN")
        found = await desk.whose(token)
        hits = [*(origin.hit for origin in found.origins), *([found.nearest] if found.nearest else [])]
        return _shapes(request).whose(found, await desk.marks([hit.image_id for hit in hits]))

    _add_credits_and_status(routes, desk)
    return routes


def _add_credits_and_status(routes: APIRouter, desk: Desk) -> None:
    @routes.get("/credits", response_model=CreditsShape, responses=CREDITS)
    async def credits_(
        image_ids: Annotated[
            list[Annotated[int, Query(ge=1, lt=1 << 63)]],
            Query(alias="id", min_length=1, max_length=MOST_IDS, description="pictures that are used"),
        ],
        kind: Annotated[
            Literal["json", "text", "markdown", "csv"], Query(alias="format", description="how to write them")
        ] = "json",
    ) -> Any:
        """Return what to write beside pictures that are used, each work once, and what their licences ask for."""
        found = await desk.credits(image_ids)
        if kind == "json":
            return credits_shape(found)
        return Response(credit_text(found, kind), media_type=FILES[kind][1])

    @routes.get("/status")
    async def status() -> StateShape:
        """Say what can be asked at this moment, and what is taken to ask with."""
        settings = desk.settings
        return state_shape(desk.state, settings.max_upload_bytes, settings.max_upload_px)


def _shapes(request: Request) -> Shapes:
    return Shapes(request.scope.get("root_path", ""))
