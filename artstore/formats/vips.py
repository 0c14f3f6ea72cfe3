"""libvips, as all here want it: in one thread, keeping nothing."""

from __future__ import annotations

from typing import Any


def libvips() -> Any:
    """Return pyvips, which has no types. Raises OSError where it, or the library, cannot be loaded."""
    try:
        import pyvips
    except (ImportError, OSError) as error:
        raise OSError(
            "drawings need libvips, which did not load: install pyvips-binary, or libvips with librsvg"
        ) from error
    pyvips.vips_lib.vips_concurrency_set(1)
    pyvips.cache_set_max(0)
    return pyvips
