"""The catalog: what exists, whence it came, what failed, and what is not done yet."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlite_utils import Database

from artstore.catalog import Catalog
from artstore.errors import NotWritten
from artstore.ledger import Ledger
from artstore.library import Library
from artstore.migrations import migrations
from artstore.models import Failure, FileLink, FileState, Findings, Licence, Stage, StoredFile
from artstore.settings import Settings
from tests.unit.conftest import a_link, a_work, an_image, record, rows

CC0 = Licence("cc0", "CC0")
GPL = Licence("gpl-3.0", "GPL 3.0", "http://gnu.org/gpl")
AN_HOUR = timedelta(hours=1)


def store(catalog: Catalog, path: str, sha256: str = "s1", *images: str) -> None:
    """Record ``files/<path>`` with pictures whose paths are *images* and whose pixels are called like them."""
    with catalog.transaction():
        catalog.record_stored(StoredFile(path, 10, sha256))
        if images:
            catalog.record_findings(path, Findings([an_image(name, name, pixels=name) for name in images]))


def ids(catalog: Catalog) -> dict[str, int]:
    return dict(rows(catalog, "SELECT path, image_id FROM images"))


def failures(catalog: Catalog) -> list[tuple[Any, ...]]:
    return rows(catalog, "SELECT stage, subject, reason, times FROM failures ORDER BY subject, stage")


def test_recording_a_work_twice_is_recording_it_once(catalog: Catalog) -> None:
    work = a_work("Sword", a_link("a.png"), tags=("iron",), licences=(CC0, GPL), collections=(("u", "Best"),))
    assert record(catalog, work) == record(catalog, work)
    for table, count in {
        "works": 1,
        "files": 1,
        "work_files": 1,
        "tags": 1,
        "work_licences": 2,
        "collections": 1,
    }.items():
        assert rows(catalog, f"SELECT count(*) FROM {table}") == [(count,)], table


def test_everything_a_page_says_is_kept(catalog: Catalog) -> None:
    posted = datetime(2012, 2, 29, 12, 0)  # noqa: DTZ001 - the site does not say which zone
    record(
        catalog,
        a_work(
            'Größe \'n "quotes" -- 死神',
            author_url="u",
            submitter="s",
            collaborators=("Bo", "Ço"),
            node_id=5,
            posted_at=posted,
            description="d",
            copyright_notice="c",
            favourites=3,
            withheld=True,
            art_types=("2D Art",),
        ),
    )
    (row,) = catalog.execute("SELECT * FROM works").fetchall()
    assert row["title"] == 'Größe \'n "quotes" -- 死神'
    assert row["collaborators"] == '["Bo", "Ço"]'
    assert datetime.fromisoformat(row["posted_at"]) == posted
    assert (row["withheld"], row["favourites"], row["gone_at"]) == (1, 3, None)
    assert datetime.now(UTC) - datetime.fromisoformat(row["crawled_at"]) < AN_HOUR


def test_a_work_keeps_its_identity_when_title_and_url_change(catalog: Catalog) -> None:
    first = record(catalog, a_work("Sword", node_id=7))
    assert record(catalog, a_work("Better sword", node_id=7)) == first
    assert rows(catalog, "SELECT title, url FROM works") == [
        ("Better sword", "https://opengameart.org/content/better-sword")
    ]


def test_works_without_a_node_id_are_known_by_their_url(catalog: Catalog) -> None:
    assert record(catalog, a_work("Sword")) != record(catalog, a_work("Shield"))
    assert record(catalog, a_work("Sword")) == 1
    assert record(catalog, a_work("Sword", node_id=9)) == 1


def test_licences_tags_and_collections_are_replaced(catalog: Catalog) -> None:
    record(
        catalog,
        a_work("Sword", tags=("iron", "old"), licences=(CC0,), collections=(("u1", "A"), ("u2", "B"))),
    )
    record(catalog, a_work("Sword", tags=("old", "new"), licences=(GPL,), collections=(("u2", "B"),)))
    assert rows(catalog, "SELECT name FROM work_tags JOIN tags USING (tag_id) ORDER BY 1") == [
        ("new",),
        ("old",),
    ]
    assert rows(catalog, "SELECT key FROM work_licences JOIN licences USING (licence_id)") == [("gpl-3.0",)]
    assert rows(catalog, "SELECT title FROM work_collections JOIN collections USING (collection_id)") == [
        ("B",)
    ]


def test_previews_are_kept_in_order_and_replaced_and_are_no_files(catalog: Catalog) -> None:
    shield = record(catalog, a_work("Shield", previews=("p/a.png",)))
    sword = record(catalog, a_work("Sword", previews=("p/c.png", "p/a.png", "p/b.png")))
    assert record(catalog, a_work("Sword", previews=("p/b.png", "p/d.png"))) == sword
    assert rows(catalog, "SELECT work_id, position, url FROM previews ORDER BY work_id, position") == [
        (shield, 0, "p/a.png"),
        (sword, 0, "p/b.png"),
        (sword, 1, "p/d.png"),
    ]
    assert rows(catalog, "SELECT count(*) FROM files") == [(0,)]


def test_another_preview_is_another_content_and_a_favourite_more_is_not() -> None:
    before = a_work("Sword", previews=("p/a.png",), favourites=1).content_hash()
    assert a_work("Sword", previews=("p/a.png",), favourites=2).content_hash() == before
    assert a_work("Sword", previews=("p/b.png",), favourites=1).content_hash() != before


def test_pages_that_were_read_before_there_were_previews_are_read_in_full_once_more(
    settings: Settings,
) -> None:
    settings.data_dir.mkdir()
    with closing(sqlite3.connect(settings.catalog_path)) as old, old:
        migrations.apply(Database(old), stop_before="m005_previews")
        old.execute(
            """
            INSERT INTO works (url, title, author, collaborators, art_types, description, copyright_notice, withheld,
                content_hash, crawled_at, etag, last_modified)
            VALUES ('u', 'Sword', 'Ada', '[]', '[]', '', '', 0, 'h', '2020-01-01T00:00:00+00:00', '"e"', 'yesterday')
            """
        )
    with Catalog(settings.catalog_path) as catalog:
        assert rows(catalog, "SELECT title, etag, last_modified FROM works") == [("Sword", None, None)]
        assert rows(catalog, "SELECT count(*) FROM previews") == [(0,)]
        catalog.record_validators("u", '"f"', None)
    with Catalog(settings.catalog_path) as catalog:
        assert rows(catalog, "SELECT etag FROM works") == [('"f"',)]


def test_files_that_would_meet_on_some_disks_keep_their_paths_when_the_catalog_learns_of_it(
    settings: Settings,
) -> None:
    paths = ["b.png", "Foo.png", "foo.png", "FOO.png", "ß.png"]
    settings.data_dir.mkdir()
    with closing(sqlite3.connect(settings.catalog_path)) as old, old:
        migrations.apply(Database(old), stop_before="m007_files_folded")
        old.executemany(
            "INSERT INTO files (url, path, name, state) VALUES (?, ?, 'n', 'pending')",
            [(a_link(path).url, path) for path in paths],
        )
    with Catalog(settings.catalog_path) as catalog:
        assert rows(catalog, "SELECT path, folded FROM files ORDER BY file_id") == [
            ("b.png", "b.png"),
            ("Foo.png", "foo.png"),
            ("foo.png", "foo.png?foo.png"),
            ("FOO.png", "foo.png?FOO.png"),
            ("ß.png", "ss.png"),
        ]
        before = rows(catalog, "SELECT file_id, path, folded FROM files ORDER BY file_id")
        record(catalog, a_work("Sword", *map(a_link, paths)))
        assert rows(catalog, "SELECT file_id, path, folded FROM files ORDER BY file_id") == before


def test_a_path_that_another_file_has_meanwhile_is_not_written(catalog: Catalog) -> None:
    record(catalog, a_work("Sword", a_link("Foo.png")))
    with pytest.raises(NotWritten, match=r"foo\.png.* was given to another file"):
        record(catalog, a_work("Shield", a_link("a.png"), a_link("foo.png"), tags=("oak",)))
    assert rows(catalog, "SELECT title FROM works") == [("Sword",)]
    assert rows(catalog, "SELECT path FROM files") == [("Foo.png",)]
    assert rows(catalog, "SELECT count(*) FROM tags") == [(0,)]


def test_tags_named_twice_on_a_page_count_once(catalog: Catalog) -> None:
    record(catalog, a_work("Sword", tags=("iron", "iron"), licences=(CC0, CC0)))
    assert rows(catalog, "SELECT count(*) FROM work_tags") == [(1,)]


def test_a_file_listed_by_two_works_is_one_file(catalog: Catalog) -> None:
    record(catalog, a_work("Sword", a_link("a.png")))
    record(catalog, a_work("Shield", a_link("b.png"), a_link("a.png")))
    assert rows(catalog, "SELECT count(*) FROM files") == [(2,)]
    assert rows(
        catalog, "SELECT work_id, position FROM work_files JOIN files USING (file_id) WHERE path = 'a.png'"
    ) == [
        (1, 0),
        (2, 1),
    ]


def test_a_file_that_left_its_page_still_came_from_there(catalog: Catalog) -> None:
    record(catalog, a_work("Sword", a_link("a.png"), a_link("b.png")))
    record(catalog, a_work("Sword", a_link("b.png")))
    assert rows(catalog, "SELECT path, listed FROM work_files JOIN files USING (file_id) ORDER BY path") == [
        ("a.png", 0),
        ("b.png", 1),
    ]


def test_a_page_that_writes_its_link_in_another_way_means_the_same_file(catalog: Catalog) -> None:
    secure = a_link("a.png")
    plain = FileLink(url=secure.url.replace("https:", "http:"), path=secure.path, name=secure.name)
    record(catalog, a_work("Sword", secure))
    record(catalog, a_work("Sword", plain))
    with catalog.transaction():
        catalog.record_unavailable(plain.url, FileState.FAILED)
        catalog.record_failure(Failure(Stage.DOWNLOAD, plain.url, "http_404"))
    assert rows(catalog, "SELECT url, state FROM files") == [(plain.url, "failed")]
    store(catalog, "a.png")
    assert failures(catalog) == []


def test_words_follow_changes(catalog: Catalog) -> None:
    library = Library(catalog)
    record(catalog, a_work("Sword", a_link("a.png"), tags=("iron",)))
    store(catalog, "a.png", "s1", "files/a.png")
    assert library.find_words("sword iron ada", 9) == [1]
    record(
        catalog, a_work("Axe", a_link("a.png"), tags=("bronze",), url="https://opengameart.org/content/sword")
    )
    assert library.find_words("sword", 9) == library.find_words("iron", 9) == []
    assert library.find_words("axe bronze", 9) == [1]
    store(catalog, "a.png", "s2", "files/other.png")
    assert library.find_words("axe", 9) == [2]
    assert rows(catalog, "SELECT rowid FROM words") == [(2,)]


def test_words_of_both_works_find_a_file_that_both_list(catalog: Catalog) -> None:
    record(catalog, a_work("Sword", a_link("a.png"), tags=("iron",)))
    record(catalog, a_work("Shield", a_link("a.png"), tags=("oak",)))
    store(catalog, "a.png", "s1", "files/a.png")
    for text in ("sword", "shield", "iron", "oak", "sword oak"):
        assert Library(catalog).find_words(text, 9) == [1], text


def test_a_failure_is_counted_until_it_succeeds(catalog: Catalog) -> None:
    record(catalog, a_work("Sword", a_link("a.png")))
    url = a_link("a.png").url
    for reason in ("timeout", "http_500"):
        with catalog.transaction():
            catalog.record_unavailable(url, FileState.FAILED)
            catalog.record_failure(Failure(Stage.DOWNLOAD, url, reason, "in words"))
    assert failures(catalog) == [("download", url, "http_500", 2)]
    store(catalog, "a.png")
    assert failures(catalog) == []
    assert rows(catalog, "SELECT state FROM files") == [("stored",)]


def test_a_page_that_is_read_again_has_failed_no_more(catalog: Catalog) -> None:
    work = a_work("Sword")
    with catalog.transaction():
        catalog.record_failure(Failure(Stage.PAGE, work.url, "http_500"))
        catalog.record_failure(Failure(Stage.PAGE, work.url + "2", "http_500"))
    record(catalog, work)
    assert failures(catalog) == [("page", work.url + "2", "http_500", 1)]


def test_findings_replace_the_failures_of_their_file_and_no_others(catalog: Catalog) -> None:
    for path in ("a.zip", "a.zip2", "b.zip"):
        record(catalog, a_work(path, a_link(path)))
    kept = [
        Failure(Stage.UNPACK, "unpacked/a.zip2/x.png", "bad_member"),
        Failure(Stage.UNPACK, "files/b.zip", "bad"),
    ]
    gone = [
        Failure(Stage.UNPACK, "files/a.zip", "bad"),
        Failure(Stage.PICTURE, "unpacked/a.zip/x_%.png", "bad"),
    ]
    with catalog.transaction():
        for failure in kept + gone:
            catalog.record_failure(failure)
    now = Failure(Stage.PICTURE, "unpacked/a.zip/y.png", "cannot_decode")
    with catalog.transaction():
        catalog.record_findings("a.zip", Findings([], [now]))
    assert [(subject, times) for _, subject, _, times in failures(catalog)] == [
        ("files/b.zip", 1),
        ("unpacked/a.zip/y.png", 1),
        ("unpacked/a.zip2/x.png", 1),
    ]


def test_a_download_that_is_here_stays_when_a_later_one_fails(catalog: Catalog) -> None:
    record(catalog, a_work("Sword", a_link("a.png")))
    store(catalog, "a.png")
    with catalog.transaction():
        catalog.record_unavailable(a_link("a.png").url, FileState.FAILED)
    assert catalog.stored_file("a.png") == StoredFile("a.png", 10, "s1")


def test_what_was_never_stored_is_not_there(catalog: Catalog) -> None:
    record(catalog, a_work("Sword", a_link("a.png")))
    assert catalog.stored_file("a.png") is None
    assert catalog.stored_file("nothing.png") is None
    assert not catalog.is_examined("a.png", "s1")


def test_other_bytes_are_examined_anew_and_the_same_are_not(catalog: Catalog) -> None:
    record(catalog, a_work("Sword", a_link("a.png")))
    store(catalog, "a.png", "s1")
    assert not catalog.is_examined("a.png", "s1")
    store(catalog, "a.png", "s1", "files/a.png")
    assert catalog.is_examined("a.png", "s1")
    store(catalog, "a.png", "s1")
    assert catalog.is_examined("a.png", "s1")
    store(catalog, "a.png", "s2")
    assert not catalog.is_examined("a.png", "s2")
    assert not catalog.is_examined("a.png", "s1")


def test_what_a_file_can_be_asked_with_stays_as_long_as_its_bytes(catalog: Catalog) -> None:
    record(catalog, a_work("Sword", a_link("a.png")))
    with catalog.transaction():
        catalog.record_stored(StoredFile("a.png", 10, "s1", etag='"1"', last_modified="Sunday"))
        catalog.record_stored(StoredFile("a.png", 10, "s1"))
    assert catalog.stored_file("a.png") == StoredFile("a.png", 10, "s1", '"1"', "Sunday")
    with catalog.transaction():
        catalog.record_stored(StoredFile("a.png", 10, "s2"))
    assert catalog.stored_file("a.png") == StoredFile("a.png", 10, "s2")


def test_an_archive_that_changed_loses_old_members_and_keeps_the_ids_of_the_others(catalog: Catalog) -> None:
    record(catalog, a_work("Pack", a_link("p.zip"), a_link("q.zip")))
    store(catalog, "p.zip", "s1", "unpacked/p.zip/a", "unpacked/p.zip/b")
    store(catalog, "q.zip", "s1", "unpacked/q.zip/a")
    before = ids(catalog)
    store(catalog, "p.zip", "s2", "unpacked/p.zip/b", "unpacked/p.zip/c")
    now = ids(catalog)
    assert set(now) == {"unpacked/p.zip/b", "unpacked/p.zip/c", "unpacked/q.zip/a"}
    assert now["unpacked/p.zip/b"] == before["unpacked/p.zip/b"]
    assert now["unpacked/q.zip/a"] == before["unpacked/q.zip/a"]


def test_image_ids_are_never_given_twice(catalog: Catalog) -> None:
    record(catalog, a_work("Pack", a_link("p.zip")))
    seen: list[int] = []
    for turn in range(4):
        store(catalog, "p.zip", f"s{turn}", f"unpacked/p.zip/{turn}a", f"unpacked/p.zip/{turn}b")
        seen += ids(catalog).values()
    with catalog.transaction():
        catalog.record_findings("p.zip", Findings())
    store(catalog, "p.zip", "s9", "unpacked/p.zip/0a")
    seen += ids(catalog).values()
    assert len(set(seen)) == len(seen) == 9


def test_changed_pixels_lose_features_and_flags_and_the_same_keep_them(catalog: Catalog) -> None:
    record(catalog, a_work("Pack", a_link("p.zip")))
    store(catalog, "p.zip", "s1", "unpacked/p.zip/a", "unpacked/p.zip/b")
    ledger = Ledger.register(catalog, "colour", 8, "f1")
    with catalog.transaction():
        ledger.mark_embedded((picture, row) for row, picture in enumerate(ledger.details([1, 2])))
    ledger.mark_indexed("hnsw", *ledger.feature_rows())
    changed = [
        an_image("unpacked/p.zip/a", "a", "other"),
        an_image("unpacked/p.zip/b", "b", "unpacked/p.zip/b"),
    ]
    with catalog.transaction():
        catalog.record_findings("p.zip", Findings(changed))
    assert ledger.feature_rows()[0].tolist() == ledger.indexed("hnsw").tolist() == [2]
    assert ledger.waiting() == [1]


def test_a_transaction_that_fails_leaves_nothing(catalog: Catalog) -> None:
    class OursError(Exception):
        pass

    for error in (OursError, KeyboardInterrupt):
        with pytest.raises(error), catalog.transaction():  # noqa: PT012
            catalog.record_work(a_work("Sword", a_link("a.png")))
            raise error
    assert (
        rows(catalog, "SELECT count(*) FROM works") == rows(catalog, "SELECT count(*) FROM files") == [(0,)]
    )
    record(catalog, a_work("Sword"))
    assert rows(catalog, "SELECT count(*) FROM works") == [(1,)]


def test_a_full_disk_says_so_and_leaves_nothing(catalog: Catalog) -> None:
    record(catalog, a_work("Sword"))
    # SQLite rolls back by itself when the disk is full; a limit on pages stands for the disk.
    catalog.execute(f"PRAGMA max_page_count = {rows(catalog, 'PRAGMA page_count')[0][0]}")
    with pytest.raises(NotWritten, match="full"):
        record(catalog, a_work("Shield", description="x" * 1_000_000))
    catalog.execute("PRAGMA max_page_count = 1000000")
    record(catalog, a_work("Axe"))
    assert rows(catalog, "SELECT title FROM works ORDER BY work_id") == [("Sword",), ("Axe",)]


def test_an_address_that_goes_to_another_work_leaves_the_first_one_its_files(catalog: Catalog) -> None:
    alice = record(catalog, a_work("Fire sword", a_link("a.png"), node_id=1, author="Alice"))
    bob = record(catalog, a_work("Fire sword", a_link("b.png"), node_id=2, author="Bob"))
    assert alice != bob
    assert rows(catalog, "SELECT author, url, gone_at IS NULL FROM works ORDER BY work_id") == [
        ("Alice", "https://opengameart.org/content/fire-sword#node-1", 0),
        ("Bob", "https://opengameart.org/content/fire-sword", 1),
    ]
    assert rows(catalog, "SELECT work_id, path FROM work_files JOIN files USING (file_id) ORDER BY 1") == [
        (alice, "a.png"),
        (bob, "b.png"),
    ]
    assert record(catalog, a_work("Sword of fire", a_link("a.png"), node_id=1, author="Alice")) == alice
    assert rows(catalog, "SELECT url, gone_at FROM works WHERE author = 'Alice'") == [
        ("https://opengameart.org/content/sword-of-fire", None)
    ]
