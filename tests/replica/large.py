"""Files of any size that are nowhere whole: `large/<megabytes>mb.bin`, made piece by piece while they are sent."""

from __future__ import annotations

import hashlib
import re
from functools import cache
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER: Final = "large/"
MEGABYTE: Final = 1_000_000
LARGEST_MB: Final = 100_000

BLOCK_BYTES: Final = 1 << 18
"""Every block is another turn of the same noise, so a piece in the wrong place is seen."""


def name(megabytes: int) -> str:
    return f"{FOLDER}{megabytes}mb.bin"


def megabytes_of(name: str) -> int | None:
    """The size that a name asks for; None for any other name."""
    form = re.fullmatch(rf"{FOLDER}([1-9]\d{{0,5}})mb\.bin", name)
    return int(form[1]) if form and int(form[1]) <= LARGEST_MB else None


def size(megabytes: int) -> int:
    return megabytes * MEGABYTE


@cache
def noise() -> bytes:
    once = np.random.default_rng(1).bytes(BLOCK_BYTES)
    return once + once


def pieces(start: int, stop: int) -> Iterator[bytes]:
    """The bytes from *start* up to *stop*, block by block."""
    while start < stop:
        block, within = divmod(start, BLOCK_BYTES)
        length = min(BLOCK_BYTES - within, stop - start)
        turn = block % BLOCK_BYTES + within
        yield noise()[turn : turn + length]
        start += length


def whole(name: str) -> bytes:
    """All of it, in memory: for small ones."""
    return b"".join(pieces(0, size(megabytes_of(name) or 0)))


def sha256(megabytes: int) -> str:
    """What a complete download has, in hexadecimal."""
    digest = hashlib.sha256()
    for piece in pieces(0, size(megabytes)):
        digest.update(piece)
    return digest.hexdigest()
