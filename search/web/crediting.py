"""Whose a picture is, and what to write beside it, made into views."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import StringIO

from search.credit_formats import CREDIT_FORMATS, write_credits
from search.credits import Credits
from search.hits import Hit
from search.provenance import Evidence, Origin, Provenance
from search.web.cards import Cards, number
from search.web.questions import Question
from search.web.showing import Frame
from search.web.views import Art, CreditsView, Export, Verdict, WhoseView

NAMES = {"text": "Text", "markdown": "Markdown", "csv": "CSV", "json": "JSON"}

FILES = {
    "text": ("txt", "text/plain"),
    "markdown": ("md", "text/markdown"),
    "csv": ("csv", "text/csv"),
    "json": ("json", "application/json"),
}
"""Format of credits -> suffix and type of the file to download."""

BECAUSE = {
    Evidence.SAME: "It has the same pixels, but for borders, enlargement or the kind of file.",
    Evidence.RECOLOUR: "It is the same drawing in other colours.",
    Evidence.ALIKE: "It looks the same: scaled, compressed or slightly changed.",
}

SURE = ((99, "Certain"), (90, "Nearly certain"), (60, "Probable"), (0, "Possible"))
"""(percent, what to call that, and what is more)."""


def credit_text(credits_: Credits, kind: str) -> str:
    """Return *credits_* as *kind*, one of :data:`FILES`."""
    out = StringIO()
    write_credits(credits_, out, kind)
    return out.getvalue()


def credits_view(
    frame: Frame,
    hits: Sequence[Hit],
    marks: Mapping[int, str],
    credits_: Credits,
    missing: Sequence[int],
    *,
    basket: bool,
) -> CreditsView:
    """Return the page with the credits of *hits*; of those that were asked for, *missing* are not here."""
    ids = [hit.image_id for hit in hits]
    heading = number(len(hits), "picture") if hits else ""
    name = "Basket" if basket else "Credits"
    gone = f"{number(len(missing), 'picture is', 'pictures are')} not here any more: {', '.join(map(str, missing))}"
    return CreditsView(
        **frame.fields(name),
        basket=basket,
        heading=f"{name}: {heading}" if heading else name,
        cards=Cards(frame.links, Question()).of(hits, marks),
        text=credit_text(credits_, "text"),
        markdown=credit_text(credits_, "markdown"),
        warnings=credits_.warnings,
        exports=tuple(Export(NAMES[kind], frame.links.credits(ids, kind)) for kind in CREDIT_FORMATS),
        gone=gone if missing else "",
    )


def whose_view(
    frame: Frame,
    art: Art,
    token: str,
    found: Provenance,
    credits_: Mapping[int, Credits],
    marks: Mapping[int, str],
    pictures: int,
) -> WhoseView:
    """Return the answer to whose the picture *art*, uploaded as *token*, is; *credits_* are those of each origin."""
    cards = Cards(frame.links, Question())

    def verdict(origin: Origin) -> Verdict:
        hit = origin.hit
        percent = min(100, round(100 * origin.sureness))
        name = next(name for least, name in SURE if percent >= least)
        return Verdict(
            card=cards.card(hit, marks.get(hit.image_id, "")),
            credit=credit_text(credits_[hit.image_id], "text"),
            percent=percent,
            sure=f"{name}: {percent} %",
            because=BECAUSE[origin.evidence],
        )

    origins = [verdict(origin) for origin in found.origins]
    return WhoseView(
        **frame.fields("Whose is this?"),
        art=art,
        best=origins[0] if origins else None,
        others=tuple(origins[1:]),
        nearest=cards.card(found.nearest, marks.get(found.nearest.image_id, "")) if found.nearest else None,
        compared=number(pictures, "picture") if pictures else "all pictures",
        alike=frame.links.to("/search", f"like=@{token}"),
    )
