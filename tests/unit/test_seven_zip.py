"""What 7-Zip reads: one bad member costs only itself, though all come through one pipe."""

from __future__ import annotations

import random
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from artstore.archives.policy import ArchiveLimits, Budget
from artstore.archives.sevenzip import MOST_BROKEN, SevenZipReader
from artstore.archives.tools import seven_zip
from artstore.errors import ArchiveError
from artstore.settings import Settings
from tests.packed import by_7zip, by_7zip_after, zstd_7z

WIDE = ArchiveLimits.from_settings(Settings())

Read = tuple[dict[str, bytes], dict[str, str]]
"""What came of each member: its bytes, or a reason."""


def drawings(count: int) -> dict[str, bytes]:
    """Bytes that can be packed, so that a flipped one changes how many come out."""
    return {
        f"p[{number:02}]*.png": bytes(random.Random(number).choices(b"abcdef", k=4000))
        for number in range(count)
    }


def read(path: Path, kind: str, limits: ArchiveLimits = WIDE) -> Read:
    whole: dict[str, bytes] = {}
    reasons: dict[str, str] = {}
    with SevenZipReader(path, kind, Budget(limits, path.stat().st_size)) as archive:
        try:
            for member, source in archive.stream(lambda _: True):
                content = b""
                try:
                    while chunk := source.read(1000):
                        content += chunk
                    whole[member.name] = content
                except ArchiveError as error:
                    reasons[member.name] = error.reason
        except ArchiveError as error:
            reasons["*"] = str(error)
    return whole, reasons


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("7z", ["-ms=off", "-m0=LZMA2"]),
        ("7z", ["-ms=off", "-m0=BZip2"]),
        ("7z", ["-ms=off", "-m0=PPMd"]),
        ("zip", ["-mm=Deflate64"]),
        ("zip", ["-mm=BZip2"]),
    ],
)
def test_a_bad_member_in_the_middle_costs_only_itself(kind: str, options: list[str], tmp_path: Path) -> None:
    members = drawings(6)
    content = bytearray(by_7zip(kind, members, *options))
    content[len(content) * 5 // 12] ^= 0xFF
    (tmp_path / "a").write_bytes(content)
    bad = "p[02]*.png"
    expected = {name: whole for name, whole in members.items() if name != bad}
    assert read(tmp_path / "a", kind) == (expected, {bad: "bad_member"})


def test_a_bad_member_costs_only_itself_whatever_its_name_is_written_in(tmp_path: Path) -> None:
    members = {f"xxx{number}.png": content for number, content in enumerate(drawings(6).values())}
    content = bytearray(by_7zip("zip", members, "-mm=Deflate64").replace(b"xxx", "щит".encode("cp866")))
    content[len(content) * 5 // 12] ^= 0xFF
    (tmp_path / "a.zip").write_bytes(content)
    whole, reasons = read(tmp_path / "a.zip", "zip")
    assert (sorted(whole), reasons) == (
        [f"щит{number}.png" for number in (0, 1, 3, 4, 5)],
        {"щит2.png": "bad_member"},
    )


def test_a_bad_member_whose_name_has_no_room_on_a_command_line_ends_the_archive(tmp_path: Path) -> None:
    # Said to be copied, though it is packed: 7-Zip sends what is packed, which is another length and has another checksum.
    content = zstd_7z({"x" * 70_000 + ".png": b"x" * 300, "b.png": b"y"}, method=0x00000000)
    (tmp_path / "a.7z").write_bytes(content)
    assert "bad_archive" in read(tmp_path / "a.7z", "7z")[1]["*"]


def test_what_is_read_anew_behind_a_bad_member_is_not_counted_again(tmp_path: Path) -> None:
    members = drawings(6)
    content = bytearray(by_7zip("7z", members, "-ms=off", "-m0=LZMA2"))
    content[len(content) * 9 // 12] ^= 0xFF
    (tmp_path / "a").write_bytes(content)
    whole, _ = read(tmp_path / "a", "7z", replace(WIDE, total_bytes=6 * 4000))
    assert len(whole) == 5


def test_an_archive_that_is_broken_all_over_is_given_up(tmp_path: Path) -> None:
    members = drawings(3 * MOST_BROKEN)
    content = bytearray(by_7zip("7z", members, "-ms=off", "-m0=LZMA2"))
    packed_bytes = len(content) * 0.9 / len(members)
    for number in range(len(members)):
        content[int(32 + packed_bytes * (number + 0.5))] ^= 0xFF
    (tmp_path / "a").write_bytes(content)
    _, reasons = read(tmp_path / "a", "7z")
    assert reasons.pop("*") == f"bad_archive: more than {MOST_BROKEN} of its members are broken"
    assert [*reasons.values()] == ["bad_member"] * (MOST_BROKEN + 1)


def test_encrypted_members_that_send_garbage_cost_no_other(tmp_path: Path) -> None:
    """One of 256 takes the empty password for the right one."""
    open_ones = {"z1.png": b"1" * 300, "z2.png": b"2" * 300}
    locked = {f"e{number:04}.png": random.Random(number).randbytes(100) for number in range(1000)}
    pack(tmp_path, locked, "-psecret", "-mem=ZipCrypto", "-mm=Copy")
    pack(tmp_path, open_ones, "-mm=Deflate64")
    whole, reasons = read(tmp_path / "a.zip", "zip")
    assert (whole, reasons) == (open_ones, {})


def pack(folder: Path, members: dict[str, bytes], *options: str) -> None:
    """Put *members* into the zip in *folder*."""
    for name, content in members.items():
        (folder / name).write_bytes(content)
    command = [str(seven_zip("zip")), "a", "-tzip", *options, "a.zip", *members]
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)


def test_names_that_are_known_better_are_taken(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(by_7zip("zip", drawings(2), "-mm=Deflate64"))
    with SevenZipReader(
        tmp_path / "a.zip", "zip", Budget(WIDE, 1000), names=["キャラ.png", "剣.png"]
    ) as archive:
        names = [member.name for member, _ in archive.stream(lambda _: True)]
    assert names == ["キャラ.png", "剣.png"]


def test_damage_that_only_a_checksum_of_rar_shows_is_a_failure(real_data: Path, tmp_path: Path) -> None:
    content = bytearray((real_data / "rar-samples" / "rar5-blake.rar").read_bytes())
    (tmp_path / "good.rar").write_bytes(content)
    good, reasons = read(tmp_path / "good.rar", "rar")
    assert (len(good), reasons) == (2, {})
    content[184] ^= 0xFF
    (tmp_path / "bad.rar").write_bytes(content)
    assert read(tmp_path / "bad.rar", "rar")[1]["*"].startswith("bad_archive: there is an error in it")


def test_what_a_7z_asks_to_have_deleted_is_no_member(tmp_path: Path) -> None:
    path = tmp_path / "changes.7z"
    path.write_bytes(by_7zip_after({"gone.png": b"gone", "kept.png": b"kept"}, {"kept.png": b"other"}))
    assert read(path, "7z") == ({"kept.png": b"other"}, {})
