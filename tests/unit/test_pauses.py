"""What a site asks for with `Retry-After`, and what a challenge looks like."""

from __future__ import annotations

import pytest
from scrapy.http import HtmlResponse, Response

from ogaspider.challenges import MARKS, is_challenge, shows_challenge
from ogaspider.pauses import retry_after_s
from tests.replica import challenge

NOON = "Mon, 23 Nov 2026 12:00:00 GMT"


@pytest.mark.parametrize(
    ("asked", "pause_s"),
    [
        ("0", 0), ("7", 7), (" 120 ", 120), ("Mon, 23 Nov 2026 12:01:30 GMT", 90),
        ("Mon, 23 Nov 2026 11:00:00 GMT", 0), ("", None), ("soon", None), ("-5", None), ("1.5", None),
        ("Mon, 99 Nov 2026 12:01:30 GMT", None),
    ],
)  # fmt: skip
def test_seconds_or_a_date_by_the_clock_of_the_site(asked: str, pause_s: float | None) -> None:
    response = Response("http://site/", 503, {"Retry-After": asked, "Date": NOON})
    assert retry_after_s(response) == pause_s


def test_without_the_header_there_is_no_pause() -> None:
    assert retry_after_s(Response("http://site/", 503)) is None


@pytest.mark.parametrize("mark", MARKS)
def test_each_mark_makes_a_challenge_but_not_of_a_page_of_the_site(mark: str) -> None:
    assert shows_challenge(f"<html>{mark}</html>")
    assert not shows_challenge(f'<html><div class="node node-art">{mark}</div></html>')
    assert not shows_challenge(f'<html><div class="view view-display-id-page">{mark}</div></html>')


@pytest.mark.parametrize(("status", "is_one"), [(200, True), (403, True), (503, True), (404, False)])
def test_a_challenge_comes_with_some_answers_only(status: int, is_one: bool) -> None:  # noqa: FBT001
    page = HtmlResponse("http://site/", status, body=challenge.PAGE.encode(), encoding="utf-8")
    assert is_challenge(page) is is_one
    assert not is_challenge(Response("http://site/a.png", status, body=challenge.PAGE.encode()))
