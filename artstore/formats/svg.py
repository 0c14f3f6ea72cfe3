"""Drawings: SVG, plain or packed by gzip (.svgz), drawn by librsvg, which libvips brings.

librsvg is given bytes that lie nowhere, and so follows no reference out of them: no
other file is read and nothing is fetched. How deep elements nest, how much entities
unfold and how often parts are used again is bounded by it and by libxml2; how much
there is, in :mod:`artstore.formats.svg_checks`.

How long it takes is not bounded by librsvg, which cannot be stopped either. So it is
drawn small first, and refused if that is slow. From one step to the next the time
grows by 4, with the area; and by 16 at worst, where a filter looks at all pixels
around each (feMorphology, whose radius grows as well). As measured, what is let
through takes some 4 s at 2000 by 2000 pixels, and 16 s if it is of that kind.
"""

from __future__ import annotations

import re
import time
import zlib
from collections.abc import Mapping
from typing import IO, Any
from xml.parsers import expat

from PIL import Image, ImageFile

from artstore.formats import svg_checks
from artstore.formats.svg_checks import MAX_BYTES
from artstore.formats.vips import libvips

MOST_PX = 2000
"""Longer side of what is drawn. libvips draws in squares of this size, and for each anew from the beginning."""

LEAST_PX = 256
"""Longer side too: an icon of 16 units is no pixel art, which would be enlarged pixel by pixel to be looked at."""

_MAX_UNITS = 1e6
"""Wider drawings are refused: libvips reckons in whole numbers, and takes those that are too large for 1."""

_TRIED = ((8, 0.5), (2, 1.0))
"""What part of its size a drawing is tried at first, and how many seconds that may take."""

_TRIED_WITH_FILTERS = ((64, 0.5), (32, 0.5), (16, 0.5), (8, 0.5), (4, 0.5), (2, 1.0))
"""With filters, an eighth may take a thousandth of the time, or minutes already."""

_HEAD_BYTES = 1 << 20
"""In which the first element has to begin: comments and declarations may come before it."""

_STEP_BYTES = 1 << 12

_GZIP = b"\x1f\x8b"

_NUMBER = re.compile(r"(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")

_ON_PAPER = re.compile(r"(?:mm|cm|in|pt|pc)\s*$")

_UNITS_PER_POINT = 96 / 72
"""Of CSS, where an inch has 96; libvips gives it 72."""


class SvgImageFile(ImageFile.ImageFile):
    """A drawing as straight-alpha RGBA, on nothing: what is not drawn on is transparent.

    It is drawn at its own size, which is its width and height in units of CSS or else
    its view box. Having no pixels of its own, it is drawn smaller where the longer
    side is over :data:`MOST_PX`, and larger where that is under :data:`LEAST_PX`.
    Scripts and animations do nothing. Text is in what fonts there are.
    """

    format = "SVG"
    format_description = "Scalable Vector Graphics"

    @staticmethod
    def accepts(prefix: bytes) -> bool:
        """Say whether a file that begins with *prefix* (16 bytes) may be one: XML in UTF-8 or 16, or gzip."""
        text = prefix.removeprefix(b"\xef\xbb\xbf").lstrip()
        return not text or text.startswith((b"<", b"\0<", b"\xfe\xff\0", b"\xff\xfe", _GZIP))

    def _open(self) -> None:
        if self.fp is None:
            raise SyntaxError("no file")
        content = _content(self.fp)
        root = _root(content)
        self._has_filters = svg_checks.check(content)
        self._content = content
        self._drawing, self._scale = _drawing(content, root)
        self._size = (self._drawing.width, self._drawing.height)
        self._mode = "RGBA"

    def load(self) -> Any:  # Pillow's PixelAccess, which has no public name
        """Draw it, once. Raises OSError, saying why it cannot be drawn."""
        if self._im is None:
            _refuse_slow(self._content, self._scale, has_filters=self._has_filters)
            self.im = Image.frombytes("RGBA", self._size, _drawn(self._drawing)).im
        return Image.Image.load(self)


def _content(file: IO[bytes]) -> bytes:
    """Return the XML in *file*. Raises SyntaxError if it is gzip around something else, OSError if it is too much."""
    content = file.read(MAX_BYTES + 1)
    if content.startswith(_GZIP):
        content = _unpacked(content)
    if len(content) > MAX_BYTES:
        _root(content)
        raise OSError(f"a drawing of more than {MAX_BYTES} bytes")
    # Written by hand, or put there by a web server: nothing may be before the declaration.
    bare = content.lstrip()
    return bare if bare.startswith(b"<?xml") else content


def _unpacked(content: bytes) -> bytes:
    """Return no more than one byte too much."""
    stream = zlib.decompressobj(wbits=31)
    try:
        unpacked = stream.decompress(content, _HEAD_BYTES)
    except zlib.error as error:
        raise SyntaxError("no gzip") from error
    _root(unpacked)
    try:
        unpacked += stream.decompress(stream.unconsumed_tail, MAX_BYTES + 1 - len(unpacked))
    except zlib.error as error:
        raise OSError(f"a drawing whose gzip is broken: {error}") from error
    if not stream.eof and len(unpacked) <= MAX_BYTES:
        raise OSError("truncated: the gzip ends within the drawing")
    return unpacked


def _root(content: bytes) -> Mapping[str, str]:
    """Return the attributes of the first element. Raises SyntaxError if that is no ``svg``."""
    found: list[tuple[str, Mapping[str, str]]] = []
    parser = expat.ParserCreate()
    parser.StartElementHandler = lambda name, attributes: found.append((name, attributes))
    try:
        for at in range(0, min(len(content), _HEAD_BYTES), _STEP_BYTES):
            parser.Parse(content[at : at + _STEP_BYTES])
            if found:
                break
    except (expat.ExpatError, ValueError, LookupError) as error:
        # The latter two of encodings. What is wrong after the first element is said when all is looked through.
        if not found:
            raise SyntaxError(f"no XML: {error}") from error
    name, attributes = found[0] if found else ("", {})
    if name.rpartition(":")[2] != "svg":
        raise SyntaxError("no drawing")
    return attributes


def _drawing(content: bytes, root: Mapping[str, str]) -> tuple[Any, float]:
    """Return an image of libvips, not drawn yet, at the size that it shall have, and its scale. Raises OSError if there is none."""
    lengths = " ".join(root.get(name, "") for name in ("width", "height", "viewBox"))
    if any(float(number) > _MAX_UNITS for number in _NUMBER.findall(lengths)):
        raise OSError(f"a drawing of more than {_MAX_UNITS:g} units")
    own = _loaded(content, 1.0)
    on_paper = all(_ON_PAPER.search(root.get(name, "")) for name in ("width", "height"))
    scale = _UNITS_PER_POINT if on_paper else 1.0
    longer = max(own.width, own.height) * scale
    scale *= min(max(longer, LEAST_PX), MOST_PX) / longer
    drawing = own if scale == 1.0 else _loaded(content, scale)
    if max(drawing.width, drawing.height) > 2 * MOST_PX:
        raise OSError(f"a drawing that becomes {drawing.width}x{drawing.height} pixels")
    return drawing, scale


def _refuse_slow(content: bytes, scale: float, *, has_filters: bool) -> None:
    """Draw it small, then larger. Raises OSError as soon as that takes too long."""
    for part, most_s in _TRIED_WITH_FILTERS if has_filters else _TRIED:
        try:
            small = _loaded(content, scale / part)
        except OSError:
            # So narrow that less than a pixel is left of it.
            continue
        began = time.monotonic()
        _drawn(small)
        if time.monotonic() - began > most_s:
            raise OSError("drawing it would take too long")
        # It has a tree of its own, which shall not be there beside the next.
        del small


def _loaded(content: bytes, scale: float) -> Any:
    vips = libvips()
    try:
        return vips.Image.svgload_buffer(content, scale=scale)
    except vips.Error as error:
        raise OSError(_words(error)) from error


def _drawn(drawing: Any) -> bytes:
    """Return the pixels, straight-alpha RGBA."""
    try:
        pixels: bytes = drawing.write_to_memory()
    except libvips().Error as error:
        raise OSError(_words(error)) from error
    if drawing.bands != 4 or drawing.format != "uchar":
        raise OSError(f"a drawing in {drawing.bands} bands of {drawing.format}")
    return pixels


def _words(error: object) -> str:
    """Return in one line what libvips has written in several."""
    return f"not drawn: {' '.join(str(error).split())[:300]}"
