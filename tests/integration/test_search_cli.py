"""``python -m search`` as a person, and a program, meet it."""

import json
import os
import re
import shutil
import sqlite3
import subprocess
from contextlib import closing
from dataclasses import fields
from pathlib import Path

import pytest
from PIL import Image
from sqlite_utils import Database

from artstore.catalog import Catalog
from artstore.migrations import migrations
from artstore.schema import LATEST
from artstore.settings import Settings
from embedder.colour import ColourEmbedder
from search import Engine, Hit
from search.output import COLUMNS
from tests import shelf
from tests.replica import build_site


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The art of a fake site, embedded by `colour` and in both indexes; nobody may change it."""
    settings = Settings(data_dir=tmp_path_factory.mktemp("site") / "data")
    shelf.catalog_site(build_site(works=48), settings)
    with Catalog(settings.catalog_path) as catalog:
        catalog.execute(
            "UPDATE works SET title = 'Nasty' || char(9, 10) || 'title' WHERE title LIKE 'Swords of%'"
        )
    shelf.embed_all(settings, ColourEmbedder(settings.max_picture_px), ("hnsw:", "exact:"))
    shelf.group_all(settings, "colour")
    return settings.data_dir


@pytest.fixture
def sword(data: Path, tmp_path: Path) -> Path:
    """A picture from elsewhere: a copy of one that was collected."""
    return Path(shutil.copy(next((data / "files").rglob("sword.png")), tmp_path / "my sword.png"))


def table(text: str) -> list[dict[str, str]]:
    header, *lines = text.removesuffix("\n").split("\n")
    assert header.split("\t") == list(COLUMNS)
    assert all(line.count("\t") == len(COLUMNS) - 1 for line in lines)
    return [dict(zip(COLUMNS, line.split("\t"), strict=True)) for line in lines]


def test_a_picture_finds_itself_first_in_ten_lines_of_tsv(data: Path, sword: Path) -> None:
    done = shelf.search(data, "image", sword)
    assert done.returncode == 0
    # Nothing was embedded by the default, so it says whom it asks.
    assert done.stderr == "search: by colour; nothing is indexed by vgg16\n"
    rows = table(done.stdout)
    assert len(rows) == 10
    assert rows[0]["path"].endswith("/sword.png") or rows[0]["path"] == "files/sword.png"
    assert rows[0]["distance"] == "0.0000"
    distances = [float(row["distance"]) for row in rows]
    assert distances == sorted(distances)
    assert rows[0]["title"] == "Nasty title"


def test_no_word_is_said_where_the_embedder_is_named(data: Path, sword: Path) -> None:
    for index in ("hnsw:", "exact:"):
        done = shelf.search(data, "image", sword, "--embedder", "colour", "--index", index, "--top", "3")
        assert (done.returncode, done.stderr) == (0, "")
        assert len(table(done.stdout)) == 3


def test_json_lines_are_the_same_hits_with_every_field(data: Path, sword: Path) -> None:
    rows = table(shelf.search(data, "image", sword, "--top", "7").stdout)
    lines = shelf.search(data, "image", sword, "--top", "7", "--json").stdout.splitlines()
    hits = [json.loads(line) for line in lines]
    assert [str(hit["image_id"]) for hit in hits] == [row["image_id"] for row in rows]
    assert [f"{hit['distance']:.4f}" for hit in hits] == [row["distance"] for row in rows]
    assert all(list(hit) == [field.name for field in fields(Hit)] for hit in hits)
    assert hits[0]["title"] == "Nasty\t\ntitle"
    with Engine.open(data, embedder="colour") as engine:
        assert [hit["path"] for hit in hits] == [hit.path for hit in engine.image(sword, top=7)]


def test_like_goes_on_from_an_answer_and_leaves_it_out(data: Path, sword: Path) -> None:
    first = table(shelf.search(data, "image", sword, "--top", "1").stdout)[0]["image_id"]
    liked = table(shelf.search(data, "like", first, "--top", "4").stdout)
    assert len(liked) == 4
    assert first not in {row["image_id"] for row in liked}


def test_words_need_no_vectors_and_have_no_distance(data: Path, tmp_path: Path) -> None:
    rows = table(shelf.search(data, "words", "smith", "sword").stdout)
    assert rows
    assert all(row["distance"] == "" for row in rows)
    settings = Settings(data_dir=tmp_path / "data")
    shelf.catalog_folder(shelf.save_sprites(tmp_path / "pack", 3), settings)
    assert len(table(shelf.search(settings.data_dir, "words", "sprite").stdout)) == 3


def test_one_line_stands_for_copies_unless_they_are_wanted(data: Path, sword: Path) -> None:
    first = table(shelf.search(data, "image", sword, "--top", "3").stdout)[0]
    assert first["more"] == "4"
    every = table(shelf.search(data, "image", sword, "--top", "5", "--expand").stdout)
    assert {row["title"] for row in every} == {"Nasty title"}
    assert {row["more"] for row in every} == {"0"}
    group = table(shelf.search(data, "group", first["image_id"]).stdout)
    assert group[0]["image_id"] == first["image_id"]
    assert {row["image_id"] for row in group} == {row["image_id"] for row in every}


def test_whose_names_works_and_how_sure_that_is(data: Path, sword: Path, tmp_path: Path) -> None:
    done = shelf.search(data, "whose", sword)
    assert (done.returncode, done.stderr) == (0, "")
    header, first = (line.split("\t") for line in done.stdout.splitlines())
    known = dict(zip(header, first, strict=True))
    assert (known["sureness"], known["evidence"], known["title"]) == ("1.00", "same art", "Nasty title")
    assert known["page_url"].endswith("/content/swords-of-one-smith")
    (line,) = shelf.search(data, "whose", sword, "--json").stdout.splitlines()
    assert json.loads(line)["hit"]["image_id"] == int(known["image_id"])
    Image.effect_noise((50, 20), 90).save(tmp_path / "strange.png")
    strange = shelf.search(data, "whose", tmp_path / "strange.png")
    assert (strange.returncode, strange.stdout) == (1, "")
    assert "nothing here is close enough" in strange.stderr
    assert "the nearest is picture" in strange.stderr


def test_several_pictures_and_words_are_one_question(data: Path, sword: Path) -> None:
    first, second = (
        row["image_id"] for row in table(shelf.search(data, "image", sword, "--top", "2").stdout)
    )
    rows = table(
        shelf.search(data, "mix", f"{sword}=2", second, "--unlike", f"{first}=0.5", "--top", "4").stdout
    )
    assert len(rows) == 4
    assert not {first, second} & {row["image_id"] for row in rows}
    with_words = shelf.search(data, "image", sword, "--words", "smith", "--expand", "--box", "0,0,16,16")
    assert {row["title"] for row in table(with_words.stdout)} == {"Nasty title"}


def test_filters_keep_out_what_does_not_fit_and_say_how_much(data: Path) -> None:
    every = table(shelf.search(data, "words", "png", "--expand", "--top", "500").stdout)
    done = shelf.search(
        data, "words", "png", "--expand", "--top", "500", "--min-size", "33x1", "--kind", "still"
    )
    rows = table(done.stdout)
    assert 0 < len(rows) < len(every)
    assert all(int(row["size_px"].partition("x")[0]) >= 33 for row in rows)
    assert done.stderr == f"search: the filter hides {len(every) - len(rows)} more pictures\n"
    author = rows[0]["author"]
    by = table(
        shelf.search(data, "words", "png", "--author", author.upper(), "--top", "500", "--expand").stdout
    )
    assert {row["author"] for row in by} == {author}
    nobody = shelf.search(data, "words", "png", "--author", "nobody", "--tag", "a", "--tag", "b")
    assert nobody.returncode == 1
    assert f"hides {len(every)} more pictures\nsearch: nothing found" in nobody.stderr


def test_words_may_be_side_by_side_or_kept_out(data: Path) -> None:
    def titles(*words: str) -> set[str]:
        done = shelf.search(data, "words", *words, "--top", "500")
        assert done.returncode == 0, done.stderr
        return {row["title"] for row in table(done.stdout)}

    both = titles("sword")
    with Engine.open(data) as engine:
        assert both == {" ".join(hit.title.split()) for hit in engine.words("sword", top=500)}
    assert titles('"one smith"') == {"Nasty title"} < both
    assert titles("sword", "-smith", "-hero") == both - {"Nasty title"}
    assert shelf.search(data, "words", "-hammer").returncode == 2


def test_a_licence_filters_every_question(data: Path, sword: Path) -> None:
    like = table(shelf.search(data, "image", sword).stdout)[0]["image_id"]
    for question in (["image", str(sword)], ["like", like], ["words", "sword"]):
        done = shelf.search(data, *question, "--licence", "cc0,cc-by-sa", "--json", "--top", "500")
        assert done.returncode in {0, 1}
        for line in done.stdout.splitlines():
            keys = {licence["key"] for licence in json.loads(line)["licences"]}
            assert keys & {"cc0", "cc-by-sa-3.0", "cc-by-sa-4.0"}, line


def test_credits_name_the_works_once_and_warn_on_stderr(data: Path) -> None:
    rows = table(shelf.search(data, "words", "png", "--expand", "--top", "500").stdout)
    done = shelf.search(data, "credits", *[row["image_id"] for row in rows])
    assert done.returncode == 0
    lines = [line for line in done.stdout.splitlines() if not line.startswith(" ")]
    assert len(lines) == len({row["page_url"] for row in rows})
    assert any(line.startswith('"Nasty title" by ') for line in lines)
    assert "wants share-alike" in done.stderr
    as_json = shelf.search(data, "credits", rows[0]["image_id"], "--format", "json")
    assert json.loads(as_json.stdout)["works"][0]["image_ids"] == [int(rows[0]["image_id"])]


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (
            ["credits", "1", "99999999", "99999999999999999999999"],
            2,
            "no picture 99999999, 99999999999999999999999",
        ),
        (["credits"], 2, "ID"),
        (["credits", "1", "--format", "rtf"], 2, "rtf"),
        (["words", "xyzzy"], 1, "nothing found"),
        (["words", "sword", "--licence", "mit"], 2, "no licence is called 'mit'; there are cc0"),
        (["words", "sword", "--top", "0"], 2, "at least one"),
        (["words", "sword", "--min-size", "big"], 2, "invalid size value: 'big'"),
        (
            ["words", "sword", "--min-size", "9", "--max-size", "8x9"],
            2,
            "at least 9 and at most 8 pixels in width",
        ),
        (["words", "sword", "--kind", "gif"], 2, "there are still, animation, series"),
        (["group", "99999999"], 2, "there is no picture 99999999"),
        (["words", "sword", "--series-of", "99999999"], 2, "there is no picture 99999999"),
        (["whose", "pyproject.toml"], 2, "is no picture that can be read"),
        (["mix", "1=0"], 2, "leave it out"),
        (["mix", "1", "--unlike", "1"], 2, "cancel each other out"),
        (["like", "1", "--box", "1,2,3"], 2, "invalid region value: '1,2,3'"),
        (["like", "1", "--box", "5000,0,9,9"], 2, "the region 5000,0,9,9 (x,y,w,h) is not in"),
        (["like", "1", "--words", "-x"], 2, "expected one argument"),
        (["image", "no such.png"], 2, "no such.png is not a file"),
        (["image", "pyproject.toml"], 2, "is no picture that can be read"),
        (["image", "tests"], 2, "tests is not a file"),
        (["like", "99999999"], 2, "there is no picture 99999999"),
        (["like", "99999999999999999999999"], 2, "there is no picture"),
        (["like", "x"], 2, "invalid int"),
        (["like", "1", "--embedder", "nonsense"], 2, "no embedder is called 'nonsense'"),
        (["like", "1", "--index", "milvus:"], 2, "hnsw:, exact:"),
        (["like", "1", "--embedder", "vgg16"], 3, "`python -m embedder --embedder vgg16`"),
        ([], 2, "QUESTION"),
        (["dance"], 2, "dance"),
    ],
)
def test_what_cannot_be_answered_is_told_in_words(data: Path, words: list[str], code: int, told: str) -> None:
    done = shelf.search(data, *words)
    assert (done.returncode, done.stdout) == (code, "")
    assert told in done.stderr


def test_a_picture_that_was_cut_off_is_no_picture(data: Path, sword: Path) -> None:
    sword.write_bytes(sword.read_bytes()[:-40])
    done = shelf.search(data, "image", sword)
    assert (done.returncode, done.stdout) == (2, "")
    assert "is no picture that can be read" in done.stderr


def test_what_is_not_ready_says_what_to_run(data: Path, sword: Path, tmp_path: Path) -> None:
    nothing = shelf.search(tmp_path / "empty", "image", sword)
    assert nothing.returncode == 3
    assert "scrapy crawl oga" in nothing.stderr
    copy = Path(shutil.copytree(data, tmp_path / "copy"))
    shutil.rmtree(copy / "index")
    not_indexed = shelf.search(copy, "image", sword, "--embedder", "colour")
    assert not_indexed.returncode == 3
    assert f"run `python -m embedder --embedder colour --data-dir {copy}`" in not_indexed.stderr


def test_a_catalog_that_is_none_is_told_by_name(tmp_path: Path) -> None:
    (tmp_path / "catalog.db").write_bytes(b"this is not a database" * 500)
    done = shelf.search(tmp_path, "words", "sword")
    assert done.returncode == 3
    assert "catalog.db cannot be opened as a catalog" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_catalog_of_another_version_is_told_and_left_as_it_is(data: Path, tmp_path: Path) -> None:
    older = tmp_path / "older" / "catalog.db"
    older.parent.mkdir()
    migrations.apply(Database(older), stop_before=LATEST)
    newer = Path(shutil.copytree(data, tmp_path / "newer")) / "catalog.db"
    with closing(sqlite3.connect(newer)) as db, db:
        db.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('artstore', 'm999', '')"
        )
    for catalog, told in (
        (older, f"older version of OGA Search; run `python -m embedder --status --data-dir {older.parent}`"),
        (newer, "newer version of OGA Search (m999); update this one"),
    ):
        before = catalog.read_bytes()
        for question in (["words", "sword"], ["like", "1"], ["export"]):
            done = shelf.search(catalog.parent, *question)
            assert (done.returncode, done.stdout) == (3, "")
            assert told in done.stderr
            assert len(done.stderr.splitlines()) == 1
        assert catalog.read_bytes() == before
    # What was told helps.
    assert shelf.embedder(older.parent, "--status").returncode == 0
    assert shelf.search(older.parent, "words", "sword").returncode == 1


def test_a_filter_that_nothing_fits_says_how_much_it_hides(data: Path, sword: Path) -> None:
    for question in (["image", str(sword)], ["words", "png"]):
        done = shelf.search(data, *question, "--tag", "no such tag")
        assert (done.returncode, done.stdout) == (1, "")
        assert re.fullmatch(
            r"(search: by colour.*\n)?search: the filter hides \d+ more pictures\nsearch: nothing found\n",
            done.stderr,
        )


@pytest.mark.parametrize("reader", ["head -1", "true"])
def test_a_reader_that_goes_away_is_no_error(data: Path, reader: str) -> None:
    search = " ".join(f"'{word}'" for word in shelf.command("search", "words", "png", "--top", "500"))
    done = subprocess.run(
        ["bash", "-c", f"{search} | {reader}; echo ${{PIPESTATUS[0]}}"],
        cwd=shelf.ROOT,
        env=shelf.environment(data),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout.splitlines()[-1] == "0"


def test_a_reader_that_has_gone_before_the_answer_is_no_error(data: Path) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    with os.fdopen(write_end, "w") as closed:
        done = subprocess.run(
            shelf.command("search", "words", "sword", "--top", "1"),
            cwd=shelf.ROOT,
            env=shelf.environment(data),
            stdout=closed,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    assert (done.returncode, done.stderr) == (0, "")


def test_help_shows_examples_and_exit_codes(tmp_path: Path) -> None:
    done = shelf.search(tmp_path, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "python -m search image sprite.png" in done.stdout
    assert "Exit codes" in done.stdout
    assert list(tmp_path.iterdir()) == []
