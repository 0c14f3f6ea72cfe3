"""Whole files of every kind that is read, and what becomes of such files: cut, damaged, and called by wrong names.

All are deterministic. A new kind is one more entry of :data:`ARCHIVES` or :data:`PICTURES`.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import random
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from io import BytesIO
from pathlib import PurePosixPath

import numpy as np
from backports import zstd
from PIL import Image

from tests import shelf
from tests.packed import by_7zip, rar5, tarred
from tests.replica.archives import zipped

SEED = 20120229

Maker = Callable[[], bytes]

TIMELESS = ("-mtm=off", "-mtc=off", "-mta=off")
"""For 7-Zip: no dates, so that the same members give the same bytes."""

PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gz": partial(gzip.compress, mtime=0),
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": zstd.compress,
}


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    """*image* as a file that Pillow writes."""
    out = BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def saved(kind: str, mode: str = "RGBA", **options: object) -> bytes:
    """A sprite as such a file."""
    return encoded(shelf.sprite(3).convert(mode), kind, **options)


def animated(kind: str, **options: object) -> bytes:
    """Four frames."""
    first, *others = [shelf.sprite(number) for number in range(4)]
    return encoded(first, kind, save_all=True, append_images=others, **options)


def grey16() -> bytes:
    """A PNG of 16 bits."""
    return encoded(Image.fromarray(np.arange(1024, dtype=np.uint16).reshape(32, 32) * 64), "PNG")


def photoshop(width_px: int = 32, height_px: int = 32) -> bytes:
    """A PSD without layers, not packed."""
    head = b"8BPS" + struct.pack(">H6xHIIHH", 1, 3, height_px, width_px, 8, 3)
    return head + struct.pack(">IIIH", 0, 0, 0, 0) + shelf.sprite(3).convert("RGB").tobytes()


def painting() -> bytes:
    """What OpenRaster and Krita have in common."""
    return zipped(
        {"mimetype": b"image/openraster", "data/0.png": saved("PNG"), "mergedimage.png": saved("PNG")}
    )


PICTURES: dict[str, Maker] = {
    "rgba.png": lambda: saved("PNG"),
    "palette.png": lambda: saved("PNG", "P"),
    "grey16.png": grey16,
    "apng.png": lambda: animated("PNG"),
    "still.gif": lambda: saved("GIF", "P"),
    "moving.gif": lambda: animated("GIF", disposal=2),
    "plain.jpg": lambda: saved("JPEG", "RGB"),
    "progressive.jpg": lambda: saved("JPEG", "RGB", progressive=True),
    "print.jpg": lambda: saved("JPEG", "CMYK"),
    "lossy.webp": lambda: saved("WEBP"),
    "lossless.webp": lambda: saved("WEBP", lossless=True),
    "moving.webp": lambda: animated("WEBP"),
    "rgb.bmp": lambda: saved("BMP", "RGB"),
    "palette.bmp": lambda: saved("BMP", "P"),
    "raw.tga": lambda: saved("TGA"),
    "packed.tga": lambda: saved("TGA", compression="tga_rle"),
    "raw.tif": lambda: saved("TIFF"),
    "lzw.tif": lambda: saved("TIFF", compression="tiff_lzw"),
    "deflate.tif": lambda: saved("TIFF", compression="tiff_deflate"),
    "jpeg.tif": lambda: saved("TIFF", "RGB", compression="jpeg"),
    "fax.tif": lambda: saved("TIFF", "1", compression="group4"),
    "pages.tif": lambda: animated("TIFF", compression="packbits"),
    "png.ico": lambda: saved("ICO", sizes=[(16, 16), (32, 32)]),
    "bmp.ico": lambda: saved("ICO", sizes=[(16, 16)], bitmap_format="bmp"),
    "raw.dds": lambda: saved("DDS"),
    "dxt1.dds": lambda: saved("DDS", pixel_format="DXT1"),
    "bc3.dds": lambda: saved("DDS", pixel_format="BC3"),
    "rgb.pcx": lambda: saved("PCX", "RGB"),
    "raw.ppm": lambda: saved("PPM", "RGB"),
    "bits.pbm": lambda: saved("PPM", "1"),
    "flat.psd": photoshop,
    "open.ora": painting,
    "krita.kra": painting,
    # Their own names are not looked at, but their bytes are read under any.
    "avif.png": lambda: saved("AVIF"),
    "jpeg2000.jpg": lambda: saved("JPEG2000"),
}
"""File name -> maker of a whole picture."""


@cache
def members() -> Mapping[str, bytes]:
    """What all archives hold: two pictures, and a text between them."""
    return {"axe.png": saved("PNG"), "notes.txt": b"hello " * 50, "art/bow.gif": animated("GIF")}


def zip_of(method: int, pack: Callable[[bytes], bytes], files: Mapping[str, bytes]) -> bytes:
    """A zip that says *method* of members that *pack* has packed, whatever the standard library knows."""
    body, directory = b"", b""
    for name, content in files.items():
        packed = pack(content)
        sizes = (zlib.crc32(content), len(packed), len(content), len(name), 0)
        head = struct.pack("<HHHHHLLLHH", 20, 0, method, 0, 33, *sizes)
        place = struct.pack("<HHHLL", 0, 0, 0, 0, len(body))
        directory += b"PK\x01\x02" + struct.pack("<H", 20) + head + place + name.encode()
        body += b"PK\x03\x04" + head + name.encode() + packed
    end = struct.pack("<HHHHLLH", 0, 0, len(files), len(files), len(directory), len(body), 0)
    return body + directory + b"PK\x05\x06" + end


def lzma_of_zip(content: bytes) -> bytes:
    """LZMA as a zip has it: the version of the packer, the properties, the bytes."""
    alone = lzma.compress(content, lzma.FORMAT_ALONE)
    return struct.pack("<BBH", 9, 20, 5) + alone[:5] + alone[13:]


def rar4(files: Mapping[str, bytes]) -> bytes:
    """A RAR of versions 2 to 4 whose members are stored."""

    def block(kind: int, flags: int, body: bytes) -> bytes:
        head = struct.pack("<BHH", kind, flags, 7 + len(body)) + body
        return struct.pack("<H", zlib.crc32(head) & 0xFFFF) + head

    out = b"Rar!\x1a\x07\x00" + block(0x73, 0, bytes(6))
    for name, content in files.items():
        facts = (len(content), len(content), 3, zlib.crc32(content), 0, 20, 0x30, len(name), 0o100644)
        out += block(0x74, 0x8000, struct.pack("<LLBLLBBHL", *facts) + name.encode()) + content
    return out + block(0x7B, 0x4000, b"")


def seven(kind: str, *options: str) -> bytes:
    """Ours, by 7-Zip."""
    return by_7zip(kind, members(), *options, *TIMELESS)


def packed_tar(kind: str) -> bytes:
    """Ours, in a tar that is packed as a whole."""
    return PACKERS[kind](tarred(members()))


def packed_picture(kind: str) -> bytes:
    """One picture, packed."""
    return PACKERS[kind](saved("PNG"))


def nested() -> bytes:
    """A zip of a packed tar and of a 7z."""
    inner = {"inner.tar.gz": packed_tar("gz"), "inner.7z": seven("7z")}
    return zipped({**inner, "cup.png": saved("PNG")})


ARCHIVES: dict[str, Maker] = {
    "stored.zip": lambda: zipped(members(), stored=True),
    "deflate.zip": lambda: zipped(members()),
    "deflate64.zip": lambda: seven("zip", "-mm=Deflate64"),
    "bzip2.zip": lambda: zip_of(zipfile.ZIP_BZIP2, bz2.compress, members()),
    "lzma.zip": lambda: zip_of(zipfile.ZIP_LZMA, lzma_of_zip, members()),
    "zstd.zip": lambda: zip_of(93, zstd.compress, members()),
    "xz.zip": lambda: zip_of(95, lzma.compress, members()),
    "ppmd.zip": lambda: seven("zip", "-mm=PPMd"),
    "lzma2.7z": lambda: seven("7z"),
    "lzma.7z": lambda: seven("7z", "-m0=LZMA", "-mhc=off"),
    "ppmd.7z": lambda: seven("7z", "-m0=PPMd"),
    "bcj.7z": lambda: seven("7z", "-m0=BCJ", "-m1=LZMA2"),
    "loose.7z": lambda: seven("7z", "-m0=BZip2", "-ms=off"),
    "version4.rar": lambda: rar4(members()),
    "version5.rar": lambda: rar5(members()),
    "plain.tar": lambda: tarred(members()),
    **{f"packed.tar.{kind}": partial(packed_tar, kind) for kind in PACKERS},
    **{f"axe.png.{kind}": partial(packed_picture, kind) for kind in PACKERS},
    "nested.zip": nested,
}
"""File name -> maker of a whole archive of :func:`members`, or of one picture."""

ODD_ZIPS = frozenset({"deflate64.zip", "bzip2.zip", "lzma.zip", "zstd.zip", "xz.zip", "ppmd.zip"})
"""Those of them that 7-Zip unpacks."""


def damaged(content: bytes, seed: object) -> Iterator[tuple[str, bytes]]:
    """Yield what may become of *content*, which is longer than a few bytes, each with a word for it."""
    chance = random.Random(f"{SEED} {seed}")
    size = len(content)
    yield "empty", b""
    yield "one-byte", content[:1]
    yield "magic", content[:8]
    for quarter in (1, 2, 3):
        yield f"cut-{quarter}", content[: size * quarter // 4]
    yield "cut-end", content[:-1]
    for where, begin in {"head": 0, "middle": size // 2, "end": max(0, size - 32)}.items():
        yield (
            f"flip-{where}",
            flipped(content, chance.randrange(begin, min(begin + 32, size)) * 8 + chance.randrange(8)),
        )
    yield "flips", flipped(content, *(chance.randrange(size * 8) for _ in range(1 + size // 50)))
    yield "hole", content[: size * 3 // 8] + bytes(size // 4) + content[size * 3 // 8 + size // 4 :]
    yield "noise", content[:12] + chance.randbytes(400)
    yield "after-a-program", b"MZ" + chance.randbytes(300) + content
    yield "twice", content + content


def flipped(content: bytes, *bits: int) -> bytes:
    """Return *content* with each of *bits* turned over."""
    out = bytearray(content)
    for bit in bits:
        out[bit // 8] ^= 1 << bit % 8
    return bytes(out)


STRANGERS = {
    "page": b"<!DOCTYPE html><html><head><title>404</title></head><body>Not found</body></html>",
    "text": b"This is the art that you were looking for.\r\n" * 40,
    "program": b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x03\0\x3e\0" + bytes(500),
    "zeros": bytes(2000),
    "ones": b"\xff" * 2000,
}
"""What comes under any name."""


def corpus() -> Iterator[tuple[str, bytes]]:
    """Yield every broken file, by its path: ``<kind>/<what happened>.<suffix>``."""
    wholes = {name: make() for name, make in (ARCHIVES | PICTURES).items()}
    for name, content in wholes.items():
        stem, suffix = split(name)
        for what, broken in damaged(content, name):
            yield f"{stem}{suffix}/{what}{suffix}", broken
    names = {split(name)[1]: name for name in wholes}
    for suffix in names:
        for what, stranger in STRANGERS.items():
            yield f"strangers/{what}{suffix}", stranger
    for kind, pack in PACKERS.items():
        yield f"mislabelled/packed-by-{kind}.png", pack(wholes["rgba.png"])
    # Each kind under the name of the next.
    for (suffix, _), (_, other) in zip(
        names.items(), [*list(names.items())[1:], *names.items()], strict=False
    ):
        yield f"mislabelled/{other.replace('.', '-')}{suffix}", wholes[other]


def split(name: str) -> tuple[str, str]:
    """Return *name* as its stem and all its suffixes."""
    suffix = "".join(PurePosixPath(name).suffixes)
    return name.removesuffix(suffix), suffix
