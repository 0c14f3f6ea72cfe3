"""The engine: every question that can be asked, over one data folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from artstore.ascending import common, members
from artstore.catalog import Catalog
from artstore.catalogs import Catalogs
from artstore.errors import NotReady, UsageError
from artstore.facts import Facts, StoredPicture, facts_of, stored_pictures
from artstore.filters import Filter, IdSets
from artstore.ledger import PAGE
from artstore.library import ImageRecord, Library, Listed
from artstore.likenesses import Groups, Likenesses
from artstore.settings import Settings
from artstore.vectors.protocol import FEWEST, shortlist
from artstore.wordquery import match_expression
from embedder.likeness import likeness_of
from search.collapse import count_more, first_of_each
from search.credits import Credits, credits_of
from search.facets import EVERYTHING, Facet, FacetCounter, Order, in_order
from search.hits import Hit, Hits
from search.looks import FeatureRows, Looks, picture_asked
from search.mixing import Box, Part, mixed
from search.provenance import SURE_OF_RECOLOUR, Evidence, Match, Provenance, alike, origins_of
from search.sight import Sight

MOST_RANKED = 2_000
"""Pictures that are ranked by words for themselves where a filter leaves so few."""


class Engine:
    """Answers questions about one data folder; reads only. May be asked from many threads at once.

    Opening is quick: the index is loaded with the first question about looks,
    a network with the first question that brings a picture. What an embedder
    adds later is found without opening anew: a newer index is loaded beside the
    one that is held, which answers until then.
    """

    def __init__(self, settings: Settings, *, embedder: str | None = None) -> None:
        """Ask *embedder*'s vectors; None is the settings' if it is indexed, else the indexed embedder with most.

        Raises :class:`~artstore.errors.NotReady` if nothing was collected yet.
        """
        self._settings = settings
        self._catalogs = Catalogs(settings.catalog_path)
        self._id_sets = IdSets(settings.catalog_path)
        self._looks = Looks(settings, self._catalogs, embedder)
        self._facets = FacetCounter(settings.catalog_path)

    @classmethod
    def open(cls, data_dir: str | Path | None = None, *, embedder: str | None = None, **flags: Any) -> Self:
        """Return an engine over *data_dir* (default: the settings'); *flags* are settings by name."""
        return cls(Settings.load(data_dir=Path(data_dir) if data_dir else None, **flags), embedder=embedder)

    def close(self) -> None:
        """Close the catalog; no thread may be asking any more."""
        self._looks.close()
        self._catalogs.close()
        self._id_sets.close()
        self._facets.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    @property
    def embedder_name(self) -> str:
        """The embedder whose vectors are asked."""
        return self._looks.name

    def image(
        self,
        source: str | Path,
        *,
        top: int = 10,
        only: Filter | None = None,
        expand: bool = False,
        box: Box | None = None,
    ) -> Hits:
        """Return the *top* pictures that look most like the one at *source*, or its region *box*, nearest first.

        *only* says which may be answers. Of copies, recolours and frames of a series the
        nearest stands for all, unless *expand* is true. Raises :class:`~artstore.errors.UsageError` if
        *source* is no picture, and :class:`~artstore.errors.NotReady` if there is no index yet.
        """
        return self.mix([Part(Path(source), box=box)], top=top, only=only, expand=expand)

    def like(
        self,
        image_id: int,
        *,
        top: int = 10,
        only: Filter | None = None,
        expand: bool = False,
        box: Box | None = None,
    ) -> Hits:
        """Return the *top* pictures that look most like picture *image_id*, without itself; else as :meth:`image`.

        Raises :class:`~artstore.errors.UsageError` if there is no such picture, and
        :class:`~artstore.errors.NotReady` if it has not been embedded yet.
        """
        return self.mix([Part(image_id, box=box)], top=top, only=only, expand=expand)

    def mix(
        self, parts: Sequence[Part], *, top: int = 10, only: Filter | None = None, expand: bool = False
    ) -> Hits:
        """Return the *top* pictures nearest to the weighted sum of *parts*, without these; else as :meth:`image`.

        Distances are cosine distances to that sum. Raises :class:`~artstore.errors.UsageError` if
        no part has a weight above 0, or they cancel each other out.
        """
        _check_top(top)
        if not any(part.weight > 0 for part in parts):
            raise UsageError("say what the pictures have to be like, not only what they must not be like")
        asked = [part.picture for part in parts if isinstance(part.picture, int)]
        self._known(asked)
        # One for all of the question: a newer index may come, or another embedder, at any time.
        sight = self._looks.sight()
        question = mixed([self._vector(part, sight) for part in parts], [part.weight for part in parts])
        return self._nearest(question, sight, top, only, leave_out=asked, expand=expand)

    def words(self, text: str, *, top: int = 10, only: Filter | None = None, expand: bool = False) -> Hits:
        """Return the *top* pictures whose title, tags, author and names hold all words of *text*, best first.

        *only* and *expand* are those of :meth:`image`. Raises :class:`~artstore.errors.UsageError`
        if *text* only names what must not be there.
        """
        _check_top(top)
        if match_expression(text) is None:
            return Hits()
        ids = self._id_sets.let_through(Filter(words=text))
        allowed = self._allowed(only)
        fitting = ids if allowed is None else common(ids, allowed)
        # Few are ranked for themselves; else it is quicker to pass over those that do not fit.
        among = fitting if len(fitting) <= MOST_RANKED else None
        count = shortlist(top)
        while True:
            ranked = np.array(self._library.find_words(text, min(count, len(ids)), among), np.int64)
            fits = ranked[members(ranked, fitting)].tolist()
            hits = self._shown(fits, {}, top, only, more_among=None if expand else (fitting, ()))
            if len(hits) >= top or count >= len(ids):
                return Hits(hits, hidden=len(ids) - len(fitting))
            count *= 8

    def browse(
        self, *, top: int = 10, only: Filter | None = None, expand: bool = False, order: Order = Order.MIXED
    ) -> Hits:
        """Return the first *top* pictures in *order* that *only* lets through; *expand* is that of :meth:`image`."""
        _check_top(top)
        answers = self._id_sets.let_through(only or EVERYTHING)
        if len(answers) == 0:
            return Hits()
        count = shortlist(top)
        while True:
            first = in_order(answers, order, count)
            hits = self._shown(first, {}, top, only, more_among=None if expand else (answers, ()))
            if len(hits) >= top or count >= len(answers):
                return Hits(hits)
            count *= 8

    def facets(
        self, only: Filter | None = None, *, words: str = "", indexed: bool = False
    ) -> tuple[Facet, ...]:
        """Return how many pictures there are of each licence, author, tag, kind of art, kind and size.

        Of those that *only* lets through, that have all *words*, and, if *indexed*, that looks can find; for each
        but tags, what *only* says of the same is left out: those are what could be asked for instead. Counts are
        those of :meth:`count_anew`. Raises as :meth:`words` and :meth:`like` do.
        """
        among = self._looks.sight().ids if indexed else None
        if match_expression(words) is not None:
            found = self._id_sets.let_through(Filter(words=words))
            among = found if among is None else common(among, found)
        return self._facets.count(only or Filter(), among, self._id_sets)

    def count_anew(self) -> int:
        """Let :meth:`facets` see what the catalog has become, and return how many pictures there are.

        Before the first of them it is done by itself.
        """
        return self._facets.refresh()

    def facts(self, image_id: int) -> Facts:
        """Return what picture *image_id* has beside it, and what the page of its work says.

        Raises :class:`~artstore.errors.UsageError` if there is no such picture.
        """
        (record,) = self._known([image_id])
        return facts_of(self._catalog, image_id, record.work_url)

    def hits(self, image_ids: Sequence[int]) -> Hits:
        """Return pictures *image_ids*, in that order. Raises :class:`~artstore.errors.UsageError` unless all exist."""
        return Hits(map(Hit.of, self._known(image_ids)))

    def stored(self, image_ids: Sequence[int]) -> dict[int, StoredPicture]:
        """Return where the bytes of pictures lie, by image id; those that do not exist are left out."""
        return stored_pictures(self._catalog, [one for one in image_ids if one.bit_length() < 64])

    def group(self, image_id: int, *, only: Filter | None = None) -> Hits:
        """Return picture *image_id*, and after it the copies, recolours and frames that are one with it.

        Of these only those that *only* lets through. Raises :class:`~artstore.errors.UsageError` if there is no such picture.
        """
        self._known([image_id])
        group_id = self._groups.of([image_id]).get(image_id)
        members = [] if group_id is None else self._groups.members([group_id])[group_id]
        allowed = self._allowed(only)
        fitting = members if allowed is None else np.array(members)[np.isin(members, allowed)].tolist()
        others = [member for member in fitting if member != image_id]
        return Hits(map(Hit.of, self._records([image_id, *others], only)))

    def whose(self, source: str | Path) -> Provenance:
        """Return the works that the picture at *source* probably comes from, and how sure that is.

        Raises :class:`~artstore.errors.UsageError` if it is no picture, and :class:`~artstore.errors.NotReady`
        if the pictures have not been compared with each other yet.
        """
        likenesses = Likenesses(self._catalog)
        if not likenesses.any():
            raise NotReady(f"the pictures here have not been compared yet; run {self._looks.command()}")
        with picture_asked(source) as path:
            question = likeness_of(path, self._settings.max_picture_px)
        matches = [Match(found, Evidence.SAME, 1.0) for found in likenesses.same(question)]
        nearest = Hits()
        if not matches:
            nearest = self.image(source, top=FEWEST, expand=True)
            matches = [
                *(
                    Match(found, Evidence.RECOLOUR, SURE_OF_RECOLOUR)
                    for found in likenesses.recolours(question)
                ),
                *alike(question, likenesses.of([hit.image_id for hit in nearest])),
            ]
        distances = {hit.image_id: hit.distance for hit in nearest if hit.distance is not None}
        origins = origins_of(matches, self._works_of([match.image_id for match in matches]), distances)
        return Provenance(origins, None if origins or not nearest else nearest[0])

    def credits(self, image_ids: Sequence[int]) -> Credits:
        """Return what to write beside pictures *image_ids* where they are used, each work once, by title.

        Raises :class:`~artstore.errors.UsageError` naming those that there are not.
        """
        return credits_of(self._known(image_ids))

    def pictures(self) -> Iterator[Listed]:
        """Yield every picture by its id, with its page and whether it is embedded and indexed."""
        return self._library.listing(self._looks.name, self._looks.index_name)

    def features(self) -> FeatureRows:
        """Return all features: ids, and vectors of unit length some at a time.

        Raises :class:`~artstore.errors.NotReady` if nothing has been embedded.
        """
        return self._looks.all_features()

    @property
    def _catalog(self) -> Catalog:
        return self._catalogs.mine()

    @property
    def _library(self) -> Library:
        return Library(self._catalog)

    @property
    def _groups(self) -> Groups:
        return Groups(self._catalog)

    def _vector(self, part: Part, sight: Sight) -> NDArray[np.float32]:
        """Return the unit vector of *part*, shape (1, d)."""
        if isinstance(part.picture, Path):
            return self._looks.vector_from(sight, part.picture, part.box)
        if part.box is None:
            return sight.vector_of(part.picture)
        (record,) = self._records([part.picture])
        return self._looks.vector_from(sight, self._settings.data_dir / record.path, part.box)

    def _nearest(
        self,
        question: NDArray[np.float32],
        sight: Sight,
        top: int,
        only: Filter | None,
        *,
        leave_out: Sequence[int],
        expand: bool,
    ) -> Hits:
        """Return the hits for *question*, shape (1, d)."""
        answers = sight.within(self._allowed(only))
        asked = np.array(leave_out, np.int64)
        could = len(sight.ids) - int(members(asked, sight.ids).sum())
        can = len(answers) - int(members(asked, answers).sum())
        if can == 0:
            return Hits(hidden=could)
        count = sight.index.shortlist(top)
        while True:
            wanted = min(count, can) + len(leave_out)
            ids, distances, are_all = sight.candidates(question, wanted, answers if only else None)
            by_id = dict(zip(ids.tolist(), distances.tolist(), strict=True))
            ranked = [image_id for image_id in by_id if image_id not in leave_out]
            more_among = None if expand else (answers, leave_out)
            hits = self._shown(ranked, by_id, top, only, more_among=more_among)
            # One group may fill all candidates: then more are wanted.
            if len(hits) >= top or are_all or count >= can:
                return Hits(hits, hidden=could - can)
            count *= 4

    def _shown(
        self,
        ranked: Sequence[int],
        distances: Mapping[int, float],
        top: int,
        only: Filter | None,
        *,
        more_among: tuple[NDArray[np.int64], Sequence[int]] | None,
    ) -> list[Hit]:
        """Return the first *top* of *ranked*, or, with *more_among*, the first of each group, and for how many more it stands.

        *more_among* is all that could be shown, ascending, and what of it is none.
        """
        shown, more = list(ranked[:top]), {}
        if more_among is not None:
            shown = list(islice(first_of_each(ranked, self._groups), min(top, len(ranked))))
            more = count_more(shown, *more_among, self._groups)
        return [
            Hit.of(record, distances.get(record.image_id), more.get(record.image_id, 0))
            for record in self._records(shown, only)
        ]

    def _allowed(self, only: Filter | None) -> NDArray[np.int64] | None:
        """Return the ids that *only* lets through, ascending; None is all."""
        if only and only.series_of is not None:
            self._known([only.series_of])
        return self._id_sets.ids(only) if only else None

    def _known(self, image_ids: Sequence[int]) -> list[ImageRecord]:
        """Return the records of *image_ids*. Raises :class:`~artstore.errors.UsageError` unless all exist."""
        # SQLite cannot even be asked for a number of more than 64 bits.
        possible = [image_id for image_id in image_ids if image_id.bit_length() < 64]
        records = self._records(possible)
        if missing := sorted(set(image_ids) - {record.image_id for record in records}):
            raise UsageError(f"there is no picture {', '.join(map(str, missing))}")
        return records

    def _records(self, ids: Sequence[int], only: Filter | None = None) -> list[ImageRecord]:
        pages = (ids[start : start + PAGE] for start in range(0, len(ids), PAGE))
        return [record for page in pages for record in self._library.describe(page, only)]

    def _works_of(self, ids: Sequence[int]) -> list[ImageRecord]:
        """Return a record for each of *ids* and each work that lists its file."""
        pages = (ids[start : start + PAGE] for start in range(0, len(ids), PAGE))
        return [record for page in pages for record in self._library.describe_all(page)]


def _check_top(top: int) -> None:
    if top < 1:
        raise UsageError(f"top is {top}, but at least one picture has to be asked for")
