"""The API asked with whatever its description allows, and with what it does not: that is never the server's fault."""

import subprocess
import sys
from pathlib import Path

from artstore.settings import Settings
from embedder.colour import ColourEmbedder
from tests import shelf
from tests.replica import build_site
from tests.serving import serving

BOUND_S = 40

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
)


def test_nothing_that_is_asked_is_the_servers_fault(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    shelf.catalog_site(build_site(works=20), settings)
    colour = ColourEmbedder(10_000_000)
    shelf.embed_all(settings, colour)
    shelf.group_all(settings, "colour")
    with serving(settings.data_dir) as site:
        site.wait_for("ready")
        asked = [
            *("run", f"{site.base}/openapi.json", "--max-time", str(BOUND_S), "--seed", "7", "--no-color"),
            *("--checks", ",".join(CHECKS), "--phases", "examples,coverage,fuzzing", "--continue-on-failure"),
            *("--generation-database", "none", "--warnings", "off"),
        ]
        done = subprocess.run(
            [sys.executable, "-m", "schemathesis.cli", *asked],
            cwd=tmp_path,
            env=shelf.environment(settings.data_dir),
            capture_output=True,
            encoding="utf-8",
            timeout=BOUND_S + 120,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
        assert site.get("/api/status").json()["name"] == "ready"
    statuses = {line.split(" bytes ")[0].split()[-2] for line in site.said if " bytes " in line}
    assert {"200", "400", "404"} <= statuses
    assert not [status for status in statuses if status.startswith("5")]
