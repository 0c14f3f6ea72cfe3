"""Functions run in processes of their own: what they return, what they raise, and what becomes of them."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from artstore.aside import UNBOUND, Aside, Bounds, ProcessEnded, TooSlow
from artstore.errors import ArchiveError, NotWritten
from artstore.settings import Settings

Function = Callable[[Sequence[Any], Settings], Any]


def test_the_answer_comes_from_another_process(tmp_path: Path) -> None:
    assert asked(tmp_path, process_of, "x") != os.getpid()


def test_there_are_no_more_processes_than_asked_for(tmp_path: Path) -> None:
    async def ask(aside: Aside[Any, Any]) -> Any:
        return await asyncio.gather(*(aside.ask("x", alone=True) for _ in range(200)))

    assert len(set(with_aside(tmp_path, linger, ask, count=2))) == 2


def test_the_data_folder_is_the_same_from_wherever_they_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert asked(Path("data"), data_dir, "x") == str(tmp_path / "data")


def test_what_it_raises_is_raised_to_whoever_asked(tmp_path: Path) -> None:
    with pytest.raises(NotWritten, match="no room for axe"):
        asked(tmp_path, refuse, "axe")


def test_errors_of_archives_come_through_whole(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError) as caught:
        asked(tmp_path, break_off, "axe")
    assert (caught.value.reason, caught.value.detail) == ("bad_archive", "axe")


def test_what_a_decoder_prints_is_no_answer_and_nobody_hears_it(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert asked(tmp_path, shout, "axe") == "AXE"
    assert capfd.readouterr() == ("", "")


def test_a_bug_leaves_its_traceback(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ProcessEnded):
        asked(tmp_path, stumble, "axe")
    assert "KeyError: 'axe'" in capfd.readouterr().err


def test_that_it_ended_over_a_question_is_told_and_the_next_one_is_answered(tmp_path: Path) -> None:
    async def ask(aside: Aside[Any, Any]) -> Any:
        with pytest.raises(ProcessEnded, match="7"):
            await aside.ask(7)
        return await aside.ask("axe")

    assert with_aside(tmp_path, leave, ask) == "axe"


def test_a_question_that_ends_the_process_costs_none_of_those_it_came_with(tmp_path: Path) -> None:
    async def ask(aside: Aside[Any, Any]) -> list[Any]:
        return await asyncio.gather(
            *(aside.ask(asked) for asked in ["axe", "bow", 7, *"abcdefgh"]), return_exceptions=True
        )

    *before, seventh, cup = with_aside(tmp_path, leave, ask)[:4]
    assert before == ["axe", "bow"]
    assert isinstance(seventh, ProcessEnded)
    assert cup == "a"


def test_questions_that_come_together_are_asked_together(tmp_path: Path) -> None:
    async def ask(aside: Aside[Any, Any]) -> Any:
        return await asyncio.gather(*(aside.ask("x") for _ in range(10)))

    assert with_aside(tmp_path, how_many, ask) == [8] * 8 + [2] * 2


def test_one_that_is_to_go_alone_goes_alone(tmp_path: Path) -> None:
    async def ask(aside: Aside[Any, Any]) -> Any:
        return await asyncio.gather(*(aside.ask("x", alone=number == 2) for number in range(5)))

    assert with_aside(tmp_path, how_many, ask) == [2, 2, 1, 2, 2]


def test_nothing_waits_for_a_slow_one_that_it_came_with(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "trap")

    async def ask(aside: Aside[Any, Any]) -> list[str]:
        trapped = asyncio.create_task(aside.ask("trap"))
        others = await asyncio.gather(*(aside.ask(name) for name in ("axe", "bow", "cup")))
        assert not trapped.done()
        (tmp_path / "trap").write_text("let go")
        return [*others, await trapped]

    assert with_aside(tmp_path, wait_for, ask, count=2) == ["axe", "bow", "cup", "let go"]


def test_the_end_does_not_wait_for_a_slow_one(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "trap")

    async def ask(aside: Aside[Any, Any]) -> asyncio.Task[Any]:
        trapped = asyncio.create_task(aside.ask("trap"))
        await asyncio.wait([trapped], timeout=1)
        return trapped

    assert with_aside(tmp_path, wait_for, ask).cancelled()


def test_the_end_frees_whoever_waits_behind_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "trap")

    async def ask(aside: Aside[Any, Any]) -> list[asyncio.Task[Any]]:
        tasks = [asyncio.create_task(aside.ask(name)) for name in ["trap", *"abcdefghijklmnop"]]
        await asyncio.wait(tasks, timeout=1)
        return tasks

    async def main() -> list[bool]:
        aside: Aside[Any, Any] = Aside(wait_for, Settings(data_dir=tmp_path), count=1, most=8)
        tasks = await ask(aside)
        await aside.close()
        done, _ = await asyncio.wait(tasks, timeout=5)
        return [task in done and task.cancelled() for task in tasks]

    assert asyncio.run(main()) == [True] * 17


def test_one_that_was_given_up_before_its_turn_is_not_asked(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "trap")

    async def ask(aside: Aside[Any, Any]) -> list[str]:
        slow = asyncio.create_task(aside.ask("slow", alone=True))
        trapped = asyncio.create_task(aside.ask("trap", alone=True))
        await asyncio.sleep(0.1)
        trapped.cancel()
        return [await slow, await aside.ask("axe")]

    assert with_aside(tmp_path, wait_for, ask) == ["slow", "axe"]


def test_nothing_is_asked_twice_but_what_waited_behind_a_slow_one(tmp_path: Path) -> None:
    async def ask(aside: Aside[Any, Any]) -> Any:
        return await asyncio.gather(*(aside.ask(name) for name in ["slow", *"abcdefg", "slow", *"hijklmn"]))

    with_aside(tmp_path, note_down, ask, count=2)
    noted = (tmp_path / "noted").read_text().split()
    assert noted.count("slow") == 2
    assert set(noted) == {"slow", *"abcdefghijklmn"}
    assert all(noted.count(name) <= 2 for name in "abcdefghijklmn")


def test_a_question_that_cannot_be_sent_is_refused_and_the_next_one_answered(tmp_path: Path) -> None:
    async def ask(aside: Aside[Any, Any]) -> Any:
        with pytest.raises(Exception, match="pickle"):
            await aside.ask(lambda: "no pickle takes it")
        return await aside.ask("axe")

    assert with_aside(tmp_path, leave, ask) == "axe"


def test_one_that_takes_too_long_is_ended_and_the_next_one_answered(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "trap")

    async def ask(aside: Aside[Any, Any]) -> Any:
        with pytest.raises(TooSlow, match=r"longer than 2 s"):
            await aside.ask("trap")
        return await aside.ask("axe")

    assert with_aside(tmp_path, wait_for, ask, bounds=Bounds(answer_s=2)) == "axe"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux keeps a process to it")
def test_no_process_takes_more_memory_than_it_may(tmp_path: Path) -> None:
    async def ask(aside: Aside[Any, Any]) -> Any:
        return await asyncio.gather(*(aside.ask(size_mb) for size_mb in (1, 1000, 2)))

    answers = with_aside(tmp_path, hoard, ask, bounds=Bounds(memory_bytes=300_000_000))
    assert answers == ["had", "MemoryError", "had"]


def test_a_long_answer_comes_whole(tmp_path: Path) -> None:
    assert asked(tmp_path, repeat, 3_000_000) == "x" * 3_000_000


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows processes as files")
def test_a_process_ends_in_the_middle_of_its_work_when_whoever_asked_was_killed(tmp_path: Path) -> None:
    asking = f"from tests.unit.test_aside import *; asked(Path({str(tmp_path)!r}), stay, 'x')"
    asker = subprocess.Popen([sys.executable, "-c", asking])
    try:
        while not (tmp_path / "at work").exists():
            assert asker.poll() is None
            time.sleep(0.05)
    finally:
        asker.kill()
        asker.wait()
    process = int((tmp_path / "at work").read_text())
    until_s = time.monotonic() + 20
    while is_running(process):
        assert time.monotonic() < until_s
        time.sleep(0.05)


def is_running(process: int) -> bool:
    # Nobody may have asked how it ended: then there is an entry, but no command any more.
    try:
        return bool(Path(f"/proc/{process}/cmdline").read_bytes())
    except FileNotFoundError:
        return False


def stay(asked: Sequence[str], settings: Settings) -> Iterator[str]:
    (settings.data_dir / "begun").write_text(str(os.getpid()))
    (settings.data_dir / "begun").rename(settings.data_dir / "at work")
    time.sleep(60)
    return iter(asked)


def process_of(asked: Sequence[str], _settings: Settings) -> Iterator[int]:
    return (os.getpid() for _ in asked)


def linger(asked: Sequence[str], settings: Settings) -> Iterator[int]:
    time.sleep(0.01)
    return process_of(asked, settings)


def how_many(asked: Sequence[str], _settings: Settings) -> list[int]:
    return [len(asked)] * len(asked)


def data_dir(asked: Sequence[str], settings: Settings) -> list[str]:
    return [str(settings.data_dir)] * len(asked)


def refuse(asked: Sequence[str], _settings: Settings) -> list[Exception]:
    return [NotWritten(f"no room for {one}") for one in asked]


def break_off(asked: Sequence[str], _settings: Settings) -> list[Exception]:
    return [ArchiveError("bad_archive", one) for one in asked]


def shout(asked: Sequence[str], _settings: Settings) -> list[str]:
    os.write(1, b"as a decoder in C would")
    os.write(2, b"as libtiff does")
    return [one.upper() for one in asked]


def stumble(asked: Sequence[str], _settings: Settings) -> list[str]:
    known: dict[str, str] = {}
    return [known[one] for one in asked]


def leave(asked: Sequence[str | int], _settings: Settings) -> Iterator[str]:
    for one in asked:
        if isinstance(one, int):
            os._exit(one)
        yield one


def wait_for(asked: Sequence[str], settings: Settings) -> Iterator[str]:
    for name in asked:
        path = settings.data_dir / name
        if name == "slow":
            time.sleep(1)
        yield path.read_text() if path.exists() else name


def note_down(asked: Sequence[str], settings: Settings) -> Iterator[str]:
    for name in asked:
        with (settings.data_dir / "noted").open("a") as file:
            file.write(f"{name}\n")
        if name == "slow":
            time.sleep(1)
        yield name


def hoard(asked: Sequence[int], _settings: Settings) -> Iterator[str]:
    for size_mb in asked:
        try:
            yield "had" if bytearray(size_mb * 1_000_000) else ""
        except MemoryError:
            yield "MemoryError"


def repeat(asked: Sequence[int], _settings: Settings) -> list[str]:
    return ["x" * times for times in asked]


def asked(data_dir: Path, function: Function, argument: object) -> Any:
    return with_aside(data_dir, function, lambda aside: aside.ask(argument))


def with_aside(
    data_dir: Path,
    function: Function,
    ask: Callable[[Aside[Any, Any]], Awaitable[Any]],
    count: int = 1,
    bounds: Bounds = UNBOUND,
) -> Any:
    async def main() -> Any:
        aside: Aside[Any, Any] = Aside(
            function, Settings(data_dir=data_dir), count=count, most=8, bounds=bounds
        )
        try:
            return await ask(aside)
        finally:
            await aside.close()

    return asyncio.run(main())
