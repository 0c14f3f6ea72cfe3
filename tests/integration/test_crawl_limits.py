"""What a crawl may cost: bytes of a file, bytes of all files, memory."""

from __future__ import annotations

import re
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from artstore.catalog import Catalog
from artstore.models import Failure, Stage
from tests.integration.crawling import QUICK, ROOT, bytes_below, command, crawl, environment, rows
from tests.integration.test_crawl_more_faults import peak_mb
from tests.replica import ReplicaServer, Site, build_site, pages
from tests.replica.site import FILES_PATH

LEFT = "SELECT count(*) FROM files WHERE state <> 'stored'"


@pytest.fixture
def site() -> Site:
    return build_site(works=8)


@pytest.fixture
def _undeclared(monkeypatch: pytest.MonkeyPatch) -> None:
    """No page says how large its files are."""
    shown = pages.work_page
    monkeypatch.setattr(pages, "work_page", lambda *args: re.sub(r"; length=\d+", "", shown(*args)))


def failures(data_dir: Path) -> list[tuple[str, int]]:
    return rows(data_dir, "SELECT reason, times FROM failures")


def bytes_sent(server: ReplicaServer) -> int:
    return sum(entry.sent_bytes for entry in server.log if entry.target.startswith(FILES_PATH))


def test_a_crawl_downloads_no_more_than_it_may_and_the_next_goes_on(tmp_path: Path, site: Site) -> None:
    with ReplicaServer(site) as server:
        for _ in range(2):
            done = crawl(server.url, tmp_path, OGA_MAX_CRAWL_BYTES="3000")
            assert done.returncode == 0, done.stderr
            [(left,)] = rows(tmp_path, LEFT)
            assert f"files left to the next crawl: {left};" in done.stderr
            # To be left is no failure, which would have to wait for hours.
            assert failures(tmp_path) == []
        stored = bytes_below(tmp_path / "files")
        assert 0 < sum(map(len, stored.values())) <= 6000
        assert crawl(server.url, tmp_path).returncode == 0
    assert rows(tmp_path, LEFT) == [(0,)]
    assert len(bytes_below(tmp_path / "files")) > len(stored)


@pytest.mark.usefixtures("_undeclared")
def test_where_no_page_says_how_large_files_are_a_crawl_keeps_to_its_bytes_too(
    tmp_path: Path, site: Site
) -> None:
    kept = 0
    with ReplicaServer(site) as server:
        while True:
            done = crawl(server.url, tmp_path, OGA_MAX_CRAWL_BYTES="3000")
            assert done.returncode == 0, done.stderr
            assert failures(tmp_path) == []
            lying = {
                path: data
                for path, data in bytes_below(tmp_path / "files").items()
                if ".validator" not in path
            }
            before, kept = kept, sum(map(len, lying.values()))
            if "left to the next crawl" not in done.stderr:
                break
            assert before < kept <= before + 3000
    assert rows(tmp_path, LEFT) == [(0,)]


def test_downloads_that_fail_count_too(tmp_path: Path) -> None:
    """Of each truncated file half comes, three times."""
    site = build_site(works=0, faults=True)
    with ReplicaServer(site) as server:
        crawl(server.url, tmp_path, OGA_MAX_CRAWL_BYTES="4000")
        spent = bytes_sent(server)
    # What was sent and refused is at most one piece for each of the four connections.
    assert spent < 4000 + 4 * 65_536


@pytest.mark.parametrize("words", [(), ("-a", "url=/content/goblin-market-day")])
def test_a_file_is_had_once_the_limit_is_raised(tmp_path: Path, site: Site, words: tuple[str, ...]) -> None:
    big = site.work("goblin-market-day").files[0]
    with ReplicaServer(site) as server:
        # Twice: what was refused again and again is had as well.
        for _ in range(2):
            crawl(server.url, tmp_path, "-a", "url=/content/goblin-market-day", OGA_MAX_FILE_BYTES="1500")
        assert ("too_large",) in rows(tmp_path, "SELECT state FROM files")
        done = crawl(server.url, tmp_path, *words)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "files" / big.name).read_bytes() == big.content
    assert failures(tmp_path) == []


@pytest.mark.usefixtures("_undeclared")
def test_a_file_of_unknown_size_is_asked_for_again_and_its_bytes_are_not_taken(
    tmp_path: Path, site: Site
) -> None:
    big = site.work("goblin-market-day").files[0]
    words = ("-a", "url=/content/goblin-market-day")
    with ReplicaServer(site) as server:
        crawl(server.url, tmp_path, *words, OGA_MAX_FILE_BYTES="1500")
        assert failures(tmp_path) == [("too_large", 1)]
        assert rows(tmp_path, "SELECT state FROM files WHERE path = ?", big.name) == [("failed",)]
        crawl(server.url, tmp_path, *words)
    assert (tmp_path / "files" / big.name).read_bytes() == big.content


def test_a_catalog_that_cannot_be_written_ends_the_crawl_with_one_message(tmp_path: Path, site: Site) -> None:
    Catalog(tmp_path / "catalog.db").close()
    with ReplicaServer(site) as server, closing(sqlite3.connect(tmp_path / "catalog.db")) as reader:
        # While this one reads, the journal is kept, and what is written comes behind its end: beyond what may be written.
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM works").fetchall()
        with Catalog(tmp_path / "catalog.db") as catalog, catalog.transaction():
            for number in range(100):
                catalog.record_failure(Failure(Stage.PAGE, f"/content/{number}", "http_500", "x" * 1_000))
        bounded = ("bash", "-c", 'ulimit -f 64; exec "$@"', "bash", *command(*QUICK))
        done = subprocess.run(
            bounded,
            cwd=ROOT,
            env=environment(server.url, tmp_path),
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr.count("the crawl ends: the catalog cannot be written") == 1
    assert "Traceback" not in done.stderr


BOUNDED = {
    "fault-endless-page": ("page", "too_large"),
    "fault-bomb-page": ("page", "too_large"),
    "fault-endless-error": ("download", "http_404"),
}


def test_what_does_not_end_costs_no_memory(tmp_path: Path) -> None:
    peaks = {}
    with ReplicaServer(build_site(works=1, more_faults=True)) as server:
        for slug in ("first-light-over-fennelwick", *BOUNDED):
            peaks[slug] = peak_mb(server, tmp_path / slug, slug)
            failed = rows(tmp_path / slug, "SELECT stage, reason FROM failures")
            assert failed == ([BOUNDED[slug]] if slug in BOUNDED else [])
        sent = [entry.sent_bytes for entry in server.log if "endless" in entry.target]
    plain = peaks.pop("first-light-over-fennelwick")
    # Ten megabytes of a page, and as many for their copy; not the 64 that come, nor what a parser makes of them.
    assert {slug for slug, peak in peaks.items() if peak > plain + 40} == set(), peaks
    assert max(sent) < 30_000_000
