"""A download on its way: bytes beside their final place, which outlive a kill and can be gone on with."""

from __future__ import annotations

import hashlib
import os
from io import FileIO
from pathlib import Path

from artstore.blobs import TEMPORARY, created, replacing

CHUNK_BYTES = 1 << 20

IN_MEMORY_BYTES = 1 << 18
"""A file no longer than this is written in one go; it is not worth the notes that would let it be gone on with."""


class PartFile:
    """The bytes of one file so far, at ``.<hash of its path>.part``; whole, they are moved to *path* at once.

    Beside them lies the server's *validator* (an ETag or a date): with it a server
    can be asked for the rest of the same bytes, and only of the same. The first
    :data:`IN_MEMORY_BYTES` wait in memory, and are lost by a kill.
    """

    def __init__(self, root: Path, path: str) -> None:
        self._final = root / path
        name = hashlib.sha256(path.encode()).hexdigest()[:32]
        self._part = self._final.with_name(f".{name}{TEMPORARY}")
        self._note = self._final.with_name(f".{name}.validator{TEMPORARY}")
        self._file: FileIO | None = None
        self._waiting = bytearray()
        self._begun = False
        self._fresh_validator: str | None = None
        self._digest = hashlib.sha256()
        self.size_bytes = _size_bytes(self._part)
        """How many bytes are here."""
        self._noted = self.size_bytes > 0

    @property
    def in_memory(self) -> bool:
        """Whether nothing of it was written yet: it is small."""
        return self._file is None

    def resume(self) -> str | None:
        """Return the validator that the bytes here can be gone on with by, or None if they cannot. Raises OSError."""
        self.close()
        return self._note.read_text() if self.size_bytes and self._note.exists() else None

    def begin(self, offset: int, validator: str | None) -> None:
        """Be ready for bytes from *offset* on: 0 starts over, :attr:`size_bytes` goes on. Raises OSError."""
        self.close()
        self._digest = hashlib.sha256()
        self._fresh_validator = validator
        self._begun = True
        if offset:
            self._file = FileIO(self._part, "ab")
            self._file.truncate(offset)
            self._hash_what_is_here()
        self.size_bytes = offset

    def write(self, chunk: bytes) -> None:
        """Append *chunk*. Raises OSError."""
        if not self._begun:
            raise ValueError("begin() comes before write()")
        self._digest.update(chunk)
        self.size_bytes += len(chunk)
        if self._file is None:
            self._waiting += chunk
            if len(self._waiting) > IN_MEMORY_BYTES:
                self._spill()
        else:
            _write_all(self._file, chunk)

    def finish(self, *, synced: bool = True) -> str:
        """Move the bytes to their final place at once; return their SHA-256. Raises OSError.

        Not *synced*, a power cut may leave a file of another length, or none:
        whoever records it has to sync it first.
        """
        if not self._begun:
            raise ValueError("begin() comes before finish()")
        if self._file is None:
            self._file = created(self._part)
            self._write_waiting(self._file)
        if synced:
            os.fsync(self._file.fileno())
        self.close()
        self._part.replace(self._final)
        if self._noted:
            self._note.unlink(missing_ok=True)
        return self._digest.hexdigest()

    def close(self) -> None:
        """Close the file; the bytes stay, to be gone on with. Raises OSError."""
        if self._waiting:
            self._spill()
        if self._file is not None:
            self._file.close()
            self._file = None
        self._begun = False

    def discard(self) -> None:
        """Throw away the bytes: they are not what was asked for."""
        self._waiting.clear()
        self.close()
        self._part.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)
        self.size_bytes = 0

    def _spill(self) -> None:
        """Begin the file on disk, and note what it can be gone on with by."""
        # The old bytes go before their note does: killed in between, nothing is gone on with by the wrong one.
        self._file = created(self._part)
        if self._fresh_validator:
            with replacing(self._note) as note:
                note.write(self._fresh_validator.encode())
        else:
            self._note.unlink(missing_ok=True)
        self._noted = self._fresh_validator is not None
        self._write_waiting(self._file)

    def _write_waiting(self, file: FileIO) -> None:
        _write_all(file, self._waiting)
        self._waiting.clear()

    def _hash_what_is_here(self) -> None:
        with self._part.open("rb") as here:
            while chunk := here.read(CHUNK_BYTES):
                self._digest.update(chunk)


def _size_bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except (FileNotFoundError, NotADirectoryError):
        return 0


def _write_all(file: FileIO, data: bytes | bytearray) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]
