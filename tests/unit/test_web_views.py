"""The page without a browser: how large pictures are drawn, where links lead, what templates are given, and its weight."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from jinja2 import meta, nodes
from starlette.datastructures import QueryParams
from starlette.requests import Request

from artstore.errors import NotReady
from artstore.models import Licence
from artstore.settings import Settings
from search.facets import Facet, FacetValue
from search.hits import Hit
from search.web import views
from search.web.app import create_app
from search.web.cards import BOX_PX, Cards, art_of, badges_of, stage_art
from search.web.choices import Choices
from search.web.errors import Overloaded, WarmingUp, refusal
from search.web.links import STATIC, Links, safe_address
from search.web.questions import Question
from search.web.refusing import answer_to
from search.web.showing import Frame
from search.web.templating import TEMPLATES, environment, render
from search.web.views import View

MOST_BYTES = 100_000
"""Of our own code in what a browser loads."""

VIEWS = [
    view
    for view in vars(views).values()
    if isinstance(view, type) and issubclass(view, View) and view is not View
]


def asked(query: str) -> Question:
    return Question.parse(QueryParams(query))


def a_hit(**facts: Any) -> Hit:
    known: dict[str, Any] = {
        "image_id": 7,
        "distance": None,
        "path": "files/sword.png",
        "member": None,
        "width_px": 16,
        "height_px": 16,
        "frames": 1,
        "title": "Sword",
        "author": "Ada",
        "author_url": None,
        "licences": (),
        "copyright_notice": "",
        "work_url": "https://opengameart.org/content/sword",
        "file_url": "https://opengameart.org/sites/default/files/sword.png",
    }
    return Hit(**(known | facts))


def names_in(template: str) -> set[str]:
    """The names that *template*, what it extends and what it includes use and do not set."""
    source = (TEMPLATES / template).read_text("utf-8")
    tree = environment().parse(source)
    names = meta.find_undeclared_variables(tree)
    for other in meta.find_referenced_templates(tree):
        if other and not other.startswith("_"):
            names |= names_in(other)
    imported = {name for one in tree.find_all(nodes.FromImport) for name in one.names}
    return (
        names
        - {name[1] if isinstance(name, tuple) else name for name in imported}
        - set(environment().globals)
    )


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.__name__)
def test_a_template_uses_what_its_view_has_and_nothing_else(view: type[View]) -> None:
    given = {field.name for field in fields(view)}
    used = names_in(view.template)
    assert used <= given
    own = given - {field.name for field in fields(View)}
    assert own <= used, "what no template shows need not be made"


def test_every_template_belongs_to_a_view() -> None:
    templates = {path.name for path in TEMPLATES.glob("*.html") if not path.name.startswith("_")}
    assert templates == {view.template for view in VIEWS} | {"base.html"}


def test_pieces_of_templates_are_given_all_that_they_use() -> None:
    for path in TEMPLATES.glob("_*.html"):
        assert names_in(path.name) == set(), path.name


def test_our_own_code_is_light() -> None:
    sizes = {path.name: path.stat().st_size for path in STATIC.iterdir()}
    assert sum(sizes.values()) < MOST_BYTES, sizes
    assert {path.suffix for path in STATIC.iterdir()} <= {".js", ".css", ".svg"}


def test_nothing_is_written_inline_that_a_strict_policy_forbids() -> None:
    for path in TEMPLATES.glob("*.html"):
        source = path.read_text("utf-8")
        assert " style=" not in source, path.name
        assert "<style" not in source, path.name
        assert "javascript:" not in source, path.name
        assert all(
            part.startswith(" src=") for part in source.split("<script")[1:] if " type=" not in part[:8]
        )
        assert not any(f" on{event}=" in source for event in ("click", "load", "error", "change", "submit"))


def test_what_everybody_has_to_know_stands_on_the_page_and_what_passes_is_waited_for() -> None:
    frame = Frame(Links("/art"), 1, notice="The network is loading.")
    told: dict[str, Any] = {
        "heading": "In a moment",
        "message": "x < y",
        "command": "scrapy crawl oga",
        "retry": "/art/",
    }
    page = render(views.MessageView(**frame.fields("Wait", waiting=True), **told))
    assert '<p class="notice" role="status">The network is loading.</p>' in page
    assert '<noscript><meta http-equiv="refresh" content="5"></noscript>' in page
    assert " data-waiting>" in page
    assert "x &lt; y" in page
    page = render(views.MessageView(**Frame(Links(), 1).fields("Wrong"), **told))
    assert "refresh" not in page
    assert 'class="notice"' not in page


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        ((16, 16), (144, 144)),
        ((32, 32), (128, 128)),
        ((48, 24), (144, 72)),
        ((144, 100), (144, 100)),
        ((1, 1), (16, 16)),
        ((3, 70), (6, 140)),
    ],
)
def test_small_pictures_are_enlarged_by_a_whole_number(size: tuple[int, int], shown: tuple[int, int]) -> None:
    art = art_of("/thumb/1.webp", *size, BOX_PX, alt="")
    assert (art.shown_width_px, art.shown_height_px) == shown
    assert art.crisp


def test_large_pictures_are_fitted_smoothly_and_keep_their_shape() -> None:
    art = art_of("/thumb/1.webp", 1600, 400, BOX_PX, alt="")
    assert (art.shown_width_px, art.shown_height_px, art.crisp) == (144, 36, False)
    thin = art_of("/thumb/1.webp", 5000, 2, BOX_PX, alt="")
    assert (thin.shown_width_px, thin.shown_height_px) == (144, 1)
    alone = stage_art("/image/1", 1600, 400, alt="")
    assert (alone.shown_width_px, alone.shown_height_px, alone.crisp) == (1600, 400, False)


@pytest.mark.parametrize(("root", "prefix"), [("", ""), ("/", ""), ("/art", "/art"), ("/a b/", "/a%20b")])
def test_every_link_is_below_the_proxys_prefix(root: str, prefix: str) -> None:
    links = Links.below(root)
    card = Cards(links, asked("like=1")).card(a_hit(author="Ada & Bo"), "ab12")
    ours = [
        card.art.url,
        card.author_search,
        card.picture,
        card.group,
        card.like,
        card.also,
        card.unlike,
        card.credits,
        links.static("page.css"),
    ]
    assert all(url and url.startswith(f"{prefix}/") for url in ours), ours


@pytest.mark.parametrize(
    "name",
    ["Ada & Bo", "100%", "50%25", "a+b", "#1", "what?", "a;b", "死神", "“quoted”", "<b>", "a=b", "x/y", " "],
)
def test_what_is_asked_for_is_encoded_exactly_once(name: str) -> None:
    url = Links("/art").search(Question(author=name, tags=(name,), words=name))
    pairs = dict(parse_qsl(urlsplit(url).query, strict_parsing=True))
    assert pairs.get("author", " ") == name
    if name.strip():
        assert asked(urlsplit(url).query) == Question(author=name, tags=(name,), words=name)


@pytest.mark.parametrize(
    "address", ["javascript:alert(1)", "data:text/html,x", "folder:Art/a.png", "//elsewhere/x", "", None]
)
def test_only_addresses_of_the_web_become_links(address: str | None) -> None:
    assert safe_address(address) is None
    card = Cards(Links(), Question()).card(a_hit(work_url=address, author_url=address))
    assert (card.work_url, card.author_url) == (None, None)


def test_a_work_without_a_licence_says_so() -> None:
    assert [badge.name for badge in badges_of(())] == ["no licence stated"]
    named = badges_of((Licence("cc0", "CC0", "http://x.org/0"), Licence("odd", "Odd", "javascript:x")))
    assert [(badge.name, badge.deed_url) for badge in named] == [("CC0", "http://x.org/0"), ("Odd", None)]


def test_more_like_this_keeps_licences_and_leaves_words_and_works_behind() -> None:
    question = asked("q=sword&licence=cc0&author=Ada&work=content/x&series_of=3&start=48")
    card = Cards(Links(), question).card(a_hit())
    assert card.like == "/search?like=7&licence=cc0"
    assert (card.also, card.unlike) == (None, None), "there is nothing yet that they could add to"


def test_plus_and_minus_add_to_the_question() -> None:
    card = Cards(Links(), asked("like=3&q=sword&start=48")).card(a_hit())
    assert card.also == "/search?q=sword&like=3&like=7"
    assert card.unlike == "/search?q=sword&like=3&unlike=7"
    full = asked("&".join(f"like={n}" for n in range(20, 36)))
    assert Cards(Links(), full).card(a_hit()).also is None
    assert Cards(Links(), asked("like=3&unlike=7")).card(a_hit()).also is None, "it is in the question"


class TestFilters:
    def option(self, query: str, name: str, value: str, facet: str = "") -> views.Option:
        facets = [Facet(facet or name, (FacetValue(name, value, value, 1234),))]
        [group] = Choices(Links(), asked(query)).groups(facets)
        [option] = group.options
        return option

    def test_one_click_sets_a_filter_and_another_takes_it_away(self) -> None:
        for name, value in [
            ("licence", "cc0"),
            ("kind", "animation"),
            ("author", "Ada"),
            ("tag", "pixel art"),
        ]:
            option = self.option("q=sword", name, value)
            assert (option.on, option.count) == (False, "1,234")
            again = self.option(urlsplit(option.url).query, name, value)
            assert (again.on, again.url) == (True, "/search?q=sword"), name

    def test_several_licences_are_a_choice_and_several_tags_are_not(self) -> None:
        assert self.option("licence=cc0", "licence", "cc-by-3.0").url == "/search?licence=cc0,cc-by-3.0"
        assert self.option("tag=a", "tag", "b").url == "/search?tag=a&tag=b"

    def test_a_family_of_licences_is_taken_apart_where_one_is_taken_away(self) -> None:
        option = self.option("licence=cc-by", "licence", "cc-by-3.0")
        assert (option.on, option.url) == (True, "/search?licence=cc-by-4.0")

    def test_one_size_replaces_the_other(self) -> None:
        assert self.option("max=32", "min", "256", "size").url == "/search?min=256"
        assert self.option("max=32", "max", "64", "size").url == "/search?max=64"

    def test_filters_that_are_on_can_be_taken_away_one_by_one(self) -> None:
        query = "q=x&licence=cc0,gpl-2.0&author=Ada&tag=a&tag=b&kind=still&min=8&max=32x48&work=https://o.org/content/%25C3%25A9"
        chips = Choices(Links(), asked(query)).chips()
        assert [chip.label for chip in chips] == [
            "CC0",
            "GPL 2.0",
            "Still",
            "by Ada",
            "work é",
            "tag a",
            "tag b",
            "at least 8 px",
            "at most 32 × 48 px",
        ]
        for chip in chips:
            left = Choices(Links(), asked(urlsplit(chip.without).query)).chips()
            assert chip.label not in {other.label for other in left}
            assert len(left) == len(chips) - 1
        assert Choices(Links(), asked(query)).unfiltered() == "/search?q=x"


@pytest.fixture
def request_for_a_page(tmp_path: Path) -> Request:
    app = create_app(Settings(data_dir=tmp_path))
    scope = {
        "type": "http",
        "app": app,
        "method": "GET",
        "path": "/search",
        "raw_path": b"/search",
        "query_string": b"q=a%20b",
    }
    return Request(scope | {"headers": [], "root_path": "", "server": ("here", 80), "scheme": "http"})


def test_only_what_is_loading_is_asked_for_again_by_itself(request_for_a_page: Request) -> None:
    for error, comes_back in [
        (WarmingUp("warming up: the network is loading"), True),
        (Overloaded(), False),
        (NotReady("run `python -m embedder`"), False),
    ]:
        answer = answer_to(request_for_a_page, refusal(error))
        page = bytes(answer.body).decode()
        assert answer.status_code == 503
        assert (" data-waiting>" in page) == ("http-equiv" in page) == comes_back, error
        assert 'href="/search?q=a%20b">Try again' in page
