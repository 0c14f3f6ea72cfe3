"""``python -m tests.benchmarks.likenesses``: how sure likeness is, on packs that it was not fitted to.

Needs the real art that OGA_REAL_DATA points to. Copies of its pictures are compared with their
originals and with whatever is nearest in another pack; what one half of the packs says of how sure a
score is, is held against the other half, for many halves. With ``--network`` also what the limits for groups let
through, by the features of `colour` and of MobileNetV2 with trained weights.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from artstore import images
from artstore.catalog import Catalog
from artstore.command import run, talk
from artstore.errors import UsageError
from artstore.features import unit
from artstore.likenesses import Likeness
from artstore.settings import TEST_DATA, Settings
from embedder.grouping import MOST_DISTANCE, alike_pairs
from embedder.likeness import bits_apart, likeness_of
from embedder.protocol import Embedder
from embedder.registry import open_embedder
from search.provenance import SURENESS
from tests import shelf
from tests.benchmarks.copies import BICUBIC, Copy, flattened
from tests.benchmarks.retrieval import MAX_ORIGINAL_PX, MAX_PX, WEIGHTS

COPIED = 250
"""Originals, evenly chosen."""
SPLITS = 400
DRAWN = "drawn"
"""The pack of generated sprites."""
NEVER = 999.0
"""A score where there is nothing to compare with."""


def scaled(factor: float) -> Copy:
    """Scale with smoothing."""

    def change(picture: Image.Image) -> Image.Image:
        size = (max(1, round(picture.width * factor)), max(1, round(picture.height * factor)))
        return picture.resize(size, BICUBIC)

    return Copy(f"x{factor:g}, smooth", change)


CHANGES = (
    scaled(0.5),
    scaled(1.5),
    scaled(2),
    Copy("JPEG", flattened("white"), suffix=".jpg"),
    Copy("on white", flattened("white")),
)


@dataclass(frozen=True, slots=True)
class Marks:
    """Likenesses of n pictures, as arrays."""

    arts: NDArray[np.str_]
    looks: NDArray[np.int64]
    colours: NDArray[np.uint8]
    aspects: NDArray[np.float64]

    @classmethod
    def of(cls, found: Sequence[Likeness]) -> Marks:
        """Put *found* into arrays."""
        return cls(
            np.array([one.art for one in found]),
            np.array([one.look for one in found], np.int64),
            np.array([np.frombuffer(one.colours, np.uint8) for one in found]),
            np.array([one.aspect for one in found]),
        )

    def scores(self, other: Marks, place: int) -> NDArray[np.float64]:
        """Return the score of picture *place* of *other* against each of these; that of the same art is none."""
        bits = bits_apart(self.looks, other.looks[place])
        apart = np.abs(self.colours.astype(np.int16) - other.colours[place]).mean(axis=1)
        return np.where(self.arts == other.arts[place], NEVER, bits + apart)


@dataclass(frozen=True, slots=True)
class Sample:
    """Originals, and copies of some of them."""

    paths: list[Path]
    packs: NDArray[np.str_]
    marks: Marks
    own: NDArray[np.int64]
    """Of each copy, the place of its original."""
    copy_paths: list[Path]
    copies: Marks


def taken(art: Path, folder: Path, generated: int) -> Sample:
    """Catalog the folder *art*, copy some of its pictures, and draw so many sprites that they may be mistaken for."""
    settings = Settings(data_dir=folder / "data")
    shelf.catalog_folder(art, settings)
    with Catalog(settings.catalog_path, read_only=True) as catalog:
        sql = "SELECT min(path) FROM images WHERE width_px * height_px <= ? GROUP BY pixel_hash ORDER BY min(path)"
        names = [path for (path,) in catalog.execute(sql, (MAX_ORIGINAL_PX,))]
    paths = [settings.data_dir / name for name in names]
    # …/art-sample/<who>/<pack>/…; an archive is of the pack that it is called like.
    after = [name.partition(f"/{art.name}/")[2].split("/") for name in names]
    drawn = sorted(shelf.save_sprites(folder / "drawn", generated).iterdir())
    packs = np.array([*(parts[1].removesuffix(".zip") for parts in after), *(DRAWN for _ in drawn)])
    marks = Marks.of([likeness_of(path, MAX_PX) for path in (*paths, *drawn)])
    own, copies, copy_paths = [], [], []
    for place in np.linspace(0, len(paths) - 1, min(COPIED, len(paths))).astype(int).tolist():
        picture = Image.fromarray(images.read_rgba(paths[place], MAX_PX))
        for number, change in enumerate(CHANGES):
            copy = change.save(picture, folder / f"copy-{place}-{number}")
            found = likeness_of(copy, MAX_PX)
            # Of the same art to the pixel, there is nothing to be unsure of.
            if found.art != marks.arts[place]:
                own.append(place)
                copies.append(found)
                copy_paths.append(copy)
    return Sample(paths, packs, marks, np.array(own), copy_paths, Marks.of(copies))


def scores_of(sample: Sample) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return (scores of copies against their originals, shape (c,); against all originals, shape (c, n))."""
    each = np.array([sample.marks.scores(sample.copies, place) for place in range(len(sample.own))])
    return each[np.arange(len(each)), sample.own], each


def bands(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the shares of *scores* in the bands that provenance tells apart."""
    edges = [-1.0, *(most for most, _ in SURENESS)]
    return np.array([np.mean((scores > low) & (scores <= high)) for low, high in pairwise(edges)])


def sureness(same: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return, by band, how sure a score is where both are as likely before."""
    of_same, of_other = bands(same), bands(other)
    with np.errstate(invalid="ignore"):
        return np.asarray(of_same / (of_same + of_other))


def nearest_elsewhere(
    sample: Sample, each: NDArray[np.float64], among: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return, for each copy, the score of what is nearest in another pack, of those originals that are *among*."""
    other = (sample.packs[None] != sample.packs[sample.own][:, None]) & among[None]
    return np.asarray(np.where(other, each, NEVER).min(axis=1))


def held_out(sample: Sample) -> list[str]:
    """Return the table of what one half of the packs says of the other."""
    own, each = scores_of(sample)
    names, rng = np.unique(sample.packs[sample.own]), np.random.default_rng(4)
    fitted: list[NDArray[np.float64]] = []
    seen: list[NDArray[np.float64]] = []
    for _ in range(SPLITS):
        half = np.isin(sample.packs, rng.permutation(names)[: len(names) // 2])
        for packs, results in ((half, fitted), (~half, seen)):
            copies = packs[sample.own]
            results.append(sureness(own[copies], nearest_elsewhere(sample, each, packs)[copies]))
    real = sample.packs != DRAWN
    whole = sureness(own, nearest_elsewhere(sample, each, real))
    lines = [
        "| score up to | told | all packs | fitted to half | the other half | of these, 5 to 95 % |",
        "|---|---|---|---|---|---|",
    ]
    for place, (most, told) in enumerate(SURENESS):
        one, other = (np.array(of)[:, place] for of in (fitted, seen))
        low, high = np.nanpercentile(other, [5, 95])
        lines.append(
            f"| {most:g} | {told:.2f} | {whole[place]:.3f} | {np.nanmean(one):.3f} | {np.nanmean(other):.3f} | {low:.2f} to {high:.2f} |"
        )
    lines += [
        "",
        "| originals to be mistaken for | " + " | ".join(f"up to {most:g}" for most, _ in SURENESS) + " |",
        "|---|" + "---|" * len(SURENESS),
    ]
    for count in (60, 120, 240, int(real.sum())):
        shares = []
        for _ in range(20):
            among = np.zeros(len(real), np.bool_)
            among[rng.permutation(np.flatnonzero(real))[:count]] = True
            shares.append(bands(nearest_elsewhere(sample, each, among)))
        lines.append(f"| {count} | " + " | ".join(f"{share:.1%}" for share in np.mean(shares, axis=0)) + " |")
    if not real.all():
        shares_of_all = bands(nearest_elsewhere(sample, each, np.ones(len(real), np.bool_)))
        cells = " | ".join(f"{share:.1%}" for share in shares_of_all)
        lines.append(f"| these and {int((~real).sum()):,} generated sprites | {cells} |")
    own_bands = bands(own)
    lines.append("| its own original | " + " | ".join(f"{share:.1%}" for share in own_bands) + " |")
    return lines


def _two(
    marks: Marks, place: int, others: Marks, other: int
) -> tuple[NDArray[np.int64], NDArray[np.uint8], NDArray[np.float64]]:
    return (
        np.stack([marks.looks[place], others.looks[other]]),
        np.stack([marks.colours[place], others.colours[other]]),
        np.stack([marks.aspects[place], others.aspects[other]]),
    )


def by_network(sample: Sample, weights: str) -> list[str]:
    """Return the table of what the limit for features lets through, of pairs that look alike."""
    pairs = alike_pairs(sample.marks.looks, sample.marks.colours, sample.marks.aspects)
    pairs = pairs[(pairs < len(sample.paths)).all(axis=1)]
    pairs = pairs[sample.marks.arts[pairs[:, 0]] != sample.marks.arts[pairs[:, 1]]]
    near_copies = [
        (place, own)
        for place, own in enumerate(sample.own.tolist())
        if len(alike_pairs(*_two(sample.marks, own, sample.copies, place)))
    ]
    same_pack = sample.packs[pairs[:, 0]] == sample.packs[pairs[:, 1]]
    lines = [
        f"{len(near_copies)} of {len(sample.own)} copies look like their originals",
        f"{int(same_pack.sum())} pairs of different art look alike in one pack, {int((~same_pack).sum())} of two",
        "",
        "| by | copies let through | distances of copies: median, 95 %, 99 % | pairs let through: one pack, two | their distances |",
        "|---|---|---|---|---|",
    ]
    for name in ("colour", "keras:MobileNetV2"):
        vectors = Vectors(open_embedder(Settings(embedder=name, weights=weights)))
        copies = np.array(
            [vectors.far(sample.copy_paths[place], sample.paths[own]) for place, own in near_copies]
        )
        others = np.array(
            [vectors.far(sample.paths[one], sample.paths[other]) for one, other in pairs.tolist()]
        )
        near = others <= MOST_DISTANCE
        cells = [
            name,
            f"{np.mean(copies <= MOST_DISTANCE):.3f}",
            ", ".join(f"{far:.3f}" for far in np.percentile(copies, [50, 95, 99])),
            f"{int((near & same_pack).sum())}, {int((near & ~same_pack).sum())}",
            ", ".join(f"{far:.3f}" for far in sorted(others)),
        ]
        lines.append(f"| {' | '.join(cells)} |")
        talk(lines[-1])
    return lines


class Vectors:
    """What *embedder* makes of pictures, each once."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._known: dict[Path, NDArray[np.float32]] = {}

    def far(self, one: Path, other: Path) -> float:
        """Return the cosine distance of two pictures."""
        return float(1.0 - self._vector(one) @ self._vector(other))

    def _vector(self, path: Path) -> NDArray[np.float32]:
        if path not in self._known:
            self._known[path] = unit(self._embedder.embed(self._embedder.prepare(path)[None]))[0]
        return self._known[path]


def main(argv: Sequence[str]) -> int:
    """Print the tables and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.likenesses", description=__doc__)
    parser.add_argument(
        "--generated", type=int, default=0, metavar="N", help="sprites to be mistaken for (default: 0)"
    )
    parser.add_argument(
        "--network", action="store_true", help="also by the features of networks (TensorFlow)"
    )
    words = parser.parse_args(argv)
    if not (real := os.environ.get(TEST_DATA)):
        raise UsageError(f"{TEST_DATA} has to point to a folder with real art")
    with tempfile.TemporaryDirectory() as folder:
        sample = taken(Path(real) / "art-sample", Path(folder), words.generated)
        talk(
            f"{len(sample.paths)} pictures of {len(set(sample.packs.tolist()) - {DRAWN})} packs, {len(sample.own)} copies"
        )
        lines = held_out(sample)
        if words.network:
            lines += ["", *by_network(sample, str(Path(real) / WEIGHTS))]
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return 0


if __name__ == "__main__":
    sys.exit(run("likenesses", main))
