"""Formats which Pillow does not read, or not as their programs show them, added to it in its own manner: as plugins.

Each is a :class:`PIL.ImageFile.ImageFile` which reads no more than a header when
it is opened, so that size and number of frames are known before anything costs
memory, and decodes to straight-alpha RGBA when it is loaded.
"""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageFile


def register(kinds: Sequence[type[ImageFile.ImageFile]]) -> list[str]:
    """Make *kinds* known to Pillow, and return the names to open them by: not those of plugins of Pillow's own."""
    for kind in kinds:
        Image.register_open(_name(kind), kind, getattr(kind, "accepts", None))
    return [_name(kind) for kind in kinds]


def _name(kind: type[ImageFile.ImageFile]) -> str:
    return f"OGA-{kind.format}"
