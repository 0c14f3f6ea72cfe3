"""The docs name everything that there is, and the README's commands are real."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Iterator
from dataclasses import Field, fields
from pathlib import Path
from typing import Any

import pytest
from sqlite_utils import Database

import search
from artstore.migrations import migrations
from artstore.settings import Settings, env_name
from embedder.__main__ import parser as embedder_parser
from ogaspider.reasons import REASONS
from ogaspider.urls import ARGUMENTS
from search.__main__ import parser as search_parser
from search.web.app import create_app
from search.web.questions import NAMES

ROOT = Path(__file__).parents[2]


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text()


def options(parser: argparse.ArgumentParser) -> Iterator[str]:
    for action in parser._actions:  # noqa: SLF001 - argparse has no public way to list its options
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            for name, child in action.choices.items():
                yield name
                yield from options(child)
        yield from (
            option for option in action.option_strings if option.startswith("--") and option != "--help"
        )


def routes() -> set[str]:
    """The address of every route of the web page and its API, without the types of its parts."""
    app = create_app(Settings())
    paths = {getattr(route, "path", "") for route in _all_routes(app.routes)} - {""}
    return {re.sub(r":\w+}", "}", path) for path in paths}


def _all_routes(found: Iterable[Any]) -> Iterator[Any]:
    for route in found:
        yield route
        yield from _all_routes(getattr(getattr(route, "original_router", route), "routes", None) or ())


@pytest.mark.parametrize("setting", fields(Settings), ids=lambda setting: setting.name)
def test_every_setting_is_in_the_docs_with_its_default(setting: Field[Any]) -> None:
    default = {True: "on", False: "off"}[bool(setting.default)] if setting.type == "bool" else setting.default
    shown = f"`{default}`" if default != "" else "(empty)"
    assert f"| `{env_name(setting)}` | {shown} | {setting.metadata['help']} |" in page("settings.md")


def test_no_setting_is_in_the_docs_that_does_not_exist() -> None:
    known = {env_name(setting) for setting in fields(Settings)} | {"OGA_REAL_DATA"}
    for text in [
        *(path.read_text() for path in (ROOT / "docs").glob("*.md")),
        (ROOT / "README.md").read_text(),
    ]:
        assert set(re.findall(r"OGA_[A-Z_]+[A-Z]", text)) <= known


@pytest.mark.parametrize("option", sorted({*options(embedder_parser()), *options(search_parser())}))
def test_every_option_and_question_is_in_the_docs(option: str) -> None:
    assert re.search(rf"`{option}[` ]", page("command-lines.md"))


@pytest.mark.parametrize("argument", ARGUMENTS)
def test_every_argument_of_the_crawl_is_in_the_docs(argument: str) -> None:
    assert f"| `{argument}` |" in page("command-lines.md")


@pytest.mark.parametrize("reason", sorted(set(REASONS.values())))
def test_every_reason_of_a_failed_request_is_in_the_docs(reason: str) -> None:
    assert f"`{reason}`" in page("operating.md")


def test_every_reason_that_archives_pictures_and_downloads_give_is_in_the_docs() -> None:
    sources = [
        *(ROOT / "artstore").rglob("*.py"),
        *(ROOT / "ogaspider").rglob("*.py"),
        *(ROOT / "embedder").rglob("*.py"),
    ]
    code = "\n".join(path.read_text() for path in sources)
    raised = re.findall(
        r'(?:ArchiveError|PictureError|_explained|_unavailable\(link,|_failed\(\s*response\.url,)\(?\s*"(\w+)"',
        code,
    )
    assert len(raised) >= 8
    for reason in raised:
        assert f"`{reason}`" in page("operating.md"), reason


def test_every_table_and_column_of_the_catalog_is_in_the_docs() -> None:
    db = Database(memory=True)
    migrations.apply(db)
    own = {name for name in db.table_names() if not name.startswith(("words_", "_sqlite", "sqlite_"))}
    headings = " ".join(re.findall(r"^## (.*)$", page("data-format.md"), re.MULTILINE))
    assert own <= set(re.findall(r"\w+", headings))
    for table in own:
        for column in db[table].columns:
            assert f"`{column.name}`" in page("data-format.md"), f"{table}.{column.name}"


def test_every_public_name_of_search_is_in_the_docs() -> None:
    text = page("api.md")
    names = [
        name
        for name in vars(search.Engine)
        if not name.startswith("_") and callable(getattr(search.Engine, name))
    ]
    for name in [*search.__all__, *search.Hit.__slots__, *set(names) - {"close", "open"}]:
        assert f"`{name}" in text or f"{name}(" in text, name


@pytest.mark.parametrize("route", sorted(routes()))
def test_every_route_is_in_the_docs(route: str) -> None:
    assert re.search(rf"`(GET |POST )?{re.escape(route)}[`?]", page("web-api.md") + page("page.md"))


@pytest.mark.parametrize("name", NAMES)
def test_every_part_of_a_question_is_in_the_docs(name: str) -> None:
    assert f"`{name}`" in page("web-api.md")


def test_every_number_of_the_metrics_is_in_the_docs() -> None:
    names = re.findall(r'"(oga_\w+)"', (ROOT / "search/web/metrics.py").read_text())
    assert len(names) >= 6
    assert [name for name in names if name not in page("operating.md")] == []


def test_links_of_the_readme_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", (ROOT / "README.md").read_text())
    assert len(links) > 8
    for link in links:
        assert link.startswith("https://") or (ROOT / link).is_file(), link


def test_make_targets_of_the_readme_and_the_docs_exist() -> None:
    targets = set(re.findall(r"^(\w+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))
    texts = [path.read_text() for path in (ROOT / "docs").glob("*.md")] + [(ROOT / "README.md").read_text()]
    named = {name for text in texts for name in re.findall(r"(?:`|^)make ([a-z]+)", text, re.MULTILINE)}
    assert named <= targets
    assert targets <= set(re.findall(r"`make ([a-z]+)", page("command-lines.md")))
