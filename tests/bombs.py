"""Hostile files: small, or broken, and asking for much. All are deterministic and made by hand.

They are made for limits that are low, :data:`LIMITS`, so that none of them takes long where a limit holds.
"""

from __future__ import annotations

import bz2
import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Mapping

from backports import zstd
from PIL import Image, PngImagePlugin

from tests.broken import PACKERS, Maker, encoded, lzma_of_zip, members, photoshop, saved, seven, zip_of
from tests.packed import by_7zip, rar5, special, tarred
from tests.replica.archives import zipped

LIMITS = {
    "OGA_MAX_PICTURE_PX": "1000000",
    "OGA_MAX_ARCHIVE_BYTES": str(24 << 20),
    "OGA_MAX_MEMBER_BYTES": str(12 << 20),
    "OGA_MAX_ARCHIVE_MEMBERS": "300",
    "OGA_MAX_ARCHIVE_S": "20",
}

ZEROS_BYTES = 48 << 20
"""Twice as many as an archive may unpack to."""

WIDE_PX = 60_000
"""So many in either direction are more than a picture may have, and more than there is memory for."""

LARGE_PX = 12_000
"""So many are more than it may have, but not so many that Pillow minds."""


def zeros() -> bytes:
    return bytes(ZEROS_BYTES)


def zip_in_zip(depth: int) -> bytes:
    """Two copies of itself at every level, and a picture at the bottom."""
    content = saved("PNG")
    for level in range(depth):
        content = zipped({f"a{level}.zip": content, f"b{level}.zip": content, "cup.png": saved("PNG")})
    return content


def zips_of_zeros() -> bytes:
    """Nine packs of nine bombs, as in 42.zip."""
    inner = zipped({f"{number}.png": bytes(5 << 20) for number in range(9)})
    return zipped({f"{number}.zip": inner for number in range(9)})


def overlapping_zip() -> bytes:
    """Two hundred members that all are the same bytes."""
    content = bytearray(
        zip_of(zipfile.ZIP_DEFLATED, _deflated, {f"{n:03}.png": bytes(1 << 20) for n in range(200)})
    )
    at = content.index(b"PK\x01\x02")
    while content.startswith(b"PK\x01\x02", at):
        content[at + 42 : at + 46] = bytes(4)
        at += 46 + len("000.png")
    return bytes(content)


def _deflated(content: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packer.compress(content) + packer.flush()


def bzip2_zip() -> bytes:
    """Seven times as many zeros, in some two hundred bytes: what unpacks that at one go takes all of it."""
    packer = bz2.BZ2Compressor()
    packed = b"".join(packer.compress(bytes(1 << 20)) for _ in range(7 * ZEROS_BYTES >> 20)) + packer.flush()
    content = bytearray(zip_of(zipfile.ZIP_BZIP2, lambda _: packed, {"a.png": b""}))
    for at in (22, content.index(b"PK\x01\x02") + 24):
        struct.pack_into("<L", content, at, 7 * ZEROS_BYTES)
    return bytes(content)


def many(make: Callable[[Mapping[str, bytes]], bytes]) -> bytes:
    """More members than there may be."""
    return make({f"{number:04}.txt": b"x" for number in range(400)})


def wide_window_xz() -> bytes:
    """What needs a dictionary of 4 GiB, as it says."""
    content = bytearray(lzma.compress(saved("PNG")))
    at = 12
    size = (content[at] + 1) * 4
    content[at + 4] = 40
    content[at + size - 4 : at + size] = struct.pack("<L", zlib.crc32(content[at : at + size - 4]))
    return bytes(content)


def wide_window_zst() -> bytes:
    """What needs a window of 2^41 bytes, as it says."""
    return b"\x28\xb5\x2f\xfd\x00\xf8" + zstd.compress(saved("PNG"))[6:]


def wide_window_7z() -> bytes:
    """What needs a dictionary of 4 GiB, as its list of members says."""
    content = bytearray(seven("7z", "-m0=LZMA", "-mhc=off"))
    offset, size = struct.unpack_from("<QQ", content, 12)
    begin = 32 + offset
    properties = content.index(b"\x23\x03\x01\x01\x05", begin) + 5
    content[properties + 1 : properties + 5] = b"\xff\xff\xff\xff"
    struct.pack_into("<L", content, 28, zlib.crc32(content[begin : begin + size]))
    struct.pack_into("<L", content, 8, zlib.crc32(content[12:32]))
    return bytes(content)


def odd_tar(size_bytes: int, kind: bytes = tarfile.REGTYPE, body: bytes = b"") -> bytes:
    """A tar whose first header claims *size_bytes*, before :func:`~tests.broken.members`."""
    info = special("first.png", kind)
    info.size = size_bytes
    return info.tobuf(tarfile.GNU_FORMAT) + body + bytes(-len(body) % 512) + tarred(members())


def attributes_tar(body: bytes) -> bytes:
    """A tar whose first header is followed by attributes: *body*."""
    return odd_tar(len(body), tarfile.XHDTYPE, body)


def sized(make: Maker, at: int, layout: str) -> Maker:
    """Return what makes the same picture, which claims that it is large: its format has its size *at* an offset."""
    claim = struct.pack(layout, LARGE_PX, LARGE_PX)
    return lambda: make()[:at] + claim + make()[at + len(claim) :]


def png_of(width_px: int, height_px: int, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG that claims a size, with *chunks* of any kind."""
    head = (b"IHDR", struct.pack(">IIBBBBB", width_px, height_px, 8, 6, 0, 0, 0))
    parts = [head, *chunks, (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in parts
    )


def wide_jpeg() -> bytes:
    """A JPEG of 60000x60000, as it says."""
    content = saved("JPEG", "RGB")
    at = content.index(b"\xff\xc0") + 5
    return content[:at] + struct.pack(">HH", WIDE_PX, WIDE_PX) + content[at + 4 :]


def text_png() -> bytes:
    """A comment of 60 MB in 60 KB."""
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", "x" * 60_000_000, zip=True)
    return encoded(Image.new("RGBA", (4, 4)), "PNG", pnginfo=info)


def frames_png() -> bytes:
    """One picture that says that it is the first of a thousand million."""
    whole = (b"IDAT", zlib.compress(bytes(4 * 17)))
    return png_of(
        4,
        4,
        (b"acTL", struct.pack(">II", 1 << 30, 0)),
        (b"fcTL", struct.pack(">LLLLLHHBB", 0, 4, 4, 0, 0, 1, 1, 0, 0)),
        whole,
    )


def frames_gif(count: int, side_px: int = 1) -> bytes:
    """So many frames in fifteen bytes each."""
    screen = b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    frame = b"," + struct.pack("<HHHHB", 0, 0, side_px, side_px, 0) + b"\x02\x02\x44\x01\0"
    return screen + frame * count + b";"


def directories_tif(count: int, *, last: int = 0, side_px: int = 1) -> bytes:
    """A TIFF of *count* pages, the last of which leads to the offset *last*."""
    values = {256: side_px, 257: side_px, 258: 8, 259: 1, 262: 1, 273: 4, 278: side_px, 279: 1}
    tags = b"".join(struct.pack("<HHLL", tag, 4, 1, value) for tag, value in values.items())
    size = 2 + len(tags) + 4
    out = b"II*\0\x08\0\0\0"
    for number in range(1, count + 1):
        following = last if number == count else 8 + number * size
        out += struct.pack("<H", len(values)) + tags + struct.pack("<L", following)
    return out


def icon(*entries: tuple[int, int], inner: bytes = b"") -> bytes:
    """An icon whose list says of each picture (bytes, offset)."""
    head = struct.pack("<HHH", 0, 1, len(entries))
    return head + b"".join(struct.pack("<BBBBHHII", 16, 16, 0, 0, 1, 32, *entry) for entry in entries) + inner


def wide_webp(kind: bytes) -> bytes:
    """A WebP whose canvas, or only picture, is 16384x16384."""
    wide = 16383
    if kind == b"VP8X":
        body = b"\x02\0\0\0" + struct.pack("<L", wide)[:3] * 2
    else:
        body = b"\x2f" + struct.pack("<L", wide | wide << 14) + bytes(20)
    chunk = kind + struct.pack("<L", len(body)) + body + bytes(len(body) % 2)
    return b"RIFF" + struct.pack("<L", 4 + len(chunk)) + b"WEBP" + chunk


BOMBS: dict[str, tuple[Maker, str]] = {
    "ratio.zip": (lambda: zipped({"a.png": zeros()}), "too_large"),
    "member.zip": (lambda: zipped({"a.png": bytes(14 << 20), "cup.png": saved("PNG")}), "member_too_large"),
    "ratio-bzip2.zip": (bzip2_zip, "too_large"),
    "ratio-lzma.zip": (
        lambda: zip_of(zipfile.ZIP_LZMA, lzma_of_zip, {"a.png": zeros()}),
        "too_large",
    ),
    "ratio-zstd.zip": (lambda: zip_of(93, zstd.compress, {"a.png": zeros()}), "too_large"),
    "ratio-deflate64.zip": (
        lambda: by_7zip("zip", {"a.png": zeros()}, "-mm=Deflate64", "-mx=1"),
        "too_large",
    ),
    "ratio.7z": (lambda: by_7zip("7z", {"a.png": zeros()}, "-mx=1"), "too_large"),
    "before.7z": (
        lambda: by_7zip("7z", {"a.txt": zeros(), "b.png": b"x"}, "-mx=1", "-mqs=off"),
        "too_large",
    ),
    "ratio.tar": (lambda: PACKERS["xz"](tarred({"a.txt": zeros()})), "too_large"),
    "ratio.png.gz": (lambda: PACKERS["gz"](zeros()), "too_large"),
    "ratio.png.bz2": (lambda: PACKERS["bz2"](zeros()), "too_large"),
    "ratio.png.xz": (lambda: PACKERS["xz"](zeros()), "too_large"),
    "ratio.png.zst": (lambda: PACKERS["zst"](zeros()), "too_large"),
    "many.zip": (lambda: many(zipped), "too_many_members"),
    "many.7z": (lambda: many(lambda files: by_7zip("7z", files)), "too_many_members"),
    "many.rar": (lambda: many(rar5), "too_many_members"),
    "many.tar": (lambda: many(tarred), "too_many_members"),
    "nested.zip": (lambda: zip_in_zip(12), "too_deep"),
    "wide.zip": (zips_of_zeros, "too_large"),
    "overlapping.zip": (overlapping_zip, "overlapping"),
    "window.png.xz": (wide_window_xz, ""),
    "window.png.zst": (wide_window_zst, "out_of_memory"),
    "window.7z": (wide_window_7z, "bad_member"),
    "claims.rar": (lambda: rar5(members(), claimed_bytes=1 << 50), "bad_member"),
    "claims.tar": (lambda: odd_tar(1 << 40), "bad_member"),
    "negative.tar": (lambda: odd_tar(-1000), "bad_archive"),
    "long-name.tar": (lambda: odd_tar(1 << 40, tarfile.GNUTYPE_LONGNAME), "bad_archive"),
    "digits.tar": (lambda: attributes_tar(b"1" * 12_000), ""),
    "no-length.tar": (lambda: attributes_tar(b"0 a=b\n" * 3), ""),
    "headers.tar": (
        lambda: special("x", tarfile.GNUTYPE_LONGNAME).tobuf() * 5000 + tarred(members()),
        "",
    ),
    "wide.png": (lambda: png_of(WIDE_PX, WIDE_PX, (b"IDAT", zlib.compress(bytes(10**6)))), "too_many_pixels"),
    "short.png": (lambda: png_of(900, 900, (b"IDAT", zlib.compress(bytes(60 << 20)))), ""),
    "chunks.png": (lambda: png_of(4, 4, *[(b"teXt", b"a\0b")] * 50_000), "cannot_decode"),
    "text.png": (text_png, ""),
    "frames.png": (frames_png, ""),
    "profile.png": (
        lambda: png_of(4, 4, (b"iCCP", b"a\0\0" + zlib.compress(bytes(60 << 20)))),
        "cannot_decode",
    ),
    "frames.gif": (lambda: frames_gif(3000), ""),
    "wide-frame.gif": (lambda: frames_gif(3, WIDE_PX), "too_many_pixels"),
    "loop.tif": (lambda: directories_tif(30, last=8), ""),
    "self.tif": (lambda: directories_tif(1, last=8), ""),
    "pages.tif": (lambda: directories_tif(2000), ""),
    "wide.tif": (lambda: directories_tif(1, side_px=WIDE_PX), "too_many_pixels"),
    "wide.jpg": (wide_jpeg, "too_many_pixels"),
    "wide.webp": (lambda: wide_webp(b"VP8X"), "too_many_pixels"),
    "wide-lossless.webp": (lambda: wide_webp(b"VP8L"), "too_many_pixels"),
    "none.ico": (icon, "cannot_decode"),
    "beyond.ico": (lambda: icon((1 << 31, 1 << 31)), "cannot_decode"),
    "self.ico": (lambda: icon((22, 0)), "cannot_decode"),
    "wide.ico": (lambda: icon((100, 22), inner=png_of(WIDE_PX, WIDE_PX)), "too_many_pixels"),
    "list.ico": (lambda: icon(*[(40, 22)] * 65_535), "cannot_decode"),
    "wide.psd": (lambda: photoshop(30_000, 30_000), "too_many_pixels"),
    "wide.ppm": (lambda: b"P6 99999 99999 255\n" + bytes(99), "too_many_pixels"),
    "digits.ppm": (lambda: b"P6 " + b"9" * 10**6 + b" 1 255\n", "cannot_decode"),
    "wide.ora": (lambda: zipped({"mergedimage.png": png_of(WIDE_PX, WIDE_PX)}), "too_many_pixels"),
    "ratio.ora": (lambda: zipped({"mergedimage.png": zeros()}), "too_many_pixels"),
    "large.gif": (sized(lambda: saved("GIF", "P"), 6, "<HH"), "too_many_pixels"),
    "large.bmp": (sized(lambda: saved("BMP", "RGB"), 18, "<ii"), "too_many_pixels"),
    "large.tga": (sized(lambda: saved("TGA"), 12, "<HH"), "too_many_pixels"),
    "large-packed.tga": (sized(lambda: saved("TGA", compression="tga_rle"), 12, "<HH"), "too_many_pixels"),
    "large.dds": (sized(lambda: saved("DDS"), 12, "<II"), "too_many_pixels"),
    "large.pcx": (sized(lambda: saved("PCX", "RGB"), 8, "<HH"), "too_many_pixels"),
    "large.tif": (lambda: directories_tif(1, side_px=LARGE_PX), "too_many_pixels"),
    "large.png": (
        lambda: png_of(LARGE_PX, LARGE_PX, (b"IDAT", zlib.compress(bytes(10**6)))),
        "too_many_pixels",
    ),
    "large.psd": (lambda: photoshop(LARGE_PX, LARGE_PX), "too_many_pixels"),
    "large.ico": (lambda: icon((100, 22), inner=png_of(LARGE_PX, LARGE_PX)), "too_many_pixels"),
}
"""File name -> (its maker, what is in its reason under :data:`LIMITS`; nothing, if it may as well be a picture)."""
