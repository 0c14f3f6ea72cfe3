"""How a file or a page that is broken on purpose is served, and when it is well again.

For good     missing (404), forbidden (403), gone (410), error (500), unrecognised, html, wrong-length, oversized, loop;
             foreign (redirected to the same server under another name); truncated and reset (half of it, and no parts)
For a while  flaky (500 twice), busy (429 once, Retry-After in seconds), unavailable (503 once, Retry-After as a date),
             cut-off (two thirds are lost twice, but a Range gets what is missing)
For all      slow, endless, endless-error (404, and no end), markup (a parser of HTML reads it), bomb (a page of 64 MB
             in 0.3 MB of gzip), odd-links (in the file list), to-admin, script-to-admin (which robots.txt forbids),
             moved (to its number); challenge, challenge-503 (until a cookie says that a script ran)
"""

from __future__ import annotations

import gzip
import time
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from tests.replica import challenge, markup, pages
from tests.replica.answer import (
    HTML,
    Answer,
    Endless,
    InMemory,
    error,
    html,
    not_found,
    redirect,
    refused,
    whole,
)
from tests.replica.site import FILES_PATH, MOVES

if TYPE_CHECKING:
    from tests.replica.site import FileFault, ReplicaFile, ReplicaWork, WorkFault

SLOW_S: Final = 2.0
FLAKY_FAILURES: Final = 2
"""How often a flaky file answers 500 before it is well again."""
BUSY_FAILURES: Final = 1
CUT_OFFS: Final = 2
RETRY_AFTER_S: Final = 1
ADMIN: Final = "/admin/secret"
ENDLESS_BYTES: Final = 64_000_000


class Faults:
    """It remembers how often each of its files and pages was asked for, and nothing else."""

    def __init__(self) -> None:
        self.asked: dict[str, int] = {}
        self.lock = Lock()

    def nth(self, name: str) -> int:
        """How often *name* has been asked for, this time included."""
        with self.lock:
            self.asked[name] = self.asked.get(name, 0) + 1
            return self.asked[name]

    def file(self, file: ReplicaFile, base: str) -> Answer:
        """The file as its fault serves it."""
        match file.fault:
            case "missing":
                return not_found(file.url_path)
            case "redirect" | "foreign" | "loop":
                return redirected(file, base)
            case "endless-error":
                return Answer(404, HTML, Endless(b"<html>", ENDLESS_BYTES))
            case "cut-off":
                cut = self.nth(file.name) <= CUT_OFFS
                return replace(whole(file), sent_bytes=len(file.content) // 3 if cut else None)
        return self.passing(file.fault, file.name) or altered(file)

    def page(self, work: ReplicaWork, base: str, path: str, cookies: str) -> Answer:
        """The page of a work; *path* is that of its alias or of its number."""
        text = pages.work_page(work, base)
        match work.fault:
            case "unrecognised":
                return html(pages.BACK_SOON)
            case "missing":
                return not_found(work.path)
            case "error":
                return error()
            case "loop":
                return redirect(
                    301, base + (work.path if path.startswith("/node/") else f"/node/{work.node_id}")
                )
            case "markup":
                text = markup.spoiled(text)
            case "odd-links":
                text = markup.with_odd_links(text, base, other_host(base), work.files[0])
            case "challenge" | "challenge-503":
                if not challenge.is_passed(cookies):
                    return challenge.page(200 if work.fault == "challenge" else 503)
                text = challenge.with_resources(text)
        return (
            self.passing(work.fault, work.path)
            or huge(work.fault)
            or led_away(work, base, path)
            or html(text, modified_at=work.modified_at)
        )

    def passing(self, fault: FileFault | WorkFault | None, name: str) -> Answer | None:
        """Refusals that stay, and those that end if somebody asks again or waits; None for what is served."""
        match fault:
            case "gone":
                return html(pages.message_page("Gone", "This was taken away for good."), 410)
            case "forbidden":
                return refused()
            case "flaky" if self.nth(name) <= FLAKY_FAILURES:
                return error()
            case "busy" if self.nth(name) <= BUSY_FAILURES:
                return replace(error(429), headers={"Retry-After": str(RETRY_AFTER_S)})
            case "unavailable" if self.nth(name) <= BUSY_FAILURES:
                later = datetime.fromtimestamp(int(time.time()) + 1 + RETRY_AFTER_S, UTC)
                return replace(error(503), headers={"Retry-After": format_datetime(later, usegmt=True)})
        return None


def redirected(file: ReplicaFile, base: str) -> Answer:
    """To another folder, to another name of this server, or round in a circle."""
    folder = MOVES.get(file.fault or "loop", "loop")
    path = file.url_path.replace(FILES_PATH, f"{FILES_PATH}{folder}/", 1)
    if file.fault == "foreign":
        return redirect(302, other_host(base) + path)
    return redirect(301 if file.fault == "redirect" else 302, base + path)


def altered(file: ReplicaFile) -> Answer:
    """A 200 that is not quite what it should be; a fault of the bytes themselves changes nothing here."""
    good = whole(file)
    match file.fault:
        case "truncated" | "reset":
            half = len(file.content) // 2
            return replace(good, sent_bytes=half, reset=file.fault == "reset", in_parts=False)
        case "html":
            return replace(good, mime=HTML, in_parts=False)
        case "slow":
            return replace(good, wait_s=SLOW_S)
        case "endless":
            return replace(good, body=Endless(file.content, ENDLESS_BYTES), etag="", in_parts=False)
    return good


def huge(fault: WorkFault | None) -> Answer | None:
    """A page of which no crawler wants to see the end; None if it is none."""
    if fault == "bomb":
        return Answer(200, HTML, InMemory(bomb()), headers={"Content-Encoding": "gzip"})
    return Answer(200, HTML, Endless(b"<html>", ENDLESS_BYTES)) if fault == "endless" else None


def led_away(work: ReplicaWork, base: str, path: str) -> Answer | None:
    """A page that leads elsewhere: to its number, or where robots.txt lets nobody go; None if it does not."""
    if work.fault == "to-admin":
        return redirect(302, base + ADMIN)
    if work.fault == "moved" and path == work.path:
        return redirect(301, f"{base}/node/{work.node_id}")
    script = f"<html><body>Wait.<script>location.href = '{ADMIN}'</script></body></html>"
    return html(script) if work.fault == "script-to-admin" else None


@cache
def bomb() -> bytes:
    """Nothing but blanks, of which gzip makes a thousandth."""
    return gzip.compress(b" " * ENDLESS_BYTES, compresslevel=1)


def other_host(base: str) -> str:
    """This server under its other name."""
    parts = urlsplit(base)
    other = "127.0.0.1" if parts.hostname == "localhost" else "localhost"
    return f"http://{other}:{parts.port}"
