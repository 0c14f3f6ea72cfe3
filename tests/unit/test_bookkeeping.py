"""What came of works, written together: one that does not fit costs no other."""

from __future__ import annotations

from dataclasses import replace

from artstore.catalog import Catalog
from artstore.models import Failure, Stage
from artstore.settings import Settings
from ogaspider.bookkeeping import record
from ogaspider.items import ArtItem, Gone
from tests.unit.conftest import a_link, a_work


def test_works_are_written_together(settings: Settings) -> None:
    items = [ArtItem(a_work("Axe")), ArtItem(a_work("Bow"))]
    assert record(items, settings) == [[], []]
    assert titles(settings) == ["Axe", "Bow"]


def test_a_work_that_the_catalog_does_not_take_costs_no_other(settings: Settings) -> None:
    huge = replace(a_work("Huge"), files=(replace(a_link("huge.png"), declared_bytes=10**30),))
    outcomes = record([ArtItem(a_work("Axe")), ArtItem(huge), ArtItem(a_work("Bow"))], settings)
    assert [[failure.reason for failure in outcome] for outcome in outcomes if isinstance(outcome, list)] == [
        [],
        ["not_recorded"],
        [],
    ]
    assert titles(settings) == ["Axe", "Bow"]
    with Catalog(settings.catalog_path) as catalog:
        (failure,) = catalog.execute("SELECT stage, subject, times FROM failures").fetchall()
    assert tuple(failure) == ("page", huge.url, 1)


def test_failures_and_vanished_works_are_written_with_them(settings: Settings) -> None:
    failure = Failure(Stage.PAGE, "https://example.org/content/gone", "http_404", "the server answered 404")
    assert record([failure, Gone(failure)], settings) == [[failure], [failure]]


def titles(settings: Settings) -> list[str]:
    with Catalog(settings.catalog_path) as catalog:
        return [row["title"] for row in catalog.execute("SELECT title FROM works ORDER BY title")]
