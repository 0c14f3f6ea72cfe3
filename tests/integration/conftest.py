"""One crawl of the whole fake site, faults and all, that many tests look at and none may change."""

from collections.abc import Iterator

import pytest

from tests.integration.crawling import Crawled, crawl
from tests.replica import ReplicaServer, build_site


@pytest.fixture(scope="session")
def crawled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crawled]:
    site = build_site(faults=True)
    data_dir = tmp_path_factory.mktemp("crawled") / "data"
    with ReplicaServer(site) as server:
        process = crawl(server.url, data_dir)
        targets = tuple(target for _, target in server.requests)
        yield Crawled(site, server, data_dir, process, targets, server.user_agents)
