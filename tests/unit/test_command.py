"""What the command lines share: how they end."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import search
from artstore.command import BLAS_THREADS

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("command", ["embedder", "search"])
def test_ctrl_c_while_a_command_loads_is_told_in_one_line(command: str, tmp_path: Path) -> None:
    # Both need it, and get this one: whoever loads it is interrupted.
    (tmp_path / "numpy.py").write_text("raise KeyboardInterrupt")
    done = subprocess.run(
        [sys.executable, "-m", command, "--help"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr == f"\n{command}: interrupted before it began\n"


MULTIPLYING = """
import importlib, os, sys
importlib.import_module(sys.argv[1])
import numpy as np
large = np.ones((1000, 1000), np.float32)
large @ large
print(len(os.listdir("/proc/self/task")))
"""


@pytest.mark.parametrize("module", ["embedder.__main__", "search.__main__", "ogaspider.settings"])
@pytest.mark.parametrize("said", [{}, {BLAS_THREADS: "2"}])
def test_a_command_multiplies_in_one_thread_unless_it_is_told_otherwise(
    module: str, said: dict[str, str]
) -> None:
    unsaid = {name: value for name, value in os.environ.items() if name != BLAS_THREADS}
    threads = subprocess.check_output(
        [sys.executable, "-c", MULTIPLYING, module], cwd=ROOT, env=unsaid | said, text=True, timeout=60
    )
    # numpy starts no more of them than there are processors for it.
    assert int(threads) == min(int(said.get(BLAS_THREADS, "1")), len(os.sched_getaffinity(0)))


def test_what_search_does_not_have_is_said_as_of_any_module() -> None:
    with pytest.raises(AttributeError, match="module 'search' has no attribute 'Engines'"):
        search.Engines  # noqa: B018
