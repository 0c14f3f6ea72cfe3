"""What is saved, what is refused, and what a kill or a full disk leaves."""

import os
import random
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from artstore.errors import Mismatch
from tests.unit.conftest import snapshot
from tests.unit.vectors.conftest import (
    DIM,
    Opener,
    assert_agree,
    directions,
    filled,
    id_array,
    opened,
)


def test_what_was_saved_is_what_is_opened(opener: Opener) -> None:
    index = opener()
    vectors = filled(index, 200)
    index.remove([7, 8])
    index.remove(np.array([9], np.int64))
    index.save()
    again = opener()
    assert len(again) == 197
    assert again.ids().tolist() == index.ids().tolist()
    assert_agree(again.query(vectors, 20), index.query(vectors, 20))
    again.add(id_array(7, 500), np.vstack([vectors[7], directions(1, seed=4)[0]]))
    again.save()
    assert len(opener()) == 199
    assert opener().query(vectors[7:8], 1).ids.tolist() == [[7]]


def test_an_empty_index_can_be_saved(opener: Opener) -> None:
    opener().save()
    assert len(opener()) == 0
    filled(opener(), 3)


def test_saving_often_leaves_no_litter(opener: Opener, tmp_path: Path) -> None:
    index = opener()
    filled(index, 10)
    index.save()
    count = len(snapshot(tmp_path / "index"))
    for _ in range(3):
        index.save()
    assert len(snapshot(tmp_path / "index")) == count


def test_indexes_beside_each_other_leave_each_other_alone(opener: Opener) -> None:
    for size, name in ((3, "vgg16"), (4, "vgg16-classic"), (5, "vgg16.x"), (6, "[ab]*")):
        index = opener(name=name)
        filled(index, size)
        index.save()
    opener(name="vgg16").save()
    assert [len(opener(name=name)) for name in ("vgg16", "vgg16-classic", "vgg16.x", "[ab]*")] == [3, 4, 5, 6]


def test_a_with_block_saves_unless_an_error_is_on_its_way_out(opener: Opener) -> None:
    with opener() as index:
        filled(index, 10)
    with pytest.raises(ZeroDivisionError), opener() as index:  # noqa: PT012
        index.remove([1, 2])
        raise ZeroDivisionError
    assert len(opener()) == 10


def test_a_fresh_index_replaces_what_lies_there_only_when_it_is_saved(opener: Opener) -> None:
    with opener(embedder="other", dim=8) as index:
        filled(index, 10)
    fresh = opener(fresh=True)
    assert len(fresh) == 0
    assert len(opener(embedder="other", dim=8)) == 10
    filled(fresh, 3)
    fresh.save()
    assert len(opener()) == 3


@pytest.mark.parametrize("other", [{"dim": DIM * 2}, {"dim": DIM // 2}, {"embedder": "vgg16"}])
def test_an_index_made_for_another_is_refused_naming_the_command_that_helps(
    opener: Opener, other: dict[str, object]
) -> None:
    with opener() as index:
        filled(index, 10)
    with pytest.raises(Mismatch, match=r"python -m embedder --embedder \w+ --rebuild-index"):
        opener(**other)


@contextmanager
def files_no_larger_than(size_bytes: int) -> Iterator[None]:
    """A limit on the size of files stands for a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("limit", [10, 5000])
def test_a_save_that_fails_raises_and_leaves_the_old_one(opener: Opener, tmp_path: Path, limit: int) -> None:
    index = opener()
    filled(index, 10)
    index.save()
    before = snapshot(tmp_path / "index")
    filled(index, 400)
    with files_no_larger_than(limit), pytest.raises(OSError, match=r"space|large|written|requested"):
        index.save()
    assert snapshot(tmp_path / "index") == before
    assert len(opener()) == 10
    index.save()
    assert len(opener()) == 400


def damaged(content: bytes) -> Iterator[bytes]:
    yield b""
    yield content[: len(content) // 2]
    yield content[:-1]
    yield b"x" + content
    yield random.Random(0).randbytes(len(content))
    generator = random.Random(1)
    for _ in range(40):
        at = generator.randrange(len(content))
        yield content[:at] + bytes([content[at] ^ (1 << generator.randrange(8))]) + content[at + 1 :]


def test_damaged_files_are_refused_or_harmless(opener: Opener, tmp_path: Path) -> None:
    index = opener()
    vectors = filled(index, 60)
    index.save()
    wanted = index.query(vectors, 5)
    refused = 0
    for path in sorted((tmp_path / "index").iterdir()):
        whole = path.read_bytes()
        for content in damaged(whole):
            path.write_bytes(content)
            try:
                found = opener().query(vectors, 5)
            except Mismatch as error:
                assert "--rebuild-index" in str(error)  # noqa: PT017
                refused += 1
            else:
                assert_agree(found, wanted)
        path.write_bytes(whole)
    assert refused > 20


def test_a_data_file_that_is_gone_is_refused(opener: Opener, tmp_path: Path) -> None:
    with opener() as index:
        filled(index, 10)
    for path in (tmp_path / "index").iterdir():
        if path.suffix != ".json":
            path.unlink()
    if list((tmp_path / "index").iterdir()):
        with pytest.raises(Mismatch, match="damaged"):
            opener()


SAVER = """
import sys
from pathlib import Path
import numpy as np
from tests.unit.vectors.conftest import directions, opened
index = opened(sys.argv[1], Path(sys.argv[2]))
vectors = directions(1000)
while True:
    for size in (10, 20):
        index.remove(range(1000))
        index.add(np.arange(size, dtype=np.int64), vectors[:size])
        index.save()
        print(size, flush=True)
"""


def test_a_reader_sees_the_old_or_the_new_while_a_writer_saves_and_is_killed(
    kind: str, tmp_path: Path
) -> None:
    stem = tmp_path / "index" / "it"
    vectors = directions(1000)
    command = [sys.executable, "-c", SAVER, kind, str(stem)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[3]) as saver:
        assert saver.stdout is not None
        saver.stdout.readline()
        seen = set()
        for _ in range(500):
            index = opened(kind, stem)
            seen.add(len(index))
            assert index.query(vectors[:3], 1).ids[:, 0].tolist() == [0, 1, 2]
        os.kill(saver.pid, signal.SIGKILL)
    assert seen == {10, 20}
    with opened(kind, stem) as index:
        assert len(index) in seen
    left = [path.name for path in stem.parent.iterdir() if not path.name.endswith(".part")]
    opened(kind, tmp_path / "other" / "it").save()
    assert len(left) == len(list((tmp_path / "other").iterdir())), (
        "what a kill left is gone with the next save"
    )
