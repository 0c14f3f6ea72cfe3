"""The fake site as it lives: works change, vanish and appear, everything fails; and its listings, in each order."""

from collections.abc import Iterator
from itertools import chain
from threading import Thread
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.replica import ReplicaServer, Site, build_site
from tests.replica.site import FILES_PATH
from tests.replica.visiting import LISTING, get, listed, page, rows

FIRST = "first-light-over-fennelwick"


@pytest.fixture(scope="module")
def site() -> Site:
    return build_site()


@pytest.fixture
def server(site: Site) -> Iterator[ReplicaServer]:
    with ReplicaServer(site) as server:
        yield server


def validators(server: ReplicaServer, path: str) -> tuple[str, str]:
    headers = get(server.url + path).headers
    return headers["ETag"], headers["Last-Modified"]


def is_new(server: ReplicaServer, path: str, held: tuple[str, str]) -> bool:
    """Whether the site says so, to both ways of asking, and gives another tag and day."""
    by_tag = get(server.url + path, If_None_Match=held[0]).status
    by_day = get(server.url + path, If_Modified_Since=held[1]).status
    assert by_tag == by_day
    now = validators(server, path)
    assert (now[0] != held[0]) == (now[1] != held[1]) == (by_tag == 200)
    return by_tag == 200


def files_of(server: ReplicaServer, slug: str) -> list[str]:
    links = page(server, f"/content/{slug}").css(".field-name-field-art-files span.file > a::attr(href)")
    return [link.removeprefix(server.url + FILES_PATH) for link in links.getall()]


def test_a_work_gets_another_title_and_tags_and_its_page_another_tag(
    site: Site, server: ReplicaServer
) -> None:
    path, other = f"/content/{FIRST}", "/content/crooked-toolbox"
    oldest = f"{LISTING}?sort_order=ASC"
    held, held_other, held_list = (validators(server, each) for each in (path, other, oldest))
    assert not is_new(server, path, held)
    new = server.change(FIRST, title="Last Light <at> Fennelwick", tags=["dusk", "a & b"])
    assert (new.title, new.tags) == ("Last Light <at> Fennelwick", ("dusk", "a & b"))
    assert server.site.work(FIRST) is new is server.site.works[0]
    assert is_new(server, path, held)
    assert is_new(server, oldest, held_list)
    assert not is_new(server, other, held_other)
    shown = page(server, path)
    assert shown.css('[property="dc:title"] h2::text').get() == new.title
    assert shown.css(".field-name-field-art-tags a::text").getall() == list(new.tags)
    assert rows(server, "field_art_tags_tid=dusk") == [path]
    assert site.work(FIRST).title == "First Light over Fennelwick"
    held = validators(server, path)
    server.change(FIRST, title=site.work(FIRST).title)
    assert is_new(server, path, held)


def test_a_work_gets_a_file_and_loses_one(server: ReplicaServer) -> None:
    held = validators(server, f"/content/{FIRST}")
    added = server.change(FIRST, add_file=("new one.zip", b"PK new")).files[-1]
    assert (added.mime, added.declared_bytes) == ("application/zip", 6)
    assert files_of(server, FIRST) == ["fennelwick.png", "new%20one.zip"]
    assert get(server.url + added.url_path).body == b"PK new"
    assert is_new(server, f"/content/{FIRST}", held)
    again = server.change(FIRST, add_file=("new one.zip", b"other")).files[-1]
    assert (again.name, again.upload_name) == ("new one_0.zip", "new one.zip")
    assert again.fid != added.fid
    server.change(FIRST, remove_file="fennelwick.png")
    assert files_of(server, FIRST) == ["new%20one.zip", "new%20one_0.zip"]
    assert get(f"{server.url}{FILES_PATH}fennelwick.png").status == 404
    assert get(server.url + f"/content/{FIRST}").status == 200


def test_a_file_that_another_work_shows_stays_when_one_loses_it(server: ReplicaServer) -> None:
    server.change("one-name-one-file", remove_file="planet.png")
    assert get(f"{server.url}{FILES_PATH}planet.png").status == 200
    assert files_of(server, "talked-about") == ["planet.png"]


def test_other_bytes_come_under_the_same_name_to_every_work_that_has_it(server: ReplicaServer) -> None:
    path = server.site.file("planet.png").url_path
    held, held_page = validators(server, path), validators(server, "/content/talked-about")
    part = get(server.url + path, Range="bytes=4-", If_Range=held[0])
    server.change("one-name-one-file", replace_file=("planet.png", b"a new planet"))
    assert is_new(server, path, held)
    assert is_new(server, "/content/talked-about", held_page)
    assert part.status == 206
    assert get(server.url + path, Range="bytes=4-", If_Range=held[0])[::2] == (200, b"a new planet")
    for slug in ("talked-about", "one-name-one-file"):
        types = page(server, f"/content/{slug}").css("span.file > a[href$='/planet.png']::attr(type)")
        assert types.get() == "image/png; length=12"


def test_what_is_not_there_cannot_change(server: ReplicaServer) -> None:
    before = server.site
    wrong: tuple[tuple[str, dict[str, Any]], ...] = (
        ("nothing", {"title": "x"}), ("nothing", {"replace_file": ("planet.png", b"x")}),
        (FIRST, {"remove_file": "planet.png"}), (FIRST, {"replace_file": ("none.png", b"x")}),
    )  # fmt: skip
    for slug, change in wrong:
        with pytest.raises(KeyError):
            server.change(slug, **change)
    with pytest.raises(KeyError):
        server.vanish("nothing")
    assert server.site is before


def test_a_work_vanishes_from_everywhere(server: ReplicaServer) -> None:
    work, held = server.site.work("walls-%E2%80%94-twenty-%C3%97-twenty"), validators(server, LISTING)
    server.vanish(work.slug)
    assert get(server.url + work.path).status == 404
    assert get(f"{server.url}/node/{work.node_id}").status == 404
    assert is_new(server, LISTING, held)
    every = chain.from_iterable(rows(server, f"page={number}") for number in range(3))
    assert sorted(every) == sorted(each.path for each in server.site.works)
    assert work.path not in get(f"{server.url}/latest/rss.xml").body.decode()
    assert get(server.url + work.files[0].url_path).status == 200


def test_new_works_come_at_the_end_and_are_those_of_a_larger_site(server: ReplicaServer) -> None:
    held = validators(server, LISTING)
    new = server.publish(3)
    assert is_new(server, LISTING, held)
    assert server.site.works == build_site(works=67).works
    assert rows(server, "sort_by=created&sort_order=ASC&page=2")[-3:] == [work.path for work in new]
    assert listed(page(server, "/latest"))[:3] == [work.path for work in new[::-1]]
    for work in new:
        assert get(server.url + work.path).status == 200
        assert get(server.url + work.files[0].url_path).body == work.files[0].content
    assert server.publish(0) == ()


def test_new_works_are_the_newest_behind_faults_and_after_others_vanished() -> None:
    with ReplicaServer(build_site(works=4, faults=True, more_faults=True)) as server:
        gone = server.site.works[-1]
        server.vanish(gone.slug)
        server.vanish("harbour-lanterns")
        works, new = server.site.works, server.publish(2)
        assert server.site.works == (*works, *new)
        assert {work.fault for work in new} == {None}
        assert rows(server, "")[:2] == [new[1].path, new[0].path]
        assert len(server.site.by_node) == len(server.site.by_slug) == len(server.site.works)
        assert new[0].node_id > gone.node_id
        assert len({file.fid for file in server.site.files.values()}) == len(server.site.files)


def test_changes_from_several_threads_are_all_there(server: ReplicaServer) -> None:
    def grow(number: int) -> None:
        server.publish(1)
        server.change(FIRST, add_file=(f"thread-{number}.png", b"x"))

    threads = [Thread(target=grow, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert server.site.works[64:] == build_site(works=72).works[64:]
    assert len(server.site.work(FIRST).files) == 9


def test_everything_may_fail_but_robots_txt_and_be_well_again(server: ReplicaServer) -> None:
    paths = (LISTING, f"/content/{FIRST}", f"{FILES_PATH}planet.png", "/latest/rss.xml", "/nothing")
    for status in (500, 503):
        server.fail_everything(status)
        assert {get(server.url + path).status for path in paths} == {status}
    server.fail_everything("reset")
    for path in paths:
        with pytest.raises(ConnectionResetError):
            get(server.url + path)
    assert get(f"{server.url}/robots.txt").status == 200
    assert {entry.status for entry in server.log[-6:-1]} == {0}
    server.fail_everything(None)
    assert get(server.url + LISTING).status == 200


def test_the_latest_come_newest_first_24_a_page_whatever_else_is_asked(
    site: Site, server: ReplicaServer
) -> None:
    seen = [listed(page(server, f"/latest?page={number}")) for number in range(4)]
    assert [len(paths) for paths in seen] == [24, 24, 16, 0]
    assert list(chain.from_iterable(seen)) == [work.path for work in site.works[::-1]]
    odd = page(server, "/latest?page=1&items_per_page=144&sort_order=ASC&keys=nothing")
    assert listed(odd) == seen[1]
    assert odd.css("li.pager-last a::attr(href)").get() == "/latest?page=2"


def test_each_order_is_its_own_and_turns_round(site: Site, server: ReplicaServer) -> None:
    def order(name: str, direction: str = "DESC", more: str = "") -> list[str]:
        return rows(server, f"sort_by={name}&sort_order={direction}&items_per_page=144{more}")

    created = [work.path for work in site.works]
    expected = {
        "created": created,
        "count": [work.path for work in sorted(site.works, key=lambda work: work.favourites)],
        "totalcount": [work.path for work in sorted(site.works, key=lambda work: work.views)],
        "score": created,
    }
    for name, paths in expected.items():
        assert order(name, "ASC") == paths
        assert order(name) == paths[::-1]
    assert len({tuple(paths) for paths in expected.values()}) == 3
    server.change(FIRST, title="A Sword over Fennelwick")
    assert (
        order("score", more="&keys=sword")[0]
        == order("created", more="&keys=sword")[-1]
        == f"/content/{FIRST}"
    )
    assert len(order("score", more="&keys=sword")) > 1


def test_a_name_finds_the_works_of_an_author_and_what_they_sent_in(site: Site, server: ReplicaServer) -> None:
    for name in ("wren tallow", "MOSSBIT", "Juniper & Rook", "Łucja"):
        found = rows(server, urlencode({"name": name, "sort_order": "ASC", "items_per_page": 144}))
        both = {
            work.path: f"{work.author_name}\n{work.submitter.name if work.submitter else ''}"
            for work in site.works
        }
        assert found == [path for path, names in both.items() if name.lower() in names.lower()]
        assert found


def test_a_collection_lists_its_works_on_pages(server: ReplicaServer) -> None:
    server.publish(60)
    assert len(server.site.collections) == 6
    for collection in server.site.collections.values():
        wanted = [work.path for work in server.site.works[::-1] if collection in work.collections]
        assert len(wanted) > 24
        first, second = (page(server, f"{collection.path}{query}") for query in ("", "?page=1"))
        assert listed(first.css(".view-id-collected_art")[0]) + listed(second) == wanted
        assert first.css('[property="dc:title"] h2::text').getall()[0] == collection.title
        assert f"Displaying 1 - 24 of {len(wanted)}" in first.css(".view-header::text").get("")
        assert first.css("li.pager-next a::attr(href)").get() == f"{collection.path}?page=1"
        assert not first.css(".node-art.view-mode-full, .view-display-id-search_art_advanced")
        assert listed(page(server, f"{collection.path}?page=9")) == []
    assert get(f"{server.url}/content/no-such-shelf").status == 404


def test_a_moved_work_is_at_its_new_address_and_listings_lead_there_by_the_old_one(
    server: ReplicaServer,
) -> None:
    path = server.move(FIRST, "renamed")
    assert path == "/content/renamed"
    assert get(f"{server.url}/content/{FIRST}", follow=False).status == 301
    assert get(f"{server.url}/content/{FIRST}").body == get(server.url + path).body
    assert f"/content/{FIRST}" in rows(server, "sort_order=ASC")


def test_a_page_can_be_rewritten_and_then_be_as_it_was(server: ReplicaServer) -> None:
    before = rows(server, "items_per_page=144")
    server.rewrite(LISTING, lambda text: text.replace("art-preview-title", "something"))
    assert rows(server, "items_per_page=144") == []
    assert get(f"{server.url}/content/no-such-thing").status == 404
    server.rewrite(LISTING, None)
    assert rows(server, "items_per_page=144") == before
