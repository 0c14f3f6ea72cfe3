"""What the pages say is what the catalog says."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html import unescape
from typing import Any
from urllib.parse import urljoin

import pytest

from tests.integration.crawling import Crawled
from tests.replica import ReplicaWork


def plain(html: str) -> str:
    """The text of the site's paragraphs, which stand on a line each."""
    lines = (unescape(re.sub(r"<[^>]+>", "", line)).split() for line in html.splitlines())
    return "\n".join(" ".join(words) for words in lines)


FACTS: dict[str, Callable[[ReplicaWork], Any]] = {
    "node_id": lambda work: work.node_id,
    "title": lambda work: work.title,
    "author": lambda work: work.author.name,
    "submitter": lambda work: work.submitter and work.submitter.name,
    "collaborators": lambda work: json.dumps([each.name for each in work.collaborators], ensure_ascii=False),
    "art_types": lambda work: json.dumps([kind.name for kind in work.art_types], ensure_ascii=False),
    "posted_at": lambda work: work.posted_at.replace(tzinfo=None).isoformat(),
    "description": lambda work: plain(work.body),
    "copyright_notice": lambda work: work.copyright_notice or "",
    "favourites": lambda work: work.favourites,
    "withheld": lambda work: int(work.withheld),
    "gone_at": lambda _: None,
}


def test_the_crawl_of_a_broken_site_ends_well_and_without_a_traceback(crawled: Crawled) -> None:
    assert crawled.process.returncode == 0, crawled.process.stderr
    assert "Traceback" not in crawled.process.stderr
    assert f"finished: {len(crawled.works)} works" in crawled.process.stderr
    assert crawled.process.stdout == ""


def test_all_2d_works_are_in_the_catalog_and_no_others(crawled: Crawled) -> None:
    urls = [url for (url,) in crawled.rows("SELECT url FROM works")]
    assert sorted(urls) == sorted(crawled.server.url + work.path for work in crawled.works)
    shown_elsewhere = {"waltz-for-a-clock", "fault-page-missing"}
    assert not shown_elsewhere & {url.rpartition("/")[2] for url in urls}


def test_encoded_slugs_stay_as_the_site_writes_them(crawled: Crawled) -> None:
    urls = {url.rpartition("/")[2] for (url,) in crawled.rows("SELECT url FROM works")}
    assert {
        "%D1%81rowns",
        "%E6%AD%BB%E7%A5%9E-mask-16x18",
        "walls-%E2%80%94-twenty-%C3%97-twenty",
    } & urls == {
        "%D1%81rowns",
        "%E6%AD%BB%E7%A5%9E-mask-16x18",
    }  # walls are a texture


@pytest.mark.parametrize("column", FACTS)
def test_a_fact_of_every_work_is_what_its_page_says(crawled: Crawled, column: str) -> None:
    found = dict(crawled.rows(f"SELECT url, {column} FROM works"))
    assert found == {crawled.server.url + work.path: FACTS[column](work) for work in crawled.works}


def test_author_links_are_absolute_or_leave_the_site_or_are_none(crawled: Crawled) -> None:
    base = crawled.server.url
    found = dict(crawled.rows("SELECT url, author_url FROM works"))
    assert found == {
        base + work.path: work.author_url and urljoin(base + work.path, work.author_url)
        for work in crawled.works
    }
    assert found[f"{base}/content/foundry-starships"] == "http://inkwell-foundry.example/"
    assert found[f"{base}/content/brams-sea-chest"] is None
    assert found[f"{base}/content/crooked-toolbox"] == f"{base}/users/wren-tallow"


def test_every_tag_of_every_work_is_linked_as_written(crawled: Crawled) -> None:
    found = crawled.rows(
        "SELECT url, name FROM works JOIN work_tags USING (work_id) JOIN tags USING (tag_id)"
    )
    assert sorted(found) == sorted(
        (crawled.server.url + work.path, tag) for work in crawled.works for tag in work.tags
    )


def test_every_licence_of_every_work_is_linked_with_its_deed(crawled: Crawled) -> None:
    found = crawled.rows(
        "SELECT url, key, name, deed_url FROM works JOIN work_licences USING (work_id) JOIN licences USING (licence_id)"
    )
    assert sorted(found) == sorted(
        (
            crawled.server.url + work.path,
            licence.name.lower().replace(" ", "-"),
            licence.name,
            licence.deed,
        )
        for work in crawled.works
        for licence in work.licences
    )
    starships = f"{crawled.server.url}/content/foundry-starships"
    assert {key for url, key, _, _ in found if url == starships} == {"cc-by-3.0", "gpl-2.0", "gpl-3.0"}


def test_every_collection_of_every_work_is_linked(crawled: Crawled) -> None:
    found = crawled.rows(
        """
        SELECT works.url, collections.url, collections.title
        FROM works JOIN work_collections USING (work_id) JOIN collections USING (collection_id)
        """
    )
    base = crawled.server.url
    assert sorted(found) == sorted(
        (base + work.path, base + each.path, each.title)
        for work in crawled.works
        for each in work.collections
    )


def test_every_listed_file_of_every_work_is_linked_in_order(crawled: Crawled) -> None:
    found = crawled.rows(
        """
        SELECT works.url, position, files.url, name, declared_bytes, mime
        FROM works JOIN work_files USING (work_id) JOIN files USING (file_id) WHERE listed
        """
    )
    base = crawled.server.url
    assert sorted(found) == sorted(
        (base + work.path, position, base + file.url_path, file.upload_name, file.declared_bytes, file.mime)
        for work in crawled.works
        for position, file in enumerate(work.listed_files)
    )


def test_a_file_of_two_works_is_one_row_with_two_links_and_one_download(crawled: Crawled) -> None:
    shared = {"16x16 lava & water tiles.png", "planet.png"}
    for name in shared:
        file = crawled.site.file(name)
        found = crawled.rows(
            "SELECT count(DISTINCT file_id), count(*) FROM files JOIN work_files USING (file_id) WHERE url = ?",
            crawled.server.url + file.url_path,
        )
        assert found == [(1, 2)]
        assert crawled.targets.count(file.url_path) == 1


def test_words_of_titles_tags_and_authors_find_pictures(crawled: Crawled) -> None:
    found = crawled.rows("SELECT DISTINCT title FROM words WHERE words MATCH 'starships AND inkwell'")
    assert found == [("Foundry Starships",)]
