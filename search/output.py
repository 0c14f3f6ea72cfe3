"""Hits on stdout: TSV for programs, JSON lines for others, columns for a terminal."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import TextIO

from search.hits import Hit

COLUMNS: dict[str, Callable[[Hit], str]] = {
    "image_id": lambda hit: str(hit.image_id),
    "distance": lambda hit: "" if hit.distance is None else f"{hit.distance:.4f}",
    "size_px": lambda hit: f"{hit.width_px}x{hit.height_px}",
    "title": lambda hit: hit.title,
    "author": lambda hit: hit.author,
    "licences": lambda hit: " or ".join(licence.name for licence in hit.licences) or "not stated",
    "page_url": lambda hit: hit.work_url or "",
    "path": lambda hit: hit.path,
}

COLUMN = {name: place for place, name in enumerate(COLUMNS)}

CUT_TO = {"title": 12, "author": 8, "licences": 8, "path": 12}
"""Characters that are left of a column where the terminal is narrow; the others are never cut."""

GAP = "  "


_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


def write_hits(hits: Sequence[Hit], out: TextIO, *, as_json: bool) -> None:
    """Write *hits*, best first: JSON lines if asked for, aligned columns on a terminal, else TSV with a header."""
    if as_json:
        out.writelines(json.dumps(asdict(hit), ensure_ascii=False) + "\n" for hit in hits)
        return
    rows = [list(COLUMNS), *([plain(column(hit)) for column in COLUMNS.values()] for hit in hits)]
    if out.isatty():
        rows = _aligned(rows)
    out.writelines("\t".join(row).rstrip() + "\n" for row in rows)


def plain(text: str) -> str:
    """Return *text* without what would break a line of TSV, or move a terminal's cursor."""
    return _CONTROL.sub(" ", text).strip()


def _aligned(rows: list[list[str]]) -> list[list[str]]:
    """Return *rows* as one cell each, columns aligned and cut to what the terminal can show."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    least = [min(width, CUT_TO.get(name, width)) for name, width in zip(rows[0], widths, strict=True)]
    columns = shutil.get_terminal_size().columns
    if sum(least) + len(GAP) * (len(widths) - 1) > columns:
        # Lines will be broken anyway: then at least nothing is missing.
        columns = sys.maxsize
    over = sum(widths) + len(GAP) * (len(widths) - 1) - columns
    # The widest are cut first, addresses never: half an address leads nowhere.
    while over > 0 and (name := max(CUT_TO, key=lambda name: widths[COLUMN[name]] - CUT_TO[name])):
        spare = widths[COLUMN[name]] - CUT_TO[name]
        if spare <= 0:
            break
        widths[COLUMN[name]] -= 1
        over -= 1
    return [[GAP.join(_fitted(cell, width) for cell, width in zip(row, widths, strict=True))] for row in rows]


def _fitted(cell: str, width: int) -> str:
    return (cell if len(cell) <= width else cell[: width - 1] + "…").ljust(width)
