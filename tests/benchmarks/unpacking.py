"""Unpacking an archive of sprites, against the tools of the command line."""

from __future__ import annotations

import random
import shutil
import subprocess
import tempfile
from functools import partial
from io import BytesIO
from pathlib import Path
from statistics import median

from PIL import Image

from artstore.archives import ArchiveLimits, Budget, open_archive
from artstore.archives.tools import seven_zip
from artstore.blobs import FolderBlobs, write_new
from artstore.names import safe_path
from artstore.settings import Settings
from tests.benchmarks.table import Row, seconds
from tests.packed import PACKERS, by_7zip, tarred
from tests.replica.archives import zipped

ROUNDS = 7

SPRITES = 2_000


def unpack() -> list[Row]:
    """Unpack the same sprites by turns with each tool, and say how many times as fast this is."""
    sprites = {f"set{number % 40:02}/sprite_{number:04}.png": _sprite(number) for number in range(SPRITES)}
    made = {
        "zip": (zipped(sprites), ["unzip", "-qq"], "unzip"),
        "tar": (tarred(sprites), ["tar", "xf"], "tar"),
        "tar.gz": (PACKERS["gz"](tarred(sprites)), ["tar", "xf"], "tar"),
        "7z": (by_7zip("7z", sprites), [str(seven_zip("7z")), "x", "-bso0", "-bsp0"], "7zz"),
    }
    # Nothing is removed until the end: after that, ext4 takes ten times as long to make a file.
    with tempfile.TemporaryDirectory() as folder:
        return [_row(Path(folder), kind, *how) for kind, how in made.items() if shutil.which(how[1][0])]


def _row(folder: Path, kind: str, content: bytes, command: list[str], name: str) -> Row:
    archive = folder / f"sprites.{kind}"
    archive.write_bytes(content)
    ratios, ours = [], []
    for number in range(ROUNDS):
        theirs = folder / f"{kind}-theirs-{number}"
        theirs.mkdir()
        their_s = seconds(partial(subprocess.run, [*command, str(archive)], cwd=theirs, check=True))
        ours.append(seconds(partial(_unpacked, archive, folder / f"{kind}-ours-{number}")))
        ratios.append(their_s / ours[-1])
    return Row(
        f"unpack {SPRITES:,} sprites of a {kind}",
        median(ratios),
        f"x {name}",
        f"{median(ours) * 1000:.0f} ms",
    )


def _unpacked(archive: Path, into: Path) -> None:
    budget = Budget(ArchiveLimits.from_settings(Settings()), archive.stat().st_size)
    with (
        FolderBlobs(into.parent).put_folder(into.name) as folder,
        open_archive(archive.name, archive, budget) as reader,
    ):
        for member, source in reader.stream(lambda _: True):
            write_new(f"{folder}/{safe_path(member.name)}", budget.chunks(source))


def _sprite(number: int) -> bytes:
    """A sprite of 16 to 128 pixels a side: blocks of a few colours, or smooth; about as long as real ones are."""
    generator = random.Random(number)
    side = generator.choice([16, 16, 32, 32, 32, 48, 64, 64, 96, 128])
    colours = [bytes(4), *(generator.randbytes(3) + b"\xff" for _ in range(generator.choice([3, 6, 12, 32])))]
    blocks = Image.frombytes(
        "RGBA", (side // 4, side // 4), b"".join(generator.choices(colours, k=(side // 4) ** 2))
    )
    look = generator.choice([Image.Resampling.NEAREST, Image.Resampling.NEAREST, Image.Resampling.BICUBIC])
    out = BytesIO()
    blocks.resize((side, side), look).save(out, "PNG")
    return out.getvalue()
