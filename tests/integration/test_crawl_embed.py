"""Embedding while crawling, if asked to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.crawling import crawl, rows
from tests.replica import ReplicaServer, build_site


@pytest.fixture(scope="module")
def server() -> Iterator[ReplicaServer]:
    # Slow enough that works come in one after the other.
    with ReplicaServer(build_site(works=14), latency_s=0.02) as serving:
        yield serving


def test_pictures_are_embedded_and_indexed_when_the_crawl_ends(server: ReplicaServer, tmp_path: Path) -> None:
    done = crawl(server.url, tmp_path, OGA_EMBED="1", OGA_EMBEDDER="colour")
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    [(pictures,)] = rows(tmp_path, "SELECT count(*) FROM images")
    assert pictures > 20
    embedded = "SELECT name, count(*) FROM features JOIN embedders USING (embedder_id) GROUP BY name"
    assert rows(tmp_path, embedded) == [("colour", pictures)]
    indexed = "SELECT count(*) FROM indexed JOIN indexes USING (index_id) WHERE name LIKE '%colour'"
    assert rows(tmp_path, indexed) == [(pictures,)]
    assert list((tmp_path / "features" / "colour").iterdir())
    assert list((tmp_path / "index").glob("colour*"))


def test_nothing_is_embedded_unless_asked_to(server: ReplicaServer, tmp_path: Path) -> None:
    done = crawl(server.url, tmp_path, "-a", "query=lanterns")
    assert done.returncode == 0, done.stderr
    assert rows(tmp_path, "SELECT * FROM embedders") == []
    assert "embedded" not in done.stderr


@pytest.mark.tf
def test_without_weights_the_crawl_completes_says_so_once_and_the_pictures_wait(
    server: ReplicaServer, tmp_path: Path
) -> None:
    weights_dir = tmp_path / "weights"
    weights_dir.mkdir()
    # A file of the right name and the wrong content: no weights, and no download of 550 MB in a test.
    (weights_dir / "vgg16_weights_tf_dim_ordering_tf_kernels.h5").write_bytes(b"not these")
    done = crawl(
        server.url, tmp_path / "data", OGA_EMBED="1", OGA_EMBEDDER="vgg16", OGA_WEIGHTS_DIR=str(weights_dir)
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    told = [line for line in done.stderr.splitlines() if "wait for `python -m embedder`" in line]
    assert len(told) == 1
    assert "vgg16_weights_tf_dim_ordering_tf_kernels.h5" in told[0]
    [(pictures,)] = rows(tmp_path / "data", "SELECT count(*) FROM images")
    assert pictures > 20
    assert rows(tmp_path / "data", "SELECT * FROM features") == []
    assert rows(tmp_path / "data", "SELECT DISTINCT state FROM files") == [("stored",)]
