"""Files packed as a whole: what comes behind them, where they break, and what they say that they are called."""

from __future__ import annotations

import gzip
import lzma
import random
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from backports import zstd

from artstore.archives import ArchiveLimits, Budget, open_archive
from artstore.errors import ArchiveError
from artstore.settings import Settings
from tests.packed import PACKERS, tarred

LIMITS = ArchiveLimits.from_settings(Settings())

MEMBERS = {f"{number}.png": random.Random(number).randbytes(700) for number in range(3)}

NOISE = random.Random(9).randbytes(3000)

Wanted = Callable[[str], bool]


def given(
    name: str, content: bytes, tmp_path: Path, wanted: Wanted = lambda _: True
) -> tuple[dict[str, bytes], dict[str, str]]:
    """What came whole, and why what was asked for did not come: by member, and under *name* of the archive."""
    path = tmp_path / "archive"
    path.write_bytes(content)
    whole: dict[str, bytes] = {}
    reasons: dict[str, str] = {}
    try:
        with open_archive(name, path, Budget(LIMITS, len(content))) as archive:
            for member, source in archive.stream(lambda member: wanted(member.name)):
                try:
                    whole[member.name] = b"".join(iter(lambda: source.read(100), b""))  # noqa: B023 - called here
                except ArchiveError as error:
                    reasons[member.name] = error.reason
    except ArchiveError as error:
        reasons[name] = error.reason
    return whole, reasons


@pytest.mark.parametrize("behind", [b"\n", b"\0" * 100, b"no frame at all" * 10, b"\0" * 40_000 + b"x"])
@pytest.mark.parametrize("kind", PACKERS)
def test_what_comes_behind_a_packed_file_and_is_no_other_is_not_read(
    kind: str, behind: bytes, tmp_path: Path
) -> None:
    assert given(f"a.tar.{kind}", PACKERS[kind](tarred(MEMBERS)) + behind, tmp_path) == (MEMBERS, {})
    assert given(f"a.png.{kind}", PACKERS[kind](NOISE) + behind, tmp_path) == ({"a.png": NOISE}, {})


@pytest.mark.parametrize("between", [b"", b"\0" * 512, b"\0" * ((1 << 15) - 3)])
@pytest.mark.parametrize("kind", PACKERS)
def test_packed_files_that_follow_each_other_are_one(kind: str, between: bytes, tmp_path: Path) -> None:
    pack = PACKERS[kind]
    content = pack(NOISE[:1000]) + pack(b"") + between + pack(NOISE[1000:])
    assert given(f"a.png.{kind}", content, tmp_path) == ({"a.png": NOISE}, {})


def test_frames_of_zstandard_that_hold_nothing_are_passed_over(tmp_path: Path) -> None:
    skippable = b"\x50\x2a\x4d\x18" + b"\4\0\0\0" + b"size"
    content = skippable + zstd.compress(NOISE[:1000]) + skippable + zstd.compress(NOISE[1000:])
    assert given("a.png.zst", content, tmp_path) == ({"a.png": NOISE}, {})


CHECKED = PACKERS | {
    "zst": lambda data: zstd.compress(data, options={zstd.CompressionParameter.checksum_flag: 1})
}
"""With a checksum at the end, which only Zstandard may go without."""


@pytest.mark.parametrize("kind", CHECKED)
def test_a_file_that_is_cut_at_its_very_end_gives_its_members_and_says_so(kind: str, tmp_path: Path) -> None:
    content = CHECKED[kind](tarred(MEMBERS))
    for cut in (1, 4):
        whole = (MEMBERS, {f"a.tar.{kind}": "bad_archive"})
        assert given(f"a.tar.{kind}", content[:-cut], tmp_path) == whole


@pytest.mark.parametrize("kind", CHECKED)
def test_a_file_whose_checksum_is_another_gives_its_members_and_says_so(kind: str, tmp_path: Path) -> None:
    content = bytearray(CHECKED[kind](tarred(MEMBERS)))
    # Where each keeps a checksum: xz also has one of its index, which is near the end.
    content[{"gz": -8, "bz2": -3, "xz": -16, "zst": -2}[kind]] ^= 0xFF
    assert given(f"a.tar.{kind}", bytes(content), tmp_path) == (MEMBERS, {f"a.tar.{kind}": "bad_archive"})


@pytest.mark.parametrize("kind", PACKERS)
def test_of_a_file_that_is_cut_in_the_middle_what_came_before_is_given(kind: str, tmp_path: Path) -> None:
    # Of two frames, for bzip2 and Zstandard unpack nothing of half a block.
    first, second = (PACKERS[kind](part) for part in (tarred(MEMBERS)[:2500], tarred(MEMBERS)[2500:]))
    whole, reasons = given(f"a.tar.{kind}", first + second[:20], tmp_path)
    assert whole == {"0.png": MEMBERS["0.png"]}
    assert reasons == {"1.png": "bad_archive", f"a.tar.{kind}": "bad_archive"}


def test_a_single_file_that_is_cut_is_a_failure(tmp_path: Path) -> None:
    assert given("a.png.gz", PACKERS["gz"](NOISE)[:-9], tmp_path) == ({}, {"a.png": "bad_archive"})


def named(name: bytes, extra: bytes = b"", comment: bytes = b"") -> bytes:
    """A gz of noise with what a header may have besides."""
    flags = 4 * bool(extra) | 8 * bool(name) | 16 * bool(comment) | 2
    head = b"\x1f\x8b\x08" + bytes([flags]) + bytes(6)
    head += len(extra).to_bytes(2, "little") + extra if extra else b""
    head += name + b"\0" if name else b""
    head += comment + b"\0" if comment else b""
    return head + b"\0\0" + gzip.compress(NOISE, mtime=0)[10:]


def is_picture(name: str) -> bool:
    return name.endswith(".png")


@pytest.mark.parametrize(
    ("told", "name"),
    [
        (b"axe.png", "axe.png"),
        ("Größe.png".encode("latin-1"), "Größe.png"),
        ("Größe.png".encode(), "Größe.png"),
        (b"../../etc/axe.png", "axe.png"),
        (b"C:\\art\\axe.png", "axe.png"),
    ],
)
def test_a_gz_whose_own_name_tells_nothing_goes_by_the_name_in_it(
    told: bytes, name: str, tmp_path: Path
) -> None:
    content = named(told, extra=b"xyz", comment=b"by hand")
    assert given("sprites.gz", content, tmp_path, is_picture) == ({name: NOISE}, {})


def test_a_gz_that_is_called_like_a_picture_goes_by_its_own_name(tmp_path: Path) -> None:
    assert given("axe.png.gz", named(b"tmp.png"), tmp_path, is_picture) == ({"axe.png": NOISE}, {})


def test_a_gz_that_holds_no_picture_by_any_name_gives_nothing(tmp_path: Path) -> None:
    assert given("notes.gz", named(b"notes.txt"), tmp_path, is_picture) == ({}, {})
    assert given("notes.gz", named(b""), tmp_path, is_picture) == ({}, {})


def test_a_name_in_a_gz_that_does_not_end_is_a_failure(tmp_path: Path) -> None:
    content = b"\x1f\x8b\x08\x08" + bytes(6) + b"x" * 100_000
    assert given("a.gz", content, tmp_path) == ({}, {"a.gz": "bad_archive"})


def test_what_looks_back_farther_than_anybody_needs_is_refused(tmp_path: Path) -> None:
    content = bytearray(lzma.compress(NOISE, format=lzma.FORMAT_ALONE))
    assert given("a.png.lzma", bytes(content), tmp_path) == ({"a.png": NOISE}, {})
    content[1:5] = (1 << 30).to_bytes(4, "little")
    assert given("a.png.lzma", bytes(content), tmp_path) == ({}, {"a.png.lzma": "out_of_memory"})


@pytest.mark.parametrize("kind", PACKERS)
def test_a_bomb_is_read_in_pieces_and_ends_at_its_budget(kind: str, tmp_path: Path) -> None:
    path, taken = tmp_path / "archive", BytesIO()
    path.write_bytes(PACKERS[kind](bytes(8 << 20)))
    budget = Budget(LIMITS, 0)
    with open_archive(f"a.png.{kind}", path, budget) as archive:
        ((_, source),) = archive.stream(lambda _: True)
        with pytest.raises(ArchiveError, match="archive_too_large"):
            taken.writelines(budget.chunks(source))
    assert taken.tell() <= 1 << 20
