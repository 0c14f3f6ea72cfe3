"""Names: decoded once, safe on every disk, and never two on one path."""

import re
import string
import unicodedata
from pathlib import Path
from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artstore.errors import UsageError
from artstore.names import MAX_NAME_BYTES, folded, marked, path_of_url, safe_path, series_of

BASE = "https://opengameart.org/sites/default/files/"
FORBIDDEN = set('<>:"|?*\\/') | {chr(code) for code in range(32)} | {"\x7f"}
RESERVED = {"con", "prn", "aux", "nul"} | {f"{port}{n}" for port in ("com", "lpt") for n in "123456789¹²³"}

anything = st.text(min_size=1, max_size=80) | st.text("ab~0.% _/\\", min_size=1, max_size=12)
nasty = st.sampled_from(
    ["..", ".", "con", "NUL.png", "a.", "a ", "é", "é", "a/b", "a\\b", "a~0123456789.png", "%2F", "x" * 300]
)
segments = st.binary(min_size=1, max_size=60) | (anything | nasty).map(
    lambda text: text.encode("utf-8", "replace")
)


def of(encoded: str) -> str:
    return path_of_url(BASE + encoded)


def assert_safe(name: str) -> None:
    assert name
    assert name not in {".", ".."}
    assert not FORBIDDEN & set(name)
    assert not name.endswith((".", " "))
    assert name.partition(".")[0].rstrip().lower() not in RESERVED
    assert len(name.encode("utf-8")) <= MAX_NAME_BYTES


@given(st.lists(segments, min_size=1, max_size=3))
def test_every_url_gives_a_path_that_is_safe_everywhere(names: list[bytes]) -> None:
    path = of("/".join(quote(name, safe="") for name in names))
    assert len(path.split("/")) == len(names)
    for name in path.split("/"):
        assert_safe(name)


@given(segments, segments)
def test_two_different_names_never_share_a_path(one: bytes, other: bytes) -> None:
    paths = of(quote(one, safe="")), of(quote(other, safe=""))
    assert (paths[0] == paths[1]) == (one == other)


@given(segments)
def test_a_path_given_as_a_name_again_stays_apart_or_stays_itself(name: bytes) -> None:
    path = of(quote(name, safe=""))
    again = of(quote(path, safe=""))
    assert (again == path) == (path.encode() == name)


@given(st.text(string.ascii_letters + string.digits + "_-+&!', ()[]%äßéжЖ死神", min_size=1, max_size=60))
def test_a_safe_name_is_kept_to_the_letter(name: str) -> None:
    name = f"x{name}.png"
    assert of(quote(name, safe="")) == name


@pytest.mark.parametrize(
    ("encoded", "path"),
    [
        ("big%20ol%20ssss.png", "big ol ssss.png"),
        ("200%25_0.png", "200%_0.png"),
        ("a%2520b.png", "a%20b.png"),
        ("a+b.png", "a+b.png"),
        ("100%.png", "100%.png"),
        ("%C3%A4.png", "ä.png"),
        ("audio_preview/x.ogg", "audio_preview/x.ogg"),
        ("a%23b.png#top", "a#b.png"),
        (".htaccess", ".htaccess"),
    ],
)
def test_percent_signs_are_decoded_exactly_once(encoded: str, path: str) -> None:
    assert of(encoded) == path


def test_an_encoded_slash_belongs_to_its_name() -> None:
    assert "/" not in of("a%2Fb.png")
    assert of("a%2Fb.png") != of("a/b.png")
    assert ".." not in of("%2E%2E/%2e%2e%2Fetc.png").split("/")


def test_a_changed_name_keeps_its_suffix_and_gets_a_mark() -> None:
    assert re.fullmatch(r"8_31~[0-9a-f]{10}\.mp3", of("8%3A31.mp3"))
    assert marked("folder/a.png", "x") == marked("folder/a.png", "x") != marked("folder/a.png", "y")
    assert re.fullmatch(r"folder/a~[0-9a-f]{10}\.png", marked("folder/a.png", "x"))


@pytest.mark.parametrize("name", ["a~0123456789.png", "a~ABCDEF0123.PNG", "a~01234\u200b56789.png"])
def test_a_name_that_some_disk_takes_for_a_marked_one_is_marked_itself(name: str) -> None:
    assert re.search(r"~[0-9a-f]{10}\.png$", of(quote(name)), re.IGNORECASE)
    assert of(quote(name)) != name


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Foo.PNG", "foo.png"),
        ("Sub/x.png", "sub/X.png"),
        ("Жук.png", "жУК.png"),
        ("é.png", "É.png"),
        ("e\u0301.png", "\u00c9.png"),
        ("straße.png", "STRASSE.png"),
        ("straße.png", "\u017ftra\u1e9ee.png"),
        ("ΟΔΟΣ.png", "οδος.png"),
        ("İ.png", "i̇.png"),
        ("\u0131.png", "I.png"),
        ("\u212a.png", "k.png"),
        ("a\u200db.png", "ab.png"),
        ("🖤\ufe0f.png", "🖤.png"),
    ],
)
def test_names_that_some_disk_takes_for_one_are_equal_when_folded(one: str, other: str) -> None:
    assert folded(one) == folded(other)


@pytest.mark.parametrize(
    ("one", "other"), [("a.png", "b.png"), ("é.png", "e.png"), ("0.png", "O.png"), ("²", "2")]
)
def test_names_that_only_look_alike_are_not_equal_when_folded(one: str, other: str) -> None:
    assert folded(one) != folded(other)


@given(st.text(max_size=20))
def test_folding_forgets_case_and_composition_and_nothing_is_left_to_fold(text: str) -> None:
    forms = [text.lower(), text.upper(), text.casefold(), folded(text)]
    forms += [unicodedata.normalize(form, text) for form in ("NFC", "NFD")]
    assert {folded(form) for form in forms} == {folded(text)}


def test_composed_and_decomposed_letters_stay_apart() -> None:
    composed, decomposed = (quote(unicodedata.normalize(form, "é.png")) for form in ("NFC", "NFD"))
    assert of(composed) == "é.png"
    assert of(decomposed) != of(composed)
    assert unicodedata.is_normalized("NFC", of(decomposed))


@pytest.mark.parametrize("name", ["con", "NUL.png", "com1.tar.gz", "LPT9", "COM¹.png", "aux .png"])
def test_names_of_windows_devices_are_changed(name: str) -> None:
    assert of(quote(name)) != name
    assert_safe(of(quote(name)))


@pytest.mark.parametrize("name", ["console.png", "auxiliary", "com10.png", "null.png"])
def test_names_that_only_begin_like_devices_are_kept(name: str) -> None:
    assert of(name) == name


def test_a_download_is_not_called_like_what_was_added_by_hand() -> None:
    assert re.fullmatch("added~[0-9a-f]{10}", of("added"))
    assert re.fullmatch("added/a~[0-9a-f]{10}.png", of("added/a.png"))


def test_a_query_is_part_of_the_name() -> None:
    assert len({of("a.png"), of("a.png?itok=1"), of("a.png?itok=2")}) == 3


@pytest.mark.parametrize("url", ["https://opengameart.org/content/x", BASE, "nonsense", ""])
def test_a_url_that_is_no_file_is_refused(url: str) -> None:
    with pytest.raises(UsageError):
        path_of_url(url)


@given(anything | nasty)
def test_a_member_name_never_leads_outside(name: str) -> None:
    path = safe_path(name)
    assert path == safe_path(name)
    for part in path.split("/"):
        assert_safe(part)


def test_folders_of_a_member_are_kept_whatever_slashes_it_has() -> None:
    assert safe_path("a\\b/c.png") == safe_path("/a//./b/c.png") == "a/b/c.png"
    assert safe_path("C:\\x.png").endswith("/x.png")
    assert safe_path("../x.png") not in {"../x.png", "x.png"}


def test_numbered_neighbours_are_a_series() -> None:
    walk = [f"pack/walk_{step:02}.png" for step in range(8)]
    assert series_of([*walk, "pack/hero.png"]) == dict.fromkeys(walk, "pack/walk_#.png")


@pytest.mark.parametrize(
    ("names", "series"),
    [
        ([f"walk_{step:02}_32x32.png" for step in range(1, 9)], "walk_#_32x32.png"),
        ([f"frame_{step:02}_delay-0.04s.gif" for step in range(8)], "frame_#_delay-0.04s.gif"),
        ([f"unit1_p{step}.png" for step in range(5)], "unit1_p#.png"),
        ([f"run{step}@2x.png" for step in (1, 3, 5, 7)], "run#@2x.png"),
    ],
)
def test_of_several_numbers_the_one_with_the_most_neighbours_counts(names: list[str], series: str) -> None:
    assert series_of(names) == dict.fromkeys(names, series)


def test_sizes_are_no_series() -> None:
    assert series_of([f"icon_{side_px}.png" for side_px in (16, 32, 64, 128, 256)]) == {}


def test_many_numbers_in_a_name_take_no_time_and_no_more_than_a_number_is_one() -> None:
    assert series_of(["1_" * 100_000 + f"{step}.png" for step in range(4)] + ["9" * 5000 + ".png"]) != {}


def test_the_last_number_counts_and_folders_part_series() -> None:
    paths = [f"{folder}/hero2_walk{step}_left.png" for folder in ("a", "b1") for step in range(4)]
    assert set(series_of(paths).values()) == {"a/hero2_walk#_left.png", "b1/hero2_walk#_left.png"}


def test_three_of_a_kind_and_other_suffixes_are_no_series() -> None:
    assert series_of([f"v{step}.png" for step in range(3)]) == {}
    assert series_of([f"v{step}.{suffix}" for step in range(3) for suffix in ("png", "gif")]) == {}
    assert series_of([]) == {}


@pytest.mark.real
def test_all_tricky_urls_of_the_site_get_paths_of_their_own(real_data: Path) -> None:
    lines = (real_data / "oga-html" / "tricky-urls.tsv").read_text("utf-8").splitlines()
    urls = [line.split("\t")[0] for line in lines if line]
    paths = {url: path_of_url(url) for url in urls}
    assert len(urls) >= 358
    assert len(set(paths.values())) == len(set(urls))
    for url, path in paths.items():
        wanted = unquote(url.partition("/default/files/")[2])
        for name, want in zip(path.split("/"), wanted.split("/"), strict=True):
            assert_safe(name)
            harmless = unicodedata.is_normalized("NFC", want) and not FORBIDDEN & set(want)
            assert name == want or not harmless or len(want.encode()) > MAX_NAME_BYTES, url
