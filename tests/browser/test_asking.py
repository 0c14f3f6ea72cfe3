"""Asking: by words, with a picture that is chosen, dropped or pasted, by its address, and whose it is."""

from __future__ import annotations

import re
from base64 import b64encode
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests import shelf
from tests.browser.conftest import Visitor
from tests.browser.gallery import FRAMES

pytestmark = pytest.mark.browser

TRANSFER = """([name, content, text]) => {
    const transfer = new DataTransfer();
    if (content) {
        const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
        transfer.items.add(new File([bytes], name, { type: "image/png" }));
    }
    if (text) transfer.setData("text/plain", text);
    return transfer;
}"""


def titles(page: Page) -> list[str]:
    return page.locator(".hit h3").all_inner_texts()


def transfer(page: Page, path: Path | None = None, text: str = "") -> object:
    content = b64encode(path.read_bytes()).decode() if path else ""
    return page.evaluate_handle(TRANSFER, [path.name if path else "", content, text])


def paste(into: Locator, transferred: object) -> None:
    into.evaluate(
        """(into, clipboardData) =>
            into.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }))""",
        transferred,
    )


def test_words_find_what_is_called_so(visitor: Visitor) -> None:
    page = visitor.open()
    page.get_by_role("searchbox").fill("knight dragon")
    page.get_by_role("button", name="Search").click()
    expect(page).to_have_url(re.compile(r"/search\?q=knight(\+|%20)dragon$"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Pictures with “knight dragon”")
    assert titles(page)
    assert set(titles(page)) == {"Knight & Dragon"}
    expect(page.get_by_role("searchbox")).to_have_value("knight dragon")


def test_a_word_that_nothing_has_is_answered_in_words(visitor: Visitor) -> None:
    page = visitor.open("/search?q=zeppelin")
    expect(page.get_by_role("heading", level=2)).to_have_text("Nothing here is like that")
    expect(page.locator(".hit")).to_have_count(0)


def test_a_picture_that_is_chosen_is_found(visitor: Visitor, sprite_file: Path) -> None:
    page = visitor.open()
    page.get_by_label("A file").set_input_files(sprite_file)
    page.get_by_role("button", name="What looks like it?").click()
    expect(page.locator(".asked .part")).to_contain_text("Your picture")
    assert titles(page)[0].startswith("Nasty")
    assert page.locator(".hit .facts").first.inner_text().startswith("24 × 24")
    page.get_by_role("link", name="Whose is this?").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("by Ann & Bob <i>100%</i> + 1")


@pytest.mark.parametrize(("zone", "path"), [("What looks like it?", "/search"), ("Whose is this?", "/whose")])
def test_a_picture_is_dropped_on_any_page(visitor: Visitor, sprite_file: Path, zone: str, path: str) -> None:
    page = visitor.open("/about")
    dropped = transfer(page, sprite_file)
    page.dispatch_event("body", "dragenter", {"dataTransfer": dropped})
    target = page.locator(".landing p", has_text=zone)
    expect(target).to_be_visible()
    target.dispatch_event("dragover", {"dataTransfer": dropped})
    expect(target).to_have_class("over")
    with page.expect_navigation(url=lambda url: f"{path}?like=@" in url):
        target.dispatch_event("drop", {"dataTransfer": dropped})


def test_a_picture_is_pasted(visitor: Visitor, sprite_file: Path) -> None:
    page = visitor.open("/search?q=sword")
    with page.expect_navigation(url=lambda url: "/search?like=@" in url):
        paste(page.locator("body"), transfer(page, sprite_file))
    assert titles(page)[0].startswith("Nasty")


def test_a_picture_of_another_page_is_asked_with_by_its_own_address_not_by_what_it_links_to(
    visitor: Visitor,
) -> None:
    visitor.watch.may_fail = True
    page = visitor.open("/about")
    dragged = page.evaluate_handle(
        """() => {
            const transfer = new DataTransfer();
            transfer.setData("text/uri-list", "http://localhost/content/a-work");
            transfer.setData("text/html", '<a href="/content/a-work"><img src="http://localhost/sprite%2520.png"></a>');
            return transfer;
        }"""
    )
    page.dispatch_event("body", "dragenter", {"dataTransfer": dragged})
    with page.expect_request(lambda request: request.method == "POST") as asked:
        page.locator(".landing p").first.dispatch_event("drop", {"dataTransfer": dragged})
    assert b"http://localhost/sprite%2520.png" in (asked.value.post_data_buffer or b"")
    assert b"a-work" not in (asked.value.post_data_buffer or b"")
    # A browser that is closed on its way to a page may never say that it is.
    expect(page.locator("main")).to_contain_text("That address is not one of the public internet")


def test_what_is_larger_than_the_server_takes_is_not_even_sent(visitor: Visitor, tmp_path: Path) -> None:
    page = visitor.open()
    most = int(page.locator("body").get_attribute("data-most-bytes") or 0)
    assert most > 1_000_000
    path = tmp_path / "large.png"
    path.write_bytes(bytes(most + 1))
    page.get_by_label("A file").set_input_files(path)
    page.get_by_role("button", name="Whose is this?").click()
    expect(page.locator("[data-toast]")).to_contain_text("That is too large: the server takes")


def test_text_that_is_pasted_into_a_field_stays_there(visitor: Visitor) -> None:
    page = visitor.open()
    pasted = transfer(page, text="https://example.org/sprite.png")
    paste(page.get_by_label("An address"), pasted)
    expect(page.get_by_role("heading", level=1)).to_have_text("Find game art by what it looks like")


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1/a.png", "http://localhost/a.png", "http://[::1]/a.png"]
)
def test_an_address_of_the_servers_own_network_is_refused_with_the_reason(
    visitor: Visitor, address: str
) -> None:
    visitor.watch.may_fail = True
    page = visitor.open()
    page.get_by_label("An address").fill(address)
    page.get_by_role("button", name="What looks like it?").click()
    expect(page.locator("main")).to_contain_text("That address is not one of the public internet")


def test_what_is_no_picture_is_refused_on_a_page(visitor: Visitor, tmp_path: Path) -> None:
    visitor.watch.may_fail = True
    path = tmp_path / "notes.png"
    path.write_text("these are notes")
    page = visitor.open()
    page.get_by_label("A file").set_input_files(path)
    page.get_by_role("button", name="Whose is this?").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("That gave no picture")


def test_nothing_at_all_is_asked_for(visitor: Visitor) -> None:
    visitor.watch.may_fail = True
    page = visitor.open()
    page.get_by_role("button", name="Whose is this?").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("That cannot be asked")


class TestWhose:
    def ask(self, visitor: Visitor, path: Path) -> Page:
        page = visitor.open()
        page.get_by_label("A file").set_input_files(path)
        page.get_by_role("button", name="Whose is this?").click()
        return page

    def test_the_work_its_author_and_licence_come_first_with_how_sure_it_is(
        self, visitor: Visitor, sprite_file: Path
    ) -> None:
        page = self.ask(visitor, sprite_file)
        verdict = page.locator(".verdict")
        expect(verdict.get_by_role("heading", level=1)).to_contain_text("Nasty")
        expect(verdict).to_contain_text("Certain: 100 %")
        expect(verdict.get_by_role("link", name="CC0")).to_have_attribute(
            "href", "http://creativecommons.org/publicdomain/zero/1.0/"
        )
        on_oga = verdict.get_by_role("link", name="Its page on OpenGameArt")
        assert (on_oga.get_attribute("href") or "").startswith("https://opengameart.org/content/")
        expect(verdict.locator(".lines")).to_contain_text("licensed CC0")

    def test_it_is_said_honestly_that_nothing_is_close_enough(self, visitor: Visitor, tmp_path: Path) -> None:
        folder = shelf.save_noise(tmp_path / "unknown", FRAMES + 1, side_px=96)
        page = self.ask(visitor, folder / f"noise-{FRAMES:04}.png")
        expect(page.get_by_role("heading", level=1)).to_have_text(
            "Nothing here is close enough to say whose this is"
        )
        expect(
            page.get_by_role("heading", name="What is nearest, but probably something else")
        ).to_be_visible()
