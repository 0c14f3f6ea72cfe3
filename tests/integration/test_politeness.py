"""A good guest: robots.txt first and obeyed, pauses kept, errors no reason to hammer, and a name to complain under."""

from __future__ import annotations

import signal
import subprocess
import time
from dataclasses import replace
from itertools import combinations, pairwise
from pathlib import Path
from typing import Literal

import pytest

from tests.integration.crawling import ROOT, Crawled, command, crawl, environment, rows, work_paths
from tests.replica import ReplicaServer, build_site
from tests.replica.answer import Answer, error
from tests.replica.site import FILES_PATH

DELAY_S = 0.5

LOST_S = 0.3
"""On the way to the server a request may lose some time on a busy machine, and one after it none."""


def asks_for_an_hour(fault: str | None, name: str) -> Answer | None:
    """In place of what the replica does: a busy page or file stays so."""
    del name
    busy = {"busy": 429, "unavailable": 503}.get(fault or "")
    return replace(error(busy), headers={"Retry-After": "3600"}) if busy else None


def broken(path: str, base: str) -> Answer:
    """In place of any file."""
    del path, base
    return error(503)


def refused(data_dir: Path, base: str) -> set[str]:
    found = rows(data_dir, "SELECT subject FROM failures WHERE reason = 'refused_by_robots'")
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
    # Over many pauses, too, no more than the time of one way can be missing.
    for (number, before), (later, after) in combinations(enumerate(times), 2):
        assert after - before >= (later - number) * DELAY_S - LOST_S, times


def test_without_a_pause_asked_for_there_is_none(tmp_path: Path) -> None:
    # What makes the test above mean something.
    with ReplicaServer(build_site(works=6)) as server:
        crawl(server.url, tmp_path, "-a", "url=/content/harbour-lanterns-0,/content/crooked-toolbox")
        times = server.times
    assert min(after - before for before, after in pairwise(times)) < DELAY_S - LOST_S


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


GOOD = ("harbour-lanterns", "crooked-toolbox")

ONE_BY_ONE = ("-s", "CONCURRENT_REQUESTS_PER_DOMAIN=1", "-s", "DOWNLOAD_DELAY=0.05")
"""None is on its way when the answer to the one before comes. Without any delay Scrapy gives aiohttp more than one."""


def works_named(*slugs: str) -> tuple[str, str]:
    """The words of a crawl of these works, and of two that are well."""
    return ("-a", f"url={','.join(f'/content/{slug}' for slug in (*slugs, *GOOD))}")


@pytest.mark.parametrize(
    ("slug", "target"),
    [
        ("fault-busy-page", "/content/fault-busy-page"),
        ("fault-unavailable-page", "/content/fault-unavailable-page"),
        ("fault-busy-file", f"{FILES_PATH}fault-busy.png"),
        ("fault-unavailable-file", f"{FILES_PATH}fault-unavailable.png"),
    ],
)
def test_who_asks_for_a_pause_gets_it_and_is_asked_again(tmp_path: Path, slug: str, target: str) -> None:
    with ReplicaServer(build_site(works=6, more_faults=True)) as server:
        done = crawl(server.url, tmp_path, *works_named(slug))
        log = server.log
        works = work_paths(tmp_path, server.url)
    first, again = (entry for entry in log if entry.target == target)
    assert first.status in {429, 503}
    assert again.status == 200
    # The replica asks for 1 s; to the end of the answer, not from its beginning, so a little less is to be seen here.
    assert again.time_s - first.time_s >= 0.9
    assert done.returncode == 0, done.stderr
    assert f"/content/{slug}" in works
    assert rows(tmp_path, "SELECT * FROM failures") == []
    assert done.stderr.count("asks for a pause of") == 1
    assert "Traceback" not in done.stderr


def test_the_pause_is_everybodys(tmp_path: Path) -> None:
    with ReplicaServer(build_site(works=6, more_faults=True)) as server:
        words = works_named("fault-busy-page", "fault-unavailable-page")
        crawl(server.url, tmp_path, *ONE_BY_ONE, *words)
        log = server.log
    asked = [number for number, entry in enumerate(log) if entry.status in {429, 503}]
    assert len(asked) == 2
    for number in asked:
        assert log[number + 1].time_s - log[number].time_s >= 0.9, log[number : number + 2]


def test_a_pause_too_long_ends_the_crawl_and_the_next_one_goes_on(tmp_path: Path) -> None:
    words = ("-s", "OGA_MAX_PAUSE_S=10", *ONE_BY_ONE, *works_named("fault-busy-page"))
    with ReplicaServer(build_site(works=6, more_faults=True)) as server:
        faults = server.listener.answers.faults
        mild, faults.passing = faults.passing, asks_for_an_hour  # type: ignore[method-assign]
        ended = crawl(server.url, tmp_path, *words)
        assert [entry.status for entry in server.log][-1] == 429
        assert rows(tmp_path, "SELECT * FROM failures") == []
        faults.passing = mild  # type: ignore[method-assign]
        again = crawl(server.url, tmp_path, *words)
        assert work_paths(tmp_path, server.url) == {f"/content/{slug}" for slug in ("fault-busy-page", *GOOD)}
    assert (ended.returncode, again.returncode) == (1, 0), again.stderr
    assert ended.stderr.count("the crawl ends:") == 1
    assert "asks for a pause of 3600 s, longer than OGA_MAX_PAUSE_S=10" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_ctrl_c_ends_a_pause(tmp_path: Path) -> None:
    with ReplicaServer(build_site(works=6, more_faults=True)) as server:
        server.listener.answers.faults.passing = asks_for_an_hour  # type: ignore[method-assign]
        with (
            (tmp_path / "talk.txt").open("w+") as talk,
            subprocess.Popen(
                command("-s", "AUTOTHROTTLE_ENABLED=0", *works_named("fault-busy-page")),
                cwd=ROOT, env=environment(server.url, tmp_path / "data"), stderr=talk,
            ) as process,
        ):  # fmt: skip
            while process.poll() is None and not any(entry.status == 429 for entry in server.log):
                time.sleep(0.01)
            time.sleep(0.2)
            process.send_signal(signal.SIGINT)
            # Of an hour. Whoever waits it out runs into the limit.
            process.wait(timeout=60)
            talk.seek(0)
            said = talk.read()
        assert sum(entry.target.startswith("/content/fault-busy-page") for entry in server.log) == 1
    assert process.returncode == 130, said
    assert rows(tmp_path / "data", "SELECT * FROM failures") == []


@pytest.mark.parametrize(
    ("how", "said"), [(503, "503 for"), (500, "500 for"), ("reset", "DownloadFailedError")]
)
def test_errors_in_a_row_end_the_crawl(tmp_path: Path, how: Literal["reset"] | int, said: str) -> None:
    most, at_once, tries = 5, 16, 3
    site = build_site(works=60)
    paths = ",".join(work.path for work in site.works)
    with ReplicaServer(site) as server:
        assert crawl(server.url, tmp_path, "-a", f"url={site.works[0].path}").returncode == 0
        before = work_paths(tmp_path, server.url)
        server.forget_requests()
        server.fail_everything(how)
        ended = crawl(server.url, tmp_path, "-a", f"url={paths}", "-s", f"OGA_MAX_ERRORS_IN_A_ROW={most}")
        asked = len({entry.target for entry in server.log}) - 1
        # What was on its way when the last error came is all that is asked for besides.
        assert most <= asked <= most + at_once
        assert len(server.log) >= tries * most
        assert ended.returncode == 1
        assert ended.stderr.count("the crawl ends:") == 1
        assert f"{most} errors in a row, the last one {said}" in ended.stderr
        assert "Traceback" not in ended.stderr
        assert work_paths(tmp_path, server.url) == before
        server.fail_everything(None)
        again = crawl(server.url, tmp_path, "-a", f"url={paths}")
        assert again.returncode == 0, again.stderr
        assert work_paths(tmp_path, server.url) == {work.path for work in site.works}
        assert rows(tmp_path, "SELECT subject FROM failures WHERE stage = 'page'") == []


def test_errors_of_files_count_and_files_not_asked_for_are_got_by_the_next_crawl(tmp_path: Path) -> None:
    site = build_site(works=40)
    with ReplicaServer(site) as server:
        answers = server.listener.answers
        well, answers.file = answers.file, broken  # type: ignore[method-assign]
        ended = crawl(server.url, tmp_path, "-a", "max_pages=1", "-s", "OGA_MAX_ERRORS_IN_A_ROW=3")
        assert ended.returncode == 1
        assert "errors in a row" in ended.stderr
        assert "Traceback" not in ended.stderr
        answers.file = well  # type: ignore[method-assign]
        again = crawl(server.url, tmp_path)
        assert again.returncode == 0
        assert rows(tmp_path, "SELECT path FROM files WHERE state <> 'stored'") == []
        assert rows(tmp_path, "SELECT subject FROM failures WHERE stage = 'download'") == []


def test_refusals_of_a_healthy_server_end_nothing(tmp_path: Path) -> None:
    missing = ",".join(f"/content/nothing-here-{number}" for number in range(8))
    with ReplicaServer(build_site(works=3)) as server:
        done = crawl(server.url, tmp_path, "-a", f"url={missing}", "-s", "OGA_MAX_ERRORS_IN_A_ROW=2")
        assert len(server.log) == 9
    assert "the crawl ends" not in done.stderr


def test_a_good_answer_between_makes_a_new_row(tmp_path: Path) -> None:
    site = build_site(works=20)
    seen: list[str] = []
    with ReplicaServer(site) as server:
        well = server.listener.answers.page

        def every_other(path: str, query: str, base: str, cookies: str) -> Answer:
            if path not in seen:
                seen.append(path)
            return error(503) if seen.index(path) % 2 else well(path, query, base, cookies)

        server.listener.answers.page = every_other  # type: ignore[method-assign]
        paths = ",".join(work.path for work in site.works)
        # One page after the other; the order in which files come between them does not matter, they are all well.
        words = ("-s", "CONCURRENT_REQUESTS=1", "-s", "OGA_MAX_ERRORS_IN_A_ROW=2", "-a", f"url={paths}")
        done = crawl(server.url, tmp_path, *words)
        assert done.returncode == 0, done.stderr
        assert rows(tmp_path, "SELECT count(*) FROM failures WHERE reason = 'http_503'") == [(10,)]
        assert len(work_paths(tmp_path, server.url)) == 10


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_robots_txt_that_cannot_be_had_allows_nothing(tmp_path: Path, status: int) -> None:
    with ReplicaServer(build_site(works=2), robots_status=status) as server:
        done = crawl(server.url, tmp_path)
        assert {entry.target for entry in server.log} == {"/robots.txt"}
    assert done.returncode == 1
    assert done.stderr.count("the crawl ends: the robots.txt of 127.0.0.1") == 1
    assert f"it answers {status}" in done.stderr
    assert rows(tmp_path, "SELECT * FROM failures") == []
    assert "Traceback" not in done.stderr


def test_another_host_without_its_robots_txt_is_not_asked_and_nothing_ends(tmp_path: Path) -> None:
    with ReplicaServer(build_site(works=6, more_faults=True)) as server:
        answers = server.listener.answers
        well = answers.answer

        def elsewhere_broken(target: str, base: str, cookies: str = "") -> Answer:
            return error(503) if "localhost" in base else well(target, base, cookies)

        answers.answer = elsewhere_broken  # type: ignore[method-assign]
        done = crawl(server.url, tmp_path, *works_named("fault-foreign-file"))
        asked = {entry.target for entry in server.log if entry.host.startswith("localhost")}
        found = rows(tmp_path, "SELECT reason FROM failures")
    assert done.returncode == 0, done.stderr
    assert asked == {"/robots.txt"}
    assert found == [("refused_by_robots",)]


@pytest.mark.parametrize("status", [404, 403])
def test_a_robots_txt_that_is_not_there_allows_all(tmp_path: Path, status: int) -> None:
    site = build_site(works=2)
    with ReplicaServer(site, robots_status=status) as server:
        done = crawl(server.url, tmp_path)
        assert work_paths(tmp_path, server.url) == {work.path for work in site.works}
    assert done.returncode == 0, done.stderr


def test_a_site_that_does_not_answer_at_all_is_not_asked_for_more(tmp_path: Path) -> None:
    with ReplicaServer(build_site(works=1)) as server:
        gone = server.url
    done = crawl(gone, tmp_path)
    assert done.returncode == 1
    assert done.stderr.count("the crawl ends: the robots.txt of 127.0.0.1") == 1
    assert "Traceback" not in done.stderr


def test_who_crawls_the_real_site_without_an_address_is_told_how_to_give_one(tmp_path: Path) -> None:
    # No proxy listens there, so nothing leaves this machine.
    nowhere = {"https_proxy": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9", "no_proxy": ""}
    told = crawl("https://opengameart.org", tmp_path / "a", **nowhere)
    assert told.stderr.count("set OGA_CONTACT=") == 1
    given = crawl("https://opengameart.org", tmp_path / "b", OGA_CONTACT="ada@example.org", **nowhere)
    assert "OGA_CONTACT" not in given.stderr


def test_nobody_is_told_so_elsewhere(crawled: Crawled) -> None:
    assert "OGA_CONTACT" not in crawled.process.stderr
