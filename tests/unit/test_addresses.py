"""A work that other addresses lead to, and a work whose address leads to another one."""

from __future__ import annotations

from datetime import timedelta

from artstore.addresses import record_addresses
from artstore.catalog import Catalog
from artstore.models import Work
from artstore.visits import Visits
from tests.unit.conftest import SITE, a_work, rows

OLD = f"{SITE}/content/iron-sword-0"


def found(catalog: Catalog, work: Work, *asked_urls: str) -> None:
    with catalog.transaction():
        record_addresses(catalog, catalog.record_work(work), work, asked_urls)


def visits(catalog: Catalog) -> Visits:
    return Visits(catalog, timedelta(days=1))


def test_an_address_that_leads_to_a_work_is_known_as_that_work(catalog: Catalog) -> None:
    assert visits(catalog).is_due(OLD)
    found(catalog, a_work(), a_work().url, OLD)
    assert not visits(catalog).is_due(OLD)
    assert visits(catalog).is_known(OLD)
    assert rows(catalog, "SELECT url FROM work_addresses") == [(OLD,)]


def test_a_whole_page_is_asked_for_where_an_address_only_leads_on(catalog: Catalog) -> None:
    found(catalog, a_work(), OLD)
    with catalog.transaction():
        catalog.record_validators(a_work().url, '"tag"', None)
    assert visits(catalog).validators(a_work().url)
    assert visits(catalog).validators(OLD) is None


def test_an_address_that_another_work_gets_leads_to_that_one(catalog: Catalog) -> None:
    found(catalog, a_work(node_id=1), OLD)
    found(catalog, a_work("Iron sword 0", node_id=2), OLD)
    assert rows(catalog, "SELECT url FROM work_addresses") == []
    assert rows(catalog, "SELECT url, gone_at FROM works ORDER BY node_id") == [
        (a_work().url, None),
        (OLD, None),
    ]


def test_a_work_whose_address_leads_to_another_work_is_gone(catalog: Catalog) -> None:
    found(catalog, a_work("Iron sword 0", node_id=2), OLD)
    found(catalog, a_work(node_id=1), OLD, OLD)
    assert rows(catalog, "SELECT url, gone_at IS NOT NULL FROM works ORDER BY node_id") == [
        (a_work().url, 0),
        (f"{OLD}#node-2", 1),
    ]
    assert not visits(catalog).is_due(OLD)


def test_one_work_is_asked_for_once_whatever_it_is_called(catalog: Catalog) -> None:
    found(catalog, a_work(node_id=7), OLD)
    other = f"{SITE}/content/never-read"
    asked = [other, a_work().url, OLD, f"{SITE}/node/7", f"{SITE}/node/70"]
    assert visits(catalog).once_each(asked) == [other, f"{SITE}/node/7", f"{SITE}/node/70"]
