"""An engine that stays open while an embedder works: what is new is found, and what cannot be loaded costs nothing."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from artstore.catalog import Catalog
from artstore.errors import NotReady
from artstore.ledger import Ledger, find_embedder
from artstore.settings import Settings
from embedder.__main__ import main as embedder_main
from embedder.colour import ColourEmbedder
from embedder.indexing import update_index
from embedder.palette_blind import PaletteBlindEmbedder
from search import Engine
from tests import shelf

COLOUR = ColourEmbedder(10_000_000)
PATIENCE_S = 20.0


@pytest.fixture(params=["hnsw:", "faiss:", "exact:"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """Twelve sprites that are catalogued, and not embedded yet."""
    made = Settings(data_dir=tmp_path / "data", embedder="colour", index=request.param)
    shelf.catalog_folder(shelf.save_sprites(tmp_path / "sprites", 12), made)
    return made


@pytest.fixture
def engine(settings: Settings) -> Iterator[Engine]:
    with Engine(settings) as opened:
        yield opened


def embed(settings: Settings) -> None:
    shelf.embed_all(settings, COLOUR, [settings.index])


def add(settings: Settings, folder: Path, count: int) -> None:
    shelf.catalog_folder(shelf.save_noise(folder, count), settings)
    embed(settings)


def seen(engine: Engine) -> set[int]:
    return {hit.image_id for hit in engine.like(1, top=100, expand=True)}


def comes(is_so: Callable[[], bool]) -> bool:
    """Whether it comes to be so; a newer index is loaded beside, so that the next question may be too early."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        if is_so():
            return True
        time.sleep(0.01)
    return False


def test_an_engine_that_was_opened_before_anything_was_embedded_answers_once_it_is(
    engine: Engine, settings: Settings
) -> None:
    for _ in range(2):
        with pytest.raises(NotReady, match="python -m embedder --embedder colour"):
            engine.like(1)
    embed(settings)
    assert seen(engine) == set(range(2, 13)), "at once: there is nothing older to answer meanwhile"


def test_pictures_that_are_added_later_are_found_without_opening_anew(
    engine: Engine, settings: Settings, tmp_path: Path
) -> None:
    embed(settings)
    assert len(seen(engine)) == 11
    add(settings, tmp_path / "later", 30)
    assert comes(lambda: len(seen(engine)) == 41)
    assert engine.image(tmp_path / "later/noise-0007.png", top=1)[0].distance == pytest.approx(0, abs=1e-3)
    assert sum(picture.indexed for picture in engine.pictures()) == 42


def test_what_has_left_is_gone_from_the_count_of_what_is_hidden(engine: Engine, settings: Settings) -> None:
    embed(settings)
    assert len(seen(engine)) == 11
    with Catalog(settings.catalog_path) as catalog:
        catalog.execute("DELETE FROM images WHERE image_id > 10")
        list(update_index(Ledger(catalog, find_embedder(catalog, "colour")), settings))
    assert seen(engine) == set(range(2, 11))
    assert comes(lambda: len(engine._looks.sight().ids) == 10)  # noqa: SLF001 - what is held shows nowhere else


def test_an_index_that_cannot_be_loaded_leaves_the_one_before_in_place(
    engine: Engine, settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    embed(settings)
    assert len(seen(engine)) == 11
    shelf.catalog_folder(shelf.save_noise(tmp_path / "later", 3), settings)
    names = {"hnsw:": "colour.hnsw.json", "faiss:": "colour.faiss.json", "exact:": "colour.exact.npz"}
    saved = settings.data_dir / "index" / names[settings.index]
    whole = saved.read_bytes()
    saved.unlink()
    saved.write_bytes(whole[: len(whole) // 2])
    with caplog.at_level(logging.WARNING):
        assert comes(lambda: len(seen(engine)) == 11 and "the one before answers" in caplog.text)
        for _ in range(20):
            assert len(seen(engine)) == 11
    assert caplog.text.count("the one before answers") == 1, "tried once, not with each question"
    saved.unlink()
    assert len(seen(engine)) == 11
    embed(settings)
    assert comes(lambda: len(seen(engine)) == 14)


def test_an_embedder_that_is_started_over_is_asked_as_it_is_now(engine: Engine, settings: Settings) -> None:
    embed(settings)
    assert len(seen(engine)) == 11
    assert embedder_main(["--data-dir", str(settings.data_dir), "--forget", "colour"]) == 0
    with pytest.raises(NotReady, match="nothing has been embedded by colour"):
        engine.like(1)
    embed(settings)
    assert comes(lambda: seen(engine) == set(range(2, 13)))


def test_another_embedder_answers_until_the_one_that_is_preferred_is_indexed(
    settings: Settings, tmp_path: Path
) -> None:
    embed(settings)
    by_pattern = settings.override(embedder="palette-blind")
    picture = next((tmp_path / "sprites").iterdir())
    with Engine(by_pattern) as engine:
        assert engine.image(picture, top=1)[0].distance == pytest.approx(0, abs=1e-3)
        assert engine.embedder_name == "colour"
        # Embedded, and not indexed yet: the other goes on, in an engine that is opened now too.
        shelf.embed_all(by_pattern, PaletteBlindEmbedder(10_000_000), [])
        assert engine.embedder_name == "colour"
        assert len(seen(engine)) == 11
        with Engine(by_pattern) as opened_now:
            assert len(seen(opened_now)) == 11
        shelf.embed_all(by_pattern, PaletteBlindEmbedder(10_000_000), [settings.index])
        assert comes(lambda: len(seen(engine)) == 11 and engine.embedder_name == "palette-blind")
        assert engine.image(picture, top=1)[0].distance == pytest.approx(0, abs=1e-3)


def test_an_engine_answers_without_a_pause_or_a_mistake_while_an_embedder_works(
    settings: Settings, tmp_path: Path
) -> None:
    embed(settings)
    wrong: list[object] = []
    over = threading.Event()

    def ask(engine: Engine) -> None:
        before: set[int] = set()
        while not over.is_set():
            try:
                now = seen(engine)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is wrong
                wrong.append(error)
                return
            if not before <= now:
                wrong.append(before - now)
            before = now

    with Engine(settings) as engine:
        askers = [threading.Thread(target=ask, args=[engine]) for _ in range(3)]
        for asker in askers:
            asker.start()
        for turn in range(4):
            add(settings, tmp_path / f"turn{turn}", 5)
        assert comes(lambda: len(seen(engine)) == 31)
        over.set()
        for asker in askers:
            asker.join()
    assert wrong == []
