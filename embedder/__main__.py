"""``python -m embedder``: catalog folders, embed what waits, keep the index up to date."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from artstore.command import loading, progress, run, talk

with loading("embedder"):
    import argparse
    import shutil
    from contextlib import closing
    from pathlib import Path

    from artstore.catalog import Catalog
    from artstore.errors import NotReady, UsageError
    from artstore.examine import examine
    from artstore.features import claim
    from artstore.folder import add_folder, list_folder
    from artstore.ledger import Ledger, embedders, find_embedder, known_embedder
    from artstore.library import Library
    from artstore.settings import Settings
    from artstore.vectors import index_kind
    from embedder.checking import check_index
    from embedder.drain import drain, known_ledger, open_ledger, waiting_pictures
    from embedder.grouping import update_groups
    from embedder.indexing import index_claimed, update_index
    from embedder.marking import mark_likenesses, waiting_likenesses
    from embedder.precision import PRECISIONS
    from embedder.registry import as_made, check
    from embedder.workers import open_embedding

EXAMPLES = """\
examples:
  python -m embedder                                  embed all that was crawled and not embedded yet
  python -m embedder --embedder colour --limit 500    500 pictures, without a network
  python -m embedder --add ~/art/my-pack              catalog and embed a folder that was never crawled
  python -m embedder --embedder keras:MobileNetV2 --weights mobilenet.weights.h5
  python -m embedder --status                         what is done, and what failed how often
  python -m embedder --failures                       each failure, with its reason
  python -m embedder --check-index                    whether the pictures in the index find themselves

It may be stopped at any time; the same command goes on where it was.
"""


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    words = argparse.ArgumentParser(
        prog="python -m embedder",
        description="Turn stored pictures into vectors, and index the vectors for search.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    words.add_argument(
        "--embedder",
        metavar="NAME",
        help="vgg16 (default), vgg16-classic, keras:<Application>, colour, palette-blind",
    )
    words.add_argument(
        "--weights", metavar="PATH", help="a weights file, or imagenet (default); random only for tests"
    )
    words.add_argument(
        "--precision",
        choices=PRECISIONS,
        help="the numbers that networks compute in (default: auto, the faster that the features here allow)",
    )
    words.add_argument(
        "--low-memory",
        action="store_true",
        default=None,
        help="embed in one process, a few pictures at a time, in less than 2 GB",
    )
    words.add_argument("--limit", type=number, metavar="N", help="embed at most N pictures now")
    words.add_argument("--rebuild-index", action="store_true", help="make the index anew from the features")
    words.add_argument(
        "--reexamine",
        action="store_true",
        help="first look for pictures in all files again, unpacking them anew",
    )
    words.add_argument("--index", metavar="URI", help="hnsw: (default), faiss: or exact:")
    words.add_argument(
        "--name", metavar="TITLE", help="with --add: what to call the work (default: like the folder)"
    )
    instead = words.add_mutually_exclusive_group()
    instead.add_argument(
        "--add", type=Path, metavar="FOLDER", help="first copy and catalog a folder of pictures and archives"
    )
    instead.add_argument(
        "--status", action="store_true", help="only print how much is done, and what failed how often"
    )
    instead.add_argument(
        "--failures", action="store_true", help="only print each failure: what, where, why, since when"
    )
    instead.add_argument(
        "--check-index",
        action="store_true",
        help="only ask the index for every n-th picture, which must find itself",
    )
    instead.add_argument("--forget", metavar="NAME", help="only remove an embedder's features and indexes")
    words.add_argument("--data-dir", type=Path, metavar="DIR", help="the data folder (default: data)")
    return words


def main(argv: Sequence[str]) -> int:
    """Do what *argv* asks and return the exit code."""
    parsing = parser()
    words = parsing.parse_args(argv)
    if words.name and not words.add:
        parsing.error("--name says what to call the folder of --add, which is missing")
    settings = Settings.load(
        data_dir=words.data_dir,
        embedder=words.embedder,
        weights=words.weights,
        index=words.index,
        precision=words.precision,
        low_memory=words.low_memory,
    )
    check(settings)
    index_kind(settings.index)
    if words.add:
        return _add_and_embed(words.add, settings, words)
    if not settings.catalog_path.exists():
        raise NotReady(
            f"nothing has been collected in {settings.data_dir} yet; run `scrapy crawl oga`, or give --add FOLDER"
        )
    with Catalog(settings.catalog_path) as catalog:
        if words.status:
            return _print_status(catalog)
        if words.failures:
            return _print_failures(catalog)
        if words.check_index:
            return _check_index(catalog, settings)
        if words.forget:
            return _forget(catalog, words.forget, settings)
        return _embed(catalog, settings, words)


def _add_and_embed(folder: Path, settings: Settings, words: argparse.Namespace) -> int:
    art, others = list_folder(folder, settings.data_dir)
    if not art:
        raise UsageError(f"there are neither pictures nor archives in {folder}; give --add another folder")
    with Catalog(settings.catalog_path) as catalog:
        pictures = failures = 0
        with progress(len(art), f"catalog {folder.name or folder}", "file") as bar:
            for added in add_folder(folder, art, catalog, settings, name=words.name):
                pictures += added.pictures
                failures += added.failures
                bar.update()
        talk(f"{len(art)} files: {pictures} pictures new or changed, {failures} failures{_hint(failures)}")
        if others:
            talk(f"{others} more are neither pictures nor archives by their names, and passed over")
        return _embed(catalog, settings, words)


def _embed(catalog: Catalog, settings: Settings, words: argparse.Namespace) -> int:
    _examine(catalog, settings, again=words.reexamine)
    ledger = known_ledger(catalog, settings)
    embedded = failed = 0
    if ledger is None and not Library(catalog).has_pictures():
        talk("embedder: there are no pictures to embed yet")
        return 0
    # A network takes seconds and gigabytes: it is loaded only if something waits for it.
    if ledger is None or waiting_pictures(ledger, words.limit):
        # Before that, see whether another process is at it: it would be loaded for nothing.
        claim(settings.features_dir(settings.embedder)).release()
        known = ledger.embedder.fingerprint if ledger else ""
        with closing(open_embedding(as_made(settings, known))) as embedding:
            ledger = open_ledger(catalog, embedding)
            waiting = waiting_pictures(ledger, words.limit)
            with progress(len(waiting), f"embed ({embedding.name})", "picture") as bar:
                for step in drain(ledger, embedding, waiting, settings):
                    embedded += step.embedded
                    failed += step.failed
                    bar.update(step.embedded + step.failed)
    _index(ledger, settings, rebuild=words.rebuild_index)
    failed += _group(ledger, settings, words.limit)
    talk(f"{embedded} pictures embedded by {settings.embedder}, {failed} failures{_hint(failed)}")
    return 0


def _examine(catalog: Catalog, settings: Settings, *, again: bool) -> None:
    if again:
        catalog.examine_all_again()
    paths = catalog.files_to_examine()
    pictures = failures = 0
    with progress(len(paths), "look for pictures", "file") as bar:
        for findings in examine(paths, catalog, settings):
            pictures += len(findings.images)
            failures += len(findings.failures)
            bar.update()
    if paths:
        talk(f"{len(paths)} files looked through: {pictures} pictures, {failures} failures{_hint(failures)}")


def _index(ledger: Ledger, settings: Settings, *, rebuild: bool) -> None:
    bar = None
    for done, total in update_index(ledger, settings, rebuild=rebuild):
        bar = bar or progress(total, f"index ({settings.index}{ledger.embedder.name})", "picture")
        bar.update(done - bar.n)
    if bar:
        bar.close()


def _group(ledger: Ledger, settings: Settings, limit: int | None) -> int:
    """Compare the pictures with each other, and return how many could not be."""
    waiting = waiting_likenesses(ledger, limit)
    failed = 0
    with progress(len(waiting), "compare", "picture") as bar:
        for marked in mark_likenesses(ledger, waiting, settings):
            failed += marked.failed
            bar.update(sum(marked))
    update_groups(ledger, settings)
    return failed


def _print_status(catalog: Catalog) -> int:
    sys.stdout.write("what\tcount\n")
    for line in Library(catalog).status():
        sys.stdout.write(f"{line.what}\t{line.count}\n")
    return 0


def _print_failures(catalog: Catalog) -> int:
    failures = Library(catalog).failures()
    if not failures:
        talk("embedder: nothing has failed")
        return 0
    for row in [list(failures[0]), *(row.values() for row in failures)]:
        # A reason in words may hold anything that a server or a decoder said.
        sys.stdout.write("\t".join(" ".join(str(value).split()) for value in row) + "\n")
    return 0


def _check_index(catalog: Catalog, settings: Settings) -> int:
    ledger = Ledger(catalog, find_embedder(catalog, settings.embedder))
    checked = check_index(ledger, settings)
    counts = {
        "asked": checked.asked,
        "found themselves": checked.found,
        "not in the index": checked.lacking,
        "in the index though gone": checked.left_over,
    }
    sys.stdout.write("what\tcount\n" + "".join(f"{what}\t{count}\n" for what, count in counts.items()))
    command = f"python -m embedder --embedder {settings.embedder} --index {settings.index}"
    if checked.lacking or checked.left_over:
        talk(f"embedder: the index is not up to date; run `{command}`")
    elif not checked.passed:
        talk(f"embedder: the index loses too many; run `{command} --rebuild-index`")
    return 0 if checked.passed else 1


def _forget(catalog: Catalog, name: str, settings: Settings) -> int:
    known = known_embedder(catalog, name)
    if known is None:
        there = ", ".join(row.name for row in embedders(catalog)) or "none"
        raise UsageError(f"there are no features of {name} to forget; there are those of: {there}")
    ledger = Ledger(catalog, known)
    features_dir, stem = settings.features_dir(name), settings.index_path(name)
    with index_claimed(settings, name):
        lock = claim(features_dir)
        try:
            ledger.forget()
            shutil.rmtree(features_dir, ignore_errors=True)
        finally:
            lock.release()
        for file in stem.parent.glob(f"{stem.name}.*"):
            if file.suffix != ".lock":
                file.unlink()
    talk(f"{name}: features and indexes removed; the pictures are kept")
    return 0


def _hint(failures: int) -> str:
    return " (see --failures)" if failures else ""


def number(text: str) -> int:
    """Return *text* as a count, for argparse, which names this function when it is none."""
    count = int(text)
    if count < 0:
        raise argparse.ArgumentTypeError(f"{text} is less than 0")
    return count


if __name__ == "__main__":
    sys.exit(run("embedder", main))
