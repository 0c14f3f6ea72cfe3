"""Places: a path for each file, and none that some disk takes for another's."""

import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from artstore import places
from artstore.catalog import Catalog
from artstore.models import FileLink, Work
from artstore.names import folded, path_of_url
from artstore.places import Places
from tests.unit.conftest import SITE, a_work

BASE = f"{SITE}/sites/default/files/"

Names = Sequence[str]

DISKS = (
    str.lower,
    str.upper,
    lambda path: unicodedata.normalize("NFC", path).casefold(),
    lambda path: unicodedata.normalize("NFD", path).casefold(),
    lambda path: unicodedata.normalize("NFD", unicodedata.normalize("NFD", path).casefold()),
)
"""What disks make of a path before they compare it, each in its way."""

file_names = st.text("aAéÉe\u0301ßsS\u017fiI\u0130\u0131~0.", min_size=1, max_size=3) | st.sampled_from(
    [
        "Foo.png",
        "foo.png",
        "FOO.PNG",
        "Sub/x.png",
        "sub/x.png",
        "SUB/X.png",
        "a:b.png",
        "A:B.png",
        "con",
        "CON",
    ]
)
crawls = st.lists(st.lists(st.lists(file_names, max_size=4), max_size=4), max_size=4)
"""Crawls of works of names."""


def work_of(names: Names, number: int = 0, scheme: str = "https:") -> Work:
    urls = [(BASE + "/".join(quote(part, safe="") for part in name.split("/"))) for name in names]
    links = [FileLink(url.replace("https:", scheme), path_of_url(url), url) for url in urls]
    return a_work(f"Work {number}", *links)


def paths_of(work: Work) -> list[str]:
    return [link.path for link in work.files]


def record(catalog: Catalog, work: Work) -> None:
    with catalog.transaction():
        catalog.record_work(work)


def assert_no_disk_takes_two_for_one(paths: set[str]) -> None:
    for disk in DISKS:
        assert len({disk(path) for path in paths}) == len(paths), sorted(paths)


def crawl(catalog_path: Path, works: Sequence[Work]) -> list[Work]:
    """Place all *works*, and only then record them, as if they came in at once."""
    with Catalog(catalog_path) as catalog:
        giver = Places(catalog)
        placed = [giver.place(work) for work in works]
        for work in placed:
            record(catalog, work)
    return placed


@settings(max_examples=60, deadline=None)
@given(crawls)
@example([[["Foo.png"], ["foo.png"]], [["FOO.png", "foo.png", "Foo.png"]]])
def test_whatever_comes_in_whatever_order_each_url_has_a_path_of_its_own_for_ever(
    found: list[list[list[str]]],
) -> None:
    paths: dict[str, str] = {}
    plain: dict[str, str] = {}
    with TemporaryDirectory() as folder:
        # Once more from the start: a crawl that finds everything known.
        for number, works in enumerate([*found, *found]):
            asked = [work_of(names, number * 10 + place) for place, names in enumerate(works)]
            plain |= {link.url: link.path for work in asked for link in work.files}
            for work in crawl(Path(folder, "catalog.db"), asked):
                for link in work.files:
                    assert paths.setdefault(link.url, link.path) == link.path
    assert len(set(paths.values())) == len(paths)
    assert_no_disk_takes_two_for_one(set(paths.values()))
    for url, path in plain.items():
        alike = {other for other in plain if folded(plain[other]) == folded(path)}
        assert sum(paths[other] == plain[other] for other in alike) == 1
        assert len(alike) > 1 or paths[url] == path


def test_a_name_without_a_twin_is_kept_to_the_letter(catalog: Catalog) -> None:
    names = ["Foo.png", "BAR.PNG", "Sub/Ünïcode ß.png", "x~y.png"]
    assert paths_of(Places(catalog).place(work_of(names))) == names


def test_the_first_has_the_plain_name_and_the_other_a_mark(catalog: Catalog) -> None:
    first, other = paths_of(Places(catalog).place(work_of(["foo.png", "Foo.png"])))
    assert first == "foo.png"
    assert other.startswith("Foo~")
    assert other.endswith(".png")


def test_works_on_their_way_are_not_given_the_same_place(catalog: Catalog) -> None:
    giver = Places(catalog)
    placed = [giver.place(work_of([name])) for name in ("Foo.png", "foo.png", "Foo.png")]
    assert placed[0] == placed[2]
    assert_no_disk_takes_two_for_one({paths_of(work)[0] for work in placed[:2]})
    assert paths_of(placed[0]) == ["Foo.png"]


def test_a_work_that_was_recorded_by_another_process_is_seen(catalog: Catalog) -> None:
    giver = Places(catalog)
    giver.place(work_of(["x.png"]))
    record(catalog, Places(catalog).place(work_of(["Foo.png"], 1)))
    assert paths_of(giver.place(work_of(["foo.png"], 2))) != ["foo.png"]


@pytest.mark.parametrize("name", ["Foo.png", "foo.png"])
def test_an_address_that_is_written_in_another_way_means_the_same_file(catalog: Catalog, name: str) -> None:
    both = ["Foo.png", "foo.png"]
    known = dict(zip(both, paths_of(Places(catalog).place(work_of(both))), strict=True))
    record(catalog, Places(catalog).place(work_of(both)))
    again = Places(catalog).place(work_of([name], 1, scheme="http:"))
    assert paths_of(again) == [known[name]]
    record(catalog, again)
    assert paths_of(Places(catalog).place(work_of(both, 2))) == list(known.values())
    assert catalog.execute("SELECT count(*) FROM files").fetchone()[0] == 2


HOSTS = ("opengameart.org", "lpc.opengameart.org", "example.org/sites")

hosted = st.tuples(st.sampled_from(HOSTS), st.sampled_from(["http", "https"]), file_names)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(hosted, max_size=5), max_size=5))
def test_files_of_several_hosts_have_places_of_their_own_however_their_addresses_are_written(
    found: list[list[tuple[str, str, str]]],
) -> None:
    paths: dict[tuple[str, str], str] = {}
    with TemporaryDirectory() as folder:
        for number, files in enumerate([*found, *found]):
            urls = [f"{scheme}://{host}/default/files/{quote(name)}" for host, scheme, name in files]
            links = [FileLink(url, path_of_url(url), url) for url in urls]
            (work,) = crawl(Path(folder, "catalog.db"), [a_work(f"Work {number}", *links)])
            for (host, _, name), link in zip(files, work.files, strict=True):
                assert paths.setdefault((host, name), link.path) == link.path
    assert len(set(paths.values())) == len(paths)
    assert_no_disk_takes_two_for_one(set(paths.values()))


def test_another_host_does_not_take_the_place_of_a_file_that_is_on_its_way(catalog: Catalog) -> None:
    giver = Places(catalog)
    ours, theirs = (
        FileLink(f"https://{host}/default/files/a.png", "a.png", "a.png")
        for host in ("one.example", "two.example")
    )
    first, second = giver.place(a_work("One", ours)), giver.place(a_work("Two", theirs))
    assert paths_of(first) == ["a.png"] != paths_of(second)
    record(catalog, first)
    record(catalog, second)
    assert Places(catalog).place(a_work("Two", theirs)) == second


def test_files_that_met_before_it_was_told_keep_their_paths(catalog: Catalog) -> None:
    both = ["Foo.png", "foo.png"]
    record(catalog, work_of(both[:1]))
    (link,) = work_of(both[1:]).files
    with catalog.transaction():
        catalog.execute(
            "INSERT INTO files (url, path, folded, name, state) VALUES (?, ?, 'foo.png?foo.png', 'n', 'stored')",
            [link.url, link.path],
        )
    for scheme in ("https:", "http:"):
        placed = Places(catalog).place(work_of(both, scheme=scheme))
        assert paths_of(placed) == both
        record(catalog, placed)


def test_a_path_that_was_recorded_is_kept_even_if_names_are_made_in_another_way_now(catalog: Catalog) -> None:
    (link,) = work_of(["foo.png"]).files
    record(catalog, a_work("Old", replace(link, path="as it was.png")))
    assert paths_of(Places(catalog).place(work_of(["foo.png"]))) == ["as it was.png"]


def test_what_is_kept_in_mind_is_bounded(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "REMEMBERED", 3)
    giver = Places(catalog)
    for number in range(9):
        giver.place(work_of([f"{number}.png"]))
    assert len(giver._given) == 3  # noqa: SLF001
    # Within one work none is forgotten.
    placed = paths_of(
        giver.place(work_of([f"{letter}{number}.png" for letter in "aA" for number in range(9)]))
    )
    assert_no_disk_takes_two_for_one(set(placed))
    assert len(set(placed)) == 18


def test_a_work_without_files_is_as_it_was(catalog: Catalog) -> None:
    assert Places(catalog).place(a_work("Withheld")) == a_work("Withheld")


@pytest.mark.real
def test_all_tricky_urls_of_the_site_have_places_of_their_own(real_data: Path, catalog: Catalog) -> None:
    lines = (real_data / "oga-html" / "tricky-urls.tsv").read_text("utf-8").splitlines()
    urls = list(dict.fromkeys(line.split("\t")[0] for line in lines if line))
    plain = {url: path_of_url(url) for url in urls}
    # Each with a twin, which comes after it.
    twins = {url: url[:-4] + url[-4:].swapcase() for url in urls}
    twins = {url: twin for url, twin in twins.items() if twin not in plain}
    giver = Places(catalog)
    paths = {}
    for number, url in enumerate([*urls, *twins.values()]):
        work = giver.place(a_work(f"Work {number}", FileLink(url, path_of_url(url), "n")))
        record(catalog, work)
        paths[url] = work.files[0].path
    assert len(twins) > 300
    assert_no_disk_takes_two_for_one(set(paths.values()))
    folds = [folded(path) for path in plain.values()]
    assert {url for url in urls if paths[url] != plain[url]} == {
        url for place, url in enumerate(urls) if folds[place] in folds[:place]
    }
