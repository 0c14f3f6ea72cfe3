"""What readers raise on broken input, told as what is wrong with the archive."""

from __future__ import annotations

import lzma
import struct
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from artstore.errors import SYSTEM_ERRORS, ArchiveError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

# Each seen, or read in the sources of the readers. Not Exception: a bug of ours must show.
_ERRORS = (
    zipfile.BadZipFile,
    tarfile.TarError,
    lzma.LZMAError,
    zlib.error,
    zstd.ZstdError,
    struct.error,
    EOFError,
    OSError,
    # Of headers that are no numbers, or no text.
    ValueError,
    LookupError,
    OverflowError,
    # Also NotImplementedError, of an unknown method, and RecursionError, of headers that follow each other for ever.
    RuntimeError,
)


@contextmanager
def explained(reason: str) -> Iterator[None]:
    """Raise what a reader raises as :class:`~artstore.errors.ArchiveError` for *reason*, or as ``out_of_memory``.

    What is the machine's fault is raised as it is.
    """
    try:
        yield
    except MemoryError as error:
        raise ArchiveError("out_of_memory", "unpacking it takes more memory than there is") from error
    except _ERRORS as error:
        if isinstance(error, OSError) and error.errno in SYSTEM_ERRORS:
            raise
        if isinstance(error, lzma.LZMAError | zstd.ZstdError) and "memory" in str(error).lower():
            raise ArchiveError("out_of_memory", "it looks back farther than anybody needs") from error
        raise ArchiveError(reason, f"{type(error).__name__}: {error}") from error
