"""What a question can be turned into by a click: other filters, other pictures, other weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import unquote

from artstore.licences import KNOWN, find_licences
from search.facets import Facet, FacetValue
from search.web.links import Links
from search.web.questions import MOST_WEIGHT, Example, Question
from search.web.views import Art, AskedPart, Chip, FilterGroup, Option

TITLES = {
    "licence": "Licence",
    "kind": "Still or moving",
    "size": "Size",
    "art_type": "Kind of art",
    "tag": "Tag",
    "author": "Author",
}
"""Facet -> what stands above it, in the order in which they stand."""

OPEN = ("licence", "kind", "size")
"""Shown without a click."""

KINDS = {"still": "Still", "animation": "Animation", "series": "Frames of a series"}

LEAST_WEIGHT = 0.05

_LICENCES = {licence.key: licence.name for licence in KNOWN}

Shown = Callable[[Example], tuple[Art, str]]
"""How to draw a picture of the question, and what to call it."""


@dataclass(frozen=True, slots=True)
class Choices:
    """The ways on from *question*."""

    links: Links
    question: Question

    def groups(self, facets: Sequence[Facet]) -> tuple[FilterGroup, ...]:
        """Return *facets* to choose from; those without a choice are left out."""
        by_name = {facet.name: facet for facet in facets}
        groups = (self._group(by_name[name]) for name in TITLES if name in by_name)
        return tuple(group for group in groups if group.options)

    def chips(self) -> tuple[Chip, ...]:
        """Return the filters that are on."""
        return tuple(Chip(label, self._to(**without)) for label, without in self._chips())

    def unfiltered(self) -> str:
        """Return where the same is asked without filters."""
        return self._to(**NO_FILTERS)

    def expand(self) -> Option:
        """Return the choice between one hit for all that are the same, and each for itself."""
        on = self.question.expand
        label = "Group copies and frames" if on else "Show copies and frames"
        return Option(label, "", self._to(expand=not on), on=False)

    def parts(self, shown: Shown) -> tuple[AskedPart, ...]:
        """Return the pictures of the question; *shown* says what they look like, and are called."""
        return tuple(
            self._part(example, place, sign, *shown(example))
            for sign in ("like", "unlike")
            for place, example in enumerate(getattr(self.question, sign))
        )

    def _to(self, **changes: Any) -> str:
        return self.links.search(self.question, **({"start": 0} | changes))

    def _group(self, facet: Facet) -> FilterGroup:
        options = tuple(map(self._option, facet.values))
        return FilterGroup(TITLES[facet.name], options, facet.name in OPEN or any(one.on for one in options))

    def _option(self, value: FacetValue) -> Option:
        on, changes = _TOGGLES.get(value.name, _toggled_text)(self.question, value.name, value.value)
        label = KINDS.get(value.value, value.label) if value.name == "kind" else value.label
        return Option(label, f"{value.count:,}", self._to(**changes), on)

    def _chips(self) -> Iterator[tuple[str, dict[str, Any]]]:
        asked = self.question
        for key in _licences(asked):
            yield _LICENCES[key], _toggled_licence(asked, "licence", key)[1]
        for kind in _parts(asked.kind):
            yield KINDS.get(kind, kind), _toggled_kind(asked, "kind", kind)[1]
        for name, label in (
            ("author", "by {}"),
            ("art_type", "{}"),
            ("work", "work {}"),
            ("collection", "in {}"),
        ):
            if value := getattr(asked, name):
                yield label.format(_end_of(value) if name == "work" else value), {name: ""}
        for tag in asked.tags:
            yield f"tag {tag}", {"tags": tuple(other for other in asked.tags if other != tag)}
        if asked.min_size:
            yield f"at least {_size(asked.min_size)}", {"min_size": None}
        if asked.max_size:
            yield f"at most {_size(asked.max_size)}", {"max_size": None}
        if asked.series_of is not None:
            yield f"frames of the series of picture {asked.series_of}", {"series_of": None}

    def _part(self, example: Example, place: int, sign: str, art: Art, name: str) -> AskedPart:
        others = {each: getattr(self.question, each) for each in ("like", "unlike")}
        offset = 0 if sign == "like" else len(self.question.like)
        before, after = others[sign][:place], others[sign][place + 1 :]
        other_sign = "unlike" if sign == "like" else "like"

        def instead(changed: Example) -> str:
            return self._to(**{sign: (*before, changed, *after)})

        left = len(others["like"]) > 1 or sign == "unlike"
        turned = {sign: before + after, other_sign: (*others[other_sign], example)}
        return AskedPart(
            art=art,
            name=name,
            wanted=sign == "like",
            weight="" if example.weight == 1 else f"{example.weight:g}",
            region="" if example.box is None else ",".join(map(str, example.box)),
            picture=None if example.image_id is None else self.links.picture(example.image_id),
            heavier=instead(replace(example, weight=min(MOST_WEIGHT, 2 * example.weight))),
            lighter=instead(replace(example, weight=max(LEAST_WEIGHT, round(example.weight / 2, 2)))),
            turn=self._to(**turned) if left else None,
            draw=self.links.to("/region", f"{self.question.query(start=0)}&part={place + offset}"),
            whole=None if example.box is None else instead(replace(example, box=None)),
            remove=self._to(**{sign: before + after}) if left else self._to(like=(), unlike=()),
        )


NO_FILTERS: Mapping[str, Any] = {
    "licence": "",
    "author": "",
    "tags": (),
    "art_type": "",
    "work": "",
    "collection": "",
    "kind": "",
    "series_of": None,
    "min_size": None,
    "max_size": None,
}


def _licences(question: Question) -> list[str]:
    return find_licences(question.licence) if question.licence else []


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _size(size: tuple[int, int]) -> str:
    return f"{size[0]} px" if size[0] == size[1] else f"{size[0]} × {size[1]} px"


def _end_of(address: str) -> str:
    return unquote(address.rstrip("/").rpartition("/")[2])


def _with_or_without(values: list[str], value: str) -> tuple[bool, str]:
    on = value in values
    return on, ",".join(other for other in values if other != value) if on else ",".join([*values, value])


def _toggled_licence(question: Question, name: str, value: str) -> tuple[bool, dict[str, Any]]:
    """Return whether *value* is on, and what changes when it is clicked; so do the others of its kind."""
    on, text = _with_or_without(_licences(question), value)
    return on, {name: text}


def _toggled_kind(question: Question, name: str, value: str) -> tuple[bool, dict[str, Any]]:
    on, text = _with_or_without(_parts(question.kind), value)
    return on, {name: text}


def _toggled_tag(question: Question, _: str, value: str) -> tuple[bool, dict[str, Any]]:
    others = tuple(tag for tag in question.tags if tag.lower() != value.lower())
    on = len(others) < len(question.tags)
    return on, {"tags": others if on else (*question.tags, value)}


def _toggled_size(question: Question, name: str, value: str) -> tuple[bool, dict[str, Any]]:
    """One size replaces the other: at most 32 and at least 256 pixels has nobody."""
    size = (int(value), int(value))
    on = (question.min_size if name == "min" else question.max_size) == size
    asked = {"min_size": None, "max_size": None}
    return on, asked if on else asked | {f"{name}_size": size}


def _toggled_text(question: Question, name: str, value: str) -> tuple[bool, dict[str, Any]]:
    on = getattr(question, name).lower() == value.lower()
    return on, {name: "" if on else value}


_TOGGLES: dict[str, Callable[[Question, str, str], tuple[bool, dict[str, Any]]]] = {
    "licence": _toggled_licence,
    "kind": _toggled_kind,
    "tag": _toggled_tag,
    "min": _toggled_size,
    "max": _toggled_size,
}
"""Filter -> how a click on one of its values changes the question; others hold one text."""
