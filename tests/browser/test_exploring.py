"""Exploring: from hit to hit, with filters, with plus and minus, by a region, and back again."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visitor
from tests.browser.gallery import ANIMATION, FRAMES, NOISE

pytestmark = pytest.mark.browser


def test_a_hit_says_what_is_needed_to_use_it(visitor: Visitor) -> None:
    page = visitor.open("/search?q=walking imps idle")
    hit = page.locator(".hit").first
    expect(hit.get_by_role("heading")).to_have_text("Walking Imps")
    expect(hit).to_contain_text("by Wren Tallow")
    expect(hit.get_by_role("link", name="CC0", exact=True)).to_have_attribute(
        "href", re.compile("publicdomain/zero")
    )
    expect(hit.get_by_role("link", name="OGA page of Walking Imps")).to_have_attribute(
        "href", "https://opengameart.org/content/walking-imps"
    )
    expect(hit.locator(".facts")).to_contain_text("24 × 24")
    expect(hit.locator(".from")).to_have_attribute("title", re.compile(r"^idle/idle_.*\.png in .*\.zip$"))
    picture = hit.get_by_role("img")
    expect(picture).to_have_attribute("alt", re.compile(r"^Picture: idle/"))
    assert picture.evaluate("image => [image.clientWidth, getComputedStyle(image).imageRendering]") == [
        144,
        "pixelated",
    ]


def test_a_picture_leads_to_its_page_and_that_to_more_like_it(visitor: Visitor) -> None:
    page = visitor.open("/search?q=walking imps idle&licence=cc0")
    ground = page.locator(".hit .ground").first.bounding_box()
    assert ground
    page.mouse.click(ground["x"] + 40, ground["y"] + 40)
    expect(page).to_have_url(re.compile(r"/picture/\d+$"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Walking Imps")
    expect(page.locator("dl")).to_contain_text("Archive")
    expect(page.get_by_role("heading", name="frames of one series")).to_be_visible()
    alike = page.locator("[data-alike] .hit")
    alike.first.wait_for()
    page.locator(".picture").get_by_role("link", name="More like this").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("What looks like it")
    expect(page.locator(".hit .facts").first).to_contain_text("%")


def test_copies_and_frames_are_one_hit_and_unfold(visitor: Visitor) -> None:
    page = visitor.open("/search?q=walking imps")
    pile = page.locator(".hit.pile").first
    more = pile.locator("[data-more]")
    count = int(re.search(r"(\d+) more", more.inner_text())[1])  # type: ignore[index]
    before = page.locator(".hit").count()
    more.click()
    expect(page.locator(".hit.of")).to_have_count(count)
    expect(more).to_have_attribute("aria-expanded", "true")
    more.click()
    expect(page.locator(".hit")).to_have_count(before)
    page.get_by_role("link", name="Show copies and frames").click()
    expect(page.locator(".hit.pile")).to_have_count(0)
    assert page.locator(".hit").count() > before


def test_what_unfolds_is_what_the_filters_let_through(visitor: Visitor) -> None:
    page = visitor.open("/search?q=swords&max=16")
    pile = page.locator(".hit.pile").first
    more = pile.locator("[data-more]")
    count = int(re.search(r"(\d+) more", more.inner_text())[1])  # type: ignore[index]
    more.click()
    expect(page.locator(".hit.of")).to_have_count(count)
    assert set(page.locator(".hit .facts").all_inner_texts()) == {"16 × 16"}
    page.goto(visitor.watch.base + (more.get_attribute("href") or ""))
    expect(page.locator(".hit")).to_have_count(1 + count)
    page.get_by_role("link", name="Show all").click()
    assert page.locator(".hit").count() > 1 + count


def test_of_many_frames_some_unfold_and_all_have_a_page(visitor: Visitor) -> None:
    page = visitor.open("/search?work=folder:Walk")
    expect(page.locator(".hit")).to_have_count(1)
    page.locator("[data-more]").click()
    expect(page.locator(".hit.of:not(.rest)")).to_have_count(47)
    page.get_by_role("link", name="All of them").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(
        f"{FRAMES} pictures: copies, recolours and frames"
    )
    to_the_end(page)
    ids = page.locator(".hit").evaluate_all("hits => hits.map((hit) => hit.dataset.id)")
    assert len(ids) == len(set(ids)) == FRAMES
    plain = visitor.open(page.url.removeprefix(visitor.watch.base), java_script_enabled=False)
    plain.get_by_role("link", name="More pictures").click()
    expect(plain.locator(".hit")).to_have_count(FRAMES - 48)
    plain.get_by_role("link", name="Earlier").click()
    expect(plain.locator(".hit")).to_have_count(48)


def test_filters_narrow_show_what_they_hide_and_go_away(visitor: Visitor) -> None:
    page = visitor.open("/search?q=png&author=Kettlefish")
    every = page.locator(".hit").count()
    filters = page.get_by_role("complementary", name="Filters")
    licence = filters.get_by_role("link", name=re.compile("GPL 2.0"))
    assert int(licence.locator(".n").inner_text()) >= 1
    licence.click()
    chip = page.get_by_label("Filters that are on").get_by_role("link")
    expect(chip).to_have_count(2)
    expect(page.locator(".told")).to_contain_text("hidden by filters")
    assert set(page.locator(".hit .badges").all_inner_texts()) == {"GPL 2.0"}
    assert page.locator(".hit").count() < every
    filters.get_by_label("At most").fill("16")
    filters.get_by_role("button", name="Filter").click()
    expect(chip).to_have_count(3)
    chip.first.click()
    expect(chip).to_have_count(2)
    page.get_by_role("link", name="Show all").click()
    expect(chip).to_have_count(0)
    assert page.locator(".hit").count() > every


def test_animations_move_and_are_a_filter(visitor: Visitor) -> None:
    page = visitor.open("/search?author=Ann %26 Bob <i>100%25</i> %2B 1")
    page.get_by_role("complementary").get_by_role("link", name="Animation").click()
    hit = page.locator(".hit")
    expect(hit).to_have_count(1)
    expect(hit).to_contain_text("4 frames")
    expect(hit.get_by_role("img")).to_have_attribute("alt", f"Animation: {ANIMATION}")
    hit.get_by_role("heading").get_by_role("link").click()
    moving = page.locator("[data-stage] img")
    frames = moving.evaluate(
        """async (image) => {
            const response = await fetch(image.src);
            const decoder = new ImageDecoder({ data: response.body, type: response.headers.get("content-type") });
            await decoder.tracks.ready;
            await decoder.completed;
            return decoder.tracks.selectedTrack.frameCount;
        }"""
    )
    assert frames == 4


def test_pictures_are_added_taken_away_and_turned_round(visitor: Visitor) -> None:
    page = visitor.open("/search?q=sword")
    page.get_by_role("link", name=re.compile("^More like this")).first.click()
    parts = page.locator(".part")
    expect(parts).to_have_count(1)
    page.locator(".hit .sign[title='Like this too']").nth(1).click()
    expect(parts).to_have_count(2)
    page.locator(".hit .sign[title='Not like this']").last.click()
    expect(parts).to_have_count(3)
    expect(page.locator(".part.not")).to_have_count(1)
    expect(page.get_by_role("heading", level=1)).to_have_text("What looks like these")
    parts.first.get_by_title("Count it more").click()
    expect(parts.first).to_contain_text("counts 2 times")
    parts.first.get_by_role("link", name="Not like it").click()
    expect(page.locator(".part.not")).to_have_count(2)
    page.get_by_title("Take it away").last.click()
    expect(parts).to_have_count(2)
    address = page.url
    page.goto("about:blank")
    page.goto(address)
    expect(parts).to_have_count(2)


def test_a_region_is_drawn_on_a_picture(visitor: Visitor) -> None:
    page = visitor.open("/search?q=knight dragon png")
    page.get_by_role("link", name="Knight & Dragon").first.click()
    picture = page.locator("[data-stage] img")
    picture.evaluate("image => image.decode()")
    expect(page.get_by_text("Look for a part of it")).to_be_visible()
    width = int(page.locator("[data-stage]").get_attribute("data-width") or 0)
    box = picture.bounding_box()
    assert box
    pixel = box["width"] / width
    page.mouse.move(box["x"] + 2.4 * pixel, box["y"] + 3.4 * pixel)
    page.mouse.down()
    page.mouse.move(box["x"] + 9.6 * pixel, box["y"] + 12.6 * pixel, steps=5)
    page.mouse.up()
    fields = page.locator("[data-region] input[type=number]")
    assert [field.input_value() for field in fields.all()] == ["2", "3", "8", "10"]
    page.get_by_role("button", name="Look for this part").click()
    expect(page).to_have_url(re.compile(r"/search\?like=\d+~2,3,8,10$|like=\d+%7E2"))
    expect(page.locator(".part")).to_contain_text("only 2,3,8,10")
    page.locator(".part").get_by_role("link", name="Region").click()
    assert [field.input_value() for field in fields.all()] == ["2", "3", "8", "10"]
    page.get_by_label("width").fill("6")
    page.get_by_role("button", name="Look for this part").click()
    expect(page.locator(".part")).to_contain_text("only 2,3,6,10")
    page.locator(".part").get_by_role("link", name="Whole").click()
    expect(page.locator(".part")).not_to_contain_text("only")


def test_a_small_picture_is_enlarged_by_whole_numbers(visitor: Visitor) -> None:
    page = visitor.open("/search?q=sword_x2")
    page.locator(".hit .open").first.click()
    picture = page.locator("[data-stage] img")
    times = page.locator("[data-zoom] output")
    expect(times).to_have_text(re.compile(r"^\d+×$"))
    shown = int(times.inner_text()[:-1])
    assert picture.evaluate("image => image.clientWidth") == 32 * shown
    page.get_by_role("button", name="Smaller").click()
    expect(times).to_have_text(f"{shown - 1}×")
    assert picture.evaluate("image => image.clientWidth") == 32 * (shown - 1)


def to_the_end(page: Page) -> None:
    while page.locator("[data-later]").count():
        page.mouse.wheel(0, 4000)
        page.wait_for_timeout(100)


def test_scrolling_brings_all_pictures_once(visitor: Visitor) -> None:
    page = visitor.open("/search?work=folder:Noise")
    assert page.locator(".hit").count() == 48
    to_the_end(page)
    ids = page.locator(".hit").evaluate_all("hits => hits.map((hit) => hit.dataset.id)")
    assert len(ids) == len(set(ids)) == NOISE


def test_going_back_leads_to_where_one_was(visitor: Visitor) -> None:
    page = visitor.open("/search?work=folder:Noise")
    to_the_end(page)
    hit = page.locator(".hit").nth(100)
    hit.scroll_into_view_if_needed()
    page.wait_for_timeout(300)
    before = page.evaluate("scrollY")
    assert before > 2000
    hit.locator(".open").click()
    expect(page).to_have_url(re.compile("/picture/"))
    page.go_back()
    expect(page.locator(".hit")).to_have_count(NOISE)
    page.wait_for_function("y => Math.abs(scrollY - y) < 5", arg=before)
    expect(hit).to_be_in_viewport()
    page.go_forward()
    expect(page).to_have_url(re.compile("/picture/"))


def test_something_to_begin_with_can_be_exchanged(visitor: Visitor) -> None:
    page = visitor.open()
    first = page.locator(".hit .open").first.get_attribute("href")
    assert page.locator(".hit").count() == 24
    page.get_by_role("link", name="Others").click()
    expect(page.locator(".hit .open").first).not_to_have_attribute("href", first or "")
