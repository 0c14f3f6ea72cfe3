"""Milliseconds per question, warm, in one thread: index, exact re-ranking, catalog and all."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from artstore.catalog import Catalog
from artstore.settings import Settings
from embedder.drain import drain, open_ledger, waiting_pictures
from embedder.indexing import update_index
from embedder.workers import open_embedding
from search import Engine, Filter
from tests.benchmarks.table import Row, median_ms

QUESTIONS = 50


def query(data_dir: Path, embedders: Sequence[str], weights: Path) -> list[Row]:
    """Ask what *data_dir* holds, by each of *embedders*, which embed it first."""
    settings = Settings(data_dir=data_dir, weights=str(weights))
    rows = [row for name in embedders for row in _by_looks(settings, name)]
    with Engine(settings) as engine:
        rows.append(Row("words", median_ms(lambda: engine.words("sword"), QUESTIONS), "ms"))
    return rows


def _by_looks(settings: Settings, name: str) -> list[Row]:
    by_name = settings.override(embedder=name)
    with Catalog(settings.catalog_path) as catalog, closing(open_embedding(by_name)) as embedding:
        ledger = open_ledger(catalog, embedding)
        list(drain(ledger, embedding, waiting_pictures(ledger), by_name))
        list(update_index(ledger, by_name))
    picture = next(path for path in sorted(settings.files_dir.iterdir()) if path.suffix == ".png")
    with Engine(settings, embedder=name) as engine:
        image_id = engine.image(picture, top=1)[0].image_id
        like_ms = median_ms(lambda: engine.like(image_id), QUESTIONS)
        image_ms = median_ms(lambda: engine.image(picture), 9)
        licence_ms = median_ms(lambda: engine.like(image_id, only=Filter(licence="cc0")), QUESTIONS)
    return [
        Row(f"like ({name})", like_ms, "ms"),
        Row(f"image ({name})", image_ms, "ms", "embedding included"),
        Row(f"like under a licence ({name})", licence_ms, "ms"),
    ]
