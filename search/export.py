"""What is known, for other programs: a list of all pictures as TSV, and the features as npz or Parquet.

n pictures with features    d = the embedder's dimension
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import BinaryIO, TextIO

import numpy as np
from numpy.lib import format as npy

from artstore.blobs import replacing
from artstore.errors import NotReady, UsageError
from artstore.library import Listed
from search.looks import FeatureRows
from search.output import plain, write_rows

LIST_COLUMNS = ("image_id", "path", "page_url", "features", "indexed")
"""What the old server loaded; the flags are 0 or 1."""


def write_list(pictures: Iterable[Listed], out: TextIO) -> None:
    """Write *pictures* as TSV with the header :data:`LIST_COLUMNS`."""
    write_rows([LIST_COLUMNS], out)
    write_rows((_cells(picture) for picture in pictures), out)


def write_features(rows: FeatureRows, path: Path) -> None:
    """Write *rows* to *path*, whole or not at all, as its suffix says: one of :data:`KINDS`.

    Either holds ``image_id``, int64, (n,), ascending, and ``features``, float16, (n, d), of unit length. Little
    memory is used whatever n is. Raises :class:`~artstore.errors.UsageError` for another suffix, and
    :class:`~artstore.errors.NotReady` for Parquet without pyarrow.
    """
    if path.suffix not in KINDS:
        raise UsageError(f"features are written as {' or '.join(KINDS)}, not as {path.name!r}")
    with replacing(path) as file:
        KINDS[path.suffix](rows, file)


def _npz(rows: FeatureRows, file: BinaryIO) -> None:
    with zipfile.ZipFile(file, "w", allowZip64=True) as archive:
        with archive.open("image_id.npy", "w") as member:
            npy.write_array(member, rows.ids)
        with archive.open("features.npy", "w", force_zip64=True) as member:
            shape = (len(rows.ids), rows.dim)
            npy.write_array_header_1_0(member, {"descr": "<f2", "fortran_order": False, "shape": shape})
            for _, vectors in rows.parts():
                member.write(vectors.astype("<f2").tobytes())


def _parquet(rows: FeatureRows, file: BinaryIO) -> None:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ModuleNotFoundError as error:
        raise NotReady("Parquet needs pyarrow: `pip install pyarrow`; or write .npz") from error
    schema = pa.schema([("image_id", pa.int64()), ("features", pa.list_(pa.float16(), rows.dim))])
    with parquet.ParquetWriter(file, schema) as writer:
        for ids, vectors in rows.parts():
            numbers = pa.array(vectors.astype(np.float16).ravel())
            column = pa.FixedSizeListArray.from_arrays(numbers, rows.dim)
            writer.write_table(pa.table([pa.array(ids), column], schema=schema))


KINDS: dict[str, Callable[[FeatureRows, BinaryIO], None]] = {".npz": _npz, ".parquet": _parquet}


def _cells(picture: Listed) -> Sequence[str]:
    return (
        str(picture.image_id),
        plain(picture.path),
        plain(picture.page_url or ""),
        str(int(picture.embedded)),
        str(int(picture.indexed)),
    )
