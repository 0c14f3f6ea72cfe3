"""What the docs say other programs may do with a data folder works, while it is in use."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from artstore.catalog import Catalog
from artstore.settings import Settings
from embedder.colour import ColourEmbedder
from tests import shelf

PAGE = (shelf.ROOT / "docs" / "data-format.md").read_text()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("format")
    settings = Settings(data_dir=folder / "data")
    shelf.catalog_folder(shelf.save_sprites(folder / "sword", 4), settings)
    shelf.embed_all(settings, ColourEmbedder(10_000_000))
    return settings.data_dir


def test_the_program_that_reads_features_runs(data: Path) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    known: dict[str, object] = {}
    with closing(sqlite3.connect(data / "catalog.db")) as db:
        (dim,) = db.execute("SELECT dim FROM embedders").fetchone()
    exec(program.replace('"data/', f'"{data}/'), known)  # noqa: S102 - our own documentation
    assert known["vectors"].shape == (4, dim)  # type: ignore[attr-defined]
    known["db"].close()  # type: ignore[attr-defined]


def test_the_program_of_the_readme_runs(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", (shelf.ROOT / "README.md").read_text(), re.DOTALL)
    sprite = next((data / "files").rglob("*.png"))
    program = program.replace('"data"', f'"{data}"').replace('"sprite.png"', f'"{sprite}"')
    exec(program.replace('licence="cc0,cc-by"', 'kind="still,series"'), {})  # noqa: S102 - our own documentation
    assert capsys.readouterr().out.startswith("0.000 ")


def test_the_questions_in_sql_run_beside_a_writer(data: Path, tmp_path: Path) -> None:
    questions = re.findall(r"`(select [^`]*)`", PAGE)
    assert len(questions) >= 2
    (vacuum,) = re.findall(r'`sqlite3 data/catalog.db "(VACUUM [^"]*)"`', PAGE)
    copy = tmp_path / "copy.db"
    with (
        Catalog(data / "catalog.db") as writer,
        writer.transaction(),
        closing(sqlite3.connect(data / "catalog.db")) as db,
    ):
        writer.execute("UPDATE works SET favourites = 1")
        for question in questions:
            assert len(db.execute(question).fetchall()) > 0, question
        db.execute(vacuum.replace("'copy.db'", f"'{copy}'"))
    with closing(sqlite3.connect(copy)) as db:
        assert db.execute("SELECT count(*) FROM images").fetchone() == (4,)
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []


def test_rows_link_to_each_other(data: Path) -> None:
    with closing(sqlite3.connect(data / "catalog.db")) as db:
        links = {
            (table, link[2])
            for (table,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            for link in db.execute(f"PRAGMA foreign_key_list({table})")
        }
    assert {
        ("images", "files"),
        ("work_files", "works"),
        ("work_files", "files"),
        ("work_licences", "licences"),
        ("work_tags", "tags"),
        ("features", "images"),
        ("indexed", "images"),
        ("groups", "images"),
    } <= links
