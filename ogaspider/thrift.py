"""What a long crawl need not spend."""

from __future__ import annotations

import gc
import logging

from scrapy.settings import BaseSettings

GARBAGE_THRESHOLDS = (5_000, 10, 10)
"""Of Python's collector: requests and pages come and go by the thousand, and few of them in circles."""


def spare(settings: BaseSettings) -> None:
    """Make no messages that nobody will see, and look through what stays for the whole crawl no more."""
    logging.getLogger("scrapy").setLevel(settings.get("LOG_LEVEL"))
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GARBAGE_THRESHOLDS)
