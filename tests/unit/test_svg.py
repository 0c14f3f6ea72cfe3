"""Drawings: how large they become, what they must not reach, and what is said of those that cannot be drawn."""

from __future__ import annotations

import base64
import gzip
import socket
import subprocess
import sys
import threading
import time
import tracemalloc
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import pyvips
from PIL import Image

from artstore.errors import PictureError
from artstore.formats import svg, svg_checks
from artstore.images import describe, is_picture_name, read_rgba
from tests.unit.conftest import encoded

MANY_PX = 1 << 24

NAMES = (
    'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
    'xmlns:xi="http://www.w3.org/2001/XInclude"'
)

RED = '<rect width="100%" height="100%" fill="#f00"/>'

SIZE = 'width="300" height="400"'


def drawing(content: str = RED, attributes: str = SIZE, before: str = "") -> str:
    return f"{before}<svg {NAMES} {attributes}>{content}</svg>"


def size_px(content: str) -> tuple[int, int]:
    facts = describe(BytesIO(content.encode()), MANY_PX)
    return facts.width_px, facts.height_px


def refused(content: bytes) -> PictureError:
    with pytest.raises(PictureError) as refusal:
        read_rgba(BytesIO(content), MANY_PX)
    return refusal.value


def is_red(content: bytes) -> bool:
    """Within, at least: the last pixels may be covered in part."""
    return bool((read_rgba(BytesIO(content), MANY_PX)[1:-1, 1:-1] == [255, 0, 0, 255]).all())


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        (SIZE, (300, 400)),
        ('width="300px" height="400px"', (300, 400)),
        ('width="300" height="400" viewBox="0 0 3 4"', (300, 400)),
        ('viewBox="0 0 300 400"', (300, 400)),
        ('width="100%" height="100%" viewBox="0 0 300 400"', (300, 400)),
        ('width="300" viewBox="0 0 3 4"', (300, 400)),
        # An inch has 96 units, and 25.4 mm.
        ('width="4in" height="5in"', (384, 480)),
        ('width="210mm" height="297mm" viewBox="0 0 210 297"', (794, 1123)),
        # None has pixels of its own.
        ('width="8000" height="4000"', (2000, 1000)),
        ('width="16" height="8"', (256, 128)),
        ('viewBox="0 0 1 1"', (256, 256)),
    ],
)
def test_a_drawing_has_the_size_it_asks_for_within_reason(attributes: str, expected: tuple[int, int]) -> None:
    found = size_px(drawing(attributes=attributes))
    assert np.abs(np.subtract(found, expected)).max() <= 1
    assert is_red(drawing(attributes=attributes).encode())


def test_colours_are_straight_beside_their_alpha_and_the_ground_is_transparent() -> None:
    half = '<rect width="150" height="400" fill="#00f" fill-opacity="0.5"/>'
    rgba = read_rgba(BytesIO(drawing(half).encode()), MANY_PX)
    assert rgba[9, 9].tolist() == [0, 0, 255, 128]
    assert rgba[9, 290, 3] == 0


def test_a_drawing_is_one_picture_of_its_format() -> None:
    facts = describe(BytesIO(drawing().encode()), MANY_PX)
    assert (facts.format, facts.mode, facts.frames) == ("SVG", "RGBA", 1)


DECLARED = '<?xml version="1.0" encoding="{}"?>'
DOCTYPE = '<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd"'


@pytest.mark.parametrize(
    "content",
    [
        drawing().encode(),
        b"\xef\xbb\xbf" + drawing().encode(),
        b" \n" * 20 + drawing().encode(),
        b"\n" + drawing(before=DECLARED.format("UTF-8")).encode(),
        drawing(before=DECLARED.format("UTF-8") + "<!-- <html> --><?x y?>" + DOCTYPE + ">").encode(),
        drawing(before=f'{DOCTYPE} [<!ENTITY red "#f00">]>', content=RED.replace("#f00", "&red;")).encode(),
        drawing(before="<!--" + "-x" * 100_000 + "-->").encode(),
        drawing(before=DECLARED.format("ISO-8859-1") + "<!--\xe9-->").encode("latin-1"),
        drawing(before=DECLARED.format("UTF-16")).encode("utf-16"),
        drawing().encode("utf-16"),
        b"\xfe\xff" + drawing(before=DECLARED.format("UTF-16")).encode("utf-16-be"),
        drawing(before=DECLARED.format("UTF-16")).encode("utf-16-be"),
        gzip.compress(drawing().encode()),
        f'<s:svg xmlns:s="http://www.w3.org/2000/svg" {SIZE}><s:rect width="300" height="400" fill="red"/></s:svg>'.encode(),
        f'<svg {SIZE}><rect width="300" height="400" fill="red"/></svg>'.encode(),
    ],
    ids=[
        *["plain", "BOM", "white space", "white space before all", "prologue", "entity", "long comment"],
        *["latin", "UTF-16", "UTF-16 undeclared", "UTF-16 BE", "no BOM", "gzip", "prefix", "no namespace"],
    ],
)
def test_a_drawing_is_known_by_its_first_element_however_it_is_written(content: bytes) -> None:
    assert is_red(content)


@pytest.mark.parametrize(
    "content",
    [
        b"<!DOCTYPE html><html><body>" + drawing().encode() + b"</body></html>",
        b'<?xml version="1.0"?><map version="1.0"/>',
        gzip.compress(b"a text, or a tar"),
        gzip.compress(b"<html/>"),
        b"\x1f\x8b no gzip",
        b"<",
        b"   ",
        b"< svg",
        b'<?xml version="1.0" encoding="none of these"?><svg/>',
        b'<?xml version="1.0" encoding="Shift_JIS"?><svg/>',
        b'<?xml version="1.0" encoding="hex"?><svg/>',
    ],
)
def test_what_is_no_drawing_is_not_taken_for_one(content: bytes) -> None:
    assert refused(content).detail == "not a picture of any known format"


@pytest.mark.parametrize("name", ["a.svg", "B.SVGZ"])
def test_drawings_are_pictures_by_their_names(tmp_path: Path, name: str) -> None:
    assert is_picture_name(name)
    path = tmp_path / name
    path.write_bytes(drawing().encode() if name == "a.svg" else gzip.compress(drawing().encode()))
    assert read_rgba(path, MANY_PX).shape == (400, 300, 4)


def reaching(url: str) -> dict[str, str]:
    """Drawings that would show, or fetch, what lies at *url*."""
    entity = f'<!DOCTYPE svg [<!ENTITY x SYSTEM "{url}">]>'
    parameter = f'<!DOCTYPE svg [<!ENTITY % x SYSTEM "{url}"> %x;]>'
    nested = base64.b64encode(drawing(f'<image {SIZE} xlink:href="{url}"/>').encode()).decode()
    return {
        "image": drawing(f'<image {SIZE} href="{url}"/>'),
        "xlink": drawing(f'<image {SIZE} xlink:href="{url}"/>'),
        "nested": drawing(f'<image {SIZE} href="data:image/svg+xml;base64,{nested}"/>'),
        "use": drawing(f'<use xlink:href="{url}#art"/>'),
        "filter": drawing(f'<filter id="f"><feImage href="{url}"/></filter><rect {SIZE} filter="url(#f)"/>'),
        "fill": drawing(f'<rect {SIZE} fill="url({url}#art) none"/>'),
        "style": drawing(f'<style>@import url("{url}");</style>'),
        "sheet": drawing("", before=f'<?xml-stylesheet href="{url}" type="text/css"?>'),
        "XInclude": drawing(f'<xi:include href="{url}"/>'),
        "XInclude, text": drawing(
            f'<text y="99" font-size="99"><xi:include href="{url}" parse="text"/></text>'
        ),
        "entity": drawing('<text y="99" font-size="99">&x;</text>', before=entity),
        "parameter entity": drawing("", before=parameter),
        "DTD": drawing("", before=f'<!DOCTYPE svg SYSTEM "{url}">'),
    }


WAYS = sorted(reaching(""))


def shown(content: str) -> str:
    """Say what is seen: nothing, an error, or something."""
    try:
        rgba = read_rgba(BytesIO(content.encode()), MANY_PX)
    except PictureError:
        return "error"
    return "something" if rgba[..., 3].any() else "nothing"


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", ["png", "svg"])
def test_a_drawing_shows_nothing_of_other_files(
    way: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / f"secret.{kind}"
    art = drawing(f'<g id="art">{RED}</g>').encode()
    secret.write_bytes(art if kind == "svg" else encoded(Image.new("RGB", (9, 9), "red")))
    monkeypatch.chdir(tmp_path)
    for url in (secret.as_uri(), str(secret), secret.name, f"./{secret.name}"):
        assert shown(reaching(url)[way]) in {"nothing", "error"}


def test_a_drawing_that_lies_in_a_folder_would_show_what_lies_beside_it(tmp_path: Path) -> None:
    # That it does not above is not because it could not.
    (tmp_path / "secret.png").write_bytes(encoded(Image.new("RGB", (9, 9), "red")))
    (tmp_path / "a.svg").write_text(reaching("secret.png")["image"])
    assert pyvips.Image.svgload(str(tmp_path / "a.svg"))(150, 200) == [255, 0, 0, 255]


def test_the_same_picture_is_shown_from_within() -> None:
    content = base64.b64encode(encoded(Image.new("RGB", (9, 9), "red"))).decode()
    assert shown(reaching(f"data:image/png;base64,{content}")["image"]) == "something"


@pytest.mark.parametrize("way", WAYS)
def test_a_drawing_fetches_nothing(way: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.3)
        shown(reaching(f"http://127.0.0.1:{server.getsockname()[1]}/x.svg")[way])
        with pytest.raises(TimeoutError):
            server.accept()


def used_again(times: int) -> str:
    """One dot, doubled as often as *times*."""
    doubled = "".join(
        f'<g id="a{n}"><use xlink:href="#a{n - 1}"/><use xlink:href="#a{n - 1}"/></g>'
        for n in range(1, times + 1)
    )
    return drawing(
        f'<defs><circle id="a0" r="1"/>{doubled}</defs><use xlink:href="#a{times}"/>',
        'width="256" height="256"',
    )


LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (drawing("<g>" * 100_000 + "</g>" * 100_000), "depth"),
        (drawing("&l11;", before=f'<!DOCTYPE svg [<!ENTITY l0 "ha">{LAUGHS}]>'), "amplification"),
        (drawing(RED + '<rect width="3'), "not drawn"),
        (drawing(RED)[:-9], "not drawn"),
        (drawing("", ""), "bad dimensions"),
        (drawing(attributes='width="0" height="0"'), "bad dimensions"),
        (drawing(attributes='width="1e9" height="1e9"'), "more than 1e+06 units"),
        (drawing(attributes='width="1e999" height="5"'), "more than 1e+06 units"),
        (drawing(attributes='viewBox="0 0 2000000000 1"'), "more than 1e+06 units"),
        (drawing(attributes='width="900000" height="1"'), "zero-sized"),
        (drawing("<sodipodi:namedview/>"), "Namespace prefix sodipodi"),
        (used_again(30), "500000 referenced elements"),
    ],
    ids=[
        *["deep", "laughs", "cut in a tag", "cut", "empty", "zero", "vast", "infinite", "vast view", "line"],
        *["unbound", "used again"],
    ],
)
def test_what_cannot_be_drawn_is_a_reason(content: str, said: str) -> None:
    error = refused(content.encode())
    assert error.reason == "cannot_decode"
    assert said in error.detail
    assert "\n" not in error.detail


@pytest.mark.parametrize(
    "content",
    [
        drawing('<g id="a"><use xlink:href="#a"/></g><use xlink:href="#a"/>'),
        drawing(
            '<pattern id="p" width="9" height="9"><rect width="9" height="9" fill="url(#p)"/></pattern>'
            '<rect width="99" height="99" fill="url(#p)"/>'
        ),
        drawing('<mask id="m"><rect width="9" height="9" mask="url(#m)"/></mask><rect mask="url(#m)"/>'),
    ],
    ids=["use", "pattern", "mask"],
)
def test_what_refers_to_itself_ends(content: str) -> None:
    assert shown(content) in {"nothing", "error", "something"}


def test_a_gzip_does_not_unpack_to_more_than_a_drawing_may_have(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(svg, "MAX_BYTES", 1 << 21)
    long = drawing(RED + " " * (1 << 26)).encode()
    packed = gzip.compress(long)
    tracemalloc.start()
    try:
        assert "more than 2097152 bytes" in refused(long).detail
        assert "more than 2097152 bytes" in refused(packed).detail
        assert tracemalloc.get_traced_memory()[1] < 1 << 25
    finally:
        tracemalloc.stop()
    assert is_red(gzip.compress(drawing(RED + " " * (1 << 20)).encode()))


def test_a_broken_gzip_is_a_reason() -> None:
    packed = gzip.compress(drawing(f"<!--{'x' * (1 << 20)}-->{RED}").encode())
    assert "truncated" in refused(packed[:-10]).detail
    # Its checksum.
    damaged = packed[:-8] + b"\xff" * 8
    assert refused(damaged).detail.startswith("OSError: a drawing whose gzip is broken")


def test_a_small_limit_of_pixels_holds_for_drawings_too() -> None:
    with pytest.raises(PictureError, match="too_many_pixels"):
        read_rgba(BytesIO(drawing().encode()), 300 * 400 - 1)


WITHOUT = """
import sys
from io import BytesIO
sys.modules[sys.argv[1]] = None
from artstore.errors import PictureError
from artstore.images import read_rgba
try:
    read_rgba(BytesIO(sys.stdin.buffer.read()), 1 << 24)
except PictureError as error:
    print(error)
"""


def test_a_missing_library_is_a_reason_that_says_what_to_install() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, "pyvips"],
        input=drawing().encode(),
        capture_output=True,
        timeout=50,
        check=True,
    )
    assert b"cannot_decode" in done.stdout
    assert b"install pyvips-binary" in done.stdout


def test_neither_library_is_loaded_before_it_is_needed() -> None:
    code = "import artstore.images, sys; print({'pyvips', 'psd_tools'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=50, check=True)
    assert done.stdout.strip() == b"set()"


def test_drawing_keeps_to_few_threads() -> None:
    code = (
        "import sys, threading, os; from io import BytesIO; from artstore.images import read_rgba;"
        "read_rgba(BytesIO(sys.stdin.buffer.read()), 1 << 24); import pyvips;"
        "print(pyvips.vips_lib.vips_concurrency_get(), pyvips.vips_lib.vips_cache_get_max())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], input=drawing().encode(), capture_output=True, timeout=50, check=True
    )
    assert done.stdout.split() == [b"1", b"0"]


def test_many_threads_may_draw_at_once() -> None:
    found: list[bool] = []
    threads = [threading.Thread(target=lambda: found.append(is_red(drawing().encode()))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 8


LARGE = 'width="2000" height="2000"'


def filtered(primitives: str) -> str:
    rectangle = f'<rect {LARGE} fill="red" filter="url(#f)"/>'
    return drawing(f'<filter id="f" x="0" y="0" width="1" height="1">{primitives}</filter>{rectangle}', LARGE)


@pytest.mark.parametrize(
    "primitives",
    [
        '<feMorphology operator="dilate" radius="500"/>',
        f'<feConvolveMatrix order="20" kernelMatrix="{"1 " * 400}"/>',
        '<feTurbulence baseFrequency="0.05" numOctaves="9"/>' * 60,
    ],
    ids=["morphology", "convolution", "turbulence"],
)
def test_a_drawing_that_would_take_minutes_is_refused_soon(primitives: str) -> None:
    began = time.monotonic()
    assert "too long" in refused(filtered(primitives).encode()).detail
    assert time.monotonic() - began < 10


def test_a_usual_filter_is_drawn() -> None:
    assert shown(filtered('<feGaussianBlur stdDeviation="5"/>')) == "something"


def data_url(content: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def within(content: bytes, kind: str = "image/svg+xml") -> str:
    return drawing(f'<image {SIZE} xlink:href="{data_url(content, kind)}"/>')


def claiming(kind: str, width_px: int, height_px: int) -> bytes:
    """A picture of one pixel whose header claims more."""
    content = bytearray(encoded(Image.new("RGB", (1, 1)), kind))
    if kind == "PNG":
        content[16:24] = width_px.to_bytes(4, "big") + height_px.to_bytes(4, "big")
        content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")
    elif kind == "GIF":
        content[6:10] = width_px.to_bytes(2, "little") + height_px.to_bytes(2, "little")
    elif kind == "JPEG":
        at = content.index(b"\xff\xc0") + 5
        content[at : at + 4] = height_px.to_bytes(2, "big") + width_px.to_bytes(2, "big")
    else:
        at = content.index(b"\x9d\x01\x2a") + 3
        content[at : at + 4] = width_px.to_bytes(2, "little") + height_px.to_bytes(2, "little")
    return bytes(content)


@pytest.mark.parametrize("kind", ["PNG", "GIF", "JPEG", "WEBP"])
def test_a_picture_within_that_claims_too_many_pixels_is_refused(kind: str) -> None:
    assert (
        "16000x15000"
        in refused(within(claiming(kind, 16000, 15000), f"image/{kind.lower()}").encode()).detail
    )


def test_what_is_too_much_is_so_in_a_drawing_within_a_drawing_as_well() -> None:
    bomb = within(claiming("PNG", 16000, 15000), "image/png")
    assert "too large a picture" in refused(within(bomb.encode()).encode()).detail
    assert "a packed drawing" in refused(within(gzip.compress(bomb.encode())).encode()).detail
    style = f'<style>rect{{fill:url("{data_url(bomb.encode(), "image/svg+xml")}#a")}}</style>'
    assert "a style that holds a drawing" in refused(drawing(style).encode()).detail


def test_pictures_and_fonts_within_are_welcome() -> None:
    red = encoded(Image.new("RGB", (9, 9), "red"))
    assert shown(within(red, "image/png")) == "something"
    assert shown(within(drawing().encode())) == "something"
    font = "<style>@font-face{font-family:a;src:url(data:font/woff;base64,AAAA)}</style>"
    assert is_red(drawing(font + RED).encode())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("<g/>" * svg_checks.MAX_ELEMENTS, "more than 131072 elements"),
        (f"<filter>{'<feFlood/>' * 65}</filter>", "more than 64 primitives"),
        (" " * svg_checks.MAX_BYTES, "more than 8388608 bytes"),
    ],
    ids=["elements", "primitives", "bytes"],
)
def test_a_drawing_of_too_many_parts_is_refused(content: str, said: str) -> None:
    assert said in refused(drawing(content).encode()).detail


def test_elements_that_entities_make_are_counted() -> None:
    entities = f'<!DOCTYPE svg [<!ENTITY a "{"<g/>" * 1000}"><!ENTITY b "{"&a;" * 10}">]>'
    assert "elements" in refused(drawing("&b;" * 20, before=entities).encode()).detail
