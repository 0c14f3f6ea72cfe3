"""The fake site is itself a promise to other tests: what its data say is what its pages and files hold."""

import signal
import socket
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from http.client import IncompleteRead
from io import BytesIO
from pathlib import Path

import pytest
from parsel import Selector, SelectorList
from PIL import Image

from tests.replica import ReplicaServer, Site, build_site
from tests.replica.visiting import LISTING, get, page, rows


def items(selector: Selector, name: str) -> SelectorList[Selector]:
    return selector.css(f".node-art.view-mode-full .field-name-{name} .field-item")


@pytest.fixture(scope="module")
def site() -> Site:
    return build_site(faults=True)


@pytest.fixture(scope="module")
def server(site: Site) -> Iterator[ReplicaServer]:
    with ReplicaServer(site) as server:
        yield server


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not(site: Site) -> None:
    again, other = build_site(faults=True), build_site(seed=7, faults=True)
    assert again.works == site.works
    assert [again.file(name).content for name in again.files] == [
        file.content for file in site.files.values()
    ]
    assert other.file("planet.png").content != site.file("planet.png").content


def test_a_larger_site_begins_with_the_smaller_one_and_faults_come_last(site: Site) -> None:
    plain = build_site()
    assert plain.works == site.works[: len(plain.works)]
    assert build_site(works=200).works[:64] == plain.works
    assert all(work.slug.startswith("fault-") for work in site.works[64:])


def test_every_file_is_served_under_its_encoded_name_with_its_length(
    site: Site, server: ReplicaServer
) -> None:
    for file in site.files.values():
        if file.fault in {None, "broken", "evil"}:
            reply = get(server.url + file.url_path)
            assert (reply.status, reply.body) == (200, file.content), file.name
            assert reply.headers["Content-Type"] == file.mime


def test_names_are_decoded_exactly_once_and_keep_their_case(site: Site, server: ReplicaServer) -> None:
    assert site.file("reef 100%25.png").url_path.endswith("/reef%20100%2525.png")
    assert get(f"{server.url}/sites/default/files/reef%20100%25.png").status == 404
    assert (
        get(f"{server.url}/sites/default/files/AIR.png").body
        != get(f"{server.url}/sites/default/files/air.png").body
    )


def test_the_page_of_a_work_says_what_its_data_say(site: Site, server: ReplicaServer) -> None:
    for work in site.works:
        if work.fault:
            continue
        shown = page(server, work.path)
        assert shown.css('.view-mode-full [property="dc:title"] h2::text').get() == work.title
        author = items(shown, "author-submitter").css("span.username")
        assert author.css("::text").get() == work.author_name
        assert author.css("a::attr(href)").get() == work.author_url
        assert items(shown, "author-submitter").css("strong > a::text").get() == (
            work.submitter and work.submitter.name
        )
        day = shown.css(".group-left.left-column .field-name-post-date .field-item::text").get()
        assert day == f"{work.posted_at:%A, %B} {work.posted_at.day}, {work.posted_at:%Y - %H:%M}"
        assert items(shown, "field-art-type").css("a::text").getall() == [
            kind.name for kind in work.art_types
        ]
        assert items(shown, "field-art-tags").css("a::text").getall() == list(work.tags)
        assert shown.css(".license-icon .license-name::text").getall() == [
            each.name for each in work.licences
        ]
        assert shown.css(".license-icon > a::attr(href)").getall() == [each.deed for each in work.licences]
        assert items(shown, "field-collaborators").css("a::text").getall() == [
            each.name for each in work.collaborators
        ]
        assert items(shown, "collect").css("li > a:first-child::text").getall() == [
            each.title for each in work.collections
        ]
        assert items(shown, "favorites").css("::text").getall() == [str(work.favourites)]
        assert items(shown, "field-copyright-notice").css("::text").get() == work.copyright_notice


def test_the_files_of_a_page_are_its_art_and_neither_previews_nor_attachments(
    site: Site, server: ReplicaServer
) -> None:
    for work in site.works:
        if work.fault:
            continue
        shown = page(server, work.path)
        links = items(shown, "field-art-files").css("span.file > a")
        assert links.css("::attr(href)").getall() == [
            server.url + file.url_path for file in work.listed_files
        ]
        assert links.css("::attr(type)").getall() == [
            f"{f.mime}; length={f.declared_bytes}" for f in work.listed_files
        ]
        previews = shown.css(".field-name-field-art-preview a.preview-lightbox::attr(href)").getall()
        assert previews == [server.url + file.url_path for file in work.previews]
    talked_about = site.work("talked-about")
    art = set(site.art_files())
    assert talked_about.attachments
    assert not art & {*talked_about.attachments, *talked_about.previews}


def test_every_licence_and_kind_occurs_and_the_listing_filters_by_it(
    site: Site, server: ReplicaServer
) -> None:
    plain = site.works[:64]
    licences = {licence.name: licence for work in plain for licence in work.licences}
    assert set(licences) == {
        "CC0", "CC-BY 3.0", "CC-BY 4.0", "CC-BY-SA 3.0", "CC-BY-SA 4.0", "GPL 2.0", "GPL 3.0",
        "OGA-BY 3.0", "OGA-BY 4.0", "LGPL 2.1", "LGPL 3.0",
    }  # fmt: skip
    assert {kind.name for work in plain for kind in work.art_types} >= {
        "2D Art",
        "3D Art",
        "Texture",
        "Concept Art",
        "Music",
    }
    wanted = {licences["LGPL 2.1"], licences["LGPL 3.0"]}
    query = "field_art_licenses_tid[]=7&field_art_licenses_tid%5B1%5D=8&items_per_page=144&sort_order=ASC"
    assert rows(server, query) == [work.path for work in site.works if wanted & set(work.licences)]


def test_the_listing_pages_hold_every_work_once_oldest_first(site: Site, server: ReplicaServer) -> None:
    order = "sort_by=created&sort_order=ASC"
    seen = [path for number in range(4) for path in rows(server, f"{order}&page={number}")]
    assert seen == [work.path for work in site.works]
    first = page(server, f"{LISTING}?{order}")
    total = len(site.works)
    assert f"Displaying 1 - 24 of {total}" in first.css(
        ".view-display-id-search_art_advanced .view-header::text"
    ).get("")
    assert "page=3" in first.css('ul.pager li.pager-last a[title="Go to last page"]::attr(href)').get("")
    assert rows(server, f"{order}&page=9") == []
    assert not page(server, f"{LISTING}?items_per_page=144").css("ul.pager")


def test_a_search_takes_words_tags_names_and_kinds(site: Site, server: ReplicaServer) -> None:
    assert rows(server, "keys=lanterns+harbour&sort_order=ASC") == [
        "/content/harbour-lanterns",
        "/content/harbour-lanterns-0",
    ]
    assert rows(server, "keys=nothing-like-it") == []
    assert set(rows(server, "name=inkwell")) == {
        work.path for work in site.works if "Inkwell" in work.author_name
    }
    assert rows(server, "field_art_tags_tid=top/down") == ["/content/sunday-lunch"]
    assert "/content/low-poly-orchard" in rows(server, "field_art_type_tid%5B0%5D=10&items_per_page=144")


def test_the_feed_names_the_newest_works_first(site: Site, server: ReplicaServer) -> None:
    feed = Selector(get(f"{server.url}/latest/rss.xml").body.decode(), type="xml")
    assert feed.css("item > link::text").getall() == [server.url + work.path for work in site.works[:-25:-1]]


def test_a_file_may_belong_to_two_works_and_a_withheld_work_lists_none(
    site: Site, server: ReplicaServer
) -> None:
    assert site.work("talked-about").files[0] is site.work("one-name-one-file").files[1]
    withheld = site.work("the-withheld-wood")
    shown = get(server.url + withheld.path).body.decode()
    assert withheld.files
    assert "File(s) currently unavalable due to potential licensing issues." in shown
    assert "field-name-field-art-files" not in shown
    assert withheld.files[0].url_path not in shown


def test_what_a_visitor_holds_already_is_not_sent_again(site: Site, server: ReplicaServer) -> None:
    for path in (site.file("planet.png").url_path, "/content/talked-about", LISTING):
        first = get(server.url + path)
        assert get(server.url + path, If_None_Match=first.headers["ETag"]).status == 304
        assert get(server.url + path, If_Modified_Since=first.headers["Last-Modified"]).status == 304
        assert get(server.url + path, If_None_Match='"another"').body == first.body
        head = get(server.url + path, "HEAD")
        assert (head.body, int(head.headers["Content-Length"])) == (b"", len(first.body))


def test_a_work_has_a_number_too_and_unknown_paths_are_not_found(site: Site, server: ReplicaServer) -> None:
    crowns = site.work("сrowns")  # noqa: RUF001 - the Cyrillic letter is the point
    assert get(f"{server.url}/node/{crowns.node_id}").body == get(server.url + crowns.path).body
    missing = get(f"{server.url}/content/no-such-thing")
    assert missing.status == 404
    assert Selector(missing.body.decode()).css("div.pagetitle h2::text").get() == "Page not found"
    assert ("GET", "/content/no-such-thing") in server.requests


def test_robots_txt_has_a_crawl_delay_only_if_asked_for(site: Site, server: ReplicaServer) -> None:
    assert b"Crawl-delay" not in get(f"{server.url}/robots.txt").body
    with ReplicaServer(site, crawl_delay_s=0.5) as slow:
        assert b"User-agent: *\nCrawl-delay: 0.5\n" in get(f"{slow.url}/robots.txt").body


def test_faulty_files_fail_in_their_own_way(site: Site, server: ReplicaServer) -> None:
    def at(name: str) -> str:
        return server.url + site.file(name).url_path

    assert get(at("fault-missing.png")).status == 404
    assert get(at("fault-forbidden.png")).status == 403
    assert [get(at("fault-flaky.png")).status for _ in range(3)] == [500, 500, 200]
    with pytest.raises(IncompleteRead):
        get(at("fault-truncated.png"))
    assert site.file("fault-length.png").declared_bytes != len(get(at("fault-length.png")).body)
    assert get(at("fault-html.zip")).headers["Content-Type"].startswith("text/html")
    assert get(at("fault-redirected.png")).body == site.file("fault-redirected.png").content
    assert server.requests[-1] == ("GET", "/sites/default/files/moved/fault-redirected.png")


def test_faulty_bytes_cannot_be_read_and_their_neighbours_can(site: Site) -> None:
    with pytest.raises(zipfile.BadZipFile):
        zipfile.ZipFile(BytesIO(site.file("fault-broken.zip").content))
    for name in ("fault-noise.png", "fault-cut.png"):
        with pytest.raises(OSError, match=r"cannot identify|truncated"):
            Image.open(BytesIO(site.file(name).content)).load()
    with zipfile.ZipFile(BytesIO(site.file("fault-crc.zip").content)) as archive:
        assert archive.testzip() == "middle.png"
        assert archive.read("first.png")
        assert archive.read("last.png")
    with zipfile.ZipFile(BytesIO(site.file("fault-flipped.zip").content)) as archive:
        assert archive.testzip()
    with zipfile.ZipFile(BytesIO(site.file("fault-evil.zip").content)) as archive:
        assert "../evil.png" in archive.namelist()


def test_faulty_pages_are_no_works(site: Site, server: ReplicaServer) -> None:
    statuses = {
        slug: get(server.url + site.work(slug).path).status
        for slug in ("fault-page-missing", "fault-page-error")
    }
    assert statuses == {"fault-page-missing": 404, "fault-page-error": 500}
    unrecognised = get(f"{server.url}/content/fault-page-unrecognised")
    assert unrecognised.status == 200
    assert b"node-art" not in unrecognised.body


def test_archives_hold_what_old_tools_write(site: Site) -> None:
    def members(name: str) -> list[str]:
        with zipfile.ZipFile(BytesIO(site.file(name).content)) as archive:
            assert archive.testzip() is None
            return archive.namelist()

    assert "Märchen/Königin.png" in members("Knight & Dragon Free Updated With Title_0.zip")
    assert "pack/extras/日本語/図.png" in members("shields.rar")
    assert {"walk/walk_01.png", "walk/walk_08.png", "idle/idle_04.png"} <= set(members("imp_walk.zip"))
    assert any(name.startswith("__MACOSX/") for name in members(" gothicvania patreon collection.zip"))


def test_pictures_come_in_every_mode(site: Site) -> None:
    modes = set()
    for file in site.art_files():
        if file.is_picture:
            with Image.open(BytesIO(file.content)) as picture:
                modes.add((picture.format, picture.mode))
    assert modes >= {
        ("PNG", "RGBA"), ("PNG", "RGB"), ("PNG", "P"), ("PNG", "I;16"), ("PNG", "1"), ("PNG", "LA"),
        ("JPEG", "RGB"), ("GIF", "P"), ("BMP", "RGB"),
    }  # fmt: skip


def test_the_command_prints_its_address_first_and_ends_quietly() -> None:
    command = [sys.executable, "-m", "tests.replica", "--works", "3"]
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        url = process.stdout.readline().strip()
        assert get(f"{url}/content/crooked-toolbox").status == 200
        process.send_signal(signal.SIGTERM)
        out, talk = process.communicate(timeout=10)
    assert (process.returncode, out, talk) == (0, "", "")


def test_a_busy_port_is_one_line_and_exit_code_2() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "tests.replica", "--works", "1", "--port", port]
        done = subprocess.run(
            command, cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=30, check=False
        )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert port in done.stderr
