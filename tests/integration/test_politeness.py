"""A good guest: robots.txt first and obeyed, its pauses kept, and a name under which to complain."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from tests.integration.crawling import Crawled, crawl, rows, work_paths
from tests.replica import ReplicaServer, build_site
from tests.replica.site import FILES_PATH

DELAY_S = 0.5

LEAST_GAP_S = 0.8 * DELAY_S
"""On the way to the server a request may lose some time, and the one after it none."""


def refused(data_dir: Path, base: str) -> set[str]:
    found = rows(data_dir, "SELECT subject FROM failures WHERE reason = 'refused_by_robots_or_limits'")
    return {subject.removeprefix(base) for (subject,) in found}


def test_robots_txt_is_asked_for_first_and_once(crawled: Crawled) -> None:
    assert crawled.targets[0] == "/robots.txt"
    assert crawled.targets.count("/robots.txt") == 1


def test_the_pauses_that_robots_txt_asks_for_are_kept(tmp_path: Path) -> None:
    site = build_site(works=6)
    with ReplicaServer(site, crawl_delay_s=DELAY_S) as server:
        # Scrapy's own pauses would be shorter: AutoThrottle goes down to nothing for a site that answers at once.
        done = crawl(
            server.url, tmp_path, "-s", "AUTOTHROTTLE_ENABLED=1", "-s", "AUTOTHROTTLE_START_DELAY=0.05",
            "-a", "url=/content/harbour-lanterns-0,/content/crooked-toolbox",
        )  # fmt: skip
        times = server.times
    assert done.returncode == 0, done.stderr
    assert len(times) == 7
    gaps = [after - before for before, after in pairwise(times)]
    assert min(gaps) >= LEAST_GAP_S, gaps


def test_without_a_pause_asked_for_there_is_none(tmp_path: Path) -> None:
    # What makes the test above mean something.
    with ReplicaServer(build_site(works=6)) as server:
        crawl(server.url, tmp_path, "-a", "url=/content/harbour-lanterns-0,/content/crooked-toolbox")
        times = server.times
    assert min(after - before for before, after in pairwise(times)) < LEAST_GAP_S


def test_a_forbidden_page_is_not_asked_for_even_if_named(tmp_path: Path) -> None:
    with ReplicaServer(build_site(works=2)) as server:
        done = crawl(server.url, tmp_path, "-a", "url=/node/add/art")
        assert [target for _, target in server.requests] == ["/robots.txt"]
        assert refused(tmp_path, server.url) == {"/node/add/art"}
    assert done.returncode == 1
    assert "Traceback" not in done.stderr


def test_forbidden_works_and_files_are_not_asked_for_and_the_others_are(tmp_path: Path) -> None:
    site = build_site(works=5)
    with ReplicaServer(site) as server:
        server.listener.answers.robots = (
            f"User-agent: *\nDisallow: /content/harbour\nDisallow: {FILES_PATH}fennel\n".encode()
        )
        done = crawl(server.url, tmp_path)
        targets = {target for _, target in server.requests}
        base = server.url
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    forbidden = {"/content/harbour-lanterns", "/content/harbour-lanterns-0", f"{FILES_PATH}fennelwick.png"}
    assert not forbidden & targets
    assert refused(tmp_path, base) == forbidden
    assert work_paths(tmp_path, base) == {work.path for work in site.works} - forbidden
    assert rows(tmp_path, "SELECT path FROM files WHERE state <> 'stored'") == [("fennelwick.png",)]


def test_robots_txt_may_forbid_everything(tmp_path: Path) -> None:
    with ReplicaServer(build_site(works=2)) as server:
        server.listener.answers.robots = b"User-agent: *\nDisallow: /\n"
        done = crawl(server.url, tmp_path)
        assert [target for _, target in server.requests] == ["/robots.txt"]
    assert done.returncode == 1
    assert "Traceback" not in done.stderr


def test_the_user_agent_names_the_project(crawled: Crawled) -> None:
    [agent] = crawled.user_agents
    assert agent.startswith("oga-search (")
    assert "scrapy" not in agent.lower()


def test_the_user_agent_names_whom_to_reach(tmp_path: Path) -> None:
    with ReplicaServer(build_site(works=1)) as server:
        crawl(server.url, tmp_path, OGA_CONTACT="ada@example.org")
        [agent] = server.user_agents
    assert agent.startswith("oga-search (")
    assert agent.endswith("; ada@example.org)")
