"""``make screenshot``: the page as it answers the demo's question, for the README."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from artstore.command import run
from artstore.errors import NotReady
from ogaspider.chromium import find_chromium, launch_options
from tests.serving import serving

SIZE_PX = {"width": 1200, "height": 860}

COLOURS = 128
"""Enough for pixel art, and a third of the bytes."""


def main(argv: Sequence[str]) -> int:
    """Write the picture and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.screenshot", description=__doc__)
    parser.add_argument("--data-dir", type=Path, default=Path("demo-data"))
    parser.add_argument("--out", type=Path, default=Path("docs/page.png"))
    words = parser.parse_args(argv)
    question = words.data_dir / "unknown-sprite.png"
    if not question.exists():
        raise NotReady(f"there is no {question}; run `make demo`")
    chromium = asyncio.run(find_chromium(""))
    with serving(words.data_dir) as served, sync_playwright() as playwright:
        served.wait_for("ready")
        browser = playwright.chromium.launch(**launch_options(chromium))
        page = browser.new_page(viewport=SIZE_PX, color_scheme="light")  # type: ignore[arg-type]
        page.goto(served.base)
        page.get_by_label("A file").set_input_files(question)
        page.get_by_role("button", name="What looks like it?").click()
        page.locator(".hit").first.wait_for()
        page.wait_for_load_state("networkidle")
        picture = page.screenshot()
        browser.close()
    with Image.open(BytesIO(picture)) as large:
        large.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(words.out, optimize=True)
    return 0


if __name__ == "__main__":
    sys.exit(run("screenshot", main))
