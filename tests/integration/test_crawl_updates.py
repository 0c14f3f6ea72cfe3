"""The daily visit: what is new, what has changed, what has vanished."""

from __future__ import annotations

import hashlib
import re
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from threading import Lock

import pytest

from artstore.catalog import Catalog
from artstore.models import Failure, Stage
from tests.integration.crawling import changed, crawl, interrupted_crawl, rows, work_paths
from tests.replica import ReplicaServer, build_site, pages
from tests.replica.answer import Answer
from tests.replica.site import Content
from tests.replica.visiting import LISTING

OLD = {"OGA_RECRAWL_AFTER_DAYS": "0"}
"""Every work is old enough to be asked for again."""


@pytest.fixture
def server() -> Iterator[ReplicaServer]:
    with ReplicaServer(build_site(works=12)) as opened:
        yield opened


@pytest.fixture
def data_dir(server: ReplicaServer, tmp_path: Path) -> Path:
    done = crawl(server.url, tmp_path / "data", "-a", "art_type=all")
    assert done.returncode == 0, done.stderr
    server.forget_requests()
    return tmp_path / "data"


def asked(server: ReplicaServer) -> dict[str, int]:
    """Target -> status of what was asked for beside listings and robots.txt."""
    return {
        entry.target: entry.status
        for entry in server.log
        if not entry.target.startswith(("/robots.txt", "/art-search"))
    }


def test_what_has_not_changed_costs_only_the_question(server: ReplicaServer, data_dir: Path) -> None:
    before = rows(data_dir, "SELECT work_id, title, content_hash FROM works ORDER BY 1")
    read_at = rows(data_dir, "SELECT max(crawled_at) FROM works")
    done = crawl(server.url, data_dir, "-a", "art_type=all", **OLD)
    assert done.returncode == 0, done.stderr
    assert set(asked(server).values()) == {304}
    works = server.site.works
    files = {file.url_path for work in works for file in work.listed_files}
    assert set(asked(server)) == {work.path for work in works} | files
    assert rows(data_dir, "SELECT work_id, title, content_hash FROM works ORDER BY 1") == before
    assert rows(data_dir, "SELECT min(crawled_at) FROM works") >= read_at


def test_a_changed_work_gets_its_new_facts_and_files(server: ReplicaServer, data_dir: Path) -> None:
    work = server.site.works[3]
    kept = work.listed_files[0]
    new = ("brand new.png", server.site.works[0].listed_files[0].content)
    server.change(work.slug, title="Another title", add_file=new)
    done = crawl(server.url, data_dir, "-a", "art_type=all", **OLD)
    assert done.returncode == 0, done.stderr
    assert (data_dir / "files" / new[0]).read_bytes() == new[1]
    assert rows(data_dir, f"SELECT title FROM works WHERE node_id = {work.node_id}") == [("Another title",)]
    # The page says something else, so its old file is asked for too, but not fetched again.
    assert asked(server)[kept.url_path] == 304


def test_a_file_that_was_replaced_under_its_name_is_fetched_and_looked_at_again(
    server: ReplicaServer, data_dir: Path
) -> None:
    work = server.site.works[0]
    file = work.listed_files[0]
    other = server.site.works[1].listed_files[0].content
    ids = rows(data_dir, f"SELECT image_id, pixel_hash FROM images WHERE path = 'files/{file.name}'")
    server.change(work.slug, replace_file=(file.name, other))
    done = crawl(server.url, data_dir, "-a", "art_type=all", **OLD)
    assert done.returncode == 0, done.stderr
    assert (data_dir / "files" / file.name).read_bytes() == other
    now = rows(data_dir, f"SELECT image_id, pixel_hash FROM images WHERE path = 'files/{file.name}'")
    assert [image_id for image_id, _ in now] == [image_id for image_id, _ in ids]
    assert now != ids


def test_other_bytes_of_the_same_length_are_found_though_the_page_has_not_changed(
    server: ReplicaServer, data_dir: Path
) -> None:
    work = server.site.works[0]
    file = work.listed_files[0]
    other = bytearray(file.content)
    other[-20] ^= 1
    swapped = replace(file, body=Content(lambda: bytes(other)))
    # Unlike `ReplicaServer.change`, which gives the page another date.
    server.listener.answers.site = changed(
        server.site, lambda each: swapped if each.name == file.name else each
    )
    done = crawl(server.url, data_dir, "-a", "art_type=all", **OLD)
    assert done.returncode == 0, done.stderr
    assert (asked(server)[work.path], asked(server)[file.url_path]) == (304, 200)
    assert (data_dir / "files" / file.name).read_bytes() == other
    digest = hashlib.sha256(other).hexdigest()
    assert rows(data_dir, "SELECT sha256, examined_at IS NULL FROM files WHERE path = ?", file.name) == [
        (digest, 0)
    ]


def test_a_file_that_vanished_from_a_page_that_has_not_changed_is_kept_and_told(
    server: ReplicaServer, data_dir: Path
) -> None:
    name = server.site.works[0].listed_files[0].name
    before = (data_dir / "files" / name).read_bytes()
    server.listener.answers.site = changed(
        server.site, lambda file: replace(file, fault="missing") if file.name == name else file
    )
    done = crawl(server.url, data_dir, "-a", "art_type=all", **OLD)
    assert done.returncode == 0, done.stderr
    assert rows(data_dir, "SELECT stage, reason FROM failures") == [("download", "http_404")]
    assert rows(data_dir, "SELECT state FROM files WHERE path = ?", name) == [("stored",)]
    assert (data_dir / "files" / name).read_bytes() == before


def test_a_file_that_a_work_lists_twice_is_one_file(server: ReplicaServer, tmp_path: Path) -> None:
    (work,) = (work for work in server.site.works if work.slug == "goblin-market-day")
    archive = work.listed_files[0]
    server.rewrite(
        work.path, lambda text: re.sub(r'(<span class="file">.*?</a>\]</span></span>)', r"\1\1", text)
    )
    done = crawl(server.url, tmp_path, "-a", f"url={work.path}")
    assert done.returncode == 0, done.stderr
    assert [target for _, target in server.requests].count(archive.url_path) == 1
    [(pictures,)] = rows(tmp_path, "SELECT count(*) FROM images")
    assert f"2 of 2 files, {pictures} new pictures" in done.stderr
    assert f"2 new files, {pictures} pictures" in done.stderr


@pytest.mark.parametrize("changes", [False, True])
@pytest.mark.parametrize("between", [0, 6])
def test_a_file_of_two_works_is_asked_for_once(
    server: ReplicaServer, data_dir: Path, between: int, *, changes: bool
) -> None:
    shared = server.site.file("16x16 lava & water tiles.png")
    if changes:
        server.change("meadow-tiles-first-field", replace_file=(shared.name, b"other bytes"))
    one, other = (work for work in server.site.works if work.slug.startswith("meadow-tiles"))
    others = [work for work in server.site.works if work not in (one, other)][:between]
    paths = ",".join(work.path for work in (one, *others, other))
    done = crawl(server.url, data_dir, "-a", f"url={paths}", "-s", "CONCURRENT_REQUESTS=1", **OLD)
    assert done.returncode == 0, done.stderr
    statuses = [entry.status for entry in server.log if entry.target == shared.url_path]
    assert statuses == ([200] if changes else [304])
    body = (data_dir / "files" / shared.name).read_bytes()
    assert rows(
        data_dir, "SELECT sha256, size_bytes, etag IS NULL FROM files WHERE path = ?", shared.name
    ) == [(hashlib.sha256(body).hexdigest(), len(body), 0)]


def test_a_crawl_that_is_not_due_asks_for_no_files(server: ReplicaServer, data_dir: Path) -> None:
    done = crawl(server.url, data_dir, "-a", f"url={server.site.works[0].path}")
    assert done.returncode == 0, done.stderr
    assert asked(server) == {server.site.works[0].path: 304}


def test_a_work_that_vanished_is_marked_and_its_art_kept(server: ReplicaServer, data_dir: Path) -> None:
    work = server.site.works[0]
    pictures = rows(data_dir, "SELECT count(*) FROM images")
    server.vanish(work.slug)
    done = crawl(server.url, data_dir, "-a", f"url={work.path}", **OLD)
    assert "http_404" in done.stderr
    assert rows(data_dir, "SELECT node_id FROM works WHERE gone_at IS NOT NULL") == [(work.node_id,)]
    assert rows(data_dir, "SELECT count(*) FROM images") == pictures
    assert rows(data_dir, "SELECT * FROM failures WHERE stage = 'page'") == []


def test_an_update_reads_what_is_new_and_stops_where_nothing_is(tmp_path: Path) -> None:
    with ReplicaServer(build_site(works=80)) as server:
        crawl(server.url, tmp_path, "-a", "art_type=all")
        published = server.publish(2)
        server.forget_requests()
        done = crawl(server.url, tmp_path, "-a", "art_type=all", "-a", "mode=update")
        listings = [target for _, target in server.requests if target.startswith("/art-search")]
        works = {target for target in asked(server) if target.startswith("/content/")}
    assert done.returncode == 0, done.stderr
    # Of four pages the first holds both new works and 22 known ones, the second only known ones.
    assert len(listings) == 2
    assert works == {work.path for work in published}
    assert rows(tmp_path, "SELECT count(*) FROM works") == [(82,)]


def test_an_update_after_one_that_was_interrupted_reads_all_that_is_missing(tmp_path: Path) -> None:
    with ReplicaServer(build_site(works=60), latency_s=0.02) as server:
        code, said = interrupted_crawl(
            server, tmp_path, signal.SIGINT, 30, "-a", "art_type=all", "-a", "mode=update"
        )
        assert code == 130, said
        assert "Received SIGINT" in said
        assert 0 < rows(tmp_path, "SELECT count(*) FROM works")[0][0] < 60
        done = crawl(server.url, tmp_path, "-a", "art_type=all", "-a", "mode=update")
    assert done.returncode == 0, done.stderr
    assert rows(tmp_path, "SELECT count(*) FROM works") == [(60,)]


def test_an_update_tries_failed_pages_again_wherever_they_are(tmp_path: Path) -> None:
    with ReplicaServer(build_site(works=60)) as server:
        slug = server.site.works[0].slug
        crawl(server.url, tmp_path, "-a", "art_type=all")
        with Catalog(tmp_path / "catalog.db") as catalog, catalog.transaction():
            catalog.execute("DELETE FROM works WHERE url LIKE ?", [f"%/{slug}"])
            catalog.record_failure(Failure(Stage.PAGE, f"{server.url}/content/{slug}", "http_500"))
        done = crawl(server.url, tmp_path, "-a", "art_type=all", "-a", "mode=update")
    assert done.returncode == 0, done.stderr
    assert rows(tmp_path, "SELECT count(*) FROM works") == [(60,)]
    assert rows(tmp_path, "SELECT * FROM failures WHERE stage = 'page'") == []


def test_what_fails_again_is_left_alone_for_a_while(tmp_path: Path) -> None:
    with ReplicaServer(build_site(works=1, faults=True)) as server:
        missing = server.site.file("fault-missing.png").url_path
        counts = []
        for _ in range(3):
            server.forget_requests()
            crawl(server.url, tmp_path, "-a", "query=missing file")
            counts.append([target for _, target in server.requests].count(missing))
    assert counts == [1, 1, 0]
    assert rows(tmp_path, "SELECT reason, times FROM failures") == [("http_404", 2)]


def test_several_searches_are_read_in_one_crawl(server: ReplicaServer, tmp_path: Path) -> None:
    done = crawl(server.url, tmp_path, "-a", "query=lanterns; figures", "-a", "art_type=all")
    assert done.returncode == 0, done.stderr
    listings = [target for _, target in server.requests if target.startswith("/art-search")]
    assert sorted(target.partition("keys=")[2].partition("&")[0] for target in listings) == [
        "figures",
        "lanterns",
    ]


def test_a_listing_that_grows_while_it_is_read_is_read_to_its_new_end(tmp_path: Path) -> None:
    with ReplicaServer(build_site(works=72)) as server:
        well = server.listener.answers.page
        first = Lock()

        def growing(path: str, query: str, base: str, cookies: str) -> Answer:
            if path.startswith("/content/") and first.acquire(blocking=False):
                server.publish(30)
            return well(path, query, base, cookies)

        # When the first work is read, the last page of the listing is not.
        server.listener.answers.page = growing  # type: ignore[method-assign]
        done = crawl(server.url, tmp_path, "-a", "art_type=all")
        assert done.returncode == 0, done.stderr
        listings = [target for _, target in server.requests if target.startswith("/art-search")]
        assert len(listings) == len({*listings}) == 5
        assert rows(tmp_path, "SELECT count(*) FROM works") == [(102,)]


def test_a_work_that_moved_up_while_its_listing_was_read_is_found_by_the_next_update(tmp_path: Path) -> None:
    with ReplicaServer(build_site(works=72)) as server:
        well = server.listener.answers.page
        first = Lock()

        def shrinking(path: str, query: str, base: str, cookies: str) -> Answer:
            if path.startswith("/content/") and first.acquire(blocking=False):
                server.vanish(server.site.works[0].slug)
            return well(path, query, base, cookies)

        # When the first work is read, the other pages of the listing are not: each begins with the second of its works.
        server.listener.answers.page = shrinking  # type: ignore[method-assign]
        crawl(server.url, tmp_path, "-a", "art_type=all")
        crawl(server.url, tmp_path, *UPDATE)
        assert work_paths(tmp_path, server.url) >= {work.path for work in server.site.works}
        server.forget_requests()
        crawl(server.url, tmp_path, *UPDATE)
        assert listing_pages(server) == 1


class Losing:
    """A pipeline with a bug."""

    def process_item(self, item: object) -> object:
        """Lose *item*."""
        raise ValueError(f"as a bug would, over {item}")


def test_a_listing_of_which_a_bug_lost_a_work_was_not_read_to_its_end(
    server: ReplicaServer, tmp_path: Path
) -> None:
    pipelines = '{"tests.integration.test_crawl_updates.Losing": 50}'
    crawl(server.url, tmp_path, "-s", f"ITEM_PIPELINES={pipelines}")
    assert rows(tmp_path, "SELECT ended FROM walks") == [(0,)]
    crawl(server.url, tmp_path)
    assert rows(tmp_path, "SELECT ended FROM walks") == [(1,)]


def listing_pages(server: ReplicaServer) -> int:
    return sum(target.startswith(LISTING) for _, target in server.requests)


UPDATE = ("-a", "art_type=all", "-a", "mode=update")


def test_an_update_tries_failed_files_again_wherever_they_are(tmp_path: Path) -> None:
    site = build_site(works=60)
    file = site.works[0].listed_files[0]
    sick = changed(site, lambda each: replace(each, fault="missing") if each.name == file.name else each)
    with ReplicaServer(sick) as server:
        crawl(server.url, tmp_path, "-a", "art_type=all")
        assert rows(tmp_path, "SELECT reason FROM failures") == [("http_404",)]
        server.listener.answers.site = site
        server.forget_requests()
        done = crawl(server.url, tmp_path, *UPDATE)
        assert done.returncode == 0, done.stderr
        assert {*asked(server)} == {site.works[0].path, file.url_path}
        assert listing_pages(server) == 1
    assert (tmp_path / "files" / file.name).read_bytes() == file.content
    assert rows(tmp_path, "SELECT * FROM failures") == []


def test_an_update_has_the_files_that_a_crawl_left(tmp_path: Path) -> None:
    with ReplicaServer(build_site(works=30)) as server:
        crawl(server.url, tmp_path, "-a", "art_type=all", OGA_MAX_CRAWL_BYTES="3000")
        assert rows(tmp_path, "SELECT 1 FROM files WHERE state <> 'stored'")
        done = crawl(server.url, tmp_path, *UPDATE)
    assert done.returncode == 0, done.stderr
    assert rows(tmp_path, "SELECT 1 FROM files WHERE state <> 'stored'") == []
    assert rows(tmp_path, "SELECT * FROM failures") == []


def test_a_few_pages_of_a_listing_that_is_known_cost_no_update_its_early_end(tmp_path: Path) -> None:
    with ReplicaServer(build_site(works=80)) as server:
        crawl(server.url, tmp_path, "-a", "art_type=all")
        counts = []
        for words in (["max_pages=1"], ["max_pages=1", "order=desc"]):
            crawl(
                server.url, tmp_path, "-a", "art_type=all", *(part for word in words for part in ("-a", word))
            )
            server.forget_requests()
            crawl(server.url, tmp_path, *UPDATE)
            counts.append(listing_pages(server))
    # Newest first and cut off, there may be works between those that were read and those that are known.
    assert counts == [1, 4]


def test_a_work_to_which_its_listing_only_leads_on_is_read_once(
    server: ReplicaServer, tmp_path: Path
) -> None:
    work = server.site.works[0]
    path = server.move(work.slug, "renamed")
    counts = []
    for words in ((), (), ("-a", "mode=update")):
        server.forget_requests()
        done = crawl(server.url, tmp_path, "-a", "art_type=all", *words)
        assert done.returncode == 0, done.stderr
        counts.append([target for _, target in server.requests if target in {path, work.path}])
    assert counts == [[work.path, path], [], []]
    assert rows(tmp_path, "SELECT count(*) FROM works") == [(12,)]
    server.vanish(work.slug)
    crawl(server.url, tmp_path, "-a", "art_type=all")
    found = rows(tmp_path, "SELECT url FROM works WHERE gone_at IS NOT NULL")
    assert found == [(server.url + path,)]


def test_a_page_that_leads_to_something_else_has_failed_where_it_was_asked_for(
    server: ReplicaServer, tmp_path: Path
) -> None:
    work = server.site.works[0]
    path = server.move(work.slug, "we-are-sorry")
    server.rewrite(path, lambda _: pages.BACK_SOON)
    counts = []
    for words in ((), ("-a", "mode=update"), ("-a", "mode=update")):
        server.forget_requests()
        crawl(server.url, tmp_path, "-a", "art_type=all", *words)
        counts.append([target for _, target in server.requests if target in {path, work.path}])
    assert rows(tmp_path, "SELECT subject, reason, times FROM failures") == [
        (server.url + work.path, "not_recognised", 2)
    ]
    # The second time it failed again; from then on it is left alone for a while.
    assert counts == [[work.path, path], [work.path, path], []]


def test_a_known_work_that_moved_and_has_not_changed_is_asked_for_once(
    server: ReplicaServer, data_dir: Path
) -> None:
    work = server.site.works[0]
    path = server.move(work.slug, "renamed")
    with Catalog(data_dir / "catalog.db") as catalog, catalog.transaction():
        catalog.execute(
            "UPDATE works SET crawled_at = '2020-01-01T00:00:00+00:00' WHERE node_id = ?", [work.node_id]
        )
    counts = []
    for _ in range(2):
        server.forget_requests()
        crawl(server.url, data_dir, "-a", "art_type=all")
        counts.append([(entry.target, entry.status) for entry in server.log if "/content/" in entry.target])
    assert counts == [[(work.path, 301), (path, 304)], []]


def test_a_work_that_is_asked_for_by_several_names_is_read_once(
    server: ReplicaServer, data_dir: Path
) -> None:
    work = server.site.works[0]
    names = ("-a", f"url={work.path},{work.path}#comment-3", "-a", f"node={work.node_id},{work.node_id}")
    done = crawl(server.url, data_dir, *names)
    assert done.returncode == 0, done.stderr
    assert [target for _, target in server.requests[1:]] == [f"/node/{work.node_id}"]
    assert rows(data_dir, "SELECT count(*) FROM works") == [(12,)]


def test_a_listing_that_is_read_to_its_end_has_not_failed_whatever_its_order_was(
    server: ReplicaServer, tmp_path: Path
) -> None:
    server.fail_everything(500)
    crawl(server.url, tmp_path, "-a", "query=lanterns")
    crawl(server.url, tmp_path, "-a", "query=figures")
    server.fail_everything(None)
    assert len(rows(tmp_path, "SELECT * FROM failures")) == 2
    crawl(server.url, tmp_path, "-a", "mode=update", "-a", "query=lanterns")
    ((left,),) = rows(tmp_path, "SELECT subject FROM failures")
    assert "keys=figures" in left


def test_a_listing_without_its_rows_is_a_failure_and_was_not_read(
    server: ReplicaServer, tmp_path: Path
) -> None:
    server.rewrite(LISTING, lambda text: text.replace("art-preview-title", "title"))
    done = crawl(server.url, tmp_path)
    assert done.returncode == 1
    assert rows(tmp_path, "SELECT reason FROM failures") == [("not_recognised",)]
    assert rows(tmp_path, "SELECT ended FROM walks") == [(0,)]
    assert "Traceback" not in done.stderr


def test_a_listing_that_breaks_off_gives_the_works_that_it_has_and_is_a_failure(
    server: ReplicaServer, tmp_path: Path
) -> None:
    server.rewrite(LISTING, lambda text: text[: text.index("views-row-4 ")])
    crawl(server.url, tmp_path, "-a", "art_type=all")
    assert rows(tmp_path, "SELECT count(*) FROM works") == [(3,)]
    assert rows(tmp_path, "SELECT reason FROM failures") == [("not_recognised",)]
    assert rows(tmp_path, "SELECT ended FROM walks") == [(0,)]
    server.rewrite(LISTING, None)
    crawl(server.url, tmp_path, "-a", "art_type=all")
    assert rows(tmp_path, "SELECT count(*) FROM works") == [(12,)]
    assert rows(tmp_path, "SELECT * FROM failures") == []


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        (
            lambda text: text.replace("field-art-files", "field-art-downloads"),
            "the files of the work cannot be",
        ),
        (lambda text: text[: text.index("field-name-field-art-files")], "the page of the work breaks off"),
    ],
)
def test_a_work_whose_files_cannot_be_read_is_a_failure_and_keeps_what_is_known_of_it(
    server: ReplicaServer, data_dir: Path, change: Callable[[str], str], detail: str
) -> None:
    work = server.site.works[3]
    known = rows(data_dir, "SELECT * FROM work_files ORDER BY 1, 2")
    server.change(work.slug, title="Another title")
    server.rewrite(work.path, change)
    done = crawl(server.url, data_dir, "-a", f"url={work.path}")
    assert done.returncode == 1
    ((reason, said),) = rows(data_dir, "SELECT reason, detail FROM failures")
    assert reason == "not_recognised"
    assert said.startswith(detail)
    assert rows(data_dir, "SELECT * FROM work_files ORDER BY 1, 2") == known
    server.rewrite(work.path, None)
    crawl(server.url, data_dir, "-a", f"url={work.path}")
    assert rows(data_dir, "SELECT * FROM failures") == []
    assert rows(data_dir, "SELECT 1 FROM works WHERE title = 'Another title'") == [(1,)]
