"""The engine: exact distances, honest filters, and what it says when it cannot answer."""

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from artstore.catalog import Catalog
from artstore.errors import Mismatch, NotReady, UsageError
from artstore.features import FeatureReader, unit
from artstore.filters import IdSets
from artstore.ledger import Ledger, find_embedder
from artstore.settings import Settings
from embedder.batches import Here
from embedder.colour import ColourEmbedder
from embedder.drain import drain, open_ledger, waiting_pictures
from embedder.indexing import update_index
from search import Engine, Filter, Hits
from tests import shelf
from tests.replica import build_site

COLOUR = ColourEmbedder(10_000_000)


@pytest.fixture(scope="module")
def site_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The art of a fake site, embedded by `colour` and in both indexes; nobody may change it."""
    settings = Settings(data_dir=tmp_path_factory.mktemp("site") / "data")
    shelf.catalog_site(build_site(works=160), settings)
    shelf.embed_all(settings, COLOUR, ("hnsw:", "exact:"))
    return settings.data_dir


@pytest.fixture
def engine(site_data: Path) -> Iterator[Engine]:
    with Engine.open(site_data, embedder="colour") as opened:
        yield opened


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A small catalog of its own, nothing embedded yet."""
    made = Settings(data_dir=tmp_path / "data", embedder="colour")
    shelf.catalog_folder(shelf.save_sprites(tmp_path / "sprites", 12), made)
    return made


def ids_and_features(data: Path) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    with Catalog(data / "catalog.db", read_only=True) as catalog:
        ledger = Ledger(catalog, find_embedder(catalog, "colour"))
        ids, rows = ledger.feature_rows()
        return ids, FeatureReader(Settings(data_dir=data).features_dir("colour"), COLOUR.dim).read(rows)


def licences_of(data: Path) -> dict[int, set[str]]:
    """image_id -> the licences of all works that list its file, straight from the tables."""
    with Catalog(data / "catalog.db", read_only=True) as catalog:
        found = catalog.execute(
            "SELECT image_id, key FROM images JOIN work_files USING (file_id) JOIN work_licences USING (work_id) "
            "JOIN licences USING (licence_id)"
        )
        keys: dict[int, set[str]] = {}
        for row in found:
            keys.setdefault(row["image_id"], set()).add(row["key"])
    return keys


def a_picture(data: Path) -> Path:
    return next((data / "files").rglob("sword.png"))


def test_the_site_is_large_enough_to_be_searched(site_data: Path) -> None:
    assert len(ids_and_features(site_data)[0]) > 250, (
        "more than the engine compares exactly, else nothing is tested"
    )


def test_every_picture_finds_itself_or_its_twin_first(engine: Engine, site_data: Path) -> None:
    for path in sorted((site_data / "files").rglob("*.png"))[::5]:
        first = engine.image(path, top=1)[0]
        assert first.distance is not None
        assert first.distance < 1e-3, path
        assert np.array_equal(COLOUR.prepare(site_data / first.path), COLOUR.prepare(path))


@pytest.mark.parametrize("index", ["hnsw:", "exact:"])
def test_distances_are_those_of_the_features_on_disk(site_data: Path, index: str) -> None:
    ids, features = ids_and_features(site_data)
    question = unit(COLOUR.embed(COLOUR.prepare(a_picture(site_data))[None]))[0]
    exact = np.maximum(1 - features @ question, 0)
    with Engine.open(site_data, embedder="colour", index=index) as engine:
        hits = engine.image(a_picture(site_data), top=25)
    assert len(hits) == 25
    by_id = dict(zip(ids.tolist(), exact.tolist(), strict=True))
    for hit in hits:
        assert hit.distance == pytest.approx(by_id[hit.image_id], abs=1e-5)
    found = [hit.distance for hit in hits if hit.distance is not None]
    assert all(a <= b for a, b in pairwise(found))
    np.testing.assert_allclose(found, np.sort(exact)[:25], atol=1e-5)


def test_both_indexes_give_the_same_answers(site_data: Path) -> None:
    ids = ids_and_features(site_data)[0][::9].tolist()
    with (
        Engine.open(site_data, embedder="colour", index="hnsw:") as graph,
        Engine.open(site_data, embedder="colour", index="exact:") as exact,
    ):
        for image_id in ids:
            assert graph.like(image_id) == exact.like(image_id)
            assert graph.like(image_id, only=Filter(licence="cc-by")) == exact.like(
                image_id, only=Filter(licence="cc-by")
            )


def test_like_leaves_the_picture_itself_out_and_agrees_with_asking_by_its_file(
    engine: Engine, site_data: Path
) -> None:
    itself = engine.image(a_picture(site_data), top=1)[0]
    liked = engine.like(itself.image_id, top=8)
    assert len(liked) == 8
    assert itself.image_id not in {hit.image_id for hit in liked}
    asked = [hit for hit in engine.image(a_picture(site_data), top=9) if hit.image_id != itself.image_id]
    assert {hit.image_id for hit in liked} == {hit.image_id for hit in asked[:8]}


@pytest.mark.parametrize("top", [1, 3, 10_000, 10**9, 10**30])
def test_as_many_as_are_asked_for_and_there_are(engine: Engine, site_data: Path, top: int) -> None:
    everything = len(ids_and_features(site_data)[0])
    hits = engine.image(a_picture(site_data), top=top)
    assert len(hits) == len({hit.image_id for hit in hits}) == min(top, everything)
    assert len(engine.words("sword", top=top)) == min(top, len(engine.words("sword", top=10_000)))


@pytest.mark.parametrize("top", [0, -1])
def test_none_at_all_cannot_be_asked_for(engine: Engine, site_data: Path, top: int) -> None:
    with pytest.raises(UsageError, match="at least one"):
        engine.image(a_picture(site_data), top=top)
    with pytest.raises(UsageError, match="at least one"):
        engine.words("sword", top=top)


@pytest.mark.parametrize(
    ("asked", "allowed"),
    [
        ("cc0", {"cc0"}),
        ("CC0, GPL 3.0", {"cc0", "gpl-3.0"}),
        ("cc-by", {"cc-by-3.0", "cc-by-4.0"}),
        ("cc-by-sa", {"cc-by-sa-3.0", "cc-by-sa-4.0"}),
        ("cc-by-sa-3.0", {"cc-by-sa-3.0"}),
        ("oga-by,gpl", {"oga-by-3.0", "oga-by-4.0", "gpl-2.0", "gpl-3.0"}),
    ],
)
def test_a_licence_lets_through_what_is_under_it_and_nothing_else(
    engine: Engine, site_data: Path, asked: str, allowed: set[str]
) -> None:
    under = {image_id for image_id, keys in licences_of(site_data).items() if keys & allowed}
    assert 0 < len(under) < len(licences_of(site_data))
    hits = engine.image(a_picture(site_data), top=1000, only=Filter(licence=asked))
    assert {hit.image_id for hit in hits} == under
    words = {hit.image_id for hit in engine.words("sword", top=1000)}
    assert {
        hit.image_id for hit in engine.words("sword", top=1000, only=Filter(licence=asked))
    } == words & under


def test_what_a_filter_hides_is_counted(engine: Engine, site_data: Path) -> None:
    everything = len(ids_and_features(site_data)[0])
    only = Filter(licence="cc-by-sa", min_width_px=17)
    shown = engine.image(a_picture(site_data), top=1000, only=only)
    assert shown.hidden == everything - len(shown)
    assert engine.image(a_picture(site_data), top=3, only=only).hidden == shown.hidden
    like = engine.like(shown[0].image_id, top=1000, only=only)
    assert (len(like), like.hidden) == (len(shown) - 1, shown.hidden)
    small = Filter(max_width_px=33)
    words, all_words = engine.words("sword", top=1000, only=small), engine.words("sword", top=1000)
    assert 0 < len(words) == len(all_words) - words.hidden
    assert all_words.hidden == 0
    nothing = engine.words("sword", only=Filter(author="nobody"))
    assert (nothing, nothing.hidden) == ([], len(all_words))


def test_a_filter_answers_as_the_exact_index_does_however_few_it_lets_through(site_data: Path) -> None:
    ids, features = ids_and_features(site_data)
    question = features[0]
    with Engine.open(site_data, embedder="colour") as engine, IdSets(site_data / "catalog.db") as sets:
        for only in (
            Filter(licence="cc0"),
            Filter(min_width_px=60),
            Filter(kind="animation"),
            Filter(work="swords-of-one-smith"),
        ):
            let_through = sets.ids(only)
            assert let_through is not None
            places = np.flatnonzero(np.isin(ids, let_through) & (ids != ids[0]))
            exact = np.sort(1 - features[places] @ question)[:20]
            hits = engine.like(int(ids[0]), top=20, only=only)
            assert len(hits) > 0
            assert [hit.distance for hit in hits] == pytest.approx(exact.tolist(), abs=1e-5)


def test_many_threads_ask_one_engine_and_get_the_same_answers(site_data: Path) -> None:
    ids = ids_and_features(site_data)[0][:24].tolist()
    picture = a_picture(site_data)

    def answers(engine: Engine, image_id: int) -> list[Hits]:
        return [
            engine.like(image_id, only=Filter(licence="cc0")),
            engine.words("sword"),
            engine.image(picture, top=3),
        ]

    with Engine.open(site_data, embedder="colour") as alone:
        expected = [answers(alone, image_id) for image_id in ids]
    # Nothing is loaded yet when all threads ask for it.
    with Engine.open(site_data, embedder="colour") as engine, ThreadPoolExecutor(8) as threads:
        assert list(threads.map(lambda image_id: answers(engine, image_id), ids)) == expected


def test_an_unknown_licence_is_answered_with_the_known_ones(engine: Engine, site_data: Path) -> None:
    known = r"no licence is called 'mit'; there are cc0"
    with pytest.raises(UsageError, match=known):
        engine.words("sword", only=Filter(licence="mit"))
    with pytest.raises(UsageError, match=known):
        engine.image(a_picture(site_data), only=Filter(licence="mit"))


def test_a_hit_carries_what_the_page_said(engine: Engine) -> None:
    work = build_site(works=64).work("swords-of-one-smith")
    hits = [hit for hit in engine.words("sword smith", top=50) if hit.title == work.title]
    assert {Path(hit.path).name for hit in hits} == {file.upload_name for file in work.files}
    hit = hits[0]
    assert (hit.author, hit.author_url) == (work.author_name, work.author_url)
    assert {licence.name for licence in hit.licences} == {licence.name for licence in work.licences}
    assert hit.work_url == f"https://opengameart.org{work.path}"
    assert hit.distance is None


def test_words_that_are_nowhere_find_nothing(engine: Engine) -> None:
    for text in ("xyzzy", "sword xyzzy", "", '"*^', "AND OR NOT", "-"):
        assert engine.words(text) == []


@pytest.mark.parametrize("image_id", [0, -1, 10**6, 2**63, 10**30, -(2**70)])
def test_a_picture_that_is_not_there_is_told(engine: Engine, image_id: int) -> None:
    with pytest.raises(UsageError, match=f"there is no picture {image_id}"):
        engine.like(image_id)


def test_what_is_no_picture_is_told(engine: Engine, site_data: Path, tmp_path: Path) -> None:
    whole = a_picture(site_data).read_bytes()
    for name, content in {"text.png": b"hello", "cut.png": whole[:-60], "empty.png": b""}.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UsageError, match=f"{name} is no picture that can be read"):
            engine.image(tmp_path / name)
    for missing in (tmp_path, tmp_path / "nowhere.png"):
        with pytest.raises(UsageError, match="is not a file"):
            engine.image(missing)


def test_without_a_catalog_the_way_to_begin_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotReady, match=r"scrapy crawl oga.*--add FOLDER"):
        Engine.open(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_ready_names_the_command(settings: Settings, site_data: Path) -> None:
    with Engine(settings) as engine:
        assert engine.words("sprite", top=3), "words need no vectors"
        with pytest.raises(NotReady, match="python -m embedder --embedder colour"):
            engine.image(a_picture(site_data))
    with Catalog(settings.catalog_path) as catalog:
        here = Here(COLOUR, settings.data_dir)
        ledger = open_ledger(catalog, here)
        list(drain(ledger, here, waiting_pictures(ledger, 5), settings))
        with Engine(settings) as engine, pytest.raises(NotReady, match="the index hnsw:colour is empty"):
            engine.image(a_picture(site_data))
        list(update_index(ledger, settings))
    with Engine(settings) as engine:
        assert len(engine.image(a_picture(site_data))) == 5
        with pytest.raises(NotReady, match=r"picture 12 has not been embedded yet"):
            engine.like(12)


def test_the_embedder_with_features_is_asked_when_none_is_named(settings: Settings) -> None:
    shelf.embed_all(settings, COLOUR)
    with Catalog(settings.catalog_path) as catalog:
        # Registered, and stopped before its first batch.
        Ledger.register(catalog, "vgg16", 4096, "imagenet weights, sprite-1, float32")
    with Engine(settings.override(embedder="vgg16")) as engine:
        assert engine.embedder_name == "colour"
        assert len(engine.like(1)) == 10
    with Engine(settings, embedder="vgg16") as engine, pytest.raises(NotReady):
        engine.like(1)


def test_a_picture_that_has_left_the_catalog_is_not_found_any_more(settings: Settings) -> None:
    shelf.embed_all(settings, COLOUR)
    with Catalog(settings.catalog_path) as catalog:
        catalog.execute("DELETE FROM images WHERE image_id = 3")
    with Engine(settings) as engine:
        assert {hit.image_id for hit in engine.like(1, top=50)} == set(range(2, 13)) - {3}


def test_features_that_were_lost_are_told(settings: Settings) -> None:
    shelf.embed_all(settings, COLOUR)
    shutil.rmtree(settings.features_dir("colour"))
    with Engine(settings) as engine, pytest.raises(Mismatch, match="--forget"):
        engine.like(1)


def test_the_engine_reads_beside_a_writer(settings: Settings) -> None:
    shelf.embed_all(settings, COLOUR)
    with Engine(settings) as engine, Catalog(settings.catalog_path) as writer, writer.transaction():
        writer.execute("DELETE FROM images WHERE image_id = 2")
        assert len(engine.like(1, top=50)) == 11, "what is not committed is not seen"
        assert len(engine.words("sprite", top=50)) == 12


def times(settings: Settings) -> dict[Path, int]:
    """When each file was written; but SQLite's own scratch files come and go with readers too."""
    files = [path for path in settings.data_dir.rglob("*") if path.is_file()]
    return {path: path.stat().st_mtime_ns for path in files if not path.name.endswith(("-shm", "-wal"))}


def test_the_engine_writes_nothing(settings: Settings, tmp_path: Path) -> None:
    shelf.embed_all(settings, COLOUR)
    before = times(settings)
    Image.effect_noise((9, 9), 50).save(tmp_path / "x.png")
    with Engine(settings) as engine:
        engine.image(tmp_path / "x.png")
        engine.like(1)
        engine.words("sprite")
    assert times(settings) == before


def test_the_example_in_the_documentation_runs(site_data: Path) -> None:
    import search

    lines = (search.__doc__ or "").split("::\n")[1]
    program = "\n".join(line[4:] for line in lines.splitlines())
    program = program.replace('"data"', repr(str(site_data))).replace(
        '"sprite.png"', repr(str(a_picture(site_data)))
    )
    told: list[tuple[str, ...]] = []
    exec(program, {"print": lambda *facts: told.append(facts)})  # noqa: S102 - our own documentation
    assert len(told) == 5
    assert all(len(facts) == 3 for facts in told)
    assert all(isinstance(getattr(search, name), type) for name in search.__all__)
