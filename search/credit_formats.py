"""Credits on stdout: text as OpenGameArt's FAQ asks for it, Markdown, CSV, JSON."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from dataclasses import asdict
from typing import TextIO

from search.credits import Credit, Credits
from search.output import plain

CSV_COLUMNS = (
    "title",
    "author",
    "author_url",
    "licences",
    "licence_urls",
    "work_url",
    "copyright_notice",
    "image_ids",
)


def write_credits(credits_: Credits, out: TextIO, kind: str) -> None:
    """Write *credits_* as *kind*, one of :data:`CREDIT_FORMATS`; only JSON holds the warnings."""
    CREDIT_FORMATS[kind](credits_, out)


def _text(credits_: Credits, out: TextIO) -> None:
    """Write ``"[asset name]" by [author name] licensed [license(s)]: [asset url]``, and notices indented below."""
    for work in credits_.works:
        address = f": {plain(work.work_url)}" if work.work_url else ""
        out.write(f'"{plain(work.title)}" by {plain(work.authors)} {plain(_terms(work))}{address}\n')
        out.writelines(f"    {line}\n" for line in _notice(work))


def _markdown(credits_: Credits, out: TextIO) -> None:
    for work in credits_.works:
        licences = [_link(licence.name, licence.deed_url) for licence in work.licences]
        named = f"licensed {' or '.join(licences)}" if licences else _terms(work)
        authors = [_link(work.author, work.author_url), *map(_escaped, work.collaborators)]
        by = ", ".join(filter(None, authors)) or work.authors
        out.write(f'- "{_link(work.title, work.work_url)}" by {by} {named}\n')
        # Each line of a notice stays one: two spaces at its end break it.
        out.writelines(f"  > {_escaped(line)}  \n" for line in _notice(work))


def _csv(credits_: Credits, out: TextIO) -> None:
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(CSV_COLUMNS)
    for work in credits_.works:
        rows.writerow(
            _inert(cell)
            for cell in [
                work.title,
                work.authors,
                work.author_url or "",
                work.licence_names,
                " ".join(filter(None, (licence.deed_url for licence in work.licences))),
                work.work_url or "",
                work.copyright_notice,
                " ".join(map(str, work.image_ids)),
            ]
        )


def _inert(cell: str) -> str:
    """Return *cell* as a text that no spreadsheet takes for a formula: titles and names are anybody's."""
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell


def _json(credits_: Credits, out: TextIO) -> None:
    json.dump(asdict(credits_), out, ensure_ascii=False, indent=2)
    out.write("\n")


CREDIT_FORMATS: dict[str, Callable[[Credits, TextIO], None]] = {
    "text": _text,
    "markdown": _markdown,
    "csv": _csv,
    "json": _json,
}


def _terms(work: Credit) -> str:
    return f"licensed {work.licence_names}" if work.licences else "without a stated licence"


def _notice(work: Credit) -> list[str]:
    lines = (plain(line) for line in re.split(r"\r\n|[\r\n\u2028\u2029]", work.copyright_notice))
    return [line for line in lines if line]


def _link(text: str, url: str | None) -> str:
    # Spaces and brackets would end the address, and a terminal may show this too.
    address = re.sub(r"[\s<>()\x00-\x1f\x7f]", lambda mark: f"%{ord(mark.group()):02X}", url or "")
    return f"[{_escaped(text)}]({address})" if address else _escaped(text)


def _escaped(text: str) -> str:
    return re.sub(r"([\\`*_{}\[\]<>#|!~&])", r"\\\1", plain(text))
