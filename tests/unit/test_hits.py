"""What leaves `search`: a hit with all that crediting needs, as TSV, as JSON, and as columns."""

import json
from dataclasses import fields, replace
from io import StringIO

import pytest

from artstore.library import ImageRecord
from artstore.models import Licence
from search.hits import Hit
from search.output import COLUMNS, write_hits

CC0 = Licence("cc0", "CC0", "http://creativecommons.org/publicdomain/zero/1.0/")
BY = Licence("cc-by-4.0", "CC-BY 4.0", "https://creativecommons.org/licenses/by/4.0/")

RECORD = ImageRecord(
    image_id=7,
    path="files/my  sword.png",
    file_url="https://opengameart.org/sites/default/files/my%20%20sword.png",
    file_name="my  sword.png",
    member=None,
    width_px=32,
    height_px=48,
    frames=1,
    series=None,
    work_url="https://opengameart.org/content/sword",
    title="Sword",
    author="Ada",
    author_url="https://opengameart.org/users/ada",
    copyright_notice="Credit Ada",
    licences=(CC0, BY),
)

HIT = Hit.of(RECORD, 0.25)


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def written(*hits: Hit, as_json: bool = False) -> str:
    out = StringIO()
    write_hits(hits, out, as_json=as_json)
    return out.getvalue()


def table(text: str) -> list[dict[str, str]]:
    """Read TSV as a program does: lines by their newlines only, cells by their tabs only."""
    lines = text.removesuffix("\n").split("\n")
    header, *rows = [line.split("\t") for line in lines]
    assert all(len(row) == len(header) for row in rows)
    return [dict(zip(header, row, strict=True)) for row in rows]


def test_a_hit_is_its_record_with_a_distance() -> None:
    assert HIT.distance == 0.25
    for field in fields(Hit):
        if field.name not in {"distance", "more"}:
            assert getattr(HIT, field.name) == getattr(RECORD, field.name)
    assert (Hit.of(RECORD).distance, Hit.of(RECORD).more) == (None, 0)


def test_tsv_has_a_header_and_a_line_for_each_hit() -> None:
    rows = table(written(HIT, replace(HIT, image_id=8, distance=None, licences=(), work_url=None, author="")))
    assert list(rows[0]) == list(COLUMNS)
    assert rows[0] == {
        "image_id": "7",
        "distance": "0.2500",
        "size_px": "32x48",
        "title": "Sword",
        "author": "Ada",
        "licences": "CC0 or CC-BY 4.0",
        "page_url": "https://opengameart.org/content/sword",
        "path": "files/my  sword.png",
        "more": "0",
    }
    assert [rows[1][name] for name in ("distance", "licences", "page_url", "author")] == [
        "",
        "not stated",
        "",
        "",
    ]


@pytest.mark.parametrize("mark", ["\t", "\n", "\r\n", "\v", "\x1c", "\x85", "\u2028", "\x00", "\x1b"])
def test_no_title_can_break_a_line_or_a_cell(mark: str) -> None:
    text = written(replace(HIT, title=f"Iron{mark}sword", author=f"{mark}Ada{mark}"))
    (row,) = table(text)
    assert row["title"] == "Iron sword"
    assert row["author"] == "Ada"
    assert len(text.splitlines()) == 2


def test_a_path_is_written_to_the_letter() -> None:
    assert table(written(replace(HIT, path="files/a   b  c.png")))[0]["path"] == "files/a   b  c.png"


def test_json_lines_hold_every_field() -> None:
    lines = written(HIT, replace(HIT, image_id=8, distance=None, title="死神\n\t"), as_json=True).splitlines()
    first, second = map(json.loads, lines)
    assert list(first) == [field.name for field in fields(Hit)]
    assert first["licences"] == [
        {"key": "cc0", "name": "CC0", "deed_url": CC0.deed_url},
        {"key": "cc-by-4.0", "name": "CC-BY 4.0", "deed_url": BY.deed_url},
    ]
    assert (first["distance"], second["distance"]) == (0.25, None)
    assert second["title"] == "死神\n\t"
    assert "死神" in lines[1]


def test_no_hits_are_a_header_alone() -> None:
    assert written() == "\t".join(COLUMNS) + "\n"
    assert written(as_json=True) == ""


@pytest.mark.parametrize("columns", [120, 140, 400])
def test_on_a_terminal_columns_are_aligned_and_cut_to_it_but_never_a_url(
    columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    out = Terminal()
    long_title = replace(HIT, title="T" * 100)
    write_hits([HIT, long_title], out, as_json=False)
    header, first, second = out.getvalue().splitlines()
    assert "\t" not in out.getvalue()
    assert header.index("author") == first.index("Ada") == second.index("Ada")
    assert str(HIT.work_url) in first
    if columns == 400:
        assert "T" * 100 in second
    else:
        assert "T…" in second
        assert second.index("Ada") < 60


def test_where_a_line_is_broken_anyway_nothing_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    out = Terminal()
    write_hits([replace(HIT, title="T" * 100)], out, as_json=False)
    assert "T" * 100 in out.getvalue()


def test_an_address_is_whole_however_narrow_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    out = Terminal()
    long_url = "https://opengameart.org/content/" + "x" * 200
    write_hits([replace(HIT, work_url=long_url)], out, as_json=False)
    assert long_url in out.getvalue()
