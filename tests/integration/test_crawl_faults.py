"""What fails costs only itself, is written down with its reason, and is forgotten once it succeeds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.integration.crawling import Crawled, crawl, healed, rows
from tests.replica import ReplicaServer, Site, build_site
from tests.replica.site import FILES_PATH

DOWNLOADS = {
    "fault-missing.png": "http_404",
    "fault-forbidden.png": "http_403",
    "fault-truncated.png": "truncated",
    "fault-length.png": "wrong_length",
    "fault-html.zip": "html_instead",
}

PAGES = {
    "fault-page-unrecognised": "not_recognised",
    "fault-page-missing": "http_404",
    "fault-page-error": "http_500",
}

BYTES = {
    ("picture", "files/fault-noise.png"): "cannot_decode",
    ("picture", "files/fault-cut.png"): "cannot_decode",
    ("unpack", "files/fault-broken.zip"): "bad_archive",
    ("unpack", "unpacked/fault-crc.zip/middle.png"): "bad_member",
}


def failures(data_dir: Path) -> dict[tuple[str, str], str]:
    return {
        (stage, subject): reason
        for stage, subject, reason in rows(data_dir, "SELECT stage, subject, reason FROM failures")
    }


def of_the_network(data_dir: Path) -> dict[tuple[str, str], str]:
    return {at: reason for at, reason in failures(data_dir).items() if at[0] in {"page", "download"}}


@pytest.mark.parametrize("name", DOWNLOADS)
def test_a_file_that_cannot_be_had_is_a_failure_with_its_reason(crawled: Crawled, name: str) -> None:
    url = crawled.server.url + FILES_PATH + name
    assert failures(crawled.data_dir).get(("download", url)) == DOWNLOADS[name]
    assert crawled.rows("SELECT state, size_bytes, sha256 FROM files WHERE url = ?", url) == [
        ("failed", None, None)
    ]
    assert not (crawled.data_dir / "files" / name).exists()


@pytest.mark.parametrize("slug", PAGES)
def test_a_page_that_cannot_be_read_is_a_failure_and_no_work(crawled: Crawled, slug: str) -> None:
    url = f"{crawled.server.url}/content/{slug}"
    assert failures(crawled.data_dir).get(("page", url)) == PAGES[slug]
    assert crawled.rows("SELECT 1 FROM works WHERE url = ?", url) == []


@pytest.mark.parametrize(("stage", "subject"), BYTES)
def test_bytes_that_are_bad_are_a_failure_and_stay_on_disk(
    crawled: Crawled, stage: str, subject: str
) -> None:
    assert failures(crawled.data_dir).get((stage, subject)) == BYTES[stage, subject]
    name = subject.split("/")[1]
    assert (crawled.data_dir / "files" / name).read_bytes() == crawled.site.file(name).content
    assert crawled.rows("SELECT state FROM files WHERE path = ?", name) == [("stored",)]
    assert crawled.rows("SELECT 1 FROM images WHERE path = ?", subject) == []


def test_nothing_else_has_failed(crawled: Crawled) -> None:
    base = crawled.server.url
    expected = (
        {("download", base + FILES_PATH + name) for name in DOWNLOADS}
        | {("page", f"{base}/content/{slug}") for slug in PAGES}
        | set(BYTES)
    )
    others = {subject for stage, subject in failures(crawled.data_dir) if (stage, subject) not in expected}
    # Members of both are lost, but not all; which kinds of archive are read is not asked here.
    others = {subject for subject in others if not subject.endswith(".tar.gz")}
    assert {subject.split("/")[1] for subject in others} == {"fault-broken.zip", "fault-flipped.zip"}


def test_the_good_neighbours_of_bad_files_are_there(crawled: Crawled) -> None:
    good = [file for file in crawled.whole_files if file.name.endswith("-good.png")]
    assert len(good) == 8
    for file in good:
        assert (crawled.data_dir / "files" / file.name).read_bytes() == file.content
        assert crawled.rows("SELECT 1 FROM images WHERE path = ?", f"files/{file.name}") == [(1,)]


def test_the_good_members_of_bad_archives_are_there(crawled: Crawled) -> None:
    members = crawled.rows("SELECT member FROM images WHERE path LIKE 'unpacked/fault-crc.zip/%'")
    assert sorted(members) == [("first.png",), ("last.png",)]


@pytest.mark.parametrize("name", ["fault-flaky.png", "fault-slow.png", "fault-redirected.png"])
def test_a_file_that_comes_late_or_from_elsewhere_lies_under_its_own_name(
    crawled: Crawled, name: str
) -> None:
    assert (crawled.data_dir / "files" / name).read_bytes() == crawled.site.file(name).content
    assert crawled.rows("SELECT path, state FROM files WHERE url LIKE ?", f"%/{name}") == [(name, "stored")]


def test_the_summary_counts_the_failures(crawled: Crawled) -> None:
    [(count,)] = crawled.rows("SELECT count(*) FROM failures")
    assert f"{count} failures" in crawled.process.stderr


@pytest.fixture(scope="module")
def mended(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Site, Path, dict[tuple[str, str], str]]:
    """A crawl of what is broken, then of the same once the site is mended: (site, data folder, failures between)."""
    site = build_site(works=0, faults=True)
    data_dir = tmp_path_factory.mktemp("mended") / "data"
    with ReplicaServer(site) as server:
        crawl(server.url, data_dir)
        url = server.url
        node_ids = [work.node_id for work in site.works if work.fault == "error"]
        # Asked for under another name, it fails under that name too.
        crawl(url, data_dir, "-a", f"url=/node/{node_ids[0]}")
        before = of_the_network(data_dir)
        server.listener.answers.site = healed(site)
        again = crawl(url, data_dir)
        assert again.returncode == 0, again.stderr
        crawl(url, data_dir, "-a", f"url=/node/{node_ids[0]}")
    return site, data_dir, before


def test_a_later_success_removes_the_failure(
    mended: tuple[Site, Path, dict[tuple[str, str], str]],
) -> None:
    _, data_dir, before = mended
    assert len(before) == len(DOWNLOADS) + len(PAGES) + 1
    assert of_the_network(data_dir) == {}
    assert rows(data_dir, "SELECT url FROM files WHERE state <> 'stored'") == []


def test_what_failed_is_there_once_the_site_is_mended(
    mended: tuple[Site, Path, dict[tuple[str, str], str]],
) -> None:
    site, data_dir, _ = mended
    assert rows(data_dir, "SELECT count(*) FROM works") == [(len(site.works),)]
    for name in (*DOWNLOADS, "fault-page-error.png", "fault-page-missing.png"):
        assert (data_dir / "files" / name).read_bytes() == site.file(name).content


def test_a_site_that_does_not_answer_is_a_failure_until_it_does(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with ReplicaServer(build_site(works=2)) as server:
        url, port = server.url, server.listener.server_port
    # Without its robots.txt nothing at all would be asked for.
    failed = crawl(url, data_dir, "-s", "ROBOTSTXT_OBEY=0")
    assert failed.returncode == 1
    assert "Traceback" not in failed.stderr
    [(stage, subject)] = failures(data_dir)
    assert (stage, failures(data_dir)[stage, subject]) == ("page", "connection_refused")
    assert subject.startswith(f"{url}/art-search-advanced?")
    with ReplicaServer(build_site(works=2), port=port):
        assert crawl(url, data_dir).returncode == 0
    assert failures(data_dir) == {}


def test_a_file_over_the_limit_is_too_large_and_not_asked_for(tmp_path: Path) -> None:
    site = build_site(works=8)
    big, small = site.work("goblin-market-day").files
    # Smaller than any page of the site: the limit is one for files.
    limit = len(small.content)
    assert limit < 2_000 < len(big.content)
    with ReplicaServer(site) as server:
        done = crawl(
            server.url,
            tmp_path / "data",
            "-a",
            "url=/content/goblin-market-day",
            OGA_MAX_FILE_BYTES=str(limit),
        )
        targets = [target for _, target in server.requests]
        url = server.url + big.url_path
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert big.url_path not in targets
    assert failures(tmp_path / "data") == {("download", url): "too_large"}
    states = dict(rows(tmp_path / "data", "SELECT path, state FROM files"))
    assert states == {big.name: "too_large", small.name: "stored"}


def test_a_file_that_is_larger_than_its_page_says_is_not_read_to_the_end(tmp_path: Path) -> None:
    site = build_site(works=8)
    big = site.work("goblin-market-day").files[0]
    lying = replace(site.work("goblin-market-day"), files=(replace(big, claimed_bytes=10),))
    with ReplicaServer(Site.of(site.seed, (lying,), site.files)) as server:
        done = crawl(server.url, tmp_path / "data", OGA_MAX_FILE_BYTES="1000")
        targets = [target for _, target in server.requests]
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert targets.count(big.url_path) == 1
    assert rows(tmp_path / "data", "SELECT path, state FROM files") == [(big.name, "failed")]
    assert set(failures(tmp_path / "data").values()) == {"wrong_length"}
    assert not (tmp_path / "data" / "files").exists()


def test_files_that_cannot_be_written_are_failures_and_cost_no_works(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    # As near to a bad disk as a test can come: nothing can be written below files/.
    (data_dir / "files").write_bytes(b"")
    with ReplicaServer(build_site(works=2)) as server:
        failed = crawl(server.url, data_dir)
        assert "Traceback" not in failed.stderr
        assert set(failures(data_dir).values()) == {"not_written"}
        assert rows(data_dir, "SELECT count(*) FROM works") == [(2,)]
        assert set(rows(data_dir, "SELECT state FROM files")) == {("failed",)}
        (data_dir / "files").unlink()
        assert crawl(server.url, data_dir).returncode == 0
    assert failures(data_dir) == {}
    assert set(rows(data_dir, "SELECT state FROM files")) == {("stored",)}
