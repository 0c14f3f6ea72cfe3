"""Archives: which kind, which members, and a policy that counts real bytes."""

import random
import zipfile
from contextlib import suppress
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artstore.archives import ArchiveLimits, Budget, Member, archive_kind, is_archive_name, open_archive
from artstore.errors import ArchiveError
from artstore.settings import Settings
from tests.replica.archives import tarred, zipped

LIMITS = ArchiveLimits(total_bytes=1 << 22, member_bytes=1 << 21, members=10, ratio=10)


def contents(archive: bytes) -> dict[str, bytes]:
    with open_archive("a.zip", BytesIO(archive)) as reader:
        found = {}
        for member in reader.members():
            with reader.read(member) as stream:
                found[member.name] = stream.read()
        return found


@pytest.mark.parametrize(
    ("name", "head", "kind"),
    [
        ("a.zip", b"", "zip"),
        ("a.ZIP", b"nothing of the kind", "zip"),
        ("a.png", b"PK\x03\x04", "zip"),
        ("a.png", b"PK\x05\x06", "zip"),
        ("a.zip", b"Rar!\x1a\x07\x01\x00", "rar"),
        ("a", b"7z\xbc\xaf\x27\x1c", "7z"),
        ("a.tar.gz", b"\x1f\x8b\x08", "tar"),
        ("a.tgz", b"\x1f\x8b\x08", "tar"),
        ("a.tar.bz2", b"BZh9", "tar"),
        ("a.tar.xz", b"\xfd7zXZ\x00", "tar"),
        ("a.txt.gz", b"\x1f\x8b\x08", "gz"),
        ("a.tar", b"", "tar"),
        ("a.png", b"\x89PNG", None),
        ("zip", b"", None),
    ],
)
def test_the_kind_is_what_the_content_shows_else_what_the_name_promises(
    name: str, head: bytes, kind: str | None
) -> None:
    file = BytesIO(head + bytes(20))
    assert archive_kind(name, file) == kind
    assert file.tell() == 0


def test_archives_are_known_by_their_names() -> None:
    assert is_archive_name("a/b.Zip")
    assert is_archive_name("x.tar.xz")
    assert is_archive_name("x.7z")
    assert not is_archive_name("x.zip.png")


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.rar", b"Rar!\x1a\x07\x00", "unsupported_rar"),
        ("a.7z", b"7z\xbc\xaf\x27\x1c", "unsupported_7z"),
        ("a.tar.gz", tarred({"a.png": b"x"}), "unsupported_tar"),
        ("a.tar", b"", "unsupported_tar"),
        ("a.bin", b"", "unsupported_archive"),
        ("a.zip", b"", "bad_archive"),
        ("a.zip", b"PK\x03\x04 and no more", "bad_archive"),
        ("a.zip", zipped({"a.png": b"x" * 99})[:-30], "bad_archive"),
    ],
)
def test_what_cannot_be_opened_says_why(name: str, content: bytes, reason: str) -> None:
    with pytest.raises(ArchiveError) as caught:
        open_archive(name, BytesIO(content))
    assert caught.value.reason == reason
    assert caught.value.detail


def test_members_are_the_plain_files() -> None:
    link = zipfile.ZipInfo("link.png")
    link.external_attr = 0o120777 << 16
    fifo = zipfile.ZipInfo("pipe.png")
    fifo.external_attr = 0o010666 << 16
    plain = zipfile.ZipInfo("plain.png")
    plain.external_attr = 0o100644 << 16
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for info in (link, fifo, plain):
            archive.writestr(info, b"/etc/passwd")
        archive.mkdir("folder")
        archive.writestr("folder/dos.png", b"x")
    assert list(contents(out.getvalue())) == ["plain.png", "folder/dos.png"]


def test_an_encrypted_member_says_so() -> None:
    archive = bytearray(zipped({"a.png": b"x"}))
    for at in (6, archive.index(b"PK\x01\x02") + 8):
        archive[at] |= 1
    with pytest.raises(ArchiveError) as caught:
        contents(bytes(archive))
    assert caught.value.reason == "encrypted"


def test_an_unknown_compression_is_a_bad_member() -> None:
    archive = bytearray(zipped({"a.png": b"x"}))
    archive[archive.index(b"PK\x01\x02") + 10] = 99
    with pytest.raises(ArchiveError) as caught:
        contents(bytes(archive))
    assert caught.value.reason == "bad_member"


def test_an_error_of_whoever_reads_is_not_blamed_on_the_archive() -> None:
    with open_archive("a.zip", BytesIO(zipped({"a.png": b"x"}))) as reader:
        (member,) = reader.members()
        for error in (OSError("disk full"), ValueError("ours"), RuntimeError("ours")):
            with pytest.raises(type(error), match=str(error)), reader.read(member):
                raise error


def compressed(method: int) -> bytes:
    out = BytesIO()
    generator = random.Random(1)
    with zipfile.ZipFile(out, "w", method) as archive:
        archive.writestr("noise.png", generator.randbytes(300))
        archive.writestr("folder/even.png", b"x" * 300)
    return out.getvalue()


METHODS = [
    compressed(method)
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
]


@pytest.mark.parametrize("archive", METHODS, ids=["stored", "deflated", "bzip2", "lzma"])
def test_every_method_of_a_zip_is_read(archive: bytes) -> None:
    assert {name: len(content) for name, content in contents(archive).items()} == {
        "noise.png": 300,
        "folder/even.png": 300,
    }


@given(
    st.sampled_from(METHODS),
    st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 255)), min_size=1, max_size=6),
    st.integers(0, 1000),
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_damaged_bytes_give_members_or_a_reason_and_nothing_else(
    archive: bytes, changes: list[tuple[int, int]], cut: int
) -> None:
    damaged = bytearray(archive)
    for place, value in changes:
        damaged[-1 - place % len(damaged)] = value
    with suppress(ArchiveError):
        contents(bytes(damaged))
    with suppress(ArchiveError):
        contents(bytes(damaged[: cut % len(damaged)]))


def copied(budget: Budget, size: int) -> int:
    target = BytesIO()
    budget.copy(BytesIO(bytes(size)), target)
    return len(target.getvalue())


def test_a_budget_copies_what_fits() -> None:
    assert copied(Budget(LIMITS, 1 << 20), 1 << 21) == 1 << 21


@pytest.mark.parametrize(
    ("packed", "sizes", "reason"),
    [
        (1 << 20, [(1 << 21) + 1], "member_too_large"),
        (1 << 20, [1 << 21, 1 << 21, 1], "archive_too_large"),
        (100, [1 << 20, 1], "archive_too_large"),
    ],
    ids=["member", "total", "ratio"],
)
def test_a_budget_ends_on_real_bytes(packed: int, sizes: list[int], reason: str) -> None:
    budget = Budget(LIMITS, packed)
    for size in sizes[:-1]:
        copied(budget, size)
    with pytest.raises(ArchiveError) as caught:
        copied(budget, sizes[-1])
    assert caught.value.reason == reason


def test_too_many_members_are_refused() -> None:
    members = [Member(f"{number}.png", 1, number) for number in range(11)]
    Budget(LIMITS, 1).check_members(members[:10])
    with pytest.raises(ArchiveError, match="too_many_members"):
        Budget(LIMITS, 1).check_members(members)


def test_limits_come_from_the_settings() -> None:
    settings = Settings(max_archive_bytes=1, max_member_bytes=2, max_archive_members=3, max_archive_ratio=4)
    assert ArchiveLimits.from_settings(settings) == ArchiveLimits(1, 2, 3, 4)
