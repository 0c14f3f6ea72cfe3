"""Hits as people see them: how large a picture is drawn, what stands below it, where it leads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import unquote, urlsplit

from artstore.combining import is_share_alike
from artstore.models import Licence
from search.hits import Hit
from search.web.links import Links, safe_address
from search.web.questions import COUNT, MOST_PICTURES, Example, Question
from search.web.views import Art, Badge, Card

BOX_PX = (144, 144)
"""What a picture in a list is fitted into: two beside each other on a phone, and 9, 6, 4, 3 or 2 times the usual sprites."""

SMALL_BOX_PX = (80, 80)
"""Of a picture in the question."""

STAGE_PX = (320, 320)
"""Of a picture on its own page, before a script sees how much room there is."""

MOST_TIMES = 16
"""A picture of one pixel is no more to look at if it is larger."""

UNTITLED = "Untitled"

UNKNOWN = "unknown author"

_FREE = ("cc0",)

_ANY = Example(999_999_999_999_999_999)
"""Stands for a picture."""


def art_of(url: str, width: int, height: int, box: tuple[int, int], *, alt: str, moving: bool = False) -> Art:
    """Return a picture of *width* and *height* pixels at *url*, drawn into *box*.

    What fits is enlarged by a whole number, without smoothing; what does not is made smaller.
    """
    width, height = max(1, width), max(1, height)
    times = min(box[0] // width, box[1] // height, MOST_TIMES)
    scale = min(box[0] / width, box[1] / height)
    shown = (max(1, round(width * scale)), max(1, round(height * scale)))
    if times >= 1:
        shown = (width * times, height * times)
    return Art(url, *shown, crisp=times >= 1, alt=alt, width=width, height=height, moving=moving)


def stage_art(url: str, width: int, height: int, *, alt: str, moving: bool = False) -> Art:
    """Return a picture at *url* for a page of its own: a small one enlarged, a large one as large as there is room."""
    art = art_of(url, width, height, STAGE_PX, alt=alt, moving=moving)
    return art if art.crisp else replace(art, shown_width_px=art.width, shown_height_px=art.height)


def art_of_hit(url: str, hit: Hit, box: tuple[int, int] | None) -> Art:
    """Return the picture of *hit*, which is at *url*, drawn into *box*; None is a page of its own."""
    size, alt, moving = (hit.width_px, hit.height_px), alt_of(hit), hit.frames > 1
    if box is None:
        return stage_art(url, *size, alt=alt, moving=moving)
    return art_of(url, *size, box, alt=alt, moving=moving)


def badge_of(licence: Licence) -> Badge:
    """Return a licence as a badge."""
    mood = "free" if licence.key in _FREE else "" if is_share_alike(licence) else "credit"
    return Badge(licence.name, safe_address(licence.deed_url), mood)


def badges_of(licences: Sequence[Licence]) -> tuple[Badge, ...]:
    """Return the badges of a work."""
    return tuple(map(badge_of, licences)) or (Badge("no licence stated", None, "ask"),)


def file_name_of(file_url: str) -> str:
    """Return what the file at *file_url* is called, decoded exactly once."""
    return unquote(urlsplit(file_url).path.rpartition("/")[2])


def title_of(hit: Hit) -> str:
    """Return what to call the work of *hit*."""
    return hit.title or file_name_of(hit.file_url) or UNTITLED


def alt_of(hit: Hit) -> str:
    """Return what stands for the picture of *hit* where it is not seen."""
    kind = "Animation" if hit.frames > 1 else "Picture"
    return f"{kind}: {hit.member or file_name_of(hit.file_url)}"


def number(count: int, one: str, many: str | None = None) -> str:
    """Return *count* with the noun that goes with it."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def sentence(text: str) -> str:
    """Return *text* as it begins a line."""
    return text[:1].upper() + text[1:]


class Cards:
    """Makes cards of hits, which answer one question: their links go on from it."""

    def __init__(self, links: Links, question: Question) -> None:
        self.links = links
        examples = (*question.like, *question.unlike)
        self._fitting = question.query(like=(), unlike=(), expand=False, start=0, count=COUNT)
        self._asked = {example.image_id for example in examples if example.box is None}
        # Filters that are not about one work stay.
        self._like = self._ways(
            question, words="", like=(_ANY,), unlike=(), work="", series_of=None, author=""
        )
        self._also = self._unlike = None
        if question.like and len(examples) < MOST_PICTURES:
            self._also = self._ways(question, like=(*question.like, _ANY))
            self._unlike = self._ways(question, unlike=(*question.unlike, _ANY))

    def of(self, hits: Iterable[Hit], marks: Mapping[int, str]) -> tuple[Card, ...]:
        """Return the cards of *hits*, whose pictures carry *marks*."""
        return tuple(self.card(hit, marks.get(hit.image_id, "")) for hit in hits)

    def card(self, hit: Hit, mark: str = "") -> Card:
        """Return the card of *hit*."""
        name = file_name_of(hit.file_url)
        return Card(
            image_id=hit.image_id,
            art=art_of_hit(self.links.thumb(hit.image_id, mark), hit, BOX_PX),
            title=title_of(hit),
            author=hit.author or UNKNOWN,
            author_search=self.links.search(Question(author=hit.author)) if hit.author else None,
            author_url=safe_address(hit.author_url),
            badges=badges_of(hit.licences),
            work_url=safe_address(hit.work_url),
            file_url=safe_address(hit.file_url),
            file_name=name,
            member=hit.member,
            facts=_facts(hit),
            nearness="" if hit.distance is None else f"{alike_percent(hit.distance)} %",
            more=hit.more,
            more_label=f"{hit.more:,} more",
            picture=self.links.picture(hit.image_id),
            group=self.links.group(hit.image_id, self._fitting),
            like=self._like(hit.image_id),
            also=self._also(hit.image_id) if self._also and hit.image_id not in self._asked else None,
            unlike=self._unlike(hit.image_id) if self._unlike and hit.image_id not in self._asked else None,
            credits=self.links.credits([hit.image_id]),
        )

    def _ways(self, question: Question, **changes: Any) -> Callable[[int], str]:
        """Return what gives the address of *question* with *changes* for each picture that :data:`_ANY` stands for.

        It is put together once: a question for each link would take most of the time of a page.
        """
        # Within values, "=" is encoded.
        head, _, tail = self.links.search(question, start=0, **changes).partition(f"like={_ANY}")
        return lambda image_id: f"{head}like={image_id}{tail}"


def _facts(hit: Hit) -> str:
    size = f"{hit.width_px} × {hit.height_px}"
    return size if hit.frames == 1 else f"{size} · {number(hit.frames, 'frame')}"


def alike_percent(distance: float) -> int:
    """Return a cosine distance as people read it: 100 is the same, 0 unrelated or opposite."""
    return round(100 * min(1.0, max(0.0, 1 - distance)))
