"""A data folder for each test, and the small makers of pictures and rows that many tests want."""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from artstore.catalog import Catalog
from artstore.errors import PictureError
from artstore.images import describe
from artstore.models import FileLink, FoundImage, PictureFacts, Work
from artstore.settings import Settings

SITE = "https://opengameart.org"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data")


@pytest.fixture
def catalog(settings: Settings) -> Iterator[Catalog]:
    with Catalog(settings.catalog_path) as opened:
        yield opened


def picture(seed: int = 0, width_px: int = 12, height_px: int = 9) -> Image.Image:
    """An RGB picture of noise that no other *seed* gives."""
    pixels = np.random.default_rng(seed).integers(0, 256, (height_px, width_px, 3), np.uint8)
    return Image.fromarray(pixels)


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    out = BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def png(seed: int = 0) -> bytes:
    return encoded(picture(seed))


def stored(settings: Settings, path: str, content: bytes) -> str:
    """Put *content* at ``files/<path>``, as a download would, and return *path*."""
    target = settings.files_dir / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)
    return path


def snapshot(folder: Path) -> dict[str, bytes]:
    """All files below *folder*, by their relative names."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def a_link(path: str = "sword.png") -> FileLink:
    return FileLink(url=f"{SITE}/sites/default/files/{path}", path=path, name=path)


def a_work(title: str = "Iron sword", *links: FileLink, **facts: object) -> Work:
    known: dict[str, object] = {
        "url": f"{SITE}/content/{title.lower().replace(' ', '-')}",
        "title": title,
        "author": "Ada",
        "files": links,
    }
    return Work(**(known | facts))  # type: ignore[arg-type]


def an_image(path: str, member: str | None = None, pixels: str = "p1") -> FoundImage:
    return FoundImage(path, member, PictureFacts("PNG", "RGBA", 16, 16, 1, pixels))


def unit_vectors(count: int, dim: int, seed: int = 0) -> NDArray[np.float32]:
    """Rows of unit length in all directions."""
    rows = np.random.default_rng(seed).normal(size=(count, dim))
    vectors: NDArray[np.float32] = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return vectors


def record(catalog: Catalog, work: Work) -> int:
    """Record *work* in a step of its own."""
    with catalog.transaction():
        return catalog.record_work(work)


def rows(catalog: Catalog, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
    """Return what *sql* selects."""
    return [tuple(row) for row in catalog.execute(sql, parameters)]


def assert_damage_is_told(
    sample: bytes, changes: list[tuple[int, int]], end: int, most_frames: int = 1
) -> None:
    """Of *sample*, with other bytes at the places of *changes* and cut at *end*, comes a picture or a reason."""
    content = bytearray(sample)
    for place, value in changes:
        content[place % len(content)] = value
    try:
        facts = describe(BytesIO(bytes(content[: end or None])), 100_000)
    except PictureError as error:
        assert error.reason in {"cannot_decode", "too_many_pixels"}  # noqa: PT017
    else:
        assert 1 <= facts.frames <= most_frames
