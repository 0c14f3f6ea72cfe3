"""What is read off a page: against the truth of the replica, of small pieces, and of real pages read by hand.

`test_saved_pages.py` has whole pages, field by field.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest
from scrapy.http import HtmlResponse

from artstore.models import FileLink, Licence
from ogaspider.listings import CollectionPage, ListingPage
from ogaspider.pages import WorkPage
from tests.replica import ReplicaWork, build_site, pages
from tests.replica.listing import collection_page, listing_page
from tests.replica.site import Collection

BASE = "https://opengameart.org"

SITE = build_site(works=44)


def response(html: str, path: str = "/content/x") -> HtmlResponse:
    return HtmlResponse(BASE + path, body=html.encode(), encoding="utf-8")


def work_page(html: str, path: str = "/content/x") -> WorkPage:
    return WorkPage(response(html, path))


def page_of(work: ReplicaWork) -> WorkPage:
    return work_page(pages.work_page(work, BASE), work.path)


def with_facts(html: str) -> WorkPage:
    """A work whose left column is *html*."""
    return work_page(
        '<div class="node node-art view-mode-full"><div property="dc:title"><h2>T</h2></div>'
        f'<div class="group-left left-column">{html}</div></div>'
    )


def with_content(html: str) -> WorkPage:
    """A work whose right column is *html*."""
    return work_page(
        '<div class="node node-art view-mode-full"><div property="dc:title"><h2>T</h2></div>'
        f'<div class="group-right right-column">{html}</div></div>'
    )


def body(html: str) -> WorkPage:
    return with_content(
        f'<div class="field-name-body"><div class="field-items"><div class="field-item">{html}</div></div></div>'
    )


def key(name: str) -> str:
    return name.lower().replace(" ", "-")


def paragraphs(html: str) -> str:
    return "\n".join(" ".join(unescape(re.sub("<[^>]+>", "", line)).split()) for line in html.splitlines())


TRUTH: dict[str, Callable[[ReplicaWork], Any]] = {
    "recognised": lambda _: True,
    "url": lambda work: BASE + work.path,
    "title": lambda work: work.title,
    "author": lambda work: work.author.name,
    "author_url": lambda work: work.author.url and urljoin(BASE, work.author.url),
    "submitter": lambda work: work.submitter and work.submitter.name,
    "collaborators": lambda work: tuple(each.name for each in work.collaborators),
    "node_id": lambda work: work.node_id,
    "posted_at": lambda work: work.posted_at.replace(tzinfo=None),
    "art_types": lambda work: tuple(kind.name for kind in work.art_types),
    "tags": lambda work: work.tags,
    "licences": lambda work: tuple(Licence(key(each.name), each.name, each.deed) for each in work.licences),
    "collections": lambda work: tuple((BASE + each.path, each.title) for each in work.collections),
    "favourites": lambda work: work.favourites,
    "description": lambda work: paragraphs(work.body),
    "copyright_notice": lambda work: work.copyright_notice or "",
    "previews": lambda work: tuple(BASE + file.url_path for file in work.previews),
    "withheld": lambda work: work.withheld,
}


@pytest.mark.parametrize("field", TRUTH)
def test_a_field_is_what_the_replica_means(field: str) -> None:
    shown = {work.slug: getattr(page_of(work), field) for work in SITE.works}
    assert shown == {work.slug: TRUTH[field](work) for work in SITE.works}


@pytest.mark.parametrize("work", SITE.works, ids=lambda work: work.slug)
def test_files_are_those_that_the_replica_lists(work: ReplicaWork) -> None:
    files = page_of(work).files
    assert [(file.url, file.name, file.declared_bytes, file.mime) for file in files] == [
        (BASE + file.url_path, file.upload_name, file.declared_bytes, file.mime) for file in work.listed_files
    ]
    plain = [file.name for file in work.listed_files if not re.search(r'[<>:"|?*]', file.name)]
    assert [file.path for file in files if "~" not in file.path] == plain


@pytest.mark.parametrize(
    "html",
    [
        pages.BACK_SOON,
        pages.framed("Search Art", "page-art-search-advanced", "<h2>Search Art</h2>"),
        # The row of a listing, and a work without a title.
        '<div class="ds-1col node node-art view-mode-art_preview clearfix"><h2>x</h2></div>',
        '<div class="node node-art view-mode-full"><p>no title here</p></div>',
        "",
    ],
)
def test_what_is_no_work_is_not_recognised(html: str) -> None:
    assert not work_page(html).recognised


WORK = next(work for work in SITE.works if len(work.listed_files) > 1 and work.comments)
FILE_LESS = replace(WORK, files=())
LIST = "field-name-field-art-files"


@pytest.mark.parametrize("cut", [LIST, "group-footer", 'span class="file"'])
def test_a_work_that_breaks_off_before_the_comments_is_not_recognised(cut: str) -> None:
    whole = pages.work_page(WORK, BASE)
    shown = work_page(whole[: whole.index(cut)], WORK.path)
    assert (shown.is_work, shown.is_whole, shown.recognised) == (True, False, False)


@pytest.mark.parametrize("cut", ["</div></div></body>", "</body>", "</html>"])
def test_a_work_that_breaks_off_behind_its_files_has_all_of_them(cut: str) -> None:
    whole = pages.work_page(WORK, BASE)
    shown = work_page(whole[: whole.rindex(cut)], WORK.path)
    assert shown.recognised
    assert shown.files == page_of(WORK).files


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (LIST, "field-name-field-art-downloads"),
        ("/sites/default/files/", "/storage/"),
        ('<span class="file">', '<span class="upload">'),
    ],
)
def test_a_work_whose_files_are_called_otherwise_is_not_recognised(before: str, after: str) -> None:
    shown = work_page(pages.work_page(WORK, BASE).replace(before, after), WORK.path)
    assert shown.files == ()
    assert (shown.is_work, shown.is_whole, shown.recognised) == (True, True, False)


def test_held_back_files_in_other_words_are_not_taken_for_none() -> None:
    withheld = pages.work_page(replace(WORK, withheld=True), BASE)
    assert work_page(withheld).withheld
    shown = work_page(withheld.replace("due to potential licensing issues", "because of a complaint"))
    assert not shown.recognised


def test_a_work_may_have_no_files_whatever_is_written_about_them() -> None:
    said = '<div class="field-label">File(s):</div><span class="file"><a type="a/b; length=1" href="/x">x</a></span>'
    wordy = replace(FILE_LESS, body=f"<p>none</p>{said}", copyright_notice="File(s): none")
    assert FILE_LESS.comments
    assert page_of(FILE_LESS).recognised
    assert page_of(wordy).recognised
    assert page_of(wordy).files == ()


@pytest.mark.parametrize(
    ("head", "title"),
    [
        (
            '<meta property="og:title" content="Sea &amp; sand" /><title>Another | OpenGameArt.org</title>',
            "Sea & sand",
        ),
        ("<title>Sea &amp; sand | OpenGameArt.org</title>", "Sea & sand"),
        ("<title>Sea | sand | OpenGameArt.org</title>", "Sea | sand"),
        ("<title>Sea &amp; sand</title>", "Sea & sand"),
        ("<title> | OpenGameArt.org</title>", ""),
        ("", ""),
    ],
)
def test_the_title_may_come_from_the_head(head: str, title: str) -> None:
    shown = work_page(
        f'<head>{head}</head><body><h2>User login</h2><div class="node node-art view-mode-full"></div></html>'
    )
    assert (shown.recognised, shown.title) == (bool(title), title)


@pytest.mark.parametrize("href", ["javascript:alert(1)", "mailto:a@example.org", "http://[", " "])
def test_what_leads_to_no_page_is_no_address_of_an_author(href: str) -> None:
    shown = with_facts(
        '<div class="field-name-author-submitter"><div class="field-item">'
        f"<span class='username'><a href='{href}'>Ada</a></span></div></div>"
    )
    assert (shown.author, shown.author_url) == ("Ada", None)


def file_list(*hrefs: str) -> str:
    links = "".join(f'<span class="file"><a href="{href}">x</a></span>' for href in hrefs)
    return f'<div class="field-name-field-art-files">{links}</div>'


@pytest.mark.parametrize(
    ("href", "asked"),
    [
        ("a b.png", "a%20b.png"),
        ("a%20b.png", "a%20b.png"),
        ("100%.png", "100%.png"),
        ("a%2520b.png", "a%2520b.png"),
        ("ünï.png", "%C3%BCn%C3%AF.png"),
        ("a|b^c`{d}.png", "a%7Cb%5Ec%60%7Bd%7D.png"),
        ("[a]'(b)+~&;,=@!$*.png?x=y", "[a]'(b)+~&;,=@!$*.png?x=y"),
    ],
)
def test_of_an_address_only_what_none_may_hold_is_encoded(href: str, asked: str) -> None:
    (file,) = with_content(file_list(f"{BASE}/sites/default/files/{href}")).files
    assert file.url == f"{BASE}/sites/default/files/{asked}"


def test_an_author_elsewhere_keeps_the_letters_of_the_host() -> None:
    shown = with_facts(
        '<div class="field-name-author-submitter"><div class="field-item">'
        "<span class='username'><a href='https://müller.example/my art'>Ada</a></span></div></div>"
    )
    assert shown.author_url == "https://müller.example/my%20art"


def test_what_a_file_list_holds_beside_art_is_no_file_of_the_work() -> None:
    files = f"{BASE}/sites/default/files"
    art = (f"{files}/a.png", "https://elsewhere.example/default/files/b.png")
    strays = (
        f"{files}/styles/medium/public/a.png",
        f"{files}/%73tyles/medium/public/a.png",
        f"{files}/",
        f"{BASE}/system/files/private.zip",
        f"{BASE}/file/12/dlcounter",
    )
    shown = with_content(file_list(*strays, *art, strays[0], "javascript:x()"))
    assert tuple(file.url for file in shown.files) == art
    assert shown.strays == strays


def test_a_date_of_another_form_is_none() -> None:
    shown = with_facts(
        '<div class="field-name-post-date"><div class="field-item">02/10/2021 - 12:37</div></div>'
    )
    assert shown.posted_at is None


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<p>one</p><p>two</p>", "one\ntwo"),
        ("<p>one<br />two<br>three</p>", "one\ntwo\nthree"),
        ("one<ul><li>two</li><li>three</li></ul>", "one\ntwo\nthree"),
        ("<h3>one</h3><div>two</div>", "one\ntwo"),
        ("<p>one <em>and</em> <a href='/x'>two</a>, thr<b>ee</b></p>", "one and two, three"),
        ("<p>  one \n\n two&nbsp;three </p>\n\n", "one\ntwo three"),
        ("<p>a &lt; b &amp; c</p>", "a < b & c"),
        ("<p>one</p>two", "one\ntwo"),
        ("<ul><li>one</li></ul><em>two</em>", "one\ntwo"),
        (
            "<table><tr><td>one</td><td>two</td></tr><tr><th>three</th></tr></table>four",
            "one two\nthree\nfour",
        ),
        ("<pre>one\n  two</pre>three", "one\ntwo\nthree"),
        ("one<!-- no word --> two<script>three()</script>", "one two"),
        ("<i>" * 2000 + "deep", "deep"),
        ("", ""),
    ],
)
def test_long_texts_keep_their_lines_whether_the_html_has_them_or_not(html: str, expected: str) -> None:
    assert body(html).description == expected


@pytest.mark.parametrize("unclosed", range(5))
def test_a_long_text_ends_where_the_next_part_of_the_page_begins(unclosed: int) -> None:
    shown = work_page(
        '<div class="node node-art view-mode-full"><div property="dc:title"><h2>T</h2></div>'
        '<div class="group-right right-column">'
        f'<div class="field-name-body"><div class="field-items"><div class="field-item">{"<div>" * unclosed}words</div>'
        '</div></div><div class="field field-name-field-copyright-notice"><div class="field-items">'
        '<div class="field-item">notice</div></div></div><div class="field field-name-field-art-files">'
        '<span class="file"><a href="/sites/default/files/a.png">a.png</a></span></div></div>'
        '<div class="group-footer"><div class="comment">a comment</div></div></div>'
    )
    assert (shown.description, shown.copyright_notice) == ("words", "notice")
    assert [file.name for file in shown.files] == ["a.png"]


# Listings.


def listing(query: str = "", path: str = "/art-search-advanced") -> ListingPage:
    return ListingPage(response(listing_page(SITE.works, path, query, BASE), path))


@pytest.mark.parametrize("page", range(3))
def test_a_listing_names_its_works_the_number_of_all_and_the_last_page(page: int) -> None:
    shown = listing(f"sort_by=created&sort_order=ASC&items_per_page=24&page={page}")
    assert shown.recognised
    assert shown.work_urls == [BASE + work.path for work in SITE.works[page * 24 : page * 24 + 24]]
    if page == 0:
        assert (shown.total, shown.last_page) == (44, 1)
    if page == 2:
        assert (shown.total, shown.last_page, shown.work_urls) == (None, 0, [])


def test_a_listing_without_works_is_a_listing() -> None:
    shown = listing("keys=no+such+thing")
    assert (shown.recognised, shown.work_urls, shown.total, shown.last_page) == (True, [], None, 0)


@pytest.mark.parametrize("html", [pages.BACK_SOON, ""])
def test_what_is_no_listing_is_not_recognised(html: str) -> None:
    assert not ListingPage(response(html)).recognised


def test_another_view_of_the_same_works_is_not_the_listing() -> None:
    assert not listing(path="/latest").recognised


# Collections.


LARGER_SITE = build_site(works=120)


@pytest.mark.parametrize("collection", LARGER_SITE.collections.values(), ids=lambda each: each.slug)
def test_a_collection_names_its_works_and_the_last_page(collection: Collection) -> None:
    works = LARGER_SITE.works
    shown = [
        CollectionPage(response(collection_page(works, collection, f"page={page}", BASE), collection.path))
        for page in range(2)
    ]
    wanted = [BASE + work.path for work in works[::-1] if collection in work.collections]
    assert 24 < len(wanted) <= 48
    assert [page.recognised for page in shown] == [True, True]
    assert [url for page in shown for url in page.work_urls] == wanted
    assert [page.last_page for page in shown] == [1, 0]
    assert [page.total for page in shown] == [len(wanted)] * 2


def altered(query: str, before: str, after: str) -> ListingPage:
    """A listing in which one thing is called otherwise."""
    whole = listing_page(SITE.works, "/art-search-advanced", query, BASE)
    assert before in whole
    return ListingPage(response(whole.replace(before, after), "/art-search-advanced"))


@pytest.mark.parametrize("query", ["", "page=1", "items_per_page=144", "keys=lanterns"])
@pytest.mark.parametrize("part", ["views-row", "art-preview-title", "view-content"])
def test_a_listing_that_announces_works_and_shows_none_is_not_recognised(query: str, part: str) -> None:
    shown = altered(query, part, "called-otherwise")
    assert shown.work_urls == []
    assert not shown.recognised


def test_without_a_header_the_pager_says_that_there_are_works() -> None:
    whole = listing_page(SITE.works, "/art-search-advanced", "", BASE)
    bare = whole.replace("view-header", "nothing").replace("art-preview-title", "nothing")
    assert not ListingPage(response(bare)).recognised
    assert ListingPage(response(bare.replace('class="pager"', ""))).recognised


@pytest.mark.parametrize("query", ["", "page=1", "items_per_page=144", "keys=no+such+thing", "page=9"])
def test_a_listing_is_whole_also_if_it_is_empty(query: str) -> None:
    assert listing(query).recognised
    assert listing(query).is_whole


@pytest.mark.parametrize("cut", ["views-row-3 ", "views-row-24 ", '<ul class="pager"'])
def test_a_listing_that_breaks_off_is_not_whole(cut: str) -> None:
    whole = listing_page(SITE.works, "/art-search-advanced", "", BASE)
    shown = ListingPage(response(whole[: whole.index(cut)], "/art-search-advanced"))
    assert (shown.recognised, shown.is_whole) == (True, False)


@pytest.mark.parametrize("cut", ["view-header", "Displaying", "view-content"])
def test_a_listing_that_breaks_off_before_its_rows_is_not_taken_for_an_empty_one(cut: str) -> None:
    whole = listing_page(SITE.works, "/art-search-advanced", "", BASE)
    assert not ListingPage(response(whole[: whole.index(cut)])).recognised


def test_a_row_without_a_title_makes_a_listing_that_is_not_whole() -> None:
    row = f'<a href="{SITE.works[-1].path}">{SITE.works[-1].title}</a></span>'
    shown = altered("", row, "</span>")
    assert (shown.recognised, shown.is_whole, len(shown.work_urls)) == (True, False, 23)


def collection(view: str, node: str = "node node-art-collection view-mode-full") -> CollectionPage:
    """A collection in which stands *view*."""
    return CollectionPage(
        response(f"<div id='right'><div class='{node}'><div class='view'>{view}</div></div></div>")
    )


ROW = '<div class="node node-art view-mode-art_preview"><b class="art-preview-title"><a href="/content/a">A</a></b></div>'
BARE_ROW = '<div class="views-row art-previews-inline"><b class="art-preview-title"><a href="/content/a">A</a></b></div>'


@pytest.mark.parametrize(
    ("view", "recognised", "urls"),
    [
        (ROW, True, [f"{BASE}/content/a"]),
        (BARE_ROW, True, [f"{BASE}/content/a"]),
        (ROW + ROW, True, [f"{BASE}/content/a"]),
        ('<div class="view-empty"><em>This collection is empty.</em></div>', True, []),
        ("", False, []),
        ('<div class="views-row"><a href="/content/a">A</a></div>', False, []),
        # There is more, and no telling where.
        (
            f'{ROW}<ul class="pager"><li class="pager-next"><a href="?page=0,1">next</a></li></ul>',
            False,
            None,
        ),
        (f'{ROW}<ul class="pager"><li class="pager-next"><a href="#more">next</a></li></ul>', False, None),
        (
            f'{ROW}<ul class="pager"><li class="pager-previous"><a href="?page=0">back</a></li></ul>',
            True,
            None,
        ),
    ],
)
def test_a_collection_is_recognised_by_its_works_or_by_saying_that_it_has_none(
    view: str, urls: list[str] | None, *, recognised: bool
) -> None:
    shown = collection(view)
    assert shown.recognised == recognised
    assert urls is None or shown.work_urls == urls


def test_rows_on_the_page_of_a_work_make_it_no_collection() -> None:
    assert collection(ROW, node="a node of another name").recognised
    assert not collection(ROW, node="node node-art view-mode-full").recognised


@pytest.mark.parametrize("html", [pages.BACK_SOON, "", pages.message_page("Access denied", "No.")])
def test_what_is_no_collection_is_not_recognised(html: str) -> None:
    assert not CollectionPage(response(html)).recognised


# The same on what is known of the real pages; every value was read off the file by a person.


@pytest.fixture
def real_pages(real_data: Path) -> Path:
    return real_data / "oga-html"


@pytest.mark.real
def test_a_real_work_page_is_read_in_full(real_pages: Path) -> None:
    html = (real_pages / "10_content_page_COMPOSED.html").read_text()
    shown = work_page(html, "/content/zelda-like-tilesets-and-sprites")
    assert shown.recognised
    assert shown.work.title == "Zelda-like tilesets and sprites"
    assert (shown.work.author, shown.work.author_url) == ("ArMM1998", f"{BASE}/users/armm1998")
    assert shown.work.submitter is None
    assert shown.work.node_id == 60001
    assert shown.work.posted_at == datetime(2017, 2, 16, 16, 35)  # noqa: DTZ001 - the site does not say which zone
    assert shown.work.art_types == ("2D Art",)
    assert shown.work.tags == ("pixelart", "Top-down")
    assert shown.work.licences == (
        Licence("cc0", "CC0", "http://creativecommons.org/publicdomain/zero/1.0/"),
    )
    assert shown.work.collections == (
        (f"{BASE}/content/2d-complete-kit", "2D - Complete Kit"),
        (f"{BASE}/content/%D1%81%D1%810-favourites", "СС0 Favourites"),  # noqa: RUF001 - as the page has it
    )
    assert shown.work.favourites == 235
    assert shown.work.description == "16x16 tilesets\nBased on another work."
    assert shown.work.copyright_notice == "Credit is not needed."
    assert shown.work.previews == (
        f"{BASE}/sites/default/files/951a7f47f87b1dbe262b27fba196f3bf.png",
        f"{BASE}/sites/default/files/big%20ol%20ssss.png",
    )
    assert not shown.work.withheld
    assert shown.work.files == (
        FileLink(f"{BASE}/sites/default/files/gfx_3.zip", "gfx_3.zip", "gfx.zip", 174822, "application/zip"),
        FileLink(
            f"{BASE}/sites/default/files/Weapon-Tool-Package-%231.png",
            "Weapon-Tool-Package-#1.png",
            "Weapon-Tool-Package-#1.png",
            6300,
            "image/png",
        ),
    )


@pytest.mark.real
def test_a_real_left_column_is_read_in_full(real_pages: Path) -> None:
    shown = with_facts((real_pages / "01_left_column_node30816.html").read_text())
    assert (shown.author, shown.author_url, shown.submitter) == (
        "Ron Kapaun",
        "http://3tdstudios.com/",
        "hreikin",
    )
    assert shown.posted_at == datetime(2014, 11, 6, 13, 8)  # noqa: DTZ001
    assert shown.art_types == ("3D Art",)
    assert shown.tags == (
        "torque", "dae", "furniture", "bookshelf", "china", "hutch", "cupboard", "Desk", "table", "end table",
        "square", "workbench", "prop",
    )  # fmt: skip
    assert [licence.key for licence in shown.licences] == ["cc0"]
    assert len(shown.collections) == 8
    assert shown.collections[4] == (f"{BASE}/content/3d-stuff-thangs", "3D Stuff & thangs")
    assert shown.favourites == 23
    assert shown.node_id == 30816


@pytest.mark.real
def test_a_real_work_with_two_licences_has_both(real_pages: Path) -> None:
    shown = with_facts((real_pages / "03_licences_two_dog-barking-mono.html").read_text())
    assert [licence.key for licence in shown.licences] == ["oga-by-3.0", "cc0"]


@pytest.mark.real
def test_real_collaborators_are_all_named(real_pages: Path) -> None:
    shown = with_facts((real_pages / "02_left_column_node14914.html").read_text())
    assert shown.collaborators == ("daneeklu", "Jetrel", "Hyptosis", "Redshrike", "Bertram")
    assert shown.posted_at == datetime(2013, 1, 31, 8, 6)  # noqa: DTZ001
    assert shown.art_types == ("2D Art",)
    assert shown.node_id == 14914


@pytest.mark.real
def test_a_real_listing_is_read_in_full(real_pages: Path) -> None:
    shown = ListingPage(
        response((real_pages / "11_search_page_COMPOSED.html").read_text(), "/art-search-advanced")
    )
    assert shown.recognised
    assert shown.work_urls == [f"{BASE}/content/night-table", f"{BASE}/content/%D1%81rowns"]
    assert (shown.total, shown.last_page) == (290, 2)


@pytest.mark.real
def test_really_withheld_files_are_seen_to_be_withheld(real_pages: Path) -> None:
    shown = with_content((real_pages / "12_files_withheld_COMPOSED.html").read_text())
    assert (shown.is_work, shown.hides_files, shown.withheld, shown.files) == (True, False, True, ())


@pytest.mark.real
def test_a_real_missing_page_is_neither_work_nor_listing(real_pages: Path) -> None:
    missing = response((real_pages / "13_not_found_COMPOSED.html").read_text())
    assert not WorkPage(missing).recognised
    assert not ListingPage(missing).recognised
