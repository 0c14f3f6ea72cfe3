"""Blobs: whole or not at all."""

import os
import time
from pathlib import Path

import pytest

from artstore.blobs import UNDER_WAY, FolderBlobs, open_blobs, replacing
from artstore.errors import UsageError


def test_what_a_kill_left_of_an_archive_goes_after_a_day(tmp_path: Path) -> None:
    left, under_way = tmp_path / UNDER_WAY / ".left.part", tmp_path / UNDER_WAY / ".new.part"
    for folder in (left, under_way):
        folder.mkdir(parents=True)
        (folder / "a.png").write_bytes(b"half")
    os.utime(left, (0, time.time() - 25 * 3600))
    FolderBlobs(tmp_path).sweep()
    assert [*(tmp_path / UNDER_WAY).iterdir()] == [under_way]


def test_what_was_put_can_be_opened(tmp_path: Path) -> None:
    blobs = open_blobs(tmp_path / "files")
    assert not blobs.exists("a/b.png")
    with blobs.put("a/b.png") as file:
        file.write(b"first")
        assert not blobs.exists("a/b.png")
    assert blobs.exists("a/b.png")
    with blobs.open("a/b.png") as file:
        assert file.seekable()
        assert file.read() == b"first"


def test_a_blob_that_is_not_here_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        FolderBlobs(tmp_path).open("nothing.png")
    assert not FolderBlobs(tmp_path).exists("")


def test_putting_again_replaces(tmp_path: Path) -> None:
    for content in (b"a long first one", b"second"):
        with FolderBlobs(tmp_path).put("x.png") as file:
            file.write(content)
    assert (tmp_path / "x.png").read_bytes() == b"second"


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt, ValueError])
def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(b"old")
    with pytest.raises(error), replacing(path) as file:  # noqa: PT012
        file.write(b"half")
        raise error
    assert [entry.name for entry in tmp_path.iterdir()] == ["x.png"]
    assert path.read_bytes() == b"old"


def test_success_leaves_nothing_temporary(tmp_path: Path) -> None:
    with replacing(tmp_path / "new" / "x.png") as file:
        file.write(b"whole")
    assert [entry.name for entry in (tmp_path / "new").iterdir()] == ["x.png"]


def test_a_name_of_255_bytes_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 251 + ".png")
    with replacing(path) as file:
        file.write(b"whole")
    assert path.read_bytes() == b"whole"


def test_two_writers_of_one_path_both_come_whole_and_the_last_one_stays(tmp_path: Path) -> None:
    path = tmp_path / "x"
    with replacing(path) as one:
        one.write(b"one")
        with replacing(path) as other:
            other.write(b"other")
        assert path.read_bytes() == b"other"
    assert path.read_bytes() == b"one"


def test_stores_are_chosen_by_scheme(tmp_path: Path) -> None:
    assert open_blobs(f"file://{tmp_path}").root == open_blobs(str(tmp_path)).root == tmp_path
    with pytest.raises(UsageError, match="s3://"):
        open_blobs("s3://bucket/files")


def test_of_two_that_fill_the_same_folder_the_last_one_is_whole(tmp_path: Path) -> None:
    blobs = FolderBlobs(tmp_path)
    with blobs.put_folder("unpacked/a.zip") as first, blobs.put_folder("unpacked/a.zip") as second:
        for folder, text in ((first, "first"), (second, "second")):
            folder.mkdir(parents=True)
            (folder / "axe.png").write_text(text)
        (second / "only-here.png").write_text("x")
    assert {path.name: path.read_text() for path in (tmp_path / "unpacked/a.zip").iterdir()} == {
        "axe.png": "first"
    }
    assert {path.name for path in (tmp_path / "unpacked").iterdir()} == {"a.zip", Path(UNDER_WAY).name}
    assert [*(tmp_path / UNDER_WAY).iterdir()] == []


def fill_in_vain(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "new.png").write_text("new")
    raise OSError("disk full")


def test_a_folder_that_is_not_filled_to_its_end_changes_nothing(tmp_path: Path) -> None:
    blobs = FolderBlobs(tmp_path)
    (tmp_path / "a").mkdir()
    (tmp_path / "a/old.png").write_text("old")
    with pytest.raises(OSError, match="full"), blobs.put_folder("a") as folder:
        fill_in_vain(folder)
    assert [path.name for path in tmp_path.rglob("*.png")] == ["old.png"]


def test_a_folder_with_nothing_in_it_leaves_none(tmp_path: Path) -> None:
    blobs = FolderBlobs(tmp_path)
    (tmp_path / "a").mkdir()
    (tmp_path / "a/old.png").write_text("old")
    with blobs.put_folder("a"):
        pass
    assert list(tmp_path.iterdir()) == []
