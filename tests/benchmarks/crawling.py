"""The crawl, all pipelines but embedding, against the replica without delay."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.benchmarks.table import Row, seconds
from tests.replica import ReplicaServer, build_site


def crawl(data_dir: Path, works: int) -> list[Row]:
    """Crawl a site of *works* into *data_dir*, twice."""
    with ReplicaServer(build_site(works=works)) as server:
        command = [sys.executable, "-m", "scrapy", "crawl", "oga", "-s", "AUTOTHROTTLE_ENABLED=0"]
        environment = os.environ | {"OGA_SITE_URL": server.url, "OGA_DATA_DIR": str(data_dir)}

        def run() -> None:
            subprocess.run(command, env=environment, check=True, stderr=subprocess.DEVNULL)

        first_s = seconds(run)
        responses = len(server.requests)
        server.forget_requests()
        again_s = seconds(run)
        again = len(server.requests)
    return [
        Row(
            "crawl: pages and files",
            responses / first_s,
            "responses/s",
            f"{responses} in {first_s:.1f} s, start included",
        ),
        Row("crawl again, nothing new", again_s, "s", f"{again} requests"),
    ]
