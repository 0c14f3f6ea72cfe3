"""The nastiest names that were seen on the site: found by name, shown, and linked as the site has them."""

import re
from pathlib import Path
from urllib.parse import quote

import pytest

from artstore import names
from artstore.catalog import Catalog
from artstore.models import FileLink, StoredFile, Work
from artstore.places import Places
from artstore.settings import Settings
from artstore.unpack import find_images
from search.web.questions import MOST_LETTERS, Question
from tests.serving import serving
from tests.unit.conftest import png

pytestmark = pytest.mark.real

FILES = "https://opengameart.org/sites/default/files/"


def nasty(real_data: Path) -> list[tuple[str, str]]:
    """(address, decoded name) of the pictures among them."""
    rows = re.findall(
        r"^\| \d+ \| [^|]* \| `(.+?)` \| `(.+?)` \|$",
        (real_data / "oga-html/nasty-names.md").read_text(),
        re.MULTILINE,
    )
    return [
        (FILES + address, name)
        for address, name in rows
        if re.search(r"\.(png|jpe?g|gif)$", name, re.IGNORECASE)
    ]


def store(settings: Settings, found: list[tuple[str, str]]) -> None:
    with Catalog(settings.catalog_path) as catalog:
        for number, (url, name) in enumerate(found):
            link = FileLink(url, names.path_of_url(url), name.rpartition("/")[2])
            work = Places(catalog).place(
                Work(
                    url=f"https://opengameart.org/content/w{number}",
                    title=f"Work {number}",
                    author="Ada",
                    files=(link,),
                )
            )
            (placed,) = work.files
            target = settings.files_dir / placed.path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(png(number))
            with catalog.transaction():
                catalog.record_work(work)
                catalog.record_stored(StoredFile(placed.path, target.stat().st_size, ""))
                catalog.record_findings(placed.path, find_images(placed.path, settings))


def test_the_nastiest_names_work_in_every_link(real_data: Path, tmp_path: Path) -> None:
    found = nasty(real_data)
    assert len(found) > 25
    settings = Settings(data_dir=tmp_path / "data")
    store(settings, found)
    with serving(settings.data_dir) as site:
        site.wait_for("not indexed")
        by_url = {hit["file_url"]: hit for hit in site.get("/api/search?count=100&expand=1").json()["hits"]}
        assert set(by_url) == {url for url, _ in found}
        for url, name in found:
            hit = by_url[url]
            for path in (hit["thumb"], hit["image"], hit["page"]):
                assert site.get(path).status == 200, (name, path)
            words = name.rpartition("/")[2][:MOST_LETTERS]
            if not re.search(r"[^\W_]", words):
                continue
            asked = Question(words=f'"{words}"', expand=True, count=100)
            for query in (asked.query(), f"q={quote(asked.words)}&expand=1&count=100"):
                ids = [one["image_id"] for one in site.get(f"/api/search?{query}").json()["hits"]]
                assert hit["image_id"] in ids, name
            page = site.get(f"/search?{asked.query()}")
            assert page.status == 200
            assert "%25" not in page.body.decode() or "%" in name, name
