"""Look for the pictures in stored files that wait for it.

The crawl and an added folder look at each file on its way; here it is done for
those that were left: after a crash, or when everything is to be looked at again
because ``unpacked/`` was lost or a newer version reads more.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator, Sequence

from artstore.blobs import FolderBlobs
from artstore.catalog import Catalog
from artstore.examiners import examining, unreadable
from artstore.models import Findings
from artstore.series import record_series_of
from artstore.settings import Settings


def examine(paths: Sequence[str], catalog: Catalog, settings: Settings) -> Iterator[Findings]:
    """Find and record the pictures of each of *paths*, which lie below ``files/``, one after the other."""
    with examining(settings) as find_images:
        for path in paths:
            yield examined(path, find_images, catalog, settings)
    if paths:
        with catalog.transaction():
            record_series_of(catalog, paths)


def examined(
    path: str, find_images: Callable[[str], Findings], catalog: Catalog, settings: Settings
) -> Findings:
    """Find and record the pictures of *path*. Raises OSError for a full disk.

    What else the disk does not give is a failure, and stays a file that nobody has looked at.
    """
    try:
        findings = find_images(path)
        FolderBlobs(settings.data_dir).sync_found(path, findings)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise
        findings = Findings(failures=[unreadable(path, error)])
        with catalog.transaction():
            catalog.record_failure(findings.failures[0])
        return findings
    with catalog.transaction():
        catalog.record_findings(path, findings)
    return findings
