"""How the page of a work is read; :mod:`ogaspider.listings` has the pages that lead there.

A page object takes a response and has one small property per fact. It makes no
request and knows no spider. A page that is not what it should be is not empty:
``recognised`` says so, and the caller counts it as a failure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import cached_property
from typing import Any
from urllib.parse import unquote, urlsplit

from lxml.etree import XPath
from scrapy.http import TextResponse

from artstore import names
from artstore.licences import licence_from_name
from artstore.models import FileLink, Licence, Work
from ogaspider.markup import absolute, attribute, has_end, root_of, select, text_of, texts_of

LINES = frozenset(
    "address article aside blockquote br caption dd details div dl dt fieldset figcaption figure footer form "
    "h1 h2 h3 h4 h5 h6 header hr li ol p pre section summary table tr ul".split()
)
"""Elements of a long text that stand on lines of their own, whether the HTML gives them some or not."""

CELLS = frozenset({"td", "th"})
"""Elements that only keep a distance."""

SITE_PARTS = ("field-name-", "group-footer")
"""Classes of what is no part of a long text, but may lie in it where somebody left a tag open."""

WITHHELD = XPath(
    ".//text()[contains(., 'due to potential licensing issues')]"
    "[not(ancestor::*[contains(@class, 'group-footer') or contains(concat(@class, ' '), 'field-item ')])]"
)
"""What stands where the files would be; the author and the comments, in the footer, may say so too."""

FILE_SIGNS = XPath(
    ".//*[contains(@class, 'field-name-field-art-files') or self::a[contains(@type, 'length=')]"
    " or contains(concat(' ', @class, ' '), ' file ') or starts-with(@class, 'dlcount')"
    " or contains(@class, 'field-label') and starts-with(normalize-space(.), 'File')]"
    "[not(ancestor-or-self::*[contains(@class, 'group-footer') or contains(@class, 'field-name-body')"
    " or contains(@class, '-copyright-notice') or contains(@class, '-art-attribution')"
    " or contains(@class, 'field-name-field-art-preview')])]"
)
"""What stands in a list of files, whatever the site calls the list; authors and comments may write the same."""

PREVIEWS = XPath(
    ".//a[contains(@class, 'preview-lightbox')]/@href"
    " | .//img[not(ancestor::a[contains(@class, 'preview-lightbox')][@href])]/@src"
)
"""The full size, or the thumbnail where nothing leads further."""

LEFT_COLUMN = XPath("(descendant::*[contains(@class, 'left-column')])[1]")
"""Where the facts of a work stand; a comment has fields of the same names."""

FIELDS = XPath("descendant::*[contains(@class, 'field-name-')]")
"""The fields of a work, as Drupal calls them: found once, and each fact is looked for in its own only."""

LONG_TEXTS = XPath("*[contains(@class, 'field-items')]/*[contains(concat(@class, ' '), 'field-item ')]")
"""The items of a field, and not those that somebody pasted into its text."""

NODE_ID = re.compile(r"(?:flag-favorites-|/node/)(\d+)")

SITE_NAME = "| OpenGameArt.org"
"""What follows the title of every page."""

DERIVED = "styles/"
"""The folder below that of the files in which the site keeps thumbnails of them."""

MOST_DIGITS = 18
"""Of a number in 63 bits."""

POSTED_AT = "%A, %B %d, %Y - %H:%M"
"""``Thursday, January 31, 2013 - 08:06``; the site does not say in which zone."""


class WorkPage:
    """A page of ``/content/…`` or ``/node/…``."""

    def __init__(self, response: TextResponse) -> None:
        self._response = response
        self._page = root_of(response)
        self._node = select(self._page, "div.node.node-art.view-mode-full")
        self._facts = _fields(column for node in self._node for column in LEFT_COLUMN(node))
        self._fields = _fields(self._node)

    @property
    def recognised(self) -> bool:
        """Whether this is a work, and all of it can be read."""
        return self.is_work and self.is_whole and not self.hides_files

    @property
    def is_work(self) -> bool:
        """Whether this is a work at all."""
        return bool(self._node) and bool(self.title)

    @property
    def is_whole(self) -> bool:
        """Whether the page came to its end, or at least to the comments, which follow the files."""
        return has_end(self._response) or bool(select(self._node, ".group-footer"))

    @property
    def hides_files(self) -> bool:
        """Whether there are signs of files, and none of them can be read: the site has changed its markup."""
        return not self.files and not self.withheld and any(FILE_SIGNS(node) for node in self._node)

    @cached_property
    def work(self) -> Work:
        """Everything that the page says."""
        return Work(
            url=self.url,
            title=self.title,
            author=self.author,
            author_url=self.author_url,
            submitter=self.submitter,
            collaborators=self.collaborators,
            node_id=self.node_id,
            posted_at=self.posted_at,
            description=self.description,
            copyright_notice=self.copyright_notice,
            favourites=self.favourites,
            withheld=self.withheld,
            art_types=self.art_types,
            tags=self.tags,
            licences=self.licences,
            collections=self.collections,
            previews=self.previews,
            files=self.files,
        )

    @property
    def url(self) -> str:
        """The work's address: the canonical one for ``/node/…``, else the one that was asked for."""
        if not urlsplit(self._response.url).path.startswith("/node/"):
            return self._response.url
        canonical = attribute(select(self._page, 'link[rel="canonical"]'), "href")
        return absolute(self._response, canonical) or self._response.url

    @cached_property
    def title(self) -> str:
        """The title; the first ``h2`` of the page is that of the login form."""
        return (
            text_of(select(self._node, '[property="dc:title"] h2'))
            or " ".join(attribute(select(self._page, 'meta[property="og:title"]'), "content").split())
            or text_of(select(self._page, "title")).removesuffix(SITE_NAME).rstrip()
        )

    @property
    def author(self) -> str:
        """The author's name, with or without a link."""
        return text_of(select(self._author, "span.username"))

    @property
    def author_url(self) -> str | None:
        """The author's page here or elsewhere, or None for a plain name."""
        return absolute(self._response, attribute(select(self._author, "span.username a"), "href"))

    @property
    def submitter(self) -> str | None:
        """Who uploaded it, where that is not the author."""
        return text_of(select(self._author, "strong")) or None

    @property
    def collaborators(self) -> tuple[str, ...]:
        """Who else made it."""
        return texts_of(self._fact("field-collaborators", ".field-item a"))

    @property
    def node_id(self) -> int | None:
        """The site's number of the work."""
        found = (
            NODE_ID.search(attribute(self._fact("flag-favorite", '[class*="flag-favorites-"]'), "class"))
            or NODE_ID.search(attribute(select(self._page, 'link[rel="shortlink"]'), "href"))
            or NODE_ID.search(urlsplit(self._response.url).path)
        )
        return _number(found[1]) if found else None

    @property
    def posted_at(self) -> datetime | None:
        """When it was posted; comments use the same class, hence the column."""
        try:
            return datetime.strptime(text_of(self._fact("post-date", ".field-item")), POSTED_AT)  # noqa: DTZ007
        except ValueError:
            return None

    @property
    def art_types(self) -> tuple[str, ...]:
        """The kinds of art, as written: ``2D Art``, ``Texture``."""
        return texts_of(self._fact("field-art-type", ".field-item a"))

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags, as written."""
        return texts_of(self._fact("field-art-tags", ".field-item a"))

    @property
    def licences(self) -> tuple[Licence, ...]:
        """By the name on the badge: deed addresses vary, and collections are called after licences."""
        icons = self._fact("field-art-licenses", ".license-icon")
        deeds = [absolute(self._response, attribute(select([icon], "a"), "href")) for icon in icons]
        named = (
            (text_of(select([icon], ".license-name")) or deed, deed)
            for icon, deed in zip(icons, deeds, strict=True)
        )
        return tuple(dict.fromkeys(licence_from_name(name, deed) for name, deed in named if name))

    @property
    def collections(self) -> tuple[tuple[str, str], ...]:
        """(url, title) of the collections it is in."""
        links = self._fact("collect", ".collect-container li > a:first-child")
        found = ((absolute(self._response, link.get("href", "")), text_of([link])) for link in links)
        return tuple((url, title) for url, title in found if url)

    @property
    def favourites(self) -> int | None:
        """How many people marked it."""
        found = text_of(self._fact("favorites", ".field-item")).replace(",", "")
        return _number(found)

    @property
    def description(self) -> str:
        """The body, as text."""
        return _long_text(self._fields.get("body", ()))

    @property
    def copyright_notice(self) -> str:
        """How the author wants to be credited, as text; older works use another field."""
        both = ("field-copyright-notice", "field-art-attribution")
        return _long_text(field for name in both for field in self._fields.get(name, ()))

    @property
    def previews(self) -> tuple[str, ...]:
        """The addresses of the pictures that show it, in their order: facts, and never files to download."""
        fields = self._fields.get("field-art-preview", ())
        found = (absolute(self._response, href) for field in fields for href in PREVIEWS(field))
        return tuple(dict.fromkeys(url for url in found if url and _is_file(url)))

    @property
    def withheld(self) -> bool:
        """Whether the site keeps the files back while their licence is in doubt."""
        return not self.files and any(WITHHELD(node) for node in self._node)

    @cached_property
    def files(self) -> tuple[FileLink, ...]:
        """The file list of the work: no previews, no attachments of comments."""
        return tuple(_file(url, link) for url, link in self._listed.items() if _is_art(url))

    @property
    def strays(self) -> tuple[str, ...]:
        """The addresses in the file list that lead to no art: it may hold thumbnails, or files that the site keeps elsewhere."""
        return tuple(url for url in self._listed if not _is_art(url))

    @cached_property
    def _listed(self) -> dict[str, Any]:
        """Address -> its link; of several to one address, the last."""
        links = select(self._fields.get("field-art-files", ()), "span.file > a")
        found = ((absolute(self._response, link.get("href", "")), link) for link in links)
        return {url: link for url, link in found if url}

    @cached_property
    def _author(self) -> list[Any]:
        return self._fact("author-submitter", ".field-item")

    def _fact(self, field: str, css: str) -> list[Any]:
        return select(self._facts.get(field, ()), css)


def _is_file(url: str) -> bool:
    return bool(urlsplit(url).path.partition(names.FILES_MARKER)[2])


def _is_art(url: str) -> bool:
    """Say whether *url* is what an artist uploaded, and not what the site has made of it."""
    name = unquote(urlsplit(url).path.partition(names.FILES_MARKER)[2])
    return bool(name) and not name.startswith(DERIVED)


def _file(url: str, link: Any) -> FileLink:
    mime, _, length = link.get("type", "").partition("; length=")
    path = names.path_of_url(url)
    return FileLink(
        url=url,
        path=path,
        name=link.get("download") or text_of([link]) or path,
        declared_bytes=_number(length),
        mime=mime or None,
    )


def _fields(roots: Iterable[Any]) -> dict[str, list[Any]]:
    """Return name -> elements of the fields in *roots*."""
    fields: dict[str, list[Any]] = {}
    for field in (field for root in roots for field in FIELDS(root)):
        for name in field.get("class").split():
            if name.startswith("field-name-"):
                fields.setdefault(name.removeprefix("field-name-"), []).append(field)
    return fields


def _long_text(fields: Iterable[Any]) -> str:
    """Return the text of all of *fields*, line by line, without the empty ones."""
    items = (item for field in fields for item in LONG_TEXTS(field))
    lines = "\n".join("".join(_pieces(item)) for item in items).split("\n")
    return "\n".join(line for line in (" ".join(line.split()) for line in lines) if line)


def _pieces(root: Any) -> Iterator[str]:
    """Yield the words below *root*, an element of lxml, and what keeps them apart.

    Without recursion: a page may nest deeper than Python does.
    """
    waiting: list[Any] = [*reversed(root), root.text or ""]
    while waiting:
        piece = waiting.pop()
        if isinstance(piece, str):
            yield piece
            continue
        waiting.append(piece.tail or "")
        if not _is_read(piece):
            continue
        gap = "\n" if piece.tag in LINES else " " if piece.tag in CELLS else ""
        waiting += [gap, *reversed(piece), piece.text or "", gap]


def _is_read(element: Any) -> bool:
    """Say whether *element* belongs to a long text: no comment, no script, no part of the page around it."""
    if not isinstance(element.tag, str) or element.tag in {"script", "style"}:
        return False
    return not any(part in element.get("class", "") for part in SITE_PARTS)


def _number(text: str) -> int | None:
    """Return the number that *text* is, if it is one that a catalog can hold."""
    return int(text) if text.isdecimal() and len(text) <= MOST_DIGITS else None
