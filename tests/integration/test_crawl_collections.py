"""A member's collection, as far as its markup is inferred: all of its works, and nothing else."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.crawling import crawl, interrupted_crawl, rows, with_fault, work_paths
from tests.replica import ReplicaServer, Site, build_site

SLUG = "2dtopdown"
PAGES = [f"/content/{SLUG}?page=0", f"/content/{SLUG}?page=1"]


def members(site: Site) -> list[str]:
    """The works in the collection, the newest first, as its pages have them."""
    return [work.path for work in site.works[::-1] if any(each.slug == SLUG for each in work.collections)]


def asked(server: ReplicaServer) -> list[str]:
    """The pages that were asked for, in order."""
    return [
        target for _, target in server.requests if target.startswith(("/content/", "/node/", "/art-search"))
    ]


def failures(data_dir: Path, site_url: str) -> list[tuple[str, str]]:
    found = rows(data_dir, "SELECT subject, reason FROM failures ORDER BY 1")
    return [(subject.removeprefix(site_url), reason) for subject, reason in found]


@pytest.fixture
def server() -> Iterator[ReplicaServer]:
    with ReplicaServer(build_site(works=100, faults=True)) as opened:
        yield opened


def test_a_collection_of_two_pages_is_read_to_its_end_once(server: ReplicaServer, tmp_path: Path) -> None:
    wanted = [path for path in members(server.site) if not path.startswith("/content/fault-page")]
    assert 24 < len(members(server.site)) <= 48
    done = crawl(server.url, tmp_path, "-a", f"collection={SLUG}", "-s", "PROGRESS_INTERVAL_S=0.5")
    assert done.returncode == 0, done.stderr
    assert work_paths(tmp_path, server.url) == set(wanted)
    assert (
        f"page 1 of 2: 24 works to read, 0 known ({len(members(server.site))} announced in all)"
        in done.stderr
    )
    assert f" of {len(members(server.site))} works (0 of them known before)" in done.stderr
    assert not any(target.startswith("/art-search") for target in asked(server))
    # The second page waits for the works of the first.
    assert sorted({*asked(server)} - {*members(server.site)}) == PAGES
    assert asked(server).index(PAGES[1]) > 20
    server.forget_requests()
    again = crawl(server.url, tmp_path, "-a", f"collection=/content/{SLUG}")
    assert again.returncode == 0, again.stderr
    assert [target for target in asked(server) if "/fault-" not in target] == PAGES


def test_max_pages_limits_a_collection_too(server: ReplicaServer, tmp_path: Path) -> None:
    done = crawl(server.url, tmp_path, "-a", f"collection={SLUG}", "-a", "max_pages=1")
    assert done.returncode == 0, done.stderr
    assert PAGES[0] in asked(server)
    assert PAGES[1] not in asked(server)
    readable = {path for path in members(server.site)[:24] if not path.startswith("/content/fault-page")}
    assert work_paths(tmp_path, server.url) == readable


def test_a_work_that_vanished_costs_its_collection_nothing_else(tmp_path: Path) -> None:
    site = build_site(works=30)
    paths = members(site)
    with ReplicaServer(with_fault(site, "missing", paths[0])) as server:
        done = crawl(server.url, tmp_path, "-a", f"collection={SLUG}")
        assert done.returncode == 0, done.stderr
        assert len(paths) > 3
        assert work_paths(tmp_path, server.url) == set(paths[1:])
        assert failures(tmp_path, server.url) == [(paths[0], "http_404")]


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("walking-imps", "not_a_collection"),
        ("fault-page-unrecognised", "not_recognised"),
        ("no-such-shelf", "http_404"),
    ],
)
def test_what_is_no_collection_is_a_failure_that_says_so(
    server: ReplicaServer, tmp_path: Path, given: str, reason: str
) -> None:
    done = crawl(server.url, tmp_path, "-a", f"collection={given}")
    assert done.returncode == 1, done.stderr
    assert "1 failures" in done.stderr
    assert reason in done.stderr
    assert failures(tmp_path, server.url) == [(f"/content/{given}?page=0", reason)]
    assert work_paths(tmp_path, server.url) == set()


def test_the_failure_of_a_work_in_the_place_of_a_collection_says_what_to_do(
    server: ReplicaServer, tmp_path: Path
) -> None:
    crawl(server.url, tmp_path, "-a", "collection=walking-imps")
    ((detail,),) = rows(tmp_path, "SELECT detail FROM failures")
    assert detail.endswith(f"ask for it with -a url={server.url}/content/walking-imps")
    # And no update takes the page for that of a work that failed.
    server.forget_requests()
    crawl(server.url, tmp_path, "-a", "mode=update", "-a", "query=no such thing")
    assert not any(target.startswith("/content/") for target in asked(server))


def test_collections_and_single_works_are_read_in_one_crawl(server: ReplicaServer, tmp_path: Path) -> None:
    other = next(work for work in server.site.works if work.path not in members(server.site))
    done = crawl(
        server.url, tmp_path,
        "-a", f"collection={SLUG}, no-such-shelf", "-a", "max_pages=1", "-a", f"node={other.node_id}", "-a", "query=sword",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = work_paths(tmp_path, server.url)
    assert other.path in found
    assert found - {other.path} <= set(members(server.site)[:24])
    assert len(found) > 15
    assert ("/content/no-such-shelf?page=0", "http_404") in failures(tmp_path, server.url)
    assert not any(target.startswith("/art-search") for target in asked(server))


def test_a_collection_that_was_interrupted_goes_on_with_the_same_command(tmp_path: Path) -> None:
    with ReplicaServer(build_site(works=100), latency_s=0.02) as server:
        words = ("-a", f"collection={SLUG}")
        code, said = interrupted_crawl(server, tmp_path / "data", signal.SIGKILL, 20, *words)
        assert code == -signal.SIGKILL, said
        assert len(rows(tmp_path / "data", "SELECT * FROM works")) < len(members(server.site))
        done = crawl(server.url, tmp_path / "data", *words)
        assert done.returncode == 0, done.stderr
        assert work_paths(tmp_path / "data", server.url) == set(members(server.site))
