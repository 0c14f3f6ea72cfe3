"""What templates are given: a dataclass for each page, whose fields are all the names that it may use.

Texts are plain, and escaped where they are shown; addresses are encoded, and may be put into ``href`` as they are.
Sizes that end in ``_px`` are those of the page's own pixels.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, ClassVar

from search.web.links import Links


@dataclass(frozen=True, slots=True)
class Badge:
    """A licence."""

    name: str
    deed_url: str | None
    mood: str
    """``free``: asks for nothing, ``credit``: asks to be credited, ``ask``: nothing is stated, else empty."""


@dataclass(frozen=True, slots=True)
class Art:
    """A picture to draw."""

    url: str
    shown_width_px: int
    shown_height_px: int
    crisp: bool
    """Enlarged by a whole number, without smoothing."""
    alt: str
    width: int
    """In its own pixels."""
    height: int
    moving: bool


@dataclass(frozen=True, slots=True)
class Card:
    """A hit."""

    image_id: int
    art: Art
    title: str
    author: str
    author_search: str | None
    """Where this author's pictures are."""
    author_url: str | None
    """The author's page."""
    badges: tuple[Badge, ...]
    work_url: str | None
    """The work's page on OpenGameArt."""
    file_url: str | None
    file_name: str
    """What the artist called the download."""
    member: str | None
    """Its name in that, if it is an archive."""
    facts: str
    """Size in pixels, and frames."""
    nearness: str
    """How much alike it is; empty where looks were not asked."""
    more: int
    more_label: str
    picture: str
    group: str
    like: str
    """More like this."""
    also: str | None
    """Like this too; None if no picture is asked yet."""
    unlike: str | None
    credits: str


@dataclass(frozen=True, slots=True)
class AskedPart:
    """A picture of the question, and what can be changed about it."""

    art: Art
    name: str
    wanted: bool
    """False: not like this one."""
    weight: str
    """How much it counts, if not once."""
    region: str
    """``x,y,w,h``, if only a part of it is meant."""
    picture: str | None
    """Its page; None if it was uploaded."""
    heavier: str
    lighter: str
    turn: str | None
    """From plus to minus, or back; None where no plus would be left."""
    draw: str
    """Where a region is drawn on it."""
    whole: str | None
    """Without its region."""
    remove: str


@dataclass(frozen=True, slots=True)
class Option:
    """A value of a filter."""

    label: str
    count: str
    url: str
    """With it; or without it, if it is on."""
    on: bool


@dataclass(frozen=True, slots=True)
class FilterGroup:
    """Values to choose from."""

    title: str
    options: tuple[Option, ...]
    open: bool


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter that is on, and the question without it."""

    label: str
    without: str


@dataclass(frozen=True, slots=True)
class Field:
    """What a form has to hand on."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class SizeFields:
    """What stands in the fields of the form for filters that are typed."""

    author: str
    tag: str
    least: str
    most: str


@dataclass(frozen=True, slots=True)
class View:
    """What every page has."""

    template: ClassVar[str]
    title: str
    links: Links
    words: str
    """In the field at the top."""
    kept: tuple[Field, ...]
    """What a search by other words keeps."""
    notice: str
    """What everybody has to know now, such as that the network is still loading; mostly empty."""
    most_bytes: int
    """Of a picture that is sent; a larger one need not be sent at all."""
    waiting: bool
    """Whether it pays to come back to this page in a moment."""

    def context(self) -> dict[str, Any]:
        """Return the names that the template may use."""
        return {each.name: getattr(self, each.name) for each in fields(self)}


@dataclass(frozen=True, slots=True)
class StartView(View):
    """The first page: how to ask, and something to begin with."""

    template: ClassVar[str] = "start.html"
    pictures: str
    """How many there are."""
    cards: tuple[Card, ...]
    groups: tuple[FilterGroup, ...]
    again: str
    """Other pictures to begin with."""


@dataclass(frozen=True, slots=True)
class SearchView(View):
    """An answer."""

    template: ClassVar[str] = "search.html"
    asked: tuple[AskedPart, ...]
    whose: str | None
    """Where to ask whose the picture is, if one was uploaded."""
    clear: str
    heading: str
    chips: tuple[Chip, ...]
    hidden: str
    """How many pictures the filters hide; empty if none."""
    unfiltered: str
    took: str
    cards: tuple[Card, ...]
    groups: tuple[FilterGroup, ...]
    typed: SizeFields
    form: tuple[Field, ...]
    """What the form for filters that are typed hands on."""
    expand: Option
    first: int
    """The number of the first hit, from 1."""
    earlier: str | None
    later: str | None
    later_items: str | None
    """Where the hits that come next are, without a page around them."""


@dataclass(frozen=True, slots=True)
class HitsView(View):
    """Hits with nothing around them but where the next ones are."""

    template: ClassVar[str] = "hits.html"
    cards: tuple[Card, ...]
    first: int
    later: str | None
    later_items: str | None


@dataclass(frozen=True, slots=True)
class PictureView(View):
    """One picture with all that is known about it."""

    template: ClassVar[str] = "picture.html"
    card: Card
    art: Art
    credit: str
    """The line to write beside it."""
    warnings: tuple[str, ...]
    tags: tuple[Option, ...]
    posted: str
    series: str | None
    """Where the other frames of its series are."""
    frames: tuple[Card, ...]
    series_label: str
    same: tuple[Card, ...]
    same_label: str
    same_url: str
    alike: str
    """Where hits that look like it are, without a page around them."""
    of_work: str | None
    """Where the other pictures of its work are."""
    form: tuple[Field, ...]
    """What the form for a region hands on."""


@dataclass(frozen=True, slots=True)
class RegionView(View):
    """A picture of the question, to draw a region on."""

    template: ClassVar[str] = "region.html"
    art: Art
    form: tuple[Field, ...]
    box: tuple[str, str, str, str]
    back: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """A work that the picture may come from."""

    card: Card
    credit: str
    percent: int
    sure: str
    """The same in words."""
    because: str


@dataclass(frozen=True, slots=True)
class WhoseView(View):
    """Whose a picture is."""

    template: ClassVar[str] = "whose.html"
    art: Art
    best: Verdict | None
    others: tuple[Verdict, ...]
    nearest: Card | None
    compared: str
    """With how many pictures."""
    alike: str
    """Where what looks like it is."""


@dataclass(frozen=True, slots=True)
class Export:
    """The credits in one of the forms."""

    name: str
    url: str


@dataclass(frozen=True, slots=True)
class CreditsView(View):
    """What to write beside pictures, or the basket with that."""

    template: ClassVar[str] = "credits.html"
    basket: bool
    heading: str
    cards: tuple[Card, ...]
    text: str
    markdown: str
    warnings: tuple[str, ...]
    exports: tuple[Export, ...]
    gone: str
    """Pictures that are not here any more."""


@dataclass(frozen=True, slots=True)
class GroupView(View):
    """Copies, recolours and frames that are one with a picture."""

    template: ClassVar[str] = "group.html"
    heading: str
    whole: str | None
    """Where all of them are, if words or filters let only some through."""
    cards: tuple[Card, ...]
    first: int
    """The number of the first of these, from 1."""
    back: str
    earlier: str | None
    later: str | None


@dataclass(frozen=True, slots=True)
class AboutView(View):
    """What this page is, and how it is used."""

    template: ClassVar[str] = "about.html"
    pictures: str
    embedder: str


@dataclass(frozen=True, slots=True)
class MessageView(View):
    """What went wrong, or is not there yet, and what to do."""

    template: ClassVar[str] = "message.html"
    heading: str
    message: str
    command: str
    """To be run by who keeps this server; mostly empty."""
    retry: str | None
    """Where to try again."""
