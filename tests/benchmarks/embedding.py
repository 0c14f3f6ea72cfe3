"""Pictures per second from files on disk to features on disk, beside the old system's way.

The networks have random weights (seeded, He-normal): the cost is that of the real ones.
What bounds the rate is the processor: 1 / (1 / inference alone + decoding / cores).
"""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from artstore.catalog import Catalog
from artstore.command import talk
from artstore.features import unit
from artstore.settings import Settings
from embedder.drain import drain, open_ledger, waiting_pictures
from embedder.keras_models import import_keras, randomise
from embedder.machine import cores
from embedder.precision import FLOAT32, of_processor
from embedder.preparation import sprite
from embedder.protocol import Embedder
from embedder.registry import open_embedder
from embedder.workers import open_embedding
from tests import shelf
from tests.benchmarks.table import Row, median_ms, seconds

OLD_WAY_PICTURES = 24
PICTURES = 320
FLOAT32_PICTURES = 64
WARM_UP_PICTURES = 160
"""So many that every process has its network by the end of them."""

SIDES_PX = (16, 24, 32, 32, 32, 48, 64, 96, 128, 192, 256, 384, 512)
SHEET_PX = 2048
SHEET_EVERY = 8
"""Of the mix, one in eight is a sheet: 13 %."""

VGG16_FLOP = 31e9
"""For one picture: its 15.5 billion multiplications, and as many additions."""

MATRIX_SIDE = 4096

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


def embed(folder: Path, weights: Path) -> list[Row]:
    """Embed generated art, which is put below *folder*, with each embedder."""
    sprites = _made(folder / "sprites", "sprites up to 512 px", sheet_every=0)
    mix = _made(folder / "mix", f"13 % sheets of {SHEET_PX} px", sheet_every=SHEET_EVERY)
    best = of_processor()
    rows = []
    for art in (sprites, mix):
        old_per_s = _old_way(art)
        rows.append(Row(f"old way, `predict` one by one: {art.title}", old_per_s, "pictures/s", "= 1"))
        vgg16 = _rate(art, "vgg16", best, weights, old_per_s)
        rows += [
            vgg16,
            _bound(art, best, weights, vgg16.value),
            _rate(art, "vgg16-classic", best, weights, old_per_s),
        ]
        rows.append(_rate(art, "vgg16", FLOAT32, weights, old_per_s))
        rows.append(_rate(art, "colour", "auto", weights, old_per_s))
    return [
        *rows,
        _matrix_share(best, rows[1].value),
        *_agreement(sprites, weights),
        *_one(sprites, best, weights),
    ]


def _made(folder: Path, title: str, sheet_every: int) -> Art:
    art = folder / "art"
    art.mkdir(parents=True)
    for number in range(WARM_UP_PICTURES + PICTURES):
        side_px = SIDES_PX[number % len(SIDES_PX)]
        is_sheet = sheet_every and number % sheet_every == 0
        picture = _sheet(number) if is_sheet else shelf.sprite(number, size_px=side_px)
        picture.save(art / f"{number:04}.png")
    settings = Settings(data_dir=folder / "data")
    shelf.catalog_folder(art, settings)
    return Art(title, settings.data_dir, sorted(art.iterdir()))


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


def _old_way(art: Art) -> float:
    keras = import_keras()
    network = keras.applications.VGG16(weights=None)
    model = keras.Model(network.input, network.get_layer("fc2").output)

    def one(path: Path) -> object:
        with Image.open(path) as image:
            pixels = np.array(image.resize((224, 224)).convert("RGB"), np.float32)[None]
        return model.predict(keras.applications.vgg16.preprocess_input(pixels), verbose=0)

    one(art.paths[0])
    return OLD_WAY_PICTURES / seconds(lambda: [one(path) for path in art.paths[1 : OLD_WAY_PICTURES + 1]])


def _rate(art: Art, name: str, precision: str, weights: Path, old_per_s: float) -> Row:
    talk(f"{name} in {precision}, {art.title} …")
    settings = Settings(data_dir=art.data_dir, embedder=name, weights=str(weights), precision=precision)
    limit = FLOAT32_PICTURES if precision == FLOAT32 else PICTURES
    with Catalog(settings.catalog_path) as catalog, closing(open_embedding(settings)) as embedding:
        ledger = open_ledger(catalog, embedding)
        for _ in drain(ledger, embedding, waiting_pictures(ledger, WARM_UP_PICTURES), settings):
            pass
        waiting = waiting_pictures(ledger, limit)
        taken_s = seconds(lambda: list(drain(ledger, embedding, waiting, settings)))
        # The next may compute in another precision.
        ledger.forget()
    per_s = len(waiting) / taken_s
    what = f"{name}, {precision}: {art.title}" if name != "colour" else f"{name}: {art.title}"
    return Row(what, per_s, "pictures/s", f"{per_s / old_per_s:.1f} x the old way")


def _bound(art: Art, precision: str, weights: Path, per_s: float) -> Row:
    inference_per_s = _inference_alone(precision, weights)
    paths = art.paths[:104]
    decoding_s = seconds(lambda: [sprite(path, 224, 10**8) for path in paths]) / len(paths)
    bound = 1 / (1 / inference_per_s + decoding_s / cores())
    note = f"{inference_per_s:.1f} pictures/s inference alone, {decoding_s * 1000:.1f} ms to prepare one"
    return Row("of what the processor allows", 100 * per_s / bound, "%", note)


def _inference_alone(precision: str, weights: Path) -> float:
    """Return pictures/s of one process per core that embeds prepared pictures, all at the same time."""
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.inference", precision, str(weights)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(cores())
    ]
    for process in started:
        assert process.stdout
        process.stdout.readline()
    for process in started:
        assert process.stdin
        process.stdin.close()
    rates = [float(process.stdout.readline()) for process in started if process.stdout]
    for process in started:
        process.wait()
    return sum(rates)


def _matrix_share(precision: str, per_s: float) -> Row:
    import tensorflow as tf

    left = tf.cast(tf.random.normal((MATRIX_SIDE, MATRIX_SIDE)), precision)
    multiplied = tf.function(tf.matmul)
    taken_s = median_ms(lambda: multiplied(left, left).numpy(), 5) / 1000
    peak_flop = 2 * MATRIX_SIDE**3 / taken_s
    note = f"{peak_flop / 1e12:.2f} TFLOP/s: two matrices of {MATRIX_SIDE} x {MATRIX_SIDE}"
    return Row(f"vgg16, of the matrix peak in {precision}", 100 * per_s * VGG16_FLOP / peak_flop, "%", note)


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
