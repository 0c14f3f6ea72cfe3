"""The catalog's file: opened the same way everywhere, its tables brought up to date."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from filelock import FileLock

from artstore.errors import Mismatch, NotReady

BUSY_TIMEOUT_S = 60.0
"""How long a writer waits for another: write transactions here take milliseconds."""

LATEST = "m009_likenesses_groups"
"""The last migration: a catalog that has it is opened without loading what makes migrations."""


def connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """Return a connection to the catalog at *path*, its tables up to date.

    Autocommit: write transactions are begun by hand, and short. Raises
    :class:`~artstore.errors.NotReady` if it is to be read and is not there, and
    :class:`~artstore.errors.Mismatch` if it is no catalog of ours, or a newer one.
    """
    if read_only and not path.exists():
        raise NotReady(
            f"nothing has been collected in {path.parent} yet; run `scrapy crawl oga`, or `python -m embedder --add FOLDER`"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        connection = _opened(path)
    except sqlite3.DatabaseError as error:
        raise Mismatch(f"{path} cannot be opened as a catalog: {error}") from error
    if read_only:
        connection.execute("PRAGMA query_only = ON")
    return connection


def _opened(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
    try:
        _prepare(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    connection.row_factory = sqlite3.Row
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
        raise Mismatch(
            f"{path} was written by a newer version of OGA Search ({min(unknown)}); update this one"
        )
    if migrations.pending(db):
        # One process migrates; another that opens at the same moment waits, then finds nothing to do.
        with FileLock(path.with_suffix(".lock")):
            if not migrations.applied(db) and set(db.table_names()) - {migrations.migrations_table}:
                raise Mismatch(
                    f"{path} is the database of another program; set OGA_DATA_DIR to another folder"
                )
            connection.execute("PRAGMA journal_mode = WAL")
            migrations.apply(db)
