"""What a crawl says while it runs: its own words, and Scrapy's warnings without their tracebacks."""

from __future__ import annotations

import logging

from ogaspider.reasons import NETWORK_ERRORS

INVENTORIES = (
    "scrapy.utils.log",
    "scrapy.addons",
    "scrapy.middleware",
    "scrapy.crawler",
    "scrapy.core.engine",
)
"""Loggers that list every version, setting, middleware and step of the start; ``-L INFO`` brings them back."""

DOWNLOADS = ("scrapy.downloadermiddlewares.robotstxt", "scrapy.core.scraper")
"""Loggers that print a traceback for a host that does not answer."""


BROWSERS = "scrapy-playwright"
"""A logger that tells every start, and prints a traceback for a page that is then reported as a failure."""


def speak_plainly() -> None:
    """Make Scrapy's loggers say what matters to a person. Filters, because Scrapy resets levels when it starts."""
    for name in INVENTORIES:
        logging.getLogger(name).addFilter(_is_warning)
    for name in DOWNLOADS:
        logging.getLogger(name).addFilter(_without_traceback)
    logging.getLogger(BROWSERS).addFilter(_is_error)


def _is_warning(record: logging.LogRecord) -> bool:
    # That a Ctrl-C was heard, and what a second one does, has to be said at once.
    return record.levelno >= logging.WARNING or "shutting down" in record.getMessage()


def _is_error(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.ERROR


def _without_traceback(record: logging.LogRecord) -> bool:
    if record.exc_info and isinstance(record.exc_info[1], NETWORK_ERRORS):
        record.exc_info = None
    return True
