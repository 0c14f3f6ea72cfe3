"""The catalog's file: opened the same way everywhere, its tables brought up to date."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from filelock import FileLock

from artstore.errors import Mismatch, NotReady

BUSY_TIMEOUT_S = 60.0
"""How long a writer waits for another: write transactions here take milliseconds."""

LATEST = "m010_references_by_name"
"""The last migration: a catalog that has it is opened without loading what makes migrations."""


def connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """Return a connection to the catalog at *path*, its tables up to date.

    Autocommit: write transactions are begun by hand, and short. Whoever only reads changes
    nothing, and leaves it to those who write to bring an older catalog up to date. Raises
    :class:`~artstore.errors.NotReady` if it is to be read and is not there or is older, and
    :class:`~artstore.errors.Mismatch` if it is no catalog of ours, or a newer one.
    """
    if read_only and not path.exists():
        raise _nothing_in(path)
    if not read_only:
        path.parent.mkdir(parents=True, exist_ok=True)
    try:
        return _opened(path, read_only=read_only)
    except sqlite3.DatabaseError as error:
        raise Mismatch(f"{path} cannot be opened as a catalog: {error}") from error


def _opened(path: Path, *, read_only: bool) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
    try:
        connection.row_factory = sqlite3.Row
        if read_only:
            connection.execute("PRAGMA query_only = ON")
            _check(connection, path)
        else:
            _prepare(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _check(connection: sqlite3.Connection, path: Path) -> None:
    """Raise unless the catalog is one that this program can read as it is."""
    latest = _latest(connection)
    if latest == LATEST:
        return
    if latest is None:
        if connection.execute("SELECT 1 FROM sqlite_master").fetchone():
            raise _of_another_program(path)
        # Somebody is about to make it.
        raise _nothing_in(path)
    if latest > LATEST:
        raise _newer(path, latest)
    raise NotReady(
        f"{path} was written by an older version of OGA Search; "
        f"run `python -m embedder --status --data-dir {path.parent}` once, which brings it up to date"
    )


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("PRAGMA foreign_keys = ON")
    # Commits survive a kill of the process; after a power cut the last few may be missing, never torn.
    connection.execute("PRAGMA synchronous = NORMAL")
    # Pages that wait in the WAL until they are moved into the file, which stops whoever writes: 40 MB of them.
    connection.execute("PRAGMA wal_autocheckpoint = 10000")
    if _latest(connection) != LATEST:
        _migrate(connection, path)


def _latest(connection: sqlite3.Connection) -> str | None:
    """Return the name of the last migration of the catalog, or None if it had none: their names begin with numbers."""
    tables = connection.execute("SELECT 1 FROM sqlite_master WHERE name = '_sqlite_migrations'").fetchall()
    if not tables:
        return None
    (name,) = connection.execute("SELECT max(name) FROM _sqlite_migrations").fetchone()
    return str(name)


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    # Only here: it takes longer to load than most commands take.
    from sqlite_utils import Database

    from artstore.migrations import migrations

    db = Database(connection)
    applied = {migration.name for migration in migrations.applied(db)}
    if unknown := applied - {migration.name for migration in migrations.pending(Database(memory=True))}:
        raise _newer(path, min(unknown))
    if migrations.pending(db):
        # One process migrates; another that opens at the same moment waits, then finds nothing to do.
        with FileLock(path.with_suffix(".lock")):
            if not migrations.applied(db) and set(db.table_names()) - {migrations.migrations_table}:
                raise _of_another_program(path)
            connection.execute("PRAGMA journal_mode = WAL")
            migrations.apply(db)


def _nothing_in(path: Path) -> NotReady:
    return NotReady(
        f"nothing has been collected in {path.parent} yet; run `scrapy crawl oga`, or `python -m embedder --add FOLDER`"
    )


def _newer(path: Path, migration: str) -> Mismatch:
    return Mismatch(f"{path} was written by a newer version of OGA Search ({migration}); update this one")


def _of_another_program(path: Path) -> Mismatch:
    return Mismatch(f"{path} is the database of another program; set OGA_DATA_DIR to another folder")
