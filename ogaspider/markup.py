"""Elements of a page, by what they are called, and what is in them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import Any
from urllib.parse import quote, urlsplit

from lxml.cssselect import CSSSelector
from lxml.etree import HTMLParser, fromstring
from scrapy.http import TextResponse

END_CHARACTERS = 1_000
"""How near to the end of a page its last tag is."""

ALLOWED = "!#$%&'()*+,/:;=?@[]"
"""What may stand in an address beside letters, digits and ``-._~``; a percent sign is never encoded a second time."""

FORBIDDEN = re.compile(r"[^\w!#$%&'()*+,/:;=?@\[\]\-.~]", re.ASCII)


@cache
def _compiled(css: str) -> CSSSelector:
    return CSSSelector(css, translator="html")


def root_of(response: TextResponse) -> list[Any]:
    """Return the root element of *response*, whatever came.

    Not that of its selector: a response and its selector keep each other, and a
    crawl would fill the memory with pages until the collector finds them.
    """
    # libxml2 would take a NUL for the end.
    markup = response.text.replace("\0", "").strip()
    root = fromstring(
        markup.encode(errors="replace") or b"<html/>", HTMLParser(encoding="utf-8", huge_tree=True)
    )
    return [] if root is None else [root]


def has_end(response: TextResponse) -> bool:
    """Say whether *response* has its last tag: nothing of it is missing."""
    return "</html" in response.text[-END_CHARACTERS:].lower()


def select(roots: Iterable[Any], css: str) -> list[Any]:
    """Return the elements of lxml in *roots* that *css* means."""
    return [element for root in roots for element in _compiled(css)(root)]


def attribute(elements: list[Any], name: str) -> str:
    """Return the attribute *name* of the first of *elements* that has it."""
    return next((element.get(name) for element in elements if element.get(name)), "")


def text_of(elements: list[Any]) -> str:
    """Return the text of the first of *elements*, blanks folded."""
    return " ".join("".join(elements[0].itertext(with_tail=False)).split()) if elements else ""


def texts_of(elements: list[Any]) -> tuple[str, ...]:
    """Return the texts of *elements*, each once, without the empty ones."""
    return tuple(dict.fromkeys(text for element in elements if (text := text_of([element]))))


def absolute(response: TextResponse, href: str) -> str | None:
    """Return *href* as an absolute address, or None if it leads to no page: people type those of authors themselves.

    To the letter, but for what no address may hold: blanks, for instance, which no server takes, are encoded.
    """
    href = href.strip()
    try:
        # Most are absolute; to join them takes longer than to find them.
        url = href if href.startswith(("https://", "http://")) else response.urljoin(href) if href else ""
        is_page = urlsplit(url).scheme in {"http", "https"}
    except ValueError:
        return None
    return _whole(url) if is_page else None


def _whole(url: str) -> str:
    """Return *url* with that percent-encoded, behind its host, which RFC 3986 has in no address."""
    if not FORBIDDEN.search(url):
        return url
    begin = url.find("/", len("https://"))
    return url if begin < 0 else url[:begin] + quote(url[begin:], safe=ALLOWED, errors="replace")
