"""A download on its way: bytes beside their final place, which outlive a kill and can be gone on with."""

from __future__ import annotations

import hashlib
import os
from io import FileIO
from pathlib import Path

from artstore.blobs import TEMPORARY, replacing

CHUNK_BYTES = 1 << 20


class PartFile:
    """The bytes of one file so far, at ``.<hash of its path>.part``; whole, they are moved to *path* at once.

    Beside them lies the server's *validator* (an ETag or a date): with it a server
    can be asked for the rest of the same bytes, and only of the same.
    """

    def __init__(self, root: Path, path: str) -> None:
        self._final = root / path
        name = hashlib.sha256(path.encode()).hexdigest()[:32]
        self._part = self._final.with_name(f".{name}{TEMPORARY}")
        self._note = self._final.with_name(f".{name}.validator{TEMPORARY}")
        self._file: FileIO | None = None
        self._digest = hashlib.sha256()
        self.size_bytes = self._part.stat().st_size if self._part.exists() else 0
        """How many bytes are here."""

    @property
    def validator(self) -> str | None:
        """What the bytes here can be gone on with by; None if they cannot."""
        return self._note.read_text() if self.size_bytes and self._note.exists() else None

    def begin(self, offset: int, validator: str | None) -> None:
        """Be ready for bytes from *offset* on: 0 starts over, :attr:`size_bytes` goes on."""
        self.close()
        self._part.parent.mkdir(parents=True, exist_ok=True)
        self._digest = hashlib.sha256()
        self._file = FileIO(self._part, "ab")
        self._file.truncate(offset)
        self.size_bytes = offset
        if offset:
            self._hash_what_is_here()
        elif validator:
            with replacing(self._note) as note:
                note.write(validator.encode())
        else:
            self._note.unlink(missing_ok=True)

    def write(self, chunk: bytes) -> None:
        """Append *chunk*. Raises OSError."""
        if self._file is None:
            raise ValueError("begin() comes before write()")
        rest = memoryview(chunk)
        while rest:
            rest = rest[self._file.write(rest) :]
        self._digest.update(chunk)
        self.size_bytes += len(chunk)

    def finish(self) -> str:
        """Move the bytes to their final place, whole and synced; return their SHA-256."""
        if self._file is None:
            raise ValueError("begin() comes before finish()")
        os.fsync(self._file.fileno())
        self.close()
        self._part.replace(self._final)
        self._note.unlink(missing_ok=True)
        return self._digest.hexdigest()

    def close(self) -> None:
        """Close the file; the bytes stay, to be gone on with."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def discard(self) -> None:
        """Throw away the bytes: they are not what was asked for."""
        self.close()
        self._part.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)
        self.size_bytes = 0

    def _hash_what_is_here(self) -> None:
        with self._part.open("rb") as here:
            while chunk := here.read(CHUNK_BYTES):
                self._digest.update(chunk)
