"""What exported files are called: a template, filled for each photo.

``{name}`` is the file name without extension, ``{seq}`` the place in the export from 1 (``{seq:03}``: with zeros),
``{date}`` and ``{time}`` when the photo was taken by the clock at its place (``{date:%Y-%m-%d}``; without a date the
word ``undated``), ``{project}`` the title, ``{rating}`` 0 to 5, ``{label}`` and ``{camera}``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from kilo_gql.errors import BadRequest
from kilo_gql.text import one_line

TEMPLATE_MAX: Final = 120
UNDATED: Final = "undated"

_WORD: Final = re.compile(r"\{([a-z]*)(?::([^{}]*))?\}")
_ZEROS: Final = re.compile(r"0[1-9]")
#: What of ``strftime`` is the same on every machine and in every language.
_CLOCK: Final = re.compile(r"(?:%[YymdHMSj]|[ A-Za-z0-9._-]){1,40}")
_FORMS: Final = {"date": "%Y-%m-%d", "time": "%H%M%S"}
_PLAIN: Final = ("name", "project", "rating", "label", "camera")


@dataclass(frozen=True, slots=True)
class Named:
    """What a name may be made of. ``captured``: the wall clock at the place; ``seq`` from 1."""

    filename: str
    seq: int
    captured: datetime | None
    project: str
    rating: int
    label: str | None
    camera: str | None


def checked_template(template: str) -> str:
    """The template, if it is one. Raises BadRequest, which says what is wrong with it."""
    one_line(template, field="settings.naming", limit=TEMPLATE_MAX)
    for word, form in _WORD.findall(template):
        if not _is_known(word, form):
            raise _bad(f"`{{{word}{':' if form else ''}{form}}}` stands for nothing in a name.")
    if re.search(r"[{}/\\]", _WORD.sub("", template)):
        raise _bad("A name has no slashes, and braces only around words.")
    return template


def stem_by(template: str, about: Named) -> str:
    """The name of a photo's file, without extension; not yet safe for every system, nor unique."""
    filled = _WORD.sub(lambda found: _value(found[1], found[2], about), template)
    return filled.replace("/", "-").replace("\\", "-").strip() or "photo"


def captured_of(text: str | None) -> datetime | None:
    """The wall clock of a photo as its row has it (``2026-06-20T12:00:00…``)."""
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError:
        return None


def _is_known(word: str, form: str) -> bool:
    if word == "seq":
        return not form or _ZEROS.fullmatch(form) is not None
    if word in _FORMS:
        return not form or _CLOCK.fullmatch(form) is not None
    return word in _PLAIN and not form


def _value(word: str, form: str | None, about: Named) -> str:
    if word == "seq":
        return f"{about.seq:{form or ''}}"
    if word in _FORMS:
        return about.captured.strftime(form or _FORMS[word]) if about.captured is not None else UNDATED
    if word == "name":
        stem, dot, _ = about.filename.rpartition(".")
        return stem if stem and dot else about.filename
    value = getattr(about, word)
    return "" if value is None else str(value)


def _bad(message: str) -> BadRequest:
    return BadRequest(
        message,
        details={"field": "settings.naming"},
        remediation=["Use {name}, {seq}, {seq:03}, {date}, {time}, {project}, {rating}, {label} and {camera}."],
    )
