"""A result, and a table of them."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    what: str
    value: float
    unit: str
    note: str = ""


def print_table(title: str, rows: Sequence[Row]) -> None:
    """Print *rows* as Markdown, ready for docs/performance.md."""
    lines = [f"\n### {title}\n", "| what | value | note |", "|---|---|---|"]
    lines += [f"| {row.what} | {row.value:,.3g} {row.unit} | {row.note} |" for row in rows]
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


def seconds(act: Callable[[], object]) -> float:
    """Return how long *act* takes."""
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def median_ms(act: Callable[[], object], times: int) -> float:
    """Return the median of *times* runs of *act*, in milliseconds, after one run to warm up."""
    act()
    return 1000 * median(seconds(act) for _ in range(times))
