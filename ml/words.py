"""What people wrote about a photo: title, description, creator, keywords, rating, label.

Where several blocks speak, XMP is believed before IPTC, and IPTC before Exif (Metadata Working Group, Guidelines for
Handling Image Metadata 2.0, section 3).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, Final

from ml.exif import Values

_TITLE, _COMMENT, _AUTHOR, _KEYWORDS = 0x9C9B, 0x9C9C, 0x9C9D, 0x9C9E
_DESCRIPTION, _ARTIST, _COPYRIGHT, _RATING = 0x010E, 0x013B, 0x8298, 0x4746
#: Microsoft writes stars as percents.
_PERCENTS: Final = {1: 1, 25: 2, 50: 3, 75: 4, 99: 5}

MAX_KEYWORDS: Final = 1_000


def words(xmp: Mapping[str, Any], iptc: Mapping[str, Any], image: Values) -> dict[str, Any]:
    """``title``, ``description``, ``creator``, ``copyright``, ``keywords``, ``rating`` and ``label``."""
    return {
        "title": _first(xmp.get("dc:title"), iptc.get("ObjectName"), image.get(_TITLE)),
        "description": _first(
            xmp.get("dc:description"), iptc.get("Caption-Abstract"), image.get(_DESCRIPTION), image.get(_COMMENT)
        ),
        "creator": _first(xmp.get("dc:creator"), iptc.get("By-line"), image.get(_ARTIST), image.get(_AUTHOR)),
        "copyright": _first(xmp.get("dc:rights"), iptc.get("CopyrightNotice"), image.get(_COPYRIGHT)),
        "keywords": keywords(xmp, iptc, image),
        "rating": rating(xmp, image),
        "label": _first(xmp.get("xmp:Label")),
    }


def _first(*values: object) -> str | None:
    """The first that is text with something in it; of a list, its texts."""
    for value in values:
        text = ", ".join(one.strip() for one in _texts(value) if one.strip())
        if text:
            return text
    return None


def _texts(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def keywords(xmp: Mapping[str, Any], iptc: Mapping[str, Any], image: Values) -> list[str]:
    """Keywords in their order, each once; the leaves of hierarchies (``Places|Oslo``) only if there is nothing else."""
    flat = _texts(xmp.get("dc:subject")) or _texts(iptc.get("Keywords")) or _split(image.get(_KEYWORDS))
    leaves = (path.split("|")[-1] for path in _texts(xmp.get("lr:hierarchicalSubject")))
    paths = (path.split("/")[-1] for path in _texts(xmp.get("digiKam:TagsList")))
    return _unique(flat) or _unique(leaves) or _unique(paths)


def _split(value: object) -> list[str]:
    return value.split(";") if isinstance(value, str) else []


def _unique(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(one.strip() for one in values if one.strip()))[:MAX_KEYWORDS]


def rating(xmp: Mapping[str, Any], image: Values) -> int | None:
    """-1 (rejected), 0 (stated to be unrated) or 1 to 5; None if nothing is stated or it is out of range."""
    for value in (_number(xmp.get("xmp:Rating")), _percent(xmp.get("MicrosoftPhoto:Rating")), image.get(_RATING)):
        if isinstance(value, int | float) and -1 <= value <= 5:
            # fractions are allowed; a part of a star counts as none
            return math.floor(value) if value >= 0 else -1
    return None


def _number(value: object) -> float | None:
    try:
        return float(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _percent(value: object) -> int | None:
    number = _number(value)
    return None if number is None else _PERCENTS.get(int(number)) if number == number and abs(number) < 1e3 else None
