"""Numbered frames that came one by one, as files of a work: one series."""

from __future__ import annotations

from collections.abc import Iterable

from artstore.catalog import Catalog
from artstore.names import series_of


def record_series(catalog: Catalog, work_id: int) -> None:
    """Write which loose pictures of a work are frames of one series; those in an archive are known by it.

    Call inside :meth:`~artstore.catalog.Catalog.transaction`, when the pictures of all its files are recorded.
    """
    loose = catalog.execute(
        """
        SELECT image_id, images.path, series FROM images JOIN work_files USING (file_id)
        WHERE work_id = ? AND member IS NULL
        """,
        [work_id],
    ).fetchall()
    found = series_of(row["path"] for row in loose)
    # Files of all works may lie in one folder: what is numbered alike there need not belong together.
    named = {row["image_id"]: f"{work_id}:{found[row['path']]}" for row in loose if row["path"] in found}
    catalog.execute_many(
        "UPDATE images SET series = ? WHERE image_id = ?",
        [
            (named.get(row["image_id"]), row["image_id"])
            for row in loose
            if named.get(row["image_id"]) != row["series"]
        ],
    )


def record_series_of(catalog: Catalog, paths: Iterable[str]) -> None:
    """Do so for the works that list any of *paths*, which lie below ``files/``."""
    works = {
        row["work_id"]
        for path in paths
        for row in catalog.execute(
            "SELECT work_id FROM files JOIN work_files USING (file_id) WHERE path = ?", [path]
        )
    }
    for work_id in sorted(works):
        record_series(catalog, work_id)
