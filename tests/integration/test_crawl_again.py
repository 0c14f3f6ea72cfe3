"""Running it twice is running it once, and a crawl that was stopped goes on from where it was."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.integration.crawling import (
    QUICK,
    ROOT,
    Crawled,
    bytes_below,
    changed,
    command,
    crawl,
    environment,
    interrupted_crawl,
    is_2d,
    rows,
)
from tests.integration.test_crawl_files import TRIED_THREE_TIMES
from tests.replica import ReplicaServer, Site, build_site
from tests.replica.site import FILES_PATH, Content

KEYS = {
    "works": "work_id, url",
    "files": "file_id, url, path, sha256, state",
    "images": "image_id, path, pixel_hash",
    "work_files": "work_id, file_id, position, listed",
    "work_tags": "work_id, tag_id",
    "work_licences": "work_id, licence_id",
    "work_collections": "work_id, collection_id",
    "failures": "stage, subject, reason",
}

CONTENT = {
    "works": "SELECT url, title, author, node_id, content_hash FROM works",
    "files": "SELECT url, path, name, state, size_bytes, sha256, examined_at IS NULL FROM files",
    "images": """
        SELECT images.path, files.url, member, series, pixel_hash, format, mode, width_px, height_px, frames
        FROM images JOIN files USING (file_id)
    """,
    "work_files": """
        SELECT works.url, files.url, position, listed
        FROM work_files JOIN works USING (work_id) JOIN files USING (file_id)
    """,
    "failures": "SELECT stage, subject, reason FROM failures",
}
"""All that does not depend on the order in which works came in, nor on whether the answer that brought a file was seen."""


def table_rows(data_dir: Path) -> dict[str, list[tuple[Any, ...]]]:
    return {
        table: sorted(rows(data_dir, f"SELECT {columns} FROM {table}")) for table, columns in KEYS.items()
    }


def content(data_dir: Path) -> dict[str, list[tuple[Any, ...]]]:
    # By their marks, because None does not compare with words.
    found = {name: sorted(rows(data_dir, sql), key=repr) for name, sql in CONTENT.items()}
    words = rows(data_dir, "SELECT title || ' ' || tags || ' ' || author, file, member FROM words")
    # A picture of two works has the words of both, in no order.
    found["words"] = sorted(((*sorted(said.split()), *names) for said, *names in words), key=repr)
    return found


def files_asked_for(server: ReplicaServer) -> set[str]:
    return {target for _, target in server.requests if target.startswith(FILES_PATH)}


@dataclass(frozen=True)
class Again:
    """A second crawl of the same site into a copy of the first one's folder."""

    data_dir: Path
    targets: tuple[str, ...]
    said: str


@pytest.fixture(scope="module")
def again(crawled: Crawled, tmp_path_factory: pytest.TempPathFactory) -> Again:
    data_dir = tmp_path_factory.mktemp("again") / "data"
    shutil.copytree(crawled.data_dir, data_dir)
    crawled.server.forget_requests()
    done = crawl(crawled.server.url, data_dir)
    assert done.returncode == 0, done.stderr
    return Again(data_dir, tuple(target for _, target in crawled.server.requests), done.stderr)


def test_a_second_run_asks_only_for_listings_and_for_what_failed(crawled: Crawled, again: Again) -> None:
    failed = {"missing", "forbidden", "truncated", "wrong-length", "html"}
    works = [work for work in crawled.site.works if any(file.fault in failed for file in work.files)]
    expected = (
        {"/robots.txt"}
        | {target for target in crawled.targets if target.startswith("/art-search-advanced")}
        | {work.path for work in works}
        | {work.path for work in crawled.site.works if work.fault}
        | {file.url_path for work in works for file in work.files if file.fault in failed}
    )
    assert set(again.targets) == expected
    assert len(again.targets) == len(expected) + 2 * len(TRIED_THREE_TIMES & expected)


def test_a_second_run_changes_no_ids_and_adds_no_rows(crawled: Crawled, again: Again) -> None:
    assert table_rows(again.data_dir) == table_rows(crawled.data_dir)
    assert rows(again.data_dir, "SELECT rowid, * FROM words") == crawled.rows("SELECT rowid, * FROM words")


def test_a_second_run_leaves_all_bytes_as_they_are(crawled: Crawled, again: Again) -> None:
    for folder in ("files", "unpacked"):
        assert bytes_below(again.data_dir / folder) == bytes_below(crawled.data_dir / folder)


def test_a_second_failure_is_counted_on_the_first(again: Again) -> None:
    times = rows(again.data_dir, "SELECT DISTINCT times FROM failures WHERE stage IN ('page', 'download')")
    assert times == [(2,)]


def test_works_and_files_that_are_due_are_asked_whether_they_have_changed(
    crawled: Crawled, tmp_path: Path
) -> None:
    data_dir = tmp_path / "data"
    shutil.copytree(crawled.data_dir, data_dir)
    crawled.server.forget_requests()
    done = crawl(crawled.server.url, data_dir, "-a", "max_pages=1", OGA_RECRAWL_AFTER_DAYS="0")
    assert done.returncode == 0, done.stderr
    asked = [target for _, target in crawled.server.requests if target.startswith("/content/")]
    assert sorted(asked) == sorted(work.path for work in crawled.works[:24])
    files = {
        entry.target: entry.status for entry in crawled.server.log if entry.target.startswith(FILES_PATH)
    }
    assert files == {file.url_path: 304 for work in crawled.works[:24] for file in work.listed_files}
    assert table_rows(data_dir) == table_rows(crawled.data_dir)


def test_a_file_that_the_artist_replaced_is_downloaded_again(tmp_path: Path) -> None:
    site = build_site(works=4)
    name, longer = (
        "lantern.png",
        site.file("AIR.png") if "AIR.png" in site.files else site.file("fennelwick.png"),
    )
    later = changed(
        site, lambda file: replace(file, body=Content(lambda: longer.content)) if file.name == name else file
    )
    assert len(later.file(name).content) != len(site.file(name).content)
    data_dir = tmp_path / "data"
    with ReplicaServer(site) as server:
        crawl(server.url, data_dir)
        before = rows(
            data_dir,
            "SELECT file_id, image_id, pixel_hash FROM images JOIN files USING (file_id) WHERE files.path = ?",
            name,
        )
        server.listener.answers.site = later
        server.forget_requests()
        crawl(server.url, data_dir, OGA_RECRAWL_AFTER_DAYS="0")
        again = {entry.target: entry.status for entry in server.log if entry.target.startswith(FILES_PATH)}
        assert {target for target, status in again.items() if status != 304} == {site.file(name).url_path}
    after = rows(
        data_dir,
        "SELECT file_id, image_id, pixel_hash FROM images JOIN files USING (file_id) WHERE files.path = ?",
        name,
    )
    assert (data_dir / "files" / name).read_bytes() == longer.content
    assert [row[:2] for row in after] == [row[:2] for row in before]
    assert [row[2] for row in after] != [row[2] for row in before]


@dataclass(frozen=True)
class Undisturbed:
    """A slow site, and what a crawl of it comes to when nobody disturbs it."""

    server: ReplicaServer
    content: dict[str, list[tuple[Any, ...]]]
    files: dict[str, bytes]
    unpacked: dict[str, bytes]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Undisturbed]:
    data_dir = tmp_path_factory.mktemp("undisturbed") / "data"
    site = build_site(works=45)
    # Of two names that differ in case, the first that comes is the plain one: here it must not matter which that is.
    works = tuple(work for work in site.works if work.slug != "elements-breeze")
    with ReplicaServer(Site.of(site.seed, works, site.files), latency_s=0.04) as server:
        done = crawl(server.url, data_dir)
        assert done.returncode == 0, done.stderr
        assert len(server.requests) > 100
        yield Undisturbed(
            server, content(data_dir), bytes_below(data_dir / "files"), bytes_below(data_dir / "unpacked")
        )


def done_so_far(data_dir: Path, server: ReplicaServer) -> tuple[set[str], set[str]]:
    """(paths of whole files on disk, /content/ paths of works whose files are all recorded)."""
    whole = {name for name in bytes_below(data_dir / "files") if not name.endswith(".part")}
    complete = rows(
        data_dir,
        """
        SELECT url FROM works WHERE work_id NOT IN (
            SELECT work_id FROM work_files JOIN files USING (file_id) WHERE state <> 'stored'
        )
        """,
    )
    return whole, {url.removeprefix(server.url) for (url,) in complete}


def finish_and_compare(undisturbed: Undisturbed, data_dir: Path) -> None:
    """Run the same command again: it must ask for nothing that is done, and come to the same as one crawl."""
    server = undisturbed.server
    files, works = done_so_far(data_dir, server)
    server.forget_requests()
    again = crawl(server.url, data_dir)
    assert again.returncode == 0, again.stderr
    assert "Traceback" not in again.stderr
    urls = dict(rows(data_dir, "SELECT path, url FROM files"))
    asked = {target for _, target in server.requests}
    assert not asked & {urls[path].removeprefix(server.url) for path in files}
    assert not asked & works
    assert content(data_dir) == undisturbed.content
    for folder, expected in (("files", undisturbed.files), ("unpacked", undisturbed.unpacked)):
        lying = bytes_below(data_dir / folder)
        # A kill may leave what was being written then; it is never taken for a file.
        assert {name: data for name, data in lying.items() if ".part" not in name} == expected


@pytest.mark.parametrize("after", [12, 50, 95])
def test_a_crawl_that_was_killed_goes_on_from_where_it_was(
    undisturbed: Undisturbed, tmp_path: Path, after: int
) -> None:
    data_dir = tmp_path / "data"
    undisturbed.server.forget_requests()
    code, _ = interrupted_crawl(undisturbed.server, data_dir, signal.SIGKILL, after)
    assert code == -signal.SIGKILL
    finish_and_compare(undisturbed, data_dir)


def test_a_crawl_that_was_interrupted_ends_cleanly_and_goes_on_later(
    undisturbed: Undisturbed, tmp_path: Path
) -> None:
    data_dir = tmp_path / "data"
    undisturbed.server.forget_requests()
    code, said = interrupted_crawl(undisturbed.server, data_dir, signal.SIGINT, after=60)
    assert code == 130, said
    assert "Traceback" not in said
    assert "shutdown: " in said
    assert not list(data_dir.rglob("*.part"))
    # What was on its way came in: interrupting is no failure of the site.
    assert rows(data_dir, "SELECT * FROM failures WHERE stage IN ('page', 'download')") == []
    finish_and_compare(undisturbed, data_dir)


def test_who_interrupts_a_slow_crawl_waits_for_files_and_for_no_more_pages(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with ReplicaServer(build_site(works=45), crawl_delay_s=0.5) as server:
        code, said = interrupted_crawl(server, data_dir, signal.SIGINT, after=8)
        assert code == 130, said
        assert "Traceback" not in said
        later = [target for _, target in server.requests[8:]]
    # The one that is on its way, and those that leave before its answer comes; a dozen have waited.
    assert len([target for target in later if target.startswith("/content/")]) <= 5
    assert rows(data_dir, "SELECT count(*) FROM works") != [(0,)]
    # No work that was read has to be read again for its files.
    assert rows(data_dir, "SELECT path FROM files WHERE state <> 'stored'") == []
    assert rows(data_dir, "SELECT * FROM failures") == []


def test_a_crawl_says_how_far_it_is_and_how_long_it_takes_yet(
    undisturbed: Undisturbed, tmp_path: Path
) -> None:
    done = crawl(undisturbed.server.url, tmp_path, "-s", "PROGRESS_INTERVAL_S=0.05")
    two_d = sum(is_2d(work) for work in undisturbed.server.site.works)
    told = re.findall(
        r"(\d+) of (\d+) works \((\d+) of them known before\), \d+ an hour(, about .* left)?", done.stderr
    )
    assert len(told) >= 2
    # Nothing, until the listing is read.
    assert {int(announced) for _, announced, _, _ in told} - {0} == {two_d}
    counts = [int(count) for count, *_ in told]
    assert counts == sorted(counts)
    assert any(left for *_, left in told)
    assert "Crawled 0 pages" not in done.stderr


def test_a_second_crawl_into_the_same_folder_is_refused_and_the_first_goes_on(
    undisturbed: Undisturbed, tmp_path: Path
) -> None:
    server, data_dir = undisturbed.server, tmp_path / "data"
    server.forget_requests()
    # It waits for the answer to its first request.
    server.hold(0)
    with subprocess.Popen(command(*QUICK), cwd=ROOT, env=environment(server.url, data_dir)) as first:
        try:
            while first.poll() is None and not server.requests:
                time.sleep(0.01)
            second = crawl(server.url, data_dir)
            assert first.poll() is None, "the first was over before the second began"
            first.send_signal(signal.SIGINT)
        finally:
            server.hold(None)
        assert first.wait(timeout=60) == 130
    assert second.returncode == 3
    assert f"another process is crawling into {data_dir}; wait for it to end" in second.stderr
    assert "Traceback" not in second.stderr
