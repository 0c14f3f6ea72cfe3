"""Functions run in processes of their own: what they return, what they raise, and what becomes of them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from artstore.aside import Aside, ProcessEnded
from artstore.errors import ArchiveError, NotWritten
from artstore.settings import Settings


def test_the_answer_comes_from_another_process(tmp_path: Path) -> None:
    assert asked(tmp_path, process_of, "x") != os.getpid()


def test_there_are_no_more_processes_than_asked_for(tmp_path: Path) -> None:
    async def ask(aside: Aside) -> list[int]:
        return await asyncio.gather(*(aside.call(process_of, "x") for _ in range(20)))

    assert len(set(with_aside(tmp_path, 2, ask))) <= 2


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


def test_what_it_prints_is_no_answer(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert asked(tmp_path, shout, "axe") == "AXE"
    assert capfd.readouterr().out == ""


def test_that_it_ended_over_a_question_is_told_and_the_next_one_is_answered(tmp_path: Path) -> None:
    async def ask(aside: Aside) -> str:
        with pytest.raises(ProcessEnded, match="7"):
            await aside.call(leave, 7)
        return await aside.call(shout, "axe")

    assert with_aside(tmp_path, 1, ask) == "AXE"


def test_what_waits_behind_a_question_that_ends_the_process_is_answered_elsewhere(tmp_path: Path) -> None:
    async def ask(aside: Aside) -> list[Any]:
        questions = [aside.call(leave, 7), *(aside.call(shout, str(number)) for number in range(20))]
        answers: list[Any] = await asyncio.gather(*questions, return_exceptions=True)
        return answers

    first, *others = with_aside(tmp_path, 1, ask)
    assert isinstance(first, ProcessEnded)
    assert others == [str(number) for number in range(20)]


def test_a_long_answer_comes_whole(tmp_path: Path) -> None:
    assert asked(tmp_path, repeat, 3_000_000) == "x" * 3_000_000


def process_of(_asked: str, _settings: Settings) -> int:
    return os.getpid()


def data_dir(_asked: str, settings: Settings) -> str:
    return str(settings.data_dir)


def refuse(asked: str, _settings: Settings) -> None:
    raise NotWritten(f"no room for {asked}")


def break_off(asked: str, _settings: Settings) -> None:
    raise ArchiveError("bad_archive", asked)


def shout(asked: str, _settings: Settings) -> str:
    os.write(1, b"as a decoder in C would")
    return asked.upper()


def leave(code: int, _settings: Settings) -> None:
    os._exit(code)


def repeat(times: int, _settings: Settings) -> str:
    return "x" * times


def asked(data_dir: Path, function: Callable[[Any, Settings], Any], argument: object) -> Any:
    return with_aside(data_dir, 1, lambda aside: aside.call(function, argument))


def with_aside(data_dir: Path, count: int, ask: Callable[[Aside], Awaitable[Any]]) -> Any:
    async def main() -> Any:
        aside = Aside(Settings(data_dir=data_dir), count)
        try:
            return await ask(aside)
        finally:
            await aside.close()

    return asyncio.run(main())
