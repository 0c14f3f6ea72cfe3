"""``make bench``: print what crawling, embedding and asking cost here, as Markdown tables."""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from artstore.command import run, talk
from tests.benchmarks.crawling import collect, crawl, memory
from tests.benchmarks.embedder_memory import run_whole
from tests.benchmarks.embedding import embed, random_weights
from tests.benchmarks.querying import query
from tests.benchmarks.table import print_table
from tests.benchmarks.unpacking import unpack


def main(argv: Sequence[str]) -> int:
    """Run the benchmarks and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--works", type=int, default=300, help="size of the site to ask about (default: 300)")
    parser.add_argument("--crawled-works", type=int, default=3000, help="to crawl for speed (default: 3000)")
    parser.add_argument(
        "--many-works",
        type=int,
        default=20_000,
        help="to crawl in no more memory than 1,000 (default: 20000)",
    )
    words = parser.parse_args(argv)
    sys.stdout.write(f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}\n")
    with tempfile.TemporaryDirectory() as folder:
        data_dir = Path(folder)
        talk("crawling …")
        print_table("Crawl", crawl(words.crawled_works))
        print_table("Crawl: memory", memory(1000, words.many_works))
        talk("unpacking …")
        print_table("Unpack", unpack())
        talk("embedding …")
        weights = random_weights(data_dir)
        print_table("Embed", embed(data_dir / "rates", weights))
        print_table("Embed: memory and start", run_whole(data_dir / "whole", weights))
        talk("asking …")
        collect(data_dir, words.works)
        print_table("Ask", query(data_dir, ("vgg16", "colour"), weights))
    return 0


if __name__ == "__main__":
    sys.exit(run("bench", main))
