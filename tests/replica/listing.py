"""The art search: which works a query asks for, and the page that lists them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.utils import format_datetime
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode

from tests.replica.pages import field, framed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.replica.site import Collection, ReplicaWork

PAGE_SIZES = (24, 48, 72, 96, 120, 144)

EMPTY = '<div class="view-empty"><em>This collection is empty.</em></div>'


@dataclass(frozen=True, slots=True)
class Query:
    """The parameters of a search; what a form leaves empty asks for everything."""

    pairs: tuple[tuple[str, str], ...]

    @classmethod
    def parse(cls, text: str) -> Query:
        return cls(tuple(parse_qsl(text, keep_blank_values=True)))

    def text(self, name: str) -> str:
        return next((value.strip() for key, value in reversed(self.pairs) if key == name), "")

    def numbers(self, name: str) -> set[int]:
        """All of `name`, `name[]` and `name[0]`, which the site takes as alternatives."""
        form = re.compile(rf"{re.escape(name)}(\[\d*\])?")
        return {int(value) for key, value in self.pairs if form.fullmatch(key) and value.isdigit()}

    @property
    def page(self) -> int:
        return int(self.text("page")) if self.text("page").isdigit() else 0

    @property
    def page_size(self) -> int:
        wanted = self.text("items_per_page")
        return int(wanted) if wanted in map(str, PAGE_SIZES) else PAGE_SIZES[0]

    @property
    def page_only(self) -> Query:
        """This page of everything."""
        return Query((("page", str(self.page)),) if self.page else ())

    def at_page(self, page: int) -> str:
        """The same search elsewhere, with arrays numbered as the site's own links have them."""
        seen: dict[str, int] = {}
        pairs = []
        for key, value in self.pairs:
            if key == "page":
                continue
            if key.endswith("[]"):
                seen[key] = seen.get(key, -1) + 1
                pairs.append((f"{key[:-1]}{seen[key]}]", value))
            else:
                pairs.append((key, value))
        return urlencode([*pairs, ("page", page)] if page else pairs)


def words_of(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower()))


def tag_test(query: Query) -> Callable[[ReplicaWork], bool] | None:
    wanted = {tag.strip().lower() for tag in query.text("field_art_tags_tid").split(",") if tag.strip()}
    if not wanted:
        return None
    operator = query.text("field_art_tags_tid_op")

    def passes(work: ReplicaWork) -> bool:
        have = {tag.lower() for tag in work.tags}
        if operator == "not":
            return not wanted & have
        return wanted <= have if operator == "and" else bool(wanted & have)

    return passes


def names(work: ReplicaWork) -> str:
    """Whom a search for a name finds the work by: its author and who sent it in."""
    return work.author.name if work.submitter is None else f"{work.author.name}\n{work.submitter.name}"


def tests_of(query: Query) -> list[Callable[[ReplicaWork], bool]]:
    """The conditions of the query, all of which a work must pass; what is asked of every work is read once."""
    types, licences = query.numbers("field_art_type_tid"), query.numbers("field_art_licenses_tid")
    keys, title, name = words_of(query.text("keys")), query.text("title").lower(), query.text("name").lower()
    tests: list[Callable[[ReplicaWork], bool]] = []
    if types:
        tests.append(lambda work: any(kind.tid in types for kind in work.art_types))
    if licences:
        tests.append(lambda work: any(licence.tid in licences for licence in work.licences))
    if keys:
        tests.append(lambda work: keys <= words_of(" ".join((work.title, *work.tags))))
    if title:
        tests.append(lambda work: title in work.title.lower())
    if name:
        tests.append(lambda work: name in names(work).lower())
    has_tags = tag_test(query)
    return [*tests, has_tags] if has_tags else tests


def score(work: ReplicaWork, keys: set[str]) -> int:
    """Our own relevance: a word of the title counts three times as much as one of the tags."""
    return 3 * len(keys & words_of(work.title)) + len(keys & words_of(" ".join(work.tags)))


def found(works: Sequence[ReplicaWork], query: Query) -> list[ReplicaWork]:
    """All works that the query asks for, newest first unless it says otherwise.

    `sort_by` is created, count (favourites), score (relevance of `keys`) or totalcount (views); anything else is created.
    Among equals the older work comes first, with sort_order=ASC; without it everything is the other way round.
    """
    tests, keys = tests_of(query), words_of(query.text("keys"))
    hits = [work for work in works if all(test(work) for test in tests)]
    hits.sort(key=lambda work: work.node_id)
    match query.text("sort_by"):
        case "count":
            hits.sort(key=lambda work: work.favourites)
        case "score":
            hits.sort(key=lambda work: score(work, keys))
        case "totalcount":
            hits.sort(key=lambda work: work.views)
    return hits if query.text("sort_order").upper() == "ASC" else hits[::-1]


def feed(works: Sequence[ReplicaWork], base: str) -> str:
    """`/latest/rss.xml`: the newest works, one page of them."""
    rows = "".join(
        f"  <item><title>{escape(work.title)}</title><link>{base}{work.path}</link>"
        f"<pubDate>{format_datetime(work.posted_at)}</pubDate><dc:creator>{escape(work.author.name)}</dc:creator>"
        f'<guid isPermaLink="false">{work.node_id} at {base}</guid></item>\n'
        for work in found(works, Query(()))[: PAGE_SIZES[0]]
    )
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/">\n'
        f"<channel><title>Latest art</title><link>{base}/latest</link>\n{rows}</channel></rss>\n"
    )


def row(work: ReplicaWork, place: int, last: int, base: str) -> str:
    """A work in the listing: title and thumbnail only; no author, licence or date."""
    title = field(
        "title", "ds", "",
        [f'<span class="art-preview-title"><a href="{work.path}">{escape(work.title)}</a></span>'],
        ' property="dc:title"',
    )  # fmt: skip
    thumbs = (
        f"<a href=\"{work.path}\"><img src='{base}{file.thumbnail_path.format(style='thumbnail')}'  alt='Preview'></a>"
        for file in work.previews[:1]
    )
    ends = " views-row-first" * (place == 1) + " views-row-last" * (place == last)
    parity = "odd" if place % 2 else "even"
    return (
        f'  <div class="views-row views-row-{place} views-row-{parity}{ends} art-previews-inline">\n'
        f'    <div  about="{work.path}" typeof="sioc:Item foaf:Document" '
        f'class="ds-1col node node-art view-mode-art_preview clearfix ">\n\n'
        f"  {title}{field('field-art-preview', 'file', '', thumbs)}</div>\n  </div>\n"
    )


def pager(path: str, query: Query, pages: int) -> str:
    """Links to at most nine pages around this one, and to both ends; nothing for a single page."""
    if pages < 2:
        return ""
    now, items = query.page, []

    def link(kind: str, page: int, shown: str, title: str) -> None:
        href = escape(f"{path}?{query.at_page(page)}")
        items.append(f'<li class="{kind}"><a title="{title}" href="{href}">{shown}</a></li>')

    if now:
        link("pager-first first", 0, "&laquo; first", "Go to first page")
        link("pager-previous", now - 1, "&lsaquo; previous", "Go to previous page")
    for page in range(max(0, now - 4), min(pages, now + 5)):
        if page == now:
            items.append(f'<li class="pager-current{"" if now else " first"}">{now + 1}</li>')
        else:
            link("pager-item", page, str(page + 1), f"Go to page {page + 1}")
    if now < pages - 1:
        link("pager-next", now + 1, "next &rsaquo;", "Go to next page")
        link("pager-last last", pages - 1, "last &raquo;", "Go to last page")
    return (
        '      <h2 class="element-invisible">Pages</h2><div class="item-list"><ul class="pager">'
        + "\n".join(items)
        + "\n</ul></div>"
    )


def rows_and_pager(hits: Sequence[ReplicaWork], path: str, query: Query, base: str) -> str:
    """One page of *hits*, what it is of all, and the way to the others; nothing beyond the last page."""
    size = query.page_size
    shown = hits[query.page * size : (query.page + 1) * size]
    if not shown:
        return ""
    first = query.page * size + 1
    rows = "".join(row(work, place, len(shown), base) for place, work in enumerate(shown, 1))
    return (
        f'      <div class="view-header">\n      Displaying {first} - {first + len(shown) - 1} of {len(hits)}    </div>\n'
        f'      <div class="view-content">\n{rows}    </div>\n{pager(path, query, -(-len(hits) // size))}'
    )


def listing_page(works: Sequence[ReplicaWork], path: str, text: str, base: str) -> str:
    """`/art-search-advanced` for the query string *text*; of `/` and `/latest` only the page number is heard."""
    query = Query.parse(text)
    display = "search_art_advanced"
    if path != "/art-search-advanced":
        query, display = query.page_only, "latest_art"
    main = (
        "<div class='pagetitle'><h2>Search Art</h2></div>\n"
        f'<div class="view view-art view-id-art view-display-id-{display} view-dom-id-0f1e2d3c4b5a69788796a5b4c3d2e1f0">\n'
        f"{rows_and_pager(found(works, query), path, query, base)}</div>"
    )
    return framed("Search Art", "page-art-search-advanced", main)


def collection_page(works: Sequence[ReplicaWork], collection: Collection, text: str, base: str) -> str:
    """`/content/COLLECTION`: the works in it, newest first, 24 a page.

    Inferred: the node, its columns and its view are as in the modules that the site has published, rows are those of a
    listing; no page of a collection was ever seen.
    """
    query = Query.parse(text).page_only
    hits = found([work for work in works if collection in work.collections], query)
    title = field("title", "ds", "", [f"<h2>{escape(collection.title)}</h2>"], ' property="dc:title"')
    shown = rows_and_pager(hits, collection.path, query, base)
    view = (
        '<div class="view view-collected-art view-id-collected_art view-display-id-block_1">\n'
        f"{shown or EMPTY}</div>"
    )
    main = (
        f'<div about="{collection.path}" class="ds-2col-stacked node node-art-collection view-mode-full clearfix ">\n'
        f'<div class="group-header">{title}</div>\n<div class="group-right right-column">'
        f'<div id="block-views-collected-art-block-1" class="block block-views">{view}</div></div></div>'
    )
    head = f'<link rel="canonical" href="{base}{collection.path}" />\n'
    return framed(collection.title, "page-node page-node- node-type-art-collection", main, head)
