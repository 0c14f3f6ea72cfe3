"""Damage that nobody thought of: readers and decoders give what they can, or a reason, and nothing else."""

from __future__ import annotations

import struct
import zlib
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from artstore.archives import ArchiveLimits, Budget, open_archive
from artstore.errors import ArchiveError, PictureError
from artstore.images import describe, read_rgba
from artstore.settings import Settings
from tests import broken

MANY_PX = 1 << 20

LIMITS = replace(
    ArchiveLimits.from_settings(Settings()),
    total_bytes=1 << 25,
    member_bytes=1 << 24,
    members=1000,
    time_s=20.0,
)

OWN = sorted(
    name for name in broken.ARCHIVES if not name.endswith((".7z", ".rar")) and name not in broken.ODD_ZIPS
)

BY_7ZIP = sorted(broken.ARCHIVES.keys() - set(OWN))
"""Two processes for each: few examples."""

NUMBERS = [
    0,
    1,
    64,
    *(1 << bits for bits in (7, 15, 31, 63)),
    *((1 << bits) - 1 for bits in (7, 8, 15, 16, 31, 32, 64)),
]
"""On which arithmetic breaks."""


def number_as(number: int, size_bytes: int, order: Literal["little", "big"]) -> bytes:
    return (number & (1 << 8 * size_bytes) - 1).to_bytes(size_bytes, order)


Damage = tuple[float, bytes | int]
"""Where, from 0 at the beginning to 1 at the end, and what is written there; or how many bytes are lost."""

HALVES = st.floats(0, 1, exclude_max=True)
# Headers are at the beginning, or, of zips and 7z, at the end.
PLACES = HALVES | HALVES.map(lambda place: place**4) | HALVES.map(lambda place: 1 - 2**-20 - place**4 * 0.5)
WRITTEN = st.binary(min_size=1, max_size=4) | st.builds(
    number_as, st.sampled_from(NUMBERS), st.sampled_from([1, 2, 4, 8]), st.sampled_from(["little", "big"])
)
DAMAGES = st.lists(st.tuples(PLACES, WRITTEN | st.integers(1, 300)), min_size=1, max_size=6)


def damaged(content: bytes, damages: Sequence[Damage]) -> bytes:
    out = bytearray(content)
    for place, what in damages:
        at = min(max(0, int(place * len(out))), max(0, len(out) - 1))
        if isinstance(what, int):
            del out[at : at + what]
        else:
            out[at : at + len(what)] = what
    return bytes(out)


def proved_png(content: bytes) -> bytes:
    """Put the checksums of a PNG right: with wrong ones, nothing behind them is looked at."""
    out, at = content[:8], 8
    while at + 12 <= len(content):
        end = at + 8 + int.from_bytes(content[at : at + 4])
        out += content[at:end] + struct.pack(">L", zlib.crc32(content[at + 4 : end]))
        at = end + 4
    return out


def proved_7z(content: bytes) -> bytes:
    """Put the checksums of the headers of a 7z right."""
    if len(content) < 32:
        return content
    out = bytearray(content)
    offset, size = struct.unpack_from("<QQ", out, 12)
    struct.pack_into("<L", out, 28, zlib.crc32(content[32 + offset : 32 + offset + size]))
    struct.pack_into("<L", out, 8, zlib.crc32(out[12:32]))
    return bytes(out)


def proved_tar(content: bytes) -> bytes:
    """Put the checksum of each header of a tar right."""
    out = bytearray(content)
    for at in range(0, len(out) - 511, 512):
        if out[at + 257 : at + 262] == b"ustar":
            out[at + 148 : at + 156] = b" " * 8
            out[at + 148 : at + 156] = b"%06o\0 " % sum(out[at : at + 512])
    return bytes(out)


PROVED: dict[str, Callable[[bytes], bytes]] = {".png": proved_png, ".7z": proved_7z, ".tar": proved_tar}


def broken_one(name: str, damages: Sequence[Damage], *, proved: bool) -> bytes:
    content = damaged(whole(name), damages)
    prove = PROVED.get(Path(name).suffix)
    return prove(content) if proved and prove else content


@cache
def whole(name: str) -> bytes:
    return (broken.ARCHIVES | broken.PICTURES)[name]()


def read_all(name: str, path: Path, content: bytes) -> None:
    """Read every member to its end, as unpacking does."""
    path.write_bytes(content)
    budget = Budget(LIMITS, len(content))
    with suppress(ArchiveError), open_archive(name, path, budget) as archive:
        for member, source in archive.stream(lambda member: member.refused is None):
            assert isinstance(member.name, str)
            with suppress(ArchiveError):
                deque(budget.chunks(source), maxlen=0)


def look_at(name: str, content: bytes) -> None:
    picture = BytesIO(content)
    picture.name = name
    with suppress(PictureError):
        facts = describe(picture, MANY_PX)
        assert 0 < facts.width_px * facts.height_px <= MANY_PX
        assert facts.frames >= 1
    picture.seek(0)
    with suppress(PictureError):
        rgba = read_rgba(picture, MANY_PX)
        assert rgba.shape[2] == 4
        assert rgba.shape[0] * rgba.shape[1] <= MANY_PX


@given(st.sampled_from(sorted(broken.PICTURES)), DAMAGES, st.booleans())
@settings(max_examples=1500, deadline=None)
@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::RuntimeWarning")
def test_a_damaged_picture_is_a_picture_or_has_a_reason(
    name: str,
    damages: list[Damage],
    proved: bool,  # noqa: FBT001
) -> None:
    look_at(name, broken_one(name, damages, proved=proved))


@given(st.sampled_from(OWN), DAMAGES, st.booleans())
@settings(max_examples=800, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_damaged_archive_gives_members_or_a_reason(
    tmp_path: Path,
    name: str,
    damages: list[Damage],
    proved: bool,  # noqa: FBT001
) -> None:
    read_all(name, tmp_path / "archive", broken_one(name, damages, proved=proved))


@given(st.sampled_from(BY_7ZIP), DAMAGES, st.booleans())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_archive_that_7zip_reads_gives_members_or_a_reason(
    tmp_path: Path,
    name: str,
    damages: list[Damage],
    proved: bool,  # noqa: FBT001
) -> None:
    read_all(name, tmp_path / "archive", broken_one(name, damages, proved=proved))


@given(st.sampled_from(["gz", "bz2", "xz", "zst"]), DAMAGES)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_tar_in_sound_packing_gives_members_or_a_reason(
    tmp_path: Path, kind: str, damages: list[Damage]
) -> None:
    tar = broken_one("plain.tar", damages, proved=True)
    read_all(f"a.tar.{kind}", tmp_path / "archive", broken.PACKERS[kind](tar))


@given(
    st.sampled_from(sorted(broken.ARCHIVES)),
    st.sampled_from(sorted(broken.PICTURES)),
    st.binary(max_size=200),
)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::RuntimeWarning")
def test_anything_behind_a_true_beginning_has_a_reason(
    tmp_path: Path, archive: str, picture: str, noise: bytes
) -> None:
    read_all(archive, tmp_path / "archive", whole(archive)[:12] + noise)
    look_at(picture, whole(picture)[:12] + noise)
