"""Archives as people upload them, and the ways in which they are wrong.

All are deterministic: members carry one fixed date, and contents come from the artist of the work.
"""

from __future__ import annotations

import gzip
import tarfile
import zipfile
from io import BytesIO
from typing import TYPE_CHECKING

from tests.replica import art

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.replica.art import Artist

DATE = (2012, 2, 29, 12, 0, 0)
README = (
    "Thank you for having a look at this pack.\r\nTell me about the game that you make with it!\r\n".encode(
        "ascii"
    )
)


def zipped(members: Mapping[str, bytes], *, stored: bool = False) -> bytes:
    """A zip of *members*, in their order; a name that ends with a slash is a folder."""
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in members.items():
            info = zipfile.ZipInfo(name, DATE)
            info.compress_type = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
            archive.writestr(info, content)
    return out.getvalue()


def zipped_cp437(members: Mapping[str, bytes]) -> bytes:
    """A zip with names in the DOS code page and without the UTF-8 flag, as old Windows tools write it.

    The standard library cannot write one, so names go in as ASCII of the same length and are put right in the bytes.
    """
    stand_ins = {name: "".join(c if c.isascii() else "@" for c in name) for name in members}
    archive = zipped({stand_ins[name]: content for name, content in members.items()})
    for name, stand_in in stand_ins.items():
        archive = archive.replace(stand_in.encode("ascii"), name.encode("cp437"))
    return archive


def tarred(members: Mapping[str, bytes]) -> bytes:
    """A .tar.gz of *members*."""
    out = BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(content), 1330516800
            archive.addfile(info, BytesIO(content))
    return gzip.compress(out.getvalue(), mtime=0)


def pictures(artist: Artist, variant: int) -> list[bytes]:
    """Five pictures that no other file of the work holds."""
    return [art.png(artist, variant * 16 + member) for member in range(5)]


def pack(artist: Artist, variant: int) -> dict[str, bytes]:
    """Folders, a read-me, and what macOS and Windows leave behind."""
    one, two, three, four, five = pictures(artist, variant)
    return {
        "pack/": b"",
        f"pack/{artist.kind}/small one.png": one,
        f"pack/{artist.kind}/small+two & #3.png": two,
        "pack/extras/100%.PNG": three,
        "pack/extras/deeper/still/Größe.png": four,
        "pack/extras/日本語/図.png": five,
        "pack/readme.txt": README,
        "pack/extras/Thumbs.db": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(64),
        "__MACOSX/pack/extras/._100%.PNG": b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X        " + bytes(40),
    }


def pack_zip(artist: Artist, variant: int) -> bytes:
    return zipped(pack(artist, variant))


def pack_stored(artist: Artist, variant: int) -> bytes:
    return zipped(pack(artist, variant), stored=True)


def pack_cp437(artist: Artist, variant: int) -> bytes:
    one, two, three, _, _ = pictures(artist, variant)
    return zipped_cp437({"Märchen/Königin.png": one, "Märchen/señor.png": two, "Märchen/Ünder/½.png": three})


def pack_tar(artist: Artist, variant: int) -> bytes:
    return tarred(
        {name: content for name, content in pack(artist, variant).items() if not name.endswith("/")}
    )


def frames_zip(artist: Artist, variant: int) -> bytes:
    """Two numbered series in one archive, of eight and of four frames."""
    walk, idle = art.frames(artist, 8, variant * 16), art.frames(artist, 4, variant * 16 + 1)
    members = {f"walk/walk_{step:02}.png": frame for step, frame in enumerate(walk, 1)}
    return zipped(members | {f"idle/idle_{step:02}.png": frame for step, frame in enumerate(idle, 1)})


def model_zip(artist: Artist, variant: int) -> bytes:
    """A model: geometry as text and one texture."""
    cube = "\n".join(f"v {x} {y} {z}" for x in (0, 1) for y in (0, 1) for z in (0, 1))
    return zipped(
        {"model.obj": f"o cube\n{cube}\nf 1 2 4 3\n".encode(), "texture.png": art.png(artist, variant)}
    )


def broken_zip(artist: Artist, variant: int) -> bytes:
    """The first half of an archive: its directory, at the end, is lost."""
    whole = pack_zip(artist, variant)
    return whole[: len(whole) // 2]


def flipped_zip(artist: Artist, variant: int) -> bytes:
    """The directory is whole but points at members whose headers and data were overwritten."""
    whole = bytearray(pack_zip(artist, variant))
    start, stop = 0, len(whole) // 2
    whole[start:stop] = bytes(byte ^ 0xA5 for byte in whole[start:stop])
    return bytes(whole)


def bad_crc_zip(artist: Artist, variant: int) -> bytes:
    """Three members; `middle.png` fails its checksum, the others are good."""
    one, two, three, _, _ = pictures(artist, variant)
    whole = zipped({"first.png": one, "middle.png": two, "last.png": three}, stored=True)
    at = whole.index(two) + len(two) // 2
    return whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :]


def evil_zip(artist: Artist, variant: int) -> bytes:
    """Members that try to leave the folder, and one honest picture."""
    one, two, three, four, _ = pictures(artist, variant)
    return zipped({"../evil.png": one, "/tmp/evil.png": two, "good.png": three, "a/../../evil.png": four})  # noqa: S108


PACKS: dict[str, Callable[[Artist, int], bytes]] = {
    "pack-zip": pack_zip,
    "pack-stored": pack_stored,
    "pack-cp437": pack_cp437,
    "pack-tar": pack_tar,
    "frames-zip": frames_zip,
    "model-zip": model_zip,
    "broken-zip": broken_zip,
    "flipped-zip": flipped_zip,
    "bad-crc-zip": bad_crc_zip,
    "evil-zip": evil_zip,
}
