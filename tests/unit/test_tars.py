"""Tars whose headers say odd or hostile things."""

from __future__ import annotations

import tarfile
import tracemalloc
from pathlib import Path

import pytest

from artstore.archives.tars import MAX_BODY_BYTES, MAX_NAME_BYTES
from tests.packed import PACKERS, special, tarred
from tests.unit.test_archives import read, reason

AXE = b"axe" * 100
LAST = tarred({"last.png": b"last"})


def filled(content: bytes) -> bytes:
    return content + bytes(-len(content) % 512)


def header(
    name: bytes, size: int | bytes, kind: bytes = b"0", magic: bytes = b"ustar\x0000", **places: bytes
) -> bytes:
    """A header whose checksum is right; *places*, as in ``at_345``, take other bytes."""
    block = bytearray(512)
    fields = {0: name, 100: b"0000644", 108: b"0000000", 116: b"0000000", 136: b"00000000000"}
    fields |= {124: b"%011o" % size if isinstance(size, int) else size, 148: b" " * 8, 156: kind, 257: magic}
    fields |= {int(place.removeprefix("at_")): value for place, value in places.items()}
    for at, value in fields.items():
        block[at : at + len(value)] = value
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def attributes(values: dict[str, bytes]) -> bytes:
    """A header of POSIX, and what it says of the next member."""
    body = b""
    for key, value in values.items():
        record = b" " + key.encode() + b"=" + value + b"\n"
        length = len(record) + 1
        while length != len(record) + len(str(length)):
            length = len(record) + len(str(length))
        body += str(length).encode() + record
    return header(b"attributes", len(body), b"x") + filled(body)


def test_a_header_of_a_tar_is_no_bomb(tmp_path: Path) -> None:
    long_name = special("x", tarfile.GNUTYPE_LONGNAME)
    long_name.size = 1 << 40
    content = PACKERS["gz"](long_name.tobuf(tarfile.GNU_FORMAT) + bytes(1 << 22))
    assert reason("a.tar.gz", content, tmp_path) == "archive_too_large"
    assert reason("a.tar", long_name.tobuf(tarfile.GNU_FORMAT) + bytes(1 << 12), tmp_path) == "bad_archive"


@pytest.mark.parametrize(
    "negative",
    [
        header(b"n.png", b"\xff" * 10 + b"\xfc\x00"),
        attributes({"size": b"-5"}) + header(b"n.png", 300),
        attributes({"size": b"-5000"}) + header(b"n.png", 300),
        header(b"long", b"\xff" * 10 + b"\xfc\x00", b"L") + bytes(512) + header(b"n.png", 300),
        header(b"n.png", b"-0000000005"),
    ],
)
def test_sizes_below_zero_are_not_believed(negative: bytes, tmp_path: Path) -> None:
    assert reason("a.tar", negative + filled(AXE) + LAST, tmp_path) == "bad_archive"


@pytest.mark.parametrize(
    "holed",
    [
        header(b"holes.png", 300, b"S", b"ustar  \0") + filled(AXE),
        header(b"holes.png", 300, b"S", b"ustar  \0", at_482=b"\1")
        + (bytes(504) + b"\1" + bytes(7)) * 3
        + bytes(512)
        + filled(AXE),
        attributes({"GNU.sparse.map": b"0,300", "GNU.sparse.name": b"holes.png"})
        + header(b"x", 300)
        + filled(AXE),
        attributes({"GNU.sparse.major": b"1", "GNU.sparse.minor": b"0", "GNU.sparse.name": b"holes.png"})
        + header(b"x", 812)
        + filled(b"99999999\n" + b"0\n" * 200)
        + filled(AXE),
    ],
)
def test_a_file_with_holes_costs_only_itself(holed: bytes, tmp_path: Path) -> None:
    assert read("a.tar", holed + LAST, tmp_path) == ({"last.png": b"last"}, {"holes.png": "unsupported"})


def test_a_list_of_holes_takes_no_memory(tmp_path: Path) -> None:
    numbers = b"00000000001\0" * 42
    holed = header(b"holes.png", 0, b"S", b"ustar  \0", at_482=b"\1")
    holed += (numbers + b"\1" + bytes(7)) * 800 + bytes(512)
    in_text = b",".join([b"1"] * 400_000)
    content = holed + attributes({"GNU.sparse.map": in_text}) + header(b"more.png", 0) + LAST
    tracemalloc.start()
    try:
        whole, _ = read("a.tar", content, tmp_path)
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()
    assert list(whole) == ["last.png"]


@pytest.mark.parametrize("is_posix", [True, False])
def test_a_name_that_is_too_long_costs_only_its_member(is_posix: bool, tmp_path: Path) -> None:  # noqa: FBT001
    long = b"x" * MAX_NAME_BYTES + b".png"
    told = attributes({"path": long}) if is_posix else header(b"long", len(long), b"L") + filled(long)
    whole, reasons = read("a.tar", told + header(b"x", 300) + filled(AXE) + LAST, tmp_path)
    assert whole == {"last.png": b"last"}
    assert list(reasons.values()) == ["unusable_name"]
    assert all(name.endswith(".png") for name in reasons)


@pytest.mark.parametrize("is_posix", [True, False])
def test_a_name_of_megabytes_is_not_kept(is_posix: bool, tmp_path: Path) -> None:  # noqa: FBT001
    long = b"x" * 900_000 + b".png"
    told = attributes({"path": long}) if is_posix else header(b"long", len(long), b"L") + filled(long)
    content = (told + header(b"x", 300) + filled(AXE)) * 10 + LAST
    _, reasons = read("a.tar", content, tmp_path)
    assert sum(map(len, reasons)) < 2 * MAX_NAME_BYTES


def test_attributes_that_are_long_are_passed_over(tmp_path: Path) -> None:
    long = {"path": "Größe.png".encode(), "SCHILY.xattr.user.icon": b"\n=9 " * 100_000, "size": b"300"}
    longer = {"SCHILY.xattr.user.icon": bytes(MAX_BODY_BYTES), "path": b"not read"}
    content = attributes(long) + header(b"x", 0) + filled(AXE)
    content += attributes(longer) + header(b"axe.png", 300) + filled(AXE) + LAST
    assert read("a.tar", content, tmp_path)[0] == {"Größe.png": AXE, "axe.png": AXE, "last.png": b"last"}


@pytest.mark.parametrize(
    "body", [b"0 path=x\n", b"99 path=x\n", b"x path=y\n", b"\n", b"6 ", b"99999999999 a=b\n"]
)
def test_attributes_that_are_none_say_nothing(body: bytes, tmp_path: Path) -> None:
    content = header(b"attributes", len(body), b"x") + filled(body) + header(b"axe.png", 300) + filled(AXE)
    assert read("a.tar", content + LAST, tmp_path) == ({"axe.png": AXE, "last.png": b"last"}, {})


def test_headers_that_follow_each_other_for_long_end(tmp_path: Path) -> None:
    told = header(b"long", 7, b"L") + filled(b"axe.png")
    content = told * 3000 + header(b"x", 300) + filled(AXE) + LAST
    assert read("a.tar", content, tmp_path) == ({"axe.png": AXE, "last.png": b"last"}, {})


def test_what_is_said_of_all_members_and_where_links_lead_is_passed_over(tmp_path: Path) -> None:
    content = header(b"all", 30, b"g") + filled(b"30 comment=aaaaaaaaaaaaaaaaaaa\n")
    content += header(b"target", 10, b"K") + filled(b"somewhere\0") + header(b"link.png", 0, b"2")
    assert read("a.tar", content + LAST, tmp_path) == ({"last.png": b"last"}, {"link.png": "link"})


def test_a_header_that_is_announced_and_does_not_come_is_a_failure(tmp_path: Path) -> None:
    assert reason("a.tar", LAST[:1024] + attributes({"path": b"x"}), tmp_path) == "bad_archive"
    assert reason("a.tar", LAST[:1024] + attributes({"path": b"x"}) + bytes(1024), tmp_path) == "bad_archive"


def test_headers_of_every_age_give_their_names(tmp_path: Path) -> None:
    content = b"".join(
        (
            header(b"unix7.png", 300, b"\0", b"") + filled(AXE),
            header(b"axe.png", 300, at_345=b"posix") + filled(AXE),
            # GNU tar keeps a date where POSIX has folders.
            header(b"gnu.png", 300, magic=b"ustar  \0", at_345=b"00000000001\0") + filled(AXE),
            header(b"base256.png", b"\x80" + bytes(9) + b"\x01\x2c") + filled(AXE),
        )
    )
    names = ["unix7.png", "posix/axe.png", "gnu.png", "base256.png"]
    assert read("a.tar", content + LAST, tmp_path) == (dict.fromkeys(names, AXE) | {"last.png": b"last"}, {})


@pytest.mark.parametrize("mark", [b"ustar\x0000", b"ustar  \0"])
def test_the_size_of_a_folder_is_room_that_it_asks_for(mark: bytes, tmp_path: Path) -> None:
    assert read("a.tar", header(b"art/", 4096, b"5", mark) + LAST, tmp_path) == ({"last.png": b"last"}, {})


@pytest.mark.parametrize(
    "size", [b"\0\0\0\0\0\0\0\0000017", b"         17 ", b"000000000017", b"00000000017 "]
)
def test_a_size_may_be_written_in_any_of_the_usual_ways(size: bytes, tmp_path: Path) -> None:
    archive = header(b"axe.png", size.ljust(12, b"\0")) + filled(b"fifteen letters") + LAST
    assert read("a.tar", archive, tmp_path) == ({"axe.png": b"fifteen letters", "last.png": b"last"}, {})
