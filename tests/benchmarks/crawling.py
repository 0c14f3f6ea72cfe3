"""The crawl, all pipelines but embedding, against the replica without delay."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from threading import Thread

from tests.benchmarks.table import Row, seconds
from tests.replica import ReplicaServer, build_site

ROUNDS = 5
"""How often the two spiders take turns; the median counts, on a machine that others use too."""

SCRAPY = [sys.executable, "-m", "scrapy"]


@dataclass(frozen=True, slots=True)
class Measured:
    """One crawl in a process of its own."""

    wall_s: float
    peak_mb: float
    """The most memory of its largest process."""
    responses: int


def crawl(works: int) -> list[Row]:
    """Crawl a site of *works*, by turns with the barest spider; then once more with nothing new."""
    with ReplicaServer(build_site(works=works)) as server, tempfile.TemporaryDirectory() as kept:
        # The replica draws its art when it is first asked for it.
        _barest(server)
        barest, ours = [], []
        for number in range(ROUNDS):
            barest.append(_barest(server))
            with tempfile.TemporaryDirectory() as folder:
                ours.append(_ours(server, Path(kept if number == 0 else folder)))
        again = _ours(server, Path(kept))
    ratio = median(one.wall_s / other.wall_s for one, other in zip(barest, ours, strict=True))
    return [
        _row("barest Scrapy spider, stock FilesPipeline, default settings", barest),
        _row("crawl: pages and files, all pipelines but embedding", ours),
        Row("crawl, speed", ratio, "x the barest", f"median of {ROUNDS} turns, start included"),
        Row("crawl again, nothing new", again.wall_s, "s", f"{again.responses} requests"),
    ]


def collect(data_dir: Path, works: int) -> None:
    """Crawl a site of *works* into *data_dir*, for others to work with."""
    with ReplicaServer(build_site(works=works)) as server:
        _ours(server, data_dir)


def memory(few: int, many: int) -> list[Row]:
    """Crawl two sites that differ only in size, and say what memory that took."""
    rows = []
    for works in (few, many):
        with ReplicaServer(build_site(works=works)) as server, tempfile.TemporaryDirectory() as folder:
            measured = _ours(server, Path(folder))
        note = f"{measured.responses:,} responses in {measured.wall_s:.0f} s, the replica's drawing included"
        rows.append(Row(f"peak memory of a crawl of {works:,} works", measured.peak_mb, "MB", note))
    return rows


def _ours(server: ReplicaServer, data_dir: Path) -> Measured:
    environment = {"OGA_SITE_URL": server.url, "OGA_DATA_DIR": str(data_dir)}
    return _measured([*SCRAPY, "crawl", "oga", "-s", "AUTOTHROTTLE_ENABLED=0"], environment, server)


def _barest(server: ReplicaServer) -> Measured:
    spider = Path(__file__).with_name("barest.py")
    with tempfile.TemporaryDirectory() as folder:
        command = [
            *SCRAPY,
            "runspider",
            str(spider),
            "-a",
            f"site={server.url}",
            "-s",
            f"FILES_STORE={folder}",
        ]
        return _measured(command, {}, server, cwd=folder)


def _measured(
    command: Sequence[str], environment: dict[str, str], server: ReplicaServer, cwd: str | None = None
) -> Measured:
    server.forget_requests()
    peaks: list[int] = []

    def run() -> None:
        with subprocess.Popen(
            command, env=os.environ | environment, cwd=cwd, stderr=subprocess.DEVNULL
        ) as process:
            watching = Thread(target=_watch, args=(process.pid, peaks))
            watching.start()
            if code := process.wait():
                raise subprocess.CalledProcessError(code, command)
        watching.join()

    wall_s = seconds(run)
    return Measured(wall_s, max(peaks) / 1024, len(server.requests))


def _watch(process: int, peaks: list[int]) -> None:
    """Note the peak memory of *process*, in KiB, until it ends; what the system says afterwards includes its parent's."""
    while True:
        try:
            status = Path(f"/proc/{process}/status").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return
        found = re.search(r"VmHWM:\s+(\d+)", status)
        if found is None:
            return
        peaks.append(int(found[1]))
        time.sleep(0.2)


def _row(what: str, measured: Sequence[Measured]) -> Row:
    rates = [one.responses / one.wall_s for one in measured]
    return Row(what, median(rates), "responses/s", f"{measured[0].responses:,} responses")
