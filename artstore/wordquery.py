"""Words as people type them, in the query language of FTS5.

    fire sword      both words, anywhere; a beginning is enough (``sword`` finds ``swordsman``)
    "fire sword"    these words whole, one after the other
    fire -goblin    no word that begins with ``goblin``

What is joined by other signs (``walk_01.png``) is looked for as it stands. The
language is that of https://www.sqlite.org/fts5.html#full_text_query_syntax
"""

from __future__ import annotations

import re
import unicodedata

from artstore.errors import UsageError

_TERM = re.compile(r'(?P<minus>(?<!\S)-)?(?:"(?P<phrase>[^"]*)"?|(?P<word>[^\s"]+))')


def match_expression(text: str) -> str | None:
    """Return what FTS5 is asked for *text*, or None if there is no word in it.

    Raises :class:`~artstore.errors.UsageError` if it only names what must not be there.
    """
    wanted: list[str] = []
    unwanted: list[str] = []
    # What a terminal gives for bytes that are no text, SQLite cannot even be asked for.
    readable = text.encode(errors="replace").decode()
    for term in _TERM.finditer(unicodedata.normalize("NFC", readable)):
        if quoted := _quoted(term):
            (unwanted if term["minus"] else wanted).append(quoted)
    if not wanted:
        if unwanted:
            raise UsageError(f"{text.strip()!r} names only what must not be there; name a word that must")
        return None
    expression = " AND ".join(wanted)
    return f"({expression}) NOT ({' OR '.join(unwanted)})" if unwanted else expression


def _quoted(term: re.Match[str]) -> str | None:
    """Return *term* as a string of FTS5, in which nothing is an operator, or None if nothing of it is indexed."""
    phrase, word = term["phrase"], term["word"]
    letters = (phrase if word is None else word).replace("\0", " ")
    if not re.search(r"[^\W_]", letters):
        return None
    # FTS5 cuts it into words itself, as it cut what is in the catalog.
    return f'"{letters}"' + ("" if word is None else "*")
