"""What the API answers, typed: the nouns of the engine as JSON, each with the links that lead on from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from search.credits import Credit, Credits
from search.facets import Facet
from search.hits import Hit
from search.provenance import Provenance
from search.web.answers import Answer, Picture, State, Upload


class Shape(BaseModel):
    """An object of the API; made from the noun of the same name."""

    model_config = ConfigDict(from_attributes=True, frozen=True)


class LicenceShape(Shape):
    """A licence that a work may be used under."""

    key: Annotated[str, Field(description="`cc0`, `cc-by-sa-3.0`, …: as the filter `licence` takes it")]
    name: str
    deed_url: str | None


class HitShape(Shape):
    """A picture that was found, with all that is needed to credit it."""

    image_id: int
    distance: Annotated[
        float | None,
        Field(
            description="cosine distance to the pictures asked with: 0 the same, 1 unrelated; null for words"
        ),
    ]
    title: str
    author: str
    author_url: str | None
    licences: Annotated[list[LicenceShape], Field(description="several are a free choice")]
    copyright_notice: str
    work_url: Annotated[str | None, Field(description="the page of the work")]
    file_url: Annotated[str, Field(description="where the file, or the archive, was downloaded from")]
    member: Annotated[str | None, Field(description="its name in the archive")]
    width_px: int
    height_px: int
    frames: int
    more: Annotated[int, Field(description="other answers that are one with it, and not shown")]
    thumb: Annotated[str, Field(description="a small picture; may be kept for ever")]
    image: Annotated[str, Field(description="the picture itself")]
    page: Annotated[str, Field(description="its page here, for people")]


class FacetValueShape(Shape):
    """A filter that could be set."""

    name: Annotated[str, Field(description="the parameter of a search")]
    value: str
    label: str
    count: Annotated[int, Field(description="pictures that it would leave")]


class FacetShape(Shape):
    """One respect in which pictures differ."""

    name: str
    values: list[FacetValueShape]


class AnswerShape(Shape):
    """One page of an answer, best first."""

    hits: list[HitShape]
    hidden: Annotated[
        int, Field(description="pictures that could have answered, had the filters let them through")
    ]
    next: Annotated[str | None, Field(description="the address of the next page; null after the last")]
    facets: Annotated[list[FacetShape] | None, Field(description="null unless asked for by `facets=1`")]
    took_ms: float


class CollectionShape(Shape):
    """A collection of works."""

    url: str
    title: str


class FactsShape(Shape):
    """What is around a picture, and what its work says of itself."""

    file_name: str
    series: Annotated[
        list[int], Field(description="image ids of the numbered series that it is of, in order")
    ]
    beside: Annotated[list[int], Field(description="image ids of other pictures of its work, at most 500")]
    tags: list[str]
    art_types: list[str]
    collections: list[CollectionShape]
    submitter: str | None
    collaborators: list[str]
    posted_at: str | None
    description: str
    favourites: int | None
    gone: Annotated[bool, Field(description="whether the page of its work is there no more")]


class PictureShape(Shape):
    """A picture with everything around it."""

    hit: HitShape
    format: str
    facts: FactsShape
    group: Annotated[list[HitShape], Field(description="copies, recolours and frames that are one with it")]


class GroupShape(Shape):
    """A picture, and after it those that are one with it."""

    hits: list[HitShape]


class OriginShape(Shape):
    """A work that a picture probably comes from."""

    hit: HitShape
    evidence: Annotated[str, Field(description="`same art`, `recolour` or `alike`")]
    sureness: Annotated[float, Field(description="from 0 to 1")]


class WhoseShape(Shape):
    """Whose a picture is."""

    origins: Annotated[
        list[OriginShape], Field(description="the surest first; empty: nothing is close enough")
    ]
    nearest: Annotated[HitShape | None, Field(description="if there are none: what looks most like it")]


class CreditShape(Shape):
    """What to write beside pictures of one work."""

    title: str
    author: str
    author_url: str | None
    collaborators: list[str]
    licences: list[LicenceShape]
    work_url: str | None
    copyright_notice: str
    image_ids: list[int]


class CreditsShape(Shape):
    """Credits, by title, and what to beware of."""

    works: list[CreditShape]
    warnings: list[str]


class UploadShape(Shape):
    """A picture that can be asked with now."""

    token: str
    width_px: int
    height_px: int
    frames: int
    search: Annotated[str, Field(description="what looks like it: an address of the API")]
    whose: Annotated[str, Field(description="whose it is: an address of the API")]
    image: Annotated[str, Field(description="the picture, as a PNG")]


class StateShape(Shape):
    """What can be asked at this moment."""

    name: Annotated[str, Field(description="`ready`, `warming up`, `not indexed` or `empty`")]
    message: str
    command: Annotated[str, Field(description="what makes the rest ready, for whoever runs this")]
    looks: Annotated[bool, Field(description="whether pictures that are here can be asked with")]
    uploads: Annotated[
        bool, Field(description="whether pictures from outside, and regions, can be asked with")
    ]
    embedder: str | None
    pictures: int
    max_upload_bytes: int
    max_upload_px: int


class ErrorDetail(Shape):
    """What went wrong."""

    status: int
    title: str
    message: str


class ErrorShape(Shape):
    """The answer to what cannot be answered."""

    error: ErrorDetail


class Shapes:
    """Makes shapes, with addresses below *root*, the prefix of a reverse proxy."""

    def __init__(self, root: str) -> None:
        self._root = root

    def hit(self, hit: Hit, mark: str | None) -> HitShape:
        """Return *hit*; *mark* is what changes with the picture."""
        fresh = f"?v={mark}" if mark else ""
        facts: dict[str, Any] = {
            name: getattr(hit, name)
            for name in HitShape.model_fields
            if name not in {"thumb", "image", "page", "licences"}
        }
        return HitShape(
            **facts,
            licences=[LicenceShape.model_validate(licence) for licence in hit.licences],
            thumb=f"{self._root}/thumb/{hit.image_id}.webp{fresh}",
            image=f"{self._root}/image/{hit.image_id}{fresh}",
            page=f"{self._root}/picture/{hit.image_id}",
        )

    def hits(self, hits: Iterable[Hit], marks: Mapping[int, str]) -> list[HitShape]:
        """Return *hits* with their *marks*."""
        return [self.hit(hit, marks.get(hit.image_id)) for hit in hits]

    def answer(self, answer: Answer, following: str | None) -> AnswerShape:
        """Return *answer*; *following* is the query of its next page."""
        return AnswerShape(
            hits=self.hits(answer.hits, answer.marks),
            hidden=answer.hidden,
            next=f"{self._root}/api/search?{following}" if following is not None else None,
            facets=None if answer.facets is None else [self._facet(facet) for facet in answer.facets],
            took_ms=answer.took_ms,
        )

    def picture(self, picture: Picture) -> PictureShape:
        """Return *picture*."""
        return PictureShape(
            hit=self.hit(picture.hit, picture.mark),
            format=picture.format,
            facts=FactsShape.model_validate(picture.facts),
            group=self.hits(picture.group, picture.marks),
        )

    def whose(self, found: Provenance, marks: Mapping[int, str]) -> WhoseShape:
        """Return *found*."""
        nearest = found.nearest
        return WhoseShape(
            origins=[
                OriginShape(
                    hit=self.hit(origin.hit, marks.get(origin.hit.image_id)),
                    evidence=origin.evidence,
                    sureness=origin.sureness,
                )
                for origin in found.origins
            ],
            nearest=self.hit(nearest, marks.get(nearest.image_id)) if nearest else None,
        )

    def upload(self, upload: Upload) -> UploadShape:
        """Return *upload*."""
        return UploadShape(
            token=upload.token,
            width_px=upload.width_px,
            height_px=upload.height_px,
            frames=upload.frames,
            search=f"{self._root}/api/search?like=@{upload.token}",
            whose=f"{self._root}/api/whose?like=@{upload.token}",
            image=f"{self._root}/upload/{upload.token}",
        )

    @staticmethod
    def _facet(facet: Facet) -> FacetShape:
        return FacetShape.model_validate(facet)


def credits_shape(found: Credits) -> CreditsShape:
    """Return *found*."""
    return CreditsShape(works=[_credit(work) for work in found.works], warnings=list(found.warnings))


def state_shape(state: State, max_upload_bytes: int, max_upload_px: int) -> StateShape:
    """Return *state*, with the limits of uploads."""
    return StateShape(
        name=state.name,
        message=state.message,
        command=state.command,
        looks=state.looks,
        uploads=state.uploads,
        embedder=state.embedder,
        pictures=state.pictures,
        max_upload_bytes=max_upload_bytes,
        max_upload_px=max_upload_px,
    )


def _credit(work: Credit) -> CreditShape:
    return CreditShape.model_validate(work)
