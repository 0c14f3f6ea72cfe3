"""Licences side by side: what may become one work, and what may not."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artstore.combining import is_no_derivatives, is_non_commercial, is_share_alike, outlets
from artstore.licences import KNOWN, licence_from_name
from artstore.models import Licence

NAMES = [known.name for known in KNOWN]


def suits(*works: str) -> frozenset[str] | None:
    return outlets([[licence_from_name(name) for name in work.split(", ") if name] for work in works])


@pytest.mark.parametrize("name", NAMES)
def test_a_work_goes_with_itself_and_with_cc0(name: str) -> None:
    assert suits(name, name) != frozenset()
    assert suits(name, "CC0") == suits(name)
    if name != "CC0":
        assert licence_from_name(name).key in (suits(name) or ())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("GPL 2.0", "GPL 3.0"),
        ("CC-BY-SA 3.0", "GPL 3.0"),
        ("CC-BY-SA 4.0", "GPL 2.0"),
        ("CC-BY 3.0", "GPL 3.0"),
        ("CC-BY-NC 3.0", "CC-BY-SA 3.0"),
        ("CC-BY-ND 4.0", "CC0"),
        ("CC-BY-ND 4.0", "CC-BY-ND 4.0"),
        ("Free Art 1.3", "CC-BY 4.0"),
        ("", "CC-BY 4.0"),
    ],
)
def test_what_nobody_allows_is_not_allowed(one: str, other: str) -> None:
    assert suits(one, other) == suits(other, one) == frozenset()


@pytest.mark.parametrize(
    ("one", "other", "under"),
    [
        ("CC-BY 4.0", "GPL 2.0", "gpl-2.0"),
        ("CC-BY-SA 4.0", "GPL 3.0", "gpl-3.0"),
        ("CC-BY-SA 3.0", "CC-BY-SA 4.0", "cc-by-sa-4.0"),
        ("OGA-BY 3.0", "CC-BY-SA 3.0", "cc-by-sa-3.0"),
        ("LGPL 2.1", "GPL 3.0", "gpl-3.0"),
        ("CC-BY-SA 3.0, GPL 2.0", "GPL 2.0", "gpl-2.0"),
    ],
)
def test_what_the_stewards_allow_is_allowed_under_that_licence(one: str, other: str, under: str) -> None:
    assert under in (suits(one, other) or ())


def test_three_may_not_go_together_although_any_two_do() -> None:
    works = ("CC-BY-SA 3.0, GPL 2.0", "CC-BY-SA 3.0, GPL 3.0", "GPL 2.0, GPL 3.0")
    assert all(suits(*pair) for pair in combinations(works, 2))
    assert suits(*works) == frozenset()


@given(works=st.lists(st.lists(st.sampled_from(NAMES), max_size=3).map(", ".join), min_size=1, max_size=4))
def test_one_more_work_never_opens_a_way_and_one_more_choice_never_closes_one(works: list[str]) -> None:
    everything = frozenset(known.key for known in KNOWN)
    ways = suits(*works)
    fewer = suits(*works[1:]) if works[1:] else None
    assert (everything if ways is None else ways) <= (everything if fewer is None else fewer)
    freer = suits(*[f"{works[0]}, GPL 3.0" if works[0] else "GPL 3.0", *works[1:]])
    assert (everything if ways is None else ways) <= (everything if freer is None else freer)


def test_families_are_told_by_their_keys() -> None:
    share_alike = {known.key for known in KNOWN if is_share_alike(licence_from_name(known.name))}
    assert share_alike == {
        "cc-by-sa-3.0",
        "cc-by-sa-4.0",
        "gpl-2.0",
        "gpl-3.0",
        "lgpl-2.1",
        "lgpl-3.0",
    }
    assert is_non_commercial(Licence("cc-by-nc-sa-3.0", "x"))
    assert is_share_alike(Licence("cc-by-nc-sa-3.0", "x"))
    assert is_no_derivatives(Licence("cc-by-nd-3.0", "x"))
    assert not is_non_commercial(Licence("ncsa", "x"))
