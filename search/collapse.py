"""Of answers that are one picture to somebody who searches, the best stands for all."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from artstore.ascending import members
from artstore.ledger import PAGE
from artstore.likenesses import Groups


def first_of_each(ranked: Sequence[int], groups: Groups) -> Iterator[int]:
    """Yield those of the image ids *ranked*, best first, before which no other of their group comes."""
    seen: set[int] = set()
    for start in range(0, len(ranked), PAGE):
        page = ranked[start : start + PAGE]
        group_of = groups.of(page)
        for image_id in page:
            group_id = group_of.get(image_id)
            if group_id is None or group_id not in seen:
                yield image_id
            if group_id is not None:
                seen.add(group_id)


def count_more(
    shown: Sequence[int], answers: NDArray[np.int64], leave_out: Collection[int], groups: Groups
) -> dict[int, int]:
    """Return, for those of the image ids *shown* that are in a group, how many others of it are answers.

    *answers* are ascending, and hold *shown*; those in *leave_out* are none.
    """
    group_of = groups.of(shown)
    counts = {
        group: int(members(np.array([one for one in ids if one not in leave_out], np.int64), answers).sum())
        for group, ids in groups.members(list(set(group_of.values()))).items()
    }
    # What is shown is an answer itself.
    return {image_id: counts[group] - 1 for image_id, group in group_of.items()}
