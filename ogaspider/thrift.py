"""What a long crawl need not spend."""

from __future__ import annotations

import gc
import logging

from scrapy.settings import BaseSettings

GARBAGE_THRESHOLDS = (10_000, 20, 50)
"""Of Python's collector: requests and pages come and go by the thousand, and few of them in circles."""


def spare(settings: BaseSettings) -> None:
    """Make no messages that nobody will see, and look through what stays for the whole crawl no more."""
    level = settings.get("LOG_LEVEL")
    for name in (None, "scrapy", "twisted"):
        logging.getLogger(name).setLevel(level)
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GARBAGE_THRESHOLDS)
