"""Photoshop documents, PSD and PSB, as Photoshop shows them.

Mostly the finished picture lies in the file beside its layers and is read alone
(:mod:`artstore.formats.psd_merged`); else psd-tools puts the layers together.
"""

from __future__ import annotations

import logging
import threading
import warnings
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from artstore.formats import psd_colours, psd_merged
from artstore.formats.psd_document import SIGNATURE, Header, Mode

MAX_COMPOSED_PX = 1 << 24
"""Pixels of a document whose layers are still to be put together: each takes more than a hundred bytes."""

_MAX_ALLOC_BYTES = 1 << 30
"""What psd-tools may take at a time for one layer or one effect."""

_COMPOSING = threading.Lock()
"""Held while warnings are errors, which they are then for the whole process: two at a time could not put that back."""


class PsdImageFile(ImageFile.ImageFile):
    """A document as one picture, straight-alpha RGBA; its layers are no frames.

    Colour profiles are not applied, as with all other formats here.
    """

    format = "PSD"
    format_description = "Adobe Photoshop"

    @staticmethod
    def accepts(prefix: bytes) -> bool:
        """Say whether a file that begins with *prefix* (16 bytes) is one."""
        return prefix.startswith(SIGNATURE)

    def _open(self) -> None:
        if self.fp is None:
            raise SyntaxError("no file")
        self._header = Header.read(self.fp)
        self._size = (self._header.width_px, self._header.height_px)
        self._mode = "RGBA"

    def load(self) -> Any:  # Pillow's PixelAccess, which has no public name
        """Decode the picture, once. Raises OSError or ValueError, saying why it cannot be."""
        if self._im is None:
            if self.fp is None:
                raise OSError("the file was closed before it was decoded")
            rgba = psd_merged.read_rgba(self.fp, self._header)
            self.im = Image.fromarray(_composed(self.fp, self._header) if rgba is None else rgba).im
        return Image.Image.load(self)


def _composed(file: IO[bytes], header: Header) -> NDArray[np.uint8]:
    """Return the layers of *file* put together, straight-alpha RGBA of shape (h, w, 4).

    Without psd-tools' optional libraries some effects are not drawn; where a layer cannot be, that is an OSError.
    """
    if header.width_px * header.height_px > MAX_COMPOSED_PX:
        size = f"{header.width_px}x{header.height_px}"
        raise OSError(f"no finished picture in it, and {size} is too large to put its layers together")
    colours, alpha = _layers_together(file)
    canvas = np.full((header.height_px, header.width_px, 4), 255, np.uint8)
    if colours.shape[:2] != canvas.shape[:2]:
        raise OSError("no finished picture in it, and its layers put together are none of its size")
    planes = min(colours.shape[2], 4)
    canvas[..., :planes] = psd_colours.from_shares(colours[..., :planes], is_linear=header.depth_bits == 32)
    if header.mode != Mode.INDEXED:
        psd_merged.to_rgb(canvas, header)
    canvas[..., 3] = psd_colours.from_shares(alpha[..., 0], is_linear=False)
    return canvas


def _layers_together(file: IO[bytes]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the colours and the alpha of all layers, shapes (h, w, n) and (h, w, 1), 0 to 1."""
    # What it meets in odd files it tells on stderr, of which nobody knows the file.
    logging.getLogger("psd_tools").setLevel(logging.CRITICAL)
    from psd_tools import PSDImage
    from psd_tools.composite import composite
    from psd_tools.compression import PSDDecompressionWarning

    file.seek(0)
    try:
        with _COMPOSING, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # Else a layer that cannot be unpacked would be black, and nobody would know.
            warnings.simplefilter("error", PSDDecompressionWarning)
            colours, _, alpha = composite(PSDImage.open(file, max_alloc_bytes=_MAX_ALLOC_BYTES))
    except (ImportError, PSDDecompressionWarning) as error:
        said = str(error).partition("\n")[0]
        raise OSError(f"no finished picture in it, and its layers cannot be put together: {said}") from error
    return colours, alpha
