"""Crawls as people run them: the real command in a process of its own, against the fake site in this one."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.replica import ReplicaFile, ReplicaServer, ReplicaWork, Site
from tests.replica.site import WorkFault

ROOT = Path(__file__).parents[2]

QUICK = ("-s", "AUTOTHROTTLE_ENABLED=0", "-s", "OGA_WORKS_PER_PAGE=24")
"""No pauses, and listings of several pages for a site as small as ours."""

TWO_D = 9
"""The site's number of 2D art, which is what a crawl asks for unless told otherwise."""

NEVER_WHOLE = {"missing", "forbidden", "truncated", "wrong-length", "html"}
"""Faults of a file that no patience mends."""


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "scrapy", "crawl", "oga", *words]


def environment(site_url: str, data_dir: Path, **settings: str) -> dict[str, str]:
    """This process's environment without the settings of whoever runs the tests."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OGA_")}
    return kept | {"OGA_SITE_URL": site_url, "OGA_DATA_DIR": str(data_dir)} | settings


def crawl(site_url: str, data_dir: Path, *words: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Crawl to the end; *words* follow `scrapy crawl oga`, *settings* are environment variables."""
    return subprocess.run(
        command(*QUICK, *words),
        cwd=ROOT,
        env=environment(site_url, data_dir, **settings),
        capture_output=True,
        text=True,
        check=False,
    )


def interrupted_crawl(
    server: ReplicaServer, data_dir: Path, signal_number: int, after: int, *words: str
) -> tuple[int, str]:
    """Crawl, send the signal when *after* requests were answered and another one waits; return exit code and stderr."""
    server.hold(after)
    with (
        (data_dir.parent / "talk.txt").open("w+") as talk,
        subprocess.Popen(
            command(*QUICK, *words), cwd=ROOT, env=environment(server.url, data_dir), stderr=talk
        ) as process,
    ):
        try:
            while process.poll() is None and len(server.requests) <= after:
                time.sleep(0.005)
            assert process.poll() is None, "the crawl was over before it could be interrupted"
            process.send_signal(signal_number)
        finally:
            server.hold(None)
        process.wait(timeout=60)
        talk.seek(0)
        return process.returncode, talk.read()


def rows(data_dir: Path, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
    """Ask the catalog, by plain SQLite: the tests do not trust the code that wrote it."""
    with closing(sqlite3.connect(data_dir / "catalog.db")) as db:
        return db.execute(sql, parameters).fetchall()


def work_paths(data_dir: Path, site_url: str) -> set[str]:
    """`/content/…` of every work in the catalog."""
    return {url.removeprefix(site_url) for (url,) in rows(data_dir, "SELECT url FROM works")}


def bytes_below(folder: Path) -> dict[str, bytes]:
    """Every file below *folder*, by its path from there."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def is_2d(work: ReplicaWork) -> bool:
    return any(kind.tid == TWO_D for kind in work.art_types)


def changed(site: Site, change: Callable[[ReplicaFile], ReplicaFile]) -> Site:
    """The site with every page well and every file as *change* has it."""
    works = tuple(replace(work, files=tuple(map(change, work.files)), fault=None) for work in site.works)
    return Site.of(site.seed, works, {name: change(file) for name, file in site.files.items()})


def with_fault(site: Site, fault: WorkFault, *paths: str) -> Site:
    """The site with something wrong with the pages of these works."""
    works = tuple(replace(work, fault=fault) if work.path in paths else work for work in site.works)
    return Site.of(site.seed, works, site.files, site.modified_at, site.next_index)


def healed(site: Site) -> Site:
    """The site once everything that ails the server is mended; bytes that are bad stay bad."""
    return changed(site, lambda file: replace(file, fault=None, claimed_bytes=None))


@dataclass(frozen=True)
class Crawled:
    """A crawl that is over, and the site it was of, which still answers."""

    site: Site
    server: ReplicaServer
    data_dir: Path
    process: subprocess.CompletedProcess[str]
    targets: tuple[str, ...]
    """What was requested, in the order of arrival."""
    user_agents: set[str]
    """As what."""

    @property
    def works(self) -> list[ReplicaWork]:
        """The works that a crawl for 2D art can read."""
        return [work for work in self.site.works if is_2d(work) and not work.fault]

    @property
    def whole_files(self) -> list[ReplicaFile]:
        """The files that a crawl for 2D art can have, each once."""
        listed = {file.name: file for work in self.works for file in work.listed_files}
        return [file for file in listed.values() if file.fault not in NEVER_WHOLE]

    def path_of(self, file: ReplicaFile) -> str:
        """Where *file* lies below `files/`, as the catalog says."""
        [(path,)] = self.rows("SELECT path FROM files WHERE url = ?", self.server.url + file.url_path)
        return str(path)

    def rows(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        return rows(self.data_dir, sql, *parameters)
