"""Pictures looked for in processes of their own, which may end at any time."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from artstore.errors import OgaError
from artstore.examiners import Examiners
from artstore.models import Findings
from artstore.settings import Settings
from artstore.unpack import find_images
from tests import shelf
from tests.processes import children, is_trapped, is_zombie


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = Settings(data_dir=tmp_path)
    settings.files_dir.mkdir()
    for number, name in enumerate(("axe.png", "bow.png", "cup.png")):
        shelf.sprite(number).save(settings.files_dir / name)
    return settings


def test_they_find_what_is_found_without_them(settings: Settings) -> None:
    paths = ["axe.png", "bow.png", "missing.png"]
    assert found(settings, paths) == [find_images(path, settings) for path in paths]


def test_a_file_that_ends_the_process_is_a_failure_of_its_own(settings: Settings) -> None:
    # Whoever opens it waits for somebody to write to it, and waits when the end comes.
    os.mkfifo(settings.files_dir / "trap.png")

    async def ask() -> list[Findings]:
        examiners = Examiners(settings, 2)
        trapped = asyncio.create_task(examiners.find_images("trap.png"))
        good = await examiners.find_images("axe.png")
        while not trapped.done():
            for process in filter(is_trapped, children()):
                os.kill(process, signal.SIGKILL)
            await asyncio.wait([trapped], timeout=0.1)
        findings = [good, await trapped, await examiners.find_images("bow.png")]
        await examiners.close()
        return findings

    before, trapped, after = asyncio.run(ask())
    assert [failure.reason for failure in trapped.failures] == ["crashed"]
    assert trapped.failures[0].subject == "files/trap.png"
    assert (len(before.images), len(after.images)) == (1, 1)


def test_no_file_is_blamed_for_all_that_died_before_it_came(settings: Settings) -> None:
    # Names that sort one after the other, each large enough to go alone, so that both processes have something to do.
    large = [f"large-{number}.png" for number in range(40)]
    for name in large:
        (settings.files_dir / name).write_bytes(b"no picture" * 120_000)

    async def ask() -> list[Findings]:
        examiners = Examiners(settings, 2)
        await asyncio.gather(*(examiners.find_images(name) for name in large))
        for process in children():
            os.kill(process, signal.SIGKILL)
        # A moment, in which it is noticed that they have ended.
        await asyncio.sleep(0.2)
        findings = [await examiners.find_images(name) for name in ("axe.png", "bow.png", "cup.png")]
        await examiners.close()
        return findings

    assert [findings.failures for findings in asyncio.run(ask())] == [[], [], []]


def test_one_that_dies_with_nothing_to_do_costs_nothing(settings: Settings) -> None:
    async def ask() -> list[Findings]:
        examiners = Examiners(settings, 2)
        findings = [await examiners.find_images("axe.png")]
        for process in children():
            os.kill(process, signal.SIGKILL)
        findings.append(await examiners.find_images("bow.png"))
        await examiners.close()
        return findings

    assert [findings.failures for findings in asyncio.run(ask())] == [[], []]


def test_ctrl_c_in_the_terminal_does_not_end_them(settings: Settings) -> None:
    async def ask() -> Findings:
        examiners = Examiners(settings, 1)
        await examiners.find_images("axe.png")
        for process in children():
            os.kill(process, signal.SIGINT)
        findings = await examiners.find_images("bow.png")
        await examiners.close()
        return findings

    assert asyncio.run(ask()).failures == []


def test_closed_they_are_gone(settings: Settings) -> None:
    found(settings, ["axe.png", "bow.png", "cup.png"])
    assert not children()


def test_what_is_given_up_does_not_answer_the_next_question(settings: Settings) -> None:
    os.mkfifo(settings.files_dir / "trap.png")

    async def ask() -> Findings:
        examiners = Examiners(settings, 1)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(examiners.find_images("trap.png"), 2)
        findings = await examiners.find_images("axe.png")
        await examiners.close()
        return findings

    assert [image.path for image in asyncio.run(ask()).images] == ["files/axe.png"]


def test_an_error_of_the_disk_comes_back_as_it_is(settings: Settings) -> None:
    (settings.files_dir / "folder.png").mkdir()
    with pytest.raises(IsADirectoryError):
        found(settings, ["folder.png"])


def test_where_none_can_be_started_no_file_is_blamed(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(OgaError, match="did not start"):
        found(settings, ["axe.png"])


def test_they_end_with_whoever_started_them_even_if_that_was_killed(settings: Settings) -> None:
    script = (
        "import asyncio, sys\n"
        "from pathlib import Path\n"
        "from artstore.examiners import Examiners\n"
        "from artstore.settings import Settings\n"
        "async def main():\n"
        "    examiners = Examiners(Settings(data_dir=Path(sys.argv[1])), 1)\n"
        "    await examiners.find_images('axe.png')\n"
        "    print('ready', flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    command = [sys.executable, "-c", script, str(settings.data_dir)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as asking:
        assert asking.stdout is not None
        assert asking.stdout.readline() == "ready\n"
        (examiner,) = children(asking.pid)
        asking.kill()
    assert soon(lambda: not Path(f"/proc/{examiner}").exists() or is_zombie(examiner))


def found(settings: Settings, paths: list[str]) -> list[Findings]:
    async def ask() -> list[Findings]:
        examiners = Examiners(settings, 2)
        try:
            return await asyncio.gather(*(examiners.find_images(path) for path in paths))
        finally:
            await examiners.close()

    return asyncio.run(ask())


def soon(says: Callable[[], bool]) -> bool:
    until = time.monotonic() + 20
    while not says() and time.monotonic() < until:
        time.sleep(0.05)
    return says()
