"""Credits: each work once, in the form that is asked for, with its warnings."""

import csv
import json
from dataclasses import replace
from io import StringIO

import pytest

from artstore.library import ImageRecord
from artstore.licences import licence_from_name
from search.credit_formats import write_credits
from search.credits import Credits, credits_of
from tests.unit.test_hits import RECORD


def a_record(title: str, *licences: str, **facts: object) -> ImageRecord:
    known = {
        "title": title,
        "work_url": f"https://opengameart.org/content/{title.lower()}",
        "licences": tuple(map(licence_from_name, licences)),
        "copyright_notice": "",
    }
    return replace(RECORD, **(known | facts))  # type: ignore[arg-type]


def written(credits_: Credits, kind: str) -> str:
    out = StringIO()
    write_credits(credits_, out, kind)
    return out.getvalue()


def test_text_is_what_the_sites_faq_asks_for() -> None:
    records = [
        a_record(
            "Sword", "CC-BY 3.0", "GPL 2.0", "GPL 3.0", copyright_notice=" Thank Ada,\r\n\r\nand Bob. \n"
        ),
        a_record("Axe", "CC0", collaborators=("Bob",)),
        a_record("", "CC0", "CC-BY 4.0", author="", work_url=None, file_name="bow.png"),
        a_record("Cup"),
    ]
    assert written(credits_of(records), "text").splitlines() == [
        '"Axe" by Ada, Bob licensed CC0: https://opengameart.org/content/axe',
        '"bow.png" by unknown author licensed CC0 or CC-BY 4.0',
        '"Cup" by Ada without a stated licence: https://opengameart.org/content/cup',
        '"Sword" by Ada licensed CC-BY 3.0, GPL 2.0, or GPL 3.0: https://opengameart.org/content/sword',
        "    Thank Ada,",
        "    and Bob.",
    ]


def test_a_work_is_credited_once_for_all_its_pictures() -> None:
    records = [a_record("Sword", "CC0", image_id=image_id) for image_id in (9, 3, 9)]
    (work,) = credits_of(records).works
    assert work.image_ids == (3, 9)


@pytest.mark.parametrize("mark", ["=", "+", "-", "@"])
def test_no_cell_of_a_csv_is_a_formula(mark: str) -> None:
    formula = f'{mark}HYPERLINK("http://x.example")'
    credits_ = credits_of([a_record(formula, "CC0", author=formula, copyright_notice=formula)])
    (row,) = csv.DictReader(StringIO(written(credits_, "csv")))
    assert row["title"] == row["author"] == row["copyright_notice"] == f"'{formula}"
    assert not [cell for cell in row.values() if cell.startswith(mark)]


def test_csv_and_json_hold_every_fact() -> None:
    notice = 'Say "Ada",\nplease'
    credits_ = credits_of(
        [a_record("Sword", "CC0", "GPL 3.0", copyright_notice=notice, collaborators=("B",))]
    )
    (row,) = csv.DictReader(StringIO(written(credits_, "csv")))
    assert row == {
        "title": "Sword",
        "author": "Ada, B",
        "author_url": "https://opengameart.org/users/ada",
        "licences": "CC0 or GPL 3.0",
        "licence_urls": "http://creativecommons.org/publicdomain/zero/1.0/ http://www.gnu.org/licenses/gpl-3.0.html",
        "work_url": "https://opengameart.org/content/sword",
        "copyright_notice": notice,
        "image_ids": "7",
    }
    told = json.loads(written(credits_, "json"))
    assert told["works"][0]["licences"][1]["key"] == "gpl-3.0"
    assert told["works"][0]["copyright_notice"] == notice
    assert told["warnings"] == list(credits_.warnings)


def test_markdown_links_to_work_author_and_licence_and_no_title_breaks_it() -> None:
    record = a_record(
        "A_b [c](d) *e*\n# f",
        "CC0",
        work_url="https://e.org/a (b)",
        author_url="https://e.org",
        copyright_notice="> me\n*you*",
    )
    record = replace(record, licences=(licence_from_name("CC0", "https://e.org/0"),))
    assert written(credits_of([record]), "markdown").splitlines() == [
        r'- "[A\_b \[c\](d) \*e\* \# f](https://e.org/a%20%28b%29)" by [Ada](https://e.org) licensed [CC0](https://e.org/0)',
        r"  > \> me  ",
        r"  > \*you\*  ",
    ]


@pytest.mark.parametrize("kind", ["text", "markdown", "json"])
def test_no_title_moves_a_terminals_cursor(kind: str) -> None:
    assert "\x1b" not in written(credits_of([a_record("a\x1b[2Jb", "CC0")]), kind)


@pytest.mark.parametrize(
    ("licences", "told"),
    [
        ((), "states no licence: ask Ada"),
        (("CC-BY-SA 3.0",), "wants share-alike"),
        (("GPL 2.0", "GPL 3.0"), "has to be under GPL 2.0 or GPL 3.0 too"),
        (("CC-BY-NC 3.0",), "where money is earned"),
        (("CC-BY-NC-ND 3.0",), "may not be changed"),
    ],
)
def test_what_a_work_asks_for_is_told(licences: tuple[str, ...], told: str) -> None:
    (warning,) = credits_of([a_record("Sword", *licences)]).warnings
    assert warning.startswith('"Sword"')
    assert told in warning


def test_nothing_is_told_where_a_choice_asks_for_nothing() -> None:
    free = a_record("Sword", "CC-BY 3.0", "GPL 3.0"), a_record("Axe", "CC0"), a_record("Bow", "OGA-BY 3.0")
    assert credits_of(free).warnings == ()


def test_works_that_cannot_be_made_into_one_are_named() -> None:
    warnings = credits_of([a_record("Sword", "GPL 2.0"), a_record("Axe", "CC-BY-SA 3.0")]).warnings
    assert warnings[-1].startswith('"Axe" (CC-BY-SA 3.0) and "Sword" (GPL 2.0) cannot be made into one work')
    three = [
        a_record("A", "CC-BY-SA 3.0", "GPL 2.0"),
        a_record("B", "CC-BY-SA 3.0", "GPL 3.0"),
        a_record("C", "GPL 2.0", "GPL 3.0"),
    ]
    assert credits_of(three).warnings[-1].startswith("all of these together")


def test_of_many_conflicts_the_rest_is_counted() -> None:
    many = [a_record(f"A{n}", "CC-BY-SA 3.0") for n in range(9)] + [
        a_record(f"B{n}", "GPL 2.0") for n in range(9)
    ]
    warnings = credits_of(many).warnings
    assert len(warnings) == 18 + 20 + 1
    assert warnings[-1] == "and 61 more pairs of works that cannot be made into one"
