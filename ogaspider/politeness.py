"""The manners of a guest: the pause that robots.txt asks for, and a name under which to complain."""

from __future__ import annotations

import logging
from typing import Self
from urllib.parse import urlsplit

from scrapy import Request, signals
from scrapy.crawler import Crawler
from scrapy.robotstxt import RobotParser

from artstore.settings import Settings

logger = logging.getLogger(__name__)

REAL_SITE = "opengameart.org"


def advice_on_contact(settings: Settings) -> str | None:
    """Return what to say to who crawls the real site and gives no address; None otherwise."""
    host = urlsplit(settings.site_url).hostname or ""
    if settings.contact or not f".{host}".endswith(f".{REAL_SITE}"):
        return None
    return (
        f"{host} cannot reach you if something goes wrong: set OGA_CONTACT=you@example.org for the user agent"
    )


class CrawlDelay:
    """Keeps each site's ``Crawl-delay``; AutoThrottle may only be slower than that.

    Scrapy reads the directive but does not act on it.
    """

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler
        self._delays_s: dict[str, float] = {}

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Listen for robots.txt files."""
        extension = cls(crawler)
        crawler.signals.connect(extension.robots_parsed, signals.robots_parsed)
        return extension

    def robots_parsed(self, robotparser: RobotParser, request: Request) -> None:
        """Take the delay of the site that *request* goes to."""
        delay_s = robotparser.crawl_delay(self._crawler.settings["USER_AGENT"])
        slot = self._slot_key(request)
        if delay_s and slot not in self._delays_s:
            logger.info("robots.txt of %s asks for %g s between requests", slot, delay_s)
            self._listen()
            self._delays_s[slot] = delay_s
            self._keep(slot)

    def _listen(self) -> None:
        """Listen to every request from the first delay on; until then there is nothing to keep."""
        if not self._delays_s:
            # AutoThrottle lowers the delay on the same signal: it is connected before, we have the last word.
            self._crawler.signals.connect(self.keep, signals.response_downloaded)
            # Scrapy forgets a site, and its delay, that was idle for a minute.
            self._crawler.signals.connect(self.keep, signals.request_reached_downloader)

    def keep(self, request: Request) -> None:
        """Keep the delay of the site that is asked or has answered."""
        self._keep(self._slot_key(request))

    def _slot_key(self, request: Request) -> str:
        return self._crawler.engine.downloader.get_slot_key(request)

    def _keep(self, key: str) -> None:
        slot = self._crawler.engine.downloader.slots.get(key)
        if slot and (delay_s := self._delays_s.get(key)):
            slot.delay = max(slot.delay, delay_s)
            # A delay that varies would half the time be shorter than what was asked for.
            slot.jitter = 0.0
