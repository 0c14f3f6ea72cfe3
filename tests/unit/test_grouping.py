"""Groups: what is one picture to somebody who searches, and what stays two."""

import os
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest
from PIL import Image

from artstore.catalog import Catalog
from artstore.ledger import Ledger, find_embedder
from artstore.likenesses import Groups, Likenesses
from artstore.settings import Settings
from embedder import marking
from embedder.colour import ColourEmbedder
from embedder.grouping import update_groups
from embedder.marking import mark_likenesses, waiting_likenesses
from tests import shelf
from tests.processes import children, is_trapped

COLOUR = ColourEmbedder(10_000_000)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data", embedder="colour")


def group(settings: Settings) -> int:
    """Do what the embedder's command does at its end; return how many pictures changed their group."""
    with Catalog(settings.catalog_path) as catalog:
        ledger = Ledger(catalog, find_embedder(catalog, "colour"))
        for _ in mark_likenesses(ledger, waiting_likenesses(ledger), settings):
            pass
        return update_groups(ledger, settings)


def groups(settings: Settings) -> set[frozenset[str]]:
    """The file names of each group."""
    with Catalog(settings.catalog_path, read_only=True) as catalog:
        found = catalog.execute("SELECT group_id, path FROM groups JOIN images USING (image_id)").fetchall()
        assert all(
            row["group_id"] == min(Groups(catalog).members([row["group_id"]])[row["group_id"]])
            for row in found
        )
    return {
        frozenset(Path(row["path"]).name for row in found if row["group_id"] == group_id)
        for group_id in {row["group_id"] for row in found}
    }


def add(folder: Path, settings: Settings) -> None:
    shelf.catalog_folder(folder, settings)
    shelf.embed_all(settings, COLOUR)


def test_copies_recolours_and_frames_are_one_and_others_stay_apart(
    settings: Settings, tmp_path: Path
) -> None:
    folder = shelf.save_sprites(tmp_path / "pack", 0)
    sword = shelf.sprite(3, size_px=96)
    sword.save(folder / "sword.png")
    sword.save(folder / "again.webp", lossless=True)
    sword.resize((288, 288), Image.Resampling.NEAREST).save(folder / "large.png")
    sword.resize((150, 150), Image.Resampling.BICUBIC).save(folder / "smooth.png")
    shelf.sprite(3, 2, size_px=96).save(folder / "green.png")
    shelf.sprite(7).save(folder / "shield.png")
    shelf.sprite(19).save(folder / "axe.png")
    for number, seed in enumerate((8, 9, 10, 11)):
        shelf.sprite(seed).save(folder / f"walk_{number}.png")
    add(folder, settings)
    group(settings)
    assert groups(settings) == {
        frozenset({"sword.png", "again.webp", "large.png", "smooth.png", "green.png"}),
        frozenset(f"walk_{number}.png" for number in range(4)),
    }


def test_grouping_again_changes_nothing_and_more_art_changes_what_it_must(
    settings: Settings, tmp_path: Path
) -> None:
    one = shelf.save_sprites(tmp_path / "one", 0)
    for number in (0, 1, 2):
        shelf.sprite(number).save(one / f"{'abc'[number]}.png")
    add(one, settings)
    assert group(settings) == 0
    two = shelf.save_sprites(tmp_path / "two", 0)
    shelf.sprite(1, 1).save(two / "b2.png")
    shelf.sprite(5).save(two / "new.png")
    add(two, settings)
    assert group(settings) == 2
    assert groups(settings) == {frozenset({"b.png", "b2.png"})}
    assert group(settings) == 0
    with Catalog(settings.catalog_path) as catalog:
        catalog.execute("DELETE FROM images WHERE path LIKE '%b2.png'")
    assert group(settings) == 1
    assert groups(settings) == set()


def test_nothing_to_compare_makes_no_groups(settings: Settings, tmp_path: Path) -> None:
    add(shelf.save_sprites(tmp_path / "pack", 1), settings)
    with Catalog(settings.catalog_path) as catalog:
        assert update_groups(Ledger(catalog, find_embedder(catalog, "colour")), settings) == 0


def test_likenesses_go_on_where_they_were_stopped(settings: Settings, tmp_path: Path) -> None:
    add(shelf.save_noise(tmp_path / "noise", 20), settings)
    with Catalog(settings.catalog_path) as catalog:
        ledger = Ledger(catalog, find_embedder(catalog, "colour"))
        assert len(waiting_likenesses(ledger)) == 20
        list(mark_likenesses(ledger, waiting_likenesses(ledger, 7), settings))
        assert len(waiting_likenesses(ledger)) == 13


def failures(settings: Settings) -> list[tuple[str, str, str, int]]:
    with Catalog(settings.catalog_path, read_only=True) as catalog:
        found = catalog.execute("SELECT stage, subject, reason, times FROM failures ORDER BY subject")
        return [tuple(row) for row in found]


def test_a_picture_that_cannot_be_read_any_more_costs_itself(
    settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    add(shelf.save_noise(tmp_path / "noise", 5), settings)
    lost = next((settings.data_dir / "files").rglob("noise-0002.png"))
    content = lost.read_bytes()
    lost.unlink()
    group(settings)
    with Catalog(settings.catalog_path, read_only=True) as catalog:
        assert len(Likenesses(catalog).looks()[0]) == 4
    assert "not compared with others: files/added/noise/noise-0002.png (missing_file)" in caplog.text
    subject = "files/added/noise/noise-0002.png"
    assert failures(settings) == [("compare", subject, "missing_file", 1)]
    group(settings)
    assert failures(settings) == [("compare", subject, "missing_file", 2)]
    with Catalog(settings.catalog_path) as catalog:
        ledger = Ledger(catalog, find_embedder(catalog, "colour"))
        assert waiting_likenesses(ledger) == [], "left alone for a while"
        catalog.execute("UPDATE failures SET last_at = '2024-01-01T00:00:00+00:00'")
        lost.write_bytes(content)
        assert [marked.found for marked in mark_likenesses(ledger, waiting_likenesses(ledger), settings)] == [
            1
        ]
    assert failures(settings) == []


def test_a_picture_over_which_a_process_ends_costs_itself(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(shelf.save_noise(tmp_path / "noise", 30), settings)
    # Whoever opens them waits for somebody to write to them.
    for number in (3, 20):
        trap = next((settings.data_dir / "files").rglob(f"noise-00{number:02}.png"))
        trap.unlink()
        os.mkfifo(trap)
    monkeypatch.setattr(marking, "ANSWER_S", 1.5)
    group(settings)
    assert [(stage, reason) for stage, _, reason, _ in failures(settings)] == [("compare", "too_slow")] * 2
    with Catalog(settings.catalog_path, read_only=True) as catalog:
        assert len(Likenesses(catalog).looks()[0]) == 28
    # The same, but something ends the process before its time is over.
    monkeypatch.setattr(marking, "ANSWER_S", 60.0)
    over = threading.Event()

    def kill() -> None:
        while not over.wait(0.05):
            for process in filter(is_trapped, children()):
                os.kill(process, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    group(settings)
    over.set()
    killer.join()
    assert [(reason, times) for _, _, reason, times in failures(settings)] == [("crashed", 2)] * 2


def test_a_picture_that_is_replaced_leaves_its_group(settings: Settings, tmp_path: Path) -> None:
    folder = shelf.save_sprites(tmp_path / "pack", 0)
    for colour in (0, 1):
        shelf.sprite(4, colour).save(folder / f"{'ab'[colour]}.png")
    add(folder, settings)
    group(settings)
    assert len(groups(settings)) == 1
    shelf.sprite(5).save(folder / "b.png")
    shelf.catalog_folder(folder, settings)
    with Catalog(settings.catalog_path, read_only=True) as catalog:
        assert Groups(catalog).of([1, 2]).keys() <= {1}


def test_a_kill_while_comparing_costs_a_batch_and_leaves_no_half_group(
    settings: Settings, tmp_path: Path
) -> None:
    folder = shelf.save_noise(tmp_path / "noise", 900, side_px=96)
    for colour in (0, 1):
        shelf.sprite(4, colour).save(folder / f"{'ab'[colour]}.png")
    add(folder, settings)
    command = shelf.command("embedder", "--embedder", "colour")
    running = subprocess.Popen(
        command, cwd=shelf.ROOT, env=shelf.environment(settings.data_dir), stderr=subprocess.DEVNULL
    )
    for _ in range(3000):
        if shelf.count_rows(settings, "likenesses") or running.poll() is not None:
            break
        time.sleep(0.01)
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    done = shelf.count_rows(settings, "likenesses")
    assert done % 256 == 0 or running.returncode == 0
    assert done > 0
    again = shelf.embedder(settings.data_dir, "--embedder", "colour")
    assert again.returncode == 0
    assert shelf.count_rows(settings, "likenesses") == 902
    assert groups(settings) == {
        frozenset({"a.png", "b.png"}),
        frozenset(p.name for p in folder.glob("noise*")),
    }
