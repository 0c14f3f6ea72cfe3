"""What a drawing may consist of: it is counted before librsvg builds a tree of it, which takes a kilobyte an element.

Pictures and drawings that lie within it, in URLs of the scheme ``data``, are looked at too.
"""

from __future__ import annotations

import base64
import re
import struct
from collections.abc import Mapping
from io import BytesIO
from urllib.parse import unquote_to_bytes
from xml.parsers import expat

from PIL import GifImagePlugin, ImageFile, JpegImagePlugin, PngImagePlugin

MAX_BYTES = 1 << 23
"""Of the XML, unpacked, and once more of all drawings within it."""

MAX_ELEMENTS = 1 << 17
"""Together with those of drawings within it: as measured, they take some 300 MB in a tree, of which there are two at a time."""

MAX_PRIMITIVES = 64
"""Of one filter: each may keep a picture as large as the drawing."""

MAX_IMAGE_PX = 1 << 24
"""Of a picture within it."""

MAX_IMAGES_PX = 1 << 26
"""Of all those together: they are unpacked side by side, 4 bytes a pixel."""

_DATA = "data:"

_IN_STYLE = re.compile(r"data:(?!\s*(?:font|application)/)", re.IGNORECASE)
"""A style names fonts in such a way. What else it may name are drawings, and real ones do not."""

_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]")

_READERS: dict[bytes, type[ImageFile.ImageFile]] = {
    b"\x89PNG": PngImagePlugin.PngImageFile,
    b"\xff\xd8\xff": JpegImagePlugin.JpegImageFile,
    b"GIF8": GifImagePlugin.GifImageFile,
}


def check(content: bytes) -> bool:
    """Look through the XML *content* and say whether it has filters. Raises OSError if it is broken or too much."""
    parts = _Parts()
    waiting = [content]
    while waiting:
        waiting += parts.read(waiting.pop())
    return parts.has_filters


class _Parts:
    """Counts what a drawing, and all drawings within it, consist of."""

    def __init__(self) -> None:
        self.has_filters = False
        self._elements = 0
        self._primitives = 0
        self._images_px = 0
        self._within_bytes = 0
        self._style_bytes = 0
        self._styles: list[str] | None = None
        self._within: list[bytes] = []

    def read(self, content: bytes) -> list[bytes]:
        """Count, and return the drawings that lie within."""
        self._within = []
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler = self._begin
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.ProcessingInstructionHandler = lambda _, data: _check_style(data)
        try:
            parser.Parse(content, True)  # noqa: FBT003 - it knows no names of arguments
        except (expat.ExpatError, ValueError, LookupError) as error:
            raise OSError(f"not drawn: {error}") from error
        return self._within

    def _begin(self, name: str, attributes: Mapping[str, str]) -> None:
        self._elements += 1
        if self._elements > MAX_ELEMENTS:
            raise OSError(f"a drawing of more than {MAX_ELEMENTS} elements")
        bare = name.rpartition(":")[2]
        if bare == "filter":
            self.has_filters, self._primitives = True, 0
        elif bare.startswith("fe"):
            self._primitives += 1
            if self._primitives > MAX_PRIMITIVES:
                raise OSError(f"a filter of more than {MAX_PRIMITIVES} primitives")
        elif bare == "style":
            self._styles = []
        for value in attributes.values():
            if ":" in value:
                self._look_at(value)

    def _end(self, _: str) -> None:
        if self._styles is not None:
            _check_style("".join(self._styles))
            self._styles = None

    def _text(self, text: str) -> None:
        if self._styles is not None:
            self._style_bytes += len(text)
            if self._style_bytes > MAX_BYTES:
                raise OSError(f"styles of more than {MAX_BYTES} characters")
            self._styles.append(text)

    def _look_at(self, value: str) -> None:
        """Take what an attribute holds, if it is such a URL, as it is read out of one: breaks in it do not count."""
        url = value.translate({9: None, 10: None, 13: None}).lstrip()
        if url[: len(_DATA)].lower() != _DATA:
            _check_style(url)
            return
        kind, _, body = url.partition("#")[0].partition(",")
        data = unquote_to_bytes(body)
        if kind.lower().rstrip().endswith("base64"):
            letters = _NOT_BASE64.sub(b"", data)
            data = base64.b64decode(letters[: len(letters) - (len(letters) % 4 == 1)] + b"==")
        self._take(data)

    def _take(self, data: bytes) -> None:
        if data.startswith(b"\x1f\x8b"):
            raise OSError("a packed drawing within a drawing")
        if (size := _size_px(data)) is not None:
            image_px = size[0] * size[1]
            self._images_px += image_px
            if image_px > MAX_IMAGE_PX or self._images_px > MAX_IMAGES_PX:
                raise OSError(f"a drawing that holds too large a picture, of {size[0]}x{size[1]} pixels")
        elif b"<" in data[:64]:
            self._within_bytes += len(data)
            if self._within_bytes > MAX_BYTES:
                raise OSError(f"drawings within a drawing, of more than {MAX_BYTES} bytes")
            self._within.append(data.lstrip())


def _check_style(text: str) -> None:
    if _IN_STYLE.search(text):
        raise OSError("a style that holds a drawing")


def _size_px(data: bytes) -> tuple[int, int] | None:
    """Return width and height of a picture, by its header: None if it is none. Raises OSError if it is broken."""
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return _webp_size_px(data)
    for magic, reader in _READERS.items():
        if data.startswith(magic):
            try:
                return reader(BytesIO(data)).size
            except (SyntaxError, ValueError, EOFError, LookupError, struct.error) as error:
                raise OSError(f"a drawing that holds a broken picture: {error}") from error
    return None


def _webp_size_px(data: bytes) -> tuple[int, int]:
    """Return what the first chunk says, after RFC 9649: Pillow would make room for the picture."""
    if len(data) < 30:
        raise OSError("a drawing that holds a broken picture: WebP without a header")
    if data[12:16] == b"VP8X":
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if data[12:16] == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    width_px, height_px = struct.unpack_from("<2H", data, 26)
    return width_px & 0x3FFF, height_px & 0x3FFF
