"""Scrapy's settings, polite by default. What is ours is named in :mod:`artstore.settings`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from importlib.util import find_spec
from typing import Any

from artstore.command import BLAS_THREADS
from artstore.settings import Settings, env_name, hand_on

# Before numpy is loaded: a crawl may embed, and keep an index.
hand_on(BLAS_THREADS, "1")

BOT_NAME = "oga-search"
SPIDER_MODULES = ["ogaspider.spiders"]
COMMANDS_MODULE = "ogaspider.commands"

PURPOSE = "visual search of game art"
USER_AGENT = f"{BOT_NAME} ({PURPOSE})"

# The faster loop, where there is one: not on Windows.
ASYNCIO_EVENT_LOOP = "uvloop.Loop" if find_spec("uvloop") else None

ROBOTSTXT_OBEY = True
AUTOTHROTTLE_ENABLED = True
AUTOTHROTTLE_START_DELAY = 1.0
CONCURRENT_REQUESTS_PER_DOMAIN = 4
# Tasks that Scrapy makes for each page, however little comes of it. Of a work's page, one item does.
CONCURRENT_ITEMS = 1
# Bytes of pages whose works are on their way through the pipelines, at which no more are asked for: Scrapy's 5 MB are
# some 600 works, and 25 MB of memory that a crawl never gives back, should the catalog or the disk once be slow.
SCRAPER_SLOT_MAX_ACTIVE_SIZE = 500_000
# No page of the site refreshes itself, and every page would be searched for it.
METAREFRESH_ENABLED = False
# Numbers of bytes and answers that nobody is shown; `-s DOWNLOADER_STATS=1 -s STATS_DUMP=1` has them.
DOWNLOADER_STATS = False
# A line about how far the crawl is, instead of Scrapy's about pages and items a minute.
PROGRESS_INTERVAL_S = 60.0
EXTENSIONS = {
    "scrapy.extensions.logstats.LogStats": None,
    "ogaspider.progress.Progress": 300,
    "ogaspider.politeness.CrawlDelay": 100,
}
RETRY_TIMES = 2
# A loop is known long before the twentieth turn.
REDIRECT_MAX_TIMES = 5
# What failed is tried again before anything else is asked for. Otherwise a site that is down would be asked for all
# pages of a listing, and for all of them again, before the first had failed for good and counted.
RETRY_PRIORITY_ADJUST = 100
# What our handler raises; those of others are not even loaded.
RETRY_EXCEPTIONS = [
    "scrapy.exceptions.CannotResolveHostError",
    "scrapy.exceptions.DownloadConnectionRefusedError",
    "scrapy.exceptions.DownloadFailedError",
    "scrapy.exceptions.DownloadTimeoutError",
    "scrapy.exceptions.ResponseDataLossError",
    # Of a compressed answer that is none.
    OSError,
]
DOWNLOAD_TIMEOUT = 180.0
# Bytes of a page, also when it is decompressed; a listing of 144 works has half a million. Parsed it takes ten times as
# much memory. Files have limits of their own.
DOWNLOAD_MAXSIZE = 10_000_000

DOWNLOAD_HANDLERS = {
    "http": "ogaspider.browser.BrowserDownloadHandler",
    "https": "ogaspider.browser.BrowserDownloadHandler",
    # Not even loaded: nothing here asks for anything but the web.
    "data": None,
    "file": None,
    "ftp": None,
    "s3": None,
}
# Answers go from the last to the first; Scrapy's own are at 550 for tries, 590 for compression, 700 for cookies.
DOWNLOADER_MIDDLEWARES = {
    # A guest needs none, and for each that it is given Scrapy would ask publicsuffix.org whether it may have it.
    "scrapy.downloadermiddlewares.cookies.CookiesMiddleware": None,
    # These look at every request for what no request of ours has: a password, a domain that it may not leave.
    "scrapy.downloadermiddlewares.httpauth.HttpAuthMiddleware": None,
    "scrapy.downloadermiddlewares.offsite.OffsiteMiddleware": None,
    "ogaspider.health.HealthMiddleware": 540,
    "ogaspider.pauses.PauseMiddleware": 560,
    "ogaspider.challenges.ChallengeMiddleware": 570,
    # After all that sends a request again, so that every try asks only for what is missing.
    "ogaspider.downloads.ResumeMiddleware": 950,
}
# These look at every request and item that comes of a page, and change nothing that anybody asks for.
SPIDER_MIDDLEWARES = {
    "scrapy.spidermiddlewares.depth.DepthMiddleware": None,
    "scrapy.spidermiddlewares.urllength.UrlLengthMiddleware": None,
}
# What scrapy-playwright is to do; it is asked only if a page needs it.
PLAYWRIGHT_ABORT_REQUEST = "ogaspider.browser.is_needless"
# The browser's own headers: Scrapy's would not fit what a script looks at.
PLAYWRIGHT_PROCESS_REQUEST_HEADERS = None
PLAYWRIGHT_DEFAULT_NAVIGATION_TIMEOUT = 60_000

ITEM_PIPELINES = {
    "ogaspider.pipelines.files.ArtFilesPipeline": 100,
    "ogaspider.pipelines.unpack.UnpackPipeline": 200,
    "ogaspider.pipelines.record.RecordPipeline": 300,
    "ogaspider.pipelines.embed.EmbedPipeline": 400,
}

LOG_LEVEL = "INFO"
LOG_FORMAT = "%(asctime)s %(levelname)s %(message)s"
LOG_DATEFORMAT = "%H:%M:%S"
# Our own summary says what came of it; `-s STATS_DUMP=1` shows every number.
STATS_DUMP = False
# Nobody listens to them, so they need not listen.
TELNETCONSOLE_ENABLED = False
REMOTE_CONTROL_ENABLED = False


def house_settings(scrapy_settings: Mapping[str, Any]) -> Settings:
    """Return the house's settings of this crawl: ``-s OGA_<NAME>=…`` before the environment before the default.

    Raises :class:`~artstore.errors.UsageError` for a value of the wrong type.
    """
    return Settings.load(**{field.name: scrapy_settings.get(env_name(field)) for field in fields(Settings)})


def derived_settings(settings: Settings) -> dict[str, Any]:
    """Return the Scrapy settings that follow from ours."""
    return {
        "FILES_STORE": str(settings.files_dir),
        # The size of a page or file is no news unless it is refused.
        "DOWNLOAD_WARNSIZE": 0,
        "USER_AGENT": f"{BOT_NAME} ({PURPOSE}; {settings.contact})" if settings.contact else USER_AGENT,
    }
