"""What every command line of the house shares: how it ends and where it talks.

stdout is data, stderr is talk. Exit codes: 0 done or found, 1 nothing found or
failed, 2 wrong usage, 3 not ready, 130 interrupted.
"""

from __future__ import annotations

import io
import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from artstore.errors import OgaError
from artstore.settings import hand_on

if TYPE_CHECKING:
    from tqdm import tqdm

INTERRUPTED = 130
"""What shells return for a command ended by Ctrl-C (128 + SIGINT)."""


BLAS_THREADS = "OPENBLAS_NUM_THREADS"
"""In the environment, read by numpy when it is loaded: how many threads multiply matrices. After each multiplication they
wait for the next one at full speed, which took a third of the work of building a graph, from those who build it."""


@contextmanager
def loading(name: str) -> Iterator[None]:
    """Load what the command *name* needs, which takes half a second: Ctrl-C ends it in one line.

    What is loaded here multiplies in one thread, unless :data:`BLAS_THREADS` is set.
    """
    hand_on(BLAS_THREADS, "1")
    try:
        yield
    except KeyboardInterrupt:
        talk(f"\n{name}: interrupted before it began")
        raise SystemExit(INTERRUPTED) from None


def run(name: str, main: Callable[[Sequence[str]], int], argv: Sequence[str] | None = None) -> int:
    """Run *main* on *argv* (default: the process's) and return the exit code.

    An :class:`~artstore.errors.OgaError` becomes ``NAME: message`` on stderr,
    Ctrl-C one line, a closed pipe silence. Anything else is a bug and keeps
    its traceback.
    """
    logging.basicConfig(level=logging.WARNING, format=f"{name}: %(message)s", stream=sys.stderr)
    hush_decoders()
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A title that the terminal's character set does not have is no reason to end.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        code = main(sys.argv[1:] if argv is None else argv)
        # Here, where a closed pipe is no surprise; at exit Python would tell of it.
        sys.stdout.flush()
    except OgaError as error:
        talk(f"{name}: {error}")
        return error.exit_code
    except KeyboardInterrupt:
        talk(f"\n{name}: interrupted; what is done is kept, the same command goes on from here")
        return INTERRUPTED
    except BrokenPipeError:
        # `… | head` closed our stdout: give Python another one to flush at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        if error.errno is None:
            raise
        where = f"{error.filename}: " if error.filename else ""
        talk(f"{name}: {where}{error.strerror}; what is done is kept, run again when it is mended")
        return 1
    return code


def hush_decoders() -> None:
    """Keep Pillow's warnings about odd files off stderr: what matters of a file becomes a row in ``failures``."""
    warnings.filterwarnings("ignore", module=r"PIL\.")


def talk(message: str) -> None:
    """Say *message* to the person, on stderr."""
    print(message, file=sys.stderr, flush=True)  # noqa: T201 - the one place where the house talks


def progress(total: int, what: str, unit: str) -> tqdm[Any]:
    """Return a progress bar on stderr with rate and time left; where that is no terminal, a line now and then."""
    from tqdm import tqdm

    terminal = sys.stderr.isatty()
    return tqdm(
        total=total,
        desc=what,
        unit=f" {unit}",
        file=sys.stderr,
        dynamic_ncols=terminal,
        mininterval=0.1 if terminal else 10.0,
        unit_scale=unit == "B",
        disable=total == 0,
    )
