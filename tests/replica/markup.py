"""A page as careless hands write it: no parser of HTML minds; an expression that looks for `class="…"` finds nothing."""

from __future__ import annotations

import re

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
