"""Pictures per second from files on disk to features on disk, beside the old system's way.

The networks have random weights (seeded, He-normal): the cost is that of the real ones.
What bounds the rate is the processor: 1 / (1 / inference alone + decoding / cores). Each part
can be run for itself: ``python -m tests.benchmarks.embedding sprites``.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from statistics import median

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from artstore.catalog import Catalog
from artstore.command import run, talk
from artstore.features import unit
from artstore.ledger import Ledger
from artstore.settings import Settings
from embedder.drain import drain, open_ledger, waiting_pictures
from embedder.keras_models import import_keras, randomise
from embedder.machine import cores
from embedder.precision import AUTO, FLOAT32, of_processor
from embedder.protocol import Embedder, Embedding
from embedder.registry import open_embedder
from embedder.workers import open_embedding
from tests import shelf
from tests.benchmarks.inference import KINDS, MATRIX_SIDE
from tests.benchmarks.table import Row, median_ms, print_table, seconds

OLD_WAY_PICTURES = 32
PICTURES = 416
FLOAT32_PICTURES = 104
BOUND_PICTURES = 104
"""Multiples of 13 sides and of 8: each side comes equally often, and of the mix one in eight is a sheet."""
TURNS = 5
"""Of everything, one after the other: on a shared machine, the same may take twice as long a minute later."""
COLOUR_PICTURES = {32: 4000, 256: 1000}
"""By their side, in pixels."""

COLOUR_WARM_UP_PICTURES = 512

WARM_UP_PICTURES = 320
"""So many, small ones, that every process has its network by the end of them."""

SIDES_PX = (16, 24, 32, 32, 32, 48, 64, 96, 128, 192, 256, 384, 512)
SHEET_PX = 2048
SHEET_EVERY = 8
"""Of the mix, one in eight is a sheet: 13 %."""

PARTS = ("sprites", "sheets", "float32-sprites", "float32-sheets", "colour", "numbers")
"""What can be measured for itself."""

SHEETS = f"13 % sheets of {SHEET_PX} px"

VGG16_FLOP = 31e9
"""For one picture: its 15.5 billion multiplications, and as many additions."""

COMPARED = 200
NEIGHBOURS = 10


@dataclass(frozen=True, slots=True)
class Art:
    """A folder of pictures that is catalogued."""

    title: str
    data_dir: Path
    paths: list[Path]


def random_weights(folder: Path) -> Path:
    """Return a file of weights for VGG16, He-normal, as large as the real one."""
    keras = import_keras()
    network = keras.applications.VGG16(weights=None)
    randomise(network)
    path = folder / "random.weights.h5"
    network.save_weights(path)
    return path


def main(argv: Sequence[str]) -> int:
    """Print the table of some parts."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.embedding", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)} (default: all)")
    parts = parser.parse_args(argv).parts or PARTS
    with tempfile.TemporaryDirectory() as folder:
        weights = random_weights(Path(folder))
        for part in parts:
            print_table(f"Embed: {part}", embed(Path(folder), weights, [part]))
    return 0


def embed(folder: Path, weights: Path, parts: Sequence[str] = PARTS) -> list[Row]:
    """Embed generated art, which is put below *folder*, with each embedder."""
    best = of_processor()
    rows: list[Row] = []
    if "sprites" in parts:
        rows += _rates(_made(folder / "sprites", "sprites up to 512 px", PICTURES), best, weights)
    if "sheets" in parts:
        sheets = _made(folder / "sheets", SHEETS, PICTURES, sheet_every=SHEET_EVERY)
        rows += _rates(sheets, best, weights)
    if "float32-sprites" in parts:
        rows += _rates(
            _made(folder / "float32-sprites", "sprites up to 512 px", FLOAT32_PICTURES), FLOAT32, weights
        )
    if "float32-sheets" in parts:
        sheets = _made(folder / "float32-sheets", SHEETS, FLOAT32_PICTURES, sheet_every=SHEET_EVERY)
        rows += _rates(sheets, FLOAT32, weights)
    if "colour" in parts:
        rows += _colour_rates(folder / "colour", weights)
    if "numbers" in parts:
        art = _made(folder / "numbers", "sprites", COMPARED)
        rows += [*_agreement(art, weights), *_one(art, best, weights)]
    return rows


def _rates(art: Art, precision: str, weights: Path) -> list[Row]:
    """Let the old way, both preparations and what bounds them have a turn each, several times."""
    talk(f"the old way, {precision} and what bounds it, {TURNS} turns, {art.title} …")
    with ExitStack() as stack:
        vgg16, classic = (
            stack.enter_context(_working(art, name, precision, weights))
            for name in ("vgg16", "vgg16-classic")
        )
        bounds = stack.enter_context(_bounds(art, precision, weights))
        old_way = _old_way(art)
        turns = [_Turn(old_way(), vgg16(), classic(), *bounds()) for _ in range(TURNS)]
    return [
        Row(f"old way, `predict` one by one: {art.title}", *_middle(turn.old_per_s for turn in turns)),
        Row(f"vgg16, {precision}: {art.title}", *_middle(turn.per_s for turn in turns)),
        Row("times the old way", *_middle((turn.per_s / turn.old_per_s for turn in turns), "x")),
        Row(f"vgg16-classic, {precision}: {art.title}", *_middle(turn.classic_per_s for turn in turns)),
        Row("times the old way", *_middle((turn.classic_per_s / turn.old_per_s for turn in turns), "x")),
        Row(
            "vgg16, of what inference and decoding allow", *_middle((turn.of_decoding for turn in turns), "%")
        ),
        Row(
            "vgg16, of what inference, decoding and preparing allow",
            *_middle((turn.of_preparing for turn in turns), "%"),
        ),
        Row("inference alone", *_middle(turn.inference_per_s for turn in turns)),
        Row(
            f"matrices of {MATRIX_SIDE} x {MATRIX_SIDE} in {precision}",
            *_middle((turn.matrix_flop_per_s / 1e12 for turn in turns), "TFLOP/s"),
        ),
        Row(f"vgg16, of the matrix peak in {precision}", *_middle((turn.of_matrices for turn in turns), "%")),
    ]


@dataclass(frozen=True, slots=True)
class _Turn:
    """What each did in a second, one after the other; the last four are :data:`~tests.benchmarks.inference.KINDS`."""

    old_per_s: float
    per_s: float
    classic_per_s: float
    inference_per_s: float
    decoded_per_s: float
    prepared_per_s: float
    matrix_flop_per_s: float

    @property
    def of_decoding(self) -> float:
        """vgg16, in percent of what inference and decoding allow."""
        return 100 * self.per_s * (1 / self.inference_per_s + 1 / self.decoded_per_s)

    @property
    def of_preparing(self) -> float:
        """The same, of what they and preparing allow."""
        return 100 * self.per_s * (1 / self.inference_per_s + 1 / self.prepared_per_s)

    @property
    def of_matrices(self) -> float:
        """The same, of what the processor multiplies."""
        return 100 * self.per_s * VGG16_FLOP / self.matrix_flop_per_s


def _middle(values: Iterable[float], unit: str = "pictures/s") -> tuple[float, str, str]:
    """Return the median of *values*, their unit, and from where to where they go."""
    known = sorted(values)
    return median(known), unit, f"{known[0]:.3g} to {known[-1]:.3g}"


def _made(folder: Path, title: str, count: int, *, sheet_every: int = 0) -> Art:
    """Draw *count* pictures, after as many small ones as it takes to get warm."""
    talk(f"drawing {count} pictures, {title} …")
    art = folder / "art"
    art.mkdir(parents=True)

    def draw(number: int) -> None:
        side_px = SIDES_PX[number % len(SIDES_PX)] if number >= WARM_UP_PICTURES else 32
        is_sheet = sheet_every and number >= WARM_UP_PICTURES and number % sheet_every == 0
        picture = _sheet(number) if is_sheet else shelf.sprite(number, size_px=side_px)
        picture.save(art / f"{number:04}.png")

    _tiles()
    with ThreadPoolExecutor(cores()) as threads:
        list(threads.map(draw, range(WARM_UP_PICTURES + count)))
    settings = Settings(data_dir=folder / "data")
    shelf.catalog_folder(art, settings)
    return Art(title, settings.data_dir, sorted(art.iterdir())[WARM_UP_PICTURES:])


@cache
def _tiles() -> NDArray[np.uint8]:
    """A sheet of different sprites."""
    tile_px = SHEET_PX // 8
    rows = [[np.array(shelf.sprite(row * 8 + n, size_px=tile_px)) for n in range(8)] for row in range(8)]
    return np.vstack([np.hstack(row) for row in rows])


def _sheet(number: int) -> Image.Image:
    """The sheet moved around, with the slight unevenness of what was painted."""
    pixels = np.roll(_tiles(), number * 37, axis=(0, 1))
    uneven = np.random.default_rng(number).integers(0, 4, (SHEET_PX, SHEET_PX, 1), np.uint8)
    pixels[..., :3] = np.clip(pixels[..., :3], 4, 251) + uneven
    return Image.fromarray(pixels)


def _old_way(art: Art) -> Callable[[], float]:
    """Return what gives the pictures/s of the old way, ready for its first turn."""
    keras = import_keras()
    network = keras.applications.VGG16(weights=None)
    model = keras.Model(network.input, network.get_layer("fc2").output)

    def one(path: Path) -> object:
        with Image.open(path) as image:
            pixels = np.array(image.resize((224, 224)).convert("RGB"), np.float32)[None]
        return model.predict(keras.applications.vgg16.preprocess_input(pixels), verbose=0)

    one(art.paths[0])
    paths = art.paths[:OLD_WAY_PICTURES]
    return lambda: len(paths) / seconds(lambda: [one(path) for path in paths])


@contextmanager
def _working(art: Art, name: str, precision: str, weights: Path) -> Iterator[Callable[[], float]]:
    """Give what gives the pictures/s of the embedder *name*, whose processes are ready."""
    settings = Settings(data_dir=art.data_dir, embedder=name, weights=str(weights), precision=precision)
    with Catalog(settings.catalog_path) as catalog, closing(open_embedding(settings)) as embedding:

        def per_s() -> float:
            ledger = open_ledger(catalog, embedding)
            measured = waiting_pictures(ledger)[-len(art.paths) :]
            taken_s = seconds(partial(_drained, ledger, embedding, measured, settings))
            # The next turn does the same again, and may compute in another precision.
            ledger.forget()
            return len(measured) / taken_s

        ledger = open_ledger(catalog, embedding)
        waiting = waiting_pictures(ledger)
        _drained(ledger, embedding, waiting[: len(waiting) - len(art.paths)], settings)
        ledger.forget()
        yield per_s


def _drained(ledger: Ledger, embedding: Embedding, image_ids: Sequence[int], settings: Settings) -> None:
    for _ in drain(ledger, embedding, image_ids, settings):
        pass


@contextmanager
def _bounds(art: Art, precision: str, weights: Path) -> Iterator[Callable[[], list[float]]]:
    """Give what gives the work of all cores in a second, for each of :data:`~tests.benchmarks.inference.KINDS`."""
    words = [precision, str(weights), *map(str, art.paths[:BOUND_PICTURES])]
    command = [sys.executable, "-m", "tests.benchmarks.inference", *words]
    started = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        for _ in range(cores())
    ]

    for process in started:
        assert process.stdout
        process.stdout.readline()  # Nothing is measured while they load.

    def rate() -> float:
        # Each kind begins in all of them at once.
        for process in started:
            assert process.stdin
            process.stdin.write("\n")
        return sum(float(process.stdout.readline()) for process in started if process.stdout)

    try:
        yield lambda: [rate() for _ in KINDS]
    finally:
        for process in started:
            process.communicate()


def _colour_rates(folder: Path, weights: Path) -> list[Row]:
    rows = []
    for side_px, count in COLOUR_PICTURES.items():
        title = f"colour: sprites of {side_px} px"
        talk(f"{title}, {TURNS} turns …")
        pictures = shelf.save_sprites(folder / f"art-{side_px}", COLOUR_WARM_UP_PICTURES + count, side_px)
        settings = Settings(data_dir=folder / f"data-{side_px}")
        shelf.catalog_folder(pictures, settings)
        art = Art(title, settings.data_dir, sorted(pictures.iterdir())[COLOUR_WARM_UP_PICTURES:])
        with _working(art, "colour", AUTO, weights) as per_s:
            rows.append(Row(f"{title}, {count:,} of them", *_middle(per_s() for _ in range(TURNS))))
    return rows


def _agreement(art: Art, weights: Path) -> list[Row]:
    exact, rounded = (_features(art, precision, weights) for precision in ("float32", "bfloat16"))
    cosines = (exact * rounded).sum(axis=1)
    same = [
        len(set(one) & set(other)) / NEIGHBOURS
        for one, other in zip(_neighbours(exact), _neighbours(rounded), strict=True)
    ]
    return [
        Row("bfloat16 and float32, cosine", float(cosines.mean()), "", f"least {cosines.min():.4f}"),
        Row(
            "bfloat16 and float32, same among the nearest ten",
            float(np.mean(same)),
            "",
            f"of {COMPARED} pictures",
        ),
    ]


def _features(art: Art, precision: str, weights: Path) -> NDArray[np.float32]:
    embedder = open_embedder(Settings(embedder="vgg16", weights=str(weights), precision=precision))
    prepared = np.stack([embedder.prepare(path) for path in art.paths[:COMPARED]])
    return unit(np.concatenate([embedder.embed(part) for part in np.array_split(prepared, 10)]))


def _neighbours(vectors: NDArray[np.float32]) -> list[list[int]]:
    alike = vectors @ vectors.T
    np.fill_diagonal(alike, -1)
    found: list[list[int]] = np.argsort(-alike, axis=1)[:, :NEIGHBOURS].tolist()
    return found


def _one(art: Art, precision: str, weights: Path) -> list[Row]:
    rows = []
    for name in ("vgg16", "colour"):
        embedder = open_embedder(Settings(embedder=name, weights=str(weights), precision=precision))
        for number in (2, 12):
            side_px = SIDES_PX[number]
            ms = median_ms(partial(_ask, embedder, art.paths[number]), 9)
            rows.append(Row(f"{name}, one picture of {side_px} px, warm", ms, "ms", "prepare and embed"))
    return rows


def _ask(embedder: Embedder, path: Path) -> object:
    return embedder.embed(embedder.prepare(path)[None])


if __name__ == "__main__":
    sys.exit(run("embedding", main))
