"""What one client does, nobody else has to wait for; and what is nobody's business stays here."""

import asyncio
import os
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from starlette.types import Message

from artstore.drawing import Drawing, Purpose
from artstore.settings import Settings
from embedder.colour import ColourEmbedder
from search.web.app import create_app
from search.web.drawer import Drawer, Pace
from search.web.errors import Overloaded
from tests import shelf
from tests.serving import serving
from tests.unit.conftest import png


def noise(seed: int, side_px: int) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (side_px, side_px, 3), np.uint8)
    out = BytesIO()
    Image.fromarray(pixels).save(out, "PNG", compress_level=1)
    return out.getvalue()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few sprites and a large sheet, embedded."""
    folder = tmp_path_factory.mktemp("manners")
    settings = Settings(data_dir=folder / "data")
    art = shelf.save_sprites(folder / "art", 4)
    (art / "a-sheet.png").write_bytes(noise(1, 4_000))
    shelf.catalog_folder(art, settings)
    shelf.embed_all(settings, ColourEmbedder(10**9))
    shelf.group_all(settings, "colour")
    return settings.data_dir


def test_regions_of_a_large_sheet_hold_up_nobody_else(data: Path) -> None:
    with serving(data) as site:
        site.wait_for("ready")
        sheet = site.get("/api/search?q=sheet").json()["hits"][0]["image_id"]
        with ThreadPoolExecutor(20) as many:
            asked = [many.submit(site.get, f"/api/search?like={sheet}~{n},0,64,64") for n in range(20)]
            while not any(one.done() for one in asked):
                time.sleep(0.01)
            assert site.get("/api/search?q=sprite").status == 200
            assert not all(one.done() for one in asked)
        statuses = [one.result().status for one in asked]
        assert set(statuses) == {200, 503}


def test_of_one_client_so_many_pictures_wait_to_be_drawn(tmp_path: Path) -> None:
    async def drawn() -> None:
        pace = Pace(processes=1, answer_s=30.0, most_waiting=4, most_of_one=2)
        drawer = Drawer(Settings(data_dir=tmp_path), pace)

        def draw(name: str, client: str) -> "asyncio.Task[object]":
            drawing = Drawing(png(), str(tmp_path / f"{name}.png"), Purpose.ASKED)
            return asyncio.create_task(drawer.draw(drawing, client))

        asked = [draw("a", "one"), draw("b", "one"), draw("c", "one"), draw("d", "other"), draw("e", "third")]
        asked.append(draw("f", "fourth"))
        found = await asyncio.gather(*asked, return_exceptions=True)
        refused = [isinstance(answer, Overloaded) for answer in found]
        assert refused == [False, False, True, False, False, True]
        await draw("c", "one")
        await drawer.close()

    asyncio.run(drawn())


def test_where_the_data_lies_is_told_to_nobody(data: Path) -> None:
    with serving(data) as site:
        site.wait_for("ready")
        token = site.send("/api/ask", content=png()).json()["token"]
        for path in (
            "/api/search?like=1~5000,5000,10,10",
            f"/api/search?like=@{token}~5000,5000,10,10",
            "/search?like=1~5000,5000,10,10",
            "/api/search?like=999",
        ):
            answer = site.get(path)
            assert answer.status == 400
            assert str(data.parent) not in answer.body.decode()


def test_nothing_of_an_answer_is_where_the_request_says_that_we_are(data: Path) -> None:
    with serving(data) as site:
        for path in ("/search/", "/api/search/", "/api/status/", "/picture/1/"):
            answer = site.get(path, Host="evil.example")
            assert answer.status == 404
            assert b"evil.example" not in answer.body
            assert "location" not in answer.headers


def test_uploads_are_kept_for_their_days_and_by_nobody_else(data: Path) -> None:
    with serving(data, OGA_KEEP_UPLOADS_DAYS="2") as site:
        site.wait_for("ready")
        upload = site.send("/api/ask", content=png(5)).json()
        assert site.get(upload["image"]).headers["cache-control"] == "private, max-age=3600"
        (kept,) = (data / "uploads").rglob(f"{upload['token']}.png")
        os.utime(kept, (time.time(), time.time() - 2.1 * 24 * 3600))
        for path in (upload["image"], upload["search"], upload["whose"]):
            assert site.get(path).status == 410
    with serving(data, OGA_KEEP_UPLOADS_DAYS="2") as site:
        site.wait_for("ready")
        assert not kept.exists()


def test_uploads_are_held_to_their_bytes(data: Path) -> None:
    with serving(data, OGA_MAX_UPLOADS_BYTES="200000") as site:
        for seed in range(12):
            assert site.send("/api/ask", content=noise(seed, 100)).status == 200
        assert sum(path.stat().st_size for path in (data / "uploads").rglob("*.png")) <= 200_000


def test_a_dear_question_is_dear_however_it_is_written(data: Path) -> None:
    with serving(data, OGA_QUESTIONS_PER_MINUTE="16") as site:
        # Half a minute's allowance is 8: two of these, not eight.
        statuses = [site.get("/api/search?%6cike=1%7e0,0,4,4").status for _ in range(4)]
        assert statuses.count(429) >= 1


def test_what_is_deep_in_an_answer_costs_more(data: Path) -> None:
    with serving(data, OGA_QUESTIONS_PER_MINUTE="60") as site:
        # Half a minute's allowance is 30: one of these is 21.
        assert site.get("/api/search?q=sprite&start=10000").status == 200
        assert site.get("/api/search?q=sprite&start=10000").status == 429
        assert site.get("/api/search?q=sprite").status == 200


def test_every_route_is_counted_by_its_name(data: Path) -> None:
    with serving(data) as site:
        site.wait_for("ready")
        for path in (
            "/search?q=sprite",
            "/api/search?q=sprite",
            "/picture/1",
            "/thumb/1.webp",
            "/nothing",
            "/about",
        ):
            site.get(path)
        told = site.get("/metrics").body.decode()
        for route in ("/search", "/api/search", "/thumb/{image_id}.{suffix}", "/about", "none"):
            assert f'route="{route}"' in told
        assert "\noga_ready 1.0" in told


def test_a_bug_is_counted_as_one_and_is_answered_safely(data: Path) -> None:
    app = create_app(Settings(data_dir=data))

    @app.get("/api/bug")
    async def bug() -> None:
        raise RuntimeError("a bug")

    async def asked(path: str) -> list[Message]:
        sent: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Message) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "method": "GET",
            "path": path,
            "headers": [],
            "query_string": b"",
            "client": ("::1", 1),
        }
        # The server logs it.
        with suppress(RuntimeError):
            await app(scope | {"raw_path": path.encode()}, receive, send)
        return sent

    start, body = asyncio.run(asked("/api/bug"))
    headers = dict(start["headers"])
    assert start["status"] == 500
    assert b"a bug" not in body["body"]
    assert headers[b"x-content-type-options"] == b"nosniff"
    assert b"default-src 'none'" in headers[b"content-security-policy"]
    _, told = asyncio.run(asked("/metrics"))
    assert b'status="500"} 1.0' in told["body"]
