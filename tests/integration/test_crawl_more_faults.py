"""The rarer faults of a site, and files that are larger than memory should have to be."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from artstore.partial import PartFile
from tests.integration.crawling import ROOT, bytes_below, crawl, rows
from tests.replica import ReplicaServer, build_site, large
from tests.replica.markup import STRAYS


class Faulty(NamedTuple):
    server: ReplicaServer
    data_dir: Path
    said: str


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Faulty]:
    data_dir = tmp_path_factory.mktemp("more-faults")
    with ReplicaServer(build_site(works=1, more_faults=True)) as server:
        done = crawl(server.url, data_dir, OGA_MAX_FILE_BYTES="2000000")
        yield Faulty(server, data_dir, done.stderr)


def reasons(faulty: Faulty) -> dict[str, str]:
    found = rows(faulty.data_dir, "SELECT subject, reason FROM failures")
    return {Path(subject).name: reason for subject, reason in found}


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("fault-gone.png", "http_410"),
        ("fault-reset.png", "truncated"),
        ("fault-endless.png", "wrong_length"),
        ("fault-oversized.png", "wrong_length"),
        ("fault-loop.png", "redirect_loop"),
        ("fault-gone-page", "http_410"),
        ("fault-loop-page", "redirect_loop"),
    ],
)
def test_each_fault_is_recorded_with_its_reason(faulty: Faulty, name: str, reason: str) -> None:
    assert reasons(faulty)[name] == reason


def test_no_fault_ends_in_a_traceback_or_costs_its_neighbours(faulty: Faulty) -> None:
    assert "Traceback" not in faulty.said
    names = {path.name for path in (faulty.data_dir / "files").iterdir()}
    assert {f"fault-{fault}-good.png" for fault in ("gone", "reset", "loop", "oversized", "endless")} <= names


@pytest.mark.parametrize("name", ["fault-busy.png", "fault-unavailable.png", "fault-cut-off.png"])
def test_what_recovers_is_stored_whole(faulty: Faulty, name: str) -> None:
    assert (faulty.data_dir / "files" / name).read_bytes() == faulty.server.site.file(name).content
    assert name not in reasons(faulty)


def test_a_file_that_was_cut_off_is_gone_on_with_where_it_broke(faulty: Faulty) -> None:
    path = faulty.server.site.file("fault-cut-off.png").url_path
    tries = [entry for entry in faulty.server.log if entry.target == path]
    assert [entry.status for entry in tries] == [200, 206, 206]
    assert sum(entry.sent_bytes for entry in tries) == len(
        faulty.server.site.file("fault-cut-off.png").content
    )


def test_a_download_killed_after_its_last_byte_is_fetched_again(tmp_path: Path) -> None:
    with ReplicaServer(build_site(works=1)) as server:
        work = server.site.works[0]
        file = work.listed_files[0]
        part = PartFile(tmp_path / "files", file.name)
        part.begin(0, file.body.etag)
        part.write(file.content)
        part.close()
        done = crawl(server.url, tmp_path, "-a", f"url={work.path}")
        statuses = [entry.status for entry in server.log if entry.target == file.url_path]
    assert done.returncode == 0, done.stderr
    assert statuses == [416, 200]
    assert bytes_below(tmp_path / "files") == {file.name: file.content}
    assert rows(tmp_path, "SELECT * FROM failures") == []


def test_a_body_without_an_end_is_left_at_the_limit(faulty: Faulty) -> None:
    sent = [entry.sent_bytes for entry in faulty.server.log if "fault-endless.png" in entry.target]
    # What is on its way in buffers comes on top, but not the 64 MB that the server would have given.
    assert max(sent) < 20_000_000
    assert not [path for path in (faulty.data_dir / "files").iterdir() if "endless.png" in path.name]


def test_broken_markup_is_read_like_whole_markup(faulty: Faulty) -> None:
    work = faulty.server.site.work("fault-broken-markup")
    found = rows(faulty.data_dir, f"SELECT title, author FROM works WHERE node_id = {work.node_id}")
    assert found == [(work.title, work.author_name)]


def test_of_a_file_list_only_files_are_asked_for_and_what_else_it_holds_is_told(faulty: Faulty) -> None:
    targets = {entry.target for entry in faulty.server.log}
    told = dict(rows(faulty.data_dir, "SELECT subject, reason FROM failures WHERE stage = 'download'"))
    assert targets.isdisjoint(STRAYS)
    assert {told[faulty.server.url + path] for path in STRAYS} == {"not_a_file"}


def test_a_blank_in_an_address_is_encoded_and_two_hosts_have_places_of_their_own(faulty: Faulty) -> None:
    file = faulty.server.site.file("fault odd links.png")
    found = dict(
        rows(faulty.data_dir, "SELECT url, path FROM files WHERE name IN ('odd', ?)", file.upload_name)
    )
    ours = faulty.server.url + file.url_path
    theirs = ours.replace("127.0.0.1", "localhost")
    assert set(found) == {ours, theirs}
    assert len(set(found.values())) == 2
    for path in found.values():
        assert (faulty.data_dir / "files" / path).read_bytes() == file.content
    hosts = [entry.host.partition(":")[0] for entry in faulty.server.log if entry.target == file.url_path]
    assert sorted(hosts) == ["127.0.0.1", "localhost"]


MEASURED = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:], stderr=subprocess.DEVNULL).returncode
print(code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def peak_mb(server: ReplicaServer, data_dir: Path, slug: str) -> float:
    """Crawl one work, and return the most memory that it took."""
    command = ["-m", "scrapy", "crawl", "oga", "-a", f"url=/content/{slug}", "-s", "AUTOTHROTTLE_ENABLED=0"]
    environment = os.environ | {"OGA_SITE_URL": server.url, "OGA_DATA_DIR": str(data_dir)}
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, sys.executable, *command],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    code, peak_kb = map(int, done.stdout.split())
    assert code in {0, 1}
    return peak_kb / 1000


def test_a_large_file_costs_no_more_memory_than_a_small_one(tmp_path: Path) -> None:
    peaks = {}
    for megabytes in (1, 300):
        with ReplicaServer(build_site(works=1, large_mb=megabytes)) as server:
            peaks[megabytes] = peak_mb(server, tmp_path / str(megabytes), "large-file")
        stored = tmp_path / str(megabytes) / "files" / "large" / f"{megabytes}mb.bin"
        with stored.open("rb") as file:
            assert hashlib.file_digest(file, "sha256").hexdigest() == large.sha256(megabytes)
    # Nothing of the file may stay: buffers are a few megabytes, whatever its size.
    assert peaks[300] - peaks[1] < 30
