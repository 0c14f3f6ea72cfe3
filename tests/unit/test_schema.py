"""The catalog's file: who may open it, when, and what becomes of it when somebody is killed."""

import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlite_utils import Database

from artstore.catalog import Catalog
from artstore.errors import Mismatch, NotReady, NotWritten
from artstore.migrations import migrations
from artstore.schema import LATEST
from artstore.settings import Settings
from tests.unit.conftest import a_link, a_work, record, rows


def test_what_was_written_is_there_for_the_next_one_who_opens(settings: Settings) -> None:
    for _ in range(2):
        with Catalog(settings.catalog_path) as catalog:
            record(catalog, a_work("Sword"))
    with Catalog(settings.catalog_path, read_only=True) as catalog:
        assert rows(catalog, "SELECT count(*) FROM works") == [(1,)]
        assert rows(catalog, "PRAGMA journal_mode") == [("wal",)]


def test_a_reader_needs_a_catalog_and_cannot_write(settings: Settings) -> None:
    with pytest.raises(NotReady, match="scrapy crawl oga"):
        Catalog(settings.catalog_path, read_only=True)
    assert not settings.data_dir.exists()
    Catalog(settings.catalog_path).close()
    with (
        Catalog(settings.catalog_path, read_only=True) as reader,
        pytest.raises(NotWritten, match="readonly"),
    ):
        record(reader, a_work("Sword"))


def test_a_reader_sees_the_last_whole_state_while_another_writes(
    catalog: Catalog, settings: Settings
) -> None:
    record(catalog, a_work("Sword"))
    with Catalog(settings.catalog_path, read_only=True) as reader:
        with catalog.transaction():
            catalog.record_work(a_work("Shield"))
            assert rows(reader, "SELECT title FROM works") == [("Sword",)]
        assert rows(reader, "SELECT count(*) FROM works") == [(2,)]


def test_the_last_migration_is_known_without_loading_them() -> None:
    assert [migration.name for migration in migrations.pending(Database(memory=True))][-1] == LATEST


def test_a_catalog_of_a_newer_version_is_refused(settings: Settings) -> None:
    Catalog(settings.catalog_path).close()
    with closing(sqlite3.connect(settings.catalog_path)) as db, db:
        db.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('artstore', 'm999', '')"
        )
    with pytest.raises(Mismatch, match=r"newer version.*m999"):
        Catalog(settings.catalog_path)


def an_older_catalog(path: Path) -> Path:
    """A catalog as the version before this one left it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    migrations.apply(Database(path), stop_before=LATEST)
    return path


def test_a_reader_of_an_older_catalog_changes_nothing_and_says_what_brings_it_up_to_date(
    settings: Settings,
) -> None:
    path = an_older_catalog(settings.catalog_path)
    before = path.read_bytes()
    for _ in range(2):
        with pytest.raises(
            NotReady, match=r"older version.*`python -m embedder --status --data-dir .*` once"
        ):
            Catalog(path, read_only=True)
    assert path.read_bytes() == before
    Catalog(path).close()
    Catalog(path, read_only=True).close()


def test_foreign_keys_of_an_older_catalog_come_to_name_their_columns_and_hold_as_before(
    settings: Settings,
) -> None:
    path = an_older_catalog(settings.catalog_path)
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("INSERT INTO files (url, path, name, state) VALUES ('u', 'p', 'n', 'stored')")
        db.execute(
            "INSERT INTO images VALUES (1, 1, 'files/p', NULL, 'h', 'PNG', 'RGBA', 1, 1, 1, NULL), "
            "(2, 1, 'files/q', NULL, 'i', 'PNG', 'RGBA', 1, 1, 1, NULL)"
        )
        db.execute("INSERT INTO groups VALUES (1, 1), (2, 1)")
    with Catalog(path) as catalog:
        for opened in (catalog, Catalog(path, read_only=True)):
            links = [
                (table, *link[2:5])
                for (table,) in rows(opened, "SELECT name FROM sqlite_master WHERE type = 'table'")
                for link in rows(opened, f"PRAGMA foreign_key_list({table})")
            ]
            assert len(links) > 10
            # Theirs and ours are called alike everywhere.
            assert all(ours == theirs for _, _, ours, theirs in links), links
            assert rows(opened, "PRAGMA integrity_check") == [("ok",)]
        opened.close()
        catalog.execute("DELETE FROM images WHERE image_id = 2")
        assert rows(catalog, "SELECT image_id FROM groups") == [(1,)]
        assert rows(catalog, "PRAGMA foreign_key_check") == []
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA foreign_keys = ON")
        db.execute("DELETE FROM files")
        assert db.execute("SELECT count(*) FROM groups").fetchone() == (0,)


def test_a_reader_of_what_is_no_catalog_of_this_version_is_told_and_changes_nothing(
    settings: Settings,
) -> None:
    Catalog(settings.catalog_path).close()
    with closing(sqlite3.connect(settings.catalog_path)) as db, db:
        db.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('artstore', 'm999', '')"
        )
    with pytest.raises(Mismatch, match=r"newer version.*m999"):
        Catalog(settings.catalog_path, read_only=True)
    other = settings.data_dir / "other.db"
    with closing(sqlite3.connect(other)) as db:
        db.execute("CREATE TABLE recipes (title TEXT)")
    with pytest.raises(Mismatch, match="another program"):
        Catalog(other, read_only=True)
    # As it is for a moment while somebody makes it.
    empty = settings.data_dir / "empty.db"
    empty.touch()
    with pytest.raises(NotReady, match="nothing has been collected"):
        Catalog(empty, read_only=True)
    assert empty.read_bytes() == b""


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    path.write_bytes(b"no database at all, but a text that somebody may still want" * 20)
    before = path.read_bytes()
    with pytest.raises(Mismatch, match="cannot be opened as a catalog"):
        Catalog(path)
    assert path.read_bytes() == before
    with pytest.raises(Mismatch):
        Catalog(tmp_path)


def test_a_database_of_another_program_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE recipes (title TEXT)")
    with pytest.raises(Mismatch, match="another program"):
        Catalog(path)
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT name FROM sqlite_master").fetchall() == [("recipes",)]


def open_and_record(path: Path, start: float, title: str) -> None:
    import time

    time.sleep(max(0.0, start - time.time()))
    with Catalog(path) as catalog:
        record(catalog, a_work(title, a_link(f"{title}.png")))


@contextmanager
def processes(path: Path, count: int) -> Iterator[list[Any]]:
    import time

    context = multiprocessing.get_context("spawn")
    start = time.time() + 1.5
    started = [context.Process(target=open_and_record, args=(path, start, f"w{n}")) for n in range(count)]
    for process in started:
        process.start()
    yield started
    for process in started:
        process.join(60)


def test_processes_that_open_a_fresh_catalog_at_once_all_get_it(tmp_path: Path) -> None:
    path = tmp_path / "data" / "catalog.db"
    with processes(path, 4) as started:
        pass
    assert [process.exitcode for process in started] == [0] * 4
    with Catalog(path) as catalog:
        assert (
            rows(catalog, "SELECT count(*) FROM works")
            == rows(catalog, "SELECT count(*) FROM files")
            == [(4,)]
        )


WRITER = """
import sys
from pathlib import Path
from artstore.catalog import Catalog
from tests.unit.conftest import a_link, a_work
catalog = Catalog(Path(sys.argv[1]))
for number in range(100_000):
    with catalog.transaction():
        catalog.record_work(a_work(f"Sword {number}", a_link(f"{number}.png")))
        print(number, flush=True)
"""


def test_a_writer_that_is_killed_leaves_whole_transactions(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]
    ) as writer:
        assert writer.stdout is not None
        for _ in range(20):
            last = int(writer.stdout.readline())
        os.kill(writer.pid, signal.SIGKILL)
    with Catalog(path) as catalog:
        ((works,),) = rows(catalog, "SELECT count(*) FROM works")
        assert works >= last
        assert rows(catalog, "SELECT count(*) FROM work_files") == [(works,)]
        assert rows(catalog, "PRAGMA integrity_check") == [("ok",)]
        record(catalog, a_work("Shield"))
