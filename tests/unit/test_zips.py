"""Zips as they really are: directories that lie in one place, lost directories, members that are not what they say."""

from __future__ import annotations

import random
import struct
import subprocess
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from artstore.archives import (
    ArchiveLimits,
    Budget,
    Member,
    archive_kind,
    is_archive_name,
    kinds,
    open_archive,
)
from artstore.archives.policy import CHUNK_BYTES
from artstore.archives.tools import seven_zip
from artstore.archives.zips import ZipReader
from artstore.errors import ArchiveError
from artstore.settings import Settings
from tests.packed import ZipEntry, by_7zip, zipped_by, zipped_odd, zipped_raw

WIDE = ArchiveLimits.from_settings(Settings())

LARGE = random.Random(1).randbytes(200_000) + bytes(200_000)

GOOD = ZipEntry(b"good.png", b"good", is_deflated=True)

WHOLE = ""
"""Under it stands the reason of an archive, as that of a member under its name."""

LINK, PIPE, PLAIN = 0o120777 << 16, 0o010666 << 16, 0o100644 << 16

NARROW = 0xFFFFFFFF
"""What stands where 32 bits are too few."""

DOS, UNIX, NTFS, MACOS = 0, 3, 10, 19


def read(
    content: bytes, tmp_path: Path, limits: ArchiveLimits = WIDE
) -> tuple[dict[str, bytes], dict[str, str]]:
    """What came of the members of a zip, and the reasons of what did not come."""
    path = tmp_path / "archive"
    path.write_bytes(content)
    whole: dict[str, bytes] = {}
    reasons: dict[str, str] = {}

    def wanted(member: Member) -> bool:
        if member.refused:
            reasons[member.name] = member.refused.reason
        return True

    try:
        with open_archive("a.zip", path, Budget(limits, len(content))) as archive:
            for member, source in archive.stream(wanted):
                try:
                    whole[member.name] = b"".join(iter(lambda: source.read(CHUNK_BYTES), b""))  # noqa: B023
                except ArchiveError as error:
                    reasons[member.name] = error.reason
    except ArchiveError as error:
        reasons[WHOLE] = error.reason
    return whole, reasons


def extra_field(kind: int, content: bytes, claimed_bytes: int | None = None) -> bytes:
    return struct.pack("<HH", kind, len(content) if claimed_bytes is None else claimed_bytes) + content


def unicode_path(name: bytes, said: bytes) -> bytes:
    return extra_field(0x7075, struct.pack("<BL", 1, zlib.crc32(name)) + said)


ODD = {
    "a name that is not in UTF-8 as it says": ("ä.png", ZipEntry(b"\x84.png", flags=0x800)),
    "an extra field that is cut off": ("a.png", ZipEntry(b"a.png", extra=extra_field(1, b"", 100))),
    "an extra field of sizes that are missing": (
        "a.png",
        ZipEntry(b"a.png", packed_bytes=0, extra=extra_field(1, b"123")),
    ),
    "a Unicode path that is none": ("a.png", ZipEntry(b"a.png", extra=unicode_path(b"a.png", b"\xff"))),
    "a Unicode path of another name": ("a.png", ZipEntry(b"a.png", extra=unicode_path(b"b.png", b"c.png"))),
    "a version that is still to come": ("a.png", ZipEntry(b"a.png", needs=90)),
}


@pytest.mark.parametrize("odd", ODD)
def test_one_odd_entry_costs_no_member(odd: str, tmp_path: Path) -> None:
    name, entry = ODD[odd]
    assert read(zipped_odd([entry, GOOD]), tmp_path) == ({name: b"", "good.png": b"good"}, {})


ENDS: dict[str, Callable[[bytes], bytes]] = {
    "behind a program": lambda zipped: b"MZ" * 500 + zipped,
    "before some bytes": lambda zipped: zipped + b"z" * 500,
    "before many bytes": lambda zipped: zipped + b"z" * 70_000,
    "before a false end": lambda zipped: zipped + b"PK\x05\x06" + b" of the zip" * 9,
    "with a gap before its end": lambda zipped: zipped[:-22] + bytes(9) + zipped[-22:],
}


@pytest.mark.parametrize("end", ENDS)
def test_a_zip_with_other_bytes_around_it_is_read(end: str, tmp_path: Path) -> None:
    content = ENDS[end](zipped_odd([ZipEntry(b"a.png", b"a"), GOOD]))
    assert read(content, tmp_path) == ({"a.png": b"a", "good.png": b"good"}, {})


def test_a_comment_may_speak_of_ends(tmp_path: Path) -> None:
    assert read(zipped_odd([GOOD], comment=b"PK\x05\x06 is the end of a zip. " * 20), tmp_path)[1] == {}


def test_the_members_of_a_zip_without_its_directory_are_read_and_it_says_that_it_is_broken(
    tmp_path: Path,
) -> None:
    content = zipped_odd([ZipEntry(b"a.png", b"a" * 99), GOOD])
    cut = content[: content.index(b"PK\x01\x02") + 10]
    assert read(cut, tmp_path) == ({"a.png": b"a" * 99, "good.png": b"good"}, {WHOLE: "bad_archive"})


def test_a_directory_that_breaks_off_is_left_to_7zip(tmp_path: Path) -> None:
    content = bytearray(zipped_odd([ZipEntry(b"a.png", b"a"), GOOD]))
    content[content.rindex(b"PK\x01\x02")] = 0
    whole, reasons = read(bytes(content), tmp_path)
    assert whole == {"a.png": b"a", "good.png": b"good"}
    assert reasons == {WHOLE: "bad_archive"}


@pytest.mark.parametrize("has_7zip", [True, False])
def test_what_is_no_zip_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, has_7zip: bool) -> None:
    if not has_7zip:
        monkeypatch.setattr(kinds, "seven_zip", lambda _: None)
    (tmp_path / "a.zip").write_bytes(b"<html>" * 50)
    with pytest.raises(ArchiveError, match="bad_archive: no zip: it has no directory"):
        open_archive("a.zip", tmp_path / "a.zip", Budget(WIDE, 300))


def test_an_empty_zip_gives_nothing(tmp_path: Path) -> None:
    assert read(zipped_odd([]), tmp_path) == ({}, {})


def test_a_zip_that_says_falsely_that_it_is_empty_is_not_believed(tmp_path: Path) -> None:
    content = bytearray(zipped_odd([GOOD]))
    content[-12:-6] = bytes(6)
    assert read(bytes(content), tmp_path)[0] == {"good.png": b"good"}


@pytest.mark.parametrize("content", [b"small", LARGE], ids=["small", "large"])
@pytest.mark.parametrize("is_deflated", [False, True], ids=["stored", "deflated"])
def test_the_directory_is_believed_and_not_the_header_before_a_member(
    content: bytes, tmp_path: Path, *, is_deflated: bool
) -> None:
    entry = ZipEntry(b"d/a.png", content, is_deflated, local_name=b"d\\another.png")
    assert read(zipped_odd([entry, GOOD]), tmp_path) == ({"d/a.png": content, "good.png": b"good"}, {})


@pytest.mark.parametrize("content", [b"small" * 9, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("is_deflated", [False, True], ids=["stored", "deflated"])
@pytest.mark.parametrize("lie", [{"size_bytes": -1}, {"size_bytes": 1}, {"packed_bytes": -4}])
def test_a_member_of_another_length_than_it_says_costs_only_itself(
    lie: dict[str, int], content: bytes, tmp_path: Path, *, is_deflated: bool
) -> None:
    entry = ZipEntry(b"a.png", content, is_deflated)
    if "size_bytes" in lie:
        told = entry._replace(size_bytes=len(content) + lie["size_bytes"])
    else:
        packed_bytes = zipped_odd([entry]).index(b"PK\x01\x02") - 30 - len(entry.name)
        told = entry._replace(packed_bytes=packed_bytes + lie["packed_bytes"])
    whole, reasons = read(zipped_odd([told, GOOD]), tmp_path)
    assert (whole, reasons) == ({"good.png": b"good"}, {"a.png": "bad_member"})


def test_no_more_is_unpacked_than_a_member_says(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(
        zipped_odd([ZipEntry(b"a.png", bytes(10_000_000), is_deflated=True, size_bytes=100_000)])
    )
    budget = Budget(WIDE, 1 << 20)
    left = budget.total_left
    with open_archive("a.zip", tmp_path / "a.zip", budget) as archive:
        ((_, source),) = archive.stream(lambda _: True)
        with pytest.raises(ArchiveError, match="bad_member"):
            source.read()
    assert left - budget.total_left == 100_000


@pytest.mark.parametrize("size", [1, 7, 1000, CHUNK_BYTES, -1])
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_member_is_the_same_in_pieces_of_any_size(method: int, size: int, tmp_path: Path) -> None:
    content = LARGE[180_000:230_000]
    (tmp_path / "a.zip").write_bytes(zipped_by(method, {"a.png": content}))
    with open_archive("a.zip", tmp_path / "a.zip", Budget(WIDE, 1 << 20)) as archive:
        for _, source in archive.stream(lambda _: True):
            assert b"".join(iter(lambda: source.read(size), b"")) == content  # noqa: B023


def test_a_packed_size_that_lies_costs_only_its_member(tmp_path: Path) -> None:
    entries = [ZipEntry(f"{number}.png".encode(), b"x" * number) for number in range(6)]
    entries[2] = entries[2]._replace(packed_bytes=50_000_000)
    whole, reasons = read(zipped_odd(entries), tmp_path)
    assert list(whole) == ["0.png", "1.png", "3.png", "4.png", "5.png"]
    assert reasons == {"2.png": "overlapping"}


def test_of_members_that_lie_in_each_other_only_the_innermost_is_read(tmp_path: Path) -> None:
    inner = zipped_odd([GOOD])
    inner = inner[: inner.index(b"PK\x01\x02")]
    entries = [
        ZipEntry(b"outer.png", inner),
        GOOD._replace(at=30 + len(b"outer.png")),
        ZipEntry(b"after.png", b"x"),
    ]
    assert read(zipped_odd(entries), tmp_path) == (
        {"good.png": b"good", "after.png": b"x"},
        {"outer.png": "overlapping"},
    )


def test_a_folder_may_lie_anywhere(tmp_path: Path) -> None:
    assert read(zipped_odd([GOOD, ZipEntry(b"folder/", at=0)]), tmp_path) == ({"good.png": b"good"}, {})


@pytest.mark.parametrize(
    ("host", "attributes", "expected"),
    [
        (UNIX, LINK, "link"),
        (MACOS, LINK, "link"),
        (UNIX, PIPE, "device"),
        (UNIX, PLAIN, None),
        (DOS, LINK | 0x20, None),
        (NTFS, PIPE, None),
    ],
)
def test_a_mode_is_believed_where_there_are_modes(
    host: int, attributes: int, expected: str | None, tmp_path: Path
) -> None:
    entry = ZipEntry(b"a.png", b"x", host=host, attributes=attributes)
    reasons = {"a.png": expected} if expected else {}
    assert read(zipped_odd([entry]), tmp_path)[1] == reasons


def directory_of(number: int) -> bytes:
    """A zip that is nothing but a directory, and an end that says less of it."""
    one = zipped_odd([ZipEntry(b"a", b"")])
    entry = one[one.index(b"PK\x01\x02") : -22]
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, number * len(entry), 0, 0)
    return number * entry + end


def test_more_entries_than_there_may_be_take_no_memory_and_are_said(tmp_path: Path) -> None:
    content = directory_of(60_000)
    limits = replace(WIDE, members=5_000)
    path = tmp_path / "a.zip"
    path.write_bytes(content)
    tracemalloc.start()
    with pytest.raises(ArchiveError, match="too_many_members"):
        open_archive("a.zip", path, Budget(limits, len(content)))
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()


def test_entries_up_to_the_limit_are_read_and_then_it_is_said(tmp_path: Path) -> None:
    entries = [ZipEntry(b"folder/"), ZipEntry(b"a.png", b"a"), ZipEntry(b"b.png", b"b"), GOOD]
    limits = replace(WIDE, members=3)
    assert read(zipped_odd(entries), tmp_path, limits) == (
        {"a.png": b"a", "b.png": b"b"},
        {WHOLE: "too_many_members"},
    )
    assert read(zipped_odd(entries[1:]), tmp_path, limits)[1] == {}


def test_a_directory_of_long_names_is_as_bad_as_one_of_many(tmp_path: Path) -> None:
    entries = [ZipEntry(f"{number:065000}".encode()) for number in range(9)]
    assert read(zipped_odd(entries), tmp_path, replace(WIDE, members=10))[1] == {WHOLE: "too_many_members"}


def wide(content: bytes, disks: int = 1) -> bytes:
    """*content*, a zip without a comment, with the end that zip64 has."""
    directory_bytes, place = struct.unpack("<2L", content[-10:-2])
    at = len(content) - 22
    end = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 1, 1, directory_bytes, place)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, at, disks)
    narrow = struct.pack("<4s4H2LH", b"PK\x05\x06", *[0xFFFF] * 4, NARROW, NARROW, 0)
    return content[:at] + end + locator + narrow


@pytest.mark.parametrize("before", [b"", b"MZ" * 500])
def test_a_zip64_is_read_by_its_wide_fields(before: bytes, tmp_path: Path) -> None:
    field = extra_field(1, struct.pack("<3Q", len(LARGE), len(LARGE), 30 + len("b.pnggood")))
    told = ZipEntry(b"a.png", LARGE, packed_bytes=NARROW, size_bytes=NARROW, at=NARROW, extra=field)
    content = wide(zipped_odd([ZipEntry(b"b.png", b"good"), told]))
    assert read(before + content, tmp_path) == ({"b.png": b"good", "a.png": LARGE}, {})


@pytest.mark.parametrize(
    "content",
    [zipped_odd([GOOD], disk=3), zipped_odd([GOOD], b"a comment", disk=1), wide(zipped_odd([GOOD]), disks=2)],
    ids=["last of four", "with a comment", "zip64"],
)
def test_the_last_disk_of_a_zip_says_that_it_is_one_of_several(content: bytes, tmp_path: Path) -> None:
    assert read(content, tmp_path) == ({}, {WHOLE: "multi_volume"})


@pytest.mark.parametrize(
    "name", ["a.zip.001", "a.7z.001", "a.7z.012", "A.RAR.003", "a.tar.gz.001", "a.tgz.002"]
)
@pytest.mark.parametrize("head", [b"", b"7z\xbc\xaf\x27\x1c"])
def test_a_numbered_part_of_an_archive_says_that_it_is_one_of_several(
    name: str, head: bytes, tmp_path: Path
) -> None:
    (tmp_path / "part").write_bytes(head + b"middle of an archive")
    assert is_archive_name(name)
    assert archive_kind(name, b"") is not None
    with pytest.raises(ArchiveError, match="multi_volume"):
        open_archive(name, tmp_path / "part", Budget(WIDE, 100))


@pytest.mark.parametrize(
    "name", ["a.001", "a.png.001", "zip.001", "a.zip.1", "a.zip.0001", "a.7z.x01", "a.zip001"]
)
def test_a_number_at_the_end_alone_makes_no_archive(name: str) -> None:
    assert not is_archive_name(name)
    assert archive_kind(name, b"") is None


def told_by_7zip(path: Path) -> list[str]:
    listing = subprocess.run(
        [str(seven_zip("zip")), "l", "-slt", "-tzip", "-sccUTF-8", path], capture_output=True, check=True
    )
    lines = listing.stdout.decode(errors="replace").partition("----------\n")[2].splitlines()
    return [line.removeprefix("Path = ") for line in lines if line.startswith("Path = ")]


def test_the_names_of_a_zip_are_those_that_7zip_lists_one_by_one(tmp_path: Path) -> None:
    names = ["z.png", "folder", "folder/剣士攻.png", "z.png", "背景.png", "folder", "back\\c.png"]
    entries = [
        ZipEntry(f"{name}/".encode() if name == "folder" else name.encode("cp932"), b"x" * len(name))
        for name in names
    ]
    (tmp_path / "a.zip").write_bytes(zipped_odd(entries))
    with ZipReader(tmp_path / "a.zip", Budget(WIDE, 1000)) as reader:
        mine = [name.removesuffix("/") for name in reader.names]
    theirs = told_by_7zip(tmp_path / "a.zip")
    assert mine == names
    assert [name if name.isascii() else "" for name in mine] == [
        name if name.isascii() else "" for name in theirs
    ]


def test_names_of_members_that_only_7zip_unpacks_are_read_here(tmp_path: Path) -> None:
    members = {"xxxxxx.png": b"x" * 300, "b.png": b"y" * 300}
    content = by_7zip("zip", members, "-mm=Deflate64").replace(b"xxxxxx", "剣士攻".encode("cp932"))
    assert read(content, tmp_path) == ({"剣士攻.png": b"x" * 300, "b.png": b"y" * 300}, {})


def test_a_unicode_path_is_believed_before_the_name_that_it_stands_for(tmp_path: Path) -> None:
    entry = ZipEntry(b"?.png", b"x", extra=unicode_path(b"?.png", "図.png".encode()))
    assert read(zipped_odd([entry]), tmp_path)[0] == {"図.png": b"x"}


def test_a_name_that_lies_about_utf_8_takes_none_of_the_others_along(tmp_path: Path) -> None:
    said = "Größe.png".encode()
    names = list(read(zipped_raw({said: b"x", b"\xff\xfe.png": b"y"}, flags=0x800), tmp_path)[0])
    assert names[0] == "Größe.png"
    assert len(names) == 2
