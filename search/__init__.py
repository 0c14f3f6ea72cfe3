"""Questions about the art: what looks like this, what is called so, whose is it.

The Python way in::

    from search import Engine

    with Engine.open("data") as engine:
        for hit in engine.image("sprite.png", top=5):
            print(hit.title, hit.author, hit.work_url)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from artstore.filters import Filter
    from artstore.library import Listed
    from search.credits import Credit, Credits
    from search.engine import Engine
    from search.facets import Facet, FacetValue, Order
    from search.hits import Hit, Hits
    from search.looks import FeatureRows
    from search.mixing import Part
    from search.provenance import Evidence, Origin, Provenance

__all__ = [
    "Credit",
    "Credits",
    "Engine",
    "Evidence",
    "Facet",
    "FacetValue",
    "FeatureRows",
    "Filter",
    "Hit",
    "Hits",
    "Listed",
    "Order",
    "Origin",
    "Part",
    "Provenance",
]

_HOMES = {
    "Credit": "search.credits",
    "Credits": "search.credits",
    "Engine": "search.engine",
    "Evidence": "search.provenance",
    "Facet": "search.facets",
    "FacetValue": "search.facets",
    "FeatureRows": "search.looks",
    "Filter": "artstore.filters",
    "Hit": "search.hits",
    "Hits": "search.hits",
    "Listed": "artstore.library",
    "Order": "search.facets",
    "Origin": "search.provenance",
    "Part": "search.mixing",
    "Provenance": "search.provenance",
}


def __getattr__(name: str) -> object:
    # Loaded when it is asked for: `python -m search` comes by here before it can tell of a Ctrl-C.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
