"""From a file to its pictures: whatever cannot be read costs only itself, and nothing leaves its folder."""

import resource
import tarfile
import zipfile
from dataclasses import replace
from io import BytesIO
from pathlib import Path, PurePosixPath

import pytest

from artstore.blobs import UNDER_WAY
from artstore.images import describe
from artstore.models import Failure, Findings, Stage
from artstore.names import folded, path_of_url
from artstore.settings import Settings
from artstore.unpack import find_images, is_junk
from tests.packed import PACKERS, by_7zip, rar5, special, tarred
from tests.replica import archives
from tests.replica.archives import zipped
from tests.unit.conftest import encoded, picture, png, snapshot, stored


def unpacked(settings: Settings, archive: bytes, path: str = "pack.zip") -> Findings:
    return find_images(stored(settings, path, archive), settings)


def members_of(findings: Findings) -> list[str | None]:
    return [image.member for image in findings.images]


def reasons_of(findings: Findings) -> list[tuple[Stage, str]]:
    return [(failure.stage, failure.reason) for failure in findings.failures]


def assert_pictures_lie_where_they_are_said_to(settings: Settings, findings: Findings) -> None:
    assert len({image.path for image in findings.images}) == len(findings.images)
    for image in findings.images:
        assert describe(settings.data_dir / image.path, settings.max_picture_px) == image.facts


def test_a_loose_picture_gives_itself(settings: Settings) -> None:
    (image,) = unpacked(settings, png(), "folder/sword.png").images
    assert (image.path, image.member, image.series) == ("files/folder/sword.png", None, None)
    assert image.facts.format == "PNG"


def test_a_broken_picture_is_a_failure_of_its_own(settings: Settings) -> None:
    findings = unpacked(settings, png()[:30], "sword.png")
    assert findings.images == []
    assert findings.failures[0].subject == "files/sword.png"
    assert reasons_of(findings) == [(Stage.PICTURE, "cannot_decode")]


def test_what_is_neither_picture_nor_archive_gives_nothing(settings: Settings) -> None:
    assert unpacked(settings, b"OggS", "tune.ogg") == Findings()
    assert unpacked(settings, b"", "empty") == Findings()


def test_a_file_that_is_gone_is_a_failure(settings: Settings) -> None:
    for path in ("gone.png", "gone.zip", "gone.ogg"):
        assert [failure.reason for failure in find_images(path, settings).failures] == ["missing_file"]


def test_an_archive_gives_its_pictures_under_its_own_name(settings: Settings) -> None:
    members = {
        "a/": b"",
        "a/sword.png": png(1),
        "a/b/Größe.PNG": png(2),
        "readme.txt": b"hello",
        "x.ogg": b"OggS",
    }
    findings = unpacked(settings, zipped(members), "deep/pack.zip")
    assert findings.failures == []
    assert [(image.member, image.path) for image in findings.images] == [
        ("a/sword.png", "unpacked/deep/pack.zip/a/sword.png"),
        ("a/b/Größe.PNG", "unpacked/deep/pack.zip/a/b/Größe.PNG"),
    ]
    assert (settings.data_dir / findings.images[0].path).read_bytes() == png(1)
    assert set(snapshot(settings.data_dir / "unpacked")) == {
        "deep/pack.zip/a/sword.png",
        "deep/pack.zip/a/b/Größe.PNG",
    }


def test_the_litter_of_operating_systems_is_passed_over(settings: Settings) -> None:
    members = {
        "__MACOSX/pack/._sword.png": b"fork",
        "__MACOSX/sword.png": b"fork",
        "__MACOSX\\._sword.png": b"fork",
        "pack/._sword.png": b"fork",
        "pack/.DS_Store": b"",
        "pack/Thumbs.db": b"",
        "pack/sword.png": png(),
    }
    findings = unpacked(settings, zipped(members))
    assert members_of(findings) == ["pack/sword.png"]
    assert findings.failures == []
    assert not is_junk("MACOSX/._/sword.png")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_names_that_come_twice_or_differ_in_case_keep_apart(settings: Settings) -> None:
    out = BytesIO()
    names = ["a.png", "a.png", "A.PNG", "b/../a.png", "b\\c.png", "b/c.png", "./b//c.png", "SS.png", "ß.png"]
    with zipfile.ZipFile(out, "w") as archive:
        for seed, name in enumerate(names):
            archive.writestr(name, png(seed))
    findings = unpacked(settings, out.getvalue())
    assert members_of(findings) == names
    assert len({folded(image.path) for image in findings.images}) == len(names)
    assert [(settings.data_dir / image.path).read_bytes() for image in findings.images] == [
        png(seed) for seed in range(len(names))
    ]


EVIL = [
    "../evil.png",
    "a/../../../evil.png",
    "/tmp/evil.png",  # noqa: S108
    "C:\\evil.png",
    "C:/evil.png",
    "\\\\server\\share\\evil.png",
    "..\\..\\evil.png",
    "..",
    "CON.png",
    "a/aux/nul.png",
    "a.png:stream.png",
    "x" * 300 + ".png",
    "\x01\x1b[31m.png",
    "trailing. /dots.../end .png",
]


def test_nothing_is_written_outside_the_folder_of_the_archive(settings: Settings, tmp_path: Path) -> None:
    archive = zipped({name: png(seed) for seed, name in enumerate(EVIL)})
    findings = unpacked(settings, archive)
    assert members_of(findings) == [name for name in EVIL if name.endswith(".png")]
    written = set(snapshot(tmp_path))
    assert written == {"data/files/pack.zip"} | {f"data/{image.path}" for image in findings.images}
    for image in findings.images:
        assert image.path.startswith("unpacked/pack.zip/")
        assert not {"..", ".", ""} & set(image.path.split("/"))
    assert_pictures_lie_where_they_are_said_to(settings, findings)


def test_links_and_devices_are_not_members(settings: Settings) -> None:
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        link = zipfile.ZipInfo("link.png")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("good.png", png())
    assert members_of(unpacked(settings, out.getvalue())) == ["good.png"]
    assert not any(path.is_symlink() for path in settings.data_dir.rglob("*"))


def test_a_name_that_is_a_file_and_a_folder_costs_only_one_member(settings: Settings) -> None:
    findings = unpacked(settings, zipped({"a.png": png(1), "a.png/b.png": png(2), "c.png": png(3)}))
    assert members_of(findings) == ["a.png", "c.png"]
    assert reasons_of(findings) == [(Stage.UNPACK, "unusable_name")]
    findings = unpacked(
        settings, zipped({"a.png/b.png": png(2), "a.png": png(1), "c.png": png(3)}), "other.zip"
    )
    assert members_of(findings) == ["a.png/b.png", "c.png"]
    assert reasons_of(findings) == [(Stage.UNPACK, "unusable_name")]


def test_a_name_too_long_for_the_disk_costs_only_its_member(settings: Settings) -> None:
    findings = unpacked(settings, zipped({"deep/" * 2000 + "a.png": png(1), "b.png": png(2)}))
    assert members_of(findings) == ["b.png"]
    assert reasons_of(findings) == [(Stage.UNPACK, "unusable_name")]


@pytest.mark.parametrize(
    "name", ["x/" * 1500 + "a.png", "y" * 1_000_000 + ".png", "./" * 2000 + "a.png", "é/" * 450 + "a.png"]
)
def test_a_name_longer_than_any_that_is_used_costs_only_its_member_and_little_of_the_catalog(
    settings: Settings, name: str
) -> None:
    findings = unpacked(settings, tarred({name: png(), "b.png": png()}), "pack.tar")
    assert members_of(findings) == ["b.png"]
    assert reasons_of(findings) == [(Stage.UNPACK, "unusable_name")]
    assert len(findings.failures[0].subject) < 20_000


def test_what_is_unpacked_can_be_opened_however_long_its_path_is(settings: Settings) -> None:
    """Not only where it lies for a moment, in a folder with a shorter name."""
    content = {"/".join(["d" * 200] * 19 + ["x" * length]) + ".png": png() for length in range(1, 120, 3)}
    findings = unpacked(settings, tarred(content), "an archive with quite a long name.tar")
    assert_pictures_lie_where_they_are_said_to(settings, findings)
    assert len(findings.images) + len(findings.failures) == len(content)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_members_of_archives_that_are_called_alike_keep_apart(settings: Settings) -> None:
    inner = [zipped({"a.png": encoded(picture(number), "PNG")}) for number in range(5)]
    with BytesIO() as out:
        with zipfile.ZipFile(out, "w") as archive:
            for content in inner:
                archive.writestr("in.zip", content)
        findings = unpacked(settings, out.getvalue())
    assert_pictures_lie_where_they_are_said_to(settings, findings)
    assert len({image.facts.pixel_hash for image in findings.images}) == 5


def test_a_bad_member_costs_only_itself(settings: Settings) -> None:
    whole = bytearray(zipped({"first.png": png(1), "middle.png": png(2), "last.png": png(3)}, stored=True))
    whole[whole.index(png(2)) + 60] ^= 0xFF
    findings = unpacked(settings, bytes(whole))
    assert members_of(findings) == ["first.png", "last.png"]
    (failure,) = findings.failures
    assert replace(failure, detail="") == Failure(Stage.UNPACK, "unpacked/pack.zip/middle.png", "bad_member")
    assert set(snapshot(settings.data_dir / "unpacked")) == {"pack.zip/first.png", "pack.zip/last.png"}


def test_a_member_that_is_no_picture_after_all_costs_only_itself(settings: Settings) -> None:
    findings = unpacked(settings, zipped({"no.png": b"<html>", "yes.png": png(), "empty.gif": b""}))
    assert members_of(findings) == ["yes.png"]
    assert reasons_of(findings) == [(Stage.PICTURE, "cannot_decode")] * 2


def test_an_encrypted_member_costs_only_itself(settings: Settings) -> None:
    archive = bytearray(zipped({"secret.png": png(1), "open.png": png(2)}))
    archive[archive.index(b"PK\x01\x02") + 8] |= 1
    findings = unpacked(settings, bytes(archive))
    assert members_of(findings) == ["open.png"]
    assert reasons_of(findings) == [(Stage.UNPACK, "encrypted")]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("half.zip", zipped({"a.png": png()})[:33], "bad_archive"),
        ("no.zip", b"<html>", "bad_archive"),
        ("empty.zip", b"", "bad_archive"),
        ("a.rar", b"Rar!\x1a\x07\x00", "bad_archive"),
        ("a.7z", b"7z\xbc\xaf\x27\x1c", "bad_archive"),
        ("a.tar.gz", archives.tarred({"a.png": png()})[:20], "bad_archive"),
        ("really-a.png", b"Rar!\x1a\x07\x00", "bad_archive"),
    ],
)
def test_an_archive_that_cannot_be_read_is_one_failure(
    settings: Settings, name: str, content: bytes, reason: str
) -> None:
    findings = unpacked(settings, content, name)
    assert findings.images == []
    assert reasons_of(findings) == [(Stage.UNPACK, reason)]
    assert findings.failures[0].subject == f"files/{name}"
    assert not (settings.data_dir / "unpacked").exists()


def test_a_zip_under_the_name_of_a_picture_is_a_zip(settings: Settings) -> None:
    assert members_of(unpacked(settings, zipped({"a.png": png()}), "wrong.png")) == ["a.png"]


@pytest.mark.parametrize("name", ["a.zip", "a.rar", "a.7z", "a.tar", "a.gz"])
def test_a_picture_under_the_name_of_an_archive_is_a_picture(settings: Settings, name: str) -> None:
    findings = unpacked(settings, png(), name)
    assert [(image.path, image.member) for image in findings.images] == [(f"files/{name}", None)]
    assert findings.failures == []


def test_a_picture_in_an_archive_may_be_called_like_one(settings: Settings) -> None:
    archive = zipped({"a.zip": png(1), "a.zip/b.png": png(2), "c.rar": png(3)[:40], "d.7z": png(4)})
    findings = unpacked(settings, archive)
    assert members_of(findings) == ["a.zip", "d.7z"]
    assert_pictures_lie_where_they_are_said_to(settings, findings)
    assert [(failure.subject.rpartition("/")[2], failure.reason) for failure in findings.failures] == [
        ("b.png", "unusable_name"),
        ("c.rar", "bad_archive"),
    ]


def test_a_zip_behind_a_picture_is_a_zip_if_it_is_called_so(settings: Settings) -> None:
    assert members_of(unpacked(settings, png(1) + zipped({"a.png": png()}), "both.zip")) == ["a.png"]


def disk_use(settings: Settings) -> int:
    return sum(len(content) for content in snapshot(settings.data_dir / "unpacked").values())


def test_a_bomb_by_ratio_stops_with_a_reason_and_little_on_disk(settings: Settings) -> None:
    bomb = zipped({"good.png": png()} | {f"{number}.png": bytes(3_000_000) for number in range(20)})
    findings = unpacked(replace(settings, max_archive_ratio=100), bomb)
    assert members_of(findings) == ["good.png"]
    assert reasons_of(findings)[-1] == (Stage.UNPACK, "archive_too_large")
    assert disk_use(settings) <= 100 * len(bomb)


def test_a_bomb_by_total_stops_with_a_reason_and_little_on_disk(settings: Settings) -> None:
    bomb = zipped({f"{number}.bmp": encoded(picture(number, 100, 100), "BMP") for number in range(5)})
    findings = unpacked(replace(settings, max_archive_bytes=70_000), bomb)
    assert len(findings.images) == 2
    assert reasons_of(findings) == [(Stage.UNPACK, "archive_too_large")]
    assert findings.failures[0].subject == "files/pack.zip"
    assert disk_use(settings) <= 70_000


def test_a_member_too_large_costs_only_itself(settings: Settings) -> None:
    archive = zipped({"large.bmp": encoded(picture(0, 100, 100), "BMP"), "small.png": png()})
    findings = unpacked(replace(settings, max_member_bytes=20_000), archive)
    assert members_of(findings) == ["small.png"]
    assert reasons_of(findings) == [(Stage.UNPACK, "member_too_large")]
    assert disk_use(settings) == len(png())


def test_a_size_that_the_archive_declares_is_not_believed(settings: Settings) -> None:
    archive = bytearray(zipped({"a.png": bytes(5_000_000), "b.png": png()}))
    at = archive.index(b"PK\x01\x02") + 24
    archive[at : at + 4] = (10).to_bytes(4, "little")
    findings = unpacked(replace(settings, max_member_bytes=1_000_000), bytes(archive))
    assert members_of(findings) == ["b.png"]
    assert disk_use(settings) <= 1_000_000


def test_no_more_members_are_looked_at_than_may_be(settings: Settings) -> None:
    archive = zipped({f"{number}.png": png() for number in range(4)})
    findings = unpacked(replace(settings, max_archive_members=3), archive)
    assert reasons_of(findings) == [(Stage.UNPACK, "too_many_members")]
    assert len(findings.images) == 3


def test_numbered_members_are_a_series(settings: Settings) -> None:
    archive = zipped({f"walk/{step}.png": png(step) for step in range(4)} | {"hero.png": png(9)})
    assert {image.series for image in unpacked(settings, archive).images} == {
        "unpacked/pack.zip/walk/#.png",
        None,
    }


def test_unpacking_twice_is_unpacking_once(settings: Settings) -> None:
    archive = zipped(
        {name: png(seed) for seed, name in enumerate(EVIL)} | {"no.png": b"", "a.png/x.png": png(99)}
    )
    first = unpacked(settings, archive)
    before = snapshot(settings.data_dir)
    assert find_images("pack.zip", settings) == first
    assert snapshot(settings.data_dir) == before


@pytest.mark.parametrize("name", ["changed.png", "changed.ogg"])
def test_what_was_unpacked_goes_when_the_archive_is_replaced(settings: Settings, name: str) -> None:
    unpacked(settings, zipped({"a.png": png(1), "b.png": png(2)}), name)
    unpacked(settings, zipped({"b.png": png(3)}), name)
    assert list(snapshot(settings.data_dir / "unpacked")) == [f"{name}/b.png"]
    unpacked(settings, png(4), name)
    assert snapshot(settings.data_dir / "unpacked") == {}


@pytest.mark.parametrize("name", [PurePosixPath(UNDER_WAY).name, ".unpacking"])
def test_no_archive_gets_among_those_that_are_under_way(settings: Settings, name: str) -> None:
    other = settings.data_dir / UNDER_WAY / ".other.part"
    other.mkdir(parents=True)
    path = path_of_url(f"https://site/sites/default/files/{name}")
    assert len(unpacked(settings, zipped({"a.png": png(1)}), path).images) == 1
    assert other.is_dir()


def test_a_full_disk_is_nobodys_failure_but_the_disks(settings: Settings) -> None:
    stored(settings, "pack.zip", zipped({"a.png": png()}))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    # A limit on the size of files stands for a disk that is full.
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        with pytest.raises(OSError, match="too large"):
            find_images("pack.zip", settings)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert snapshot(settings.data_dir / "unpacked") == {}


def test_archives_in_archives_give_their_pictures_too(settings: Settings) -> None:
    inner = zipped({"deep.png": png(), "notes.txt": b"x"})
    outer = archives.tarred({"packs/inner.zip": inner, "flat.png": png(5)})
    findings = unpacked(settings, zipped({"middle.tar.gz": outer, "top.png": png(6)}), "all.zip")
    assert findings.failures == []
    assert [(image.path, image.member) for image in findings.images] == [
        ("unpacked/all.zip/middle.tar.gz/packs/inner.zip/deep.png", "middle.tar.gz/packs/inner.zip/deep.png"),
        ("unpacked/all.zip/middle.tar.gz/flat.png", "middle.tar.gz/flat.png"),
        ("unpacked/all.zip/top.png", "top.png"),
    ]
    assert (
        sorted(path.suffix for path in (settings.data_dir / "unpacked").rglob("*") if path.is_file())
        == [".png"] * 3
    )


def test_archives_too_deep_in_others_are_a_failure_each(settings: Settings) -> None:
    nested = zipped({"a.zip": zipped({"b.zip": zipped({"deep.png": png()}), "b.png": png()}), "a.png": png()})
    findings = unpacked(replace(settings, max_archive_depth=2), nested)
    assert [image.member for image in findings.images] == ["a.zip/b.png", "a.png"]
    assert [(failure.subject, failure.reason) for failure in findings.failures] == [
        ("unpacked/pack.zip/a.zip/b.zip", "too_deep")
    ]


def test_a_broken_archive_in_an_archive_costs_only_itself(settings: Settings) -> None:
    findings = unpacked(settings, zipped({"a.zip": b"no zip", "b.rar": b"no rar", "c.png": png()}))
    assert [image.member for image in findings.images] == ["c.png"]
    assert [(failure.subject, failure.reason) for failure in findings.failures] == [
        ("unpacked/pack.zip/a.zip", "bad_archive"),
        ("unpacked/pack.zip/b.rar", "bad_archive"),
    ]


def test_what_archives_in_an_archive_unpack_to_is_counted_together(settings: Settings) -> None:
    bombs = {f"{number}.zip": zipped({"a.png": bytes(400_000)}) for number in range(6)}
    findings = unpacked(replace(settings, max_archive_bytes=1_000_000), zipped(bombs))
    assert [failure.reason for failure in findings.failures][-1] == "archive_too_large"
    assert [failure.subject for failure in findings.failures][-1] == "files/pack.zip"
    assert disk_use(settings) <= 1_000_000


def test_a_zip_that_holds_itself_ends(settings: Settings) -> None:
    content = zipped({"a.png": png()})
    for _ in range(20):
        content = zipped({"again.zip": content, "more.zip": content})
    findings = unpacked(settings, content)
    assert {failure.reason for failure in findings.failures} == {"too_deep"}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.7z", by_7zip("7z", {"art/axe.png": png(), "readme.txt": b"x" * 5000, "z.png": png(5)})),
        ("a.rar", rar5({"art/axe.png": png(), "readme.txt": b"x" * 5000, "z.png": png(5)})),
        ("a.tar.xz", PACKERS["xz"](tarred({"art/axe.png": png(), "readme.txt": b"x", "z.png": png(5)}))),
    ],
)
def test_every_kind_gives_its_pictures(settings: Settings, name: str, content: bytes) -> None:
    findings = unpacked(settings, content, name)
    assert findings.failures == []
    assert {image.path for image in findings.images} == {
        f"unpacked/{name}/art/axe.png",
        f"unpacked/{name}/z.png",
    }


@pytest.mark.parametrize(
    "name", ["../../evil.png", "/etc/evil.png", "C:\\\\evil.png", "a/../../../evil.png", "..\\\\evil.png"]
)
def test_no_kind_writes_outside_its_folder(settings: Settings, tmp_path: Path, name: str) -> None:
    for archive, content in {"a.rar": rar5({name: png()}), "a.tar": tarred({name: png()})}.items():
        assert len(unpacked(settings, content, archive).images) == 1
    outside = [
        path for path in tmp_path.rglob("*evil*") if not path.is_relative_to(settings.data_dir / "unpacked")
    ]
    assert outside == []


def test_a_link_named_like_a_picture_is_a_failure_and_no_link(settings: Settings) -> None:
    link = special("link.png", tarfile.SYMTYPE, "/etc/passwd")
    findings = unpacked(settings, tarred({"link": link, "axe.png": png()}), "a.tar")
    assert [image.member for image in findings.images] == ["axe.png"]
    assert reasons_of(findings) == [(Stage.UNPACK, "link")]
    assert not any(path.is_symlink() for path in settings.data_dir.rglob("*"))


def test_a_tar_packed_twice_gives_its_pictures(settings: Settings) -> None:
    content = PACKERS["gz"](PACKERS["gz"](tarred({"a.png": png()})))
    assert members_of(unpacked(settings, content, "pack.tar.gz")) == ["pack.tar.gz/a.png"]


def test_a_packed_picture_is_found_under_its_own_name(settings: Settings) -> None:
    findings = unpacked(settings, PACKERS["gz"](png()), "axe.png.gz")
    assert [image.path for image in findings.images] == ["unpacked/axe.png.gz/axe.png"]


def test_a_painting_is_a_picture_and_no_archive(settings: Settings) -> None:
    findings = unpacked(settings, zipped({"mergedimage.png": png(), "data/layer.png": png(3)}), "a.ora")
    assert [image.path for image in findings.images] == ["files/a.ora"]
