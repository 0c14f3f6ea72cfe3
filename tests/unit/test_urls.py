"""From the words of a command to the site's addresses."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest

from artstore.errors import UsageError
from artstore.licences import KNOWN
from ogaspider.urls import ARGUMENTS, ART_TYPES, LICENCE_NUMBERS, ArtCollection, Listing, Query
from tests.replica import words

SITE = "https://opengameart.org"


def query(site_url: str = SITE, **arguments: str) -> Query:
    return Query.from_arguments(arguments, site_url)


def parameters(asked: Query, page: int = 0) -> list[tuple[str, str]]:
    return parse_qsl(urlsplit(asked.listings[0].url(SITE, 144, page)).query, keep_blank_values=True)


def test_a_crawl_asks_for_2d_art_unless_told_otherwise() -> None:
    assert query() == Query(listings=(Listing(art_types=("2d",)),))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("2d", ("2d",)),
        ("3D", ("3d",)),
        ("2d,texture", ("2d", "texture")),
        (" music , sound ", ("music", "sound")),
        ("all", ()),
        ("2d,all", ()),
        ("", ("2d",)),
        (",", ("2d",)),
    ],
)
def test_art_types_are_a_list_and_all_is_every_one(given: str, expected: tuple[str, ...]) -> None:
    assert query(art_type=given).listings[0].art_types == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("", ()),
        ("cc0", ("cc0",)),
        ("cc-by", ("cc-by-3.0", "cc-by-4.0")),
        ("CC-BY-SA 3.0, gpl-2.0", ("cc-by-sa-3.0", "gpl-2.0")),
        ("cc0,cc0", ("cc0",)),
    ],
)
def test_licences_are_a_list_and_a_family_is_all_its_versions(given: str, expected: tuple[str, ...]) -> None:
    assert query(licence=given).listings[0].licences == expected


@pytest.mark.parametrize(("given", "expected"), [("", None), ("1", 1), ("12", 12)])
def test_max_pages_is_a_number_or_no_limit(given: str, expected: int | None) -> None:
    assert query(max_pages=given).max_pages == expected


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"max_pages": "0"}, "max_pages=0: a number from 1"),
        ({"max_pages": "-1"}, "max_pages=-1: a number from 1"),
        ({"max_pages": "1.5"}, "max_pages=1.5: a number from 1"),
        ({"licence": "mit"}, "no licence is called 'mit'; there are cc0"),
        ({"art_type": "2d,4d"}, "no art type is called '4d'; there are 2d"),
        ({"querry": "x"}, "no argument 'querry'; did you mean 'query'\\? There are query"),
        ({"zzz": "x"}, r"no argument 'zzz'\. There are query"),
        (
            {"url": "https://example.org/content/x"},
            "the page of a work is needed, https://opengameart.org/content/",
        ),
        ({"url": f"{SITE}/art-search-advanced"}, "the page of a work is needed"),
        ({"url": "/content/x,/forumtopic/y"}, "url=/forumtopic/y: the page of a work"),
        ({"collection": f"{SITE}/users/ada"}, "collection=.*/users/ada: the page of a collection is needed"),
        ({"collection": "https://example.org/content/x"}, "the page of a collection is needed, https://open"),
        (
            {"since": "yesterday"},
            "since=yesterday: a day such as 2024-05-01, or an age such as 30d, 12h or 2w",
        ),
        ({"since": "2024-13-01"}, "since=2024-13-01: a day such as"),
        ({"since": "1.5d"}, "since=1.5d: a day such as"),
        ({"since": "30"}, "since=30: a day such as"),
        ({"since": "-30d"}, "since=-30d: a day such as"),
        ({"since": "3y"}, "since=3y: a day such as"),
        ({"since": "9999999w"}, "since=9999999w: a day such as"),
        ({"since": "9" * 40 + "d"}, "since=9+d: a day such as"),
        ({"since": "0001-01-01"}, "since=0001-01-01: a day such as"),
        ({"since": "30d", "sort": "views"}, "sort=views: with since= the newest works come first"),
        ({"mode": "update", "sort": "favourites"}, "sort=favourites: with mode=update the newest works come"),
        ({"mode": "update", "sort": "Views"}, "sort=Views: with mode=update the newest .* leave sort= out"),
        ({"mode": "update", "sort": "relevance", "query": "x"}, "sort=relevance: with mode=update"),
        ({"mode": "update", "order": "asc"}, "order=asc: with mode=update the newest works come first"),
        ({"since": "30d", "order": "asc"}, "order=asc: with since= the newest works come first"),
        ({"order": "up"}, "order=up: one of asc, desc is needed"),
        ({"tag": "a,b", "tag_op": "xor"}, "tag_op=xor: one of or, and, not is needed"),
        ({"tag_op": "not"}, "tag_op=not: it says how tags are meant, .* give tag= too"),
        ({"since": "30d", "mode": "update"}, "mode=update reads as far as .* since= as far as a date"),
        ({"since": "30d", "collection": "x"}, "collection= names what is to be read"),
        ({"since": "30d", "url": "/content/x"}, "url= names what is to be read"),
        ({"since": "30d", "node": "12"}, "node= names what is to be read"),
    ],
)
def test_what_cannot_be_asked_for_is_refused_with_what_can(arguments: dict[str, str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        query(**arguments)


@pytest.mark.parametrize("site_url", ["opengameart.org", "", "ftp://opengameart.org", "https://"])
def test_a_site_needs_an_address(site_url: str) -> None:
    with pytest.raises(UsageError, match="OGA_SITE_URL="):
        query(site_url)


@pytest.mark.parametrize(
    "given",
    [
        "https://opengameart.org/content/night-table",
        "https://OpenGameArt.org/content/night-table",
        "http://opengameart.org/content/night-table",
        "/content/night-table",
        "content/night-table",
        "https://opengameart.org/content/night-table#comment-91030",
        "https://opengameart.org/content/night-table?page=2",
    ],
)
@pytest.mark.parametrize("site_url", [SITE, SITE + "/"])
def test_the_address_of_a_work_has_one_form(given: str, site_url: str) -> None:
    assert query(site_url, url=given).urls == (f"{SITE}/content/night-table",)


def test_several_works_stay_in_order_and_encoded() -> None:
    assert query(url="/node/14914, /content/%D1%81rowns").urls == (
        f"{SITE}/node/14914",
        f"{SITE}/content/%D1%81rowns",
    )


def test_words_tag_and_author_go_where_the_site_wants_them() -> None:
    found = dict(parameters(query(query="fire & sword", tag="top/down", author="Łucja Żak")))
    assert found["keys"] == "fire & sword"
    assert found["field_art_tags_tid"] == "top/down"
    assert found["field_art_tags_tid_op"] == "or"
    assert found["name"] == "Łucja Żak"


def test_a_title_and_all_or_none_of_several_tags_are_asked_for_as_the_site_does() -> None:
    found = dict(parameters(query(title="iron & steel", tag="sword, 16x16", tag_op="And")))
    assert found["title"] == "iron & steel"
    assert (found["field_art_tags_tid"], found["field_art_tags_tid_op"]) == ("sword, 16x16", "and")
    assert dict(parameters(query(tag="sword", tag_op="not")))["field_art_tags_tid_op"] == "not"


WORDS = {
    "query": "fire", "title": "sword", "tag": "a,b", "author": "ada", "licence": "cc0", "art_type": "3d",
}  # fmt: skip


@pytest.mark.parametrize("name", WORDS)
def test_searches_for_other_works_are_other_searches(name: str) -> None:
    one, other = query(**WORDS).listings[0], query(**WORDS | {name: ""}).listings[0]
    assert one.key != other.key
    assert not one.has_page(SITE, other.url(SITE, 24, 0))


def test_tags_that_are_meant_in_another_way_make_another_search() -> None:
    asked = [query(tag="a,b", tag_op=tag_op).listings[0] for tag_op in ("or", "and", "not")]
    assert len({listing.key for listing in asked}) == 3


@pytest.mark.parametrize("order", [{"sort": "views"}, {"order": "desc"}, {"mode": "update"}])
def test_one_search_in_two_orders_is_one_search_on_whatever_pages(order: dict[str, str]) -> None:
    one, other = query(**WORDS).listings[0], query(**WORDS | order).listings[0]
    assert one != other
    assert one.key == other.key
    assert one.has_page(SITE, other.url(SITE, 24, 3))
    assert not one.has_page("https://elsewhere.example", other.url(SITE, 24, 3))


def test_each_art_type_and_licence_is_a_parameter_of_its_own() -> None:
    found = parameters(query(art_type="2d,concept", licence="cc0,oga-by-4.0"))
    assert [value for name, value in found if name == "field_art_type_tid[]"] == ["9", "7273"]
    assert [value for name, value in found if name == "field_art_licenses_tid[]"] == ["4", "31772"]


def test_what_is_not_limited_is_not_asked_about() -> None:
    found = {name for name, _ in parameters(query(art_type="all"))}
    assert not found & {"field_art_type_tid[]", "field_art_licenses_tid[]", "page"}


def test_pages_come_oldest_first_and_count_from_nought() -> None:
    found = dict(parameters(query(), page=3))
    assert (found["sort_by"], found["sort_order"], found["items_per_page"], found["page"]) == (
        "created",
        "ASC",
        "144",
        "3",
    )


def test_a_slash_at_the_end_of_the_site_is_not_doubled() -> None:
    assert query().listings[0].url(SITE + "/", 24, 0).startswith(f"{SITE}/art-search-advanced?keys=")


def test_every_licence_that_the_house_knows_has_a_number_and_it_is_the_site_s() -> None:
    assert set(LICENCE_NUMBERS) == {licence.key for licence in KNOWN}
    by_name = {licence.key: words.LICENCES[licence.name].tid for licence in KNOWN}
    assert by_name == LICENCE_NUMBERS


def test_every_art_type_has_the_site_s_number() -> None:
    assert sorted(ART_TYPES.values()) == sorted(kind.tid for kind in words.ART_TYPES.values())
    assert (ART_TYPES["2d"], ART_TYPES["texture"], ART_TYPES["concept"]) == (9, 14, 7273)


def test_every_argument_is_understood() -> None:
    given = dict.fromkeys(ARGUMENTS, "")
    assert Query.from_arguments(given, SITE) == Query(listings=(Listing(),))


def test_several_searches_are_several_listings() -> None:
    asked = query(query="fire sword; ice ;; fire sword", licence="cc0")
    assert [listing.words for listing in asked.listings] == ["fire sword", "ice"]
    assert {listing.licences for listing in asked.listings} == {("cc0",)}


@pytest.mark.parametrize(
    ("given", "by", "order"),
    [
        ({}, "created", "ASC"),
        ({"mode": "update"}, "created", "DESC"),
        ({"sort": "favourites"}, "count", "DESC"),
        ({"sort": "Views"}, "totalcount", "DESC"),
        ({"sort": "relevance"}, "score", "DESC"),
        ({"order": "desc"}, "created", "DESC"),
        ({"sort": "views", "order": "ASC"}, "totalcount", "ASC"),
        ({"mode": "update", "order": "desc"}, "created", "DESC"),
        ({"since": "30d", "order": "desc"}, "created", "DESC"),
    ],
)
def test_listings_are_ordered_as_asked(given: dict[str, str], by: str, order: str) -> None:
    found = dict(parameters(query(**given)))
    assert (found["sort_by"], found["sort_order"]) == (by, order)


def test_works_are_named_by_number_too() -> None:
    assert query(node="3009, 12", url="/content/sword").urls == (
        f"{SITE}/content/sword",
        f"{SITE}/node/3009",
        f"{SITE}/node/12",
    )
    assert query(node="12").listings == ()


def test_a_work_that_is_named_twice_is_asked_for_once() -> None:
    asked = query(url="/content/sword,/content/sword#comment-1", node="12,12")
    assert asked.urls == (f"{SITE}/content/sword", f"{SITE}/node/12")


@pytest.mark.parametrize(
    "given",
    [
        "things-on-a-stove",
        "/content/things-on-a-stove",
        "content/things-on-a-stove",
        f"{SITE}/content/things-on-a-stove",
        "http://OpenGameArt.org/content/things-on-a-stove?page=3#comment-1",
        "things-on-a-stove?page=3",
        " things-on-a-stove , /content/things-on-a-stove,",
    ],
)
def test_the_address_of_a_collection_has_one_form_and_so_have_its_pages(given: str) -> None:
    (found,) = query(collection=given).collections
    assert found.label == "/content/things-on-a-stove"
    assert [found.url(page) for page in (0, 2)] == [
        f"{SITE}/content/things-on-a-stove?page=0",
        f"{SITE}/content/things-on-a-stove?page=2",
    ]


def test_collections_stay_in_order_and_encoded_and_no_search_is_made_beside_them() -> None:
    asked = query(collection="/node/70120, болото", url="/content/sword", query="fire")
    assert asked.collections == (
        ArtCollection(f"{SITE}/node/70120"),
        ArtCollection(f"{SITE}/content/%D0%B1%D0%BE%D0%BB%D0%BE%D1%82%D0%BE"),
    )
    assert asked.urls == (f"{SITE}/content/sword",)
    assert asked.listings == ()
    assert query(collection="x").listings == ()


A_DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("given", "expected"),
    [("2024-05-01", datetime(2024, 4, 30)), (" 2024-03-01 ", datetime(2024, 2, 29)), ("", None)],  # noqa: DTZ001
)
def test_since_a_day_is_since_the_day_before_as_nobody_knows_the_zone(
    given: str, expected: datetime | None
) -> None:
    assert query(since=given).since == expected


@pytest.mark.parametrize(
    ("given", "age"),
    [
        ("30d", timedelta(days=30)),
        ("12h", timedelta(hours=12)),
        ("2W", timedelta(weeks=2)),
        ("0d", timedelta(0)),
    ],
)
def test_since_an_age_is_counted_from_now_and_a_day_more(given: str, age: timedelta) -> None:
    found = query(since=given).since
    assert found is not None
    assert found.tzinfo is None
    late = datetime.now(UTC).replace(tzinfo=None) - age - A_DAY - found
    assert timedelta(0) <= late < timedelta(minutes=1)


@pytest.mark.parametrize("given", [{}, {"sort": "created"}, {"mode": "all", "query": "a;b"}])
def test_since_a_date_the_newest_come_first_in_every_search(given: dict[str, str]) -> None:
    asked = query(since="2024-05-01", **given)
    assert {(listing.sort, listing.ascending) for listing in asked.listings} == {("created", False)}
    assert query(**given).since is None


@pytest.mark.parametrize("given", [{"sort": "size"}, {"mode": "fast"}, {"node": "x"}, {"node": "0"}])
def test_what_no_argument_can_mean_is_refused(given: dict[str, str]) -> None:
    with pytest.raises(UsageError, match=f"{next(iter(given))}="):
        query(**given)
