"""Hits on stdout: TSV for programs, JSON lines for others, columns for a terminal."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from typing import Any, TextIO

from search.hits import Hit
from search.provenance import Origin

COLUMNS: dict[str, Callable[[Hit], str]] = {
    "image_id": lambda hit: str(hit.image_id),
    "distance": lambda hit: "" if hit.distance is None else f"{hit.distance:.4f}",
    "size_px": lambda hit: f"{hit.width_px}x{hit.height_px}",
    "title": lambda hit: hit.title,
    "author": lambda hit: hit.author,
    "licences": lambda hit: " or ".join(licence.name for licence in hit.licences) or "not stated",
    "page_url": lambda hit: hit.work_url or "",
    "path": lambda hit: hit.path,
    "more": lambda hit: str(hit.more),
}

OF_ORIGINS = ("image_id", "title", "author", "licences", "page_url", "path")
"""Of a hit's columns, those that say whose a picture is."""

COLUMN = {name: place for place, name in enumerate(COLUMNS)}

CUT_TO = {"title": 12, "author": 8, "licences": 8, "path": 12}
"""Characters that are left of a column where the terminal is narrow; the others are never cut."""

GAP = "  "


_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


def write_hits(hits: Sequence[Hit], out: TextIO, *, as_json: bool) -> None:
    """Write *hits*, best first: JSON lines if asked for, aligned columns on a terminal, else TSV with a header."""
    if as_json:
        write_json_lines(map(asdict, hits), out)
        return
    rows = [list(COLUMNS), *([plain(column(hit)) for column in COLUMNS.values()] for hit in hits)]
    if out.isatty():
        rows = _aligned(rows)
    write_rows(rows, out)


def write_origins(origins: Sequence[Origin], out: TextIO, *, as_json: bool) -> None:
    """Write *origins*, the surest first: JSON lines if asked for, else TSV with a header."""
    if as_json:
        write_json_lines(map(asdict, origins), out)
        return
    rows = [
        [
            f"{origin.sureness:.2f}",
            origin.evidence,
            *(plain(COLUMNS[name](origin.hit)) for name in OF_ORIGINS),
        ]
        for origin in origins
    ]
    write_rows([["sureness", "evidence", *OF_ORIGINS], *rows], out)


def write_rows(rows: Iterable[Sequence[str]], out: TextIO) -> None:
    """Write *rows* as TSV."""
    out.writelines("\t".join(row).rstrip() + "\n" for row in rows)


def write_json_lines(objects: Iterable[dict[str, Any]], out: TextIO) -> None:
    """Write each of *objects* in a line of its own."""
    out.writelines(json.dumps(one, ensure_ascii=False) + "\n" for one in objects)


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
