"""What is read off a page, against the truth of our own pages and against values read off real ones by hand."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest
from scrapy.http import HtmlResponse

from artstore.models import FileLink, Licence
from ogaspider.pages import ListingPage, WorkPage
from tests.replica import ReplicaWork, build_site, pages
from tests.replica.listing import listing_page

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
    "withheld": lambda work: work.withheld,
}


@pytest.mark.parametrize("work", SITE.works, ids=lambda work: work.slug)
@pytest.mark.parametrize("field", TRUTH)
def test_a_field_is_what_the_page_says(field: str, work: ReplicaWork) -> None:
    assert getattr(page_of(work), field) == TRUTH[field](work)


@pytest.mark.parametrize("work", SITE.works, ids=lambda work: work.slug)
def test_files_are_those_listed_and_neither_previews_nor_attachments(work: ReplicaWork) -> None:
    files = page_of(work).files
    assert [(file.url, file.name, file.declared_bytes, file.mime) for file in files] == [
        (BASE + file.url_path, file.upload_name, file.declared_bytes, file.mime) for file in work.listed_files
    ]
    plain = [file.name for file in work.listed_files if not re.search(r'[<>:"|?*]', file.name)]
    assert [file.path for file in files if "~" not in file.path] == plain


def test_a_work_has_all_the_fields_of_its_page() -> None:
    shown = page_of(SITE.work("old-library-parts"))
    assert {name: getattr(shown.work, name) for name in TRUTH if name != "recognised"} == {
        name: getattr(shown, name) for name in TRUTH if name != "recognised"
    }
    assert shown.work.files == shown.files


def test_a_node_s_address_is_the_canonical_one() -> None:
    work = SITE.work("%D1%81rowns")
    shown = work_page(pages.work_page(work, BASE), f"/node/{work.node_id}")
    assert shown.url == f"{BASE}/content/%D1%81rowns"


@pytest.mark.parametrize(
    "html",
    [
        pages.BACK_SOON,
        pages.message_page("Page not found", "The requested page could not be found."),
        pages.message_page("Access denied", "You are not authorized to access this page."),
        pages.framed("Search Art", "page-art-search-advanced", "<h2>Search Art</h2>"),
        # The row of a listing, and a work without a title.
        '<div class="ds-1col node node-art view-mode-art_preview clearfix"><h2>x</h2></div>',
        '<div class="node node-art view-mode-full"><p>no title here</p></div>',
        "",
    ],
)
def test_what_is_no_work_is_not_recognised(html: str) -> None:
    assert not work_page(html).recognised


def test_a_listing_is_no_work_and_a_work_no_listing() -> None:
    listing = response(listing_page(SITE.works, "/art-search-advanced", "", BASE))
    work = response(pages.work_page(SITE.works[0], BASE))
    assert (WorkPage(listing).recognised, WorkPage(work).recognised) == (False, True)
    assert (ListingPage(listing).recognised, ListingPage(work).recognised) == (True, False)


def test_fields_that_are_not_there_are_none_or_empty() -> None:
    shown = with_facts("")
    assert shown.recognised
    for name in ("author_url", "submitter", "node_id", "posted_at", "favourites"):
        assert getattr(shown, name) is None, name
    for name in ("collaborators", "art_types", "tags", "licences", "collections", "files"):
        assert getattr(shown, name) == (), name
    assert (shown.author, shown.description, shown.copyright_notice, shown.withheld) == ("", "", "", False)


def test_the_title_may_come_from_the_head() -> None:
    shown = work_page(
        '<head><meta property="og:title" content="Sea &amp; sand" /></head><body><h2>User login</h2>'
        '<div class="node node-art view-mode-full"></div>'
    )
    assert (shown.recognised, shown.title) == (True, "Sea & sand")


def test_a_date_of_another_form_is_none() -> None:
    shown = with_facts(
        '<div class="field-name-post-date"><div class="field-item">02/10/2021 - 12:37</div></div>'
    )
    assert shown.posted_at is None


def test_favourites_may_be_in_the_thousands() -> None:
    shown = with_facts('<div class="field-name-favorites"><div class="field-item even">1,024</div></div>')
    assert shown.favourites == 1024


def test_an_older_work_says_how_to_credit_it_in_another_field() -> None:
    shown = with_content(
        '<div class="field-name-field-art-attribution"><div class="field-item">Name me.</div></div>'
    )
    assert shown.copyright_notice == "Name me."


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
        ("", ""),
    ],
)
def test_long_texts_keep_their_lines_whether_the_html_has_them_or_not(html: str, expected: str) -> None:
    shown = with_content(f'<div class="field-name-body"><div class="field-item">{html}</div></div>')
    assert shown.description == expected


def test_a_licence_that_nobody_knows_is_kept_under_its_own_name() -> None:
    shown = with_facts(
        '<div class="field-name-field-art-licenses"><div class="license-icon">'
        "<a href='https://example.org/deed'><div class='license-name'>Artist Libre 1.3</div></a></div></div>"
    )
    assert shown.licences == (Licence("artist-libre-1.3", "Artist Libre 1.3", "https://example.org/deed"),)


def test_words_of_licences_elsewhere_on_the_page_are_no_licences() -> None:
    work = SITE.work("goblin-market-night")
    assert "CC-BY 3.0" in (work.copyright_notice or "")
    assert [licence.key for licence in page_of(work).licences] == ["gpl-3.0"]


def test_a_file_without_a_length_or_a_name_of_its_own_is_still_a_file() -> None:
    shown = with_content(
        '<div class="field-name-field-art-files"><span class="file">'
        '<a href="/sites/default/files/a%20%231.png" type="image/png">my picture</a></span></div>'
    )
    assert shown.files == (
        FileLink(f"{BASE}/sites/default/files/a%20%231.png", "a #1.png", "my picture", None, "image/png"),
    )


def test_links_in_the_file_list_that_lead_elsewhere_are_no_files() -> None:
    shown = with_content(
        '<div class="field-name-field-art-files">'
        '<span class="file"><a href="https://example.org/big.zip">mirror</a></span>'
        '<span class="file"><a href="/sites/default/files/">nothing</a></span>'
        '<span class="file"><a>no address</a></span></div>'
    )
    assert shown.files == ()


def test_a_comment_about_withheld_files_withholds_nothing() -> None:
    shown = work_page(
        '<div class="node node-art view-mode-full"><div property="dc:title"><h2>T</h2></div>'
        '<div class="group-right right-column">words</div><div class="group-footer"><div class="comment">'
        "<p>Mine were held back due to potential licensing issues, too.</p></div></div></div>"
    )
    assert not shown.withheld


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


def test_a_listing_of_one_page_has_no_pager() -> None:
    shown = listing("items_per_page=144")
    assert (shown.total, shown.last_page, len(shown.work_urls)) == (44, 0, 44)


def test_a_listing_without_works_is_a_listing() -> None:
    shown = listing("keys=no+such+thing")
    assert (shown.recognised, shown.work_urls, shown.total, shown.last_page) == (True, [], None, 0)


@pytest.mark.parametrize("html", [pages.BACK_SOON, pages.message_page("Page not found", "x"), ""])
def test_what_is_no_listing_is_not_recognised(html: str) -> None:
    assert not ListingPage(response(html)).recognised


def test_another_view_of_the_same_works_is_not_the_listing() -> None:
    assert not listing(path="/latest").recognised


def test_totals_may_be_in_the_thousands() -> None:
    shown = ListingPage(
        response(
            '<div class="view-display-id-search_art_advanced">'
            '<div class="view-header">Displaying 1 - 144 of 17,102</div></div>'
        )
    )
    assert shown.total == 17102


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
    assert (shown.recognised, shown.withheld, shown.files) == (True, True, ())


@pytest.mark.real
def test_a_real_missing_page_is_neither_work_nor_listing(real_pages: Path) -> None:
    missing = response((real_pages / "13_not_found_COMPOSED.html").read_text())
    assert not WorkPage(missing).recognised
    assert not ListingPage(missing).recognised
