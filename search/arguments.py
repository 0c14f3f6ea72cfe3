"""The words of ``python -m search``: questions, options, help."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path

from artstore.filters import Filter
from search.credit_formats import CREDIT_FORMATS
from search.mixing import Box, box_of

EXAMPLES = """\
examples:
  python -m search image sprite.png                     what looks like this picture
  python -m search image sprite.png --licence cc0,cc-by only what may be used under one of these
  python -m search like 1234 --top 20                   what looks like picture 1234 of an earlier answer
  python -m search words fire sword --json              what is called so, as JSON lines
  python -m search words '"fire sword"' -goblin         these words side by side, and no goblins
  python -m search words tree --tag lpc --min-size 64   no smaller than 64x64
  python -m search mix a.png=2 1234 --unlike b.png      like a.png above all, like 1234, and not like b.png
  python -m search image sheet.png --box 32,0,32,32     one tile of a sheet
  python -m search whose sprite.png                     who made this, under which licence
  python -m search credits 1234 77 > CREDITS.txt        what to write beside these pictures in a game
  python -m search export > pictures.tsv                every picture: path, page, embedded, indexed
  python -m search serve --port 8000                    ask in a browser

Exit codes: 0 found, 1 nothing found, 2 wrong usage, 3 not ready (the message says what to run),
130 interrupted.
"""


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    words = argparse.ArgumentParser(
        prog="python -m search",
        description="Find game art by similarity or by words, with author and licence.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    questions = words.add_subparsers(dest="question", required=True, metavar="QUESTION")
    _add_looks(questions)
    text = questions.add_parser(
        "words",
        parents=[_folder(), _hits(), _filters()],
        help="pictures by title, tags, author and file names",
    )
    text.add_argument(
        "words",
        nargs="+",
        metavar="WORD",
        help="all of them have to be there, beginnings count; '\"fire sword\"': side by side; -goblin: not that",
    )
    _add_groups_and_origins(questions)
    _add_credits(questions)
    _add_export(questions)
    _add_serve(questions)
    return words


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Return what *argv* says; ends the process with 2 if it says nothing that there is."""
    return parser().parse_args(_with_minus_words(argv))


def _add_looks(questions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    shared = [_folder(), _hits(), _filters(), _looks()]
    image = questions.add_parser("image", parents=shared, help="pictures that look like a file")
    image.add_argument("path", type=Path, metavar="PATH", help="a picture")
    like = questions.add_parser("like", parents=shared, help="pictures that look like one that was found")
    like.add_argument("image_id", type=int, metavar="ID", help="its image_id")
    mix = questions.add_parser(
        "mix", parents=shared, help="pictures that look like several, and not like others"
    )
    mix.add_argument(
        "like",
        nargs="+",
        metavar="PICTURE[=WEIGHT]",
        help="a file or an image_id, and how much it counts (1)",
    )
    mix.add_argument(
        "--unlike",
        metavar="PICTURE[=WEIGHT]",
        action="append",
        default=[],
        help="not like this; may be repeated",
    )
    for question in (image, like):
        question.add_argument(
            "--box", type=region, metavar="X,Y,W,H", help="only this region of it, in pixels"
        )
    for question in (image, like, mix):
        question.add_argument(
            "--words",
            dest="words_too",
            metavar="TEXT",
            help="and what is called so, as the question `words` has it",
        )


def _add_groups_and_origins(questions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    group = questions.add_parser(
        "group",
        parents=[_folder(), _json()],
        help="the copies, recolours and frames that one answer stands for",
    )
    group.add_argument("image_id", type=int, metavar="ID", help="its image_id")
    whose = questions.add_parser(
        "whose",
        parents=[_folder(), _json(), _looks()],
        help="which works a picture comes from, and how sure that is",
    )
    whose.add_argument("path", type=Path, metavar="PATH", help="a picture")


def _add_credits(questions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    credit = questions.add_parser(
        "credits", parents=[_folder()], help="what to write beside pictures that are used"
    )
    credit.add_argument("image_ids", type=int, nargs="+", metavar="ID", help="image_ids of an answer")
    credit.add_argument(
        "--format", choices=list(CREDIT_FORMATS), default="text", help="how to write them (default: text)"
    )


def _add_export(questions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    export = questions.add_parser(
        "export",
        parents=[_folder(), _looks()],
        help="a list of all pictures; or all features, for other programs",
    )
    export.add_argument(
        "--features",
        type=Path,
        metavar="FILE",
        help="instead of the list: write the features to FILE.npz or FILE.parquet",
    )


def _add_serve(questions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    serve = questions.add_parser(
        "serve", parents=[_folder(), _looks()], help="a web page to search with, and an API"
    )
    serve.add_argument(
        "--host", default="127.0.0.1", metavar="ADDRESS", help="where to listen (default: 127.0.0.1)"
    )
    serve.add_argument("--port", type=port, default=8000, metavar="N", help="0: any (default: 8000)")
    serve.add_argument(
        "--workers", type=count, default=1, metavar="N", help="processes, each with its own index and network"
    )
    serve.add_argument(
        "--root-path",
        type=prefix,
        default="",
        metavar="PREFIX",
        help="where a reverse proxy serves it: /art for https://example.org/art/",
    )


def port(text: str) -> int:
    """Return *text*, a port; argparse names this function when it is none."""
    return _within(text, 0, 65_535)


def count(text: str) -> int:
    """Return *text*, a number of processes; argparse names this function when it is none."""
    return _within(text, 1, 64)


def _within(text: str, least: int, most: int) -> int:
    if not least <= int(text) <= most:
        raise ValueError(text)
    return int(text)


def prefix(text: str) -> str:
    """Return *text*, the path of a URL, without a slash at its end; argparse names this function when it is none."""
    path = text.strip("/")
    if not re.fullmatch(r"[A-Za-z0-9._~/-]*", path) or "//" in path or ".." in path:
        raise ValueError(text)
    return f"/{path}" if path else ""


def _folder() -> argparse.ArgumentParser:
    folder = argparse.ArgumentParser(add_help=False)
    folder.add_argument("--data-dir", type=Path, metavar="DIR", help="the data folder (default: data)")
    return folder


def _hits() -> argparse.ArgumentParser:
    hits = argparse.ArgumentParser(add_help=False, parents=[_json()])
    hits.add_argument("--top", type=int, default=10, metavar="N", help="how many pictures (default: 10)")
    hits.add_argument(
        "--expand", action="store_true", help="show copies, recolours and frames of a series one by one"
    )
    return hits


def _json() -> argparse.ArgumentParser:
    as_json = argparse.ArgumentParser(add_help=False)
    as_json.add_argument("--json", action="store_true", help="one JSON object a line, with every fact")
    return as_json


def _filters() -> argparse.ArgumentParser:
    filters = argparse.ArgumentParser(add_help=False)
    only = filters.add_argument_group("only pictures that are", "several with commas: any of them")
    only.add_argument("--licence", metavar="LIST", help="under one of these: cc0, cc-by, cc-by-sa-3.0, …")
    only.add_argument("--author", metavar="NAMES", help="by one of these")
    only.add_argument(
        "--tag", metavar="TAGS", action="append", default=[], help="tagged so; given again: and so as well"
    )
    only.add_argument("--art-type", metavar="TYPES", help="2d, 3d, concept, texture, …")
    only.add_argument("--work", metavar="WORK", help="of this work: its page, or its number on the site")
    only.add_argument("--collection", metavar="NAME", help="in this collection: its title or its page")
    only.add_argument("--kind", metavar="KINDS", help="still, animation, series (numbered frames)")
    only.add_argument("--series-of", type=int, metavar="ID", help="frames of the series of this picture")
    only.add_argument("--min-size", type=size, metavar="WxH", help="so many pixels or more; 32 is 32x32")
    only.add_argument("--max-size", type=size, metavar="WxH", help="so many pixels or fewer")
    return filters


def filter_of(words: argparse.Namespace) -> Filter:
    """Return the filter that *words* ask for. Raises :class:`~artstore.errors.UsageError`."""
    return Filter(
        licence=words.licence,
        author=words.author,
        tags=tuple(words.tag),
        art_type=words.art_type,
        work=words.work,
        collection=words.collection,
        words=getattr(words, "words_too", None),
        kind=words.kind,
        series_of=words.series_of,
        min_width_px=words.min_size and words.min_size[0],
        min_height_px=words.min_size and words.min_size[1],
        max_width_px=words.max_size and words.max_size[0],
        max_height_px=words.max_size and words.max_size[1],
    )


def region(text: str) -> Box:
    """Return *text*, ``x,y,w,h``, as four numbers; argparse names this function when it is anything else."""
    return box_of(text)


def size(text: str) -> tuple[int, int]:
    """Return *text*, ``32x48`` or ``32``, as (width, height); argparse names this function when it is neither."""
    width, _, height = text.lower().partition("x")
    return int(width), int(height or width)


def _looks() -> argparse.ArgumentParser:
    looks = argparse.ArgumentParser(add_help=False)
    looks.add_argument(
        "--embedder", metavar="NAME", help="whose vectors to ask (default: whichever are there)"
    )
    looks.add_argument("--weights", metavar="PATH", help="the weights that were given to the embedder")
    looks.add_argument("--index", metavar="URI", help="hnsw: (default), faiss: or exact:")
    return looks


def _with_minus_words(argv: Sequence[str]) -> list[str]:
    """Return *argv* with a space before each ``-word`` of a question by words: argparse would take it for an option."""
    if argv[:1] != ["words"]:
        return list(argv)
    return [f" {word}" if re.match(r"-[^-]", word) and word != "-h" else word for word in argv]
