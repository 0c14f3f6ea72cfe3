"""What a licence asks of those who combine art under it with other art into one work.

Only what the stewards of the licences say is taken for allowed: Creative Commons
(https://creativecommons.org/share-your-work/licensing-considerations/compatible-licenses/,
and "or a later version" in section 4(b) of BY-SA 3.0), the FSF
(https://www.gnu.org/licenses/license-list.html: BY 4.0 with every GPL, BY-SA 4.0
with GPL 3, LGPL 2.1 and 3 as GPL), and OpenGameArt (OGA-BY is CC-BY without its
clause on technical protection). "GPL 2.0" is read without "or later", which the
site's pages do not show. This is no legal advice.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from artstore.models import Licence

_BY = frozenset({"cc-by-3.0", "cc-by-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0"})

_OUTLETS: dict[str, frozenset[str]] = {
    "cc-by-3.0": _BY,
    "cc-by-4.0": frozenset({"cc-by-4.0", "cc-by-sa-4.0", "lgpl-2.1", "lgpl-3.0", "gpl-2.0", "gpl-3.0"}),
    "oga-by-3.0": _BY | {"oga-by-3.0", "oga-by-4.0"},
    "oga-by-4.0": frozenset({"oga-by-4.0", "cc-by-4.0", "cc-by-sa-4.0"}),
    "cc-by-sa-3.0": frozenset({"cc-by-sa-3.0", "cc-by-sa-4.0"}),
    "cc-by-sa-4.0": frozenset({"cc-by-sa-4.0", "gpl-3.0"}),
    "gpl-2.0": frozenset({"gpl-2.0"}),
    "gpl-3.0": frozenset({"gpl-3.0"}),
    "lgpl-2.1": frozenset({"lgpl-2.1", "gpl-2.0", "gpl-3.0"}),
    "lgpl-3.0": frozenset({"lgpl-3.0", "gpl-3.0"}),
}
"""Under which licences a work may be published that holds art under another one; CC0 asks for nothing."""

_COPYLEFT = ("gpl-", "lgpl-", "cc-by-sa-", "cc-by-nc-sa")


def is_share_alike(licence: Licence) -> bool:
    """Say whether what is made of art under *licence* has to be under such a licence too."""
    return licence.key.startswith(_COPYLEFT)


def is_non_commercial(licence: Licence) -> bool:
    """Say whether nobody may earn money with art under *licence*."""
    return "nc" in licence.key.split("-")


def is_no_derivatives(licence: Licence) -> bool:
    """Say whether art under *licence* may not be changed."""
    return "nd" in licence.key.split("-")


def outlets(works: Sequence[Collection[Licence]]) -> frozenset[str] | None:
    """Return the keys under which one work made of all *works* may be published; None is any.

    Each of *works* is the licences that it leaves the choice between. Nothing is known
    of a work without a licence, so that nothing can be published that holds it.
    """
    common: frozenset[str] | None = None
    for licences in works:
        ways = _outlets_of(licences, alone=len(works) == 1)
        if ways is not None:
            common = ways if common is None else common & ways
    return common


def _outlets_of(licences: Collection[Licence], *, alone: bool) -> frozenset[str] | None:
    if any(licence.key == "cc0" for licence in licences):
        return None
    # What may not be changed may be passed on as it is, but not be made a part of something.
    usable = [licence for licence in licences if alone or not is_no_derivatives(licence)]
    return frozenset().union(*(_OUTLETS.get(licence.key, frozenset({licence.key})) for licence in usable))
