"""`python -m tests.replica`: serve the fake site until Ctrl-C; its address is the first line on stdout."""

from __future__ import annotations

import argparse
import signal
import sys
from threading import Event

from tests.replica.catalogue import build_site
from tests.replica.server import ReplicaServer

EXAMPLES = """\
examples:
  python -m tests.replica                          on a free port, 64 works
  python -m tests.replica --port 8123 --faults     with works that are broken on purpose
  python -m tests.replica --works 2000 --crawl-delay 0.5
"""


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="python -m tests.replica",
        description="Serve a small OpenGameArt of our own on 127.0.0.1. The first line on stdout is its address.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument(
        "--port", type=int, default=0, help="port to listen on; 0 takes a free one (default: 0)"
    )
    made.add_argument("--works", type=int, default=64, help="number of works (default: 64)")
    made.add_argument("--seed", type=int, default=2021, help="everything follows from it (default: 2021)")
    made.add_argument("--crawl-delay", type=float, metavar="S", help="seconds for Crawl-delay in robots.txt")
    made.add_argument("--faults", action="store_true", help="append works that are broken on purpose")
    made.add_argument(
        "--more-faults", action="store_true", help="append works that need patience, limits or a browser"
    )
    made.add_argument(
        "--large-mb", type=int, metavar="N", help="append a work with one file of N million bytes"
    )
    return made


def main() -> int:
    arguments = parser().parse_args()
    site = build_site(
        arguments.seed,
        arguments.works,
        faults=arguments.faults,
        more_faults=arguments.more_faults,
        large_mb=arguments.large_mb,
    )
    stopped = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    try:
        server = ReplicaServer(site, arguments.port, arguments.crawl_delay)
    except (OSError, OverflowError) as error:
        print(f"replica: cannot listen on port {arguments.port}: {error}", file=sys.stderr)  # noqa: T201
        return 2
    with server:
        print(server.url, flush=True)  # noqa: T201
        stopped.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
