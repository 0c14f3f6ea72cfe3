"""The basket: kept in the browser, credited in four forms, and without scripts a form."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visitor
from tests.serving import Served

pytestmark = pytest.mark.browser


def keep(page: Page, path: str, visitor: Visitor) -> None:
    page.goto(visitor.watch.base + path)
    page.locator(".hit input[name=id]").first.check()


def basket(page: Page) -> None:
    page.get_by_role("link", name="Basket").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Basket")


def test_what_is_kept_is_credited_in_every_form(visitor: Visitor, tmp_path: Path) -> None:
    page = visitor.open("/search?q=sword_x2")
    keep(page, "/search?q=sword_x2", visitor)
    expect(page.locator("[data-count]")).to_have_text("1")
    keep(page, "/search?q=walking imps idle", visitor)
    expect(page.locator("[data-count]")).to_have_text("2")
    basket(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("Basket: 2 pictures")
    lines = page.locator("[data-copied='']").inner_text()
    assert '"Swords of One Smith" by Kettlefish licensed GPL 2.0: https://opengameart.org/' in lines
    assert '"Walking Imps" by Wren Tallow licensed CC0' in lines
    expect(page.locator(".notice")).to_contain_text("wants share-alike")
    got = {}
    for name in ("Text", "Markdown", "CSV", "JSON"):
        with page.expect_download() as download:
            page.get_by_role("link", name=name, exact=True).click()
        path = tmp_path / download.value.suggested_filename
        download.value.save_as(path)
        got[path.name] = path.read_text("utf-8")
    assert set(got) == {"credits.txt", "credits.md", "credits.csv", "credits.json"}
    assert got["credits.txt"].strip() == lines.strip()
    assert got["credits.csv"].startswith("title,author,")
    assert len(json.loads(got["credits.json"])["works"]) == 2
    assert "[Walking Imps](https://opengameart.org/content/walking-imps)" in got["credits.md"]


def test_credits_are_copied(visitor: Visitor) -> None:
    page = visitor.open("/search?q=sword_x2", permissions=["clipboard-read", "clipboard-write"])
    page.get_by_role("link", name=re.compile("^Credits")).first.click()
    page.get_by_role("button", name="Copy as text").click()
    expect(page.locator("[data-toast]")).to_have_text("Copied")
    assert "Swords of One Smith" in page.evaluate("navigator.clipboard.readText()")
    page.get_by_role("button", name="Copy as Markdown").click()
    page.wait_for_function("async () => (await navigator.clipboard.readText()).startsWith('- ')")


def test_the_basket_is_still_there_the_next_time_and_on_every_page(visitor: Visitor) -> None:
    page = visitor.open("/search?q=sword_x2")
    keep(page, "/search?q=sword_x2", visitor)
    other = page.context.new_page()
    other.goto(visitor.watch.base + "/search?q=swords&expand=1")
    expect(other.locator("[data-count]")).to_have_text("1")
    expect(other.locator(".hit input:checked")).to_have_count(1)
    other.locator(".hit input:not(:checked)").first.check()
    expect(page.locator("[data-count]")).to_have_text("2")


def test_what_is_unticked_leaves_the_basket_and_its_address(visitor: Visitor) -> None:
    page = visitor.open("/search?q=knight dragon")
    boxes = page.locator(".hit input[name=id]")
    for box in (boxes.nth(0), boxes.nth(1)):
        box.check()
    basket(page)
    expect(page.locator(".hit")).to_have_count(2)
    # With `uncheck`, Playwright tries again on the next one once this one is gone.
    expect(page.locator(".hit input").first).to_be_checked()
    page.locator(".hit input").first.click()
    expect(page.locator(".hit")).to_have_count(1)
    expect(page).to_have_url(re.compile(r"/basket\?id=\d+$"))
    page.get_by_role("button", name="Empty the basket").click()
    expect(page.get_by_role("heading", name="Nothing is kept yet")).to_be_visible()
    expect(page).to_have_url(re.compile("/basket$"))
    expect(page.locator("[data-count]")).to_be_hidden()


def test_a_basket_that_somebody_sent_can_be_kept(visitor: Visitor) -> None:
    page = visitor.open("/basket?id=1&id=2&id=999999")
    expect(page.get_by_role("heading", level=1)).to_have_text("Basket: 2 pictures")
    expect(page.locator("main")).to_contain_text("1 picture is not here any more: 999999")
    page.get_by_role("button", name="Keep them all").click()
    expect(page.locator(".hit input:checked")).to_have_count(2)


def test_a_file_of_credits_leaves_nobody_out_in_silence(served: Served) -> None:
    assert served.get("/credits?id=1&format=text").status == 200
    for address in ("/credits?id=1&id=999999&format=text", "/credits?format=json"):
        told = served.get(address)
        assert told.status == 400, address
    assert "There is no picture 999999" in served.get("/credits?id=1&id=999999&format=text").body.decode()


def test_without_scripts_ticks_are_a_form(visitor: Visitor) -> None:
    page = visitor.open("/search?q=knight dragon", java_script_enabled=False)
    boxes = page.locator(".hit input[name=id]")
    boxes.nth(0).check()
    boxes.nth(1).check()
    page.get_by_role("button", name="Credits of those that are ticked").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Credits: 2 pictures")
    expect(page.locator(".lines").first).to_contain_text("Knight & Dragon")
