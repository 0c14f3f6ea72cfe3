"""A crawl as far as a date: the newest works, and of the older ones hardly more than it takes to know that they are."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path

import pytest

from tests.integration.crawling import crawl, interrupted_crawl, rows, with_fault, work_paths
from tests.replica import ReplicaServer, ReplicaWork, build_site, pages

ALL = ("-a", "art_type=all")

OLD_IN_A_ROW = 4
READ_IN_VAIN = 7
"""Older works that may be asked for: some are on their way when it is known that there is nothing more to come."""


@pytest.fixture
def server() -> Iterator[ReplicaServer]:
    with ReplicaServer(build_site(works=100)) as opened:
        yield opened


def day_of(work: ReplicaWork) -> date:
    return work.posted_at.date()


def since(server: ReplicaServer, day: date) -> list[ReplicaWork]:
    """The works that are to be had, the newest first: the day before counts too."""
    first = datetime.combine(day, time()) - timedelta(days=1)
    return [work for work in server.site.works[::-1] if work.posted_at.replace(tzinfo=None) >= first]


def listing_pages(server: ReplicaServer) -> list[int]:
    """The pages of the listing that were asked for."""
    targets = [target for _, target in server.requests if target.startswith("/art-search")]
    assert all("sort_by=created&sort_order=DESC" in target for target in targets)
    return [int(found[1]) if (found := re.search(r"&page=(\d+)", target)) else 0 for target in targets]


def works_asked_for(server: ReplicaServer) -> list[str]:
    return [target for _, target in server.requests if target.startswith("/content/")]


def files_asked_for(server: ReplicaServer) -> set[str]:
    return {target for _, target in server.requests if target.startswith("/sites/default/files/")}


@pytest.mark.parametrize(("first", "last_page"), [(98, 0), (85, 0), (60, 1), (40, 2)])
def test_only_the_newest_are_read_and_no_page_beyond_them(
    server: ReplicaServer, tmp_path: Path, first: int, last_page: int
) -> None:
    day = day_of(server.site.works[first])
    wanted = since(server, day)
    assert len(wanted) // 24 == last_page
    done = crawl(server.url, tmp_path, *ALL, "-a", f"since={day}")
    assert done.returncode == 0, done.stderr
    assert work_paths(tmp_path, server.url) == {work.path for work in wanted}
    assert listing_pages(server) == list(range(last_page + 1))
    assert len(works_asked_for(server)) <= len(wanted) + READ_IN_VAIN
    assert len(works_asked_for(server)) == len({*works_asked_for(server)})
    assert files_asked_for(server) == {file.url_path for work in wanted for file in work.listed_files}
    assert rows(tmp_path, "SELECT * FROM failures WHERE stage = 'page'") == []


@pytest.mark.parametrize("left", [24, 26])
def test_where_a_page_ends_with_the_last_work_that_is_wanted_the_next_one_tells(
    tmp_path: Path, left: int
) -> None:
    with ReplicaServer(build_site(works=100)) as server:
        for work in since(server, date(2009, 1, 1))[left:]:
            server.vanish(work.slug)
        server.publish(0)
        server.forget_requests()
        newest = since(server, date(2009, 1, 1))
        day = day_of(newest[23]) + timedelta(days=1)
        wanted = since(server, day)
        done = crawl(server.url, tmp_path, *ALL, "-a", f"since={day}")
        assert done.returncode == 0, done.stderr
        assert 23 <= len(wanted) <= 24
        assert work_paths(tmp_path, server.url) == {work.path for work in wanted}
        assert listing_pages(server) == ([0] if left == 24 else [0, 1])


def test_where_all_is_older_only_a_few_works_are_looked_at(server: ReplicaServer, tmp_path: Path) -> None:
    done = crawl(server.url, tmp_path, *ALL, "-a", "since=1d", "-s", "STATS_DUMP=1")
    assert done.returncode == 0, done.stderr
    assert listing_pages(server) == [0]
    assert OLD_IN_A_ROW <= len(works_asked_for(server)) <= READ_IN_VAIN
    assert f"'oga/works/older': {len(works_asked_for(server))}" in done.stderr
    assert work_paths(tmp_path, server.url) == set()
    assert files_asked_for(server) == set()
    assert "all that follows is older than asked for" in done.stderr


def test_the_second_time_only_the_few_older_ones_are_looked_at_again(
    server: ReplicaServer, tmp_path: Path
) -> None:
    day = day_of(server.site.works[60])
    words = (*ALL, "-a", f"since={day}")
    crawl(server.url, tmp_path, *words)
    before = rows(tmp_path, "SELECT url, crawled_at FROM works ORDER BY 1")
    server.forget_requests()
    done = crawl(server.url, tmp_path, *words)
    assert done.returncode == 0, done.stderr
    assert listing_pages(server) == [0, 1]
    assert not {*works_asked_for(server)} & {work.path for work in since(server, day)}
    assert OLD_IN_A_ROW <= len(works_asked_for(server)) <= READ_IN_VAIN
    assert files_asked_for(server) == set()
    assert rows(tmp_path, "SELECT url, crawled_at FROM works ORDER BY 1") == before


def test_dates_that_the_catalog_knows_are_not_looked_up(server: ReplicaServer, tmp_path: Path) -> None:
    crawl(server.url, tmp_path, *ALL)
    published = {work.path for work in server.publish(3)}
    server.forget_requests()
    # All are old enough to be asked for again; that is no reason to ask for those that are not wanted.
    day = day_of(server.site.works[60])
    done = crawl(server.url, tmp_path, *ALL, "-a", f"since={day}", OGA_RECRAWL_AFTER_DAYS="0")
    assert done.returncode == 0, done.stderr
    assert listing_pages(server) == [0, 1]
    assert sorted(works_asked_for(server)) == sorted(work.path for work in since(server, day))
    unchanged = {entry.target for entry in server.log if entry.status == 304}
    assert {work.path for work in since(server, day)} - unchanged == published
    assert len(rows(tmp_path, "SELECT * FROM works")) == 103


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_what_was_interrupted_goes_on_with_the_same_command(tmp_path: Path, number: int) -> None:
    with ReplicaServer(build_site(works=100), latency_s=0.02) as server:
        day = day_of(server.site.works[50])
        words = (*ALL, "-a", f"since={day}")
        code, said = interrupted_crawl(server, tmp_path / "data", number, 30, *words)
        assert code == (130 if number == signal.SIGINT else -number), said
        assert "Traceback" not in said
        wanted = {work.path for work in since(server, day)}
        assert work_paths(tmp_path / "data", server.url) < wanted
        done = crawl(server.url, tmp_path / "data", *words)
        assert done.returncode == 0, done.stderr
        assert work_paths(tmp_path / "data", server.url) == wanted


def without_dates(monkeypatch: pytest.MonkeyPatch, *slugs: str) -> None:
    """Let these works tell their date no more, or all if none is named."""
    shown = pages.work_page

    def undated(work: ReplicaWork, base: str) -> str:
        page = shown(work, base)
        return (
            page
            if slugs and work.slug not in slugs
            else page.replace("field-name-post-date", "field-name-day")
        )

    monkeypatch.setattr(pages, "work_page", undated)


def test_works_that_cannot_be_read_or_have_no_date_are_passed_by(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = build_site(works=100)
    newest = site.works[::-1]
    without_dates(monkeypatch, newest[0].slug, newest[7].slug)
    broken = {newest[place].path for place in (1, 2, 3, 4, 25)}
    missing = {newest[place].path for place in (5, 6, 8, 9, 26)}
    site = with_fault(with_fault(site, "unrecognised", *broken), "missing", *missing)
    with ReplicaServer(site) as server:
        day = day_of(newest[30])
        done = crawl(server.url, tmp_path, *ALL, "-a", f"since={day}")
        assert done.returncode == 0, done.stderr
        assert listing_pages(server) == [0, 1]
        assert (
            work_paths(tmp_path, server.url) == {work.path for work in since(server, day)} - broken - missing
        )
        assert {newest[0].path, newest[7].path} <= work_paths(tmp_path, server.url)
        failed = rows(tmp_path, "SELECT subject, reason FROM failures WHERE stage = 'page'")
        assert {(subject.removeprefix(server.url), reason) for subject, reason in failed} == {
            *((path, "not_recognised") for path in broken),
            *((path, "http_404") for path in missing),
        }


def test_without_any_date_it_ends_with_the_page_and_says_so(
    server: ReplicaServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_dates(monkeypatch)
    done = crawl(server.url, tmp_path, *ALL, "-a", "since=2009-04-01")
    assert listing_pages(server) == [0]
    assert len(rows(tmp_path, "SELECT * FROM works")) == 24
    ((subject, reason),) = rows(tmp_path, "SELECT subject, reason FROM failures WHERE stage = 'page'")
    assert ("/art-search-advanced?" in subject, reason) == (True, "undated")
    assert "1 failures" in done.stderr


def test_several_searches_each_end_where_they_are_too_old(server: ReplicaServer, tmp_path: Path) -> None:
    day = day_of(server.site.works[55])

    def found(word: str) -> set[str]:
        return {
            work.path
            for work in since(server, day)
            if word in re.findall(r"\w+", " ".join((work.title, *work.tags)).lower())
        }

    done = crawl(server.url, tmp_path, *ALL, "-a", "query=of; nature", "-a", f"since={day}")
    assert done.returncode == 0, done.stderr
    assert found("nature")
    assert found("of") - found("nature")
    assert work_paths(tmp_path, server.url) == found("of") | found("nature")
    assert len(works_asked_for(server)) == len({*works_asked_for(server)})
    assert len(works_asked_for(server)) <= len(found("of") | found("nature")) + 2 * READ_IN_VAIN


def test_max_pages_ends_it_before_the_date(server: ReplicaServer, tmp_path: Path) -> None:
    done = crawl(server.url, tmp_path, *ALL, "-a", "since=2009-03-01", "-a", "max_pages=2")
    assert done.returncode == 0, done.stderr
    assert listing_pages(server) == [0, 1]
    assert work_paths(tmp_path, server.url) == {work.path for work in server.site.works[:-49:-1]}


def test_an_update_after_it_reads_what_lies_between(tmp_path: Path) -> None:
    with ReplicaServer(build_site(works=30)) as server:
        crawl(server.url, tmp_path, *ALL)
        server.publish(40)
        day = day_of(server.site.works[-26])
        crawl(server.url, tmp_path, *ALL, "-a", f"since={day}")
        # More than a page of new works is known, and behind them are others that are not.
        assert 30 + 24 < len(rows(tmp_path, "SELECT * FROM works")) < 70
        done = crawl(server.url, tmp_path, *ALL, "-a", "mode=update")
        assert done.returncode == 0, done.stderr
        assert len(rows(tmp_path, "SELECT * FROM works")) == 70
