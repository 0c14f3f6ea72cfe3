"""A page that shows nothing until a script ran: it sets a cookie after a moment and loads itself again.

With the cookie comes the page of the work. Both load what a crawl does not need: `RESOURCES`, of which a test can say
that a crawler's browser did not ask for them.
"""

from __future__ import annotations

from dataclasses import replace
from threading import Lock
from typing import Final, Literal

from PIL import Image

from tests.replica.answer import Answer, InMemory, html
from tests.replica.art import saved

Kind = Literal["pages", "files"]

COOKIE: Final = "js_ok=1"
DELAY_MS: Final = 200
FOLDER: Final = "/challenge/"

STYLE, SCRIPT, PICTURE, FONT = (
    FOLDER + name for name in ("style.css", "extra.js", "spinner.png", "face.woff2")
)
RESOURCES: Final = (STYLE, SCRIPT, PICTURE, FONT)

HEAD = (
    f'<link rel="stylesheet" href="{STYLE}" />\n<script src="{SCRIPT}" async></script>\n'
    f'<style>@font-face {{ font-family: Face; src: url("{FONT}") format("woff2"); }} body {{ font-family: Face; }}</style>\n'
)

PAGE = (
    f"<!DOCTYPE html>\n<html><head><title>Just a moment...</title>\n{HEAD}</head>\n"
    f'<body><h1>Checking your browser</h1><img src="{PICTURE}" alt="" /><noscript>Scripts are needed here.</noscript>\n'
    f'<script>setTimeout(function () {{ document.cookie = "{COOKIE}; path=/"; location.reload(); }}, {DELAY_MS});</script>\n'
    "</body></html>\n"
)


def is_passed(cookies: str, cookie: str = COOKIE) -> bool:
    """Whether a `Cookie` header comes from somebody whose scripts run."""
    return cookie in {pair.strip() for pair in cookies.split(";")}


def page(status: int, cookie: str = COOKIE) -> Answer:
    """The challenge; no cache may keep it."""
    return replace(html(PAGE.replace(COOKIE, cookie), status), etag="", headers={"Cache-Control": "no-store"})


class Gate:
    """Lets in who has the cookie of the day; *lasts* is how many requests that is good for, or None for ever.

    It stands before *before*, pages and files or one of them; without a *status* nowhere.
    """

    def __init__(
        self, status: int | None, before: tuple[Kind, ...] = ("pages",), lasts: int | None = None
    ) -> None:
        self.status, self.before, self.lasts = status, before, lasts
        self.day = 1
        self.opened = 0
        self.lock = Lock()

    def refusal(self, kind: Kind, cookies: str) -> Answer | None:
        """The challenge, or None for who may pass."""
        if not self.status or kind not in self.before:
            return None
        with self.lock:
            if is_passed(cookies, self.cookie) and self.opened != self.lasts:
                self.opened += 1
                return None
            if self.opened == self.lasts:
                self.day, self.opened = self.day + 1, 0
            return page(self.status, self.cookie)

    @property
    def cookie(self) -> str:
        return f"js_ok={self.day}"


def with_resources(text: str) -> str:
    """The page of a work as it looks behind the challenge."""
    text = text.replace("</head>", f"{HEAD}</head>", 1)
    return text.replace("</body>", f'<img src="{PICTURE}" alt="" /></body>', 1)


def resource(path: str) -> Answer | None:
    """One of `RESOURCES`. The font is none, which a browser finds out only when it has it."""
    found = {
        STYLE: ("text/css", b"h1 { color: #383; }\n"),
        SCRIPT: ("text/javascript", b"window.extraRan = true;\n"),
        PICTURE: ("image/png", saved(Image.new("RGB", (16, 16), "#383"))),
        FONT: ("font/woff2", b"wOF2" + bytes(60)),
    }.get(path)
    return Answer(200, found[0], InMemory(found[1])) if found else None
