"""What goes wrong, as HTTP says it: a status, and a sentence for whoever asked."""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path

from artstore.errors import NotReady, OgaError, UnreadableFile, UsageError

SOON_S = 2
"""After which it may be worth to ask again where much is going on."""

LATER_S = 30
"""After which it may be worth to ask again what is not ready."""


class WebError(OgaError):
    """A refusal, with its HTTP status; *retry_after_s* says when to ask again."""

    def __init__(self, status: HTTPStatus | int, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.status = HTTPStatus(status)
        self.retry_after_s = retry_after_s


class NotHere(WebError):
    """There is no such picture, upload or page."""

    def __init__(self, message: str) -> None:
        super().__init__(HTTPStatus.NOT_FOUND, message)


class Overloaded(WebError):
    """Too much is being asked at this moment."""

    def __init__(self) -> None:
        super().__init__(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "too many questions are being answered just now; ask again in a moment",
            retry_after_s=SOON_S,
        )


class WarmingUp(WebError):
    """What the question needs is still being loaded."""

    def __init__(self, message: str) -> None:
        super().__init__(HTTPStatus.SERVICE_UNAVAILABLE, message, retry_after_s=SOON_S)


def refusal(error: OgaError) -> WebError:
    """Return *error* as HTTP says it."""
    if isinstance(error, WebError):
        return error
    if isinstance(error, UsageError):
        return WebError(HTTPStatus.BAD_REQUEST, str(error))
    if isinstance(error, UnreadableFile) and error.reason == "missing_file":
        return NotHere("the file of that picture is not here")
    if isinstance(error, UnreadableFile):
        return WebError(HTTPStatus.UNPROCESSABLE_ENTITY, f"no picture that can be read: {error.detail}")
    if isinstance(error, NotReady):
        return WebError(HTTPStatus.SERVICE_UNAVAILABLE, str(error), retry_after_s=LATER_S)
    return WebError(HTTPStatus.INTERNAL_SERVER_ERROR, str(error))


def without_paths(message: str, data_dir: Path) -> str:
    """Return *message* without the place of the data folder, which is nobody's business who asks from afar."""
    # A command keeps its place for it: whoever may run it knows what to put there.
    folder = str(data_dir.absolute())
    told = message.replace(f"--data-dir {folder}", "--data-dir FOLDER").replace(f"{folder}/", "")
    return told.replace(folder, "the data folder")


def command_in(message: str) -> str:
    """Return the first command that *message* names between backquotes, or nothing."""
    parts = message.split("`")
    return parts[1] if len(parts) > 2 else ""
