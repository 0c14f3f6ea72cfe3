"""The catalog: what exists, whence it came, what failed, and what the crawl has not done yet.

Every step of the house asks here for its work and writes here what it has
done, in one short transaction, so that a step that was killed goes on from
where it was. Many processes may have it open; one of them writes at a time.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from artstore import names
from artstore.errors import NotRecorded, NotWritten
from artstore.models import (
    FILES,
    UNPACKED,
    Failure,
    FileLink,
    FileState,
    Findings,
    FoundImage,
    PictureFacts,
    Stage,
    StoredFile,
    Work,
)
from artstore.schema import connect

_LINKED = {
    "licences": ("work_licences", "licence_id", "key"),
    "tags": ("work_tags", "tag_id", "name"),
    "collections": ("work_collections", "collection_id", "url"),
}


class Catalog:
    """An open catalog; use it in one thread at a time."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self._db = connect(path, read_only=read_only)

    def close(self) -> None:
        """Close the connection."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make all writes inside one: all of them happen or none.

        Raises :class:`~artstore.errors.NotWritten` if the disk is full or read-only, or
        another writer holds the catalog for longer than a minute.
        """
        try:
            self._db.execute("BEGIN IMMEDIATE")
            yield
            self._db.execute("COMMIT")
        except BaseException as error:
            # Where the disk is full, SQLite has rolled back by itself.
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            if isinstance(error, sqlite3.OperationalError):
                raise NotWritten(
                    f"the catalog cannot be written ({error}); nothing of this step is in it"
                ) from error
            if isinstance(error, sqlite3.Error | OverflowError):
                raise NotRecorded(f"the catalog does not take it ({error})") from error
            raise

    def execute(self, sql: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> sqlite3.Cursor:
        """Run one statement for a module of this room that asks its own questions; rows answer to names."""
        return self._db.execute(sql, parameters)

    def execute_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run one statement for each of *rows*."""
        self._db.executemany(sql, rows)

    # What the crawl and the folder write.

    def record_work(self, work: Work) -> int:
        """Write what is known of *work* and return its work_id; its files are recorded as pending.

        A work is recognised by its node id, else by its URL: titles, and URLs
        with them, change, and go to other works. Call inside :meth:`transaction`,
        with the paths that :class:`~artstore.places.Places` gives; raises
        :class:`~artstore.errors.NotWritten` if one is another file's by now.
        """
        known = self._known_work(work)
        work_id = self._upsert_work(work, known)
        if known:
            for table in ("work_licences", "work_tags", "work_collections", "previews"):
                self._db.execute(f"DELETE FROM {table} WHERE work_id = ?", [work_id])
            self._db.execute("UPDATE work_files SET listed = 0 WHERE work_id = ?", [work_id])
        self._link(work_id, "licences", [(entry.key, entry.name, entry.deed_url) for entry in work.licences])
        self._link(work_id, "tags", [(tag,) for tag in work.tags])
        self._link(work_id, "collections", list(work.collections))
        self.execute_many(
            "INSERT INTO previews (work_id, position, url) VALUES (?, ?, ?)",
            [(work_id, position, url) for position, url in enumerate(work.previews)],
        )
        self.execute_many(
            """
            INSERT INTO work_files (work_id, file_id, position, listed) VALUES (?, ?, ?, 1)
            ON CONFLICT (work_id, file_id) DO UPDATE SET position = excluded.position, listed = 1
            """,
            [(work_id, self._upsert_file(link), position) for position, link in enumerate(work.files)],
        )
        self._refresh_words("SELECT file_id FROM work_files WHERE work_id = ?", work_id)
        self.forget_failures(Stage.PAGE, work.url)
        return work_id

    def record_validators(self, work_url: str, etag: str | None, last_modified: str | None) -> None:
        """Write what the server can be asked with whether the page of *work_url* has changed."""
        self._db.execute(
            "UPDATE works SET etag = ?, last_modified = ? WHERE url = ?", [etag, last_modified, work_url]
        )

    def record_unchanged(self, work_url: str) -> int | None:
        """Write that the page of *work_url* is what it was; return its work_id, or None if it is not known."""
        row = self._db.execute(
            "UPDATE works SET crawled_at = ?, gone_at = NULL WHERE url = ? RETURNING work_id",
            [_now(), work_url],
        ).fetchone()
        self.forget_failures(Stage.PAGE, work_url)
        return row["work_id"] if row else None

    def record_gone(self, work_url: str) -> bool:
        """Write that the page of *work_url* is there no more, and return whether it was known; its art is kept."""
        cursor = self._db.execute(
            "UPDATE works SET crawled_at = :now, gone_at = coalesce(gone_at, :now) WHERE url = :url",
            {"now": _now(), "url": work_url},
        )
        return cursor.rowcount > 0

    def record_stored(self, stored: StoredFile) -> None:
        """Write that the bytes of a file are here; other bytes than before are to be examined anew.

        What the server gave to be asked with stays with the bytes: a work that lists a file which
        came for another one just before knows no more than that it is here.
        """
        row = self._db.execute(
            """
            UPDATE files SET state = 'stored', size_bytes = :size_bytes,
                etag = coalesce(:etag, CASE WHEN sha256 IS :sha256 THEN etag END),
                last_modified = coalesce(:last_modified, CASE WHEN sha256 IS :sha256 THEN last_modified END),
                examined_at = CASE WHEN sha256 IS :sha256 THEN examined_at END, sha256 = :sha256
            WHERE path = :path RETURNING url
            """,
            _columns(stored),
        ).fetchone()
        self.forget_failures(Stage.DOWNLOAD, row["url"])

    def record_unavailable(self, url: str, state: FileState) -> None:
        """Write that the file at *url* could not be had, unless an earlier download of it is here."""
        self._db.execute("UPDATE files SET state = ? WHERE url = ? AND state <> 'stored'", [state, url])

    def record_findings(self, path: str, findings: Findings) -> None:
        """Write the pictures of ``files/<path>`` and what could not be read of it, replacing what was known."""
        file_id = self._db.execute("SELECT file_id FROM files WHERE path = ?", [path]).fetchone()["file_id"]
        self._replace_images(file_id, findings.images)
        self._refresh_words("SELECT ?", file_id)
        # What failed before and fails again keeps its row, which counts how often.
        self._forget_failures_of(path, but={failure.subject for failure in findings.failures})
        for failure in findings.failures:
            self.record_failure(failure)
        self._db.execute("UPDATE files SET examined_at = ? WHERE file_id = ?", [_now(), file_id])

    def record_failure(self, failure: Failure) -> None:
        """Write that something failed, or failed again."""
        self._db.execute(
            """
            INSERT INTO failures VALUES (:stage, :subject, :reason, :detail, :now, :now, 1)
            ON CONFLICT (stage, subject) DO UPDATE
            SET reason = excluded.reason, detail = excluded.detail, last_at = excluded.last_at, times = times + 1
            """,
            _columns(failure) | {"now": _now()},
        )

    def forget_failures(self, stage: Stage, subject: str) -> None:
        """Remove the failure of *subject* at *stage*: it has succeeded since."""
        self._db.execute("DELETE FROM failures WHERE stage = ? AND subject = ?", [stage, subject])

    def forget_failures_below(self, beginning: str, but: Collection[str] = ()) -> None:
        """Remove the failures of every subject with this *beginning*, a folder or a picture, *but* those."""
        self._db.execute(
            """
            DELETE FROM failures WHERE subject >= :beginning AND subject < :beginning || char(0x10FFFF)
            AND subject NOT IN (SELECT value FROM json_each(:but))
            """,
            {"beginning": beginning, "but": json.dumps(list(but))},
        )

    # What is not done yet.

    def stored_file(self, path: str) -> StoredFile | None:
        """Return what is known of the bytes at ``files/<path>``, or None if they were never recorded."""
        row = self._db.execute(
            "SELECT path, size_bytes, sha256, etag, last_modified FROM files WHERE path = ? AND state = 'stored'",
            [path],
        ).fetchone()
        return StoredFile(**row) if row else None

    def is_examined(self, path: str, sha256: str) -> bool:
        """Say whether the pictures of ``files/<path>`` with these bytes are already recorded."""
        found = self._db.execute(
            "SELECT 1 FROM files WHERE path = ? AND sha256 = ? AND examined_at IS NOT NULL", [path, sha256]
        )
        return found.fetchone() is not None

    def files_to_examine(self) -> list[str]:
        """Return the paths, below ``files/``, of stored files whose pictures nobody has looked for yet."""
        found = self._db.execute(
            "SELECT path FROM files WHERE state = 'stored' AND examined_at IS NULL ORDER BY file_id"
        )
        return [row["path"] for row in found]

    def examine_all_again(self) -> None:
        """Make every stored file one that nobody has looked at yet; its pictures and their ids stay."""
        self._db.execute("UPDATE files SET examined_at = NULL")

    # Small parts.

    def _upsert_work(self, work: Work, known: sqlite3.Row | None) -> int:
        facts = {
            "url": work.url,
            "node_id": work.node_id,
            "title": work.title,
            "author": work.author,
            "author_url": work.author_url,
            "submitter": work.submitter,
            "collaborators": json.dumps(work.collaborators, ensure_ascii=False),
            "art_types": json.dumps(work.art_types, ensure_ascii=False),
            "posted_at": work.posted_at.isoformat() if work.posted_at else None,
            "description": work.description,
            "copyright_notice": work.copyright_notice,
            "favourites": work.favourites,
            "withheld": work.withheld,
            "content_hash": work.content_hash(),
            "crawled_at": _now(),
        }
        if known is None:
            columns = ", ".join(facts)
            marks = ", ".join(f":{name}" for name in facts)
            return int(
                self._db.execute(f"INSERT INTO works ({columns}) VALUES ({marks})", facts).lastrowid or 0
            )
        assignments = ", ".join(f"{name} = :{name}" for name in facts)
        self._db.execute(
            f"UPDATE works SET {assignments}, gone_at = NULL WHERE work_id = :work_id",
            facts | {"work_id": known["work_id"]},
        )
        return int(known["work_id"])

    def _known_work(self, work: Work) -> sqlite3.Row | None:
        """Return the row of *work*; a work that had its address before gives it up, and keeps its files."""
        by_url: sqlite3.Row | None = self._db.execute(
            "SELECT * FROM works WHERE url = ?", [work.url]
        ).fetchone()
        if work.node_id is None:
            return by_url
        by_node: sqlite3.Row | None = self._db.execute(
            "SELECT * FROM works WHERE node_id = ? ORDER BY url = ? DESC LIMIT 1", [work.node_id, work.url]
        ).fetchone()
        if by_url is None or by_url["node_id"] in {None, work.node_id}:
            return by_node or by_url
        self._db.execute(
            "UPDATE works SET url = ?, gone_at = coalesce(gone_at, ?) WHERE work_id = ?",
            [f"{work.url}#node-{by_url['node_id']}", _now(), by_url["work_id"]],
        )
        return by_node

    def _link(self, work_id: int, table: str, rows: Sequence[tuple[str | None, ...]]) -> None:
        """Link *work_id* to *rows* of *table*, made if need be; the first column of a row is its key."""
        if not rows:
            return
        links, id_column, key = _LINKED[table]
        marks = ", ".join("?" * len(rows[0]))
        self.execute_many(f"INSERT OR IGNORE INTO {table} VALUES (NULL, {marks})", rows)
        self._db.execute(
            f"INSERT INTO {links} SELECT ?, {id_column} FROM {table} WHERE {key} IN (SELECT value FROM json_each(?))",
            [work_id, json.dumps([row[0] for row in rows])],
        )

    def _upsert_file(self, link: FileLink) -> int:
        try:
            row = self._db.execute(
                """
                INSERT INTO files (url, path, folded, name, declared_bytes, mime, state)
                VALUES (:url, :path, :folded, :name, :declared_bytes, :mime, 'pending')
                ON CONFLICT (path) DO UPDATE SET
                    url = excluded.url, name = excluded.name, declared_bytes = excluded.declared_bytes, mime = excluded.mime
                RETURNING file_id
                """,
                _columns(link) | {"folded": names.folded(link.path)},
            ).fetchone()
        except sqlite3.IntegrityError as error:
            raise NotRecorded(
                f"the place of {link.url}, {link.path}, was given to another file meanwhile; "
                "nothing of this step is in the catalog, the same command again finds another place"
            ) from error
        return int(row["file_id"])

    def _replace_images(self, file_id: int, found: Sequence[FoundImage]) -> None:
        known = {
            row["path"]: row
            for row in self._db.execute(
                "SELECT image_id, path, pixel_hash FROM images WHERE file_id = ?", [file_id]
            )
        }
        paths = {image.path for image in found}
        for row in known.values():
            if row["path"] not in paths:
                self._db.execute("DELETE FROM words WHERE rowid = ?", [row["image_id"]])
                self._db.execute("DELETE FROM images WHERE image_id = ?", [row["image_id"]])
        for image in found:
            self._upsert_image(file_id, image, known.get(image.path))

    def _upsert_image(self, file_id: int, image: FoundImage, before: sqlite3.Row | None) -> None:
        if before and before["pixel_hash"] != image.facts.pixel_hash:
            # Another picture at the same place: its features and its vectors are those of the old one.
            self._db.execute("DELETE FROM features WHERE image_id = ?", [before["image_id"]])
            self._db.execute("DELETE FROM indexed WHERE image_id = ?", [before["image_id"]])
            self._db.execute("DELETE FROM groups WHERE image_id = ?", [before["image_id"]])
        self._db.execute(
            """
            INSERT INTO images (file_id, path, member, series, pixel_hash, format, mode, width_px, height_px, frames)
            VALUES (:file_id, :path, :member, :series, :pixel_hash, :format, :mode, :width_px, :height_px, :frames)
            ON CONFLICT (path) DO UPDATE
            SET member = :member, series = :series, pixel_hash = :pixel_hash, format = :format,
                mode = :mode, width_px = :width_px, height_px = :height_px, frames = :frames
            """,
            {"file_id": file_id, "path": image.path, "member": image.member, "series": image.series}
            | _columns(image.facts),
        )

    def _forget_failures_of(self, path: str, but: Collection[str]) -> None:
        """Remove the failures of ``files/<path>``, of what is unpacked from it, and of embedding either, *but* those."""
        self._db.execute(
            """
            DELETE FROM failures WHERE (
                subject = :stored
                OR subject >= :embedded AND subject < :embedded || char(0x10FFFF)
                OR subject >= :members AND subject < :members || char(0x10FFFF)
            ) AND subject NOT IN (SELECT value FROM json_each(:but))
            """,
            {
                "stored": f"{FILES}/{path}",
                "embedded": f"{FILES}/{path} by ",
                "members": f"{UNPACKED}/{path}/",
                "but": json.dumps(list(but)),
            },
        )

    def _refresh_words(self, file_ids: str, parameter: int) -> None:
        """Write anew what can be found by words for the images of the files that *file_ids* selects."""
        chosen = f"file_id IN ({file_ids})"
        if not self._db.execute(f"SELECT 1 FROM images WHERE {chosen} LIMIT 1", [parameter]).fetchone():
            return
        self._db.execute(
            f"DELETE FROM words WHERE rowid IN (SELECT image_id FROM images WHERE {chosen})",
            [parameter],
        )
        self._db.execute(
            f"""
            INSERT INTO words (rowid, title, tags, author, file, member)
            SELECT image_id, group_concat(title, ' '), group_concat((
                SELECT group_concat(tags.name, ' ') FROM work_tags JOIN tags USING (tag_id)
                WHERE work_tags.work_id = works.work_id
            ), ' '), group_concat(author, ' '), files.name, images.member
            FROM images JOIN files USING (file_id) JOIN work_files USING (file_id) JOIN works USING (work_id)
            WHERE {chosen} GROUP BY image_id
            """,
            [parameter],
        )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _columns(row: StoredFile | FileLink | PictureFacts | Failure) -> dict[str, Any]:
    """Return the fields of *row*; what the standard library makes of it are copies of copies."""
    return {name: getattr(row, name) for name in row.__slots__}
