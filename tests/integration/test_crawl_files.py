"""The bytes: what is asked for, where it lies, what comes out of it."""

from __future__ import annotations

import re
import zipfile
from collections import Counter
from io import BytesIO
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

import pytest
from PIL import Image

from tests.integration.crawling import Crawled, bytes_below, crawl, rows
from tests.replica import ReplicaFile, ReplicaServer, build_site
from tests.replica.site import FILES_PATH

FORBIDDEN_ON_WINDOWS = set('<>:"|?*')

NASTY = (
    "reef 100%25.png",
    "Weapon-Tool-Package-#1.png",
    "Green Robot + Enemy Update - Original.png",
    "16x16 lava & water tiles.png",
    "SteamMachiNe [HiRes] +HD +particles.png",
    " gothicvania patreon collection.zip",
    "GAME UI - SIMPLE OUTLINE [CIRCLES] .zip",
    "Автомат.png",
    "死神_Mask_16x18_0.png",
    "{52546311-6BFF-432B-B0E9-AC73AA107A50}.png",
    "luna;sol.fla_.1_0.png",
    "Animacion poxelart 1 (25).PNG",
)

TRIED_THREE_TIMES = {
    "/content/fault-page-error",
    f"{FILES_PATH}fault-flaky.png",
    f"{FILES_PATH}fault-truncated.png",
}


TWINS = {"AIR.png", "air.png"}


def is_plain(file: ReplicaFile) -> bool:
    """Whether the name may stay as it is on every disk."""
    return not FORBIDDEN_ON_WINDOWS & set(file.name) and file.name not in TWINS


def zips(crawled: Crawled) -> list[ReplicaFile]:
    """The archives that are what they say."""
    return [file for file in crawled.whole_files if file.mime == "application/zip" and not file.fault]


def test_every_listed_file_lies_under_its_decoded_name_with_its_bytes(crawled: Crawled) -> None:
    lying = bytes_below(crawled.data_dir / "files")
    expected = {file.name: file.content for file in crawled.whole_files if is_plain(file)}
    assert {name: lying.get(name) == content for name, content in expected.items()} == dict.fromkeys(
        expected, True
    )


@pytest.mark.parametrize("name", NASTY)
def test_a_nasty_name_is_decoded_exactly_once(crawled: Crawled, name: str) -> None:
    stored = crawled.data_dir / "files" / name
    assert stored.read_bytes() == crawled.site.file(name).content


def test_a_name_that_some_disk_does_not_take_lies_where_the_catalog_says(crawled: Crawled) -> None:
    unsafe = [file for file in crawled.whole_files if not is_plain(file)]
    assert {file.name for file in unsafe} > TWINS
    for file in unsafe:
        path = crawled.path_of(file)
        assert not FORBIDDEN_ON_WINDOWS & set(path)
        assert (crawled.data_dir / "files" / path).read_bytes() == file.content


def test_no_two_files_of_a_crawl_would_meet_on_a_disk_that_folds_case(crawled: Crawled) -> None:
    lying = [path for folder in ("files", "unpacked") for path in bytes_below(crawled.data_dir / folder)]
    assert len({path.lower() for path in lying}) == len({path.upper() for path in lying}) == len(lying)
    twins = {crawled.path_of(crawled.site.file(name)) for name in TWINS}
    assert len(twins & TWINS) == 1
    assert any(re.fullmatch(r"air~[0-9a-f]{10}\.png", path, re.IGNORECASE) for path in twins)


@pytest.mark.parametrize("names", [("AIR.png", "air.png"), ("air.png", "AIR.png")])
def test_names_that_differ_in_case_keep_apart_in_whatever_order_they_come(
    tmp_path: Path, names: tuple[str, str]
) -> None:
    site = build_site(works=8)
    pages = {file.name: work.path for work in site.works for file in work.files}
    with ReplicaServer(site) as server:
        for name in names:
            assert crawl(server.url, tmp_path, "-a", f"url={pages[name]}").returncode == 0
        listed = "SELECT url, path, sha256 FROM files ORDER BY url"
        found = rows(tmp_path, listed)
        paths = {unquote(url).rpartition("/")[2]: path for url, path, _ in found}
        server.forget_requests()
        # What was recorded is what the pages still say: each is asked whether it has changed, and nothing is fetched again.
        for name in reversed(names):
            done = crawl(server.url, tmp_path, "-a", f"url={pages[name]}", OGA_RECRAWL_AFTER_DAYS="0")
            assert done.returncode == 0, done.stderr
        assert {e.status for e in server.log if e.target.startswith(FILES_PATH)} == {304}
    assert rows(tmp_path, listed) == found
    assert paths[names[0]] == names[0]
    assert paths[names[1]].lower() not in {names[0].lower(), names[1].lower()}
    assert bytes_below(tmp_path / "files") == {paths[name]: site.file(name).content for name in names}


def test_previews_and_attachments_of_comments_are_not_art(crawled: Crawled) -> None:
    # Counted from the works: nothing else may lie there, whatever it is called.
    below = bytes_below(crawled.data_dir / "files")
    lying = {name: content for name, content in below.items() if not name.endswith(".part")}
    assert sorted(lying.values()) == sorted(file.content for file in crawled.whole_files)
    art = {file.name for file in crawled.site.art_files()}
    others = {
        file.name
        for work in crawled.works
        for file in (*work.previews, *work.attachments)
        if file.name not in art
    }
    assert others
    assert not others & set(lying)


def test_what_the_catalog_says_of_stored_files_is_so(crawled: Crawled) -> None:
    found = dict(crawled.rows("SELECT url, size_bytes FROM files WHERE state = 'stored'"))
    base = crawled.server.url
    assert found == {base + file.url_path: len(file.content) for file in crawled.whole_files}
    tags = dict(
        crawled.rows("SELECT url, etag FROM files WHERE state = 'stored' AND url NOT LIKE '%redirected%'")
    )
    assert tags == {
        base + file.url_path: file.body.etag for file in crawled.whole_files if file.fault != "redirect"
    }


def test_the_only_half_file_is_the_one_whose_rest_may_still_come(crawled: Crawled) -> None:
    truncated = crawled.site.file("fault-truncated.png").content
    halves = [path for path in crawled.data_dir.rglob("*.part") if ".validator" not in path.name]
    assert [path.read_bytes() for path in halves] == [truncated[: len(truncated) // 2]]


def test_the_data_folder_holds_nothing_that_nobody_expects(crawled: Crawled) -> None:
    outside = {
        path.name
        for path in crawled.data_dir.iterdir()
        if path.name not in {"files", "unpacked", "crawl.lock"}
    }
    assert {name for name in outside if not name.startswith("catalog.")} == set()


def test_only_robots_listings_works_and_listed_files_are_asked_for(crawled: Crawled) -> None:
    pages = {target for target in crawled.targets if target.startswith("/art-search-advanced?")}
    works = {work.path for work in crawled.site.works if work in crawled.works or work.fault}
    files = {file.url_path for work in crawled.works for file in work.listed_files}
    moved = {f"{FILES_PATH}moved/fault-redirected.png"}
    assert set(crawled.targets) == {"/robots.txt"} | pages | works | files | moved
    assert len(pages) == 4


@pytest.mark.parametrize(
    "part", ["/styles/", "dlcounter", "/flag/", "/collect/", "/user", "/archive/", "withheld_wood.png"]
)
def test_some_addresses_are_never_asked_for(crawled: Crawled, part: str) -> None:
    assert [target for target in crawled.targets if part in target] == []


def test_no_address_is_encoded_twice(crawled: Crawled) -> None:
    twice = {target for target in crawled.targets if "%25" in target}
    assert {unquote(target) for target in twice} == {
        f"{FILES_PATH}reef 100%25.png",
        f"{FILES_PATH}Peacock-Mantis-Shrimp_200%_0.png",
    }


def test_nothing_is_asked_for_twice_unless_it_fails(crawled: Crawled) -> None:
    counted = Counter(crawled.targets)
    assert {target: times for target, times in counted.items() if times > 1} == dict.fromkeys(
        TRIED_THREE_TIMES, 3
    )


def test_files_of_withheld_works_are_neither_asked_for_nor_catalogued(crawled: Crawled) -> None:
    names = [file.name for work in crawled.works if work.withheld for file in work.files]
    assert len(names) == 3
    for name in names:
        assert crawled.site.file(name).url_path not in crawled.targets
        assert crawled.rows("SELECT 1 FROM files WHERE path = ?", name) == []


def test_members_of_archives_are_unpacked_and_catalogued_with_their_names(crawled: Crawled) -> None:
    archives = zips(crawled)
    assert len(archives) > 8
    for file in archives:
        [(path,)] = crawled.rows("SELECT path FROM files WHERE url = ?", crawled.server.url + file.url_path)
        with zipfile.ZipFile(BytesIO(file.content)) as archive:
            pictures = {
                name: archive.read(name)
                for name in archive.namelist()
                if name.lower().endswith(".png") and "__MACOSX" not in name
            }
        assert pictures
        assert bytes_below(crawled.data_dir / "unpacked" / path) == pictures
        catalogued = crawled.rows(
            "SELECT member, images.path FROM images JOIN files USING (file_id) WHERE files.path = ?", path
        )
        assert sorted(catalogued) == sorted((name, f"unpacked/{path}/{name}") for name in pictures)


def test_litter_in_archives_is_left_there(crawled: Crawled) -> None:
    unpacked = bytes_below(crawled.data_dir / "unpacked")
    assert not [name for name in unpacked if "__MACOSX" in name or "Thumbs.db" in name or "readme" in name]


def test_a_zip_that_is_called_rar_is_unpacked_all_the_same(crawled: Crawled) -> None:
    assert len(crawled.rows("SELECT 1 FROM images WHERE path LIKE 'unpacked/shields.rar/%'")) == 5


def test_evil_names_stay_inside_their_folder(crawled: Crawled) -> None:
    inside = bytes_below(crawled.data_dir / "unpacked" / "fault-evil.zip")
    with zipfile.ZipFile(BytesIO(crawled.site.file("fault-evil.zip").content)) as archive:
        assert sorted(inside.values()) == sorted(archive.read(name) for name in archive.namelist())
    assert not [name for name in inside if ".." in PurePosixPath(name).parts]
    # Where `../`, `a/../../` and `/tmp/` would have led.
    for place in (crawled.data_dir / "unpacked", crawled.data_dir, crawled.data_dir.parent, Path("/tmp")):  # noqa: S108
        assert not (place / "evil.png").exists()


def test_every_catalogued_picture_is_there_and_has_its_size(crawled: Crawled) -> None:
    found = crawled.rows("SELECT path, format, width_px, height_px FROM images")
    assert len(found) > 120
    drawings = [(path, width_px, height_px) for path, form, width_px, height_px in found if form == "SVG"]
    # Without a size of its own, it is made as large as the least that is drawn.
    assert drawings == [("files/flowers.svg", 256, 256)]
    for path, form, width_px, height_px in found:
        if form == "SVG":
            continue
        with Image.open(crawled.data_dir / path) as picture:
            assert (picture.format, *picture.size) == (form, width_px, height_px)


def test_every_loose_picture_is_catalogued(crawled: Crawled) -> None:
    loose = {path for (path,) in crawled.rows("SELECT path FROM images WHERE member IS NULL")}
    spoilt = {"fault-noise.png", "fault-cut.png"}
    assert loose == {
        f"files/{crawled.path_of(file)}"
        for file in crawled.whole_files
        if file.mime.startswith("image/") and file.name not in spoilt
    }


def test_max_pages_is_how_many_listing_pages_are_read(crawled: Crawled, tmp_path: Path) -> None:
    crawled.server.forget_requests()
    done = crawl(crawled.server.url, tmp_path / "data", "-a", "max_pages=1")
    assert done.returncode == 0, done.stderr
    targets = [target for _, target in crawled.server.requests]
    listings = [target for target in targets if target.startswith("/art-search-advanced")]
    assert len(listings) == 1
    assert sum(target.startswith("/content/") for target in targets) == 24


def test_a_listing_waits_for_the_works_of_those_before_it(crawled: Crawled) -> None:
    first_asked = {target: place for place, target in reversed(list(enumerate(crawled.targets)))}
    listings = [target for target in crawled.targets if target.startswith("/art-search-advanced")]
    oldest = [work.path for work in crawled.works][:24]
    # Four requests are on their way at once, and overtake each other.
    assert max(first_asked[path] for path in oldest) < first_asked[listings[1]] + 8
