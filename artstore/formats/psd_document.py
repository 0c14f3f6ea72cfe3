"""What a Photoshop document says of itself before its finished picture.

After Adobe's "Photoshop File Formats Specification": a header, then the sections
colour mode data, image resources and layers, then the picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from struct import Struct
from typing import IO, Any, Self

import numpy as np

SIGNATURE = b"8BPS"

_HEADER = Struct(">4sH6xHIIHH")
_U16, _U32, _U64, _I16 = Struct(">H"), Struct(">I"), Struct(">Q"), Struct(">h")
_RESOURCE, _BLOCK = Struct(">4xHB"), Struct(">4s4s")

_MAX_BLOCKS = 10_000
"""Resources, or blocks behind the layers, that are looked at: real documents have some dozens."""

_MAX_RESOURCE_BYTES = 1024
"""Of a resource; those that are wanted are smaller."""

# Numbers of image resources: names of alpha channels, what is transparent in a palette, which alpha
# channel is for what, and whether there is a finished picture.
_ALPHA_NAMES, _TRANSPARENT_INDEX, _ALPHA_IDENTIFIERS, _VERSION = 1006, 1047, 1053, 1057
_WANTED = frozenset({_ALPHA_NAMES, _TRANSPARENT_INDEX, _ALPHA_IDENTIFIERS, _VERSION})

_LAYERS_OF_DEPTH = frozenset({b"Layr", b"Lr16", b"Lr32"})
_MERGED_ALPHA = frozenset({b"Mtrn", b"Mt16", b"Mt32"})
_LONG_IN_PSB = frozenset(b"LMsk Lr16 Lr32 Layr Mt16 Mt32 Mtrn Alph FMsk lnk2 FEid FXid PxSD".split())
"""Blocks whose length has 8 bytes in a PSB."""


class Mode(IntEnum):
    """What the planes of a document are."""

    BITMAP = 0
    GREY = 1
    INDEXED = 2
    RGB = 3
    CMYK = 4
    MULTICHANNEL = 7
    DUOTONE = 8
    LAB = 9


@dataclass(frozen=True, slots=True)
class Header:
    """The first 26 bytes."""

    version: int
    """1 for PSD, 2 for PSB."""
    channels: int
    height_px: int
    width_px: int
    depth_bits: int
    mode: Mode

    @classmethod
    def read(cls, file: IO[bytes]) -> Self:
        """Raises SyntaxError if *file* is none, OSError if it is one that cannot be read."""
        signature, version, channels, height_px, width_px, depth_bits, mode = unpacked(file, _HEADER)
        if signature != SIGNATURE:
            raise SyntaxError("no Photoshop document")
        if version not in {1, 2} or depth_bits not in {1, 8, 16, 32} or mode not in set(Mode):
            raise OSError(f"Photoshop document of version {version}, {depth_bits} bits, colour mode {mode}")
        header = cls(version, channels, height_px, width_px, depth_bits, Mode(mode))
        if channels < header.colours or not height_px or not width_px:
            raise OSError(f"Photoshop document of {width_px}x{height_px} pixels in {channels} channels")
        return header

    @property
    def colours(self) -> int:
        """How many of the channels are colours."""
        if self.mode == Mode.MULTICHANNEL:
            # The inks, of which Photoshop makes three out of RGB and four out of CMYK.
            return min(self.channels, 4) if self.channels >= 3 else 1
        return {Mode.RGB: 3, Mode.LAB: 3, Mode.CMYK: 4}.get(self.mode, 1)

    @property
    def row_bytes(self) -> int:
        """Of one plane."""
        return (self.width_px * self.depth_bits + 7) // 8

    @property
    def plane_bytes(self) -> int:
        """Unpacked."""
        return self.row_bytes * self.height_px

    @property
    def length(self) -> Struct:
        """How the length of the layers is written."""
        return _U64 if self.version == 2 else _U32


@dataclass(frozen=True, slots=True)
class Sections:
    """What the sections before the picture say of it."""

    palette: bytes
    """256 reds, then greens, then blues; only of indexed colours."""
    transparent: int | None
    """The colour of the palette that is transparent."""
    alpha_at: int | None
    """The channel that is the transparency of the picture; others are selections that somebody kept."""
    is_finished: bool
    """Whether there is a picture beside the layers."""


def read_sections(file: IO[bytes], header: Header) -> Sections:
    """Read them from the end of *header* on; *file* is at the picture then. Raises OSError if they cannot be read."""
    file.seek(_HEADER.size)
    palette = _section(file, _U32, most_bytes=768)
    resources = _resources(file)
    layer_count = _layer_count(file, header)
    transparent = resources.get(_TRANSPARENT_INDEX, b"")
    return Sections(
        palette=palette,
        transparent=_U16.unpack(transparent[:2])[0] if len(transparent) >= 2 else None,
        alpha_at=_alpha_at(header, resources, layer_count),
        is_finished=not layer_count or resources.get(_VERSION, b"")[4:5] != b"\0",
    )


def _alpha_at(header: Header, resources: dict[int, bytes], layer_count: int) -> int | None:
    """Return which channel is the transparency of the finished picture; others are selections that somebody kept."""
    spare = header.channels - header.colours
    if spare <= 0 or layer_count > 0:
        return None
    if layer_count < 0:
        return header.colours
    identifiers = resources.get(_ALPHA_IDENTIFIERS, b"")
    if len(identifiers) >= 4:
        numbers = np.frombuffer(identifiers[: len(identifiers) // 4 * 4], ">u4").tolist()
        return header.channels - len(numbers) + numbers.index(0) if 0 in numbers[-spare:] else None
    # No layers, and nothing said of the one channel: other programs write their transparency so.
    return header.colours if spare == 1 and _ALPHA_NAMES not in resources else None


def _resources(file: IO[bytes]) -> dict[int, bytes]:
    """Return those that are wanted, by number; behind *file* is the next section then."""
    size_bytes = unpacked(file, _U32)[0]
    end = file.tell() + size_bytes
    found: dict[int, bytes] = {}
    for _ in range(_MAX_BLOCKS):
        if file.tell() + 12 > end:
            break
        number, name_bytes = unpacked(file, _RESOURCE)
        # Name and data are padded to an even length, the name together with the byte before it.
        file.seek(name_bytes + 1 - name_bytes % 2, 1)
        size_bytes = unpacked(file, _U32)[0]
        at = file.tell()
        if number in _WANTED and at + size_bytes <= end:
            found[number] = file.read(min(size_bytes, _MAX_RESOURCE_BYTES))
        file.seek(at + size_bytes + size_bytes % 2)
    file.seek(end)
    return found


def _layer_count(file: IO[bytes], header: Header) -> int:
    """Return how many layers there are, negative if the finished picture has transparency.

    That is what the format does. *file* is at the picture then.
    """
    size_bytes = unpacked(file, header.length)[0]
    end = file.tell() + size_bytes
    count = 0
    if size_bytes >= header.length.size + 2:
        info_bytes = unpacked(file, header.length)[0]
        at = file.tell()
        if info_bytes >= 2:
            count = unpacked(file, _I16)[0]
        count = _count_in_blocks(file, header, at + info_bytes, end) or count
    file.seek(end)
    return count


def _count_in_blocks(file: IO[bytes], header: Header, at: int, end: int) -> int:
    """Return what the blocks behind the layers say of :func:`_layer_count`, 0 if nothing: there 16 and 32 bits have theirs."""
    count = 0
    for number in range(_MAX_BLOCKS):
        if at + 12 > end:
            break
        file.seek(at)
        signature, key = unpacked(file, _BLOCK)
        if signature not in {b"8BIM", b"8B64"}:
            if number:
                break
            # The mask of all layers, before the first block.
            at += 4 + _U32.unpack(signature)[0]
            continue
        size = _U64 if header.version == 2 and key in _LONG_IN_PSB else _U32
        size_bytes = unpacked(file, size)[0]
        if key in _MERGED_ALPHA:
            return -1
        if key in _LAYERS_OF_DEPTH and size_bytes >= 2:
            count = unpacked(file, _I16)[0]
        at += 8 + size.size + (size_bytes + 3) // 4 * 4
    return count


def _section(file: IO[bytes], length: Struct, most_bytes: int) -> bytes:
    """Return the first *most_bytes* of the section that begins here, and go to its end."""
    size_bytes = unpacked(file, length)[0]
    end = file.tell() + size_bytes
    content = exactly(file, min(size_bytes, most_bytes))
    file.seek(end)
    return content


def unpacked(file: IO[bytes], kind: Struct) -> tuple[Any, ...]:
    """Read *kind*. Raises as :func:`exactly` does."""
    return kind.unpack(exactly(file, kind.size))


def exactly(file: IO[bytes], size_bytes: int) -> bytes:
    """Read *size_bytes*. Raises OSError if there are fewer, before it makes room for what a header claims."""
    at = file.tell()
    left_bytes = file.seek(0, 2) - at
    if left_bytes < size_bytes:
        raise OSError(f"truncated: {size_bytes} bytes are to follow, {max(left_bytes, 0)} do")
    file.seek(at)
    return file.read(size_bytes)
