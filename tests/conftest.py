"""What all tests share."""

import os
import signal
from pathlib import Path

import pytest

# A shell that starts the tests in the background has them ignore Ctrl-C, and so would the commands that they interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real art, pages and weights; the one place that reads OGA_REAL_DATA."""
    folder = os.environ.get("OGA_REAL_DATA")
    if not folder:
        pytest.skip("OGA_REAL_DATA is not set: point it to the folder of real art, pages and weights")
    return Path(folder)
