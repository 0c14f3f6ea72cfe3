"""Why a request failed, as a short code and in words."""

from __future__ import annotations

from scrapy.exceptions import (
    CannotResolveHostError,
    DownloadCancelledError,
    DownloadConnectionRefusedError,
    DownloadFailedError,
    DownloadTimeoutError,
    IgnoreRequest,
    ResponseDataLossError,
    UnsupportedURLSchemeError,
)
from scrapy.spidermiddlewares.httperror import HttpError

from ogaspider.challenges import Challenged

REDIRECT_LOOP = "redirect_loop"
TOO_LARGE = "too_large"

REASONS: dict[type[BaseException], str] = {
    ResponseDataLossError: "truncated",
    DownloadTimeoutError: "timeout",
    DownloadCancelledError: TOO_LARGE,
    DownloadConnectionRefusedError: "connection_refused",
    CannotResolveHostError: "unknown_host",
    DownloadFailedError: "connection_lost",
    UnsupportedURLSchemeError: "bad_url",
    Challenged: "challenge",
    IgnoreRequest: "refused_by_robots",
    OSError: "connection_lost",
}


NETWORK_ERRORS = tuple(REASONS)
"""What a download can raise; anything else is a bug."""


def reason_of(error: BaseException) -> tuple[str, str]:
    """Return (code, words) for *error*, which a request ended with."""
    if isinstance(error, HttpError):
        return f"http_{error.response.status}", f"the server answered {error.response.status}"
    if isinstance(error, IgnoreRequest) and "redirections" in str(error):
        # Scrapy has no exception of its own for it.
        return REDIRECT_LOOP, str(error)
    if isinstance(error, IgnoreRequest) and "DOWNLOAD_MAXSIZE" in str(error):
        # Nor for a page that is too large once it is decompressed.
        return TOO_LARGE, str(error)
    code = next((code for kind, code in REASONS.items() if isinstance(error, kind)), "failed")
    return code, f"{type(error).__name__}: {error}".rstrip(": ")
