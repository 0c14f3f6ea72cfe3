"""Whose a picture is: the works that it, or what it was made from, came from, and how sure that is.

The score is how many bits of the looks differ plus how far the colours are apart (of 255). How sure it is was measured by
``python -m tests.benchmarks.likenesses`` on 1,080 copies of 250 of 480 pictures of 10 packs: half as large, one and a half times and
twice as large with smooth scaling, as JPEG, and laid on white. Up to 6 it was 37 % of the copies against their originals, and
0.1 % of them against what is nearest in another pack; from 6 to 20 it was 36 % against 0.4 %, from 20 to 30 10 % against 5 %.
Where both are as likely before, that makes 0.997, 0.99 and 0.66. Fitted to half of the packs, it was 0.999, 0.997 and 0.78 on the
other half (of 400 halves, a twentieth had less than 0.50 for the last). Sureness is told lower than that: a million pictures
have more to be mistaken for than 480, though 4,000 generated sprites beside them made no difference.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from artstore.library import ImageRecord
from artstore.likenesses import Likeness
from embedder.likeness import bits_apart, colours_apart
from search.hits import Hit


class Evidence(StrEnum):
    """Why a picture is thought to come from a work."""

    SAME = "same art"
    """The same to the pixel, but for borders, whole enlargements and the file's format."""
    RECOLOUR = "recolour"
    """The same areas in other colours."""
    ALIKE = "alike"
    """It looks so: scaled, compressed, or slightly changed."""


SURE_OF_RECOLOUR = 0.95
"""Not measured: there were no false ones, but small pictures of few areas may be drawn twice."""

SURENESS = ((6.0, 0.97), (20.0, 0.91), (30.0, 0.45))
"""(score, sureness): of a score that is not above this. Past the last, nothing can be said."""


@dataclass(frozen=True, slots=True)
class Match:
    """A picture of the catalog that another may have come from."""

    image_id: int
    evidence: Evidence
    sureness: float


@dataclass(frozen=True, slots=True)
class Origin:
    """A work that a picture probably comes from, or was made from."""

    hit: Hit
    """The picture of that work that it matches best, with title, author, licences and links."""
    evidence: Evidence
    sureness: float
    """From 0 to 1."""


@dataclass(frozen=True, slots=True)
class Provenance:
    """The answer to "whose is this?"."""

    origins: tuple[Origin, ...]
    """The surest first, each work once; empty if nothing is close enough."""
    nearest: Hit | None
    """What looks most like it and is not close enough; None if there are origins, or nothing to compare."""


def alike(question: Likeness, candidates: Mapping[int, Likeness]) -> list[Match]:
    """Return those of *candidates*, by image id, that look enough like *question*."""
    matches = []
    for image_id, candidate in candidates.items():
        bits = int(bits_apart(np.array([question.look]), np.int64(candidate.look))[0])
        score = bits + colours_apart(question.colours, candidate.colours)
        if sureness := next((sure for most, sure in SURENESS if score <= most), None):
            matches.append(Match(image_id, Evidence.ALIKE, sureness))
    return matches


def origins_of(
    matches: Iterable[Match], records: Iterable[ImageRecord], distances: Mapping[int, float]
) -> tuple[Origin, ...]:
    """Return the works of *matches*, the surest first, by the best match of each.

    *records* has one for each picture and each work that lists its file; *distances* are those of the features, by image id.
    """
    best: dict[int, Match] = {}
    for match in matches:
        if match.image_id not in best or best[match.image_id].sureness < match.sureness:
            best[match.image_id] = match
    by_work: dict[str, Origin] = {}
    for record in sorted(records, key=lambda record: _rank(best[record.image_id], distances)):
        match = best[record.image_id]
        hit = Hit.of(record, distances.get(record.image_id))
        by_work.setdefault(record.work_url or record.file_url, Origin(hit, match.evidence, match.sureness))
    return tuple(by_work.values())


def _rank(match: Match, distances: Mapping[int, float]) -> tuple[float, float, int]:
    return -match.sureness, distances.get(match.image_id, 0.0), match.image_id
