"""What is known of one picture beside whose it is: how it is stored, and what its work says of itself."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from artstore.catalog import Catalog

MOST_RELATED = 500
"""Frames of a series, and pictures of a file, that are named."""


@dataclass(frozen=True, slots=True)
class StoredPicture:
    """Where the bytes of a picture lie, and what they are."""

    image_id: int
    path: str
    """Below the data folder."""
    pixel_hash: str
    """Equal for equal visible pixels; another as soon as the picture is another."""
    format: str
    width_px: int
    height_px: int
    frames: int


@dataclass(frozen=True, slots=True)
class CollectionName:
    """A collection, as its page calls it."""

    url: str
    title: str


@dataclass(frozen=True, slots=True)
class Facts:
    """A picture's place among others, and what the page of its work says."""

    file_name: str
    """What the artist called the file, or the archive, that it came in."""
    series: tuple[int, ...]
    """Image ids of the numbered series that it is a frame of, in order; empty if it is of none."""
    beside: tuple[int, ...]
    """Image ids of other pictures of the same work, at most :data:`MOST_RELATED`."""
    tags: tuple[str, ...] = ()
    art_types: tuple[str, ...] = ()
    collections: tuple[CollectionName, ...] = ()
    submitter: str | None = None
    collaborators: tuple[str, ...] = ()
    posted_at: str | None = None
    """As the site shows it, in ISO 8601, without a zone."""
    description: str = ""
    favourites: int | None = None
    gone: bool = False
    """Whether the page of its work is there no more."""


def stored_pictures(catalog: Catalog, image_ids: Sequence[int]) -> dict[int, StoredPicture]:
    """Return image id -> picture for those of *image_ids* that exist."""
    found = catalog.execute(
        """
        SELECT image_id, path, pixel_hash, format, width_px, height_px, frames FROM images
        WHERE image_id IN (SELECT value FROM json_each(?))
        """,
        [json.dumps(list(image_ids))],
    )
    return {row["image_id"]: StoredPicture(*row) for row in found}


def facts_of(catalog: Catalog, image_id: int, work_url: str | None) -> Facts:
    """Return the facts of a picture that there is, as of the work at *work_url*, which lists its file, or of none."""
    image = catalog.execute(
        "SELECT file_id, member, series, files.name FROM images JOIN files USING (file_id) WHERE image_id = ?",
        [image_id],
    ).fetchone()
    if image is None:
        return Facts("", (), ())
    # Series of loose files are named with their work, those in archives are known by their file.
    among = "file_id = :file_id" if image["member"] is not None else "member IS NULL"
    series = catalog.execute(
        f"SELECT image_id FROM images WHERE series = :series AND {among} ORDER BY path LIMIT {MOST_RELATED}",
        {"series": image["series"], "file_id": image["file_id"]},
    )
    beside = catalog.execute(
        f"""
        SELECT image_id FROM images WHERE file_id = :file_id OR file_id IN (
            SELECT file_id FROM work_files JOIN works USING (work_id) WHERE url = :url
        ) ORDER BY file_id <> :file_id, image_id LIMIT {MOST_RELATED}
        """,
        {"file_id": image["file_id"], "url": work_url},
    )
    alone = Facts(
        image["name"],
        tuple(row["image_id"] for row in series),
        tuple(row["image_id"] for row in beside if row["image_id"] != image_id),
    )
    work = catalog.execute("SELECT * FROM works WHERE url = ?", [work_url]).fetchone()
    if work is None:
        return alone
    return replace(
        alone,
        tags=_names(catalog, "SELECT name FROM work_tags JOIN tags USING (tag_id)", work["work_id"]),
        art_types=tuple(json.loads(work["art_types"])),
        collections=tuple(
            CollectionName(*row)
            for row in catalog.execute(
                "SELECT url, title FROM work_collections JOIN collections USING (collection_id) "
                "WHERE work_id = ? ORDER BY title",
                [work["work_id"]],
            )
        ),
        submitter=work["submitter"],
        collaborators=tuple(json.loads(work["collaborators"])),
        posted_at=work["posted_at"],
        description=work["description"],
        favourites=work["favourites"],
        gone=work["gone_at"] is not None,
    )


def _names(catalog: Catalog, selected: str, work_id: int) -> tuple[str, ...]:
    found = catalog.execute(f"{selected} WHERE work_id = ? ORDER BY name", [work_id])
    return tuple(row["name"] for row in found)
