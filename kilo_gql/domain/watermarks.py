"""The mark that a gallery or an export puts onto its pictures: what it says or shows, and where."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final

import orjson

from kilo_gql.codec import stored
from kilo_gql.errors import BadRequest
from kilo_gql.text import one_line

TEXT_MAX: Final = 120
#: Words that stand for something else in a mark's text.
GUEST: Final = "{guest}"
_NAMES: Final = (GUEST, "{gallery}", "{project}", "{year}")


class MarkKind(StrEnum):
    """What the mark is."""

    TEXT = "text"
    IMAGE = "image"


class MarkPosition(StrEnum):
    """Where it stands; TILED repeats it over the whole picture."""

    TOP_LEFT = "top_left"
    TOP = "top"
    TOP_RIGHT = "top_right"
    LEFT = "left"
    CENTER = "center"
    RIGHT = "right"
    BOTTOM_LEFT = "bottom_left"
    BOTTOM = "bottom"
    BOTTOM_RIGHT = "bottom_right"
    TILED = "tiled"


@stored
@dataclass(frozen=True, slots=True)
class Watermark:
    """A mark. ``text`` may hold ``{guest}``, ``{gallery}``, ``{project}`` and ``{year}``.

    ``opacity`` 0.05 to 1. ``size``: the mark's width as a part of the picture's width, 0.02 to 1; ``margin`` likewise,
    0 to 0.25. ``angle``: degrees, counter-clockwise, -90 to 90.
    """

    kind: MarkKind = MarkKind.TEXT
    text: str = "{gallery}"
    position: MarkPosition = MarkPosition.CENTER
    opacity: float = 0.35
    size: float = 0.4
    margin: float = 0.03
    angle: float = 0.0

    def checked(self) -> Watermark:
        """The mark, if it is one. Raises BadRequest ``bad_watermark``, which names the field."""
        bounds = {"opacity": (0.05, 1), "size": (0.02, 1), "margin": (0, 0.25), "angle": (-90, 90)}
        for name, (least, most) in bounds.items():
            value = getattr(self, name)
            if not math.isfinite(value) or not least <= value <= most:
                raise _bad(name, f"{name} is {least} to {most}.")
        if self.kind is MarkKind.TEXT or self.text:
            self._check_text()
        return self

    def _check_text(self) -> None:
        try:
            one_line(self.text, field="text", limit=TEXT_MAX)
        except BadRequest:
            raise _bad("text", f"A mark has 1 to {TEXT_MAX} characters on one line.") from None

    @property
    def names_guest(self) -> bool:
        """Does it carry the guest's name, so that each guest gets files of their own?"""
        return self.kind is MarkKind.TEXT and GUEST in self.text

    def words(self, values: Mapping[str, str]) -> str:
        """The text with what its words stand for: ``{"guest": …, "gallery": …, "project": …, "year": …}``."""
        text = self.text
        for name in _NAMES:
            text = text.replace(name, values.get(name[1:-1], ""))
        return text.strip()


def watermark_of(settings: Mapping[str, Any]) -> Watermark:
    """The mark that is stored in a JSON column; the house's plain one where nothing is."""
    known = {name: settings[name] for name in Watermark.__dataclass_fields__ if name in settings}
    if "kind" in known:
        known["kind"] = MarkKind(known["kind"])
    if "position" in known:
        known["position"] = MarkPosition(known["position"])
    return Watermark(**known)


def as_settings(mark: Watermark) -> dict[str, Any]:
    """The mark for a JSON column."""
    return asdict(mark)


def version_of(mark: Watermark, image_key: str | None) -> str:
    """16 hexadecimal digits that change with the mark: part of every marked file's address."""
    return hashlib.sha256(orjson.dumps([asdict(mark), image_key])).hexdigest()[:16]


def _bad(field: str, message: str) -> BadRequest:
    return BadRequest(message, code="bad_watermark", details={"field": f"watermarkSettings.{field}"})
