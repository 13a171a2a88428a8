"""Where things stand on a contact sheet, in points from the lower left corner of the page."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

MARGIN: Final = 36.0
_HEADER, _FOOTER = 58.0, 20.0
_GAP_ACROSS, _GAP_DOWN = 11.0, 10.0
#: Of the type in captions; and how wide and high a cell is, in letters of it.
_LEAST_TYPE, _MOST_TYPE, _ACROSS, _DOWN = 3.6, 7.6, 17.0, 15.0
#: Heights of a caption's lines, in letters: the name, the stars, two of reasons.
_NAME_LINE, _STARS_LINE, _REASON_LINES = 1.75, 1.35, 2.35
_DPI: Final = 250


class Paper(StrEnum):
    """ISO 216 A4 or ANSI letter."""

    A4 = "a4"
    LETTER = "letter"


class Orientation(StrEnum):
    """How the page lies."""

    PORTRAIT = "portrait"
    LANDSCAPE = "landscape"


_SIZES: Final = {Paper.A4: (595.276, 841.890), Paper.LETTER: (612.0, 792.0)}


@dataclass(frozen=True, slots=True)
class Rect:
    """A rectangle."""

    left: float
    bottom: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """Of its right edge."""
        return self.left + self.width

    @property
    def top(self) -> float:
        """Of its upper edge."""
        return self.bottom + self.height


@dataclass(frozen=True, slots=True)
class Grid:
    """Cells of equal size. ``type_size`` of captions, whose height is ``caption``."""

    page: Rect
    columns: int
    rows: int
    cell_width: float
    cell_height: float
    type_size: float
    caption: float

    @property
    def a_page(self) -> int:
        """Photos on a page."""
        return self.columns * self.rows

    def cell(self, place: int) -> Rect:
        """The cell of the photo at this place of its page: from the left, row by row."""
        row, column = divmod(place, self.columns)
        top = self.page.top - MARGIN - _HEADER
        return Rect(
            MARGIN + column * (self.cell_width + _GAP_ACROSS),
            top - (row + 1) * self.cell_height - row * _GAP_DOWN,
            self.cell_width,
            self.cell_height,
        )

    def picture(self, cell: Rect, width: int, height: int) -> Rect:
        """The photo of ``width`` × ``height``, as large as its cell allows, upon its caption, in the middle."""
        room = cell.height - self.caption
        scale = min(cell.width / width, room / height)
        wide, tall = width * scale, height * scale
        return Rect(cell.left + (cell.width - wide) / 2, cell.bottom + self.caption, wide, tall)

    @property
    def picture_px(self) -> int:
        """The long edge that a photo needs in print."""
        return round(max(self.cell_width, self.cell_height - self.caption) / 72 * _DPI)


def grid(paper: Paper, orientation: Orientation, columns: int, rows: int, *, reasons: bool) -> Grid:
    """The grid of a sheet whose captions have room for ``reasons`` or not."""
    width, height = _SIZES[paper] if orientation is Orientation.PORTRAIT else _SIZES[paper][::-1]
    across = (width - 2 * MARGIN - (columns - 1) * _GAP_ACROSS) / columns
    down = (height - 2 * MARGIN - _HEADER - _FOOTER - (rows - 1) * _GAP_DOWN) / rows
    size = min(_MOST_TYPE, max(_LEAST_TYPE, min(across / _ACROSS, down / _DOWN)))
    lines = _NAME_LINE + _STARS_LINE + (_REASON_LINES if reasons else 0)
    return Grid(Rect(0, 0, width, height), columns, rows, across, down, size, size * lines)
