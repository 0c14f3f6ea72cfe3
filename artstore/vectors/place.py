"""Where an index lies, what it is for, and how it is saved: a manifest, and the data files that it names."""

from __future__ import annotations

import glob
import json
import os
import secrets
import zlib
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from artstore.blobs import replacing
from artstore.errors import Mismatch

FORMAT = 2
PIECE_BYTES = 16 << 20
"""Of a data file under one checksum. CRC-32 tells damage at twice the speed of BLAKE2, and pieces at that of all cores."""

Loaded = TypeVar("Loaded")


@dataclass(frozen=True, slots=True)
class Place:
    """What an index is told when it is opened."""

    stem: Path
    """Its files lie beside this, each with a suffix of its own."""
    dim: int
    """d, the length of every vector that it is given."""
    embedder: str
    uri: str
    numbers: int
    """How many numbers of each vector it is to hold, if there are more and enough to learn from; 0 is all."""

    def refusal(self, file: Path, why: str) -> Mismatch:
        """Return the error to raise where *file* is not what it should be."""
        # Said in full: the setting of whoever asks need not be that of whoever repairs.
        return Mismatch(
            f"{file} {why}; run `python -m embedder --embedder {self.embedder} --rebuild-index --index {self.uri}`"
        )


def manifest_suffix(kind: str) -> str:
    """Return what the manifest of an index of *kind* has behind its stem."""
    return f".{kind}.json"


class SavedFiles:
    """The files of an index of one *kind* at *place*."""

    def __init__(self, place: Place, kind: str) -> None:
        self._place = place
        self._kind = kind
        self._manifest = place.stem.with_name(place.stem.name + manifest_suffix(kind))

    @property
    def exist(self) -> bool:
        """Whether anything was saved here."""
        return self._manifest.exists()

    def save(self, facts: Mapping[str, Any], parts: Mapping[str, Callable[[Path], None]]) -> dict[str, Path]:
        """Have each of *parts* write its file, write the manifest that names them, drop the old ones.

        Return where each part lies. *facts* come back from :meth:`load`. A reader
        sees the old index or the new one. Raises OSError, with nothing changed.
        """
        self._manifest.parent.mkdir(parents=True, exist_ok=True)
        token = secrets.token_hex(4)
        files = {name: self._manifest.with_name(f"{self._manifest.stem}.{token}.{name}") for name in parts}
        try:
            for name, path in files.items():
                parts[name](path)
                _sync(path)
            manifest = {
                **self._wanted(),
                "facts": dict(facts),
                "files": {name: [path.name, *_fingerprint(path)] for name, path in files.items()},
            }
            with replacing(self._manifest) as file:
                file.write(json.dumps({**manifest, "checksum": _checksum(manifest)}).encode())
        except BaseException:
            for path in files.values():
                path.unlink(missing_ok=True)
            raise
        for other in self._manifest.parent.glob(f"{glob.escape(self._manifest.stem)}.*"):
            if other not in {self._manifest, *files.values()}:
                other.unlink(missing_ok=True)
        return files

    def load(self, read: Callable[[dict[str, Any], dict[str, Path]], Loaded]) -> Loaded:
        """Return what *read* makes of the facts and the files of the manifest, which are checked before.

        Raises :class:`~artstore.errors.Mismatch` if the index was made for another
        place, a file is not what was written, or *read* raises what damage does.
        """
        while True:
            manifest = self._manifest.read_bytes()
            try:
                facts, files = self._described(json.loads(manifest))
                return read(facts, files)
            except (OSError, ValueError, LookupError, TypeError, AttributeError, RuntimeError) as error:
                # A writer that saved meanwhile has taken away what this manifest names: go by the new one.
                if self._manifest.read_bytes() == manifest:
                    raise self._place.refusal(self._manifest, f"is damaged ({error})") from error

    def _wanted(self) -> dict[str, Any]:
        place = self._place
        return {
            "format": FORMAT,
            "kind": self._kind,
            "embedder": place.embedder,
            "dim": place.dim,
            "numbers": place.numbers,
        }

    def _described(self, manifest: Any) -> tuple[dict[str, Any], dict[str, Path]]:
        wanted = self._wanted()
        made_for = {key: manifest.get(key) for key in wanted}
        if made_for != wanted:
            raise self._place.refusal(self._manifest, f"was made for {made_for}, not for {wanted}")
        if manifest.pop("checksum") != _checksum(manifest):
            raise ValueError("its checksum is another")
        files = {}
        for name, (file, size_bytes, checksums) in manifest["files"].items():
            files[name] = self._manifest.with_name(file)
            # What reads these files follows whatever offsets it finds in them, out of its memory too.
            if _fingerprint(files[name]) != (size_bytes, checksums):
                raise ValueError(f"{file} has changed since it was written")
        return manifest["facts"], files


def _sync(path: Path) -> None:
    with path.open("rb") as written:
        os.fsync(written.fileno())


def _checksum(manifest: dict[str, Any]) -> int:
    return zlib.crc32(json.dumps(manifest, sort_keys=True).encode())


def _fingerprint(path: Path) -> tuple[int, list[int]]:
    """Return the size of *path*, in bytes, and the checksums of its pieces."""
    if path.stat().st_size == 0:
        return 0, []  # which cannot be mapped
    content = np.memmap(path, np.uint8, "r")
    pieces = [content[start : start + PIECE_BYTES] for start in range(0, len(content), PIECE_BYTES)]
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        return len(content), list(threads.map(zlib.crc32, pieces))
