"""Pictures per second from files on disk to features on disk, beside the old system's way.

The networks have random weights (seeded, He-normal): the cost is that of the real ones.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from artstore.catalog import Catalog
from artstore.settings import Settings
from embedder.drain import drain, open_ledger, waiting_pictures
from embedder.keras_models import import_keras
from embedder.protocol import Embedder
from embedder.registry import open_embedder
from tests.benchmarks.table import Row, median_ms, seconds

OLD_WAY_PICTURES = 32
NETWORK_PICTURES = 192


def embed(data_dir: Path) -> list[Row]:
    """Embed what *data_dir* holds with each embedder."""
    old_per_s = _old_way(data_dir)
    rows = [Row("old way: PIL, `predict` one by one", old_per_s, "pictures/s", "= 1; network loaded before")]
    for name, limit in (("vgg16-classic", NETWORK_PICTURES), ("vgg16", NETWORK_PICTURES), ("colour", None)):
        settings = Settings(data_dir=data_dir, embedder=name, weights="random")
        embedder = open_embedder(settings)
        per_s = _drain(embedder, settings, limit)
        rows.append(Row(name, per_s, "pictures/s", f"{per_s / old_per_s:.1f} x the old way"))
        rows.append(Row(f"{name}, one picture, warm", _one_ms(embedder, data_dir), "ms", "prepare and embed"))
    return rows


def _old_way(data_dir: Path) -> float:
    keras = import_keras()
    network = keras.applications.VGG16(weights=None)
    model = keras.Model(network.input, network.get_layer("fc2").output)
    paths = sorted(path for path in (data_dir / "files").iterdir() if path.suffix == ".png")[
        : OLD_WAY_PICTURES + 1
    ]

    def one(path: Path) -> object:
        with Image.open(path) as image:
            pixels = np.array(image.resize((224, 224)).convert("RGB"), np.float32)[None]
        return model.predict(keras.applications.vgg16.preprocess_input(pixels), verbose=0)

    one(paths[0])
    return OLD_WAY_PICTURES / seconds(lambda: [one(path) for path in paths[1:]])


def _drain(embedder: Embedder, settings: Settings, limit: int | None) -> float:
    with Catalog(settings.catalog_path) as catalog:
        ledger = open_ledger(catalog, embedder)
        warm_up = waiting_pictures(ledger, embedder.batch_size)
        for _ in drain(ledger, embedder, warm_up, settings):
            pass
        waiting = waiting_pictures(ledger, limit)
        taken_s = seconds(lambda: list(drain(ledger, embedder, waiting, settings)))
        return len(waiting) / taken_s


def _one_ms(embedder: Embedder, data_dir: Path) -> float:
    path = next(path for path in sorted((data_dir / "files").iterdir()) if path.suffix == ".png")
    return median_ms(lambda: embedder.embed(embedder.prepare(path)[None]), 9)
