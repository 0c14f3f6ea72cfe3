"""The library: whose art it is, what it is called, and what there is."""

import unicodedata

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sqlite_utils import Database

from artstore.catalog import Catalog
from artstore.errors import UsageError
from artstore.filters import Filter
from artstore.library import Library
from artstore.models import Failure, FileState, Findings, Licence, Stage, StoredFile, Work
from artstore.wordquery import match_expression
from tests.unit.conftest import a_link, a_work, an_image

CC0 = Licence("cc0", "CC0", "http://cc0")
GPL = Licence("gpl-3.0", "GPL 3.0")


@pytest.fixture
def library(catalog: Catalog) -> Library:
    return Library(catalog)


def put(library: Library, work: Work, *members: str) -> None:
    """Record *work*, and for each of its files a picture, or the *members* of it."""
    catalog = library.catalog
    with catalog.transaction():
        catalog.record_work(work)
        for link in work.files:
            catalog.record_stored(StoredFile(link.path, 1, "s"))
            images = [an_image(f"unpacked/{link.path}/{member}", member, member) for member in members]
            catalog.record_findings(
                link.path, Findings(images or [an_image(f"files/{link.path}", None, link.path)])
            )


def test_a_picture_comes_with_all_that_credits_it(library: Library) -> None:
    work = a_work("Sword", a_link("p.zip"), author_url="u", copyright_notice="thanks", licences=(GPL, CC0))
    put(library, work, "a.png")
    (record,) = library.describe([1])
    assert (record.path, record.member, record.file_name) == ("unpacked/p.zip/a.png", "a.png", "p.zip")
    assert (record.title, record.author, record.author_url, record.work_url) == (
        "Sword",
        "Ada",
        "u",
        work.url,
    )
    assert record.licences == (CC0, GPL)
    assert record.copyright_notice == "thanks"
    assert record.file_url == a_link("p.zip").url


def test_records_come_in_the_order_of_the_question(library: Library) -> None:
    put(library, a_work("Pack", a_link("p.zip")), "a", "b", "c")
    assert [record.image_id for record in library.describe([3, 1, 99, 2])] == [3, 1, 2]
    assert library.describe([]) == []


def test_a_file_that_moved_to_another_work_is_credited_to_that_one(library: Library) -> None:
    put(library, a_work("Old page", a_link("a.png"), author="Wrong", licences=(CC0,)))
    put(library, a_work("Old page", author="Wrong", licences=(CC0,)))
    put(library, a_work("New page", a_link("a.png"), author="Right", licences=(GPL,)))
    (record,) = library.describe([1])
    assert (record.author, record.licences) == ("Right", (GPL,))


def test_a_file_that_no_page_lists_any_more_is_credited_to_the_last_that_did(library: Library) -> None:
    put(library, a_work("Sword", a_link("a.png"), licences=(CC0,)))
    put(library, a_work("Sword", licences=(CC0,)))
    assert library.describe([1])[0].title == "Sword"


def test_all_words_must_be_there_and_a_beginning_is_enough(library: Library) -> None:
    put(library, a_work("Iron Swords", a_link("walk_01.png"), tags=("fantasy",), author="Ada Lovelace"))
    put(library, a_work("Iron Shield", a_link("idle_01.png")))
    assert library.find_words("sword", 9) == [1]
    assert sorted(library.find_words("IRON", 9)) == [1, 2]
    assert library.find_words("iron fantasy lovelace walk", 9) == [1]
    assert library.find_words("iron nothing", 9) == []
    assert library.find_words("words", 9) == []
    assert library.find_words("walk_01.png", 9) == [1]
    assert len(library.find_words("iron", 1)) == 1


def test_those_with_words_may_be_ranked_among_some(library: Library) -> None:
    put(library, a_work("Sword", a_link("a.png")))
    put(library, a_work("Axe and sword", a_link("sword.png")))
    put(library, a_work("Axe", a_link("sword_2.png")))
    assert set(library.find_words("sword", 9, np.array([3, 1, 99]))) == {1, 3}
    assert library.find_words("sword", 9, np.array([], np.int64)) == []


def test_the_title_counts_more_than_a_file_name(library: Library) -> None:
    put(library, a_work("Misc", a_link("dragon.png")))
    put(library, a_work("Dragon", a_link("x.png")))
    put(library, a_work("Things", a_link("y.png"), tags=("dragon",)))
    assert library.find_words("dragon", 9) == [2, 3, 1]


def test_what_is_in_quotes_stands_so_word_for_word(library: Library) -> None:
    put(library, a_work("Fire sword", a_link("a.png")))
    put(library, a_work("Sword of fire", a_link("b.png")))
    put(library, a_work("Fire swordsman", a_link("c.png")))
    assert sorted(library.find_words("fire sword", 9)) == [1, 2, 3]
    assert library.find_words('"fire sword"', 9) == [1]
    assert library.find_words('"FIRE   SWORD', 9) == [1], "the second quote may be missing"
    assert library.find_words('"sword" fire', 9) == [1, 2]
    assert library.find_words('fire"man"', 9) == []


def test_a_minus_keeps_out_what_begins_so(library: Library) -> None:
    put(library, a_work("Fire sword", a_link("a.png"), tags=("well-known",)))
    put(library, a_work("Fire goblins", a_link("b.png")))
    put(library, a_work("Fire sword of a troll king", a_link("c.png")))
    assert sorted(library.find_words("fire -goblin", 9)) == [1, 3]
    assert library.find_words("-goblin fire -troll", 9) == [1]
    assert library.find_words('fire -"troll king" -goblins', 9) == [1]
    assert sorted(library.find_words('fire -"troll knight" -"goblin"', 9)) == [1, 2, 3]
    assert library.find_words("well-known", 9) == [1], "inside a word it is no minus"
    assert sorted(library.find_words("fire -", 9)) == [1, 2, 3]


@pytest.mark.parametrize("text", ["-goblin", '-"goblin king" -troll', "- -goblin"])
def test_only_what_must_not_be_there_is_no_question(library: Library, text: str) -> None:
    with pytest.raises(UsageError, match="name a word that must"):
        library.find_words(text, 9)


@example("fire \ud800")
@given(text=st.text(st.sampled_from("aé死ह\" -*^(:_.\0\t'{+N") | st.characters(), max_size=12))
def test_every_text_is_a_question_or_told_to_be_none(text: str) -> None:
    db = Database(memory=True)
    db.execute("CREATE VIRTUAL TABLE words USING fts5 (title)")
    try:
        expression = match_expression(text)
    except UsageError:
        return
    if expression is not None:
        db.execute("SELECT rowid FROM words WHERE words MATCH ?", [expression]).fetchall()
    db.close()


@pytest.mark.parametrize(
    "text",
    ['"', "'", "a AND", "NOT", "NEAR(", "title:x", "*", "-", "(", "a*b", "^a", "\0", "_", "_ _", "{a}", "%"],
)
def test_no_text_is_taken_for_an_operator(library: Library, text: str) -> None:
    put(library, a_work("Sword", a_link("a.png")))
    assert library.find_words(text, 9) in ([], [1])


def test_words_that_say_nothing_find_nothing(library: Library) -> None:
    put(library, a_work("Sword", a_link("a.png")))
    for text in ("", "  ", "!?", "..."):
        assert library.find_words(text, 9) == []


@pytest.mark.parametrize("written", ["NFC", "NFD"])
@pytest.mark.parametrize("asked", ["NFC", "NFD"])
def test_accents_are_found_however_they_are_composed(library: Library, written: str, asked: str) -> None:
    put(library, a_work(unicodedata.normalize(written, "Größe É"), a_link("a.png")))  # type: ignore[arg-type]
    for text in ("größe", "é", "e"):
        assert library.find_words(unicodedata.normalize(asked, text), 9) == [1]  # type: ignore[arg-type]


def test_scripts_without_latin_letters_are_found(library: Library) -> None:
    put(library, a_work("Рисунок 死神 ภาพ हिन्दी", a_link("a.png")))
    for text in ("рисунок", "死神", "ภาพ", "हिन्दी"):
        assert library.find_words(text, 9) == [1], text


def test_the_status_counts_what_there_is(library: Library) -> None:
    put(library, a_work("Pack", a_link("p.zip")), "a", "b")
    put(library, a_work("Other", a_link("q.zip")), "a")
    with library.catalog.transaction():
        library.catalog.record_work(a_work("Lost", a_link("lost.png")))
        library.catalog.record_unavailable(a_link("lost.png").url, FileState.FAILED)
        library.catalog.record_failure(Failure(Stage.DOWNLOAD, a_link("lost.png").url, "http_404"))
    counts = {line.what: line.count for line in library.status()}
    assert counts == {
        "works": 3,
        "files failed": 1,
        "files stored": 2,
        "pictures": 3,
        "pictures, identical ones counted once": 2,
        "failed at download: http_404": 1,
    }


def test_a_picture_found_under_a_licence_is_credited_to_the_work_under_that_licence(library: Library) -> None:
    put(library, a_work("One", a_link("a.png"), author="Alice", licences=(GPL,)))
    put(library, a_work("Two", a_link("a.png"), author="Bob", licences=(CC0,)))
    (record,) = library.describe([1], Filter(licence="cc0"))
    assert (record.author, record.licences) == ("Bob", (CC0,))
    (record,) = library.describe([1], Filter(licence="gpl"))
    assert (record.author, record.licences) == ("Alice", (GPL,))
