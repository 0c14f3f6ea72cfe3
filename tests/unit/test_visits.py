"""What a crawl asks for again, and when."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from artstore.catalog import Catalog
from artstore.models import Failure, FileState, Stage, StoredFile, Work
from artstore.pauses import FIRST_PAUSE, LONGEST_PAUSE, pause_after
from artstore.visits import Validators, Visits
from tests.unit.conftest import a_link, a_work

AN_HOUR = timedelta(hours=1)
SWORD = a_work("Sword", a_link("a.png"))


@pytest.fixture
def visits(catalog: Catalog) -> Visits:
    return Visits(catalog, AN_HOUR)


def record(catalog: Catalog, work: Work, *stored: str) -> None:
    with catalog.transaction():
        catalog.record_work(work)
        for path in stored:
            catalog.record_stored(StoredFile(path, 1, "s"))


def fail(catalog: Catalog, stage: Stage, subject: str, times: int = 1, ago: timedelta = timedelta(0)) -> None:
    with catalog.transaction():
        for _ in range(times):
            catalog.record_failure(Failure(stage, subject, "http_500"))
        last = (datetime.now(UTC) - ago).isoformat()
        catalog.execute("UPDATE failures SET last_at = ? WHERE subject = ?", [last, subject])


def test_a_work_is_due_until_it_was_read_and_its_files_were_dealt_with(
    catalog: Catalog, visits: Visits
) -> None:
    work = a_work("Sword", a_link("a.png"), a_link("b.png"))
    assert visits.is_due(work.url)
    record(catalog, work)
    assert visits.is_due(work.url)
    record(catalog, work, "a.png")
    with catalog.transaction():
        catalog.record_unavailable(a_link("b.png").url, FileState.FAILED)
    assert visits.is_due(work.url)
    with catalog.transaction():
        catalog.record_unavailable(a_link("b.png").url, FileState.TOO_LARGE)
    assert not visits.is_due(work.url)
    assert Visits(catalog, timedelta(0)).is_due(work.url)
    assert visits.is_due(work.url + "x")


def test_a_file_that_left_its_page_makes_no_work_due(catalog: Catalog, visits: Visits) -> None:
    record(catalog, SWORD)
    record(catalog, a_work("Sword"))
    assert not visits.is_due(SWORD.url)


def test_the_first_failure_is_tried_again_at_once_and_later_ones_after_growing_pauses() -> None:
    pauses = [pause_after(times) for times in range(1, 12)]
    assert pauses[:4] == [timedelta(0), FIRST_PAUSE, 4 * FIRST_PAUSE, 16 * FIRST_PAUSE]
    assert pauses == sorted(pauses)
    assert pause_after(10_000) == LONGEST_PAUSE


@pytest.mark.parametrize(("ago", "due"), [(timedelta(minutes=59), False), (timedelta(minutes=61), True)])
def test_a_page_that_failed_twice_is_left_alone_for_an_hour(
    catalog: Catalog, visits: Visits, ago: timedelta, *, due: bool
) -> None:
    fail(catalog, Stage.PAGE, SWORD.url, times=2, ago=ago)
    assert visits.is_due(SWORD.url) is due


@pytest.mark.parametrize(("times", "due"), [(1, True), (2, False)])
def test_a_work_is_not_read_for_a_file_that_is_left_alone(
    catalog: Catalog, visits: Visits, times: int, *, due: bool
) -> None:
    record(catalog, SWORD)
    with catalog.transaction():
        catalog.record_unavailable(a_link("a.png").url, FileState.FAILED)
    fail(catalog, Stage.DOWNLOAD, a_link("a.png").url, times)
    assert visits.is_due(SWORD.url) is due


def test_a_page_is_asked_conditionally_only_if_its_files_are_all_here(
    catalog: Catalog, visits: Visits
) -> None:
    record(catalog, SWORD)
    with catalog.transaction():
        catalog.record_validators(SWORD.url, '"e"', "Sun, 22 Nov 2026 10:00:00 GMT")
    assert visits.validators(SWORD.url) is None
    record(catalog, SWORD, "a.png")
    found = visits.validators(SWORD.url)
    assert found == Validators('"e"', "Sun, 22 Nov 2026 10:00:00 GMT")
    assert found.headers() == {"If-None-Match": '"e"', "If-Modified-Since": "Sun, 22 Nov 2026 10:00:00 GMT"}
    with catalog.transaction():
        assert catalog.record_gone(SWORD.url)
    assert visits.validators(SWORD.url) is None


def test_a_work_has_changed_when_its_author_changed_it_and_not_when_visitors_did(
    catalog: Catalog, visits: Visits
) -> None:
    assert not visits.has_changed(SWORD)
    record(catalog, SWORD)
    assert not visits.has_changed(SWORD)
    assert not visits.has_changed(a_work("Sword", a_link("a.png"), favourites=7, collections=(("u", "t"),)))
    assert visits.has_changed(a_work("Sword", a_link("a.png"), tags=("steel",)))
    assert visits.has_changed(a_work("Sword", a_link("b.png")))


def test_a_page_that_is_gone_and_comes_back_is_there_again(catalog: Catalog) -> None:
    record(catalog, SWORD)
    with catalog.transaction():
        assert catalog.record_gone(SWORD.url)
        assert not catalog.record_gone("https://opengameart.org/content/never-seen")
    gone = "SELECT gone_at IS NOT NULL AS gone FROM works"
    assert catalog.execute(gone).fetchone()["gone"] == 1
    record(catalog, SWORD)
    assert catalog.execute(gone).fetchone()["gone"] == 0


def test_a_newer_form_of_a_file_that_could_not_be_had_is_asked_for_again(
    catalog: Catalog, visits: Visits
) -> None:
    record(catalog, SWORD, "a.png")
    with catalog.transaction():
        catalog.record_validators(SWORD.url, '"e"', None)
    assert not visits.is_due(SWORD.url)
    assert not visits.has_failed(a_link("a.png").url)
    fail(catalog, Stage.DOWNLOAD, a_link("a.png").url)
    assert visits.is_due(SWORD.url)
    assert visits.has_failed(a_link("a.png").url)
    assert visits.validators(SWORD.url) is None
    record(catalog, SWORD, "a.png")
    assert not visits.is_due(SWORD.url)


def test_a_file_of_another_length_than_its_page_says_is_asked_for_again(
    catalog: Catalog, visits: Visits
) -> None:
    record(catalog, SWORD, "a.png")
    assert not visits.is_due(SWORD.url)
    record(catalog, a_work("Sword", replace(a_link("a.png"), declared_bytes=2)))
    assert visits.is_due(SWORD.url)
    record(catalog, a_work("Sword", replace(a_link("a.png"), declared_bytes=1)))
    assert not visits.is_due(SWORD.url)


@pytest.mark.parametrize(("limit", "due"), [(99, False), (100, True)])
def test_a_file_that_was_too_large_is_to_be_had_once_it_may_be_as_large_as_it_is(
    catalog: Catalog, visits: Visits, limit: int, *, due: bool
) -> None:
    record(catalog, a_work("Sword", replace(a_link("a.png"), declared_bytes=100)))
    with catalog.transaction():
        catalog.record_unavailable(a_link("a.png").url, FileState.TOO_LARGE)
        catalog.record_validators(SWORD.url, '"e"', None)
        for _ in range(3):
            catalog.record_failure(Failure(Stage.DOWNLOAD, a_link("a.png").url, "too_large"))
    visits.release(limit)
    assert visits.is_due(SWORD.url) is due
    assert (visits.validators(SWORD.url) is None) is due


def test_another_failure_is_not_forgotten_when_the_limit_is_raised(catalog: Catalog, visits: Visits) -> None:
    record(catalog, a_work("Sword", replace(a_link("a.png"), declared_bytes=100)))
    fail(catalog, Stage.DOWNLOAD, a_link("a.png").url, times=2)
    visits.release(1000)
    assert not visits.may_try(Stage.DOWNLOAD, a_link("a.png").url)


def test_the_files_of_a_work_that_are_here_are_those_that_it_still_lists(
    catalog: Catalog, visits: Visits
) -> None:
    links = [a_link(f"{name}.png") for name in "cab"]
    record(catalog, a_work("Sword", *links, a_link("gone.png")), "c.png", "b.png", "gone.png")
    record(catalog, a_work("Sword", *links))
    assert visits.stored_files(SWORD.url) == (links[0], links[2])
    assert not visits.is_old(SWORD.url)
    assert Visits(catalog, timedelta(0)).is_old(SWORD.url)
    assert not Visits(catalog, timedelta(0)).is_old(SWORD.url + "x")


def test_when_a_work_was_posted_is_known_of_those_that_have_a_date(catalog: Catalog, visits: Visits) -> None:
    posted_at = datetime(2013, 1, 31, 8, 6)  # noqa: DTZ001 - the site does not say which zone
    record(catalog, a_work("Sword", posted_at=posted_at))
    record(catalog, a_work("Axe"))
    assert visits.posted_at(SWORD.url) == posted_at
    assert visits.posted_at(a_work("Axe").url) is None
    assert visits.posted_at("https://opengameart.org/content/never-seen") is None


def test_pages_of_a_collection_that_failed_are_not_asked_for_as_works(
    catalog: Catalog, visits: Visits
) -> None:
    site = "https://opengameart.org"
    fail(catalog, Stage.PAGE, f"{site}/content/sword")
    fail(catalog, Stage.PAGE, f"{site}/content/my-shelf?page=0")
    assert visits.failed_pages(site) == [f"{site}/content/sword"]


def test_pages_of_works_that_failed_are_asked_for_again_by_name_and_by_number(
    catalog: Catalog, visits: Visits
) -> None:
    subjects = [f"{SITE}/content/sword", f"{SITE}/node/12"]
    for subject in (*subjects, f"{SITE}/latest", "https://elsewhere.example/node/12"):
        fail(catalog, Stage.PAGE, subject)
    assert visits.failed_pages(SITE) == subjects


def test_a_work_that_was_gone_and_is_named_again_is_asked_for_the_next_day(catalog: Catalog) -> None:
    visits = Visits(catalog, timedelta(days=30))
    record(catalog, SWORD, "a.png")
    with catalog.transaction():
        catalog.record_gone(SWORD.url)
    assert not visits.is_due(SWORD.url)
    with catalog.transaction():
        two_days_ago = (datetime.now(UTC) - timedelta(days=2)).isoformat()
        catalog.execute("UPDATE works SET crawled_at = ?", [two_days_ago])
    assert visits.is_due(SWORD.url)
    with catalog.transaction():
        catalog.execute("UPDATE works SET gone_at = NULL")
    assert not visits.is_due(SWORD.url)


SITE = "https://opengameart.org"


def test_works_with_files_to_be_had_are_unfinished_each_once(catalog: Catalog, visits: Visits) -> None:
    assert visits.unfinished(SITE) == []
    record(catalog, a_work("Axe", a_link("b.png"), a_link("c.png")))
    record(catalog, SWORD, "a.png")
    record(catalog, a_work("Bow", a_link("d.png")))
    assert visits.unfinished(SITE) == [a_work("Axe").url, a_work("Bow").url]
    assert visits.unfinished("https://elsewhere.example") == []
    record(catalog, a_work("Axe", a_link("b.png"), a_link("c.png")), "b.png", "c.png")
    assert visits.unfinished(SITE) == [a_work("Bow").url]


def test_files_that_nobody_lists_or_whose_work_is_gone_make_nothing_unfinished(
    catalog: Catalog, visits: Visits
) -> None:
    record(catalog, SWORD)
    record(catalog, a_work("Sword"))
    record(catalog, a_work("Bow", a_link("d.png")))
    with catalog.transaction():
        catalog.record_gone(a_work("Bow").url)
    assert visits.unfinished(SITE) == []


@pytest.mark.parametrize(
    ("stage", "subject"), [(Stage.DOWNLOAD, a_link("a.png").url), (Stage.PAGE, SWORD.url)]
)
@pytest.mark.parametrize(("times", "tried"), [(1, True), (2, False)])
def test_an_unfinished_work_is_left_alone_as_long_as_its_page_or_its_files_are(
    catalog: Catalog, visits: Visits, stage: Stage, subject: str, times: int, *, tried: bool
) -> None:
    record(catalog, SWORD)
    with catalog.transaction():
        catalog.record_unavailable(a_link("a.png").url, FileState.FAILED)
    fail(catalog, stage, subject, times)
    assert visits.unfinished(SITE) == [SWORD.url] * tried


def test_pages_that_failed_are_found_by_the_beginning_of_their_addresses(
    catalog: Catalog, visits: Visits
) -> None:
    fail(catalog, Stage.PAGE, f"{SITE}/art-search-advanced?keys=a_b")
    fail(catalog, Stage.PAGE, f"{SITE}/content/sword")
    fail(catalog, Stage.DOWNLOAD, f"{SITE}/art-search-advanced?keys=c")
    assert visits.failed_at(f"{SITE}/art-search-advanced") == [f"{SITE}/art-search-advanced?keys=a_b"]
