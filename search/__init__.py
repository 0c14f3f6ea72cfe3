"""Questions about the art: what looks like this, what is called so, whose is it.

The Python way in::

    from search import Engine

    with Engine.open("data") as engine:
        for hit in engine.image("sprite.png", top=5):
            print(hit.title, hit.author, hit.work_url)
"""

from __future__ import annotations

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
