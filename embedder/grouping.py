"""Which pictures are one to somebody who searches: the same, saved otherwise, recoloured, or frames of one series.

    n pictures of different art    p pairs

The groups are made of what the catalog knows, the marks of :mod:`embedder.likeness`
among it, and only changes are written. That may be stopped, or killed, at any time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from artstore.features import FeatureReader
from artstore.ledger import Ledger
from artstore.likenesses import Groups, Likenesses
from artstore.settings import Settings
from embedder.likeness import bits_apart

BATCH = 256
"""Pairs whose features are compared at once."""

# On 497 pictures of 15 packs: of some 96,000 pairs of different art 21 are within the first three, most of them frames or
# tiles of one pack, and of copies that were scaled smoothly or saved as JPEG 58 % are. With colours up to 6 apart it were
# 34 pairs; of these the fourth, by `colour`, kept 13 apart. By MobileNetV2 the fourth is stricter: it lets through 57 % of such copies, where
# `colour` lets through 96 % (docs/performance.md); neither took art of two packs for one.
MOST_BITS = 8
MOST_COLOUR = 4.0
"""Of 255, on average."""
MOST_ASPECT = 0.05
"""Of the logarithm of width by height."""
MOST_DISTANCE = 0.1
"""Cosine distance of the features."""

TELLING_BITS = range(8, 57)
"""Looks of fewer bits, or more, say nothing: sparse sheets and flat areas have them all."""

BANDS = 4
"""Pairs are looked for among looks with an equal quarter, so that of three bits apart none is missed."""
NEIGHBOURS = 64
"""Compared in a quarter that very many share."""


def update_groups(ledger: Ledger, settings: Settings) -> int:
    """Make the groups anew from what is known, and return for how many pictures they changed."""
    likenesses = Likenesses(ledger.catalog)
    parents: dict[int, int] = {}
    for one, other in [*likenesses.kin(), *_starred(_near_pairs(ledger, settings, likenesses))]:
        _join(parents, one, other)
    roots = {image_id: _root(parents, image_id) for image_id in parents}
    return Groups(ledger.catalog).replace(roots)


def _near_pairs(ledger: Ledger, settings: Settings, likenesses: Likenesses) -> list[tuple[int, int]]:
    """Return pairs of image ids that look alike and whose features are near, the nearest first."""
    ids, looks, colours, aspects = likenesses.looks()
    pairs = alike_pairs(looks, colours, aspects)
    image_pairs = ids[pairs]
    known, rows = ledger.rows_of(np.unique(image_pairs))
    order = np.argsort(known)
    known, rows = known[order], rows[order]
    embedded = np.isin(image_pairs, known).all(axis=1)
    image_pairs = image_pairs[embedded]
    reader = FeatureReader(settings.features_dir(ledger.embedder.name), ledger.embedder.dim)
    parts = [np.empty(0, np.float32)]
    for start in range(0, len(image_pairs), BATCH):
        places = np.searchsorted(known, image_pairs[start : start + BATCH])
        one, other = (reader.read(rows[column]) for column in places.T)
        parts.append(1.0 - np.einsum("pd,pd->p", one, other))
    distances = np.concatenate(parts)
    near = np.flatnonzero(distances <= MOST_DISTANCE)
    near = near[np.argsort(distances[near], kind="stable")]
    return [(int(one), int(other)) for one, other in image_pairs[near]]


def alike_pairs(
    looks: NDArray[np.int64], colours: NDArray[np.uint8], aspects: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Return places of pairs, shape (p, 2), with similar looks, colours and shape; arrays of n, (n, 48) and n."""
    weights = bits_apart(looks, np.int64(0))
    places = np.flatnonzero((weights >= TELLING_BITS.start) & (weights < TELLING_BITS.stop))
    found = [np.empty((0, 2), np.int64)]
    for band in range(BANDS):
        quarters = (looks[places] >> (16 * band)) & 0xFFFF
        order = places[np.lexsort((looks[places], quarters))]
        sorted_quarters = (looks[order] >> (16 * band)) & 0xFFFF
        for step in range(1, min(NEIGHBOURS, len(order))):
            equal = np.flatnonzero(sorted_quarters[step:] == sorted_quarters[:-step])
            if equal.size == 0:
                break
            one, other = order[equal], order[equal + step]
            close = bits_apart(looks[one], looks[other]) <= MOST_BITS
            one, other = one[close], other[close]
            apart = np.abs(colours[one].astype(np.int16) - colours[other]).mean(axis=1)
            shape = np.abs(np.log(aspects[one] / aspects[other]))
            good = (apart <= MOST_COLOUR) & (shape <= MOST_ASPECT)
            found.append(np.sort(np.stack([one[good], other[good]], axis=1), axis=1))
    return np.unique(np.concatenate(found), axis=0)


def _starred(pairs: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield those of *pairs* by which everyone is paired with the middle of a star: likeness is no chain."""
    middle: dict[int, int] = {}
    for one, other in pairs:
        for centre, ray in ((one, other), (other, one)):
            if middle.get(centre, centre) == centre and ray not in middle:
                middle[centre] = middle[ray] = centre
                yield centre, ray
                break


def _join(parents: dict[int, int], one: int, other: int) -> None:
    """Put two into one tree; the root is the smallest."""
    first, second = sorted((_root(parents, one), _root(parents, other)))
    parents[second] = parents[first] = first
    parents.setdefault(one, first)
    parents.setdefault(other, first)


def _root(parents: dict[int, int], image_id: int) -> int:
    root = image_id
    while parents.get(root, root) != root:
        root = parents[root]
    while parents.get(image_id, root) != root:
        parents[image_id], image_id = root, parents[image_id]
    return root
