"""What the desk has answered, made into views."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from search.credits import Credits
from search.hits import Hit
from search.web.answers import Answer, Picture
from search.web.cards import Cards, art_of_hit, number, title_of
from search.web.choices import Choices, Shown
from search.web.links import Links
from search.web.questions import Example, Question
from search.web.views import (
    Art,
    Field,
    GroupView,
    HitsView,
    Option,
    PictureView,
    RegionView,
    SearchView,
    SizeFields,
    StartView,
)

SOME = 12
"""Frames, or pictures that are the same, on the page of one: two rows."""

FEW = 24
"""Hits to begin with, and those that look like a picture, on its page."""

MOST_LETTERS_OF_WORK = 400
"""A work with a longer address cannot be asked for by it."""


@dataclass(frozen=True, slots=True)
class Frame:
    """What every page has, for one request."""

    links: Links
    most_bytes: int
    notice: str = ""
    kept: tuple[Field, ...] = ()
    words: str = ""

    def fields(self, title: str, **more: Any) -> dict[str, Any]:
        """Return the fields of every view, for a page called *title*, with *more*."""
        return {
            "title": f"{title} – OGA Search" if title else "OGA Search",
            "links": self.links,
            "words": self.words,
            "kept": self.kept,
            "notice": self.notice,
            "most_bytes": self.most_bytes,
            "waiting": False,
        } | more


def fields_of(question: Question) -> tuple[Field, ...]:
    """Return what a form has to hold to ask *question*."""
    return tuple(Field(name, value) for name, value in question.pairs())


def start_view(frame: Frame, answer: Answer, pictures: int, start: int) -> StartView:
    """Return the first page, with *answer* to begin with, which begins at *start*."""
    question = Question()
    again = frame.links.to("/", f"start={answer.next_start}" if answer.next_start else "")
    return StartView(
        **frame.fields(""),
        pictures=number(pictures, "picture") if pictures else "Pictures",
        cards=Cards(frame.links, question).of(answer.hits, answer.marks),
        groups=Choices(frame.links, question).groups(answer.facets or ()),
        again=again if start or answer.next_start else "",
    )


def search_view(frame: Frame, question: Question, answer: Answer, shown: Shown) -> SearchView:
    """Return the page with *answer*; *shown* says how pictures of *question* look."""
    choices = Choices(frame.links, question)
    upload = next((one.token for one in question.like if one.token), None)
    before = max(0, question.start - question.count)
    return SearchView(
        **frame.fields(heading_of(question)),
        asked=choices.parts(shown),
        whose=frame.links.to("/whose", f"like=@{upload}") if upload else None,
        clear=frame.links.to("/"),
        heading=heading_of(question),
        chips=choices.chips(),
        hidden=number(answer.hidden, "picture") if answer.hidden else "",
        unfiltered=choices.unfiltered(),
        took=f"{answer.took_ms:.0f} ms",
        cards=Cards(frame.links, question).of(answer.hits, answer.marks),
        groups=choices.groups(answer.facets or ()),
        typed=SizeFields(
            author=question.author, tag="", least=_typed(question.min_size), most=_typed(question.max_size)
        ),
        form=fields_of(question.replaced(author="", min_size=None, max_size=None, start=0)),
        expand=choices.expand(),
        first=question.start + 1,
        earlier=frame.links.search(question, start=before) if question.start else None,
        **_later(frame.links, question, answer),
    )


def hits_view(frame: Frame, question: Question, answer: Answer) -> HitsView:
    """Return the hits of *answer* with nothing around them."""
    return HitsView(
        **frame.fields(""),
        cards=Cards(frame.links, question).of(answer.hits, answer.marks),
        first=question.start + 1,
        **_later(frame.links, question, answer),
    )


def heading_of(question: Question) -> str:
    """Return what *question* asks, as a heading."""
    if question.like:
        looks = "What looks like it" if len(question.like) == 1 else "What looks like these"
        return f"{looks}, with “{question.words}”" if question.words else looks
    return f"Pictures with “{question.words}”" if question.words else "All pictures"


def picture_view(
    frame: Frame, picture: Picture, frames: Sequence[Hit], credits_: Credits, credit: str
) -> PictureView:
    """Return the page of *picture*, with some *frames* of its series, and *credit* to write beside it."""
    hit, facts, links = picture.hit, picture.facts, frame.links
    cards = Cards(links, Question())
    alike = Question(like=(Example(hit.image_id),), count=FEW)
    return PictureView(
        **frame.fields(f"{title_of(hit)} by {hit.author}" if hit.author else title_of(hit)),
        card=cards.card(hit, picture.mark),
        art=art_of_hit(links.image(hit.image_id, picture.mark), hit, None),
        credit=credit,
        warnings=credits_.warnings,
        tags=tuple(Option(tag, "", links.search(Question(tags=(tag,))), on=False) for tag in facts.tags),
        posted=(facts.posted_at or "").partition("T")[0],
        series=links.search(Question(series_of=hit.image_id, expand=True)) if frames else None,
        frames=cards.of(frames, picture.marks),
        series_label=f"{number(len(facts.series), 'frame')} of one series",
        same=cards.of(picture.group[:SOME], picture.marks),
        same_label=number(len(picture.group), "copy, recolour or frame", "copies, recolours and frames"),
        same_url=links.group(hit.image_id),
        alike=links.to("/hits", alike.query()),
        of_work=_of_work(links, hit.work_url),
        form=(Field("like", str(hit.image_id)), Field("part", "0")),
    )


def region_view(frame: Frame, question: Question, part: int, art: Art) -> RegionView:
    """Return the page on which a region is drawn on picture *part* of *question*, counted from 0."""
    example = (*question.like, *question.unlike)[part]
    box = example.box or (0, 0, art.width, art.height)
    return RegionView(
        **frame.fields("A part of a picture"),
        art=art,
        form=(*fields_of(question), Field("part", str(part))),
        box=(str(box[0]), str(box[1]), str(box[2]), str(box[3])),
        back=frame.links.search(question),
    )


def group_view(frame: Frame, question: Question, hits: Sequence[Hit], marks: Mapping[int, str]) -> GroupView:
    """Return the page that *question* wants of a picture, the first of *hits*, and of what is one with it."""
    start, image_id = question.start, hits[0].image_id
    heading = f"{number(len(hits), 'picture')}: copies, recolours and frames of “{title_of(hits[0])}”"
    before, after = max(0, start - question.count), start + question.count
    return GroupView(
        **frame.fields(heading),
        heading=heading,
        whole=frame.links.group(image_id) if question.words or question.only else None,
        cards=Cards(frame.links, question).of(hits[start:after], marks),
        first=start + 1,
        back=frame.links.picture(image_id),
        earlier=frame.links.group(image_id, question.query(start=before)) if start else None,
        later=frame.links.group(image_id, question.query(start=after)) if after < len(hits) else None,
    )


def _later(links: Links, question: Question, answer: Answer) -> dict[str, Any]:
    """Return where the hits after those of *answer* are: as a page, and without one around them."""
    if answer.next_start is None:
        return {"later": None, "later_items": None}
    rest = question.query(start=answer.next_start)
    return {"later": links.to("/search", rest), "later_items": links.to("/hits", rest)}


def _of_work(links: Links, work_url: str | None) -> str | None:
    if not work_url or len(work_url) > MOST_LETTERS_OF_WORK:
        return None
    return links.search(Question(work=work_url))


def _typed(size: tuple[int, int] | None) -> str:
    return "" if size is None else str(size[0]) if size[0] == size[1] else f"{size[0]}x{size[1]}"
