"""``scrapy crawl``, which checks the words of the command before anything starts."""

from __future__ import annotations

import argparse
import sys

from filelock import BaseFileLock
from scrapy import Spider
from scrapy.commands.crawl import Command as ScrapyCrawl
from scrapy.crawler import Crawler
from scrapy.exceptions import UsageError
from scrapy.spiderloader import get_spider_loader

from artstore.catalog import Catalog
from artstore.claims import claimed
from artstore.command import INTERRUPTED, talk
from artstore.errors import OgaError
from artstore.errors import UsageError as WrongUsage
from ogaspider.browser import check_browser
from ogaspider.ending import ENDED
from ogaspider.politeness import advice_on_contact
from ogaspider.settings import house_settings
from ogaspider.talk import speak_plainly
from ogaspider.thrift import spare
from ogaspider.urls import ARGUMENTS, Query

EXAMPLES = """
Examples: `scrapy crawl oga -a max_pages=1` reads the first listing page of 2D art;
`-a query="fire sword" -a licence=cc0,cc-by` only what is asked for; `-a since=30d` what is new;
`-a url=ADDRESS` a single work; `-a collection=ADDRESS` what a member has collected;
`-s OGA_EMBED=1` embeds while crawling. Ctrl-C ends it cleanly, the same command goes on from there.
"""


class Command(ScrapyCrawl):
    """Scrapy's own command, with our arguments explained and checked, and without its list of parts."""

    _counted: Crawler | None = None
    _lock: BaseFileLock | None = None

    def long_desc(self) -> str:
        """Say what the arguments of the crawl are."""
        arguments = "; ".join(f"-a {name}= {meaning}" for name, meaning in ARGUMENTS.items())
        return f"Collect art from OpenGameArt: pages, files, pictures. {arguments}. {EXAMPLES}"

    def process_options(self, args: list[str], opts: argparse.Namespace) -> None:
        """Refuse unknown arguments in one line and with exit code 2, not with a traceback from inside the crawl."""
        super().process_options(args, opts)
        assert self.settings is not None  # noqa: S101 - Scrapy sets it before it asks for anything
        if not opts.loglevel:
            speak_plainly()
        spiders = get_spider_loader(self.settings).list()
        if args and args[0] not in spiders:
            raise UsageError(
                f"no spider is called {args[0]!r}; there is {', '.join(spiders)}", print_help=False
            )
        if args != ["oga"]:
            return
        try:
            settings = house_settings(self.settings)
            Query.from_arguments(opts.spargs, settings.site_url)
            if settings.embed:
                from embedder.registry import check

                check(settings)
            if settings.browser or settings.chromium:
                check_browser(settings.chromium)
            Catalog(settings.catalog_path).close()
            # Held until this process ends. Two crawls would write the same files, and ask a site for twice as much.
            self._lock = claimed(settings.data_dir / "crawl.lock", f"crawling into {settings.data_dir}")
        except WrongUsage as error:
            raise UsageError(str(error), print_help=False) from error
        except OgaError as error:
            talk(f"scrapy crawl oga: {error}")
            sys.exit(error.exit_code)
        except OSError as error:
            raise UsageError(
                f"OGA_DATA_DIR={settings.data_dir}: {error.strerror}", print_help=False
            ) from error
        if advice := advice_on_contact(settings):
            talk(f"scrapy crawl oga: {advice}")

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        """Crawl; the exit code is 1 where not one page could be read or something ended it early, 130 after Ctrl-C."""
        assert self.settings is not None  # noqa: S101 - as above
        spare(self.settings)
        super().run(args, opts)
        if self._counted:
            stats = self._counted.stats
            # None: a second Ctrl-C did not let it finish.
            if stats.get_value("finish_reason") in {"shutdown", None}:
                self.exitcode = INTERRUPTED
            elif not stats.get_value("oga/pages") or stats.get_value(ENDED):
                self.exitcode = 1

    def _create_crawler(self, spidercls: type[Spider] | str) -> Crawler:
        # Scrapy forgets its crawlers when they end; what this one has counted decides the exit code.
        self._counted = super()._create_crawler(spidercls)
        return self._counted
