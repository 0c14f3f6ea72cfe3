"""What a crawl is asked for is what it brings, and what cannot be asked for is refused in one message."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.crawling import crawl, is_2d, work_paths
from tests.replica import ReplicaServer, ReplicaWork, Site, build_site


@pytest.fixture(scope="module")
def server() -> Iterator[ReplicaServer]:
    with ReplicaServer(build_site(works=44)) as serving:
        yield serving


def under(work: ReplicaWork, *names: str) -> bool:
    return any(licence.name in names for licence in work.licences)


def by(work: ReplicaWork, part: str) -> bool:
    names = [work.author.name] + ([work.submitter.name] if work.submitter else [])
    return any(part in name.lower() for name in names)


CASES: dict[tuple[str, ...], Callable[[ReplicaWork], bool]] = {
    ("query=lanterns",): lambda work: is_2d(work) and "Lanterns" in work.title,
    ("query=mask 死神",): lambda work: "死神" in work.title,
    ("tag=Sunday & Monday",): lambda work: "Sunday & Monday" in work.tags,
    ("title=LANTERN", "art_type=all"): lambda work: "lantern" in work.title.lower(),
    ("tag=rpg, monster", "tag_op=and"): lambda work: is_2d(work) and {"RPG", "monster"} <= {*work.tags},
    ("tag=rpg,sci-fi", "tag_op=not"): lambda work: is_2d(work) and not {"RPG", "sci-fi"} & {*work.tags},
    ("author=bram",): lambda work: is_2d(work) and by(work, "bram"),
    ("author=wren", "licence=lgpl-2.1"): lambda work: by(work, "wren") and under(work, "LGPL 2.1"),
    ("licence=gpl",): lambda work: is_2d(work) and under(work, "GPL 2.0", "GPL 3.0"),
    ("licence=cc-by-sa,OGA-BY 4.0",): lambda work: (
        is_2d(work) and under(work, "CC-BY-SA 3.0", "CC-BY-SA 4.0", "OGA-BY 4.0")
    ),
    ("art_type=3d,texture",): lambda work: any(kind.name in {"3D Art", "Texture"} for kind in work.art_types),
    ("art_type=all", "licence=cc0"): lambda work: under(work, "CC0"),
    ("query=no such thing",): lambda _: False,
}


@pytest.mark.parametrize("arguments", CASES, ids=" ".join)
def test_a_search_brings_the_works_that_the_site_finds(
    server: ReplicaServer, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    expected = {work.path for work in server.site.works if CASES[arguments](work)}
    assert bool(expected) == (arguments != ("query=no such thing",))
    done = crawl(server.url, tmp_path, *(word for argument in arguments for word in ("-a", argument)))
    assert done.returncode == 0, done.stderr
    assert work_paths(tmp_path, server.url) == expected


def of_urls(site: Site, base: str) -> dict[str, list[str]]:
    imps = site.work("walking-imps")
    return {
        f"{base}/content/walking-imps?page=1#comment-3": ["walking-imps"],
        f"{base}/content/%D1%81rowns": ["%D1%81rowns"],
        "/content/сrowns": ["%D1%81rowns"],  # noqa: RUF001 - as a browser shows the address
        f"/content/waltz-for-a-clock, /node/{imps.node_id},/content/elements-air": [
            "waltz-for-a-clock",
            "walking-imps",
            "elements-air",
        ],
    }


@pytest.mark.parametrize("place", range(len(of_urls(build_site(works=44), ""))))
def test_single_works_are_read_by_address_whatever_form_it_has(
    server: ReplicaServer, tmp_path: Path, place: int
) -> None:
    asked, slugs = list(of_urls(server.site, server.url).items())[place]
    server.forget_requests()
    done = crawl(server.url, tmp_path, "-a", f"url={asked}")
    assert done.returncode == 0, done.stderr
    assert work_paths(tmp_path, server.url) == {f"/content/{slug}" for slug in slugs}
    assert not any(target.startswith("/art-search") for _, target in server.requests)


def test_a_slash_at_the_end_of_the_site_s_address_does_no_harm(server: ReplicaServer, tmp_path: Path) -> None:
    done = crawl(f"{server.url}/", tmp_path, "-a", "query=lanterns")
    assert done.returncode == 0, done.stderr
    assert work_paths(tmp_path, server.url) == {"/content/harbour-lanterns", "/content/harbour-lanterns-0"}


WRONG: dict[tuple[str, ...], str] = {
    ("-a", "quary=fire"): "no argument 'quary'; did you mean 'query'?",
    ("-a", "licence=cc1"): "no licence is called 'cc1'; there are cc0, cc-by-3.0",
    ("-a", "art_type=4d"): "no art type is called '4d'; there are 2d, 3d",
    ("-a", "max_pages=0"): "max_pages=0: a number from 1 is needed",
    (
        "-a",
        "url=https://elsewhere.example/content/x",
    ): "url=https://elsewhere.example/content/x: the page of a work",
    ("-s", "OGA_MAX_FILE_BYTES=abc"): "OGA_MAX_FILE_BYTES='abc' is not a value of type int",
    (
        "-s",
        "OGA_SITE_URL=opengameart.org",
    ): "OGA_SITE_URL=opengameart.org: an address that begins with https://",
    ("-s", "OGA_EMBED=1", "-s", "OGA_EMBEDDER=vgg17"): "no embedder is called 'vgg17'",
}


@pytest.mark.parametrize("words", WRONG, ids=" ".join)
def test_wrong_words_are_refused_in_one_message_before_anything_is_asked_for(
    server: ReplicaServer, tmp_path: Path, words: tuple[str, ...]
) -> None:
    server.forget_requests()
    done = crawl(server.url, tmp_path / "data", *words)
    assert done.returncode == 2
    assert done.stdout == ""
    errors = [line for line in done.stderr.splitlines() if ": error: " in line]
    assert len(errors) == 1
    assert WRONG[words] in errors[0]
    assert done.stderr.splitlines()[-1] == errors[0]
    assert "Traceback" not in done.stderr
    assert server.requests == []
    assert not (tmp_path / "data").exists()


def test_a_setting_of_the_environment_is_checked_as_well(server: ReplicaServer, tmp_path: Path) -> None:
    done = crawl(server.url, tmp_path / "data", OGA_MAX_FILE_BYTES="abc")
    assert done.returncode == 2
    assert "OGA_MAX_FILE_BYTES='abc' is not a value of type int" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_flag_counts_before_the_environment(server: ReplicaServer, tmp_path: Path) -> None:
    done = crawl(server.url, tmp_path, "-s", f"OGA_DATA_DIR={tmp_path / 'flag'}", "-a", "query=lanterns")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "flag" / "catalog.db").exists()
    assert not (tmp_path / "catalog.db").exists()


def test_a_catalog_that_is_none_ends_the_crawl_with_one_message(
    server: ReplicaServer, tmp_path: Path
) -> None:
    (tmp_path / "catalog.db").write_text("a letter to a friend")
    done = crawl(server.url, tmp_path)
    assert done.returncode == 3
    assert "catalog.db cannot be opened as a catalog" in done.stderr
    assert "Traceback" not in done.stderr
    assert (tmp_path / "catalog.db").read_text() == "a letter to a friend"


def test_a_data_folder_that_is_a_file_ends_the_crawl_with_one_message(
    server: ReplicaServer, tmp_path: Path
) -> None:
    (tmp_path / "data").write_text("")
    done = crawl(server.url, tmp_path / "data")
    assert done.returncode == 2
    assert f"OGA_DATA_DIR={tmp_path / 'data'}: File exists" in done.stderr
    assert "Traceback" not in done.stderr
