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


def test_a_work_is_gone_where_the_address_that_a_redirect_led_to_is_not_there(settings: Settings) -> None:
    old = "https://opengameart.org/content/old-name"
    failure = Failure(Stage.PAGE, old, "http_404", "the server answered 404")
    assert record([ArtItem(a_work("Axe"), (old,)), Gone(failure, (a_work("Axe").url,))], settings) == [[], []]
    with Catalog(settings.catalog_path) as catalog:
        assert catalog.execute("SELECT count(gone_at) FROM works").fetchone()[0] == 1
        assert catalog.execute("SELECT url FROM work_addresses").fetchone()["url"] == old


def test_an_old_address_that_leads_nowhere_any_more_takes_no_work_with_it(settings: Settings) -> None:
    old = "https://opengameart.org/content/old-name"
    failure = Failure(Stage.PAGE, old, "http_404", "the server answered 404")
    assert record([ArtItem(a_work("Axe"), (old,)), Gone(failure, (old,))], settings) == [[], [failure]]
    with Catalog(settings.catalog_path) as catalog:
        assert catalog.execute("SELECT count(gone_at) FROM works").fetchone()[0] == 0


def titles(settings: Settings) -> list[str]:
    with Catalog(settings.catalog_path) as catalog:
        return [row["title"] for row in catalog.execute("SELECT title FROM works ORDER BY title")]
