"""Licences: as the site writes them, and as people ask for them."""

import re

import pytest

from artstore.errors import UsageError
from artstore.licences import KNOWN, find_licences, licence_from_name
from artstore.models import Licence


@pytest.mark.parametrize("known", KNOWN, ids=lambda known: known.key)
def test_a_licence_is_recognised_as_the_site_writes_it(known: object) -> None:
    licence = next(entry for entry in KNOWN if entry == known)
    found = licence_from_name(f"  {licence.name.lower()} ")
    assert found == Licence(licence.key, licence.name, licence.deed_url)
    assert find_licences(licence.name) == [licence.key]


def test_keys_are_lower_case_and_given_once() -> None:
    keys = [licence.key for licence in KNOWN]
    assert len(set(keys)) == len(keys)
    assert all(re.fullmatch(r"[a-z0-9.-]+", key) for key in keys)
    assert all(licence.deed_url.startswith(("http://", "https://")) for licence in KNOWN)


def test_the_deed_that_the_page_links_to_is_kept() -> None:
    assert licence_from_name("CC-BY 3.0", "https://example.org/deed").deed_url == "https://example.org/deed"


def test_a_licence_never_heard_of_is_kept_under_a_key_of_its_own() -> None:
    assert licence_from_name("Free Art 1.3", "https://e.org") == Licence(
        "free-art-1.3", "Free Art 1.3", "https://e.org"
    )


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("cc0", ["cc0"]),
        ("CC-BY", ["cc-by-3.0", "cc-by-4.0"]),
        ("cc-by-sa", ["cc-by-sa-3.0", "cc-by-sa-4.0"]),
        ("cc-by-4", ["cc-by-4.0"]),
        ("cc by 4.0", ["cc-by-4.0"]),
        ("gpl", ["gpl-2.0", "gpl-3.0"]),
        ("lgpl 2.1", ["lgpl-2.1"]),
        ("oga-by,cc0, cc0 ,", ["oga-by-3.0", "oga-by-4.0", "cc0"]),
        ("", []),
    ],
)
def test_people_name_licences_and_families(text: str, keys: list[str]) -> None:
    assert find_licences(text) == keys


@pytest.mark.parametrize("text", ["mit", "cc-by-5", "c", "cc0, nonsense", ".*"])
def test_an_unknown_licence_is_refused_naming_those_there_are(text: str) -> None:
    with pytest.raises(UsageError, match=r"there are cc0, .*lgpl-3\.0"):
        find_licences(text)
