"""The API over HTTP: a real server, real pictures, and what it says to whoever asks wrongly."""

import gzip
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
from PIL import Image

from artstore.catalog import Catalog
from artstore.settings import Settings
from embedder.colour import ColourEmbedder
from tests import shelf
from tests.replica import build_site
from tests.serving import Served, serving

SVG = (
    b'<svg xmlns="http://www.w3.org/2000/svg" width="40" height="30">'
    b'<script>document.title = "run"</script><rect width="40" height="30" fill="#0a0"/></svg>'
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fake site, an SVG and an animation beside it, embedded and grouped; uploads and thumbnails come to it."""
    settings = Settings(data_dir=tmp_path_factory.mktemp("web") / "data")
    shelf.catalog_site(build_site(works=60), settings)
    loose = tmp_path_factory.mktemp("loose")
    (loose / "leaf.svg").write_bytes(SVG)
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "lime", "blue")]
    frames[0].save(loose / "blink.gif", save_all=True, append_images=frames[1:], duration=90)
    Image.new("RGB", (30, 20), "teal").save(loose / "old.bmp")
    shelf.catalog_folder(loose, settings)
    colour = ColourEmbedder(10_000_000)
    shelf.embed_all(settings, colour)
    shelf.group_all(settings, "colour")
    return settings.data_dir


@pytest.fixture(scope="module")
def site(data: Path) -> Iterator[Served]:
    with serving(data) as served:
        served.wait_for("ready")
        yield served


def id_of(data: Path, ending: str) -> int:
    with Catalog(data / "catalog.db", read_only=True) as catalog:
        found = catalog.execute("SELECT image_id, path FROM images ORDER BY image_id").fetchall()
    return next(int(row["image_id"]) for row in found if row["path"].endswith(ending))


def a_sprite(data: Path) -> bytes:
    return next(path for path in sorted((data / "files").rglob("*.png"))).read_bytes()


def test_words_find_what_is_called_so(site: Served) -> None:
    answer = site.get("/api/search?q=sword&count=5&facets=1").json()
    assert answer["hits"]
    assert all(hit["distance"] is None for hit in answer["hits"])
    assert {facet["name"] for facet in answer["facets"]} >= {"licence", "author", "tag", "kind", "size"}
    assert site.get("/api/search?q=sword").json()["facets"] is None


def test_a_picture_finds_what_looks_like_it_and_not_itself(site: Served, data: Path) -> None:
    image_id = id_of(data, "sword.png")
    hits = site.get(f"/api/search?like={image_id}&count=20").json()["hits"]
    distances = [hit["distance"] for hit in hits]
    assert distances == sorted(distances)
    assert image_id not in [hit["image_id"] for hit in hits]


def test_pages_of_an_answer_follow_each_other_to_its_end(site: Served) -> None:
    for question in ("q=sword", "licence=cc0&expand=1", "like=3", ""):
        whole = site.get(f"/api/search?{question}&count=100").json()["hits"]
        seen: list[int] = []
        path = f"/api/search?{question}&count=7"
        while path and len(seen) < len(whole):
            page = site.get(path).json()
            seen += [hit["image_id"] for hit in page["hits"]]
            path = page["next"]
        assert seen[: len(whole)] == [hit["image_id"] for hit in whole]


def test_filters_narrow_and_say_what_they_hide(site: Served) -> None:
    every = site.get("/api/search?like=3&expand=1&count=100").json()
    cc0 = site.get("/api/search?like=3&expand=1&count=100&licence=cc0").json()
    assert 0 < len(cc0["hits"]) < len(every["hits"])
    assert cc0["hidden"] > 0
    assert all("cc0" in [licence["key"] for licence in hit["licences"]] for hit in cc0["hits"])


def test_an_uploaded_picture_finds_itself_and_whose_it_is(site: Served, data: Path) -> None:
    upload = site.send("/api/ask", content=a_sprite(data)).json()
    first = site.get(upload["search"]).json()["hits"][0]
    assert first["distance"] < 1e-3
    origin = site.get(upload["whose"]).json()["origins"][0]
    assert (origin["evidence"], origin["sureness"]) == ("same art", 1.0)
    shown = site.get(upload["image"])
    assert (shown.status, shown.headers["content-type"]) == (200, "image/png")
    with Image.open(BytesIO(shown.body)) as image:
        assert image.size == (upload["width_px"], upload["height_px"])


def test_a_picture_may_also_be_the_body_itself(site: Served, data: Path) -> None:
    sent = site.ask("POST", "/api/ask", a_sprite(data), {"content-type": "image/png"}).json()
    assert sent["token"] == site.send("/api/ask", content=a_sprite(data)).json()["token"]


def test_pictures_with_weights_regions_and_words_are_one_question(site: Served, data: Path) -> None:
    token = site.send("/api/ask", content=a_sprite(data)).json()["token"]
    query = f"like=3*2~0,0,8,8&like=@{token}~0,0,8,8&unlike=5&q=pixel"
    assert site.get(f"/api/search?{query}").status == 200
    assert "not in" in site.get("/api/search?like=3~0,0,5000,5000").message


def test_nothing_close_enough_is_said(site: Served) -> None:
    out = BytesIO()
    cells = np.random.default_rng(0).integers(0, 256, (6, 6, 3), np.uint8)
    Image.fromarray(cells).resize((72, 72), 0).save(out, "PNG")
    upload = site.send("/api/ask", content=out.getvalue()).json()
    found = site.get(upload["whose"]).json()
    assert found["origins"] == []
    assert found["nearest"]["distance"] > 0


def test_a_picture_has_its_work_and_its_kin(site: Served) -> None:
    more = next(hit for hit in site.get("/api/search?q=sword&count=50").json()["hits"] if hit["more"])
    picture = site.get(f"/api/picture/{more['image_id']}").json()
    group = site.get(f"/api/group/{more['image_id']}").json()["hits"]
    assert picture["hit"]["title"] == more["title"]
    assert [hit["image_id"] for hit in picture["group"]] == [hit["image_id"] for hit in group[1:]]
    assert more["work_url"].startswith("https://opengameart.org/content/")


@pytest.mark.parametrize("kind", ["json", "text", "markdown", "csv"])
def test_credits_come_in_every_form(site: Served, kind: str) -> None:
    answer = site.get(f"/api/credits?id=1&id=2&format={kind}")
    assert answer.status == 200
    title = site.get("/api/picture/1").json()["hit"]["title"]
    assert title.split()[0] in answer.body.decode()


def test_pictures_are_served_small_and_whole(site: Served, data: Path) -> None:
    hit = site.get("/api/search?q=sword&count=1").json()["hits"][0]
    for path in (hit["thumb"], hit["image"]):
        answer = site.get(path)
        assert answer.status == 200
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
        again = site.get(path, If_None_Match=answer.headers["etag"])
        assert (again.status, again.body) == (304, b"")
        assert "immutable" not in site.get(path.partition("?")[0]).headers["cache-control"]
    made = [path.suffix for path in (data / "thumbs").rglob("*") if path.is_file()]
    assert made.count(".webp") >= 1
    assert site.get(f"/thumb/{hit['image_id']}.png").body.startswith(b"\x89PNG")


def test_a_drawing_is_never_sent_as_what_may_run(site: Served, data: Path) -> None:
    image_id = id_of(data, "leaf.svg")
    for path in (f"/image/{image_id}", f"/thumb/{image_id}.png", f"/thumb/{image_id}.webp"):
        answer = site.get(path)
        assert answer.headers["content-type"] in {"image/png", "image/webp"}
        assert b"script" not in answer.body
    token = site.send("/api/ask", content=SVG).json()["token"]
    assert site.get(f"/upload/{token}").body.startswith(b"\x89PNG")


def test_an_animation_moves_and_an_old_format_is_drawn(site: Served, data: Path) -> None:
    gif = site.get(f"/image/{id_of(data, 'blink.gif')}")
    assert gif.headers["content-type"] == "image/gif"
    with Image.open(BytesIO(site.get(f"/thumb/{id_of(data, 'blink.gif')}.webp").body)) as thumb:
        assert getattr(thumb, "n_frames", 1) == 3
    assert site.get(f"/image/{id_of(data, 'old.bmp')}").headers["content-type"] == "image/png"


def test_head_is_get_without_a_body(site: Served) -> None:
    for path in ("/api/search?q=sword", "/thumb/1.webp", "/healthz", "/"):
        asked, got = site.ask("HEAD", path), site.get(path)
        assert (asked.status, asked.body) == (got.status, b"")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/picture/999999", 404),
        ("/api/picture/0", 404),
        ("/api/picture/x", 404),
        ("/api/picture/99999999999999999999999", 404),
        ("/api/group/999999", 404),
        ("/api/search?like=999999", 400),
        ("/api/search?kind=film", 400),
        ("/api/search?q=-goblin", 400),
        ("/api/search?like=@" + "0" * 32, 410),
        ("/api/whose", 400),
        ("/api/whose?like=3", 400),
        ("/api/credits", 400),
        ("/api/credits?id=999999", 400),
        ("/api/credits?id=1&format=pdf", 400),
        ("/api/nothing", 404),
        ("/thumb/999999.webp", 404),
        ("/thumb/1.svg", 404),
        ("/thumb/..%2fcatalog.webp", 404),
        ("/image/..%2f..%2fcatalog.db", 404),
        ("/image/1%00", 404),
        ("/upload/" + "0" * 32, 410),
        ("/upload/..%2f..%2fcatalog.db", 404),
        ("/upload/%2e%2e", 404),
    ],
)
def test_what_is_not_there_is_told_in_json(site: Served, path: str, status: int) -> None:
    answer = site.get(path)
    assert answer.status == status, answer.body
    assert answer.json()["error"]["status"] == status
    assert answer.message
    assert answer.headers["cache-control"] == "no-store"


def test_people_are_told_by_a_page(site: Served) -> None:
    for path in ("/nothing", "/picture/999999", "/search?kind=film"):
        answer = site.get(path)
        assert answer.status in {400, 404}
        assert answer.headers["content-type"].startswith("text/html")
    assert site.ask("POST", "/search").status == 405


@pytest.mark.parametrize(
    ("content", "status"),
    [(b"", 400), (b"hello", 422), (b"\x89PNG\r\n\x1a\nbroken", 422), (b"<html></html>", 422)],
)
def test_what_is_no_picture_is_told(site: Served, content: bytes, status: int) -> None:
    answer = site.send("/api/ask", content=content)
    assert (answer.status, answer.json()["error"]["status"]) == (status, status)


def test_uploads_are_bounded_in_bytes_and_pixels(data: Path) -> None:
    with serving(data, OGA_MAX_UPLOAD_BYTES="50000", OGA_MAX_UPLOAD_PX="10000") as site:
        site.wait_for("ready")
        assert site.send("/api/ask", content=b"x" * 200_000).status == 413
        out = BytesIO()
        Image.new("1", (200, 200)).save(out, "PNG")
        told = site.send("/api/ask", content=out.getvalue())
        assert told.status == 422
        assert "10000 pixels" in told.message
        told = site.ask("POST", "/api/ask", b"x" * 60_000, {"content-type": "image/png"})
        assert told.status == 413


def test_nobody_is_led_into_the_network_of_the_server(site: Served) -> None:
    for url in (f"{site.base}/healthz", "http://127.0.0.1/", "http://localhost/", "file:///etc/passwd"):
        body = f"url={quote(url, safe='')}".encode()
        told = site.ask("POST", "/api/ask", body, {"content-type": "application/x-www-form-urlencoded"})
        assert told.status == 400, url


def test_every_answer_has_its_safety_headers(site: Served) -> None:
    for path in ("/", "/search?q=sword", "/api/status", "/nothing", "/metrics"):
        headers = site.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert "server" not in headers


def test_text_goes_packed_to_whoever_takes_it_so_and_pictures_as_they_are(site: Served) -> None:
    for path in ("/", "/api/search?q=sword", "/openapi.json"):
        packed = site.get(path, Accept_Encoding="gzip")
        assert packed.headers["content-encoding"] == "gzip"
        assert len(gzip.decompress(packed.body)) > 2 * len(packed.body)
        assert "content-encoding" not in site.get(path).headers
    assert "content-encoding" not in site.get("/image/1", Accept_Encoding="gzip").headers


def test_nasty_names_are_encoded_once_in_every_link(site: Served, data: Path) -> None:
    with Catalog(data / "catalog.db", read_only=True) as catalog:
        nasty = [
            row["image_id"]
            for row in catalog.execute("SELECT image_id FROM images WHERE path GLOB '*[%#?+ ]*'")
        ]
    assert nasty
    for image_id in nasty[:20]:
        hit = site.get(f"/api/picture/{image_id}").json()["hit"]
        assert site.get(hit["thumb"]).status == site.get(hit["image"]).status == 200


def test_the_description_names_every_route_of_the_api(site: Served) -> None:
    paths = site.get("/openapi.json").json()["paths"]
    assert {"/api/search", "/api/ask", "/thumb/{image_id}.{suffix}", "/image/{image_id}", "/healthz"} <= set(
        paths
    )
    names = {parameter["name"] for parameter in paths["/api/search"]["get"]["parameters"]}
    assert {"q", "like", "unlike", "licence", "tag", "min", "start", "facets"} <= names
