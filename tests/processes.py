"""Processes that a test looks at, on Linux."""

import os
from pathlib import Path


def children(process: int | None = None) -> list[int]:
    """Return the processes that *process*, by default this one, has started and that have not ended."""
    process = process or os.getpid()
    threads = Path(f"/proc/{process}/task").iterdir()
    found = [int(child) for thread in threads for child in (thread / "children").read_text().split()]
    return [child for child in found if not is_zombie(child)]


def is_trapped(process: int) -> bool:
    return Path(f"/proc/{process}/wchan").read_text() == "wait_for_partner"


def is_zombie(process: int) -> bool:
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
