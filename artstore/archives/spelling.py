"""Names out of archives that do not say how they are written."""

from __future__ import annotations

from collections.abc import Sequence

CODE_PAGES = "cp437 cp932 cp1251 cp866 cp1252 cp1250 cp852 gbk big5 euc_kr".split()
"""Of the systems that people packed on: DOS, Windows, in English, Japanese, Russian, Polish, Chinese, Korean."""

SAMPLE_BYTES = 1 << 16
"""Enough of the names to know the code page by; looking for it takes about a microsecond for each byte."""


def spelled(names: Sequence[bytes]) -> list[str]:
    """Return *names*, of one archive, as text.

    UTF-8 if all of them are; else in the one code page in which, taken together,
    they look most like a language: a guess, and the better the more names there
    are. DOS's own, in which every byte is a sign, if none does.
    """
    telling = [name for name in names if not name.isascii()]
    encoding = _encoding(telling) if telling else "ascii"
    return [name.decode(encoding, errors="replace") for name in names]


def _encoding(names: Sequence[bytes]) -> str:
    if all(_is_utf8(name) for name in names):
        return "utf-8"
    # Loaded only here: hardly any archive needs it.
    from charset_normalizer import from_bytes

    best = from_bytes(b"\n".join(names)[:SAMPLE_BYTES], cp_isolation=list(CODE_PAGES)).best()
    return best.encoding if best else "cp437"


def _is_utf8(name: bytes) -> bool:
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return True
