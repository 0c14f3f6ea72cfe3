"""A page as careless hands write it: no parser of HTML minds; an expression that looks for `class="…"` finds nothing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

if TYPE_CHECKING:
    from tests.replica.site import ReplicaFile

STRAYS: Final = (
    "/sites/default/files/styles/medium/public/fault%20odd%20links.png",
    "/system/files/private.zip",
    "/file/12/dlcounter",
)
"""What no crawler may ask for, though a file list names it."""

BARE = re.compile(r"""(<[a-z][^<>]*?\s[\w:-]+)=(["'])([\w/:.%-]+)\2""")
"""An attribute whose value needs no quotes."""

CLASSES = re.compile(r"""\bclass="([^"'<>]*)\"""")
"""Several classes, which do."""

CLOSINGS = re.compile(r"</(?:li|p|body|html)>")
"""Ends that a parser finds by itself."""


def spoiled(page: str) -> str:
    """*page* without most quotes, doctype and last ends, with stray signs, ends of what was never begun, and shouting."""
    page = page.removeprefix("<!DOCTYPE html>\n")
    while (bare := BARE.sub(r"\1=\3", page)) != page:
        page = bare
    page = CLOSINGS.sub("", CLASSES.sub(r"class = '\1'", page))
    before, comments, after = page.rpartition("<div id=comments")
    page = before + comments + after.replace("</div>", "")
    page = page.replace("<div ", "<DIV ").replace("<h2>", "</center><H2 >").replace("</h2>", "</H2 ></font>")
    page = page.replace("Copyright/Attribution Notice", "Copyright/Attribution < Notice & <<more>>")
    return page.replace("<p>", "<p>1 < 2 && 3 > 2 <3 <b>bold <p>", 1)


def with_odd_links(page: str, base: str, other_base: str, file: ReplicaFile) -> str:
    """*page* with its *file* under an address that has raw blanks, under that of another host, and with `STRAYS`."""
    url = base + file.url_path
    links = [f"{other_base}{file.url_path}", *(base + path for path in STRAYS)]
    items = "".join(f'<span class="file"><a href="{link}" type="image/png">odd</a></span>' for link in links)
    before, whole, after = page.rpartition(f'href="{url}" type=')
    item = before.rindex('<span class="file">')
    return before[:item] + items + before[item:] + whole.replace(url, unquote(url)) + after
