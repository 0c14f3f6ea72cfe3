"""The catalog's tables, made and changed step by step.

``docs/data-format.md`` explains them; every change to them is a new function
here, never an edit of one that has been released.
"""

from __future__ import annotations

import logging
import re

from sqlite_utils import Database, Migrations
from sqlite_utils.utils import OperationalError

from artstore import names

logger = logging.getLogger(__name__)

migrations = Migrations("artstore")

_WORKS_FILES_IMAGES = """
CREATE TABLE works (
    work_id INTEGER PRIMARY KEY,
    url TEXT NOT NULL UNIQUE,
    node_id INTEGER,
    title TEXT NOT NULL,
    author TEXT NOT NULL,
    author_url TEXT,
    submitter TEXT,
    collaborators TEXT NOT NULL,
    art_types TEXT NOT NULL,
    posted_at TEXT,
    description TEXT NOT NULL,
    copyright_notice TEXT NOT NULL,
    favourites INTEGER,
    withheld INTEGER NOT NULL,
    content_hash TEXT NOT NULL,
    crawled_at TEXT NOT NULL,
    gone_at TEXT
);
CREATE INDEX works_by_node ON works (node_id);
CREATE TABLE licences (licence_id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, name TEXT NOT NULL, deed_url TEXT);
CREATE TABLE work_licences (
    work_id INTEGER NOT NULL REFERENCES works ON DELETE CASCADE,
    licence_id INTEGER NOT NULL REFERENCES licences,
    PRIMARY KEY (work_id, licence_id)
) WITHOUT ROWID;
CREATE INDEX work_licences_by_licence ON work_licences (licence_id);
CREATE TABLE tags (tag_id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE work_tags (
    work_id INTEGER NOT NULL REFERENCES works ON DELETE CASCADE,
    tag_id INTEGER NOT NULL REFERENCES tags,
    PRIMARY KEY (work_id, tag_id)
) WITHOUT ROWID;
CREATE INDEX work_tags_by_tag ON work_tags (tag_id);
CREATE TABLE collections (collection_id INTEGER PRIMARY KEY, url TEXT NOT NULL UNIQUE, title TEXT NOT NULL);
CREATE TABLE work_collections (
    work_id INTEGER NOT NULL REFERENCES works ON DELETE CASCADE,
    collection_id INTEGER NOT NULL REFERENCES collections,
    PRIMARY KEY (work_id, collection_id)
) WITHOUT ROWID;
CREATE TABLE files (
    file_id INTEGER PRIMARY KEY,
    url TEXT NOT NULL UNIQUE,
    path TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    declared_bytes INTEGER,
    mime TEXT,
    state TEXT NOT NULL,
    size_bytes INTEGER,
    sha256 TEXT,
    etag TEXT,
    last_modified TEXT,
    examined_at TEXT
);
CREATE TABLE work_files (
    work_id INTEGER NOT NULL REFERENCES works ON DELETE CASCADE,
    file_id INTEGER NOT NULL REFERENCES files ON DELETE CASCADE,
    position INTEGER NOT NULL,
    listed INTEGER NOT NULL,  -- 0 once the work's page names the file no more: it still came from there
    PRIMARY KEY (work_id, file_id)
) WITHOUT ROWID;
CREATE INDEX work_files_by_file ON work_files (file_id);
CREATE TABLE images (
    image_id INTEGER PRIMARY KEY AUTOINCREMENT,  -- never given twice: links and indexes outlive rows
    file_id INTEGER NOT NULL REFERENCES files ON DELETE CASCADE,
    path TEXT NOT NULL UNIQUE,
    member TEXT,
    pixel_hash TEXT NOT NULL,
    format TEXT NOT NULL,
    mode TEXT NOT NULL,
    width_px INTEGER NOT NULL,
    height_px INTEGER NOT NULL,
    frames INTEGER NOT NULL,
    series TEXT
);
CREATE INDEX images_by_file ON images (file_id);
CREATE INDEX images_by_pixel_hash ON images (pixel_hash);
CREATE VIRTUAL TABLE words USING fts5 (
    title, tags, author, file, member, tokenize = "unicode61 remove_diacritics 2"
)
"""


@migrations()
def m001_works_files_images(db: Database) -> None:
    """What exists, and whence it came."""
    _execute(db, _WORKS_FILES_IMAGES)


@migrations()
def m002_features_indexes_failures(db: Database) -> None:
    """What is done, and what failed and why."""
    _execute(
        db,
        """
        CREATE TABLE embedders (
            embedder_id INTEGER PRIMARY KEY,
            name TEXT NOT NULL UNIQUE,
            dim INTEGER NOT NULL,
            fingerprint TEXT NOT NULL
        );
        CREATE TABLE features (
            embedder_id INTEGER NOT NULL REFERENCES embedders ON DELETE CASCADE,
            image_id INTEGER NOT NULL REFERENCES images ON DELETE CASCADE,
            row INTEGER NOT NULL,
            PRIMARY KEY (embedder_id, image_id)
        ) WITHOUT ROWID;
        CREATE INDEX features_by_image ON features (image_id);
        CREATE TABLE indexes (index_id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
        CREATE TABLE indexed (
            index_id INTEGER NOT NULL REFERENCES indexes ON DELETE CASCADE,
            image_id INTEGER NOT NULL REFERENCES images ON DELETE CASCADE,
            PRIMARY KEY (index_id, image_id)
        ) WITHOUT ROWID;
        CREATE INDEX indexed_by_image ON indexed (image_id);
        CREATE TABLE failures (
            stage TEXT NOT NULL,
            subject TEXT NOT NULL,
            reason TEXT NOT NULL,
            detail TEXT NOT NULL,
            first_at TEXT NOT NULL,
            last_at TEXT NOT NULL,
            times INTEGER NOT NULL,
            PRIMARY KEY (stage, subject)
        ) WITHOUT ROWID
        """,
    )


@migrations()
def m003_validators_of_pages(db: Database) -> None:
    """What to ask with whether a page has changed."""
    _execute(db, "ALTER TABLE works ADD COLUMN etag TEXT; ALTER TABLE works ADD COLUMN last_modified TEXT")


@migrations()
def m004_walks(db: Database) -> None:
    """Which listings were read to their end."""
    _execute(db, "CREATE TABLE walks (listing TEXT PRIMARY KEY)")


@migrations()
def m005_previews(db: Database) -> None:
    """What shows a work on its page; pages that were read before are to be read in full once more."""
    _execute(
        db,
        """
        CREATE TABLE previews (
            work_id INTEGER NOT NULL REFERENCES works ON DELETE CASCADE,
            position INTEGER NOT NULL,
            url TEXT NOT NULL,
            PRIMARY KEY (work_id, position)
        ) WITHOUT ROWID;
        UPDATE works SET etag = NULL, last_modified = NULL
        """,
    )


@migrations()
def m006_failures_by_subject(db: Database) -> None:
    """Every file that is read well asks for the failures that it had."""
    _execute(db, "CREATE INDEX failures_by_subject ON failures (subject)")


@migrations()
def m007_files_folded(db: Database) -> None:
    """What disks that fold case call a file: no two of them may meet there.

    Those that do already keep their paths; all but the first have theirs beside
    it, after a ``?``, which is in no path.
    """
    _execute(db, "ALTER TABLE files ADD COLUMN folded TEXT")
    taken: set[str] = set()
    for file_id, path in db.execute("SELECT file_id, path FROM files ORDER BY file_id").fetchall():
        folded = names.folded(path)
        value = f"{folded}?{path}" if folded in taken else folded
        taken.add(folded)
        db.execute("UPDATE files SET folded = ? WHERE file_id = ?", [value, file_id])
    _execute(db, "CREATE UNIQUE INDEX files_by_folded ON files (folded)")


@migrations()
def m008_works_of_walks(db: Database) -> None:
    """Which works each search named, so that what vanishes is missed; and which addresses lead on to works.

    Of searches that were walked before, nobody knows what they named: each is read to its end once more.
    """
    _execute(
        db,
        """
        DROP TABLE walks;
        CREATE TABLE walks (
            walk_id INTEGER PRIMARY KEY,
            listing TEXT NOT NULL UNIQUE,
            number INTEGER NOT NULL,
            ended INTEGER NOT NULL
        );
        CREATE TABLE walk_works (
            walk_id INTEGER NOT NULL REFERENCES walks ON DELETE CASCADE,
            url TEXT NOT NULL,
            number INTEGER NOT NULL,
            PRIMARY KEY (walk_id, url)
        ) WITHOUT ROWID;
        CREATE TABLE work_addresses (
            url TEXT PRIMARY KEY,
            work_id INTEGER NOT NULL REFERENCES works ON DELETE CASCADE
        ) WITHOUT ROWID;
        CREATE INDEX work_addresses_by_work ON work_addresses (work_id)
        """,
    )


@migrations()
def m009_likenesses_groups(db: Database) -> None:
    """By what pictures are known again, and which belong together."""
    _execute(
        db,
        """
        CREATE TABLE likenesses (
            pixel_hash TEXT PRIMARY KEY,
            art TEXT NOT NULL,
            pattern TEXT,
            look INTEGER NOT NULL,
            colours BLOB NOT NULL,
            aspect REAL NOT NULL
        ) WITHOUT ROWID;
        CREATE INDEX likenesses_by_art ON likenesses (art);
        CREATE INDEX likenesses_by_pattern ON likenesses (pattern);
        CREATE TABLE groups (
            image_id INTEGER PRIMARY KEY REFERENCES images ON DELETE CASCADE,
            group_id INTEGER NOT NULL
        );
        CREATE INDEX groups_by_group ON groups (group_id)
        """,
    )


@migrations()
def m010_references_by_name(db: Database) -> None:
    """Foreign keys name the column that they lead to: Datasette shows no table in which one does not.

    What they say stays the same, so only the text of the tables is changed, as
    https://www.sqlite.org/lang_altertable.html#otheralter has it, and nothing is copied.
    """
    keys = {name: db.table(name).pks[0] for name in db.table_names()}
    try:
        db.execute("PRAGMA writable_schema = ON")
        for name, sql in db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'").fetchall():
            named = re.sub(r"REFERENCES (\w+)(?!\w| *\()", lambda at: f"{at[0]} ({keys[at[1]]})", sql)
            if named != sql:
                db.execute(
                    "UPDATE sqlite_master SET sql = ? WHERE type = 'table' AND name = ?", [named, name]
                )
        (version,) = db.execute("PRAGMA schema_version").fetchone()
        db.execute(f"PRAGMA schema_version = {version + 1}")
    except OperationalError:
        # A SQLite that does not allow it, as Apple's: then Datasette does not show these tables.
        logger.info("foreign keys stay as they are: this SQLite does not allow to change them")
    finally:
        db.execute("PRAGMA writable_schema = OFF")


def _execute(db: Database, script: str) -> None:
    """Run *script* statement by statement: executescript would commit the migration's transaction."""
    for statement in script.split(";"):
        db.execute(statement)
