"""A question as an address has it: one form for the page and for the API, so that every answer has a permalink.

A picture is named by its number or by the token of an upload, with a weight and a region if need be: ``12``,
``12*2`` (counts twice), ``12~0,0,16,16`` (only this region, x,y,w,h in pixels), ``@3f…*0.5``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol, Self
from urllib.parse import quote

from artstore.errors import UsageError
from artstore.filters import Filter
from search.mixing import Box

MOST_COUNT = 100
"""Hits on one page of an answer."""

COUNT = 48
"""Hits on a page, unless asked otherwise: whole rows of 2, 3, 4, 6 and 8."""

MOST_START = 10_000
"""Nobody scrolls so far; what comes later has to be asked for with a filter."""

MOST_PICTURES = 16
"""In one question."""

MOST_TAGS = 16

MOST_LETTERS = 400
"""Of one value."""

MOST_WEIGHT = 100.0

TOKEN = re.compile(r"[0-9a-f]{32}")
"""What an uploaded picture is known by."""

_EXAMPLE = re.compile(
    r"(?:(?P<id>[0-9]{1,18})|@(?P<token>[0-9a-f]{32}))(?:\*(?P<weight>[0-9]*\.?[0-9]+))?(?:~(?P<box>[0-9,]+))?"
)

_SAFE = "*@,"
"""Marks that the form uses and a query may hold as they are."""


class Pairs(Protocol):
    """What an address holds behind its ``?``, decoded once, as web frameworks give it."""

    def multi_items(self) -> Iterable[tuple[str, str]]:
        """Return (name, value) pairs, in their order."""
        ...


@dataclass(frozen=True, slots=True)
class Example:
    """A picture in a question."""

    image_id: int | None = None
    """Of a picture that was found; None: it was uploaded."""
    token: str | None = None
    """Of a picture that was uploaded."""
    weight: float = 1.0
    """From 0.01 to :data:`MOST_WEIGHT`, in hundredths."""
    box: Box | None = None
    """Only this region of it: x, y, width, height in pixels."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the picture that *text* names. Raises :class:`~artstore.errors.UsageError`."""
        named = _EXAMPLE.fullmatch(text.strip())
        if named is None:
            raise UsageError(
                f"{text[:60]!r} names no picture: write its number, or @ and the token of an upload, "
                "then *WEIGHT and ~X,Y,W,H if you like"
            )
        weight = round(float(named["weight"] or 1), 2)
        if not 0 < weight <= MOST_WEIGHT:
            raise UsageError(f"a picture counts 0.01 to {MOST_WEIGHT:g} times")
        return cls(int(named["id"]) if named["id"] else None, named["token"], weight, _box(named["box"]))

    def __str__(self) -> str:
        name = f"@{self.token}" if self.token else str(self.image_id)
        weight = "" if self.weight == 1 else f"*{self.weight:.2f}".rstrip("0").rstrip(".")
        box = "" if self.box is None else f"~{','.join(map(str, self.box))}"
        return name + weight + box


@dataclass(frozen=True, kw_only=True)
class Question:
    """Words, pictures, filters, and which part of the answer is wanted.

    With pictures, these say the order and the words which may be answers. With
    neither, the filters alone do, and nothing at all asks for something to begin with.
    """

    words: str = ""
    like: tuple[Example, ...] = ()
    unlike: tuple[Example, ...] = ()
    licence: str = ""
    author: str = ""
    tags: tuple[str, ...] = ()
    art_type: str = ""
    work: str = ""
    collection: str = ""
    kind: str = ""
    series_of: int | None = None
    min_size: tuple[int, int] | None = None
    """Width and height in pixels."""
    max_size: tuple[int, int] | None = None
    expand: bool = False
    """Show copies, recolours and frames one by one."""
    start: int = 0
    """Hits before the page that is wanted."""
    count: int = COUNT
    """Hits on it."""

    @classmethod
    def parse(cls, query: Pairs) -> Self:
        """Return the question that *query* asks; names that are none of its are passed over.

        Raises :class:`~artstore.errors.UsageError` for nonsense.
        """
        values: dict[str, list[str]] = {}
        for name, value in query.multi_items():
            if len(value) > MOST_LETTERS:
                raise UsageError(f"{name[:20]!r} has more than {MOST_LETTERS} letters")
            if text := value.replace("\0", " ").strip():
                values.setdefault(name, []).append(text)
        like, unlike = (_examples(values.get(name, [])) for name in ("like", "unlike"))
        if len(like) + len(unlike) > MOST_PICTURES:
            raise UsageError(f"a question has at most {MOST_PICTURES} pictures")
        last: dict[str, str] = {name: found[-1] for name, found in values.items()}
        question = cls(
            words=last.get("q", ""),
            like=like,
            unlike=unlike,
            tags=tuple(dict.fromkeys(values.get("tag", [])))[:MOST_TAGS],
            series_of=_integer("series_of", last, 1, 1 << 62),
            min_size=_size("min", last),
            max_size=_size("max", last),
            expand=last.get("expand", "") not in {"", "0", "off", "false", "no"},
            start=_integer("start", last, 0, MOST_START) or 0,
            count=_integer("count", last, 1, MOST_COUNT) or COUNT,
            **{name: last.get(name, "") for name in _PLAIN},
        )
        question.check()
        return question

    def check(self) -> None:
        """Raise :class:`~artstore.errors.UsageError` for filters that cannot be meant, and pictures of one sign only."""
        # What a filter lets through is found out when it is made; that is kept.
        _ = self.only
        if self.unlike and not self.like:
            raise UsageError("say what the pictures have to be like, not only what they must not be like")

    def query(self, **changes: Any) -> str:
        """Return what :meth:`parse` makes this question of, with *changes*: encoded, always in one order, no ``?``."""
        asked = self.replaced(**changes)
        return "&".join(f"{name}={quote(value, safe=_SAFE)}" for name, value in asked.pairs())

    def replaced(self, **changes: Any) -> Question:
        """Return this question with *changes*."""
        return replace(self, **changes) if changes else self

    def pairs(self) -> list[tuple[str, str]]:
        """Return (name, value) of all that is not as it is by itself, not encoded: what a form has to hold."""
        return [
            *([("q", self.words)] if self.words else []),
            *(("like", str(example)) for example in self.like),
            *(("unlike", str(example)) for example in self.unlike),
            *((name, value) for name in _PLAIN if (value := getattr(self, name))),
            *(("tag", tag) for tag in self.tags),
            *([("series_of", str(self.series_of))] if self.series_of is not None else []),
            *([("min", _size_text(self.min_size))] if self.min_size else []),
            *([("max", _size_text(self.max_size))] if self.max_size else []),
            *([("expand", "1")] if self.expand else []),
            *([("start", str(self.start))] if self.start else []),
            *([("count", str(self.count))] if self.count != COUNT else []),
        ]

    @property
    def empty(self) -> bool:
        """Whether nothing is asked: something to begin with is wanted."""
        return not (self.words or self.like or self.only)

    @cached_property
    def only(self) -> Filter:
        """What its filters let through, words not among them. Raises :class:`~artstore.errors.UsageError`.

        Made when it is asked for: a page has a hundred links, each of which is a question.
        """
        return Filter(
            licence=self.licence or None,
            author=self.author or None,
            tags=self.tags,
            art_type=self.art_type or None,
            work=self.work or None,
            collection=self.collection or None,
            kind=self.kind or None,
            series_of=self.series_of,
            min_width_px=self.min_size and self.min_size[0],
            min_height_px=self.min_size and self.min_size[1],
            max_width_px=self.max_size and self.max_size[0],
            max_height_px=self.max_size and self.max_size[1],
        )


_PLAIN = ("licence", "author", "art_type", "work", "collection", "kind")
"""Texts that an address names as the question does."""

NAMES = ("q", "like", "unlike", *_PLAIN, "tag", "series_of", "min", "max", "expand", "start", "count")
"""All that a question can say."""


def _examples(texts: Iterable[str]) -> tuple[Example, ...]:
    return tuple(map(Example.parse, texts))


def _box(text: str | None) -> Box | None:
    if text is None:
        return None
    numbers = [int(number) for number in text.split(",") if 0 < len(number) < 8]
    if len(numbers) != 4 or text.count(",") != 3 or 0 in numbers[2:]:
        raise UsageError(f"{text[:60]!r} is no region: write x,y,w,h in pixels")
    left, top, width, height = numbers
    return left, top, width, height


def _integer(name: str, values: Mapping[str, str], least: int, most: int) -> int | None:
    if (text := values.get(name)) is None:
        return None
    if not re.fullmatch(r"[0-9]{1,19}", text) or not least <= int(text) <= most:
        raise UsageError(f"{name} is a number from {least} to {most}, not {text[:30]!r}")
    return int(text)


def _size(name: str, values: Mapping[str, str]) -> tuple[int, int] | None:
    if (text := values.get(name)) is None:
        return None
    sides = re.fullmatch(r"([0-9]{1,10})(?:[x\u00d7]([0-9]{1,10}))?", text.lower())
    if sides is None:
        raise UsageError(f"{name} is a size in pixels such as 32 or 32x48, not {text[:30]!r}")
    return int(sides[1]), int(sides[2] or sides[1])


def _size_text(size: tuple[int, int]) -> str:
    return str(size[0]) if size[0] == size[1] else f"{size[0]}x{size[1]}"
