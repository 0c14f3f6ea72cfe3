"""The nouns of the page and of the API: what the desk answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from artstore.facts import Facts
from search.facets import Facet
from search.hits import Hit


class Stage(StrEnum):
    """How much can be asked."""

    EMPTY = "empty"
    """Nothing was collected yet."""
    WARMING_UP = "warming up"
    """Words and filters can be asked; what of the rest, :class:`State` says."""
    UNINDEXED = "not indexed"
    """There are pictures, and nothing to compare their looks by: words and filters can be asked."""
    READY = "ready"


@dataclass(frozen=True, slots=True)
class State:
    """What can be asked at this moment."""

    name: Stage
    message: str
    """A sentence for people: what is missing. Empty when all is well."""
    command: str
    """What makes it, if a command does."""
    looks: bool
    """Whether "more like this" of a picture here can be asked."""
    uploads: bool
    """Whether a picture from outside, or a region, can be asked."""
    embedder: str | None
    """Whose vectors are asked; None before that is known."""
    pictures: int = 0
    """How many there are, as of the last count; 0 before the first."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One page of an answer."""

    hits: tuple[Hit, ...]
    hidden: int
    """Pictures that could have answered, had the filters let them through."""
    next_start: int | None
    """What ``start`` asks for the next page; None after the last."""
    facets: tuple[Facet, ...] | None
    """None if they were not asked for."""
    marks: Mapping[int, str]
    """Image id -> what changes with the picture: ``/thumb/12.webp?v=MARK`` may be kept for ever."""
    took_ms: float


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture on a page of its own."""

    hit: Hit
    mark: str
    """As in :class:`Answer`."""
    format: str
    """As the file has it: PNG, GIF, …"""
    facts: Facts
    """Its series, what is beside it, and what its work says."""
    group: tuple[Hit, ...]
    """Copies, recolours and frames that are one with it, without itself."""
    marks: Mapping[int, str]
    """As in :class:`Answer`: for itself, the group, the series and what is beside it."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A picture that somebody has asked with."""

    token: str
    width_px: int
    height_px: int
    frames: int
