"""``python -m tests.benchmarks.serving``: the web page and its API under load, over a catalog of generated pictures.

A server in a process of its own is asked over loopback: click by click, by many at once, and while a
crawl writes. Features are drawn around a few thousand directions, as long as those of `colour`, by which uploads are asked.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path

import aiohttp
import numpy as np

from artstore.catalog import Catalog
from artstore.command import run, talk
from artstore.features import rows_path, unit
from artstore.ledger import Ledger
from artstore.settings import Settings
from embedder.colour import ColourEmbedder
from embedder.indexing import update_index
from tests import shelf
from tests.benchmarks.table import Row, print_table
from tests.serving import Served, serving

DRAWN = 400
"""Pictures that have a file, for thumbnails."""

WORDS = ("sword", "axe", "tree", "house", "fish", "robot", "potion", "shield", "gem", "ship")

_FILL = """
INSERT INTO works (work_id, url, title, author, collaborators, art_types, description, copyright_notice, withheld,
    content_hash, crawled_at)
SELECT i, 'https://o.org/content/' || i, (SELECT word FROM said WHERE n = i % 10) || ' of ' || i, 'Author ' || (i * i % 1999),
    '[]', '["2D Art"]', '', '', 0, '', '' FROM numbers WHERE i <= :works;
INSERT INTO work_licences SELECT i, licence_id FROM numbers, licences
WHERE i <= :works AND (licence_id = 1 + i % 5 OR licence_id = 3 AND i % 3 = 0);
INSERT OR IGNORE INTO work_tags SELECT i, 1 + (i * (7 + n) % (40 * (1 + n * n))) FROM numbers, said WHERE i <= :works AND n < 8;
INSERT INTO files (file_id, url, path, folded, name, state, examined_at)
SELECT i, 'https://o.org/f' || i || '.zip', 'f' || i, 'f' || i, (SELECT word FROM said WHERE n = i % 10) || i || '.png', 'stored', ''
FROM numbers WHERE i <= :works;
INSERT INTO work_files SELECT i, i, 0, 1 FROM numbers WHERE i <= :works;
INSERT INTO images (image_id, file_id, path, member, pixel_hash, format, mode, width_px, height_px, frames, series)
SELECT i, 1 + (i - 1) % :works, 'files/p' || i || '.png', 'm' || i, 'h' || i, 'PNG', 'RGBA', 16 * (1 + i % 9), 16 * (1 + i % 5),
    1 + (i % 50 = 0), CASE WHEN i % 3 = 0 THEN 's' || i / 12 END FROM numbers;
INSERT INTO words (rowid, title, tags, author, file, member)
SELECT image_id, title, (SELECT group_concat(name, ' ') FROM work_tags JOIN tags USING (tag_id) WHERE work_tags.work_id = works.work_id),
    author, files.name, member FROM images JOIN files USING (file_id) JOIN works ON work_id = file_id;
INSERT INTO groups SELECT i, i - i % 12 + 3 FROM numbers WHERE i % 3 = 0 AND i > 12;
INSERT INTO features SELECT :embedder_id, i, i - 1 FROM numbers
"""


def collect(data_dir: Path, count: int) -> Settings:
    """Fill *data_dir* with *count* pictures, six to a work."""
    settings = Settings(data_dir=data_dir, embedder="colour")
    colour = ColourEmbedder(settings.max_picture_px)
    random = np.random.default_rng(11)
    middles = unit(random.normal(size=(2_000, colour.dim)).astype(np.float32))
    features = rows_path(settings.features_dir("colour"), colour.dim)
    features.parent.mkdir(parents=True)
    with features.open("wb") as file:
        for start in range(0, count, 10_000):
            near = middles[random.integers(0, len(middles), min(10_000, count - start))]
            away = random.normal(scale=0.03, size=near.shape).astype(np.float32)
            file.write(unit(near + away).astype(np.float16).tobytes())
    settings.files_dir.mkdir()
    for number in range(1, DRAWN + 1):
        shelf.sprite(number, size_px=96).save(settings.files_dir / f"p{number}.png")
    with Catalog(settings.catalog_path) as catalog:
        ledger = Ledger.register(catalog, "colour", colour.dim, colour.fingerprint)
        with catalog.transaction():
            keys = ("cc0", "cc-by-3.0", "cc-by-4.0", "gpl-2.0", "gpl-3.0")
            catalog.execute_many(
                "INSERT INTO licences VALUES (NULL, ?, ?, NULL)", [(key, key) for key in keys]
            )
            catalog.execute_many("INSERT INTO tags VALUES (NULL, ?)", [(f"tag {n}",) for n in range(2_000)])
            catalog.execute("CREATE TEMP TABLE numbers (i INTEGER PRIMARY KEY)")
            catalog.execute_many("INSERT INTO numbers VALUES (?)", ((i,) for i in range(1, count + 1)))
            catalog.execute("CREATE TEMP TABLE said (n INTEGER PRIMARY KEY, word)")
            catalog.execute_many("INSERT INTO said VALUES (?, ?)", enumerate(WORDS))
            for statement in _FILL.split(";"):
                catalog.execute(statement, {"works": count // 6, "embedder_id": ledger.embedder.embedder_id})
        for _ in update_index(ledger, settings):
            pass
    return settings


def questions(count: int) -> dict[str, Callable[[int], str]]:
    """Return what is asked: from a number to an address."""

    def an_id(number: int) -> int:
        return 1 + number * 7919 % count

    return {
        "API: like": lambda n: f"/api/search?like={an_id(n)}",
        "API: like, one licence": lambda n: f"/api/search?like={an_id(n)}&licence=cc0",
        "API: like, with counts": lambda n: f"/api/search?like={an_id(n)}&facets=1",
        "API: words, with counts": lambda n: f"/api/search?q={WORDS[n % 10]}&facets=1",
        "page: like, with counts": lambda n: f"/search?like={an_id(n)}",
        "page: words, with counts": lambda n: f"/search?q={WORDS[n % 10]}%20{n % 90}",
        "page: a tag and a licence": lambda n: f"/search?tag=tag%20{n % 40}&licence=cc0",
        "page: first": lambda _: "/",
        "page: a picture": lambda n: f"/picture/{an_id(n)}",
        "thumbnail, made before": lambda n: f"/thumb/{1 + n % DRAWN}.webp",
    }


def click(site: Served, count: int, times: int) -> list[Row]:
    """Ask one thing after the other, by one connection that stays."""

    async def asked() -> list[Row]:
        rows = []
        async with aiohttp.ClientSession() as session:
            for name, address in questions(count).items():
                for number in range(3):
                    await _ms(session, site.base + address(number))
                before_s = cpu_s(site)
                taken = [await _ms(session, site.base + address(3 + number)) for number in range(times)]
                used = f"{1000 * (cpu_s(site) - before_s) / times:.1f} ms of a core"
                rows.append(
                    Row(name, float(np.median(taken)), "ms", f"p99 {np.quantile(taken, 0.99):.1f} ms; {used}")
                )
                talk(f"{rows[-1]}")
        return rows

    return asyncio.run(asked())


def load(base: str, count: int, connections: int, seconds: float, what: Sequence[str]) -> Row:
    """Ask *what*, in turn, by *connections* at once."""

    async def asked() -> Row:
        taken: list[float] = []
        refused = 0
        until_s = time.perf_counter() + seconds
        numbers = iter(range(1_000_000))
        names = cycle(what)

        async def client(session: aiohttp.ClientSession) -> None:
            nonlocal refused
            while time.perf_counter() < until_s:
                try:
                    taken.append(await _ms(session, base + questions(count)[next(names)](next(numbers))))
                except aiohttp.ClientResponseError:
                    refused += 1

        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            await asyncio.gather(*(client(session) for _ in range(connections)))
        note = f"p50 {np.median(taken):.0f} ms, p99 {np.quantile(taken, 0.99):.0f} ms, {refused} asked to come back"
        return Row(f"{connections} at once: {' + '.join(what)}", len(taken) / seconds, "requests/s", note)

    row = asyncio.run(asked())
    talk(f"{row}")
    return row


async def _ms(session: aiohttp.ClientSession, url: str) -> float:
    start_s = time.perf_counter()
    async with session.get(url, raise_for_status=True) as answer:
        await answer.read()
    return 1000 * (time.perf_counter() - start_s)


@contextmanager
def crawl_beside(settings: Settings) -> Iterator[None]:
    """Write into the catalog as a crawl does, twice a second."""
    stopped = threading.Event()

    def write() -> None:
        with Catalog(settings.catalog_path) as catalog:
            while not stopped.wait(0.5):
                with catalog.transaction():
                    catalog.execute("UPDATE works SET crawled_at = ? WHERE work_id = 1", [str(time.time())])

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield
    finally:
        stopped.set()
        writer.join()


def memory_mb(site: Served) -> float:
    """Return what the server holds: resident, of its own process."""
    status = Path(f"/proc/{site.process.pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024


def cpu_s(site: Served) -> float:
    """Return what the server's own process has used of a core so far: other load does not lengthen that."""
    ticks = Path(f"/proc/{site.process.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")


def measure(settings: Settings, count: int, times: int, seconds: float) -> None:
    """Print all tables."""
    many = {"OGA_MAX_WAITING_QUESTIONS": "64"}
    with serving(settings.data_dir, "--embedder", "colour", **many) as site:
        began_s = time.perf_counter()
        site.wait_for("ready", 300)
        rows = [Row("ready after", time.perf_counter() - began_s, "s", f"{count:,} pictures")]
        began_s = time.perf_counter()
        asyncio.run(_thumbs(site.base))
        rows.append(
            Row(
                "thumbnails made",
                DRAWN / (time.perf_counter() - began_s),
                "a second",
                "of 96x96 px, two processes",
            )
        )
        warm_mb = memory_mb(site)
        print_table("Serve: click by click", [*rows, *click(site, count, times)])
        mixed = ("API: like", "page: words, with counts", "thumbnail, made before", "thumbnail, made before")
        rows = [
            load(site.base, count, 1, seconds, ("API: like",)),
            load(site.base, count, 16, seconds, ("API: like",)),
            load(site.base, count, 16, seconds, mixed),
            load(site.base, count, 200, seconds, ("page: like, with counts",)),
            load(site.base, count, 16, seconds, ("thumbnail, made before",)),
        ]
        with crawl_beside(settings):
            rows.append(load(site.base, count, 4, seconds, ("page: like, with counts",)))
            rows.append(load(site.base, count, 4, seconds, ("page: a tag and a licence",)))
        held = [Row("when it is ready", warm_mb, "MB"), Row("after all of the above", memory_mb(site), "MB")]
        for _ in range(3):
            load(site.base, count, 8, 2 * seconds, tuple(questions(count)))
            held.append(Row(f"and {2 * seconds:g} s of everything later", memory_mb(site), "MB"))
        print_table("Serve: many at once", rows)
        print_table("Serve: memory", held)


async def _thumbs(base: str) -> None:
    # Fewer at once than may wait of one client.
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=32)) as session:
        await asyncio.gather(*(_ms(session, f"{base}/thumb/{n}.webp") for n in range(1, DRAWN + 1)))


def main(argv: Sequence[str]) -> int:
    """Measure, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.serving", description=__doc__)
    parser.add_argument("--pictures", type=int, default=100_000)
    parser.add_argument("--times", type=int, default=100, help="clicks of each kind (default: 100)")
    parser.add_argument("--seconds", type=float, default=10, help="of each load (default: 10)")
    parser.add_argument("--folder", type=Path, help="the data folder, made if it is not there; kept")
    words = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as made:
        folder = words.folder or Path(made, "data")
        if not folder.exists():
            talk("collecting …")
            collect(folder, words.pictures)
        measure(Settings(data_dir=folder, embedder="colour"), words.pictures, words.times, words.seconds)
    return 0


if __name__ == "__main__":
    sys.exit(run("bench", main))
