"""How often a copy finds its original first, by how it was changed and by who embeds: P@1, as a Markdown table.

Originals are generated sprites and, where OGA_REAL_DATA points to real art, an even
choice of that; each copy is searched among all of them. The network is MobileNetV2 with
the trained weights that lie beside the real art: random ones would measure nothing. Most of
the real art is in palettes, and its copies are not: to the old way they are other pictures.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from artstore import images
from artstore.catalog import Catalog
from artstore.command import progress, run, talk
from artstore.features import unit
from artstore.settings import TEST_DATA, Settings
from embedder import preparation
from embedder.artwork import artwork
from embedder.keras_models import KerasEmbedder, Recipe, has_tensorflow
from embedder.protocol import Embedder
from embedder.registry import open_embedder
from tests import shelf
from tests.benchmarks.copies import COPIES

WEIGHTS = "weights/mobilenet_v2_notop.weights.h5"
MAX_PX = Settings().max_picture_px

MAX_ORIGINAL_PX = 1 << 20
"""Larger originals are left out: copying them would be most of the work."""

TIE = 1e-6
"""Originals as near as that share their place: of an embedder to which mirrored art is the same, both of a pair are right."""

CLASSIC = "classic"
NETWORKS = {
    CLASSIC: Recipe(CLASSIC, "MobileNetV2", preparation.classic, preparation.CLASSIC_VERSION),
    "sprite": Recipe("sprite", "MobileNetV2", preparation.sprite, preparation.SPRITE_VERSION),
}
"""The trained network by its preparation. Other embedders have the names that they have everywhere."""


class Original(NamedTuple):
    """A picture to be found, generated or real; those of equal *art* are one and the same."""

    kind: str
    path: Path
    art: bytes


@dataclass
class Lane:
    """An embedder, and what it was given; what it prepares alike, it embeds once."""

    embedder: Embedder
    rows: dict[bytes, int] = field(default_factory=dict)
    waiting: list[NDArray[Any]] = field(default_factory=list)
    done: list[NDArray[np.float32]] = field(default_factory=list)

    def add(self, path: Path) -> int:
        """Return the row in :meth:`vectors` of the picture at *path*."""
        ready = self.embedder.prepare(path)
        key = _digest(ready)
        if key not in self.rows:
            self.rows[key] = len(self.rows)
            self.waiting.append(ready)
        if len(self.waiting) == self.embedder.batch_size:
            self._embed()
        return self.rows[key]

    def vectors(self) -> NDArray[np.float64]:
        """Return what all were embedded to, at unit length, shape (n, d)."""
        self._embed()
        return unit(np.concatenate(self.done)).astype(np.float64)

    def _embed(self) -> None:
        if self.waiting:
            self.done.append(self.embedder.embed(np.stack(self.waiting)))
            self.waiting.clear()


Asked: TypeAlias = dict[str, list[tuple[int, list[int]]]]
"""By the name of the change: the number of the original, and the row of its copy in each lane."""


def main(argv: Sequence[str]) -> int:
    """Print the table; return 1 if a copy of the same art did not find it first, save in the old system's way."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.retrieval", description=__doc__)
    parser.add_argument("--generated", type=int, default=200, help="generated originals (default: 200)")
    parser.add_argument("--real", type=int, default=200, help="real originals (default: 200)")
    parser.add_argument(
        "--embedders",
        nargs="+",
        default=[*NETWORKS, "colour"],
        metavar="NAME",
        help="classic and sprite: the network with that preparation; else an embedder's name (default: classic sprite colour)",
    )
    words = parser.parse_args(argv)
    real = os.environ.get(TEST_DATA)
    lanes = {name: Lane(embedder) for name, embedder in _embedders(words.embedders, real)}
    with tempfile.TemporaryDirectory() as folder:
        originals = list(_generated(Path(folder) / "generated", words.generated))
        if real:
            originals += _real(Path(real) / "art-sample", Path(folder) / "data", words.real)
        rows = [[lane.add(original.path) for lane in lanes.values()] for original in originals]
        asked = _copied(originals, list(lanes.values()), Path(folder) / "copy")
    found = {
        name: _found(originals, asked, [row[number] for row in rows], number, lane.vectors())
        for number, (name, lane) in enumerate(lanes.items())
    }
    return _print(originals, asked, found)


def _embedders(names: Sequence[str], real: str | None) -> Iterator[tuple[str, Embedder]]:
    for name in names:
        if name not in NETWORKS:
            yield name, open_embedder(Settings(embedder=name))
        elif not real:
            talk(f"{name}: left out; {TEST_DATA} has to point to a folder with {WEIGHTS}")
        elif not has_tensorflow():
            talk(f"{name}: left out; it needs TensorFlow")
        else:
            yield name, KerasEmbedder(NETWORKS[name], Settings(weights=str(Path(real) / WEIGHTS)))


def _generated(folder: Path, count: int) -> Iterator[Original]:
    for path in sorted(shelf.save_sprites(folder, count).iterdir()):
        yield Original("generated", path, _digest(artwork(path, MAX_PX)))


def _real(art: Path, data_dir: Path, count: int) -> list[Original]:
    """Return *count* pictures of the folder *art*, those in its archives among them, evenly chosen."""
    settings = Settings(data_dir=data_dir)
    shelf.catalog_folder(art, settings)
    with Catalog(settings.catalog_path, read_only=True) as catalog:
        # Pixels are named once; of an animation, the copies would be of one frame.
        sql = (
            "SELECT min(path) FROM images WHERE frames = 1 AND width_px * height_px <= ? GROUP BY pixel_hash"
            " ORDER BY min(path)"
        )
        paths = [data_dir / path for (path,) in catalog.execute(sql, (MAX_ORIGINAL_PX,))]
    chosen = (paths[number * len(paths) // count] for number in range(min(count, len(paths))))
    return [Original("real", path, _digest(artwork(path, MAX_PX))) for path in chosen]


def _copied(originals: Sequence[Original], lanes: Sequence[Lane], stem: Path) -> Asked:
    """Copy every original in every way that suits it, and give the copies to *lanes*."""
    asked: Asked = {copy.name: [] for copy in COPIES}
    with progress(len(originals), "copying", "pictures") as bar:
        for number, original in enumerate(originals):
            picture = Image.fromarray(images.read_rgba(original.path, MAX_PX))
            for copy in COPIES:
                if copy.suits(picture):
                    path = copy.save(picture, stem)
                    asked[copy.name].append((number, [lane.add(path) for lane in lanes]))
            bar.update()
    return asked


def _found(
    originals: Sequence[Original],
    asked: Asked,
    rows: Sequence[int],
    lane: int,
    vectors: NDArray[np.float64],
) -> dict[tuple[str, str], float]:
    """Return P@1 by the name of the change and the kind of the original; *rows* are those of the originals."""
    known = vectors[rows]
    rates: dict[tuple[str, str], float] = {}
    for name, questions in asked.items():
        hits: dict[str, list[bool]] = {original.kind: [] for original in originals}
        for own, copies in questions:
            near = known @ vectors[copies[lane]]
            first = originals[int(near.argmax())]
            hits[originals[own].kind].append(first.art == originals[own].art or near[own] > near.max() - TIE)
        rates |= {
            (name, kind): sum(of_kind) / len(of_kind) if of_kind else np.nan for kind, of_kind in hits.items()
        }
    return rates


def _print(
    originals: Sequence[Original], asked: Asked, found: dict[str, dict[tuple[str, str], float]]
) -> int:
    kinds = sorted({original.kind for original in originals})
    counts = ", ".join(f"{sum(original.kind == kind for original in originals)} {kind}" for kind in kinds)
    sys.stdout.write(f"\n### Found first, of {counts}\n\n")
    sys.stdout.write(
        "| copy | how many | " + " | ".join(f"{name}: {' / '.join(kinds)}" for name in found) + " |\n"
    )
    sys.stdout.write("|---|---|" + "---|" * len(found) + "\n")
    missed = []
    for copy in COPIES:
        cells = [[rates[copy.name, kind] for kind in kinds] for rates in found.values()]
        shown = [" / ".join(f"{rate:.3f}" for rate in cell) for cell in cells]
        sys.stdout.write(f"| {copy.name} | {len(asked[copy.name])} | {' | '.join(shown)} |\n")
        late = [name for name, cell in zip(found, cells, strict=True) if name != CLASSIC and min(cell) < 1]
        missed += [f"{copy.name} by {name}" for name in late if copy.exact]
    if missed:
        talk(f"not found first every time, though the art is the same: {', '.join(missed)}")
    return 1 if missed else 0


def _digest(array: NDArray[Any]) -> bytes:
    return hashlib.blake2b(array.tobytes() + repr(array.shape).encode(), digest_size=16).digest()


if __name__ == "__main__":
    sys.exit(run("retrieval", main))
