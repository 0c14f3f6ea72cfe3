"""A download on its way: broken off, gone on with, killed, and whole at the end."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artstore.partial import IN_MEMORY_BYTES, PartFile

SIZES = st.sampled_from([0, 1, 1000, IN_MEMORY_BYTES - 1, IN_MEMORY_BYTES, IN_MEMORY_BYTES + 1, 600_000])
"""Of the pieces that come: below, at and over what waits in memory."""

# Killed, here, is who lets go of a download without a word.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

ENDINGS = st.sampled_from(["broken off", "killed"])


def test_a_small_file_comes_to_its_place_whole(tmp_path: Path) -> None:
    part = PartFile(tmp_path, "deep/er/axe.png")
    part.begin(0, '"one"')
    part.write(b"ax")
    part.write(b"e")
    assert part.finish() == hashlib.sha256(b"axe").hexdigest()
    assert lying(tmp_path) == {"deep/er/axe.png": b"axe"}


def test_an_empty_file_is_one_too(tmp_path: Path) -> None:
    part = PartFile(tmp_path, "nothing.txt")
    part.begin(0, None)
    part.finish()
    assert lying(tmp_path) == {"nothing.txt": b""}


def test_nothing_is_to_be_seen_of_it_before_its_end(tmp_path: Path) -> None:
    part = PartFile(tmp_path, "axe.png")
    part.begin(0, None)
    part.write(bytes(IN_MEMORY_BYTES + 1))
    assert "axe.png" not in lying(tmp_path)


def test_what_was_broken_off_is_gone_on_with_by_the_servers_word(tmp_path: Path) -> None:
    part = PartFile(tmp_path, "axe.png")
    part.begin(0, '"one"')
    part.write(b"ax")
    part.close()
    later = PartFile(tmp_path, "axe.png")
    assert (later.size_bytes, later.resume()) == (2, '"one"')
    later.begin(2, '"one"')
    later.write(b"e")
    later.finish()
    assert lying(tmp_path) == {"axe.png": b"axe"}


def test_the_same_process_goes_on_without_a_detour(tmp_path: Path) -> None:
    part = PartFile(tmp_path, "axe.png")
    part.begin(0, '"one"')
    part.write(b"ax")
    assert part.resume() == '"one"'
    part.begin(part.size_bytes, '"one"')
    part.write(b"e")
    assert part.finish() == hashlib.sha256(b"axe").hexdigest()


def test_without_the_servers_word_it_starts_over(tmp_path: Path) -> None:
    part = PartFile(tmp_path, "axe.png")
    part.begin(0, None)
    part.write(b"old and longer")
    part.close()
    later = PartFile(tmp_path, "axe.png")
    assert later.resume() is None
    later.begin(0, None)
    later.write(b"axe")
    later.finish()
    assert lying(tmp_path) == {"axe.png": b"axe"}


@pytest.mark.parametrize("validator", ['"two"', None])
def test_new_bytes_are_never_gone_on_with_by_the_word_for_the_old_ones(
    tmp_path: Path, validator: str | None
) -> None:
    old = PartFile(tmp_path, "axe.png")
    old.begin(0, '"one"')
    old.write(bytes(IN_MEMORY_BYTES + 1))
    old.close()
    new = PartFile(tmp_path, "axe.png")
    new.begin(0, validator)
    new.write(bytes(IN_MEMORY_BYTES + 2))
    assert PartFile(tmp_path, "axe.png").resume() == validator


def test_what_was_not_what_was_asked_for_leaves_nothing(tmp_path: Path) -> None:
    for size in (3, IN_MEMORY_BYTES + 1):
        part = PartFile(tmp_path, "axe.png")
        part.begin(0, '"one"')
        part.write(bytes(size))
        part.discard()
        assert lying(tmp_path) == {}
        assert part.size_bytes == 0


@given(attempts=st.lists(st.tuples(st.lists(SIZES, max_size=4), ENDINGS), max_size=4), seed=st.integers())
def test_however_often_it_ends_early_the_bytes_are_right_in_the_end(
    attempts: list[tuple[list[int], str]], seed: int
) -> None:
    whole = Random(seed).randbytes(1_500_000)
    with tempfile.TemporaryDirectory() as folder:
        for sizes, ending in attempts:
            part, position = begun(Path(folder))
            for size in sizes:
                part.write(whole[position : position + size])
                position = min(position + size, len(whole))
            if ending == "broken off":
                part.close()
        part, position = begun(Path(folder))
        part.write(whole[position:])
        assert part.finish() == hashlib.sha256(whole).hexdigest()
        assert lying(Path(folder)) == {"axe.png": whole}


def begun(root: Path) -> tuple[PartFile, int]:
    """Return a download as the crawl begins it, and from which byte on the server sends."""
    part = PartFile(root, "axe.png")
    position = part.size_bytes if part.resume() == '"one"' else 0
    part.begin(position, '"one"')
    return part, position


def lying(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()
    }
