"""The barest spider for the same pages and files: the stock FilesPipeline, default settings, nothing kept but the bytes.

Run by ``scrapy runspider`` from a folder without a project, so that no setting of the house applies.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any, ClassVar

from scrapy import Request, Spider
from scrapy.http import Response


class Barest(Spider):
    """``-a site=http://…``."""

    name = "barest"
    site = ""
    custom_settings: ClassVar[dict[str, Any]] = {  # type: ignore[misc]
        "ITEM_PIPELINES": {"scrapy.pipelines.files.FilesPipeline": 1}
    }

    async def start(self) -> AsyncIterator[Any]:
        """Ask for the first page of the listing."""
        query = "field_art_type_tid%5B%5D=9&sort_by=created&sort_order=ASC&items_per_page=144"
        yield Request(f"{self.site}/art-search-advanced?{query}")

    def parse(self, response: Response) -> Iterator[Request]:
        """Follow the works and the next page."""
        rows = ".view-display-id-search_art_advanced .view-content .views-row"
        for href in response.css(f"{rows} .art-preview-title a::attr(href)").getall():
            yield response.follow(href, self.parse_work)
        for href in response.css("li.pager-next a::attr(href)").getall():
            yield response.follow(href, self.parse)

    def parse_work(self, response: Response) -> Iterator[dict[str, Any]]:
        """Yield the title, and the files for the pipeline."""
        yield {
            "title": response.css("h2::text").get(),
            "file_urls": response.css("span.file > a::attr(href)").getall(),
        }
