"""A data folder filled without a crawl, and our commands run over it as a person runs them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from artstore import names
from artstore.catalog import Catalog
from artstore.features import FeatureReader
from artstore.folder import add_folder, list_folder
from artstore.ledger import Ledger, find_embedder
from artstore.licences import licence_from_name
from artstore.models import FileLink, StoredFile, Work
from artstore.places import Places
from artstore.settings import Settings
from artstore.unpack import find_images
from embedder.batches import Here
from embedder.drain import drain, open_ledger, waiting_pictures
from embedder.grouping import update_groups
from embedder.indexing import update_index
from embedder.marking import mark_likenesses, waiting_likenesses
from tests.replica.art import Artist

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from embedder.protocol import Embedder
    from tests.replica import ReplicaFile, ReplicaWork, Site

ROOT = Path(__file__).parents[1]

KINDS = (
    "creature",
    "robot",
    "potion",
    "sword",
    "axe",
    "shield",
    "gem",
    "tree",
    "mushroom",
    "ship",
    "house",
    "fish",
)


def sprite(number: int, recolour: int = 0, size_px: int = 32) -> Image.Image:
    """RGBA art that no other *number* gives; equal numbers in other colours are recolours of it."""
    kind = KINDS[number % len(KINDS)]
    artist = Artist("sprite", kind, hue=(number * 0.61803) % 1, size_px=size_px, seed=number)
    return artist.picture(1, recolour=recolour).convert("RGBA")


def save_sprites(folder: Path, count: int, size_px: int = 32) -> Path:
    """Save sprites 0 … *count* - 1 as ``sprite-000.png`` and so on."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        sprite(number, size_px=size_px).save(folder / f"sprite-{number:03}.png")
    return folder


def save_noise(folder: Path, count: int, side_px: int = 24) -> Path:
    """Save *count* pictures that look like nothing, and not like each other."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        cells = np.random.default_rng([7, number]).integers(0, 256, (4, 4, 3), np.uint8)
        Image.fromarray(cells).resize((side_px, side_px), 0).save(folder / f"noise-{number:04}.png")
    return folder


def catalog_folder(folder: Path, settings: Settings) -> None:
    """Do what ``--add`` does, without embedding."""
    with Catalog(settings.catalog_path) as catalog:
        for _ in add_folder(folder, list_folder(folder, settings.data_dir)[0], catalog, settings):
            pass


def catalog_site(site: Site, settings: Settings) -> None:
    """Record the works of *site* and store their files, as a crawl would."""
    with Catalog(settings.catalog_path) as catalog:
        for work in site.works:
            files = [file for file in work.listed_files if file.fault is None]
            placed = Places(catalog).place(_work(work, files))
            with catalog.transaction():
                catalog.record_work(placed)
            for file, link in zip(files, placed.files, strict=True):
                _store(file, link.path, catalog, settings)


def _work(work: ReplicaWork, files: Iterable[ReplicaFile]) -> Work:
    return Work(
        url=f"https://opengameart.org{work.path}",
        title=work.title,
        author=work.author_name,
        author_url=work.author_url,
        node_id=work.node_id,
        copyright_notice=work.copyright_notice or "",
        tags=work.tags,
        licences=tuple(licence_from_name(licence.name, licence.deed) for licence in work.licences),
        files=tuple(
            FileLink(url, names.path_of_url(url), file.upload_name)
            for file, url in ((file, f"https://opengameart.org{file.url_path}") for file in files)
        ),
    )


def _store(file: ReplicaFile, path: str, catalog: Catalog, settings: Settings) -> None:
    target = settings.files_dir / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(file.content)
    findings = find_images(path, settings)
    with catalog.transaction():
        catalog.record_stored(StoredFile(path, len(file.content), file.body.etag))
        catalog.record_findings(path, findings)


def embed_all(settings: Settings, embedder: Embedder, indexes: Sequence[str] = ("hnsw:",)) -> None:
    """Embed what waits and bring *indexes* up to date, in this process."""
    with Catalog(settings.catalog_path) as catalog:
        here = Here(embedder, settings.data_dir)
        ledger = open_ledger(catalog, here)
        for _ in drain(ledger, here, waiting_pictures(ledger), settings):
            pass
        for uri in indexes:
            for _ in update_index(ledger, settings.override(index=uri)):
                pass


def group_all(settings: Settings, embedder: str) -> None:
    """Compare what was embedded by *embedder*, and make groups."""
    with Catalog(settings.catalog_path) as catalog:
        ledger = Ledger(catalog, find_embedder(catalog, embedder))
        for _ in mark_likenesses(ledger, waiting_likenesses(ledger), settings):
            pass
        update_groups(ledger, settings)


def features_by_path(settings: Settings, embedder: str) -> dict[str, NDArray[np.float32]]:
    """What lies on disk for each picture, at unit length, by its path below the data folder."""
    with Catalog(settings.catalog_path, read_only=True) as catalog:
        ledger = Ledger(catalog, find_embedder(catalog, embedder))
        image_ids, rows = ledger.feature_rows()
        paths = dict(tuple(row) for row in catalog.execute("SELECT image_id, path FROM images"))
        reader = FeatureReader(settings.features_dir(embedder), ledger.embedder.dim)
        vectors = reader.read(rows)
    return {paths[image_id]: vector for image_id, vector in zip(image_ids.tolist(), vectors, strict=True)}


def count_rows(settings: Settings, table: str) -> int:
    with Catalog(settings.catalog_path, read_only=True) as catalog:
        return int(catalog.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def embedder(data_dir: Path, *words: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run ``python -m embedder`` with *words*; a traceback is never right."""
    return run_command("embedder", data_dir, words, variables)


def search(data_dir: Path, *words: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run ``python -m search`` with *words*; a traceback is never right."""
    return run_command("search", data_dir, words, variables)


def run_command(
    module: str, data_dir: Path, words: Sequence[str | Path], variables: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        command(module, *words),
        cwd=ROOT,
        env=environment(data_dir, **variables),
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


def command(module: str, *words: str | Path) -> list[str]:
    return [sys.executable, "-m", module, *map(str, words)]


def environment(data_dir: Path, **variables: str) -> dict[str, str]:
    """The environment of a command: none of the tester's own settings, and weights from nowhere."""
    ours = {
        name: value for name, value in os.environ.items() if not name.startswith(("OGA_", "KERAS_", "PYTHON"))
    }
    nowhere = {"OGA_DATA_DIR": str(data_dir), "OGA_WEIGHTS_DIR": str(data_dir / "weights")}
    return ours | nowhere | variables
