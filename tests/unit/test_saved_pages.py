"""What is read off each of the pages in `tests/pages`, field by field; every value was written by hand.

The pages are ours: the site's classes, attributes and nesting, our own words. Between them they hold what pages of
the site have been seen to hold:

copper-kettle       an ordinary work
harbour-crates      by somebody elsewhere, sent in by a member; three licences, four previews, comments with a file
song-of-the-mill    music, by somebody without a page
marsh-tiles         by several members; seen by one who is logged in; a long text; retired licences, an old field
the-lost-choir      files held back; licences that nobody knows
broken-lantern      tags that nobody closed
paper-boats-0       asked for by number; no facts, no files, its title in the head alone

Pages of collections have not been seen: these are put together from the modules that the site has published.

things-on-a-stove   the first of three pages; another collection in it; comments with a pager of their own
cc0-wetlands        a later page of another markup: a grid, and a pager that only leads on
"""

from pathlib import Path
from typing import Any

import pytest
from scrapy.http import HtmlResponse, JsonResponse

from artstore.models import FileLink, Licence
from ogaspider.listings import CollectionPage, ListingPage
from ogaspider.pages import WorkPage

PAGES = Path(__file__).parents[1] / "pages"
BASE = "https://opengameart.org"
FILES = f"{BASE}/sites/default/files"

WORKS = {
    "copper-kettle": "/content/copper-kettle",
    "harbour-crates": "/content/harbour-crates",
    "song-of-the-mill": "/content/song-of-the-mill",
    "marsh-tiles": "/content/marsh-tiles",
    "the-lost-choir": "/content/the-lost-choir",
    "broken-lantern": "/content/broken-lantern",
    "paper-boats-0": "/node/70107",
}
LISTINGS = {
    "listing-first": "/art-search-advanced?items_per_page=24",
    "listing-beyond-the-last": "/art-search-advanced?items_per_page=24&page=51",
    "listing-of-one-page": "/art-search-advanced?items_per_page=144",
}
COLLECTIONS = {
    "things-on-a-stove": "/content/things-on-a-stove?page=0",
    "cc0-wetlands": "/content/cc0-wetlands?page=3",
}
OTHERS = {
    "page-not-found": "/content/a-kettle-that-never-was",
    "access-denied": "/node/70108",
    "forum-topic": "/forumtopic/how-round-is-a-kettle",
}


def saved(name: str) -> HtmlResponse:
    path = (WORKS | LISTINGS | COLLECTIONS | OTHERS)[name]
    return HtmlResponse(BASE + path, body=(PAGES / f"{name}.html").read_bytes(), encoding="utf-8")


def works(field: str) -> dict[str, Any]:
    """What each saved work says of *field*."""
    return {name: getattr(WorkPage(saved(name)), field) for name in WORKS}


def listings(field: str) -> dict[str, Any]:
    return {name: getattr(ListingPage(saved(name)), field) for name in LISTINGS}


def collections(field: str) -> dict[str, Any]:
    return {name: getattr(CollectionPage(saved(name)), field) for name in COLLECTIONS}


def each(value: object) -> dict[str, Any]:
    """The same of every work, for those that say nothing else."""
    return dict.fromkeys(WORKS, value)


def test_every_saved_page_is_read_by_these_tests() -> None:
    assert {path.stem for path in PAGES.iterdir()} == {*WORKS, *LISTINGS, *COLLECTIONS, *OTHERS}


@pytest.mark.parametrize("name", [*WORKS, *LISTINGS, *COLLECTIONS, *OTHERS])
def test_a_page_is_a_work_or_a_listing_or_a_collection_or_nothing(name: str) -> None:
    page = saved(name)
    recognised = [kind(page).recognised for kind in (WorkPage, ListingPage, CollectionPage)]
    assert recognised == [name in WORKS, name in LISTINGS, name in COLLECTIONS]


def test_the_url() -> None:
    # The work that was asked for by its number is called by its name.
    assert works("url") == {name: f"{BASE}/content/{name}" for name in WORKS}


def test_the_title() -> None:
    assert works("title") == {
        "copper-kettle": "Copper kettle",
        "harbour-crates": 'Harbour crates & "barrels"',
        "song-of-the-mill": "Song of the mill",
        "marsh-tiles": "Marsh tiles",
        "the-lost-choir": "The lost choir",
        "broken-lantern": "Broken lantern",
        "paper-boats-0": "Paper boats | again",
    }


def test_the_author() -> None:
    assert works("author") == {
        "copper-kettle": "Odalys",
        "harbour-crates": "Mira Tallow",
        "song-of-the-mill": "Old Brannoch & sons",
        "marsh-tiles": "Reed Warbler",
        "the-lost-choir": "Vesper",
        "broken-lantern": "tinker",
        "paper-boats-0": "",
    }


def test_the_author_s_page() -> None:
    assert works("author_url") == {
        "copper-kettle": f"{BASE}/users/odalys",
        "harbour-crates": "http://tallow-and-rope.example/?who=mira&lang=en",
        "song-of-the-mill": None,
        "marsh-tiles": f"{BASE}/users/reedwarbler",
        "the-lost-choir": None,  # a script is no page
        "broken-lantern": f"{BASE}/users/tinker",
        "paper-boats-0": None,
    }


def test_the_submitter() -> None:
    assert works("submitter") == each(None) | {
        "harbour-crates": "quayside",
        "song-of-the-mill": "millwheel",
        "the-lost-choir": "Anonymous",
    }


def test_the_collaborators() -> None:
    assert works("collaborators") == each(()) | {"marsh-tiles": ("Bog Oak", "Øre")}


def test_the_node_id() -> None:
    assert works("node_id") == {
        "copper-kettle": 70101,  # by the short link
        "harbour-crates": 70102,
        "song-of-the-mill": 70103,
        "marsh-tiles": 70104,  # by the flag
        "the-lost-choir": 70105,
        "broken-lantern": 70106,
        "paper-boats-0": 70107,  # by the address that was asked for
    }


def test_the_date() -> None:
    dates = {name: date and date.isoformat(" ", "minutes") for name, date in works("posted_at").items()}
    assert dates == {
        "copper-kettle": "2019-05-04 09:05",
        "harbour-crates": "2012-02-29 23:59",
        "song-of-the-mill": "2018-12-31 00:00",
        "marsh-tiles": "2010-01-01 12:30",
        "the-lost-choir": "2015-07-14 18:45",
        "broken-lantern": "2013-03-03 03:33",
        "paper-boats-0": None,  # its comment has one, of another form
    }


def test_the_art_types() -> None:
    assert works("art_types") == {
        "copper-kettle": ("2D Art",),
        "harbour-crates": ("2D Art", "Texture"),
        "song-of-the-mill": ("Music",),
        "marsh-tiles": ("2D Art",),
        "the-lost-choir": ("3D Art",),
        "broken-lantern": (),
        "paper-boats-0": (),
    }


def test_the_tags() -> None:
    assert works("tags") == each(()) | {
        "copper-kettle": ("kitchen", "16x16"),
        "harbour-crates": ("sea side", "R&D", "Küste"),
        "marsh-tiles": ("swamp",),
    }


def test_the_licences() -> None:
    assert works("licences") == {
        "copper-kettle": (Licence("cc0", "CC0", "http://creativecommons.org/publicdomain/zero/1.0/"),),
        "harbour-crates": (
            Licence("cc-by-3.0", "CC-BY 3.0", "http://creativecommons.org/licenses/by/3.0/"),
            Licence("cc-by-sa-4.0", "CC-BY-SA 4.0", "https://creativecommons.org/licenses/by-sa/4.0/"),
            Licence("gpl-3.0", "GPL 3.0", "https://www.gnu.org/licenses/gpl-3.0.html"),
        ),
        "song-of-the-mill": (
            Licence("oga-by-3.0", "OGA-BY 3.0", "http://opengameart.org/content/oga-by-30-faq"),
        ),
        "marsh-tiles": (
            Licence("lgpl-2.1", "LGPL 2.1", "http://www.gnu.org/licenses/old-licenses/lgpl-2.1.html"),
            Licence("lgpl-3.0", "LGPL 3.0", "http://www.gnu.org/licenses/lgpl-3.0.html"),
        ),
        "the-lost-choir": (
            Licence("oga-by-4.0", "OGA-BY 4.0", "https://opengameart.org/content/oga-by-40-faq"),
            Licence("free-choir-1.3", "Free Choir 1.3", "https://deeds.example/free-choir"),
            # A badge without a name is called by its deed.
            Licence("https://deeds.example/no-name", "https://deeds.example/no-name", "https://deeds.example/no-name"),
        ),
        "broken-lantern": (
            Licence("gpl-2.0", "GPL 2.0", "http://www.gnu.org/licenses/old-licenses/gpl-2.0.html"),
        ),
        "paper-boats-0": (),
    }  # fmt: skip


def test_the_collections() -> None:
    assert works("collections") == each(()) | {
        "copper-kettle": ((f"{BASE}/content/things-on-a-stove", "Things on a stove"),),
        "marsh-tiles": (
            (f"{BASE}/content/cc0-wetlands", "CC0 wetlands & fens"),
            (f"{BASE}/content/my-shelf", "My shelf, mostly GPL 3.0"),
            (f"{BASE}/content/%D0%B1%D0%BE%D0%BB%D0%BE%D1%82%D0%BE", "болото"),
        ),
    }


def test_the_favourites() -> None:
    assert works("favourites") == {
        "copper-kettle": 17,
        "harbour-crates": 1024,
        "song-of-the-mill": None,
        "marsh-tiles": 0,
        "the-lost-choir": 2,
        "broken-lantern": 4,
        "paper-boats-0": None,
    }


def test_the_description() -> None:
    assert {name: text.split("\n") for name, text in works("description").items()} == {
        "copper-kettle": [
            "A kettle for the inn, drawn in one evening.",
            "The steam is on its own layer.",
        ],
        "harbour-crates": [
            "Forty crates. An older set was held back due to potential licensing issues; this one is all my own."
        ],
        "song-of-the-mill": ["Eighty seconds of creaking wood.", "It loops."],
        "marsh-tiles": [
            "What is in it",
            "Tiles < 32 px — ½ of them wet!",
            "tile count",
            "mud 12",
            "reeds",
            "3",
            "How to cut it:",
            "convert marsh.png",
            "-crop 32x32",
            "then",
            "join",
            "edges",
            "corners",
            "play",
            "Farewell.",
            "Reed",
            "mud",
            "brown",
            "pasted from elsewhere",
        ],
        "the-lost-choir": ["Twelve statues with open mouths."],
        "broken-lantern": [
            "The glass is cracked",
            "and the wick smokes a lot, 1 < 2 & so on",
            "four frames",
            "no sound, see the questions",
        ],
        "paper-boats-0": ["I took my files away myself, not due to potential licensing issues."],
    }


def test_the_copyright_notice() -> None:
    assert works("copyright_notice") == each("") | {
        "harbour-crates": (
            "Please write:\ncrates by Mira Tallow\nbarrels after a photo (CC0)\nand send a postcard."
        ),
        "marsh-tiles": "Name all three of us.\nA link is kind.",
        "broken-lantern": "Say tinker",
    }


def test_the_previews() -> None:
    assert works("previews") == each(()) | {
        "copper-kettle": (f"{FILES}/kettle_2.png",),
        "harbour-crates": (
            f"{FILES}/quay%20%231.png",
            f"{FILES}/styles/medium/public/barrel.bmp.preview.jpg",  # no link to a larger one
            f"{FILES}/a_first_sketch.png",
        ),
        "song-of-the-mill": (f"{FILES}/styles/medium/public/mill_cover.jpg",),
        "broken-lantern": (f"{FILES}/lantern.gif",),
    }


def test_the_files() -> None:
    assert works("files") == each(()) | {
        "copper-kettle": (
            FileLink(f"{FILES}/kettle_2.png", "kettle_2.png", "kettle.png", 1204, "image/png"),
        ),
        "harbour-crates": (
            FileLink(
                f"{FILES}/crates%20100%25_0.zip", "crates 100%_0.zip", "crates 100%.zip", 26000417, "application/zip"
            ),
            FileLink(f"{FILES}/overview.PNG", "overview.PNG", "the overview", None, "image/png"),
        ),
        "song-of-the-mill": (
            FileLink(
                f"{FILES}/mill%20-%208%3A31.wav", "mill - 8_31~c4b8a23dde.wav", "mill - 8:31.wav", 14112044, "audio/x-wav"
            ),
        ),
        "marsh-tiles": (FileLink(f"{FILES}/marsh.png", "marsh.png", "marsh.png", 0, "image/png"),),
        "broken-lantern": (FileLink(f"{FILES}/lantern_0.gif", "lantern_0.gif", "lantern.gif", 2048, "image/gif"),),
    }  # fmt: skip


def test_files_come_from_the_file_list_and_from_nowhere_else() -> None:
    listed = {name: {file.url for file in files} for name, files in works("files").items()}
    # All of these are on their pages.
    elsewhere = {
        "copper-kettle": [f"{FILES}/styles/medium/public/kettle_2.png", f"{FILES}/license_images/cc0.png"],
        "harbour-crates": [
            f"{FILES}/quay%20%231.png",
            f"{FILES}/old_crates.zip",
            f"{FILES}/archive/my_harbour.png",
            f"{FILES}/my_harbour_0.png",
            "/file/80021/dlcounter",
            "/flag/flag/favorites/70102",
            "https://tallow-and-rope.example/crates.zip",
        ],
        "song-of-the-mill": [f"{FILES}/audio_preview/mill.wav.ogg", f"{FILES}/audio_preview/mill.wav.mp3"],
        "marsh-tiles": ["/collect/remove/70104/90001", "/flag/flag/favorites/70104"],
        "the-lost-choir": [f"{FILES}/choir_copy.blend"],
        "broken-lantern": [f"{FILES}/moth.png", f"{FILES}/lantern.gif", "/file/80061/dlcounter"],
    }
    for name, urls in elsewhere.items():
        for url in urls:
            assert url in saved(name).text, url
            assert not [file for file in listed[name] if url in file], url


def test_withheld() -> None:
    # Authors and comments speak of licensing issues, too.
    assert works("withheld") == each(False) | {"the-lost-choir": True}  # noqa: FBT003


def test_a_work_has_all_that_its_page_says() -> None:
    for name in WORKS:
        page = WorkPage(saved(name))
        for field in page.work.__slots__:
            assert getattr(page.work, field) == getattr(page, field), f"{name}: {field}"


# Listings.


def test_the_total() -> None:
    assert listings("total") == {
        "listing-first": 1207,
        "listing-beyond-the-last": None,
        "listing-of-one-page": 1,
    }


def test_the_last_page() -> None:
    assert listings("last_page") == {
        "listing-first": 50,
        "listing-beyond-the-last": 0,
        "listing-of-one-page": 0,
    }


def test_the_works_of_a_listing() -> None:
    assert listings("work_urls") == {
        "listing-first": [
            f"{BASE}/content/copper-kettle",
            f"{BASE}/content/the-lost-choir",
            f"{BASE}/content/%D0%BC%D0%B5%D0%BB%D1%8C%D0%BD%D0%B8%D1%86%D0%B0-1",
        ],
        "listing-beyond-the-last": [],
        "listing-of-one-page": [f"{BASE}/content/paper-boats-0"],
    }


# Collections.


def test_the_works_of_a_collection() -> None:
    # Its own alone: none of the column on the left, of its description, of its comments, of what it is made of.
    assert collections("work_urls") == {
        "things-on-a-stove": [f"{BASE}/content/copper-kettle", f"{BASE}/content/%D1%87%D0%B0%D0%B9"],
        "cc0-wetlands": [f"{BASE}/content/marsh-tiles", f"{BASE}/content/paper-boats-0"],
    }


def test_the_collections_in_a_collection() -> None:
    assert collections("inner_urls") == {"things-on-a-stove": [f"{BASE}/content/pots"], "cc0-wetlands": []}


def test_the_last_page_of_a_collection_as_far_as_its_pager_leads() -> None:
    # The pager of the comments leads further.
    assert collections("last_page") == {"things-on-a-stove": 2, "cc0-wetlands": 4}


def test_the_total_of_a_collection_that_does_not_tell_it() -> None:
    assert collections("total") == {"things-on-a-stove": None, "cc0-wetlands": None}


@pytest.mark.parametrize("page", [ListingPage, CollectionPage, WorkPage])
def test_what_is_no_html_is_no_page(page: type[ListingPage | CollectionPage | WorkPage]) -> None:
    assert not page(JsonResponse(f"{BASE}/content/x", body=b'{"title": "Copper kettle"}')).recognised
