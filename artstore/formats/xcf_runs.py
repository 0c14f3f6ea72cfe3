"""The packing of tiles in XCF files: runs of bytes.

code 0-126      the next byte, code + 1 times
code 127        a number of two bytes, and a byte that many times
code 128        a number of two bytes, and that many bytes as they are
code 129-255    256 - code bytes as they are
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

MANY = 64
"""From so many tiles on it pays to unpack them side by side: a step is then some 20 calls of numpy for all of them,
instead of some 10 steps of Python for each."""

_LONG_RUN, _LONG_COPY = 127, 128

_COUNTS = np.array([code + 1 if code < _LONG_RUN else 256 - code for code in range(256)], np.int64)
"""How many bytes a code makes; of those that are followed by a number, less than nothing."""
_COUNTS[[_LONG_RUN, _LONG_COPY]] = -1

_STEPS = np.array([2 if code < _LONG_RUN else 257 - code for code in range(256)], np.int64)
"""How far it is from a code to the next one."""


def undone(tiles: Sequence[bytes], sizes_bytes: Sequence[int]) -> tuple[bytes, int]:
    """Unpack *tiles* to exactly so many bytes of each, one after the other.

    Returns them with the number of packed bytes that it took: what follows in a
    tile is not looked at. Raises OSError if a tile ends too early, ValueError if
    its last run is too long.
    """
    if len(tiles) < MANY:
        done = [_one_by_one(*tile) for tile in zip(tiles, sizes_bytes, strict=True)]
        return b"".join(plain for plain, _ in done), sum(taken for _, taken in done)
    return _side_by_side(tiles, sizes_bytes)


def _one_by_one(data: bytes, size_bytes: int) -> tuple[bytes, int]:
    parts: list[bytes] = []
    made, at, end = 0, 0, len(data)
    while made < size_bytes and at < end:
        code = data[at]
        at += 1
        if code in {_LONG_RUN, _LONG_COPY}:
            count = int.from_bytes(data[at : at + 2], "big")
            at += 2
        else:
            count = code + 1 if code < _LONG_RUN else 256 - code
        if code < _LONG_COPY:
            parts.append(data[at : at + 1] * count)
            at += 1
        else:
            parts.append(data[at : at + count])
            at += count
        made += count
    plain = b"".join(parts)
    _check(too_short=made < size_bytes or len(plain) < made, too_long=made > size_bytes)
    return plain, at


def _side_by_side(tiles: Sequence[bytes], sizes_bytes: Sequence[int]) -> tuple[bytes, int]:
    # One byte more, so that there is something to read even of tiles that are all empty.
    packed = np.frombuffer(b"".join(tiles) + b"\0", np.uint8)
    lengths = np.array([len(tile) for tile in tiles], np.int64)
    ends = np.cumsum(lengths)
    codes_at, taken = _codes(packed, ends - lengths, ends, np.array(sizes_bytes, np.int64))
    return np.repeat(packed, _repeats(packed, codes_at)).tobytes(), taken


def _codes(
    packed: NDArray[np.uint8], at: NDArray[np.int64], ends: NDArray[np.int64], left: NDArray[np.int64]
) -> tuple[NDArray[np.int64], int]:
    """Find all codes, and how many bytes belong to them.

    *at* is where each tile begins, *ends* where it ends, *left* how many bytes it makes.
    """
    found = []
    taken = -int(at.sum())
    while at.size:
        found.append(at)
        # A broken tile runs on into the next one, or past the last byte, until it made enough: then it is found out.
        code = packed.take(at, mode="clip")
        count = _COUNTS.take(code)
        at = at + _STEPS.take(code)
        if count.min() < 0:
            is_long = count < 0
            count[is_long] = _number(packed, found[-1][is_long])
            at[is_long] = found[-1][is_long] + np.where(code[is_long] == _LONG_RUN, 4, 3 + count[is_long])
        left = left - count
        if left.min() <= 0:
            is_done = left <= 0
            _check(too_short=bool((at > ends)[is_done].any()), too_long=bool((left < 0).any()))
            taken += int(at[is_done].sum())
            at, ends, left = at[~is_done], ends[~is_done], left[~is_done]
    return np.concatenate(found), taken


def _number(packed: NDArray[np.uint8], at: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the number of two bytes after each code *at*."""
    high, low = (packed.take(at + beyond, mode="clip").astype(np.int64) for beyond in (1, 2))
    return high * 256 + low


def _repeats(packed: NDArray[np.uint8], codes_at: NDArray[np.int64]) -> NDArray[np.int64]:
    """Say how often each byte is in what is unpacked: codes not at all, bytes to be copied once."""
    code = packed[codes_at]
    count = _COUNTS[code]
    is_long = count < 0
    count[is_long] = _number(packed, codes_at[is_long])
    first = codes_at + np.where(is_long, 3, 1)
    is_run = code < _LONG_COPY
    # Bytes that are copied begin to count once at their first, and stop after their last.
    repeats = np.zeros(packed.size + 1, np.int64)
    repeats[first[~is_run]] += 1
    repeats[(first + count)[~is_run]] -= 1
    np.cumsum(repeats, out=repeats)
    repeats[first[is_run]] = count[is_run]
    return repeats[:-1]


def _check(*, too_short: bool, too_long: bool) -> None:
    if too_long:
        raise ValueError("a run is longer than its tile")
    if too_short:
        raise OSError("a tile ends too early")
