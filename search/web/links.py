"""Addresses on our own page: behind the reverse proxy's prefix, and encoded exactly once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from search.web.questions import Question

STATIC = Path(__file__).with_name("static")
"""What the page is made of besides templates: our own style sheet, scripts and drawings."""


@dataclass(frozen=True, slots=True)
class Links:
    """Addresses below *root*, which is empty or begins with a slash and does not end in one."""

    root: str = ""

    @classmethod
    def below(cls, root_path: str) -> Links:
        """Return the links of a server whose root a proxy calls *root_path*, not encoded."""
        return cls(quote(root_path.rstrip("/")))

    def to(self, path: str, query: str = "") -> str:
        """Return *path*, which begins with a slash, with *query*, which is encoded."""
        return f"{self.root}{path}?{query}" if query else f"{self.root}{path}"

    def search(self, question: Question, **changes: Any) -> str:
        """Return where *question*, with *changes*, is answered."""
        return self.to("/search", question.query(**changes))

    def picture(self, image_id: int) -> str:
        """Return the page of picture *image_id*."""
        return self.to(f"/picture/{image_id}")

    def group(self, image_id: int, query: str = "") -> str:
        """Return where the copies, recolours and frames of picture *image_id* are listed that fit the question *query*."""
        return self.to(f"/group/{image_id}", query)

    def thumb(self, image_id: int, mark: str = "") -> str:
        """Return the small copy of picture *image_id*; with its *mark* it may be kept for ever."""
        return self.to(f"/thumb/{image_id}.webp", f"v={quote(mark)}" if mark else "")

    def image(self, image_id: int, mark: str = "") -> str:
        """Return picture *image_id* itself, or what a browser can show of it; *mark* is that of :meth:`thumb`."""
        return self.to(f"/image/{image_id}", f"v={quote(mark)}" if mark else "")

    def upload(self, token: str) -> str:
        """Return the picture that was uploaded as *token*."""
        return self.to(f"/upload/{token}")

    def credits(self, image_ids: Iterable[int], kind: str = "") -> str:
        """Return the page with the credits of *image_ids*; of a *kind*, the file to download."""
        pairs = [("id", str(image_id)) for image_id in image_ids] + ([("format", kind)] if kind else [])
        return self.to("/credits", urlencode(pairs))

    def static(self, name: str) -> str:
        """Return the file *name* of :data:`STATIC`, below a folder that is called otherwise once any of them changes."""
        return self.to(f"/static/{version()}/{name}")


@cache
def version() -> str:
    """Return a mark of all that is in :data:`STATIC`: scripts import each other by relative names."""
    files = sorted(path for path in STATIC.iterdir() if path.is_file())
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:12]


def safe_address(url: str | None) -> str | None:
    """Return *url*, as it was collected, if a browser may be sent there: http or https, and nothing else."""
    return url if url and url.lower().startswith(("http://", "https://")) else None
