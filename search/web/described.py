"""What OpenAPI says of a question and of an upload; :mod:`search.web.questions` and :mod:`search.web.reading` read them."""

from __future__ import annotations

from typing import Any

from search.web.questions import COUNT, MOST_COUNT, MOST_PICTURES, MOST_START, MOST_TAGS
from search.web.shapes import ErrorShape

Responses = dict[int | str, dict[str, Any]]

_PICTURE = "`ID` or `@TOKEN`, with `*WEIGHT` and `~x,y,w,h` if need be: `12*2~0,0,16,16`"

_ONCE = {
    "q": 'words: all have to be there; `"side by side"`, `-not`. With pictures, these rank and words filter.',
    "licence": "under any of these: `cc0,cc-by`",
    "author": "by one of these, whole names",
    "art_type": "`2d`, `3d`, `concept`, `texture`, …",
    "work": "the address of a work's page, the end of it, or its number",
    "collection": "the title of a collection, or its address",
    "kind": "`still`, `animation`, `series`",
    "series_of": "frames of the series of this picture",
    "min": "so many pixels or more: `32`, `32x48`",
    "max": "so many pixels or fewer",
    "expand": "`1`: show copies, recolours and frames one by one",
    "start": f"pass over so many hits, at most {MOST_START}",
    "count": f"hits on a page: {COUNT} unless it is said, at most {MOST_COUNT}",
    "facets": "`1`: also count what filters would leave",
}

_REPEATED = {
    "like": (MOST_PICTURES, f"like this picture: {_PICTURE}"),
    "unlike": (MOST_PICTURES, f"and not like this one: {_PICTURE}; counts half unless it is said"),
    "tag": (MOST_TAGS, "tagged so; each that is given"),
}

QUESTION: dict[str, Any] = {
    "parameters": [
        *(
            {"name": name, "in": "query", "description": text, "schema": {"type": "string"}}
            for name, text in _ONCE.items()
        ),
        *(
            {
                "name": name,
                "in": "query",
                "description": text,
                "schema": {"type": "array", "items": {"type": "string"}, "maxItems": most},
            }
            for name, (most, text) in _REPEATED.items()
        ),
    ]
}
"""The parameters of a search: texts, for they are those of an address that people write too."""

UPLOAD: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "picture": {"type": "string", "format": "binary", "description": "a picture"},
                        "url": {"type": "string", "description": "or where it is to be fetched from"},
                    },
                }
            },
            "application/x-www-form-urlencoded": {
                "schema": {"type": "object", "properties": {"url": {"type": "string"}}}
            },
            "image/*": {"schema": {"type": "string", "format": "binary"}},
        },
    }
}


def refused(**reasons: str) -> Responses:
    """Return the answers of an error, ``s404="There is no such picture."``, as routes describe them."""
    return {int(name[1:]): {"model": ErrorShape, "description": text} for name, text in reasons.items()}


ALWAYS = refused(
    s400="The question cannot be meant; the message says why.",
    s429="Asked too often; `Retry-After` says when to come back.",
    s503="Not ready yet, or too much to do; see `Retry-After`.",
)

MISSING = refused(s404="There is no such picture.")

GONE = refused(s410="An upload that is not kept any more.")

UPLOADS = refused(
    s408="The body took too long.",
    s413="Too many bytes.",
    s415="Neither a form nor a picture.",
    s422="No picture that can be read, or none that could be fetched.",
)

CREDITS: Responses = {
    200: {
        "content": {
            kind: {"schema": {"type": "string"}} for kind in ("text/plain", "text/markdown", "text/csv")
        }
    }
}
"""Beside JSON."""

PICTURES: Responses = {
    200: {
        "content": {
            kind: {"schema": {"type": "string", "format": "binary"}}
            for kind in ("image/webp", "image/png", "image/gif", "image/jpeg")
        },
        "description": "The picture.",
    },
    304: {"description": "What the client has is still the same."},
    **MISSING,
    **GONE,
    **refused(
        s400="No such address can be meant.",
        s422="It cannot be drawn.",
        s503="Not ready yet, or too much to do; see `Retry-After`.",
    ),
}
