"""Serving for months: it begins before there is anything, keeps up with a crawl, is never more than it can bear, and ends well."""

import http.client
import os
import shutil
import signal
import socket
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from PIL import Image

from artstore.catalog import Catalog
from artstore.settings import Settings
from embedder.colour import ColourEmbedder
from search.web.refusing import MOST_UPLOADS, MOST_UPLOADS_OF_ONE
from search.web.serve import KEEP_ALIVE_S
from tests import shelf
from tests.serving import Reply, Served, serving

COLOUR = ColourEmbedder(10_000_000)


@pytest.fixture(scope="module")
def sprites(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve sprites, embedded and grouped; to be copied."""
    folder = tmp_path_factory.mktemp("sprites")
    settings = Settings(data_dir=folder / "data")
    shelf.catalog_folder(shelf.save_sprites(folder / "art", 12), settings)
    shelf.embed_all(settings, COLOUR)
    shelf.group_all(settings, "colour")
    return settings.data_dir


@pytest.fixture
def data(sprites: Path, tmp_path: Path) -> Path:
    """A data folder of one's own."""
    return Path(shutil.copytree(sprites, tmp_path / "data"))


def until(site: Served, path: str, within_s: float = 40.0) -> Reply:
    """Ask *path* until it finds something."""
    end_s = time.monotonic() + within_s
    while True:
        answer = site.get(path)
        if answer.status == 200 and answer.json()["hits"]:
            return answer
        assert time.monotonic() < end_s, answer.body
        time.sleep(0.2)


def test_it_begins_before_there_is_anything_and_keeps_up(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    with serving(settings.data_dir) as site:
        state = site.wait_for("empty")
        assert state["command"]
        assert site.get("/healthz").status == 200
        refused = site.get("/api/search?q=sprite")
        assert (refused.status, refused.headers["retry-after"]) == (503, "30")
        assert "scrapy crawl oga" in refused.message
        assert site.get("/").headers["content-type"].startswith("text/html")

        shelf.catalog_folder(shelf.save_sprites(tmp_path / "art", 12), settings)
        until(site, "/api/search?q=sprite")
        state = site.wait_for("not indexed")
        assert state["command"].startswith("python -m embedder")
        assert str(tmp_path) not in state["message"] + state["command"]
        refused = site.get("/api/search?like=1")
        assert (refused.status, "python -m embedder" in refused.message) == (503, True)
        assert site.get("/thumb/1.webp").status == 200

        shelf.embed_all(settings, COLOUR)
        assert site.wait_for("ready")["embedder"] == "colour"
        until(site, "/api/search?like=1")


def test_new_pictures_are_found_by_words_at_once(data: Path, tmp_path: Path) -> None:
    with serving(data) as site:
        site.wait_for("ready")
        assert site.get("/api/search?q=mushroom").json()["hits"] == []
        (tmp_path / "more").mkdir()
        Image.new("RGB", (20, 20), "brown").save(tmp_path / "more" / "mushroom.png")
        shelf.catalog_folder(tmp_path / "more", Settings(data_dir=data))
        (hit,) = site.get("/api/search?q=mushroom").json()["hits"]
        assert site.get(hit["thumb"]).status == 200


def test_new_pictures_are_found_by_looks_without_a_restart(data: Path, tmp_path: Path) -> None:
    settings = Settings(data_dir=data)
    with serving(data) as site:
        site.wait_for("ready")
        (tmp_path / "more").mkdir()
        shelf.sprite(3).resize((64, 64), 0).save(tmp_path / "more" / "larger.png")
        shelf.catalog_folder(tmp_path / "more", settings)
        shelf.embed_all(settings, COLOUR)
        new = site.get("/api/search?q=larger").json()["hits"][0]["image_id"]
        end_s = time.monotonic() + 10
        while time.monotonic() < end_s:
            found = site.get("/api/search?like=4&expand=1&count=100").json()["hits"]
            if new in [hit["image_id"] for hit in found]:
                return
            time.sleep(0.5)
        pytest.fail("the new picture was not found")


def test_what_is_not_ready_is_told_and_the_rest_goes_on(data: Path) -> None:
    with Catalog(data / "catalog.db") as catalog, catalog.transaction():
        catalog.execute("UPDATE embedders SET fingerprint = 'of another network'")
    with serving(data) as site:
        state = site.wait_for("ready")
        assert (state["looks"], state["uploads"]) == (True, False)
        assert site.get("/api/search?like=1").status == 200
        token = site.send("/api/ask", content=(data / "files").rglob("*.png").__next__().read_bytes()).json()[
            "token"
        ]
        refused = site.get(f"/api/search?like=@{token}")
        assert (refused.status, "of another network" in refused.message) == (503, True)


def test_what_fails_on_the_way_is_got_over(data: Path) -> None:
    features = data / "features"
    features.rename(data / "away")
    features.write_text("not a folder")
    with serving(data) as site:
        assert site.get("/api/search?q=sprite").json()["hits"]
        time.sleep(1)
        assert not site.get("/api/status").json()["looks"]
        features.unlink()
        (data / "away").rename(features)
        state = site.wait_for("ready")
        assert (state["message"], state["uploads"]) == ("", True)
        site.said[:] = [line for line in site.said if "Traceback" not in line]


def test_a_connection_that_says_nothing_is_ended(data: Path) -> None:
    with serving(data) as site:
        parts = urlsplit(site.base)
        with socket.create_connection(
            (parts.hostname or "", parts.port or 0), timeout=KEEP_ALIVE_S + 20
        ) as silent:
            assert silent.recv(1) == b""


def test_a_prefix_of_a_reverse_proxy_is_in_every_link(data: Path) -> None:
    with serving(data, "--root-path", "/art/") as site:
        assert site.base.endswith("/art")
        site.wait_for("ready")
        answer = site.get("/api/search?count=1&expand=1").json()
        links = [answer["next"], *(answer["hits"][0][name] for name in ("thumb", "image", "page"))]
        assert all(link.startswith("/art/") for link in links)
        # A proxy may hand the prefix on, or keep it.
        bare = Served(site.process, site.base.removesuffix("/art"), site.said)
        for link in links:
            assert bare.get(link).status == bare.get(link.removeprefix("/art")).status == 200
        led = bare.get("/art", Host="evil.example")
        assert (led.status, led.headers["location"]) == (307, "/art/")


def test_who_asks_too_much_is_asked_to_wait(data: Path) -> None:
    with serving(data, OGA_QUESTIONS_PER_MINUTE="10") as site:
        answers = [site.get("/api/search?q=sprite") for _ in range(12)]
        refused = next(answer for answer in answers if answer.status == 429)
        assert int(refused.headers["retry-after"]) >= 1
        assert "wait" in refused.message
        page = site.get("/search?q=sprite")
        assert (page.status, page.headers["content-type"].partition(";")[0]) == (429, "text/html")
        # Pictures, and who looks whether all is well, are not counted.
        assert site.get("/thumb/1.webp").status == site.get("/healthz").status == 200
        # Nobody becomes another by saying so.
        assert site.get("/api/search?q=sprite", X_Forwarded_For="1.2.3.4").status == 429


def test_a_trusted_proxy_says_who_asks(data: Path) -> None:
    with serving(data, OGA_QUESTIONS_PER_MINUTE="4", OGA_TRUSTED_PROXIES="127.0.0.1") as site:
        for _ in range(2):
            assert site.get("/api/search?q=sprite", X_Forwarded_For="1.2.3.4").status == 200
        assert site.get("/api/search?q=sprite", X_Forwarded_For="1.2.3.4").status == 429
        assert site.get("/api/search?q=sprite", X_Forwarded_For="1.2.3.5").status == 200


def test_too_many_at_once_are_asked_to_come_back(data: Path) -> None:
    with serving(data, OGA_QUESTIONS_AT_ONCE="1", OGA_MAX_WAITING_QUESTIONS="1") as site:
        site.wait_for("ready")
        with ThreadPoolExecutor(40) as many:
            answers = list(many.map(lambda _: site.get("/api/search?like=1&facets=1"), range(200)))
        counted = Counter(answer.status for answer in answers)
        assert set(counted) == {200, 503}
        refused = next(answer for answer in answers if answer.status == 503)
        assert refused.headers["retry-after"] == "2"
        assert "moment" in refused.message
        assert site.get("/api/search?like=1").status == 200


def test_few_uploads_are_let_in_at_once_and_fewer_of_one_client(data: Path) -> None:
    with serving(data, OGA_TRUSTED_PROXIES="127.0.0.1") as site, ExitStack() as stack:
        parts = urlsplit(site.base)

        def begin(client: str) -> None:
            """Begin an upload that does not go on."""
            connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
            stack.callback(connection.close)
            connection.putrequest("POST", "/api/ask")
            connection.putheader("Content-Type", "image/png")
            connection.putheader("Content-Length", "1000")
            connection.putheader("X-Forwarded-For", client)
            connection.endheaders()

        def status_for(client: str) -> int:
            headers = {"content-type": "image/png", "X-Forwarded-For": client}
            return site.ask("POST", "/api/ask", b"x", headers).status

        for _ in range(MOST_UPLOADS_OF_ONE):
            begin("1.1.1.1")
        time.sleep(0.5)
        assert (status_for("1.1.1.1"), status_for("1.1.1.2")) == (503, 422)
        for number in range(MOST_UPLOADS_OF_ONE, MOST_UPLOADS):
            begin(f"1.1.2.{number}")
        time.sleep(0.5)
        assert status_for("1.1.1.2") == 503
        assert site.get("/api/search?q=sprite").status == 200
        stack.close()
        time.sleep(0.5)
        assert status_for("1.1.1.1") == 422


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_when_what_is_under_way_is_answered(data: Path, number: signal.Signals) -> None:
    content = next((data / "files").rglob("*.png")).read_bytes()
    with serving(data) as site:
        parts = urlsplit(site.base)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
        connection.putrequest("POST", "/api/ask")
        connection.putheader("Content-Type", "image/png")
        connection.putheader("Content-Length", str(len(content)))
        connection.endheaders()
        connection.send(content[:10])
        time.sleep(0.5)
        site.process.send_signal(number)
        time.sleep(0.5)
        assert site.process.poll() is None
        connection.send(content[10:])
        answer = connection.getresponse()
        assert answer.status == 200
        answer.read()
        connection.close()
        assert site.process.wait(30) == 0
    assert "search: ended" in site.said[-1]


def test_several_processes_are_one_server(data: Path) -> None:
    with serving(data, "--workers", "2") as site:
        site.wait_for("ready")
        for _ in range(30):
            assert site.get("/api/search?q=sprite").status == 200
        time.sleep(0.2)
        line = next(
            line
            for line in site.get("/metrics").body.decode().splitlines()
            if line.startswith('oga_requests_total{method="GET",route="/api/search",status="200"}')
        )
        assert float(line.split()[-1]) == 30
        assert site.end() == 0


def workers_of(site: Served) -> set[int]:
    """The processes that serve, which a process of another kind may stand beside."""
    parent = site.process.pid
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return {int(pid) for pid in children if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()}


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="processes are listed by /proc")
def test_a_process_that_is_killed_is_replaced(data: Path) -> None:
    with serving(data, "--workers", "2") as site:
        site.wait_for("ready")
        before = workers_of(site)
        assert len(before) == 2
        os.kill(min(before), signal.SIGKILL)
        end_s = time.monotonic() + 20
        while len(workers_of(site) - {min(before)}) < 2:
            assert time.monotonic() < end_s
            time.sleep(0.2)
        # Numbers of the one that is no more are not counted.
        until_s = time.monotonic() + 20
        while "\noga_ready 1.0" not in site.get("/metrics").body.decode():
            assert time.monotonic() < until_s
            time.sleep(0.5)
        assert site.end() == 0


def test_what_a_kill_leaves_is_whole(data: Path) -> None:
    shelf.catalog_folder(shelf.save_noise(data.parent / "noise", 60), Settings(data_dir=data))
    content = next((data / "files").rglob("*.png")).read_bytes()
    with serving(data) as site:
        with ThreadPoolExecutor(8) as many:
            asked = [many.submit(site.get, f"/thumb/{number}.png") for number in range(1, 70)]
            asked += [many.submit(site.send, "/api/ask", content=content) for _ in range(5)]
            while not any((data / "thumbs").rglob("*.png")):
                time.sleep(0.01)
            site.process.kill()
            for one in asked:
                one.exception()
        assert site.process.wait(10) == -signal.SIGKILL
    kept = [path for name in ("thumbs", "uploads") for path in (data / name).rglob("*.*") if path.is_file()]
    whole = [path for path in kept if not path.name.startswith(".")]
    assert whole
    for path in whole:
        with Image.open(path) as image:
            image.load()
    with serving(data) as site:
        site.wait_for("ready")
        assert all(site.get(f"/thumb/{number}.png").status == 200 for number in range(1, 70))


def test_every_request_leaves_a_line_on_stderr(data: Path) -> None:
    with serving(data) as site:
        site.get("/api/search?q=fire%20sword%0a")
        time.sleep(0.2)
    assert any("127.0.0.1 GET /api/search?q=fire%20sword%0a 200 " in line for line in site.said)


def test_an_address_that_cannot_be_had_is_told(data: Path) -> None:
    with serving(data) as site:
        port = site.base.rpartition(":")[2]
        told = shelf.search(data, "serve", "--port", port)
        assert (told.returncode, "choose another --host or --port" in told.stderr) == (1, True)
    for words in (["--port", "70000"], ["--workers", "0"], ["--root-path", "a?b"]):
        assert shelf.search(data, "serve", *words).returncode == 2
    for workers in ("1", "2"):
        told = shelf.search(data, "serve", "--port", "0", "--workers", workers, OGA_TRUSTED_PROXIES="nobody")
        assert (told.returncode, "OGA_TRUSTED_PROXIES" in told.stderr) == (2, True)
