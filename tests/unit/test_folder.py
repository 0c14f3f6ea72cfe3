"""A folder that somebody has: catalogued like a work, again and again, at the cost of what is new."""

import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from artstore.catalog import Catalog
from artstore.errors import UsageError
from artstore.examine import examine
from artstore.folder import Added, add_folder, list_folder
from artstore.library import ImageRecord, Library
from artstore.settings import Settings
from tests.replica.archives import zipped
from tests.unit.conftest import png, snapshot


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "My Art"
    (path / "sub").mkdir(parents=True)
    (path / "sword.png").write_bytes(png(1))
    (path / "sub" / "pack.zip").write_bytes(zipped({"a.png": png(2), "b.png": png(3)}))
    (path / "readme.txt").write_text("hello")
    (path / ".DS_Store").write_bytes(b"")
    (path / "._sword.png").write_bytes(b"fork")
    return path


def add(folder: Path, catalog: Catalog, settings: Settings) -> list[Added]:
    return list(add_folder(folder, list_folder(folder, settings.data_dir)[0], catalog, settings))


def ids_in(catalog: Catalog) -> list[int]:
    return [row["image_id"] for row in catalog.execute("SELECT image_id FROM images ORDER BY image_id")]


def records_in(catalog: Catalog) -> list[ImageRecord]:
    return Library(catalog).describe(ids_in(catalog))


def failures_in(catalog: Catalog) -> list[tuple[str, str]]:
    return [tuple(row) for row in catalog.execute("SELECT subject, reason FROM failures ORDER BY subject")]


def touch_with(path: Path, content: bytes) -> None:
    """Write *content*, at a time that is certainly another."""
    path.write_bytes(content)
    os.utime(path, ns=(1, path.stat().st_mtime_ns + 1_000_000_000))


def test_only_art_is_listed_in_order(folder: Path) -> None:
    assert list_folder(folder, folder.parent / "data") == ([Path("sub/pack.zip"), Path("sword.png")], 1)


@pytest.mark.parametrize("name", ["readme.txt", "nothing"])
def test_what_is_no_folder_is_refused(folder: Path, name: str) -> None:
    with pytest.raises(UsageError, match="is not a folder"):
        list_folder(folder / name, folder.parent / "data")


def test_a_folder_becomes_a_work_with_its_pictures(
    folder: Path, catalog: Catalog, settings: Settings
) -> None:
    added = add(folder, catalog, settings)
    assert added == [Added("added/My Art/sub/pack.zip", 2, 0), Added("added/My Art/sword.png", 1, 0)]
    records = records_in(catalog)
    assert [(record.path, record.title, record.member) for record in records] == [
        ("unpacked/added/My Art/sub/pack.zip/a.png", "My Art", "a.png"),
        ("unpacked/added/My Art/sub/pack.zip/b.png", "My Art", "b.png"),
        ("files/added/My Art/sword.png", "My Art", None),
    ]
    assert all((settings.data_dir / record.path).is_file() for record in records)
    assert (folder / "sword.png").read_bytes() == png(1)


def test_adding_again_does_nothing(folder: Path, catalog: Catalog, settings: Settings) -> None:
    add(folder, catalog, settings)
    before, ids = snapshot(settings.data_dir / "files"), ids_in(catalog)
    assert [(entry.pictures, entry.failures) for entry in add(folder, catalog, settings)] == [(0, 0), (0, 0)]
    assert (snapshot(settings.data_dir / "files"), ids_in(catalog)) == (before, ids)


def test_a_file_that_changed_is_examined_anew(folder: Path, catalog: Catalog, settings: Settings) -> None:
    add(folder, catalog, settings)
    hashes = {
        row["path"]: row["pixel_hash"] for row in catalog.execute("SELECT path, pixel_hash FROM images")
    }
    touch_with(folder / "sword.png", png(9))
    assert [entry.pictures for entry in add(folder, catalog, settings)] == [0, 1]
    now = {row["path"]: row["pixel_hash"] for row in catalog.execute("SELECT path, pixel_hash FROM images")}
    assert {path for path in now if now[path] != hashes[path]} == {"files/added/My Art/sword.png"}


def test_a_copy_that_was_lost_is_made_again(folder: Path, catalog: Catalog, settings: Settings) -> None:
    add(folder, catalog, settings)
    (settings.files_dir / "added" / "My Art" / "sword.png").unlink()
    assert [entry.pictures for entry in add(folder, catalog, settings)] == [0, 1]


def test_a_file_that_was_removed_keeps_its_pictures_and_its_credit(
    folder: Path, catalog: Catalog, settings: Settings
) -> None:
    add(folder, catalog, settings)
    before = records_in(catalog)
    (folder / "sword.png").unlink()
    assert len(add(folder, catalog, settings)) == 1
    assert records_in(catalog) == before


def test_a_file_that_cannot_be_read_is_a_failure_until_it_can(
    folder: Path, catalog: Catalog, settings: Settings
) -> None:
    (folder / "dangling.png").symlink_to(folder / "nowhere.png")
    (entry, *_) = add(folder, catalog, settings)
    assert entry == Added("added/My Art/dangling.png", 0, 1)
    assert failures_in(catalog) == [("folder:My%20Art/dangling.png", "unreadable")]
    (folder / "nowhere.png").write_bytes(png(5))
    add(folder, catalog, settings)
    assert failures_in(catalog) == []
    assert len(ids_in(catalog)) == 5


@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="only Unix knows users")
def test_a_folder_that_may_not_be_looked_into_is_a_failure_and_costs_only_itself(settings: Settings) -> None:
    with tempfile.TemporaryDirectory() as name:
        Path(name, "closed").mkdir(mode=0)
        Path(name, "axe.png").write_bytes(png())
        Path(name).chmod(0o755)
        with as_nobody():
            art, _ = list_folder(Path(name), settings.data_dir)
            with pytest.raises(UsageError, match="cannot be looked into"):
                list_folder(Path(name, "closed"), settings.data_dir)
        assert art == [Path("axe.png"), Path("closed")]
        with Catalog(settings.catalog_path) as catalog:
            added = [*add_folder(Path(name), art, catalog, settings, name="art")]
            assert failures_in(catalog) == [("folder:art/closed", "unreadable")]
    assert [one.pictures for one in added] == [1, 0]


@contextmanager
def as_nobody() -> Iterator[None]:
    """As root, to whom nothing is closed, act as somebody else."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    yield
    os.seteuid(user)


def test_a_picture_that_the_disk_does_not_give_back_is_left_for_another_time(
    folder: Path, catalog: Catalog, settings: Settings
) -> None:
    add(folder, catalog, settings)
    catalog.examine_all_again()
    first, *others = catalog.files_to_examine()
    settings.files_dir.joinpath(first).unlink()
    settings.files_dir.joinpath(first).mkdir()
    findings = [*examine([first, *others], catalog, settings)]
    assert [failure.reason for failure in findings[0].failures] == ["unreadable"]
    assert all(one.images for one in findings[1:])
    assert catalog.files_to_examine() == [first]


def test_numbered_files_are_a_series_and_stay_one(folder: Path, catalog: Catalog, settings: Settings) -> None:
    for step in range(5):
        (folder / f"walk_{step}.png").write_bytes(png(10 + step))
    add(folder, catalog, settings)

    def series() -> dict[str, str]:
        found = catalog.execute("SELECT path, series FROM images WHERE series IS NOT NULL")
        return {row["path"]: row["series"] for row in found}

    before = series()
    assert [*before] == [f"files/added/My Art/walk_{step}.png" for step in range(5)]
    assert {*before.values()} == {"1:files/added/My Art/walk_#.png"}
    catalog.examine_all_again()
    assert len([*examine(catalog.files_to_examine(), catalog, settings)]) == 7
    assert series() == before


def test_pipes_and_sockets_are_not_waited_for(
    folder: Path, catalog: Catalog, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(folder / "pipe.png")
    monkeypatch.chdir(folder)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket.png")
        assert len(add(folder, catalog, settings)) == 4
    assert [reason for _, reason in failures_in(catalog)] == ["unreadable", "unreadable"]


def test_a_broken_archive_costs_only_itself(folder: Path, catalog: Catalog, settings: Settings) -> None:
    (folder / "bad.zip").write_bytes(b"PK\x03\x04")
    added = add(folder, catalog, settings)
    assert [(entry.pictures, entry.failures) for entry in added] == [(0, 1), (2, 0), (1, 0)]


def test_names_that_are_no_utf8_are_kept_apart(tmp_path: Path, catalog: Catalog, settings: Settings) -> None:
    folder = os.fsencode(tmp_path) + b"/caf\xe9"
    os.mkdir(folder)  # noqa: PTH102 - a name of bytes
    for seed, name in enumerate((b"gr\xfc\xdf.png", b"gr\xfc\xde.png", "grüß.png".encode())):
        with open(folder + b"/" + name, "wb") as file:  # noqa: PTH123
            file.write(png(seed))
    added = add(Path(os.fsdecode(folder)), catalog, settings)
    assert [(entry.pictures, entry.failures) for entry in added] == [(1, 0)] * 3
    assert len({record.path for record in records_in(catalog)}) == 3
    assert len({record.file_url for record in records_in(catalog)}) == 3
    assert [entry.pictures for entry in add(Path(os.fsdecode(folder)), catalog, settings)] == [0, 0, 0]


def test_names_that_differ_in_case_are_kept_apart_for_ever(
    tmp_path: Path, catalog: Catalog, settings: Settings
) -> None:
    (tmp_path / "Art" / "Sub").mkdir(parents=True)
    (tmp_path / "Art" / "sub").mkdir()
    originals = {"Foo.png": png(1), "foo.png": png(2), "Sub/x.png": png(3), "sub/x.png": png(4)}
    for name, content in originals.items():
        (tmp_path / "Art" / name).write_bytes(content)
    if len(list((tmp_path / "Art").iterdir())) < 4:
        pytest.skip("this disk itself takes them for one")
    paths = [entry.path for entry in add(tmp_path / "Art", catalog, settings)]
    assert len({path.lower() for path in paths}) == 4
    assert {"added/Art/Foo.png", "added/Art/Sub/x.png"} < set(paths)
    lying = snapshot(settings.files_dir)
    assert sorted(lying.values()) == sorted(originals.values())
    assert lying["added/Art/Foo.png"] == originals["Foo.png"]
    (tmp_path / "Art" / "FOO.png").write_bytes(png(5))
    again = add(tmp_path / "Art", catalog, settings)
    assert {entry.path for entry in again if not entry.pictures} == set(paths)
    assert [entry.pictures for entry in again] == [1, 0, 0, 0, 0]
    assert snapshot(settings.files_dir).items() > lying.items()


def test_folders_whose_names_differ_in_case_are_two_works_with_files_of_their_own(
    tmp_path: Path, catalog: Catalog, settings: Settings
) -> None:
    for seed, folder in enumerate((tmp_path / "one" / "Art", tmp_path / "two" / "art")):
        folder.mkdir(parents=True)
        (folder / "sword.png").write_bytes(png(seed))
        assert [entry.pictures for entry in add(folder, catalog, settings)] == [1]
    lying = snapshot(settings.files_dir)
    assert sorted(lying.values()) == sorted([png(0), png(1)])
    assert len({path.lower() for path in lying}) == 2


def test_a_backslash_is_no_folder_here(tmp_path: Path, catalog: Catalog, settings: Settings) -> None:
    (tmp_path / "art" / "a").mkdir(parents=True)
    (tmp_path / "art" / "a" / "b.png").write_bytes(png(1))
    (tmp_path / "art" / "a\\b.png").write_bytes(png(2))
    add(tmp_path / "art", catalog, settings)
    assert {(settings.data_dir / record.path).read_bytes() for record in records_in(catalog)} == {
        png(1),
        png(2),
    }


def test_links_to_folders_are_not_followed(folder: Path, catalog: Catalog, settings: Settings) -> None:
    (folder / "loop").symlink_to(folder)
    assert len(add(folder, catalog, settings)) == 2


def test_the_data_folder_is_whole_when_the_original_is_gone(
    folder: Path, tmp_path: Path, catalog: Catalog, settings: Settings
) -> None:
    add(folder, catalog, settings)
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    assert str(tmp_path) not in "".join(f"{record}" for record in records_in(catalog))
    assert all((settings.data_dir / record.path).is_file() for record in records_in(catalog))


def test_a_folder_that_holds_the_data_folder_is_added_without_our_own_copies(
    folder: Path, settings: Settings
) -> None:
    inside = settings.override(data_dir=folder / "data")
    art, others = list_folder(folder, inside.data_dir)
    with Catalog(inside.catalog_path) as own:
        list(add_folder(folder, art, own, inside))
    assert (folder / "data" / "files" / "added").is_dir()
    assert list_folder(folder, inside.data_dir) == (art, others)
