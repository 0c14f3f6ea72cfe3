"""Pages that only a browser gets: a real Chromium, where it is needed and nowhere else."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from artstore.errors import NotReady
from ogaspider.chromium import find_chromium
from tests.integration.crawling import ROOT, command, crawl, environment, rows, with_fault, work_paths
from tests.replica import Entry, ReplicaServer, Site, build_site
from tests.replica.challenge import FONT, PICTURE, RESOURCES, STYLE
from tests.replica.faults import ADMIN
from tests.replica.site import WorkFault

CHALLENGED = ("fault-challenge-page", "fault-challenge-page-503")
PLAIN = ("harbour-lanterns", "crooked-toolbox")

NEEDLESS = {STYLE, PICTURE, FONT}


@pytest.fixture(scope="module")
def site() -> Site:
    site = build_site(works=6, more_faults=True)
    # A browser takes its time over pages without an end, whoever stops it.
    works = tuple(work for work in site.works if work.fault not in {"endless", "bomb"})
    return Site.of(site.seed, works, site.files)


@pytest.fixture(scope="module")
def _chromium() -> None:
    try:
        asyncio.run(find_chromium(""))
    except NotReady as error:
        if os.environ.get("CI"):
            pytest.fail(f"CI has to have a browser: {error}")
        pytest.skip(f"no browser: {error}")


with_chromium = [pytest.mark.browser, pytest.mark.usefixtures("_chromium")]


def named(*slugs: str) -> tuple[str, str]:
    return ("-a", f"url={','.join(f'/content/{slug}' for slug in slugs)}")


def targets(log: list[Entry]) -> list[str]:
    return [entry.target for entry in log]


def pages_opened(talk: str) -> int:
    """How many pages the browser has opened, by the numbers at the end of a crawl."""
    found = re.search(r"'playwright/page_count': (\d+)", talk)
    return int(found[1]) if found else 0


def files_stored(data_dir: Path) -> set[str]:
    return {path for (path,) in rows(data_dir, "SELECT path FROM files WHERE state = 'stored'")}


class TestWithABrowser:
    pytestmark = with_chromium

    def test_a_challenge_is_passed_and_the_rest_comes_without_a_browser(
        self, tmp_path: Path, site: Site
    ) -> None:
        with ReplicaServer(site) as server:
            done = crawl(server.url, tmp_path, "-s", "STATS_DUMP=1", *named(*CHALLENGED, *PLAIN))
            log = server.log
            works = work_paths(tmp_path, server.url)
        assert done.returncode == 0, done.stderr
        assert works == {f"/content/{slug}" for slug in (*CHALLENGED, *PLAIN)}
        wanted = [file for slug in (*CHALLENGED, *PLAIN) for file in site.work(slug).files]
        assert files_stored(tmp_path) == {file.name for file in wanted}
        assert rows(tmp_path, "SELECT * FROM failures") == []
        assert "Traceback" not in done.stderr
        assert pages_opened(done.stderr) == len(CHALLENGED)
        for slug in PLAIN:
            assert targets(log).count(f"/content/{slug}") == 1
        for file in wanted:
            assert targets(log).count(file.url_path) == 1
        # Without a browser, with one, and again by the script of the challenge.
        for slug in CHALLENGED:
            assert targets(log).count(f"/content/{slug}") == 3

    def test_what_says_nothing_is_not_loaded(self, tmp_path: Path, site: Site) -> None:
        with ReplicaServer(site) as server:
            crawl(server.url, tmp_path, *named(*CHALLENGED))
            asked = set(targets(server.log))
        assert set(RESOURCES) & asked == set(RESOURCES) - NEEDLESS

    def test_the_browser_says_who_it_is(self, tmp_path: Path, site: Site) -> None:
        with ReplicaServer(site) as server:
            crawl(server.url, tmp_path, *named(*CHALLENGED), OGA_CONTACT="ada@example.org")
            [agent] = server.user_agents
        assert agent.endswith("; ada@example.org)")

    @pytest.mark.parametrize("status", [200, 503])
    def test_a_site_that_challenges_everybody_does_so_once(self, tmp_path: Path, status: int) -> None:
        site = build_site(works=30)
        words = ("-a", "art_type=all", "-s", "STATS_DUMP=1")
        with ReplicaServer(site, challenge_status=status) as server:
            done = crawl(server.url, tmp_path, *words)
            assert work_paths(tmp_path, server.url) == {work.path for work in site.works}
        assert done.returncode == 0, done.stderr
        # The first listing; its cookie opens the rest.
        assert pages_opened(done.stderr) == 1

    def test_all_pages_go_through_the_browser_if_asked_to_but_no_files(
        self, tmp_path: Path, site: Site
    ) -> None:
        with ReplicaServer(site) as server:
            done = crawl(
                server.url, tmp_path, "-s", "OGA_BROWSER=1", "-s", "STATS_DUMP=1", *named(*CHALLENGED, *PLAIN)
            )
            log = server.log
            works = work_paths(tmp_path, server.url)
        assert done.returncode == 0, done.stderr
        assert works == {f"/content/{slug}" for slug in (*CHALLENGED, *PLAIN)}
        assert pages_opened(done.stderr) == len(works)
        assert targets(log)[0] == "/robots.txt"
        assert not {entry.target for entry in log} & NEEDLESS

    @pytest.mark.parametrize("status", [200, 503])
    def test_where_files_come_as_a_challenge_a_page_is_read_by_the_browser_and_they_are_asked_for_again(
        self, tmp_path: Path, status: int
    ) -> None:
        """The cookie opens the page and two files; then another one is needed, and again."""
        site = build_site(works=33)
        files = site.work("swords-of-one-smith").files
        with ReplicaServer(
            site, challenge_status=status, challenged=("pages", "files"), challenge_lasts=3
        ) as server:
            done = crawl(server.url, tmp_path, "-s", "STATS_DUMP=1", *named("swords-of-one-smith"))
            log = server.log
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr
        assert rows(tmp_path, "SELECT * FROM failures") == []
        assert files_stored(tmp_path) == {file.name for file in files}
        for file in files:
            assert (tmp_path / "files" / file.name).read_bytes() == file.content
        # The work, then the first page of the site for each new cookie: not once for each file.
        assert 2 <= pages_opened(done.stderr) <= 4
        assert targets(log).count("/") >= 2

    def test_a_file_that_stays_a_challenge_is_a_failure_of_that_kind(self, tmp_path: Path) -> None:
        site = build_site(works=4)
        (file,) = site.work("harbour-lanterns").files
        with ReplicaServer(
            site, challenge_status=503, challenged=("pages", "files"), challenge_lasts=1
        ) as server:
            done = crawl(server.url, tmp_path, *named("harbour-lanterns"))
            asked = targets(server.log)
        assert "Traceback" not in done.stderr
        assert rows(tmp_path, "SELECT stage, reason FROM failures") == [("download", "challenge")]
        assert asked.count(file.url_path) == 4

    def test_what_the_browser_reads_is_what_stands_there(self, tmp_path: Path, site: Site) -> None:
        facts = (
            "SELECT node_id, title, author, description, copyright_notice, posted_at FROM works ORDER BY 1"
        )
        words = ("-a", "art_type=all", "-a", "max_pages=1")
        with ReplicaServer(site) as server:
            crawl(server.url, tmp_path / "plain", *words)
            crawl(server.url, tmp_path / "browser", "-s", "OGA_BROWSER=1", *words)
        assert rows(tmp_path / "plain", facts) == rows(tmp_path / "browser", facts)
        # By address: which of two names that differ only in case stays as it is, is a matter of which comes first.
        stored = "SELECT url, sha256 FROM files WHERE state = 'stored' ORDER BY url"
        assert rows(tmp_path / "plain", stored) == rows(tmp_path / "browser", stored)

    @pytest.mark.parametrize("fault", ["to-admin", "script-to-admin"])
    def test_the_browser_does_not_go_where_robots_txt_lets_nobody_go(
        self, tmp_path: Path, site: Site, fault: WorkFault
    ) -> None:
        leading = with_fault(site, fault, "/content/crooked-toolbox")
        with ReplicaServer(leading) as server:
            done = crawl(server.url, tmp_path, "-s", "OGA_BROWSER=1", *named(*PLAIN))
            asked = targets(server.log)
            works = work_paths(tmp_path, server.url)
        assert "Traceback" not in done.stderr
        assert ADMIN not in asked
        assert works == {"/content/harbour-lanterns"}
        assert rows(tmp_path, "SELECT reason FROM failures") == [("refused_by_robots",)]

    def test_a_redirect_that_is_allowed_is_followed_and_both_addresses_are_known(
        self, tmp_path: Path, site: Site
    ) -> None:
        with ReplicaServer(with_fault(site, "moved", "/content/crooked-toolbox")) as server:
            done = crawl(server.url, tmp_path, "-s", "OGA_BROWSER=1", *named("crooked-toolbox"))
            asked = targets(server.log)
            works = work_paths(tmp_path, server.url)
        assert done.returncode == 0, done.stderr
        assert works == {"/content/crooked-toolbox"}
        assert asked.count("/content/crooked-toolbox") == 1

    def test_errors_are_errors_in_a_browser_too(self, tmp_path: Path, site: Site) -> None:
        with ReplicaServer(site) as server:
            done = crawl(
                server.url, tmp_path, "-s", "OGA_BROWSER=1", *named("nothing-here", "fault-gone-page", *PLAIN)
            )
        assert "Traceback" not in done.stderr
        reasons = {
            subject.rpartition("/")[2]: reason
            for subject, reason in rows(tmp_path, "SELECT subject, reason FROM failures")
        }
        assert reasons == {"nothing-here": "http_404", "fault-gone-page": "http_410"}

    def test_a_page_that_resets_costs_only_itself(self, tmp_path: Path, site: Site) -> None:
        with ReplicaServer(site) as server:
            server.fail_everything("reset")
            done = crawl(server.url, tmp_path, "-s", "OGA_BROWSER=1", *named(*PLAIN))
        assert done.returncode == 1
        assert "Traceback" not in done.stderr
        assert rows(tmp_path, "SELECT DISTINCT reason FROM failures") == [("connection_lost",)]

    def test_nothing_stays_behind(self, tmp_path: Path, site: Site) -> None:
        # A short name: Chromium puts a socket into it, whose path may have 108 bytes.
        with ReplicaServer(site) as server, TemporaryDirectory() as scratch:
            done = crawl(server.url, tmp_path, *named(*CHALLENGED), TMPDIR=scratch)
            assert done.returncode == 0, done.stderr
            assert list(Path(scratch).iterdir()) == []


def without_chromium(tmp_path: Path) -> dict[str, str]:
    """An environment in which no Chromium is to be found."""
    return {"PATH": str(tmp_path), "PLAYWRIGHT_BROWSERS_PATH": str(tmp_path)}


def test_without_a_browser_a_challenge_is_a_failure_that_says_what_to_install(
    tmp_path: Path, site: Site
) -> None:
    with ReplicaServer(site) as server:
        done = crawl(server.url, tmp_path, *named(*CHALLENGED, *PLAIN), **without_chromium(tmp_path))
        assert work_paths(tmp_path, server.url) == {f"/content/{slug}" for slug in PLAIN}
        asked = targets(server.log)
    found = rows(tmp_path, "SELECT stage, subject, reason, detail FROM failures ORDER BY subject")
    assert [(stage, subject.rpartition("/")[2], reason) for stage, subject, reason, _ in found] == [
        ("page", slug, "challenge") for slug in CHALLENGED
    ]
    for *_, detail in found:
        assert "apt install chromium" in detail
    assert all(asked.count(f"/content/{slug}") == 1 for slug in CHALLENGED)
    assert done.returncode == 0
    assert "Traceback" not in done.stderr


def test_without_a_browser_a_file_that_is_a_challenge_is_one_failure_and_not_tried_thrice(
    tmp_path: Path,
) -> None:
    site = build_site(works=4)
    (file,) = site.work("harbour-lanterns").files
    with ReplicaServer(site, challenge_status=503, challenged=("files",)) as server:
        done = crawl(server.url, tmp_path, *named("harbour-lanterns"), **without_chromium(tmp_path))
        asked = targets(server.log)
    assert rows(tmp_path, "SELECT stage, reason FROM failures") == [("download", "challenge")]
    assert asked.count(file.url_path) == 1
    assert "Traceback" not in done.stderr


def test_a_site_that_challenges_all_pages_in_vain_is_left_alone(tmp_path: Path) -> None:
    site = build_site(works=60)
    paths = (work.slug for work in site.works)
    with ReplicaServer(site, challenge_status=200) as server:
        done = crawl(
            server.url, tmp_path, "-s", "OGA_MAX_ERRORS_IN_A_ROW=4", *named(*paths),
            **without_chromium(tmp_path),
        )  # fmt: skip
        assert len(server.log) <= 1 + 4 + 16
    assert done.returncode == 1
    assert done.stderr.count("the crawl ends: 4 errors in a row") == 1


def test_to_ask_for_a_browser_that_is_not_there_is_told_before_anything_starts(
    tmp_path: Path, site: Site
) -> None:
    with ReplicaServer(site) as server:
        lacking = crawl(server.url, tmp_path, "-s", "OGA_BROWSER=1", **without_chromium(tmp_path))
        misled = crawl(server.url, tmp_path, "-s", "OGA_CHROMIUM=/nothing/here")
        assert server.log == []
    assert lacking.returncode == 3
    assert "apt install chromium" in lacking.stderr
    assert misled.returncode == 2
    assert "OGA_CHROMIUM=/nothing/here" in misled.stderr
    assert "Traceback" not in lacking.stderr + misled.stderr


def test_a_crawl_without_a_browser_does_not_import_one(tmp_path: Path, site: Site) -> None:
    with ReplicaServer(site) as server:
        python, *rest = command("-s", "AUTOTHROTTLE_ENABLED=0", *named(*PLAIN))
        done = subprocess.run(
            [python, "-X", "importtime", *rest],
            cwd=ROOT, env=environment(server.url, tmp_path), capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 0
    assert "| aiohttp" in done.stderr.replace("|   ", "| ")
    assert "playwright" not in done.stderr
    assert sys.executable == python
