"""How the page behaves: without scripts, in the dark, on a phone, by keyboard, to screen readers, with nasty names."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from playwright.sync_api import Browser, Page, expect

from artstore.settings import Settings
from tests.browser.conftest import Visitor
from tests.browser.gallery import NASTY_AUTHOR, NASTY_NAMES, NASTY_SLUGS, NOISE, file_url
from tests.serving import Served, serving

pytestmark = pytest.mark.browser

PHONE: dict[str, Any] = {
    "viewport": {"width": 360, "height": 740},
    "has_touch": True,
    "is_mobile": True,
    "device_scale_factor": 2,
}

PAGES = (
    "/",
    "/search?q=sword",
    "/search?like=1&unlike=2&licence=cc0",
    "/picture/1",
    "/basket?id=1",
    "/about",
    "/group/1",
)

UNNAMED = """() => [...document.querySelectorAll("a[href], button, input:not([type=hidden]), img, summary, meter")]
    .filter((one) => one.checkVisibility())
    .filter((one) => {
        const labels = [...(one.labels ?? [])].map((label) => label.textContent);
        const alt = one.hasAttribute("alt") ? [one.alt || "decoration"] : [];
        const names = [...labels, ...alt, one.textContent, one.ariaLabel, ...[...one.querySelectorAll("img")].map((img) => img.alt)];
        return !names.some((name) => name?.trim());
    })
    .map((one) => one.outerHTML)"""

LOADED = """() => performance.getEntriesByType("resource")
    .filter((one) => one.name.includes("/static/"))
    .map((one) => [one.name, one.decodedBodySize])"""

CONTRAST = """() => {
    const light = (channel) => (channel /= 255) <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4;
    const parse = (colour) => colour.match(/[\\d.]+/g).map(Number);
    const luminance = ([r, g, b]) => 0.2126 * light(r) + 0.7152 * light(g) + 0.0722 * light(b);
    const ground = (one) => {
        for (let at = one; at; at = at.parentElement) {
            const [r, g, b, a = 1] = parse(getComputedStyle(at).backgroundColor);
            if (a === 1) return [r, g, b];
        }
        return [255, 255, 255];
    };
    const poor = new Set();
    for (const one of document.querySelectorAll("body *")) {
        const own = [...one.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
        if (!own || !one.checkVisibility() || one.closest(".vh, noscript")) continue;
        const [a, b] = [luminance(parse(getComputedStyle(one).color)), luminance(ground(one))].sort((x, y) => y - x);
        if ((a + 0.05) / (b + 0.05) < 4.5) poor.add(one.className + ": " + one.textContent.trim().slice(0, 40));
    }
    return [...poor];
}"""


class TestWithoutScripts:
    def test_pages_follow_each_other(self, visitor: Visitor) -> None:
        page = visitor.open("/search?work=folder:Noise", java_script_enabled=False)
        ids: list[str | None] = []
        while True:
            ids += [hit.get_attribute("data-id") for hit in page.locator(".hit").all()]
            later = page.get_by_role("link", name="More pictures")
            if not later.count():
                break
            later.click()
        assert len(ids) == len(set(ids)) == NOISE
        page.get_by_role("link", name="Earlier").click()
        expect(page.locator(".hit").first).to_have_attribute("data-id", ids[48] or "")

    def test_pictures_filters_and_regions_are_asked_with_forms_and_links(
        self, visitor: Visitor, sprite_file: Path
    ) -> None:
        page = visitor.open(java_script_enabled=False)
        page.get_by_label("A file").set_input_files(sprite_file)
        page.get_by_role("button", name="What looks like it?").click()
        expect(page.locator(".part")).to_contain_text("Your picture")
        page.get_by_role("complementary").get_by_role("link", name="CC0").click()
        expect(page.get_by_label("Filters that are on")).to_contain_text("CC0")
        page.locator(".part").get_by_role("link", name="Region").click()
        page.get_by_label("width").fill("36")
        page.get_by_role("button", name="Look for this part").click()
        expect(page.locator(".part")).to_contain_text("only 0,0,36,72")
        page.locator(".hit .open").first.click()
        page.get_by_role("link", name="What looks like it").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("What looks like it")

    def test_what_only_scripts_can_do_is_not_offered(self, visitor: Visitor) -> None:
        page = visitor.open(java_script_enabled=False)
        for path in PAGES:
            page.goto(visitor.watch.base + path)
            expect(
                page.locator("[data-theme-switch], [data-copy], [data-drop-hint], [data-zoom]").locator(
                    "visible=true"
                )
            ).to_have_count(0)


class TestColours:
    def ground(self, page: Page) -> str:
        return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))

    def test_the_page_is_as_dark_as_the_system_and_can_be_switched_for_good(self, visitor: Visitor) -> None:
        page = visitor.open("/search?q=sword", color_scheme="dark")
        dark = self.ground(page)
        page.get_by_role("button", name="Light").click()
        light = self.ground(page)
        assert sum(map(int, re.findall(r"\d+", dark))) < 150
        assert sum(map(int, re.findall(r"\d+", light))) > 600
        page.reload()
        assert self.ground(page) == light
        page.get_by_role("button", name="Dark").click()
        assert self.ground(page) == dark
        assert self.ground(visitor.open(color_scheme="light")) == light
        assert self.ground(visitor.open(color_scheme="dark", java_script_enabled=False)) == dark

    @pytest.mark.parametrize("scheme", ["light", "dark"])
    def test_everything_written_can_be_read(self, visitor: Visitor, scheme: str) -> None:
        page = visitor.open(color_scheme=scheme)
        for path in PAGES:
            page.goto(visitor.watch.base + path)
            assert page.evaluate(CONTRAST) == [], path


class TestOnAPhone:
    @pytest.mark.parametrize("width", [320, 360, 700, 800, 1024])
    def test_nothing_is_wider_than_the_screen(self, visitor: Visitor, width: int) -> None:
        page = visitor.open(**(PHONE | {"viewport": {"width": width, "height": 740}}))
        for path in PAGES:
            page.goto(visitor.watch.base + path)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path

    def test_two_pictures_stand_beside_each_other_as_crisp_as_elsewhere(self, visitor: Visitor) -> None:
        page = visitor.open("/search?work=folder:Noise", **PHONE)
        tops = page.locator(".hit").evaluate_all("hits => hits.slice(0, 4).map((hit) => hit.offsetTop)")
        assert tops[0] == tops[1] < tops[2] == tops[3]
        assert page.locator(".hit img").first.evaluate("image => image.clientWidth") == 144

    def test_filters_are_a_sheet_of_their_own(self, visitor: Visitor) -> None:
        page = visitor.open("/search?q=sword", **PHONE)
        filters = page.get_by_role("complementary", name="Filters")
        expect(filters).to_be_hidden()
        page.get_by_role("link", name="Filters", exact=True).tap()
        expect(filters).to_be_visible()
        filters.get_by_role("link", name=re.compile("GPL 2.0")).tap()
        expect(filters).to_be_hidden()
        expect(page.get_by_label("Filters that are on")).to_contain_text("GPL 2.0")


class TestByKeyboard:
    def focused(self, page: Page) -> str:
        return str(page.evaluate("document.activeElement.innerText"))

    def test_the_first_stop_leads_past_everything(self, visitor: Visitor) -> None:
        page = visitor.open("/search?q=sword")
        page.keyboard.press("Tab")
        assert self.focused(page) == "To the content"
        expect(page.get_by_role("link", name="To the content")).to_be_in_viewport()
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "main"

    def test_what_has_the_focus_can_be_seen(self, visitor: Visitor) -> None:
        page = visitor.open("/search?q=sword&licence=gpl-2.0")
        for _ in range(30):
            page.keyboard.press("Tab")
            seen = page.evaluate(
                """() => {
                    const one = document.activeElement;
                    const shown = one.closest(".hit:has(.open:focus-visible)") ?? one;
                    return getComputedStyle(shown).outlineStyle === "solid" && parseFloat(getComputedStyle(shown).outlineWidth) >= 2;
                }"""
            )
            assert seen, page.evaluate("document.activeElement.outerHTML")

    def test_hits_are_walked_kept_and_asked_with(self, visitor: Visitor) -> None:
        page = visitor.open("/search?work=folder:Noise")
        page.keyboard.press("/")
        expect(page.get_by_role("searchbox")).to_be_focused()
        page.keyboard.type("mkc/")
        expect(page.get_by_role("searchbox")).to_have_value("mkc/")
        hits = page.locator(".hit .open")
        hits.first.focus()
        page.keyboard.press("ArrowRight")
        expect(hits.nth(1)).to_be_focused()
        page.keyboard.press("ArrowDown")
        below = page.evaluate("document.activeElement.closest('.hit').offsetTop")
        assert below > page.locator(".hit").first.evaluate("hit => hit.offsetTop")
        page.keyboard.press("ArrowUp")
        expect(hits.nth(1)).to_be_focused()
        page.keyboard.press("k")
        expect(page.locator(".hit input").nth(1)).to_be_checked()
        page.keyboard.press("m")
        expect(page.get_by_role("heading", level=1)).to_have_text("What looks like it")

    def test_everything_has_a_name_for_screen_readers(self, visitor: Visitor) -> None:
        page = visitor.open()
        for path in PAGES:
            page.goto(visitor.watch.base + path)
            assert page.evaluate(UNNAMED) == [], path
            assert page.locator("h1").count() == 1, path
            assert page.evaluate("document.documentElement.lang") == "en"
            ids = page.evaluate("[...document.querySelectorAll('[id]')].map((one) => one.getAttribute('id'))")
            assert len(ids) == len(set(ids)), path

    def test_who_wants_no_motion_gets_none(self, visitor: Visitor) -> None:
        page = visitor.open("/search?q=sword", reduced_motion="reduce")
        assert page.locator(".hit").first.evaluate("hit => getComputedStyle(hit).transitionDuration") == "0s"

    def test_animations_stand_still_for_them_until_they_are_pointed_at(self, visitor: Visitor) -> None:
        address = "/search?q=blinking"
        page = visitor.open(address, reduced_motion="reduce")
        picture = page.locator(".hit").get_by_role("img")
        expect(picture).to_have_attribute("src", re.compile("^blob:"))
        page.locator(".hit .open").hover()
        expect(picture).to_have_attribute("src", re.compile("/thumb/"))
        page.get_by_role("searchbox").hover()
        expect(picture).to_have_attribute("src", re.compile("^blob:"))
        moving = visitor.open(address).locator(".hit").get_by_role("img")
        expect(moving).to_have_attribute("src", re.compile("^/thumb/"))
        expect(moving).to_have_attribute("data-moving", "")


class TestNastyNames:
    def test_every_picture_is_shown_and_leads_to_its_own_file(self, visitor: Visitor) -> None:
        page = visitor.open("/")
        page.goto(
            visitor.watch.base
            + "/search?expand=1&author="
            + "Ann%20%26%20Bob%20%3Ci%3E100%25%3C%2Fi%3E%20%2B%201"
        )
        shown = page.locator(".hit .from").all_inner_texts()
        assert len(shown) == len(NASTY_NAMES) + 1
        assert {" ".join(name.split()) for name in NASTY_NAMES} <= {" ".join(name.split()) for name in shown}
        for hit in page.locator(".hit").all():
            hit.scroll_into_view_if_needed()
            assert (
                hit.get_by_role("img").evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
            )
        for number, path in enumerate(
            page.locator(".hit .open").evaluate_all("links => links.map((link) => link.pathname)")
        ):
            page.goto(visitor.watch.base + path)
            file = (
                page.locator("dl").get_by_role("link", name=re.compile(r"\.(png|gif)$", re.IGNORECASE)).first
            )
            name = (page.locator("[data-stage] img").get_attribute("alt") or "").partition(": ")[2]
            assert " ".join(name.split()) == " ".join(shown[number].split())
            expect(file).to_have_attribute("href", file_url(name))
            assert unquote(file_url(name).rpartition("/")[2]) == name

    def test_works_are_linked_as_the_site_writes_them(self, visitor: Visitor) -> None:
        page = visitor.open("/search?tag=nasty+%26+tagged&expand=1")
        links = page.locator(".hit .acts a[rel]").evaluate_all(
            "links => links.map((link) => link.getAttribute('href'))"
        )
        assert set(links) == {f"https://opengameart.org/content/{slug}" for slug in NASTY_SLUGS}

    def test_authors_tags_and_works_lead_to_themselves(self, visitor: Visitor) -> None:
        page = visitor.open("/search?tag=nasty+%26+tagged")
        page.locator(".hit").first.get_by_role("link", name=NASTY_AUTHOR, exact=True).click()
        expect(page.get_by_label("Filters that are on")).to_contain_text(f"by {NASTY_AUTHOR}")
        assert page.locator(".hit").count() >= 4
        page.locator(".hit .open").first.click()
        page.get_by_role("link", name="a+b=c").click()
        expect(page.get_by_label("Filters that are on")).to_contain_text("tag a+b=c")
        every = page.locator(".hit").count()
        page.locator(".hit .open").first.click()
        page.get_by_role("link", name="All of this work").click()
        assert 1 <= page.locator(".hit").count() < every


def test_a_first_visit_is_light(visitor: Visitor) -> None:
    page = visitor.open("/about")
    page.goto(visitor.watch.base + "/search?q=sword")
    page.wait_for_load_state("networkidle")
    assert (
        sum(
            page.evaluate(
                "performance.getEntriesByType('resource').filter((one) => one.name.includes('/static/')).map((one) => one.decodedBodySize)"
            )
        )
        < 100_000
    )
    kept = page.request.get(page.locator("link[rel=stylesheet]").evaluate("link => link.href")).headers
    assert "immutable" in kept["cache-control"]


def test_errors_are_pages_for_people(visitor: Visitor) -> None:
    visitor.watch.may_fail = True
    page = visitor.open()
    for path, heading in [
        ("/nowhere", "There is nothing here"),
        ("/picture/999999", "There is nothing here"),
        ("/search?min=large", "That cannot be asked"),
        ("/search?like=@" + "0" * 32, "It is not here any more"),
        ("/search?licence=mine", "That cannot be asked"),
        ("/credits?id=x", "That cannot be asked"),
        ("/region?like=1&part=4", "That cannot be asked"),
    ]:
        page.goto(visitor.watch.base + path)
        expect(page.get_by_role("heading", level=1)).to_have_text(heading)
        expect(page.get_by_role("link", name="To the first page")).to_be_visible()


def test_robots_are_asked_to_leave_questions_to_people(visitor: Visitor, served: Served) -> None:
    told = served.get("/robots.txt")
    assert "Disallow: /search\n" in told.body.decode()
    for path, content in [("/", "index, nofollow"), ("/search?q=sword", "noindex, nofollow")]:
        page = visitor.open(path)
        expect(page.locator("meta[name=robots]")).to_have_attribute("content", content)


def test_whoever_comes_while_the_server_starts_is_let_in_by_itself(
    chromium: Browser, gallery: Settings
) -> None:
    with serving(gallery.data_dir) as served:
        visitor = Visitor(chromium, served)
        visitor.watch.may_fail = True
        page = visitor.open("/search?like=1")
        expect(page.get_by_role("heading", level=1)).to_have_text("What looks like it", timeout=30_000)
        visitor.close()


def test_behind_a_proxy_every_link_has_its_prefix(
    chromium: Browser, gallery: Settings, sprite_file: Path
) -> None:
    with serving(gallery.data_dir, "--root-path", "/art") as served:
        served.wait_for("ready")
        visitor = Visitor(chromium, served)
        page = visitor.open("/search?q=walking imps")
        for link in page.locator("a[href], form[action], link[href], script[src], img[src]").all():
            address = next(filter(None, map(link.get_attribute, ("href", "src", "action"))))
            assert address.startswith(
                ("/art/", "https://", "http://creativecommons", "http://www.gnu", "#")
            ), address
        page.locator(".hit input").first.check()
        page.get_by_role("link", name="Basket").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Basket: 1 picture")
        page.get_by_role("link", name="OGA Search").click()
        page.get_by_label("A file").set_input_files(sprite_file)
        page.get_by_role("button", name="Whose is this?").click()
        expect(page).to_have_url(re.compile(r"/art/whose\?like=@"))
        visitor.close()


def test_an_empty_catalog_names_the_command(chromium: Browser, tmp_path: Path) -> None:
    with serving(tmp_path / "empty") as served:
        visitor = Visitor(chromium, served)
        visitor.watch.may_fail = True
        page = visitor.open()
        expect(page.get_by_role("heading", level=1)).to_have_text("Nothing was collected yet")
        expect(page.locator("code")).to_contain_text("scrapy crawl oga")
        visitor.close()
