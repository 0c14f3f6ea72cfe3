"""``make picture``: draw the demo's question and its answers, for the README."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from artstore.command import run
from search import Engine, Hit

CELL_PX = 150
CAPTION_PX = 64
MARGIN_PX = 12
PAPER, INK, FAINT = (250, 250, 247), (30, 30, 34), (110, 110, 116)
CHECKERS = ((255, 255, 255), (228, 228, 224))


def main(argv: Sequence[str]) -> int:
    """Write the picture and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.contact_sheet", description=__doc__)
    parser.add_argument("--data-dir", type=Path, default=Path("demo-data"))
    parser.add_argument("--out", type=Path, default=Path("docs/result.png"))
    words = parser.parse_args(argv)
    question = words.data_dir / "unknown-sprite.png"
    with Engine.open(words.data_dir) as engine:
        hits = engine.image(question, top=5)
    sheet = Image.new(
        "RGB",
        (len(hits) * (CELL_PX + MARGIN_PX) + CELL_PX + 4 * MARGIN_PX, CELL_PX + CAPTION_PX + 2 * MARGIN_PX),
        PAPER,
    )
    _draw(sheet, MARGIN_PX, question, ["whose is this?", question.name])
    for place, hit in enumerate(hits):
        left = 3 * MARGIN_PX + CELL_PX + place * (CELL_PX + MARGIN_PX)
        _draw(sheet, left, words.data_dir / hit.path, _caption(hit))
    sheet.save(words.out, optimize=True)
    return 0


def _caption(hit: Hit) -> list[str]:
    licences = " or ".join(licence.name for licence in hit.licences)
    return [hit.title, f"by {hit.author}", f"{licences}, {hit.distance:.3f} away"]


def _draw(sheet: Image.Image, left: int, path: Path, caption: list[str]) -> None:
    cell = Image.new("RGB", (CELL_PX, CELL_PX), CHECKERS[0])
    pen = ImageDraw.Draw(cell)
    for place in range(100):
        x, y = place % 10 * 15, place // 10 * 15
        if (x + y) // 15 % 2:
            pen.rectangle((x, y, x + 14, y + 14), CHECKERS[1])
    with Image.open(path) as opened:
        art = opened.convert("RGBA")
    zoom = max(1, (CELL_PX - 14) // max(art.size))
    art = art.resize((art.width * zoom, art.height * zoom), Image.Resampling.NEAREST)
    cell.paste(art, ((CELL_PX - art.width) // 2, (CELL_PX - art.height) // 2), art)
    sheet.paste(cell, (left, MARGIN_PX))
    text = ImageDraw.Draw(sheet)
    for line, words in enumerate(caption):
        corner = (left, MARGIN_PX + CELL_PX + 6 + 17 * line)
        text.text(corner, words, FAINT if line else INK, ImageFont.load_default(13 if line else 14))


if __name__ == "__main__":
    sys.exit(run("contact_sheet", main))
