"""While a network is being loaded, what does not need it is answered, and the rest is told to come back."""

from pathlib import Path

import pytest

from tests import shelf
from tests.serving import serving

pytestmark = pytest.mark.tf

MOBILE = "keras:MobileNetV2"


def test_the_page_is_of_use_while_it_warms_up(tmp_path: Path) -> None:
    pytest.importorskip("tensorflow")
    art = shelf.save_sprites(tmp_path / "art", 6)
    data = tmp_path / "data"
    done = shelf.embedder(data, "--add", art, "--embedder", MOBILE, "--weights", "random")
    assert done.returncode == 0, done.stderr
    with serving(data, "--embedder", MOBILE, "--weights", "random") as site:
        assert site.get("/api/search?q=sprite").json()["hits"]
        state = site.get("/api/status").json()
        assert (state["name"], state["uploads"]) == ("warming up", False)
        assert site.get("/thumb/1.webp").status == 200
        token = site.send("/api/ask", content=(art / "sprite-003.png").read_bytes()).json()["token"]
        refused = site.get(f"/api/search?like=@{token}")
        assert (refused.status, "retry-after" in refused.headers) == (503, True)
        assert "warming up" in refused.message
        assert site.get("/search?q=sprite").status == 200
        if not site.get("/api/status").json()["looks"]:
            assert site.get("/api/search?like=1").status == 503
        state = site.wait_for("ready", 120)
        assert (state["uploads"], state["embedder"]) == (True, MOBILE)
        first = site.get(f"/api/search?like=@{token}").json()["hits"][0]
        assert first["distance"] < 1e-2
