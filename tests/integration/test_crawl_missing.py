"""Works that vanish are in no listing: they are missed, asked for, and marked; nobody else is."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.crawling import crawl, interrupted_crawl, rows
from tests.replica import ReplicaServer, ReplicaWork, build_site
from tests.replica.visiting import LISTING

ALL = ("-a", "art_type=all")
OLD = {"OGA_RECRAWL_AFTER_DAYS": "0"}

PAGES = 3
COUNT = 60


@pytest.fixture
def server() -> Iterator[ReplicaServer]:
    with ReplicaServer(build_site(works=COUNT)) as opened:
        yield opened


@pytest.fixture
def data_dir(server: ReplicaServer, tmp_path: Path) -> Path:
    done = crawl(server.url, tmp_path / "data", *ALL)
    assert done.returncode == 0, done.stderr
    server.forget_requests()
    return tmp_path / "data"


def works_asked_for(server: ReplicaServer) -> list[str]:
    return sorted(target for _, target in server.requests if target.startswith("/content/"))


def gone(data_dir: Path, server: ReplicaServer) -> set[str]:
    found = rows(data_dir, "SELECT url FROM works WHERE gone_at IS NOT NULL")
    return {url.removeprefix(server.url) for (url,) in found}


def vanish(server: ReplicaServer, *places: int) -> list[ReplicaWork]:
    works = [server.site.works[place] for place in places]
    for work in works:
        server.vanish(work.slug)
    return works


def test_a_whole_crawl_asks_for_what_no_listing_names_any_more_and_for_nothing_else(
    server: ReplicaServer, data_dir: Path
) -> None:
    pictures = rows(data_dir, "SELECT count(*) FROM images")
    vanished = vanish(server, 0, 30)
    done = crawl(server.url, data_dir, *ALL)
    assert done.returncode == 0, done.stderr
    assert works_asked_for(server) == sorted(work.path for work in vanished)
    assert gone(data_dir, server) == {work.path for work in vanished}
    assert rows(data_dir, "SELECT count(*) FROM images") == pictures
    assert rows(data_dir, "SELECT * FROM failures") == []
    server.forget_requests()
    crawl(server.url, data_dir, *ALL)
    assert works_asked_for(server) == []


def test_an_update_asks_for_old_works_that_it_does_not_come_by(server: ReplicaServer, data_dir: Path) -> None:
    vanished = vanish(server, 0)
    crawl(server.url, data_dir, *ALL, "-a", "mode=update")
    assert works_asked_for(server) == []
    done = crawl(server.url, data_dir, *ALL, "-a", "mode=update", **OLD)
    assert done.returncode == 0, done.stderr
    assert gone(data_dir, server) == {work.path for work in vanished}
    assert len(works_asked_for(server)) == len({*works_asked_for(server)}) == COUNT
    listings = [target for _, target in server.requests if target.startswith(LISTING)]
    assert len(listings) == 2


def test_a_listing_of_which_a_page_failed_misses_nothing(server: ReplicaServer, data_dir: Path) -> None:
    vanish(server, 0)
    server.rewrite(LISTING, lambda text: "" if "Displaying 25 " in text else text)
    done = crawl(server.url, data_dir, *ALL)
    assert done.returncode == 0, done.stderr
    assert works_asked_for(server) == []
    assert rows(data_dir, "SELECT reason FROM failures") == [("not_recognised",)]
    server.rewrite(LISTING, None)
    crawl(server.url, data_dir, *ALL)
    assert len(gone(data_dir, server)) == 1
    assert rows(data_dir, "SELECT * FROM failures") == []


@pytest.mark.parametrize("words", [("-a", "max_pages=1"), ("-a", "since=2009-01-01")])
def test_a_crawl_of_a_part_misses_nothing(
    server: ReplicaServer, data_dir: Path, words: tuple[str, ...]
) -> None:
    vanish(server, 0, 30, 58)
    crawl(server.url, data_dir, *ALL, *words)
    assert works_asked_for(server) == []


def test_a_search_misses_only_what_it_found_before(server: ReplicaServer, data_dir: Path) -> None:
    lanterns = [work for work in server.site.works if "Lanterns" in work.title]
    words = (*ALL, "-a", "title=lanterns")
    assert len(lanterns) == 2
    crawl(server.url, data_dir, *words)
    vanish(server, 58)
    server.vanish(lanterns[0].slug)
    server.forget_requests()
    done = crawl(server.url, data_dir, *words)
    assert done.returncode == 0, done.stderr
    assert works_asked_for(server) == [lanterns[0].path]
    assert gone(data_dir, server) == {lanterns[0].path}


def test_a_work_that_a_search_finds_no_more_is_asked_for_once_and_stays(
    server: ReplicaServer, tmp_path: Path
) -> None:
    words = (*ALL, "-a", "tag=rpg")
    crawl(server.url, tmp_path, *words)
    (first, *_) = [work for work in server.site.works if "RPG" in work.tags]
    server.change(first.slug, tags=["something else"])
    counts = []
    for _ in range(2):
        server.forget_requests()
        crawl(server.url, tmp_path, *words)
        counts.append(works_asked_for(server))
    assert counts == [[first.path], []]
    assert gone(tmp_path, server) == set()
    assert rows(tmp_path, f"SELECT name FROM works JOIN work_tags USING (work_id) JOIN tags USING (tag_id) WHERE node_id = {first.node_id}") == [("something else",)]  # fmt: skip


def test_a_work_that_comes_back_is_there_again(server: ReplicaServer, data_dir: Path) -> None:
    before = server.site
    vanish(server, 0)
    crawl(server.url, data_dir, *ALL)
    assert len(gone(data_dir, server)) == 1
    server.listener.answers.site = before
    crawl(server.url, data_dir, *ALL, **OLD)
    assert gone(data_dir, server) == set()


def test_works_that_were_asked_for_by_name_are_nobody_s_to_miss(
    server: ReplicaServer, tmp_path: Path
) -> None:
    one, *_ = vanish(server, 0)
    other = server.site.works[0]
    crawl(server.url, tmp_path, "-a", f"url={other.path}")
    server.vanish(other.slug)
    server.forget_requests()
    done = crawl(server.url, tmp_path, *ALL)
    assert done.returncode == 0, done.stderr
    assert not {one.path, other.path} & {*works_asked_for(server)}


def test_killed_while_it_asks_for_them_the_same_command_asks_for_the_others(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with ReplicaServer(build_site(works=COUNT), latency_s=0.02) as server:
        crawl(server.url, data_dir, *ALL)
        vanished = vanish(server, *range(40))
        server.forget_requests()
        # robots.txt, the one page of the listing, and half of those that are missing.
        code, said = interrupted_crawl(server, data_dir, signal.SIGKILL, 22, *ALL)
        assert code == -signal.SIGKILL, said
        server.forget_requests()
        done = crawl(server.url, data_dir, *ALL)
        assert done.returncode == 0, done.stderr
        assert 0 < len(works_asked_for(server)) <= 40
        assert gone(data_dir, server) == {work.path for work in vanished}
