"""The licences of OpenGameArt, and how people write them.

Names are the site's own, deeds where it links to, SPDX identifiers from
https://spdx.org/licenses/ where one exists.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from artstore.errors import UsageError
from artstore.models import Licence


@dataclass(frozen=True, slots=True)
class KnownLicence:
    """One of the licences that OpenGameArt lets artists choose."""

    key: str
    name: str
    spdx: str | None
    deed_url: str


KNOWN = (
    KnownLicence("cc0", "CC0", "CC0-1.0", "http://creativecommons.org/publicdomain/zero/1.0/"),
    KnownLicence("cc-by-3.0", "CC-BY 3.0", "CC-BY-3.0", "http://creativecommons.org/licenses/by/3.0/"),
    KnownLicence("cc-by-4.0", "CC-BY 4.0", "CC-BY-4.0", "https://creativecommons.org/licenses/by/4.0/"),
    KnownLicence(
        "cc-by-sa-3.0", "CC-BY-SA 3.0", "CC-BY-SA-3.0", "http://creativecommons.org/licenses/by-sa/3.0/"
    ),
    KnownLicence(
        "cc-by-sa-4.0", "CC-BY-SA 4.0", "CC-BY-SA-4.0", "https://creativecommons.org/licenses/by-sa/4.0/"
    ),
    KnownLicence("oga-by-3.0", "OGA-BY 3.0", None, "http://opengameart.org/content/oga-by-30-faq"),
    KnownLicence("oga-by-4.0", "OGA-BY 4.0", None, "https://opengameart.org/content/oga-by-40-faq"),
    KnownLicence(
        "gpl-2.0", "GPL 2.0", "GPL-2.0-only", "http://www.gnu.org/licenses/old-licenses/gpl-2.0.html"
    ),
    KnownLicence("gpl-3.0", "GPL 3.0", "GPL-3.0-only", "http://www.gnu.org/licenses/gpl-3.0.html"),
    KnownLicence(
        "lgpl-2.1", "LGPL 2.1", "LGPL-2.1-only", "http://www.gnu.org/licenses/old-licenses/lgpl-2.1.html"
    ),
    KnownLicence("lgpl-3.0", "LGPL 3.0", "LGPL-3.0-only", "http://www.gnu.org/licenses/lgpl-3.0.html"),
)


def licence_from_name(name: str, deed_url: str | None = None) -> Licence:
    """Return the licence that a page calls *name*, keeping the deed it links to.

    A name not in :data:`KNOWN` is kept under a key made from it: art under a
    licence that we have not heard of still has to be credited rightly.
    """
    key = _key(name)
    known = next((licence for licence in KNOWN if licence.key == key), None)
    if known is None:
        return Licence(key, name, deed_url)
    return Licence(known.key, known.name, deed_url or known.deed_url)


def find_licences(text: str) -> list[str]:
    """Return the keys that *text* means: ``"cc0, cc-by-4"``, or a family such as ``"cc-by"``.

    Raises :class:`~artstore.errors.UsageError` naming the licences there are.
    """
    keys: list[str] = []
    for word in filter(None, (part.strip() for part in text.split(","))):
        # A family is its name without the version: cc-by, but never cc-by-sa.
        pattern = re.compile(re.escape(_key(word)) + r"(-?\d+(\.\d+)?|\.\d+)?")
        found = [licence.key for licence in KNOWN if pattern.fullmatch(licence.key)]
        if not found:
            known = ", ".join(licence.key for licence in KNOWN)
            raise UsageError(f"no licence is called {word!r}; there are {known}, and families such as cc-by")
        keys.extend(found)
    return list(dict.fromkeys(keys))


def _key(name: str) -> str:
    return re.sub(r"[\s_-]+", "-", name.strip().lower())
