"""Look for the pictures in stored files that wait for it.

The crawl and an added folder look at each file on its way; here it is done for
those that were left: after a crash, or when everything is to be looked at again
because ``unpacked/`` was lost or a newer version reads more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from artstore.blobs import FolderBlobs
from artstore.catalog import Catalog
from artstore.examiners import examining
from artstore.models import Findings
from artstore.settings import Settings


def examine(paths: Iterable[str], catalog: Catalog, settings: Settings) -> Iterator[Findings]:
    """Find and record the pictures of each of *paths*, which lie below ``files/``, one after the other."""
    with examining(settings) as find_images:
        for path in paths:
            findings = find_images(path)
            FolderBlobs(settings.data_dir).sync_found(path, findings)
            with catalog.transaction():
                catalog.record_findings(path, findings)
            yield findings
